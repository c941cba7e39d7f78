"""The composition root: where declarations, a store, identity and the surfaces become one application.

It is the only place that names a concrete store.
"""

import inspect
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from headwater.base.call import Call
from headwater.base.config import Config
from headwater.base.errors import DeclarationError
from headwater.base.observe import Observers
from headwater.base.settings import Mode
from headwater.db.base import Store
from headwater.db.postgres import PostgresStore
from headwater.db.sqlite import SQLiteStore
from headwater.db.timed import TimedStore
from headwater.declare import Interface, Resource, Role, build
from headwater.declare.fields import caller
from headwater.engine import migrate
from headwater.engine.caller import Caller
from headwater.engine.engine import Engine
from headwater.engine.schema import Schema
from headwater.engine.tx import Tx
from headwater.engine.vault import KEY
from headwater.http.application import Application
from headwater.http.exchange import Exchange
from headwater.http.middleware.standard import standard
from headwater.http.mount import Lifespan, Mount, surround
from headwater.http.routes import Route, Routes
from headwater.identity import RESOURCES, Identity, Settings
from headwater.identity import routes as identity_routes
from headwater.ir.model import Model
from headwater.surfaces import describe, errors, graphql, health, rest

if TYPE_CHECKING:  # it brings an HTTP client, which servers do not need
    from headwater.operate.load import Scenario

Seed = Callable[..., Iterator[list[Resource]]]


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """An account that `headwater seed` creates in demo mode, with the password `demo-LOGIN-headwater`."""

    login: str
    role: str
    id: str
    name: str

    @property
    def password(self) -> str:
        return f"demo-{self.login}-headwater"


class App:
    """One product, or several together: declarations, and what belongs to them.

    `license` (an identifier of SPDX) and `contact` (`name`, `url`, `email`) are what its OpenAPI document tells of it.
    `reports` are those that belong to no resource. `profile` is the resource whose rows describe people; each account
    has the row with its id. `seed` is called with a scale from 1, and with `tasks_per_project` where that is asked
    for; it yields batches of new rows with fixed ids, and raises ValueError for what it cannot make.
    `scenario` is what a virtual user of `headwater bench` does, again and again. `migrations` is the folder of revision
    files. `interfaces` are types of GraphQL's that several resources share. `graphql_manifest` is a file of GraphQL
    documents that are trusted, as `headwater graphql persist` makes it.
    `mode` holds where the configuration does not say. `mounts` are ASGI applications by their path, FastAPI's
    and Starlette's routers among them. `middleware` are functions from an ASGI application to one around it, outermost
    first.
    """

    def __init__(
        self,
        *,
        title: str,
        resources: Collection[type[Resource]],
        reports: Iterable[Callable[..., Any]] = (),
        roles: Collection[Role] = (),
        interfaces: Collection[Interface] = (),
        description: str = "",
        license: str | None = None,
        contact: Mapping[str, str] | None = None,
        profile: type[Resource] | None = None,
        seed: Seed | None = None,
        accounts: Sequence[DemoAccount] = (),
        scenario: "Scenario | None" = None,
        migrations: Path | None = None,
        graphql_manifest: Path | None = None,
        mode: Mode = "development",
        mounts: Mapping[str, Any] | None = None,
        middleware: Sequence[Any] = (),
    ) -> None:
        place = caller()

        def expect(fits: bool, message: str, mend: str) -> None:
            if not fits:
                raise DeclarationError(message, where=f"{place.shown}: App", mend=mend)

        expect(
            _all(resources, lambda one: isinstance(one, type) and issubclass(one, Resource)),
            "`resources` is not a list of resources.",
            "name the classes, as in `resources=[Task]`.",
        )
        expect(
            _all(roles, lambda one: isinstance(one, Role)),
            "`roles` is not a list of roles.",
            'write `roles=[Role("staff")]`.',
        )
        expect(
            _all(interfaces, lambda one: isinstance(one, Interface)),
            "`interfaces` is not a list of interfaces.",
            'write `interfaces=[Interface("Media", [Image, Video])]`.',
        )
        expect(
            migrations is None or isinstance(migrations, Path),
            "`migrations` is not a Path.",
            'write `migrations=Path(__file__).parent / "migrations"`.',
        )
        expect(
            graphql_manifest is None or isinstance(graphql_manifest, Path),
            "`graphql_manifest` is not a Path.",
            'write `graphql_manifest=Path(__file__).parent / "operations.json"`.',
        )
        expect(
            mode in get_args(Mode), f"there is no mode {mode!r}.", f"use one of {', '.join(get_args(Mode))}."
        )
        expect(
            profile is None or (isinstance(profile, type) and profile in tuple(resources)),
            "`profile` is not one of the resources.",
            "name the class that describes people, and list it in `resources`.",
        )
        expect(
            seed is None or callable(seed),
            "`seed` is not a function.",
            "name the function, without calling it.",
        )
        expect(
            scenario is None or inspect.iscoroutinefunction(scenario),
            "`scenario` is not an `async def` function.",
            "write `async def scenario(user: VirtualUser) -> None`, and name it without calling it.",
        )
        self.title, self.description = title, description
        self.license, self.contact = license, contact
        self.resources, self.reports = tuple(resources), tuple(reports)
        self.roles, self.interfaces = tuple(roles), tuple(interfaces)
        self.profile, self.seed, self.accounts = profile, seed, tuple(accounts)
        self.scenario = scenario
        self.migrations, self.mode = migrations, mode
        self.graphql_manifest = graphql_manifest
        self.mounts, self.middleware = dict(mounts or {}), tuple(middleware)
        self._schemas: dict[str, Schema] = {}

    def batches(self, scale: int, tasks_per_project: int | None = None) -> Iterator[list[Resource]]:
        """The rows of the demo data. Raises DeclarationError, at once where there is no such size, or else where the
        data cannot be of this size."""
        sizes = {} if tasks_per_project is None else {"tasks_per_project": tasks_per_project}
        if sizes and (
            self.seed is None or "tasks_per_project" not in inspect.signature(self.seed).parameters
        ):
            raise DeclarationError(
                f"the demo data of {self.title} has no --tasks-per-project.",
                mend="leave it out; use --scale alone.",
            )
        return iter(()) if self.seed is None else _told(self.seed(scale, **sizes))

    @cached_property
    def model(self) -> Model:
        """The frozen Model. Raises DeclarationErrors, with every mistake in the declarations."""
        return build([*RESOURCES, *self.resources], self.roles, self.reports, self.interfaces)

    def schema(self, config: Config) -> Schema:
        """The tables, for the database that the configuration names; made once for each kind of database."""
        dialect = open_store(config, Observers()).dialect
        kind = dialect.features.name
        if kind not in self._schemas:
            self._schemas[kind] = Schema(self.model, dialect)
        return self._schemas[kind]

    def route_table(self) -> Sequence[Route]:
        """Every route that this application would serve. Raises DeclarationErrors where two take one path."""
        return tuple(Routes(Running(self, self.config()).routes()))

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document that this application would serve."""
        return describe.document(self.model, self.route_table(), **self.about)

    @property
    def about(self) -> dict[str, Any]:
        """What the OpenAPI document says of the application as a whole."""
        return {
            "title": self.title,
            "description": self.description,
            "license": self.license,
            "contact": self.contact,
        }

    def asgi(self, config: Config | None = None) -> Application:
        """The ASGI application."""
        return Running(self, config or self.config()).application()

    def config(self, **overrides: Any) -> Config:
        """The configuration, in this application's mode where it names none. Raises ConfigError."""
        return Config.load(overrides=overrides).in_mode(self.mode)

    @asynccontextmanager
    async def running(self, config: Config | None = None) -> AsyncIterator["Running"]:
        """The application without a server, for commands and tests."""
        running = Running(self, config or self.config())
        await running.open()
        try:
            yield running
        finally:
            await running.close()


def _all(given: object, fits: Callable[[Any], bool]) -> bool:
    """Whether something is a collection whose members fit."""
    return isinstance(given, Collection) and not isinstance(given, str) and all(map(fits, given))


class Running:
    """An application with its store and engine."""

    def __init__(self, app: App, config: Config) -> None:
        self.app, self.config = app, config
        self.observers = Observers()
        store = open_store(config, self.observers)
        self.store: Store = TimedStore(store) if config.tells_timing else store
        self.engine = Engine(app.model, self.store, schema=app.schema(config))
        self.revisions = migrate.Revisions(app.migrations)
        self.mounts = [Mount(path, mounted, self._caller) for path, mounted in app.mounts.items()]
        self._lifespans = AsyncExitStack()
        self.identity = Identity(
            self.engine,
            Settings(
                access_lifetime=timedelta(seconds=config.access_token_lifetime),
                refresh_lifetime=timedelta(seconds=config.refresh_token_lifetime),
            ),
        )

    async def open(self) -> None:
        """Connect, and take up the secret that all processes share. Raises Unavailable, DeclarationError."""
        await self.store.open()
        self.engine.secret = await migrate.secret(self.store)
        self.engine.vault.use(encryption_keys(self.app.model, self.config))

    async def close(self) -> None:
        await self.store.close()

    def routes(self) -> list[Route]:
        """The one route table."""
        app = self.app
        table = [
            *rest.routes(app.model, self.engine, title=app.title, description=app.description),
            *graphql.routes(app.model, self.engine, self._graphql_options()),
            *identity_routes(self.identity),
            *health.routes(self.engine, self.revisions),
            *errors.routes(),
        ]
        described = describe.routes(app.model, table, **app.about)
        return [*table, *described, *(mount.route() for mount in self.mounts)]

    def _graphql_options(self) -> graphql.Options:
        config = self.config
        manifests = [
            path for path in (self.app.graphql_manifest, config.graphql_manifest) if path is not None
        ]
        return graphql.Options(
            config.graphql_documents, manifests, config.graphql_introspection, config.graphql_max_cost
        )

    def application(self) -> Application:
        """The ASGI application. Raises DeclarationErrors where two routes take one path."""
        routes = Routes(self.routes())
        layers = list(standard(self.config, self.observers, self.identity))
        if self.app.middleware:
            layers.append(surround(self.app.middleware, routes, self.observers, self.identity, self._caller))
        return Application(
            routes,
            layers,
            config=self.config,
            observers=self.observers,
            start=self._start,
            stop=self._stop,
        )

    def _caller(self, exchange: Exchange) -> Caller:
        return Caller(self.engine, exchange.call)

    async def _start(self) -> None:
        await self.open()
        await self._refuse_demo_accounts()
        await self.identity.start()
        async with AsyncExitStack() as starting:
            for mount in self.mounts:
                await starting.enter_async_context(Lifespan(mount))
            self._lifespans = starting.pop_all()

    async def _stop(self) -> None:
        try:
            await self._lifespans.aclose()
        finally:
            await self.close()

    async def _refuse_demo_accounts(self) -> None:
        """A production server does not start while anybody can sign in with a password that the README tells."""
        if self.config.mode == "production" and (found := await self.identity.demo_accounts()):
            raise DeclarationError(
                f"the demo accounts {', '.join(found)} exist in this database.",
                mend="use another database for production.",
            )

    async def create_account(self, login: str, password: str, role: str) -> str:
        """Create an account, with its profile; its id is returned."""
        return await self.identity.create_account(login, password, [role], profile=self.app.profile)

    async def seed(self, scale: int, tasks_per_project: int | None) -> int:
        """Add the rows of the app's demo data that are not there yet, and say how many were added.

        Raises DeclarationError, as `App.batches` does.
        """
        added = 0
        call = Call.system("req_seed")
        batches = self.app.batches(scale, tasks_per_project)
        if self.config.mode == "demo":
            for account in self.app.accounts:
                if await self.identity.account(account.login) is None:
                    await self.identity.create_account(
                        account.login,
                        account.password,
                        [account.role],
                        id=account.id,
                        name=account.name,
                        profile=self.app.profile,
                        demo=True,
                    )
                    added += 1
        for batch in batches:

            async def add(tx: Tx, batch: list[Resource] = batch) -> int:
                return await add_missing(tx, batch)

            added += await self.engine.transact(call, add)
        return added


def _told(batches: Iterator[list[Resource]]) -> Iterator[list[Resource]]:
    """The batches. Raises DeclarationError for the ValueError of a seed."""
    try:
        yield from batches
    except ValueError as error:
        raise DeclarationError(f"the demo data cannot be made so. {error}") from error


async def add_missing(tx: Tx, batch: Sequence[Resource]) -> int:
    """Create those rows of a batch whose ids are not taken."""
    by_class: dict[type[Resource], list[Resource]] = {}
    for row in batch:
        by_class.setdefault(type(row), []).append(row)
    known: set[tuple[type[Resource], str]] = set()
    for cls, rows in by_class.items():
        there = await tx.select(cls, cls.id.in_([tx.key(row) for row in rows]), limit=len(rows))
        known.update((cls, row.id) for row in there)
    missing = [row for row in batch if (type(row), tx.key(row)) not in known]
    for row in missing:
        await tx.create(row)
    return len(missing)


def encryption_keys(model: Model, config: Config) -> Sequence[bytes]:
    """The keys for the secret fields of a model; one is made in the data folder where the configuration has none.

    Raises DeclarationError in production, where such a key would be lost with the folder, or kept beside the data.
    """
    secret = [f"{r.name}.{f.name}" for r in model.resources.values() for f in r.fields.values() if f.secret]
    if config.encryption_keys or not secret:
        return config.encryption_keys
    if config.mode == "production":
        raise DeclarationError(
            f"there is no key to encrypt {', '.join(secret)} with.",
            mend="set HEADWATER_ENCRYPTION_KEYS, for example to what `openssl rand -base64 32` prints.",
        )
    path = config.data / "encryption.key"
    if not path.exists():
        _make_key(path)
    return [path.read_bytes()]


def _make_key(path: Path) -> None:
    """Write a key, whole at once. Of several processes one does so; they may have the same id, in containers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, made = tempfile.mkstemp(dir=path.parent, prefix="encryption.")
    try:
        with open(descriptor, "wb") as file:
            file.write(os.urandom(KEY))
            file.flush()
            os.fsync(descriptor)
        with suppress(FileExistsError):
            os.link(made, path)
    finally:
        os.unlink(made)


def open_store(config: Config, observers: Observers) -> Store:
    """The store that the configuration names."""
    if config.database_url.startswith("sqlite:"):
        return SQLiteStore(config.database_url, observers)
    return PostgresStore(config.database_url, observers, size=config.database_pool_size)

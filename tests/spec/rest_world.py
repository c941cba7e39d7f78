"""A declared studio behind REST and GraphQL, without a socket: what the tests of these speak to."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from headwater import (
    Computed,
    Field,
    Many,
    OptRef,
    Ref,
    Resource,
    Role,
    Tx,
    action,
    allow,
    check,
    computed,
    desc,
    key,
    many,
    money,
    optref,
    ref,
    state,
)
from headwater import field as column
from headwater.app import open_store
from headwater.base.call import ANONYMOUS, Actor, Call, system_clock
from headwater.base.config import Config
from headwater.base.observe import Observers
from headwater.declare import build
from headwater.engine.engine import Engine
from headwater.engine.migrate import create_all
from headwater.http.application import Application
from headwater.http.exchange import Exchange, Handler, Response
from headwater.http.middleware.context import context
from headwater.http.middleware.errors import errors
from headwater.http.routes import Route
from headwater.ir.model import Model
from headwater.surfaces import graphql, rest
from headwater.surfaces.describe import document
from tests.described import Described


class Status(StrEnum):
    OPEN = "open"
    DONE = "done"
    SHUT = "shut"


class Worker(Resource):
    """Somebody who works here."""

    name: Field[str] = column(max_length=100)
    jobs: Many[Job] = many(lambda: Job.worker, init=False)


class Note(Resource):
    """What anybody may leave, and nobody but editors read."""

    text: Field[str] = column(max_length=100)


class Film(Resource):
    """A film in the works."""

    code: Field[str] = key(pattern=r"[A-Z]{3}")
    name: Field[str] = column(max_length=20)
    limit: Field[int | None] = column(default=None)
    budget: Field[Decimal | None] = money(currency="EUR", default=None)
    open_to_all: Field[bool] = column(default=False)
    jobs: Many[Job] = many(lambda: Job.film, init=False)


class Job(Resource):
    """A piece of work on a film."""

    film: Ref[Film] = ref(on_delete="cascade")
    worker: OptRef[Worker] = optref(default=None, on_delete="set_null")
    title: Field[str] = column(max_length=50, search=True)
    status: Field[Status] = state(default=Status.OPEN, moves={Status.OPEN: [Status.DONE, Status.SHUT]})
    priority: Field[int] = column(default=5, ge=0, le=9)
    hours: Field[Decimal] = column(default=Decimal("0.00"), places=2)
    start: Field[dt.date | None] = column(default=None)
    deadline: Field[dt.date | None] = column(default=None)
    seen_at: Field[dt.datetime | None] = column(default=None)
    effort: Field[dt.timedelta | None] = column(default=None)
    tags: Field[list[str]] = column(default_factory=list)
    extra: Field[dict[str, Any] | None] = column(default=None)
    is_open: Computed[bool] = computed(lambda: Job.status == Status.OPEN, init=False)

    @action(to="editor")
    async def finish(self, tx: Tx, *, note: str = "") -> None:
        """Be done with it."""
        self.status = Status.DONE
        self.extra = {"note": note} if note else self.extra

    @action(to="editor")
    async def scrap(self, tx: Tx) -> None:
        """Take it away."""
        await tx.delete(self)

    @action(to="editor")
    async def bill(self, tx: Tx, *, hours: Decimal, titles: list[str]) -> list[Job]:
        """Note the hours, and add jobs by these titles."""
        self.hours = hours
        return [await tx.create(Job(film=self.film, title=title)) for title in titles]

    @action(to="editor")
    async def confuse(self, tx: Tx) -> None:
        """An author's mistake."""
        self.priority = "many"  # type: ignore[assignment]

    @action(to="editor")
    async def wrap_up(self, tx: Tx) -> dict[str, object]:
        """Another mistake: a row inside of something else."""
        self.title = "Wrapped"
        return {"job": self}

    @action(to="user")
    @classmethod
    async def by_title(cls, tx: Tx) -> list[Job]:
        """All, the last title first."""
        return await tx.select(Job, sort=[desc(Job.title)])

    @action(to="editor")
    @classmethod
    async def count_open(cls, tx: Tx, *, at_most: int = 100) -> dict[str, int]:
        """How many are open."""
        return {"open": min(len(await tx.select(Job, Job.status == Status.OPEN)), at_most)}


check(Job, lambda: Job.deadline >= Job.start, message="A job does not end before it starts.")

for resource in (Film, Job, Note, Worker):
    allow(resource, "read", "create", "update", "delete", to="editor")
allow(Film, "read", when=lambda actor: Film.open_to_all == True, to="guest")  # noqa: E712
allow(Job, "read", when=lambda actor: Job.film.open_to_all == True, to="guest")  # noqa: E712
allow(Job, "create", to="user")
allow(Note, "create", to="user")

MODEL = build([Film, Job, Note, Worker], [Role("writer", inherits="user")])

EDITOR = Actor("worker_editor", roles=frozenset({"guest", "user", "editor"}))
WRITER = Actor("worker_writer", roles=frozenset({"guest", "user", "writer"}))


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def data(self) -> Any:
        return self.json["data"]

    @property
    def error(self) -> Any:
        return self.json["error"]

    @property
    def problems(self) -> list[tuple[str | None, str]]:
        """Where and what each problem is."""
        return [(d.get("field") or d.get("parameter"), d["code"]) for d in self.error["details"]]


_described: list[tuple[Model, Described]] = []


def described(model: Model, routes: list[Route]) -> Described:
    """What the document says of these routes; made once for each model."""
    found = next((kept for known, kept in _described if known is model), None)
    if found is None:
        exposed = [resource.name for resource in model.resources.values() if resource.exposed]
        made = document(model, routes, title="Studio")
        found = Described(made, exposed)
        _described.append((model, found))
    return found


@dataclass
class World:
    """The application on one database, and whoever calls it. Each answer must be what the document says, unless
    there is none. `now` stands still. `options` are those of GraphQL."""

    engine: Engine
    actor: Actor = EDITOR
    observers: Observers = field(default_factory=Observers)
    documented: bool = True
    now: dt.datetime | None = None
    options: graphql.Options = graphql.Options()

    def __post_init__(self) -> None:
        def acting(handler: Handler) -> Handler:
            async def act(exchange: Exchange) -> Response:
                exchange.call = Call(
                    actor=self.actor, request_id=exchange.request_id, now=self.now or system_clock()
                )
                return await handler(exchange)

            return act

        routes = rest.routes(self.engine.model, self.engine, title="Studio", description="Films.")
        self.routes = [*routes, *graphql.routes(self.engine.model, self.engine, self.options)]
        self.described = described(self.engine.model, self.routes) if self.documented else None
        self.app = Application(self.routes, [context(None), errors(self.observers), acting])

    def acting_as(self, actor: Actor) -> World:
        return World(self.engine, actor)

    def as_nobody(self) -> World:
        return self.acting_as(ANONYMOUS)

    def as_writer(self) -> World:
        return self.acting_as(WRITER)

    async def ask(
        self, method: str, target: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Reply:
        """One request. `body` is sent as JSON, bytes as they are."""
        path, _, query = target.partition("?")
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"content-type": "application/json"} if content else {}
        sent |= headers or {}
        scope = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode(),
            "query_string": query.encode(), "http_version": "1.1", "scheme": "http", "client": None,
            "headers": [(n.lower().encode(), v.encode()) for n, v in sent.items() if v],
        }  # fmt: skip
        messages: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            messages.append(message)

        await self.app(scope, receive, send)
        start, end = messages
        told = {name.decode(): value.decode() for name, value in start["headers"]}
        if self.described is not None:
            self.described.check(method, path, start["status"], told, end["body"])
        return Reply(start["status"], told, end["body"])

    async def get(self, target: str, **headers: str) -> Reply:
        return await self.ask("GET", target, headers={n.replace("_", "-"): v for n, v in headers.items()})

    async def post(self, target: str, body: Any = None, **headers: str) -> Reply:
        return await self.ask("POST", target, body, {n.replace("_", "-"): v for n, v in headers.items()})


@asynccontextmanager
async def open_world(url: str, model: Model = MODEL) -> AsyncIterator[World]:
    """The application on an empty database."""
    store = open_store(Config(database_url=url), Observers())
    engine = Engine(model, store, secret=b"s" * 32)
    # Before the store opens: two SQLite libraries with one file open in one process undo each other's locks.
    await create_all(engine.schema, store.url)
    await store.open()
    try:
        yield World(engine)
    finally:
        await store.close()

"""Schema changes: Alembic revisions, made from the declarations, that serve both databases with one file.

A revision is written in the neutral types of `headwater.db.types`. Alembic needs no `alembic.ini` and no `env.py`:
it is driven from here. Everything runs in a worker thread, one migration at a time, since Alembic keeps its context
in globals. Between processes, SQLite's write lock or an advisory lock of PostgreSQL sees to that.
"""

import asyncio
import contextlib
import re
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import sqlalchemy as sa
from alembic.autogenerate import produce_migrations
from alembic.config import Config
from alembic.operations import ops
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from alembic.util.exc import CommandError

from headwater.db.base import TROUBLES, Connection, Store, StoreError, Unavailable, open_files
from headwater.db.search import create_search, mend, searches
from headwater.engine.changes import describe, differences, restore_order
from headwater.engine.revision import render, split
from headwater.engine.schema import SEARCH, Schema

T = TypeVar("T")

LOCK: Final = 0x6865616477617465
"""The advisory lock's key: "headwate" in ASCII."""
LOCK_SECONDS: Final = 600.0
POLL_SECONDS: Final = 0.2
BUSY_SECONDS: Final = 60
SECRET_BYTES: Final = 32
COMPARED: Final = "compared"

_SETTINGS: Final = sa.table("hw_settings", sa.column("name"), sa.column("value"))

_one_at_a_time = threading.Lock()


class MigrationError(StoreError):
    """The schema cannot be changed, or is not what it must be; the message says why and what to do."""


async def upgrade(schema: Schema, url: str, folder: str | Path) -> list[str]:
    """Run the revisions in `folder/versions` that the database lacks; returns their names in order.

    On SQLite all of them succeed or none does; on PostgreSQL each one does. Raises: MigrationError.
    """

    def work(connection: sa.Connection) -> list[str]:
        done = _run(connection, _scripts(folder))
        if done:
            _forget(connection)
        if connection.dialect.name == "sqlite":
            mend(connection)
            restore_order(connection, schema.metadata)
            _check_references(connection)
        return done

    return await _on(url, work)


async def downgrade(url: str, folder: str | Path, revision: str) -> list[str]:
    """Undo the revisions after `revision` (`base`: all of them); returns their names, newest first.

    Raises: MigrationError.
    """

    def work(connection: sa.Connection) -> list[str]:
        done = _run(connection, _scripts(folder), revision)
        _forget(connection)
        mend(connection)
        return done

    return await _on(url, work)


async def make(schema: Schema, url: str, folder: str | Path, message: str) -> Path | None:
    """Write a revision that takes the database to what is declared; None where nothing differs.

    Indexes on tables that exist get a second revision of their own: PostgreSQL builds them outside a transaction,
    and so a failure must leave nothing half done beside them. The last file's path is returned.

    Raises: MigrationError where the database lacks revisions that are already written.
    """

    def work(connection: sa.Connection) -> Path | None:
        scripts = _scripts(folder)
        if pending := _pending(connection, scripts):
            raise MigrationError(
                f"The database lacks {len(pending)} revision(s), first {_name(pending[0])}: migrate it first."
            )
        context = _context(connection)
        steps = split(_compare(context, schema))
        down, path = scripts.get_current_head(), None
        for operations, suffix in steps:
            number = len(list(scripts.walk_revisions())) + 1
            revision = f"{number:04d}"
            slug = re.sub(r"[^a-z0-9]+", "_", f"{message} {suffix}".lower()).strip("_")[:50]
            path = Path(folder) / "versions" / f"{revision}_{slug or 'change'}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(
                render(operations, f"{message} {suffix}".strip(), revision, down, schema, context)
            )
            scripts, down = _scripts(folder), revision
        return path

    return await _on(url, work)


async def check(schema: Schema, url: str, folder: str | Path, *, again: bool = True) -> list[str]:
    """One sentence for each revision that the database lacks, or else for each difference from the declarations.

    To compare hundreds of tables takes seconds. Where it need not be done `again`, a database is not compared that was
    found to be as these declarations say, and has not been migrated since: what somebody changed by hand is not seen.
    """

    def work(connection: sa.Connection) -> list[str]:
        pending = _pending(connection, _scripts(folder))
        if pending:
            return [f"Revision {_name(script)} is not applied." for script in pending]
        if not again and _compared(connection) == schema.fingerprint:
            return []
        found = [line for op in _compare(_context(connection), schema).ops for line in describe(op)]
        if not found:
            _remember(connection, schema)
        return found

    return await _on(url, work)


def _compared(connection: sa.Connection) -> str | None:
    """The fingerprint of the declarations that the database was last found to be as."""
    if not sa.inspect(connection).has_table(_SETTINGS.name):
        return None
    found: str | None = connection.scalar(sa.select(_SETTINGS.c.value).where(_SETTINGS.c.name == COMPARED))
    return found


def _remember(connection: sa.Connection, schema: Schema) -> None:
    _forget(connection)
    connection.execute(_SETTINGS.insert().values(name=COMPARED, value=schema.fingerprint))


def _forget(connection: sa.Connection) -> None:
    if _compared(connection) is not None:
        connection.execute(_SETTINGS.delete().where(_SETTINGS.c.name == COMPARED))


async def pending(url: str, folder: str | Path) -> list[str]:
    """The names of the revisions that the database lacks, oldest first."""
    return await _on(
        url, lambda connection: [_name(script) for script in _pending(connection, _scripts(folder))]
    )


async def create_all(schema: Schema, url: str, folder: Path | None = None) -> None:
    """Create every table directly, without revisions: for tests and databases that are thrown away. The database
    counts as having all revisions in `folder`."""

    def work(connection: sa.Connection) -> None:
        schema.metadata.create_all(connection)
        there = searches(connection)
        for table, columns in schema.metadata.info[SEARCH].items():
            if table not in there:
                create_search(connection, table, columns)
        if folder is not None:
            _context(connection).stamp(_scripts(folder), "head")

    await _on(url, work)


class Revisions:
    """The revisions that this process was made for, as they were when it started."""

    def __init__(self, folder: Path | None) -> None:
        scripts = _scripts(folder).walk_revisions() if folder and (folder / "versions").is_dir() else ()
        self._names = {script.revision: _name(script) for script in reversed(list(scripts))}

    async def missing(self, store: Store) -> str | None:
        """The first revision that the database lacks. A database that is ahead lacks none: it was migrated for the
        next release, which what runs must bear."""
        if not self._names:
            return None
        try:
            rows = await store.read("SELECT version_num FROM alembic_version")
        except TROUBLES:
            raise
        except StoreError:
            rows = []  # it was never migrated
        order = list(self._names)
        if not rows:
            return self._names[order[0]]
        if rows[0][0] not in self._names or rows[0][0] == order[-1]:
            return None
        return self._names[order[order.index(rows[0][0]) + 1]]


async def secret(store: Store) -> bytes:
    """The key that signs cursors: made by the first process that asks, the same for all of them."""
    await ensure_settings(store)
    first, _ = _marks(store)
    rows = await store.read(f"SELECT value FROM hw_settings WHERE name = {first}", ("cursor_secret",))  # noqa: S608
    return bytes.fromhex(rows[0][0])


async def ensure_settings(store: Store) -> None:
    """Give a migrated database the settings that every process shares; what it has stays."""
    first, second = _marks(store)
    try:
        known = await store.read(f"SELECT 1 FROM hw_settings WHERE name = {first}", ("cursor_secret",))  # noqa: S608
    except TROUBLES:
        raise
    except StoreError as error:
        raise MigrationError(
            f"The database was never migrated ({error}): run `headwater migrate` first."
        ) from error
    if known:
        return
    sql = f"INSERT INTO hw_settings (name, value) VALUES ({first}, {second}) ON CONFLICT (name) DO NOTHING"  # noqa: S608
    value = secrets.token_hex(SECRET_BYTES)

    async def work(connection: Connection) -> None:
        await connection.fetch(sql, ("cursor_secret", value))

    await store.write(work)


def _marks(store: Store) -> tuple[str, str]:
    return ("$1", "$2") if store.dialect.features.name == "postgresql" else ("?1", "?2")


async def _on(url: str, work: Callable[[sa.Connection], T]) -> T:
    """Run `work` on a connection that nobody else migrates with."""

    def alone() -> T:
        with _one_at_a_time:
            try:
                if sa.make_url(url).get_backend_name() == "sqlite":
                    return _on_sqlite(url, work)
                return asyncio.run(_on_postgresql(url, work))
            except CommandError as error:  # such as a revision that does not exist
                raise MigrationError(f"{error}.") from error

    return await asyncio.to_thread(alone)


def _on_sqlite(url: str, work: Callable[[sa.Connection], T]) -> T:
    address = sa.make_url(url).set(drivername="sqlite+pysqlite")
    if address.database and address.database != ":memory:":
        if open_files[Path(address.database).resolve()]:
            raise MigrationError(
                f"{address.database} is open in this process. Close its store first, or migrate in another process."
            )
        Path(address.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(address, connect_args={"timeout": BUSY_SECONDS}, poolclass=sa.NullPool)

    # The driver would begin transactions by itself, too late and not for schema changes.
    @sa.event.listens_for(engine, "connect")
    def _connect(connection: Any, _: Any) -> None:
        connection.isolation_level = None

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    try:
        with engine.begin() as connection:
            return work(connection)
    finally:
        engine.dispose()


async def _on_postgresql(url: str, work: Callable[[sa.Connection], T]) -> T:
    # It brings the whole of SQLAlchemy's ORM, which nothing else needs and every command would wait for.
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(sa.make_url(url).set(drivername="postgresql+asyncpg"), poolclass=sa.NullPool)
    try:
        try:
            connection = await engine.connect()
        except (OSError, sa.exc.DBAPIError) as error:
            raise Unavailable(f"The database cannot be reached: {getattr(error, 'orig', error)}") from error
        try:
            return await connection.run_sync(lambda plain: _locked(plain, work))
        finally:
            await connection.close()
    finally:
        await engine.dispose()


def _locked(connection: sa.Connection, work: Callable[[sa.Connection], T]) -> T:
    """Hold the lock for the session, since each revision commits. Waiting is by asking again, not inside a statement:
    that statement's snapshot would hold up the very index that the other process builds concurrently."""
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        taken = connection.scalar(sa.text("SELECT pg_try_advisory_lock(:key)"), {"key": LOCK})
        connection.commit()
        if taken:
            break
        if time.monotonic() > deadline:
            raise MigrationError("Another process has been migrating this database for ten minutes.")
        time.sleep(POLL_SECONDS)
    result = work(connection)
    connection.commit()
    return result


def _scripts(folder: str | Path) -> ScriptDirectory:
    """The revision files; a folder without any is made, and means none."""
    folder = Path(folder)
    (folder / "versions").mkdir(parents=True, exist_ok=True)
    scripts = ScriptDirectory(str(folder))
    heads = scripts.get_heads()
    if len(heads) > 1:
        raise MigrationError(
            f"Revisions {' and '.join(heads)} both come last: set `down_revision` of one to the other."
        )
    return scripts


def _options(connection: sa.Connection) -> dict[str, Any]:
    sqlite = connection.dialect.name == "sqlite"
    return {
        "render_as_batch": True,
        "transactional_ddl": True,
        "transaction_per_migration": not sqlite,
    }


def _context(connection: sa.Connection) -> MigrationContext:
    return MigrationContext.configure(connection, opts=_options(connection))


def _compare(context: MigrationContext, schema: Schema) -> ops.UpgradeOps:
    return differences(context, schema.metadata, produce_migrations)


def _pending(connection: sa.Connection, scripts: ScriptDirectory) -> list[Script]:
    """The revisions that the database lacks, oldest first."""
    current = _context(connection).get_current_revision()
    found = []
    for script in scripts.walk_revisions():
        if script.revision == current:
            break
        found.append(script)
    else:
        if current is not None:
            raise MigrationError(f"The database is at revision {current}, which is not among these files.")
    return found[::-1]


def _run(connection: sa.Connection, scripts: ScriptDirectory, target: str | None = None) -> list[str]:
    """Go up to the head, or down to `target`."""
    done: list[str] = []

    def steps(revision: Any, _: MigrationContext) -> Any:
        if target is not None:
            return scripts._downgrade_revs(target, revision)
        return scripts._upgrade_revs("head", revision)

    def applied(*, step: Any, **_: Any) -> None:
        done.append(_name(step.up_revision))

    if not scripts.get_heads():
        return done
    _pending(connection, scripts)
    if connection.dialect.name != "sqlite":
        connection.commit()
    with EnvironmentContext(Config(), scripts, fn=steps) as environment:
        environment.configure(
            connection=connection, on_version_apply=cast(Any, applied), **_options(connection)
        )
        if connection.dialect.name == "sqlite":
            # All revisions run in one transaction, under the write lock; it has no concurrent builds to leave it for.
            environment.get_context().autocommit_block = contextlib.nullcontext  # type: ignore[method-assign, assignment]
        with environment.begin_transaction():
            environment.run_migrations()
    return done


def _check_references(connection: sa.Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if broken:
        tables = sorted({f"{row[0]} to {row[2]}" for row in broken})
        raise MigrationError(f"These references would point nowhere: {', '.join(tables)}.")


def _name(script: Script) -> str:
    return Path(script.path).stem

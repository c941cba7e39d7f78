"""The production store: PostgreSQL through asyncpg, with a pool of our own.

A general pool asks the server to forget a connection's state each time that it is given back, which costs as much as
a small read. Nothing here leaves state behind, so a connection is taken from a stack and put back as it is.
"""

import asyncio
import random
import time
import types
from collections.abc import Awaitable, Generator, Sequence
from typing import Any, Final

from headwater.base.observe import Observers, StatementRun, WriteStage
from headwater.db.base import Contended, Dialect, Interrupted, Row, StoreError, T, Unavailable, Work
from headwater.db.postgres_dialect import PostgresDialect
from headwater.db.postgres_errors import DRIVER_ERRORS, is_lost, translate
from headwater.db.postgres_pool import Pool, Session

__all__ = ["PostgresDialect", "PostgresStore"]

TRIES: Final = 5
COMMIT_SECONDS: Final = 30.0
"""How long a commit may take before its outcome is called unknown."""
BEGIN_SECONDS: Final = 5.0
ROLLBACK_SECONDS: Final = 5.0


class PostgresStore:
    """A database, `postgresql://user:password@host:port/name`. `size`: connections at most. One event loop uses it."""

    dialect: Dialect

    def __init__(self, url: str, observers: Observers, size: int = 10) -> None:
        self.url, self.observers = url, observers
        self.dialect = PostgresDialect()
        self._pool = Pool(url, size)
        self._recovering: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        self._pool.closed = False
        self._pool.give(await self._pool.take(None))

    async def close(self) -> None:
        if self._recovering:
            await asyncio.wait(self._recovering)
        await self._pool.close()

    async def read(
        self, sql: str, parameters: Sequence[Any] = (), *, deadline: float | None = None
    ) -> list[Row]:
        if StatementRun in self.observers.wanted:
            self.observers.emit(StatementRun(sql, "read"))
        pool = self._pool
        session = pool.free.pop() if pool.free else await pool.take(deadline)
        try:
            return await session.fetch(sql, parameters, deadline)
        except DRIVER_ERRORS as error:
            if not is_lost(error, session.connection):
                raise translate(error) from error
            session.drop()
        finally:
            pool.give(session)
        # The server has been restarted since the connection was last used: once more, on one that was not yet there.
        session = await pool.take(deadline, fresh=True)
        try:
            return await session.fetch(sql, parameters, deadline)
        except DRIVER_ERRORS as error:
            raise translate(error) from error
        finally:
            pool.give(session)

    async def write(self, work: Work[T], *, deadline: float | None = None) -> T:
        tries = 0
        while True:
            try:
                return await self._write(work, deadline)
            except Contended:
                tries += 1
                pause = random.uniform(0.002, 0.02) * 2**tries  # noqa: S311
                if tries == TRIES or (deadline is not None and time.monotonic() + pause >= deadline):
                    raise
            await asyncio.sleep(pause)

    async def write_at_once(
        self, sql: str, parameters: Sequence[Any] = (), *, deadline: float | None = None
    ) -> list[Row]:
        session = await self._pool.take(deadline)
        if StatementRun in self.observers.wanted:
            self.observers.emit(StatementRun(sql, "write"))
        try:
            if deadline is not None and deadline <= time.monotonic():
                raise Interrupted("the deadline had passed")
            rows = await session.fetch(sql, parameters, deadline)
        except DRIVER_ERRORS as error:
            if isinstance(error, TimeoutError) or is_lost(error, session.connection):
                session.drop()
                raise Unavailable(f"the connection broke during a write: {error}", unknown=True) from error
            raise translate(error) from error
        finally:
            self._pool.give(session)
        if WriteStage in self.observers.wanted:
            self.observers.emit(WriteStage("committed"))
        return rows

    async def ping(self) -> None:
        try:
            await self.read("SELECT 1")
        except Unavailable:
            raise
        except StoreError as error:
            raise Unavailable(str(error)) from error

    async def _write(self, work: Work[T], deadline: float | None) -> T:
        session = await self._begin(deadline)
        transaction = _Transaction(session, self.observers, deadline)
        settled = False
        try:
            if WriteStage in self.observers.wanted:
                self.observers.emit(WriteStage("begun"))
            result = await _watch(work(transaction), transaction)
            if transaction.failure:
                raise transaction.failure
            transaction.over = True
            await _commit(session)
            settled = True
        except Exception:
            await _rollback(session)
            settled = True
            raise
        finally:
            transaction.over = True
            if settled:
                self._pool.give(session)
            else:
                self._recover(session)
        if WriteStage in self.observers.wanted:
            self.observers.emit(WriteStage("committed"))
        return result

    async def _begin(self, deadline: float | None) -> Session:
        """A connection with an open transaction; a second try where the first connection had ended unnoticed."""
        for fresh in (False, True):
            session = await self._pool.take(deadline, fresh)
            begun = False
            try:
                await session.execute("BEGIN", time.monotonic() + BEGIN_SECONDS)
                begun = True
                return session
            except DRIVER_ERRORS as error:
                if fresh or not is_lost(error, session.connection):
                    raise translate(error) from error
            finally:
                if not begun:
                    session.drop()
                    self._pool.give(session)
        raise AssertionError("unreachable")

    def _recover(self, session: Session) -> None:
        """End the transaction of a caller who was cancelled, and who must not be kept waiting for it."""

        async def recover() -> None:
            try:
                await _rollback(session)
            finally:
                self._pool.give(session)

        task = asyncio.get_running_loop().create_task(recover())
        self._recovering.add(task)
        task.add_done_callback(self._recovering.discard)


class _Transaction:
    """The connection that a unit of work sees. After a failed statement the server takes no further one; nor do we."""

    __slots__ = ("_deadline", "_observers", "_session", "failure", "over", "running")

    def __init__(self, session: Session, observers: Observers, deadline: float | None) -> None:
        self._session, self._observers, self._deadline = session, observers, deadline
        self.failure: StoreError | None = None
        self.over = False
        self.running = False

    async def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        if self.over:
            raise RuntimeError("the transaction is over")
        if self.failure:
            raise self.failure
        if StatementRun in self._observers.wanted:
            self._observers.emit(StatementRun(sql, "write"))
        self.running = True
        try:
            return await self._session.fetch(sql, parameters, self._deadline)
        except DRIVER_ERRORS as error:
            self.failure = translate(error)
            raise self.failure from error
        finally:
            self.running = False


@types.coroutine
def _watch(work: Awaitable[T], transaction: _Transaction) -> Generator[Any, Any, T]:
    """Run `work`, and refuse it when it waits for anything but its connection, as it holds locks meanwhile."""
    steps: Any = work.__await__()
    resume, value = steps.send, None
    while True:
        try:
            waited = resume(value)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        if not transaction.running:
            steps.close()
            raise RuntimeError("awaited something other than its connection while holding the writer")
        try:
            resume, value = steps.send, (yield waited)
        except BaseException as error:
            resume, value = steps.throw, error


async def _commit(session: Session) -> None:
    try:
        await session.execute("COMMIT", time.monotonic() + COMMIT_SECONDS)
    except DRIVER_ERRORS as error:
        if isinstance(error, TimeoutError) or is_lost(error, session.connection):
            session.drop()
            raise Unavailable(f"the connection broke during a commit: {error}", unknown=True) from error
        raise translate(error) from error


async def _rollback(session: Session) -> None:
    """End a transaction, or failing that, the connection."""
    connection = session.connection
    if session.dropped or connection.is_closed():
        return
    try:
        if connection.is_in_transaction():
            await session.execute("ROLLBACK", time.monotonic() + ROLLBACK_SECONDS)
    except DRIVER_ERRORS:
        session.drop()

"""The one writer of an SQLite file.

Units of work wait in a queue; a thread takes what is there, runs each unit in a savepoint of one transaction, commits
once for all of them, and only then tells their callers. A unit that fails is rolled back alone. Nothing can hold the
writer: a unit's coroutine runs to its end in one go, since its connection never suspends.
"""

import asyncio
import contextvars
import random
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Final, cast

import apsw

from headwater.base.observe import Observers, StatementRun, WriteStage
from headwater.db.base import (
    Connection,
    Interrupted,
    Row,
    StoreError,
    T,
    Unavailable,
    Work,
)
from headwater.db.sqlite_errors import translate

BATCH: Final = 64
"""Units in one transaction, at most."""
BATCH_SECONDS: Final = 0.02
"""After this long no further unit joins a transaction."""
LOCK_SECONDS: Final = 10.0
"""How long another process may keep the writer waiting before its callers are told."""
PAUSE: Final = (0.0002, 0.002)
"""Seconds between two tries for the lock; also how long a writer that met another one stands back after its turn."""
MEMORY: Final = 1.0
"""Seconds for which another writer is remembered."""


class Unit:
    """One unit of work and who waits for it. Whoever claims it first decides: the writer, or a caller who gives up."""

    __slots__ = ("_unclaimed", "context", "deadline", "future", "work")

    def __init__(self, work: Work[Any], deadline: float | None, future: asyncio.Future[Any]) -> None:
        self.work, self.deadline, self.future = work, deadline, future
        self.context = contextvars.copy_context()
        self._unclaimed = [True]

    def claim(self) -> bool:
        try:
            return self._unclaimed.pop()
        except IndexError:
            return False

    def give_up(self) -> None:
        """Answer the caller at the deadline, unless the work has begun; then its own statements meet the deadline."""
        if self.claim() and not self.future.done():
            self.future.set_exception(Interrupted("waited for the writer until the deadline"))


SUSPENDED: Final = "awaited something other than its connection while holding the writer"

Outcome = tuple[Unit, Any, BaseException | None]


class _Transaction:
    """The connection that a unit sees, for as long as it runs."""

    __slots__ = ("_connection", "_observers", "failure", "over")

    def __init__(self, connection: apsw.Connection, observers: Observers) -> None:
        self._connection, self._observers = connection, observers
        self.failure: StoreError | None = None
        self.over = False

    async def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        if self.over:
            raise RuntimeError("the transaction is over")
        if self.failure:
            raise self.failure
        if StatementRun in self._observers.wanted:
            self._observers.emit(StatementRun(sql, "write"))
        try:
            return cast(list[Row], self._connection.execute(sql, parameters).fetchall())
        except apsw.Error as error:
            self.failure = translate(error, self._connection)
            raise self.failure from error


class Writer:
    """Owns the writing connection and its thread. `tick`: VM steps between two looks at a deadline."""

    def __init__(
        self, connection: apsw.Connection, observers: Observers, loop: asyncio.AbstractEventLoop, tick: int
    ) -> None:
        self._connection, self._observers, self._loop = connection, observers, loop
        self._queue: SimpleQueue[Unit | None] = SimpleQueue()
        self._again: deque[Unit] = deque()
        self._closing = False
        self._deadline: float | None = None
        self._contended_at = float("-inf")
        connection.set_busy_timeout(0)
        connection.set_progress_handler(self._late, tick)
        self._thread = threading.Thread(target=self._main, name="sqlite-write", daemon=True)
        self._thread.start()

    async def run(self, work: Work[T], deadline: float | None) -> T:
        """Run `work` in a transaction; see `Store.write`."""
        if self._closing:
            raise Unavailable("the store is closed")
        unit = Unit(work, deadline, self._loop.create_future())
        alarm = None
        if deadline is not None:
            alarm = self._loop.call_later(deadline - time.monotonic(), unit.give_up)
        self._queue.put(unit)
        try:
            return cast(T, await unit.future)
        except asyncio.CancelledError:
            unit.claim()
            raise
        finally:
            if alarm:
                alarm.cancel()

    def close(self) -> None:
        """Finish what waits, move the log into the database file, disconnect. Blocks."""
        self._closing = True
        self._queue.put(None)
        self._thread.join()

    def _main(self) -> None:
        while unit := self._take(wait=True):
            outcomes = self._transaction(unit)
            if WriteStage in self._observers.wanted:
                self._announce(outcomes)
            with suppress(
                RuntimeError
            ):  # the event loop may be gone, and with it everybody who could be told
                self._loop.call_soon_threadsafe(_tell, outcomes)
            if time.monotonic() - self._contended_at < MEMORY:
                time.sleep(random.uniform(*PAUSE))  # noqa: S311
        with suppress(apsw.Error):  # another process reads; it, or the next one that opens the file, does it
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self._connection.close()

    def _announce(self, outcomes: list[Outcome]) -> None:
        try:
            for _, _, error in outcomes:
                if error is None:
                    self._observers.emit(WriteStage("committed"))
        except Exception as error:
            # An observer's failure must neither end this thread nor deny that the commit has happened.
            context = {"message": "an observer failed after a commit", "exception": error}
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._loop.call_exception_handler, context)

    def _take(self, wait: bool) -> Unit | None:
        """The next unit, claimed. None: there is none now, or with `wait`, there will be none."""
        if self._again:
            return self._again.popleft()
        while not (self._closing and self._queue.empty()):
            try:
                unit = self._queue.get(block=wait)
            except Empty:
                return None
            if unit and unit.claim():
                return unit
        return None

    def _transaction(self, first: Unit) -> list[Outcome]:
        """Run a unit, and those that come in meanwhile, in one transaction."""
        try:
            self._begin(first)
        except Interrupted as error:
            return [(first, None, error)]
        except StoreError as error:
            return [(unit, None, error) for unit in (first, *self._waiting())]
        outcomes: list[Outcome] = []
        unit: Unit | None = first
        last = time.monotonic() + BATCH_SECONDS
        try:
            while unit:
                outcomes.append(self._run(unit))
                if not self._connection.in_transaction:
                    return self._after_loss(outcomes)
                unit = self._take(wait=False) if len(outcomes) < BATCH and time.monotonic() < last else None
            self._connection.execute("COMMIT")
        except apsw.Error as error:
            failure = translate(error, self._connection)
            if isinstance(failure, Unavailable):
                failure.unknown = isinstance(error, apsw.IOError)
            with suppress(apsw.Error):
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            if unit and all(unit is not told for told, _, _ in outcomes):
                outcomes.append((unit, None, None))
            return [(unit, None, earlier or failure) for unit, _, earlier in outcomes]
        return outcomes

    def _begin(self, first: Unit) -> None:
        """Take the lock that lets one process write. Tries at an even pace, so that each waiter has the same chance."""
        start = time.monotonic()
        while True:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                return
            except apsw.BusyError as error:
                self._contended_at = now = time.monotonic()
                if first.deadline is not None and now >= first.deadline:
                    raise Interrupted("waited for the lock until the deadline") from error
                if now - start > LOCK_SECONDS:
                    raise translate(error, self._connection) from error
                time.sleep(random.uniform(*PAUSE))  # noqa: S311
            except apsw.Error as error:
                raise translate(error, self._connection) from error

    def _run(self, unit: Unit) -> Outcome:
        """Run one unit in a savepoint."""
        connection = self._connection
        transaction = _Transaction(connection, self._observers)
        if unit.deadline is not None and time.monotonic() >= unit.deadline:
            return unit, None, Interrupted("waited for the writer until the deadline")
        self._deadline = unit.deadline
        try:
            connection.execute("SAVEPOINT unit")
            if WriteStage in self._observers.wanted:
                self._observers.emit(WriteStage("begun"))
            result = unit.context.run(_finish, unit.work, transaction)
            if transaction.failure:
                raise transaction.failure
            self._deadline = None
            connection.execute("RELEASE unit")
            return unit, result, None
        except BaseException as error:
            self._deadline = None
            try:
                if connection.in_transaction:
                    connection.execute("ROLLBACK TO unit")
                    connection.execute("RELEASE unit")
            except apsw.Error:
                connection.execute("ROLLBACK")
            return unit, None, translate(error, connection) if isinstance(error, apsw.Error) else error
        finally:
            transaction.over = True

    def _after_loss(self, outcomes: list[Outcome]) -> list[Outcome]:
        """SQLite has rolled back all units together, as it does when a write is interrupted or the disk is full.

        The one that failed is told so. The others run again, unless the disk refuses, which they would meet too.
        """
        failure = outcomes[-1][2]
        if isinstance(failure, Unavailable):
            return [(unit, None, earlier or failure) for unit, _, earlier in outcomes]
        self._again.extend(unit for unit, _, failed in outcomes if failed is None)
        return [outcome for outcome in outcomes if outcome[2] is not None]

    def _waiting(self) -> Iterator[Unit]:
        while unit := self._take(wait=False):
            yield unit

    def _late(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline


def _finish(work: Work[T], connection: Connection) -> T:
    """Run `work` to its end without an event loop."""
    steps = work(connection).__await__()
    try:
        next(steps)
    except StopIteration as stop:
        return cast(T, stop.value)
    except RuntimeError as error:
        if str(error) != "no running event loop":
            raise
        raise RuntimeError(SUSPENDED) from error
    close = getattr(steps, "close", None)
    if close:
        close()
    raise RuntimeError(SUSPENDED)


def _tell(outcomes: list[Outcome]) -> None:
    for unit, result, error in outcomes:
        if unit.future.done():
            continue
        if error is None:
            unit.future.set_result(result)
        else:
            unit.future.set_exception(error)

"""Connections to PostgreSQL, kept warm with the statements that they have prepared."""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final, cast

import asyncpg

from headwater.db.base import Interrupted, Row, Unavailable
from headwater.db.codec import duration, microseconds
from headwater.db.postgres_errors import DRIVER_ERRORS, STALE, translate

STATEMENTS: Final = 512
PREPARED: Final = 1_000_000
"""Characters of SQL in all statements that a connection has prepared: the server needs many times that for them."""
"""Prepared statements that one connection keeps."""
CONNECT_SECONDS: Final = 10.0
CLOSE_SECONDS: Final = 10.0
WATCH_SECONDS: Final = 0.02
"""How late a statement may be stopped after its deadline."""
OLDEST_SERVER: Final = 15
SETTINGS: Final = {
    "application_name": "headwater",
    "TimeZone": "UTC",
    "DateStyle": "ISO",  # what cursors hold of days and moments
    "default_transaction_isolation": "read committed",
    "idle_in_transaction_session_timeout": "30s",
    "jit": "off",  # compiling costs more than these statements take
    "random_page_cost": "1.1",  # what is served this often lies in memory
}
_FIRST_DAY: Final = date(2000, 1, 1).toordinal()
_FIRST_INSTANT: Final = datetime(2000, 1, 1, tzinfo=UTC)

CODECS: Final[tuple[tuple[str, Callable[[Any], tuple[int]], Callable[[tuple[int]], Any]], ...]] = (
    (
        "date",
        lambda value: (value.toordinal() - _FIRST_DAY,),
        lambda stored: date.fromordinal(stored[0] + _FIRST_DAY),
    ),
    (
        "timestamptz",
        lambda value: (microseconds(value - _FIRST_INSTANT),),
        lambda stored: _FIRST_INSTANT + duration(stored[0]),
    ),
)
"""Asyncpg's own take the first and the last day and instant of Python's calendar for PostgreSQL's infinities."""


_Waiter = asyncio.Future["Session | None"]


class Session:
    """A connection with its prepared statements."""

    __slots__ = (
        "_late",
        "_length",
        "_pool",
        "_prepared",
        "_statements",
        "_task",
        "connection",
        "deadline",
        "dropped",
    )

    def __init__(self, connection: asyncpg.Connection, pool: "Pool") -> None:
        self.connection = connection
        self.dropped = False
        self.deadline: float | None = None
        self._pool = pool
        self._late = False
        self._prepared = 0
        self._task: asyncio.Task[Any] | None = None
        self._statements: OrderedDict[str, asyncpg.prepared_stmt.PreparedStatement] = OrderedDict()
        self._length = 0

    async def fetch(self, sql: str, parameters: Sequence[Any], deadline: float | None) -> list[Row]:
        """Run a statement, prepared once. Raises what asyncpg raises; TimeoutError at the deadline."""
        if deadline is not None:
            self._watch(deadline)
        try:
            statement = self._statements.get(sql)
            if statement is None:
                statement = await self._prepare(sql)
            else:
                self._statements.move_to_end(sql)
            try:
                return cast(list[Row], await statement.fetch(*parameters))
            except STALE:
                self._statements.clear()
                self._length = 0
                if self.connection.is_in_transaction():
                    raise
            statement = await self._prepare(sql)
            return cast(list[Row], await statement.fetch(*parameters))
        except asyncio.CancelledError as error:
            raise self._reason(error) from error
        finally:
            self.deadline = None

    async def execute(self, command: str, deadline: float) -> None:
        """Run a command without parameters. Raises what asyncpg raises; TimeoutError at the deadline."""
        self._watch(deadline)
        try:
            await self.connection.execute(command)
        except asyncio.CancelledError as error:
            raise self._reason(error) from error
        finally:
            self.deadline = None

    def drop(self) -> None:
        """Never use it again; the connection is cut when it is given back."""
        self.dropped = True

    def interrupt(self) -> None:
        """Stop the statement that runs: asyncpg asks the server to, when who waits for it is cancelled."""
        self.deadline, self._late = None, True
        if self._task:
            self._task.cancel()

    def _watch(self, deadline: float) -> None:
        if deadline <= time.monotonic():
            raise TimeoutError
        self.deadline, self._late = deadline, False
        self._task = asyncio.current_task()
        self._pool.watch()

    def _reason(self, error: asyncio.CancelledError) -> BaseException:
        """Tell being late from being cancelled by somebody else."""
        late, self._late = self._late, False
        if late and self._task and self._task.uncancel() == 0:
            return TimeoutError()
        return error

    async def _prepare(self, sql: str) -> asyncpg.prepared_stmt.PreparedStatement:
        # Named, since asyncpg without a cache of its own sends an unnamed statement to be parsed at each use.
        self._prepared += 1
        statement = await self.connection.prepare(sql, name=f"hw_{self._prepared}")
        self._statements[sql] = statement
        self._length += len(sql)
        while len(self._statements) > STATEMENTS or self._length > PREPARED:
            gone, _ = self._statements.popitem(last=False)
            self._length -= len(gone)
        return statement


class Pool:
    """At most `size` connections. The one used last is used next; who waits is served in order."""

    def __init__(self, url: str, size: int) -> None:
        self.url, self.size = url, size
        self.free: list[Session] = []
        self.closed = True
        self._total = 0
        self._all: set[Session] = set()
        self._waiters: deque[_Waiter] = deque()
        self._empty: asyncio.Future[None] | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._watched = False
        self._due: list[tuple[float, _Waiter]] = []

    async def take(self, deadline: float | None, fresh: bool = False) -> Session:
        """A connection, opened anew if it must be or if `fresh`. Raises: Unavailable, Interrupted."""
        if self.closed:
            raise Unavailable("the store is not open")
        while self.free:
            session = self.free.pop()
            if not fresh and not session.connection.is_closed():
                return session
            session.drop()
            self.give(session)
        if self._total < self.size:
            self._total += 1
        elif given := await self._wait(deadline):  # what is given has its place already, and so has None
            if not given.connection.is_closed():
                return given
            self._forget(given)
        try:
            return await self._connect(deadline)
        except BaseException:
            self._leave()
            raise

    def give(self, session: Session) -> None:
        """Put a connection back."""
        if session.dropped or self.closed or session.connection.is_closed():
            self._forget(session)
            self._leave()
            return
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(session)
                return
        self.free.append(session)

    async def close(self) -> None:
        """Let those who have a connection finish, for a while; then disconnect all."""
        self.closed = True
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(Unavailable("the store is closed"))
        self._waiters.clear()
        free, self.free = self.free, []
        for session in free:
            try:
                await session.connection.close(timeout=CLOSE_SECONDS)
            except DRIVER_ERRORS:
                session.connection.terminate()
            self.give(session)
        if self._total:
            self._empty = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._empty], timeout=CLOSE_SECONDS)
            self._empty = None
        for session in list(self._all):
            self._forget(session)
        if self._alarm:
            self._alarm.cancel()
            self._alarm = None

    def watch(self) -> None:
        """See to it that deadlines are met. One timer for all of them: one for each costs 6 µs a read."""
        self._watched = True
        if self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(WATCH_SECONDS, self._look)

    def _look(self) -> None:
        now = time.monotonic()
        running = False
        for session in self._all:
            if session.deadline is not None:
                running = True
                if session.deadline <= now:
                    session.interrupt()
        for deadline, waiter in self._due:
            if deadline <= now and not waiter.done():
                waiter.set_exception(Interrupted("waited for a connection until the deadline"))
        self._due = [(deadline, waiter) for deadline, waiter in self._due if not waiter.done()]
        self._alarm = None
        if running or self._due or self._watched:
            self.watch()
            self._watched = False

    async def _wait(self, deadline: float | None) -> Session | None:
        """Stand in line. None: a place has become free, in which a connection may be opened."""
        waiter: _Waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        if deadline is not None:
            self._due.append((deadline, waiter))
            self.watch()
        try:
            return await waiter
        except asyncio.CancelledError:
            self._refuse(waiter)
            raise

    def _refuse(self, waiter: asyncio.Future[Session | None]) -> None:
        """Pass on what a waiter was given just as it went away."""
        if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
            if session := waiter.result():
                self.give(session)
            else:
                self._leave()

    def _leave(self) -> None:
        """A place is free: it goes to the next in line, or back."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._total -= 1
        if self._total == 0 and self._empty and not self._empty.done():
            self._empty.set_result(None)

    def _forget(self, session: Session) -> None:
        self._all.discard(session)
        session.connection.terminate()

    async def _connect(self, deadline: float | None) -> Session:
        timeout = CONNECT_SECONDS
        if deadline is not None:
            timeout = min(timeout, max(deadline - time.monotonic(), 0.001))
        try:
            connection = await asyncpg.connect(
                self.url, timeout=timeout, statement_cache_size=0, server_settings=SETTINGS
            )
        except TimeoutError as error:
            if timeout < CONNECT_SECONDS:
                raise Interrupted("was connecting until the deadline") from error
            raise Unavailable("the database does not answer") from error
        except DRIVER_ERRORS as error:
            raise translate(error) from error
        for name, encode, decode in CODECS:
            await connection.set_type_codec(
                name, schema="pg_catalog", encoder=encode, decoder=decode, format="tuple"
            )
        session = Session(connection, self)
        self._all.add(session)
        version, encoding = connection.get_server_version(), connection.get_settings().server_encoding
        if version.major < OLDEST_SERVER or encoding != "UTF8":
            self._forget(session)
            raise Unavailable(
                f"PostgreSQL {OLDEST_SERVER} or newer with a database in UTF8 is needed;"
                f" this is {version.major} in {encoding}",
                retry_after=60,
            )
        return session

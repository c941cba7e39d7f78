"""The embedded store: SQLite in one file.

Reads run inline on the event loop's thread, since handing a short one to another thread costs more than the read.
A budget of VM steps keeps a long one from holding up everybody: it is stopped, and runs again in a worker thread.
Writes go through one writer thread (`sqlite_writer`).
"""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, cast

import apsw

from headwater.base.observe import Observers, StatementRun
from headwater.db.base import Dialect, Interrupted, Row, StoreError, T, Unavailable, Work, open_files
from headwater.db.sqlite_dialect import SQLiteDialect
from headwater.db.sqlite_errors import translate
from headwater.db.sqlite_writer import Writer

__all__ = ["SQLiteDialect", "SQLiteStore"]

TICK: Final = 10_000
"""VM steps between two looks at a budget or a deadline."""
INLINE_TICKS: Final = 20
"""Ticks after which a read leaves the event loop's thread: some 2 to 10 milliseconds."""
REMEMBERED: Final = 200
"""How many statements are remembered as long, and how often each then runs in a thread before it is tried inline."""
THREADS: Final = 4
BUSY_SECONDS: Final = 5.0
STATEMENTS: Final = 512
MIB: Final = 1 << 20


class SQLiteStore:
    """A database file, `sqlite:///relative/path` or `sqlite:////absolute/path`. One event loop uses it."""

    dialect: Dialect

    def __init__(self, url: str, observers: Observers) -> None:
        self.url, self.observers = url, observers
        self.dialect = SQLiteDialect()
        self.path = _path(url)
        self._file = Path(self.path).resolve()
        self._reader: apsw.Connection | None = None
        self._writer: Writer | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._spare: list[apsw.Connection] = []
        self._ticks = 0
        self._long: dict[str, int] = {}

    async def open(self) -> None:
        writer = self._connect(64 * MIB)
        try:
            self._reader = self._connect(64 * MIB)
        except Unavailable:
            writer.close()
            raise
        self._reader.set_progress_handler(self._over_budget, TICK)
        self._reader.set_busy_timeout(0)
        self._writer = Writer(writer, self.observers, asyncio.get_running_loop(), TICK)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="sqlite-read")
        open_files[self._file] += 1

    def _connect(self, cache: int) -> apsw.Connection:
        try:
            return connect(self.path, cache)
        except apsw.Error as error:
            raise Unavailable(f"cannot open {self.path}: {error}") from error

    async def close(self) -> None:
        reader, writer, threads = self._reader, self._writer, self._threads
        self._reader = self._writer = self._threads = None
        if threads:
            await asyncio.to_thread(threads.shutdown)
        while self._spare:
            self._spare.pop().close()
        if reader:
            reader.close()
        if writer:
            await asyncio.to_thread(writer.close)
            open_files[self._file] -= 1

    async def read(
        self, sql: str, parameters: Sequence[object] = (), *, deadline: float | None = None
    ) -> list[Row]:
        reader = self._reader
        if reader is None:
            raise Unavailable("the store is not open")
        if StatementRun in self.observers.wanted:
            self.observers.emit(StatementRun(sql, "read"))
        if deadline is not None and time.monotonic() >= deadline:
            raise Interrupted("the deadline had passed")
        if self._long and self._is_long(sql):
            return await self._read_in_thread(sql, parameters, deadline)
        self._ticks = 0
        try:
            return cast(list[Row], reader.execute(sql, parameters).fetchall())
        except apsw.InterruptError:
            self._remember(sql)
        except (apsw.BusyError, apsw.LockedError):
            pass
        except apsw.Error as error:
            raise translate(error, reader) from error
        return await self._read_in_thread(sql, parameters, deadline)

    async def write(self, work: Work[T], *, deadline: float | None = None) -> T:
        if self._writer is None:
            raise Unavailable("the store is not open")
        return await self._writer.run(work, deadline)

    async def write_at_once(
        self, sql: str, parameters: Sequence[object] = (), *, deadline: float | None = None
    ) -> list[Row]:
        return await self.write(lambda connection: connection.fetch(sql, parameters), deadline=deadline)

    async def ping(self) -> None:
        try:
            await self.read("SELECT count(*) FROM sqlite_schema")
        except Unavailable:
            raise
        except StoreError as error:
            raise Unavailable(str(error)) from error

    def _over_budget(self) -> bool:
        self._ticks += 1
        return self._ticks > INLINE_TICKS

    def _is_long(self, sql: str) -> bool:
        left = self._long.get(sql)
        if left is None:
            return False
        if left == 0:
            del self._long[sql]
        else:
            self._long[sql] = left - 1
        return left > 0

    def _remember(self, sql: str) -> None:
        if len(self._long) >= REMEMBERED:
            del self._long[next(iter(self._long))]
        self._long[sql] = REMEMBERED

    async def _read_in_thread(
        self, sql: str, parameters: Sequence[object], deadline: float | None
    ) -> list[Row]:
        if self._threads is None:
            raise Unavailable("the store is not open")
        stop = _Stop(deadline)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(None if deadline is None else deadline - time.monotonic()):
                return await loop.run_in_executor(self._threads, self._run, sql, parameters, stop)
        except TimeoutError as error:
            raise Interrupted("stopped at its deadline") from error
        finally:
            stop.now = True

    def _run(self, sql: str, parameters: Sequence[object], stop: "_Stop") -> list[Row]:
        if stop():
            raise Interrupted("stopped before it began")
        try:
            connection = self._spare.pop()
        except IndexError:
            connection = self._connect(16 * MIB)
        connection.set_progress_handler(stop, TICK)
        try:
            return cast(list[Row], connection.execute(sql, parameters).fetchall())
        except apsw.Error as error:
            raise translate(error, connection) from error
        finally:
            connection.set_progress_handler(None)
            self._spare.append(connection)


class _Stop:
    """Whether a statement in a thread must end: its deadline has passed, or nobody waits for it any more."""

    def __init__(self, deadline: float | None) -> None:
        self.deadline, self.now = deadline, False

    def __call__(self) -> bool:
        return self.now or (self.deadline is not None and time.monotonic() >= self.deadline)


def connect(path: str, cache: int) -> apsw.Connection:
    """A connection with the settings that all of them share. `cache`: its page cache, in bytes."""
    connection = apsw.Connection(path, statementcachesize=STATEMENTS)
    try:
        _set_up(connection, cache)
    except apsw.Error:
        connection.close()
        raise
    return connection


def _set_up(connection: apsw.Connection, cache: int) -> None:
    connection.set_busy_timeout(int(BUSY_SECONDS * 1000))
    # A misspelt column in double quotes is an error rather than a text.
    connection.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)
    connection.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 0)
    # A plan does not depend on values. Else whoever gives other ones, of a limit or where there are statistics, has the
    # statement prepared anew, which can take longer than to run it.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        f"cache_size = -{cache // 1024}",
        f"mmap_size = {256 * MIB}",
        f"journal_size_limit = {64 * MIB}",
        "wal_autocheckpoint = 10000",
        "temp_store = MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}").fetchall()


def _path(url: str) -> str:
    prefix = "sqlite:///"
    if not url.startswith(prefix) or not (path := url.removeprefix(prefix)):
        raise ValueError(f"{url!r}: write sqlite:///relative/path or sqlite:////absolute/path")
    if path.startswith((":memory:", "file:")) or "?" in path:
        raise ValueError(
            f"{url!r}: the path of a file is needed; databases in memory and options are not supported"
        )
    return str(Path(path))

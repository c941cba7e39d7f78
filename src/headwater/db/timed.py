"""How long the database keeps its callers waiting: a store around another one, which notes it."""

from collections.abc import Awaitable, Sequence
from contextvars import ContextVar
from time import perf_counter
from typing import Any, Final

from headwater.db.base import Connection, Row, Store, T, Work


class Waited:
    """What one caller has asked of the database. `seconds` until it had the answers, the wait for a connection and
    the commit among them; `statements` without those that begin and end transactions."""

    __slots__ = ("seconds", "statements")

    def __init__(self) -> None:
        self.seconds = 0.0
        self.statements = 0


waited: Final[ContextVar[Waited | None]] = ContextVar("waited", default=None)
"""Where it is noted for whoever asks now; None where nobody looks."""


async def _noted(answer: Awaitable[T], statements: int = 0) -> T:
    """An answer of the database, with what it has taken noted."""
    if (note := waited.get()) is None:
        return await answer
    note.statements += statements
    begun = perf_counter()
    try:
        return await answer
    finally:
        note.seconds += perf_counter() - begun


class TimedStore:
    """A store that notes in `waited` how long it takes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.dialect, self.observers, self.url = store.dialect, store.observers, store.url
        self.open, self.close, self.ping = store.open, store.close, store.ping

    async def read(
        self, sql: str, parameters: Sequence[Any] = (), *, deadline: float | None = None
    ) -> list[Row]:
        return await _noted(self._store.read(sql, parameters, deadline=deadline), 1)

    async def write(self, work: Work[T], *, deadline: float | None = None) -> T:
        note = waited.get()

        async def counted(connection: Connection) -> T:
            return await work(connection if note is None else _Counted(connection, note))

        return await _noted(self._store.write(counted, deadline=deadline))

    async def write_at_once(
        self, sql: str, parameters: Sequence[Any] = (), *, deadline: float | None = None
    ) -> list[Row]:
        return await _noted(self._store.write_at_once(sql, parameters, deadline=deadline), 1)


class _Counted:
    """A transaction whose statements are counted."""

    __slots__ = ("_connection", "_note")

    def __init__(self, connection: Connection, note: Waited) -> None:
        self._connection, self._note = connection, note

    async def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        self._note.statements += 1
        return await self._connection.fetch(sql, parameters)

"""How long the database keeps its callers waiting: a store around another one, which notes it."""

from collections.abc import Sequence
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


class TimedStore:
    """A store that notes in `waited` how long it takes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.dialect, self.observers, self.url = store.dialect, store.observers, store.url
        self.open, self.close, self.ping = store.open, store.close, store.ping

    async def read(
        self, sql: str, parameters: Sequence[Any] = (), *, deadline: float | None = None
    ) -> list[Row]:
        if (note := waited.get()) is None:
            return await self._store.read(sql, parameters, deadline=deadline)
        note.statements += 1
        begun = perf_counter()
        try:
            return await self._store.read(sql, parameters, deadline=deadline)
        finally:
            note.seconds += perf_counter() - begun

    async def write(self, work: Work[T], *, deadline: float | None = None) -> T:
        if (note := waited.get()) is None:
            return await self._store.write(work, deadline=deadline)

        async def counted(connection: Connection) -> T:
            return await work(_Counted(connection, note))

        begun = perf_counter()
        try:
            return await self._store.write(counted, deadline=deadline)
        finally:
            note.seconds += perf_counter() - begun

    async def write_at_once(
        self, sql: str, parameters: Sequence[Any] = (), *, deadline: float | None = None
    ) -> list[Row]:
        if (note := waited.get()) is None:
            return await self._store.write_at_once(sql, parameters, deadline=deadline)
        note.statements += 1
        begun = perf_counter()
        try:
            return await self._store.write_at_once(sql, parameters, deadline=deadline)
        finally:
            note.seconds += perf_counter() - begun


class _Counted:
    """A transaction whose statements are counted."""

    __slots__ = ("_connection", "_note")

    def __init__(self, connection: Connection, note: Waited) -> None:
        self._connection, self._note = connection, note

    async def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        self._note.statements += 1
        return await self._connection.fetch(sql, parameters)

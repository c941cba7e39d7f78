"""The event log: one append-only entry for each changed row, written in the transaction that changed it.

Readers see positions in order, without gaps that fill later. On SQLite there is one writer at a time, so positions are
commit order. On PostgreSQL they come from a sequence and are drawn in a transaction's last statement, when it holds
all its row locks: two changes of one row get positions in the order in which they happen, but a lower position may
commit after a higher one. A `Reader` therefore stops at a hole until it is filled, or until it is certain that nothing
will fill it: when every transaction that was writing to the log while the hole was seen has ended.

Those transactions are known by their locks on the table, which each takes before it draws a position and keeps until
its end. The snapshot's `xmin` and `xmax` would not do: `xmax` is behind the last transaction that has *ended*, so one
that has drawn a position may be younger than that, and is then taken for one that cannot exist.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from headwater.db.base import Connection, Dialect, Row, Store
from headwater.ir.model import Kind, Type

TEXT, TIME, NUMBER, DOCUMENT = Type(Kind.ID), Type(Kind.DATETIME), Type(Kind.INTEGER), Type(Kind.JSON)
COLUMNS = {
    "at": TIME, "type": TEXT, "resource": TEXT, "row_id": TEXT, "version": NUMBER, "actor": TEXT,
    "organisation": TEXT, "request_id": TEXT, "before": DOCUMENT, "after": DOCUMENT,
}  # fmt: skip
"""The columns besides the position, in the order of `Log.row`."""
NULLABLE = ("actor", "organisation", "before", "after")
CHUNKS = (100, 10, 1)
"""How many entries one statement writes."""
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Entry(msgspec.Struct, frozen=True):
    """One changed row.

    `before` and `after` hold wire values by field name: a creation has only `after`, whole; a deletion only `before`,
    whole; an update has `after` whole, and in `before` the old values of the fields that changed. `position` is 0
    until the entry is written. An entry that is to be written may have the JSON text of `after` alone, as the database
    made it: the `image`.
    """

    type: str
    resource: str
    row_id: str
    version: int
    at: datetime
    actor: str | None
    organisation: str | None
    request_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    position: int = 0
    image: str | None = None

    @property
    def deletes(self) -> bool:
        """Whether the row is there no more."""
        return self.after is None and self.image is None

    @property
    def changed(self) -> tuple[str, ...]:
        """The names of the fields whose values changed."""
        return tuple(self.before if self.before is not None and self.after is not None else self.after or ())


def table(metadata: sa.MetaData, dialect: Dialect) -> sa.Table:
    """The log's table. On PostgreSQL the position is an identity column whose sequence caches nothing."""
    column = dialect.column_type
    return sa.Table(
        "hw_log",
        metadata,
        sa.Column("position", column(NUMBER), sa.Identity(always=False, cache=1), primary_key=True),
        *(sa.Column(name, column(type), nullable=name in NULLABLE) for name, type in COLUMNS.items()),
        sa.Index("ix_hw_log_row", "resource", "row_id", "position"),
    )


class Log:
    """Appends to the log of one store, and opens readers."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._numbered = store.dialect.sqlalchemy.paramstyle != "qmark"
        self._time = store.dialect.encoder(TIME) or (lambda value: value)
        self._from_time = store.dialect.decoder(TIME) or (lambda value: value)
        self._inserts = {size: self._insert(size) for size in CHUNKS}

    def _insert(self, rows: int) -> str:
        n, width = 0, len(COLUMNS)
        tuples = []
        for _ in range(rows):
            marks = ", ".join(f"${n + i + 1}" if self._numbered else "?" for i in range(width))
            tuples.append(f"({marks})")
            n += width
        return f"INSERT INTO hw_log ({', '.join(COLUMNS)}) VALUES {', '.join(tuples)} RETURNING position"  # noqa: S608

    async def append(self, connection: Connection, entries: Sequence[Entry]) -> int:
        """Write entries, in order, as the last thing that a transaction does; the last one's position is returned."""
        if len(entries) == 1:
            return int((await connection.fetch(self._inserts[1], self.row(entries[0])))[0][0])
        position, done = 0, 0
        while done < len(entries):
            size = next(size for size in CHUNKS if size <= len(entries) - done)
            parameters = [p for entry in entries[done : done + size] for p in self.row(entry)]
            rows = await connection.fetch(self._inserts[size], parameters)
            position = max(row[0] for row in rows)
            done += size
        return position

    def row(self, entry: Entry) -> tuple[Any, ...]:
        """What the driver takes for `COLUMNS`."""
        return (
            self._time(entry.at),
            entry.type,
            entry.resource,
            entry.row_id,
            entry.version,
            entry.actor,
            entry.organisation,
            entry.request_id,
            None if entry.before is None else _encode(entry.before).decode(),
            entry.image if entry.after is None else _encode(entry.after).decode(),
        )

    def entry(self, row: Row) -> Entry:
        """An entry from a row of `position` and `COLUMNS`."""
        position, at, type, resource, row_id, version, actor, organisation, request_id, before, after = row
        return Entry(
            type,
            resource,
            row_id,
            version,
            self._from_time(at),
            actor,
            organisation,
            request_id,
            None if before is None else _decode(before),
            None if after is None else _decode(after),
            position,
        )

    async def last(self) -> int:
        """The highest position that has been committed; 0 in an empty log. On PostgreSQL lower ones may follow, so who
        must miss nothing from now on reads from a position that it has read up to, not from here."""
        rows = await self.store.read("SELECT coalesce(max(position), 0) FROM hw_log")
        return int(rows[0][0])

    def reader(self, after: int = 0) -> "Reader":
        """A reader that starts behind a position."""
        return Reader(self, after)


class Reader:
    """Reads the log forwards from a position. Keep it: it remembers the hole that it waits at."""

    def __init__(self, log: Log, after: int) -> None:
        self.log, self.position = log, after
        mark, limit = ("$1", "$2") if log._numbered else ("?", "?")
        names = "position, " + ", ".join(COLUMNS)
        self._sql = f"SELECT {names} FROM hw_log WHERE position > {mark} ORDER BY position LIMIT {limit}"  # noqa: S608
        self._writers_sql = log.store.dialect.writers("hw_log")
        self._seen = self._settled = after
        self._writers: set[str] = set()

    async def read(self, limit: int = 500) -> list[Entry]:
        """The next entries, at most `limit`; none where there are none yet, or where a hole may still be filled."""
        rows = await self._rows(limit)
        if self._writers_sql is not None:
            if rows and rows[0][0] > max(self.position + 1, self._settled):
                rows = await self._rows(limit) if await self._settle(rows) else []
            rows = self._before_holes(rows)
        entries = [self.log.entry(row) for row in rows]
        if entries:
            self.position = entries[-1].position
        return entries

    async def _rows(self, limit: int) -> list[Row]:
        return await self.log.store.read(self._sql, [self.position, limit])

    async def _settle(self, rows: Sequence[Row]) -> bool:
        """Whether all have ended who could fill the hole before these rows: what is then not there on a fresh look
        was rolled back. Everybody who has drawn a position below a row that is seen holds a lock, or has ended."""
        writers = {row[0] for row in await self.log.store.read(str(self._writers_sql))}
        if rows[0][0] > self._seen:
            self._seen, self._writers = rows[-1][0], writers
        else:
            self._writers &= writers
        if not self._writers:
            self._settled = self._seen
        return not self._writers

    def _before_holes(self, rows: list[Row]) -> list[Row]:
        """The rows before the first hole that may still be filled."""
        expected = self.position + 1
        for count, row in enumerate(rows):
            if row[0] > max(expected, self._settled):
                return rows[:count]
            expected = row[0] + 1
        return rows

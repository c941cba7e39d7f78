"""What SQLite's errors mean to a store."""

from functools import lru_cache

import apsw

from headwater.db.base import (
    Contended,
    Interrupted,
    ReferenceViolation,
    StoreError,
    Unavailable,
    UniqueViolation,
)

_UNIQUE = "UNIQUE constraint failed: "


def translate(error: apsw.Error, connection: apsw.Connection) -> StoreError:
    """The store's error for one of SQLite's."""
    match error:
        case apsw.ConstraintError():
            message = str(error)
            if message.startswith(_UNIQUE):
                return UniqueViolation(_index(message.removeprefix(_UNIQUE), connection))
            if message.startswith("FOREIGN KEY"):
                return ReferenceViolation(None)
            return StoreError(message)
        case apsw.InterruptError():
            return Interrupted("stopped at its deadline")
        case apsw.BusyError() | apsw.LockedError():
            return Contended("another process holds the database's lock")
        case apsw.FullError():
            return Unavailable("the disk is full: the database cannot take writes", retry_after=10)
        case apsw.IOError():
            return Unavailable(f"the disk does not answer: {error}", retry_after=10)
        case apsw.CantOpenError() | apsw.ReadOnlyError() | apsw.PermissionsError():
            return Unavailable(f"the database file cannot be used: {error}", retry_after=10)
        case apsw.CorruptError() | apsw.NotADBError():
            return Unavailable(f"the database file is damaged: {error}", retry_after=60)
        case apsw.NoMemError():
            return Unavailable("out of memory")
        case apsw.ConnectionClosedError():
            return Unavailable("the store is closed")
        case _:
            return StoreError(str(error))


def _index(columns: str, connection: apsw.Connection) -> str:
    """The name of the unique index that was hit. SQLite tells its columns: `tasks.project_id, tasks.code`."""
    if columns.startswith("index "):
        return columns.removeprefix("index ").strip("'")
    names = [column.partition(".")[2] for column in columns.split(", ")]
    return _by_columns(columns.partition(".")[0], tuple(names), connection)


@lru_cache(maxsize=1024)
def _by_columns(table: str, columns: tuple[str, ...], connection: apsw.Connection) -> str:
    origins = 'SELECT name, origin FROM pragma_index_list(?) WHERE "unique"'
    for name, origin in connection.execute(origins, (table,)).fetchall():
        found = connection.execute("SELECT name FROM pragma_index_info(?) ORDER BY seqno", (name,)).fetchall()
        if tuple(column for (column,) in found) == columns:
            return f"pk_{table}" if origin == "pk" else str(name)
    return f"pk_{table}"

"""The indexes behind searches: parts of three characters of the folded text columns of a table, kept by the database
itself in the transaction of each write.

On SQLite that is an FTS5 table over the columns (it holds the index alone, and no copy of the text), which triggers
keep; on PostgreSQL a GIN index of the extension pg_trgm. Migrations make and drop both with the functions below.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from headwater.db.base import StoreError

PREFIX: Final = "hw_search_"
PENDING_KILOBYTES: Final = 256
"""How much PostgreSQL may note down beside a GIN index before it works that in; each search reads through it."""
_SHADOWS: Final = ("", "_data", "_idx", "_config")


class SearchUnavailable(StoreError):
    """The database cannot have an index for searches; the message says what it lacks."""


def name(table: str) -> str:
    """The name of a table's search index."""
    return f"{PREFIX}{table}"


def create_search(
    connection: sa.Connection, table: str, columns: Sequence[str], online: bool = False
) -> None:
    """Make the search index of a table over some columns, with what they hold now. `online`: outside a transaction,
    while the table stays in use; an attempt that failed is made good. Raises: SearchUnavailable."""
    if connection.dialect.name == "sqlite":
        try:
            connection.exec_driver_sql(_virtual_table(table, columns))
        except sa.exc.OperationalError as error:
            if "fts5" not in str(error.orig):
                raise
            raise SearchUnavailable(
                "This SQLite was built without FTS5, which searches need: migrate with a Python whose `sqlite3` has it."
            ) from error
        _keep(connection, table, columns)
        return
    _ensure_trigrams(connection)
    if online:
        drop_search(connection, table, online)
    quote = connection.dialect.identifier_preparer.quote
    keys = ", ".join(f"{quote(column)} gin_trgm_ops" for column in columns)
    connection.exec_driver_sql(
        f"CREATE INDEX {'CONCURRENTLY ' if online else ''}{name(table)} ON {quote(table)} USING gin ({keys}) "
        f"WITH (gin_pending_list_limit = {PENDING_KILOBYTES})"
    )


def drop_search(connection: sa.Connection, table: str, online: bool = False) -> None:
    """Drop the search index of a table, if it is there."""
    if connection.dialect.name == "sqlite":
        for event in _EVENTS:
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name(table)}_{event}")
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS {name(table)}")
    else:
        how = "CONCURRENTLY " if online else ""
        connection.exec_driver_sql(f"DROP INDEX {how}IF EXISTS {name(table)}")


def searches(connection: sa.Connection) -> dict[str, tuple[str, ...]]:
    """The columns in the search index of each table that has one; none where it is there and not whole."""
    if connection.dialect.name == "sqlite":
        found = {}
        for table, columns in _virtual_tables(connection):
            whole = set(_triggers(table, columns)) <= _existing_triggers(connection, table)
            found[table] = columns if whole else ()
        return found
    rows = connection.exec_driver_sql(
        """
        SELECT t.relname, x.indisvalid, pg_get_indexdef(i.oid)
        FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
        WHERE t.relnamespace = current_schema()::regnamespace AND starts_with(i.relname, 'hw_search_')"""
    )
    return {
        table: tuple(re.findall(r'"?(\w+)"? gin_trgm_ops', ddl)) if valid else ()
        for table, valid, ddl in rows
    }


def tables_of(connection: sa.Connection) -> frozenset[str]:
    """The tables that a search index consists of."""
    if connection.dialect.name != "sqlite":
        return frozenset()
    return frozenset(name(table) + end for table, _ in _virtual_tables(connection) for end in _SHADOWS)


def mend(connection: sa.Connection) -> None:
    """Make whole the indexes of SQLite's tables that Alembic copied to alter them: with the old table its triggers
    went, and the rows have other numbers."""
    if connection.dialect.name != "sqlite":
        return
    for table, columns in list(searches(connection).items()):
        if not columns:
            columns = dict(_virtual_tables(connection))[table]
            _keep(connection, table, columns)


def _ensure_trigrams(connection: sa.Connection) -> None:
    if connection.exec_driver_sql("SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm'").first():
        return
    try:
        connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    except sa.exc.DBAPIError as error:
        raise SearchUnavailable(
            "Searches need the PostgreSQL extension pg_trgm, which this account may not create or the server does not "
            "have. Have an administrator run `CREATE EXTENSION pg_trgm` in this database (the package is often called "
            f"postgresql-contrib), and migrate again. It said: {error.orig}"
        ) from error


# -- SQLite -------------------------------------------------------------------------------------------------

# A table may be called as a word of SQL; the columns of an index are folded ones, whose names are none.
_quote = sqlite.dialect().identifier_preparer.quote


def _virtual_table(table: str, columns: Sequence[str]) -> str:
    # Without positions the index is a third as large; the engine looks into what it finds anyhow.
    return (
        f"CREATE VIRTUAL TABLE {name(table)} USING fts5({', '.join(columns)}, content='{table}', "
        "tokenize='trigram case_sensitive 1', detail=none, columnsize=0)"
    )


_EVENTS: Final = {"insert": "INSERT", "delete": "DELETE", "update": "UPDATE OF"}


def _triggers(table: str, columns: Sequence[str]) -> Iterator[str]:
    index, listed = name(table), ", ".join(columns)

    def values(row: str) -> str:
        return ", ".join(f"{row}.{column}" for column in ("rowid", *columns))

    add = f"INSERT INTO {index} (rowid, {listed}) VALUES ({values('new')});"  # noqa: S608
    remove = f"INSERT INTO {index} ({index}, rowid, {listed}) VALUES ('delete', {values('old')});"  # noqa: S608
    does = {"insert": add, "delete": remove, "update": f"{remove} {add}"}
    for event, when in _EVENTS.items():
        named = f" {listed}" if event == "update" else ""
        yield f"CREATE TRIGGER {index}_{event} AFTER {when}{named} ON {_quote(table)} BEGIN {does[event]} END"


def _keep(connection: sa.Connection, table: str, columns: Sequence[str]) -> None:
    """Fill an index anew, and have it kept."""
    for event in _EVENTS:
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name(table)}_{event}")
    for trigger in _triggers(table, columns):
        connection.exec_driver_sql(trigger)
    connection.exec_driver_sql(f"INSERT INTO {name(table)} ({name(table)}) VALUES ('rebuild')")  # noqa: S608


def _virtual_tables(connection: sa.Connection) -> Iterator[tuple[str, tuple[str, ...]]]:
    rows = connection.exec_driver_sql(
        "SELECT sql FROM sqlite_master WHERE type = 'table' AND sql GLOB 'CREATE VIRTUAL TABLE hw_search_*'"
    )
    for (sql,) in rows.fetchall():
        found = re.search(r"fts5\((.*), content='(\w+)'", sql)
        if found is not None:
            yield found[2], tuple(found[1].split(", "))


def _existing_triggers(connection: sa.Connection, table: str) -> set[str]:
    rows = connection.exec_driver_sql(
        "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", (table,)
    )
    return {row[0] for row in rows}

"""One neutral column type for each kind of field, spelt differently by each database.

A migration written with these serves both: `sa.Column("due", hw.DateTime())` is `TIMESTAMP WITH TIME ZONE` on
PostgreSQL and `TEXT` on SQLite. They carry no value conversion, since statements run on the driver itself: the
dialect's encoders and decoders do that. What else a revision calls is found here too.
"""

from typing import Any, ClassVar, Final

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from headwater.db.search import create_search as create_search
from headwater.db.search import drop_search as drop_search
from headwater.ir.model import Kind
from headwater.ir.scalars import fold_text


class Stored(sa.types.UserDefinedType[Any]):
    """A column type. `repr` is what Alembic writes into a migration, where this module is imported as `hw`."""

    postgresql: ClassVar[str]
    sqlite: ClassVar[str]
    cache_ok = True
    render_bind_cast = True

    def __repr__(self) -> str:
        return f"hw.{type(self).__name__}()"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))


@compiles(Stored, "postgresql")
def _postgresql(type: Stored, compiler: Any, **_: Any) -> str:
    return type.postgresql


@compiles(Stored, "sqlite")
def _sqlite(type: Stored, compiler: Any, **_: Any) -> str:
    return type.sqlite


class Text(Stored):
    """Text that compares by code point, on both databases."""

    postgresql, sqlite = 'TEXT COLLATE "C"', "TEXT"


class Id(Text):
    """A row's id, or a reference to one."""


class Enum(Text):
    """One of a declared set of words."""


class Integer(Stored):
    """A whole number of 64 bits."""

    postgresql, sqlite = "BIGINT", "INTEGER"


class Decimal(Integer):
    """A number with declared decimal places, stored multiplied by ten to their power."""


class Money(Decimal):
    """An amount of the declared currency, stored as Decimal is."""


class Duration(Integer):
    """A length of time in microseconds."""


class Float(Stored):
    """A floating-point number of 64 bits."""

    postgresql, sqlite = "DOUBLE PRECISION", "REAL"


class Boolean(Stored):
    """True or false; 1 or 0 on SQLite."""

    postgresql, sqlite = "BOOLEAN", "INTEGER"


class Date(Stored):
    """A calendar day; `2026-01-31` on SQLite."""

    postgresql, sqlite = "DATE", "TEXT"


class DateTime(Stored):
    """An instant to the microsecond; `2026-01-31T12:00:00.000000Z` on SQLite, which sorts by time."""

    postgresql, sqlite = "TIMESTAMP WITH TIME ZONE", "TEXT"


class Json(Stored):
    """A JSON document; its text on SQLite."""

    postgresql, sqlite = "JSONB", "TEXT"


class List(Json):
    """A JSON array of scalars in their wire forms."""


class Array(Stored):
    """A PostgreSQL array: the one parameter that holds a list of values. Never a column."""

    def __init__(self, item: Stored) -> None:
        self.item = item

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Array) and self.item == other.item

    def __hash__(self) -> int:
        return hash((Array, self.item))

    @property
    def postgresql(self) -> str:  # type: ignore[override]
        return f"{self.item.postgresql.removesuffix(COLLATION)}[]"


COLLATION = ' COLLATE "C"'

OF_KIND: dict[Kind, Stored] = {
    Kind.TEXT: Text(),
    Kind.ID: Id(),
    Kind.ENUM: Enum(),
    Kind.INTEGER: Integer(),
    Kind.FLOAT: Float(),
    Kind.DECIMAL: Decimal(),
    Kind.MONEY: Money(),
    Kind.BOOLEAN: Boolean(),
    Kind.DATE: Date(),
    Kind.DATETIME: DateTime(),
    Kind.DURATION: Duration(),
    Kind.JSON: Json(),
    Kind.LIST: List(),
}


BATCH: Final = 1000


def fold(connection: sa.Connection, table: str, column: str, shadow: str) -> None:
    """Fill the folded shadow of a text column for the rows that exist, as a step of a migration."""
    rows = sa.table(table, sa.column("id"), sa.column(column), sa.column(shadow))
    last = ""
    while True:
        found = connection.execute(
            sa.select(rows.c.id, rows.c[column]).where(rows.c.id > last).order_by(rows.c.id).limit(BATCH)
        ).all()
        if not found:
            return
        update = (
            rows.update().where(rows.c.id == sa.bindparam("key")).values({shadow: sa.bindparam("folded")})
        )
        folded = [{"key": id, "folded": fold_text(text)} for id, text in found if text is not None]
        if folded:
            connection.execute(update, folded)
        last = found[-1][0]

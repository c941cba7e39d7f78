"""How PostgreSQL spells what the engine needs, and what asyncpg takes and gives."""

import re
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

from headwater.db import types
from headwater.db.base import BETWEEN_WORDS, Element, Encode, Features
from headwater.db.codec import (
    decode_document,
    duration,
    encode_document,
    json_encode,
    microseconds,
    plain_float,
    scale,
    unscale,
    wire_item,
)
from headwater.db.elements import Condition, RowObject, Template, literal
from headwater.ir.model import Kind, Type

_BETWEEN_WORDS = BETWEEN_WORDS.replace("[-`", r"\[-`")
_REGULAR, _LIKE = re.compile(r"[\\^$.|?*+(){}\[\]]"), re.compile(r"[\\%_]")
LONGEST_NAME = 63
"""Bytes of an identifier; PostgreSQL cuts longer ones off without an error."""


class _Compiler(PGDialect_asyncpg.statement_compiler):  # type: ignore[misc, valid-type]
    def render_bind_cast(self, type_: Any, dbapi_type: Any, sqltext: str) -> str:
        """`$1::TEXT`, without the collation that a column's type carries."""
        return str(super().render_bind_cast(type_, dbapi_type, sqltext)).removesuffix(types.COLLATION)


class _SQLAlchemy(PGDialect_asyncpg):
    statement_compiler = _Compiler


class PostgresDialect:
    """PostgreSQL 15 or newer."""

    features = Features(
        name="postgresql",
        lateral=True,
        row_locks=True,
        writing_queries=True,
    )
    sqlalchemy: sa.engine.Dialect = _SQLAlchemy()  # type: ignore[no-untyped-call]

    def column_type(self, type: Type) -> sa.types.TypeEngine[Any]:
        return types.OF_KIND[type.kind]

    def encoder(self, type: Type) -> Encode | None:
        match type.kind:
            case Kind.DECIMAL | Kind.MONEY:
                return scale(type.places)
            case Kind.DURATION:
                return microseconds
            case Kind.FLOAT:
                return plain_float
            case Kind.JSON | Kind.LIST:
                return encode_document(type)
            case _:
                return None

    def decoder(self, type: Type) -> Encode | None:
        match type.kind:
            case Kind.DECIMAL | Kind.MONEY:
                return unscale(type.places)
            case Kind.DURATION:
                return duration
            case Kind.JSON | Kind.LIST:
                return decode_document(type)
            case _:
                return None

    def wire(self, type: Type, column: Element) -> Element:
        match type.kind:
            case Kind.DECIMAL:
                return Template(_decimal(type.places), column, type=types.Text())
            case Kind.MONEY:
                currency = json_encode(type.currency).replace("'", "''")
                text = f"""('{{{{"amount":"' || {_decimal(type.places)} || '","currency":{currency}}}}}')::json"""
                return Template(text, column)
            case Kind.DATETIME:
                text = """to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
                return Template(text, column, type=types.Text())
            case Kind.DURATION:
                text = "(CASE WHEN {0} < 0 THEN '-PT' ELSE 'PT' END || trim_scale(abs({0} * 0.000001))::text || 'S')"
                return Template(text, column, type=types.Text())
            case _:
                return column

    def json_object(
        self, pairs: Sequence[tuple[str, Element]], nested: Sequence[tuple[str, Element]] = ()
    ) -> Element:
        pairs = [*pairs, *nested]
        if long := next((name for name, _ in pairs if len(name.encode()) > LONGEST_NAME), None):
            raise ValueError(f"{long!r} is longer than the {LONGEST_NAME} bytes of a PostgreSQL name")
        return RowObject(pairs)

    def json_members(
        self, members: Sequence[tuple[str, Element, bool]], *, aggregates: bool = False
    ) -> Element:
        pairs = [(name, value) for name, value, _ in members]
        if not aggregates:
            return self.json_object(pairs)
        # An aggregate without a column would be one of the row's own sub-select.
        return sa.func.json_build_object(*(part for name, value in pairs for part in (literal(name), value)))

    def document(self, pairs: Sequence[tuple[str, Element]]) -> Element:
        return RowObject(pairs, "to_jsonb")

    def json_list(self, objects: sa.Subquery, column: str, order: Sequence[Element]) -> sa.ScalarSelect[Any]:
        return sa.select(self.json_items(objects.c[column], order)).select_from(objects).scalar_subquery()

    def json_items(self, item: Element, order: Sequence[Element], where: Element | None = None) -> Element:
        items: Any = sa.func.json_agg(item)
        items = items.aggregate_order_by(*order) if order else items
        items = items if where is None else items.filter(where)
        return sa.func.coalesce(items, sa.literal_column("'[]'::json"))

    def json_part(self, document: Element, name: str) -> Element:
        return Template("({0} -> {1})", document, literal(name))

    def json_array(self, items: Sequence[Element]) -> Element:
        return sa.func.json_build_array(*items)

    def joined(
        self, objects: sa.Subquery, column: str, order: Sequence[Element], separator: str
    ) -> sa.ScalarSelect[Any]:
        items: Any = sa.func.string_agg(objects.c[column], literal(separator))
        items = items.aggregate_order_by(*order) if order else items
        return sa.select(sa.func.coalesce(items, literal(""))).select_from(objects).scalar_subquery()

    def json_text(self, item: Element) -> Element:
        return Template("coalesce(to_json({0})::text, 'null')", item, type=types.Text())

    def member(self, item: Element, values: Element, type: Type) -> Element:
        array = types.Array(types.OF_KIND[type.kind])
        return Condition("({0} = ANY ({1}))", item, sa.type_coerce(values, array))

    def encode_list(self, type: Type) -> Encode:
        encode = self.encoder(type)
        return list if encode is None else lambda values: [encode(value) for value in values]

    def has_element(self, item: Element, element: Element) -> Element:
        return Condition("({0} @> {1})", item, sa.type_coerce(element, types.Json()))

    def encode_element(self, type: Type) -> Encode:
        item = wire_item(type)
        return json_encode if item is None else lambda value: json_encode(item(value))

    def contains(self, item: Element, text: Element) -> Element:
        return Condition("(strpos({0}, {1}) > 0)", item, sa.type_coerce(text, types.Text()))

    def starts_with(self, item: Element, text: Element) -> Element:
        return Condition("({0} ^@ {1})", item, sa.type_coerce(text, types.Text()))

    def starts_word(self, item: Element, pattern: Element) -> Element:
        return Condition("({0} ~ {1})", item, sa.type_coerce(pattern, types.Text()))

    def encode_word(self, text: str) -> str:
        return f"[{_BETWEEN_WORDS}]" + _REGULAR.sub(r"\\\g<0>", text)

    def indexed(
        self, table: str, alias: str, columns: Sequence[Element], patterns: Sequence[Element]
    ) -> Element:
        def found(pattern: Element) -> Element:
            like = sa.type_coerce(pattern, types.Text())
            return sa.or_(*(Condition("({0} LIKE {1})", column, like) for column in columns))

        return sa.and_(*map(found, patterns))

    def encode_pattern(self, text: str) -> str:
        return "%" + _LIKE.sub(r"\\\g<0>", text) + "%"

    def sum(self, item: Element) -> Element:
        return Template(_SUM, item, type=types.Integer())

    def wide_sum(self, item: Element) -> Element:
        return Template("coalesce(sum({0}), 0)", item)

    def decode_sum(self, raw: Any) -> int:
        return int(raw)

    def sum_order(self, item: Element) -> tuple[Element, ...]:
        return (self.wide_sum(item),)

    def mean(self, item: Element) -> Element:
        return Template("round(avg({0}))::BIGINT", item, type=types.Integer())

    def calculate(self, op: str, left: Element, right: Element) -> Element:
        return Template(_WHOLE.format(f"{{0}}::numeric {op} {{1}}"), left, right, type=types.Integer())

    def elapsed(self, end: Element, start: Element) -> Element:
        text = "(EXTRACT(EPOCH FROM {0} - {1}) * 1000000)::BIGINT"
        return Template(f"({text})", end, start, type=types.Integer())

    def is_true(self, item: Element) -> Element:
        return Condition("(({0}) IS TRUE)", item)

    def turn(self, name: str) -> str | None:
        return f"SELECT pg_advisory_xact_lock(hashtextextended('headwater:{name}', 0))"

    def writers(self, table: str) -> str | None:
        return (
            "SELECT virtualtransaction FROM pg_locks WHERE granted AND mode = 'RowExclusiveLock' "  # noqa: S608
            f"AND locktype = 'relation' AND relation = '{table}'::regclass "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )


# Its sum of 64 bits is a numeric, which holds any.
_SUM = (
    "(CASE WHEN coalesce(sum({0}), 0) BETWEEN -9223372036854775808 AND 9223372036854775807"
    " THEN coalesce(sum({0}), 0)::BIGINT END)"
)

# What is beyond 64 bits is put at their ends, and becomes null there. So nothing is named twice, and worked out twice.
_WHOLE = (
    "nullif(nullif(least(greatest({}, -9223372036854775809), 9223372036854775808),"
    " -9223372036854775809), 9223372036854775808)::BIGINT"
)


def _decimal(places: int) -> str:
    """The text of a scaled whole number. A product has as many digits after the point as its factors together."""
    if places == 0:
        return "({0})::text"
    return f"({{0}} * 0.{'1'.rjust(places, '0')})::text"

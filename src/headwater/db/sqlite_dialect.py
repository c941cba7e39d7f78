"""How SQLite spells what the engine needs, and what apsw takes and gives."""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import pysqlite

from headwater.db import search, types
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
from headwater.db.elements import Condition, Template, literal, pushed
from headwater.ir.model import Kind, Type
from headwater.ir.scalars import datetime_wire
from headwater.ir.search import GRAM


class SQLiteDialect:
    """SQLite 3.51 or newer."""

    features = Features(
        name="sqlite",
        lateral=False,
        row_locks=False,
        writing_queries=False,
        nulls_smallest=True,
    )
    sqlalchemy: sa.engine.Dialect = pysqlite.dialect()

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
            case Kind.BOOLEAN:
                return int
            case Kind.DATE:
                return date.isoformat
            case Kind.DATETIME:
                return datetime_wire
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
            case Kind.BOOLEAN:
                return bool
            case Kind.DATE:
                return date.fromisoformat
            case Kind.DATETIME:
                return datetime.fromisoformat
            case Kind.JSON | Kind.LIST:
                return decode_document(type)
            case _:
                return None

    def wire(self, type: Type, column: Element) -> Element:
        match type.kind:
            case Kind.DECIMAL:
                return pushed(column, _template(_decimal(type.places)))
            case Kind.MONEY:
                currency = json_encode(type.currency).replace("'", "''")
                text = f"""'{{{{"amount":"' || {_decimal(type.places)} || '","currency":{currency}}}}}'"""
                return sa.func.json(pushed(column, _template(text)))
            case Kind.BOOLEAN:
                return Template("json(CASE {0} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END)", column)
            case Kind.DURATION:
                return pushed(column, _template(_DURATION))
            case Kind.JSON | Kind.LIST:
                return sa.func.json(column)
            case _:
                return column

    def json_object(
        self, pairs: Sequence[tuple[str, Element]], nested: Sequence[tuple[str, Element]] = ()
    ) -> Element:
        if not nested:
            return sa.func.json_object(*_named(pairs))
        return self.json_members([*((*pair, False) for pair in pairs), *((*pair, True) for pair in nested)])

    def json_members(
        self, members: Sequence[tuple[str, Element, bool]], *, aggregates: bool = False
    ) -> Element:
        # What is nested is text already. SQLite would parse it again at each level to make it part of an object, so
        # the text of an object of plain members is continued instead, after the name of what follows them. Each is
        # named once in the template: SQLite works an expression out as often as it is named.
        pieces, elements, run = list[str](), list[Element](), list[tuple[str, Element]]()

        def place(element: Element) -> str:
            elements.append(element)
            return f"{{{len(elements) - 1}}}"

        def joined(text: str) -> str:
            return f"',' || substr({text}, 2)" if pieces else text

        for name, value, is_text in members:
            if not is_text:
                run.append((name, value))
                continue
            if run:
                opened = place(sa.func.json_object(*_named(run), literal(name), sa.null()))
                pieces.append(joined(f"rtrim({opened}, 'nul}}}}')"))
                run = []
            else:
                quoted = name.replace("'", "''").replace("{", "{{").replace("}", "}}")
                pieces.append(f"""'{"," if pieces else "{{"}"{quoted}":'""")
            pieces.append(f"coalesce({place(value)}, 'null')")
        pieces.append(
            joined(place(sa.func.json_object(*_named(run)))) if run else "'}}'" if pieces else "'{{}}'"
        )
        return Template(f"({' || '.join(pieces)})", *elements, type=types.Text())

    def document(self, pairs: Sequence[tuple[str, Element]]) -> Element:
        return self.json_object(pairs)

    def json_list(self, objects: sa.Subquery, column: str, order: Sequence[Element]) -> sa.ScalarSelect[Any]:
        return sa.select(self.json_items(objects.c[column], order)).select_from(objects).scalar_subquery()

    def json_items(self, item: Element, order: Sequence[Element], where: Element | None = None) -> Element:
        items: Any = sa.func.group_concat(item, literal(","))
        items = items.aggregate_order_by(*order) if order else items
        items = items if where is None else items.filter(where)
        return Template("('[' || coalesce({0}, '') || ']')", items, type=types.Text())

    def json_part(self, document: Element, name: str) -> Element:
        return Template("({0} -> {1})", document, literal(f'$."{name}"'), type=types.Text())

    def json_array(self, items: Sequence[Element]) -> Element:
        return sa.func.json_array(*items)

    def joined(
        self, objects: sa.Subquery, column: str, order: Sequence[Element], separator: str
    ) -> sa.ScalarSelect[Any]:
        items: Any = sa.func.group_concat(objects.c[column], literal(separator))
        items = items.aggregate_order_by(*order) if order else items
        return sa.select(sa.func.coalesce(items, literal(""))).select_from(objects).scalar_subquery()

    def json_text(self, item: Element) -> Element:
        return sa.func.json_quote(item)

    def member(self, item: Element, values: Element, type: Type) -> Element:
        return Condition("({0} IN (SELECT value FROM json_each({1})))", item, values)

    def encode_list(self, type: Type) -> Encode:
        encode = self.encoder(type)
        if encode is None:
            return lambda values: json_encode(list(values))
        return lambda values: json_encode([encode(value) for value in values])

    def has_element(self, item: Element, element: Element) -> Element:
        return Condition("EXISTS (SELECT 1 FROM json_each({0}) WHERE value = {1})", item, element)

    def encode_element(self, type: Type) -> Encode:
        if type.item is Kind.BOOLEAN:
            return int
        return wire_item(type) or _same

    def contains(self, item: Element, text: Element) -> Element:
        return Condition("(instr({0}, {1}) > 0)", item, text)

    def starts_with(self, item: Element, text: Element) -> Element:
        # A range, so that an index serves it: no character's UTF-8 begins with the byte FF.
        return Condition("({0} >= {1} AND {0} < {1} || CAST(x'ff' AS TEXT))", item, text)

    def starts_word(self, item: Element, pattern: Element) -> Element:
        return Condition("({0} GLOB {1})", item, pattern)

    def encode_word(self, text: str) -> str:
        return f"*[{BETWEEN_WORDS}]" + _GLOB.sub(r"[\g<0>]", text) + "*"

    def indexed(
        self, table: str, alias: str, columns: Sequence[Element], patterns: Sequence[Element]
    ) -> Element:
        index = search.name(table)
        every = " || ' AND ' || ".join(f"{{{place}}}" for place in range(len(patterns)))
        text = f"({alias}.rowid IN (SELECT rowid FROM {index} WHERE {index} MATCH {every}))"  # noqa: S608
        return Condition(text, *patterns)

    def encode_pattern(self, text: str) -> str:
        # Not all trigrams of the text, but such that each of its characters is in one.
        last = len(text) - GRAM
        grams = {text[start : start + GRAM] for start in (*range(0, last, GRAM), last)}
        return " AND ".join(sorted(f'"{gram.replace(chr(34), 2 * chr(34))}"' for gram in grams))

    def sum(self, item: Element) -> Element:
        fits = Condition(f"({_HIGH} BETWEEN -2147483648 AND 2147483647)", item)
        return sa.case((fits, Template(f"(({_HIGH} << 32) | {_LOW})", item, type=types.Integer())))

    def wide_sum(self, item: Element) -> Element:
        return Template(f"({_HIGH} || ' ' || {_LOW})", item, type=types.Text())

    def decode_sum(self, raw: Any) -> int:
        high, low = raw.split()
        return (int(high) << 32) + int(low)

    def sum_order(self, item: Element) -> tuple[Element, ...]:
        return Template(_HIGH, item), Template(_LOW, item)

    def mean(self, item: Element) -> Element:
        return Template(_MEAN, item, type=types.Integer())

    def calculate(self, op: str, left: Element, right: Element) -> Element:
        # What does not fit becomes a float, as does all that is calculated with it: so the whole is looked at once.
        bare = [operand.bare if isinstance(operand, _Whole) else operand for operand in (left, right)]
        return _Whole(Template(f"({{0}} {op} {{1}})", *bare, type=types.Integer()))

    def elapsed(self, end: Element, start: Element) -> Element:
        moment = "(unixepoch(substr({%d}, 1, 19)) * 1000000 + CAST(substr({%d}, 21, 6) AS INTEGER))"
        return Template(f"({moment % (0, 0)} - {moment % (1, 1)})", end, start, type=types.Integer())

    def is_true(self, item: Element) -> Element:
        return Condition("(({0}) IS TRUE)", item)

    def turn(self, name: str) -> str | None:
        return None

    def writers(self, table: str) -> str | None:
        return None


class _Whole(sa.Case[Any]):
    """A calculated number if it is whole, else null."""

    inherit_cache = False

    def __init__(self, bare: Element) -> None:
        self.bare = bare
        super().__init__((Condition("typeof({0}) = 'integer'", bare), bare))


# SQLite's `sum` fails where 64 bits cannot hold it, and its `avg` is in floating point, which loses digits. So the
# upper and lower 32 bits are added apart, which is safe for two thousand million rows.
_HIGHS, _LOWS = "coalesce(sum({0} >> 32), 0)", "coalesce(sum({0} & 4294967295), 0)"
_HIGH, _LOW = f"({_HIGHS} + ({_LOWS} >> 32))", f"({_LOWS} & 4294967295)"

# The mean's whole part, and the rest, of which as many make one as there are values. The innermost query has no rows of
# its own, so what it adds up are those of the query around it, each number of which is worked out once.
_MEAN = (
    "(SELECT whole + CASE WHEN 2 * abs(rest) < number THEN 0"  # noqa: S608
    " WHEN rest > 0 THEN 2 * rest > number OR whole >= 0"
    " ELSE -(-2 * rest > number OR whole <= 0) END"
    " FROM (SELECT high / number * 4294967296 + (high % number * 4294967296 + low) / number AS whole,"
    " (high % number * 4294967296 + low) % number AS rest, number"
    f" FROM (SELECT {_HIGHS} AS high, {_LOWS} AS low, nullif(count({{0}}), 0) AS number)))"
)

_GLOB = re.compile(r"[*?\[]")

_DURATION = (
    "(CASE WHEN {0} < 0 THEN '-PT' ELSE 'PT' END || abs({0} / 1000000) ||"
    " CASE {0} % 1000000 WHEN 0 THEN ''"
    " ELSE '.' || rtrim(substr(abs({0} % 1000000) + 1000000, 2), '0') END || 'S')"
)


def _named(pairs: Sequence[tuple[str, Element]]) -> list[Element]:
    """The arguments of `json_object`."""
    return [part for name, value in pairs for part in (literal(name), value)]


def _template(text: str) -> Callable[[Element], Element]:
    return lambda element: Template(text, element, type=types.Text())


def _decimal(places: int) -> str:
    """The text of a scaled whole number."""
    if places == 0:
        return "CAST({0} AS TEXT)"
    one = 10**places
    return (
        "(CASE WHEN {0} < 0 THEN '-' ELSE '' END ||"
        f" abs({{0}} / {one}) || '.' || substr(abs({{0}} % {one}) + {one}, 2))"
    )


def _same(value: Any) -> Any:
    return value

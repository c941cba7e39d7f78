"""The statement for a summary: the rows that the caller may see, what of them is asked for, and their groups.

The database counts and adds; here each group's few numbers become JSON, the same on both databases.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from headwater.db.base import Dialect, Element
from headwater.db.codec import duration, json_encode, unscale
from headwater.db.floats import float_mean, float_sum
from headwater.engine.compile import FLOAT, INTEGER, Scope
from headwater.engine.page import Page
from headwater.engine.schema import from_stored, ordered
from headwater.ir import expr as e
from headwater.ir.model import Kind, Type
from headwater.ir.query import Function, Measure, Summary
from headwater.ir.scalars import microseconds_wire
from headwater.ir.summaries import wire_path
from headwater.ir.values import wire_encoder

KEPT = 128

Write = Callable[..., str]
"""From the raw values of some columns to JSON."""

Read = Callable[..., Any]
"""The same to a Python value."""

Value = tuple[e.Scalar | None, e.Predicate | None]
"""What is asked of each row: a value, or nothing, and whether the row counts."""

_MEMBERS: dict[Function, str] = {
    "count": "counts",
    "countDistinct": "countDistinct",
    "sum": "sum",
    "avg": "avg",
    "min": "min",
    "max": "max",
}


@dataclass(eq=False, slots=True)
class _Output:
    """A group's key or measure: its columns, what rows are ordered by it with, its JSON, and its Python value."""

    columns: tuple[Element, ...]
    write: Write
    read: Read
    order: tuple[Element, ...] = ()
    places: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Columns:
    """What is selected, each element once."""

    labels: list[sa.Label[Any]]

    def place(self, element: Element) -> int:
        """Where an element is selected."""
        for place, label in enumerate(self.labels):
            if label.element is element:
                return place
        self.labels.append(element.label(f"c{len(self.labels)}"))
        return len(self.labels) - 1


@dataclass(eq=False, slots=True)
class Groups:
    """The parts of one summary's statement, and what makes JSON or Python values of a row of it."""

    page: Page
    _labels: dict[Value, str] = field(default_factory=dict)
    _types: dict[Value, Type] = field(default_factory=dict)
    _outputs: dict[e.Column | Measure, _Output] = field(default_factory=dict)
    _number: Element = field(default_factory=sa.func.count)

    @property
    def summary(self) -> Summary:
        summary = self.page.query.summary
        assert summary is not None
        return summary

    def statement(self) -> sa.Select[Any]:
        """Columns of a row: how many rows are in the group (null: there is no group), those of its keys and of its
        measures, in order, and last whether the row that the question lies within is visible, if there is one."""
        summary = self.summary
        self.page.gather_keys()
        self.page.compiler.statement.gathers = True
        rows = self._rows()
        for column in summary.groups:
            value, type = rows.c[self._labels[column, None]], self._types[column, None]
            self._outputs[column] = _Output((value,), self._plain(type), self._plainly(type), (value,))
        for measure in summary.measures:
            self._outputs[measure] = self._measure(measure, rows)
        selected = _Columns([self._number.label("n")])
        for output in self._outputs.values():
            output.places = [selected.place(column) for column in output.columns]
        keys = [(selected.labels[selected.place(by)], descending) for by, descending in self._order()]
        order = [ordered(key, descending, True) for key, descending in keys]
        groups = sa.select(*selected.labels).select_from(rows)
        if summary.groups:
            made_by = [rows.c[self._labels[column, None]] for column in summary.groups]
            groups = groups.group_by(*made_by).order_by(*order).limit(self.page.limit)
        heads = self.page.heads(False)
        if not heads:
            return groups
        head = sa.select(*(element.label(name) for name, element in heads)).subquery("head")
        found = groups.subquery("groups")
        again = [ordered(found.c[key.name], descending, True) for key, descending in keys]
        return (
            sa.select(*found.c, head.c.within)
            .select_from(head.outerjoin(found, head.c.within))
            .order_by(*again)
        )

    def _rows(self) -> Any:
        """The rows, with a column for each of their fields that is named."""
        wanted: list[Value] = [(column, None) for column in self.summary.groups]
        wanted += [(m.column, m.where) for m in self.summary.measures if m != Measure("count")]
        for each in wanted:
            self._labels.setdefault(each, f"v{len(self._labels)}")

        def values(scope: Scope) -> list[Element]:
            found: list[Element] = [self._value(v, scope).label(label) for v, label in self._labels.items()]
            return found or [sa.literal_column("1").label("one")]

        rows = self.page.chosen(values)
        if all(
            isinstance(c.element, sa.ColumnClause) for c in rows.selected_columns if isinstance(c, sa.Label)
        ):
            return rows.subquery("rows")
        # SQLite would work out again what is named again, so it is told to keep it.
        return rows.cte("rows").prefix_with("MATERIALIZED", dialect="sqlite")

    def _value(self, each: Value, scope: Scope) -> Element:
        """What a row gives to a measure: null where it does not count."""
        value, where = each
        compiler = self.page.compiler
        element, type = (sa.literal_column("1"), INTEGER) if value is None else compiler.scalar(value, scope)
        self._types[each] = type
        return element if where is None else sa.case((compiler.predicate(where, scope), element))

    def _measure(self, measure: Measure, rows: Any) -> _Output:
        if measure == Measure("count"):
            return _same((self._number,), str, int)
        dialect = self.page.compiler.schema.dialect
        each = (measure.column, measure.where)
        value, type = rows.c[self._labels[each]], self._types[each]
        match measure.function:
            case "count":
                return _same((sa.func.count(value),), str, int)
            case "countDistinct":
                return _same((sa.func.count(value.distinct()),), str, int)
            case "sum" if type.kind is Kind.FLOAT:
                return _same((float_sum(value),), json_encode, float)
            case "sum":
                whole, number = _whole(type), _number(type)
                write = lambda raw: whole(dialect.decode_sum(raw))  # noqa: E731
                read = lambda raw: number(dialect.decode_sum(raw))  # noqa: E731
                return _Output((dialect.wide_sum(value),), write, read, dialect.sum_order(value))
            case "avg" if type.kind is Kind.INTEGER:
                mean = sa.cast(sa.func.avg(value), dialect.column_type(FLOAT))
                columns = (dialect.wide_sum(value), sa.func.count(value))
                exact = _quotient(dialect)
                return _Output(columns, lambda *raw: json_encode(exact(*raw)), exact, (mean,))
            case "avg" if type.kind is Kind.FLOAT:
                return _same((float_mean(value),), json_encode, float)
            case "avg":
                return _same((dialect.mean(value),), _whole(type), _number(type))
            case "min":
                return _same((sa.func.min(value),), self._plain(type), self._plainly(type))
            case "max":
                return _same((sa.func.max(value),), self._plain(type), self._plainly(type))

    def _plainly(self, type: Type) -> Read:
        """A field's own value, as authors have it."""
        read = from_stored(self.page.compiler.schema.dialect, type)
        return lambda raw: raw if raw is None or read is None else read(raw)

    def _plain(self, type: Type) -> Write:
        """A field's own value."""
        decode, encode = self.page.compiler.schema.dialect.decoder(type), wire_encoder(type)

        def write(raw: Any) -> str:
            return "null" if raw is None else json_encode(encode(raw if decode is None else decode(raw)))

        # Most groups are made by few values, which come again in each answer.
        return lru_cache(KEPT)(write)

    def _order(self) -> Iterator[tuple[Element, bool]]:
        """What groups are ordered by, and whether it descends; at the end all that they are made by."""
        asked = {key.by: key.descending for key in self.summary.sort}
        for by in (*asked, *(column for column in self.summary.groups if column not in asked)):
            for element in self._outputs[by].order:
                yield element, asked.get(by, False)

    # -- JSON -------------------------------------------------------------------------------------------------

    def writer(self) -> Callable[[Sequence[Any]], str]:
        """What makes JSON of a row of `statement`, once that is made."""
        members: list[str] = []
        parts: list[tuple[Write, list[int]]] = []

        def listed(named: Iterable[tuple[str, e.Column | Measure]]) -> str:
            pairs = []
            for name, key in named:
                output = self._outputs[key]
                parts.append((output.write, output.places))
                pairs.append(f'"{name}":%s')
            return ",".join(pairs)

        if self.summary.groups:
            members.append(f'"group":{{{listed((self._wire(c), c) for c in self.summary.groups)}}}')
        if Measure("count") in self.summary.measures:
            members.append(listed([("count", Measure("count"))]))
        for function, member in _MEMBERS.items():
            of = [
                (self._wire(m.column), m)
                for m in self.summary.measures
                if isinstance(m.column, e.Column) and m.function == function
            ]
            if of:
                members.append(f'"{member}":{{{listed(of)}}}')
        text = f"{{{','.join(members)}}}"
        return lambda row: text % tuple([write(*[row[place] for place in places]) for write, places in parts])

    def reader(self) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
        """What makes Python values of a row of `statement`, once that is made: its keys, then its measures."""
        asked: list[e.Column | Measure] = [*self.summary.groups, *self.summary.measures]
        parts = [(self._outputs[by].read, self._outputs[by].places) for by in asked]
        return lambda row: tuple([read(*[row[place] for place in places]) for read, places in parts])

    def _wire(self, column: e.Column) -> str:
        return wire_path(self.page.compiler.schema.model, self.page.resource, column)


def _same(columns: tuple[Element, ...], write: Write, read: Read) -> _Output:
    """An output that is ordered by what it shows."""
    return _Output(
        columns,
        lambda raw: "null" if raw is None else write(raw),
        lambda raw: None if raw is None else read(raw),
        columns,
    )


def _quotient(dialect: Dialect) -> Read:
    """From a sum of integers and their number to the float that is nearest to the exact mean; null of none."""
    return lambda total, number: dialect.decode_sum(total) / number if number else None


def _number(type: Type) -> Read:
    """From a whole number, however large, to the value that it means in a field of this type."""
    match type.kind:
        case Kind.DECIMAL | Kind.MONEY:
            return unscale(type.places)
        case Kind.DURATION:
            return duration
        case _:
            return int


def _whole(type: Type) -> Write:
    """From a whole number, however large, to what it means in a field of this type."""
    match type.kind:
        case Kind.DECIMAL:
            return lambda number: f'"{_decimal(number, type.places)}"'
        case Kind.MONEY:
            currency = json_encode(type.currency)
            return lambda number: f'{{"amount":"{_decimal(number, type.places)}","currency":{currency}}}'
        case Kind.DURATION:
            return lambda number: json_encode(microseconds_wire(number))
        case _:
            return str


def _decimal(number: int, places: int) -> str:
    """The text of a scaled whole number."""
    if not places:
        return str(number)
    digits = f"{abs(number):0{places + 1}}"
    return f"{'-' if number < 0 else ''}{digits[:-places]}.{digits[-places:]}"

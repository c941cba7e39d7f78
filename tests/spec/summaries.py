"""Summaries as tests ask for them, and their naive answers: worked out row by row, in exact numbers."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from hypothesis import strategies as st

from headwater.ir.expr import Column
from headwater.ir.filters import UNSORTED
from headwater.ir.model import Kind, Model, Resource, Type
from headwater.ir.query import GroupSort, Measure, Query, Summary
from headwater.ir.summaries import FITTING
from headwater.ir.values import to_wire

Path = tuple[str, ...]
Reach = Callable[[Any, Path], Any]
"""What a row, as the actor sees it, has at the end of a path of references."""

_EXACT = Context(prec=80)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Wanted:
    """A summary. A key of `sort` is the number of a measure, or a path that is grouped by."""

    measures: tuple[tuple[str, Path | None], ...]
    groups: tuple[Path, ...] = ()
    sort: tuple[tuple[int | Path, bool], ...] = ()
    limit: int = 100

    def parameters(self, model: Model, resource: Resource) -> list[str]:
        """The query string's parts."""
        spelt = [_spelt(function, path, model, resource) for function, path in self.measures]
        parts = ["aggregate=" + ",".join(spelt)]
        if self.groups:
            parts.append("groupBy=" + ",".join(wire(path, model, resource) for path in self.groups))
            parts.append(f"limit={self.limit}")
        if self.sort:
            keys = [
                ("-" if descending else "")
                + (spelt[by] if isinstance(by, int) else wire(by, model, resource))
                for by, descending in self.sort
            ]
            parts.append("sort=" + ",".join(keys))
        return parts

    def query(self, resource: str, **more: Any) -> Query:
        """The question to the engine."""
        measures = [Measure(f, None if path is None else Column(path)) for f, path in self.measures]  # type: ignore[arg-type]
        sort = [
            GroupSort(measures[by] if isinstance(by, int) else Column(by), descending)
            for by, descending in self.sort
        ]
        groups = tuple(Column(path) for path in self.groups)
        return Query(resource, summary=Summary(tuple(measures), groups, tuple(sort), self.limit), **more)

    def answer(self, model: Model, resource: Resource, rows: Iterable[Any], reach: Reach) -> tuple[Any, bool]:
        """The data, and whether there are more groups than asked for."""
        groups: dict[tuple[Any, ...], list[Any]] = {} if self.groups else {(): []}
        for row in rows:
            groups.setdefault(tuple(reach(row, path) for path in self.groups), []).append(row)
        found = []
        for made_by, members in groups.items():
            results = [
                _result(
                    function, None if path is None else _type(path, model, resource), members, path, reach
                )
                for function, path in self.measures
            ]
            found.append((made_by, results))
        found.sort(key=lambda group: [_rank(value) for value in group[0]])
        for by, descending in reversed(self.sort):

            def key(group: Any, by: int | Path = by) -> Any:
                return _rank(group[1][by] if isinstance(by, int) else group[0][self.groups.index(by)])

            found.sort(key=key, reverse=descending)
        shown = [self._shown(model, resource, made_by, results) for made_by, results in found]
        return (shown[: self.limit], len(shown) > self.limit) if self.groups else (shown[0], False)

    def _shown(self, model: Model, resource: Resource, made_by: Any, results: list[Any]) -> dict[str, Any]:
        answer: dict[str, Any] = {}
        if self.groups:
            answer["group"] = {
                wire(path, model, resource): to_wire(_type(path, model, resource), value)
                for path, value in zip(self.groups, made_by, strict=True)
            }
        for (function, path), value in zip(self.measures, results, strict=True):
            if path is None:
                answer["count"] = value
                continue
            type = _type(path, model, resource)
            member = "counts" if function == "count" else function
            answer.setdefault(member, {})[wire(path, model, resource)] = _wired(function, type, value)
        return answer


def measure(function: str, type: Type, values: Iterable[Any]) -> Any:
    """The JSON form of a measure of values, of which nulls do not count."""
    return _wired(function, type, _measured(function, type, [value for value in values if value is not None]))


def _wired(function: str, type: Type, value: Any) -> Any:
    if function in ("count", "countDistinct") or (function == "avg" and type.kind is Kind.INTEGER):
        return value
    if type.kind is Kind.DURATION and isinstance(value, int):
        return _duration(value)
    return to_wire(type, value)


def _result(function: str, type: Type | None, rows: list[Any], path: Path | None, reach: Reach) -> Any:
    if path is None or type is None:
        return len(rows)
    return _measured(function, type, [value for row in rows if (value := reach(row, path)) is not None])


def _measured(function: str, type: Type, values: list[Any]) -> Any:
    match function:
        case "count":
            return len(values)
        case "countDistinct":
            return len(set(values))
        case "min":
            return min(values, default=None)
        case "max":
            return max(values, default=None)
    if type.kind is Kind.DURATION:  # in microseconds, since a sum may be longer than any timedelta
        values = [value // _MICROSECOND for value in values]
    total: Any = 0.0 if type.kind is Kind.FLOAT else 0
    for value in values:
        total = _EXACT.add(total, value) if isinstance(value, Decimal) else total + value
    if function == "sum":
        return total
    if not values:
        return None
    match type.kind:
        case Kind.DECIMAL | Kind.MONEY:
            return _rounded(_EXACT.divide(total, len(values)), Decimal(1).scaleb(-type.places))
        case Kind.DURATION:
            return int(_rounded(_EXACT.divide(total, len(values)), Decimal(1)))
    return total / len(values)


def _duration(microseconds: int) -> str:
    seconds = f"{Decimal(abs(microseconds)).scaleb(-6, _EXACT):f}"
    return f"{'-' if microseconds < 0 else ''}PT{seconds.rstrip('0').rstrip('.')}S"


def _rounded(value: Decimal, unit: Decimal) -> Decimal:
    rounded = value.quantize(unit, rounding=ROUND_HALF_UP, context=_EXACT)
    return _EXACT.plus(rounded)  # a zero loses its sign


def _rank(value: Any) -> tuple[bool, Any]:
    return (value is not None, value)


def _spelt(function: str, path: Path | None, model: Model, resource: Resource) -> str:
    return function if path is None else f"{function}({wire(path, model, resource)})"


def wire(path: Path, model: Model, resource: Resource) -> str:
    """A path as clients spell it."""
    *hops, last = path
    names = []
    for hop in hops:
        names.append(resource.relations[hop].wire)
        resource = model.target(resource, (hop,))
    return ".".join([*names, resource.fields[last].wire])


def _type(path: Path, model: Model, resource: Resource) -> Type:
    return model.target(resource, path[:-1]).fields[path[-1]].type


def _ways(model: Model, resource: Resource) -> Iterator[Path]:
    """All fields of a resource's rows, and of the rows that they refer to."""
    for field in resource.fields.values():
        if not field.internal:
            yield (field.name,)
    for relation in resource.relations.values():
        if relation.kind == "one":
            target = model.resources[relation.target]
            yield from ((relation.name, field.name) for field in target.fields.values() if not field.internal)


@st.composite
def summaries(draw: st.DrawFn, model: Model, resource: Resource) -> Wanted:
    ways = list(_ways(model, resource))
    functions: list[tuple[str, Path | None]] = [("count", None)]
    for function, kinds in FITTING.items():
        for path in ways:
            if _type(path, model, resource).kind in kinds and (function != "sum" or len(path) == 1):
                functions.append((function, path))
    measures = draw(
        st.lists(
            st.sampled_from(sorted({f for f, _ in functions})).flatmap(
                lambda name: st.sampled_from([f for f in functions if f[0] == name])
            ),
            min_size=1,
            max_size=4,
            unique=True,
        )
    )
    # One spelling for one thing: a reference and the key behind it are the same column under two names.
    keys = [path for path in ways if _type(path, model, resource).kind not in UNSORTED]
    groups = tuple(draw(st.lists(st.sampled_from(keys), max_size=3, unique=True)))
    by: list[int | Path] = [*range(len(measures)), *groups]
    sort = draw(st.lists(st.sampled_from(by), max_size=2, unique=True)) if groups else []
    limit = draw(st.sampled_from([1, 3, 100, 1000]))
    return Wanted(tuple(measures), groups, tuple((key, draw(st.booleans())) for key in sort), limit)

"""Summaries in query strings and bodies: `aggregate=count,avg(bid)&groupBy=status,project.name&sort=-count`.

- `count` counts rows, `count(field)` those where the field is not null, `countDistinct(field)` its different values.
- `sum`, `avg`, `min` and `max` leave nulls out. A sum of nothing is zero, the others of nothing are null.
- Functions and groups may look through references, but for `sum`: it would count what many rows refer to once for each
  of them.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from headwater.base.errors import nearest
from headwater.ir.expr import Column
from headwater.ir.filters import OPERATORS, UNSORTED
from headwater.ir.model import Kind, Model, Resource
from headwater.ir.names import Namer, Place, UnknownName
from headwater.ir.query import Function, GroupSort, Measure, Summary

MAX_MEASURES: Final = 20
MAX_GROUP_KEYS: Final = 8
MAX_SORT_KEYS: Final = MAX_MEASURES + MAX_GROUP_KEYS
"""More there are not that can be sorted by."""

_NUMBERS: Final = frozenset({Kind.INTEGER, Kind.FLOAT, Kind.DECIMAL, Kind.MONEY, Kind.DURATION})
_ORDERED: Final = frozenset(kind for kind, operators in OPERATORS.items() if "lt" in operators)
FITTING: Final[Mapping[Function, frozenset[Kind]]] = {
    "count": frozenset(Kind),
    "countDistinct": frozenset(Kind) - UNSORTED,
    "sum": _NUMBERS,
    "avg": _NUMBERS,
    "min": _ORDERED,
    "max": _ORDERED,
}
"""The kinds of fields that each function takes."""

_SPELLINGS: Final[Mapping[str, Function]] = {
    **{name: name for name in FITTING},
    "count_distinct": "countDistinct",
}
_CALL: Final = re.compile(r"([^()]*)(?:\(([^()]*)\))?")

Problem = tuple[str, str, str]
"""A parameter, a message, and a code of the registry."""


class Summarizer:
    """Reads the summary that one request asks of a resource, and collects what is wrong with it."""

    def __init__(self, namer: Namer, resource: Resource) -> None:
        self.namer, self.resource = namer, resource
        self.problems: list[Problem] = []

    def read(self, aggregate: str, group_by: str | None, sort: str | None, order: str | None) -> Summary:
        """The summary, without its limit."""
        measures = tuple(self._measures(aggregate.split(",")))
        groups = tuple(self._groups(group_by.split(","))) if group_by is not None else ()
        if sort is not None and group_by is None:
            self._problem("sort", "Without `groupBy` there is nothing to sort; leave `sort` out.")
            return Summary(measures)
        keys = tuple(self._keys(sort.split(","), order, measures, groups)) if sort is not None else ()
        return Summary(measures, tuple(place.column for place in groups), keys)

    def _problem(self, parameter: str, message: str, code: str = "INVALID_PARAMETER") -> None:
        self.problems.append((parameter, message, code))

    def _measures(self, parts: list[str]) -> Iterator[Measure]:
        if len(parts) > MAX_MEASURES:
            self._problem(
                "aggregate", f"At most {MAX_MEASURES} functions can be asked for.", "QUERY_TOO_COMPLEX"
            )
            return
        found: set[Measure] = set()
        for part in parts:
            try:
                measure = self._measure(part)
            except UnknownName as unknown:
                self._problem("aggregate", unknown.message, unknown.code)
                continue
            if measure in found:
                self._problem("aggregate", f"`{part}` is named twice.")
            found.add(measure)
            yield measure

    def _measure(self, part: str) -> Measure:
        """A function and what it is over, `avg(bid)`. Raises: UnknownName."""
        call = _CALL.fullmatch(part)
        if call is None:
            raise UnknownName(f"`{part[:80]}` is not a function of a field, such as `avg(amount)`.")
        function = _SPELLINGS.get(call[1])
        if function is None:
            raise UnknownName(f"There is no function `{call[1][:40]}`; {self._mend(call[1], call[2])}")
        if call[2] is None:
            if function == "count":
                return Measure("count")
            raise UnknownName(f"`{function}` needs a field, such as `{function}({self._example(function)})`.")
        place = self._place(call[2])
        fitting = FITTING[function]
        if place.field.type.kind not in fitting:
            possible = ", ".join(
                f"`{name}`" for name, kinds in FITTING.items() if place.field.type.kind in kinds
            )
            raise UnknownName(f"`{call[2]}` has no {function}; of it there are {possible}.")
        if function == "sum" and len(place.column.path) > 1:
            target = self.namer.model.target(self.resource, place.column.path[:-1])
            raise UnknownName(
                f"`sum({call[2]})` would add what several rows refer to once for each of them;"
                f" sum `{place.field.wire}` over {target.path} instead."
            )
        return Measure(function, place.column)

    def _mend(self, function: str, of: str | None) -> str:
        near = nearest(function, _SPELLINGS)
        if near is None:
            return f"there are {', '.join(f'`{name}`' for name in FITTING)}."
        return f"did you mean `{_SPELLINGS[near]}{'' if of is None else f'({of[:80]})'}`?"

    def _example(self, function: Function) -> str:
        """A field that the function takes."""
        fields = (f for f in self.resource.fields.values() if not f.internal)
        return next((f.wire for f in fields if f.type.kind in FITTING[function]), "field")

    def _place(self, text: str) -> Place:
        """A field of the row, or behind references. Raises: UnknownName."""
        place = self.namer.place(self.resource, text)
        if place.many:
            raise UnknownName(f"`{text}` leads to many rows; aggregate over their collection instead.")
        return place

    def _groups(self, parts: list[str]) -> Iterator[Place]:
        if len(parts) > MAX_GROUP_KEYS:
            self._problem(
                "groupBy", f"At most {MAX_GROUP_KEYS} fields can be grouped by.", "QUERY_TOO_COMPLEX"
            )
            return
        found = set()
        for part in parts:
            try:
                place = self._place(part)
            except UnknownName as unknown:
                self._problem("groupBy", unknown.message, unknown.code)
                continue
            if place.field.type.kind in UNSORTED:
                self._problem("groupBy", f"`{part}` holds no single value, so no groups follow from it.")
            elif place.column in found:
                self._problem("groupBy", f"`{part}` is named twice.")
            else:
                found.add(place.column)
                yield place

    def _keys(
        self, parts: list[str], order: str | None, measures: tuple[Measure, ...], groups: tuple[Place, ...]
    ) -> Iterator[GroupSort]:
        if len(parts) > MAX_SORT_KEYS:
            self._problem("sort", f"At most {MAX_SORT_KEYS} keys can be sorted by.", "QUERY_TOO_COMPLEX")
            return
        if order is not None and (len(parts) > 1 or parts[0].startswith("-")):
            self._problem(
                "order", "`order` goes with one key; write `-` before each key that descends instead."
            )
        if self.problems:
            return  # what is not understood cannot be sorted by either
        found = set()
        for part in parts:
            text = part.removeprefix("-")
            by = self._asked(text, measures, groups)
            if by is None:
                asked = [*(self._spelt(m) for m in measures), *(self._wire(p) for p in groups)]
                near = nearest(text, asked)
                mend = (
                    f"did you mean `{near}`?" if near else f"there are {', '.join(f'`{a}`' for a in asked)}."
                )
                self._problem("sort", f"`{text[:80]}` is neither asked for nor grouped by; {mend}")
            elif by in found:
                self._problem("sort", f"`{text}` is named twice.")
            else:
                found.add(by)
                yield GroupSort(by, part.startswith("-") or order == "desc")

    def _asked(
        self, text: str, measures: tuple[Measure, ...], groups: tuple[Place, ...]
    ) -> Column | Measure | None:
        """The measure or group that a sort key names; None if the request asks for none such."""
        try:
            measure = self._measure(text)
        except UnknownName:
            pass
        else:
            return measure if measure in measures else None
        try:
            column = self.namer.place(self.resource, text).column
        except UnknownName:
            return None
        return column if any(place.column == column for place in groups) else None

    def _spelt(self, measure: Measure) -> str:
        if not isinstance(measure.column, Column):
            return measure.function
        return f"{measure.function}({wire_path(self.namer.model, self.resource, measure.column)})"

    def _wire(self, place: Place) -> str:
        return wire_path(self.namer.model, self.resource, place.column)


def wire_path(model: Model, resource: Resource, column: Column) -> str:
    """A column as clients spell it: `project.name`."""
    *hops, last = column.path
    names = []
    for hop in hops:
        relation = resource.relations[hop]
        names.append(relation.wire)
        resource = model.resources[relation.target]
    return ".".join([*names, resource.fields[last].wire])

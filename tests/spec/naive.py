"""What each person must be told of a studio, worked out row by row in Python: conditions, orders, and GraphQL by a
plain executor whose resolvers go through all rows."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import cmp_to_key
from typing import Any, TypeVar

from graphql import ExecutionResult, execute_sync, parse

from headwater.base.call import Actor
from headwater.ir.model import Field, Kind, Relation
from headwater.ir.query import DEFAULT_GROUPS, DEFAULT_LIMIT
from headwater.ir.scalars import fold_text
from headwater.ir.search import search_in, searchable
from headwater.ir.values import filter_decoder, to_wire
from headwater.surfaces.graphql.schema import Api
from tests.spec.operations import Operation
from tests.spec.production import MODEL, START, Row, Studio
from tests.spec.summaries import measure

T = TypeVar("T")

# -- conditions and orders ------------------------------------------------------------------------------------

VALUES: dict[Kind, list[Any]] = {
    Kind.INTEGER: [0, 1, 2, 3, 1001, -5],
    Kind.BOOLEAN: [True, False],
    Kind.TEXT: ["comp", "COMP B", "Swan", "é", "0%", "_", "Bees, and more", "SQ1", "S0", "x"],
    Kind.DECIMAL: [Decimal("0.00"), Decimal("1.50"), Decimal("2.25")],
    Kind.DATE: [START.date().replace(month=2, day=1), START.date().replace(month=2, day=2),
                START.date().replace(month=5, day=1)],
    Kind.DATETIME: [START, START + timedelta(minutes=1), START + timedelta(microseconds=1)],
    Kind.ID: ["AA", "BB", "user_00000000000000000000000000", "task_00000000000000000000000003"],
}  # fmt: skip
"""Values that fields have in some row, and others."""


def compares(op: str, value: Any, wanted: Sequence[Any]) -> bool:
    """Whether a value is as an operator asks, which takes one value, or several."""
    first = wanted[0] if wanted else None
    match op:
        case "eq":
            return value is not None and bool(value == first)
        case "ne":
            return value is None or bool(value != first)
        case "in":
            return value is not None and value in wanted
        case "nin":
            return value is None or value not in wanted
        case "isNull":
            return (value is None) == first
    if value is None:
        return False
    match op:
        case "lt":
            return bool(value < first)
        case "lte":
            return bool(value <= first)
        case "gt":
            return bool(value > first)
        case "gte":
            return bool(value >= first)
        case "between":
            return bool(first <= value <= wanted[1])
        case "contains" if isinstance(value, list):
            return first in value
        case "contains":
            return fold_text(first) in fold_text(value)
    assert op == "startsWith"
    return fold_text(value).startswith(fold_text(first))


def rank(value: Any) -> tuple[bool, Any]:
    """What a value is ordered by: null is the smallest."""
    return (value is not None, value)


# -- rows -----------------------------------------------------------------------------------------------------


class Sight(Studio):
    """A studio that works each thing out once, and knows which rows were looked at and which of them are hidden."""

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio.rows)
        self._roles: dict[Any, set[str]] = {}
        self._visible: dict[Any, bool] = {}
        self._values: dict[Any, Any] = {}
        self._behind: dict[Any, list[Row]] = {}
        self.seen: set[tuple[str, str]] = set()
        self.hidden: set[tuple[str, str]] = set()

    def roles(self, actor: Actor, project: str) -> set[str]:
        return _once(self._roles, (actor.id, project), lambda: super(Sight, self).roles(actor, project))

    def visible(self, actor: Actor, name: str, row: Row) -> bool:
        place = (name, row["id"])
        found = _once(self._visible, (actor.id, *place), lambda: super(Sight, self).visible(actor, name, row))
        (self.seen if found else self.hidden).add(place)
        return found

    def value(self, actor: Actor, name: str, row: Row, field: str) -> Any:
        key = (actor.id, name, row["id"], field)
        return _once(self._values, key, lambda: super(Sight, self).value(actor, name, row, field))

    def behind(self, actor: Actor, row: Row, relation: Relation, name: str) -> list[Row]:
        if relation.kind != "many":
            return super().behind(actor, row, relation, name)
        key = (relation.target, relation.field, row["id"])
        rows = self.rows[relation.target].values()
        found = _once(self._behind, key, lambda: [one for one in rows if one[relation.field] == row["id"]])
        return [one for one in found if self.visible(actor, relation.target, one)]


def _once(kept: dict[Any, T], key: Any, make: Callable[[], T]) -> T:
    if key not in kept:
        kept[key] = make()
    return kept[key]


# -- GraphQL --------------------------------------------------------------------------------------------------

CURSOR = "\0"
"""Begins what stands for a cursor."""
QUANTIFIERS: dict[str, Callable[[Iterable[bool]], bool]] = {
    "some": any,
    "every": all,
    "none": lambda truths: not any(truths),
}


@dataclass
class Place:
    """What a cursor marks: the sort values of a row in a connection, whose number is known if its pages can be
    turned."""

    number: int | None
    keys: tuple[Any, ...]


class Executor:
    """Answers operations for one person. `tokens` are the cursors that are known, and what they mark."""

    def __init__(self, api: Api, sight: Sight, actor: Actor, tokens: dict[str, Place]) -> None:
        self.api, self.sight, self.actor, self.tokens = api, sight, actor, tokens
        self.places: list[Place] = []
        self.questions = 0
        self.shown = 0

    def answer(self, operation: Operation) -> dict[str, Any]:
        """The data of the answer, in which texts that begin with `CURSOR` stand for cursors."""
        result = execute_sync(
            self.api.schema,
            parse(operation.text),
            _Query(self),
            variable_values=dict(operation.variables),
            operation_name=operation.name,
            field_resolver=lambda source, info, **given: source.get(info, given),
            type_resolver=lambda value, info, type: value.name,
        )
        assert isinstance(result, ExecutionResult)
        assert not result.errors, (result.errors, operation)
        assert result.data is not None
        return result.data

    # -- rows ---------------------------------------------------------------------------------------------------

    def one(self, name: str, key: str) -> "_Row | None":
        row = self.sight.rows[name].get(key)
        return self.row(name, row) if row is not None and self.sight.visible(self.actor, name, row) else None

    def row(self, name: str, row: Row) -> "_Row":
        self.shown += 1
        return _Row(self, name, row)

    def all(self, name: str) -> list[Row]:
        return [row for row in self.sight.rows[name].values() if self.sight.visible(self.actor, name, row)]

    def value(self, name: str, row: Row | None, wire: str) -> tuple[Field, Any]:
        """A field of a row as the person sees it; null of a row that is not there."""
        found = self.api.fields[name][wire]
        return found, None if row is None else self.sight.value(self.actor, name, row, found.name)

    def related(self, name: str, row: Row | None, relation: Relation) -> list[Row]:
        return [] if row is None else self.sight.behind(self.actor, row, relation, name)

    # -- arguments ----------------------------------------------------------------------------------------------

    def holds(self, name: str, row: Row | None, where: dict[str, Any] | None) -> bool:
        """Whether a filter lets a row through."""
        return all(
            self._holds(name, row, key, value) for key, value in (where or {}).items() if value is not None
        )

    def _holds(self, name: str, row: Row | None, key: str, value: Any) -> bool:
        match key:
            case "and":
                return all(self.holds(name, row, one) for one in value)
            case "or":
                return any(self.holds(name, row, one) for one in value)
            case "not":
                return not self.holds(name, row, value)
        relation = self.api.relations[name].get(key)
        if relation is not None:
            target = relation.target
            rows = self.related(name, row, relation)
            if relation.kind == "one":
                return self.holds(target, rows[0] if rows else None, value)
            return all(
                QUANTIFIERS[word](self.holds(target, one, where) for one in rows)
                for word, where in value.items()
                if where is not None
            )
        field, found = self.value(name, row, key)
        return all(compares(op, found, self._wanted(field, op, operand)) for op, operand in value.items())

    def _found(self, name: str, row: Row, sought: str | None) -> bool:
        """Whether each word that is searched for is in some text of a row."""
        if sought is None:
            return True
        resource = MODEL.resources[name]
        texts = [self.sight.value(self.actor, name, row, field.name) for field in searchable(resource)]
        folded = [fold_text(text) for text in texts if text is not None]
        return all(any(term in text for text in folded) for term in search_in(resource, sought).terms)

    def _wanted(self, field: Field, op: str, operand: Any) -> list[Any]:
        if op == "isNull":
            return [operand]
        decode = filter_decoder(field.type)
        return [decode(one) for one in operand] if op in ("in", "nin", "between") else [decode(operand)]

    def keys(self, name: str, row: Row | None, order: Sequence[dict[str, Any]]) -> tuple[Any, ...]:
        """The sort values of a row, its id last."""
        assert row is not None
        return (*(self._key(name, row, key) for key in order), row["id"])

    def _key(self, name: str, row: Row | None, key: Any) -> Any:
        ((wire, below),) = key.items()
        if not isinstance(below, dict):
            return self.value(name, row, wire)[1]
        relation = self.api.relations[name][wire]
        rows = self.related(name, row, relation)
        return self._key(relation.target, rows[0] if rows else None, below)

    def page(self, name: str, rows: Iterable[Row], info: Any, given: dict[str, Any]) -> "_Page":
        order = given.get("orderBy") or []
        chosen = [
            row
            for row in rows
            if self.holds(name, row, given.get("where")) and self._found(name, row, given.get("search"))
        ]
        return _Page(self, name, chosen, order, _number(info), given)


class Json(dict[str, Any]):
    """A value of a JSON field, whose members are in no order."""


class _Query:
    """The fields of `Query`."""

    def __init__(self, executor: Executor) -> None:
        self.executor = executor

    def get(self, info: Any, given: dict[str, Any]) -> Any:
        executor = self.executor
        root = executor.api.roots.queries[info.field_name]
        name = root.resource.name if root.resource else ""
        match root.verb:
            case "node":
                executor.questions += self._kind(given["id"]) is not None
                return self._node(given["id"])
            case "nodes":
                executor.questions += len({self._kind(id) for id in given["ids"]} - {None})
                return [self._node(id) for id in given["ids"]]
            case "by_ids":
                executor.questions += bool(given["ids"])
                return [executor.one(name, id) for id in given["ids"]]
        executor.questions += 1
        match root.verb:
            case "one":
                return executor.one(name, given["id"])
            case "many":
                return executor.page(name, executor.all(name), info, given)
        assert root.verb == "groups"
        return self._groups(name, given)

    def _kind(self, id: str) -> str | None:
        found = self.executor.api.prefixes.get(id.rpartition("_")[0])
        return None if found is None else found.name

    def _node(self, id: str) -> Any:
        kind = self._kind(id)
        return None if kind is None else self.executor.one(kind, id)

    def _groups(self, name: str, given: dict[str, Any]) -> list["_Measures"]:
        executor = self.executor
        groups: dict[tuple[Any, ...], list[Row]] = {}
        by = list(dict.fromkeys(given["by"]))
        for row in executor.all(name):
            if executor.holds(name, row, given.get("where")):
                groups.setdefault(tuple(executor.value(name, row, one)[1] for one in by), []).append(row)
        found = sorted(groups.items(), key=lambda group: [rank(value) for value in group[0]])
        executor.shown += len(found)
        first = given.get("first") or DEFAULT_GROUPS
        return [
            _Measures(executor, name, rows, dict(zip(by, keys, strict=True))) for keys, rows in found[:first]
        ]


class _Row:
    def __init__(self, executor: Executor, name: str, row: Row) -> None:
        self.executor, self.name, self.row = executor, name, row

    def get(self, info: Any, given: dict[str, Any]) -> Any:
        executor, asked = self.executor, info.field_name
        if asked in executor.api.fields[self.name]:
            field, value = executor.value(self.name, self.row, asked)
            if field.type.parts is not None and isinstance(value, dict):
                return _Object(value)
            return Json(value) if isinstance(value, dict) else to_wire(field.type, value)
        relation = executor.api.relations[self.name][asked]
        rows = executor.related(self.name, self.row, relation)
        if relation.kind == "one":
            return executor.row(relation.target, rows[0]) if rows else None
        return executor.page(relation.target, rows, info, given)


class _Object:
    """An object that a field holds."""

    def __init__(self, value: dict[str, Any]) -> None:
        self.value = value

    def get(self, info: Any, given: dict[str, Any]) -> Any:
        return self.value.get(info.field_name)


class _Page:
    """A connection. `rows` are all that it is about, in no order."""

    def __init__(
        self,
        executor: Executor,
        name: str,
        rows: list[Row],
        order: Any,
        number: int | None,
        given: dict[str, Any],
    ) -> None:
        self.executor, self.name, self.all, self.number, self.order = executor, name, rows, number, order
        descending = [_descends(key) for key in order]
        self.descending = [*descending, descending[-1] if descending else False]
        ordered = sorted(rows, key=cmp_to_key(lambda a, b: self._compared(self._keys(a), self._keys(b))))
        first, last = given.get("first"), given.get("last")
        token = given.get("after") or given.get("before")
        backward = last is not None or given.get("before") is not None
        if token is not None:
            place = executor.tokens[token].keys
            side = -1 if backward else 1
            ordered = [row for row in ordered if self._compared(self._keys(row), place) * side > 0]
        size = last if last is not None else first if first is not None else DEFAULT_LIMIT
        more = len(ordered) > size
        self.page = ordered[-size:] if backward else ordered[:size]
        self.has_next, self.has_previous = more, token is not None
        if backward:
            self.has_next, self.has_previous = token is not None, more

    def _keys(self, row: Row) -> tuple[Any, ...]:
        return self.executor.keys(self.name, row, self.order)

    def _compared(self, left: Sequence[Any], right: Sequence[Any]) -> int:
        for a, b, descends in zip(map(rank, left), map(rank, right), self.descending, strict=True):
            if a != b:
                return -1 if (a < b) != descends else 1
        return 0

    def cursor(self, row: Row) -> str:
        places = self.executor.places
        places.append(Place(self.number, self._keys(row)))
        return f"{CURSOR}{len(places) - 1}"

    def get(self, info: Any, given: dict[str, Any]) -> Any:
        executor = self.executor
        match info.field_name:
            case "nodes":
                return [executor.row(self.name, row) for row in self.page]
            case "edges":
                return [_Edge(self, row) for row in self.page]
            case "pageInfo":
                return _Info(self)
            case "totalCount":
                return len(self.all)
        assert info.field_name == "aggregates"
        return _Measures(executor, self.name, self.all)


class _Edge:
    def __init__(self, page: _Page, row: Row) -> None:
        self.page, self.row = page, row

    def get(self, info: Any, given: dict[str, Any]) -> Any:
        if info.field_name == "cursor":
            return self.page.cursor(self.row)
        return self.page.executor.row(self.page.name, self.row)


class _Info:
    def __init__(self, page: _Page) -> None:
        self.page = page

    def get(self, info: Any, given: dict[str, Any]) -> Any:
        page = self.page
        match info.field_name:
            case "hasNextPage":
                return page.has_next
            case "hasPreviousPage":
                return page.has_previous
            case "startCursor":
                return page.cursor(page.page[0]) if page.page else None
        return page.cursor(page.page[-1]) if page.page else None


class _Measures:
    """What some rows come to; those of a group share its keys."""

    def __init__(
        self,
        executor: Executor,
        name: str,
        rows: list[Row],
        keys: dict[str, Any] | None = None,
        function: str = "",
    ) -> None:
        self.executor, self.name, self.rows, self.keys, self.function = executor, name, rows, keys, function

    def get(self, info: Any, given: dict[str, Any]) -> Any:
        executor, asked = self.executor, info.field_name
        if self.function:
            values = [executor.value(self.name, row, asked)[1] for row in self.rows]
            return measure(self.function, executor.api.fields[self.name][asked].type, values)
        match asked:
            case "count":
                return len(self.rows)
            case "key":
                return _Key(executor, self.name, self.keys or {})
        return _Measures(executor, self.name, self.rows, function=asked)


class _Key:
    def __init__(self, executor: Executor, name: str, keys: dict[str, Any]) -> None:
        self.executor, self.name, self.keys = executor, name, keys

    def get(self, info: Any, given: dict[str, Any]) -> Any:
        field = self.executor.api.fields[self.name][info.field_name]
        return to_wire(field.type, self.keys.get(info.field_name))


def _descends(key: Any) -> bool:
    ((_, below),) = key.items()
    return _descends(below) if isinstance(below, dict) else bool(below == "DESC")


def _number(info: Any) -> int | None:
    """The number of a connection whose pages can be turned."""
    for argument in info.field_nodes[0].arguments or ():
        name = getattr(getattr(argument.value, "name", None), "value", "")
        if argument.name.value == "after" and name.startswith("after"):
            return int(name.removeprefix("after"))
    return None


# -- comparing ------------------------------------------------------------------------------------------------


def paired(told: Any, expected: Any, found: list[tuple[str, str]]) -> tuple[Any, Any]:
    """Two answers in which the cursors are alike, with the pairs of them."""
    match told, expected:
        case dict(), Json():
            pass
        case dict(), dict() if list(told) == list(expected):
            pairs = {name: paired(told[name], expected[name], found) for name in told}
            return {n: pair[0] for n, pair in pairs.items()}, {n: pair[1] for n, pair in pairs.items()}
        case list(), list() if len(told) == len(expected):
            several = [paired(one, other, found) for one, other in zip(told, expected, strict=True)]
            return [one for one, _ in several], [other for _, other in several]
        case str(), str() if expected.startswith(CURSOR):
            found.append((told, expected))
            return "cursor", "cursor"
    return told, expected


def same(told: Any, expected: Any) -> bool:
    """Whether two answers are the same, the order of members included; numbers are so however they are written."""
    match told, expected:
        case dict(), Json():
            return bool(told == expected)
        case dict(), dict():
            return list(told) == list(expected) and all(same(told[name], expected[name]) for name in told)
        case list(), list():
            return len(told) == len(expected) and all(map(same, told, expected))
        case bool(), _:
            return told is expected
    return bool(told == expected) and not isinstance(expected, bool)

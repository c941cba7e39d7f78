"""A total order, the place in it that a cursor marks, and whether an index serves it.

Keyset paging never scans what lies before the page: where one comparison of row values cannot say "after here" (keys
of mixed directions, or nullable ones), the rest of the order is cut into ranges that an index serves each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from headwater.db.base import Dialect, Element
from headwater.engine.compile import Compiler, Scope
from headwater.engine.schema import indexes, ordered
from headwater.engine.search import rank
from headwater.ir import expr as e
from headwater.ir.model import Kind, Model, Resource, Type
from headwater.ir.query import Query, Search, Sort
from headwater.ir.shape import Slot


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a total order: a column, or the rank that a search gives. `stored`: the row's own column, unmasked."""

    by: e.Column | Search
    descending: bool
    nullable: bool
    stored: str | None
    type: Type


@dataclass(frozen=True, slots=True)
class After:
    """A cursor's shape: the direction, and which of its sort values are null. Without any of these it is no place in
    the order but its end, from which a page goes backward."""

    backward: bool
    nulls: tuple[bool, ...]


def total_order(
    compiler: Compiler, resource: Resource, sort: Sequence[Sort], search: Search | None = None
) -> tuple[Key, ...]:
    """The sort keys, made total by the id in the last key's direction. Without any, a search orders by rank."""
    found: list[Key] = []
    if search is not None and not sort:
        found.append(Key(search, False, False, None, Type(Kind.INTEGER)))
    for key in sort:
        path = key.column.path
        stored, nullable = None, True
        target = compiler.schema.model.target(resource, path[:-1])
        field = target.fields[path[-1]]
        shown = compiler.rules is None or compiler.rules.unmasked(resource, field.name) == e.TRUE
        if len(path) == 1 and field.column is not None and shown:
            stored, nullable = field.name, field.nullable
        found.append(Key(key.column, key.descending, nullable, stored, field.type))
        if stored is not None and field.column == "id":
            return tuple(found)
    descending = found[-1].descending if found else False
    found.append(Key(e.Column(("id",)), descending, False, "id", Type(Kind.ID)))
    return tuple(found)


def key_columns(compiler: Compiler, scope: Scope, keys: Sequence[Key]) -> list[sa.Label[Any]]:
    """The keys' values in a row."""
    return [_value(compiler, scope, key.by).label(f"_k{i}") for i, key in enumerate(keys)]


def _value(compiler: Compiler, scope: Scope, by: e.Column | Search) -> Element:
    return rank(compiler, scope, by) if isinstance(by, Search) else compiler.scalar(by, scope)[0]


def marks(dialect: Dialect, values: Sequence[Any], keys: Sequence[Key]) -> list[Element]:
    """Sort values as a cursor holds them: days and instants as text, which costs a driver that would make objects of
    them less, and is what the other keeps."""
    found = []
    for value, key in zip(values, keys, strict=True):
        element = value.element if isinstance(value, sa.Label) else value
        if key.type.kind in (Kind.DATE, Kind.DATETIME) and dialect.encoder(key.type) is None:
            element = sa.cast(element, sa.Text())
        found.append(element)
    return found


def order_by(columns: Sequence[Any], keys: Sequence[Key], backward: bool = False) -> list[Any]:
    """An ORDER BY over columns that hold the keys' values."""
    return [ordered(c, k.descending != backward, k.nullable) for c, k in zip(columns, keys, strict=True)]


def ranges(
    columns: Sequence[Any], marks: Sequence[Element], keys: Sequence[Key], after: After
) -> list[list[Element]]:
    """The rest of an order after a mark, as disjoint ranges, each a list of conditions, the nearest first."""
    elements = [c.element if isinstance(c, sa.Label) else c for c in columns]
    if is_single_range(keys):
        descending = keys[0].descending != after.backward
        if len(elements) == 1:
            return [[elements[0] < marks[0] if descending else elements[0] > marks[0]]]
        left, right = sa.tuple_(*elements), sa.tuple_(*marks)
        return [[left < right if descending else left > right]]
    found: list[list[Element]] = []
    equal: list[Element] = []
    for element, mark, key, null in zip(elements, marks, keys, after.nulls, strict=True):
        descending = key.descending != after.backward
        further: list[list[Element]] = []
        if descending and not null:
            further.append([*equal, element < mark])
            if key.nullable:
                further.append([*equal, element.is_(None)])
        elif not descending:
            further.append([*equal, element.is_not(None) if null else element > mark])
        found = [*further, *found]
        equal.append(element.is_(None) if null else element == mark)
    return found


def is_single_range(keys: Sequence[Key]) -> bool:
    """Whether one comparison of row values says what lies after a mark."""
    return len({key.descending for key in keys}) == 1 and not any(key.nullable for key in keys)


def fixed_fields(model: Model, resource: Resource, query: Query) -> frozenset[str]:
    """The row's own fields that the filter holds to one value."""
    fixed: set[str] = set()
    items = query.where.items if isinstance(query.where, e.And) else (query.where,)
    for item in items:
        if (
            isinstance(item, e.Compare)
            and item.op == "eq"
            and isinstance(item.left, e.Column)
            and (isinstance(item.right, Slot))
        ):
            path = item.left.path
            if len(path) == 1 or (len(path) == 2 and path[1] in ("id", model.target(resource, path[:1]).key)):
                fixed.add(path[0])
    if query.within is not None:
        relation = model.resources[query.within.resource].relations[query.within.relation]
        if relation.kind == "many":
            fixed.add(relation.field)
        elif relation.kind == "one":
            fixed.add("id")
    return frozenset(fixed)


def is_served(
    resource: Resource,
    fixed: frozenset[str] | set[str],
    keys: Sequence[Key],
    key: str | None = None,
    *,
    trashed: bool = False,
) -> bool:
    """Whether an index gives the rows with these fixed fields in this order. `key`: those with one value of this
    field, and no others. `trashed`: those in the trash, not the others."""
    if any(key.stored is None for key in keys):
        return False
    wanted = [(_plain(resource, str(key.stored)), key.descending) for key in keys]
    primary = ((("id", False),),)
    holding = ("all", "trashed" if trashed else "living")
    for columns in (*(index.keys for index in indexes(resource) if index.rows in holding), *primary):
        rest = list(columns)
        passed = []
        while rest and rest[0][0] in fixed:
            passed.append(rest.pop(0)[0])
        if key is not None and key not in passed:
            continue
        head = [(_plain(resource, name), descending) for name, descending in rest[: len(wanted)]]
        if head == wanted or head == [(name, not descending) for name, descending in wanted]:
            return True
    return False


def _plain(resource: Resource, name: str) -> str:
    return "id" if name == resource.key else name

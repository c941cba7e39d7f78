"""The shape of a query: all of it but its values.

Plans are cached by shape, so `shape` runs on every request and does as little as it can. `slotted` runs once a
shape: it puts a `Slot` in the place of each value. Both visit the values in the same order.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from headwater.ir import expr as e
from headwater.ir.query import (
    Connection,
    Edges,
    GroupSort,
    Include,
    Measure,
    Member,
    Numbered,
    Query,
    Rows,
    Search,
    Select,
    Sort,
    Summary,
    Within,
)

# What clients cannot write is part of the shape with its values: in it a constant need not stand beside a column
# that tells its type.
_WHOLE = (e.Arithmetic, e.Case, e.Coalesce)


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of the `index`-th value. `many`: the value is a list."""

    index: int
    many: bool = False


def shape(query: Query, values: list[Any]) -> tuple[Any, ...]:
    """A hashable key of the query; its values are appended to `values`."""
    page = query.page
    within = query.within
    if query.key is not None:
        values.append(query.key)
        return (query.resource, True, query.trashed, _select(query.select, values))
    if query.keys is not None:
        values.append(query.keys)
        return (query.resource, "keys", query.trashed, _select(query.select, values))
    if within is not None:
        values.append(within.key)
    if query.summary is not None:
        return _summary(query, query.summary, values)
    return (
        query.resource,
        None if within is None else (within.resource, within.relation),
        None if query.where is None else _expr(query.where, values),
        tuple([(s.column.path, s.descending) for s in query.sort]),
        _select(query.select, values) if query.parts is None else _members(query.parts, values),
        page.counted if isinstance(page, Numbered) else (page.limit, page.token is not None),
        None if query.search is None else _search(query.search, values),
        query.trashed,
    )


def _summary(query: Query, summary: Summary, values: list[Any]) -> tuple[Any, ...]:
    within = query.within
    where = None if query.where is None else _expr(query.where, values)
    search = None if query.search is None else _search(query.search, values)
    measures = tuple([m if m.where is None else _measure(m, values) for m in summary.measures])
    values.append(summary.limit + 1)
    return (
        query.resource,
        None if within is None else (within.resource, within.relation),
        where,
        "summary",
        measures,
        summary.groups,
        summary.sort,
        search,
        query.trashed,
    )


def _search(search: Search, values: list[Any]) -> tuple[bool, ...]:
    values.extend(search.terms)
    return search.indexed


def _measure(measure: Measure, values: list[Any]) -> tuple[Any, ...]:
    return (measure.function, measure.column, _expr(measure.where, values))


def _select(select: Select, values: list[Any]) -> tuple[Any, ...] | None:
    if select.members is not None:
        return _members(select.members, values)
    if select.relations is not None:
        return (select.fields, select.relations, tuple([_include(i, values) for i in select.include]))
    if not select.include:
        return select.fields
    return (select.fields, tuple([_include(i, values) for i in select.include]))


def _include(include: Include, values: list[Any]) -> tuple[Any, ...]:
    return (
        include.relation,
        None if include.where is None else _expr(include.where, values),
        include.sort,
        include.limit,
        _select(include.select, values),
    )


def _members(members: tuple[Member, ...], values: list[Any]) -> tuple[Any, ...]:
    return tuple([(member.name, _shown(member.shows, values)) for member in members])


def _shown(shows: Any, values: list[Any]) -> Any:
    kind = type(shows)
    if kind is str:
        return shows
    if kind is Connection:
        where = None if shows.where is None else _expr(shows.where, values)
        after = shows.after
        if after is not None:
            values.extend(after.values)
        marks = None if after is None else after.nulls
        page = (shows.sort, shows.limit, shows.backward, marks)
        return (shows.relation, where, page, _members(shows.parts, values))
    if kind is Include:
        return _include(shows, values)
    if kind is Rows or kind is Edges:
        below = _select(shows.select, values) if kind is Rows else _members(shows.members, values)
        return (kind.__name__, below)
    if kind is Select:
        return _select(shows, values)
    return shows


def _expr(node: Any, values: list[Any]) -> Any:
    kind = type(node)
    if kind is e.Compare:
        return (node.op, _expr(node.left, values), _expr(node.right, values))
    if kind is e.Column:
        return node.path if node.root is None else (node.root, node.path)
    if kind is e.Value:
        values.append(node.value)
        return None if node.value is None else 0
    if kind is e.OneOf:
        key = _expr(node.item, values)
        values.append(node.values)
        return ("in", key)
    if kind is e.Related:
        return (node.quantifier, node.path, node.root, _expr(node.where, values))
    if kind is e.Matches:
        return (node.op, _expr(node.item, values), _expr(node.text, values))
    if kind is e.Aggregate:
        parts = [None if n is None else _expr(n, values) for n in (node.value, node.where)]
        return (node.function, node.resource, node.path, node.root, *parts)
    if kind in _WHOLE:
        return repr(node)
    below = e.children(node)
    if not below:
        return node
    return (kind.__name__, getattr(node, "op", None), *[_expr(n, values) for n in below])


def slotted(query: Query) -> Query:
    """The query with numbered slots for values, to be compiled."""
    counter = iter(range(1 << 30))
    if query.key is not None:
        next(counter)
        select = _slot_select(query.select, counter)
        return Query(query.resource, key="", select=select, trashed=query.trashed)
    if query.keys is not None:
        next(counter)
        select = _slot_select(query.select, counter)
        return Query(query.resource, keys=(), select=select, trashed=query.trashed)
    within = query.within
    if within is not None:
        next(counter)
        within = Within(within.resource, "", within.relation)
    where = None if query.where is None else slot_expr(query.where, counter)
    select, parts, search = query.select, query.parts, query.search
    if parts is None:
        select = _slot_select(select, counter)
    else:
        parts = _slot_members(parts, counter)
    if search is not None:
        search = Search(tuple(Slot(next(counter)) for _ in search.terms), search.indexed)  # type: ignore[misc]
    return Query(
        query.resource,
        select=select,
        where=where,
        sort=query.sort,
        page=query.page,
        within=within,
        summary=None if query.summary is None else _slot_summary(query.summary, counter),
        search=search,
        trashed=query.trashed,
        parts=parts,
    )


def _slot_summary(summary: Summary, counter: Iterator[int]) -> Summary:
    """The values of a measure's column are part of the shape; those of its condition are not."""
    measures = tuple(
        [m if m.where is None else replace(m, where=slot_expr(m.where, counter)) for m in summary.measures]
    )
    by = dict(zip(summary.measures, measures, strict=True))
    sort = [GroupSort(by[s.by] if isinstance(s.by, Measure) else s.by, s.descending) for s in summary.sort]
    return replace(summary, measures=measures, sort=tuple(sort))


def _slot_select(select: Select, counter: Iterator[int]) -> Select:
    if select.members is not None:
        return Select(members=_slot_members(select.members, counter))
    includes = []
    for i in select.include:
        includes.append(_slot_include(i, counter))
    return Select(select.fields, tuple(includes), select.relations)


def _slot_include(include: Include, counter: Iterator[int]) -> Include:
    where = None if include.where is None else slot_expr(include.where, counter)
    return replace(include, where=where, select=_slot_select(include.select, counter))


def _slot_members(members: tuple[Member, ...], counter: Iterator[int]) -> tuple[Member, ...]:
    return tuple([Member(member.name, _slot_shown(member.shows, counter)) for member in members])


def _slot_shown(shows: Any, counter: Iterator[int]) -> Any:
    match shows:
        case Connection():
            where = None if shows.where is None else slot_expr(shows.where, counter)
            after = shows.after
            if after is not None:
                after = replace(after, values=tuple([Slot(next(counter)) for _ in after.values]))
            parts = _slot_members(shows.parts, counter)
            return replace(shows, where=where, after=after, parts=parts, token=None)
        case Include():
            return _slot_include(shows, counter)
        case Rows(select):
            return Rows(_slot_select(select, counter))
        case Edges(members):
            return Edges(_slot_members(members, counter))
        case Select():
            return _slot_select(shows, counter)
        case _:
            return shows


def slot_expr(node: Any, counter: Iterator[int]) -> Any:
    """One expression with slots."""

    def visit(n: Any) -> Any:
        match n:
            case e.Value(value):
                index = next(counter)
                return n if value is None else Slot(index)
            case e.Arithmetic() | e.Case() | e.Coalesce():
                return n
            case e.OneOf(item, _):
                inner = visit(item)
                return e.OneOf(inner, (Slot(next(counter), many=True),))
            case _:
                return e.rebuild(n, visit)

    return visit(node)


__all__ = ["Slot", "Sort", "shape", "slot_expr", "slotted"]

"""Queries: each root field becomes one question to the engine, whose answer is the JSON of that field."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from graphql import FieldNode

from headwater.base.call import Call
from headwater.base.errors import Detail, Fault, Problems
from headwater.engine.engine import Engine
from headwater.http.formats import encode_json
from headwater.ir.body import settle
from headwater.ir.expr import Column
from headwater.ir.model import Resource
from headwater.ir.query import (
    DEFAULT_GROUPS,
    DEFAULT_LIMIT,
    MAX_GROUPS,
    MAX_LIMIT,
    Cursor,
    Measure,
    Measures,
    Member,
    Numbered,
    Query,
    Sort,
    Summary,
    Text,
)
from headwater.ir.scalars import BadValue, detail_of
from headwater.ir.search import search_in
from headwater.ir.summaries import MAX_GROUP_KEYS
from headwater.surfaces.graphql.roots import Root
from headwater.surfaces.graphql.selecting import Reading

MAX_OFFSET: Final = 1_000_000_000

Answering = Callable[[Engine, Call], Awaitable[str]]
"""From the caller to the JSON text of a field."""


def read(reading: Reading, root: Root, nodes: list[FieldNode]) -> Answering:
    """What answers a root field of `Query`. Raises: Fault, GraphQLError."""
    given = reading.arguments("Query", nodes[0])
    match root.verb:
        case "node":
            return _node(reading, given["id"], nodes)
        case "nodes":
            return _nodes(reading, given["ids"], nodes)
        case _ if root.resource is None:
            raise AssertionError(root)
        case "one":
            return _one(Query(root.resource.name, key=given["id"], select=reading.row(root.resource, nodes)))
        case "list":
            return _list(reading, root.resource, given, nodes)
        case "by_ids":
            return _by_ids(reading, root.resource, given["ids"], nodes)
        case "groups":
            return _groups(reading, root.resource, given, nodes)
        case _:
            return _many(reading, root.resource, given, nodes)


def _one(query: Query) -> Answering:
    async def answer(engine: Engine, call: Call) -> str:
        try:
            return (await engine.read(call, query)).rows[0]
        except Fault as fault:
            if fault.code == "RESOURCE_NOT_FOUND":
                return "null"
            raise

    return answer


def _many(
    reading: Reading, resource: Resource, given: Mapping[str, Any], nodes: list[FieldNode]
) -> Answering:
    page = reading.page(resource, given)
    search = None
    if given.get("search") is not None:
        try:
            search = search_in(resource, given["search"])
        except BadValue as bad:
            settle([detail_of("search", bad)])
    parts = reading.parts(resource, reading.below(nodes, f"{resource.name}Connection"), page.limit)
    query = Query(
        resource.name,
        where=page.where,
        sort=page.sort,
        page=Cursor(page.limit, page.token, page.backward),
        search=search,
        trashed=bool(given.get("trashed")),
        parts=parts,
    )

    async def answer(engine: Engine, call: Call) -> str:
        return (await engine.read(call, query)).rows[0]

    return answer


def _list(
    reading: Reading, resource: Resource, given: Mapping[str, Any], nodes: list[FieldNode]
) -> Answering:
    """A list by limit and offset, whose enums are arguments."""
    problems: list[Detail] = Problems()
    limit, offset = given.get("limit"), given.get("offset")
    if limit is not None and not 1 <= limit <= MAX_LIMIT:
        problems.append(Detail("INVALID_PARAMETER", f"`limit` must be from 1 to {MAX_LIMIT}.", "limit"))
    if offset is not None and not 0 <= offset <= MAX_OFFSET:
        problems.append(Detail("INVALID_PARAMETER", f"`offset` must be from 0 to {MAX_OFFSET}.", "offset"))
    own = reading.api.fields[resource.name]
    options = ("limit", "offset", "sortBy", "sortDirection")
    equal = {
        name: {"eq": value} for name, value in given.items() if name not in options and value is not None
    }
    where = reading.where(resource, equal, problems)
    settle(problems)
    by = given.get("sortBy")
    sort = () if by is None else (Sort(Column((own[by].name,)), given.get("sortDirection") == "DESC"),)
    size = DEFAULT_LIMIT if limit is None else limit
    page = Numbered(1, size, offset or 0, counted=False)
    select = reading.rows(resource, nodes, size)
    query = Query(resource.name, select=select, where=where, sort=sort, page=page)

    async def answer(engine: Engine, call: Call) -> str:
        return f"[{','.join((await engine.read(call, query)).rows)}]"

    return answer


def _by_ids(reading: Reading, resource: Resource, ids: Sequence[str], nodes: list[FieldNode]) -> Answering:
    _check_ids(ids)
    query = Query(resource.name, keys=tuple(ids), select=reading.rows(resource, nodes, len(ids)))

    async def answer(engine: Engine, call: Call) -> str:
        return f"[{','.join((await engine.read(call, query)).rows)}]" if ids else "[]"

    return answer


def _check_ids(ids: Sequence[str]) -> None:
    if len(ids) > MAX_LIMIT:
        settle(
            [Detail("INVALID_PARAMETER", f"`ids` has at most {MAX_LIMIT} elements, not {len(ids)}.", "ids")]
        )


# -- nodes ----------------------------------------------------------------------------------------------------


def _resource_of(reading: Reading, id: str) -> Resource | None:
    return reading.api.prefixes.get(id.rpartition("_")[0])


def _node(reading: Reading, id: str, nodes: list[FieldNode]) -> Answering:
    resource = _resource_of(reading, id)
    if resource is None:
        return _nothing
    return _one(Query(resource.name, key=id, select=reading.row(resource, nodes)))


async def _nothing(engine: Engine, call: Call) -> str:
    return "null"


def _nodes(reading: Reading, ids: Sequence[str], nodes: list[FieldNode]) -> Answering:
    """Nodes of one kind are one question."""
    _check_ids(ids)
    by_kind: dict[str, list[str]] = {}
    for id in ids:
        resource = _resource_of(reading, id)
        if resource is not None:
            by_kind.setdefault(resource.name, []).append(id)
    queries = []
    for name, keys in by_kind.items():
        select = reading.rows(reading.api.model.resources[name], nodes, len(keys))
        queries.append(Query(name, keys=tuple(keys), select=select))

    async def answer(engine: Engine, call: Call) -> str:
        found: dict[str, str] = {}
        for query in queries:
            rows = (await engine.read(call, query)).rows
            found.update(zip(query.keys or (), rows, strict=True))
        return f"[{','.join([found.get(id, 'null') for id in ids])}]"

    return answer


# -- groups ---------------------------------------------------------------------------------------------------


def _groups(
    reading: Reading, resource: Resource, given: Mapping[str, Any], nodes: list[FieldNode]
) -> Answering:
    problems: list[Detail] = Problems()
    names = list(dict.fromkeys(given["by"]))
    if not 1 <= len(names) <= MAX_GROUP_KEYS:
        problems.append(Detail("INVALID_PARAMETER", f"`by` names from 1 to {MAX_GROUP_KEYS} fields.", "by"))
    first = given.get("first")
    if first is not None and not 1 <= first <= MAX_GROUPS:
        problems.append(Detail("INVALID_PARAMETER", f"`first` must be from 1 to {MAX_GROUPS}.", "first"))
    where = reading.where(resource, given.get("where"), problems)
    settle(problems)
    own = reading.api.fields[resource.name]
    type = f"{resource.name}Group"
    fields = reading.below(nodes, type)
    measured = {
        name: below for name, below in fields.items() if below[0].name.value not in ("key", "__typename")
    }
    members = reading.measures(resource, measured, "Group")
    keys = {
        name: reading.below(below, f"{resource.name}GroupKey")
        for name, below in fields.items()
        if below[0].name.value == "key"
    }
    measures = tuple(dict.fromkeys((Measure("count"), *_measures(members))))
    summary = Summary(
        measures, tuple(Column((own[name].name,)) for name in names), (), first or DEFAULT_GROUPS
    )
    query = Query(resource.name, where=where, summary=summary)
    reading.cost += first or DEFAULT_GROUPS

    def shown(group: dict[str, Any]) -> dict[str, Any]:
        key = group["group"]
        found: dict[str, Any] = {}
        by_name = {member.name: member for member in members.members}
        for name, below in fields.items():
            if name in keys:
                found[name] = {
                    own: f"{type}Key"
                    if own_nodes[0].name.value == "__typename"
                    else key.get(own_nodes[0].name.value)
                    for own, own_nodes in keys[name].items()
                }
            elif name in by_name:
                found[name] = _measured(by_name[name], group, below[0].name.value)
            else:
                found[name] = type
        return found

    def _measured(member: Member, group: dict[str, Any], function: str) -> Any:
        match member.shows:
            case Measure():
                return group["count"]
            case Measures(below):
                return {
                    one.name: one.shows.text if isinstance(one.shows, Text) else group[function][_wire(one)]
                    for one in below
                }
        raise AssertionError(member)

    def _wire(member: Member) -> str:
        assert isinstance(member.shows, Measure)
        assert isinstance(member.shows.column, Column)
        return resource.fields[member.shows.column.path[0]].wire

    async def answer(engine: Engine, call: Call) -> str:
        rows = (await engine.read(call, query)).rows
        return encode_json([shown(msgspec.json.decode(row)) for row in rows]).decode()

    return answer


def _measures(measures: Measures) -> list[Measure]:
    found = []
    for member in measures.members:
        match member.shows:
            case Measure() as measure:
                found.append(measure)
            case Measures() as below:
                found += _measures(below)
    return found

"""Each read is one SQL statement, whatever it nests, and the statement is right (D71).

The statements are counted in the driver, beneath the store. What a read must answer is worked out in Python, row by
row, from all rows and the rules in words.
"""

import os
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.base.call import Actor
from headwater.base.observe import Observation, StatementRun
from headwater.ir.filters import OPERATORS, UNSORTED
from headwater.ir.model import Kind, Resource
from headwater.ir.values import item_type, to_wire
from tests.driver import Driver, watched_drivers
from tests.spec.naive import VALUES, compares, rank
from tests.spec.production import ACTORS, MODEL, Row, Studio, new_studio, shown
from tests.spec.rest_world import Reply, World, open_world
from tests.spec.summaries import Wanted, summaries

EXAMPLES = 600 if os.environ.get("HEADWATER_TEST_LONG") else 60


class Watched:
    """A studio behind REST, with a look at the driver."""

    def __init__(self, world: World, studio: Studio, driver: Driver, told: list[str]) -> None:
        self.world, self.studio, self.driver, self.told = world, studio, driver, told

    async def get(self, actor: Actor, target: str) -> Reply:
        """One read; checks that it was one statement, and that the store's observers were told of it."""
        self.driver.clear()
        self.told.clear()
        reply = await self.world.acting_as(actor).get(target)
        assert len(self.driver.sent) == 1, (target, reply.body, self.driver.sent)
        assert self.told == [self.driver.sent[0].sql]
        return reply


@pytest.fixture
async def watched(store_url: str) -> AsyncIterator[Watched]:
    with watched_drivers() as driver:
        async with open_world(store_url, MODEL) as world:
            studio = await new_studio(world.engine.store, random.Random(7))
            told: list[str] = []

            def tell(observation: Observation) -> None:
                if isinstance(observation, StatementRun):
                    told.append(observation.sql)

            world.engine.store.observers.add(tell)
            yield Watched(world, studio, driver, told)


# -- drawn questions ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Filter:
    path: tuple[str, ...]
    op: str
    values: tuple[Any, ...]

    def holds(self, studio: Studio, actor: Actor, name: str, row: Row) -> bool:
        return any(
            compares(self.op, value, self.values) for value in studio.reach(actor, name, row, self.path)
        )

    def text(self, resource: Resource) -> str:
        *hops, last = self.path
        field = MODEL.target(resource, tuple(hops)).fields[last]
        if self.op == "isNull":
            return str(self.values[0]).lower()
        listed = self.op in ("in", "nin", "between")
        # A list is asked for one of its elements.
        type = item_type(field.type) if field.type.kind is Kind.LIST else field.type
        texts = [_text(to_wire(type, value), listed) for value in self.values]
        return quote(",".join(texts), safe="")


def _text(wire: Any, listed: bool) -> str:
    text = str(wire).lower() if isinstance(wire, bool) else str(wire)
    return text.replace("\\", "\\\\").replace(",", "\\,") if listed else text


@dataclass(frozen=True)
class Node:
    """One level of a question: about which resource, and what of it."""

    name: str
    filters: tuple[Filter, ...]
    sort: tuple[tuple[tuple[str, ...], bool], ...]
    limit: int
    include: dict[str, "Node"]

    @property
    def resource(self) -> Resource:
        return MODEL.resources[self.name]

    def parameters(self, path: str = "") -> list[str]:
        """The query string's parts for what is included below."""
        parts = []
        for name, node in self.include.items():
            relation = self.resource.relations[name]
            here = f"{path}.{relation.wire}" if path else relation.wire
            parts.append(f"include={here}")
            if relation.kind != "one":
                parts.append(f"{here}[limit]={node.limit}")
                if node.sort:
                    parts.append(f"{here}[sort]={_sort_text(node)}")
                parts += [f"{here}[filter]{_filter_text(f, node.resource, True)}" for f in node.filters]
            parts += node.parameters(here)
        return parts

    def chosen(self, studio: Studio, actor: Actor, rows: list[Row]) -> list[Row]:
        """Those of some rows that the filters let through, in order."""
        name = self.name
        found = [row for row in rows if all(f.holds(studio, actor, name, row) for f in self.filters)]
        keys = [*self.sort, (("id",), self.sort[-1][1] if self.sort else False)]
        for path, descending in reversed(keys):
            found.sort(key=lambda row: rank(next(studio.reach(actor, name, row, path))), reverse=descending)
        return found

    def shows(
        self, studio: Studio, actor: Actor, row: Row, typed: dict[str, frozenset[str]]
    ) -> dict[str, Any]:
        """A row as JSON."""
        name = self.name
        named = typed.get(name)
        answer = {
            f.wire: to_wire(f.type, studio.value(actor, name, row, f.name))
            for f in shown(self.resource)
            if named is None or f.name in named
        }
        for hop, node in self.include.items():
            relation = self.resource.relations[hop]
            rows = studio.behind(actor, row, relation, name)
            if relation.kind == "one":
                answer[relation.wire] = node.shows(studio, actor, rows[0], typed) if rows else None
            else:
                found = node.chosen(studio, actor, rows)[: node.limit]
                answer[relation.wire] = [node.shows(studio, actor, r, typed) for r in found]
        return answer


def _wire(path: tuple[str, ...], resource: Resource) -> str:
    *hops, last = path
    names = []
    for hop in hops:
        names.append(resource.relations[hop].wire)
        resource = MODEL.target(resource, (hop,))
    return ".".join([*names, resource.fields[last].wire])


def _sort_text(node: Node) -> str:
    return ",".join(
        ("-" if descending else "") + _wire(path, node.resource) for path, descending in node.sort
    )


def _filter_text(found: Filter, resource: Resource, nested: bool) -> str:
    name = _wire(found.path, resource)
    op = "" if found.op == "eq" else f"[{found.op}]"
    return (f"[{name}]{op}=" if nested else f"{name}{op}=") + found.text(resource)


@st.composite
def filters(draw: st.DrawFn, resource: Resource) -> Filter:
    path: tuple[str, ...] = ()
    target = resource
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        if not target.relations:
            break
        hop = draw(st.sampled_from(sorted(target.relations)))
        path, target = (*path, hop), MODEL.target(target, (hop,))
    field = draw(st.sampled_from(shown(target)))
    op = draw(st.sampled_from(OPERATORS[field.type.kind]))
    if op == "isNull":
        return Filter((*path, field.name), op, (draw(st.booleans()),))
    match field.type.kind:
        case Kind.ENUM:
            values: list[Any] = list(field.type.values)
        case Kind.LIST:
            values = list(field.type.values) or VALUES[Kind.TEXT]
        case kind:
            values = VALUES[kind]
    count = 2 if op == "between" else draw(st.integers(1, 3)) if op in ("in", "nin") else 1
    chosen = tuple(draw(st.sampled_from(values)) for _ in range(count))
    return Filter((*path, field.name), op, chosen)


@st.composite
def sorts(draw: st.DrawFn, resource: Resource) -> tuple[tuple[tuple[str, ...], bool], ...]:
    ways = [(f.name,) for f in shown(resource) if f.type.kind not in UNSORTED]
    for relation in resource.relations.values():
        if relation.kind == "one":
            target = MODEL.resources[relation.target]
            ways += [(relation.name, f.name) for f in shown(target) if f.type.kind not in UNSORTED]
    chosen = draw(st.lists(st.sampled_from(ways), max_size=3, unique_by=lambda way: _same(resource, way)))
    return tuple((way, draw(st.booleans())) for way in chosen)


def _same(resource: Resource, way: tuple[str, ...]) -> str:
    return _wire(way, resource)


@st.composite
def nodes(draw: st.DrawFn, resource: Resource, depth: int = 3) -> Node:
    names = st.lists(st.sampled_from(sorted(resource.relations) or [""]), max_size=2, unique=True)
    hops = [hop for hop in draw(names) if hop] if depth else []
    include = {hop: draw(nodes(MODEL.target(resource, (hop,)), depth - 1)) for hop in hops}
    # A parameter that is given twice is one list.
    several = st.lists(filters(resource), max_size=2, unique_by=lambda asked: (asked.path, asked.op))
    wanted = tuple(draw(several))
    return Node(resource.name, wanted, draw(sorts(resource)), draw(st.sampled_from([1, 3, 50])), include)


@st.composite
def typed_fields(draw: st.DrawFn, node: Node) -> dict[str, frozenset[str]]:
    """`fields[...]` of some of the resources that are shown."""
    there: dict[str, Resource] = {}

    def visit(node: Node) -> None:
        there[node.resource.name] = node.resource
        for child in node.include.values():
            visit(child)

    visit(node)
    found = {}
    for name, resource in there.items():
        if draw(st.integers(0, 3)) == 0:
            names = st.sampled_from([f.name for f in shown(resource)])
            found[name] = draw(st.frozensets(names, min_size=1, max_size=3))
    return found


@dataclass(frozen=True)
class Question:
    """Who asks what, and how: `chosen` picks a row, and `way` the relation to be within."""

    actor: str
    node: Node
    typed: dict[str, frozenset[str]]
    kind: str
    chosen: int
    way: int
    number: int
    size: int
    summary: Wanted


@st.composite
def questions(draw: st.DrawFn) -> Question:
    node = draw(nodes(MODEL.resources[draw(st.sampled_from(sorted(MODEL.resources)))]))
    return Question(
        draw(st.sampled_from(sorted(ACTORS))),
        node,
        draw(typed_fields(node)),
        draw(st.sampled_from(["cursor", "numbered", "one", "within", "summary", "summary within"])),
        draw(st.integers(0, 99)),
        draw(st.integers(0, 9)),
        draw(st.integers(1, 3)),
        draw(st.sampled_from([1, 4, 100])),
        draw(summaries(MODEL, node.resource)),
    )


def _asked(node: Node, typed: dict[str, frozenset[str]], of_many: bool) -> list[str]:
    """The query string's parts."""
    includes = [part.removeprefix("include=") for part in node.parameters() if part.startswith("include=")]
    parts = [part for part in node.parameters() if not part.startswith("include=")]
    if includes:
        parts.append("include=" + ",".join(includes))
    for name, names in typed.items():
        resource = MODEL.resources[name]
        parts.append(f"fields[{resource.path}]=" + ",".join(sorted(resource.fields[n].wire for n in names)))
    if of_many:
        parts += [_filter_text(f, node.resource, False) for f in node.filters]
        if node.sort:
            parts.append(f"sort={_sort_text(node)}")
    return parts


def _pick(rows: dict[str, Row], number: int) -> Row:
    return rows[sorted(rows)[number % len(rows)]]


async def _ask_one(watched: Watched, asked: Question) -> None:
    actor, node, studio = ACTORS[asked.actor], asked.node, watched.studio
    row = _pick(studio.rows[node.resource.name], asked.chosen)
    parameters = "&".join(_asked(node, asked.typed, False))
    reply = await watched.get(actor, f"/api/v1/{node.resource.path}/{row['id']}?{parameters}")
    if studio.visible(actor, node.resource.name, row):
        assert reply.status == 200, reply.body
        assert reply.data == node.shows(studio, actor, row, asked.typed)
    else:
        assert (reply.status, reply.error["code"]) == (404, "RESOURCE_NOT_FOUND")


async def _ask_many(watched: Watched, asked: Question) -> None:
    actor, node, studio, typed = ACTORS[asked.actor], asked.node, watched.studio, asked.typed
    name = node.resource.name
    seen = [row for row in studio.rows[name].values() if studio.visible(actor, name, row)]
    base = f"/api/v1/{node.resource.path}"
    if asked.kind.startswith("summary"):
        parameters = [_filter_text(f, node.resource, False) for f in node.filters]
        parameters += asked.summary.parameters(MODEL, node.resource)
    else:
        parameters = _asked(node, typed, True)
    ways = [
        (owner, relation)
        for owner in MODEL.resources.values()
        for relation in owner.relations.values()
        if relation.kind == "many" and relation.target == name
    ]
    if asked.kind.endswith("within") and ways:
        owner, relation = ways[asked.way % len(ways)]
        of = _pick(studio.rows[owner.name], asked.chosen)
        base = f"/api/v1/{owner.path}/{of['id']}/{relation.name.replace('_', '-')}"
        if not studio.visible(actor, owner.name, of):
            assert (await watched.get(actor, f"{base}?{'&'.join(parameters)}")).status == 404
            return
        seen = [row for row in seen if row[relation.field] == of["id"]]
    if asked.kind.startswith("summary"):
        await _check_summary(
            watched, asked, f"{base}?{'&'.join(parameters)}", node.chosen(studio, actor, seen)
        )
        return
    expected = [node.shows(studio, actor, row, typed) for row in node.chosen(studio, actor, seen)]
    if asked.kind == "numbered":
        page = [f"page={asked.number}", f"perPage={asked.size}"]
        reply = await watched.get(actor, f"{base}?" + "&".join([*parameters, *page]))
        assert reply.status == 200, reply.body
        assert reply.data == expected[(asked.number - 1) * asked.size : asked.number * asked.size]
        assert reply.json["meta"]["pagination"]["total"] == len(expected)
        return
    target = f"{base}?" + "&".join([*parameters, f"limit={node.limit}"])
    for start in range(0, 3 * node.limit, node.limit):
        reply = await watched.get(actor, target)
        assert reply.status == 200, reply.body
        assert reply.data == expected[start : start + node.limit]
        target = reply.json["links"]["next"]
        assert (target is not None) == (len(expected) > start + node.limit)
        if target is None:
            return


async def _check_summary(watched: Watched, asked: Question, target: str, rows: list[Row]) -> None:
    actor, node, studio = ACTORS[asked.actor], asked.node, watched.studio

    def reach(row: Row, path: tuple[str, ...]) -> Any:
        return next(studio.reach(actor, node.name, row, path))

    expected, more = asked.summary.answer(MODEL, node.resource, rows, reach)
    reply = await watched.get(actor, target)
    assert reply.status == 200, reply.body
    assert reply.data == expected
    if asked.summary.groups:
        pagination = {"limit": asked.summary.limit, "hasMore": more}
        assert reply.json["meta"]["pagination"] == pagination


@settings(max_examples=EXAMPLES)
@given(asked=questions())
async def test_every_read_is_one_statement_and_right(watched: Watched, asked: Question) -> None:
    """Flat and nested lists, rows by id, to-one and to-many to depth 3, with filters, orders and limits at each level,
    numbered pages with their total, summaries with and without groups, for each kind of person."""
    await (_ask_one if asked.kind == "one" else _ask_many)(watched, asked)


async def test_the_widest_read_is_one_statement(watched: Watched) -> None:
    """The same at a size that can be read: three levels, each with a filter, an order and a limit."""
    target = (
        "/api/v1/projects?include=tasks.timeLogs.person,tasks.artist,members.person&sort=name&taskCount[gte]=1"
        "&tasks[filter][status][nin]=approved&tasks[filter][artist.name][isNull]=false&tasks[sort]=-deadline,title"
        "&tasks[limit]=5&tasks.timeLogs[filter][hours][gte]=0.5&tasks.timeLogs[sort]=-hours&tasks.timeLogs[limit]=1"
        "&page=1&perPage=2&members.person.login[ne]=x9"
    )
    for name, projects in {"lead": 2, "artist": 2, "client": 2, "stranger": 0, "admin": 3}.items():
        reply = await watched.get(ACTORS[name], target)
        assert reply.status == 200, reply.body
        assert reply.json["meta"]["pagination"]["total"] == projects
        for project in reply.data:
            assert len(project["tasks"]) <= 5
            assert all(task["artist"]["name"] for task in project["tasks"])
            assert all(len(task["timeLogs"]) <= 1 for task in project["tasks"])
        shown = [task["timeLogs"] for project in reply.data for task in project["tasks"]]
        members = [member["person"]["name"] for project in reply.data for member in project["members"]]
        if name == "client":  # who only looks on sees neither hours nor the others
            assert shown
            assert not any(shown)
            assert set(members) == {"Client"}
        elif projects:
            assert any(shown)
            assert len(set(members)) > 1

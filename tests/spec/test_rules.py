"""Rules hold everywhere: what an actor may not read cannot be felt in any answer.

Two worlds that differ only in rows hidden from the actor give the same bytes to every question. Which rows are
hidden is worked out here, naively, row by row; the engine works it out in SQL.
"""

import json
import os
import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from headwater import Computed, Field, Many, OptRef, Ref, Resource, computed, field, key, many, optref, ref
from headwater.base.call import SYSTEM, Actor, Call
from headwater.base.errors import Fault
from headwater.declare import build
from headwater.engine import migrate
from headwater.engine.engine import Engine
from headwater.engine.schema import Schema
from headwater.ir import expr as e
from headwater.ir.command import Create, Delete, Update
from headwater.ir.model import Grant, Model
from headwater.ir.query import Cursor, Include, Numbered, Query, Select, Sort, Within
from tests.spec.summaries import Wanted
from tests.stores import open_store

WORLDS = 100 if os.environ.get("HEADWATER_TEST_LONG") else 10
RULE_SETS, QUESTIONS = 5, 20


class Person(Resource):
    """Somebody."""

    name: Field[str] = field(max_length=50)


class Project(Resource):
    """A project."""

    code: Field[str] = key(pattern=r"[A-Z]+")
    name: Field[str] = field(max_length=50)
    public: Field[bool] = field(default=False)
    members: Many["Membership"] = many(lambda: Membership.project)
    tasks: Many["Task"] = many(lambda: Task.project)


class Membership(Resource):
    """Somebody's part in a project."""

    project: Ref[Project] = ref()
    person: Ref[Person] = ref()
    role: Field[str] = field(max_length=20)


class Task(Resource):
    """A piece of work."""

    title: Field[str] = field(max_length=50)
    project: Ref[Project] = ref()
    artist: OptRef[Person] = optref(default=None)
    bid: Field[Decimal | None] = field(places=2, default=None)
    deadline: Field[date | None] = field(default=None)
    priority: Field[int] = field(default=0)
    urgent: Computed[bool] = computed(lambda: Task.priority > 2)


MODEL = build([Person, Project, Membership, Task])
NOW = datetime(2026, 3, 1, tzinfo=UTC)
Rows = dict[str, dict[str, dict[str, Any]]]


# -- rules, each as data for the engine and as a function for the test ----------------------------------------


def mine(path: tuple[str, ...], root: str, role: str | None = None) -> e.Predicate:
    wanted: e.Predicate = e.Compare("eq", e.Column(("person",), "Membership"), e.ActorValue())
    if role is not None:
        wanted = e.all_of(wanted, e.Compare("eq", e.Column(("role",), "Membership"), e.Value(role)))
    return e.Related("any", path, wanted, root)


def is_member(rows: Rows, actor: str, project: str, role: str | None = None) -> bool:
    return any(
        m["project"] == project and m["person"] == actor and role in (None, m["role"])
        for m in rows["Membership"].values()
    )


TASK_RULES: list[tuple[e.Predicate, Any]] = [
    (mine(("project", "members"), "Task"), lambda w, a, t: is_member(w, a, t["project"])),
    (
        mine(("project", "members"), "Task", "lead"),
        lambda w, a, t: is_member(w, a, t["project"], "lead"),
    ),
    (e.Compare("eq", e.Column(("artist",), "Task"), e.ActorValue()), lambda w, a, t: t["artist"] == a),
    (
        e.all_of(
            mine(("project", "members"), "Task"),
            e.Compare("gte", e.Column(("priority",), "Task"), e.Value(2)),
        ),
        lambda w, a, t: is_member(w, a, t["project"]) and t["priority"] >= 2,
    ),
    (
        e.Compare("eq", e.Column(("project", "public"), "Task"), e.Value(True)),
        lambda w, a, t: w["Project"][t["project"]]["public"],
    ),
]
PROJECT_RULES: list[tuple[e.Predicate, Any]] = [
    (mine(("members",), "Project"), lambda w, a, p: is_member(w, a, p["id"])),
    (mine(("members",), "Project", "lead"), lambda w, a, p: is_member(w, a, p["id"], "lead")),
    (e.Compare("eq", e.Column(("public",), "Project"), e.Value(True)), lambda w, a, p: p["public"]),
]
PERSON_RULES: list[tuple[e.Predicate, Any]] = [
    (e.TRUE, lambda w, a, p: True),
    (e.Compare("eq", e.Column(("id",), "Person"), e.ActorValue()), lambda w, a, p: p["id"] == a),
]


class Ruled:
    """A model with drawn rules."""

    def __init__(self, draw: random.Random) -> None:
        self.tasks = draw.sample(TASK_RULES, draw.choice([1, 1, 2, 3]))
        self.projects = draw.sample(PROJECT_RULES, draw.choice([1, 2]))
        self.people = draw.sample(PERSON_RULES, 1)
        self.masked = draw.random() < 0.5
        masks = {"bid": mine(("project", "members"), "Task", "lead")} if self.masked else {}
        rules = {"Task": self.tasks, "Project": self.projects, "Person": self.people, "Membership": []}
        resources = {
            name: replace(
                resource,
                grants=tuple(Grant(frozenset({"read"}), rule) for rule, _ in rules[name]),
                masks=masks if name == "Task" else {},
            )
            for name, resource in MODEL.resources.items()
            if name in rules
        }
        self.model = Model(resources, MODEL.roles, {r.path: r for r in resources.values()})

    def visible(self, world: Rows, actor: str, name: str, row: dict[str, Any]) -> bool:
        rules = {"Task": self.tasks, "Project": self.projects, "Person": self.people}.get(name, [])
        return any(holds(world, actor, row) for _, holds in rules)

    def bid_shown(self, world: Rows, actor: str, task: dict[str, Any]) -> bool:
        return not self.masked or is_member(world, actor, task["project"], "lead")


# -- worlds and questions -------------------------------------------------------------------------------------


def new_task(draw: random.Random, projects: list[str], people: list[str]) -> dict[str, Any]:
    return {
        "title": draw.choice(["Comp", "comp b", "Roto", "Léger", "Paint %_"]),
        "project": draw.choice(projects),
        "artist": draw.choice([None, *people]),
        "bid": draw.choice([None, Decimal("1.50"), Decimal("2.00"), Decimal("12.25")]),
        "deadline": draw.choice([None, date(2026, 1, 1), date(2026, 2, 1)]),
        "priority": draw.randrange(5),
    }


async def fill(engine: Engine, draw: random.Random) -> tuple[Rows, list[str]]:
    rows: Rows = {"Person": {}, "Project": {}, "Membership": {}, "Task": {}}

    async def add(name: str, values: dict[str, Any]) -> str:
        at = NOW + timedelta(minutes=draw.randrange(5))
        call = Call(actor=SYSTEM, now=at)
        made = str((await engine.run(call, Create(name, values))).key)
        rows[name][made] = {**values, "id": made}
        return made

    people = [await add("Person", {"name": f"P{i}"}) for i in range(3)]
    projects = [
        await add("Project", {"code": code, "name": f"N{code}", "public": draw.random() < 0.3})
        for code in ("AA", "BB", "CC", "DD")
    ]
    for project in projects:
        for person in people:
            if draw.random() < 0.4:
                role = draw.choice(["lead", "artist"])
                await add("Membership", {"project": project, "person": person, "role": role})
    for _ in range(draw.randrange(8, 25)):
        await add("Task", new_task(draw, projects, people))
    return rows, people


def column(*path: str) -> e.Column:
    return e.Column(path)


FILTERS: list[e.Predicate] = [
    e.Compare("eq", column("project"), e.Value("AA")),
    e.Compare("gte", column("priority"), e.Value(2)),
    e.Compare("gt", column("bid"), e.Value(Decimal("1.75"))),
    e.Not(e.Compare("eq", column("bid"), e.Value(Decimal("2.00")))),
    e.IsNull(column("bid")),
    e.Matches("contains", column("title"), e.Value("COMP")),
    e.Matches("contains", column("project", "name"), e.Value("na")),
    e.Compare("ne", column("project", "name"), e.Value("NAA")),
    e.Matches("startsWith", column("artist", "name"), e.Value("p1")),
    e.OneOf(column("project", "name"), ("NAA", "NBB")),
    e.Related("any", ("project", "tasks"), e.Compare("gt", column("priority"), e.Value(3))),
    e.Related("none", ("project", "tasks"), e.Compare("eq", column("priority"), e.Value(0))),
    e.Related("every", ("project", "tasks"), e.Compare("gte", column("priority"), e.Value(1))),
]
SORTS = ["created_at", "bid", "deadline", "priority", "title", "urgent", "project.name", "artist.name"]


def question(draw: random.Random, ids: list[str]) -> Query:
    where = e.all_of(*draw.sample(FILTERS, draw.choice([0, 0, 1, 2]))) if draw.random() < 0.8 else None
    if where is not None and draw.random() < 0.2:
        where = e.negate(where)
    sort = tuple(
        Sort(e.Column(tuple(name.split("."))), draw.random() < 0.5)
        for name in draw.sample(SORTS, draw.choice([0, 1, 1, 2]))
    )
    page: Any = Cursor(draw.choice([3, 50])) if draw.random() < 0.6 else Numbered(1, draw.choice([3, 50]))
    if draw.random() < 0.15:
        return Query("Task", key=draw.choice(ids), select=Select(None, (Include("project"),)))
    tasks = Include(
        "tasks",
        Select(None, (Include("artist"), Include("project"))),
        draw.choice([None, *FILTERS]),
        sort[:1],
        draw.choice([1, 3]),
    )
    if draw.random() < 0.3:
        name = draw.choice([(), (Sort(column("name"), True),)])
        return Query("Project", select=Select(None, (tasks,)), sort=name, page=page)
    within = Within("Project", draw.choice(["AA", "BB", "CC"]), "tasks") if draw.random() < 0.2 else None
    if draw.random() < 0.2:
        return summary(draw).query("Task", where=where, within=within)
    deep = (Include("project", Select(None, (tasks,))), Include("artist"))
    select = Select(None, deep if draw.random() < 0.4 else ())
    return Query("Task", select=select, where=where, sort=sort, page=page, within=within)


MEASURES: list[tuple[str, tuple[str, ...] | None]] = [
    ("count", None),
    ("count", ("bid",)),
    ("countDistinct", ("project", "name")),
    ("sum", ("bid",)),
    ("avg", ("bid",)),
    ("min", ("title",)),
    ("max", ("artist", "name")),
    ("avg", ("priority",)),
]


def summary(draw: random.Random) -> Wanted:
    measures = tuple(draw.sample(MEASURES, draw.choice([1, 2, 3])))
    groups = tuple(tuple(name.split(".")) for name in draw.sample(SORTS, draw.choice([0, 1, 1, 2])))
    sort: Any = (
        tuple((by, draw.random() < 0.5) for by in (0, *groups) if draw.random() < 0.5) if groups else ()
    )
    return Wanted(measures, groups, sort, draw.choice([1, 3, 100]))


async def answer(engine: Engine, call: Call, query: Query) -> Any:
    try:
        found = await engine.read(call, query)
    except Fault as fault:
        return (fault.code, fault.message)
    return (found.rows, found.next, found.prev, found.total, found.more)


async def disturb(engine: Engine, ruled: Ruled, rows: Rows, actor: str, draw: random.Random) -> int:
    """Change whatever the actor cannot see, and nothing else; how many rows that was."""
    call = Call(actor=SYSTEM, now=NOW + timedelta(days=1))
    touched = 0
    hidden_projects = {
        id for id, p in rows["Project"].items() if not ruled.visible(rows, actor, "Project", p)
    }
    for id, task in list(rows["Task"].items()):
        if not ruled.visible(rows, actor, "Task", task):
            touched += 1
            if draw.random() < 0.5:
                await engine.run(call, Delete("Task", id))
            else:
                changed = {"title": "hidden", "bid": Decimal("99.00"), "priority": task["priority"] % 2}
                await engine.run(call, Update("Task", id, changed))
        elif not ruled.bid_shown(rows, actor, task):
            touched += 1
            await engine.store.write(_set_bid(engine, id))
    for id in hidden_projects:
        touched += 1
        await engine.run(call, Update("Project", id, {"name": "elsewhere"}))
    for id, person in rows["Person"].items():
        if not ruled.visible(rows, actor, "Person", person):
            touched += 1
            await engine.run(call, Update("Person", id, {"name": "nobody"}))
    return touched


def _set_bid(engine: Engine, id: str) -> Any:
    """Change a masked field of a visible row, which its version would show, from below."""

    async def work(connection: Any) -> None:
        mark = "$1" if engine.store.dialect.features.row_locks else "?1"
        await connection.fetch(f"UPDATE tasks SET bid = 777 WHERE id = {mark}", [id])

    return work


async def test_hidden_rows_change_no_answer(store_url: str) -> None:
    """1,000 questions (10,000 in the long run) over drawn worlds, memberships, rules, filters, sorts and includes."""
    proper = 0
    seed = random.randrange(1 << 30)
    for number in range(WORLDS):
        draw = random.Random(seed + number)
        async with open_store(store_url, fresh=True) as store:
            schema = Schema(MODEL, store.dialect)
            await store.close()
            await migrate.create_all(schema, store.url)
            await store.open()
            rows, people = await fill(Engine(MODEL, store, secret=b"k" * 32), draw)
            ids = list(rows["Task"])
            for _ in range(RULE_SETS):
                ruled = Ruled(draw)
                engine = Engine(ruled.model, store, secret=b"k" * 32)
                actor = draw.choice(people)
                call = Call(actor=Actor(actor, frozenset({"guest", "user"})), now=NOW)
                seen = {id for id, t in rows["Task"].items() if ruled.visible(rows, actor, "Task", t)}
                proper += 0 < len(seen) < len(rows["Task"])
                listed = await engine.read(call, Query("Task", page=Numbered(1, 100)))
                assert {json.loads(r)["id"] for r in listed.rows} == seen, f"seed {seed + number}"
                for id in rows["Task"]:
                    got = await answer(engine, call, Query("Task", key=id))
                    assert (got[0] != "RESOURCE_NOT_FOUND") == (id in seen)
            # the last rule set's world is disturbed where the actor cannot see
            questions = [question(draw, ids) for _ in range(RULE_SETS * QUESTIONS)]
            before = [await answer(engine, call, q) for q in questions]
            await disturb(engine, ruled, rows, actor, draw)
            after = [await answer(engine, call, q) for q in questions]
            for q, first, second in zip(questions, before, after, strict=True):
                assert first == second, f"seed {seed + number}: {q}"
    assert proper * 3 >= WORLDS * RULE_SETS, "too few worlds in which some rows are visible and some are not"

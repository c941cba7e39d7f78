"""Small worlds with drawn rules, which of their rows an actor may see, and the same worlds with other hidden rows.

What is visible is worked out here naively, row by row; the engine works it out in SQL.
"""

import random
import sys
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from headwater import (
    Batched,
    Computed,
    Field,
    Many,
    OptRef,
    Reader,
    Ref,
    Resource,
    Tx,
    action,
    batched,
    computed,
    field,
    index,
    key,
    many,
    optref,
    ref,
    report,
    through,
)
from headwater.db.base import Connection, Store
from headwater.declare import build
from headwater.engine.schema import Schema
from headwater.ir import expr as e
from headwater.ir.model import Grant, Model
from tests.bulk import insert
from tests.spec.probes import probe


class Person(Resource):
    """Somebody."""

    name: Field[str] = field(max_length=50, search=True)
    tasks: Many["Task"] = many(lambda: Task.artist)
    memberships: Many["Membership"] = many(lambda: Membership.person)


class Project(Resource):
    """A project."""

    code: Field[str] = key(pattern=r"[A-Z]+")
    name: Field[str] = field(max_length=50, search=True)
    public: Field[bool] = field(default=False)
    members: Many["Membership"] = many(lambda: Membership.project)
    people: Many[Person] = through(lambda: Membership.project, lambda: Membership.person)
    tasks: Many["Task"] = many(lambda: Task.project)


class Membership(Resource):
    """Somebody's part in a project."""

    project: Ref[Project] = ref(on_delete="cascade")
    person: Ref[Person] = ref(on_delete="cascade")
    role: Field[str] = field(max_length=20, default="artist")


class Task(Resource, trash=True):
    """A piece of work."""

    title: Field[str] = field(max_length=50, search=True)
    project: Ref[Project] = ref(on_delete="cascade")
    artist: OptRef[Person] = optref(default=None, on_delete="set_null")
    bid: Field[Decimal | None] = field(places=2, default=None)
    deadline: Field[date | None] = field(default=None)
    priority: Field[int] = field(default=0)
    urgent: Computed[bool] = computed(lambda: Task.priority > 2)
    notes: Many["Note"] = many(lambda: Note.task)
    label: Batched[str] = batched(lambda: labels, needs=lambda: (Task.title, Task.priority))

    @action
    async def praise(self, tx: Tx) -> None:
        """Say that it is good."""
        self.title = "Good"


class Note(Resource, trash=True):
    """What somebody says of a task."""

    task: Ref[Task] = ref(on_delete="cascade")
    author: Ref[Person] = ref(on_delete="cascade")
    text: Field[str] = field(max_length=50, search=True)
    sign: Batched[str] = batched(lambda: signs, needs=lambda: (Note.author,))


batches: list[tuple[str, tuple[str, ...]]] = []
"""Which rows the functions of batched fields were given."""


async def labels(tasks: Sequence[Task], reader: Reader) -> list[str]:
    """Of what no mask hides, since these functions see all of a row."""
    batches.append(("label", tuple(sorted(task.id for task in tasks))))
    return [f"{task.title}/{task.priority}" for task in tasks]


async def signs(notes: Sequence[Note], reader: Reader) -> list[str]:
    batches.append(("sign", tuple(sorted(note.id for note in notes))))
    return [f"by {note.author}" for note in notes]


@report(Task)
async def review(task: Task, reader: Reader, *, seed: int = 0) -> list[str]:
    """This and that about a task."""
    return await probe(reader, seed, sys.modules[__name__], task)  # type: ignore[arg-type]


@report(Project)
async def state_of(project: Project, reader: Reader, *, seed: int = 0) -> list[str]:
    """This and that about a project."""
    return await probe(reader, seed, sys.modules[__name__], project)  # type: ignore[arg-type]


@report(Task)
async def survey(reader: Reader, *, seed: int = 0) -> list[str]:
    """This and that."""
    return await probe(reader, seed, sys.modules[__name__])  # type: ignore[arg-type]


index(Task.project, Task.created_at)  # so that some lists go through the actor's keys one by one
index(Task.project, Task.priority)
index(Note.author, Note.created_at)

MODEL = build([Person, Project, Membership, Task, Note])
NOW = datetime(2026, 3, 1, tzinfo=UTC)
PROJECTS = ("AA", "BB", "CC", "DD")
ROLES = ("lead", "artist")

Row = dict[str, Any]
Rows = dict[str, dict[str, Row]]

# -- rules ----------------------------------------------------------------------------------------------------

ACTOR = e.ActorValue()


def at(path: str, value: Any, op: e.Comparison = "eq") -> e.Predicate:
    """A comparison of a field, named from its resource: `Task.priority`."""
    root, *names = path.split(".")
    return e.Compare(op, e.Column(tuple(names), root), value if value is ACTOR else e.Value(value))


def behind(path: str, where: e.Predicate) -> e.Predicate:
    """Whether there is such a row behind a to-many relation, named from its resource: `Task.project.members`."""
    root, *names = path.split(".")
    return e.Related("any", tuple(names), where, root)


def member(path: str, role: str | None = None) -> e.Predicate:
    own = at("Membership.person", ACTOR)
    return behind(path, own if role is None else e.all_of(own, at("Membership.role", role)))


RULES: dict[str, list[e.Predicate]] = {
    "Person": [
        e.TRUE,
        at("Person.id", ACTOR),
        behind("Person.memberships", at("Membership.project.public", True)),
    ],
    "Project": [
        member("Project.members"),
        member("Project.members", "lead"),
        at("Project.public", True),
        behind("Project.people", at("Person.id", ACTOR)),
        behind("Project.tasks", at("Task.artist", ACTOR)),
    ],
    "Membership": [
        e.FALSE,
        e.TRUE,
        at("Membership.person", ACTOR),
        member("Membership.project.members"),
        at("Membership.project.public", True),
    ],
    "Task": [
        member("Task.project.members"),
        member("Task.project.members", "lead"),
        at("Task.artist", ACTOR),
        e.all_of(member("Task.project.members"), at("Task.priority", 2, "gte")),
        at("Task.project.public", True),
        behind("Task.project.people", at("Person.id", ACTOR)),
    ],
    "Note": [
        at("Note.author", ACTOR),
        member("Note.task.project.members"),
        at("Note.task.artist", ACTOR),
        behind("Note.task.project.people", at("Person.id", ACTOR)),
    ],
}
"""Rules ask of other rows only whether they are the actor's, or of public projects: no hidden row changes in that."""

VERBS = (
    *("read", "create", "update", "delete", "praise", "restore", "purge"),
    *("review", "state_of", "survey"),
)

MASKS = {
    ("Task", "bid"): member("Task.project.members", "lead"),
    ("Task", "artist"): member("Task.project.members", "lead"),
    ("Note", "text"): at("Note.author", ACTOR),
    ("Note", "sign"): at("Note.author", ACTOR),
    ("Task", "label"): member("Task.project.members", "lead"),
    ("Membership", "role"): at("Membership.person", ACTOR),
    ("Person", "name"): at("Person.id", ACTOR),
}


class Ruled:
    """A model with drawn rules."""

    def __init__(self, draw: random.Random) -> None:
        self.rules = {
            name: {verb: e.any_of(*draw.sample(pool, draw.choice([1, 1, 2]))) for verb in VERBS}
            for name, pool in RULES.items()
        }
        self.masks = {place: rule for place, rule in MASKS.items() if draw.random() < 0.3}
        resources = {
            name: replace(
                resource,
                grants=tuple(Grant(frozenset({verb}), rule) for verb, rule in self.rules[name].items()),
                masks={field: rule for (owner, field), rule in self.masks.items() if owner == name},
            )
            for name, resource in MODEL.resources.items()
        }
        self.model = Model(resources, MODEL.roles)

    def ways(self) -> dict[str, list[tuple[str, ...]]]:
        """The paths of relations through which the reading rules of each resource lead."""
        return {
            name: [
                node.path
                for node in e.walk(rules["read"])
                if isinstance(node, e.Related) and node.root == name
            ]
            for name, rules in self.rules.items()
        }

    def visible(self, world: Rows, actor: str, name: str, row: Row) -> bool:
        """Whether the actor may see a row, here or in the trash. No rule says `not`: so what nobody may see as long as
        nothing is thrown away, nobody may see then."""
        return holds(world, actor, self.rules[name]["read"], [(name, row)])

    def seen(self, world: Rows, actor: str, name: str) -> set[str]:
        """The rows that the actor sees outside of the trash."""
        here = living(world)
        return {id for id, row in here[name].items() if self.visible(here, actor, name, row)}

    def shown(self, world: Rows, actor: str, name: str, row: Row) -> Row:
        """A row as the actor sees it."""
        hidden = {
            field
            for (owner, field), rule in self.masks.items()
            if owner == name and not holds(world, actor, rule, [(name, row)])
        }
        return {field: None if field in hidden else value for field, value in row.items()}


def living(world: Rows) -> Rows:
    """What is not in the trash."""
    return {
        name: {id: row for id, row in rows.items() if not row.get("deleted_at")}
        for name, rows in world.items()
    }


Scopes = list[tuple[str, Row]]


def holds(world: Rows, actor: str, rule: e.Predicate, scopes: Scopes) -> bool:
    """Whether a rule holds of the innermost row of each resource in `scopes`."""
    match rule:
        case e.Bool(value):
            return value
        case e.And(items):
            return all(holds(world, actor, item, scopes) for item in items)
        case e.Or(items):
            return any(holds(world, actor, item, scopes) for item in items)
        case e.Compare(op, e.Column(path, root), right):
            [found] = _reached(world, *_start(root, scopes), path[:-1])
            value, other = found[path[-1]], actor if right is ACTOR else right.value  # type: ignore[union-attr]
            return bool(value == other if op == "eq" else value >= other)
        case e.Related("any", path, where, root):
            target = MODEL.target(MODEL.resources[str(root)], path).name
            return any(
                holds(world, actor, where, [*scopes, (target, row)])
                for row in _reached(world, *_start(root, scopes), path)
            )
    raise AssertionError(rule)


def _start(root: str | None, scopes: Scopes) -> tuple[str, Row]:
    return next((name, row) for name, row in reversed(scopes) if name == root)


def _reached(world: Rows, name: str, row: Row, path: Sequence[str]) -> Iterator[Row]:
    if not path:
        yield row
        return
    relation = MODEL.resources[name].relations[path[0]]
    if relation.kind == "one":
        found = [world[relation.target][row[relation.field]]]
    elif relation.kind == "many":
        found = [other for other in world[relation.target].values() if other[relation.field] == row["id"]]
    else:
        links = [link for link in world[str(relation.through)].values() if link[relation.field] == row["id"]]
        found = [world[relation.target][link[str(relation.far)]] for link in links]
    for other in found:
        yield from _reached(world, relation.target, other, path[1:])


# -- worlds ---------------------------------------------------------------------------------------------------


class Maker:
    """Draws rows."""

    def __init__(self, draw: random.Random) -> None:
        self.draw, self.made = draw, 0

    def add(self, world: Rows, name: str, /, **values: Any) -> str:
        resource = MODEL.resources[name]
        created = NOW + timedelta(minutes=self.draw.randrange(5))
        self.made += 1
        row = {
            "created_at": created,
            "updated_at": created,
            "version": 1,
            "deleted_at": None,
            "trash_id": None,
        }
        row |= values
        row["id"] = row[resource.key] if resource.natural else f"{resource.prefix}_{self.made:026d}"
        world[name][row["id"]] = {name: row[name] for name, f in resource.fields.items() if f.column}
        return str(row["id"])

    def project(self, world: Rows, code: str, public: bool = False) -> str:
        name = self.draw.choice([f"N{code}", "Naïve", "nada"])
        return self.add(world, "Project", code=code, name=name, public=public)

    def membership(self, world: Rows, project: str, person: str) -> str:
        role = self.draw.choice(ROLES)
        return self.add(world, "Membership", project=project, person=person, role=role)

    def task(self, world: Rows, project: str, artist: str | None) -> str:
        return self.add(world, "Task", project=project, artist=artist, **self.work())

    def work(self) -> dict[str, Any]:
        """The fields of a task that no rule but its own asks for."""
        draw = self.draw
        return {
            "title": draw.choice(["Comp", "comp b", "Roto", "Léger", "Paint %_"]),
            "bid": draw.choice([None, Decimal("1.50"), Decimal("2.00"), Decimal("12.25")]),
            "deadline": draw.choice([None, date(2026, 1, 1), date(2026, 2, 1)]),
            "priority": draw.randrange(5),
        }

    def note(self, world: Rows, task: str, author: str) -> str:
        return self.add(world, "Note", task=task, author=author, text=self.text())

    def text(self) -> str:
        return self.draw.choice(["good", "Good comp", "no", "roto?"])

    def world(self) -> Rows:
        draw = self.draw
        world: Rows = {name: {} for name in MODEL.resources}
        people = [self.add(world, "Person", name=f"P{i}") for i in range(4)]
        for code in PROJECTS:
            self.project(world, code, draw.random() < 0.3)
            for person in people:
                if draw.random() < 0.4:
                    self.membership(world, code, person)
        for _ in range(draw.randrange(8, 25)):
            task = self.task(world, draw.choice(PROJECTS), draw.choice([None, *people]))
            notes = [self.note(world, task, draw.choice(people)) for _ in range(draw.choice([0, 0, 1, 2]))]
            if draw.random() < 0.2:
                self.throw_away(world["Task"][task], *(world["Note"][note] for note in notes))
            elif notes and draw.random() < 0.3:
                self.throw_away(world["Note"][notes[0]])
        return world

    def throw_away(self, *together: Row) -> None:
        for row in together:
            row |= {"deleted_at": NOW, "trash_id": together[0]["id"], "version": 2}

    def disturbed(self, world: Rows, ruled: Ruled, actor: str) -> tuple[Rows, int]:
        """The world with other rows, and other values of masked fields, where the actor cannot see, and how many
        those are. It looks the same to the actor, which is seen to."""
        draw, other = self.draw, deepcopy(world)
        hidden = {
            name: [row for row in rows.values() if not ruled.visible(world, actor, name, row)]
            for name, rows in world.items()
        }
        others = [id for id in world["Person"] if id != actor]
        touched = 0
        for row in hidden["Project"]:
            touched += 1
            other["Project"][row["id"]]["name"] = "elsewhere"
        for row in hidden["Person"]:
            touched += 1
            other["Person"][row["id"]]["name"] = "nobody"
        for row in hidden["Membership"]:
            if row["person"] != actor:
                touched += 1
                if draw.random() < 0.5 and not world["Project"][row["project"]]["public"]:
                    del other["Membership"][row["id"]]
                else:
                    other["Membership"][row["id"]]["role"] = draw.choice(ROLES)
        for row in hidden["Note"]:
            if row["author"] != actor:
                touched += 1
                if draw.random() < 0.5:
                    del other["Note"][row["id"]]
                else:
                    other["Note"][row["id"]]["text"] = self.text()
        for row in hidden["Task"]:
            if row["artist"] == actor:
                continue
            touched += 1
            held = any(note["task"] == row["id"] for note in other["Note"].values())
            if draw.random() < 0.5 and not held:
                del other["Task"][row["id"]]
            else:
                changed = {**row, **self.work(), "artist": draw.choice([None, *others])}
                if not held and draw.random() < 0.3:
                    self.throw_away(changed)
                if not ruled.visible(other, actor, "Task", changed):
                    other["Task"][row["id"]] = changed
        touched += self._added(other, ruled, actor, others)
        touched += self._unmasked(world, other, ruled, actor, others)
        for name, rows in world.items():
            seen = ruled.seen(world, actor, name)
            assert ruled.seen(other, actor, name) == seen, name
            for id in seen:
                views = [ruled.shown(w, actor, name, w[name][id]) for w in (world, other)]
                assert views[0] == views[1], (name, rows[id])
        return other, touched

    def _added(self, world: Rows, ruled: Ruled, actor: str, others: list[str]) -> int:
        """Add rows that the actor does not see."""
        draw, touched = self.draw, 0
        for _ in range(draw.randrange(6)):
            project = draw.choice(list(world["Project"]))
            free = [p for p in others if p not in _people(world, project)]
            makers = {
                "Task": lambda project=project: self.task(world, project, draw.choice([None, *others])),
                "Note": lambda: self.note(
                    world, draw.choice(list(living(world)["Task"])), draw.choice(others)
                ),
                "Project": lambda: self.project(
                    world, f"X{'ABCDEFGHIJ'[self.made % 10]}{'XYZ'[draw.randrange(3)]}"
                ),
                "Person": lambda: self.add(world, "Person", name="P9"),
            }
            if free and not world["Project"][project]["public"]:
                makers["Membership"] = lambda project=project, free=free: self.membership(
                    world, project, draw.choice(free)
                )
            name = draw.choice(list(makers))
            made = makers[name]()
            if ruled.visible(world, actor, name, world[name][made]):
                del world[name][made]
            else:
                touched += 1
        return touched

    def _unmasked(self, world: Rows, other: Rows, ruled: Ruled, actor: str, others: list[str]) -> int:
        """Change masked fields, whose rows may be visible."""
        draw, touched = self.draw, 0
        values: dict[tuple[str, str], Any] = {
            ("Task", "bid"): lambda: draw.choice([None, Decimal("777.00"), Decimal("0.01")]),
            ("Task", "artist"): lambda: draw.choice([None, *others]),
            ("Note", "text"): self.text,
            ("Membership", "role"): lambda: draw.choice(ROLES),
            ("Person", "name"): lambda: draw.choice(["P0", "P1", "someone"]),
        }
        for (name, masked), rule in ruled.masks.items():
            if (name, masked) not in values:
                continue  # a batched field, which no row holds
            for id, row in world[name].items():
                open_to_actor = holds(world, actor, rule, [(name, row)])
                if id in other[name] and not open_to_actor and row[masked] != actor:
                    other[name][id][masked] = values[name, masked]()
                    touched += 1
        return touched


def _people(world: Rows, project: str) -> set[str]:
    return {m["person"] for m in world["Membership"].values() if m["project"] == project}


async def become(store: Store, schema: Schema, world: Rows) -> None:
    """Make the database hold this world and nothing else."""
    of = {schema[name].name: name for name in world}
    names = [of[table.name] for table in schema.metadata.sorted_tables if table.name in of]

    async def clear(connection: Connection) -> None:
        for name in reversed(names):
            await connection.fetch(f"DELETE FROM {schema[name].name}")

    await store.write(clear)
    for name in names:
        if rows := world[name]:
            await insert(store, schema, name, list(rows.values()))

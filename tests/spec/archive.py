"""A declared archive whose rows go to the trash in every way, and what must hold of it whatever was done."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from headwater import (
    Computed,
    Field,
    Many,
    OptRef,
    Ref,
    Resource,
    Tx,
    action,
    acyclic,
    allow,
    computed,
    key,
    many,
    optref,
    ref,
    unique,
)
from headwater import field as column
from headwater.base.call import Call
from headwater.declare import build
from headwater.engine.engine import Engine
from headwater.ir.query import Cursor, Query


class Person(Resource):
    """Somebody, who is removed for good."""

    name: Field[str] = column(max_length=50, unique=True)


class Project(Resource, trash=True):
    """A project; all that it has goes with it."""

    code: Field[str] = key()
    name: Field[str] = column(max_length=50, unique=True, search=True)
    task_count: Computed[int] = computed(lambda: Project.tasks.count(), init=False)
    bids: Computed[Decimal] = computed(lambda: Project.tasks.sum(Task.bid), places=2, init=False)

    members: Many[Membership] = many(lambda: Membership.project, init=False)
    tasks: Many[Task] = many(lambda: Task.project, init=False)


class Membership(Resource, trash=True):
    """That somebody is in a project."""

    project: Ref[Project] = ref(on_delete="cascade")
    person: Ref[Person] = ref(on_delete="cascade")
    lead: Field[bool] = column(default=False)


class Reel(Resource, trash=True):
    """What a task may be shown in; nothing of it is lost with that."""

    name: Field[str] = column(max_length=50)


class Task(Resource, trash=True):
    """A piece of work."""

    title: Field[str] = column(max_length=50, search=True, index=True)
    number: Field[int] = column(default=0)
    bid: Field[Decimal] = column(places=2, default=Decimal(0))
    project: Ref[Project] = ref(on_delete="cascade")
    parent: OptRef[Task] = optref(default=None, on_delete="cascade")
    artist: OptRef[Person] = optref(default=None, on_delete="set_null")
    reviewer: OptRef[Person] = optref(default=None, on_delete="restrict")
    reel: OptRef[Reel] = optref(default=None, on_delete="set_null")
    sample: OptRef[Hours] = optref(default=None, on_delete="set_null")
    children: Many[Task] = many(lambda: Task.parent, init=False)

    @action(to="editor")
    async def start_over(self, tx: Tx) -> list[Task]:
        """Take back what was last thrown away below this."""
        thrown = await tx.trashed(Task, Task.parent == self.id, limit=1)
        for row in thrown:
            await tx.restore(row)
            row.title = "again"
        return thrown

    @action(to="editor")
    async def shred(self, tx: Tx) -> None:
        """Remove it for good at once."""
        await tx.delete(self)
        await tx.purge(self)

    @action(to="editor")
    async def rummage(self, tx: Tx) -> list[Task]:
        """What was thrown away below this, which is not shown."""
        return await tx.trashed(Task, Task.parent == self.id)


class Hours(Resource, plural="hours"):
    """Time spent on a task; it is not kept."""

    task: Ref[Task] = ref(on_delete="cascade")
    amount: Field[int] = column(default=1)


class Need(Resource, trash=True):
    """That a task waits for another."""

    task: Ref[Task] = ref(on_delete="cascade")
    other: Ref[Task] = ref(on_delete="cascade")


class Review(Resource):
    """What keeps a task from going."""

    task: Ref[Task] = ref(on_delete="restrict")


unique(Task.project, Task.number)
acyclic(Need.task, Need.other)
RESOURCES: list[type[Resource]] = [Person, Project, Membership, Reel, Task, Hours, Need, Review]
for resource in RESOURCES:
    allow(resource, "read", "create", "update", "delete", to="editor")
allow(Project, "read", when=lambda actor: Project.members.any(Membership.person == actor.id))
allow(Membership, "read", when=lambda actor: Membership.person == actor.id)
allow(Task, "read", when=lambda actor: Task.project.members.any(Membership.person == actor.id))
allow(Reel, "read")
allow(Reel, "restore", when=lambda actor: Reel.name == "mine")
LEADS: Any = lambda project, actor: project.members.any(  # noqa: E731
    (Membership.person == actor.id) & (Membership.lead == True)  # noqa: E712
)
allow(Project, "delete", when=lambda actor: LEADS(Project, actor))
allow(Task, "delete", when=lambda actor: LEADS(Task.project, actor))

MODEL = build(RESOURCES)

Rows = dict[tuple[str, str], dict[str, Any]]


async def living(engine: Engine) -> Rows:
    """What is not in the trash."""
    return {
        (name, row["id"]): row
        for name in engine.model.resources
        for row in await engine.rows(Call.system(), Query(name, page=Cursor(100_000)))
    }


async def thrown_away(engine: Engine) -> Rows:
    """What is in the trash."""
    return {
        (name, row["id"]): row
        for name, declared in engine.model.resources.items()
        if declared.trash
        for row in await engine.rows(Call.system(), Query(name, page=Cursor(100_000), trashed=True))
    }


async def assert_whole(engine: Engine) -> tuple[Rows, Rows]:
    """Whatever is not in the trash refers to what is not there either; all that is refers to something."""
    here, there = await living(engine), await thrown_away(engine)
    assert not here.keys() & there.keys()
    for rows, reachable in ((here, here), (there, here | there)):
        for (name, id), row in rows.items():
            assert (rows is there) == (row.get("deleted_at") is not None) == (row.get("trash_id") is not None)
            for found in engine.model.resources[name].fields.values():
                if found.target and row[found.name] is not None:
                    assert (found.target, row[found.name]) in reachable, f"{name} {id} {found.name}"
    return here, there

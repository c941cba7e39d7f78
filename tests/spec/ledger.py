"""A declared studio whose rows refer to each other in every way, and the one question that its tests ask: does the
log tell exactly what is in the tables?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any

from headwater import (
    App,
    Computed,
    Field,
    OptRef,
    Ref,
    Resource,
    Tx,
    action,
    allow,
    computed,
    key,
    optref,
    ref,
)
from headwater import field as column
from headwater.base.call import Call
from headwater.engine.engine import Engine
from headwater.ir.model import Resource as Declared
from headwater.ir.query import Cursor, Query
from headwater.ir.values import to_wire
from headwater.log.log import Entry

PATIENCE = 20.0
"""Seconds after which a reader that must come to the log's end is called stuck."""

Images = dict[tuple[str, str], dict[str, Any]]


class Person(Resource):
    """Somebody."""

    name: Field[str] = column(max_length=50)


class Project(Resource):
    """A project; its tasks, shots and comments go with it."""

    code: Field[str] = key(pattern=r"[A-Z][A-Z0-9]*")
    name: Field[str] = column(max_length=50)
    done: Field[int] = column(default=0)


class Task(Resource):
    """A piece of work: declared before the shots that it may belong to."""

    title: Field[str] = column(max_length=50, search=True)
    project: Ref[Project] = ref(on_delete="cascade")
    shot: OptRef[Shot] = optref(default=None, on_delete="cascade")
    parent: OptRef[Task] = optref(default=None, on_delete="cascade")
    artist: OptRef[Person] = optref(default=None, on_delete="set_null")
    reviewer: OptRef[Person] = optref(default=None, on_delete="set_null")
    cover: OptRef[Comment] = optref(default=None, on_delete="set_null")
    status: Field[str] = column(default="open", max_length=20)
    count: Field[int] = column(default=0)
    secret: Field[str | None] = column(default=None, max_length=50, internal=True)
    is_open: Computed[bool] = computed(lambda: Task.status == "open", init=False)

    @action(to="editor")
    async def finish(self, tx: Tx, *, fail: bool = False) -> None:
        """Sign the task off: changes it, its project and its artist, adds a comment, and deletes the sub-tasks."""
        self.status = "done"
        project = await tx.get(Project, str(self.project))
        project.done += 1
        comment = await tx.create(Comment(task=self.id, text="well done"))
        for child in await tx.select(Task, Task.parent == self.id):
            await tx.delete(child)
        if self.artist is not None:
            (await tx.get(Person, str(self.artist))).name = "a happy artist"
        if fail:
            comment.text = "x" * 101

    @action(to="editor")
    async def abandon(self, tx: Tx) -> None:
        """Delete the task's project, and so the task."""
        await tx.delete(await tx.get(Project, str(self.project)))


class Shot(Resource):
    """A shot of a project."""

    project: Ref[Project] = ref(on_delete="cascade")
    name: Field[str] = column(max_length=50)


class Comment(Resource):
    """Something said on a task, which may also be its cover."""

    task: Ref[Task] = ref(on_delete="cascade")
    text: Field[str] = column(max_length=100)


class Invoice(Resource):
    """What keeps a person from being deleted."""

    person: Ref[Person] = ref(on_delete="restrict")


RESOURCES = (Person, Project, Task, Shot, Comment, Invoice)
for resource in RESOURCES:
    allow(resource, "read", "create", "update", "delete", to="editor")

app = App(title="Ledger", resources=RESOURCES, mode="development")


def replay(entries: Iterable[Entry]) -> Images:
    """The rows that the entries leave behind. Fails where an entry does not continue the row's history."""
    rows: Images = {}
    position = 0
    for entry in entries:
        assert entry.position > position, f"{entry.position} came after {position}"
        position = entry.position
        found = (entry.resource, entry.row_id)
        known = rows.get(found)
        kind = entry.type.rpartition(".")[2]
        if entry.before is None:
            assert known is None, f"{found} was created twice"
            assert entry.after is not None
            assert (kind, entry.version, entry.after["version"]) == ("created", 1, 1), entry
            rows[found] = entry.after
            continue
        assert known is not None, f"{entry.type} of {found}, which the log does not know"
        if entry.after is None:
            assert (kind, entry.version) == ("deleted", known["version"]), entry
            assert entry.before == known, f"{found} was deleted in another form than it had"
            del rows[found]
            continue
        assert (kind, entry.version, entry.after["version"]) == ("updated", *[known["version"] + 1] * 2), (
            entry
        )
        assert {**entry.after, **entry.before} == known, f"{found} was changed from another form than it had"
        assert all(entry.before[name] != entry.after[name] for name in entry.before), entry
        rows[found] = entry.after
    return rows


def image(resource: Declared, row: dict[str, Any]) -> dict[str, Any]:
    """A row in the form that the log keeps."""
    return {
        f.name: None if row[f.name] is None else to_wire(f.type, row[f.name])
        for f in resource.fields.values()
        if f.column is not None and not f.internal
    }


async def tables(engine: Engine) -> Images:
    """What is in the tables."""
    found: Images = {}
    for resource in engine.model.resources.values():
        for row in await engine.rows(Call.system(), Query(resource.name, page=Cursor(100_000))):
            found[resource.name, str(row["id"])] = image(resource, row)
    return found


async def whole_log(engine: Engine, limit: int = 500) -> list[Entry]:
    """Every entry, read as a follower reads, until the last one that was committed when this began."""
    last, reader, entries = await engine.log.last(), engine.log.reader(), list[Entry]()
    until = time.monotonic() + PATIENCE
    while reader.position < last:
        entries += await reader.read(limit)
        assert time.monotonic() < until, f"the reader stands at {reader.position} of {last}"
        await asyncio.sleep(0)
    return entries


async def assert_the_log_tells_the_rows(engine: Engine) -> list[Entry]:
    """No row without its entries, no entry without its row, no change half done. Nobody writes meanwhile."""
    entries = await whole_log(engine)
    told, there = replay(entries), await tables(engine)
    assert told.keys() == there.keys(), told.keys() ^ there.keys()
    for found, row in there.items():
        assert told[found] == row, found
    await assert_the_index_tells_the_rows(engine)
    return entries


async def assert_the_index_tells_the_rows(engine: Engine) -> None:
    """No row that a search does not find, and none found that is gone. SQLite can be asked to compare the two."""
    if engine.store.url.startswith("sqlite"):
        table = f"hw_search_{engine.model.resources['Task'].table}"
        sql = f"INSERT INTO {table} ({table}, rank) VALUES ('integrity-check', 1)"
        await engine.store.write(lambda connection: connection.fetch(sql))

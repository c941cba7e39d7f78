"""What the processes do that the tests of the log and of crashes start."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from headwater.base.call import Call
from headwater.engine import migrate
from headwater.engine.engine import Engine
from headwater.engine.schema import Schema
from headwater.ir.command import Act, Command, Create, Delete, Update
from tests.nursery import Tell
from tests.spec.ledger import Images, app
from tests.stores import dialect, open_store

EXPECTED = frozenset(
    {"RESOURCE_NOT_FOUND", "RESOURCE_CONFLICT", "DANGLING_REFERENCE", "RESOURCE_ALREADY_EXISTS"}
)
"""What drawn commands may fail with, since others delete and restrict meanwhile."""


async def create_tables(url: str) -> None:
    """The tables of the ledger's app. Before its store opens: two SQLite libraries with one file open in one process
    undo each other's locks."""
    await migrate.create_all(Schema(app.model, dialect(url)), url)


@asynccontextmanager
async def engine(url: str) -> AsyncIterator[Engine]:
    """The app's engine on a database that has its tables."""
    async with open_store(url) as store:
        yield Engine(app.model, store, secret=b"s" * 32)


def drawn_command(draw: random.Random, rows: Images) -> Command:
    """A command that could succeed on these rows, if nobody else acts."""
    ids: dict[str, list[str]] = {}
    for resource, id in rows:
        ids.setdefault(resource, []).append(id)

    def some(resource: str) -> str | None:
        return draw.choice([None, *ids[resource]]) if resource in ids else None

    name = f"name {draw.randrange(1000)}"
    kind = draw.choice(["create", "create", "create", "update", "update", "act", "delete"])
    projects, tasks = ids.get("Project", []), ids.get("Task", [])
    if not projects or (kind == "create" and draw.random() < 0.1):
        return Create("Project", {"code": f"P{draw.randrange(1 << 40)}", "name": name})
    if kind == "create" or not tasks:
        project = draw.choice(projects)
        drawn: list[tuple[str, dict[str, Any]]] = [
            ("Person", {"name": name}),
            ("Shot", {"project": project, "name": name}),
            *[("Task", {"title": name, "project": project, "artist": some("Person"), "reviewer": some("Person"),
                        "shot": some("Shot"), "parent": some("Task"), "secret": name})] * 3,
        ]  # fmt: skip
        if tasks:
            drawn.append(("Comment", {"task": draw.choice(tasks), "text": name}))
        if "Person" in ids and draw.random() < 0.3:
            drawn.append(("Invoice", {"person": draw.choice(ids["Person"])}))
        return Create(*draw.choice(drawn))
    if kind == "update":
        values = draw.choice(
            [{"count": draw.randrange(9)}, {"artist": some("Person")}, {"cover": some("Comment")}]
        )
        return Update("Task", draw.choice(tasks), values)
    if kind == "act":
        return Act("Task", "finish", draw.choice(tasks))
    resource = draw.choice([r for r in ("Person", "Shot", "Task", "Task", "Comment", "Project") if r in ids])
    return Delete(resource, draw.choice(ids[resource]))


async def busy(url: str, seed: int, count: int, tell: Tell) -> None:
    """Eight writers at once; tells the position of each acknowledged write."""
    async with engine(url) as opened:

        async def writer(number: int) -> None:
            draw = random.Random(f"{seed} {number}")
            made: list[str] = []
            for turn in range(count // 4):
                call = Call.system(f"req_{seed}_{number}_{turn}")
                if made and draw.random() < 0.5:
                    command: Command = Update("Person", draw.choice(made), {"name": f"name {turn}"})
                elif made and draw.random() < 0.2:
                    command = Delete("Person", made.pop())
                else:
                    command = Create("Person", {"name": "new"})
                outcome = await opened.run(call, command)
                if isinstance(command, Create):
                    made.append(str(outcome.key))
                if outcome.position is not None:
                    tell(outcome.position)

        await asyncio.gather(*(writer(n) for n in range(8)))

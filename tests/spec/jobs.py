"""What the processes do that the tests of the log and of crashes start."""

import asyncio
import random
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from headwater.base.call import Call
from headwater.base.observe import Observation, WriteStage
from headwater.engine import migrate
from headwater.engine.engine import Engine
from headwater.engine.schema import Schema
from headwater.engine.tx import Tx
from headwater.ir.command import Act, Command, Create, Delete, Update
from headwater.ir.model import Model
from tests.nursery import Tell, die
from tests.spec.ledger import Comment, Images, Person, Project, Shot, Task, app
from tests.stores import dialect, new_store

EXPECTED = frozenset(
    {"RESOURCE_NOT_FOUND", "RESOURCE_CONFLICT", "DANGLING_REFERENCE", "RESOURCE_ALREADY_EXISTS"}
)
"""What drawn commands may fail with, since others delete and restrict meanwhile."""


_engines: dict[str, Engine] = {}


async def create_tables(url: str) -> None:
    """The tables of the ledger's app. Before its store opens: two SQLite libraries with one file open in one process
    undo each other's locks."""
    await migrate.create_all(Schema(app.model, dialect(url)), url)


async def create_log(url: str) -> None:
    """The log's table, and one of settings, alone."""
    await migrate.create_all(Schema(Model({}, {}), dialect(url)), url)


@asynccontextmanager
async def engine(url: str) -> AsyncIterator[Engine]:
    """The app's engine on a database that has its tables. It is kept, closed, with its plans for the next time, since
    making them is most of what a short life costs."""
    if url not in _engines:
        _engines[url] = Engine(app.model, new_store(url), secret=b"s" * 32)
    kept = _engines[url]
    await kept.store.open()
    try:
        yield kept
    finally:
        await kept.store.close()


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


# -- writes to die in -----------------------------------------------------------------------------------------

Write = Callable[[Engine, dict[str, str], Call], Awaitable[Any]]


async def prepare(engine: Engine, name: str) -> dict[str, str]:
    """Rows of a job's own that refer to each other in every way; their ids."""
    call, code = Call.system(f"{name}_prepare"), name.upper().replace("_", "")
    ids: dict[str, str] = {"project": code, "name": name}

    async def work(tx: Tx) -> None:
        ada, project = await tx.create(Person(name="Ada")), await tx.create(Project(code=code, name="Swan"))
        shot = await tx.create(Shot(project=code, name="010"))
        task = await tx.create(
            Task(title="comp", project=code, shot=shot.id, artist=tx.key(ada), reviewer=tx.key(ada))
        )
        child = await tx.create(Task(title="roto", project=code, parent=task.id, artist=tx.key(ada)))
        cover = await tx.create(Comment(task=task.id, text="the cover"))
        rows = {"ada": ada, "task": task, "child": child, "cover": cover, "shot": shot, "swan": project}
        ids.update({name: tx.key(row) for name, row in rows.items()})

    await engine.transact(call, work)
    await engine.run(call, Update("Task", ids["task"], {"cover": ids["cover"]}))
    return ids


async def _create(engine: Engine, ids: dict[str, str], call: Call) -> None:
    values = {"title": "new", "project": ids["project"], "artist": ids["ada"], "secret": "hush"}
    await engine.run(call, Create("Task", values))


async def _update(engine: Engine, ids: dict[str, str], call: Call) -> None:
    await engine.run(call, Update("Task", ids["task"], {"title": "other", "artist": None}))


async def _delete(engine: Engine, ids: dict[str, str], call: Call) -> None:
    await engine.run(call, Delete("Project", ids["project"]))


async def _release(engine: Engine, ids: dict[str, str], call: Call) -> None:
    await engine.run(call, Delete("Person", ids["ada"]))


async def _act(engine: Engine, ids: dict[str, str], call: Call) -> None:
    await engine.run(call, Act("Task", "finish", ids["task"]))


async def _transact(engine: Engine, ids: dict[str, str], call: Call) -> None:
    async def work(tx: Tx) -> None:
        (await tx.get(Task, ids["task"])).status = "waiting"
        await tx.create(Comment(task=ids["task"], text="wait"))
        await tx.delete(await tx.get(Task, ids["child"]))

    await engine.transact(call, work)


WRITES: dict[str, Write] = {
    "create": _create,
    "update": _update,
    "delete": _delete,
    "release": _release,
    "act": _act,
    "transact": _transact,
}


async def crash(url: str, name: str, writes: list[str], at: int, tell: Tell) -> None:
    """Do some writes at once, and die at their `at`-th observation, or tell what there was to observe.

    Tells each write that was acknowledged. With several writes at once, each has rows of its own.
    """
    async with engine(url) as opened:
        worlds = [await prepare(opened, f"{name}_{number}") for number in range(len(writes))]
        seen: list[str] = []
        lock = threading.Lock()

        def watch(observation: Observation) -> None:
            with lock:
                what = observation.stage if isinstance(observation, WriteStage) else "statement"
                seen.append(what)
                if len(seen) == at:
                    tell({"died": what})
                    die()

        async def write(kind: str, ids: dict[str, str]) -> None:
            await WRITES[kind](opened, ids, Call.system(ids["name"]))
            tell({"acknowledged": ids["name"]})

        remove = opened.store.observers.add(watch)
        await asyncio.gather(*(write(kind, ids) for kind, ids in zip(writes, worlds, strict=True)))
        remove()
        tell({"seen": seen})

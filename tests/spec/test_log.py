"""The log: each changed row has its entry, and who reads misses none, doubles none, and sees each row's in order."""

import asyncio
import itertools
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from headwater.base.call import Actor, Call
from headwater.base.errors import Fault
from headwater.db.base import Connection, Row, Store
from headwater.engine.engine import Engine
from headwater.engine.tx import Tx
from headwater.ir.command import Act, Command, Create, Delete, Expected, Update
from headwater.log.log import Entry, Log, Reader
from tests.nursery import Nursery
from tests.spec import jobs, ledger
from tests.spec.ledger import Comment, Person, Project, Task, assert_the_log_tells_the_rows, tables
from tests.stores import open_store

LONG = bool(os.environ.get("HEADWATER_TEST_LONG"))
COMMANDS = 3000 if LONG else 150
TRANSACTIONS = 4000 if LONG else 50
"""Of each of the eight writers."""
SCHEDULES = 5000 if LONG else 120
EDITOR = Actor("person_editor", roles=frozenset({"guest", "user", "editor"}))

only_postgres = pytest.mark.parametrize("store_url", ["postgres"], indirect=True)


@pytest.fixture
async def engine(store_url: str) -> AsyncIterator[Engine]:
    await jobs.create_tables(store_url)
    async with jobs.engine(store_url) as opened:
        yield opened


def call(request: str = "req_test") -> Call:
    return Call(actor=EDITOR, organisation="org_1", request_id=request)


# -- what is written ------------------------------------------------------------------------------------------


async def test_an_entry_says_who_changed_what_in_which_request(engine: Engine) -> None:
    """Creation, change and deletion, with the images before and after; internal fields are in neither."""
    made = await engine.run(call("req_1"), Create("Project", {"code": "SWA", "name": "Swan"}))
    await engine.run(call("req_2"), Update("Project", "SWA", {"name": "Swans", "done": 0}))
    same = await engine.run(call("req_3"), Update("Project", "SWA", {"name": "Swans"}))
    gone = await engine.run(call("req_4"), Delete("Project", "SWA"))
    first, second, third = await assert_the_log_tells_the_rows(engine)
    assert [e.type for e in (first, second, third)] == [
        "project.created",
        "project.updated",
        "project.deleted",
    ]
    assert [e.request_id for e in (first, second, third)] == ["req_1", "req_2", "req_4"]
    assert {(e.actor, e.organisation, e.resource, e.row_id) for e in (first, second, third)} == {
        ("person_editor", "org_1", "Project", "SWA")
    }
    assert (made.position, same.position, gone.position) == (first.position, None, third.position)
    assert first.after == {
        "code": "SWA", "id": "SWA", "name": "Swan", "done": 0, "version": 1,
        "created_at": first.at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "updated_at": first.at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
    }  # fmt: skip
    assert set(second.changed) == {"name", "version", "updated_at"}
    assert second.before is not None
    assert second.before["name"] == "Swan"


async def add_world(engine: Engine) -> dict[str, str]:
    """Rows that refer to each other in every way, by name."""
    ids: dict[str, str] = {}

    async def add(name: str, resource: str, /, **values: Any) -> None:
        ids[name] = str((await engine.run(call(), Create(resource, values))).key)

    await add("ada", "Person", name="Ada")
    await add("bob", "Person", name="Bob")
    await add("project", "Project", code="SWA", name="Swan")
    await add("other", "Project", code="OWL", name="Owl")
    await add("shot", "Shot", project="SWA", name="010")
    for name, more in (
        ("task", {"shot": ids["shot"], "artist": ids["ada"], "reviewer": ids["ada"]}),
        ("loose", {"artist": ids["ada"], "reviewer": ids["bob"]}),
    ):
        await add(name, "Task", title=name, project="SWA", **more)
    await add("child", "Task", title="child", project="SWA", parent=ids["task"])
    await add("elsewhere", "Task", title="elsewhere", project="OWL", artist=ids["ada"])
    await add("cover", "Comment", task=ids["task"], text="the cover")
    await engine.run(call(), Update("Task", ids["task"], {"cover": ids["cover"]}))
    return ids


async def test_what_goes_with_a_row_has_its_own_entries(engine: Engine) -> None:
    """Rows that go by several paths go once, those that refer to each other too, whatever was declared first."""
    ids = await add_world(engine)
    done = await engine.run(call("req_gone"), Delete("Project", "SWA"))
    entries = await assert_the_log_tells_the_rows(engine)
    last = [e for e in entries if e.request_id == "req_gone"]
    assert {e.row_id for e in last} == {
        ids[n] for n in ("project", "shot", "task", "loose", "child", "cover")
    }
    assert {e.type.rpartition(".")[2] for e in last} == {"deleted"}
    assert done.position == entries[-1].position


async def test_references_that_are_cleared_have_their_entries(engine: Engine) -> None:
    """A row that refers twice to the one that goes is changed twice, in one transaction."""
    ids = await add_world(engine)
    await engine.run(call("req_gone"), Delete("Person", ids["ada"]))
    entries = await assert_the_log_tells_the_rows(engine)
    last = [e for e in entries if e.request_id == "req_gone"]
    assert last[-1].row_id == ids["ada"]
    cleared = {
        (e.row_id, name) for e in last[:-1] for name in e.before or () if name in ("artist", "reviewer")
    }
    assert cleared == {
        (ids["task"], "artist"), (ids["task"], "reviewer"), (ids["loose"], "artist"), (ids["elsewhere"], "artist"),
    }  # fmt: skip


async def test_what_an_action_does_is_logged(engine: Engine) -> None:
    ids = await add_world(engine)
    await engine.run(call("req_done"), Act("Task", "finish", ids["task"]))
    last = [e for e in await assert_the_log_tells_the_rows(engine) if e.request_id == "req_done"]
    assert sorted(e.type for e in last) == [
        "comment.created", "person.updated", "project.updated", "task.deleted", "task.updated",
    ]  # fmt: skip
    assert {e.actor for e in last} == {"person_editor"}


async def test_a_unit_of_the_products_own_is_logged(engine: Engine) -> None:
    """A row may be created and deleted, or changed and deleted, in one unit; what remains is what is told."""
    ids = await add_world(engine)

    async def work(tx: Tx) -> None:
        await tx.delete(await tx.create(Comment(task=ids["task"], text="never said")))
        loose = await tx.get(Task, ids["loose"])
        loose.title = "never called so"
        await tx.delete(loose)
        project = await tx.create(Project(code="NEW", name="New"))
        await tx.create(Task(title="first", project=project.code))
        (await tx.get(Person, ids["bob"])).name = "Robert"

    await engine.transact(call("req_unit"), work)
    last = [e for e in await assert_the_log_tells_the_rows(engine) if e.request_id == "req_unit"]
    assert [e.type for e in last] == ["project.created", "task.created", "person.updated", "task.deleted"]


async def test_a_row_that_went_with_another_may_be_deleted_as_well(engine: Engine) -> None:
    """In one unit a row is deleted once, however often that is asked; it is then not shown."""
    ids = await add_world(engine)

    async def work(tx: Tx) -> None:
        task, child = await tx.get(Task, ids["task"]), await tx.get(Task, ids["child"])
        for row in (task, child, task):
            await tx.delete(row)

    await engine.transact(call("req_unit"), work)
    last = [e for e in await assert_the_log_tells_the_rows(engine) if e.request_id == "req_unit"]
    assert sorted(e.row_id for e in last) == sorted(ids[n] for n in ("task", "child", "cover"))
    outcome = await engine.run(call(), Act("Task", "abandon", ids["loose"]))
    assert (outcome.key, outcome.row) == (ids["loose"], None)
    assert not any(
        row["project"] == "SWA" for (name, _), row in (await tables(engine)).items() if name == "Task"
    )


async def test_a_command_that_fails_leaves_neither_row_nor_entry(engine: Engine) -> None:
    ids = await add_world(engine)
    await engine.run(call(), Create("Invoice", {"person": ids["bob"]}))
    late = Call(actor=EDITOR, deadline=0.0)
    failures: list[tuple[Call, Command, str]] = [
        (call(), Create("Project", {"code": "SWA", "name": "Again"}), "RESOURCE_ALREADY_EXISTS"),
        (call(), Create("Task", {"title": "x", "project": "NIL"}), "DANGLING_REFERENCE"),
        (call(), Update("Task", ids["task"], {"artist": "person_nobody"}), "DANGLING_REFERENCE"),
        (call(), Update("Task", ids["task"], {"title": "y"}, Expected(1)), "RESOURCE_CONFLICT"),
        (call(), Update("Task", "task_none", {"title": "y"}), "RESOURCE_NOT_FOUND"),
        (call(), Delete("Person", ids["bob"]), "RESOURCE_CONFLICT"),
        (call(), Act("Task", "finish", ids["task"], {"fail": True}), "VALIDATION_ERROR"),
        (Call(actor=Actor("a")), Create("Person", {"name": "x"}), "INSUFFICIENT_PERMISSIONS"),
        (late, Create("Person", {"name": "late"}), "DEADLINE_EXCEEDED"),
    ]
    before = (await tables(engine), await ledger.whole_log(engine))
    for caller, command, code in failures:
        with pytest.raises(Fault) as caught:
            await engine.run(caller, command)
        assert caught.value.code == code, command
        assert (await tables(engine), await ledger.whole_log(engine)) == before, command


@only_postgres
async def test_row_and_entry_are_of_one_transaction(engine: Engine) -> None:
    """PostgreSQL notes at each row which transaction wrote it."""
    ids = await add_world(engine)
    await engine.run(call(), Act("Task", "finish", ids["task"]))
    checked = 0
    for resource in engine.model.resources.values():
        for xid, id in await engine.store.read(f"SELECT xmin::text, id FROM {resource.table}"):
            last = await engine.store.read(
                "SELECT xmin::text FROM hw_log WHERE resource = $1 AND row_id = $2 ORDER BY position DESC LIMIT 1",
                [resource.name, id],
            )
            assert last[0][0] == xid, (resource.name, id)
            checked += 1
    assert checked >= 9


async def test_whatever_is_done_the_log_tells_it(engine: Engine) -> None:
    """Drawn commands, many at a time, and one that is refused; most succeed, and the log tells the rows. In the end
    each row can be deleted, with all that goes with it, however they refer to each other."""
    seed = random.randrange(1 << 30)
    draw = random.Random(seed)
    done: list[bool] = []
    for _ in range(COMMANDS // 30):
        rows = await tables(engine)
        commands = [Delete("Person", "person_gone"), *(jobs.drawn_command(draw, rows) for _ in range(30))]
        results = await asyncio.gather(*(engine.run(call(), c) for c in commands), return_exceptions=True)
        for command, result in zip(commands, results, strict=True):
            assert not isinstance(result, Exception) or isinstance(result, Fault), (seed, command, result)
            if isinstance(result, Fault):
                assert result.code in jobs.EXPECTED, (seed, command, result)
        done += [not isinstance(result, Exception) for result in results]
    await assert_the_log_tells_the_rows(engine)
    assert len(done) / 3 < sum(done) < len(done), f"seed {seed}: {sum(done)} of {len(done)} succeeded"
    for name in ("Invoice", "Person", "Comment", "Project"):
        for resource, id in list(await tables(engine)):
            if resource == name and (name != "Comment" or draw.random() < 0.3):
                await engine.run(call(), Delete(name, id))
    await assert_the_log_tells_the_rows(engine)
    assert not await tables(engine), f"seed {seed}"


async def test_entries_keep_their_order_however_many_there_are(engine: Engine) -> None:
    read = engine.log.reader()
    for count in (1, 9, 10, 11, 99, 100, 101, 234):
        entries = [an_entry(f"row_{n}", n) for n in range(count)]

        async def work(connection: Connection) -> int:
            return await engine.log.append(connection, entries)  # noqa: B023

        last = await engine.store.write(work)
        found = await read.read()
        assert [e.version for e in found] == list(range(count))
        assert [e.position for e in found] == list(range(last - count + 1, last + 1))


# -- what is read: the hard interleavings, one by one ---------------------------------------------------------


def an_entry(row: str, version: int = 1) -> Entry:
    after = {"version": version}
    return Entry("x.updated", "X", row, version, datetime.now(UTC), None, None, "req", None, after)


class Transaction:
    """A transaction that a test holds open. What it appends, the product's own code appends."""

    def __init__(self, connection: asyncpg.Connection, log: Log) -> None:
        self.connection, self.log = connection, log
        self.positions: list[int] = []

    async def fetch(self, sql: str, parameters: Any = ()) -> list[Row]:
        return list(await self.connection.fetch(sql, *parameters))

    async def begin(self, *, writes: bool = True) -> "Transaction":
        """`writes`: it changes a row, and so has a transaction id, before it draws a position."""
        await self.connection.execute("BEGIN")
        if writes:
            await self.connection.execute("INSERT INTO hw_settings VALUES (gen_random_uuid()::text, '')")
        return self

    async def draw(self, entries: int = 1) -> "Transaction":
        last = await self.log.append(self, [an_entry(f"row_{id(self)}") for _ in range(entries)])
        self.positions = list(range(last - entries + 1, last + 1))
        return self

    async def commit(self) -> None:
        await self.connection.execute("COMMIT")

    async def rollback(self) -> None:
        await self.connection.execute("ROLLBACK")


class Stage:
    """Transactions on connections of their own, and the log that they write to."""

    def __init__(self, store: Store, connections: list[asyncpg.Connection]) -> None:
        self.log = Log(store)
        self._connections = connections
        self._taken = 0

    def transaction(self) -> Transaction:
        self._taken += 1
        return Transaction(self._connections[(self._taken - 1) % len(self._connections)], self.log)

    async def begun(self, count: int, *, writes: bool = True) -> list[Transaction]:
        return [await self.transaction().begin(writes=writes) for _ in range(count)]


@pytest.fixture
async def stage(store_url: str) -> AsyncIterator[Stage]:
    await jobs.create_log(store_url)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(store_url))
        connections = [await asyncpg.connect(store_url) for _ in range(6)]
        for connection in connections:
            stack.push_async_callback(connection.close)
        yield Stage(store, connections)


async def positions(reader: Reader, limit: int = 500) -> list[int]:
    return [entry.position for entry in await reader.read(limit)]


@only_postgres
async def test_a_lower_position_that_commits_later_is_waited_for(stage: Stage) -> None:
    reader = stage.log.reader()
    first, second, third = await stage.begun(3)
    await first.draw()
    await second.draw()
    await third.draw()
    await second.commit()
    assert await positions(reader) == []
    await third.commit()
    assert await positions(reader) == []
    await first.commit()
    assert await positions(reader) == [1, 2, 3]
    assert await positions(reader) == []


@only_postgres
async def test_a_writer_that_is_younger_than_all_who_have_ended_is_waited_for(stage: Stage) -> None:
    """It has the lower position and the higher transaction id, so no snapshot tells that it exists."""
    reader = stage.log.reader()
    older = await stage.transaction().begin()
    younger = await stage.transaction().begin()
    await younger.draw()
    await older.draw()
    await older.commit()
    for _ in range(3):
        assert await positions(reader) == []
    await younger.commit()
    assert await positions(reader) == [1, 2]


@only_postgres
async def test_a_writer_without_a_transaction_id_yet_is_waited_for(stage: Stage) -> None:
    """Drawing is the first thing that it writes."""
    reader = stage.log.reader()
    first, second = await stage.begun(2, writes=False)
    await first.draw()
    await second.draw()
    await second.commit()
    assert await positions(reader) == []
    await first.commit()
    assert await positions(reader) == [1, 2]


@only_postgres
async def test_a_hole_that_a_rollback_left_is_passed(stage: Stage) -> None:
    reader = stage.log.reader()
    first, second = await stage.begun(2)
    await first.draw()
    await second.draw()
    await first.rollback()
    assert await positions(reader) == []
    await second.commit()
    assert await positions(reader) == [2]


@only_postgres
async def test_a_hole_waits_only_for_who_may_fill_it(stage: Stage) -> None:
    """Not for a transaction that has been open for long and logs nothing, nor for those that draw later."""
    reader = stage.log.reader()
    long, first, second, third = await stage.begun(4)
    await first.draw()
    await second.draw()
    await second.commit()
    assert await positions(reader) == []
    await third.draw()
    await first.rollback()
    assert await positions(reader) == [2]
    later, last = await stage.begun(2)
    await later.draw()
    await last.draw()
    await third.rollback()
    await last.commit()
    assert await positions(reader) == []
    await later.commit()
    assert await positions(reader) == [4, 5]
    await long.draw()
    await long.commit()
    assert await positions(reader) == [6]


@only_postgres
async def test_a_stream_of_writers_does_not_keep_a_hole_open(stage: Stage) -> None:
    """There is never an instant without a writer that has drawn."""
    reader = stage.log.reader()
    dead, running = await stage.begun(2)
    await dead.draw()
    await running.draw()
    await dead.rollback()
    read = []
    for _ in range(10):
        following = await (await stage.transaction().begin()).draw()
        await running.commit()
        running = following
        read += await positions(reader)
    assert read == list(range(2, read[-1] + 1))
    assert read[-1] >= 10


@only_postgres
async def test_a_hole_of_several_positions_may_be_filled_in_part(stage: Stage) -> None:
    reader = stage.log.reader()
    first, second, third, fourth = await stage.begun(4)
    await first.draw(2)
    await second.draw(3)
    await third.draw()
    await fourth.draw()
    await fourth.commit()
    assert await positions(reader) == []
    await second.commit()
    await first.rollback()
    assert await positions(reader) == []
    await third.rollback()
    assert await positions(reader, 2) == [3, 4]
    assert await positions(reader, 2) == [5, 7]


@only_postgres
async def test_a_fresh_look_finds_what_was_committed_meanwhile(stage: Stage) -> None:
    """The writer ends between any two statements of the reader; either way of ending is seen for what it is."""
    for before in range(5):
        for commits in (True, False):
            last = await stage.log.last()
            store = Paused(stage.log.store)
            reader = Log(store).reader(last)
            lower, upper = await stage.begun(2)
            await lower.draw()
            await upper.draw()
            await upper.commit()
            store.when(before, lower.commit if commits else lower.rollback)
            read = [*await positions(reader), *await positions(reader), *await positions(reader)]
            wanted = (*lower.positions, *upper.positions) if commits else upper.positions
            assert read == list(wanted), (before, commits)


class Paused:
    """A store whose reads wait for a step of somebody else's before they begin."""

    def __init__(self, store: Store) -> None:
        self._store, self.dialect = store, store.dialect
        self._steps: list[tuple[int, Callable[[], Awaitable[None]]]] = []
        self._reads = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def when(self, reads: int, step: Callable[[], Awaitable[None]]) -> None:
        """Take a step after so many more reads; steps are taken in the order in which they are given."""
        self._steps.append((reads, step))

    async def read(self, sql: str, parameters: Any = (), *, deadline: float | None = None) -> list[Row]:
        while self._steps and self._reads >= self._steps[0][0]:
            self._reads = 0
            await self._steps.pop(0)[1]()
        self._reads += 1
        return await self._store.read(sql, parameters, deadline=deadline)

    @property
    def over(self) -> bool:
        return not self._steps


@only_postgres
async def test_no_interleaving_loses_or_reorders_an_entry(stage: Stage) -> None:
    """Every order of beginning and ending of two or three writers, with either end; the reader looks in between,
    and is itself interrupted between its statements. In a usual run, a sample of them."""
    seed = random.randrange(1 << 30)
    draw = random.Random(seed)
    every = [
        (begins, ends, commits, writes)
        for count in (2, 3)
        for begins in itertools.permutations(range(count))
        for ends in itertools.permutations(range(count))
        for commits in itertools.product([True, False], repeat=count)
        for writes in (True, False)
    ]
    for number in range(SCHEDULES):
        begins, ends, commits, writes = every[number % len(every)] if LONG else draw.choice(every)
        store = Paused(stage.log.store)
        reader = Log(store).reader(await stage.log.last())
        writers = [stage.transaction() for _ in begins]
        for i in begins:
            await writers[i].begin(writes=writes)
        for writer in writers:
            await writer.draw(draw.choice([1, 1, 2]))
        for i in ends:
            store.when(draw.randrange(5), writers[i].commit if commits[i] else writers[i].rollback)
        wanted = [p for i, w in enumerate(writers) if commits[i] for p in w.positions]
        read: list[int] = []
        looks = 0
        while looks < 3:
            looks += store.over
            read += await positions(reader, draw.choice([1, 2, 500]))
            assert read == wanted[: len(read)], f"seed {seed}: {begins} {ends} {commits} {writes}"
        for _ in wanted[len(read) :]:
            read += await positions(reader, 1)
        assert read == wanted, f"seed {seed}: {begins} {ends} {commits} {writes}"


# -- many writers at once -------------------------------------------------------------------------------------


class _Undone(Exception):
    """A writer thinks better of it."""


async def follow(log: Log, over: asyncio.Event, seed: int) -> list[Entry]:
    """Poll the log until the writers are done and all is read."""
    draw = random.Random(seed)
    reader, read = log.reader(), list[Entry]()
    while True:
        last = await log.last() if over.is_set() else None
        position = reader.position
        entries = await reader.read(draw.choice([1, 10, 500]))
        assert all(e.position > position for e in entries)
        read += entries
        if last is not None and reader.position >= last:
            return read
        await asyncio.sleep(draw.choice([0, 0, 0.001, 0.003]))


async def test_readers_keep_up_with_writers_that_delay_and_undo(store_url: str) -> None:
    """Eight writers change twelve rows, tarry before and after they draw, and one time in eight roll back after it;
    three readers poll meanwhile. Each reads every entry once, and each row's in order."""
    await jobs.create_log(store_url)
    seed = random.randrange(1 << 30)
    draw = random.Random(seed)
    over = asyncio.Event()
    versions: dict[str, int] = {}
    async with open_store(store_url) as store:
        log = Log(store)
        numbered = store.dialect.features.row_locks
        mark = "$1" if numbered else "?1"
        plus_one = "CAST(CAST(value AS integer) + 1 AS text)"
        change = f"UPDATE hw_settings SET value = {plus_one} WHERE name = {mark} RETURNING value"
        rows = [f"row_{n}" for n in range(12)]

        async def seeding(connection: Connection) -> None:
            for row in rows:
                await connection.fetch(f"INSERT INTO hw_settings VALUES ({mark}, '0')", [row])

        await store.write(seeding)

        async def tarry(connection: Connection, seconds: float) -> None:
            if numbered and seconds:
                await connection.fetch("SELECT pg_sleep($1)", [seconds])

        async def writer() -> None:
            for _ in range(TRANSACTIONS):
                row = draw.choice(rows)
                before, after = draw.choice([0, 0, 0.001, 0.004]), draw.choice([0, 0, 0.002, 0.006])
                undone = draw.random() < 0.12

                async def work(connection: Connection) -> int:
                    (new,) = await connection.fetch(change, [row])  # noqa: B023
                    await tarry(connection, before)  # noqa: B023
                    await log.append(connection, [an_entry(row, int(new[0]))])  # noqa: B023
                    await tarry(connection, after)  # noqa: B023
                    if undone:  # noqa: B023
                        raise _Undone
                    return int(new[0])

                try:
                    new = await store.write(work)
                except _Undone:
                    continue
                versions[row] = max(new, versions.get(row, 0))

        readers = [asyncio.create_task(follow(log, over, seed + n)) for n in range(3)]
        await asyncio.gather(*(writer() for _ in range(8)))
        over.set()
        truth = await store.read("SELECT position FROM hw_log ORDER BY position")
        for read in await asyncio.gather(*readers):
            assert [e.position for e in read] == [p for (p,) in truth], f"seed {seed}"
            told: dict[str, list[int]] = {}
            for entry in read:
                told.setdefault(entry.row_id, []).append(entry.version)
            assert told == {row: list(range(1, n + 1)) for row, n in versions.items()}, f"seed {seed}"


async def test_two_processes_and_a_reader_share_one_database(store_url: str, nursery: Nursery) -> None:
    """Each process writes through its own engine; the reader in a third sees each entry once, as it was told."""
    await jobs.create_tables(store_url)
    over = asyncio.Event()
    async with jobs.engine(store_url) as engine:
        reading = asyncio.create_task(follow(engine.log, over, 0))
        arguments = [{"url": store_url, "seed": n, "count": TRANSACTIONS} for n in range(2)]
        ended = await asyncio.to_thread(nursery.run, *(("tests.spec.jobs:busy", a) for a in arguments))
        over.set()
        read = await reading
        assert [e.code for e in ended] == [0, 0]
        acknowledged = {position for e in ended for position in e.told}
        assert len(acknowledged) > TRANSACTIONS
        assert acknowledged <= {e.position for e in read}
        assert [(e.position, e.row_id) for e in read] == [
            (e.position, e.row_id) for e in await assert_the_log_tells_the_rows(engine)
        ]

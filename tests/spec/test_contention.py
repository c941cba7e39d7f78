"""Writers that meet: one waits for another only where both cannot be right."""

import time

import asyncpg
import pytest

from headwater.base.call import Call
from headwater.ir.command import Act, Command, Create, Delete, Update
from tests.spec import jobs


@pytest.mark.parametrize("store_url", ["postgres"], indirect=True)
@pytest.mark.parametrize("kind", ["update", "act", "release"])
async def test_a_row_can_be_changed_while_others_begin_to_refer_to_it(kind: str, store_url: str) -> None:
    """Had they to wait for each other, a change of two rows and a new row that refers to both would deadlock."""
    await jobs.create_tables(store_url)
    async with jobs.engine(store_url) as engine:

        async def add(resource: str, **values: object) -> str:
            return str((await engine.run(Call.system(), Create(resource, values))).key)

        await add("Project", code="SWA", name="Swan")
        ada, bob = await add("Person", name="Ada"), await add("Person", name="Bob")
        task = await add("Task", title="comp", project="SWA", artist=ada, reviewer=bob)
        other = await asyncpg.connect(store_url)
        try:
            await other.execute("BEGIN")
            await other.fetch(
                "INSERT INTO tasks SELECT (jsonb_populate_record(t, jsonb_build_object('id', 'task_x', "
                "'parent_id', t.id, 'reviewer_id', NULL))).* FROM tasks AS t WHERE id = $1",
                task,
            )
            commands: dict[str, Command] = {
                "update": Update("Person", ada, {"name": "Ada L."}),
                "act": Act("Task", "finish", task),
                "release": Delete("Person", bob),
            }
            soon = Call(actor=Call.system().actor, deadline=time.monotonic() + 5)
            done = await engine.run(soon, commands[kind])
            assert done.position is not None
            await other.execute("COMMIT")
        finally:
            await other.close()
        assert await engine.store.read("SELECT count(*) FROM tasks") == [(2,)]

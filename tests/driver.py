"""What reaches the database drivers, seen beneath the store: statements, their parameters, and what they cost.

A cost is exact and the same in each run: steps of SQLite's virtual machine, or pages that PostgreSQL touched.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import apsw
import asyncpg
import pytest
from asyncpg.prepared_stmt import PreparedStatement

from headwater.db.postgres_pool import CODECS, SETTINGS


@dataclass(frozen=True, slots=True)
class Sent:
    """One execution of a statement."""

    sql: str
    parameters: tuple[Any, ...]


@dataclass(slots=True)
class Driver:
    """What the drivers were asked to run. `steps` has a number for each finished statement of SQLite."""

    sent: list[Sent] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)

    def clear(self) -> None:
        self.sent.clear()
        self.steps.clear()


@contextmanager
def watched_drivers() -> Iterator[Driver]:
    """Watches each statement on connections that are opened from now on, whoever runs it."""
    driver = Driver()

    def opened(connection: apsw.Connection) -> None:
        def executes(cursor: Any, sql: str, parameters: Any) -> bool:
            driver.sent.append(Sent(sql, tuple(parameters or ())))
            return True

        def finished(event: dict[str, Any]) -> None:
            driver.steps.append(event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"])

        connection.set_exec_trace(executes)
        connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, finished)

    run, execute = PreparedStatement._PreparedStatement__bind_execute, asyncpg.Connection._execute
    command = asyncpg.Connection.execute

    async def watched_run(self: Any, args: Any, limit: int, timeout: float | None) -> Any:
        driver.sent.append(Sent(self.get_query(), tuple(args)))
        return await run(self, args, limit, timeout)

    async def watched_execute(self: Any, query: str, args: Any, *rest: Any, **named: Any) -> Any:
        driver.sent.append(Sent(query, tuple(args)))
        return await execute(self, query, args, *rest, **named)

    async def watched_command(self: Any, query: str, *args: Any, **named: Any) -> Any:
        if not args:  # with arguments it goes through `_execute`
            driver.sent.append(Sent(query, ()))
        return await command(self, query, *args, **named)

    apsw.connection_hooks.append(opened)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PreparedStatement, "_PreparedStatement__bind_execute", watched_run)
        patch.setattr(asyncpg.Connection, "_execute", watched_execute)
        patch.setattr(asyncpg.Connection, "execute", watched_command)
        try:
            yield driver
        finally:
            apsw.connection_hooks.remove(opened)


@asynccontextmanager
async def touched_pages(url: str) -> AsyncIterator["Pages"]:
    """Measures statements on a PostgreSQL database, on a connection like the store's."""
    connection = await asyncpg.connect(url, statement_cache_size=0, server_settings=SETTINGS)
    try:
        for name, encode, decode in CODECS:
            await connection.set_type_codec(
                name, schema="pg_catalog", encoder=encode, decoder=decode, format="tuple"
            )
        await connection.execute(
            "LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_analyze = on;"
            "SET auto_explain.log_buffers = on; SET auto_explain.log_timing = off;"
            "SET auto_explain.log_format = json; SET client_min_messages = log"
        )
        yield Pages(connection)
    finally:
        await connection.close()


class Pages:
    """Runs statements again, and tells how many pages each touched."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self._plans: list[dict[str, Any]] = []
        connection.add_log_listener(self._logged)

    async def touched(self, sent: Sent) -> dict[str, int]:
        """The pages, under a plan made for these very parameters and under one made for any: after a few runs of a
        prepared statement, the server goes over to the second kind if it seems no dearer."""
        return {kind: _pages(plan) for kind, plan in (await self.plans(sent)).items()}

    async def plans(self, sent: Sent) -> dict[str, dict[str, Any]]:
        """What `EXPLAIN (ANALYZE, BUFFERS)` would tell of the execution itself."""
        found = {}
        for kind in ("custom", "generic"):
            await self.connection.execute(f"SET plan_cache_mode = force_{kind}_plan")
            statement = await self.connection.prepare(sent.sql)
            await statement.fetch(*sent.parameters)  # the catalogue's pages are cached now
            self._plans.clear()
            await statement.fetch(*sent.parameters)
            while not self._plans:
                await asyncio.sleep(0)
            found[kind] = self._plans[-1]
        return found

    def _logged(self, connection: Any, message: Any) -> None:
        _, _, plan = message.message.partition("plan:")
        if plan:
            self._plans.append(json.loads(plan)["Plan"])


def _pages(plan: dict[str, Any]) -> int:
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])

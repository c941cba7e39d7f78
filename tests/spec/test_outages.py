"""The database goes away, or takes no more: clients are told so and when to ask again, nothing that was acknowledged is
lost, and all is as before once it is back, without anybody's help."""

import asyncio
import json
import os
import random
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw

from tests import servers
from tests.spec.acknowledged import Http, Server, Told, assert_kept, assert_shown, client, prepare
from tests.spec.full_disk import LIMITED

LONG = bool(os.environ.get("HEADWATER_TEST_LONG"))
OUTAGES = 20 if LONG else 2
CLIENTS = 8
PATIENCE = 30.0
"""Seconds after which something that must happen is called missing."""


async def until(load: asyncio.Future[Any], happened: Callable[[], bool], what: str) -> None:
    """Wait until something has happened under load."""
    end = time.monotonic() + PATIENCE
    while not happened():
        assert not load.done(), load.result()
        assert time.monotonic() < end, what
        await asyncio.sleep(0.01)


async def written(load: asyncio.Future[Any], told: Told, more: int) -> None:
    """Wait until so many more writes were acknowledged."""
    enough = len(told.acknowledged) + more
    await until(load, lambda: len(told.acknowledged) >= enough, "nothing is acknowledged any more")


async def health(port: int) -> tuple[int, int]:
    """The statuses of liveness and readiness."""
    async with Http(port, "") as http:
        return (await http.ask("GET", "/health/live", "live"))[0], (
            await http.ask("GET", "/health/ready", "ready")
        )[0]


def reasons(folder: Path) -> set[str]:
    """What the server's log says of the database, up to the first colon."""
    lines = [json.loads(line) for line in (folder / "server.log").read_text().splitlines()]
    assert {line["event"] for line in lines} <= {"database"}
    return {line["reason"].partition(":")[0] for line in lines}


async def reader(port: int, token: str, seen: list[tuple[float, int]]) -> None:
    """Read a page of tasks again and again; what was answered when."""
    async with Http(port, token) as http:
        while True:
            status, _ = await http.ask("GET", "/api/v1/tasks?limit=5", "page")
            seen.append((time.monotonic(), status))
            await asyncio.sleep(0.01)


async def test_a_database_that_stops_comes_back_without_loss(tmp_path: Path) -> None:
    """PostgreSQL is stopped at once under load, and started again: reads and writes are answered with 503 meanwhile,
    and the server needs nobody to find it again."""
    # Not below pytest's own folder, which its next session closes to the user who runs this database.
    folder = tempfile.TemporaryDirectory(prefix="headwater-postgres-", ignore_cleanup_errors=True)
    database = servers.Server(Path(folder.name))
    told, seen, waits = Told(), list[tuple[float, int]](), list[float]()
    url = database.start()
    server: Server | None = None

    async def answered(status: int, otherwise: str) -> float:
        """Wait for an answer of now with a status; the seconds that took."""
        now = time.monotonic()
        await until(load, lambda: any(at > now and found == status for at, found in seen), otherwise)
        return time.monotonic() - now

    try:
        token = await prepare(url, tmp_path)
        server = Server(url, tmp_path)
        await server.ready()
        clients = [client(server.port, token, f"0_{n}", told) for n in range(CLIENTS)]
        load = asyncio.gather(*clients, reader(server.port, token, seen))
        for _ in range(OUTAGES):
            await written(load, told, random.randrange(50, 150))
            database.stop(signal.SIGQUIT)
            await answered(503, "reads are answered without a database")
            assert await health(server.port) == (200, 503)
            await asyncio.to_thread(database.start)
            waits.append(await answered(200, "the database is back and nobody asks it"))
            await written(load, told, 20)
            assert await health(server.port) == (200, 200)
        assert {status for _, status in seen} == {200, 503}
        assert told.turned_away > 0
        assert min(told.waits) >= 1
        await assert_shown(server.port, token, told)
        server.kill()
        await asyncio.gather(load, return_exceptions=True)
        await assert_kept(url, told)
        assert reasons(tmp_path) >= {"the database cannot be reached"}
    finally:
        if server is not None:
            server.kill()
        database.stop()
        folder.cleanup()
    print(f"\n{OUTAGES} outages: {len(told.acknowledged)} writes acknowledged, {told.turned_away} turned away; "
          f"found again after {max(waits):.2f} s at most")  # fmt: skip


async def test_a_full_disk_refuses_writes_and_harms_nothing(tmp_path: Path) -> None:
    """SQLite may use no more pages: writes are answered with 503, reads with 200; with room again, all goes on."""
    url = f"sqlite:///{tmp_path}/full.db"
    token = await prepare(url, tmp_path)
    pages = apsw.Connection(str(tmp_path / "full.db")).pragma("page_count") + 40
    told, seen = Told(), list[tuple[float, int]]()
    server = Server(url, tmp_path, target="tests.spec.full_disk:app", **{LIMITED: str(pages)})
    try:
        await server.ready()
        clients = [client(server.port, token, f"0_{n}", told) for n in range(CLIENTS)]
        load = asyncio.gather(*clients, reader(server.port, token, seen))
        await until(load, lambda: told.turned_away >= 50, "the disk is never full")
        assert len(told.acknowledged) > 20
        os.kill(server.process.pid, signal.SIGUSR1)
        await written(load, told, 100)
        turned_away = told.turned_away
        await written(load, told, 100)
        assert told.turned_away == turned_away
        assert {status for _, status in seen} == {200}
        assert told.waits == {10}
        await assert_shown(server.port, token, told)
        server.kill()
        await asyncio.gather(load, return_exceptions=True)
    finally:
        server.kill()
    await assert_kept(url, told)
    assert reasons(tmp_path) == {"the disk is full"}
    assert apsw.Connection(str(tmp_path / "full.db")).pragma("integrity_check") == "ok"

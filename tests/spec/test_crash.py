"""What was acknowledged is kept, whatever happens to the process; what was not is there wholly or not at all."""

import asyncio
import contextlib
import dataclasses
import itertools
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headwater.app import Running
from headwater.base.call import Call
from headwater.base.config import Config
from headwater.base.observe import WRITE_STAGES
from headwater.ir.command import Create
from headwater.log.log import Entry
from tests.nursery import ROOT, Nursery
from tests.spec import jobs
from tests.spec.ledger import app, assert_the_log_tells_the_rows

LONG = bool(os.environ.get("HEADWATER_TEST_LONG"))
SIDE_BY_SIDE = 4 if LONG else 12
"""Processes that write to one database, and die, at once."""
BURST = ["create", "update", "delete", "release", "act", "transact", "create", "update"]
KINDS = list(jobs.WRITES) if LONG else ["create", "update", "delete", "release", "act"]
KILLS = 20 if LONG else 2
CLIENTS = 8
DURABLE = ("committed", "acknowledged")


async def check(url: str) -> Counter[str]:
    """Open the store that dead processes leave behind, and write to it. How many entries each request has."""
    async with jobs.engine(url) as engine:
        entries = await assert_the_log_tells_the_rows(engine)
        made = await engine.run(Call.system("req_next"), Create("Person", {"name": "Next"}))
        assert (await assert_the_log_tells_the_rows(engine))[-1].row_id == made.key
    return Counter(entry.request_id for entry in entries)


def job(url: str, at: int, name: str, *writes: str) -> tuple[str, dict[str, object]]:
    return "tests.spec.jobs:crash", {"url": url, "name": name, "writes": writes, "at": at}


def batches(points: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(points), SIDE_BY_SIDE):
        yield points[start : start + SIDE_BY_SIDE]


async def test_a_write_that_is_cut_short_anywhere_is_whole_or_absent(
    store_url: str, nursery: Nursery
) -> None:
    """A process dies at each stage and at each statement of each kind of write."""
    await jobs.create_tables(store_url)
    passed: set[str] = set()
    for write in KINDS:
        acknowledged, seen = nursery.rehearse(job(store_url, 0, write, write))
        assert acknowledged == {"acknowledged": f"{write}_0"}
        stages = seen["seen"]
        assert {"checked", "statement", *DURABLE} <= set(stages)
        passed |= set(stages)
        whole = (await check(store_url))[f"{write}_0"]
        assert whole >= 1
        for some in batches(list(range(1, len(stages) + 1))):
            ended = nursery.run(*(job(store_url, at, f"{write}{at}", write) for at in some))
            counts = await check(store_url)
            for at, dead in zip(some, ended, strict=True):
                assert (dead.code, dead.told) == (-9, [{"died": stages[at - 1]}]), write
                durable = any(stage in DURABLE for stage in stages[:at])
                found = counts[f"{write}{at}_0"]
                assert found == (whole if durable else 0), f"{write} died at {at}, {stages[at - 1]}"
    assert passed == {*WRITE_STAGES, "statement"}


async def test_of_writes_that_are_cut_short_together_each_is_whole_or_absent(
    store_url: str, nursery: Nursery
) -> None:
    """Many commands run at once, several in one transaction where the store does so. In a usual run, every
    thirteenth point at which a process may die."""
    await jobs.create_tables(store_url)
    seen = nursery.rehearse(job(store_url, 0, "alive", *BURST))[-1]["seen"]
    counts = await check(store_url)
    whole = [counts[f"alive_{number}"] for number in range(len(BURST))]
    dead = 0
    for some in batches(list(range(1, len(seen), 1 if LONG else 13))):
        ended = nursery.run(*(job(store_url, at, f"dead{at}", *BURST) for at in some))
        counts = await check(store_url)
        for at, end in zip(some, ended, strict=True):
            acknowledged = {told["acknowledged"] for told in end.told if "acknowledged" in told}
            if (
                end.code == 0
            ):  # writers that meet try again, so one time there is more to observe than another
                assert len(acknowledged) == len(BURST)
            else:
                assert end.code == -9
                dead += 1
            for number in range(len(BURST)):
                request = f"dead{at}_{number}"
                assert counts[request] in (
                    (whole[number],) if request in acknowledged else (0, whole[number])
                )
    assert dead >= 5


# -- killed from outside --------------------------------------------------------------------------------------


class Server:
    """`headwater serve` in processes of its own, which are killed together."""

    def __init__(self, url: str, folder: Path, workers: int) -> None:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("HEADWATER_")}
        settings = {"PORT": "0", "DATA": str(folder), "DATABASE_URL": url, "ACCESS_LOG": "off"}
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [Path(sys.executable).with_name("headwater"), "serve", "tests.spec.ledger:app",
             "--workers", str(workers)],
            cwd=ROOT,
            env={**clean, **{f"HEADWATER_{name}": value for name, value in settings.items()}},
            stdout=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
        self.port = 0

    async def ready(self) -> float:
        """Wait until it says that it is ready, and answers that it is; how many seconds that took."""
        assert self.process.stdout is not None
        line = b""
        while b"Headwater is ready" not in line:
            line = await asyncio.to_thread(self.process.stdout.readline)
            assert line, "the server has ended"
        found = re.search(rb":(\d+) ", line)
        assert found
        self.port = int(found[1])
        async with Http(self.port, "") as http:
            status, _ = await http.ask("GET", "/health/ready", "ready")
        assert status == 200
        return time.monotonic() - self.started

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


class Http:
    """One kept connection, with the plainest of clients on it."""

    def __init__(self, port: int, token: str) -> None:
        self.port, self.token = port, token

    async def __aenter__(self) -> "Http":
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def __aexit__(self, *error: object) -> None:
        self.writer.transport.abort()

    async def ask(self, method: str, path: str, request: str, body: Any = None) -> tuple[int, Any]:
        """The status and what the body holds. Raises OSError or EOFError when the server is gone."""
        sent = b"" if body is None else json.dumps(body).encode()
        head = [f"{method} {path} HTTP/1.1", "host: localhost", f"x-request-id: {request}"]
        head += [f"content-length: {len(sent)}", "content-type: application/json"]
        head += [f"authorization: Bearer {self.token}"] if self.token else []
        self.writer.write("\r\n".join([*head, "", ""]).encode() + sent)
        status = int((await self.reader.readuntil(b"\r\n")).split()[1])
        length = 0
        while (line := await self.reader.readuntil(b"\r\n")) != b"\r\n":
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        content = await self.reader.readexactly(length)
        return status, json.loads(content) if content else None


@dataclass
class Told:
    """What clients were told, over all lives of the server: by request, and the rows that each of them owns."""

    acknowledged: dict[str, tuple[str, str, int]] = dataclasses.field(default_factory=dict)
    """By request: what was done, to which row, and the version that it then had."""
    refused: set[str] = dataclasses.field(default_factory=set)
    unanswered: set[str] = dataclasses.field(default_factory=set)


async def client(port: int, token: str, name: str, told: Told) -> None:
    """Create, change, finish and delete tasks until the server is gone."""
    draw = random.Random(name)
    mine, versions = list[str](), dict[str, int]()
    with contextlib.suppress(OSError, EOFError):
        async with Http(port, token) as http:
            for turn in itertools.count():
                request = f"req_{name}_{turn}"
                kind = draw.choice(["created", "created", "updated", "updated", "finished", "deleted"])
                if kind == "created" or not mine:
                    kind = "created"
                    parent = draw.choice([None, *mine[-3:]])
                    body = {"title": request, "projectId": "SWA", "artistId": "ada", "parentId": parent}
                    ask = ("POST", "/api/v1/tasks", request, body)
                else:
                    id = draw.choice(mine[-20:])
                    ask = {
                        "updated": ("PATCH", f"/api/v1/tasks/{id}", request, {"title": request}),
                        "finished": ("POST", f"/api/v1/tasks/{id}/finish", request, None),
                        "deleted": ("DELETE", f"/api/v1/tasks/{id}", request, None),
                    }[kind]
                told.unanswered.add(request)
                status, answer = await http.ask(*ask)
                told.unanswered.discard(request)
                if status >= 300:
                    # its parent or itself went with another, or too many finish at once
                    assert status in (404, 409, 422), (status, answer)
                    told.refused.add(request)
                    continue
                row = id if kind == "deleted" else answer["data"]["id"]
                versions[row] = versions[row] if kind == "deleted" else answer["data"]["version"]
                told.acknowledged[request] = (kind, row, versions[row])
                if kind == "created":
                    mine.append(row)
                elif kind == "deleted":
                    mine.remove(row)


async def test_a_killed_server_has_kept_what_it_acknowledged(store_url: str, tmp_path: Path) -> None:
    """`kill -9` under load, again and again: the server is soon ready, and nothing that it said is lost."""
    token = await prepare(store_url, tmp_path)
    told, times = Told(), list[float]()
    for number in range(KILLS):
        server = Server(store_url, tmp_path, workers=2 if number % 5 == 4 else 1)
        try:
            times.append(await server.ready())
            clients = [client(server.port, token, f"{number}_{n}", told) for n in range(CLIENTS)]
            load = asyncio.gather(*clients)
            enough = len(told.acknowledged) + random.randrange(50, 250)
            while len(told.acknowledged) < enough and not load.done():
                await asyncio.sleep(0.002)
        finally:
            server.kill()
        await load
        await assert_kept(store_url, told)
    server = Server(store_url, tmp_path, workers=1)
    try:
        times.append(await server.ready())
        await assert_shown(server.port, token, told)
    finally:
        server.kill()
    print(f"\n{KILLS} kills on {store_url.partition(':')[0]}: {len(told.acknowledged)} writes acknowledged, "
          f"{len(told.refused)} refused, {len(told.unanswered)} unanswered; ready after "
          f"{', '.join(f'{t:.2f}' for t in times)} s")  # fmt: skip
    if LONG:
        assert min(times) < 3  # whatever else the machine does only adds to it


async def prepare(url: str, folder: Path) -> str:
    """A database with an account that may write, and rows to refer to; the account's token."""
    await jobs.create_tables(url)
    config = Config.load({}, folder, {"database_url": url, "data": str(folder), "mode": app.mode})
    running = Running(app, config)
    application = running.application()
    await application.start()
    try:
        await running.create_account("ed", "a password for tests only", "editor")
        call = Call.system("req_setup")
        await running.engine.run(call, Create("Project", {"code": "SWA", "name": "Swan"}))
        await running.engine.run(call, Create("Person", {"id": "ada", "name": "Ada"}))
        return await running.identity.issue_access_token("ed")
    finally:
        await application.stop()


async def assert_kept(url: str, told: Told) -> None:
    """Every acknowledged write is there with its entry, whole; of the others, only unanswered ones may be."""
    async with jobs.engine(url) as engine:
        entries = await assert_the_log_tells_the_rows(engine)
    by_request: dict[str, list[Entry]] = {}
    for entry in entries:
        by_request.setdefault(entry.request_id, []).append(entry)
    for request, (kind, row, version) in told.acknowledged.items():
        types = {e.type: e.version for e in by_request[request] if e.row_id == row or kind == "finished"}
        if kind == "finished":
            assert types.keys() >= {"project.updated", "comment.created"}, request
            assert types.get("task.updated", version) == version, request  # unless it was finished before
        else:
            assert types == {f"task.{kind}": version}, request
    clients = {request for request in by_request if request[4].isdigit()}
    assert not clients & told.refused
    assert clients <= told.acknowledged.keys() | told.unanswered


async def assert_shown(port: int, token: str, told: Told) -> None:
    """A sample of rows is shown in the version that was acknowledged last, or a later one that was not."""
    last: dict[str, tuple[str, int]] = {}
    for kind, row, version in told.acknowledged.values():
        last[row] = (kind, version)
    async with Http(port, token) as http:
        for row, (kind, version) in random.sample(sorted(last.items()), min(50, len(last))):
            status, answer = await http.ask("GET", f"/api/v1/tasks/{row}", "look")
            if kind == "deleted":
                assert status == 404
            elif status == 200:
                assert answer["data"]["version"] >= version
            else:
                assert status == 404  # its parent went, and it with it

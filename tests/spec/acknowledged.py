"""Clients that write over HTTP to a server that may vanish, and what must be there of what they were told."""

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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headwater.app import Running
from headwater.base.call import Call
from headwater.base.config import Config
from headwater.ir.command import Create
from headwater.log.log import Entry
from tests.nursery import ROOT
from tests.spec import jobs
from tests.spec.ledger import app, assert_the_log_tells_the_rows


class Server:
    """`headwater serve` in processes of its own, which are killed together."""

    def __init__(
        self,
        url: str,
        folder: Path,
        workers: int = 1,
        target: str = "tests.spec.ledger:app",
        **environment: str,
    ) -> None:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("HEADWATER_")}
        settings = {"PORT": "0", "DATA": str(folder), "DATABASE_URL": url, "ACCESS_LOG": "off"}
        self.started = time.monotonic()
        with (folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [Path(sys.executable).with_name("headwater"), "serve", target, "--workers", str(workers)],
                cwd=ROOT,
                env={**clean, **{f"HEADWATER_{k}": value for k, value in settings.items()}, **environment},
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
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
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


class Http:
    """One kept connection, with the plainest of clients on it."""

    def __init__(self, port: int, token: str) -> None:
        self.port, self.token = port, token
        self.headers: dict[str, str] = {}

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
        self.headers = {}
        while (line := await self.reader.readuntil(b"\r\n")) != b"\r\n":
            name, _, value = line.decode().partition(":")
            self.headers[name.lower()] = value.strip()
        content = await self.reader.readexactly(int(self.headers.get("content-length", 0)))
        return status, json.loads(content) if content else None


@dataclass
class Told:
    """What clients were told, over all lives of the server: by request, and the rows that each of them owns."""

    acknowledged: dict[str, tuple[str, str, int]] = dataclasses.field(default_factory=dict)
    """By request: what was done, to which row, and the version that it then had."""
    refused: set[str] = dataclasses.field(default_factory=set)
    unanswered: set[str] = dataclasses.field(default_factory=set)
    """Nobody said what became of them: the server died, or could not reach its database."""
    turned_away: int = 0
    """How often the server said that it cannot at the moment."""
    waits: set[int] = dataclasses.field(default_factory=set)
    """The seconds after which they were to ask again."""


async def client(port: int, token: str, name: str, told: Told) -> None:
    """Create, change, finish and delete tasks until the server is gone. Where it says that it cannot at the moment, and
    when to ask again, ask again."""
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
                if status == 503:
                    assert answer["error"]["code"] in ("DATABASE_ERROR", "DEADLINE_EXCEEDED"), answer
                    told.turned_away += 1
                    told.waits.add(int(http.headers["retry-after"]))
                    await asyncio.sleep(0.05)
                    continue
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

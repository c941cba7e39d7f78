"""Clients that go away at any moment harm nobody: what they asked for happens wholly or not at all, and what the server
holds for them is let go."""

import asyncio
import json
import os
import socket
import struct
from collections import Counter
from pathlib import Path

import psutil
import pytest

from tests.spec import jobs
from tests.spec.acknowledged import Http, Server, prepare
from tests.spec.ledger import assert_the_log_tells_the_rows

TIMES = 100 if os.environ.get("HEADWATER_TEST_LONG") else 25
"""More than there are connections to the database."""


class Caller:
    """Who sends part of something, and is gone. With `rude`, the connection is reset and not closed."""

    def __init__(self, port: int, rude: bool) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        if rude:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def send(self, part: bytes) -> None:
        self.socket.sendall(part)

    def receive(self, size: int) -> None:
        self.socket.settimeout(10)
        while size > 0 and (found := self.socket.recv(size)):
            size -= len(found)

    def leave(self) -> None:
        self.socket.close()


def write(token: str, request: str) -> tuple[bytes, bytes]:
    """A request that creates a person: its head and its body."""
    body = json.dumps({"name": request}).encode()
    head = [
        "POST /api/v1/persons HTTP/1.1", "host: localhost", f"x-request-id: {request}",
        f"authorization: Bearer {token}", "content-type: application/json", f"content-length: {len(body)}",
    ]  # fmt: skip
    return "\r\n".join([*head, "", ""]).encode(), body


def read(token: str) -> bytes:
    head = ["GET /api/v1/persons?limit=100 HTTP/1.1", "host: localhost", f"authorization: Bearer {token}"]
    return "\r\n".join([*head, "", ""]).encode()


PHASES = [
    "connected",
    "in the head",
    "before the body",
    "in the body",
    "asked",
    "in the answer",
    "between requests",
]
WHOLE = PHASES[4:]
"""Those in which the server has all that was sent."""


def go_away(port: int, token: str, phase: str, request: str, rude: bool) -> None:
    """Connect, come as far as a phase, and leave."""
    caller = Caller(port, rude)
    head, body = write(token, request)
    match phase:
        case "in the head":
            caller.send(head[: len(head) // 2])
        case "before the body":
            caller.send(head)
        case "in the body":
            caller.send(head + body[:-2])
        case "asked":
            caller.send(head + body)
        case "in the answer":
            caller.send(head + body + read(token))
            caller.receive(20)
        case "between requests":
            caller.send(head + body)
            caller.receive(200)
    caller.leave()


@pytest.mark.parametrize("rude", [False, True], ids=["closed", "reset"])
async def test_who_goes_away_leaves_nothing_behind(store_url: str, tmp_path: Path, rude: bool) -> None:
    token = await prepare(store_url, tmp_path)
    server = Server(store_url, tmp_path)
    try:
        await server.ready()
        process = psutil.Process(server.process.pid)
        async with Http(server.port, token) as http:
            assert (await http.ask("POST", "/api/v1/persons", "req_stays", {"name": "Stays"}))[0] == 201
            await settled(process, http)
            before = process.num_fds()
            for phase in PHASES:
                name = phase.replace(" ", "-")
                for turn in range(TIMES):
                    await asyncio.to_thread(go_away, server.port, token, phase, f"req_{name}_{turn}", rude)
                status, _ = await http.ask("GET", "/api/v1/persons?limit=1", f"req_after_{name}")
                assert status == 200, phase
            await settled(process, http)
            # One that the pool has opened meanwhile is kept.
            assert process.num_fds() <= before + 12
            assert (await http.ask("POST", "/api/v1/persons", "req_last", {"name": "Last"}))[0] == 201
    finally:
        server.kill()
    assert (tmp_path / "server.log").read_text() == ""
    async with jobs.engine(store_url) as engine:
        entries = await assert_the_log_tells_the_rows(engine)
    requests = Counter(entry.request_id for entry in entries)
    for phase in PHASES:
        asked = [requests[f"req_{phase.replace(' ', '-')}_{turn}"] for turn in range(TIMES)]
        assert max(asked) <= 1, phase
        if phase not in WHOLE:
            assert sum(asked) == 0, phase
        elif phase == "between requests" or (phase == "asked" and not rude):
            assert sum(asked) == TIMES, phase


async def settled(process: psutil.Process, http: Http) -> None:
    """Wait until the connections of those who have left are closed."""
    last = -1
    async with asyncio.timeout(30):
        while last != (last := process.num_fds()) or len(process.net_connections("tcp")) > 30:
            assert (await http.ask("GET", "/health/live", "req_look"))[0] == 200
            await asyncio.sleep(0.3)

"""What a server costs that is attacked from many sides: little memory, few lines of the log, and nobody an answer."""

import contextlib
import json
import os
import re
import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from tests.unit.test_http_server import Served, Start, raw, served

LONG = bool(os.environ.get("HEADWATER_TEST_LONG"))
TIMES = 5 if LONG else 1
PATIENCE = 10.0
CONNECTIONS = 400
HEAD = b"Host: x\r\nConnection: keep-alive\r\n"
CHUNKED = b"POST /echo HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n"

__all__ = ["served"]  # the fixture


def memory(server: Served) -> int:
    """The most that the server has had of the machine's memory so far, in MiB."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1]) >> 10


def pour(port: int, start: bytes, more: bytes, size: int) -> bytes:
    """Send `start` and then `more`, again and again until it has this size; the answer's beginning."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(start)
            for _ in range(0, size, len(more)):
                connection.sendall(more)
        with contextlib.suppress(ConnectionError):
            return connection.recv(1 << 16)
    return b""


class Guest:
    """Somebody who goes on asking, and waits for each answer."""

    def __init__(self, server: Served) -> None:
        self.server, self.longest, self.answers, self.over = server, 0.0, 0, False
        self.troubles: list[str] = []
        self.thread = threading.Thread(target=self.ask)

    def ask(self) -> None:
        while not self.over:
            started = time.monotonic()
            try:
                assert self.server.get("/pid")["pid"] == self.server.process.pid
            except Exception as error:
                self.troubles.append(repr(error))
            self.longest = max(self.longest, time.monotonic() - started)
            self.answers += 1
            time.sleep(0.02)


@contextlib.contextmanager
def beside(server: Served) -> Iterator[Guest]:
    guest = Guest(server)
    guest.thread.start()
    try:
        yield guest
    finally:
        guest.over = True
        guest.thread.join()


def attack(server: Served) -> None:
    """All that a few hands can do against it, each of which is to be answered, or left, in bounds."""
    port, megabyte = server.port, b"a" * (1 << 20)
    line = b"GET /pid HTTP/1.1\r\n"
    for start, more, size in (
        (line + b"x: ", megabyte, 20),
        (line, b"x: 1\r\n" * 100_000, 10),
        (b"GET /", megabyte, 20),
        (megabyte, megabyte, 5),
    ):
        answer = pour(port, start, more, size << 20)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400 "), answer[:300]
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    for start, more, status in (
        (CHUNKED, chunk, b"413"),
        (CHUNKED + b"2\r\nhi\r\n0\r\n", b"x: " + megabyte, b"400"),
        (CHUNKED + b"2\r\nhi\r\n0\r\n", b"x: 1\r\n" * 100_000, b"200"),
        (CHUNKED + b"2;", megabyte, b"400"),
        (CHUNKED, b"1\r\nx\r\n" * 100_000, b"413"),
    ):
        answer = pour(port, start, more, 20 << 20)
        assert answer == b"" or answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 " + status)), answer[:300]
    long = b"POST /echo HTTP/1.1\r\n" + HEAD + b"Content-Length: 999999999\r\n\r\n"
    assert pour(port, long, megabyte, 20 << 20).startswith((b"HTTP/1.1 413 ", b""))
    ahead = (line + HEAD + b"\r\n") * 2000
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.setblocking(False)
        with contextlib.suppress(BlockingIOError, ConnectionError):
            for _ in range(100):  # and never reads an answer
                connection.sendall(ahead)


def test_a_server_under_attack_serves_others(served: Start) -> None:
    server = served(HEADWATER_ACCESS_LOG="off").ready()
    for _ in range(20):
        server.get("/pid")
    before = memory(server)
    with ExitStack() as open_connections, beside(server) as guest:
        for number in range(CONNECTIONS):
            connection = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
            open_connections.enter_context(connection)
            if number % 2:
                connection.sendall(b"GET /pid HTTP/1.1\r\nx: a")
        for _ in range(TIMES):
            attack(server)
        assert json.loads(raw(server.port, b"GET /pid HTTP/1.0\r\n\r\n").partition(b"\r\n\r\n")[2])
    grown = memory(server) - before
    assert guest.troubles == []
    assert guest.answers > 5
    assert guest.longest < PATIENCE / 2, guest.longest
    assert grown < 48, f"{grown} MiB more"
    assert server.end() == 0
    lines = server.errors.splitlines()
    assert len(lines) <= 10 * TIMES, lines[:5]
    assert "Traceback" not in server.errors


def test_more_connections_are_kept_than_a_process_has_files_at_first(served: Start) -> None:
    """Which is what silent clients would take away from all others; a process may have more if it asks."""
    usual, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as open_connections:
        resource.setrlimit(resource.RLIMIT_NOFILE, (128, most))
        try:
            server = served()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (usual, most))
        server.ready()
        for _ in range(300):
            open_connections.enter_context(socket.create_connection(("127.0.0.1", server.port), PATIENCE))
        assert server.get("/pid")
    assert server.end() == 0

"""A small bounded load client: raw sockets, keep-alive, a fixed number of requests. It runs in a process of its own."""

import asyncio
import itertools
import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

TIMEOUT = 60.0
"""Seconds that one round may take."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What a round came to. `took`: seconds. `own`: seconds of processor time of this client. `size`: bytes of all
    bodies together. `longest`: seconds of the longest wait for an answer."""

    took: float
    own: float
    size: int
    longest: float


def request(method: str, path: str, token: str = "", body: bytes = b"", accept: str = "") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n"
    if accept:
        head += f"accept: {accept}\r\n"
    if token:
        head += f"authorization: Bearer {token}\r\n"
    if body:
        head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


async def once(port: int, sent: bytes) -> bytes:
    """The body that answers one request. Raises RuntimeError for a status other than 2xx."""
    bodies: list[bytes] = []
    await _send(port, iter([sent]), 1, bodies.append)
    return bodies[0]


async def run(
    port: int, requests: Iterator[bytes], count: int, connections: int, *, awake: bool = False
) -> Sent:
    """Send the next `count` requests over some connections, each as soon as the one before is answered.

    `awake`: this client never sleeps. Whoever writes to a process that sleeps on the same machine is charged for waking
    it, which can take as long as all else that a fast server does, and is asked the more of it the slower it is.
    """
    size = 0
    watch = asyncio.create_task(_watch()) if awake else None

    def add(body: bytes) -> None:
        nonlocal size
        size += len(body)

    took, own = time.perf_counter(), time.process_time()
    try:
        longest = await _send(port, itertools.islice(requests, count), connections, add)
    finally:
        if watch is not None:
            watch.cancel()
    return Sent(time.perf_counter() - took, time.process_time() - own, size, longest)


def wrk(port: int, requests: list[bytes], connections: int, folder: Path) -> tuple[int, float]:
    """How many answers wrk had to these requests in turn, and the seconds that it took. It leaves more of the machine
    to the servers than a client in Python."""
    script = folder / "requests.lua"
    texts = ",\n".join(json.dumps(request.decode()) for request in requests)
    script.write_text(
        f"local requests, at = {{{texts}}}, 0\nrequest = function() at = at % #requests + 1 return requests[at] end\n"
    )
    command = [
        "wrk",
        "-t1",
        f"-c{connections}",
        "-d3s",
        "--timeout",
        f"{TIMEOUT:g}s",
        "-s",
        str(script),
        f"http://127.0.0.1:{port}",
    ]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"(\d+) requests in ([\d.]+)s", told)
    if found is None or "Non-2xx" in told or "Socket errors" in told:
        raise RuntimeError(told)
    return int(found[1]), float(found[2])


async def _watch() -> None:
    while True:
        await asyncio.sleep(0)


async def _send(
    port: int, requests: Iterator[bytes], connections: int, seen: Callable[[bytes], None]
) -> float:
    """Seconds of the longest wait."""
    loop = asyncio.get_running_loop()
    opened = [
        (await loop.create_connection(lambda: _Connection(requests, seen), "127.0.0.1", port))
        for _ in range(connections)
    ]
    try:
        async with asyncio.timeout(TIMEOUT):
            await asyncio.gather(*(connection.start() for _, connection in opened))
        return max(connection.longest for _, connection in opened)
    finally:
        for transport, _ in opened:
            transport.close()


class _Connection(asyncio.Protocol):
    """Sends requests one after the other, until there are no more."""

    def __init__(self, requests: Iterator[bytes], seen: Callable[[bytes], None]) -> None:
        self._requests, self._seen = requests, seen
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._parts: list[bytes] = []
        self._head, self._missing, self._chunked = b"", 0, False
        self._sent = self.longest = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def start(self) -> "asyncio.Future[None]":
        self._next()
        return self._done

    def data_received(self, data: bytes) -> None:
        if self._chunked:
            self._chunk(data)
            return
        if not self._missing:
            head, ended, body = (self._head + data).partition(b"\r\n\r\n")
            if not ended:
                self._head = head
                return
            lower = head.lower()
            if b"\r\ntransfer-encoding: chunked" in lower:
                self._head, self._parts, self._chunked = head, [], True
                self._chunk(body)
                return
            start = lower.index(b"content-length:") + 15
            end = lower.find(b"\r\n", start)
            self._missing = int(lower[start : end if end > 0 else len(lower)])
            self._head, self._parts, data = head, [], body
        self._parts.append(data)
        self._missing -= len(data)
        if self._missing == 0:
            self._answered(b"".join(self._parts))

    def _chunk(self, data: bytes) -> None:
        """Bodies are JSON, so what looks like their end is their end."""
        self._parts.append(data)
        if data.endswith(b"0\r\n\r\n") or b"".join(self._parts).endswith(b"\r\n0\r\n\r\n"):
            rest, body = b"".join(self._parts), b""
            while size := int((line := rest.partition(b"\r\n"))[0], 16):
                body, rest = body + line[2][:size], line[2][size + 2 :]
            self._chunked = False
            self._answered(body)

    def connection_lost(self, error: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(error or ConnectionError("the server closed the connection"))

    def _answered(self, body: bytes) -> None:
        if self._head[9:10] != b"2":
            status = self._head.partition(b"\r\n")[0]
            self._done.set_exception(RuntimeError(f"{status!r}: {body[:400]!r}"))
            return
        self._head = b""
        self.longest = max(self.longest, time.perf_counter() - self._sent)
        self._seen(body)
        self._next()

    def _next(self) -> None:
        if (sent := next(self._requests, None)) is not None:
            self._sent = time.perf_counter()
            self._transport.write(sent)
        elif not self._done.done():
            self._done.set_result(None)

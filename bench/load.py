"""A small bounded load client: raw sockets, keep-alive, a fixed number of requests."""

import asyncio
import itertools
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import psutil

CONNECTIONS = 8
TIMEOUT = 60.0
"""Seconds that one round may take."""


@dataclass(frozen=True, slots=True)
class Round:
    """`cpu`: µs of processor time a request. `rate`: requests in a second. `size`: bytes of a body."""

    cpu: float
    rate: float
    size: float


def request(method: str, path: str, token: str = "", body: bytes = b"") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n"
    if token:
        head += f"authorization: Bearer {token}\r\n"
    if body:
        head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


async def once(port: int, sent: bytes) -> bytes:
    """The body that answers one request. Raises RuntimeError for a status other than 2xx."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        return await asyncio.wait_for(_answer(reader), TIMEOUT)
    finally:
        writer.close()


async def run(port: int, pid: int, requests: Sequence[bytes], count: int) -> Round:
    """Send `count` requests in turn over all connections and measure the server process `pid` meanwhile."""
    turns = itertools.islice(itertools.cycle(requests), count)
    streams = [await asyncio.open_connection("127.0.0.1", port) for _ in range(CONNECTIONS)]
    before, began = processor(pid), time.perf_counter()
    try:
        sizes = await asyncio.wait_for(asyncio.gather(*(_worker(*s, turns) for s in streams)), TIMEOUT)
        took, used = time.perf_counter() - began, processor(pid) - before
    finally:
        for _, writer in streams:
            writer.close()
    return Round(used / count * 1e6, count / took, sum(sizes) / count)


def processor(pid: int) -> float:
    """Seconds of processor time, user and system, of a process and its children."""
    return sum(_used(one) for one in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)))


def _used(process: psutil.Process) -> float:
    if sys.platform == "linux":
        # The clock of another process, clock_getcpuclockid(3): /proc counts in ticks of 10 ms, too coarse here.
        return time.clock_gettime((~process.pid << 3) | 2)
    times = process.cpu_times()
    return float(times.user + times.system)


async def _worker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, turns: Iterator[bytes]) -> int:
    total = 0
    for sent in turns:
        writer.write(sent)
        total += len(await _answer(reader))
    return total


async def _answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    lower = head.lower()
    start = lower.index(b"content-length:") + 15
    body = await reader.readexactly(int(lower[start : lower.index(b"\r\n", start)]))
    if head[9:10] != b"2":
        raise RuntimeError(f"{head.splitlines()[0]!r}: {body[:400]!r}")
    return body

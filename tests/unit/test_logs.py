"""The log: one line each, whole, and never in the way."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from headwater.base import logs
from headwater.base.logs import Log
from headwater.base.observe import Observers, RequestServed, SecurityEvent, StatementRun, UnexpectedFailure

Lines = Callable[[], list[bytes]]
SERVED = RequestServed("req_1", "GET", "/tasks/\x1b[2J", "/tasks/{id}", 200, 0.0015, "user_1", "a" * 32)


@pytest.fixture
def pipe() -> Iterator[tuple[int, Lines]]:
    reader, writer = os.pipe()
    parts: list[bytes] = []

    def drain() -> None:
        while part := os.read(reader, 1 << 16):
            parts.append(part)

    thread = threading.Thread(target=drain)
    thread.start()
    closed = False

    def lines() -> list[bytes]:
        nonlocal closed
        if not closed:
            os.close(writer)
            thread.join()
            closed = True
        return b"".join(parts).splitlines()

    yield writer, lines
    lines()
    os.close(reader)


def bug() -> ValueError:
    try:
        raise ValueError("broken")
    except ValueError as error:
        return error


def test_json_lines(pipe: tuple[int, Lines]) -> None:
    descriptor, lines = pipe
    log = Log(descriptor=descriptor)
    observers = Observers()
    observers.add(log, *log.kinds)
    observers.emit(SERVED)
    observers.emit(StatementRun("select 1", "read"))
    observers.emit(UnexpectedFailure("req_2", bug()))
    observers.emit(SecurityEvent("token_reused", "user_1", "req_3", "an old refresh token"))
    log.handle(logging.LogRecord("asyncio", logging.WARNING, "", 1, "slow %s", ("task",), None))
    log.close()
    decoded: list[dict[str, Any]] = [msgspec.json.decode(line) for line in lines()]
    assert [d["event"] for d in decoded] == ["request", "failure", "token_reused", "message"]
    request = decoded[0]
    assert request.pop("time").endswith("Z")
    assert request == {
        "level": "info",
        "event": "request",
        "requestId": "req_1",
        "method": "GET",
        "path": "/tasks/\x1b[2J",
        "route": "/tasks/{id}",
        "status": 200,
        "ms": 1.5,
        "actor": "user_1",
        "trace": "a" * 32,
    }
    assert decoded[1]["requestId"] == "req_2"
    assert 'raise ValueError("broken")' in decoded[1]["traceback"]
    assert decoded[3]["message"] == "slow task"


def test_readable_lines_cannot_move_the_cursor(pipe: tuple[int, Lines]) -> None:
    descriptor, lines = pipe
    log = Log(descriptor=descriptor, readable=True)
    log(SERVED)
    log(UnexpectedFailure("req_2", bug()))
    log.close()
    text = b"\n".join(lines())
    assert rb"200 GET /tasks/\x1b[2J  1.5 ms  user_1  req_1" in text
    assert b"failure in req_2\nTraceback" in text
    assert b"\x1b" not in text


def test_requests_can_be_left_out(pipe: tuple[int, Lines]) -> None:
    descriptor, lines = pipe
    log = Log(descriptor=descriptor, access=False)
    observers = Observers()
    observers.add(log, *log.kinds)
    observers.emit(SERVED)
    observers.emit(SecurityEvent("x", None, "r", "n"))
    log.close()
    assert len(lines()) == 1


def test_an_error_without_text_does_not_stop_the_log(pipe: tuple[int, Lines]) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    descriptor, lines = pipe
    log = Log(descriptor=descriptor)
    log(UnexpectedFailure("r", Mute()))
    log(SERVED)
    log.close()
    assert [msgspec.json.decode(line)["event"] for line in lines()] == ["unwritable", "request"]


def test_many_threads_lose_no_line(pipe: tuple[int, Lines]) -> None:
    descriptor, lines = pipe
    log = Log(descriptor=descriptor)

    def work() -> None:
        for _ in range(500):
            log(SERVED)
            time.sleep(0.00002)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    assert len([msgspec.json.decode(line) for line in lines()]) == 2000


def test_a_reader_that_does_not_read_costs_lines_not_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_CAPACITY", 1000)
    reader, writer = os.pipe()
    log = Log(descriptor=writer)
    started = time.monotonic()
    for _ in range(20_000):
        log(SERVED)
    assert time.monotonic() - started < 2
    received: list[bytes] = []

    def drain() -> None:
        while part := os.read(reader, 1 << 16):
            received.append(part)

    thread = threading.Thread(target=drain)
    thread.start()
    log.close()
    os.close(writer)
    thread.join()
    os.close(reader)
    decoded = [msgspec.json.decode(line) for line in b"".join(received).splitlines()]
    dropped = sum(line["lines"] for line in decoded if line["event"] == "lines_dropped")
    assert dropped > 0
    assert dropped + len([line for line in decoded if line["event"] == "request"]) == 20_000


def test_a_log_that_nobody_reads_does_not_stop_the_service() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    log = Log(descriptor=writer)
    log(SERVED)
    time.sleep(0.1)
    log(SERVED)
    log.close()
    os.close(writer)

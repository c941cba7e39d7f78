"""The log: one line each, whole, and never in the way."""

import errno
import logging
import os
import sys
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


def test_nothing_that_clients_send_moves_the_cursor(pipe: tuple[int, Lines]) -> None:
    descriptor, lines = pipe
    log = Log(descriptor=descriptor, readable=True)
    error = ValueError("\x1b[2J\ud800")
    log(UnexpectedFailure("req_\x1b[2J", error))
    try:
        raise error
    except ValueError:
        log.emit(logging.LogRecord("x", logging.ERROR, "x", 1, "\x1b]0;\x07%s", ("\r",), sys.exc_info()))
    log.close()
    text = b"\n".join(lines())
    assert rb"ValueError: \x1b[2J\ud800" in text
    assert rb"error: \x1b]0;\x07\r" in text
    assert text.count(b"\nTraceback") == 2
    assert text.replace(b"\n", b"").decode().isprintable()


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
    assert not log._lines


def test_a_full_disk_costs_lines_and_not_the_log(pipe: tuple[int, Lines]) -> None:
    descriptor, lines = pipe
    full = os.open("/dev/full", os.O_WRONLY)
    log = Log(descriptor=full)
    for _ in range(3):
        log(SERVED)
        time.sleep(0.15)
    os.dup2(descriptor, full)  # there is room again
    log(SERVED)
    log.close()
    os.close(full)
    decoded = [msgspec.json.decode(line) for line in lines()]
    assert [line["event"] for line in decoded] == ["request", "lines_dropped"]
    assert decoded[1]["lines"] == 3


def test_a_line_that_was_cut_does_not_spoil_the_next(
    pipe: tuple[int, Lines], monkeypatch: pytest.MonkeyPatch
) -> None:
    descriptor, lines = pipe
    write, answers = os.write, iter([10, 0])

    def half(to: int, data: memoryview) -> int:
        if (count := next(answers, len(data))) == 0:
            raise OSError(errno.ENOSPC, "full")
        return write(to, data[:count])

    monkeypatch.setattr(logs.os, "write", half)
    log = Log(descriptor=descriptor)
    log(SERVED)
    time.sleep(0.15)
    log(SERVED)
    log.close()
    cut, *whole = lines()
    assert len(cut) == 10
    assert [msgspec.json.decode(line)["event"] for line in whole] == ["request", "lines_dropped"]


def test_a_descriptor_that_does_not_block_loses_no_line() -> None:
    """Such as that of a terminal that a shell or another program shares."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    log = Log(descriptor=writer)
    for _ in range(5000):  # more than a pipe holds
        log(SERVED)
    time.sleep(0.3)
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
    assert len(b"".join(received).splitlines()) == 5000

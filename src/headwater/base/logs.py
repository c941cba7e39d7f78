"""The log: one view of what is observed, a line each, written without holding up the event loop.

Whoever observes only appends to a buffer; a thread of its own writes it, so that a slow terminal or a full pipe
costs lines (counted, and told) and never requests. A request's line is made at once, since that is cheaper than
keeping its parts; traces are made by the thread.
"""

import errno
import logging
import os
import select
import threading
import time
import traceback
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from headwater.base.observe import Observation, RequestServed, SecurityEvent, StoreTrouble, UnexpectedFailure

_PERIOD: Final = 0.1
_CAPACITY: Final = 50_000
_GONE: Final = frozenset({errno.EPIPE, errno.EBADF})
"""Errors after which nobody will ever read what is written."""

_Item = Observation | logging.LogRecord


class Log(logging.Handler):
    """An observer, and a handler of what libraries log, that writes lines to a file descriptor.

    JSON lines by default; `readable` ones are for people at a terminal. `access`: a line for each request.
    """

    def __init__(self, *, readable: bool = False, access: bool = True, descriptor: int = 2) -> None:
        super().__init__(logging.WARNING)
        self.readable, self.access, self.descriptor = readable, access, descriptor
        self._lines: list[bytes | tuple[float, _Item]] = []
        self._dropped = 0
        self._torn = False  # whether the last line that was written lacks its end
        self._waiting = threading.Event()
        self._closed = False
        self._clock = _Clock()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    @property
    def kinds(self) -> tuple[type[Observation], ...]:
        """What it makes lines of."""
        return (*((RequestServed,) if self.access else ()), UnexpectedFailure, StoreTrouble, SecurityEvent)

    def __call__(self, observation: Observation) -> None:
        at = time.time()
        if type(observation) is RequestServed:
            self._put(self._readable(at, observation) if self.readable else self._served(at, observation))
        else:
            self._put((at, observation))

    def emit(self, record: logging.LogRecord) -> None:
        self._put((record.created, record))

    def close(self) -> None:
        """Write what is buffered, for two seconds at most, and end the thread. Called at exit, by `logging`."""
        self._closed = True
        self._waiting.set()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(2)
        super().close()

    def _put(self, line: bytes | tuple[float, _Item]) -> None:
        if self._closed or len(self._lines) >= _CAPACITY:
            self._dropped += 1
            return
        self._lines.append(line)
        if not self._waiting.is_set():
            self._waiting.set()
            if self._thread is None:
                self._start()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="headwater-log", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        closing = False
        while not closing:
            self._waiting.wait()
            closing = self._closed
            if not closing:
                time.sleep(_PERIOD)  # more lines may come: they go out in one write
            self._waiting.clear()
            try:
                self._write()
            except OSError:
                self._closed = True  # nobody reads the log any more; the service goes on
                self._lines.clear()
                return

    def _write(self) -> None:
        """Write what is buffered. Raises: OSError, if nobody will ever read it."""
        # A slice and its removal are one step each, beside which lines may be appended. In few steps, since each time
        # that this thread takes the interpreter's lock, the event loop waits for it.
        lines = self._lines[:]
        del self._lines[: len(lines)]
        text = [line if type(line) is bytes else self._render(*line) for line in lines]
        if dropped := self._dropped:
            self._dropped -= dropped
            text.append(_encode({"event": "lines_dropped", "level": "warning", "lines": dropped}))
        if text:
            self._send(b"\n".join([b"", *text, b""] if self._torn else [*text, b""]), len(lines) + dropped)

    def _send(self, data: bytes, lines: int) -> None:
        """Write so many lines, however long the descriptor does not take them. Raises: OSError of `_GONE`; any other,
        such as that of a full disk, costs the lines and not the log."""
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self.descriptor, view) :]
            except BlockingIOError:
                select.select((), (self.descriptor,), ())
            except OSError as error:
                if error.errno in _GONE:
                    raise
                self._dropped += lines
                self._torn = self._torn or len(view) < len(data)
                return
        self._torn = False

    def _render(self, at: float, item: _Item) -> bytes:
        try:
            return self._readable(at, item) if self.readable else self._json(at, item)
        except Exception:  # an error whose own text cannot be had
            return _encode({"event": "unwritable", "level": "error", "kind": type(item).__name__})

    def _served(self, at: float, item: RequestServed) -> bytes:
        return _encode(
            _RequestLine(
                self._clock.stamp(at),
                "error" if item.status >= 500 else "info",
                "request",
                item.request_id,
                item.method,
                item.path,
                item.route,
                item.status,
                int(item.seconds * 1_000_000) / 1000,
                item.actor,
                item.trace,
            )
        )

    def _json(self, at: float, item: _Item) -> bytes:
        line: dict[str, Any] = {"time": self._clock.stamp(at)}
        match item:
            case UnexpectedFailure():
                line |= {
                    "level": "error",
                    "event": "failure",
                    "requestId": item.request_id,
                    "error": f"{type(item.error).__name__}: {item.error}",
                    "traceback": "".join(traceback.format_exception(item.error)),
                }
            case StoreTrouble():
                line |= {
                    "level": "error",
                    "event": "database",
                    "requestId": item.request_id,
                    "reason": item.reason,
                }
            case SecurityEvent():
                line |= {
                    "level": "warning",
                    "event": item.kind,
                    "requestId": item.request_id,
                    "actor": item.actor,
                    "note": item.note,
                }
            case logging.LogRecord():
                line |= {"level": item.levelname.lower(), "event": "message", "logger": item.name}
                line["message"] = item.getMessage()
                if item.exc_info:
                    line["traceback"] = "".join(traceback.format_exception(item.exc_info[1]))
        return _encode(line)

    def _readable(self, at: float, item: _Item) -> bytes:
        match item:
            case RequestServed():
                text = f"{item.status} {item.method} {_printable(item.path)}  {item.seconds * 1000:.1f} ms"
                text += f"  {item.actor or ''}  {item.request_id}"
            case UnexpectedFailure():
                text = (
                    f"failure in {item.request_id}\n"
                    + "".join(traceback.format_exception(item.error)).rstrip()
                )
            case StoreTrouble():
                text = f"database: {_printable(item.reason)}  {item.request_id}"
            case SecurityEvent():
                text = f"{item.kind}: {_printable(item.note)}  {item.actor or ''}  {item.request_id}"
            case logging.LogRecord():
                text = f"{item.levelname.lower()}: {item.getMessage()}"
                if item.exc_info:
                    text += "\n" + "".join(traceback.format_exception(item.exc_info[1])).rstrip()
            case _:
                return b""
        said = f"{self._clock.stamp(at)[11:19]}  {text}"
        # What clients sent may be in all of it: in messages of libraries and in the texts of errors too.
        return said.encode() if said.isprintable() else "\n".join(map(_printable, said.split("\n"))).encode()


class _RequestLine(msgspec.Struct, rename="camel", omit_defaults=True):
    time: str
    level: str
    event: str
    request_id: str
    method: str
    path: str
    route: str
    status: int
    ms: float
    actor: str | None = None
    trace: str | None = None


_encode: Final = msgspec.json.Encoder(enc_hook=str).encode


class _Clock:
    """Instants as text; the part that many lines share is made once a second."""

    def __init__(self) -> None:
        self._made = (-1, "")

    def stamp(self, at: float) -> str:
        second = int(at)
        known, text = self._made  # in one step, as several threads come here
        if second != known:
            text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
            self._made = (second, text)
        return f"{text}.{int((at - second) * 1_000_000):06d}Z"


def _printable(text: str) -> str:
    """Text from outside, unable to move the cursor of a terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)

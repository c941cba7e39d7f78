"""One HTTP/1.1 connection: uvicorn's, with bounds on what comes before a request is one."""

import asyncio
from functools import partial
from typing import Any, Final
from uuid import uuid4

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from headwater.base.errors import Fault
from headwater.http.application import WHOLE
from headwater.http.exchange import Headers
from headwater.http.wire import error_response

HEAD_LIMIT: Final = 1 << 16
HEAD_TIMEOUT: Final = 20.0


class Connection(HttpToolsProtocol):
    """Closes where a request's line and headers take more than `HEAD_TIMEOUT` seconds or `HEAD_LIMIT` bytes, and
    answers what is not HTTP in the envelope of all errors."""

    _in_head = True
    _head_size = 0
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(HEAD_TIMEOUT, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_done()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._in_head:
            if self._head_timer is not None:
                self._head_done()
            return
        self._head_size += len(data)
        if self._head_size > HEAD_LIMIT:
            self._refuse(Fault("INVALID_FORMAT", f"The headers may have {HEAD_LIMIT} bytes at most."))
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_TIMEOUT, self.transport.close)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._head_size = 0

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()
        self.scope[WHOLE] = partial(_answer, self.cycle)  # type: ignore[typeddict-unknown-key]

    def send_400_response(self, msg: str) -> None:
        self._refuse(Fault("INVALID_FORMAT", "This is not an HTTP/1.1 request."))

    def _head_done(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, fault: Fault) -> None:
        request_id = f"req_{uuid4().hex[:24]}"
        accept = b", ".join(value for name, value in self.headers or () if name == b"accept") or None
        response = error_response(fault, request_id, accept)
        headers = [
            *self.server_state.default_headers,
            *response.headers,
            (b"x-request-id", request_id.encode()),
            (b"content-length", b"%d" % len(response.body)),
            (b"connection", b"close"),
        ]
        lines = [name + b": " + value + b"\r\n" for name, value in headers]
        self.transport.write(b"".join([STATUS_LINE[fault.status], *lines, b"\r\n", response.body]))
        self.transport.close()


def _answer(cycle: RequestResponseCycle, status: int, headers: Headers, body: bytes) -> bool:
    """Write an answer at once: what two ASGI messages do, for half of the CPU. False: send those instead.

    That is left to them which has to wait, has been overtaken, or is not allowed in headers.
    """
    if cycle.flow.write_paused or cycle.disconnected or cycle.response_started:
        return False
    headers = cycle.default_headers + headers
    head = STATUS_LINE[status] + b"".join([b"%b: %b\r\n" % pair for pair in headers])
    lines = len(headers) + 1
    if head.count(b"\n") != lines or head.count(b"\r") != lines or b"\0" in head:
        return False
    if b"\r\nconnection: close\r\n" in head:
        cycle.keep_alive = False
    elif not cycle.keep_alive:
        head += b"connection: close\r\n"
    cycle.waiting_for_100_continue = False
    cycle.response_started = cycle.response_complete = True
    cycle.transport.write(head + b"\r\n" + body)
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
    return True

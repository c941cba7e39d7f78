"""One HTTP/1.1 connection: uvicorn's, with bounds on all that a client can make it wait for or keep."""

import asyncio
from functools import partial
from typing import Any, Final
from uuid import uuid4

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from headwater.base.errors import Fault
from headwater.base.observe import RequestServed
from headwater.http.application import WHOLE
from headwater.http.exchange import Headers
from headwater.http.refusals import error_response

HEAD_LIMIT: Final = 1 << 16
"""Bytes of a request's line and headers, and of whatever else comes without a part of a body: trailers, the extensions
of chunks."""
HEADERS: Final = 200
HEAD_TIMEOUT: Final = 20.0
"""Seconds that a request's line and headers may take, and the rest of a body that nobody waits for."""
LINGER: Final = 2.0
"""Seconds for which what a client still sends is thrown away after a refusal, so that it reads that."""
WRITE_TIMEOUT: Final = 30.0
WRITE_LEAST: Final = 1 << 14
"""Bytes that a client must take of an answer within `WRITE_TIMEOUT` seconds."""
AHEAD: Final = 1 << 20
"""Bytes that a client may send ahead of the answers to what it has sent."""
LARGE: Final = 1 << 16
"""Bytes from which on it costs more to copy a body than to write it apart from its headers."""
SLICE: Final = 1 << 14
"""Bytes that are parsed at once, so that a heap of small requests is taken up bit by bit, as they are answered."""
MALFORMED: Final = "malformed"
"""The route under which the refusal of what is not HTTP is observed."""


class Connection(HttpToolsProtocol):
    """Closes where a client keeps it waiting, and answers what is not HTTP in the envelope of all errors."""

    _in_head = True
    _in_body = False
    _begun = 0.0  # when, in seconds of the loop's clock
    _overhead = 0  # bytes since a request began or a part of its body came
    _held = b""
    _again = b""
    _fault: Fault | None = None
    _refused = False
    _deaf = False
    _timer: asyncio.TimerHandle | None = None
    _answered = 0.0
    _quiet_timer: asyncio.TimerHandle | None = None
    _write_timer: asyncio.TimerHandle | None = None

    # -- reading --------------------------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._begun = self.loop.time()
        self._set_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._timer, self._quiet_timer, self._write_timer):
            if timer is not None:
                timer.cancel()
        self._held = b""
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not (self._refused or self._deaf):
            self._held += data
            self._take()

    def _take(self) -> None:
        """Parse what has come, until there are requests that wait for others."""
        ends = self._ends()
        while self._held and not self.pipeline and not ends:
            part, self._held = self._held[:SLICE], self._held[SLICE:]
            self._overhead += len(part)
            try:
                self.parser.feed_data(part)
            except HttpParserUpgrade as upgrade:
                self._held = self._again + part[upgrade.args[0] :] + self._held
                self._again = b""
                self.parser = HttpRequestParser(
                    self
                )  # the first one is done where that request is to be the last
            except HttpParserError:
                self._refuse(self._fault or Fault("INVALID_FORMAT", "This is not an HTTP/1.1 request."))
            if self._overhead > HEAD_LIMIT:
                self._refuse(Fault("INVALID_FORMAT", f"The headers may have {HEAD_LIMIT} bytes at most."))
            ends = self._ends()
        if ends:
            return
        if len(self._held) > AHEAD:
            self._close()
        elif self._held:
            self.flow.pause_reading()
        self._set_timer()

    def _ends(self) -> bool:
        return self._refused or self.transport.is_closing()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begun = self.loop.time()
        self._in_head = True
        self._overhead = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:
            return  # a trailer: what it says comes too late to be part of the request
        if len(self.headers) >= HEADERS:
            self._stop(f"A request has at most {HEADERS} headers.")
        name = name.lower()
        if name == b"expect":
            super().on_header(name, value)
        else:  # at once, since this runs for each header
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        version, names = self.parser.get_http_version(), [name for name, _ in self.headers]
        if version not in ("1.1", "1.0"):
            self._stop("Speak HTTP/1.1.")
        if names.count(b"host") != 1 and (version == "1.1" or b"host" in names):
            self._stop("A request has one Host header.")
        if b"transfer-encoding" in names:
            codings = [value.strip().lower() for name, value in self.headers if name == b"transfer-encoding"]
            if codings != [b"chunked"] or version != "1.1":
                self._stop("Of the transfer codings `chunked` alone is understood, and in HTTP/1.1 alone.")
        if self.parser.should_upgrade():
            self._again = self._without_upgrade()
            return
        super().on_headers_complete()
        self._in_head, self._in_body, self._overhead = False, True, 0
        self.scope[WHOLE] = partial(_answer, self.cycle)  # type: ignore[typeddict-unknown-key]

    def on_body(self, body: bytes) -> None:
        self._overhead = 0
        super().on_body(body)

    def _without_upgrade(self) -> bytes:
        """The head of a request that wants to go on in another protocol, without that wish, which nobody fulfils here.

        The parser passes over the body of a request that has it, and would take the body for the next request.
        """
        method = self.parser.get_method()
        if method == b"CONNECT":
            self._stop("Nothing is tunnelled here.")
        line = b"%s %s HTTP/%s" % (method, self.url, self.parser.get_http_version().encode())
        # The parser takes `Proxy-Connection` for `Connection`.
        headers = [pair for pair in self.headers if pair[0] not in (b"connection", b"proxy-connection")]
        if not self.parser.should_keep_alive():
            headers.append((b"connection", b"close"))
        return b"\r\n".join([line, *map(b":".join, headers), b"\r\n"])

    def on_message_complete(self) -> None:
        if self._again:
            return
        self._in_body = False
        self._begun = self.loop.time()  # what comes next may never become a request
        super().on_message_complete()

    def _set_timer(self) -> None:
        """Have the connection closed in time while nobody waits for anything but the client."""
        answered = self.cycle is None or self.cycle.response_complete
        if not (answered and (self._in_head or self._in_body)):
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        elif self._timer is None:
            self._timer = self.loop.call_later(HEAD_TIMEOUT, self._close)

    # -- writing --------------------------------------------------------------------------------------------

    def on_response_complete(self) -> None:
        """What uvicorn does, but that it sets a timer for each answer, which costs as much as to parse a request."""
        self.server_state.total_requests += 1
        if self._ends():
            self._watch_last()
            return
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        if self.pipeline:
            self.flow.pause_reading()
            return
        self.flow.resume_reading()
        self._answered = self.loop.time()
        if self._quiet_timer is None:
            self._quiet_timer = self.loop.call_later(self.timeout_keep_alive, self._still_quiet)
        if self._held:
            self._take()
        else:
            self._set_timer()

    def _still_quiet(self) -> None:
        """Close where nothing has come since the last answer, or else look again when that may be so."""
        left = self._answered + self.timeout_keep_alive - self.loop.time()
        self._quiet_timer = None
        if self._in_head or self._in_body or not self.cycle.response_complete:
            return
        if left > 0:
            self._quiet_timer = self.loop.call_later(left, self._still_quiet)
        else:
            self._close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_writing()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._write_timer is not None and not self.transport.is_closing():
            self._write_timer.cancel()
            self._write_timer = None

    def _watch_writing(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
        left = self.transport.get_write_buffer_size()
        self._write_timer = self.loop.call_later(WRITE_TIMEOUT, self._still_writing, left)

    def _still_writing(self, before: int) -> None:
        self._write_timer = None
        left = self.transport.get_write_buffer_size()
        if left > max(0, before - WRITE_LEAST):
            self.transport.abort()
        elif left:
            self._watch_writing()

    def _close(self) -> None:
        """Close when what is written has been taken, if that goes on."""
        self.transport.close()
        self._watch_last()

    def _watch_last(self) -> None:
        """Watch that what is left to be taken of a connection that closes is."""
        if self._write_timer is None and self.transport.get_write_buffer_size():
            self._watch_writing()

    # -- refusing -------------------------------------------------------------------------------------------

    def _stop(self, message: str) -> None:
        """Have the parser stop, and what it was given refused."""
        self._fault = Fault("INVALID_FORMAT", message)
        raise self._fault

    def _refuse(self, fault: Fault) -> None:
        if self._refused:
            return
        self._held = b""
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            if self._in_head or not self._in_body:
                cycle.keep_alive = False  # what came before is answered first, and nothing after it
                self._deaf = True
                return
            if self.pipeline or cycle.response_started:
                self._close()
                return
        if not (self._in_body and cycle.response_complete):  # else its one answer is out
            self._answer_refused(fault)
        self._refused = True
        if cycle is not None:
            cycle.disconnected = True
            cycle.message_event.set()
        if self.transport.can_write_eof():
            # Closed at once while the client still sends, the connection would break before the answer is read.
            self.transport.write_eof()
            self.flow.resume_reading()
            self.loop.call_later(LINGER, self._close)
        else:
            self._close()

    def _answer_refused(self, fault: Fault) -> None:
        """Write a refusal to what the application was not asked, or not asked in whole, and tell of it."""
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
        observers = self.config.app.observers  # type: ignore[union-attr]
        if RequestServed in observers.wanted:
            # Before the end of its head, what came is no request.
            method, path = (self.scope["method"], self.scope["raw_path"]) if self._in_body else ("", b"")
            seconds = self.loop.time() - self._begun
            observers.emit(
                RequestServed(
                    request_id, method, path.decode("latin-1"), MALFORMED, fault.status, seconds, None
                )
            )


def _answer(cycle: RequestResponseCycle, status: int, headers: Headers, body: bytes) -> bool:
    """Write an answer at once: what two ASGI messages do, for half of the CPU. False: send those instead.

    That is left to them which has to wait, has been overtaken, or is not allowed in headers.
    """
    if cycle.flow.write_paused or cycle.disconnected or cycle.response_started:
        return False
    headers = cycle.default_headers + headers
    # STATUS_LINE ends its line, and so does each header.
    head = STATUS_LINE[status] + b"\r\n".join([*map(b": ".join, headers), b""])
    lines = len(headers) + 1
    if head.count(b"\n") != lines or head.count(b"\r") != lines or b"\0" in head:
        return False
    if b"\r\nconnection: close\r\n" in head:
        cycle.keep_alive = False
    elif not cycle.keep_alive:
        head += b"connection: close\r\n"
    cycle.waiting_for_100_continue = False
    cycle.response_started = cycle.response_complete = True
    head += b"\r\n"
    if len(body) < LARGE:
        cycle.transport.write(head + body)
    else:
        cycle.transport.writelines((head, body))
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
    return True

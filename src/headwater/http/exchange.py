"""One HTTP request and its answer, as handlers and middleware see them.

An `Exchange` is made once per request from the ASGI scope; a `Response` is plain data until the application
sends it. A handler turns one into the other, and a middleware turns a handler into another handler.
"""

import asyncio
import secrets
import types
from collections.abc import Awaitable, Callable, Generator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from headwater.base.call import ANONYMOUS, Call
from headwater.base.errors import Fault

if TYPE_CHECKING:
    from headwater.http.routes import Route

DEFAULT_BODY_LIMIT: Final = 1 << 20
DEFAULT_BODY_TIMEOUT: Final = 30.0

Headers = list[tuple[bytes, bytes]]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
T = TypeVar("T")


class Disconnected(Exception):
    """The client went away before its body was complete. Nobody is left to answer."""


class Exchange:
    """A request and what the server has found out about it.

    `path` is as sent (still percent-encoded), `query` the raw query string, `headers` the values by lower-case name (a
    repeated header is one value, joined as RFC 9110, 5.3 says), `route` and `path_parameters`
    what the route table found. `request_id` and `deadline` (a `time.monotonic()` instant) are set by the
    context middleware, `call` by the authenticate middleware. `receive` gives the body as ASGI messages, without
    limits: handlers ask for `body()`.
    """

    __slots__ = (
        "_body",
        "_call",
        "_trace",
        "body_limit",
        "body_timeout",
        "deadline",
        "headers",
        "method",
        "path",
        "path_parameters",
        "query",
        "receive",
        "request_id",
        "route",
        "scope",
    )

    def __init__(
        self,
        scope: Mapping[str, Any],
        receive: Receive,
        path: str,
        route: "Route",
        path_parameters: dict[str, str],
        body_limit: int = DEFAULT_BODY_LIMIT,
        body_timeout: float = DEFAULT_BODY_TIMEOUT,
    ) -> None:
        self.scope = scope
        self.receive = receive
        self.method: str = scope["method"]
        self.path = path
        self.query: bytes = scope["query_string"]
        self.route = route
        self.path_parameters = path_parameters
        self.body_limit = body_limit
        self.body_timeout = body_timeout
        self.request_id = ""
        self.deadline: float | None = None
        self._call: Call | None = None
        self.headers = _by_name(scope["headers"])
        self._trace: str | None = None
        self._body: bytes | None = None

    @property
    def call(self) -> Call:
        """The circumstances under which the engine works for this request; nobody's, until set."""
        if self._call is None:
            self._call = Call(actor=ANONYMOUS, request_id=self.request_id, deadline=self.deadline)
        return self._call

    @call.setter
    def call(self, call: Call) -> None:
        self._call = call

    @property
    def signed_in_as(self) -> str | None:
        """The id of the authenticated account, if any."""
        return None if self._call is None else self._call.actor.id

    @property
    def client(self) -> str | None:
        """The peer's address, as the connection has it."""
        address = self.scope.get("client")
        return address[0] if address else None

    @property
    def secure(self) -> bool:
        """Whether the connection is encrypted up to this process."""
        return self.scope.get("scheme") == "https"

    @property
    def traceparent(self) -> str:
        """This request's W3C trace context: the client's trace continued in a new span, or a new trace.

        Made when first asked for, since most requests take part in no trace.
        """
        if self._trace is None:
            self._trace = _trace_context(self.headers.get(b"traceparent", b""))
        return self._trace

    @property
    def trace_id(self) -> str | None:
        """The trace's id in 32 hex digits, if the client sent one or if `traceparent` has been asked for."""
        if self._trace is None and b"traceparent" not in self.headers:
            return None
        return self.traceparent[3:35]

    def turn(
        self, scope: Mapping[str, Any], path: str, route: "Route", path_parameters: dict[str, str]
    ) -> None:
        """Become another request, whose id and deadline stay the same: an author's middleware has changed it."""
        self.scope, self.path, self.route, self.path_parameters = scope, path, route, path_parameters
        self.method, self.query = scope["method"], scope["query_string"]
        self.headers = _by_name(scope["headers"])
        self._trace = None

    @property
    def body_read(self) -> bool:
        return self._body is not None

    async def body(self) -> bytes:
        """The whole body; read once, kept.

        Raises: Fault PAYLOAD_TOO_LARGE above `body_limit` bytes, before reading where the client declares the
        length; Fault REQUEST_TIMEOUT where it takes longer than `body_timeout` seconds; Disconnected.
        """
        if self._body is None:
            self._body = await self._read()
        return self._body

    async def _read(self) -> bytes:
        if self.declared_length() == 0:
            return b""
        steps = self._received().__await__()
        try:
            waited = next(steps)
        except (
            StopIteration
        ) as done:  # it has come with the headers: no timer, which costs as much as all else here
            return cast(bytes, done.value)
        try:
            async with asyncio.timeout(self.body_timeout):
                return await _resumed(steps, waited)
        except TimeoutError:
            raise self.too_slow() from None

    async def _received(self) -> bytes:
        parts: list[bytes] = []
        size, more = 0, True
        while more:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            part: bytes = message.get("body", b"")
            parts.append(part)
            size += len(part)
            if size > self.body_limit:
                raise self.too_large(None)
            more = message.get("more_body", False)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def declared_length(self) -> int | None:
        """What the client says of the body's length, in bytes.

        Raises: Fault INVALID_FORMAT; Fault PAYLOAD_TOO_LARGE above `body_limit`.
        """
        declared = self.headers.get(b"content-length")
        if declared is None:
            return None
        if not declared.isdigit() or len(declared) > 18:
            raise Fault("INVALID_FORMAT", "Content-Length is not a number.", headers={"Connection": "close"})
        length = int(declared)
        if length > self.body_limit:
            raise self.too_large(length)
        return length

    def too_slow(self) -> Fault:
        return Fault(
            "REQUEST_TIMEOUT",
            f"The body did not arrive within {self.body_timeout:g} seconds.",
            headers={"Connection": "close"},
        )

    def too_large(self, length: int | None) -> Fault:
        # What remains of a body of declared, bearable length is read and thrown away by the server, so that
        # the client sees this answer; an endless one ends with the connection.
        bearable = length is not None and length <= 16 * self.body_limit
        return Fault(
            "PAYLOAD_TOO_LARGE",
            f"The body may have {self.body_limit} bytes at most.",
            headers={} if bearable else {"Connection": "close"},
            facts={"limit": self.body_limit},
        )


class Response:
    """What is sent back. The application adds `Content-Length`; middleware adds to `headers` in place."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Headers, body: bytes = b"") -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def header(self, name: bytes) -> bytes | None:
        """The first value of a header, by its lower-case name."""
        for key, value in self.headers:
            if key == name:
                return value
        return None

    def vary(self, name: bytes) -> None:
        """Say that the answer depends on a request header (RFC 9110, 12.5.5)."""
        for index, (key, value) in enumerate(self.headers):
            if key == b"vary":
                if name not in value.split(b", "):
                    self.headers[index] = (b"vary", value + b", " + name)
                return
        self.headers.append((b"vary", name))


@types.coroutine
def _resumed(steps: Generator[Any, None, T], waited: Any) -> Generator[Any, Any, T]:
    """Go on with a coroutine that has begun, and waits."""
    while True:
        try:
            yield waited
        except BaseException as error:
            step = partial(steps.throw, error)
        else:
            step = partial(next, steps)
        try:
            waited = step()
        except StopIteration as done:
            return cast(T, done.value)


Handler = Callable[[Exchange], Awaitable[Response]]
Middleware = Callable[[Handler], Handler]


def _by_name(pairs: Headers) -> dict[bytes, bytes]:
    headers = dict(pairs)
    return headers if len(headers) == len(pairs) else _joined(pairs)


def _joined(pairs: Headers) -> dict[bytes, bytes]:
    joined: dict[bytes, bytes] = {}
    for name, value in pairs:
        if name in joined:
            joined[name] += (b"; " if name == b"cookie" else b", ") + value
        else:
            joined[name] = value
    return joined


_HEX = frozenset(b"0123456789abcdef")


def _trace_context(sent: bytes) -> str:
    """W3C Trace Context, 3.2 and 4: continue what is valid, else start again."""
    parts = sent.strip().split(b"-")
    if (
        len(parts) >= 4
        and [len(part) for part in parts[:4]] == [2, 32, 16, 2]
        and all(_HEX.issuperset(part) for part in parts[:4])
        and parts[0] != b"ff"
        and (len(parts) == 4 or parts[0] != b"00")
        and parts[1].strip(b"0")
        and parts[2].strip(b"0")
    ):
        # Of the flags only those that version 00 defines (sampled) and level 2 adds (random) are passed on.
        flags = int(parts[3], 16) & 0x03
        return f"00-{parts[1].decode()}-{secrets.token_hex(8)}-{flags:02x}"
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"

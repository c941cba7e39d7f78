"""ASGI applications within this one: those that authors mount, and what their middleware wraps.

Each answers in a task of its own, while the handler waits for the head of its answer. So what lies around the handler
adds its headers to that head, and the rest streams through.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final
from urllib.parse import quote

from headwater.base.errors import Fault
from headwater.http.exchange import Disconnected, Exchange, Headers, Message, Receive, Response

Scope = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
ASGI = Callable[[Scope, Receive, Send], Awaitable[None]]
"""An ASGI 3 application."""
Whole = Callable[[int, Headers, bytes], bool]
"""Sends an answer of a status, headers and a body in one call, or else, as it says, not at all."""

CALLER: Final = "headwater.caller"
"""The key of a scope under which the caller is."""


class Streamed(Response):
    """A response of which only the head is known yet. `relay` sends it all, once what lies around has added to it."""

    __slots__ = ("relay",)

    def __init__(self, start: Message, relay: Callable[["Streamed", Send], Awaitable[None]]) -> None:
        super().__init__(start["status"], _headers(start))
        self.relay = relay


def encoded(path: str) -> str:
    """The path of a scope as a request has it."""
    return quote(path, safe="/:@!$&'()*+,;=~")


def _is_bare(status: int) -> bool:
    """Whether answers of a status have no body (RFC 9112, 6.3): one would be taken for the next answer."""
    return status < 200 or status in (204, 304)


async def emit(response: Response, send: Send, method: str, whole: Whole | None = None) -> None:
    """Send a response, with the length of its body where that is known: in one call where `whole` takes it, else as
    ASGI messages."""
    if isinstance(response, Streamed):
        await response.relay(response, send)
        return
    status, headers, body = response.status, response.headers, response.body
    if _is_bare(status):
        body = b""
    else:
        headers = [*headers, (b"content-length", b"%d" % len(body))]
    if method == "HEAD":
        body = b""
    if whole is None or not whole(status, headers, body):
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def ask(application: ASGI, scope: Scope, exchange: Exchange) -> Response:
    """What an ASGI application answers to an exchange, whose body it gets within the limits of all bodies.

    Raises what the application raises before its answer has begun, or with an answer of 500, which is how frameworks
    tell that they raise. A body that is refused is refused, whatever the application makes of that.
    """
    return await _Conversation(exchange).ask(application, scope)


class _Conversation:
    """One request put to an application, and its answer."""

    def __init__(self, exchange: Exchange) -> None:
        loop = asyncio.get_running_loop()
        self.exchange, self.body = exchange, exchange.receive
        self.until = loop.time() + exchange.body_timeout
        self.size, self.complete, self.gone = 0, False, False
        self.refused: Fault | None = None
        self.start: Message | None = None
        self.parts: list[bytes] = []
        self.more = True
        self.head: asyncio.Future[None] = loop.create_future()
        self.line: asyncio.Future[Send] = loop.create_future()

    async def ask(self, application: ASGI, scope: Scope) -> Response:
        async def run() -> None:
            await application(scope, self.receive, self.send)

        self.task = asyncio.create_task(run())
        self.task.add_done_callback(self._ended)
        try:
            await self.head
        except asyncio.CancelledError:
            self.task.cancel()
            raise
        if self.refused is not None:
            self.task.cancel()
            raise self.refused
        if self.task.done():
            self._judge()
        assert self.start is not None
        if self.task.done() and not self.more and self.exchange.method != "HEAD" and not self._failure():
            # Its length is told by the application around.
            return Response(self.start["status"], _without_length(_headers(self.start)), b"".join(self.parts))
        return Streamed(self.start, self._relay)

    def _failure(self) -> BaseException | None:
        if self.task.cancelled():
            return asyncio.CancelledError()
        return self.task.exception()

    def _judge(self) -> None:
        """Raises where the application has ended without an answer."""
        failure = self._failure()
        answered = self.start is not None and not self.more
        if self.gone and not answered:
            raise Disconnected
        if failure is not None and (not answered or (self.start is not None and self.start["status"] == 500)):
            raise failure
        if not answered:
            raise RuntimeError("The application has ended without an answer.")

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            task.exception()  # asked for, so that asyncio does not report a failure that is answered
        self._begin()

    def _begin(self) -> None:
        if not self.head.done():
            self.head.set_result(None)

    async def _relay(self, response: Streamed, send: Send) -> None:
        """Send the head as it has become, then let the application go on."""
        status, headers, body = response.status, response.headers, b"".join(self.parts)
        if _is_bare(status):
            headers, body = _without_length(headers), b""
            line = _bare(send)
        else:
            line = send
        try:
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await line({"type": "http.response.body", "body": body, "more_body": self.more})
            self.line.set_result(line)
            await self.task
        finally:
            self.task.cancel()

    async def receive(self) -> Message:
        """The application's `receive`."""
        if self.complete:
            return await self.body()
        try:
            self.exchange.declared_length()
            async with asyncio.timeout_at(self.until):
                message = await self.body()
        except TimeoutError:
            raise self._refuse(self.exchange.too_slow()) from None
        except Fault as fault:
            raise self._refuse(fault) from None
        if message["type"] == "http.disconnect":
            self.gone = self.complete = True
            return message
        self.size += len(message.get("body", b""))
        if self.size > self.exchange.body_limit:
            raise self._refuse(self.exchange.too_large(None))
        self.complete = not message.get("more_body", False)
        return message

    def _refuse(self, fault: Fault) -> Fault:
        self.refused = fault
        self._begin()
        return fault

    async def send(self, message: Message) -> None:
        """The application's `send`."""
        if self.line.done():
            await self.line.result()(message)
        elif message["type"] == "http.response.start":
            self.start = message
        elif message["type"] == "http.response.body" and self.start is not None:
            self.parts.append(bytes(message.get("body", b"")))
            self.more = message.get("more_body", False)
            if self.start["status"] == 500 or self.exchange.method == "OPTIONS":
                return  # a failure may follow, and a preflight is answered by what lies around: both need the whole
            self._begin()
            if self.more:
                await asyncio.shield(self.line)


def _bare(send: Send) -> Send:
    """Send what belongs to a body without it."""

    async def sending(message: Message) -> None:
        await send({**message, "body": b""})

    return sending


def _without_length(headers: Headers) -> Headers:
    return [pair for pair in headers if pair[0] != b"content-length"]


def _headers(start: Message) -> Headers:
    """The headers of an answer; how it is cut into frames is for the server to say."""
    pairs = ((bytes(name).lower(), bytes(value)) for name, value in start.get("headers", ()))
    return [pair for pair in pairs if pair[0] != b"transfer-encoding"]

"""The ASGI application: a route table, middleware composed around it, and a start and an end."""

import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final

from headwater.base.config import Config
from headwater.base.observe import Observers, RequestServed
from headwater.http.asgi import Send, Streamed, emit, encoded
from headwater.http.exchange import Disconnected, Exchange, Handler, Middleware, Receive, Response
from headwater.http.middleware.errors import failure
from headwater.http.routes import Route, Routes

Step = Callable[[], Awaitable[None]]

WHOLE: Final = "headwater.whole"
"""The key of a scope under which our server offers to take an answer in one call."""

CLIENT_GONE: Final = 499
"""The status under which a request is observed whose client left before it could be answered."""


class Application:
    """An ASGI 3 application. `start` runs before the first request and `stop` after the last."""

    def __init__(
        self,
        routes: Routes | Iterable[Route],
        middleware: Sequence[Middleware] = (),
        *,
        config: Config | None = None,
        observers: Observers | None = None,
        start: Step | None = None,
        stop: Step | None = None,
    ) -> None:
        self.config = config or Config()
        self.routes = routes if isinstance(routes, Routes) else Routes(routes)
        self.observers = observers or Observers()
        self._start, self._stop = start, stop
        handler: Handler = _dispatch
        for layer in reversed(middleware):
            handler = layer(handler)
        self._handler = handler

    async def start(self) -> None:
        if self._start is not None:
            await self._start()

    async def stop(self) -> None:
        if self._stop is not None:
            await self._stop()

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if scope["type"] != "http":
            await _refuse_socket(scope, receive, send)
            return
        started = time.perf_counter()
        whole = scope.pop(
            WHOLE, None
        )  # it holds what holds the scope: left there, only the collector would free them
        method = scope["method"]
        raw = scope.get("raw_path")
        path = encoded(scope["path"]) if raw is None else raw.decode("latin-1")
        route, parameters = self.routes.find(method, path)
        config = self.config
        exchange = Exchange(
            scope, receive, path, route, parameters, config.body_limit, config.request_timeout
        )
        try:
            response = await self._handler(exchange)
        except Disconnected:
            self._observe(exchange, CLIENT_GONE, started)
            return
        except Exception as error:  # a middleware failed outside the one that answers errors
            response = failure(error, exchange, self.observers)
        if not exchange.body_read and b"expect" in exchange.headers:
            # The client may or may not send the body that it announced: what follows cannot be told apart.
            response.headers.append((b"connection", b"close"))
        try:
            await emit(response, send, method, whole)
        except Exception as error:
            if not isinstance(response, Streamed):
                raise
            # For the log: the head is out, and the answer breaks off.
            failure(error, exchange, self.observers)
        self._observe(exchange, response.status, started)

    def _observe(self, exchange: Exchange, status: int, started: float) -> None:
        if RequestServed in self.observers.wanted:
            seconds = time.perf_counter() - started
            route = exchange.route
            self.observers.emit(
                RequestServed(
                    exchange.request_id,
                    exchange.method,
                    exchange.path,
                    route.template or route.name,
                    status,
                    seconds,
                    exchange.signed_in_as,
                    exchange.trace_id,
                )
            )

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            starting = message["type"] == "lifespan.startup"
            name = "startup" if starting else "shutdown"
            try:
                await (self.start() if starting else self.stop())
            except Exception as error:
                await send({"type": f"lifespan.{name}.failed", "message": str(error)})
                return
            await send({"type": f"lifespan.{name}.complete"})
            if not starting:
                return


def _dispatch(exchange: Exchange) -> Awaitable[Response]:
    return exchange.route.handler(exchange)


async def _refuse_socket(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """No path speaks WebSocket, mounted or not: 404 where the server can say so, else the close that servers tell as
    403."""
    await receive()
    if "websocket.http.response" in scope.get("extensions", {}):
        await send({"type": "websocket.http.response.start", "status": 404, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b""})
    else:
        await send({"type": "websocket.close", "code": 4404})

"""Applications that authors mount beside the API, and the middleware that they put around all of it."""

import asyncio
import logging
import sys
from collections.abc import Callable, Iterable
from typing import Any, Final

from headwater.base.errors import DeclarationError, Fault
from headwater.base.observe import Observers
from headwater.base.protocols import Authenticator
from headwater.http.asgi import ASGI, CALLER, Scope, Send, ask, emit, encoded
from headwater.http.exchange import Exchange, Handler, Message, Middleware, Receive, Response
from headwater.http.middleware.authenticate import authenticate
from headwater.http.middleware.errors import errors
from headwater.http.routes import Route, Routes

Open = Callable[[Exchange], object]
"""Makes what is under `CALLER` in a scope."""

Factory = Callable[[ASGI], ASGI]

_EXCHANGE: Final = "headwater.exchange"


class Mount:
    """An ASGI application at a path, which is asked for everything below it."""

    def __init__(self, path: str, application: Any, opened: Open) -> None:
        self.path, self.opened = path.rstrip("/"), opened
        self.application = _whole(path, application)
        self.state: dict[str, Any] = {}

    def route(self) -> Route:
        name = getattr(self.application, "title", "") or type(self.application).__name__
        return Route("*", f"{self.path}/*", self._answer, f"mount {self.path}", f"Mounted: {name}.")

    async def _answer(self, exchange: Exchange) -> Response:
        if exchange.headers.get(b"upgrade", b"").lower() == b"websocket":
            raise Fault("RESOURCE_NOT_FOUND", f"Nothing below {self.path} speaks WebSocket: ask it by HTTP.")
        scope = dict(exchange.scope)
        if scope["path"] == self.path:
            scope["path"] += "/"  # a slash at the end makes no difference anywhere, and none is redirected to
            scope["raw_path"] = scope["path"].encode()
        scope |= {
            "root_path": scope.get("root_path", "") + self.path,
            "state": {**self.state, **scope.get("state", {})},
            CALLER: self.opened(exchange),
        }
        return await ask(self.application, scope, exchange)


class Lifespan:
    """The start and end of a mounted application, by ASGI's lifespan protocol; of one that has none, nothing. What it
    raises once it has started is logged."""

    def __init__(self, mount: Mount) -> None:
        self.mount, self._started = mount, False
        self._sent: asyncio.Queue[Message] = asyncio.Queue()
        self._heard: asyncio.Queue[Message] = asyncio.Queue()

    async def __aenter__(self) -> None:
        """Raises DeclarationError where the application says that it cannot start."""
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.mount.state,
        }
        self._task = asyncio.create_task(self._run(scope))
        await self._tell("startup")

    async def __aexit__(self, *raised: object) -> None:
        if not self._task.done():
            await self._tell("shutdown")
        await self._task

    async def _run(self, scope: Scope) -> None:
        try:
            await self.mount.application(scope, self._sent.get, self._hear)
        except Exception as error:
            if self._started:  # else that is how an application says that it has no lifespan
                message = "The lifespan of what is mounted at %s has failed."
                logging.getLogger("headwater").error(message, self.mount.path, exc_info=error)
        await self._heard.put({"type": "ended"})

    async def _hear(self, message: Message) -> None:
        self._started = self._started or message["type"] == "lifespan.startup.complete"
        await self._heard.put(message)

    async def _tell(self, what: str) -> None:
        await self._sent.put({"type": f"lifespan.{what}"})
        heard = await self._heard.get()
        if heard["type"] == f"lifespan.{what}.failed":
            raise DeclarationError(
                f"the application did not get through its {what}: {heard.get('message', '').strip()}",
                where=f"mounted at {self.mount.path}",
            )


def surround(
    factories: Iterable[Any], routes: Routes, observers: Observers, authenticator: Authenticator, opened: Open
) -> Middleware:
    """The authors' ASGI middleware, outermost first, as one of ours.

    It lies behind what gives each request its id, its caller and its security headers, and in front of what turns
    faults into answers. Where a middleware changes what is asked, the route is found and the caller known anew.
    """

    def wrap(handler: Handler) -> Handler:
        known = authenticate(authenticator)(handler)
        answered, again = errors(observers)(handler), errors(observers)(known)

        async def inside(scope: Scope, receive: Receive, send: Send) -> None:
            exchange: Exchange = scope[_EXCHANGE]
            before, exchange.receive = exchange.scope, receive
            exchange.scope = {name: value for name, value in scope.items() if name != _EXCHANGE}
            if _asks(scope) == _asks(before):
                response = await answered(exchange)
            else:
                path = encoded(scope["path"])
                exchange.turn(exchange.scope, path, *routes.find(scope["method"], path))
                response = await again(exchange)
            await emit(response, send, exchange.method)

        application: ASGI = inside
        for factory in reversed([_factory(entry) for entry in factories]):
            application = factory(application)

        async def surrounded(exchange: Exchange) -> Response:
            scope = {**exchange.scope, CALLER: opened(exchange), _EXCHANGE: exchange}
            return await ask(application, scope, exchange)

        return surrounded

    return wrap


def _asks(scope: Any) -> tuple[Any, ...]:
    return scope["method"], scope["path"], scope["query_string"], scope["headers"]


def _factory(entry: Any) -> Factory:
    """A function from application to application; Starlette's `Middleware(cls, …)` is one as well."""
    made, given, named = (getattr(entry, name, None) for name in ("cls", "args", "kwargs"))
    if callable(made) and given is not None and named is not None:
        return lambda application: made(application, *given, **named)
    if callable(entry):
        return entry  # type: ignore[no-any-return]
    raise DeclarationError(
        f"{entry!r} is no middleware.",
        where="App(middleware=…)",
        mend="give a class or function that takes an ASGI application and returns one; "
        "`functools.partial(Timing, header=…)` is one with arguments.",
    )


def _whole(path: str, application: Any) -> ASGI:
    """What is mounted, as an application. FastAPI's routers work within a FastAPI only."""
    fastapi = sys.modules.get("fastapi")
    if fastapi is not None and isinstance(application, fastapi.APIRouter):
        around: ASGI = fastapi.FastAPI(title=path.strip("/"))
        around.include_router(application)  # type: ignore[attr-defined]
        return around
    if not callable(application):
        raise DeclarationError(
            f"{application!r} is no ASGI application.",
            where=f"mounted at {path}",
            mend="mount a FastAPI or Starlette application or router, or any other ASGI application.",
        )
    return application  # type: ignore[no-any-return]

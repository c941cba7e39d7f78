"""A library with applications beside its API and middleware around it all, as an author would write them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, BackgroundTasks, Body, Depends, FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from headwater import App, Caller, Fault, Field, Resource, Tx, allow, caller, field, lock, mask


class Book(Resource):
    """A book that somebody owns."""

    title: Field[str] = field(min_length=1, max_length=20)
    owner: Field[str] = field(max_length=80)
    price: Field[int] = field(default=7)


allow(Book, "read", "create", "update", "delete", when=lambda actor: Book.owner == actor.id)
allow(Book, "read", "create", "update", "delete", to="editor")
mask(Book.price, unless="editor")
lock(Book.price, unless="editor")

events: list[str] = []


# -- FastAPI -----------------------------------------------------------------------------------------------


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    events.append("started")
    yield {"desk": "front"}
    print("the reports have ended", flush=True)


reports = FastAPI(title="Reports", lifespan=lifespan)


def by(request: Request) -> Caller:
    return caller(request)


By = Annotated[Caller, Depends(by)]


@reports.get("/")
async def index(request: Request) -> dict[str, Any]:
    state = request.state
    door = getattr(state, "door", None)
    return {"events": events, "desk": state.desk, "root": request.scope["root_path"], "door": door}


@reports.get("/me")
async def me(here: By) -> dict[str, Any]:
    return {"id": here.actor.id, "signedIn": here.actor.signed_in, "requestId": here.request_id}


@reports.get("/books")
async def books(here: By) -> list[dict[str, Any]]:
    found = await here.select(Book, sort=[Book.title])
    return [{"title": book.title, "price": book.price} for book in found]


@reports.get("/books/{id}")
async def book(id: str, here: By) -> dict[str, Any]:
    return {"title": (await here.get(Book, id)).title}


@reports.get("/dear")
async def dear(here: By) -> list[str]:
    return [book.title for book in await here.select(Book, Book.price > 1)]


@reports.post("/books", status_code=201)
async def add(
    here: By, title: str = Body(), owner: str = Body(), price: int | None = Body(None)
) -> dict[str, str]:
    async def work(tx: Tx) -> str:
        new = Book(title=title, owner=owner) if price is None else Book(title=title, owner=owner, price=price)
        return str((await tx.create(new)).id)

    return {"id": await here.transact(work)}


@reports.post("/books/{id}/rename")
async def rename(id: str, here: By, title: str = Body(embed=True)) -> dict[str, str]:
    async def work(tx: Tx) -> None:
        (await tx.get(Book, id)).title = title

    await here.transact(work)
    return {}


@reports.delete("/books/{id}")
async def remove(id: str, here: By) -> dict[str, str]:
    async def work(tx: Tx) -> None:
        await tx.delete(await tx.get(Book, id))

    await here.transact(work)
    return {}


@reports.get("/count")
async def count(here: By) -> int:
    async def work(tx: Tx) -> int:
        return len(await tx.select(Book))

    return await here.transact(work, as_product=True)


@reports.get("/secret")
async def secret(here: By) -> str:
    here.require("write:content")
    return "told"


@reports.get("/bug")
async def bug() -> None:
    raise ValueError("the innards")


@reports.post("/echo")
async def echo(request: Request) -> Response:
    return Response(await request.body(), media_type="application/octet-stream")


@reports.post("/json")
async def json(body: dict[str, Any]) -> dict[str, Any]:
    return body


@reports.get("/ticks")
async def ticks() -> StreamingResponse:
    async def parts() -> AsyncIterator[bytes]:
        for number in range(5):
            yield b"%d\n" % number
            await asyncio.sleep(0.2)

    return StreamingResponse(parts(), media_type="text/plain")


@reports.get("/broken-stream")
async def broken_stream() -> StreamingResponse:
    async def parts() -> AsyncIterator[bytes]:
        yield b"some"
        raise ValueError("the innards, later")

    return StreamingResponse(parts(), media_type="text/plain")


@reports.get("/later")
async def later(background: BackgroundTasks) -> str:
    async def work() -> None:
        await asyncio.sleep(0.3)
        events.append("done later")
        raise ValueError("a failure behind the answer")

    background.add_task(work)
    return "at once"


# -- Starlette, a router, and plain ASGI ---------------------------------------------------------------------


async def hello(request: Request) -> Response:
    return PlainTextResponse(
        f"hello {caller(request).actor.signed_in}", headers={"X-Frame-Options": "SAMEORIGIN"}
    )


pages = Starlette(routes=[Route("/hello", hello), Route("/wide", hello, methods=["GET", "POST"])])

router = APIRouter()


@router.get("/hello")
async def routed(request: Request) -> dict[str, bool]:
    return {"signedIn": caller(request).actor.signed_in}


async def plain(scope: Any, receive: Any, send: Any) -> None:
    """Tells what it is asked; `/silent` ends without an answer, and it knows no lifespan."""
    assert scope["type"] == "http"
    if scope["path"].endswith("/silent"):
        return
    if scope["path"].endswith("/fault"):
        raise Fault("RESOURCE_CONFLICT", "Somebody else has the key.")
    if scope["path"].endswith("/refused"):
        await send(
            {"type": "http.response.start", "status": 500, "headers": [(b"content-type", b"text/plain")]}
        )
        await send({"type": "http.response.body", "body": b"an answer of my own"})
        return
    said = f"{scope['method']} {scope['path']} {scope['root_path']} {scope['raw_path'].decode()}".encode()
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(said))]}
    )
    await send({"type": "http.response.body", "body": said})


# -- middleware ----------------------------------------------------------------------------------------------


class Marks:
    """Adds a header to every answer, and sees who calls."""

    def __init__(self, app: Any, name: str = "X-Mark") -> None:
        self.app, self.name = app, name.lower().encode()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        who = caller(scope)

        async def marked(message: Any) -> None:
            if message["type"] == "http.response.start":
                mark = f"{message['status']} {who.actor.id} {who.request_id}".encode()
                message = {**message, "headers": [*message["headers"], (self.name, mark)]}
            await send(message)

        await self.app(scope, receive, marked)


class Doorkeeper:
    """Turns some away, lets one method stand for another, and fails where it is told to."""

    def __init__(self, app: Any, closed: str) -> None:
        self.app, self.closed = app, closed

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope["headers"])
        if scope["path"] == self.closed:
            raise Fault("DATABASE_ERROR", "Closed for the night.", headers={"Retry-After": "60"})
        if scope["path"] == "/trapdoor":
            raise KeyError("the innards of a middleware")
        if scope["path"] == "/short":
            await JSONResponse({"short": True}, status_code=418)(scope, receive, send)
            return
        if scope["path"].startswith("/old-api/"):
            scope = {**scope, "path": scope["path"].replace("/old-api/", "/api/v1/")}
        if over := headers.get(b"x-http-method-override"):
            scope = {**scope, "method": over.decode()}
        scope = {**scope, "state": {**scope.get("state", {}), "door": "open"}}
        await self.app(scope, receive, send)


async def shouting(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
    answer = await go_on(request)
    answer.headers["X-Shout"] = "HEY"
    return answer


app = App(
    title="Library",
    resources=[Book],
    mounts={"/reports": reports, "/pages": pages, "/routed": router, "/plain": plain},
)

surrounded = App(
    title="Library",
    resources=[Book],
    mounts={"/reports": reports, "/plain": plain},
    middleware=(
        partial(Marks, name="X-Outer"),
        Middleware(BaseHTTPMiddleware, dispatch=shouting),
        Middleware(Doorkeeper, closed="/reports/night"),
        Marks,
    ),
)

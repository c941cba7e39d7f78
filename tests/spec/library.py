"""A library, whose clients speak JSON:API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from headwater import (
    Batched,
    Field,
    Many,
    OptRef,
    Reader,
    Ref,
    Resource,
    Role,
    Tx,
    action,
    allow,
    batched,
    field,
    key,
    many,
    mask,
    optref,
    ref,
    through,
)
from headwater.base.call import Actor
from headwater.declare import build
from tests.json_api import JSON_API, check_answer
from tests.spec.rest_world import Reply, World, open_world


class Writer(Resource):
    """Somebody who writes."""

    name: Field[str] = field(max_length=50, search=True)
    books: Many[Book] = many(lambda: Book.writer, init=False)
    edited: Many[Book] = many(lambda: Book.editor, init=False)
    player: OptRef[Player] = optref(default=None, on_delete="set_null")


class Rack(Resource):
    """A place for books. Its code may hold any character."""

    code: Field[str] = key(pattern=".+", max_length=20)
    full: Field[bool] = field(default=False)
    books: Many[Book] = many(lambda: Book.rack, init=False)


class Tag(Resource):
    """A word that is put on books."""

    word: Field[str] = field(max_length=20)
    books: Many[Book] = through(lambda: Tagging.tag, lambda: Tagging.book)


class Book(Resource):
    """A book."""

    title: Field[str] = field(max_length=50, min_length=1)
    pages: Field[int] = field(default=1, ge=1)
    notes: Field[dict[str, Any] | None] = field(default=None)
    price: Field[int | None] = field(default=None)
    hidden: Field[bool] = field(default=False)
    rack: Ref[Rack] = ref(on_delete="restrict")
    writer: OptRef[Writer] = optref(default=None, on_delete="set_null")
    editor: OptRef[Writer] = optref(default=None, on_delete="set_null")
    owner: OptRef[Writer] = optref(default=None, on_delete="set_null", immutable=True)
    tags: Many[Tag] = through(lambda: Tagging.book, lambda: Tagging.tag)
    loans: Many[Loan] = many(lambda: Loan.book, init=False)

    @action(to="librarian")
    async def lend(self, tx: Tx, *, days: int) -> dict[str, int]:
        """Lend it."""
        return {"days": days}

    @action(to="librarian")
    async def sign(self, tx: Tx) -> Writer | None:
        """Have it signed."""
        return await tx.get(Writer, self.writer) if self.writer else None


class Player(Resource, trash=True):
    """What plays discs."""

    type: OptRef[Writer] = optref(default=None, on_delete="set_null", doc="Who makes them.")
    discs: Many[Disc] = many(lambda: Disc.player, init=False)
    shown: Many[Writer] = many(lambda: Writer.player, init=False)


class Disc(Resource, trash=True):
    """Something to listen to, whose fields are called as members of documents are."""

    type: Field[str] = field(max_length=20, min_length=2)
    links: Field[str | None] = field(default=None)
    relationships: Field[dict[str, Any] | None] = field(default=None)
    attributes: Field[list[str]] = field(default_factory=list)
    meta: Field[int | None] = field(default=None)
    player: OptRef[Player] = optref(default=None, on_delete="cascade")
    hint: Batched[dict[str, Any]] = batched(lambda: hints, needs=lambda: (Disc.type, Disc.player))


asked: list[list[str]] = []
"""The discs that hints were asked for, each time."""


async def hints(discs: Sequence[Disc], reader: Reader) -> list[dict[str, Any]]:
    asked.append([disc.id for disc in discs])
    return [{"type": disc.type.upper(), "id": [disc.player]} for disc in discs]


class Tagging(Resource):
    """That a tag is on a book."""

    book: Ref[Book] = ref(on_delete="cascade")
    tag: Ref[Tag] = ref(on_delete="cascade")


class Loan(Resource):
    """That a book was lent."""

    book: Ref[Book] = ref(on_delete="cascade", immutable=True)
    days: Field[int] = field(default=7)


RESOURCES = (Writer, Rack, Tag, Book, Tagging, Loan, Player, Disc)
for resource in RESOURCES:
    allow(resource, "read", "create", "update", "delete", to="librarian")
for resource in (Writer, Rack, Tag, Tagging, Loan, Player, Disc):
    allow(resource, "read", to="user")
allow(Tag, "update", to="user")
allow(Tagging, "create", when=lambda actor: Tagging.tag.word == "new", to="user")
allow(Book, "read", when=lambda actor: Book.hidden == False, to="user")  # noqa: E712
allow(Book, "update", when=lambda actor: Book.writer == actor.id, to="user")
mask(Book.price, unless=lambda actor: Book.writer == actor.id)
mask(Book.editor, unless=lambda actor: Book.pages > 1)

MODEL = build(RESOURCES, [Role("librarian", inherits="user")])
LIBRARIAN = Actor("writer_librarian", roles=frozenset({"guest", "user", "librarian"}))
RACK = {"rack": {"data": {"type": "racks", "id": "A"}}}
NEW = {"type": "books", "attributes": {"title": "New"}, "relationships": RACK}


class Library:
    """Some books, and who asks for them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.ids: dict[str, str] = {}

    async def fill(self) -> None:
        for name in ("ada", "bob"):
            self.ids[name] = await self._made("writers", name=name)
        for code in ("A", "B/ü &"):
            await self._made("racks", code=code)
        for word in ("old", "new"):
            self.ids[word] = await self._made("tags", word=word)
        for number in range(7):
            title = f"book{number}"
            values = {
                "title": title,
                "pages": 1 + number % 3,
                "rackId": ("A", "B/ü &")[number % 2],
                "price": number,
            }
            values |= {"writerId": self.ids["ada"]} if number % 3 else {}
            values |= {"editorId": self.ids["bob"] if number % 2 else None, "hidden": number == 6}
            values |= {"notes": {"type": "books", "id": None, "n": number}}
            self.ids[title] = await self._made("books", **values)
            for word in ("old", "new")[: number % 3]:
                await self._made("taggings", bookId=self.ids[title], tagId=self.ids[word])
            await self._made("loans", bookId=self.ids[title], days=number)

    async def _made(self, path: str, **values: Any) -> str:
        reply = await self.world.post(f"/api/v1/{path}", values)
        assert reply.status == 201, reply.body
        return str(reply.data["id"])

    def acting_as(self, actor: Actor) -> Library:
        library = Library(self.world.acting_as(actor))
        library.ids = self.ids
        return library

    async def get(self, path: str, accept: str = JSON_API, *, sparse: bool = False) -> Reply:
        reply = await self.world.get(f"/api/v1/{path}", accept=accept)
        if reply.headers.get("content-type", "").startswith(JSON_API):
            check_answer(reply.headers["content-type"], reply.json, sparse=sparse or "fields" in path)
        return reply

    async def send(self, method: str, path: str, body: Any, **headers: str) -> Reply:
        sent = {
            "content-type": JSON_API,
            "accept": JSON_API,
            **{k.replace("_", "-"): v for k, v in headers.items()},
        }
        reply = await self.world.ask(method, f"/api/v1/{path}", body, sent)
        if reply.headers.get("content-type", "application/json") != "application/json":
            check_answer(reply.headers["content-type"], reply.json)
        return reply


@asynccontextmanager
async def open_library(url: str) -> AsyncIterator[Library]:
    """The library on an empty database, as its librarian sees it."""
    async with open_world(url, MODEL) as world:
        library = Library(world.acting_as(LIBRARIAN))
        await library.fill()
        yield library


def sources(reply: Reply) -> set[tuple[str, ...]]:
    """Of each error: its status, its code, and where it is."""
    return {(e["status"], e["code"], *e.get("source", {"": ""}).values()) for e in reply.json["errors"]}

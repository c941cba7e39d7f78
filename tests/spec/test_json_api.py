"""JSON:API 1.1: documents, sparse fieldsets, inclusion, paging, media types, and how they are written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater import (
    Field,
    Many,
    OptRef,
    Ref,
    Resource,
    Role,
    Tx,
    action,
    allow,
    field,
    key,
    many,
    mask,
    optref,
    ref,
    through,
)
from headwater.base.call import ANONYMOUS, Actor
from headwater.base.observe import Observation, StatementRun
from headwater.declare import build
from tests.json_api import CURSORS, JSON_API, check_answer
from tests.spec.rest_world import Reply, World, open_world

EXAMPLES = settings.default.max_examples // 4
PROFILE = "https://jsonapi.org/profiles/ethanresnick/cursor-pagination/"


class Writer(Resource):
    """Somebody who writes."""

    name: Field[str] = field(max_length=50, search=True)
    books: Many[Book] = many(lambda: Book.writer, init=False)
    edited: Many[Book] = many(lambda: Book.editor, init=False)


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


class Tagging(Resource):
    """That a tag is on a book."""

    book: Ref[Book] = ref(on_delete="cascade")
    tag: Ref[Tag] = ref(on_delete="cascade")


class Loan(Resource):
    """That a book was lent."""

    book: Ref[Book] = ref(on_delete="cascade", immutable=True)
    days: Field[int] = field(default=7)


RESOURCES = (Writer, Rack, Tag, Book, Tagging, Loan)
for resource in RESOURCES:
    allow(resource, "read", "create", "update", "delete", to="librarian")
for resource in (Writer, Rack, Tag, Tagging, Loan):
    allow(resource, "read", to="user")
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


@pytest.fixture
async def library(store_url: str) -> AsyncIterator[Library]:
    async with open_world(store_url, MODEL) as world:
        library = Library(world.acting_as(LIBRARIAN))
        await library.fill()
        yield library


def sources(reply: Reply) -> set[tuple[str, ...]]:
    """Of each error: its status, its code, and where it is."""
    return {(e["status"], e["code"], *e.get("source", {"": ""}).values()) for e in reply.json["errors"]}


# -- documents -------------------------------------------------------------------------------------------


async def test_a_resource_object(library: Library) -> None:
    """Attributes are what is no id and no reference; relationships have their links, and where they lead if it is one
    row."""
    id, ada = library.ids["book1"], library.ids["ada"]
    reply = await library.get(f"books/{id}")
    plain = (await library.get(f"books/{id}", "application/json")).data
    found = reply.json["data"]
    here = f"/api/v1/books/{id}"
    assert (found["type"], found["id"], found["links"]) == ("books", id, {"self": here})
    references = {"rackId", "writerId", "editorId", "ownerId"}
    assert found["attributes"] == {n: v for n, v in plain.items() if n not in references | {"id"}}
    assert set(found["relationships"]) == {"rack", "writer", "editor", "owner", "tags", "loans"}
    links = {"self": f"{here}/relationships/writer", "related": f"{here}/writer"}
    assert found["relationships"]["writer"] == {"links": links, "data": {"type": "writers", "id": ada}}
    assert found["relationships"]["owner"]["data"] is None
    assert found["relationships"]["rack"]["data"] == {"type": "racks", "id": "B/ü &"}
    assert "data" not in found["relationships"]["tags"]
    assert reply.json["jsonapi"] == {"version": "1.1"}
    assert (reply.headers["content-type"], reply.headers["vary"]) == (JSON_API, "Accept")
    kept = await library.world.get(
        f"/api/v1/books/{id}", accept=JSON_API, if_none_match=reply.headers["etag"]
    )
    assert (kept.status, kept.body) == (304, b"")
    rack = await library.get("racks/B%2F%C3%BC%20%26")
    assert rack.json["data"]["links"]["self"] == "/api/v1/racks/B%2F%C3%BC%20%26"


async def test_what_is_included_is_there_once_and_linked(library: Library) -> None:
    """Also where the same rows are behind several ways, and where they lead back to the primary data."""
    reply = await library.get(
        "books?include=writer.books.writer,editor,tags,rack.books&page[size]=3&sort=title"
    )
    document = reply.json
    titles = [row["attributes"]["title"] for row in document["data"]]
    assert titles == ["book0", "book1", "book2"]
    included = [row["attributes"]["title"] for row in document["included"] if row["type"] == "books"]
    assert sorted(included) == ["book3", "book4", "book5", "book6"]
    book = next(row for row in document["data"] if row["attributes"]["title"] == "book2")
    assert [one["id"] for one in book["relationships"]["tags"]["data"]] == [
        library.ids["old"],
        library.ids["new"],
    ]
    ada = next(row for row in document["included"] if row["id"] == library.ids["ada"])
    assert len(ada["relationships"]["books"]["data"]) == 4
    assert "data" not in ada["relationships"]["edited"]
    assert (await library.get("books?include=tags&title=nothing")).json["included"] == []


async def test_sparse_fieldsets_leave_out_relationships_too(library: Library) -> None:
    """They say what all resources of a type show, wherever they are; an empty one: nothing."""
    reply = await library.get(
        "books?include=writer&fields[books]=title,tags,writer&fields[writers]=&filter[title]=book1",
        sparse=True,
    )
    (book,) = reply.json["data"]
    assert set(book["attributes"]) == {"title"}
    assert set(book["relationships"]) == {"tags", "writer"}
    assert "data" not in book["relationships"]["tags"]
    (writer,) = reply.json["included"]
    assert writer["attributes"] == {}
    assert "relationships" not in writer
    reply = await library.get("books?include=writer&fields[books]=title&filter[title]=book1", sparse=True)
    assert "relationships" not in reply.json["data"][0]
    assert [row["id"] for row in reply.json["included"]] == [library.ids["ada"]]
    problems = await library.get("books?fields[books]=tittle&fields=title&include=writter")
    assert problems.status == 400
    assert {where for _, _, where in sources(problems)} == {"fields[books]", "fields", "include"}


async def test_json_spells_as_json_api_does(library: Library) -> None:
    """`filter[...]` and `fields[...]` mean the same in plain JSON."""
    plain = await library.get("books?filter[pages]=2&fields[books]=title&sort=title", "application/json")
    assert [row["title"] for row in plain.data] == ["book1", "book4"]


INCLUDES = (
    "writer",
    "writer.books",
    "editor",
    "tags",
    "tags.books",
    "rack",
    "rack.books.writer",
    "loans.book",
)
FILTERS = (
    "filter[pages]=2",
    "pages[gte]=2",
    "filter[writer.name]=ada",
    "title[startsWith]=book",
    "tags.word=new",
)
SORTS = ("title", "-pages", "writer.name,-title", "createdAt")


@settings(max_examples=EXAMPLES)
@given(data=st.data())
async def test_documents_say_what_plain_json_says(library: Library, data: st.DataObject) -> None:
    """Of any question, and whoever asks: the same rows in the same order, with the same values and the same rows
    behind them; by one statement."""
    draw = data.draw
    actor = draw(st.sampled_from([LIBRARIAN, Actor(library.ids["ada"], roles=frozenset({"guest", "user"}))]))
    library = library.acting_as(actor)
    include = draw(st.lists(st.sampled_from(INCLUDES), unique=True, max_size=3))
    parts = draw(st.lists(st.sampled_from(FILTERS), unique=True, max_size=2))
    parts += [f"sort={draw(st.sampled_from(SORTS))}"] if draw(st.booleans()) else []
    parts += [f"include={','.join(include)}"] if include else []
    size = draw(st.integers(1, 8))
    statements: list[str] = []
    remove = library.world.engine.store.observers.add(lambda seen: note(statements, seen))
    try:
        reply = await library.get("books?" + "&".join([*parts, f"page[size]={size}"]))
        assert len(statements) == 1
    finally:
        remove()
    plain = await library.get("books?" + "&".join([*parts, f"perPage={size}"]), "application/json")
    assert reply.status == plain.status == 200, (reply.body, plain.body)
    document = reply.json
    known = {(row["type"], row["id"]): row for row in (*document["data"], *document.get("included", []))}
    assert [row["id"] for row in document["data"]] == [row["id"] for row in plain.data]
    for row, same in zip(document["data"], plain.data, strict=True):
        compare(row, same, [path.split(".") for path in include], known)
    numbers = plain.json["meta"]["pagination"]
    assert {name: document["meta"][name] for name in numbers} == numbers


def note(statements: list[str], seen: Observation) -> None:
    if isinstance(seen, StatementRun):
        statements.append(seen.sql)


def compare(row: Any, plain: Any, paths: list[list[str]], known: dict[tuple[str, str], Any]) -> None:
    """Raises AssertionError unless a resource object holds what a row of plain JSON does."""
    behind = {path[0] for path in paths}
    references = {
        f"{name}Id": r["data"] and r["data"]["id"]
        for name, r in row["relationships"].items()
        if not isinstance(r.get("data", []), list)
    }
    assert {"id": row["id"], **row["attributes"], **references} == {
        n: v for n, v in plain.items() if n not in behind
    }
    for name in behind:
        rest = [path[1:] for path in paths if path[0] == name and path[1:]]
        linked = row["relationships"][name]["data"]
        if isinstance(plain[name], list):
            assert [one["id"] for one in linked] == [one["id"] for one in plain[name]]
            for one, same in zip(linked, plain[name], strict=True):
                compare(known[one["type"], one["id"]], same, rest, known)
        elif plain[name] is not None:
            compare(known[linked["type"], linked["id"]], plain[name], rest, known)
        else:
            assert linked is None or (linked["type"], linked["id"]) not in known


# -- paging ----------------------------------------------------------------------------------------------


async def test_numbered_pages(library: Library) -> None:
    """`meta` tells how many there are; links keep the other parameters."""
    reply = await library.get("books?sort=title&page[number]=2&page[size]=3")
    meta, links = reply.json["meta"], reply.json["links"]
    assert {n: meta[n] for n in ("page", "perPage", "total", "pages")} == {
        "page": 2, "perPage": 3, "total": 7, "pages": 3
    }  # fmt: skip
    assert reply.headers["content-type"] == JSON_API
    base = "/api/v1/books?sort=title&page[size]=3&page%5Bnumber%5D="
    assert {n: links[n] for n in ("first", "prev", "next", "last")} == {
        "first": base + "1", "prev": base + "1", "next": base + "3", "last": base + "3"
    }  # fmt: skip
    assert (await library.get("books")).json["meta"]["perPage"] == 25


async def test_pages_by_cursor(library: Library) -> None:
    """The profile is named in the media type where it is applied: where it is asked for, or its parameters are used. A
    cursor leads both ways."""
    reply = await library.get("books?sort=-pages&page[size]=3", CURSORS)
    assert reply.headers["content-type"] == CURSORS
    assert reply.json["jsonapi"]["profile"] == [PROFILE]
    assert reply.json["links"]["prev"] is None
    assert "page" not in reply.json["meta"]
    seen, pages = [], [reply]
    while pages[-1].json["links"]["next"]:
        pages.append(await library.get(pages[-1].json["links"]["next"].removeprefix("/api/v1/")))
        assert pages[-1].headers["content-type"] == CURSORS
    seen = [row["id"] for page in pages for row in page.json["data"]]
    assert len(seen) == len(set(seen)) == 7
    back = await library.get(pages[-1].json["links"]["prev"].removeprefix("/api/v1/"))
    assert [row["id"] for row in back.json["data"]] == [row["id"] for row in pages[-2].json["data"]]
    turned = (
        pages[0].json["links"]["next"].removeprefix("/api/v1/").replace("page%5Bafter%5D", "page%5Bbefore%5D")
    )
    assert [row["id"] for row in (await library.get(turned)).json["data"]] == seen[:2]
    numbered = await library.get("books?page[number]=1", CURSORS)
    assert (numbered.headers["content-type"], numbered.json["meta"]["total"]) == (JSON_API, 7)


WRONG_PAGES = [
    ("page[size]=101", "page[size]", "max-size-exceeded"),
    ("page[after]=x&page[before]=y", "page[before]", "range-pagination-not-supported"),
    ("page[size]=0", "page[size]", None),
    ("page[after]=x", "page[after]", None),
    ("page[before]=x", "page[before]", None),
    ("page[after]=", "page[after]", None),
    ("page[number]=2&page[after]=x", "page[number]", None),
    ("limit=5", "limit", None),
    ("page=2", "page", None),
    ("aggregate=count", "aggregate", None),
    ("page[sice]=2", "page[sice]", None),
]


async def test_what_is_wrong_with_paging(library: Library) -> None:
    for query, parameter, kind in WRONG_PAGES:
        reply = await library.get(f"books?{query}", CURSORS)
        (error,) = reply.json["errors"]
        assert (reply.status, error["status"], error["source"]) == (400, "400", {"parameter": parameter})
        assert error.get("links") == (kind and {"type": PROFILE + kind})
        if kind == "max-size-exceeded":
            assert error["meta"]["page"] == {"maxSize": 100}


# -- media types -----------------------------------------------------------------------------------------


ACCEPTED = [
    (JSON_API, JSON_API),
    (f'{JSON_API};profile="https://example.com/unknown"', JSON_API),
    (f"{JSON_API};version=2, {JSON_API}", JSON_API),
    (f"application/json;q=0.5, {JSON_API};q=0.9", JSON_API),
    (f"{JSON_API};q=0.5, application/json", "application/json"),
    ("*/*", "application/json"),
    ("application/*", "application/json"),
    ("", "application/json"),
    (f"{JSON_API};version=2", None),
    (f'{JSON_API};ext="https://example.com/unknown", application/json', None),
    ("text/html", None),
]


async def test_what_is_accepted(library: Library) -> None:
    """Media types with parameters other than `ext` and `profile` are ignored, and extensions are unknown."""
    for accept, answered in ACCEPTED:
        reply = await library.get("books?page[size]=1" if answered == JSON_API else "books", accept)
        assert "Accept" in reply.headers["vary"]
        if answered is None:
            assert reply.status == 406
            assert reply.headers["content-type"] == (JSON_API if JSON_API in accept else "application/json")
        else:
            assert (reply.status, reply.headers["content-type"]) == (200, answered)


SENT = [
    (JSON_API, 201),
    (f'{JSON_API.title()}; profile="https://example.com/unknown"', 201),
    (f"{JSON_API}; charset=utf-8", 415),
    (f'{JSON_API};ext="https://jsonapi.org/ext/atomic"', 415),
]


async def test_what_is_sent(library: Library) -> None:
    for content_type, status in SENT:
        reply = await library.send("POST", "books", {"data": NEW}, content_type=content_type)
        assert reply.status == status
        if status == 415:
            assert sources(reply) == {("415", "unsupported_media_type", "Content-Type")}
            assert JSON_API in reply.headers["accept-post"]


async def test_the_two_forms_mix(library: Library) -> None:
    """The body's form and the answer's are chosen by themselves; who does not care gets the form that they sent."""
    plain = await library.send("POST", "books", {"data": NEW}, accept="application/json")
    assert plain.data["title"] == "New"
    same = await library.send("POST", "books", {"data": NEW}, accept="*/*")
    assert same.json["data"]["type"] == "books"
    sent = {"title": "x", "rackId": "A"}
    document = await library.send("POST", "books", sent, content_type="application/json")
    assert document.json["data"]["attributes"]["title"] == "x"
    refused = await library.send("POST", "books", {**sent, "notes": 5}, content_type="application/json")
    assert sources(refused) == {("400", "invalid_format", "/notes")}


# -- writing ---------------------------------------------------------------------------------------------


async def test_a_resource_is_made_changed_and_deleted(library: Library) -> None:
    """An object among the attributes is a value, which is replaced as a whole."""
    relationships = {**RACK, "writer": {"data": {"type": "writers", "id": library.ids["ada"]}}}
    attributes = {"title": "New", "notes": {"a": 1, "b": 2}}
    body = {"data": {"type": "books", "attributes": attributes, "relationships": relationships}}
    made = await library.send("POST", "books?include=writer", body)
    assert (made.status, made.headers["location"]) == (201, made.json["data"]["links"]["self"])
    assert made.json["included"][0]["attributes"]["name"] == "ada"
    id = made.json["data"]["id"]
    change = {
        "type": "books",
        "id": id,
        "attributes": {"notes": {"a": 3}},
        "relationships": {"writer": {"data": None}},
    }
    changed = await library.send("PATCH", f"books/{id}", {"data": change, "unknown": "is ignored"})
    assert (changed.status, changed.json["data"]["attributes"]["notes"]) == (200, {"a": 3})
    assert changed.json["data"]["relationships"]["writer"]["data"] is None
    stale = {"type": "books", "id": id, "attributes": {"title": "x", "version": 1}}
    refused = await library.send("PATCH", f"books/{id}", {"data": stale})
    assert sources(refused) == {("409", "resource_conflict", "/data/attributes/version")}
    lost = await library.send("PATCH", f"books/{id}", {"data": {**change}}, if_match=made.headers["etag"])
    assert sources(lost) == {("412", "precondition_failed", "If-Match")}
    assert (await library.send("DELETE", f"books/{id}", None)).status == 204
    assert sources(await library.get(f"books/{id}")) == {("404", "resource_not_found", "")}


async def test_all_that_is_wrong_with_a_document_is_told(library: Library) -> None:
    """By pointers into it."""
    attributes = {"title": "", "pages": "5", "colour": 1, "writerId": "x", "notes": {"a": "ok"}}
    relationships = {"rack": {"data": {"type": "books", "id": 5}}, "tag": {"data": None}, "owner": {}}
    body = {"data": {"type": "books", "attributes": attributes, "relationships": relationships}}
    reply = await library.send("POST", "books", body)
    assert reply.status == 400
    assert {(code, where) for _, code, where in sources(reply)} == {
        ("validation_error", "/data/attributes/title"), ("invalid_format", "/data/attributes/pages"),
        ("unknown_field", "/data/attributes/colour"), ("unknown_field", "/data/attributes/writerId"),
        ("invalid_format", "/data/relationships/rack/data/type"),
        ("invalid_format", "/data/relationships/rack/data/id"),
        ("unknown_field", "/data/relationships/tag"), ("invalid_format", "/data/relationships/owner"),
    }  # fmt: skip
    first = reply.json["errors"][0]
    assert set(first) == {"status", "code", "title", "detail", "source", "meta"}
    assert all(isinstance(error["meta"]["number"], int) for error in reply.json["errors"])


UNWRITTEN = [
    ("books", {**NEW, "type": "tags"}, ("409", "resource_conflict", "/data/type")),
    ("books", {"attributes": {"title": "x"}}, ("400", "required_field", "/data/type")),
    ("books", {**NEW, "id": "mine"}, ("403", "not_supported", "/data/id")),
    ("books", {**NEW, "id": 5}, ("400", "invalid_format", "/data/id")),
    ("books", {"type": "books", "attributes": {"title": "x"}}, ("400", "required_field", "/data/relationships/rack")),
    ("books", {**NEW, "relationships": {"rack": {"data": {"type": "racks", "id": "no"}}}},
     ("404", "dangling_reference", "/data/relationships/rack")),
    ("books", {**NEW, "relationships": {**RACK, "tags": {"data": []}}},
     ("403", "not_supported", "/data/relationships/tags")),
    ("books", [], ("400", "invalid_format", "/data")),
    ("books/{book1}", {"type": "books", "attributes": {}}, ("400", "required_field", "/data/id")),
    ("books/{book1}", {"type": "books", "id": "other"}, ("409", "resource_conflict", "/data/id")),
    ("books/{book1}", {"type": "racks", "id": "{book1}"}, ("409", "resource_conflict", "/data/type")),
    ("racks", {"type": "racks", "id": "C", "attributes": {"code": "D"}}, ("409", "resource_conflict", "/data/id")),
    ]  # fmt: skip


async def test_what_cannot_be_written(library: Library) -> None:
    for path, data, error in UNWRITTEN:
        path = path.format(**library.ids)
        if isinstance(data, dict) and data.get("id") == "{book1}":
            data = {**data, "id": library.ids["book1"]}
        reply = await library.send("PATCH" if "/" in path else "POST", path, {"data": data})
        assert (str(reply.status), sources(reply)) == (error[0], {error})


async def test_a_natural_key_is_an_id_that_clients_choose(library: Library) -> None:
    made = await library.send("POST", "racks", {"data": {"type": "racks", "id": "C"}})
    assert (made.status, made.json["data"]["attributes"]["code"]) == (201, "C")
    again = await library.send("POST", "racks", {"data": {"type": "racks", "id": "C"}})
    assert sources(again) == {("409", "resource_already_exists", "/data/attributes/code")}


async def test_actions_in_documents(library: Library) -> None:
    """Arguments are in `meta`, as what is no resource is in the answer's."""
    id = library.ids["book1"]
    lent = await library.send("POST", f"books/{id}/lend", {"meta": {"days": 3}})
    assert (lent.status, lent.json["meta"]["result"]) == (200, {"days": 3})
    signed = await library.send("POST", f"books/{id}/sign", None)
    assert (signed.json["data"]["type"], signed.json["data"]["attributes"]["name"]) == ("writers", "ada")
    refused = await library.send("POST", f"books/{id}/lend", {"data": {}})
    assert sources(refused) == {("400", "invalid_format", "")}


async def test_questions_in_bodies(library: Library) -> None:
    """They are written as ever, and answered in documents."""
    body = {
        "filter": {"pages": {"gte": 2}},
        "include": [{"tags": {"limit": 1}}],
        "sort": ["title"],
        "limit": 2,
    }
    reply = await library.send("POST", "books/search", body, content_type="application/json")
    assert [row["attributes"]["title"] for row in reply.json["data"]] == ["book1", "book2"]
    assert len(reply.json["data"][1]["relationships"]["tags"]["data"]) == 1
    assert reply.json["meta"]["pagination"]["hasMore"] is True


# -- relationships ---------------------------------------------------------------------------------------


async def ids(library: Library, path: str) -> list[str]:
    reply = await library.get(path)
    assert reply.status == 200, reply.body
    plain = await library.get(path, "application/json")
    assert plain.data == reply.json["data"]
    return [one["id"] for one in reply.json["data"]]


async def test_where_relations_lead(library: Library) -> None:
    """Ids alone, or the rows; of to-one and to-many relations, in both forms."""
    book, ada = library.ids["book1"], library.ids["ada"]
    reply = await library.get(f"books/{book}/relationships/writer")
    here = f"/api/v1/books/{book}"
    assert reply.json["data"] == {"type": "writers", "id": ada}
    assert reply.json["links"] == {"self": f"{here}/relationships/writer", "related": f"{here}/writer"}
    assert (await library.get(f"books/{book}/relationships/writer", "application/json")).data == reply.json[
        "data"
    ]
    assert (await library.get(f"books/{book}/relationships/owner")).json["data"] is None
    assert (await library.get(f"books/{book}/writer?include=books")).json["data"]["attributes"][
        "name"
    ] == "ada"
    assert (await library.get(f"books/{book}/writer", "application/json")).data["name"] == "ada"
    assert (await library.get(f"books/{book}/owner")).json["data"] is None
    assert len(await ids(library, f"writers/{ada}/relationships/books")) == 4
    tags = await library.get(f"books/{library.ids['book2']}/tags")
    assert [row["attributes"]["word"] for row in tags.json["data"]] == ["old", "new"]
    page = await library.get(f"writers/{ada}/relationships/books?page[size]=3&filter[pages]=2&sort=-title")
    assert [one["id"] for one in page.json["data"]] == [library.ids["book4"], library.ids["book1"]]
    assert page.json["meta"]["total"] == 2
    assert (await library.get("books/none/relationships/writer")).status == 404
    assert (await library.get("books/none/writer")).status == 404
    refused = await library.get(f"writers/{ada}/relationships/books?include=tags&fields[books]=title")
    assert {where for _, _, where in sources(refused)} == {"include", "fields[books]"}


async def test_a_to_one_relationship_is_set(library: Library) -> None:
    """Also to nothing; not where it never changes."""
    book, bob = library.ids["book1"], library.ids["bob"]
    place = f"books/{book}/relationships/writer"
    set_ = await library.send("PATCH", place, {"data": {"type": "writers", "id": bob}})
    assert (set_.status, set_.json["data"]["id"]) == (200, bob)
    assert (await library.send("PATCH", place, {"data": None})).json["data"] is None
    plain = await library.send(
        "PATCH",
        place,
        {"data": {"type": "writers", "id": bob}},
        content_type="application/json",
        accept="application/json",
    )
    assert plain.data == {"type": "writers", "id": bob}
    for sent, error in (
        ({"data": {"type": "tags", "id": bob}}, ("400", "invalid_format", "/data/type")),
        ({"data": {"type": "writers", "id": "none"}}, ("404", "dangling_reference", "/data")),
        ({}, ("400", "invalid_format", "")),
    ):
        assert sources(await library.send("PATCH", place, sent)) == {error}
    rack = await library.send("PATCH", f"books/{book}/relationships/rack", {"data": None})
    assert sources(rack) == {("400", "invalid_format", "/data")}
    owner = await library.send(
        "PATCH", f"books/{book}/relationships/owner", {"data": {"type": "writers", "id": bob}}
    )
    assert sources(owner) == {("403", "not_supported", "/data")}
    assert (await library.send("POST", place, {"data": None})).status == 405


async def test_to_many_relationships_are_changed(library: Library) -> None:
    """Rows at the other side refer to this one, or a link leads there: either is added, removed and replaced."""
    book = [{"type": "books", "id": library.ids[f"book{n}"]} for n in range(7)]
    place = f"writers/{library.ids['bob']}/relationships/books"
    assert (await library.send("POST", place, {"data": [book[0], book[1], book[0]]})).status == 204
    assert (await library.send("POST", place, {"data": [book[0]]})).status == 204
    assert await ids(library, place) == [book[0]["id"], book[1]["id"]]
    assert (await library.send("DELETE", place, {"data": [book[0], book[5]]})).status == 204
    assert await ids(library, place) == [book[1]["id"]]
    assert (await library.send("PATCH", place, {"data": [book[2], book[3]]})).status == 204
    assert await ids(library, place) == [book[2]["id"], book[3]["id"]]
    assert (await library.send("PATCH", place, {"data": []})).status == 204
    assert await ids(library, place) == []
    tags = f"books/{book[2]['id']}/relationships/tags"
    old, new = ({"type": "tags", "id": library.ids[word]} for word in ("old", "new"))
    assert (await library.send("DELETE", tags, {"data": [old]})).status == 204
    assert await ids(library, tags) == [new["id"]]
    assert (await library.send("PATCH", tags, {"data": [old]})).status == 204
    assert await ids(library, tags) == [old["id"]]
    assert (await library.send("POST", tags, {"data": [old, new]})).status == 204
    assert await ids(library, tags) == [old["id"], new["id"]]
    log = await library.world.engine.log.reader(0).read(10_000)
    assert [e.type for e in log if e.resource == "Tagging"][-2:] == ["tagging.created", "tagging.created"]


async def test_relationships_that_cannot_be_changed_so(library: Library) -> None:
    """What always belongs somewhere is moved, not taken away; what never moves is not added. All or nothing is done."""
    books = [{"type": "books", "id": library.ids[f"book{n}"]} for n in range(7)]
    place = "racks/A/relationships/books"
    before = await ids(library, place)
    assert sources(await library.send("DELETE", place, {"data": books[:1]})) == {("403", "not_supported", "")}
    assert sources(await library.send("PATCH", place, {"data": books[:3]})) == {("403", "not_supported", "")}
    assert await ids(library, place) == before
    assert (await library.send("POST", place, {"data": books})).status == 204
    assert len(await ids(library, place)) == 7
    assert (await library.send("PATCH", place, {"data": books})).status == 204
    loans = f"books/{library.ids['book1']}/relationships/loans"
    (loan,) = await ids(library, loans)
    refused = await library.send("POST", loans, {"data": [{"type": "loans", "id": loan}]})
    assert sources(refused) == {("403", "not_supported", "")}
    some = [books[0], {"type": "books", "id": "none"}]
    writer = f"writers/{library.ids['bob']}/relationships/books"
    assert (await library.send("POST", writer, {"data": some})).status == 404
    assert await ids(library, writer) == []
    for sent in ({"data": None}, {"data": [None]}, {"data": books[:1] * 101}, {"data": ["x"]}):
        assert (await library.send("POST", writer, sent)).status == 400
    stale = await library.send("POST", writer, {"data": books[:1]}, if_match='"7.x"')
    assert sources(stale) == {("412", "precondition_failed", "If-Match")}


async def test_rules_hold_for_relationships(library: Library) -> None:
    """Rows that a caller may not see are not behind a relation, nor changed with it; masked references lead nowhere."""
    ada, place = library.ids["ada"], f"writers/{library.ids['ada']}/relationships/books"
    everything = await ids(library, place)
    user = library.acting_as(Actor(ada, roles=frozenset({"guest", "user"})))
    hidden = {"type": "books", "id": library.ids["book6"]}
    assert (await library.send("POST", place, {"data": [hidden]})).status == 204
    assert await ids(user, place) == everything
    assert (await user.get(f"books/{hidden['id']}/relationships/writer")).status == 404
    assert (await user.get(f"books/{hidden['id']}/writer")).status == 404
    for method in ("POST", "DELETE"):
        reply = await user.send(
            method, f"writers/{library.ids['bob']}/relationships/books", {"data": [hidden]}
        )
        assert reply.status == (404 if method == "POST" else 204)
    assert sorted(await ids(library, place)) == sorted([*everything, hidden["id"]])
    other = {"type": "books", "id": library.ids["book0"]}
    refused = await user.send("POST", f"writers/{library.ids['bob']}/relationships/books", {"data": [other]})
    assert (refused.status, refused.json["errors"][0]["meta"]["requiredPermission"]) == (403, "update:books")
    masked = library.ids["book3"]
    shown = library.ids["book1"]
    assert (await user.get(f"books/{shown}/editor")).json["data"]["id"] == library.ids["bob"]
    assert (await user.get(f"books/{masked}/editor")).json["data"] is None
    assert (await user.get(f"books/{masked}/relationships/editor")).json["data"] is None
    assert await ids(user, f"writers/{library.ids['bob']}/relationships/edited") == [
        shown,
        library.ids["book5"],
    ]
    nobody = library.acting_as(ANONYMOUS)
    for method, path in (
        ("GET", place),
        ("POST", place),
        ("PATCH", place),
        ("GET", f"books/{masked}/editor"),
    ):
        body = None if method == "GET" else {"data": []}
        assert (await nobody.send(method, path, body)).status == 401


async def test_each_read_is_one_statement(library: Library) -> None:
    statements: list[str] = []
    library.world.engine.store.observers.add(lambda seen: note(statements, seen))
    book, ada = library.ids["book1"], library.ids["ada"]
    for path in (
        f"books/{book}?include=writer.books.tags", f"books/{book}/relationships/writer", f"books/{book}/writer",
        f"writers/{ada}/relationships/books", f"books/{book}/relationships/tags", f"writers/{ada}/books?include=rack",
        "books?include=writer,tags.books&page[number]=2&page[size]=2",
    ):  # fmt: skip
        statements.clear()
        assert (await library.get(path)).status == 200
        assert len(statements) == 1, path

"""JSON:API 1.1: documents, sparse fieldsets, inclusion, paging and media types."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.base.call import Actor
from headwater.base.observe import Observation, StatementRun
from tests.json_api import CURSORS, JSON_API
from tests.spec.library import LIBRARIAN, NEW, Library, asked, open_library, sources

EXAMPLES = settings.default.max_examples // 4
PROFILE = "https://jsonapi.org/profiles/ethanresnick/cursor-pagination/"


@pytest.fixture
async def library(store_url: str) -> AsyncIterator[Library]:
    async with open_library(store_url) as library:
        yield library


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
    ("page[cursor]=x", "page[cursor]", None),
]


async def test_what_is_wrong_with_paging(library: Library) -> None:
    for query, parameter, kind in WRONG_PAGES:
        reply = await library.get(f"books?{query}", CURSORS)
        (error,) = reply.json["errors"]
        assert (reply.status, error["status"], error["source"]) == (400, "400", {"parameter": parameter})
        if parameter in ("page[sice]", "page[cursor]"):
            assert "`page[number]`, `page[size]`, `page[after]`, `page[before]`" in error["detail"]
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


PLACES = ("books", "books/{book1}", "books/{book1}/writer", "books/{book1}/relationships/tags", "trash/discs")


async def test_each_place_keeps_the_rules_of_media_types(library: Library) -> None:
    """Parameters but for extensions and profiles are refused where nothing else is accepted, extensions that nobody
    knows as well, and of several profiles those that are known are applied."""
    several = f'{JSON_API};profile="https://example.com/a {PROFILE}"'
    for path in PLACES:
        place = path.format(**library.ids)
        for accept, status in (
            (f"{JSON_API};charset=utf-8", 406), (f'{JSON_API};ext="https://example.com/x"', 406),
            (f'{JSON_API};ext="https://example.com/x", {JSON_API};profile="https://example.com/a"', 200),
            (f'{JSON_API};ext=""', 200), (several, 200), (f"{JSON_API};q=0", 406),
        ):  # fmt: skip
            reply = await library.get(place, accept)
            assert (path, accept, reply.status) == (path, accept, status)
            pages = accept == several and "book1}/w" not in path and path != "books/{book1}"
            if status == 200:
                assert reply.headers["content-type"] == (CURSORS if pages else JSON_API)
    for method, path in (("POST", "books"), ("PATCH", "books/{book1}"), ("PATCH", "books/{book1}/relationships/tags"),
                         ("DELETE", "books/{book1}/relationships/tags"), ("POST", "books/{book1}/lend"),
                         ("PUT", "books/{book1}"), ("QUERY", "books")):  # fmt: skip
        for parameters in (";version=1", ';ext="https://jsonapi.org/ext/atomic"', ";charset=utf-8"):
            reply = await library.send(
                method, path.format(**library.ids), {"data": []}, content_type=JSON_API + parameters
            )
            assert (method, path, reply.status) == (method, path, 415)
    refused = await library.send("POST", "books", {"data": NEW}, accept=f"{JSON_API};version=1")
    assert refused.status == 406
    assert len((await library.get("books")).json["data"]) == 7
    assert (await library.world.get("/api/v1", accept=JSON_API)).status == 406


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


# -- the trash, and what functions work out -----------------------------------------------------------------


async def disc(library: Library, type: str, player: str | None = None) -> str:
    reply = await library.world.post("/api/v1/discs", {"type": type, "playerId": player})
    return str(reply.data["id"])


async def test_the_trash_in_documents(library: Library) -> None:
    """Its rows have their places there, and no links to relationships, which have none there; what is shown with them
    may be there or not, and has no links."""
    player = (await library.world.post("/api/v1/players", {"typeId": library.ids["ada"]})).data["id"]
    discs = [await disc(library, name, player) for name in ("vinyl", "tape")]
    alone = await disc(library, "cylinder")
    for path in (f"discs/{alone}", f"players/{player}"):
        assert (await library.send("DELETE", path, None)).status == 204
    assert (await library.get("discs")).json["data"] == []
    page = await library.get("trash/discs?sort=discType&include=player.type,player.discs&page[size]=2")
    assert [row["attributes"]["discType"] for row in page.json["data"]] == ["cylinder", "tape"]
    assert (page.json["meta"]["total"], page.json["links"]["next"].split("?")[0]) == (
        3,
        "/api/v1/trash/discs",
    )
    first, second = page.json["data"]
    assert first["links"] == {"self": f"/api/v1/trash/discs/{alone}"}
    assert first["attributes"]["deletedAt"] is not None
    assert (first["relationships"], second["relationships"]) == (
        {"player": {"data": None}},
        {"player": {"data": {"type": "players", "id": player}}},
    )
    shown = {(row["type"], row["id"]): row for row in page.json["included"]}
    assert shown.keys() == {("players", player), ("writers", library.ids["ada"]), ("discs", discs[0])}
    assert all("links" not in row for row in shown.values())
    assert {one["id"] for one in shown["players", player]["relationships"]["discs"]["data"]} == set(discs)
    assert (await library.get(first["links"]["self"].removeprefix("/api/v1/"))).json["data"] == first
    cursors = await library.get("trash/discs?page[size]=1&fields[discs]=discType", CURSORS)
    assert cursors.headers["content-type"] == CURSORS
    assert "relationships" not in cursors.json["data"][0]
    again = await library.get(cursors.json["links"]["next"].removeprefix("/api/v1/"))
    assert again.json["data"][0]["id"] != cursors.json["data"][0]["id"]
    found = await library.send(
        "POST", "trash/discs/search", {"filter": {"type": {"eq": "tape"}}}, content_type="application/json"
    )
    assert [row["links"]["self"] for row in found.json["data"]] == [f"/api/v1/trash/discs/{discs[1]}"]
    user = library.acting_as(Actor(library.ids["ada"], roles=frozenset({"guest", "user"})))
    assert (await user.get("trash/discs")).json["data"] == []
    assert (await user.get(f"trash/discs/{alone}")).status == 404


async def test_restoring_and_purging_in_documents(library: Library) -> None:
    """What comes back is shown where it is again; what is wrong is told in a document."""
    player = (await library.world.post("/api/v1/players", {})).data["id"]
    kept = await disc(library, "vinyl", player)
    await library.send("DELETE", f"players/{player}", None)
    refused = await library.send("POST", f"discs/{kept}/restore", None)
    assert sources(refused) == {("409", "resource_conflict", "")}
    back = await library.send("POST", f"players/{player}/restore?include=discs", None)
    assert (back.status, back.json["data"]["links"]["self"]) == (200, f"/api/v1/players/{player}")
    assert [row["id"] for row in back.json["included"]] == [kept]
    assert "links" in back.json["included"][0]
    await library.send("DELETE", f"discs/{kept}", None)
    stale = await library.send("DELETE", f"trash/discs/{kept}", None, if_match='"1.x"')
    assert sources(stale) == {("412", "precondition_failed", "If-Match")}
    assert (await library.send("DELETE", f"trash/discs/{kept}", None)).status == 204
    assert sources(await library.send("DELETE", f"trash/discs/{kept}", None)) == {
        ("404", "resource_not_found", "")
    }


async def test_what_functions_work_out_in_documents(library: Library) -> None:
    """It is shown where its type's fieldset names it, wherever the rows are, by one call for each of these places; not
    otherwise."""
    player = (await library.world.post("/api/v1/players", {})).data["id"]
    discs = {name: await disc(library, name, player) for name in ("vinyl", "tape")}
    asked.clear()
    assert all("hint" not in row["attributes"] for row in (await library.get("discs")).json["data"])
    assert asked == []
    hint = {name: {"type": name.upper(), "id": [player]} for name in discs}
    page = await library.get("discs?fields[discs]=hint,discType,player&sort=type&include=player.discs")
    assert [row["attributes"] for row in page.json["data"]] == [
        {"hint": hint["tape"], "discType": "tape"}, {"hint": hint["vinyl"], "discType": "vinyl"}
    ]  # fmt: skip
    assert page.json["data"][0]["relationships"]["player"]["data"]["id"] == player
    assert [sorted(ids) for ids in asked] == [sorted(discs.values())] * 2
    behind = await library.get("players?include=discs&fields[discs]=hint&fields[players]=")
    assert {row["id"]: row["attributes"] for row in behind.json["included"]} == {
        discs[name]: {"hint": hint[name]} for name in discs
    }
    statements: list[str] = []
    remove = library.world.engine.store.observers.add(lambda seen: note(statements, seen))
    related = await library.get(f"players/{player}/discs?fields[discs]=hint&filter[type]=tape&page[size]=1")
    remove()
    assert ([row["attributes"] for row in related.json["data"]], len(statements)) == (
        [{"hint": hint["tape"]}],
        1,
    )
    body = {"data": {"type": "discs", "attributes": {"discType": "cd"}}}
    made = await library.send("POST", "discs?fields[discs]=hint", body)
    assert made.json["data"]["attributes"] == {"hint": {"type": "CD", "id": [None]}}
    id = made.json["data"]["id"]
    change = {"data": {"type": "discs", "id": id, "attributes": {"discType": "dvd"}}}
    changed = await library.send("PATCH", f"discs/{id}?fields[discs]=hint", change)
    assert changed.json["data"]["attributes"]["hint"]["type"] == "DVD"
    await library.send("DELETE", f"discs/{id}", None)
    (gone,) = (await library.get("trash/discs?fields[discs]=hint")).json["data"]
    assert gone["attributes"]["hint"]["type"] == "DVD"
    sent = {"data": {"type": "discs", "id": discs["tape"], "attributes": {"hint": hint["tape"]}}}
    refused = await library.send("PATCH", f"discs/{discs['tape']}", sent)
    assert sources(refused) == {("400", "read_only_field", "/data/attributes/hint")}
    problems = await library.get("discs?filter[hint]=x")
    assert sources(problems) == {("400", "invalid_parameter", "filter[hint]")}


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

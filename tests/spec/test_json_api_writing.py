"""JSON:API 1.1: how documents are written, and relationships changed."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from headwater.base.call import ANONYMOUS, Actor
from tests.spec.library import NEW, RACK, Library, open_library, sources


@pytest.fixture
async def library(store_url: str) -> AsyncIterator[Library]:
    async with open_library(store_url) as library:
        yield library


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
    nameless = await library.send("POST", "discs", {"data": {"type": "discs", "attributes": {"": 1, ".": 2}}})
    assert {code for _, code, *_ in sources(nameless)} == {"unknown_field", "required_field"}
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
    ("books", {**NEW, "relationships": {**RACK, "tags": {"data": None}}},
     ("400", "invalid_format", "/data/relationships/tags/data")),
    ("books", {**NEW, "relationships": {**RACK, "tags": {"links": {}}}},
     ("400", "invalid_format", "/data/relationships/tags")),
    ("books", {**NEW, "relationships": {**RACK, "tags": {"data": [{"type": "books", "id": "x"}]}}},
     ("400", "invalid_format", "/data/relationships/tags/data/0/type")),
    ("books", {**NEW, "relationships": {**RACK, "tags": {"data": [{"type": "tags", "id": "x"}]}}},
     ("404", "dangling_reference", "/data/relationships/tags")),
    ("books", {**NEW, "relationships": {**RACK, "loans": {"data": [{"type": "loans", "id": "x"}]}}},
     ("403", "not_supported", "/data/relationships/loans")),
    ("books/{book1}", {"type": "books", "id": "{book1}", "relationships": {"loans": {"data": []}}},
     ("403", "not_supported", "/data/relationships/loans")),
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


async def test_to_many_relationships_are_written_with_their_resource(library: Library) -> None:
    """By the same transaction, and the answer shows it. What is named is all that is there afterwards."""
    old, new = ({"type": "tags", "id": library.ids[word]} for word in ("old", "new"))
    body = {
        **NEW,
        "attributes": {"title": "New", "pages": 2},
        "relationships": {**RACK, "tags": {"data": [old, new, old]}, "loans": {"data": []}},
    }
    made = await library.send("POST", "books?include=tags", {"data": body})
    book = {"type": "books", "id": made.json["data"]["id"]}
    assert (made.status, made.json["data"]["relationships"]["tags"]["data"]) == (201, [old, new])
    assert {row["attributes"]["word"] for row in made.json["included"]} == {"old", "new"}
    writer = {"type": "writers", "id": library.ids["bob"]}
    change = {**book, "attributes": {"title": "Newer"}, "relationships": {"tags": {"data": [new]}}}
    changed = await library.send("PATCH", f"books/{book['id']}?include=tags", {"data": change})
    assert (changed.status, changed.json["data"]["attributes"]["title"]) == (200, "Newer")
    assert changed.json["data"]["relationships"]["tags"]["data"] == [new]
    assert changed.headers["etag"].startswith('"2.')
    # A relation of which nothing changes may be sent, whatever could be done to it.
    loans = await ids(library, f"books/{library.ids['book1']}/relationships/loans")
    same = {
        "type": "books",
        "id": library.ids["book1"],
        "relationships": {"loans": {"data": [{"type": "loans", "id": id} for id in loans]}},
    }
    assert (await library.send("PATCH", f"books/{same['id']}", {"data": same})).status == 200
    # Rows at the other side that refer to this one: moved here, and away.
    both = [book, {"type": "books", "id": library.ids["book1"]}]
    before = len(await library.world.engine.log.reader(0).read(10_000))
    moved = {**writer, "relationships": {"books": {"data": both}, "edited": {"data": both[:1]}}}
    assert (await library.send("PATCH", f"writers/{writer['id']}", {"data": moved})).status == 200
    assert await ids(library, f"writers/{writer['id']}/relationships/books") == sorted(b["id"] for b in both)
    assert await ids(library, f"writers/{writer['id']}/relationships/edited") == [book["id"]]
    log = (await library.world.engine.log.reader(0).read(10_000))[before:]
    assert {entry.type for entry in log} == {"book.updated"}
    assert len({entry.request_id for entry in log}) == 1


async def test_nothing_is_written_where_a_relationship_is_refused(library: Library) -> None:
    """Of the row as little as of other relations, and the row's own rules and version are judged first."""
    book, ada = library.ids["book1"], library.ids["ada"]
    tags = {"data": [{"type": "tags", "id": library.ids["new"]}]}
    nowhere = {"data": [{"type": "tags", "id": "none"}]}
    before = (await library.get(f"books/{book}?include=tags")).json["data"]
    log = len(await library.world.engine.log.reader(0).read(10_000))
    for relationships, error in (
        ({"tags": tags, "loans": {"data": []}}, ("403", "not_supported", "/data/relationships/loans")),
        ({"tags": nowhere}, ("404", "dangling_reference", "/data/relationships/tags")),
    ):
        sent = {"type": "books", "id": book, "attributes": {"title": "x"}, "relationships": relationships}
        assert sources(await library.send("PATCH", f"books/{book}", {"data": sent})) == {error}
    stale = {"type": "books", "id": book, "attributes": {"version": 7}, "relationships": {"tags": tags}}
    refused = await library.send("PATCH", f"books/{book}", {"data": stale})
    assert sources(refused) == {("409", "resource_conflict", "/data/attributes/version")}
    # Who may change the book, but not what links it to tags.
    user = library.acting_as(Actor(ada, roles=frozenset({"guest", "user"})))
    title = {"type": "books", "id": book, "attributes": {"title": "Hers"}}
    refused = await user.send("PATCH", f"books/{book}", {"data": {**title, "relationships": {"tags": tags}}})
    assert sources(refused) == {("403", "insufficient_permissions", "/data/relationships/tags")}
    assert (await library.get(f"books/{book}?include=tags")).json["data"] == before
    assert len(await library.world.engine.log.reader(0).read(10_000)) == log
    assert (await user.send("PATCH", f"books/{book}", {"data": title})).status == 200
    count = len((await library.get("books")).json["data"])
    made = {**NEW, "relationships": {**RACK, "tags": nowhere}}
    assert (await library.send("POST", "books", {"data": made})).status == 404
    assert len((await library.get("books")).json["data"]) == count


async def test_a_hidden_row_and_none_are_refused_alike(library: Library) -> None:
    """Who may link any book to a tag does not learn which books there are."""
    user = library.acting_as(Actor(library.ids["ada"], roles=frozenset({"guest", "user"})))
    tag, hidden = library.ids["new"], library.ids["book6"]
    there = await ids(user, f"tags/{tag}/relationships/books")
    told = []
    for more in (hidden, "book_none"):
        books = [{"type": "books", "id": id} for id in (*there, more)]
        sent = {"data": {"type": "tags", "id": tag, "relationships": {"books": {"data": books}}}}
        reply = await user.send("PATCH", f"tags/{tag}", sent)
        assert sources(reply) == {("404", "dangling_reference", "/data/relationships/books")}
        told.append(reply.json["errors"])
    assert told[0] == told[1]
    books.pop()
    books.append({"type": "books", "id": library.ids["book1"]})
    assert (await user.send("PATCH", f"tags/{tag}", sent)).status == 200
    assert len(await ids(user, f"tags/{tag}/relationships/books")) == len(there) + 1


async def test_a_resource_may_be_sent_as_it_was_read(library: Library) -> None:
    """With what the server sets, as long as it is as it was; what differs is refused."""
    book = (await library.get(f"books/{library.ids['book1']}?include=tags")).json["data"]
    attributes = {**book["attributes"], "title": "Again"}
    del attributes["price"]  # which is masked
    relationships = {name: book["relationships"][name] for name in ("rack", "writer", "tags")}
    sent = {"data": {**book, "attributes": attributes, "relationships": relationships}}
    again = await library.send("PATCH", f"books/{book['id']}", sent)
    assert (again.status, again.json["data"]["attributes"]["version"]) == (200, attributes["version"] + 1)
    late = await library.send("PATCH", f"books/{book['id']}", sent)
    assert sources(late) == {("409", "resource_conflict", "/data/attributes/version")}
    del attributes["version"]
    attributes["createdAt"] = "2020-01-01T00:00:00Z"
    forged = await library.send("PATCH", f"books/{book['id']}", sent)
    assert sources(forged) == {
        ("400", "read_only_field", "/data/attributes/createdAt"),
        ("400", "read_only_field", "/data/attributes/updatedAt"),
    }


async def test_a_field_named_type_has_another_name(library: Library) -> None:
    """A resource object's `type` is its own: that of a disc is `discType`, in answers, documents and pointers.
    Parameters know both."""
    made = await library.send(
        "POST", "discs", {"data": {"type": "discs", "attributes": {"discType": "vinyl"}}}
    )
    assert (made.status, made.json["data"]["attributes"]["discType"]) == (201, "vinyl")
    assert "type" not in made.json["data"]["attributes"]
    disc = made.json["data"]["id"]
    assert (await library.get(f"discs/{disc}", "application/json")).data["type"] == "vinyl"
    writer = {"type": "writers", "id": library.ids["ada"]}
    player = await library.send(
        "POST", "players", {"data": {"type": "players", "relationships": {"playerType": {"data": writer}}}}
    )
    found = player.json["data"]["relationships"]["playerType"]
    assert (found["data"], found["links"]["related"][-5:]) == (writer, "/type")
    assert (await library.get(found["links"]["related"].removeprefix("/api/v1/"))).json["data"][
        "id"
    ] == writer["id"]
    assert (await library.get(found["links"]["self"].removeprefix("/api/v1/"))).json["data"] == writer
    for query in ("include=playerType&filter[playerType.name]=ada&sort=playerType.name&fields[players]=playerType",
                  "include=type&filter[type.name]=ada&sort=type.name&fields[players]=type"):  # fmt: skip
        (row,) = (await library.get(f"players?{query}")).json["data"]
        assert row["relationships"].keys() == {"playerType"}
    for query in ("discType=vinyl", "type=vinyl", "discType[in]=vinyl,tape&fields[discs]=discType"):
        (row,) = (await library.get(f"discs?{query}")).json["data"]
        assert row["attributes"]["discType"] == "vinyl"
    assert (await library.get("discs?discType=vinyl", "application/json")).status == 400
    for method, path, attributes, place in (
        ("POST", "discs", {"discType": "x"}, "discType"), ("POST", "discs", {}, "discType"),
        ("PATCH", f"discs/{disc}", {"discType": None}, "discType"),
        ("PATCH", f"discs/{disc}", {"type": "tape"}, "type"),
    ):  # fmt: skip
        data = {"type": "discs", **({"id": disc} if method == "PATCH" else {}), "attributes": attributes}
        (error,) = (await library.send(method, path, {"data": data})).json["errors"]
        assert error["source"] == {"pointer": f"/data/attributes/{place}"}
        assert "discType" in error["detail"]


async def test_other_members_of_documents_are_names_as_any(library: Library) -> None:
    """Only `type` and `id` are forbidden in a resource object."""
    values = {
        "discType": "tape",
        "links": "x",
        "relationships": {"links": {"a": 1}},
        "attributes": ["b"],
        "meta": 3,
    }
    made = await library.send("POST", "discs", {"data": {"type": "discs", "attributes": values}})
    assert made.json["data"]["attributes"].items() >= values.items()
    shown = await library.get("discs?fields[discs]=links,meta,attributes,relationships&filter[meta]=3")
    assert shown.json["data"][0]["attributes"] == {n: v for n, v in values.items() if n != "discType"}


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
    refused = await library.send("POST", f"books/{id}/lend", {"meta": {"days": "three"}})
    assert {place for _, _, place in sources(refused)} == {"/meta/days"}


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
    stale = {**body, "sort": ["pages"], "cursor": reply.json["meta"]["pagination"]["nextCursor"]}
    for path in ("books", f"writers/{library.ids['ada']}/books"):
        refused = await library.send("QUERY", path, stale, content_type="application/json")
        assert sources(refused) == {("400", "invalid_cursor", "/cursor")}  # it stood in the body


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


async def test_what_is_preferred_of_a_relationship_that_is_set(library: Library) -> None:
    """It is acknowledged, as of any write, and kept apart by caches."""
    place = f"books/{library.ids['book1']}/relationships/writer"
    bob = {"data": {"type": "writers", "id": library.ids["bob"]}}
    for preferred, status, applied in (
        ("return=representation", 200, "return=representation"),
        ("return=minimal", 204, "return=minimal"),
        ("", 200, None),
    ):
        reply = await library.send("PATCH", place, bob, prefer=preferred)
        assert (reply.status, reply.headers.get("preference-applied")) == (status, applied)
        assert reply.headers["vary"] == "Accept, Prefer"


async def test_a_relationship_may_be_named_in_any_spelling_of_its_path(library: Library) -> None:
    """Characters that need no percent-encoding may have it; links name the row as ever."""
    library.world.described = None  # which knows templates of paths in their usual spelling
    book, bob = f"books/{library.ids['book1']}", library.ids["bob"]
    for place in ("relation%73hips/writer", "relationships/%77riter", "relationships/writer/"):
        set_ = await library.send("PATCH", f"{book}/{place}", {"data": {"type": "writers", "id": bob}})
        assert (set_.status, set_.json["data"]["id"]) == (200, bob)
        read = await library.get(f"{book}/{place}")
        assert read.json["links"]["related"] == f"/api/v1/{book}/writer"
    rack = await library.get("racks/B%2F%c3%bc%20&/relation%73hips/books")
    assert (rack.status, rack.json["links"]["related"]) == (200, "/api/v1/racks/B%2F%C3%BC%20%26/books")


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

"""Searches over HTTP: `q` in query strings and in bodies, with whatever else can be asked, and how it is refused."""

from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest

from headwater import Field, Resource, allow, field
from headwater.base.call import ANONYMOUS
from headwater.declare import build
from tests.spec.rest_world import World, open_world


@pytest.fixture
async def studio(store_url: str) -> AsyncIterator[World]:
    async with open_world(store_url) as world:
        for code, open_to_all in (("OWL", True), ("BEE", False)):
            film = {"code": code, "name": code.title(), "openToAll": open_to_all}
            assert (await world.post("/api/v1/films", film)).status == 201
        for number, (film, title) in enumerate(
            [("OWL", "Relight"), ("OWL", "Light"), ("BEE", "Lighting"), ("OWL", "Key light"), ("OWL", "Roto")]
        ):
            job = {"filmId": film, "title": title, "priority": number}
            assert (await world.post("/api/v1/jobs", job)).status == 201
        yield world


async def titles(world: World, query: str) -> list[str]:
    reply = await world.get(f"/api/v1/jobs?{query}")
    assert reply.status == 200, reply.body
    return [row["title"] for row in reply.data]


async def test_a_part_of_a_word_finds_and_the_best_come_first(studio: World) -> None:
    assert await titles(studio, "q=light") == ["Light", "Lighting", "Key light", "Relight"]
    assert await titles(studio, "q=LIGHT+key") == ["Key light"]
    assert await titles(studio, "q=%22key+light%22") == ["Key light"]
    assert await titles(studio, "q=%22light+key%22") == []
    assert await titles(studio, "q=gh") == ["Light", "Relight", "Lighting", "Key light"]
    assert await titles(studio, "q=o") == ["Roto"]


async def test_with_filters_order_fields_and_includes(studio: World) -> None:
    assert await titles(studio, "q=light&film=OWL&sort=-priority") == ["Key light", "Light", "Relight"]
    assert await titles(studio, "q=light&film.name[contains]=ow&priority[gt]=0") == ["Light", "Key light"]
    reply = await studio.get("/api/v1/jobs?q=roto&fields=title&include=film")
    assert [(row["title"], row["film"]["code"]) for row in reply.data] == [("Roto", "OWL")]
    within = await studio.get("/api/v1/films/OWL/jobs?q=light&fields=title")
    assert [row["title"] for row in within.data] == ["Light", "Key light", "Relight"]
    assert (await studio.get("/api/v1/films/XXX/jobs?q=light")).status == 404


async def test_pages_keep_the_search(studio: World) -> None:
    first = await studio.get("/api/v1/jobs?q=light&limit=3&fields=title")
    assert "q=light" in first.json["links"]["next"]
    second = await studio.get(first.json["links"]["next"])
    assert [row["title"] for row in (*first.data, *second.data)] == [
        "Light",
        "Lighting",
        "Key light",
        "Relight",
    ]
    back = await studio.get(second.json["links"]["prev"])
    assert back.data == first.data
    token = quote(first.json["meta"]["pagination"]["nextCursor"])
    assert (await studio.get(f"/api/v1/jobs?q=ligh&limit=3&cursor={token}")).error["code"] == "INVALID_CURSOR"
    numbered = await studio.get("/api/v1/jobs?q=light&page=2&perPage=3")
    assert (numbered.headers["x-total-count"], len(numbered.data)) == ("4", 1)


async def test_a_body_asks_the_same(studio: World) -> None:
    body = {"q": "light", "filter": {"film": {"code": {"eq": "OWL"}}}, "fields": ["title"], "limit": 2}
    for method, target in (("QUERY", "/api/v1/jobs"), ("POST", "/api/v1/jobs/search")):
        reply = await studio.ask(method, target, body)
        assert [row["title"] for row in reply.data] == ["Light", "Key light"]
        token = reply.json["meta"]["pagination"]["nextCursor"]
        rest = await studio.ask(method, target, {**body, "cursor": token})
        assert [row["title"] for row in rest.data] == ["Relight"]
        same = await studio.get(
            f"/api/v1/jobs?q=light&film.code=OWL&fields=title&limit=2&cursor={quote(token)}"
        )
        assert same.data == rest.data


async def test_summaries_are_of_what_is_found(studio: World) -> None:
    reply = await studio.get("/api/v1/jobs?q=light&aggregate=count,max(priority)")
    assert reply.data == {"count": 4, "max": {"priority": 3}}
    grouped = await studio.get("/api/v1/jobs?q=light&aggregate=count&groupBy=film.code")
    assert [(g["group"]["film.code"], g["count"]) for g in grouped.data] == [("BEE", 1), ("OWL", 3)]


async def test_guests_find_what_they_may_see(studio: World) -> None:
    guest = studio.acting_as(ANONYMOUS)
    assert await titles(guest, "q=light") == ["Light", "Key light", "Relight"]
    counted = await guest.get("/api/v1/jobs?q=light&aggregate=count")
    assert counted.data == {"count": 3}


class Letter(Resource, trash=True):
    """A letter, which may be thrown away."""

    text: Field[str] = field(search=True)


allow(Letter, "read", "create", "delete", "restore", to="editor")
LETTERS = build([Letter])


async def test_what_is_in_the_trash_is_found_there_alone(store_url: str) -> None:
    async with open_world(store_url, LETTERS) as world:
        ids = [
            (await world.post("/api/v1/letters", {"text": f"Dear Smith {n}"})).data["id"] for n in range(4)
        ]
        for id in ids[:2]:
            assert (await world.ask("DELETE", f"/api/v1/letters/{id}")).status == 204
        for q in ("smith", "mi", "dear+smith"):
            for where, wanted in (("letters", ids[2:]), ("trash/letters", ids[:2])):
                found = await world.get(f"/api/v1/{where}?q={q}&page=1")
                assert [row["id"] for row in found.data] == wanted
                assert found.headers["x-total-count"] == "2"
                assert (await world.get(f"/api/v1/{where}?q={q}&aggregate=count")).data == {"count": 2}
        assert (await world.post(f"/api/v1/letters/{ids[0]}/restore")).status == 200
        assert [row["id"] for row in (await world.get("/api/v1/letters?q=smith")).data] == [ids[0], *ids[2:]]


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("/api/v1/jobs?q=", "`q` must name something to look for; leave it out for all rows."),
        ("/api/v1/jobs?q=%20%22%22", "`q` must name something to look for; leave it out for all rows."),
        (f"/api/v1/jobs?q={'x' * 201}", "`q` must have at most 200 characters, has 201."),
        (f"/api/v1/jobs?q={'+'.join('abcdefghijk')}", "`q` must have at most 10 words, has 11; a phrase"),
        ("/api/v1/films?q=owl", "No field of films is searchable; use filters instead."),
        ("/api/v1/jobs?q=a&q=b", "`q` is given more than once."),
        ("/api/v1/jobs?q=%00", "Text may not hold NUL characters."),
    ],
)
async def test_refusals(studio: World, target: str, said: str) -> None:
    reply = await studio.get(target)
    assert reply.status == 400
    (problem,) = reply.error["details"]
    assert said in problem["message"]
    assert problem["parameter"] == "q"


async def test_refusals_in_bodies(studio: World) -> None:
    for path, sent, said in [
        ("jobs", {"q": ""}, "must name something"), ("jobs", {"q": 5}, "`q` must be a string, not a number."),
        ("jobs", {"q": "x" * 201}, "at most 200 characters"), ("jobs", {"q": "a\0b"}, "NUL"),
        ("films", {"q": "owl"}, "No field of films is searchable"),
    ]:  # fmt: skip
        reply = await studio.post(f"/api/v1/{path}/search", sent)
        assert reply.status == 400
        (problem,) = reply.error["details"]
        assert said in problem["message"]

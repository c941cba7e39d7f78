"""Fields that an async function works out (D4): once for all rows of an answer, where they are asked for, and at no
cost elsewhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest

from headwater import (
    Batched,
    Computed,
    Fault,
    Field,
    Many,
    OptRef,
    Reader,
    Ref,
    Resource,
    Tx,
    action,
    allow,
    batched,
    computed,
    field,
    key,
    many,
    mask,
    optref,
    ref,
)
from headwater.base.call import Actor, Call
from headwater.base.observe import StatementRun
from headwater.declare import build
from headwater.ir.query import Query, Select
from tests.spec.rest_world import World, open_world

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
calls: list[tuple[str, list[str]]] = []


class Sky(StrEnum):
    CLEAR = "clear"
    GREY = "grey"


class Place(Resource):
    """Where something is filmed."""

    code: Field[str] = key(pattern="[A-Z]+")
    name: Field[str] = field()
    heat: Field[Decimal] = field(places=1, default=Decimal("20.5"))
    founded: Field[datetime] = field(default=AT)
    facts: Field[dict[str, Any] | None] = field(default=None)
    scenes: Many[Scene] = many(lambda: Scene.place, init=False)
    loud: Computed[int] = computed(lambda: Place.scenes.count(), init=False)
    sky: Batched[Sky | None] = batched(
        lambda: skies, needs=lambda: (Place.name, Place.heat, Place.founded, Place.loud), doc="What is above."
    )
    feel: Batched[Decimal] = batched(lambda: feels, needs=lambda: (Place.heat,), places=2)
    secret: Batched[str] = batched(lambda: secrets, needs=lambda: (Place.name,))


class Scene(Resource):
    """Something that is filmed."""

    title: Field[str] = field()
    place: Ref[Place] = ref()
    next: OptRef[Scene] = optref(default=None, on_delete="set_null")
    mood: Batched[list[str]] = batched(lambda: moods, needs=lambda: (Scene.title, Scene.place))

    @action(to="editor")
    async def repeat(self, tx: Tx) -> list[Scene]:
        """Film it again."""
        return [self, await tx.create(Scene(title=self.title, place=self.place))]


async def skies(places: Sequence[Place], reader: Reader) -> list[Sky | None]:
    calls.append(("sky", [place.id for place in places]))
    for place in places:
        assert (type(place.heat), place.founded.tzinfo, type(place.loud)) == (Decimal, UTC, int)
    return [None if place.name == "Cave" else Sky.CLEAR if place.heat > 20 else Sky.GREY for place in places]


async def feels(places: Sequence[Place], reader: Reader) -> list[Decimal]:
    calls.append(("feel", [place.id for place in places]))
    return [place.heat - Decimal("0.25") for place in places]


async def secrets(places: Sequence[Place], reader: Reader) -> list[str]:
    calls.append(("secret", [place.id for place in places]))
    return [place.name.upper() for place in places]


async def moods(scenes: Sequence[Scene], reader: Reader) -> list[list[str]]:
    calls.append(("mood", [scene.id for scene in scenes]))
    names = {place.id: place.name for place in await reader.select(Place)}
    for scene in scenes:
        match scene.title:
            case "fault":
                raise Fault("EXTERNAL_SERVICE_ERROR", "The moon does not answer.")
            case "bug":
                raise ValueError("hidden words")
            case "slow":
                await asyncio.sleep(30)
            case "short":
                return []
            case "wrong":
                return [5 for _ in scenes]  # type: ignore[misc]
            case "careless":
                print(scene.next)
    return [[scene.title, names[scene.place]] for scene in scenes]


allow(Place, "read", when=lambda actor: Place.name != "Hidden")
allow(Scene, "read")
mask(Place.secret, unless=lambda actor: (Place.name == "Bay") | actor.has_role("editor"))
mask(Place.name, unless="editor")
for resource in (Place, Scene):
    allow(resource, "read", "create", "update", "delete", to="editor")
MODEL = build([Place, Scene])
USER = Actor("user_1", roles=frozenset({"guest", "user"}))


@pytest.fixture
async def world(store_url: str) -> AsyncIterator[World]:
    async with open_world(store_url, MODEL) as opened:

        async def fill(tx: Tx) -> None:
            for code, name, heat in (
                ("A", "Bay", "25"),
                ("B", "Cave", "9.5"),
                ("C", "Cliff", "12"),
                ("D", "Hidden", "3"),
            ):
                await tx.create(
                    Place(code=code, name=name, heat=Decimal(heat), facts={"deep": [1.5, None, 2**53]})
                )
            for number in range(6):
                await tx.create(Scene(title=f"scene {number}", place="ABCD"[number % 4]))

        await opened.engine.transact(Call.system(), fill)
        calls.clear()
        yield opened


async def test_it_is_shown_where_it_is_named_and_nowhere_else(world: World) -> None:
    reply = await world.get("/api/v1/places/A")
    assert "sky" not in reply.data
    reply = await world.get("/api/v1/places?include=scenes")
    assert all("sky" not in place and "mood" not in place["scenes"] for place in reply.data)
    assert calls == []
    reply = await world.get("/api/v1/places/A?fields=sky,id,feel,founded,heat,facts")
    assert reply.data == {
        "id": "A", "heat": "25.0", "founded": "2026-03-02T12:00:00.000000Z", "facts": {"deep": [1.5, None, 2**53]},
        "sky": "clear", "feel": "24.75",
    }  # fmt: skip
    assert calls == [("sky", ["A"]), ("feel", ["A"])]


@pytest.mark.parametrize("how", ["", "&page=1&perPage=10", "&sort=-name", "&limit=3"])
async def test_a_page_calls_its_function_once(world: World, how: str) -> None:
    reply = await world.get(f"/api/v1/places?fields=id,sky{how}")
    assert {place["id"]: place["sky"] for place in reply.data}.items() <= {
        "A": "clear", "B": None, "C": "grey", "D": "grey"
    }.items()  # fmt: skip
    assert [(name, sorted(ids)) for name, ids in calls] == [
        ("sky", sorted(place["id"] for place in reply.data))
    ]


async def test_every_place_of_an_answer_calls_it_once_for_all_rows(world: World) -> None:
    """Below a relation too, where one row may be shown many times; by one statement of the read itself."""
    seen: list[str] = []
    remove = world.engine.store.observers.add(
        lambda o: seen.append(o.sql) if isinstance(o, StatementRun) else None
    )
    reply = await world.get(
        "/api/v1/scenes?fields=title,mood,place.id,place.sky,place.scenes.title,place.scenes.mood&sort=title"
    )
    remove()
    assert reply.status == 200, reply.body
    first = reply.data[0]
    assert (first["mood"], first["place"]["sky"]) == (["scene 0", "Bay"], "clear")
    assert [scene["mood"] for scene in first["place"]["scenes"]] == [["scene 0", "Bay"], ["scene 4", "Bay"]]
    assert sorted((name, len(ids)) for name, ids in calls) == [("mood", 6), ("mood", 6), ("sky", 4)]
    assert len(seen) == 1 + 2  # what the function of moods reads itself, in each of its places


async def test_related_rows_and_pages_of_them(world: World) -> None:
    reply = await world.get("/api/v1/places/B/scenes?fields=mood&limit=1")
    assert [scene["mood"] for scene in reply.data] == [["scene 1", "Cave"]]
    again = await world.get(reply.json["links"]["next"])
    assert [scene["mood"] for scene in again.data] == [["scene 5", "Cave"]]
    found = await world.ask("QUERY", "/api/v1/places", {"fields": ["sky"], "filter": {"id": {"eq": "C"}}})
    assert found.data == [{"sky": "grey"}]
    assert (await world.get("/api/v1/places?fields=sky&name=Nowhere")).data == []


async def test_masks_hold_and_the_function_sees_what_its_author_says(world: World) -> None:
    """A masked field is null, and its function is not asked; what it needs is given to it, masked or not."""
    user = world.acting_as(USER)
    reply = await user.get("/api/v1/places?fields=id,name,sky,secret&sort=id")
    assert reply.data == [
        {"id": "A", "name": None, "sky": "clear", "secret": "BAY"},
        {"id": "B", "name": None, "sky": None, "secret": None},
        {"id": "C", "name": None, "sky": "grey", "secret": None},
    ]
    assert ("secret", ["A"]) in calls


async def test_what_is_written_is_read_back_with_it(world: World) -> None:
    made = await world.post(
        "/api/v1/places?fields=id,sky,version", {"code": "E", "name": "Dune", "heat": "40"}
    )
    assert (made.status, made.data) == (201, {"id": "E", "version": 1, "sky": "clear"})
    changed = await world.ask("PATCH", "/api/v1/places/E?fields=feel", {"heat": "2"})
    assert changed.data == {"feel": "1.75"}
    id = (await world.get("/api/v1/scenes?fields=id&limit=1&sort=title")).data[0]["id"]
    acted = await world.post(f"/api/v1/scenes/{id}/repeat?fields=mood,place.sky")
    assert acted.data == [{"mood": ["scene 0", "Bay"], "place": {"sky": "clear"}}] * 2


async def test_nothing_is_filtered_sorted_or_summed_up_by_it(world: World) -> None:
    said = "`sky` is worked out for the rows that are shown; it can be named in `fields`, but nothing is filtered"
    for query in ("sky=clear", "sky[isNull]=true", "sort=sky", "aggregate=count(sky)", "aggregate=count&groupBy=sky",
                  "include=scenes&scenes.place.sky=x", "scenes.place.sky=clear"):  # fmt: skip
        reply = await world.get(f"/api/v1/places?{query}")
        assert (reply.status, reply.error["code"]) == (400, "INVALID_PARAMETER"), query
        assert said in reply.error["message"]
    found = await world.ask("QUERY", "/api/v1/places", {"filter": {"sky": {"eq": "clear"}}})
    assert found.status == 400
    assert said in found.error["message"]


async def test_nobody_writes_it(world: World) -> None:
    for method, body in (("PATCH", {"sky": "grey"}), ("PUT", {"code": "A", "name": "Bay", "sky": "clear"})):
        reply = await world.ask(method, "/api/v1/places/A", body)
        assert (reply.status, reply.problems) == (400, [("sky", "READ_ONLY_FIELD")])
    patch = [{"op": "test", "path": "/sky", "value": "clear"}]
    reply = await world.ask(
        "PATCH", "/api/v1/places/A", patch, {"content-type": "application/json-patch+json"}
    )
    assert reply.status == 400
    assert (await world.post("/api/v1/places", {"code": "Z", "name": "x", "feel": "1"})).status == 400


@pytest.mark.parametrize(
    ("title", "status", "code"),
    [
        ("fault", 503, "EXTERNAL_SERVICE_ERROR"),
        ("bug", 500, "INTERNAL_ERROR"),
        ("short", 500, "INTERNAL_ERROR"),
        ("wrong", 500, "INTERNAL_ERROR"),
        ("careless", 500, "INTERNAL_ERROR"),
    ],
)
async def test_what_goes_wrong_in_a_function(world: World, title: str, status: int, code: str) -> None:
    """A declared refusal is told, anything else is a 500 without a word of it. A write is done by then, and says so."""
    made = await world.post("/api/v1/scenes?fields=mood", {"title": title, "placeId": "A"})
    assert (made.status, made.error["code"], made.error["outcome"]) == (status, code, "done")
    reply = await world.get("/api/v1/scenes?fields=mood")
    assert (reply.status, reply.error["code"]) == (status, code)
    assert reply.error["requestId"].startswith("req_")
    assert b"hidden words" not in reply.body + made.body
    assert (await world.get(f"/api/v1/scenes?title={title}&fields=title")).data == [{"title": title}]


async def test_a_deadline_holds(world: World) -> None:
    await world.post("/api/v1/scenes", {"title": "slow", "placeId": "A"})
    call = Call(actor=USER, deadline=time.monotonic() + 0.05)
    with pytest.raises(Fault, match="DEADLINE_EXCEEDED"):
        await world.engine.read(call, Query("Scene", select=Select(("mood",))))


async def test_rows_without_it_are_passed_on_as_the_database_made_them(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> Any:
        raise AssertionError("nothing is to be filled in")

    monkeypatch.setattr("headwater.engine.engine.fill", refuse)
    for path in ("places/A", "places?include=scenes.place", "scenes?fields=title,place.name"):
        assert (await world.get(f"/api/v1/{path}")).status == 200
    assert (await world.post("/api/v1/scenes?fields=title", {"title": "x", "placeId": "A"})).status == 201


def test_the_document_tells_of_it(tmp_path: Any) -> None:
    async def told() -> dict[str, Any]:
        async with open_world(f"sqlite:///{tmp_path / 'x.db'}", MODEL) as opened:
            return opened.described.document

    document = asyncio.run(told())
    schemas, parameters = document["components"]["schemas"], document["components"]["parameters"]
    sky = schemas["Place"]["properties"]["sky"]
    assert (sky["enum"], sky["readOnly"]) == (["clear", "grey", None], True)
    assert sky["description"] == "What is above. Shown where `fields` names it."
    assert "sky" not in schemas["PlaceCreate"]["properties"]
    assert "sky" not in schemas["PlaceReplace"]["properties"]
    assert "sky" not in schemas["PlaceFilter"]["properties"]
    assert "Place.sky.eq" not in parameters
    assert "sky" in parameters["Place.fields"]["schema"]["items"]["enum"]
    assert "sky" not in parameters["Place.groupBy"]["schema"]["items"]["enum"]

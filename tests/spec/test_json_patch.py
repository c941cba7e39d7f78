"""JSON Patch on rows (RFC 6902), and replacements of what was read (D11)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from headwater import App, Computed, Field, Resource, allow, computed, field, mask
from headwater.testing import client
from headwater_products.demo import app as demo
from tests.spec.rest_world import Reply, World, open_world

PATCH = {"content-type": "application/json-patch+json"}


@pytest.fixture
async def world(store_url: str) -> AsyncIterator[World]:
    async with open_world(store_url) as world:
        await world.post("/api/v1/films", {"code": "SWA", "name": "Swan"})
        yield world


async def job(world: World, **more: Any) -> str:
    reply = await world.post("/api/v1/jobs", {"title": "Roto", "filmId": "SWA", **more})
    assert reply.status == 201, reply.json
    return reply.headers["location"]


async def patch(world: World, place: str, *operations: Any, **headers: str) -> Reply:
    sent = {n.replace("_", "-"): v for n, v in headers.items()}
    return await world.ask("PATCH", place, list(operations), {**PATCH, **sent})


def add(path: str, value: Any) -> dict[str, Any]:
    return {"op": "add", "path": path, "value": value}


def checked(path: str, value: Any) -> dict[str, Any]:
    return {"op": "test", "path": path, "value": value}


async def test_all_six_operations(world: World) -> None:
    place = await job(world, tags=["a", "b"], extra={"x": {"y": [1, 2]}}, priority=7)
    reply = await patch(
        world,
        place,
        checked("/extra/x", {"y": [1, 2.0]}),
        checked("/isOpen", True),
        add("/tags/1", "new"),
        {"op": "remove", "path": "/tags/0"},
        {"op": "replace", "path": "/title", "value": "Paint"},
        {"op": "move", "from": "/extra/x/y", "path": "/extra/z"},
        {"op": "copy", "from": "/tags", "path": "/extra/tags"},
        {"op": "remove", "path": "/priority"},
    )
    assert reply.status == 200, reply.json
    changed = {name: reply.data[name] for name in ("title", "tags", "extra", "priority", "version")}
    assert changed == {
        "title": "Paint",
        "tags": ["new", "b"],
        "extra": {"x": {}, "z": [1, 2], "tags": ["new", "b"]},
        "priority": 5,
        "version": 2,
    }
    assert (await world.get(place)).data == reply.data


async def test_a_failed_operation_leaves_all_as_it_was(world: World) -> None:
    place = await job(world)
    reply = await patch(
        world, place, {"op": "replace", "path": "/title", "value": "X"}, checked("/priority", 6)
    )
    assert (reply.status, reply.error["code"]) == (409, "RESOURCE_CONFLICT")
    assert reply.error["message"].startswith("Operation 1 (`test`): `/priority` has another value.")
    (detail,) = reply.error["details"]
    assert (detail["field"], detail["operation"], detail["current"]) == ("[1].value", 1, 5)
    reply = await patch(world, place, add("/title", "X"), {"op": "remove", "path": "/extra/none"})
    assert (reply.status, reply.problems) == (409, [("[1].path", "RESOURCE_CONFLICT")])
    assert (await world.get(place)).data["version"] == 1


async def test_all_that_is_wrong_with_operations_is_told_at_once(world: World) -> None:
    reply = await patch(
        world,
        await job(world),
        {"op": "replce", "path": "/title", "value": 1},
        add("/titel", "x"),
        add("/version", 3),
        {"op": "add", "path": "/title"},
        {"op": "move", "from": "title", "path": "/extra/~2"},
        {"op": "move", "from": "/extra/a", "path": "/extra/a/b"},
        {"op": "replace", "path": "", "value": {}},
        5,
    )
    assert (reply.status, reply.error["code"]) == (400, "VALIDATION_ERROR")
    assert sorted(reply.problems) == [
        ("[0].op", "INVALID_FORMAT"),
        ("[1].path", "UNKNOWN_FIELD"),
        ("[2].path", "READ_ONLY_FIELD"),
        ("[3].value", "REQUIRED_FIELD"),
        ("[4].from", "INVALID_FORMAT"),
        ("[4].path", "INVALID_FORMAT"),
        ("[5].path", "INVALID_FORMAT"),
        ("[6].path", "INVALID_FORMAT"),
        ("[7]", "INVALID_FORMAT"),
    ]
    assert "did you mean `/title`?" in reply.error["details"][1]["message"]


async def test_the_values_that_result_are_checked(world: World) -> None:
    place = await job(world)
    reply = await patch(
        world,
        place,
        add("/title", "x"),
        add("/title", 5),
        add("/tags/-", 7),
        {"op": "remove", "path": "/filmId"},
        add("/priority", 10),
    )
    assert reply.status == 400
    found = {detail["field"]: (detail["code"], detail["operation"]) for detail in reply.error["details"]}
    assert found == {
        "title": ("INVALID_FORMAT", 1),
        "tags[0]": ("INVALID_FORMAT", 2),
        "filmId": ("REQUIRED_FIELD", 3),
        "priority": ("VALIDATION_ERROR", 4),
    }
    reply = await patch(
        world, place, add("/status", "shut"), add("/start", "2026-02-01"), add("/deadline", "2026-01-01")
    )
    assert (reply.status, reply.error["code"]) == (422, "RULE_VIOLATION")
    assert (await patch(world, "/api/v1/jobs/none", add("/title", "x"))).status == 404
    assert (await patch(world, "/api/v1/films/SWA", add("/code", "BEE"))).status == 422
    assert (await patch(world, "/api/v1/films/SWA", add("/budget", {"amount": "5", "currency": "EUR"}),
                        {"op": "replace", "path": "/budget/amount", "value": "7"})).data["budget"] == {
        "amount": "7.00", "currency": "EUR"
    }  # fmt: skip


async def test_a_version_can_be_tested_or_sent(world: World) -> None:
    place = await job(world)
    tag = (await world.get(place)).headers["etag"]
    assert (await patch(world, place, checked("/version", 1), add("/title", "A"))).data["version"] == 2
    reply = await patch(world, place, checked("/version", 1), add("/title", "B"))
    assert (reply.status, reply.error["details"][0]["currentVersion"]) == (409, 2)
    assert (await patch(world, place, add("/title", "B"), if_match=tag)).status == 412
    assert (await world.get(place)).data["title"] == "A"


async def test_no_change_makes_no_version(world: World) -> None:
    place = await job(world)
    assert (await patch(world, place)).data["version"] == 1
    reply = await patch(
        world, place, add("/title", "X"), {"op": "replace", "path": "/title", "value": "Roto"}
    )
    assert reply.data["version"] == 1


async def test_patches_at_the_same_time_all_take_place(world: World) -> None:
    place = await job(world)
    replies = await asyncio.gather(*(patch(world, place, add("/tags/-", str(n))) for n in range(12)))
    assert {reply.status for reply in replies} == {200}
    row = (await world.get(place)).data
    assert sorted(row["tags"], key=int) == [str(n) for n in range(12)]
    assert row["version"] == 13


async def test_copies_cannot_grow_without_end(world: World) -> None:
    place = await job(world, extra={"a": "x" * 1000})
    doubling = [{"op": "copy", "from": "/extra", "path": f"/extra/{n}"} for n in range(60)]
    reply = await patch(world, place, *doubling)
    assert (reply.status, reply.error["code"]) == (409, "RESOURCE_CONFLICT")
    assert "bytes at most" in reply.error["message"]
    assert (await patch(world, place, *[add("/title", "x")] * 101)).status == 400


class Deal(Resource):
    """What was agreed upon."""

    title: Field[str] = field(max_length=50)
    price: Field[int] = field(default=0)
    remark: Field[int | None] = field(default=None)
    double: Computed[int] = computed(lambda: Deal.price + Deal.price, init=False)


allow(Deal, "read", "create", "update", to="user")
mask(Deal.price, unless="editor")
mask(Deal.double, unless="editor")


async def test_a_masked_value_is_neither_tested_nor_copied(database_url: str) -> None:
    async with client(App(title="Deals", resources=[Deal]), database_url=database_url) as visitor:
        editor = await visitor.sign_up("grace", role="editor")
        user = await visitor.sign_up("ada")
        place = (await editor.post("/api/v1/deals", {"title": "a", "price": 7})).headers["location"]
        for value in (6, 7):
            reply = await user.patch(place, [checked("/price", value)], content_type=PATCH["content-type"])
            assert reply.status == 409
            assert reply.json()["error"]["details"][0]["current"] is None
        copy = {"op": "copy", "from": "/price", "path": "/remark"}
        assert (await user.patch(place, [copy], content_type=PATCH["content-type"])).data["remark"] is None
        assert (await editor.patch(place, [copy], content_type=PATCH["content-type"])).data["remark"] == 7
        row = (await user.get(place)).data
        for double in (14, 0):
            guess = await user.put(place, {"title": "b", "double": double})
            assert guess.json()["error"]["details"][0]["field"] == "double"
        assert (await user.put(place, {**row, "title": "b"})).data["title"] == "b"
        assert (await editor.get(place)).data["price"] == 7


async def test_what_was_read_can_be_put_back(world: World) -> None:
    place = await job(world, extra={"a": 1})
    row = (await world.get(place)).data
    same = await world.ask("PUT", place, row)
    assert (same.status, same.data) == (200, row)
    reply = await world.ask("PUT", place, {**row, "title": "Paint"})
    assert (reply.status, reply.data["title"], reply.data["version"]) == (200, "Paint", 2)
    stale = await world.ask("PUT", place, {**row, "title": "Comp"})
    assert (stale.status, stale.error["code"]) == (409, "RESOURCE_CONFLICT")
    film = (await world.get("/api/v1/films/SWA")).data
    assert (await world.ask("PUT", "/api/v1/films/SWA", {**film, "name": "Swans"})).data["name"] == "Swans"


async def test_what_is_computed_from_other_rows_can_be_tested_and_put_back(database_url: str) -> None:
    async with client(demo, database_url=database_url) as visitor:
        admin = await visitor.sign_up("grace", role="admin")
        await admin.post("/api/v1/projects", {"code": "SWA", "name": "Swan"})
        made = await admin.post(
            "/api/v1/tasks", {"projectId": "SWA", "title": "Roto", "department": "lighting"}
        )
        place, row = made.headers["location"], made.data
        operations = [
            checked("/spent", row["spent"]),
            checked("/isLate", row["isLate"]),
            add("/title", "Paint"),
        ]
        reply = await admin.patch(place, operations, content_type=PATCH["content-type"])
        assert (reply.status, reply.data["title"]) == (200, "Paint")
        again = await admin.put(place, {**reply.data, "title": "Comp"})
        assert (again.status, again.data["title"]) == (200, "Comp")
        wrong = await admin.put(place, {**again.data, "spent": "99.00"})
        assert [detail["field"] for detail in wrong.json()["error"]["details"]] == ["spent"]


async def test_what_nobody_writes_must_be_as_it_is(world: World) -> None:
    place = await job(world)
    row = (await world.get(place)).data
    wrong = {"id": "job_x", "isOpen": False, "createdAt": None, "title": "Paint"}
    reply = await world.ask("PUT", place, {**row, **wrong})
    assert reply.status == 400
    assert dict(reply.problems) == dict.fromkeys(("id", "isOpen", "createdAt"), "READ_ONLY_FIELD")
    assert (await world.get(place)).data == row
    assert (await world.ask("PATCH", place, {"isOpen": True})).problems == [("isOpen", "READ_ONLY_FIELD")]
    assert (await world.ask("PUT", "/api/v1/jobs/none", row)).status == 404

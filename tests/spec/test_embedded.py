"""Objects with declared members as values of fields, and moments that the engine sets."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest

from headwater import App, Embedded, Field, Resource, Tx, action, allow, field, mask, stamp
from headwater.base.call import Call
from headwater.base.errors import MOST_DETAILS
from headwater.testing import Client, client
from tests.described import Described


class Level(StrEnum):
    LOW = "low"
    HIGH = "high"


class Offset(Embedded):
    frames: Field[int] = field(default=0, ge=-100)


class Camera(Embedded):
    """How it was filmed."""

    lens: Field[Decimal] = field(places=1, gt=0, doc="Millimetres.")
    body: Field[str | None] = field(default=None, max_length=10)
    taken: Field[dt.date | None] = field(default=None)
    level: Field[Level] = field(default=Level.LOW)
    tags: Field[list[Level]] = field(default_factory=list)
    offset: Field[Offset] = field(default=Offset())


class Plate(Resource):
    name: Field[str] = field()
    level: Field[Level] = field(default=Level.LOW)
    camera: Field[Camera | None] = field(default=None)
    offset: Field[Offset] = field(default_factory=Offset)
    raised_at: Field[dt.datetime | None] = stamp(lambda: Plate.level == Level.HIGH)
    first_raised_at: Field[dt.datetime | None] = stamp(lambda: Plate.level == Level.HIGH, first=True)

    @action(to="user")
    async def turn(self, tx: Tx) -> None:
        """Move the camera on by one frame."""
        assert self.camera is not None
        assert self.camera.level is Level.LOW
        assert self.camera.tags == ["high"]
        frames = self.camera.offset.frames + 1
        self.camera = Camera(
            lens=self.camera.lens * 2, offset=Offset(frames=frames), taken=dt.date(2026, 1, 2)
        )


class Secret(Resource):
    at: Field[Offset] = field(default=Offset(frames=3))


allow(Plate, "read", "write")
allow(Secret, "read", "write")
mask(Secret.at, unless="admin")

APP = App(title="Plates", resources=[Plate, Secret])
CAMERA = {"lens": "35.0", "body": None, "taken": None, "level": "low", "tags": [], "offset": {"frames": 0}}


@pytest.fixture
async def anybody(store_url: str) -> AsyncIterator[Client]:
    async with client(APP, database_url=store_url) as visitor:
        yield await visitor.sign_up("ada")


async def new(anybody: Client, **camera: Any) -> str:
    reply = await anybody.post("/api/v1/plates", {"name": "A", "camera": {"lens": "35", **camera}})
    assert reply.status == 201
    return f"/api/v1/plates/{reply.data['id']}"


def problems(reply: Any) -> set[tuple[str, str]]:
    return {(d["field"], d["code"]) for d in reply.json()["error"]["details"]}


async def test_an_object_is_answered_whole_in_the_order_of_its_declaration(anybody: Client) -> None:
    path = await new(anybody)
    plate = (await anybody.get(path)).data
    assert plate["camera"] == CAMERA
    assert plate["offset"] == {"frames": 0}


async def test_every_problem_of_an_object_names_its_place(anybody: Client) -> None:
    camera = {
        "body": "x" * 11,
        "levl": "low",
        "tags": ["low", "mid"],
        "offset": {"frames": -101},
        "taken": "x",
    }
    reply = await anybody.post("/api/v1/plates", {"name": 1, "camera": camera})
    assert reply.status == 400
    assert problems(reply) == {
        ("name", "INVALID_FORMAT"),
        ("camera.lens", "REQUIRED_FIELD"),
        ("camera.body", "VALIDATION_ERROR"),
        ("camera.levl", "UNKNOWN_FIELD"),
        ("camera.tags[1]", "VALIDATION_ERROR"),
        ("camera.offset.frames", "VALIDATION_ERROR"),
        ("camera.taken", "INVALID_FORMAT"),
    }
    missing = next(d for d in reply.json()["error"]["details"] if d["field"] == "camera.lens")
    assert (missing["message"], missing["hint"]) == ("`camera.lens` is required.", "Millimetres.")
    assert (await anybody.post("/api/v1/plates", {"name": "A", "camera": []})).status == 400


async def test_no_more_members_are_looked_at_than_can_be_told_of(
    anybody: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each unknown one costs a search for what could be meant, so that a body of them would stop the server."""
    searched: list[str] = []
    monkeypatch.setattr("headwater.ir.parts.nearest", lambda name, known: searched.append(name))
    camera = {f"x{n}": 1 for n in range(20_000)}
    path = await new(anybody)
    for reply in (
        await anybody.post("/api/v1/plates", {"name": "A", "camera": camera}),
        await anybody.patch(path, {"camera": camera}),
        await anybody.patch(path, {"camera": {"offset": camera}}),
    ):
        assert reply.status == 400
        assert len(reply.json()["error"]["details"]) == MOST_DETAILS
        assert "more than 100 problems" in reply.json()["error"]["message"]
    assert len(searched) == 3 * (MOST_DETAILS + 1)


async def test_a_merge_patch_changes_members_and_the_whole_is_checked(anybody: Client) -> None:
    path = await new(anybody, body="Arri")
    changed = await anybody.patch(path, {"camera": {"offset": {"frames": 7}, "level": "high"}})
    assert changed.data["camera"] == {**CAMERA, "body": "Arri", "level": "high", "offset": {"frames": 7}}
    cleared = await anybody.patch(path, {"camera": {"body": None, "level": None, "offset": None}})
    assert cleared.data["camera"] == CAMERA
    for patch in ({"lens": None}, {"lens": "0"}):
        refused = await anybody.patch(path, {"camera": patch})
        assert refused.status == 400
        assert {field for field, _ in problems(refused)} == {"camera.lens"}
    assert (await anybody.patch(path, {"camera": None})).data["camera"] is None
    refused = await anybody.patch(path, {"camera": {"body": "Red"}})
    assert problems(refused) == {("camera.lens", "REQUIRED_FIELD")}


async def test_put_and_json_patch_take_objects_whole(anybody: Client) -> None:
    path = await new(anybody, body="Arri")
    row = (await anybody.get(path)).data
    assert (await anybody.put(path, {**row, "camera": {"lens": "50"}})).data["camera"]["body"] is None
    operations = [{"op": "replace", "path": "/camera/offset/frames", "value": 3}]
    patch = {"content_type": "application/json-patch+json"}
    assert (await anybody.patch(path, operations, **patch)).data["camera"]["offset"] == {"frames": 3}
    refused = await anybody.patch(path, [{"op": "remove", "path": "/camera/lens"}], **patch)
    assert problems(refused) == {("camera.lens", "REQUIRED_FIELD")}


async def test_code_of_the_product_has_instances(anybody: Client) -> None:
    path = await new(anybody, tags=["high"])
    turned = (await anybody.post(f"{path}/turn")).data["camera"]
    assert turned == {**CAMERA, "lens": "70.0", "taken": "2026-01-02", "offset": {"frames": 1}}
    assert Offset() == Offset(frames=0) != Offset(frames=1)
    assert len({Offset(), Offset(frames=0), Offset(frames=1)}) == 2
    with pytest.raises(AttributeError, match="assign another one"):
        Offset().frames = 3  # type: ignore[misc]
    with pytest.raises(TypeError, match="Did you mean 'frames'"):
        Offset(frame=3)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="needs 'lens'"):
        Camera()  # type: ignore[call-arg]


async def test_an_object_can_be_hidden_whole(anybody: Client) -> None:
    made = await anybody.post("/api/v1/secrets", {})
    assert made.data["at"] is None
    admin = await anybody.sign_up("root", role="admin")
    assert (await admin.get(f"/api/v1/secrets/{made.data['id']}")).data["at"] == {"frames": 3}


async def test_the_document_describes_the_members(anybody: Client) -> None:
    described = Described(APP.openapi(), ["Plate"])
    path = await new(anybody)
    for reply in (await anybody.get(path), await anybody.patch(path, {"camera": {"lens": None}})):
        method = "GET" if reply.status == 200 else "PATCH"
        described.check(method, path, reply.status, reply.headers, reply.body)
    schemas = described.document["components"]["schemas"]
    assert schemas["PlateCreate"]["properties"]["camera"]["required"] == ["lens"]
    assert "required" not in schemas["PlatePatch"]["properties"]["camera"]
    assert schemas["Plate"]["properties"]["raisedAt"]["readOnly"]


# -- stamps -----------------------------------------------------------------------------------------------


async def test_a_moment_is_set_by_the_write_that_brings_it_about(anybody: Client) -> None:
    path = await new(anybody)
    assert (await anybody.get(path)).data["raisedAt"] is None
    raised = (await anybody.patch(path, {"level": "high"})).data
    assert raised["raisedAt"] == raised["firstRaisedAt"] == raised["updatedAt"]
    renamed = (await anybody.patch(path, {"name": "B"})).data
    assert renamed["raisedAt"] == raised["raisedAt"]
    lowered = (await anybody.patch(path, {"level": "low"})).data
    assert (lowered["raisedAt"], lowered["firstRaisedAt"]) == (None, raised["raisedAt"])
    again = (await anybody.patch(path, {"level": "high"})).data
    assert again["raisedAt"] == again["updatedAt"] > again["firstRaisedAt"]
    at_once = (await anybody.post("/api/v1/plates", {"name": "C", "level": "high"})).data
    assert at_once["raisedAt"] == at_once["createdAt"]


async def test_clients_do_not_set_it_and_code_of_the_product_may(anybody: Client) -> None:
    moment = dt.datetime(2025, 5, 1, tzinfo=dt.UTC)
    sent = {"name": "A", "raisedAt": "2025-05-01T00:00:00Z"}
    assert problems(await anybody.post("/api/v1/plates", sent)) == {("raisedAt", "READ_ONLY_FIELD")}

    async def add(tx: Tx) -> str:
        plate = Plate(name="Old", level=Level.HIGH, raised_at=moment)
        return (await tx.create(plate)).id

    id = await anybody.running.engine.transact(Call.system(), add)
    plate = (await anybody.get(f"/api/v1/plates/{id}")).data
    assert plate["raisedAt"] == "2025-05-01T00:00:00.000000Z"
    assert plate["firstRaisedAt"] == plate["createdAt"]


async def test_of_those_who_write_at_once_each_changes_its_own_member(anybody: Client) -> None:
    path = await new(anybody)
    patches = ({"body": "Arri"}, {"offset": {"frames": 7}}, {"level": "high"})
    replies = await asyncio.gather(*(anybody.patch(path, {"camera": patch}) for patch in patches))
    assert {reply.status for reply in replies} == {200}
    wanted = {**CAMERA, "body": "Arri", "offset": {"frames": 7}, "level": "high"}
    assert (await anybody.get(path)).data["camera"] == wanted

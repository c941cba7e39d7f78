"""Declared expressions give on both stores what their words say."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from headwater import Expression, Field, Resource, Role, Tx, allow, case, coalesce, desc, field, mask
from headwater.app import open_store
from headwater.base.call import Actor, Call
from headwater.base.config import Config
from headwater.base.observe import Observers
from headwater.declare import build
from headwater.engine.engine import Engine
from headwater.engine.migrate import create_all
from headwater.ir.command import Create
from headwater.ir.query import Query
from tests.spec.rest_world import open_world
from tests.typing.accepted import production as p

MODEL = build(p.RESOURCES, p.ROLES)


@pytest.fixture
async def engine(store_url: str) -> AsyncIterator[Engine]:
    """Two projects; in Swan the task Light with two time logs, and Sub below it without anything."""
    store = open_store(Config(database_url=store_url), Observers())
    engine = Engine(MODEL, store, secret=b"s" * 32)
    # Before the store opens: two SQLite libraries with one file open in one process undo each other's locks.
    await create_all(engine.schema, store.url)
    await store.open()

    async def fill(tx: Tx) -> None:
        ada = await tx.create(p.Person(name="Ada"))
        bees = await tx.create(p.Project(code="BEE", name="Bees"))
        swan = await tx.create(p.Project(code="SWA", name="Swan", tags=["a", "b"]))
        await tx.create(p.Membership(project=swan, person=ada, role="supervisor"))
        asset = await tx.create(p.Asset(project=swan, name="Tree"))
        light = await tx.create(
            p.Task(title="Light", project=swan, artist=ada, asset=asset, bid=Decimal("3.5"),
                   deadline=datetime(2026, 1, 1, tzinfo=UTC))
        )  # fmt: skip
        await tx.create(p.Task(title="Sub", project=swan, asset=asset, parent=light))
        await tx.create(p.Task(title="Buzz", project=bees, asset=asset))
        for day, hours in ((2, "1.25"), (3, "1.15")):
            log = p.TimeLog(task=light, person=ada, hours=Decimal(hours), day=date(2026, 1, day))
            await tx.create(log)

    await engine.transact(Call.system(), fill)
    yield engine
    await store.close()


async def rows(engine: Engine, resource: str, name: str) -> dict[str, dict[str, Any]]:
    answer = await engine.read(Call.system(), Query(resource))
    return {row[name]: row for row in map(json.loads, answer.rows)}


async def test_computed_fields(engine: Engine) -> None:
    tasks = await rows(engine, "Task", "title")
    wanted = ("spent", "longest", "mean", "isLate", "weight")
    assert [tasks["Light"][name] for name in wanted] == ["2.40", "1.25", "1.200", True, 3]
    assert [tasks["Sub"][name] for name in wanted] == ["0.00", None, "0.000", False, 1]
    projects = await rows(engine, "Project", "code")
    assert (projects["SWA"]["taskCount"], projects["SWA"]["hours"]) == (2, "2.40")
    assert (projects["BEE"]["taskCount"], projects["BEE"]["hours"]) == (1, "0.00")


PREDICATES: list[tuple[Expression[bool], set[str]]] = [
    (p.Task.title == "Light", {"Light"}),
    (p.Task.title != "Light", {"Sub", "Buzz"}),
    (p.Task.title.contains("U") & ~p.Task.title.starts_with("s"), {"Buzz"}),
    (p.Task.artist.is_null(), {"Sub", "Buzz"}),
    (p.Task.deadline != datetime(2026, 1, 1, tzinfo=UTC), {"Sub", "Buzz"}),
    (p.Task.project == "SWA", {"Light", "Sub"}),
    (p.Task.project.in_(["BEE"]), {"Buzz"}),
    (p.Task.project.name.in_(["Bees", "Swan"]), {"Light", "Sub", "Buzz"}),
    (p.Task.project.tags.has("b"), {"Light", "Sub"}),
    (p.Task.project.crew.any(p.Person.name == "Ada"), {"Light", "Sub"}),
    (p.Task.project.members.none(), {"Buzz"}),
    (p.Task.project.members.every(p.Membership.role == "supervisor"), {"Light", "Sub", "Buzz"}),
    (p.Task.logs.any(p.TimeLog.hours > Decimal("1.2")), {"Light"}),
    (p.Task.subtasks.count() == 1, {"Light"}),
    (p.TimeLog.count(where=p.TimeLog.task == p.Task.id) > 1, {"Light"}),
    (p.TimeLog.day.max(where=p.TimeLog.task == p.Task.id) == date(2026, 1, 3), {"Light"}),
    (p.Task.is_late, {"Light"}),
    (~p.Task.is_late, {"Sub", "Buzz"}),
    (p.Task.bid * Decimal("1.5") - p.Task.bid >= Decimal("1.75"), {"Light"}),
    (Decimal(4) - p.Task.bid <= Decimal("0.5"), {"Light"}),
    (p.Task.bid + p.Task.spent == Decimal("5.9"), {"Light"}),
    (case(p.Task.is_late, 2, 1) == 2, {"Light"}),
    (coalesce(p.Task.logs.max(p.TimeLog.hours), Decimal(7)) == Decimal(7), {"Sub", "Buzz"}),
    (coalesce(p.Task.logs.max(p.TimeLog.hours), Decimal(8)) == Decimal(7), set()),
    (p.Task.status.in_([p.Status.NOT_STARTED]), {"Light", "Sub", "Buzz"}),
]


async def test_predicates(engine: Engine) -> None:
    async def check(tx: Tx) -> None:
        for where, titles in PREDICATES:
            assert {task.title for task in await tx.select(p.Task, where)} == titles, where

    await engine.transact(Call.system(), check)


async def test_an_order_takes_references_and_descending_fields(engine: Engine) -> None:
    async def ordered(tx: Tx) -> list[str]:
        return [t.title for t in await tx.select(p.Task, sort=[p.Task.project, desc(p.Task.title)])]

    assert await engine.transact(Call.system(), ordered) == ["Buzz", "Sub", "Light"]


class Parcel(Resource):
    """Sent by one, for another; a clerk sees what is sent by them, others what is for them."""

    sender: Field[str] = field(max_length=20)
    receiver: Field[str] = field(max_length=20)
    worth: Field[int] = field(default=1)


allow(
    Parcel,
    "read",
    when=lambda actor: case(actor.has_role("clerk"), Parcel.sender, Parcel.receiver) == actor.id,
)
mask(Parcel.worth, unless=lambda actor: (Parcel.worth < 10) != actor.has_role("clerk"))
PARCELS = build([Parcel], [Role("clerk")])


async def test_a_role_can_be_asked_for_within_any_expression(store_url: str) -> None:
    async with open_world(store_url, PARCELS) as world:
        for receiver, worth in (("bob", 5), ("bob", 50), ("ada", 5)):
            values = {"sender": "ada", "receiver": receiver, "worth": worth}
            await world.engine.run(Call.system(), Create("Parcel", values))

        async def seen(*roles: str, id: str = "ada") -> list[Any]:
            reply = await world.acting_as(Actor(id, roles=frozenset({"guest", "user", *roles}))).get(
                "/api/v1/parcels?fields=worth&sort=createdAt"
            )
            assert reply.status == 200, reply.body
            return [row["worth"] for row in reply.data]

        assert await seen("clerk") == [None, 50, None]
        assert await seen() == [5]
        assert await seen(id="bob") == [5, None]
        assert await seen("clerk", id="bob") == []

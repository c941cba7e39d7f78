"""GET reports: questions that an author's function answers, for those who may ask, by rights that are declared."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any
from unittest.mock import patch

import msgspec
import pytest

from headwater import (
    Fault,
    Field,
    OptRef,
    Reader,
    Ref,
    Resource,
    Role,
    Tx,
    allow,
    desc,
    field,
    key,
    mask,
    optref,
    ref,
    report,
    state,
)
from headwater.base.call import Actor, Call
from headwater.declare import build
from headwater.engine.caller import Caller
from headwater.ir.query import Ask
from tests.spec.rest_world import World, open_world

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Mood(StrEnum):
    CALM = "calm"
    VERY_WILD = "very_wild"


class Ship(Resource):
    """A ship."""

    code: Field[str] = key(pattern=r"[A-Z]{2}")
    name: Field[str] = field()
    open: Field[bool] = field(default=True)


class Voyage(Resource):
    """A voyage of a ship."""

    ship: Ref[Ship] = ref()
    captain: OptRef[Ship] = optref(default=None)
    mood: Field[Mood] = state(default=Mood.CALM, moves={})
    miles: Field[int] = field(default=0)
    cost: Field[Decimal] = field(default=Decimal(0), places=2)
    toll: Field[int] = field(default=3)
    secret: Field[bool] = field(default=False)
    left: Field[datetime | None] = field(default=None)
    back: Field[datetime | None] = field(default=None)


class Span(StrEnum):
    LAST_YEAR = "last_year"
    ALL_TIME = "all_time"


@dataclass
class ByMood:
    calm: int
    very_wild: int


class Distance(msgspec.Struct):
    """How far and for how much."""

    ship_code: str
    time_span: Span
    total_miles: int
    total_cost: Decimal
    longest_time: timedelta | None
    of_moods: ByMood
    as_of: datetime
    per_day: dict[str, float]
    last_left: datetime | None = None


allow(Ship, "read", when=lambda actor: Ship.open == True)  # noqa: E712
allow(Voyage, "read", when=lambda actor: Voyage.secret == False)  # noqa: E712
mask(Voyage.cost, unless=lambda actor: (Voyage.mood == Mood.VERY_WILD) | actor.has_role("purser"))
mask(Voyage.toll, unless="purser")
for resource in (Ship, Voyage):
    allow(resource, "read", "create", "update", "delete", to="editor")


async def _distance(ship: Ship, reader: Reader, span: Span) -> Distance:
    mine = Voyage.ship == ship.id
    miles, cost, longest, last = await reader.aggregate(
        Voyage.miles.sum(),
        Voyage.cost.sum(),
        (Voyage.back - Voyage.left).max(),
        Voyage.left.max(),
        where=mine,
    )
    moods = dict(await reader.group(Voyage.mood, Voyage.count(), where=mine))
    return Distance(
        ship_code=ship.code,
        time_span=span,
        total_miles=miles,
        total_cost=cost,
        longest_time=longest,
        of_moods=ByMood(moods.get(Mood.CALM, 0), moods.get(Mood.VERY_WILD, 0)),
        as_of=NOON,
        per_day={"2026-03-02": 1.0},
        last_left=last,
    )


@report(Ship, when=lambda actor: Ship.name != "Ghost", max_age=timedelta(minutes=1))
async def distance(ship: Ship, reader: Reader, *, time_span: Span = Span.ALL_TIME) -> Distance:
    """How far a ship has gone."""
    return await _distance(ship, reader, time_span)


@report(Ship, to="purser", rights="product")
async def true_distance(ship: Ship, reader: Reader) -> Distance:
    """How far it has gone indeed."""
    return await _distance(ship, reader, Span.ALL_TIME)


class Found(msgspec.Struct):
    moods: list[Mood]
    day: date | None
    most: int
    name: str | None
    exact: bool
    price: Decimal | None


@report(Voyage, to="user")
async def echo(
    reader: Reader,
    *,
    day: date,
    moods: list[Mood] = [Mood.CALM],  # noqa: B006 - it is copied
    most: Annotated[int, msgspec.Meta(ge=1, le=10, description="At most so many.", examples=[7])] = 5,
    name: Annotated[str, msgspec.Meta(min_length=2)] | None = None,
    exact: bool = False,
    price: Decimal | None = None,
) -> Found:
    """What was asked for."""
    return Found(moods, day, most, name, exact, price)


@report()
async def captains(reader: Reader) -> dict[str, int]:
    """Who sails how often; for those whom a permission lets."""
    return {str(ship): count for ship, count in await reader.group(Voyage.ship.id, Voyage.count())}


@report(to="guest")
async def drift(reader: Reader, *, days: list[int] = [1]) -> list[int]:  # noqa: B006 - it is copied
    """Days, and one more."""
    days.append(days[-1] + 1)
    return days


@report(to="guest")
async def trouble(reader: Reader, *, kind: str = "fault") -> list[int]:
    """What goes wrong."""
    match kind:
        case "fault":
            raise Fault("RULE_VIOLATION", "There are rough seas.")
        case "bug":
            raise ValueError("a secret")
        case "slow":
            await asyncio.sleep(30)
        case "own":
            raise TimeoutError("of another thing")
        case "wrong":
            return ["one"]  # type: ignore[list-item]
        case "change":
            (await reader.select(Ship))[0].name = "Other"
    return []


MODEL = build(
    [Ship, Voyage],
    [
        Role("purser"),
        Role("counter", permissions=["captains:reports"]),
        Role("writer", permissions=["write:*"]),
    ],
    [captains, drift, trouble],
)
USER = Actor("user_1", roles=frozenset({"guest", "user"}))
PURSER = Actor("user_2", roles=frozenset({"guest", "user", "purser"}))
COUNTER = Actor("user_3", roles=frozenset({"guest", "user"}), permissions=frozenset({"captains:reports"}))
WRITER = Actor("user_4", roles=frozenset({"guest", "user"}), permissions=frozenset({"write:*"}))


@pytest.fixture
async def world(store_url: str) -> AsyncIterator[World]:
    async with open_world(store_url, MODEL) as opened:

        async def fill(tx: Tx) -> None:
            for code, name, is_open in (("AA", "Argo", True), ("BB", "Ghost", True), ("CC", "Hidden", False)):
                await tx.create(Ship(code=code, name=name, open=is_open))
            for number in range(6):
                await tx.create(
                    Voyage(
                        ship="AA" if number < 5 else "CC",
                        mood=Mood.VERY_WILD if number == 1 else Mood.CALM,
                        miles=10**number,
                        cost=Decimal(number),
                        secret=number == 4,
                        left=None if number == 0 else NOON - timedelta(days=number, microseconds=999_999),
                        back=None if number == 2 else NOON,
                    )
                )

        await opened.engine.transact(Call.system(), fill)
        yield opened


async def test_a_report_answers_in_camel_case_what_the_caller_may_see(world: World) -> None:
    """Hidden rows are not counted, and what is masked is not added up."""
    reply = await world.acting_as(USER).get("/api/v1/ships/AA/distance?timeSpan=last_year")
    assert reply.status == 200, reply.body
    assert reply.data == {
        "shipCode": "AA", "timeSpan": "last_year", "totalMiles": 1111, "totalCost": "1.00",
        "longestTime": "PT259200.999999S", "ofMoods": {"calm": 3, "veryWild": 1},
        "asOf": "2026-03-02T12:00:00.000000Z", "perDay": {"2026-03-02": 1.0},
        "lastLeft": "2026-03-01T11:59:59.000001Z",
    }  # fmt: skip
    purser = await world.acting_as(PURSER).get("/api/v1/ships/AA/distance")
    assert (purser.data["totalMiles"], purser.data["totalCost"]) == (1111, "6.00")


async def test_the_author_can_read_with_the_rights_of_the_product(world: World) -> None:
    reply = await world.acting_as(PURSER).get("/api/v1/ships/AA/true-distance")
    assert (reply.status, reply.data["totalMiles"], reply.data["totalCost"]) == (200, 11111, "10.00")


async def test_who_may_ask_is_said_by_the_report_and_closed_otherwise(world: World) -> None:
    async def status(actor: Actor | None, path: str) -> tuple[int, str | None]:
        asking = world.as_nobody() if actor is None else world.acting_as(actor)
        reply = await asking.get(f"/api/v1/{path}")
        return reply.status, None if reply.status == 200 else reply.error["code"]

    denied, unknown, anonymous = "INSUFFICIENT_PERMISSIONS", "RESOURCE_NOT_FOUND", "AUTHENTICATION_REQUIRED"
    assert await status(USER, "ships/BB/distance") == (403, denied)
    assert await status(USER, "ships/CC/distance") == (404, unknown)
    assert await status(USER, "ships/ZZ/distance") == (404, unknown)
    assert await status(None, "ships/AA/distance") == (401, anonymous)
    assert await status(USER, "ships/AA/true-distance") == (403, denied)
    assert await status(WRITER, "ships/AA/true-distance") == (403, denied)
    assert await status(USER, "voyages/echo?day=2026-01-01") == (200, None)
    assert await status(None, "voyages/echo?day=2026-01-01") == (401, anonymous)
    assert await status(USER, "reports/captains") == (403, denied)
    assert await status(WRITER, "reports/captains") == (403, denied)
    assert await status(COUNTER, "reports/captains") == (200, None)
    assert await status(None, "reports/captains") == (401, anonymous)
    assert await status(None, "reports/trouble?kind=none") == (200, None)
    reply = await world.acting_as(USER).get("/api/v1/reports/captains")
    assert reply.error["details"][0]["requiredPermission"] == "captains:reports"
    reply = await world.acting_as(USER).get("/api/v1/ships/AA/true-distance")
    assert reply.error["details"][0]["requiredPermission"] == "true_distance:ships"


async def test_the_parameters_are_typed(world: World) -> None:
    asking = world.acting_as(USER)
    reply = await asking.get("/api/v1/voyages/echo?day=2026-02-28")
    assert reply.data == {
        "moods": ["calm"], "day": "2026-02-28", "most": 5, "name": None, "exact": False, "price": None
    }  # fmt: skip
    reply = await asking.get(
        "/api/v1/voyages/echo?day=2026-02-28&moods=very_wild&moods=calm&most=10&name=Io&exact=true&price=1.50"
    )
    assert reply.data == {
        "moods": ["very_wild", "calm"], "day": "2026-02-28", "most": 10, "name": "Io", "exact": True,
        "price": "1.500000000",
    }  # fmt: skip


async def test_every_problem_of_a_question_is_told_at_once(world: World) -> None:
    reply = await world.acting_as(USER).get(
        "/api/v1/voyages/echo?moods=clam&most=11&name=I&exact=yes&price=x&mots=1&most=2"
    )
    assert (reply.status, reply.error["code"]) == (400, "INVALID_PARAMETER")
    told = {d["parameter"]: d["message"] for d in reply.error["details"]}
    assert told.keys() == {"moods", "most", "name", "exact", "price", "mots", "day"}
    assert told["mots"] == "There is no parameter `mots`; did you mean `most`?"
    assert "Did you mean `calm`?" in told["moods"]
    assert told["day"] == "`day` is missing."
    assert told["most"] == "`most` is given more than once."
    reply = await world.acting_as(USER).get("/api/v1/ships/AA/true-distance?x=1")
    assert (reply.status, reply.error["message"]) == (400, "`x` means nothing here; leave it out.")


async def test_what_a_report_does_to_a_default_ends_with_the_answer(world: World) -> None:
    for _ in range(2):
        reply = await world.acting_as(USER).get("/api/v1/reports/drift")
        assert reply.data == [1, 2]


async def test_names_may_be_in_snake_case(world: World) -> None:
    reply = await world.acting_as(USER).get("/api/v1/ships/AA/distance?time_span=last_year")
    assert reply.data["timeSpan"] == "last_year"
    reply = await world.acting_as(USER).get("/api/v1/ships/AA/distance?TIMESPAN=last_year")
    assert reply.status == 400


async def test_an_answer_can_be_kept_and_asked_for_again(world: World) -> None:
    asking = world.acting_as(USER)
    reply = await asking.get("/api/v1/ships/AA/distance")
    assert reply.headers["cache-control"] == "private, max-age=60"
    assert reply.headers["vary"] == "Authorization"
    again = await asking.get("/api/v1/ships/AA/distance", if_none_match=reply.headers["etag"])
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", reply.headers["etag"])
    assert again.headers["cache-control"] == "private, max-age=60"
    changed = await world.ask("POST", "/api/v1/voyages", {"shipId": "AA", "miles": 1})
    assert changed.status == 201
    later = await asking.get("/api/v1/ships/AA/distance", if_none_match=reply.headers["etag"])
    assert (later.status, later.data["totalMiles"]) == (200, 1112)
    echoed = await asking.get("/api/v1/voyages/echo?day=2026-01-01")
    assert echoed.headers["cache-control"] == "private, no-cache"


async def test_what_goes_wrong_in_a_report(world: World) -> None:
    """A declared refusal is told; anything else is a 500 without a word of it."""
    reply = await world.get("/api/v1/reports/trouble")
    assert (reply.status, reply.error["code"], reply.error["message"]) == (
        422, "RULE_VIOLATION", "There are rough seas.",
    )  # fmt: skip
    for kind in ("bug", "own", "wrong", "change"):
        reply = await world.get(f"/api/v1/reports/trouble?kind={kind}")
        assert (reply.status, reply.error["code"]) == (500, "INTERNAL_ERROR")
        assert reply.error["requestId"].startswith("req_")
        assert b"secret" not in reply.body
    assert (await world.get("/api/v1/ships/AA")).data["name"] == "Argo"


async def test_a_deadline_holds(world: World) -> None:
    call = Call(actor=USER, deadline=time.monotonic() + 0.05)
    with pytest.raises(Fault) as refused:
        await world.engine.ask(call, Ask("trouble", arguments={"kind": "slow"}))
    assert refused.value.code == "DEADLINE_EXCEEDED"


async def test_a_mounted_application_is_told_what_permissions_open(world: World) -> None:
    """To write is not to ask for reports, as for the API."""

    def may(actor: Actor, permission: str, scopes: set[str] | None = None) -> bool:
        narrowed = None if scopes is None else frozenset(scopes)
        return Caller(world.engine, Call(actor=actor, scopes=narrowed)).may(permission)

    for permission in ("captains:reports", "distance:ships"):
        assert not may(WRITER, permission)
    for permission in ("update:ships", "sail:boats", "print:reports"):
        assert may(WRITER, permission)
        assert not may(WRITER, permission, {"read:*"})
    assert may(COUNTER, "captains:reports")
    assert not may(COUNTER, "captains:reports", {"write:*"})
    assert not may(WRITER, "read:ships")


async def test_other_methods_are_refused(world: World) -> None:
    reply = await world.ask("POST", "/api/v1/ships/AA/distance", {})
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    head = await world.acting_as(USER).ask("HEAD", "/api/v1/ships/AA/distance")
    assert (head.status, head.body) == (200, b"")


def test_the_document_tells_of_reports(world_document: dict[str, Any]) -> None:
    paths = world_document["paths"]
    told = paths["/api/v1/voyages/echo"]["get"]
    named = {p["name"]: p for p in told["parameters"] if "name" in p}
    assert named["day"]["required"] is True
    assert named["most"] == {
        "name": "most", "in": "query", "description": "At most so many.", "example": 7,
        "schema": {"type": "integer", "format": "int64", "minimum": 1, "maximum": 10, "default": 5},
    }  # fmt: skip
    assert named["moods"]["schema"]["items"] == {"type": "string", "enum": ["calm", "very_wild"]}
    assert told["x-permission"] == "echo:voyages"
    assert told["security"] == [{"bearer": []}]
    answer = paths["/api/v1/ships/{id}/distance"]["get"]["responses"]["200"]["content"]["application/json"]
    assert answer["schema"]["properties"]["data"] == {"$ref": "#/components/schemas/Distance"}
    distance = world_document["components"]["schemas"]["Distance"]
    assert list(distance["properties"])[:3] == ["shipCode", "timeSpan", "totalMiles"]
    assert distance["required"] == list(distance["properties"])
    name = answer["examples"]["example"]["$ref"].rpartition("/")[2]
    assert world_document["components"]["examples"][name]["value"]["data"]["ofMoods"] == {
        "calm": 1,
        "veryWild": 1,
    }
    assert paths["/api/v1/reports/trouble"]["get"]["security"] == [{}, {"bearer": []}]
    assert paths["/api/v1/ships/{id}/distance"]["get"]["parameters"][-1]["example"] == "all_time"


@pytest.fixture
async def world_document(tmp_path: Any) -> dict[str, Any]:
    async with open_world(f"sqlite:///{tmp_path / 'x.db'}", MODEL) as opened:
        return opened.described.document


# -- what the reader gives -------------------------------------------------------------------------------------


def reader(world: World, actor: Actor | None = None) -> Reader:
    """A reader with the rights of an actor, or of the product."""
    guard = world.engine.guard
    call = Call.system() if actor is None else Call(actor=actor)
    return Reader(world.engine, call, None if actor is None else guard.rules(call))


async def test_numbers_about_rows(world: World) -> None:
    """Every function, over fields and what is worked out of them, with conditions of their own, by one statement."""
    reading = reader(world)
    calm = Voyage.mood == Mood.CALM
    assert await reading.aggregate(
        Voyage.count(),
        Voyage.count(where=calm),
        Voyage.left.count(),
        Voyage.mood.count_distinct(),
        Voyage.miles.sum(where=calm),
        Voyage.miles.avg(),
        Voyage.cost.avg(where=Voyage.miles > 10),
        (Voyage.back - Voyage.left).avg(where=calm),
        where=Voyage.ship == "AA",
    ) == (5, 4, 4, 2, 11101, 2222.2, Decimal("3.00"), timedelta(days=3.5, microseconds=999_999))
    nothing = Voyage.miles < 0
    assert await reading.aggregate(
        Voyage.miles.sum(), Voyage.cost.min(), Voyage.miles.avg(), Voyage.left.max(), where=nothing
    ) == (0, None, None, None)


async def test_groups_come_typed_and_in_order(world: World) -> None:
    reading = reader(world)
    found = await reading.group(Voyage.mood, Voyage.count(), sort=[desc(Voyage.count())])
    assert found == [(Mood.CALM, 5), (Mood.VERY_WILD, 1)]
    assert all(isinstance(mood, Mood) for mood, _ in found)
    assert await reading.group(Voyage.ship.name, Voyage.secret, Voyage.cost.sum()) == [
        ("Argo", False, Decimal("6.00")), ("Argo", True, Decimal("4.00")), ("Hidden", False, Decimal("5.00")),
    ]  # fmt: skip
    assert await reading.group(Voyage.ship.id, Voyage.count(), sort=[desc(Voyage.ship.id)], limit=1) == [
        ("CC", 1)
    ]
    assert await reading.group(Voyage.left, Voyage.count(), where=Voyage.left.is_null()) == [(None, 1)]


async def test_values_are_those_of_the_rows(world: World) -> None:
    """The same rows as `select` finds, in the same order, with what their references lead to, by one statement."""
    reading = reader(world)
    rows = await reading.select(Voyage, Voyage.miles > 0, sort=[desc(Voyage.miles)])
    assert len(rows) > 2
    fetched = []
    fetch = world.engine.fetch
    with patch.object(world.engine, "fetch", lambda *asked: fetched.append(asked) or fetch(*asked)):
        found = await reading.values(
            Voyage.id,
            Voyage.mood,
            Voyage.cost,
            Voyage.left,
            Voyage.secret,
            Voyage.ship.id,
            Voyage.captain.name,
            where=Voyage.miles > 0,
            sort=[desc(Voyage.miles)],
        )
    assert len(fetched) == 1
    names = {ship.code: ship.name for ship in await reading.select(Ship)}
    assert found == [
        (v.id, v.mood, v.cost, v.left, v.secret, v.ship, names.get(v.captain or "")) for v in rows
    ]
    assert all(isinstance(row[1], Mood) for row in found)
    assert await reading.values(Voyage.id, where=Voyage.miles < 0) == []
    assert await reading.values(Voyage.id, limit=2) == [
        (v.id,) for v in await reading.select(Voyage, limit=2)
    ]


async def test_values_are_found_from_what_the_rows_refer_to(world: World) -> None:
    """The voyages of a ship are not looked for among those of all ships."""
    (plan,) = await planned(world, Voyage.id, where=Voyage.ship.name == "Argo")
    assert "IN (SELECT" in plan.sql


async def planned(world: World, *columns: Any, where: Any) -> list[Any]:
    """The plans that a question of a reader's has made."""
    before = dict(world.engine._plans)
    await reader(world).values(*columns, where=where)
    return [plan for key, plan in world.engine._plans.items() if key not in before]


async def test_the_rights_of_the_caller_hold_in_all_that_is_read(world: World) -> None:
    mine, all_of = reader(world, USER), reader(world)
    assert [ship.code for ship in await mine.select(Ship)] == ["AA", "BB"]
    assert [ship.code for ship in await all_of.select(Ship)] == ["AA", "BB", "CC"]
    assert await mine.find(Ship, Ship.name == "Hidden") is None
    with pytest.raises(Fault, match="RESOURCE_NOT_FOUND"):
        await mine.get(Ship, "CC")
    assert [v.cost for v in await mine.select(Voyage, sort=[Voyage.miles])] == [None, 1, None, None, None]
    assert [v.toll for v in await mine.select(Voyage, Voyage.miles == 1)] == [None]
    assert await mine.values(Voyage.cost, sort=[Voyage.miles]) == [(None,), (1,), (None,), (None,), (None,)]
    assert await mine.values(Ship.id, where=Ship.name == "Hidden") == []
    with pytest.raises(Fault, match="You may not read toll"):
        await mine.values(Voyage.toll)
    # What leads to a hidden row leads nowhere.
    ships = await mine.values(Voyage.ship.name)
    assert sorted(name or "" for (name,) in ships) == ["", "Argo", "Argo", "Argo", "Argo"]
    assert await mine.group(Voyage.ship.name, Voyage.count()) == [(None, 1), ("Argo", 4)]
    assert await mine.aggregate(Voyage.count(), where=Voyage.ship.name == "Hidden") == (0,)
    with pytest.raises(Fault, match="You may not read toll"):
        await mine.aggregate(Voyage.toll.sum())


async def test_the_statement_is_planned_once_whatever_the_constants(world: World) -> None:
    reading = reader(world)
    plans = world.engine._plans
    before = len(plans)
    for miles in range(5):
        count = Voyage.count(where=(Voyage.miles > miles) & (Voyage.left < NOON - timedelta(days=miles)))
        await reading.aggregate(count, Voyage.count(), where=Voyage.miles >= miles)
    assert len(plans) == before + 1


async def test_what_cannot_be_asked_is_the_authors_mistake(world: World) -> None:
    reading = reader(world)
    with pytest.raises(TypeError, match="fields group in `group`"):
        await reading.aggregate(Voyage.mood)
    with pytest.raises(TypeError, match="of one resource"):
        await reading.aggregate(Voyage.count(), Ship.count())
    with pytest.raises(TypeError, match="named twice"):
        await reading.aggregate(Voyage.count(), Voyage.count())
    with pytest.raises(TypeError, match="Fields come first"):
        await reading.group(Voyage.count(), Voyage.mood)
    with pytest.raises(TypeError, match="not among the columns"):
        await reading.group(Voyage.mood, Voyage.count(), sort=[Voyage.miles])
    with pytest.raises(TypeError, match="of one resource"):
        await reading.values(Voyage.id, Ship.id)
    for column in (Voyage.count(), Voyage.ship, 7):
        with pytest.raises(TypeError, match="no field of a row"):
            await reading.values(column)
    row = (await reading.select(Ship, limit=1))[0]
    with pytest.raises(AttributeError, match="read by a Tx"):
        row.name = "Other"

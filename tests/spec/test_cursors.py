"""Cursors lead through a whole list: no row twice, none missed that was there throughout, no page dearer than another
(D16)."""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater import (
    Computed,
    Field,
    Many,
    OptRef,
    Ref,
    Resource,
    Tx,
    allow,
    computed,
    desc,
    field,
    index,
    many,
    mask,
    money,
    optref,
    ref,
)
from headwater import now as clock
from headwater.base.call import SYSTEM, Actor, Call
from headwater.declare import build
from headwater.engine.schema import Schema
from headwater.ir.command import Create, Delete
from headwater_products.production import Department, TaskStatus
from tests.bulk import insert
from tests.driver import touched_pages, watched_drivers
from tests.spec import production
from tests.spec.rest_world import World, open_world
from tests.stores import maintain

LONG = bool(os.environ.get("HEADWATER_TEST_LONG"))
TASKS = 100_000 if LONG else 5_000
EXAMPLES = 300 if LONG else 30


async def pages(world: World, target: str, rel: str = "next") -> AsyncIterator[list[dict[str, Any]]]:
    """The pages that a link leads through, from the one at `target`."""
    following: str | None = target
    while following is not None:
        reply = await world.get(following)
        assert reply.status == 200, reply.body
        yield reply.data
        following = reply.json["links"][rel]


# -- random rows, orders and sizes ----------------------------------------------------------------------------


class Mood(StrEnum):
    GOOD = "good"
    BAD = "bad"


class Thing(Resource):
    """A row with a field of each kind that has an order, most of them nullable."""

    count: Field[int | None] = field(default=None)
    ratio: Field[float | None] = field(default=None)
    price: Field[Decimal | None] = money(currency="EUR", default=None)
    length: Field[Decimal] = field(places=3)
    name: Field[str | None] = field(default=None, max_length=20)
    mood: Field[Mood | None] = field(default=None)
    good: Field[bool | None] = field(default=None)
    day: Field[date | None] = field(default=None)
    at: Field[datetime | None] = field(default=None)
    took: Field[timedelta | None] = field(default=None)
    parent: OptRef["Thing"] = optref(default=None)
    doubled: Computed[int | None] = computed(lambda: Thing.count + Thing.count)
    is_long: Computed[bool] = computed(lambda: Thing.length > 1)


index(Thing.day)
index(desc(Thing.count), Thing.mood)
index(Thing.parent, Thing.good, desc(Thing.created_at))
allow(Thing, "read", to="editor")
THINGS = build([Thing])
AT = datetime(2026, 1, 1, tzinfo=UTC)
VALUES: dict[str, list[Any]] = {
    "count": [None, 0, -1, 2**63 - 1, -(2**63)],
    "ratio": [None, 0.0, -0.5, 0.1, 1e300, 5e-324],
    "price": [None, Decimal("0.00"), Decimal("-0.01"), Decimal("90071992547409.93")],
    "length": [Decimal("0.000"), Decimal("1.001"), Decimal("-1.001")],
    "name": [None, "", "a", "A", "ä", "~", "\U0001f600", "\uffee", "a%"],
    "mood": [None, "good", "bad"],
    "good": [None, True, False],
    "day": [None, date(1, 1, 1), date(9999, 12, 31), date(2026, 1, 1)],
    "at": [
        None,
        AT,
        AT + timedelta(microseconds=1),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
    ],
    "took": [None, timedelta(0), timedelta(microseconds=-1), timedelta(days=10_000)],
}
KEYS = [*VALUES, "doubled", "is_long", "parent", "parent.name", "parent.count", "created_at", "id"]
INDEXED = [
    [("day", False)],
    [("count", True), ("mood", False)],
    [("parent", False), ("good", False), ("created_at", True)],
]


def value_of(rows: dict[str, dict[str, Any]], row: dict[str, Any], key: str) -> Any:
    """What a row is sorted by."""
    first, _, last = key.partition(".")
    if last:
        return None if row[first] is None else rows[row[first]][last]
    match key:
        case "doubled":
            return None if row["count"] is None else 2 * row["count"]
        case "is_long":
            return row["length"] > 1
    return row[key]


@st.composite
def lists(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[tuple[str, bool]], int]:
    """Rows, an order, and the size of a page."""
    rows: list[dict[str, Any]] = []
    for number in range(draw(st.integers(0, 14))):
        row = {name: draw(st.sampled_from(values)) for name, values in VALUES.items()}
        if row["count"] is not None:
            row["count"] = row["count"] // 2
        earlier = [None, *(r["id"] for r in rows)]
        row |= {"id": f"thing_{number:026d}", "parent": draw(st.sampled_from(earlier)), "version": 1}
        row["created_at"] = row["updated_at"] = AT + timedelta(seconds=draw(st.integers(0, 1)))
        rows.append(row)
    keys = draw(st.lists(st.sampled_from(KEYS), max_size=4, unique=True))
    sort = [(key, draw(st.booleans())) for key in keys]
    if draw(st.booleans()):
        turned = draw(st.booleans())
        sort = [(key, descending != turned) for key, descending in draw(st.sampled_from(INDEXED))]
    return rows, sort, draw(st.integers(1, 6))


@pytest.fixture
async def things(store_url: str) -> AsyncIterator[World]:
    async with open_world(store_url, THINGS) as world:
        yield world


@settings(max_examples=EXAMPLES)
@given(drawn=lists())
async def test_the_pages_together_are_the_sorted_list_there_and_back(things: World, drawn: Any) -> None:
    rows, sort, limit = drawn
    store = things.engine.store

    async def empty(connection: Any) -> None:
        await connection.fetch("DELETE FROM things")

    await store.write(empty)
    if rows:
        await insert(store, Schema(THINGS, store.dialect), "Thing", rows)
    by_id = {row["id"]: row for row in rows}
    expected = list(rows)
    for key, descending in reversed([*sort, ("id", sort[-1][1] if sort else False)]):

        def rank(row: dict[str, Any], key: str = key) -> tuple[bool, Any]:
            value = value_of(by_id, row, key)
            return (value is not None, value)

        expected.sort(key=rank, reverse=descending)
    wanted = [row["id"] for row in expected]
    text = ",".join(("-" if descending else "") + key for key, descending in sort)
    target = f"/api/v1/things?fields=id&limit={limit}" + (f"&sort={text}" if text else "")
    there, last = [], target
    following: str | None = target
    while following is not None:
        reply = await things.get(following)
        assert reply.status == 200, reply.body
        there.append([row["id"] for row in reply.data])
        assert (reply.json["links"]["prev"] is None) == (len(there) == 1)
        last, following = following, reply.json["links"]["next"]
    assert [id for page in there for id in page] == wanted
    assert all(len(page) == limit for page in there[:-1])
    back = [[row["id"] for row in page] async for page in pages(things, last, "prev")]
    assert [id for page in reversed(back) for id in page] == wanted


# -- the clock ------------------------------------------------------------------------------------------------


class Hall(Resource):
    """Where tickets are sold, to whoever has a pass for it."""

    name: Field[str] = field(max_length=20)
    passes: Many["Pass"] = many(lambda: Pass.hall)


class Pass(Resource):
    """That somebody may see a hall's tickets for a time."""

    hall: Ref[Hall] = ref()
    person: Field[str] = field(max_length=60)
    until: Field[datetime] = field()


class Ticket(Resource):
    """A ticket, which ends at some time; its price is secret after that."""

    hall: Ref[Hall] = ref()
    ends: Field[datetime] = field()
    price: Field[int] = field(default=5)
    is_over: Computed[bool] = computed(lambda: Ticket.ends < clock())


def has_pass(actor: Any) -> Any:
    return Ticket.hall.passes.any((Pass.person == actor.id) & (Pass.until > clock()))


allow(Ticket, "read", when=has_pass)
mask(Ticket.price, unless=lambda actor: Ticket.ends > clock())
TICKETS = build([Hall, Pass, Ticket])
ADA = Actor("user_ada", roles=frozenset({"guest", "user"}))


@pytest.mark.parametrize("sort", ["id", "-isOver,id"])
async def test_a_cursor_keeps_the_list_and_no_right_that_has_ended(store_url: str, sort: str) -> None:
    async with open_world(store_url, TICKETS) as world:

        async def fill(tx: Tx) -> None:
            hall = await tx.create(Hall(name="Large"))
            await tx.create(Pass(hall=hall, person="user_ada", until=AT + timedelta(hours=2)))
            for _ in range(4):
                await tx.create(Ticket(hall=hall, ends=AT + timedelta(hours=1)))

        await world.engine.transact(Call(actor=SYSTEM, now=AT), fill)
        ada = world.acting_as(ADA)
        ada.now = AT
        target = f"/api/v1/tickets?fields=isOver,price&isOver=false&limit=1&sort={sort}"
        seen = {"isOver": False, "price": 5}
        first = await ada.get(target)
        assert first.data == [seen]
        ada.now = AT + timedelta(minutes=90)  # the ticket has ended, the pass holds
        second = await ada.get(first.json["links"]["next"])
        assert second.data == [seen | {"price": None}], second.body
        ada.now = AT + timedelta(hours=3)
        for rel in ("next", "prev"):
            assert (await ada.get(second.json["links"][rel])).data == []


@pytest.mark.parametrize("store_url", ["postgres"], indirect=True)
async def test_cursors_hold_whatever_way_the_server_writes_days(store_url: str) -> None:
    name = store_url.rpartition("/")[2].partition("?")[0]
    style = f"""ALTER DATABASE "{name}" SET DateStyle = 'German, DMY'"""
    await asyncio.to_thread(maintain, store_url, style)
    async with open_world(store_url, THINGS) as world:
        days = [date(2026, 1, 2), date(2026, 2, 1), date(2026, 12, 11)]

        async def fill(tx: Tx) -> None:
            for day in days:
                at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
                await tx.create(Thing(length=Decimal(1), day=day, at=at))

        await world.engine.transact(Call.system(), fill)
        for sort in ("day", "at"):
            found = [page async for page in pages(world, f"/api/v1/things?fields=day&limit=1&sort={sort}")]
            assert [row["day"] for page in found for row in page] == [str(day) for day in days]


# -- many rows ------------------------------------------------------------------------------------------------

IN_ONE_RANGE = [
    ("admin", "sort=id"),
    ("admin", "project=AA&sort=-createdAt"),
    ("admin", "project=AA&status=approved&sort=createdAt"),
    ("artist", "sort=-createdAt"),
    ("artist", "project=AA&sort=-createdAt"),
]
IN_RANGES = [
    ("admin", "sort=-shot"),
    ("admin", "sort=artist,status,-createdAt"),
    ("admin", "sort=-artist,-status,createdAt"),
    ("artist", "sort=status,-createdAt"),
]
"""Orders with nulls, or of mixed directions: what follows a cursor is several ranges of an index."""
DEARER = {"steps": 7.0, "custom": 2.5, "generic": 2.5}
"""How much more a page behind a cursor may cost in such an order, to choose among the ranges, however far it is."""


async def test_a_walk_under_inserts_and_deletes_misses_nothing(store_url: str) -> None:
    """Each page is read while rows appear and vanish, before the place where the walk is, and behind it."""
    draw = random.Random(2)
    async with open_world(store_url, production.MODEL) as world:
        engine = world.engine
        await production.fill(engine.store, {"AA": TASKS}, {"AA": ["artist"]})
        everything = [f"task_{n:026d}" for n in range(TASKS)]
        doomed = draw.sample(everything, TASKS // 10)
        artists = [None, *(production.ACTORS[name].id for name in production.PEOPLE)]
        gone: set[str] = set()
        made: list[str] = []

        async def disturb() -> None:
            if doomed and draw.random() < 0.6:
                id = doomed.pop()
                gone.add(id)
                await engine.run(Call(actor=SYSTEM), Delete("Task", id))
            at = production.START + timedelta(seconds=draw.randrange(TASKS // 3))
            values = {"project": "AA", "title": "New", "department": Department.FX, "artist": draw.choice(artists),
                      "status": draw.choice(list(TaskStatus)),
                      "shot": draw.choice([None, f"shot_{draw.randrange(5):026d}"])}  # fmt: skip
            made.append(str((await engine.run(Call(actor=SYSTEM, now=at), Create("Task", values))).key))

        unindexed = [
            ("admin", "status=approved&sort=-deadline,priority"),
            ("artist", "status=approved&sort=deadline,-title"),
        ]
        for name, query in [*IN_RANGES, *IN_ONE_RANGE[2:4], *unindexed]:
            there = "SELECT id FROM tasks" + (" WHERE status = 'approved'" if "status=" in query else "")
            before = {row[0] for row in await engine.store.read(there)}
            reader = world.acting_as(production.ACTORS[name])
            found: list[str] = []
            target: str | None = f"/api/v1/tasks?fields=id,status&limit=100&{query}"
            while target is not None:
                reply, _ = await asyncio.gather(reader.get(target), disturb())
                assert reply.status == 200, reply.body
                found += [row["id"] for row in reply.data]
                target = reply.json["links"]["next"]
            assert len(found) == len(set(found)), query
            assert before - gone <= set(found), query
            assert set(found) <= set(everything) | set(made)
        assert len(gone) > 50
        assert len(made) > 50


async def test_no_page_costs_more_than_the_first(store_url: str) -> None:
    """By steps of SQLite's virtual machine on all pages; by pages that PostgreSQL touches on some, under a plan that
    was made for the parameters and under one for any."""
    with watched_drivers() as driver:
        async with open_world(store_url, production.MODEL) as world:
            store = world.engine.store
            await production.fill(store, {"AA": TASKS}, {"AA": ["artist"]})
            for name, query in [*IN_ONE_RANGE, *IN_RANGES]:
                reader = world.acting_as(production.ACTORS[name])
                await reader.get(
                    "/api/v1/projects"
                )  # so that the schema, which has been analysed, is read again
                sent, steps, count = [], [], 0
                target: str | None = f"/api/v1/tasks?fields=id,title&limit=50&{query}"
                while target is not None:
                    driver.clear()
                    reply = await reader.get(target)
                    assert reply.status == 200, reply.body
                    count += len(reply.data)
                    sent.append(driver.sent[-1])
                    steps += driver.steps[-1:]
                    target = reply.json["links"]["next"]
                assert count == TASKS or "status=" in query
                if steps:
                    first, *others = steps
                    costs = {"steps": (first, others[-2], max(others))}
                else:
                    async with touched_pages(store_url) as measured:
                        middle = len(sent) // 2
                        some = [await measured.touched(sent[n]) for n in (0, 1, middle, -2, -1)]
                    costs = {
                        kind: (some[0][kind], some[-2][kind], max(s[kind] for s in some[1:]))
                        for kind in some[0]
                    }
                for kind, (first, last, dearest) in costs.items():
                    told = f"{name} {query}: {kind} {first}, last {last}, dearest {dearest}"
                    print(f"{told}, ratio {dearest / first:.2f}")
                    most = DEARER[kind] if (name, query) in IN_RANGES else 1.5
                    assert dearest <= most * first + 2, told

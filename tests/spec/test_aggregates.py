"""Summaries (D17): what they count and add up, on both databases the same, for each kind of field and person."""

import os
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater import (
    Computed,
    Field,
    Many,
    OptRef,
    Resource,
    allow,
    computed,
    field,
    key,
    many,
    money,
    optref,
)
from headwater.base.call import Actor
from headwater.declare import build
from headwater.engine.engine import Engine
from headwater.engine.schema import Schema
from headwater.ir import expr as e
from headwater.ir.model import Grant, Model
from tests.bulk import insert
from tests.spec.rest_world import World, open_world
from tests.spec.summaries import Wanted, summaries

EXAMPLES = 1000 if os.environ.get("HEADWATER_TEST_LONG") else 100
LARGEST = 2**63 - 1
DEC, CENTS = Decimal(LARGEST).scaleb(-9), Decimal(LARGEST).scaleb(-2)
AT = datetime(2026, 1, 31, 23, 59, tzinfo=UTC)


class Mood(StrEnum):
    GOOD = "good"
    BAD = "bad"


class Team(Resource):
    """Who does things together."""

    code: Field[str] = key(pattern=r"[A-Z]")
    name: Field[str | None] = field(default=None)
    rank: Field[int] = field(default=0)
    deeds: Many["Deed"] = many(lambda: Deed.team, init=False)
    total: Computed[int | None] = computed(lambda: Team.deeds.sum(Deed.number), init=False)
    finer: Computed[Decimal | None] = computed(lambda: Team.deeds.sum(Deed.whole), places=9, init=False)
    middle: Computed[Decimal | None] = computed(lambda: Team.deeds.avg(Deed.length), places=9, init=False)


class Deed(Resource):
    """A field of each kind."""

    team: OptRef[Team] = optref(default=None)
    owner: Field[str] = field(default="p1")
    name: Field[str | None] = field(default=None)
    number: Field[int | None] = field(default=None)
    small: Field[int] = field(default=0)
    ratio: Field[float | None] = field(default=None)
    length: Field[Decimal | None] = field(default=None, places=9)
    whole: Field[Decimal | None] = field(default=None, places=0)
    price: Field[Decimal | None] = money(currency="EUR", default=None)
    good: Field[bool | None] = field(default=None)
    mood: Field[Mood | None] = field(default=None)
    day: Field[date | None] = field(default=None)
    at: Field[datetime | None] = field(default=None)
    took: Field[timedelta | None] = field(default=None)
    tags: Field[list[str]] = field(default_factory=list)
    extra: Field[dict[str, Any] | None] = field(default=None)
    little: Computed[bool] = computed(lambda: Deed.small < 2, init=False)


for resource in (Team, Deed):
    allow(resource, "read", "create", "update", "delete", to="editor")
MODEL = build([Team, Deed])
TEAM, DEED = MODEL.resources["Team"], MODEL.resources["Deed"]
VALUES: dict[str, list[Any]] = {
    "team": [None, "A", "B", "C", "D"],
    "owner": ["p1", "p2"],
    "name": [None, "", "a", "B", "ä", "\U0001f600", "\uffee", 'q"\\%s{0}'],
    "number": [None, 0, 1, -1, 7, LARGEST, LARGEST, -LARGEST - 1, 2**32, -(2**32) - 1, 2**31],
    "small": [0, 1, 2, 3, -5],
    "ratio": [None, 0.25, 0.5, -1.75, 1024.0],
    "length": [None, Decimal("0.000000001"), Decimal("-0.000000002"), Decimal("1.5"), DEC, -DEC, Decimal("1E+9")],
    "whole": [None, Decimal(3), Decimal(LARGEST), Decimal(10**10)],
    "price": [None, Decimal("0.01"), Decimal("-0.02"), Decimal("12.25"), CENTS, -CENTS],
    "good": [None, True, False],
    "mood": [None, *Mood],
    "day": [None, date(1, 1, 1), date(2026, 2, 28), date(9999, 12, 31)],
    "at": [None, AT, AT + timedelta(microseconds=1), datetime(1, 1, 1, tzinfo=UTC)],
    "took": [None, timedelta(0), timedelta(microseconds=-1), timedelta(days=1), timedelta(microseconds=LARGEST)],
    "tags": [[], ["a"]],
    "extra": [None, {"a": 1}],
}  # fmt: skip
Row = dict[str, Any]


@dataclass(frozen=True)
class Ruled:
    """A condition for the engine, and the same for the test, of a row and the team that it refers to."""

    rule: e.Predicate
    holds: Callable[[Row, Row | None], bool]


def column(*path: str) -> e.Column:
    return e.Column(path)


ALL = Ruled(e.TRUE, lambda row, team: True)
RULES = [
    ALL,
    Ruled(e.Compare("eq", column("owner"), e.ActorValue()), lambda row, team: row["owner"] == "p1"),
    Ruled(e.Compare("gte", column("small"), e.Value(1)), lambda row, team: row["small"] >= 1),
    Ruled(
        e.Compare("gt", column("team", "rank"), e.Value(1)), lambda row, team: bool(team and team["rank"] > 1)
    ),
    Ruled(e.Compare("eq", column("owner"), e.Value("nobody")), lambda row, team: False),
]
TEAM_RULES = [ALL, Ruled(e.Compare("gt", column("rank"), e.Value(1)), lambda row, team: row["rank"] > 1)]
MASKED = ("number", "length", "price", "took", "name", "mood", "team")
FILTERS = [
    ("", ALL),
    ("small[gte]=1&", RULES[2]),
    ("team.rank[lt]=2&", Ruled(e.TRUE, lambda row, team: bool(team and team["rank"] < 2))),
    ("team.rank=0&", Ruled(e.TRUE, lambda row, team: bool(team and team["rank"] == 0))),
    ("team.rank[ne]=2&", Ruled(e.TRUE, lambda row, team: not (team and team["rank"] == 2))),
    ("team.name[in]=a,C&", Ruled(e.TRUE, lambda row, team: bool(team and team["name"] in ("a", "C")))),
    ("name[isNull]=false&", Ruled(e.TRUE, lambda row, team: row["name"] is not None)),
]


@dataclass(frozen=True)
class Asked:
    """Who may read which deeds and teams, and where the masked fields, and what is asked for."""

    deeds: int
    teams: int
    masks: int
    filter: int
    within: str | None
    wanted: Wanted


@st.composite
def asked(draw: st.DrawFn) -> Asked:
    return Asked(
        draw(st.sampled_from([0, 1, 1, 2, 3, 4])),
        draw(st.integers(0, 1)),
        draw(st.integers(0, 2)),
        draw(st.integers(0, len(FILTERS) - 1)),
        draw(st.sampled_from([None, None, "A", "C"])),
        draw(summaries(WHOLE, DEED)),
    )


# What sums teams' deeds up is asked for by itself below: it is not worked out here.
WHOLE = replace(
    MODEL,
    resources={
        **MODEL.resources,
        "Team": replace(TEAM, fields={n: f for n, f in TEAM.fields.items() if f.computed is None}),
    },
)


class Shop:
    """Drawn rows behind REST, under whichever rules."""

    def __init__(self, world: World, rows: dict[str, dict[str, Row]]) -> None:
        self.world, self.rows = world, rows
        self.ruled = lru_cache(self._ruled)

    def _ruled(self, deeds: int, teams: int, masks: int) -> World:
        """The application where such rules hold."""
        read = frozenset({"read"})
        rule = RULES[masks].rule
        resources = {
            "Deed": replace(
                DEED, grants=(Grant(read, RULES[deeds].rule),), masks=dict.fromkeys(MASKED, rule)
            ),
            "Team": replace(TEAM, grants=(Grant(read, TEAM_RULES[teams].rule),)),
        }
        model = Model(resources, MODEL.roles)
        actor = Actor("p1", roles=frozenset({"guest", "user"}))
        return World(Engine(model, self.world.engine.store, secret=b"s" * 32), actor)

    def value(self, asked: Asked, row: Row, path: tuple[str, ...]) -> Any:
        """What the actor sees at the end of a path from a deed."""
        name, *rest = path
        team = self.rows["Team"].get(row["team"])
        if name in MASKED and not RULES[asked.masks].holds(row, team):
            return None
        if not rest:
            return row["small"] < 2 if name == "little" else row[name]
        if team is None or rest[0] in ("id", "code"):
            return row["team"]
        return team[rest[0]] if TEAM_RULES[asked.teams].holds(team, None) else None


async def new_shop(world: World, draw: random.Random, many: int) -> Shop:
    always = {"created_at": AT, "updated_at": AT, "version": 1}
    teams = [("A", "a", 2), ("B", None, 1), ("C", "C", 3), ("D", "a", 0)]
    rows: dict[str, dict[str, Row]] = {"Team": {}, "Deed": {}}
    for code, name, rank in teams:
        rows["Team"][code] = {"id": code, "code": code, "name": name, "rank": rank, **always}
    for number in range(many):
        id = f"deed_{number:026d}"
        rows["Deed"][id] = {"id": id, **{n: draw.choice(v) for n, v in VALUES.items()}, **always}
    schema = Schema(MODEL, world.engine.store.dialect)
    for resource, found in rows.items():
        await insert(world.engine.store, schema, resource, list(found.values()))
    return Shop(world, rows)


@pytest.fixture
async def shop(store_url: str) -> AsyncIterator[Shop]:
    async with open_world(store_url, MODEL) as world:
        yield await new_shop(world, random.Random(11), 60)


@settings(max_examples=EXAMPLES)
@given(asked=asked())
async def test_groups_hold_what_their_rows_do(shop: Shop, asked: Asked) -> None:
    """For each kind of field and any rules, masks and filters, with sums and means that 64 bits cannot hold."""
    text, chosen = FILTERS[asked.filter]
    rows = [
        row
        for row in shop.rows["Deed"].values()
        if RULES[asked.deeds].holds(row, shop.rows["Team"].get(row["team"]))
    ]
    base = "/api/v1/deeds"
    if asked.within is not None:
        rows = [row for row in rows if shop.value(asked, row, ("team",)) == asked.within]
        base = f"/api/v1/teams/{asked.within}/deeds"
    rows = [row for row in rows if chosen.holds(*_as_seen(shop, asked, row))]
    world = shop.ruled(asked.deeds, asked.teams, asked.masks)
    reply = await world.get(f"{base}?{text}{'&'.join(asked.wanted.parameters(MODEL, DEED))}")
    assert reply.status == 200, reply.body
    expected, more = asked.wanted.answer(MODEL, DEED, rows, lambda row, path: shop.value(asked, row, path))
    assert reply.data == expected
    if asked.wanted.groups:
        assert reply.json["meta"]["pagination"]["hasMore"] == more


def _as_seen(shop: Shop, asked: Asked, row: Row) -> tuple[Row, Row | None]:
    """A deed and its team with the values that the actor sees."""
    seen = {name: shop.value(asked, row, (name,)) for name in VALUES}
    team = {name: shop.value(asked, row, ("team", name)) for name in ("rank", "name")}
    return seen, None if team["rank"] is None else team


# -- at a size that can be read -------------------------------------------------------------------------------


@pytest.fixture
async def few(store_url: str) -> AsyncIterator[Shop]:
    """Two teams and five deeds."""
    async with open_world(store_url, MODEL) as world:
        shop = Shop(world, {})
        rows = [
            ("p1", "A", "good", Decimal("1.00"), 2, None),
            ("p1", "A", "good", Decimal("2.01"), 4, date(2026, 1, 2)),
            ("p1", None, None, None, 9, None),
            ("p2", "A", "bad", Decimal("5.00"), 1, date(2026, 1, 1)),
            ("p2", "B", "bad", Decimal("7.00"), 1, None),
        ]
        for name in "AB":
            await world.post("/api/v1/teams", {"code": name, "name": f"Team {name}", "rank": ord(name)})
        names = ("owner", "teamId", "mood", "price", "small", "day")
        for values in rows:
            made = dict(zip(names, values, strict=True))
            made["price"] = (
                None if made["price"] is None else {"amount": f"{made['price']}", "currency": "EUR"}
            )
            made["day"] = made["day"] and made["day"].isoformat()
            made |= {"length": f"{made['small']}.5"}
            assert (await world.post("/api/v1/deeds", made)).status == 201
        yield shop


async def found(shop: Shop, query: str) -> Any:
    reply = await shop.world.get(f"/api/v1/{query}")
    assert reply.status == 200, reply.body
    return reply.data


async def test_without_groups_the_answer_is_one_object(few: Shop) -> None:
    asked = "deeds?aggregate=count,count(day),sum(price),avg(price),avg(small),min(day),max(team.name)"
    assert await found(few, asked) == {
        "count": 5,
        "counts": {"day": 2},
        "sum": {"price": {"amount": "15.01", "currency": "EUR"}},
        "avg": {"price": {"amount": "3.75", "currency": "EUR"}, "small": 3.4},
        "min": {"day": "2026-01-01"},
        "max": {"team.name": "Team B"},
    }
    assert await found(few, "deeds?owner=p3&aggregate=count,sum(length),avg(length),max(day)") == {
        "count": 0,
        "sum": {"length": "0.000000000"},
        "avg": {"length": None},
        "max": {"day": None},
    }


async def test_groups_come_in_the_order_of_their_keys_or_as_asked(few: Shop) -> None:
    keyed = await found(few, "deeds?aggregate=count&groupBy=mood,team.name")
    assert [(g["group"]["mood"], g["group"]["team.name"], g["count"]) for g in keyed] == [
        (None, None, 1),
        ("bad", "Team A", 1),
        ("bad", "Team B", 1),
        ("good", "Team A", 2),
    ]
    sorted_by_sum = await found(few, "deeds?aggregate=sum(small)&group_by=mood&sort=-sum(small)")
    assert [(g["group"]["mood"], g["sum"]["small"]) for g in sorted_by_sum] == [
        (None, 9),
        ("good", 6),
        ("bad", 2),
    ]
    by_count = await found(
        few, "deeds?aggregate=count_distinct(team)&groupBy=mood&sort=countDistinct(team),-mood"
    )
    assert [(g["group"]["mood"], g["countDistinct"]["teamId"]) for g in by_count] == [
        (None, 0),
        ("good", 1),
        ("bad", 2),
    ]
    one_key = await found(few, "deeds?aggregate=count&groupBy=small&sort=small&order=desc&limit=2")
    assert [g["group"]["small"] for g in one_key] == [9, 4]


async def test_more_groups_than_asked_for_are_told_of(few: Shop) -> None:
    for limit, more in ((2, True), (3, False), (1000, False)):
        reply = await few.world.get(f"/api/v1/deeds?aggregate=count&groupBy=mood&limit={limit}")
        assert len(reply.data) == min(limit, 3)
        assert reply.json["meta"]["pagination"] == {"limit": limit, "hasMore": more}
        assert reply.json["links"] == {"self": f"/api/v1/deeds?aggregate=count&groupBy=mood&limit={limit}"}
    for limit in ("0", "1001", "x"):
        reply = await few.world.get(f"/api/v1/deeds?aggregate=count&groupBy=mood&limit={limit}")
        assert reply.problems == [("limit", "INVALID_PARAMETER")]


async def test_rows_behind_a_row_are_summed_up_too(few: Shop) -> None:
    assert await found(few, "teams/A/deeds?aggregate=count,sum(small)") == {"count": 3, "sum": {"small": 7}}
    assert await found(few, "teams/A/deeds?aggregate=count&groupBy=mood&name=x") == []
    for query in ("aggregate=count", "aggregate=count&groupBy=mood"):
        assert (await few.world.get(f"/api/v1/teams/C/deeds?{query}")).status == 404
    for number, query in enumerate(("aggregate=count", "aggregate=count&groupBy=mood")):
        assert (await few.ruled(0, 1, 0).get(f"/api/v1/teams/A/deeds?{query}")).status == 200, number
    hidden = replace(TEAM, grants=())
    model = Model({**MODEL.resources, "Team": hidden}, MODEL.roles)
    world = World(Engine(model, few.world.engine.store))
    reply = await world.get("/api/v1/teams/A/deeds?aggregate=count&groupBy=mood")
    assert (reply.status, reply.error["code"]) == (404, "RESOURCE_NOT_FOUND")


async def test_a_field_that_no_row_shows_is_refused(few: Shop) -> None:
    closed = replace(DEED, masks={"price": e.FALSE})
    model = Model({**MODEL.resources, "Deed": closed}, MODEL.roles)
    world = World(Engine(model, few.world.engine.store))
    for query in ("aggregate=sum(price)", "aggregate=count(price)", "aggregate=count&groupBy=price"):
        reply = await world.get(f"/api/v1/deeds?{query}")
        assert (reply.status, reply.problems) == (403, [("price", "INSUFFICIENT_PERMISSIONS")]), query
    assert (await world.get("/api/v1/deeds?aggregate=sum(small)")).status == 200


async def test_all_that_is_wrong_is_told_at_once(few: Shop) -> None:
    reply = await few.world.get(
        "/api/v1/deeds?aggregate=cuont,avg(smal),sum(name),sum(team.rank),min(mood),max,avg(small)x,count,count"
        "&groupBy=mod,team.deeds.name,tags,mood,mood&page=1&fields=name&include=team&cursor=x&smal=3&fields[teams]=name"
    )
    assert reply.status == 400
    messages = [detail["message"] for detail in reply.error["details"]]
    for part in (
        "deeds has no `smal`; did you mean `small`?",
        "no function `cuont`; did you mean `count`?",
        "`name` has no sum; of it there are `count`, `countDistinct`, `min`, `max`.",
        "sum `rank` over teams instead",
        "`mood` has no min",
        "`max` needs a field, such as",
        "`avg(small)x` is not a function",
        "`count` is named twice",
        "deeds has no `mod`; did you mean `mood`?",
        "`team.deeds.name` leads to many rows",
        "`tags` holds no single value",
        "`mood` is named twice",
        "`page` is for rows",
        "`fields` is for rows",
        "`include` is for rows",
        "`cursor` is for rows",
        "`fields[teams]` is for rows",
    ):
        assert any(part in message for message in messages), (part, messages)
    for query, part in {
        "groupBy=mood": "`groupBy` needs `aggregate`",
        "aggregate=count&sort=count": "Without `groupBy` there is nothing to sort",
        "aggregate=count&limit=5": "Without `groupBy` there is one answer",
        "aggregate=count,sum(small)&groupBy=mood&sort=-sum(smal)": "did you mean `sum(small)`?",
        "aggregate=count&groupBy=mood&sort=name": "there are `count`, `mood`",
        "aggregate=count&groupBy=mood&sort=count,-count": "`count` is named twice",
        "aggregate=count&groupBy=mood&sort=-count&order=asc": "`order` goes with one key",
        "aggregate=": "There is no function ``",
        "aggregate=" + ",".join(["count"] * 21): "At most 20",
        "aggregate=count&aggregate=count": "named twice",
    }.items():
        reply = await few.world.get(f"/api/v1/deeds?{query}")
        assert reply.status == 400, query
        assert any(part in detail["message"] for detail in reply.error["details"]), (query, reply.body)
    assert (await few.world.get("/api/v1/deeds/deed_1?aggregate=count")).status == 400


async def test_no_value_is_part_of_a_plan(few: Shop) -> None:
    plans = few.world.engine._plans
    before = len(plans)
    for number in range(5):
        query = f"deeds?small[gte]={number}&aggregate=count,sum(price)&groupBy=mood&limit={10 + number}"
        await found(few, query)
    assert len(plans) == before + 1


# -- beyond 64 bits -------------------------------------------------------------------------------------------


async def test_a_sum_that_64_bits_cannot_hold_spoils_no_list(few: Shop) -> None:
    """A summary tells it exactly; a computed field, which is a number of 64 bits, is null."""
    most = {"owner": "p3", "teamId": "B", "number": LARGEST, "length": str(DEC), "whole": str(LARGEST)}
    most |= {"took": "PT9223372036854.775807S", "ratio": 1.7e308}
    for _ in range(2):
        assert (await few.world.post("/api/v1/deeds", most)).status == 201
    teams = {
        team["code"]: team for team in await found(few, "teams?fields=code,total,finer,middle&sort=total")
    }
    assert teams["A"] == {"code": "A", "total": 0, "finer": "0.000000000", "middle": "2.833333333"}
    assert teams["B"]["total"] is None
    assert teams["B"]["finer"] is None
    assert teams["B"]["middle"] == "6148914691.736517205"
    assert await found(
        few, "deeds?owner=p3&aggregate=sum(number),sum(whole),sum(length),sum(took),sum(ratio)"
    ) == {
        "sum": {
            "number": 2 * LARGEST,
            "whole": str(2 * LARGEST),
            "length": "18446744073.709551614",
            "took": "PT18446744073709.551614S",
            "ratio": None,
        }
    }
    means = await found(few, "deeds?owner=p3&aggregate=avg(number),avg(length),avg(took),avg(ratio)")
    assert means["avg"] == {
        "number": float(LARGEST),
        "length": str(DEC),
        "took": "PT9223372036854.775807S",
        "ratio": 1.7e308,
    }
    by_sum = await found(few, "deeds?aggregate=sum(number)&groupBy=owner&sort=-sum(number)&limit=1")
    assert by_sum == [{"group": {"owner": "p3"}, "sum": {"number": 2 * LARGEST}}]


async def test_a_sum_of_64_bits_is_told_to_the_last(few: Shop) -> None:
    """The greatest and the least that fit, from parts of both signs."""
    for numbers, total in (
        ((LARGEST, -LARGEST - 1), -1),
        ((LARGEST - 1, 1), LARGEST),
        ((-LARGEST, -1), -LARGEST - 1),
        ((LARGEST, LARGEST, -LARGEST), LARGEST),
        ((LARGEST, 1), None),
        ((-LARGEST - 1, -1), None),
    ):
        await few.world.post("/api/v1/teams", {"code": "Z", "rank": 1})
        made = [
            await few.world.post("/api/v1/deeds", {"teamId": "Z", "number": number, "owner": "p4"})
            for number in numbers
        ]
        assert (await found(few, "teams/Z"))["total"] == total, numbers
        assert await found(few, "teams/Z/deeds?aggregate=sum(number)") == {"sum": {"number": sum(numbers)}}
        for reply in made:
            assert (await few.world.ask("DELETE", f"/api/v1/deeds/{reply.data['id']}")).status == 204

"""GraphQL answers as a plain executor would that goes through all rows in Python, by one statement a root field.

Operations are drawn (`operations.py`); what they must answer is worked out by resolvers over all rows, with the rules
in words (`naive.py`). Cursors are opaque, so they are checked by asking for the pages before and after them.
"""

import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import pytest
from graphql import parse, validate

from headwater.base.call import Actor
from headwater.db import sqlite
from headwater.http.formats import encode_json
from headwater.ir.model import Field, Kind, Resource
from headwater.ir.values import item_type, to_wire
from headwater.surfaces import graphql
from headwater.surfaces.graphql.endpoint import Endpoint
from headwater.surfaces.graphql.schema import Api
from tests.driver import Driver, watched_drivers
from tests.spec.naive import CURSOR, VALUES, Executor, Place, Sight, paired, same
from tests.spec.operations import Operation, Operations, smaller
from tests.spec.production import ACTORS, ADMIN, MODEL, Studio, new_studio, user
from tests.spec.rest_world import World, open_world

LONG = bool(os.environ.get("HEADWATER_TEST_LONG"))
OPERATIONS = 500 if LONG else 250
STUDIOS = range(5) if LONG else range(1)
"""On each store, as many operations about each of so many studios."""
TURNS = 2
ALONE = [user(f"user_{number:026d}") for number in (4, 5, 6)]
"""People who take part in one project of three."""
ASKING = [*ALONE * 2, *[ACTORS[name] for name in ("lead", "artist", "client")] * 2, ACTORS["stranger"], ADMIN]
HELD = ["Project", "Task", "Shot", "Sequence", "Membership", "Asset", "Dependency"]
"""Resources of which each person sees some rows and does not see others."""


class Wrong(AssertionError):
    """An answer that is not what the plain executor gives, and in what way."""

    def __init__(self, way: str, message: str) -> None:
        self.way = way
        super().__init__(message)


class Asking:
    """A studio behind GraphQL, and the plain executor."""

    def __init__(self, world: World, studio: Studio, driver: Driver, api: Api) -> None:
        self.world, self.sight, self.driver, self.api = world, Sight(studio), driver, api
        self.tokens: dict[str, Place] = {}
        self.counts = Counter[str]()

    async def ask(self, actor: Actor, operation: Operation, way: str = "POST") -> list[tuple[str, Place]]:
        """Ask one operation in both ways; the cursors that it tells. Raises: Wrong."""
        self.driver.clear()
        self.world.actor = actor
        if way == "GET":
            sent = {"query": operation.text, "variables": encode_json(operation.variables).decode()}
            sent |= {"operationName": operation.name} if operation.name else {}
            reply = await self.world.get(f"/graphql?{urlencode(sent)}")
        else:
            reply = await self.world.post("/graphql", operation.sent)
        statements = [sent.sql for sent in self.driver.sent]
        if reply.status != 200 or "errors" in reply.json:
            raise Wrong(reply.json["errors"][0]["extensions"]["code"], reply.body.decode())
        executor = Executor(self.api, self.sight, actor, self.tokens)
        self.sight.seen.clear()
        self.sight.hidden.clear()
        expected = executor.answer(operation)
        found: list[tuple[str, str]] = []
        told, wanted = paired(reply.data, expected, found)
        if not same(told, wanted):
            raise Wrong("data", f"told    {told}\nwanted  {wanted}")
        if len(statements) != executor.questions:
            begun = [sql[:200] for sql in statements]
            raise Wrong("statements", f"{len(begun)} statements, not {executor.questions}: {begun}")
        hidden, seen = len(self.sight.hidden), len(self.sight.seen)
        self.counts["asked"] += 1
        self.counts["shown"] += executor.shown > 0
        self.counts["behind rules"] += hidden * 2 >= seen and seen > 0
        places = [(token, executor.places[int(mark.removeprefix(CURSOR))]) for token, mark in found]
        self.tokens |= dict(places)
        self.counts["cursors"] += len(places)
        return places

    async def check(self, actor: Actor, operation: Operation, way: str, seed: int) -> list[tuple[str, Place]]:
        """The same; what fails is made as small as it goes."""
        try:
            return await self.ask(actor, operation, way)
        except Wrong as wrong:
            found, why = operation, wrong
        shrinking = why.way != "INVALID_CURSOR"  # as it would be in another operation
        while shrinking:
            shrinking = False
            for one in smaller(self.api.schema, found):
                try:
                    await self.ask(actor, one)
                except Wrong as wrong:
                    if wrong.way == why.way:
                        found, why, shrinking = one, wrong, True
                        break
                except Exception:
                    continue  # what is left of it may ask for a page that nobody has told of
        raise AssertionError(f"seed {seed}, {actor.id}: {found.text}\n{dict(found.variables)}\n{why}")


@pytest.fixture
async def asking(
    store_url: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Asking]:
    # A long read of SQLite's begins again in a thread, which the driver sees.
    monkeypatch.setattr(sqlite, "INLINE_TICKS", 1 << 60)
    part = request.node.callspec.params.get("part", 0)
    with watched_drivers() as driver:
        async with open_world(store_url, MODEL) as world:
            studio = await new_studio(world.engine.store, random.Random(7 + part))
            endpoint = _endpoint(world)
            endpoint.max_cost = 1 << 60
            api, _ = await endpoint.api()
            yield Asking(world, studio, driver, api)


def _endpoint(world: World) -> Endpoint:
    route = next(route for route in world.routes if route.template == graphql.PATH)
    found: Any = route.handler
    endpoint: Endpoint = found.__self__.endpoint
    return endpoint


def values(draw: random.Random, studio: Studio) -> Any:
    """Values that some row has, and others."""

    def value(resource: Resource, field: Field) -> Any:
        if field.target or field.column == "id":
            return draw.choice(list(studio.rows[field.target or resource.name]) or ["nothing"])
        type = item_type(field.type) if field.type.kind is Kind.LIST else field.type
        stored = [
            row[field.name] for row in studio.rows[resource.name].values() if row.get(field.name) is not None
        ]
        if field.type.kind is Kind.LIST:
            stored = [item for items in stored for item in items]
        if stored and draw.random() < 0.7:
            return to_wire(type, draw.choice(stored))
        return to_wire(type, draw.choice(type.values or VALUES[type.kind]))

    return value


@pytest.mark.parametrize("part", STUDIOS)
async def test_each_operation_is_one_statement_a_root_field_and_right(asking: Asking, part: int) -> None:
    """5,000 operations in the long run, and a tenth of that else: those that are drawn, and their other pages. In a
    third of them at least a third of the rows in reach are hidden, and most show rows."""
    seed = random.randrange(1 << 30) if LONG else 0
    keys = {name: list(rows) for name, rows in asking.sight.rows.items()}
    number = 0
    while asking.counts["asked"] < OPERATIONS:
        number += 1
        draw = random.Random(seed + number)
        operation = Operations(asking.api, draw, values(draw, asking.sight), keys, HELD * 3).operation()
        problems = validate(asking.api.schema, parse(operation.text))
        assert not problems, (seed + number, operation.text, problems)
        actor = draw.choice(ASKING)
        for _ in range(1 + TURNS):
            way = "GET" if draw.random() < 0.1 else "POST"
            places = await asking.check(actor, operation, way, seed + number)
            turnable = {
                place.number: token for token, place in draw.sample(places, len(places)) if place.number
            }
            if operation.pages and draw.random() < 0.3:
                operation = operation.from_the_other_end(draw.choice(operation.pages))
                continue
            if not turnable:
                break
            for page in draw.sample(sorted(turnable), draw.choice([1, min(2, len(turnable))])):
                size = draw.choice([1, 2, 5])
                operation = operation.turned(page, turnable[page], size, backward=draw.random() < 0.4)
                asking.counts["turned"] += 1
    counts = asking.counts
    assert counts["behind rules"] * 3 >= counts["asked"], counts
    assert counts["shown"] * 5 >= counts["asked"] * 3, counts
    assert counts["turned"] * 5 >= counts["asked"], counts

"""What GraphQL answers, in words."""

import random
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from headwater.base.call import Actor
from tests.spec.production import ACTORS, MODEL, Studio, new_studio
from tests.spec.rest_world import World, open_world


class Asked:
    """A studio behind GraphQL."""

    def __init__(self, world: World, studio: Studio) -> None:
        self.world, self.studio = world, studio

    async def ask(self, query: str, actor: Actor = ACTORS["lead"], **variables: Any) -> Any:
        """The data of an answer that has no errors."""
        told = await self.told(query, actor, **variables)
        assert "errors" not in told, told
        return told["data"]

    async def told(self, query: str, actor: Actor = ACTORS["lead"], **variables: Any) -> Any:
        self.world.actor = actor
        reply = await self.world.post("/graphql", {"query": query, "variables": variables})
        assert reply.status == 200, reply.body
        return reply.json


@pytest.fixture
async def asked(store_url: str) -> AsyncIterator[Asked]:
    async with open_world(store_url, MODEL) as world:
        yield Asked(world, await new_studio(world.engine.store, random.Random(7)))


async def test_amounts_are_compared_whatever_their_size(asked: Asked) -> None:
    tasks = [row for row in asked.studio.rows["Task"].values() if row["project"] == "AA"]
    for amount in ("0.00", "1.50", "12.25", "9999.99"):
        query = """query ($most: Decimal) {
            tasks(where: {projectId: {eq: "AA"}, bid: {lte: $most}}) { totalCount }
        }"""
        found = await asked.ask(query, most=amount)
        assert found["tasks"]["totalCount"] == sum(row["bid"] <= Decimal(amount) for row in tasks)


async def test_a_page_is_turned_while_those_within_it_are(asked: Asked) -> None:
    """A cursor fits the list that it is of, whatever is shown of its rows."""
    query = """query ($after: String, $inner: String, $least: Int) {
        projects(first: 1, after: $after, orderBy: [{code: ASC}]) {
            nodes { code tasks(first: 2, after: $inner, where: {priority: {gte: $least}}) { pageInfo { endCursor } } }
            pageInfo { endCursor }
        }
    }"""
    data = await asked.ask(query, least=0)
    (project,) = data["projects"]["nodes"]
    after, inner = data["projects"]["pageInfo"]["endCursor"], project["tasks"]["pageInfo"]["endCursor"]
    found = await asked.ask(query, after=after, inner=inner, least=0)
    assert [one["code"] for one in found["projects"]["nodes"]] == ["CC"]
    found = await asked.ask(query, after=after, least=1)
    assert [one["code"] for one in found["projects"]["nodes"]] == ["CC"]
    other = "query ($after: String) { projects(first: 1, after: $after) { totalCount } }"
    told = await asked.told(other, after=after)
    assert told["errors"][0]["extensions"]["code"] == "INVALID_CURSOR"


async def test_what_no_row_tells_is_told_once(asked: Asked) -> None:
    """Parts of a connection that do not depend on its rows are there whether it has none, one or many."""
    query = """{ projects(orderBy: [{code: ASC}]) { nodes {
        none: tasks(where: {priority: {lt: 0}}) { ...Parts }
        all: tasks { ...Parts }
    } } }
    fragment Parts on TaskConnection {
        pageInfo { hasPreviousPage __typename }
        aggregates { __typename sum { __typename } avg { bid @skip(if: true) } }
    }"""
    parts = {
        "pageInfo": {"hasPreviousPage": False, "__typename": "PageInfo"},
        "aggregates": {"__typename": "TaskAggregates", "sum": {"__typename": "TaskAggregateSum"}, "avg": {}},
    }
    found = await asked.ask(query)
    assert found["projects"]["nodes"] == [{"none": parts, "all": parts}] * 2
    query = "{ projects(orderBy: [{code: ASC}]) { nodes { tasks { pageInfo { hasPreviousPage } } } } }"
    found = await asked.ask(query)
    assert found["projects"]["nodes"] == [{"tasks": {"pageInfo": {"hasPreviousPage": False}}}] * 2
    query = "{ projects { nodes { tasks(last: 2) { pageInfo { hasNextPage } aggregates { __typename } } } } }"
    found = await asked.ask(query)
    shown = {"pageInfo": {"hasNextPage": False}, "aggregates": {"__typename": "TaskAggregates"}}
    assert found["projects"]["nodes"] == [{"tasks": shown}] * 2

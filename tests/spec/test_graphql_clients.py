"""Clients of others over GraphQL, unmodified: Apollo Client and urql from npm with their normalised caches, and gql for
Python. They read, page, change and delete, and see why they are refused."""

import os
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from gql import Client, GraphQLRequest, gql
from gql.client import AsyncClientSession
from gql.dsl import DSLMutation, DSLQuery, DSLSchema, DSLVariableDefinitions, dsl_gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.exceptions import TransportQueryError, TransportServerError
from gql.utilities import update_schema_scalar
from graphql import GraphQLScalarType, validate_schema

from tests.served import Served, serving
from tests.stores import SHARED, drop, new_database
from web.node import workshop

TESTS = Path(__file__).parents[1]
DEMO = "headwater_products.demo:app"


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def studio(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The demo, which keeps documents by their hashes."""
    url = (
        f"sqlite:///{tmp_path_factory.mktemp('studio') / 'test.db'}"
        if request.param == "sqlite"
        else new_database(os.environ[SHARED])
    )
    with serving(DEMO, url, {"ada": "admin"}, GRAPHQL_DOCUMENTS="persisted") as served:
        yield served
    if request.param == "postgres":
        drop(url)


@pytest.mark.parametrize("program", ["apollo", "urql"])
def test_a_client_from_npm_works(studio: Served, tmp_path: Path, program: str) -> None:
    tools = workshop(TESTS / "npm" / "graphql", tmp_path)
    said = tools.node(TESTS / "clients" / f"{program}.js", studio.url, studio.accounts["ada"].token)
    assert said.strip() == "done"


# -- gql ------------------------------------------------------------------------------------------------------


def connected(studio: Served, **headers: str) -> Client:
    """A client that fetches the schema, and looks at operations by it before it sends them."""
    transport = AIOHTTPTransport(f"{studio.url}/graphql", {**studio.accounts["ada"].headers, **headers})
    return Client(transport=transport, fetch_schema_from_transport=True, parse_results=True)


@pytest.fixture
async def session(studio: Served) -> AsyncIterator[AsyncClientSession]:
    client = connected(studio)
    async with client as found:
        assert client.schema is not None
        assert not validate_schema(client.schema)
        update_schema_scalar(client.schema, "Decimal", GraphQLScalarType(
            "Decimal", coerce_input_value=Decimal, coerce_output_value=str))  # fmt: skip
        yield found


async def test_gql_writes_reads_and_pages(session: AsyncClientSession, studio: Served) -> None:
    """As its users write operations: as text, or by the fetched schema."""
    made = await session.execute(GraphQLRequest(
        "mutation($input: CreateProjectInput!) { createProject(input: $input) { project { id } errors { code } } }",
        variable_values={"input": {"code": "GQL", "name": "Pipeline"}},
    ))  # fmt: skip
    assert made["createProject"] == {"project": {"id": "GQL"}, "errors": []}

    assert session.client.schema is not None
    schema = DSLSchema(session.client.schema)
    variables = DSLVariableDefinitions()
    creating = DSLMutation(
        schema.Mutation.createTask(input=variables.input).select(
            schema.CreateTaskPayload.task.select(schema.Task.id, schema.Task.bid),
            schema.CreateTaskPayload.errors.select(schema.UserError.code),
        )
    )
    creating.variable_definitions = variables
    for at in range(5):
        sent = dsl_gql(creating)
        sent.variable_values = {
            "input": {"projectId": "GQL", "title": f"Roto {at}", "department": "roto", "bid": f"{at}.25"}
        }
        told = (await session.execute(sent))["createTask"]
        assert (told["task"]["bid"], told["errors"]) == (Decimal(f"{at}.25"), [])

    listing = gql(
        """
        query Tasks($first: Int!, $after: String, $where: TaskWhere) {
          tasks(first: $first, after: $after, where: $where, orderBy: [{bid: DESC}]) {
            ...Page
          }
        }
        fragment Page on TaskConnection { nodes { ...Line } pageInfo { hasNextPage endCursor } totalCount }
        fragment Line on Task { title bid project { name } artist { id } }
        """
    )
    titles: list[str] = []
    after, more = None, True
    while more:
        listing.variable_values = {"first": 2, "after": after,
                                   "where": {"projectId": {"eq": "GQL"}, "bid": {"gte": "1"}}}  # fmt: skip
        page = (await session.execute(listing))["tasks"]
        titles += [row["title"] for row in page["nodes"]]
        assert page["totalCount"] == 4
        more, after = page["pageInfo"]["hasNextPage"], page["pageInfo"]["endCursor"]
    assert titles == ["Roto 4", "Roto 3", "Roto 2", "Roto 1"]

    summed = dsl_gql(
        DSLQuery(
            schema.Query.taskGroups(by=["department"]).select(
                schema.TaskGroup.key.select(schema.TaskGroupKey.department),
                schema.TaskGroup.count,
                schema.TaskGroup.sum.select(schema.TaskGroupSum.bid),
            )
        )
    )
    groups = (await session.execute(summed))["taskGroups"]
    assert {"key": {"department": "roto"}, "count": 5, "sum": {"bid": Decimal("11.25")}} in groups


async def test_gql_shows_why_it_is_refused(studio: Served) -> None:
    transport = AIOHTTPTransport(f"{studio.url}/graphql", studio.accounts["ada"].headers)
    async with Client(transport=transport) as session:
        for text, code in (
            ("{ nonsense }", "INVALID_FORMAT"),
            ("query($id: ID!) { task(id: $id) { id } }", "INVALID_FORMAT"),
            ("{ tasks(first: 1000) { totalCount } }", "VALIDATION_ERROR"),
        ):
            with pytest.raises(TransportQueryError) as refused:
                await session.execute(gql(text))
            assert [error["extensions"]["code"] for error in refused.value.errors or ()] == [code]
        several = [gql("{ __typename }"), gql("{ tasks { totalCount } }")]
        together: list[Any] = await session.execute_batch(several)
        assert together[0] == {"__typename": "Query"}
        assert together[1]["tasks"]["totalCount"] >= 0
    transport = AIOHTTPTransport(f"{studio.url}/graphql", {"Authorization": "Bearer nonsense"})
    async with Client(transport=transport) as session:
        with pytest.raises((TransportQueryError, TransportServerError)) as stopped:
            await session.execute(gql("{ tasks { totalCount } }"))
        assert isinstance(stopped.value, TransportServerError)
        assert stopped.value.code == 401

"""What GraphQL answers, in words."""

import random
from collections.abc import AsyncIterator
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Any

import pytest
from graphql import GraphQLEnumType, validate_schema

from headwater import Embedded, Field, Interface, Resource, Tx, action, allow, field, key
from headwater.base.call import Actor
from headwater.base.errors import DeclarationErrors
from headwater.base.observe import Observation, StatementRun
from headwater.declare import build
from headwater.surfaces.graphql.roots import roots_of, type_names
from headwater.surfaces.graphql.schema import build as build_schema
from headwater.surfaces.graphql.selecting import MAX_PARTS
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
    searched = query.replace("orderBy: [{code: ASC}]", 'search: "s"').replace(
        "$least: Int", "$least: Int = 0"
    )
    data = await asked.ask(searched)
    (project,) = data["projects"]["nodes"]
    after, inner = data["projects"]["pageInfo"]["endCursor"], project["tasks"]["pageInfo"]["endCursor"]
    found = await asked.ask(searched, after=after, inner=inner)
    assert [one["code"] for one in found["projects"]["nodes"]] == [{"AA": "CC", "CC": "AA"}[project["code"]]]
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


async def test_a_filter_that_is_null_says_nothing_and_an_operator_that_is_is_refused(asked: Asked) -> None:
    query = "query ($where: TaskWhere) { tasks(where: $where) { totalCount } }"
    every = await asked.ask(query, where=None)
    for where in ({}, {"bid": None}, {"bid": {}}, {"artist": None}, {"and": None, "not": None}):
        assert await asked.ask(query, where=where) == every, where
    given = "query ($bid: Decimal) { tasks(where: {bid: {eq: $bid}}) { totalCount } }"
    assert await asked.ask(given) == every
    refused = [await asked.told(given, bid=None)]
    for operator in ("eq", "ne", "lt", "in", "isNull"):
        refused.append(await asked.told(query, where={"artistId": {operator: None}}))
        text = f"{{ tasks(where: {{artistId: {{{operator}: null}}}}) {{ totalCount }} }}"
        refused.append(await asked.told(text))
    within = "{ projects { nodes { tasks(where: {artist: {name: {eq: null}}}) { totalCount } } } }"
    refused.append(await asked.told(within))
    for told in refused:
        (error,) = told["errors"]
        (detail,) = error["extensions"]["details"]
        assert detail["field"].startswith("where."), detail
        assert "must not be null" in detail["message"], detail
    assert 'write `{"isNull": true}`' in refused[0]["errors"][0]["extensions"]["details"][0]["message"]
    sizes = [
        (await asked.ask(query, where={"artistId": {"isNull": null}}))["tasks"]["totalCount"]
        for null in (True, False)
    ]
    assert sum(sizes) == every["tasks"]["totalCount"]
    assert min(sizes) > 0


async def test_a_cursor_fits_its_own_list_alone(asked: Asked) -> None:
    query = """query ($after: String, $least: Int, $way: OrderDirection!) { project(id: "AA") {
        tasks(first: 1, after: $after, where: {priority: {gte: $least}}, orderBy: [{title: $way}]) {
            edges { cursor }
        }
        shots(first: 1) { edges { cursor } }
    } }"""
    data = await asked.ask(query, least=0, way="ASC")
    cursor, other = [data["project"][name]["edges"][0]["cursor"] for name in ("tasks", "shots")]
    found = await asked.ask(query, after=cursor, least=0, way="ASC")
    assert found["project"]["tasks"]["edges"][0]["cursor"] != cursor
    for after, least, way in (
        (other, 0, "ASC"),
        (cursor, 1, "ASC"),
        (cursor, 0, "DESC"),
        (cursor + "A", 0, "ASC"),
        ("", 0, "ASC"),
    ):
        told = await asked.told(query, after=after, least=least, way=way)
        assert told["errors"][0]["extensions"]["code"] == "INVALID_CURSOR", (after, least, way)


async def test_a_part_can_be_asked_for_by_so_many_names(asked: Asked) -> None:
    for kind, part in (
        ("pageInfo", "hasNextPage"),
        ("aggregates", "sum { __typename }"),
        ("", "totalCount"),
    ):
        for count, code in ((20, None), (MAX_PARTS, None), (MAX_PARTS + 1, "QUERY_TOO_COMPLEX")):
            if kind == "aggregates" and count == MAX_PARTS:
                continue  # fewer measures can be asked for
            names = " ".join(f"a{number}: {part}" for number in range(count))
            page = f"tasks(first: 1) {{ {kind} {{ {names} }} }}" if kind else f"tasks(first: 1) {{ {names} }}"
            for query in (f"{{ {page} }}", f"{{ projects(first: 2) {{ nodes {{ {page} }} }} }}"):
                told = await asked.told(query)
                assert [error["extensions"]["code"] for error in told.get("errors", ())] == [code][
                    : code is not None
                ]


async def test_a_mean_asks_for_each_value_a_few_times(asked: Asked) -> None:
    """Else a few means of what is worked out or masked make a statement that takes long to read, or is too long."""
    told: list[str] = []

    def tell(observation: Observation) -> None:
        if isinstance(observation, StatementRun):
            told.append(observation.sql)

    asked.world.engine.store.observers.add(tell)
    means = " ".join(f"a{number}: avg {{ bid estimate spent }}" for number in range(6))
    found = await asked.ask(f"{{ tasks(first: 1) {{ aggregates {{ {means} }} }} }}")
    logs = asked.studio.rows["TimeLog"].values()
    spent = [
        sum((log["hours"] for log in logs if log["task"] == task["id"]), Decimal(0))
        for task in asked.studio.rows["Task"].values()
        if task["project"] in ("AA", "CC")
    ]
    mean = (sum(spent, Decimal(0)) / len(spent)).quantize(Decimal("0.01"), ROUND_HALF_UP)
    assert found["tasks"]["aggregates"]["a5"]["spent"] == str(mean)
    assert len(told[0]) < 200_000


# -- lists and shapes that are declared -----------------------------------------------------------------------


class Format(StrEnum):
    STILL = "still"
    LOOP = "loop"


class Image(Resource, plain_list=True):
    """Something to look at."""

    title: Field[str] = field(max_length=80)
    size: Field[int] = field(ge=0, le=1_000_000)
    format: Field[Format] = field(default=Format.STILL)
    palette: Field[str | None] = field(default=None, max_length=20)


class Sound(Resource):
    """Something to listen to."""

    title: Field[str] = field(max_length=80)
    size: Field[int] = field(ge=0, le=1_000_000)
    format: Field[str] = field(default="wav", max_length=9)


for shown in (Image, Sound):
    allow(shown, "read", "create", to="editor")
MEDIA = build([Image, Sound], interfaces=[Interface("Media", [Image, Sound], doc="What a page shows.")])


@pytest.fixture
async def media(store_url: str) -> AsyncIterator[World]:
    async with open_world(store_url, MEDIA) as world:
        for number in range(7):
            sent = {
                "title": f"Image {number}",
                "size": number % 3,
                "format": "loop" if number > 4 else "still",
            }
            assert (await world.post("/api/v1/images", sent)).status == 201
        assert (await world.post("/api/v1/sounds", {"title": "Rain", "size": 9})).status == 201
        yield world


async def data(world: World, query: str, **variables: Any) -> Any:
    told = (await world.post("/graphql", {"query": query, "variables": variables})).json
    assert "errors" not in told, told
    return told["data"]


async def test_a_plain_list_has_limit_and_offset_and_its_enums_as_arguments(media: World) -> None:
    query = """query ($offset: Int, $format: Format, $by: ImageSortBy, $way: OrderDirection) {
        imageList(limit: 3, offset: $offset, format: $format, sortBy: $by, sortDirection: $way) { title }
    }"""

    async def titles(**variables: Any) -> list[str]:
        return [one["title"][-1] for one in (await data(media, query, **variables))["imageList"]]

    assert await titles(by="title") == ["0", "1", "2"]
    assert await titles(by="title", offset=5) == ["5", "6"]
    assert await titles(by="title", way="DESC", offset=1) == ["5", "4", "3"]
    assert await titles(by="title", format="loop") == ["5", "6"]
    assert await titles(offset=100) == []
    told = (await media.post("/graphql", {"query": "{ imageList(limit: 0, offset: -1) { title } }"})).json
    assert [one["field"] for one in told["errors"][0]["extensions"]["details"]] == ["limit", "offset"]


async def test_a_shape_has_the_fields_that_its_resources_share(media: World) -> None:
    shape = (
        await data(media, '{ __type(name: "Media") { fields { name } possibleTypes { name } description } }')
    )["__type"]
    names = [one["name"] for one in shape["fields"]]
    assert names == ["id", "title", "size", "createdAt", "updatedAt", "version"]
    assert [one["name"] for one in shape["possibleTypes"]] == ["Image", "Sound"]
    found = await data(media, "{ images(first: 1) { nodes { id } } sounds { nodes { id } } }")
    ids = [found["images"]["nodes"][0]["id"], found["sounds"]["nodes"][0]["id"]]
    query = """query ($ids: [ID!]!) {
        nodes(ids: $ids) { __typename ... on Media { title size } ... on Image { format } }
    }"""
    assert (await data(media, query, ids=ids))["nodes"] == [
        {"__typename": "Image", "title": "Image 0", "size": 0, "format": "still"},
        {"__typename": "Sound", "title": "Rain", "size": 9},
    ]


def test_a_shape_that_is_none_is_refused_when_it_is_declared() -> None:
    wrong = [("media", [Image]), ("Image", [Image]), ("Media", [Sound]), ("Empty", [])]
    with pytest.raises(DeclarationErrors) as caught:
        build([Image], interfaces=[Interface(name, resources) for name, resources in wrong])
    told = str(caught.value)
    assert told.count("Write a new name") + told.count("write a new name") == 2
    assert "Sound is not one of the application's" in told
    assert "It has no resources" in told


def test_an_enum_whose_values_can_be_no_names_is_text_or_json() -> None:
    class Grade(StrEnum):
        FINE = "fine"
        FAULTY = "__faulty"

    class Wheel(Resource):
        """What turns."""

        grade: Field[Grade] = field(default=Grade.FINE)

        @action(to="editor")
        async def inspect(self, tx: Tx, *, found: Grade) -> None:
            """Look at it."""

    schema = build_schema(build([Wheel])).schema
    assert validate_schema(schema) == []
    types = [
        schema.type_map["Wheel"].fields["grade"].type,
        schema.type_map["InspectWheelInput"].fields["found"].type,
    ]
    assert [str(type) for type in types] == ["String!", "JSON!"]


def test_a_name_that_is_taken_stops_the_start() -> None:
    class Node(Resource):
        """A point."""

        name: Field[str] = field(max_length=9)

    class Point(Resource):
        """Another point."""

        code: Field[str] = key(pattern="[A-Z]")

        @action(to="editor")
        async def upsert(self, tx: Tx) -> None:
            """Do what is done already."""

    class PointOrder(Resource):
        """How points are sorted."""

        name: Field[str] = field()

    class PointMany(Resource):
        """A heap of points."""

        name: Field[str] = field()

    class UpdatePointInput(Resource):
        """What is known of a change."""

        name: Field[str] = field()

    declared = [Node, Point, PointOrder, PointMany, UpdatePointInput]
    with pytest.raises(DeclarationErrors) as caught:
        roots_of(build(declared, interfaces=[Interface("Query", [Point])]))
    assert [error.message for error in caught.value.errors if "node" not in error.message] == [
        "Two fields of GraphQL would be called upsertPoint, those of Point and Point.",
        "A type of GraphQL that PointMany has would be called PointManyWhere, one that Point has.",
        "The resource Node has the name of a type of GraphQL, one that it has anyway.",
        "The resource PointOrder has the name of a type of GraphQL, one that Point has.",
        "The resource UpdatePointInput has the name of a type of GraphQL, one that updatePoint has.",
        "The interface Query has the name of a type of GraphQL, one that it has anyway.",
    ]


def test_the_names_of_types_are_known_before_any_is_made() -> None:
    """But for those that give way, or are shared: of enums, of objects that fields hold, of filters and arguments."""
    types = build_schema(MODEL).schema.type_map
    others = {name for name in types.keys() - type_names(MODEL) if not name.startswith("__")}
    assert {
        name
        for name in others
        if not isinstance(types[name], GraphQLEnumType) and not name.endswith("Filter")
    } == {name + kind for name in ("DriveMapping", "Resolution", "Preferences") for kind in ("", "Input")}


def test_an_object_that_a_field_holds_gives_way_to_types_that_are_made() -> None:
    class BoxOrder(Embedded):
        """In which order its things lie."""

        first: Field[str] = field()

    class Box(Resource):
        """What holds things."""

        order: Field[BoxOrder] = field()

    schema = build_schema(build([Box])).schema
    assert validate_schema(schema) == []
    box, given = schema.type_map["Box"], schema.type_map["CreateBoxInput"]
    assert [str(type.fields["order"].type) for type in (box, given)] == [
        "BoxOrderValue!",
        "BoxOrderValueInput!",
    ]

"""Which operations are executed at all: what they may cost, which documents are known, who is told of the schema."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from graphql import build_schema, get_directive_values, print_schema

from headwater import (
    App,
    Batched,
    Computed,
    Field,
    Many,
    Reader,
    Ref,
    Resource,
    Role,
    allow,
    batched,
    computed,
    field,
    key,
    many,
    ref,
)
from headwater.base.call import ANONYMOUS, Actor
from headwater.base.errors import DeclarationError
from headwater.cli.graphql import schema
from headwater.declare import build
from headwater.surfaces import graphql
from headwater.surfaces.graphql import Options
from headwater.surfaces.graphql.persisted import Operation, hashed, read_manifest, written_manifest
from headwater.surfaces.graphql.schema import COST
from tests.spec.rest_world import EDITOR, Film, Job, Note, Worker, World, open_world

FILMS = "query Films { films(first: 5) { nodes { code } } }"
JOBS = "query Jobs { jobs(first: 5) { nodes { title } } }"
MODEL = build([Film, Job, Note, Worker], [Role("partner", graphql_cost=300), Role("robot", graphql_cost=100)])

Open = Callable[[Options], World]


@pytest.fixture
async def opening(store_url: str) -> AsyncIterator[Open]:
    async with open_world(store_url, MODEL) as world:
        yield lambda options: World(world.engine, documented=False, options=options)


async def answer(world: World, **sent: Any) -> Any:
    return (await world.post("/graphql", sent)).json


async def test_the_cost_is_the_rows_that_may_be_touched(opening: Open) -> None:
    world = opening(Options())
    for query, cost in (
        ("{ __typename }", 1),
        ('{ film(id: "AAA") { code } }', 2),
        ("{ films(first: 10) { nodes { code } } }", 11),
        ("{ films(first: 10) { nodes { code jobs(first: 5) { nodes { title worker { name } } } } } }", 111),
        ("{ films(first: 10) { edges { node { code } } totalCount aggregates { count } } }", 111),
        ("{ films(first: 10) { nodes { jobs { totalCount } } } }", 511),
        ("{ films(first: 10) { aggregates { count } } }", 51),
        ("{ films { aggregates { count sum { limit } avg { limit } min { name limit } } } }", 251),
        ("{ films { totalCount aggregates { __typename sum { __typename limit } } } }", 101),
        ("{ films(first: 10) { nodes { jobs { aggregates { count max { priority } } } } } }", 1_011),
        ('{ filmsByIds(ids: ["AAA", "BBB"]) { code } }', 3),
        ("{ films { nodes { code } } again: films { nodes { code } } }", 101),
    ):
        told = await answer(world, query=query)
        assert told["extensions"]["cost"] == {"requested": cost, "limit": 50_000}, query


class Shelf(Resource, plural="shelves"):
    """Where reels are kept."""

    code: Field[str] = key(pattern="[A-Z]+")
    reels: Many[Reel] = many(lambda: Reel.shelf, init=False)


class Reel(Resource):
    """What a film is wound on."""

    shelf: Ref[Shelf] = ref()
    feet: Field[int] = field(default=0)
    inches: Computed[int] = computed(lambda: Reel.feet * 12, init=False)
    metres: Computed[float] = computed(lambda: Reel.feet * 0.3048, init=False, cost=5)
    shade: Batched[str] = batched(lambda: shades, needs=lambda: (Reel.feet,), doc="How it has aged.", cost=20)


async def shades(reels: Sequence[Reel], reader: Reader) -> list[str]:
    return ["yellow" if reel.feet > 100 else "white" for reel in reels]


for kept in (Shelf, Reel):
    allow(kept, "read", "create", to="editor")
REELS = build([Shelf, Reel])
APP = App(title="Reels", resources=[Shelf, Reel])


async def test_a_field_adds_what_its_author_says_for_each_row(store_url: str) -> None:
    async with open_world(store_url, REELS) as opened:
        world = World(opened.engine, documented=False)
        make = 'mutation { createShelf(input: {code: "A"}) { shelf { code } } }'
        assert (await answer(world, query=make))["data"] == {"createShelf": {"shelf": {"code": "A"}}}
        make = 'mutation { createReel(input: {shelfId: "A", feet: 1000}) { reel { %s } } }'
        plain, told = [await answer(world, query=make % field) for field in ("inches", "metres shade")]
        assert told["data"] == {"createReel": {"reel": {"metres": 304.8, "shade": "yellow"}}}
        costs = [one["extensions"]["cost"]["requested"] for one in (plain, told)]
        assert costs[1] - costs[0] == 25
        for query, cost in (
            ("{ reels(first: 10) { nodes { feet inches } } }", 11),
            ("{ reels(first: 10) { nodes { metres } } }", 61),
            ("{ reels(first: 10) { edges { node { metres shade } } } }", 261),
            ("{ reels(first: 10) { nodes { one: metres two: metres metres } } }", 161),
            ("{ shelves(first: 3) { nodes { reels(first: 10) { nodes { shade } } } } }", 634),
        ):
            told = await answer(world, query=query)
            assert told["extensions"]["cost"]["requested"] == cost, query
        shown = await answer(world, query='{ __type(name: "Reel") { fields { name description } } }')
        docs = {one["name"]: one["description"] for one in shown["data"]["__type"]["fields"]}
        assert docs["metres"] == "It costs 5 a row."
        assert docs["shade"] == "How it has aged. It costs 20 a row."
        assert docs["inches"] is None


async def test_the_schema_tells_what_authors_say_of_costs(store_url: str) -> None:
    async with open_world(store_url, REELS) as opened:
        world = World(opened.engine, documented=False)
        text = (await world.get("/graphql/schema.graphql")).body.decode()
        assert [line.strip() for line in text.splitlines() if "@cost" in line] == [
            "directive @cost(weight: String!) on ARGUMENT_DEFINITION | ENUM | FIELD_DEFINITION"
            " | INPUT_FIELD_DEFINITION | OBJECT | SCALAR",
            'metres: Float! @cost(weight: "5")',
            'shade: String! @cost(weight: "20")',
        ]
        plain = re.sub(r' @cost\(weight: "\d+"\)', "", text)
        assert print_schema(build_schema(text)) == plain
        fields = build_schema(text).type_map["Reel"].fields
        given = {name: get_directive_values(COST, one.ast_node) for name, one in fields.items()}
        assert {name: values for name, values in given.items() if values} == {
            "metres": {"weight": "5"}, "shade": {"weight": "20"}
        }  # fmt: skip
        refused = await answer(world, query='{ shelves { totalCount @cost(weight: "0") } }')
        assert "Directive '@cost' may not be used" in refused["errors"][0]["message"]


async def test_the_schema_is_written_once_however_often_it_is_asked_for(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes long enough to hold everybody else up."""
    written: list[str] = []

    def counted(name: str) -> Callable[[Any], Any]:
        write = getattr(graphql, name)

        def counting(schema: Any) -> Any:
            written.append(name)
            return write(schema)

        return counting

    for name in ("sdl_of", "introspection_from_schema"):
        monkeypatch.setattr(graphql, name, counted(name))
    async with open_world(store_url, REELS) as opened:
        world = World(opened.engine, documented=False)
        for path in ("/graphql/schema.graphql", "/graphql/schema.json"):
            first, again = await asyncio.gather(world.get(path), world.get(path))
            assert (first.status, first.body) == (200, again.body)
    assert written == ["sdl_of", "introspection_from_schema"]


def test_the_command_prints_what_authors_say_of_costs(tmp_path: Path) -> None:
    schema(f"{__name__}:APP", out := tmp_path / "schema.graphql")
    assert '  shade: String! @cost(weight: "20")\n' in out.read_text()


async def test_what_costs_too_much_is_not_begun(opening: Open) -> None:
    world = opening(Options(max_cost=100))
    nested = "query Nested($n: Int!) { films(first: $n) { nodes { jobs(first: 10) { nodes { title } } } } }"
    assert "data" in await answer(world, query=nested, variables={"n": 9})
    told = await answer(world, query=nested, variables={"n": 10})
    assert "data" not in told
    (error,) = told["errors"]
    assert error["message"] == "This operation costs 111, the rows that it may touch; 100 are allowed."
    assert error["extensions"]["code"] == "QUERY_TOO_COMPLEX"
    assert error["extensions"]["cost"] == {"requested": 111, "limit": 100}


@pytest.mark.parametrize(
    ("roles", "limit"), [((), 200), (("robot",), 100), (("partner",), 300), (("robot", "partner"), 300)]
)
async def test_a_role_may_have_a_limit_of_its_own(opening: Open, roles: tuple[str, ...], limit: int) -> None:
    world = opening(Options(max_cost=200))
    world.actor = Actor("worker_1", roles=frozenset({"guest", "user", "editor", *roles}))
    assert (await answer(world, query=FILMS))["extensions"]["cost"]["limit"] == limit


# -- documents ------------------------------------------------------------------------------------------------


def apollo(text: str) -> dict[str, Any]:
    return {"persistedQuery": {"version": 1, "sha256Hash": hashed(text)}}


async def test_a_document_that_was_sent_with_its_hash_is_known_by_it(opening: Open) -> None:
    world = opening(Options(documents="persisted"))
    told = await answer(world, extensions=apollo(FILMS))
    assert told["errors"][0]["message"] == "PersistedQueryNotFound"
    assert told["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
    assert "data" in await answer(world, query=FILMS, extensions=apollo(FILMS))
    assert "data" in await answer(world, extensions=apollo(FILMS))
    assert "data" in await answer(world, documentId=f"sha256:{hashed(FILMS)}")
    wrong = await world.post("/graphql", {"query": JOBS, "extensions": apollo(FILMS)})
    assert wrong.error["message"] == "The hash is not that of the document."
    assert "data" in await answer(world, query=JOBS)


async def test_without_that_no_document_is_kept(opening: Open) -> None:
    world = opening(Options())
    assert "data" in await answer(world, query=FILMS, extensions=apollo(FILMS))
    told = await answer(world, extensions=apollo(FILMS))
    assert told["errors"][0]["message"] == "PersistedQueryNotSupported"


async def test_only_documents_of_the_manifest_are_executed(opening: Open, tmp_path: Path) -> None:
    manifest = tmp_path / "operations.json"
    manifest.write_text(written_manifest([Operation(hashed(FILMS), "Films", "query", FILMS)]))
    world = opening(Options(documents="trusted", manifests=[manifest]))
    for sent in ({"query": FILMS}, {"documentId": hashed(FILMS)}, {"extensions": apollo(FILMS)}):
        assert "data" in await answer(world, **sent), sent
    for sent in (
        {"query": JOBS},
        {"query": JOBS, "extensions": apollo(JOBS)},
        {"query": "{ __schema { types { name } } }"},
    ):
        told = await answer(world, **sent)
        assert "data" not in told
        assert told["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_REQUIRED", sent
    unknown = await answer(world, documentId=hashed(JOBS))
    assert unknown["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
    got = await world.get(f"/graphql?documentId={hashed(FILMS)}")
    assert got.json["data"] == {"films": {"nodes": []}}
    again = await world.get(f"/graphql?documentId={hashed(FILMS)}", if_none_match=got.headers["etag"])
    assert again.status == 304


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no manifest of GraphQL documents"),
        ('{"format": "other", "version": 1, "operations": []}', "is a manifest of 'other', version 1"),
        (json.dumps({"format": "apollo-persisted-query-manifest", "version": 1, "operations": [
            {"id": hashed(JOBS), "name": "Films", "type": "query", "body": FILMS}]}),
         "is not the one that its hash is of"),
    ],
)  # fmt: skip
def test_a_manifest_that_is_none_stops_the_start(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "operations.json"
    path.write_text(text)
    with pytest.raises(DeclarationError, match=message):
        read_manifest(path)
    with pytest.raises(DeclarationError, match="cannot be read"):
        read_manifest(tmp_path / "nowhere.json")


# -- the schema -----------------------------------------------------------------------------------------------

SCHEMA = "{ __schema { queryType { name } } }"


@pytest.mark.parametrize(
    ("who", "guests", "editors"),
    [("everybody", True, True), ("signed-in", False, True), ("nobody", False, False)],
)
async def test_who_is_told_of_the_schema(opening: Open, who: Any, guests: bool, editors: bool) -> None:
    world = opening(Options(introspection=who))
    for actor, told in ((ANONYMOUS, guests), (EDITOR, editors)):
        world.actor = actor
        asked = await answer(world, query=SCHEMA)
        assert ("data" in asked) is told
        for path in ("/graphql/schema.graphql", "/graphql/schema.json"):
            reply = await world.get(path)
            refused = 401 if actor is ANONYMOUS and who == "signed-in" else 403
            assert reply.status == (200 if told else refused)
        near = (await answer(world, query="{ filmz { totalCount } }"))["errors"][0]["message"]
        assert ("Did you mean" in near) is told
        typename = await answer(world, query='{ __typename film(id: "AAA") { __typename } }')
        assert typename["data"]["__typename"] == "Query"

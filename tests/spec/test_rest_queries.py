"""Questions in bodies: QUERY (RFC 10008) and POST .../search (D11, D12)."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from headwater.ir.query import MAX_CONDITIONS
from headwater.ir.where import MAX_NESTING
from tests.spec.rest_world import Reply, World, open_world

JOBS = [
    # title, film, priority, worker
    ("Roto", "SWA", 1, "ada"),
    ("Paint", "SWA", 5, None),
    ("Comp", "SWA", 9, "bob"),
    ("Light", "BEE", 5, "bob"),
    ("Anim", "BEE", 3, None),
]


@pytest.fixture
async def studio(store_url: str) -> AsyncIterator[World]:
    async with open_world(store_url) as world:
        ids = {}
        for name in ("ada", "bob"):
            ids[name] = (await world.post("/api/v1/workers", {"name": name.title()})).data["id"]
        await world.post("/api/v1/films", {"code": "SWA", "name": "Swan", "openToAll": True})
        await world.post("/api/v1/films", {"code": "BEE", "name": "Bees", "limit": 3})
        for title, film, priority, worker in JOBS:
            body = {"title": title, "filmId": film, "priority": priority, "workerId": worker and ids[worker]}
            assert (await world.post("/api/v1/jobs", body)).status == 201
        yield world


async def query(world: World, body: Any, target: str = "/api/v1/jobs", **headers: str) -> Reply:
    return await world.ask("QUERY", target, body, {n.replace("_", "-"): v for n, v in headers.items()})


async def titles(world: World, filter: Any) -> list[str]:
    reply = await query(world, {"filter": filter, "sort": ["title"], "fields": ["title"]})
    assert reply.status == 200, reply.json
    return [row["title"] for row in reply.data]


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        ({}, ["Anim", "Comp", "Light", "Paint", "Roto"]),
        ({"or": [{"priority": {"in": [9]}}, {"film": {"name": {"contains": "bee"}}}]}, ["Anim", "Comp", "Light"]),
        ({"and": [{"priority": {"gte": 3}}, {"priority": {"lte": 5}}]}, ["Anim", "Light", "Paint"]),
        ({"not": {"priority": {"between": [3, 5]}}}, ["Comp", "Roto"]),
        ({"not": {"worker": {"name": {"eq": "Bob"}}}}, ["Anim", "Paint", "Roto"]),
        ({"priority": {"in": []}}, []),
        ({"priority": {"nin": []}}, ["Anim", "Comp", "Light", "Paint", "Roto"]),
        ({"workerId": {"isNull": True}, "not": {"filmId": {"eq": "BEE"}}}, ["Paint"]),
        ({"film": {"or": [{"limit": {"eq": 3}}, {"openToAll": {"eq": True}}]}, "priority": {"lt": 3}}, ["Roto"]),
        ({"worker": {"jobs": {"title": {"eq": "Comp"}}}}, ["Comp", "Light"]),
    ],
)  # fmt: skip
async def test_trees_of_conditions(studio: World, filter: Any, found: list[str]) -> None:
    assert await titles(studio, filter) == found


async def test_what_is_said_of_many_rows_is_said_of_one_of_them(studio: World) -> None:
    both = {"jobs": {"priority": {"eq": 9}, "title": {"eq": "Roto"}}}
    apart = {"and": [{"jobs": {"priority": {"eq": 9}}}, {"jobs": {"title": {"eq": "Roto"}}}]}
    assert (await query(studio, {"filter": both}, "/api/v1/films")).data == []
    assert [f["id"] for f in (await query(studio, {"filter": apart}, "/api/v1/films")).data] == ["SWA"]


async def test_the_body_shapes_the_answer(studio: World) -> None:
    reply = await query(
        studio,
        {
            "sort": ["-name"],
            "fields": ["name"],
            "include": [
                {
                    "jobs": {
                        "filter": {"or": [{"priority": {"eq": 9}}, {"title": {"eq": "Paint"}}]},
                        "sort": ["title"],
                        "limit": 1,
                        "fields": ["title"],
                        "include": [{"worker": {"fields": ["name"]}}],
                    }
                }
            ],
        },
        "/api/v1/films",
    )
    assert reply.data == [
        {"name": "Swan", "jobs": [{"title": "Comp", "worker": {"name": "Bob"}}]},
        {"name": "Bees", "jobs": []},
    ]


async def test_a_post_search_is_the_same(studio: World) -> None:
    body = {"filter": {"priority": {"gt": 3}}, "sort": ["-priority", "title"], "limit": 2}
    queried, posted = await query(studio, body), await studio.post("/api/v1/jobs/search", body)
    assert posted.status == queried.status == 200
    assert posted.data == queried.data
    assert posted.json["meta"]["pagination"] == queried.json["meta"]["pagination"]


async def test_the_next_page_is_asked_for_with_its_cursor(studio: World) -> None:
    body = {"filter": {"not": {"priority": {"eq": 3}}}, "sort": ["title"], "fields": ["title"], "limit": 2}
    first = await query(studio, body)
    assert first.json["links"] is None
    assert "link" not in first.headers
    page = first.json["meta"]["pagination"]
    assert page["hasMore"] is True
    second = await query(studio, {**body, "cursor": page["nextCursor"]})
    assert [row["title"] for row in first.data + second.data] == ["Comp", "Light", "Paint", "Roto"]
    back = await query(studio, {**body, "cursor": second.json["meta"]["pagination"]["prevCursor"]})
    assert back.data == first.data
    other = await query(studio, {**body, "filter": {}, "cursor": page["nextCursor"]})
    assert (other.status, other.error["code"]) == (400, "INVALID_CURSOR")
    assert other.problems == [("cursor", "INVALID_CURSOR")]
    (detail,) = other.error["details"]
    assert detail["field"] == "cursor"  # it stood in the body
    assert "parameter" not in detail


async def test_a_cursor_of_a_url_goes_on_in_a_body(studio: World) -> None:
    got = await studio.get("/api/v1/jobs?priority[gt]=1&sort=title&fields=title&limit=2")
    cursor = got.json["meta"]["pagination"]["nextCursor"]
    body = {"filter": {"priority": {"gt": 1}}, "sort": ["title"], "fields": ["title"], "limit": 2}
    assert (await query(studio, body)).data == got.data
    rest = await query(studio, {**body, "cursor": cursor})
    assert [row["title"] for row in rest.data] == ["Light", "Paint"]


async def test_numbered_pages(studio: World) -> None:
    reply = await query(studio, {"page": 2, "perPage": 2, "sort": ["title"], "fields": ["title"]})
    assert [row["title"] for row in reply.data] == ["Light", "Paint"]
    assert reply.json["meta"]["pagination"] == {"page": 2, "perPage": 2, "total": 5, "pages": 3}
    assert (reply.headers["x-total-count"], reply.headers["x-pagination-pages"]) == ("5", "3")


async def test_rows_behind_a_relation_are_queried_too(studio: World) -> None:
    body = {"filter": {"priority": {"gte": 5}}, "sort": ["title"], "fields": ["title"]}
    reply = await query(studio, body, "/api/v1/films/SWA/jobs")
    assert [row["title"] for row in reply.data] == ["Comp", "Paint"]
    assert (await query(studio, body, "/api/v1/films/NOT/jobs")).status == 404
    options = await studio.ask("OPTIONS", "/api/v1/films/SWA/jobs")
    assert options.headers["allow"] == "GET, HEAD, QUERY, OPTIONS"


async def test_rules_hold_in_every_part_of_a_filter(studio: World) -> None:
    nobody = studio.as_nobody()
    everything = {"or": [{"film": {"name": {"eq": "Bees"}}}, {"priority": {"gte": 0}}]}
    assert await titles(nobody, everything) == ["Comp", "Paint", "Roto"]
    assert await titles(nobody, {"not": {"title": {"eq": "Comp"}}}) == ["Paint", "Roto"]
    found = await query(nobody, {"filter": {"jobs": {"title": {"eq": "Light"}}}}, "/api/v1/films")
    assert found.data == []


async def test_all_problems_are_told_with_their_places(studio: World) -> None:
    reply = await query(
        studio,
        {
            "query": "roto",
            "filter": {"or": [{"titel": {"eq": "a"}}, {"priority": {"eq": "1"}}]},
            "sort": ["x"],
        },
    )
    assert (reply.status, reply.error["code"]) == (400, "VALIDATION_ERROR")
    assert sorted(reply.problems) == [
        ("filter.or[0].titel", "UNKNOWN_FIELD"),
        ("filter.or[1].priority.eq", "INVALID_FORMAT"),
        ("query", "UNKNOWN_FIELD"),
        ("sort", "INVALID_PARAMETER"),
    ]


async def test_the_form_of_a_query(studio: World) -> None:
    reply = await query(studio, {}, "/api/v1/jobs?limit=5")
    assert (reply.status, reply.problems) == (400, [("limit", "INVALID_PARAMETER")])
    reply = await query(studio, {}, content_type="text/plain")
    assert (reply.status, reply.headers["accept-query"]) == (415, "application/json")
    reply = await query(studio, {}, content_type="")
    assert (reply.status, reply.headers["accept-query"]) == (400, "application/json")
    assert reply.problems == [("Content-Type", "INVALID_FORMAT")]
    assert (await query(studio, b"")).status == 400
    assert (await query(studio, b"", content_type="application/json")).error["code"] == "INVALID_FORMAT"
    assert (await query(studio, [])).error["code"] == "INVALID_FORMAT"
    assert (await query(studio, {}, accept="text/html")).status == 406
    assert (await query(studio, {}, "/api/v1/jobs/search")).status == 405
    assert (await query(studio, {}, "/api/v1/jobs/x")).status == 405


async def test_the_largest_filter_is_answered(studio: World) -> None:
    branches = [
        {"film": {"jobs": {"worker": {"name": {"eq": f"Nobody {n}"}}}}} for n in range(MAX_CONDITIONS - 1)
    ]
    filter: Any = {"or": [*branches, {"title": {"eq": "Roto"}}]}
    for _ in range((MAX_NESTING - 6) // 2):
        filter = {"not": {"not": filter}}
    assert await titles(studio.as_nobody(), filter) == ["Roto"]


async def test_a_page_is_one_statement(studio: World) -> None:
    seen: list[str] = []
    store = studio.engine.store

    def watch(observation: Any) -> None:
        if type(observation).__name__ == "StatementRun":
            seen.append(observation.sql)

    remove = store.observers.add(watch)
    for value in ("Swan", "Bees"):
        await query(studio, {"filter": {"or": [{"film": {"name": {"eq": value}}}, {"priority": {"eq": 9}}]}})
    remove()
    assert len(seen) == 2
    assert len(set(seen)) == 1
    assert "Swan" not in seen[0]


async def test_a_body_asks_for_numbers_about_rows(studio: World) -> None:
    asked = {"aggregate": ["count", "max(priority)"], "groupBy": ["filmId"], "sort": ["-count"],
             "filter": {"priority": {"gt": 1}}}  # fmt: skip
    got = await studio.get(
        "/api/v1/jobs?aggregate=count,max(priority)&groupBy=filmId&sort=-count&priority[gt]=1"
    )
    for reply in (await query(studio, asked), await studio.post("/api/v1/jobs/search", asked)):
        assert reply.status == 200
        assert reply.data == got.data
        assert [group["count"] for group in reply.data] == [2, 2]
        assert reply.json["links"] is None
        assert reply.json["meta"]["pagination"] == got.json["meta"]["pagination"]
    whole = await query(studio, {"aggregate": ["count"]})
    assert (whole.data, "links" in whole.json) == ({"count": 5}, False)
    behind = await query(studio, {"aggregate": ["count"]}, "/api/v1/films/BEE/jobs")
    assert behind.data == {"count": 2}


async def test_numbers_that_cannot_be_are_refused_where_they_stand(studio: World) -> None:
    reply = await query(studio, {"aggregate": ["sum(title)"], "groupBy": ["filmm"], "fields": ["title"]})
    assert reply.status == 400
    assert {detail["field"] for detail in reply.error["details"]} == {"aggregate", "groupBy", "fields"}

"""REST, reading: paths, filters, selection, paging, envelopes, entity tags (D10 to D16, D30 to D35, D40)."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from headwater.engine.engine import Engine
from tests.spec.rest_world import Reply, World, open_world

PATCHES = (
    "application/merge-patch+json, application/json, application/json-patch+json, application/vnd.api+json"
)
JOBS = [
    # title, film, status, priority, hours, start, worker
    ("Roto Äpfel", "SWA", "open", 1, "1.50", "2026-01-01", "ada"),
    ("Paint", "SWA", "open", 5, "10.00", None, None),
    ("Comp", "SWA", "done", 9, "2.25", "2026-02-01", "ada"),
    ("Light", "BEE", "open", 5, "0.00", None, "bob"),
    ("Anim 100%", "BEE", "shut", 3, "99.99", "2025-12-31", None),
]


@pytest.fixture
async def world(store_url: str) -> AsyncIterator[World]:
    async with open_world(store_url) as world:
        yield world


async def made(reply: Reply) -> Any:
    assert reply.status == 201, reply.json
    return reply.data


@pytest.fixture
async def studio(world: World) -> World:
    ids: dict[str, str] = {}
    for name in ("ada", "bob"):
        ids[name] = (await made(await world.post("/api/v1/workers", {"name": name.title()})))["id"]
    await made(
        await world.post("/api/v1/films", {"code": "SWA", "name": "Swan", "limit": 3, "openToAll": True})
    )
    await made(await world.post("/api/v1/films", {"code": "BEE", "name": "Bees",
                                                  "budget": {"amount": "5", "currency": "EUR"}}))  # fmt: skip
    for title, film, status, priority, hours, start, worker in JOBS:
        job = await made(
            await world.post(
                "/api/v1/jobs",
                {"title": title, "filmId": film, "priority": priority, "hours": hours, "start": start,
                 "workerId": worker and ids[worker], "tags": [title.lower()[:2], "all"]},
            )
        )  # fmt: skip
        if status != "open":
            assert (await world.ask("PATCH", f"/api/v1/jobs/{job['id']}", {"status": status})).status == 200
    return world


async def titles(world: World, query: str) -> list[str]:
    reply = await world.get(f"/api/v1/jobs?sort=title&{query}")
    assert reply.status == 200, reply.json
    return [row["title"].split()[0] for row in reply.data]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=open", ["Light", "Paint", "Roto"]),
        ("status[ne]=open", ["Anim", "Comp"]),
        ("status[in]=done,shut", ["Anim", "Comp"]),
        ("status[nin]=done,shut", ["Light", "Paint", "Roto"]),
        ("filter[status]=done", ["Comp"]),
        ("isOpen=true&priority=5", ["Light", "Paint"]),
        ("priority[gt]=3&priority[lt]=9", ["Light", "Paint"]),
        ("priority[gte]=9", ["Comp"]),
        ("priority[lte]=1", ["Roto"]),
        ("priority[between]=3,5", ["Anim", "Light", "Paint"]),
        ("hours[gte]=2.25", ["Anim", "Comp", "Paint"]),
        ("hours=1.5", ["Roto"]),
        ("start[gte]=2026-01-01", ["Comp", "Roto"]),
        ("start[lt]=2026-01-01", ["Anim"]),
        ("start[isNull]=true", ["Light", "Paint"]),
        ("start[ne]=2026-01-01", ["Anim", "Comp", "Light", "Paint"]),
        ("title[contains]=%C3%A4PF", ["Roto"]),
        ("title[contains]=0%25", ["Anim"]),
        ("title[startsWith]=p", ["Paint"]),
        ("title[in]=Paint,Comp", ["Comp", "Paint"]),
        ("tags[contains]=pa", ["Paint"]),
        ("film=BEE", ["Anim", "Light"]),
        ("filmId=BEE&film_id=BEE", ["Anim", "Light"]),
        ("film.name[contains]=swan", ["Comp", "Paint", "Roto"]),
        ("film.budget[gte]=5.00", ["Anim", "Light"]),
        ("film.limit=3", ["Comp", "Paint", "Roto"]),
        ("worker.name=Ada", ["Comp", "Roto"]),
        ("worker[isNull]=true", ["Anim", "Paint"]),
        ("film.jobs.status=shut", ["Anim", "Light"]),
        ("worker.jobs.film.name=Bees", ["Light"]),
        ("createdAt[gte]=2020-01-01&created_at[lt]=2100-01-01T00:00:00Z", ["Anim", "Comp", "Light", "Paint", "Roto"]),
    ],
)  # fmt: skip
async def test_filters(studio: World, query: str, found: list[str]) -> None:
    assert await titles(studio, query) == found


async def test_a_field_named_like_a_parameter(studio: World) -> None:
    reply = await studio.get("/api/v1/films?filter[limit]=3&limit=1")
    assert [film["id"] for film in reply.data] == ["SWA"]
    reply = await studio.get("/api/v1/films?filter[limit][isNull]=true")
    assert [film["id"] for film in reply.data] == ["BEE"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("sort=-priority,title", ["Comp", "Light", "Paint", "Anim", "Roto"]),
        ("sort=hours&order=desc", ["Anim", "Paint", "Comp", "Roto", "Light"]),
        ("sort=start,title", ["Light", "Paint", "Anim", "Roto", "Comp"]),
        ("sort=-start,title", ["Comp", "Roto", "Anim", "Light", "Paint"]),
        ("sort=film.name,-title", ["Light", "Anim", "Roto", "Paint", "Comp"]),
    ],
)
async def test_sorting(studio: World, query: str, found: list[str]) -> None:
    reply = await studio.get(f"/api/v1/jobs?{query}")
    assert [row["title"].split()[0] for row in reply.data] == found


async def test_fields_and_includes(studio: World) -> None:
    reply = await studio.get(
        "/api/v1/jobs?title=Light&fields=title,film.name&include=worker&fields[workers]=name"
    )
    assert reply.data == [{"title": "Light", "film": {"name": "Bees"}, "worker": {"name": "Bob"}}]
    reply = await studio.get("/api/v1/jobs?title=Light&fields=film.name")
    assert reply.data == [{"film": {"name": "Bees"}}]
    reply = await studio.get(
        "/api/v1/films?fields=id&include=jobs.worker&fields[jobs]=title,priority&fields[workers]=name"
        "&jobs[sort]=-priority&jobs[limit]=2&jobs[filter][status][in]=open,done&sort=id"
    )
    assert reply.data == [
        {"id": "BEE", "jobs": [{"title": "Light", "priority": 5, "worker": {"name": "Bob"}}]},
        {"id": "SWA", "jobs": [{"title": "Comp", "priority": 9, "worker": {"name": "Ada"}},
                               {"title": "Paint", "priority": 5, "worker": None}]},
    ]  # fmt: skip
    reply = await studio.get("/api/v1/films/SWA?fields=name,limit")
    assert reply.data == {"name": "Swan", "limit": 3}


async def test_wire_forms(world: World) -> None:
    await world.post(
        "/api/v1/films", {"code": "SWA", "name": "Swan", "budget": {"amount": "12.5", "currency": "EUR"}}
    )
    sent = {
        "filmId": "SWA", "title": "Äpfel", "hours": "1.5", "start": "2026-01-31", "effort": "PT1H30M",
        "seenAt": "2026-01-31T13:00:00.25+01:00", "tags": ["b", "a"], "extra": {"snake_key": [1, 2.5, None]},
    }  # fmt: skip
    job = await made(await world.post("/api/v1/jobs", sent))
    assert (await world.get("/api/v1/films/SWA")).data["budget"] == {"amount": "12.50", "currency": "EUR"}
    assert job["hours"] == "1.50"
    assert job["start"] == "2026-01-31"
    assert job["effort"] == "PT5400S"
    assert job["seenAt"] == "2026-01-31T12:00:00.250000Z"
    assert job["tags"] == ["b", "a"]
    assert job["extra"] == {"snake_key": [1, 2.5, None]}
    assert job["isOpen"] is True
    assert job["version"] == 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", job["createdAt"])
    assert re.fullmatch(r"job_[0-9a-z]{26}", job["id"])


async def test_the_envelope(studio: World) -> None:
    reply = await studio.get("/api/v1/jobs?limit=2&sort=title", x_request_id="req_mine")
    assert reply.json["meta"]["requestId"] == reply.headers["x-request-id"] == "req_mine"
    pagination = reply.json["meta"]["pagination"]
    assert pagination == {
        "limit": 2, "nextCursor": pagination["nextCursor"], "prevCursor": None, "hasMore": True,
    }  # fmt: skip
    links = reply.json["links"]
    assert links == {
        "self": "/api/v1/jobs?limit=2&sort=title",
        "first": "/api/v1/jobs?limit=2&sort=title",
        "prev": None,
        "next": f"/api/v1/jobs?limit=2&sort=title&cursor={pagination['nextCursor']}",
    }
    assert reply.headers["link"] == ", ".join(
        f'<{target}>; rel="{rel}"' for rel, target in links.items() if target
    )
    assert "x-total-count" not in reply.headers
    assert reply.headers["content-type"] == "application/json"


async def test_cursors_lead_there_and_back(studio: World) -> None:
    pages, target = [], "/api/v1/jobs?limit=2&sort=-priority"
    while target:
        reply = await studio.get(target)
        pages.append([row["title"] for row in reply.data])
        last, target = reply, reply.json["links"]["next"]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert len({title for page in pages for title in page}) == 5
    assert last.json["meta"]["pagination"]["hasMore"] is False
    back = await studio.get(last.json["links"]["prev"])
    assert [row["title"] for row in back.data] == pages[1]
    assert (await studio.get(back.json["links"]["first"])).data[0]["title"] == pages[0][0]


async def test_numbered_pages(studio: World) -> None:
    reply = await studio.get("/api/v1/jobs?per_page=2&page=2&sort=title")
    assert [row["title"] for row in reply.data] == ["Light", "Paint"]
    assert reply.json["meta"]["pagination"] == {"page": 2, "perPage": 2, "total": 5, "pages": 3}
    assert reply.json["links"] == {
        "self": "/api/v1/jobs?per_page=2&page=2&sort=title",
        "first": "/api/v1/jobs?per_page=2&sort=title&page=1",
        "prev": "/api/v1/jobs?per_page=2&sort=title&page=1",
        "next": "/api/v1/jobs?per_page=2&sort=title&page=3",
        "last": "/api/v1/jobs?per_page=2&sort=title&page=3",
    }
    assert reply.headers["x-total-count"] == "5"
    assert reply.headers["x-pagination-pages"] == "3"
    beyond = await studio.get("/api/v1/jobs?page=9&perPage=2")
    assert beyond.data == []
    assert beyond.json["links"]["prev"] == "/api/v1/jobs?perPage=2&page=3"
    assert beyond.json["links"]["next"] is None
    empty = await studio.get("/api/v1/jobs?page=1&title=none")
    assert empty.json["meta"]["pagination"]["pages"] == 0
    assert empty.json["links"]["last"] == "/api/v1/jobs?title=none&page=1"


async def test_nested_collections(studio: World) -> None:
    reply = await studio.get("/api/v1/films/SWA/jobs?status=open&sort=title&fields=title")
    assert reply.data == [{"title": "Paint"}, {"title": "Roto Äpfel"}]
    assert (await studio.get("/api/v1/films/SWA/jobs?status=shut")).data == []
    assert (await studio.get("/api/v1/films/SWA/jobs?page=1")).headers["x-total-count"] == "3"
    for target in ("/api/v1/films/NOT/jobs", "/api/v1/films/NOT/jobs?page=1", "/api/v1/films/SWA/status"):
        assert (await studio.get(target)).status == 404
    reply = await studio.as_nobody().get("/api/v1/films/BEE/jobs")
    assert reply.status == 404


async def test_what_is_not_visible_is_not_there(studio: World) -> None:
    nobody = studio.as_nobody()
    assert [row["id"] for row in (await nobody.get("/api/v1/films")).data] == ["SWA"]
    assert (await nobody.get("/api/v1/films/SWA")).status == 200
    hidden, absent = await nobody.get("/api/v1/films/BEE"), await nobody.get("/api/v1/films/NOT")
    assert hidden.status == absent.status == 404
    assert hidden.error["code"] == "RESOURCE_NOT_FOUND"


async def test_entity_tags(studio: World) -> None:
    reply = await studio.get("/api/v1/films/SWA")
    tag = reply.headers["etag"]
    assert re.fullmatch(r'"1\.[0-9a-f]+"', tag)
    again = await studio.get("/api/v1/films/SWA", if_none_match=f'"x", W/{tag}')
    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == tag
    assert "content-length" not in again.headers
    part = await studio.get("/api/v1/films/SWA?fields=name", if_none_match=tag)
    assert part.status == 200
    assert part.headers["etag"] != tag
    await studio.ask("PATCH", "/api/v1/films/SWA", {"name": "Swans"})
    assert (await studio.get("/api/v1/films/SWA", if_none_match=tag)).status == 200


async def test_head_and_options(studio: World) -> None:
    head = await studio.ask("HEAD", "/api/v1/films/SWA")
    whole = await studio.get("/api/v1/films/SWA")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == whole.headers["content-length"]
    assert head.headers["etag"] == whole.headers["etag"]
    options = await studio.ask("OPTIONS", "/api/v1/jobs/x")
    assert options.status == 204
    assert options.headers["allow"] == "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"
    assert options.headers["accept-patch"] == PATCHES
    options = await studio.ask("OPTIONS", "/api/v1/jobs")
    assert options.headers["allow"] == "GET, HEAD, QUERY, POST, OPTIONS"
    assert options.headers["accept-query"] == "application/json"
    assert options.headers["accept-post"] == "application/json, application/vnd.api+json"
    assert (await studio.get("/api/v1/jobs")).headers["accept-query"] == "application/json"
    refused = await studio.ask("PUT", "/api/v1/jobs", {})
    assert refused.status == 405
    assert refused.headers["allow"] == "GET, HEAD, QUERY, POST, OPTIONS"
    search = await studio.ask("OPTIONS", "/api/v1/jobs/search")
    assert search.headers["allow"] == "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"


async def test_trailing_slashes_are_accepted(studio: World) -> None:
    assert (await studio.get("/api/v1/films/")).status == 200
    assert (await studio.get("/api/v1/films/SWA/")).data["id"] == "SWA"


async def test_a_body_on_get_means_nothing(studio: World) -> None:
    reply = await studio.ask("GET", "/api/v1/films/SWA", {"name": "x"})
    assert reply.data["name"] == "Swan"


async def test_only_json_is_offered(studio: World) -> None:
    for target in ("/api/v1/films", "/api/v1/films/SWA", "/", "/api/v1"):
        assert (await studio.get(target, accept="text/html, application/*;q=0.5")).status == 200
        reply = await studio.get(target, accept="text/html")
        assert (reply.status, reply.error["code"]) == (406, "NOT_ACCEPTABLE")


async def test_the_ways_in(world: World) -> None:
    assert (await world.get("/")).data == {
        "title": "Studio", "description": "Films.", "api": "/api/v1", "login": "/api/v1/auth/login",
        "health": "/health/ready",
    }  # fmt: skip
    api = (await world.get("/api/v1")).data
    assert api["collections"][0] == {
        "name": "films", "path": "/api/v1/films", "description": "A film in the works.",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("target", "parameters"),
    [
        ("/api/v1/jobs?stauts=open&priority=high&limit=0", ["stauts", "priority", "limit"]),
        ("/api/v1/films/SWA?status=open&x=1", ["status", "x"]),
        ("/api/v1/films/SWA/jobs?film.nam=x", ["film.nam"]),
        ("/api/v1/jobs?page=1&limit=5", ["limit"]),
        ("/api/v1/jobs?extra=x", ["extra"]),
        ("/api/v1/jobs?title=%ff", ["title"]),
    ],
)
async def test_what_is_not_understood_is_refused(studio: World, target: str, parameters: list[str]) -> None:
    reply = await studio.get(target)
    assert reply.status == 400
    assert reply.problems == [(name, "INVALID_PARAMETER") for name in parameters]
    assert reply.error["number"] == 2004
    assert reply.error["requestId"] == reply.headers["x-request-id"]


async def test_a_mistyped_name_is_answered_with_the_nearest(studio: World) -> None:
    (detail,) = (await studio.get("/api/v1/jobs?worker.nmae=x")).error["details"]
    assert detail["message"] == "workers has no `nmae`; did you mean `name`?"


async def test_a_cursor_belongs_to_its_query(studio: World) -> None:
    token = (await studio.get("/api/v1/jobs?limit=1")).json["meta"]["pagination"]["nextCursor"]
    for query in (
        f"limit=1&status=open&cursor={token}",
        f"limit=1&cursor={token[:-2]}",
        "cursor=nonsense",
        "cursor=%C3%A4",
    ):
        reply = await studio.get(f"/api/v1/jobs?{query}")
        assert (reply.status, reply.error["code"]) == (400, "INVALID_CURSOR")


async def test_a_cursor_does_not_depend_on_who_asked_before(studio: World) -> None:
    """A plan is made for whatever request of its shape comes first, in each process."""
    await studio.get("/api/v1/films/BEE/jobs?limit=1")
    first = await studio.get("/api/v1/films/SWA/jobs?limit=1")
    for world in (studio, World(Engine(studio.engine.model, studio.engine.store, secret=b"s" * 32))):
        rest = await world.get(first.json["links"]["next"])
        assert rest.status == 200, rest.body
        assert rest.data[0]["id"] != first.data[0]["id"]


async def test_links_hold_nothing_that_could_break_out_of_them(studio: World) -> None:
    reply = await studio.get('/api/v1/jobs?title=">;rel="x"&limit=1')
    assert reply.status == 200
    assert reply.json["links"]["self"] == "/api/v1/jobs?title=%22%3E;rel=%22x%22&limit=1"

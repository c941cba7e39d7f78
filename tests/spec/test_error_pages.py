"""What errors mean, where the `type` of a problem leads (D35, RFC 9457)."""

from collections.abc import AsyncIterator

import pytest

from headwater.base.errors import REGISTRY
from headwater.testing import Client, client
from headwater_products.demo import app


@pytest.fixture
async def visitor() -> AsyncIterator[Client]:
    async with client(app) as opened:
        yield opened


async def test_the_type_of_a_problem_leads_to_what_it_means(visitor: Client) -> None:
    reply = await visitor.get("/api/v1/nowhere", accept="application/problem+json")
    assert (reply.status, reply.headers["content-type"]) == (404, "application/problem+json")
    problem = reply.json()
    page = await visitor.get(problem["type"])
    assert (page.status, page.headers["content-type"]) == (200, "application/json")
    assert page.data["code"] == problem["code"] == "RESOURCE_NOT_FOUND"
    assert (page.data["status"], page.data["meaning"]) == (problem["status"], problem["title"])
    assert page.data["remedy"]


async def test_every_code_has_a_page_for_programs_and_one_for_people(visitor: Client) -> None:
    listed = {entry["code"]: entry for entry in (await visitor.get("/errors")).data}
    assert listed.keys() == REGISTRY.keys()
    for code, entry in listed.items():
        assert (await visitor.get(entry["type"])).data == entry
        page = await visitor.get(f"/errors/{code}", accept="text/html,application/json;q=0.9")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "Accept" in page.headers["vary"].split(", ")
        assert code.encode() in page.body
    whole = await visitor.get("/errors", accept="text/html")
    assert whole.body.count(b"<section>") == len(REGISTRY)
    assert b"Bearer &lt;token&gt;" in whole.body


async def test_an_unknown_code_is_answered_with_the_nearest(visitor: Client) -> None:
    reply = await visitor.get("/errors/RESOURCE_NOT_FOND")
    assert reply.status == 404
    assert "did you mean `RESOURCE_NOT_FOUND`?" in reply.json()["error"]["message"]
    assert (await visitor.get("/errors/validation_error")).status == 200


async def test_refusals_of_sign_in_are_problems_for_those_who_name_them(visitor: Client) -> None:
    body = {"username": "nobody", "password": "wrong"}
    reply = await visitor.post(
        "/api/v1/auth/login", body, accept="application/json, application/problem+json"
    )
    assert (reply.status, reply.json()["type"]) == (401, "/errors/INVALID_CREDENTIALS")
    bad = await visitor.get("/api/v1/tasks", authorization="Bearer x", accept="application/problem+json")
    assert (bad.status, bad.json()["status"]) == (401, 401)
    assert bad.headers["www-authenticate"].startswith("Bearer ")

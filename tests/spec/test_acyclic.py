"""References that never lead back: trees, and graphs whose edges are rows, also when many write at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from random import Random

import pytest

from headwater import App, Field, OptRef, Ref, Resource, acyclic, allow, field, optref, ref, unique
from headwater.testing import Client, client


class Folder(Resource):
    name: Field[str] = field()
    parent: OptRef[Folder] = optref(default=None)


class Step(Resource):
    name: Field[str] = field()


class Before(Resource, plural="befores"):
    """That a step waits for another."""

    step: Ref[Step] = ref(on_delete="cascade")
    needs: Ref[Step] = ref(on_delete="cascade")


acyclic(Folder.parent)
acyclic(Before.step, Before.needs, message="Steps cannot wait for each other.")
unique(Before.step, Before.needs)
for resource in (Folder, Step, Before):
    allow(resource, "read", "write")

APP = App(title="Order", resources=[Folder, Step, Before])


@pytest.fixture
async def anybody(store_url: str) -> AsyncIterator[Client]:
    async with client(APP, database_url=store_url) as visitor:
        yield await visitor.sign_up("ada")


async def test_a_tree_stays_a_tree(anybody: Client) -> None:
    top = (await anybody.post("/api/v1/folders", {"name": "top"})).data["id"]
    middle = (await anybody.post("/api/v1/folders", {"name": "middle", "parentId": top})).data["id"]
    leaf = (await anybody.post("/api/v1/folders", {"name": "leaf", "parentId": middle})).data["id"]
    for parent in (top, middle, leaf):
        refused = await anybody.patch(f"/api/v1/folders/{top}", {"parentId": parent})
        assert refused.status == 422
        (problem,) = refused.json()["error"]["details"]
        assert (problem["code"], problem["field"]) == ("RULE_VIOLATION", "parentId")
        assert problem["message"] == "parentId would lead back to where it begins."
    assert (await anybody.patch(f"/api/v1/folders/{leaf}", {"parentId": top})).status == 200
    assert (await anybody.patch(f"/api/v1/folders/{middle}", {"parentId": leaf})).status == 200
    assert (await anybody.patch(f"/api/v1/folders/{middle}", {"parentId": None})).status == 200


async def test_random_edges_are_refused_exactly_where_they_close_a_circle(anybody: Client) -> None:
    draw = Random(7)
    steps = [(await anybody.post("/api/v1/steps", {"name": str(n)})).data["id"] for n in range(7)]
    edges: set[tuple[str, str]] = set()

    def leads(start: str, goal: str) -> bool:
        return start == goal or any(leads(b, goal) for a, b in edges if a == start)

    for _ in range(60):
        edge = draw.choice(steps), draw.choice(steps)
        if edge in edges:
            continue
        reply = await anybody.post("/api/v1/befores", {"stepId": edge[0], "needsId": edge[1]})
        assert (reply.status == 422) == leads(edge[1], edge[0]), reply.body
        if reply.status == 201:
            edges.add(edge)
        else:
            assert "Steps cannot wait for each other." in reply.json()["error"]["message"]


async def test_no_circle_comes_about_when_all_write_at_once(anybody: Client) -> None:
    """Each of the edges is harmless by itself; together they are a circle, so one at least must be refused."""
    for turn in range(6):
        size = 2 + turn % 3
        steps = [(await anybody.post("/api/v1/steps", {"name": str(n)})).data["id"] for n in range(size)]
        replies = await asyncio.gather(
            *(
                anybody.post("/api/v1/befores", {"stepId": steps[n], "needsId": steps[(n + 1) % size]})
                for n in range(size)
            )
        )
        statuses = sorted(reply.status for reply in replies)
        assert statuses == [201] * (size - 1) + [422]

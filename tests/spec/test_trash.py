"""Soft delete (D7): what is deleted is nowhere to be felt but in the trash, and comes back whole."""

import asyncio
import os
import random
import re
from collections.abc import AsyncIterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from headwater.base.call import Actor, Call
from headwater.base.errors import DeclarationErrors, Fault
from headwater.base.observe import StatementRun
from headwater.declare import build
from headwater.engine import migrate
from headwater.engine.engine import Engine
from headwater.engine.schema import Schema
from headwater.engine.tx import Tx
from headwater.ir.command import Command, Create, Delete, Outcome, Purge, Restore, Update
from headwater.ir.model import Field, Kind, Model, Type
from tests.spec import test_rules, worlds
from tests.spec.archive import MODEL, Person, Task, assert_whole, living, thrown_away
from tests.spec.probes import looks_into_the_trash
from tests.spec.questions import Asker, Request
from tests.spec.rest_world import World, open_world
from tests.spec.worlds import Maker
from tests.stores import open_store

LONG = bool(os.environ.get("HEADWATER_TEST_LONG"))
ANN = Actor("person_ann", roles=frozenset({"guest", "user"}))
BOB = Actor("person_bob", roles=frozenset({"guest", "user"}))


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with open_world(database_url, MODEL) as opened:
        for actor in (ANN, BOB):
            await opened.engine.run(Call.system(), Create("Person", {"id": actor.id, "name": str(actor.id)}))
        yield opened


EXPECTED = frozenset(
    {
        "RESOURCE_CONFLICT",
        "RESOURCE_ALREADY_EXISTS",
        "RESOURCE_NOT_FOUND",
        "DANGLING_REFERENCE",
        "DATABASE_ERROR",
    }
)


async def made(world: World, path: str, **body: Any) -> str:
    reply = await world.post(f"/api/v1/{path}", body)
    assert reply.status == 201, reply.json
    return str(reply.data["id"])


async def furnished(world: World) -> dict[str, str]:
    """A project that Ann leads and Bob is in, with a task that has a child and hours."""
    project = await made(world, "projects", code="SWA", name="Swan")
    await made(world, "memberships", projectId=project, personId=str(ANN.id), lead=True)
    await made(world, "memberships", projectId=project, personId=str(BOB.id))
    task = await made(world, "tasks", title="Comp", projectId=project, number=1, bid="2.50")
    child = await made(world, "tasks", title="Roto", projectId=project, number=2, parentId=task)
    hours = await made(world, "hours", taskId=child)
    return {"project": project, "task": task, "child": child, "hours": hours}


async def ids(world: World, path: str) -> list[str]:
    reply = await world.get(f"/api/v1/{path}")
    assert reply.status == 200, reply.json
    return [row["id"] for row in reply.data]


async def types(world: World) -> list[str]:
    return [entry.type for entry in await world.engine.log.reader().read(10_000)]


# -- what is in the trash is nowhere else ---------------------------------------------------------------------


async def test_what_is_deleted_is_gone_from_everywhere_but_the_trash(world: World) -> None:
    rows = await furnished(world)
    task = f"/api/v1/tasks/{rows['task']}"
    assert (await world.get("/api/v1/projects/SWA")).data["taskCount"] == 2
    assert (await world.get(task)).data["deletedAt"] is None
    assert (await world.ask("DELETE", task)).status == 204
    for method, body in (("GET", None), ("PATCH", {"title": "x"}), ("DELETE", None)):
        assert (await world.ask(method, task, body)).status == 404
    assert (await world.post(f"{task}/shred")).status == 404
    assert await ids(world, "tasks") == []
    assert await ids(world, "tasks?title[contains]=comp") == []
    assert (await world.get("/api/v1/tasks?page=1")).json["meta"]["pagination"]["total"] == 0
    assert (await world.get("/api/v1/tasks?aggregate=count")).data == {"count": 0}
    assert await ids(world, "projects/SWA/tasks") == []
    assert await ids(world, "projects?tasks.title=Comp") == []
    project = (await world.get("/api/v1/projects/SWA?include=tasks")).data
    assert (project["tasks"], project["taskCount"], project["bids"]) == ([], 0, "0.00")
    new = {"title": "new", "projectId": "SWA", "parentId": rows["task"]}
    assert (await world.post("/api/v1/tasks", new)).error["code"] == "DANGLING_REFERENCE"
    found = (await world.get("/api/v1/trash/tasks?sort=title")).data
    assert [row["title"] for row in found] == ["Comp", "Roto"]
    assert all(row["deletedAt"] is not None and row["version"] == 2 for row in found)
    assert await types(world) == [*["person.created"] * 2, "project.created", *["membership.created"] * 2,
                                  *["task.created"] * 2, "hours.created", "task.trashed", "task.trashed",
                                  "hours.deleted"]  # fmt: skip


async def test_a_summary_of_the_trash_counts_what_its_list_shows(world: World) -> None:
    """By what a row refers to as well, which has gone to the trash with it."""
    rows = await furnished(world)
    await world.ask("DELETE", f"/api/v1/tasks/{rows['task']}")
    for question, titles in (
        ("parent.title=Comp", ["Roto"]),
        ("parent.title[in]=Comp,Roto", ["Roto"]),
        ("project.name=Swan", ["Comp", "Roto"]),
    ):
        found = (await world.get(f"/api/v1/trash/tasks?sort=title&{question}")).data
        assert [row["title"] for row in found] == titles
        summary = await world.get(f"/api/v1/trash/tasks?aggregate=count&{question}")
        assert summary.data == {"count": len(titles)}


async def test_the_trash_is_a_list_as_any(world: World) -> None:
    await furnished(world)
    for number in range(5):
        await made(world, "tasks", title=f"T{number}", projectId="SWA", number=10 + number)
    for id in await ids(world, "tasks?title[startsWith]=T&sort=title"):
        await world.ask("DELETE", f"/api/v1/tasks/{id}")
    first = (await world.get("/api/v1/trash/tasks?sort=-deletedAt&limit=2&fields=title")).json
    assert [row["title"] for row in first["data"]] == ["T4", "T3"]
    second = (await world.get(first["links"]["next"])).json
    assert [row["title"] for row in second["data"]] == ["T2", "T1"]
    assert [r["title"] for r in (await world.get(second["links"]["prev"])).data] == ["T4", "T3"]
    numbered = await world.get("/api/v1/trash/tasks?title[contains]=3&perPage=10")
    assert (numbered.json["meta"]["pagination"]["total"], numbered.data[0]["title"]) == (1, "T3")
    assert (await world.get("/api/v1/trash/tasks?aggregate=count,sum(bid)")).data["count"] == 5
    question = {"filter": {"title": {"in": ["T1", "T2", "Comp"]}}, "sort": ["title"], "fields": ["title"]}
    for method, path in (("POST", "/search"), ("QUERY", "")):
        reply = await world.ask(method, f"/api/v1/trash/tasks{path}", question)
        assert [row["title"] for row in reply.data] == ["T1", "T2"]
    id = numbered.data[0]["id"]
    one = await world.get(f"/api/v1/trash/tasks/{id}?include=project")
    assert (one.data["title"], one.data["project"]["code"]) == ("T3", "SWA")
    tag = one.headers["etag"]
    assert (await world.get(f"/api/v1/trash/tasks/{id}?include=project", if_none_match=tag)).status == 304
    assert (await world.get("/api/v1/trash/tasks?nonsense=1")).status == 400
    living = (await ids(world, "tasks?limit=1"))[0]
    assert (await world.get(f"/api/v1/trash/tasks/{living}")).status == 404
    cursor = first["meta"]["pagination"]["nextCursor"]
    wrong = await world.get(f"/api/v1/tasks?sort=-deletedAt&limit=2&fields=title&cursor={cursor}")
    assert wrong.error["code"] == "INVALID_CURSOR"


def with_trash(model: Model) -> Model:
    """The model, where every resource has a trash."""
    added = (
        Field("deleted_at", "deletedAt", Type(Kind.DATETIME), "deleted_at", nullable=True, read_only=True),
        Field("trash_id", "trashId", Type(Kind.ID), "trash_id", nullable=True, internal=True),
    )
    resources = {
        name: replace(resource, trash=True, fields={**resource.fields, **{f.name: f for f in added}})
        for name, resource in model.resources.items()
    }
    return Model(resources, model.roles)


async def test_what_is_in_the_trash_changes_no_answer(store_url: str) -> None:
    """Over drawn worlds, rules, masks and requests: as if the rows had never been, memberships included that would have
    shown more to the actor."""
    proper = 0
    seed = random.randrange(1 << 30) if LONG else 0
    async with open_store(store_url, fresh=True) as store:
        schema = Schema(with_trash(worlds.MODEL), store.dialect)
        await store.close()
        await migrate.create_all(schema, store.url)
        await store.open()
        for number in range(200 if LONG else 15):
            draw = random.Random(seed + number)
            maker, ruled = Maker(draw), worlds.Ruled(draw)
            rows = maker.world()
            actor = draw.choice(list(rows["Person"]))
            other = with_thrown_away(maker, rows, draw)
            keys = {name: list(kept) for name, kept in other.items()}
            proper += any(
                ruled.visible(other, actor, name, row)
                for name, kept in other.items()
                for id, row in kept.items()
                if id not in rows[name]
            )
            model = with_trash(ruled.model)
            asker = Asker(model, draw, test_rules.values(draw, other, actor), keys, ruled.ways())
            known = {id for ids in keys.values() for id in ids}
            asked = [asker.request() for _ in range(30)]
            requests = [request for request in asked if not asks_the_trash(request)]
            drawn = test_rules.commands(draw, other, ruled, actor)
            written = [request for request in drawn if not asks_the_trash(request)]
            caller = Actor(actor, frozenset({"guest", "user"}))
            world = World(Engine(model, store, secret=b"k" * 32), caller, documented=False, now=worlds.NOW)
            answers = []
            for kept in (marked(rows, rows), marked(other, rows)):
                await worlds.become(store, schema, kept)
                reads = [await test_rules.answer(world, request) for request in requests]
                writes = [
                    test_rules.without_new_ids(await test_rules.answer(world, request), known)
                    for request in written
                ]
                answers.append([*reads, *writes])
            for request, first, second in zip([*requests, *written], *answers, strict=True):
                assert first == second, f"seed {seed + number}: {request}"
    assert proper > 5, "too few worlds in which there would be more to see"


def asks_the_trash(request: Request) -> bool:
    """Whether a request is about what is in the trash, which is seen there."""
    seed = re.search(r"\?seed=(\d+)$", request.target)
    if seed is not None and looks_into_the_trash(int(seed[1])):
        return True
    return request.target.startswith("/api/v1/trash/") or request.target.endswith("/restore")


def with_thrown_away(maker: Maker, rows: worlds.Rows, draw: random.Random) -> worlds.Rows:
    """The rows, and others, which are to be in the trash."""
    other = deepcopy(rows)
    people = [*rows["Person"], maker.add(other, "Person", name="P9")]
    projects = [*rows["Project"], maker.project(other, "EE", public=True)]
    for project in projects:
        for person in people:
            if draw.random() < 0.7:
                maker.membership(other, project, person)
    for _ in range(8):
        task = maker.task(other, draw.choice(projects), draw.choice([None, *people]))
        maker.note(other, task, draw.choice(people))
    return other


def marked(rows: worlds.Rows, living: worlds.Rows) -> worlds.Rows:
    """The rows, of which those that are not living are in the trash."""
    here = {"deleted_at": None, "trash_id": None}
    there = {"deleted_at": worlds.NOW, "trash_id": "trash_1"}
    return {
        name: {id: {**row, **(here if id in living[name] else there)} for id, row in kept.items()}
        for name, kept in rows.items()
    }


# -- coming back ----------------------------------------------------------------------------------------------


async def test_what_went_together_comes_back_together(world: World) -> None:
    rows = await furnished(world)
    before = await living(world.engine)
    await world.ask("DELETE", f"/api/v1/tasks/{rows['child']}")
    assert (await world.ask("DELETE", "/api/v1/projects/SWA")).status == 204
    assert await ids(world, "projects") == []
    trashed = (await world.get("/api/v1/trash/projects/SWA?include=tasks,members")).data
    assert ([t["id"] for t in trashed["tasks"]], len(trashed["members"])) == ([rows["task"]], 2)
    assert trashed["taskCount"] == 1, "what went with it is what it has there"
    restored = await world.post("/api/v1/projects/SWA/restore?include=tasks")
    assert (restored.status, restored.data["taskCount"], restored.data["deletedAt"]) == (200, 1, None)
    assert restored.headers["content-location"] == "/api/v1/projects/SWA"
    assert await ids(world, "trash/tasks") == [rows["child"]], "it had gone before, by itself"
    assert (await world.post(f"/api/v1/tasks/{rows['child']}/restore", prefer="return=minimal")).status == 204
    after = await living(world.engine)
    lost = {("Hours", rows["hours"])}
    assert after.keys() == before.keys() - lost
    same = ("version", "updated_at")
    for found, row in after.items():
        old = before[found]
        assert {k: v for k, v in row.items() if k not in same} == {
            k: v for k, v in old.items() if k not in same
        }
        assert row["version"] == old["version"] + (0 if found[0] == "Person" else 2)
    assert (await types(world))[-9:] == [
        *["project.trashed", "membership.trashed", "membership.trashed", "task.trashed"],
        *["project.restored", "membership.restored", "membership.restored", "task.restored", "task.restored"],
    ]
    await assert_whole(world.engine)


async def test_a_row_waits_for_what_it_belongs_to(world: World) -> None:
    rows = await furnished(world)
    await world.ask("DELETE", "/api/v1/projects/SWA")
    refused = await world.post(f"/api/v1/tasks/{rows['task']}/restore")
    assert (refused.status, refused.problems) == (409, [("projectId", "RESOURCE_CONFLICT")])
    assert refused.error["details"][0]["hint"] == "Restore the project first."
    await world.post("/api/v1/projects/SWA/restore")
    assert len(await ids(world, "tasks")) == 2
    await assert_whole(world.engine)


async def test_what_must_be_unique_is_free_again_and_a_conflict_when_it_comes_back(world: World) -> None:
    rows = await furnished(world)
    await world.ask("DELETE", f"/api/v1/tasks/{rows['task']}")
    other = await made(world, "tasks", title="Other", projectId="SWA", number=1)
    refused = await world.post(f"/api/v1/tasks/{rows['task']}/restore")
    assert refused.status == 409
    assert refused.problems == [
        ("projectId", "RESOURCE_ALREADY_EXISTS"),
        ("number", "RESOURCE_ALREADY_EXISTS"),
    ]
    await world.ask("PATCH", f"/api/v1/tasks/{other}", {"number": 9})
    assert (await world.post(f"/api/v1/tasks/{rows['task']}/restore")).status == 200
    await world.ask("DELETE", "/api/v1/projects/SWA")
    second = await made(world, "projects", code="SWB", name="Swan")
    assert (await world.post("/api/v1/projects/SWA/restore")).problems == [
        ("name", "RESOURCE_ALREADY_EXISTS")
    ]
    taken = await world.post("/api/v1/projects", {"code": "SWA", "name": "Again"})
    assert taken.problems == [("code", "RESOURCE_ALREADY_EXISTS")], "an id is its row's, wherever that is"
    await world.ask("DELETE", f"/api/v1/projects/{second}")
    assert (await world.post("/api/v1/projects/SWA/restore")).status == 200


async def test_versions_guard_the_trash_too(world: World) -> None:
    rows = await furnished(world)
    task = rows["task"]
    await world.ask("DELETE", f"/api/v1/tasks/{task}")
    stale = {"If-Match": '"1.0"'}
    assert (await world.ask("POST", f"/api/v1/tasks/{task}/restore", headers=stale)).status == 412
    assert (await world.ask("DELETE", f"/api/v1/trash/tasks/{task}", headers=stale)).status == 412
    tag = (await world.get(f"/api/v1/trash/tasks/{task}")).headers["etag"]
    several = {"If-Match": f'"9.0", {tag}'}
    assert (await world.ask("POST", f"/api/v1/tasks/{task}/restore", headers=several)).status == 200
    assert (await world.post(f"/api/v1/tasks/{task}/restore")).status == 404, "it is not in the trash"


# -- what becomes of references -------------------------------------------------------------------------------


async def test_references_are_refused_cleared_or_followed(world: World) -> None:
    rows = await furnished(world)
    task, reel = f"/api/v1/tasks/{rows['task']}", await made(world, "reels", name="dailies")
    await world.ask("PATCH", task, {"reelId": reel})
    review = await made(world, "reviews", taskId=rows["task"])
    refused = await world.ask("DELETE", task)
    assert (refused.status, refused.error["message"]) == (
        409, "There are reviews that still refer to it by taskId.",
    )  # fmt: skip
    await world.ask("DELETE", f"/api/v1/reviews/{review}")
    await world.ask("DELETE", f"/api/v1/reels/{reel}")
    assert (await world.get(task)).data["reelId"] is None
    await world.post(f"/api/v1/reels/{reel}/restore")
    assert (await world.get(task)).data["reelId"] is None, "what is cleared stays so"
    await world.ask("PATCH", task, {"reelId": reel})
    await world.ask("DELETE", task)
    await world.ask("DELETE", f"/api/v1/reels/{reel}")
    assert (await world.post(f"{task}/restore")).data["reelId"] is None, "the reel is in the trash still"
    await assert_whole(world.engine)


async def test_what_comes_back_closes_no_circle(world: World) -> None:
    rows = await furnished(world)
    first = await made(world, "needs", taskId=rows["task"], otherId=rows["child"])
    await world.ask("DELETE", f"/api/v1/needs/{first}")
    second = await made(world, "needs", taskId=rows["child"], otherId=rows["task"])
    assert (await world.post(f"/api/v1/needs/{first}/restore")).status == 422
    await world.ask("DELETE", f"/api/v1/needs/{second}")
    assert (await world.post(f"/api/v1/needs/{first}/restore")).status == 200
    assert (await world.post(f"/api/v1/needs/{second}/restore")).status == 422


async def test_who_is_removed_for_good_leaves_the_trash_too(world: World) -> None:
    await furnished(world)
    cat = await made(world, "persons", name="Cat")
    both = {"projectId": "SWA", "title": "T"}
    drawn = await made(world, "tasks", **both, number=3, artistId=cat)
    judged = await made(world, "tasks", **both, number=4, reviewerId=cat)
    member = await made(world, "memberships", projectId="SWA", personId=cat)
    for path in (f"tasks/{drawn}", f"tasks/{judged}", f"memberships/{member}"):
        await world.ask("DELETE", f"/api/v1/{path}")
    refused = await world.ask("DELETE", f"/api/v1/persons/{cat}")
    assert refused.error["message"] == "There are tasks in the trash that still refer to it by reviewerId."
    assert (await world.ask("DELETE", f"/api/v1/trash/tasks/{judged}")).status == 204
    assert (await world.ask("DELETE", f"/api/v1/persons/{cat}")).status == 204
    assert (await world.get(f"/api/v1/trash/tasks/{drawn}")).data["artistId"] is None
    assert (await world.get(f"/api/v1/trash/memberships/{member}")).status == 404
    assert (await types(world))[-4:] == ["task.purged", "task.updated", "membership.purged", "person.deleted"]
    await assert_whole(world.engine)


async def test_what_is_purged_takes_along_what_hangs_on_it(world: World) -> None:
    rows = await furnished(world)
    await world.ask("DELETE", f"/api/v1/tasks/{rows['child']}")
    await world.ask("DELETE", f"/api/v1/tasks/{rows['task']}")
    assert (await world.ask("DELETE", f"/api/v1/trash/tasks/{rows['task']}")).status == 204
    assert await ids(world, "trash/tasks") == []
    assert (await world.ask("DELETE", f"/api/v1/trash/tasks/{rows['task']}")).status == 404
    assert (await types(world))[-2:] == ["task.purged", "task.purged"]


async def test_a_task_in_the_trash_forgets_what_is_lost(world: World) -> None:
    """Hours have no trash: a task that goes there with them no longer names them."""
    rows = await furnished(world)
    await world.ask("PATCH", f"/api/v1/tasks/{rows['task']}", {"sampleId": rows["hours"]})
    await world.ask("DELETE", "/api/v1/projects/SWA")
    assert (await world.get(f"/api/v1/trash/tasks/{rows['task']}")).data["sampleId"] is None
    entry = next(
        e
        for e in await world.engine.log.reader().read(100)
        if e.type == "task.trashed" and e.row_id == rows["task"]
    )
    assert entry.before is not None
    assert entry.before["sample"] == rows["hours"]
    await assert_whole(world.engine)


# -- who may ------------------------------------------------------------------------------------------------


async def test_the_trash_shows_what_one_may_read_and_restore(world: World) -> None:
    rows = await furnished(world)
    ann, bob = world.acting_as(ANN), world.acting_as(BOB)
    assert (await bob.ask("DELETE", "/api/v1/projects/SWA")).status == 403
    assert (await ann.ask("DELETE", "/api/v1/projects/SWA")).status == 204
    assert await ids(ann, "trash/projects") == ["SWA"], "by the membership that went along"
    assert sorted(await ids(ann, "trash/tasks")) == sorted([rows["task"], rows["child"]])
    assert await ids(bob, "trash/projects") == []
    for path in ("trash/projects/SWA", f"trash/tasks/{rows['task']}"):
        assert (await bob.get(f"/api/v1/{path}")).status == 404
        assert (await bob.ask("DELETE", f"/api/v1/{path}")).status == 404
    assert (await bob.post("/api/v1/projects/SWA/restore")).status == 404
    assert (await world.as_nobody().get("/api/v1/trash/projects")).status == 401
    assert (await world.as_nobody().post("/api/v1/projects/SWA/restore")).status == 401
    assert (await ann.post("/api/v1/projects/SWA/restore")).status == 200
    assert await ids(bob, "projects") == ["SWA"]


async def test_a_membership_in_the_trash_shows_nothing(world: World) -> None:
    """Lists that begin with the projects that one is in, too."""
    await furnished(world)
    bob = world.acting_as(BOB)
    member = (await ids(bob, "memberships"))[0]
    for path in ("tasks", "tasks?sort=-createdAt", "tasks?page=1", "projects"):
        assert await ids(bob, path) != []
    await world.ask("DELETE", f"/api/v1/tasks/{(await ids(bob, 'tasks'))[1]}")
    assert len(await ids(bob, "tasks")) == len(await ids(bob, "tasks?page=1")) == 1
    await world.ask("DELETE", f"/api/v1/memberships/{member}")
    for path in ("tasks", "tasks?sort=-createdAt", "tasks?page=1", "projects"):
        assert await ids(bob, path) == []
    assert (await bob.get("/api/v1/tasks?aggregate=count")).data == {"count": 0}


async def test_restore_can_have_a_rule_of_its_own(world: World) -> None:
    mine, theirs = await made(world, "reels", name="mine"), await made(world, "reels", name="theirs")
    for id in (mine, theirs):
        await world.ask("DELETE", f"/api/v1/reels/{id}")
    ann = world.acting_as(ANN)
    assert await ids(ann, "trash/reels") == [mine]
    assert (await ann.ask("DELETE", f"/api/v1/trash/reels/{mine}")).status == 403, "purge is delete's still"
    assert (await ann.post(f"/api/v1/reels/{theirs}/restore")).status == 404
    assert (await ann.post(f"/api/v1/reels/{mine}/restore")).status == 200
    refused = await world.post(f"/api/v1/reels/{theirs}/restore")
    assert refused.error["details"][0]["requiredPermission"] == "restore:reels"


# -- authors --------------------------------------------------------------------------------------------------


async def test_authors_restore_purge_and_look(world: World) -> None:
    rows = await furnished(world)
    task = f"/api/v1/tasks/{rows['task']}"
    await world.ask("DELETE", f"/api/v1/tasks/{rows['child']}")
    assert (await world.post(f"{task}/rummage")).data == [], "an action shows what its caller may see"
    [again] = (await world.post(f"{task}/start-over")).data
    assert (again["id"], again["title"]) == (rows["child"], "again")
    assert (await types(world))[-2:] == ["task.restored", "task.updated"]
    assert (await world.post(f"{task}/shred")).status == 200
    assert (await types(world))[-4:] == ["task.trashed", "task.trashed", "task.purged", "task.purged"]
    assert await thrown_away(world.engine) == {}

    async def work(tx: Tx) -> None:
        await tx.trashed(Person)

    with pytest.raises(
        TypeError, match=r"Person has no trash: declare `class Person\(Resource, trash=True\)`"
    ):
        await world.engine.transact(Call.system(), work)


async def test_what_was_read_from_the_trash_is_acted_on_as_it_is_now(world: World) -> None:
    rows = await furnished(world)
    await world.ask("DELETE", f"/api/v1/tasks/{rows['child']}")
    looks: list[int] = []

    async def work(tx: Tx) -> None:
        found = await tx.trashed(Task)
        looks.append(len(found))
        if len(looks) == 1:
            await world.engine.run(Call.system(), Restore("Task", rows["child"]))
        for row in found:
            await tx.restore(row)

    await world.engine.transact(Call.system(), work)
    assert looks == [1, 0]


def test_the_words_of_the_trash_belong_to_it() -> None:
    from headwater import Field as Value
    from headwater import Resource, action, allow, key

    class Box(Resource, trash=True):
        """A box."""

        name: Value[str] = key()

        @action()
        async def restore(self, tx: Any) -> None:
            """Again."""

    class Bag(Resource):
        """A bag."""

        name: Value[str] = key()

    allow(Bag, "restore")
    with pytest.raises(DeclarationErrors) as raised:
        build([Box, Bag])
    assert "Box.restore: The name is that of a permission's verb" in str(raised.value)
    assert "There is no verb 'restore'" in str(raised.value)


async def test_a_row_may_have_any_key_beside_the_trash(world: World) -> None:
    assert (await world.post("/api/v1/projects", {"code": "trash", "name": "x"})).status == 201
    assert (await world.get("/api/v1/projects/trash")).data["code"] == "trash"
    assert await ids(world, "trash/projects") == []


# -- whatever is done ---------------------------------------------------------------------------------------


async def test_whatever_is_thrown_away_and_taken_back_all_stays_whole(world: World) -> None:
    engine, draw = world.engine, random.Random(7)
    restored = 0
    for turn in range(150):
        here, there = await assert_whole(engine)
        command = drawn(draw, [*here], [*there], turn)
        outcome = await tried(engine, command)
        if outcome is None:
            assert await assert_whole(engine) == (here, there)
            continue
        if isinstance(command, Delete) and (command.resource, command.key) in (await thrown_away(engine)):
            kept = await living(engine)
            await engine.run(Call.system(), Restore(command.resource, command.key))
            back = (await living(engine)).keys() - kept.keys()
            went = {f for f in here.keys() - kept.keys() if MODEL.resources[f[0]].trash}
            assert back == went, command
            restored += 1
            if draw.random() < 0.7:
                await engine.run(Call.system(), Delete(command.resource, command.key))
    assert restored > 10
    here, there = await assert_whole(engine)
    told: dict[tuple[str, str], Any] = {}
    for entry in await engine.log.reader().read(100_000):
        found = (entry.resource, entry.row_id)
        if entry.before is not None:
            known = told.pop(found)
            whole = entry.before if entry.after is None else {**entry.after, **entry.before}
            assert whole == known, entry
        if entry.after is not None:
            told[found] = entry.after
    assert told.keys() == here.keys() | there.keys()
    for found, row in told.items():
        stored = (here | there)[found]
        assert row["version"] == stored["version"]
        assert (row.get("deleted_at") is not None) == (found in there)


async def tried(engine: Engine, command: Command) -> Outcome | None:
    """What a command did; None where it is refused as others may cause it to be."""
    try:
        return await engine.run(Call.system(), command)
    except Fault as fault:
        if fault.code not in EXPECTED:
            raise
        return None


def drawn(draw: random.Random, here: list[Any], there: list[Any], turn: int) -> Command:
    def some(name: str) -> str | None:
        found = [id for resource, id in here if resource == name]
        return draw.choice(found) if found and draw.random() < 0.7 else None

    if there and draw.random() < 0.25:
        name, id = draw.choice(there)
        return (Purge if draw.random() < 0.4 else Restore)(name, id)
    if here and draw.random() < 0.25:
        name, id = draw.choice(here)
        return Delete(name, id)
    project, task = some("Project"), some("Task")
    if project is None:
        return Create("Project", {"code": f"P{turn}", "name": f"P{turn}"})
    if task is None or draw.random() < 0.6:
        references = {
            "parent": some("Task"),
            "artist": some("Person"),
            "reviewer": some("Person"),
            "reel": some("Reel"),
        }
        values = {"title": "t", "number": draw.randrange(30), "project": project, **references}
        return Create("Task", values)
    match draw.choice(["Hours", "Reel", "Membership", "Review", "Person", "sample", "reel"]):
        case "Reel":
            return Create("Reel", {"name": "r"})
        case "Person":
            return Create("Person", {"name": f"n{turn}"})
        case "Membership":
            return Create("Membership", {"project": project, "person": str(ANN.id)})
        case "sample":
            return Update("Task", task, {"sample": some("Hours")})
        case "reel":
            return Update("Task", task, {"reel": some("Reel")})
        case name:
            return Create(name, {"task": task})


async def test_those_who_act_at_once_leave_all_whole(world: World) -> None:
    """Rows are made, moved, thrown away and taken back below projects and reels that come and go."""
    engine = world.engine
    await engine.run(Call.system(), Create("Project", {"code": "AA", "name": "AA"}))
    reel = str((await engine.run(Call.system(), Create("Reel", {"name": "r"}))).key)
    parent = str(
        (await engine.run(Call.system(), Create("Task", {"title": "p", "project": "AA", "number": -1}))).key
    )

    async def actor(number: int) -> None:
        draw, mine = random.Random(number), list[str]()
        for turn in range(40):
            commands: list[Command] = [
                Create("Task", {"title": "t", "project": "AA", "number": number * 100 + turn,
                                "reel": draw.choice([None, reel]), "parent": draw.choice([None, parent])}),
                *[Delete("Reel", reel), Delete("Task", parent), Delete("Project", "AA")],
                *[Restore("Reel", reel), Restore("Task", parent), Restore("Project", "AA")] * 3,
            ]  # fmt: skip
            for id in mine[-2:]:
                commands += [Delete("Task", id), Restore("Task", id), Update("Task", id, {"parent": parent})]
                commands += [Update("Task", id, {"reel": reel})]
            command = draw.choice([*commands[:1] * 4, *commands])
            outcome = await tried(engine, command)
            if outcome is not None and isinstance(command, Create):
                mine.append(str(outcome.key))

    await asyncio.gather(*(actor(number) for number in range(6)))
    here, there = await assert_whole(engine)
    assert len(here) + len(there) > 8


async def test_who_refers_to_what_is_thrown_away_is_seen_or_sees_it(world: World) -> None:
    """A row that is made or brought back below a project, while the project goes to the trash: it goes along, or is
    refused."""
    engine = world.engine
    for turn in range(20):
        code, old = f"P{turn}", dict[str, Any](title="t", project=f"P{turn}")
        await engine.run(Call.system(), Create("Project", {"code": code, "name": code}))
        thrown = str((await engine.run(Call.system(), Create("Task", {**old, "number": 1}))).key)
        await engine.run(Call.system(), Delete("Task", thrown))
        commands = [Create("Task", {**old, "number": 2}), Delete("Project", code), Restore("Task", thrown)]
        random.Random(turn).shuffle(commands)
        await asyncio.gather(*(tried(engine, command) for command in commands))
        await assert_whole(engine)


async def test_lists_are_read_from_indexes_of_what_they_show(tmp_path: Path) -> None:
    async with open_world(f"sqlite:///{tmp_path}/a.db", MODEL) as world:
        seen: list[str] = []
        world.engine.store.observers.add(
            lambda o: seen.append(o.sql) if isinstance(o, StatementRun) else None
        )
        paths = ("tasks?sort=title", "trash/tasks?sort=-deletedAt", "tasks?projectId=SWA")
        await world.post("/api/v1/projects", {"code": "SWA", "name": "Swan"})
        plans = []
        for path in paths:
            seen.clear()
            assert (await world.get(f"/api/v1/{path}")).status == 200
            plans.append(await explained(world, seen[-1]))
    for plan, index in zip(
        plans, ("ix_tasks_title", "ix_tasks_deleted_at", "ix_tasks_project_id"), strict=True
    ):
        assert f"USING INDEX {index}" in plan, plan
        assert "TEMP B-TREE" not in plan, plan
    of = {i.name: i.dialect_options["postgresql"]["where"] for i in world.engine.schema["Task"].indexes}
    whole = {name for name, where in of.items() if where is None}
    assert whole == {
        f"ix_tasks_{name}_id" for name in ("project", "parent", "artist", "reviewer", "reel", "sample")
    }


async def explained(world: World, sql: str) -> str:
    rows = await world.engine.store.read(f"EXPLAIN QUERY PLAN {sql}", [None] * sql.count("?"))
    return "\n".join(str(row[3]) for row in rows)

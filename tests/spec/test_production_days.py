"""The daily work of a small studio, as its people do it over REST."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from headwater.testing import Client, Reply, client
from headwater_products.demo import app
from tests.described import Described

PATCH = {"content_type": "application/merge-patch+json"}


@dataclass
class Studio:
    """A show in its first week: one sequence with two shots, one asset, and its people."""

    admin: Client
    coordinator: Client
    supervisor: Client
    artist: Client
    reviewer: Client
    stranger: Client
    described: Described

    async def make(self, who: Client, path: str, **body: Any) -> dict[str, Any]:
        """A new row, which must succeed."""
        return dict((await self.ok(who, "POST", path, body)).data)

    async def ok(self, who: Client, method: str, path: str, body: Any = None) -> Reply:
        """A request that succeeds, and whose answer is what the document says."""
        reply = await who.request(method, f"/api/v1/{path}", body)
        assert reply.status in (200, 201, 204), reply.body
        self.described.check(
            method, f"/api/v1/{path.partition('?')[0]}", reply.status, reply.headers, reply.body
        )
        return reply

    async def refused(self, who: Client, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """The status and the problems of a request that does not succeed."""
        reply = await who.request(method, f"/api/v1/{path}", body)
        assert reply.status >= 400, reply.body
        self.described.check(
            method, f"/api/v1/{path.partition('?')[0]}", reply.status, reply.headers, reply.body
        )
        error = reply.json()["error"]
        return reply.status, [(d.get("field"), d["code"]) for d in error.get("details", [])] or error[
            "message"
        ]


@pytest.fixture
async def studio(store_url: str) -> AsyncIterator[Studio]:
    described = Described(app.openapi(), [])
    async with client(app, database_url=store_url) as visitor:
        people = [await visitor.sign_up(login) for login in ("cora", "sam", "ari", "clio", "stan")]
        admin = await visitor.sign_up("root", role="admin")
        studio = Studio(admin, *people, described=described)
        for code, name, department, bid in (
            ("layout", "Layout", "layout", "8"),
            ("animation", "Animation", "animation", "24"),
            ("lighting", "Lighting", "lighting", "16"),
            ("comp", "Compositing", "compositing", "16"),
        ):
            await studio.make(admin, "task-types", code=code, name=name, department=department, bid=bid)
        await studio.make(admin, "projects", code="SWA", name="Saltwater Avenue", start="2026-03-02")
        cora = studio.coordinator
        await studio.make(admin, "memberships", projectId="SWA", personId=cora.id, role="coordinator")
        for person, role in zip(people[1:4], ("supervisor", "artist", "client_reviewer"), strict=True):
            await studio.make(cora, "memberships", projectId="SWA", personId=person.id, role=role)
        yield studio


async def shot(studio: Studio, code: str = "SWA_010_0010") -> dict[str, Any]:
    """A shot with a sequence of its own."""
    sequence = await studio.make(studio.coordinator, "sequences", projectId="SWA", code=code[:-5])
    return await studio.make(
        studio.coordinator, "shots", projectId="SWA", sequenceId=sequence["id"], code=code, frameOut=1096
    )


async def test_a_coordinator_sets_up_a_show(studio: Studio) -> None:
    cora = studio.coordinator
    status, problems = await studio.refused(
        cora, "PATCH", "projects/SWA", {"driveMapping": {"renderOutputs": "renders/swa"}}
    )
    assert (status, sorted(problems)) == (
        400,
        [("driveMapping.renderOutputs", "VALIDATION_ERROR")],
    )
    status, problems = await studio.refused(cora, "PATCH", "projects/SWA", {"driveMapping": {}})
    assert (status, sorted(problems)) == (
        400,
        [("driveMapping.renderOutputs", "REQUIRED_FIELD"), ("driveMapping.workingFiles", "REQUIRED_FIELD")],
    )
    drives = {"workingFiles": r"P:\swa\work", "renderOutputs": "//nas/renders/swa"}
    changed = await studio.ok(
        cora,
        "PATCH",
        "projects/SWA",
        {"status": "active", "driveMapping": drives, "resolution": {"width": 4096, "height": 1716}},
    )
    assert changed.data["driveMapping"] == drives
    assert changed.data["resolution"] == {"width": 4096, "height": 1716, "pixelAspect": "1.000"}
    assert (changed.data["colourSpace"], changed.data["taskCount"]) == ("acescg", 0)

    one = await shot(studio)
    assert (one["frameCount"], one["handles"], one["status"]) == (96, 8, "waiting")
    gull = await studio.make(
        cora, "assets", projectId="SWA", code="cre_gull", name="The gull", type="creature"
    )
    await studio.make(cora, "asset-uses", shotId=one["id"], assetId=gull["id"], count=12)
    types = {"types": ["layout", "animation", "lighting", "comp"], "start": "2026-03-09"}
    tasks = (await studio.ok(cora, "POST", f"shots/{one['id']}/plan", types)).data
    assert [task["title"] for task in tasks] == [
        "Layout SWA_010_0010", "Animation SWA_010_0010", "Lighting SWA_010_0010", "Compositing SWA_010_0010"
    ]  # fmt: skip
    assert [task["bid"] for task in tasks] == ["8.00", "24.00", "16.00", "16.00"]
    waits = (await studio.ok(cora, "GET", f"tasks/{tasks[2]['id']}?include=dependencies.needs,needs")).data
    assert [need["id"] for need in waits["needs"]] == [tasks[1]["id"]]
    assert (await studio.ok(cora, "GET", "projects/SWA")).data["taskCount"] == 4
    # Which shots show the gull, and what of it is to be done.
    shown = (await studio.ok(cora, "GET", f"assets/{gull['id']}?include=shots,assetUses")).data
    assert [s["code"] for s in shown["shots"]] == ["SWA_010_0010"]
    assert shown["assetUses"][0]["count"] == 12


async def test_what_cannot_be_is_refused(studio: Studio) -> None:
    cora = studio.coordinator
    one = await shot(studio)
    await studio.make(studio.admin, "projects", code="NRT", name="Northern Track")
    other = await studio.make(studio.admin, "sequences", projectId="NRT", code="NRT_010")
    there = await studio.make(
        studio.admin, "shots", projectId="NRT", sequenceId=other["id"], code="NRT_010_0010", frameOut=1100
    )
    asset = await studio.make(cora, "assets", projectId="SWA", code="a", name="A", type="prop")
    task = {"projectId": "SWA", "title": "T", "department": "layout"}
    cases: list[tuple[str, dict[str, Any], int, str]] = [
        ("tasks", {**task, "shotId": one["id"], "assetId": asset["id"]}, 422, "RULE_VIOLATION"),
        ("tasks", {**task, "typeId": "comp"}, 422, "RULE_VIOLATION"),
        ("tasks", {**task, "priority": 10}, 400, "VALIDATION_ERROR"),
        ("shots", {"projectId": "SWA", "sequenceId": one["sequenceId"], "code": "X", "frameOut": 3}, 422,
         "RULE_VIOLATION"),
        ("shots", {"projectId": "SWA", "sequenceId": one["sequenceId"], "code": one["code"], "frameOut": 2000},
         409, "RESOURCE_ALREADY_EXISTS"),
    ]  # fmt: skip
    for path, body, wanted, code in cases:
        status, problems = await studio.refused(cora, "POST", path, body)
        assert status == wanted, (path, body, problems)
        assert {problem[1] for problem in problems} == {code}
    crossing = {**task, "shotId": there["id"]}
    assert (await studio.refused(studio.admin, "POST", "tasks", crossing))[0] == 422
    tasks = (await studio.ok(cora, "POST", f"shots/{one['id']}/plan", {"types": ["layout", "comp"]})).data
    circle = {"taskId": tasks[0]["id"], "needsId": tasks[1]["id"]}
    assert await studio.refused(cora, "POST", "dependencies", circle) == (
        422,
        [("needsId", "RULE_VIOLATION")],
    )


async def test_an_artists_day(studio: Studio) -> None:
    cora, ari = studio.coordinator, studio.artist
    one = await shot(studio)
    first, second = (
        await studio.ok(cora, "POST", f"shots/{one['id']}/plan", {"types": ["layout", "animation"]})
    ).data
    for task in (first, second):
        await studio.ok(
            cora, "PATCH", f"tasks/{task['id']}", {"artistId": ari.id, "reviewerId": studio.supervisor.id}
        )
    # In the morning: what is mine and can be begun, the most urgent first.
    mine = f"tasks?artistId={ari.id}&status[in]=not_started,in_progress,revision&sort=-priority,deadline"
    assert {task["id"] for task in (await studio.ok(ari, "GET", mine)).data} == {first["id"], second["id"]}
    begun = (
        await studio.ok(ari, "PATCH", f"tasks/{first['id']}", {"status": "in_progress", "estimate": "6"})
    ).data
    assert begun["startedAt"] == begun["updatedAt"]
    assert (begun["estimate"], begun["bid"], begun["approvedAt"]) == ("6.00", None, None)
    # Only what is theirs to set, and only along the declared ways.
    assert (await studio.refused(ari, "PATCH", f"tasks/{first['id']}", {"priority": 9}))[0] == 403
    assert (await studio.refused(ari, "PATCH", f"tasks/{first['id']}", {"status": "completed"}))[0] in (
        403,
        422,
    )
    hours = {"taskId": first["id"], "personId": ari.id, "date": "2026-03-09"}
    await studio.make(ari, "time-logs", **hours, hours="3.5", note="Blocking")
    log = await studio.make(ari, "time-logs", **hours, hours="2")
    await studio.ok(ari, "PATCH", f"time-logs/{log['id']}", {"hours": "2.25"})
    assert (await studio.refused(ari, "POST", "time-logs", {**hours, "hours": "25"}))[0] == 400
    assert (await studio.ok(ari, "GET", f"tasks/{first['id']}")).data["spent"] == "5.75"
    handed_in = (await studio.ok(ari, "POST", f"tasks/{first['id']}/submit")).data
    assert (handed_in["status"], handed_in["startedAt"]) == ("submitted", begun["startedAt"])
    feed = (await studio.ok(ari, "GET", "activities?sort=-createdAt")).data
    assert [(line["verb"], line["subject"]) for line in feed] == [("submitted", "Layout SWA_010_0010")]
    assert (await studio.ok(studio.supervisor, "GET", "activities")).data == []


async def test_a_supervisors_dailies(studio: Studio) -> None:
    cora, sam, ari = studio.coordinator, studio.supervisor, studio.artist
    one = await shot(studio)
    tasks = (await studio.ok(cora, "POST", f"shots/{one['id']}/plan", {"types": ["layout", "comp"]})).data
    for task in tasks:
        await studio.ok(cora, "PATCH", f"tasks/{task['id']}", {"artistId": ari.id})
        await studio.ok(ari, "PATCH", f"tasks/{task['id']}", {"status": "in_progress"})
        await studio.ok(ari, "POST", f"tasks/{task['id']}/submit")
    waiting = (await studio.ok(sam, "GET", "projects/SWA/tasks?status=submitted&include=artist,shot")).data
    assert {(t["title"], t["artist"]["login"], t["shot"]["code"]) for t in waiting} == {
        ("Layout SWA_010_0010", "ari", "SWA_010_0010"),
        ("Compositing SWA_010_0010", "ari", "SWA_010_0010"),
    }
    assert (await studio.refused(ari, "POST", f"tasks/{tasks[0]['id']}/approve"))[0] == 403
    good = (await studio.ok(sam, "POST", f"tasks/{tasks[0]['id']}/approve", {"note": "Lovely."})).data
    assert good["approvedAt"] == good["updatedAt"]
    back = (await studio.ok(sam, "POST", f"tasks/{tasks[1]['id']}/request-revision", {"note": "Edges."})).data
    assert (back["status"], back["reviewNote"], back["approvedAt"]) == ("revision", "Edges.", None)
    status, problems = await studio.refused(sam, "POST", f"tasks/{tasks[1]['id']}/approve")
    assert (status, problems) == (422, [("status", "FORBIDDEN_TRANSITION")])
    done = (await studio.ok(sam, "PATCH", f"tasks/{tasks[0]['id']}", {"status": "completed"})).data
    assert (done["completedAt"], done["approvedAt"]) == (done["updatedAt"], good["approvedAt"])
    # The board: how many tasks of each department are where.
    board = (await studio.ok(sam, "GET", "projects/SWA/tasks?aggregate=count&groupBy=status,department")).data
    assert [(g["group"]["status"], g["group"]["department"], g["count"]) for g in board] == [
        ("completed", "layout", 1), ("revision", "compositing", 1)
    ]  # fmt: skip
    told = (await studio.ok(ari, "GET", "activities?sort=createdAt&fields=verb")).data
    assert [line["verb"] for line in told] == ["submitted", "submitted", "approved", "sent_back"]


async def test_a_client_reviews(studio: Studio) -> None:
    cora, clio = studio.coordinator, studio.reviewer
    one, two = await shot(studio), await shot(studio, "SWA_020_0010")
    await studio.ok(cora, "POST", f"shots/{one['id']}/plan", {"types": ["comp"]})
    await studio.ok(cora, "PATCH", f"shots/{one['id']}", {"status": "review"})
    drives = {"workingFiles": "/work", "renderOutputs": "/renders"}
    await studio.ok(cora, "PATCH", "projects/SWA", {"driveMapping": drives})
    seen = (await studio.ok(clio, "GET", "projects/SWA/shots?status=review&include=tasks")).data
    assert [s["code"] for s in seen] == ["SWA_010_0010"]
    (task,) = seen[0]["tasks"]
    assert (task["bid"], task["estimate"], task["spent"], task["reviewNote"]) == (None,) * 4
    assert (await studio.ok(clio, "GET", "projects/SWA")).data["driveMapping"] is None
    for path in ("time-logs", "dependencies"):
        assert (await studio.ok(clio, "GET", path)).data == []
    members = (await studio.ok(clio, "GET", "projects/SWA/members")).data
    assert [member["personId"] for member in members] == [clio.id]
    assert (await studio.refused(clio, "PATCH", f"shots/{one['id']}", {"status": "final"}))[0] == 403
    assert (await studio.refused(clio, "POST", f"shots/{two['id']}/accept"))[0] == 403, (
        "it is not up for review"
    )
    back = (await studio.ok(clio, "POST", f"shots/{one['id']}/send-back", {"note": "Warmer, please."})).data
    assert (back["status"], back["clientNote"]) == ("in_progress", "Warmer, please.")
    await studio.ok(cora, "PATCH", f"shots/{one['id']}", {"status": "review"})
    assert (await studio.ok(clio, "POST", f"shots/{one['id']}/accept")).data["status"] == "final"
    assert (await studio.refused(studio.stranger, "GET", "projects/SWA"))[0] == 404


async def test_a_person_decides_what_others_see(studio: Studio) -> None:
    ari, sam = studio.artist, studio.supervisor
    me = f"people/{ari.id}"
    mine = {"title": "Animator", "email": "ari@example.com", "phone": "+4915112345678", "skills": ["maya"]}
    await studio.ok(ari, "PATCH", me, {**mine, "public": ["email"], "timeZone": "Europe/Berlin"})
    seen = (await studio.ok(sam, "GET", me)).data
    assert (seen["title"], seen["email"], seen["phone"]) == ("Animator", "ari@example.com", None)
    assert (seen["public"], seen["preferences"]) == (None, None)
    # One's preferences are there from the beginning, and change member by member.
    own = (await studio.ok(ari, "PATCH", me, {"preferences": {"theme": "dark"}})).data["preferences"]
    assert own == {
        "theme": "dark", "language": "en", "notifications": ["in_app", "email"], "digest": "daily", "quiet": False
    }  # fmt: skip
    bad = {"preferences": {"theme": "pink", "notifications": ["fax"]}, "timeZone": "Berlin!"}
    status, problems = await studio.refused(ari, "PATCH", me, bad)
    assert (status, {field for field, _ in problems}) == (
        400,
        {"preferences.theme", "preferences.notifications[0]", "timeZone"},
    )
    # Found by title, by skill, and not by what is hidden.
    assert [p["login"] for p in (await studio.ok(sam, "GET", "people?skills[contains]=maya")).data] == ["ari"]
    assert [p["login"] for p in (await studio.ok(sam, "GET", "people?q=nimat")).data] == ["ari"]
    assert (await studio.ok(sam, "GET", "people?phone[isNull]=false")).data == []
    # Who is blocked sees of them what they must, and does not learn of it.
    block = await studio.make(ari, "blocks", personId=ari.id, blockedId=sam.id)
    assert (await studio.ok(sam, "GET", me)).data["email"] is None
    assert (await studio.ok(sam, "GET", "blocks")).data == []
    assert (await studio.refused(sam, "DELETE", f"blocks/{block['id']}"))[0] == 404
    await studio.ok(ari, "DELETE", f"blocks/{block['id']}")
    assert (await studio.ok(sam, "GET", me)).data["email"] == "ari@example.com"
    # Nobody changes another, nor the name that one signs in with; administrators all.
    assert (await studio.refused(sam, "PATCH", me, {"title": "Boss"}))[0] == 403
    assert (await studio.refused(ari, "PATCH", me, {"login": "boss"}))[0] == 403
    assert (await studio.ok(studio.admin, "PATCH", me, {"login": "ari.b"})).data["preferences"] == own


async def test_achievements_are_shown_as_their_person_says(studio: Studio) -> None:
    ari, sam, admin = studio.artist, studio.supervisor, studio.admin
    await studio.make(admin, "achievements", code="first-final", product="production", name="First final")
    await studio.make(admin, "awards", personId=ari.id, achievementId="first-final")
    await studio.make(admin, "progress", personId=ari.id, product="learning", topic="Onboarding", total=2)
    assert (
        await studio.refused(ari, "POST", "awards", {"personId": ari.id, "achievementId": "first-final"})
    )[0] == 403
    assert len((await studio.ok(ari, "GET", "awards")).data) == 1
    assert (await studio.ok(sam, "GET", "awards")).data == []
    await studio.ok(ari, "PATCH", f"people/{ari.id}", {"public": ["achievements", "progress"]})
    (award,) = (await studio.ok(sam, "GET", f"people/{ari.id}/awards?include=achievement")).data
    assert award["achievement"]["name"] == "First final"
    (progress,) = (await studio.ok(sam, "GET", f"people/{ari.id}/progress")).data
    assert (progress["done"], progress["total"], progress["finishedAt"]) == (0, 2, None)
    done = (await studio.ok(admin, "PATCH", f"progress/{progress['id']}", {"done": 2})).data
    assert done["finishedAt"] == done["updatedAt"]
    assert (await studio.refused(admin, "PATCH", f"progress/{progress['id']}", {"done": 3}))[0] == 422


async def planned(studio: Studio) -> list[dict[str, Any]]:
    """The tasks of a new shot."""
    made = await shot(studio)
    types = {"types": ["layout", "animation", "lighting"], "start": "2026-03-02"}
    return list((await studio.ok(studio.coordinator, "POST", f"shots/{made['id']}/plan", types)).data)


async def test_hours_are_logged_on_a_task(studio: Studio) -> None:
    task = (await planned(studio))[0]["id"]
    path = f"tasks/{task}/log-time"
    today = datetime.now(UTC).date().isoformat()
    first = (await studio.ok(studio.artist, "POST", path, {"hours": "2.5"})).data
    assert (first["personId"], first["hours"]) == (studio.artist.id, "2.50")
    assert first["date"] in (today, datetime.now(UTC).date().isoformat())
    body = {"hours": "1", "date": "2026-03-02", "note": "Blocking"}
    second = (await studio.ok(studio.coordinator, "POST", path, body)).data
    assert (second["personId"], second["date"], second["note"]) == (
        studio.coordinator.id,
        "2026-03-02",
        "Blocking",
    )
    assert (await studio.ok(studio.artist, "GET", f"tasks/{task}?fields=spent")).data["spent"] == "3.50"
    assert await studio.refused(studio.artist, "POST", path, {"hours": "25"}) == (
        400,
        [("hours", "VALIDATION_ERROR")],
    )
    for who, status in ((studio.reviewer, 403), (studio.stranger, 404)):
        assert (await studio.refused(who, "POST", path, {"hours": "1"}))[0] == status


async def test_many_tasks_are_changed_alike(studio: Studio) -> None:
    cora, path = studio.coordinator, "projects/SWA/change-tasks"
    ids = [task["id"] for task in await planned(studio)]

    async def change(*tasks: str, **given: Any) -> list[dict[str, Any]]:
        return list((await studio.ok(cora, "POST", path, {"tasks": tasks, "set": given})).data)

    async def refused(*tasks: str, who: Client = cora, **given: Any) -> tuple[int, Any]:
        return await studio.refused(who, "POST", path, {"tasks": tasks, "set": given})

    late = await change(*ids, artistId=studio.artist.id, priority=8, deadline="2026-03-20T17:00:00Z")
    assert [task["id"] for task in late] == ids
    assert {(task["artistId"], task["priority"]) for task in late} == {(studio.artist.id, 8)}
    moved = await change(ids[0], ids[1], ids[0], moveDays=7, artistId=None)
    assert [task["id"] for task in moved] == ids[:2]
    assert {(task["artistId"], task["deadline"]) for task in moved} == {(None, "2026-03-27T17:00:00.000000Z")}
    assert moved[0]["start"] == "2026-03-09"

    await change(ids[0], status="in_progress")
    stuck = [(f"tasks[{place}]", "FORBIDDEN_TRANSITION") for place in (1, 2)]
    assert await refused(*ids, status="submitted", priority=1) == (422, stuck)
    now = (await studio.ok(cora, "GET", "projects/SWA/tasks?fields=status,priority")).data
    assert sorted(task["status"] for task in now) == ["in_progress", "not_started", "not_started"]
    assert {task["priority"] for task in now} == {8}

    nowhere = "task_00000000000000000000000000"
    assert await refused(ids[0], nowhere, priority=1) == (422, [("tasks[1]", "DANGLING_REFERENCE")])
    outside = (422, [("set.artistId", "DANGLING_REFERENCE")])
    assert await refused(ids[0], artistId=studio.stranger.id) == outside
    assert await refused(ids[0], artistId="user_00000000000000000000000000") == outside
    assert (await refused(ids[0], moveDays=1, start="2026-03-02"))[0] == 422
    assert (await refused(ids[0], moveDays=3661))[0] == 400
    await change(ids[0], start="9990-01-01", deadline="9999-12-01T00:00:00Z")
    assert (await refused(ids[0], moveDays=365))[0] == 422, "there is no such day"
    assert (await refused(ids[0], prioriti=1))[0] == 400
    for who, status in ((studio.artist, 403), (studio.reviewer, 403), (studio.stranger, 404)):
        assert (await refused(ids[0], who=who, priority=1))[0] == status


async def test_a_plan_of_nothing_makes_no_tasks(studio: Studio) -> None:
    path = f"shots/{(await shot(studio))['id']}/plan"
    assert (await studio.ok(studio.coordinator, "POST", path, {"types": []})).data == []
    document = await studio.coordinator.post(
        f"/api/v1/{path}", {"types": []}, accept="application/vnd.api+json"
    )
    assert document.json()["data"] == []


async def test_a_plan_names_types_that_there_are(studio: Studio) -> None:
    made = await shot(studio)
    path = f"shots/{made['id']}/plan"
    status, message = await studio.refused(
        studio.coordinator, "POST", path, {"types": ["layout", "animatoin"]}
    )
    assert status == 422
    assert message == "`types` has 'animatoin'; the task types are animation, comp, layout, lighting."
    assert (await studio.ok(studio.coordinator, "GET", "projects/SWA/tasks")).data == []


async def test_a_refusal_speaks_in_words(studio: Studio) -> None:
    reply = await studio.artist.delete("/api/v1/task-types/layout")
    assert reply.json()["error"]["message"] == "You may not delete this task type."

"""Schedule, workload and delays of a project: against naive answers, over the demo's data."""

from __future__ import annotations

import datetime as dt
import math
import threading
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from headwater.base.call import Call
from headwater.testing import Client, client
from headwater_products.demo import app
from headwater_products.production import Task, TaskStatus, TimeLog, schedule, seed
from tests.described import Described

HOURS = Decimal(8)


@pytest.fixture
async def demo(store_url: str) -> AsyncIterator[tuple[Client, dict[str, dict[str, Any]]]]:
    """An administrator of a database with one show, and its rows by resource and id, as the seed gave them."""
    rows: dict[str, dict[str, Any]] = {}
    unbegun: set[str] = set()
    async with client(app, database_url=store_url) as visitor:
        for whole in seed(1, 300):
            batch = [row for row in whole if not (isinstance(row, TimeLog) and row.task in unbegun)]
            for row in batch:
                rows.setdefault(type(row).__name__, {})[row.id] = row
            # Of so few tasks all would be done by now.
            for number, task in enumerate(row for row in batch if isinstance(row, Task)):
                if number >= 180:
                    task.status = TaskStatus.IN_PROGRESS if number < 200 else TaskStatus.NOT_STARTED
                    task.approved_at = task.completed_at = None
                if number >= 200:
                    task.started_at = None
                    unbegun.add(task.id)

            async def add(tx: Any, batch: list[Any] = batch) -> None:
                for row in batch:
                    await tx.create(row)

            await visitor.running.engine.transact(Call.system(), add)
        yield await visitor.sign_up("root", role="admin"), rows


def working_days(first: dt.date, last: dt.date) -> int:
    """Days from Monday to Friday, both ends included; negative where the last is before the first."""
    count = 0
    while first <= last:
        count += first.weekday() < 5
        first += dt.timedelta(days=1)
    return count


async def told(admin: Client, path: str) -> Any:
    reply = await admin.get(f"/api/v1/projects/SWA/{path}")
    assert reply.status == 200, reply.body
    described = Described(app.openapi(), [])
    described.check("GET", f"/api/v1/projects/SWA/{path.partition('?')[0]}", 200, reply.headers, reply.body)
    return reply.data


async def test_the_schedule_puts_each_task_behind_what_it_needs(demo: Any) -> None:
    admin, rows = demo
    data = await told(admin, "schedule")
    today = dt.datetime.now(dt.UTC).date()
    bars = {bar["id"]: bar for bar in data["tasks"]}
    assert bars.keys() == rows["Task"].keys()
    day = dt.date.fromisoformat
    for link in rows["Dependency"].values():
        assert link.needs in bars[link.task]["needs"]
    ends = []
    for id, bar in bars.items():
        task = rows["Task"][id]
        start, end = day(bar["start"]), day(bar["end"])
        ends.append(end)
        assert start.weekday() < 5
        assert end.weekday() < 5
        if task.approved_at is not None:
            assert (start, end) == (task.started_at.date(), task.approved_at.date())
            assert not bar["critical"]
            continue
        days = math.ceil(task.bid / HOURS)
        if task.started_at is not None:
            assert start == task.started_at.date()
            assert end >= today or today.weekday() >= 5
            continue
        assert start >= today
        before = [day(bars[n]["end"]) for n in bar["needs"]]
        earliest = max([today, task.start, *(b + dt.timedelta(days=1) for b in before)])
        while earliest.weekday() > 4:
            earliest += dt.timedelta(days=1)
        assert start == earliest, "it begins as soon as it can, and no sooner"
        assert working_days(start, end) == days
        slack = working_days(end + dt.timedelta(days=1), day(bar["latestEnd"]))
        assert (bar["slackDays"], bar["critical"]) == (slack, slack == 0)
    assert day(data["end"]) == max(ends)
    chain = [bars[id] for id in data["criticalPath"]]
    assert chain
    assert chain[-1]["end"] == data["end"]
    assert all(bar["critical"] for bar in chain)
    assert (
        data["slackDays"] == working_days(max(ends) + dt.timedelta(days=1), rows["Project"]["SWA"].deadline)
        or data["slackDays"] < 0
    )


async def test_a_part_of_the_schedule_is_that_of_the_whole(demo: Any) -> None:
    admin, _ = demo
    whole = {bar["id"]: bar for bar in (await told(admin, "schedule"))["tasks"]}
    lighting = (await told(admin, "schedule?department=lighting"))["tasks"]
    assert lighting == [bar for bar in whole.values() if bar["department"] == "lighting"]
    critical = (await told(admin, "schedule?criticalOnly=true"))["tasks"]
    assert critical == [bar for bar in whole.values() if bar["critical"]]
    shot = next(bar["shotId"] for bar in whole.values() if bar["shotId"])
    of_shot = (await told(admin, f"schedule?shotId={shot}"))["tasks"]
    assert of_shot == [bar for bar in whole.values() if bar["shotId"] == shot]
    artist = next(bar["artistId"] for bar in whole.values() if bar["artistId"])
    of_artist = (await told(admin, f"schedule?artistId={artist}"))["tasks"]
    assert of_artist == [bar for bar in whole.values() if bar["artistId"] == artist]
    refused = await admin.get("/api/v1/projects/SWA/schedule?departement=lighting")
    assert refused.status == 400
    assert "`department`" in refused.json()["error"]["message"]


@pytest.mark.parametrize(("bid", "days"), [("0.25", 1), ("6", 1), ("8", 1), ("8.01", 2), ("20", 3)])
async def test_a_day_that_is_begun_is_a_day(demo: Any, bid: str, days: int) -> None:
    admin, _ = demo
    await admin.post("/api/v1/projects", {"code": "NEW", "name": "New"})
    task = {"projectId": "NEW", "title": "Sky", "department": "fx", "bid": bid}
    assert (await admin.post("/api/v1/tasks", task)).status == 201
    (bar,) = (await admin.get("/api/v1/projects/NEW/schedule")).data["tasks"]
    assert working_days(*(dt.date.fromisoformat(bar[day]) for day in ("start", "end"))) == days


async def test_one_mistaken_task_spoils_nobodys_schedule(demo: Any) -> None:
    """A bid is bounded; what lies behind the end of the calendar is shown on its last day."""
    admin, _ = demo
    for path, sent in (("tasks", {"bid": "10000.01"}), ("tasks", {"estimate": "10000.01"})):
        task = {"projectId": "SWA", "title": "Sky", "department": "fx", **sent}
        refused = await admin.post(f"/api/v1/{path}", task)
        assert refused.status == 400, refused.body
        assert [detail["field"] for detail in refused.json()["error"]["details"]] == list(sent)
    whole = {bar["id"]: bar for bar in (await told(admin, "schedule"))["tasks"]}
    task = {"projectId": "SWA", "title": "Sky", "department": "fx", "bid": "10000", "start": "9999-12-30"}
    made = await admin.post("/api/v1/tasks", task)
    assert made.status == 201, made.body
    data = await told(admin, "schedule")
    bars = {bar["id"]: bar for bar in data["tasks"]}
    sky = bars.pop(made.data["id"])
    assert (sky["start"], sky["end"], data["end"]) == ("9999-12-30", "9999-12-31", "9999-12-31")
    assert data["criticalPath"] == [sky["id"]]
    placed = ("start", "end", "status", "needs")
    assert {id: [bar[name] for name in placed] for id, bar in bars.items()} == {
        id: [bar[name] for name in placed] for id, bar in whole.items()
    }


async def test_a_schedule_keeps_nobody_waiting(demo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes long of many tasks is done beside the loop, by three reads that name what they need."""
    admin, _ = demo
    threads, read = [], []
    store, worked_out = admin.running.engine.store, schedule.scheduled
    monkeypatch.setattr(
        schedule, "scheduled", lambda *a: threads.append(threading.current_thread()) or worked_out(*a)
    )
    inner = store.read
    monkeypatch.setattr(store, "read", lambda sql, *a, **k: read.append(sql) or inner(sql, *a, **k))
    await told(admin, "schedule")
    assert len(threads) == 1
    assert threads[0] is not threading.current_thread()
    of_tasks = [sql for sql in read if "FROM tasks" in sql.split("WHERE")[0] and "count(" not in sql]
    assert len(of_tasks) == 1
    assert "time_logs" not in of_tasks[0]
    (of_links,) = [sql for sql in read if "FROM dependencies" in sql]
    assert "IN (SELECT" in of_links, "the links are found from the project's tasks"


async def test_delays_read_what_they_show_and_no_more(demo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    admin, _ = demo
    read: list[str] = []
    store = admin.running.engine.store
    inner = store.read
    monkeypatch.setattr(store, "read", lambda sql, *a, **k: read.append(sql) or inner(sql, *a, **k))
    await told(admin, "delays")
    (of_tasks,) = [sql for sql in read if "FROM tasks" in sql.split("WHERE")[0] and "count(" not in sql]
    assert "description" not in of_tasks
    assert "time_logs" not in of_tasks


async def test_an_empty_project_has_an_empty_schedule(demo: Any) -> None:
    admin, _ = demo
    await admin.post("/api/v1/projects", {"code": "NEW", "name": "New"})
    data = (await admin.get("/api/v1/projects/NEW/schedule")).data
    assert (data["tasks"], data["criticalPath"], data["slackDays"]) == ([], [], None)
    empty = (await admin.get("/api/v1/projects/NEW/workload")).data
    assert (empty["people"], empty["unassignedTasks"]) == ([], 0)
    assert (await admin.get("/api/v1/projects/NEW/delays")).data["averageDelayDays"] == 0.0


async def test_the_workload_adds_up_what_each_has_logged(demo: Any) -> None:
    admin, rows = demo
    logs = list(rows["TimeLog"].values())
    last = max(log.date for log in logs)
    first = last - dt.timedelta(days=20)
    data = await told(admin, f"workload?since={first}&until={last}")
    days = working_days(first, last)
    assert (data["workingDays"], data["since"], data["until"]) == (days, str(first), str(last))
    members = {m.person: m for m in rows["Membership"].values() if m.role != "client_reviewer"}
    people = {load["personId"]: load for load in data["people"]}
    assert people.keys() == members.keys()
    now = dt.datetime.now(dt.UTC)
    open_tasks = [t for t in rows["Task"].values() if t.status not in ("approved", "completed")]

    def left(task: Any) -> Decimal:
        return max(Decimal(0), task.bid - sum((log.hours for log in logs if log.task == task.id), Decimal(0)))

    for id, load in people.items():
        mine = [log for log in logs if log.person == id and first <= log.date <= last]
        hours = sum((log.hours for log in mine), Decimal(0))
        by_day = {log.date: Decimal(0) for log in mine}
        for log in mine:
            by_day[log.date] += log.hours
        tasks = [task for task in open_tasks if task.artist == id]
        assert Decimal(load["loggedHours"]) == hours
        assert Decimal(load["overtimeHours"]) == sum(max(Decimal(0), h - HOURS) for h in by_day.values())
        assert Decimal(load["capacityHours"]) == members[id].weekly_hours * days / 5
        assert load["utilizationRate"] == round(float(100 * hours / Decimal(load["capacityHours"])), 1)
        assert load["openTasks"] == len(tasks)
        assert load["lateTasks"] == sum(t.deadline is not None and t.deadline < now for t in tasks)
        assert Decimal(load["remainingHours"]) == sum(map(left, tasks))
    loose = [task for task in open_tasks if task.artist is None]
    assert data["unassignedTasks"] == len(loose)
    assert Decimal(data["unassignedHours"]) == sum(map(left, loose))
    assert Decimal(data["loggedHours"]) == sum(Decimal(load["loggedHours"]) for load in people.values())


async def test_the_workload_of_any_days_can_be_asked_for(demo: Any) -> None:
    """Up to either end of the calendar. Four weeks before its first days there are none."""
    admin, rows = demo
    logged = sum((log.hours for log in rows["TimeLog"].values()), Decimal(0))
    data = await told(admin, "workload?since=0001-01-01&until=9999-12-31")
    assert Decimal(data["loggedHours"]) == logged
    assert data["workingDays"] == dt.date.max.toordinal() // 7 * 5 + 5  # from a Monday to a Friday
    assert (await told(admin, "workload?until=9999-12-31"))["since"] == "9999-12-04"
    assert (await told(admin, "workload?until=0001-01-28"))["since"] == "0001-01-01"
    refused = await admin.get("/api/v1/projects/SWA/workload?until=0001-01-27")
    assert refused.status == 400, refused.body
    error = refused.json()["error"]
    assert (error["code"], error["details"][0]["parameter"]) == ("INVALID_PARAMETER", "until")
    turned = await told(admin, "workload?since=2026-03-09&until=2026-03-02")
    assert (turned["workingDays"], turned["loggedHours"]) == (0, "0.00")


async def test_delays_are_what_was_signed_off_late_or_is_past_its_deadline(demo: Any) -> None:
    admin, rows = demo
    now = dt.datetime.now(dt.UTC)

    def delay(task: Any) -> int:
        over = (task.approved_at or now).date()
        while over.weekday() > 4:
            over += dt.timedelta(days=1)
        return working_days(task.deadline.date() + dt.timedelta(days=1), over)

    late = {
        t.id: delay(t) for t in rows["Task"].values() if t.deadline and (t.approved_at or now) > t.deadline
    }
    finished = [id for id in late if rows["Task"][id].approved_at]
    data = await told(admin, "delays?limit=1000")
    assert {task["id"]: task["delayDays"] for task in data["tasks"]} == late
    assert (data["open"], data["finished"]) == (len(late) - len(finished), len(finished))
    assert data["averageDelayDays"] == (round(sum(late.values()) / len(late), 2) if late else 0.0)
    assert [t["delayDays"] for t in data["tasks"]] == sorted(late.values(), reverse=True)
    assert sum(data["byDepartment"].values()) == len(late)
    now_open = await told(admin, "delays?openOnly=true&limit=1")
    assert (now_open["finished"], len(now_open["tasks"])) == (0, min(1, len(late) - len(finished)))


async def test_who_may_ask(demo: Any) -> None:
    admin, _ = demo
    people = {
        role: await admin.sign_up("new." + role.replace("_", "."))
        for role in ("artist", "client_reviewer", "supervisor")
    }
    for role, person in people.items():
        body = {"projectId": "SWA", "personId": person.id, "role": role}
        assert (await admin.post("/api/v1/memberships", body)).status == 201
    people["stranger"] = await admin.sign_up("stranger")
    statuses = {
        role: tuple(
            [
                (await person.get(f"/api/v1/projects/SWA/{name}")).status
                for name in ("schedule", "delays", "workload")
            ]
        )
        for role, person in people.items()
    }
    assert statuses == {
        "supervisor": (200, 200, 200),
        "artist": (200, 200, 403),
        "client_reviewer": (403, 403, 403),
        "stranger": (404, 404, 404),
    }

"""P14: how a project is doing, against a second computation that goes through all rows one by one, in exact numbers."""

import json
import os
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.base.call import Actor, Call
from headwater.base.errors import Fault
from headwater.base.observe import Observation, StatementRun
from headwater.engine.engine import Engine
from headwater.ir.query import Ask
from headwater_products.production import Department, TaskStatus, TimeRange
from tests.bulk import analyse, insert
from tests.spec.production import ADMIN, MODEL, Row, new_row, user
from tests.spec.rest_world import open_world

NOW = datetime(2026, 6, 17, 15, 30, 0, 123456, tzinfo=UTC)
DONE = (TaskStatus.APPROVED, TaskStatus.COMPLETED)
EXAMPLES = 1000 if os.environ.get("HEADWATER_TEST_LONG") else 60
PEOPLE = [f"user_{n:026d}" for n in range(6)]
LEAD, ARTIST, CLIENT, STRANGER = (user(id) for id in PEOPLE[:4])
RANGES = {"last_7_days": 7, "last_30_days": 30, "last_90_days": 90, "last_365_days": 365, "all_time": None}
numbers = count(1)


@dataclass
class Production:
    """One project with all that its figures are made of."""

    code: str
    tasks: list[Row] = field(default_factory=list)
    logs: list[Row] = field(default_factory=list)
    members: list[Row] = field(default_factory=list)

    # -- the naive computation ----------------------------------------------------------------------------------

    def figures(self, name: str) -> dict[str, Any]:
        days = RANGES[name]
        today = NOW.date()
        first = None if days is None else today - timedelta(days=days - 1)
        begins = None if first is None else datetime(first.year, first.month, first.day, tzinfo=UTC)

        def within(moment: datetime | None) -> bool:
            return moment is not None and (begins is None or moment >= begins)

        signed_off = [t for t in self.tasks if within(t["approved_at"])]
        concerned = [t for t in self.tasks if t["approved_at"] is None or within(t["approved_at"])]
        due = [t for t in self.tasks if within(t["deadline"]) and t["deadline"] < NOW]
        on_time = [t for t in due if t["approved_at"] is not None and t["approved_at"] <= t["deadline"]]
        delays = [(t["approved_at"] or NOW) - t["deadline"] for t in due if t not in on_time]
        spans = [t["approved_at"] - t["started_at"] for t in signed_off if t["started_at"] is not None]
        before = None
        if begins is not None:
            earlier = begins - (NOW - begins)
            before = sum(1 for t in self.tasks if t["approved_at"] and earlier <= t["approved_at"] < begins)
        statuses = {"notStarted": 0, "inProgress": 0, "submitted": 0, "revision": 0, "approved": 0,
                    "completed": 0, "onHold": 0}  # fmt: skip
        departments: dict[str, int] = {}
        for task in concerned:
            word, *more = task["status"].split("_")
            statuses[word + "".join(part.capitalize() for part in more)] += 1
            departments[task["department"]] = departments.get(task["department"], 0) + 1
        return {
            "projectId": self.code,
            "timeRange": name,
            "taskMetrics": {
                "totalTasks": len(concerned),
                "completedTasks": len(signed_off),
                "completionRate": rate(len(signed_off), len(concerned)),
                "averageTaskDuration": mean_days(spans),
                "tasksByStatus": statuses,
                "tasksByDepartment": departments,
            },
            "performanceMetrics": {
                "onTimeDelivery": rate(len(on_time), len(due)),
                "averageDelayDays": 0.0 if due and not delays else mean_days(delays),
                "productivityTrend": None if before is None else trend(len(signed_off), before),
            },
            "resourceUtilization": self.hours(first, today),
        }

    def hours(self, first: date | None, today: date) -> dict[str, Any]:
        logs = [log for log in self.logs if (first is None or log["date"] >= first) and log["date"] <= today]
        by_day: dict[tuple[str, date], Decimal] = {}
        for log in logs:
            key = (log["person"], log["date"])
            by_day[key] = by_day.get(key, Decimal(0)) + log["hours"]
        overtime = sum((hours - 8 for hours in by_day.values() if hours > 8), Decimal(0))
        start = first or min((log["date"] for log in logs), default=None)
        share = None
        if start is not None:
            working = sum(1 for n in range((today - start).days + 1) if (start + timedelta(n)).weekday() < 5)
            artists = {m["person"]: m["weekly_hours"] for m in self.members if m["role"] == "artist"}
            available = Fraction(sum(artists.values(), Decimal(0))) * working / 5
            spent = sum((log["hours"] for log in logs if log["person"] in artists), Decimal(0))
            share = rate(Fraction(spent), available)
        return {
            "activeArtists": len({log["person"] for log in logs}),
            "utilizationRate": share,
            "overtimeHours": f"{overtime:.2f}",
        }


def rate(part: Fraction | int, whole: Fraction | int) -> float | None:
    return None if not whole else float(round(Decimal(float(Fraction(part) * 100 / Fraction(whole))), 1))


def mean_days(spans: list[timedelta]) -> float | None:
    if not spans:
        return None
    micro = Fraction(sum(span // timedelta(microseconds=1) for span in spans), len(spans))
    days = Decimal(float(micro / 86_400_000_000))
    return float(days.quantize(Decimal("0.01"), ROUND_HALF_EVEN))


def trend(now: int, before: int) -> str:
    if now > Fraction(11, 10) * before:
        return "increasing"
    return "decreasing" if now < Fraction(9, 10) * before else "stable"


# -- random productions --------------------------------------------------------------------------------------------


def drawn(rng: random.Random, tasks: int) -> Production:
    """A project with tasks around the borders of all ranges, and the hours of people who are in it or were."""
    made = Production(f"P{next(numbers)}")
    roles = ["supervisor", "artist", "client_reviewer", "artist", "artist"]
    for person, role in zip(PEOPLE, roles[: rng.randint(1, 5)], strict=False):
        weekly = rng.choice([Decimal("40.0"), Decimal("32.5"), Decimal("0.0")])
        made.members.append({"person": person, "role": role, "weekly_hours": weekly})
    edges = [timedelta(days=days - 1) for days in RANGES.values() if days]
    midnight = datetime(NOW.year, NOW.month, NOW.day, tzinfo=UTC)

    def moment() -> datetime:
        if rng.random() < 0.3:
            return midnight - rng.choice(edges) + timedelta(microseconds=rng.choice([-1, 0, 1]))
        if rng.random() < 0.1:
            return NOW + timedelta(microseconds=rng.choice([-1, 0]))
        return NOW - timedelta(seconds=rng.randint(0, 400 * 86400), microseconds=rng.randint(0, 999_999))

    for _ in range(tasks):
        status = rng.choice(list(TaskStatus))
        done = moment() if status in DONE else None
        deadline = rng.choice([None, moment(), moment(), NOW + timedelta(days=rng.randint(0, 9)), done])
        begun = status not in (TaskStatus.NOT_STARTED, TaskStatus.ON_HOLD) and rng.random() < 0.9
        started = (done or NOW) - timedelta(seconds=rng.randint(0, 40 * 86400)) if begun else None
        made.tasks.append({
            "status": status.value, "department": rng.choice(list(Department)).value, "deadline": deadline,
            "approved_at": done, "started_at": started,
        })  # fmt: skip
    for _ in range(rng.randint(0, 2 * tasks)):
        day = NOW.date() + timedelta(days=rng.choice([1, 0, 0, -1, -6, -7, -29, -30, -rng.randint(0, 400)]))
        hours = Decimal(rng.choice([25, 400, 800, 801, 1200])).scaleb(-2)
        made.logs.append({"person": rng.choice(PEOPLE), "date": day, "hours": hours})
    return made


async def keep(engine: Engine, made: Production) -> None:
    """Store a production."""
    store, schema = engine.store, engine.schema
    await insert(store, schema, "Project", [new_row("Project", 0, {"code": made.code, "name": made.code})])
    rows: dict[str, list[Row]] = {"Membership": [], "Task": [], "TimeLog": []}
    for member in made.members:
        rows["Membership"].append(new_row("Membership", next(numbers), {"project": made.code, **member}))
    for task in made.tasks:
        rows["Task"].append(new_row("Task", next(numbers), {"project": made.code, "title": "x", **task}))
    for n, log in enumerate(made.logs):
        of = rows["Task"][n % len(rows["Task"])]["id"]
        rows["TimeLog"].append(new_row("TimeLog", next(numbers), {"task": of, **log}))
    for name, found in rows.items():
        if found:
            await insert(store, schema, name, found)


@pytest.fixture
async def engine(store_url: str) -> AsyncIterator[Engine]:
    async with open_world(store_url, MODEL) as world:
        people = [new_row("Person", n, {"name": id, "login": f"p{n}"}) for n, id in enumerate(PEOPLE)]
        await insert(world.engine.store, world.engine.schema, "Person", people)
        yield world.engine


async def ask(engine: Engine, actor: Actor, code: str, name: str) -> Any:
    wanted = {"time_range": TimeRange(name)}
    call = Call(actor=actor, now=NOW)
    return json.loads(await engine.ask(call, Ask("analytics", "Project", code, wanted)))


@settings(max_examples=EXAMPLES)
@given(seed=st.integers(0, 2**32), tasks=st.sampled_from([0, 1, 2, 5, 20, 60]))
async def test_the_figures_are_those_of_the_naive_computation(engine: Engine, seed: int, tasks: int) -> None:
    """The projects of earlier examples stay, and must not count."""
    made = drawn(random.Random(seed), tasks)
    await keep(engine, made)
    for name in RANGES:
        found = await ask(engine, ADMIN, made.code, name)
        assert found == made.figures(name)
        assert sum(found["taskMetrics"]["tasksByStatus"].values()) == found["taskMetrics"]["totalTasks"]


async def test_who_runs_a_project_may_ask_and_nobody_else(engine: Engine) -> None:
    made = drawn(random.Random(1), 20)
    roles = ["supervisor", "artist", "client_reviewer"]
    made.members = [
        {"person": person, "role": role, "weekly_hours": Decimal(40)}
        for person, role in zip(PEOPLE, roles, strict=False)
    ]
    await keep(engine, made)
    assert await ask(engine, LEAD, made.code, "last_30_days") == made.figures("last_30_days")
    for actor, code in ((ARTIST, "INSUFFICIENT_PERMISSIONS"), (CLIENT, "INSUFFICIENT_PERMISSIONS"),
                        (STRANGER, "RESOURCE_NOT_FOUND")):  # fmt: skip
        with pytest.raises(Fault) as refused:
            await ask(engine, actor, made.code, "last_30_days")
        assert refused.value.code == code


async def test_a_project_of_ten_thousand_tasks_is_told_of_in_a_few_statements(engine: Engine) -> None:
    """And in a time that leaves room for the rest of the request."""
    made = drawn(random.Random(2), 10_000)
    await keep(engine, made)
    for seed in (3, 4):
        await keep(engine, drawn(random.Random(seed), 3_000))
    await analyse(engine.store)
    await ask(engine, LEAD, made.code, "last_90_days")
    seen: list[str] = []

    def watch(observation: Observation) -> None:
        if isinstance(observation, StatementRun):
            seen.append(observation.sql)

    remove = engine.store.observers.add(watch)
    for name in RANGES:
        seen.clear()
        began = time.process_time()
        found = await ask(engine, LEAD, made.code, name)
        spent = time.process_time() - began
        assert found == made.figures(name)
        assert len(seen) <= 8
        assert spent < 2
        print(
            f"{engine.store.dialect.features.name} {name}: {len(seen)} statements, {1000 * spent:.0f} ms of CPU"
        )
    remove()

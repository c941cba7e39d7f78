"""What a project's people look at all day costs no more in a project of many tasks, or beside one: pages cost what is
on them, and figures of a project what the project has, whatever else is in the tables."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tests.driver import touched_pages, watched_drivers
from tests.spec import production
from tests.spec.rest_world import World, open_world

BIG = 10_000 if os.environ.get("HEADWATER_TEST_LONG") else 2_000
SIZES = {"BIG": BIG, "SMALL": 100}
PAGES = (
    "tasks?limit=20",
    "tasks?limit=20&sort=-createdAt",
    "tasks?limit=20&sort=deadline&fields=id,title",
    "tasks?limit=5&status=in_progress&sort=-createdAt",
    "tasks?limit=20&fields=id&include=artist,shot",
    "tasks?limit=20&isLate=true",
    "shots?limit=5&include=sequence",
    "sequences?include=shots",
)
FIGURES = (
    "tasks?aggregate=count&groupBy=status,department",
    "tasks?aggregate=count,sum(bid),sum(spent)&groupBy=artist.name",
    "schedule?criticalOnly=true",
    "workload",
    "delays",
    "analytics",
    "analytics?timeRange=all_time",
)
Cost = Callable[[str], Awaitable[int]]


@pytest.fixture
async def cost(store_url: str) -> AsyncIterator[Cost]:
    """What one question of an administrator's costs the database, all its statements together: steps, or rows."""
    with watched_drivers() as driver:
        async with open_world(store_url, production.MODEL) as world:
            await filled(world)

            async def costs(target: str) -> int:
                reader = world.acting_as(production.ADMIN)
                driver.clear()
                reply = await reader.get(target)
                assert reply.status == 200, (target, reply.body)
                if driver.steps:
                    return sum(driver.steps)
                read = [sent for sent in driver.sent if sent.sql.startswith(("SELECT", "WITH"))]
                async with touched_pages(store_url) as measured:
                    plans = [await measured.plans(sent) for sent in read]
                return sum(rows_read(plan["custom"]) for plan in plans)

            await costs("/api/v1/projects")  # the schema has been analysed, and is read again
            yield costs


def rows_read(plan: dict[str, Any]) -> int:
    """How many rows PostgreSQL went through, those that it left out included."""
    own = 0
    if "Relation Name" in plan:
        own = int((plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"])
    return own + sum(map(rows_read, plan.get("Plans", ())))


async def filled(world: World) -> None:
    """A large project and a small one, whose rows lie among each other."""
    store = world.engine.store
    await production.fill(store, SIZES, {"BIG": ["artist"], "SMALL": ["artist"]})
    tasks = [row for (row,) in await world.engine.store.read("SELECT id FROM tasks ORDER BY id")]
    of = dict(await world.engine.store.read("SELECT id, project_id FROM tasks"))
    person = f"user_{0:026d}"
    logs = [
        production.new_row(
            "TimeLog",
            number,
            {"task": task, "person": person, "date": date(2026, 2, 2), "hours": Decimal("1.00")},
        )
        for number, task in enumerate(tasks)
    ]
    await production.add_rows(store, "TimeLog", logs)
    last: dict[str, str] = {}
    links = []
    for task in tasks:
        if of[task] in last:
            values = {"task": task, "needs": last[of[task]], "lag_days": 0}
            links.append(production.new_row("Dependency", len(links), values))
        last[of[task]] = task
    await production.add_rows(store, "Dependency", links)
    await production.analyse(store)


async def test_what_is_looked_at_all_day_costs_no_more_beside_much(cost: Cost, store_url: str) -> None:
    """A page costs what is on it, figures what the project has, and a search what it finds."""
    dear = []
    # Where PostgreSQL has few pages to look through, it does so rather than look each row up.
    times = 2 if store_url.startswith("postgresql") else 4
    for path in (*PAGES, *FIGURES):
        small, big = [await cost(f"/api/v1/projects/{code}/{path}") for code in ("SMALL", "BIG")]
        print(f"{path}: of a small project {small}, of a large one {big}")
        if big > 2 * small + 20 if path in PAGES else small > big / times:
            dear.append((path, small, big))
    # All tasks have one title, so nothing is found by another word.
    nothing, page = [await cost(f"/api/v1/projects/BIG/tasks?limit=20{q}") for q in ("&q=nowhere", "")]
    if nothing > page:
        dear.append(("a search", nothing, page))
    assert dear == []

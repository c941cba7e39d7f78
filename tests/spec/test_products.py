"""The products: their declarations hold together, and their demo data is what `headwater seed` promises."""

import re
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

import pytest

from headwater.declare import build
from headwater.ir.model import Model, Resource
from headwater_products.people import RESOURCES as PEOPLE
from headwater_products.production import DEMO_ACCOUNTS, RESOURCES, Task, TaskStatus, seed


@pytest.fixture(scope="module")
def model() -> Model:
    return build([*PEOPLE, *RESOURCES])


def test_the_declarations_build(model: Model) -> None:
    assert model.resources["Project"].key == "code"
    assert model.resources["Person"].prefix == "user"
    assert {"submit", "approve", "request_revision"} <= set(model.resources["Task"].actions)
    assert {"bid", "spent"} <= set(model.resources["Task"].masks)
    assert "bid" in model.resources["Task"].locks


def test_every_reading_rule_is_granted_to_nobody_who_has_not_signed_in(model: Model) -> None:
    for resource in model.resources.values():
        assert any("read" in grant.verbs for grant in resource.grants)
        assert all(grant.roles is None or "guest" not in grant.roles for grant in resource.grants)


def test_an_artist_may_set_of_a_task_its_status_and_estimate(model: Model) -> None:
    task = model.resources["Task"]
    free = {
        name
        for name, field in task.fields.items()
        if field.column and not (field.read_only or field.immutable or name in task.locks)
    }
    assert free == {"status", "estimate"}


@pytest.mark.parametrize("scale", [0, 1, 3])
def test_the_numbers_of_rows_follow_the_scale(scale: int) -> None:
    batches = list(seed(scale))
    counts = Counter(type(row).__name__ for batch in batches for row in batch)
    assert (counts["Project"], counts["Shot"], counts["Task"]) == (scale, 100 * scale, 1000 * scale)
    assert all(0 < len(batch) <= 500 for batch in batches)


def test_one_project_can_be_big() -> None:
    tasks = Counter(
        row.__dict__["_values"]["project"]
        for batch in seed(2, 1700)
        for row in batch
        if type(row).__name__ == "Task"
    )
    assert sorted(tasks.values()) == [1000, 1700]


def test_a_second_run_gives_the_same_rows() -> None:
    day = date(2026, 5, 6)
    first, second = (
        [row.__dict__["_values"] for batch in seed(2, today=day) for row in batch] for _ in range(2)
    )
    assert first == second


def test_another_week_moves_the_dates_alone() -> None:
    first, second = ([repr(row) for batch in seed(1, today=day) for row in batch] for day in WEEKS)
    assert first[:500] == second[:500]
    assert {line.split("(")[0] for line in first} == {line.split("(")[0] for line in second}


def test_a_larger_seed_begins_with_the_smaller() -> None:
    small = [repr(row) for batch in seed(1) for row in batch]
    assert small == list(islice((repr(row) for batch in seed(2) for row in batch), len(small)))


def test_references_come_first_and_ids_are_unique(model: Model) -> None:
    seen: set[tuple[str, str]] = set()
    for batch in seed(2):
        for row in batch:
            resource: Resource = model.resources[type(row).__name__]
            for name, field in resource.fields.items():
                target = row.__dict__["_values"].get(name) if field.target else None
                assert target is None or (str(field.target), target) in seen
            assert (resource.name, row.id) not in seen
            seen.add((resource.name, row.id))


def test_each_demo_person_takes_part_as_the_story_says() -> None:
    rows = [
        row.__dict__["_values"] for batch in seed(3) for row in batch if type(row).__name__ == "Membership"
    ]
    ids = {account.login: account.id for account in DEMO_ACCOUNTS}
    roles = {
        login: sorted((row["project"], str(row["role"])) for row in rows if row["person"] == id)
        for login, id in ids.items()
    }
    assert roles["admin"] == []
    assert len(roles["supervisor"]) == 3
    assert 0 < len(roles["artist"]) < 3
    assert [role for _, role in roles["client"]] == ["client_reviewer"]
    assert {role for _, role in roles["supervisor"]} == {"supervisor"}
    assert len({(row["project"], row["person"]) for row in rows}) == len(rows)


@pytest.mark.parametrize("given", [(-1, None), (10_001, None), (1, -1)])
def test_nonsense_is_refused(given: tuple[int, int | None]) -> None:
    with pytest.raises(ValueError, match=r"scale|tasks"):
        list(seed(*given))


# -- whether the demo is what a studio would have -----------------------------------------------------------

WEEKS = (date(2026, 5, 6), date(2026, 9, 30))


@pytest.fixture(scope="module")
def shows() -> dict[str, list[Any]]:
    """The rows of three shows by resource, as of a Wednesday."""
    found: dict[str, list[Any]] = {}
    for batch in seed(3, today=WEEKS[0]):
        for row in batch:
            found.setdefault(type(row).__name__, []).append(row)
    return found


def test_shots_are_named_as_studios_name_them(shows: dict[str, list[Any]]) -> None:
    codes = [shot.code for shot in shows["Shot"]]
    assert "SWA_010_0040" in codes
    assert all(re.fullmatch(r"[A-Z0-9]+_\d{3}_\d{4}", code) for code in codes)
    assert all(shot.frame_out > shot.frame_in for shot in shows["Shot"])


def test_statuses_fit_the_dates(shows: dict[str, list[Any]]) -> None:
    today = datetime.combine(WEEKS[0], time(), UTC)
    for task in shows["Task"]:
        assert task.start.weekday() < 5, "nobody begins on a weekend"
        assert task.started_at is None or task.started_at < today + timedelta(days=1)
        assert task.approved_at is None or task.started_at < task.approved_at < today + timedelta(days=1)
        assert (task.approved_at is not None) == (task.status in ("approved", "completed"))
        assert (task.completed_at is not None) == (task.status == "completed")
        assert (task.started_at is None) == (task.status in ("not_started", "on_hold"))
        assert task.deadline is None or task.deadline.date() >= task.start
    counted = Counter(task.status for task in shows["Task"])
    assert set(counted) == {state.value for state in TaskStatus}
    done = [t for t in shows["Task"] if t.approved_at and t.deadline]
    late = sum(task.approved_at > task.deadline for task in done)
    assert 0.02 < late / len(done) < 0.4, "some are late, and most are not"


def test_what_waits_begins_after_what_it_waits_for(shows: dict[str, list[Any]]) -> None:
    tasks = {task.id: task for task in shows["Task"]}
    for link in shows["Dependency"]:
        waiting, needed = tasks[link.task], tasks[link.needs]
        assert waiting.project == needed.project
        assert waiting.start >= needed.start
        if waiting.started_at is not None:
            assert needed.status in ("submitted", "approved", "completed", "revision")
    kinds = {(tasks[link.task].type, tasks[link.needs].type) for link in shows["Dependency"]}
    assert {("animation", "layout"), ("lighting", "animation"), ("comp", "lighting")} <= kinds


def test_hours_are_those_of_working_days(shows: dict[str, list[Any]]) -> None:
    tasks = {task.id: task for task in shows["Task"]}
    days: Counter[tuple[str, date]] = Counter()
    spent: Counter[str] = Counter()
    for log in shows["TimeLog"]:
        assert log.person == tasks[log.task].artist
        assert log.date.weekday() < 5, "weekends are free"
        assert log.date <= WEEKS[0]
        days[log.person, log.date] += log.hours
        spent[log.task] += log.hours
    assert max(days.values()) <= 12
    completed = [task for task in shows["Task"] if task.status == "completed"]
    ratio = sum(spent[task.id] for task in completed) / sum(task.bid for task in completed)
    assert Decimal("0.85") < ratio < Decimal("1.15"), "what was bid is about what it took"


def test_people_work_in_their_department_and_are_named_apart(shows: dict[str, list[Any]]) -> None:
    crew = {(m.project, m.person): m.department for m in shows["Membership"] if m.role == "artist"}
    for task in shows["Task"]:
        assert task.artist is None or crew[task.project, task.artist] == task.department
    names = [person.name for person in shows["Person"]]
    assert len(set(names)) == len(names) > 40
    assert len({person.login for person in shows["Person"]}) == len(names)


def test_a_big_project_has_more_tasks_of_fewer_hours() -> None:
    tasks: list[Any] = [row for batch in seed(1, 3000) for row in batch if isinstance(row, Task)]
    assert len(tasks) == 3000
    assert sum(task.bid for task in tasks) < 25_000
    (start, end) = min(task.start for task in tasks), max(task.start for task in tasks)
    assert timedelta(weeks=20) < end - start < timedelta(weeks=60)

"""What the dates and hours of a project come to: its schedule, the load of its people, what is late.

These are facts of the project, the same for all who may ask: they are worked out from all its tasks and hours.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from msgspec import Meta

from headwater import Reader, report
from headwater_products.production.critical_path import Step, calendar_day, monday, path, places, workday
from headwater_products.production.resources import (
    Dependency,
    Membership,
    Project,
    Task,
    TimeLog,
    manages,
    takes_part,
)
from headwater_products.production.words import DONE, Department, ProjectRole, TaskStatus

HOURS = Decimal(8)
"""Of a working day."""
MANY = 100_000
"""As many tasks as a schedule takes in."""
ZERO = Decimal("0.00")


@dataclass
class ScheduledTask:
    """A bar of the Gantt chart. `end` is the last day of work; `slack_days` are the working days by which it can slip
    without delaying the project. `needs` are the tasks that come before it."""

    id: str
    title: str
    department: Department
    status: TaskStatus
    shot_id: str | None
    asset_id: str | None
    artist_id: str | None
    start: dt.date
    end: dt.date
    latest_end: dt.date
    slack_days: int
    critical: bool
    deadline: dt.date | None
    delay_days: int
    needs: list[str]


@dataclass
class Schedule:
    """When the project ends as things stand, and which tasks decide it. `slack_days` are the working days from there to
    the project's deadline: negative, if it is missed."""

    project_id: str
    start: dt.date
    end: dt.date
    deadline: dt.date | None
    slack_days: int | None
    critical_path: list[str]
    tasks: list[ScheduledTask]


@report(Project, when=lambda actor: takes_part(Project, actor), rights="product")
async def schedule(
    project: Project,
    reader: Reader,
    *,
    department: Department | None = None,
    shot_id: str | None = None,
    critical_only: bool = False,
) -> Schedule:
    """The Gantt chart of a project with its critical path.

    A task that is done lies where it was. One that has begun goes on from there, at least through today. Another begins
    on its start, and not before today or before what it needs is done. A task takes its bid, at eight hours a
    day, or without one the days from its start to its deadline. The parameters choose what is shown of the whole.
    """
    tasks = await reader.select(Task, Task.project == project.id, limit=MANY)
    links = await reader.group(
        Dependency.task.id,
        Dependency.needs.id,
        Dependency.lag_days.max(),
        where=Dependency.task.project == project.id,
        limit=10 * MANY,
    )
    today = reader.now.date()
    origin = monday([today, *(task.start for task in tasks if task.start), *began(tasks)])
    needs: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for waiting, needed, lag in links:
        needs[str(waiting)].append((str(needed), lag or 0))
    steps = {task.id: step(task, tuple(needs[task.id]), origin, today) for task in tasks}
    found = places(steps)

    def last(end: int) -> dt.date:
        return calendar_day(end - 1, origin)

    shown = []
    for task in tasks:
        place = found[task.id]
        if (
            (department is not None and task.department != department)
            or (shot_id is not None and task.shot != shot_id)
            or (critical_only and not place.critical)
        ):
            continue
        due = task.deadline.date() if task.deadline else None
        late = max(0, place.end - 1 - workday(due, origin)) if due else 0
        shown.append(
            ScheduledTask(
                task.id,
                task.title,
                task.department,
                task.status,
                task.shot,
                task.asset,
                task.artist,
                calendar_day(place.start, origin),
                last(place.end),
                last(place.latest_end),
                place.slack,
                place.critical,
                due,
                late,
                [needed for needed, _ in needs[task.id]],
            )
        )
    shown.sort(key=lambda task: (task.start, task.end, task.id))
    start = min((place.start for place in found.values()), default=workday(today, origin))
    end = max((place.end for place in found.values()), default=start + 1)
    slack = None if project.deadline is None else workday(project.deadline, origin) - (end - 1)
    return Schedule(
        project.id,
        calendar_day(start, origin),
        last(end),
        project.deadline,
        slack,
        path(steps, found),
        shown,
    )


def began(tasks: Iterable[Task]) -> list[dt.date]:
    return [moment.date() for task in tasks if (moment := task.started_at or task.approved_at)]


def step(task: Task, needs: tuple[tuple[str, int], ...], origin: dt.date, today: dt.date) -> Step:
    """A task as the critical path method takes it."""
    now = workday(today, origin)
    if task.approved_at is not None:
        ended = workday(task.approved_at.date(), origin)
        start = min(ended, workday((task.started_at or task.approved_at).date(), origin))
        return Step(ended - start + 1, needs, start, ended=True)
    days = duration(task, origin)
    if task.started_at is not None:
        start = workday(task.started_at.date(), origin)
        return Step(max(days, now - start + 1), (), start)
    return Step(days, needs, max(now, workday(task.start, origin) if task.start else 0))


def duration(task: Task, origin: dt.date) -> int:
    """The working days that a task is meant to take."""
    if task.bid > 0:
        return int(-(-task.bid // HOURS))
    if task.start and task.deadline:
        return max(1, workday(task.deadline.date(), origin) - workday(task.start, origin) + 1)
    return 1


# -- how much everybody has to do -----------------------------------------------------------------------


@dataclass
class Load:
    """What one person has done and has to do in the project. `capacity_hours` are those that they have for it in the
    time asked about; `utilization` is what they logged by that; `overtime_hours` go beyond eight a day."""

    person_id: str
    name: str
    role: ProjectRole
    department: Department | None
    open_tasks: int
    late_tasks: int
    remaining_hours: Decimal
    weeks_of_work: float | None
    logged_hours: Decimal
    capacity_hours: Decimal
    utilization: float | None
    overtime_hours: Decimal


@dataclass
class Workload:
    """The load of everybody who works in the project, and what nobody has been given."""

    project_id: str
    since: dt.date
    until: dt.date
    working_days: int
    people: list[Load]
    logged_hours: Decimal
    capacity_hours: Decimal
    unassigned_tasks: int
    unassigned_hours: Decimal


@report(Project, when=lambda actor: manages(Project, actor), rights="product")
async def workload(
    project: Project,
    reader: Reader,
    *,
    since: Annotated[dt.date | None, Meta(description="The first day; four weeks back, if left out.")] = None,
    until: Annotated[dt.date | None, Meta(description="The last day; today, if left out.")] = None,
) -> Workload:
    """What each person of a project has logged in some time, against what they have time for, and what is left to do.

    What is left of a task is its bid less the hours logged on it, and nothing if those are more.
    """
    last = until or reader.now.date()
    first = since or last - dt.timedelta(days=27)
    days = max(0, workday(last + dt.timedelta(days=1), monday([first])) - workday(first, monday([first])))
    people = await reader.group(
        Membership.person.id,
        Membership.person.name,
        Membership.role,
        Membership.department,
        Membership.weekly_hours,
        Membership.count(),
        where=(Membership.project == project.id) & (Membership.role != ProjectRole.CLIENT_REVIEWER),
        limit=MANY,
    )
    logged: dict[str, Decimal] = defaultdict(lambda: ZERO)
    overtime: dict[str, Decimal] = defaultdict(lambda: ZERO)
    during = (TimeLog.task.project == project.id) & (TimeLog.date >= first) & (TimeLog.date <= last)
    for person, _, hours in await reader.group(
        TimeLog.person.id, TimeLog.date, TimeLog.hours.sum(), where=during, limit=MANY
    ):
        logged[str(person)] += hours
        overtime[str(person)] += max(ZERO, hours - HOURS)
    still = (Task.project == project.id) & ~Task.status.in_(DONE)
    spent = dict(
        await reader.group(
            TimeLog.task.id,
            TimeLog.hours.sum(),
            where=(TimeLog.task.project == project.id) & ~TimeLog.task.status.in_(DONE),
            limit=MANY,
        )
    )
    counts, late, left = Counter[str](), Counter[str](), defaultdict[str, Decimal](lambda: ZERO)
    for id, artist, bid, due, _ in await reader.group(
        Task.id, Task.artist.id, Task.bid, Task.deadline, Task.count(), where=still, limit=MANY
    ):
        whose = str(artist or "")
        counts[whose] += 1
        late[whose] += due is not None and due < reader.now
        left[whose] += max(ZERO, bid - spent.get(id, ZERO))
    loads = []
    for person, name, role, department, week, _ in people:
        whose = str(person)
        capacity = (week * days / 5).quantize(ZERO)
        loads.append(
            Load(
                whose,
                name,
                role,
                department,
                counts[whose],
                late[whose],
                left[whose],
                round(float(left[whose] / week), 1) if week else None,
                logged[whose],
                capacity,
                round(float(logged[whose] / capacity), 3) if capacity else None,
                overtime[whose],
            )
        )
    loads.sort(key=lambda load: (-load.remaining_hours, load.name, load.person_id))
    return Workload(
        project.id,
        first,
        last,
        days,
        loads,
        sum((load.logged_hours for load in loads), ZERO),
        sum((load.capacity_hours for load in loads), ZERO),
        counts[""],
        left[""],
    )


# -- what is late ---------------------------------------------------------------------------------------


@dataclass
class Delay:
    """A task that was signed off after its deadline, or is past it. `delay_days` are working days, so far."""

    id: str
    title: str
    department: Department
    status: TaskStatus
    artist_id: str | None
    deadline: dt.datetime
    delay_days: int


@dataclass
class Delays:
    """What is and was late in a project: how often, by how much, where, and the worst of it."""

    project_id: str
    open: int
    finished: int
    average_delay_days: float
    by_department: dict[Department, int]
    tasks: list[Delay]


@report(Project, when=lambda actor: takes_part(Project, actor), rights="product")
async def delays(
    project: Project,
    reader: Reader,
    *,
    department: Department | None = None,
    open_only: bool = False,
    limit: Annotated[int, Meta(ge=1, le=1000, description="So many tasks are listed.")] = 50,
) -> Delays:
    """What is past its deadline and what was signed off after it, the latest first."""
    done = Task.status.in_(DONE)
    past = ~done & (Task.deadline < reader.now)
    late = past if open_only else past | (done & (Task.approved_at > Task.deadline))
    where = (Task.project == project.id) & late
    if department is not None:
        where = where & (Task.department == department)
    found = []
    for task in await reader.select(Task, where, limit=MANY):
        assert task.deadline is not None
        over = task.approved_at or reader.now
        week = monday([task.deadline.date()])
        days = workday(over.date(), week) - workday(task.deadline.date(), week)
        found.append(
            Delay(task.id, task.title, task.department, task.status, task.artist, task.deadline, days)
        )
    found.sort(key=lambda delay: (-delay.delay_days, delay.deadline, delay.id))
    finished = sum(delay.status in DONE for delay in found)
    mean = sum(delay.delay_days for delay in found) / len(found) if found else 0.0
    return Delays(
        project.id,
        len(found) - finished,
        finished,
        round(mean, 2),
        dict(sorted(Counter(delay.department for delay in found).items())),
        found[:limit],
    )

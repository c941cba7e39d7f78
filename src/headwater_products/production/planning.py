"""What the hours and deadlines of a project come to: the load of its people, and what is late.

These are facts of the project, the same for all who may ask: they are worked out from all its tasks and hours.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct

from headwater import Detail, Fault, Reader, report
from headwater_products.production.analytics import percent
from headwater_products.production.resources import (
    Membership,
    Project,
    Task,
    TimeLog,
    manages,
    takes_part,
)
from headwater_products.production.schedule import MANY
from headwater_products.production.words import DONE, Department, ProjectRole, TaskStatus
from headwater_products.production.working_time import WORKING_DAY, WORKING_WEEK, workday, working_days

ZERO = Decimal("0.00")


# -- how much everybody has to do -----------------------------------------------------------------------


class Load(Struct):
    """What one person has done and has to do in the project. `capacity_hours` are those that they have for it in the
    time asked about; `utilization_rate` is what they logged of these, in per cent; `overtime_hours` go beyond eight a
    day."""

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
    utilization_rate: float | None
    overtime_hours: Decimal


class Workload(Struct):
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
    first = since or four_weeks_before(last)
    days = working_days(first, last)
    people = await reader.values(
        Membership.person.id,
        Membership.person.name,
        Membership.role,
        Membership.department,
        Membership.weekly_hours,
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
        overtime[str(person)] += max(ZERO, hours - WORKING_DAY)
    counts, late, left = Counter[str](), Counter[str](), defaultdict[str, Decimal](lambda: ZERO)
    still = (Task.project == project.id) & ~Task.status.in_(DONE)
    for artist, bid, spent, due in await reader.values(
        Task.artist.id, Task.bid, Task.spent, Task.deadline, where=still, limit=MANY
    ):
        whose = artist or ""
        counts[whose] += 1
        late[whose] += due is not None and due < reader.now
        left[whose] += max(ZERO, bid - (spent or ZERO))
    loads = []
    for whose, name, role, department, week in people:
        capacity = (week * days / WORKING_WEEK).quantize(ZERO)
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
                percent(logged[whose], capacity),
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


def four_weeks_before(last: dt.date) -> dt.date:
    """The first day of the four weeks that end on a day. Raises: Fault."""
    try:
        return last - dt.timedelta(days=27)
    except OverflowError:
        message = "Dates begin with the year 1, so there are no four weeks before `until`; name `since`."
        raise Fault(
            "INVALID_PARAMETER", message, [Detail("INVALID_PARAMETER", message, parameter="until")]
        ) from None


# -- what is late ---------------------------------------------------------------------------------------


class Delay(Struct):
    """A task that was signed off after its deadline, or is past it. `delay_days` are working days, so far."""

    id: str
    title: str
    department: Department
    status: TaskStatus
    artist_id: str | None
    deadline: dt.datetime
    delay_days: int


class Delays(Struct):
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
    open_only: Annotated[bool, Meta(description="Leave out what is signed off by now.")] = False,
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
    for id, title, of, status, artist, deadline, approved_at in await reader.values(
        Task.id,
        Task.title,
        Task.department,
        Task.status,
        Task.artist.id,
        Task.deadline,
        Task.approved_at,
        where=where,
        limit=MANY,
    ):
        assert deadline is not None, "without one nothing is late"
        over = approved_at or reader.now
        days = workday(over.date()) - workday(deadline.date())
        found.append(Delay(id, title, of, status, artist, deadline, days))
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

"""How a project is doing: `GET /projects/{id}/analytics?timeRange=last_30_days`.

What each figure means is said in docs/production-analytics.md; the words here are the same.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from headwater import Expression, Reader, coalesce, desc, now, report
from headwater_products.production.resources import Membership, Project, Task, TimeLog, manages
from headwater_products.production.words import Department, ProjectRole, TaskStatus
from headwater_products.production.working_time import WORKING_DAY, WORKING_WEEK, working_days

STEADY = 10
"""Per cent by which the number of tasks that are signed off must change to be a trend."""

DAY = dt.timedelta(days=1)
ROWS = 1000

Percent = Annotated[float, Meta(ge=0)]


class TimeRange(StrEnum):
    """So many days, of which today is the last; or all days since the project began."""

    LAST_7_DAYS = "last_7_days"
    LAST_30_DAYS = "last_30_days"
    LAST_90_DAYS = "last_90_days"
    LAST_365_DAYS = "last_365_days"
    ALL_TIME = "all_time"

    @property
    def days(self) -> int | None:
        """How many days it has, today among them."""
        return None if self is TimeRange.ALL_TIME else int(self.split("_")[1])


class Trend(StrEnum):
    """Whether more tasks are signed off than in the range before: by more than 10 per cent, or by fewer."""

    INCREASING = "increasing"
    STABLE = "stable"
    DECREASING = "decreasing"


class TasksByStatus(Struct):
    """How many tasks are in each status now."""

    not_started: int = 0
    in_progress: int = 0
    submitted: int = 0
    revision: int = 0
    approved: int = 0
    completed: int = 0
    on_hold: int = 0


class TaskMetrics(Struct):
    """The tasks on which there was something to do in the range."""

    total_tasks: int
    completed_tasks: int
    completion_rate: Percent | None
    average_task_duration: float | None
    tasks_by_status: TasksByStatus
    tasks_by_department: dict[Department, int]


class PerformanceMetrics(Struct):
    """How work went by its deadlines, and compared with the time before."""

    on_time_delivery: Percent | None
    average_delay_days: float | None
    productivity_trend: Trend | None


class ResourceUtilization(Struct):
    """The hours of the people who work on it."""

    active_artists: int
    utilization_rate: Percent | None
    overtime_hours: Decimal


class Analytics(Struct):
    """How a project is doing."""

    project_id: str
    time_range: TimeRange
    task_metrics: TaskMetrics
    performance_metrics: PerformanceMetrics
    resource_utilization: ResourceUtilization


# Whoever may ask sees all of the project, so the figures are the same for all of them.
@report(
    Project, when=lambda actor: manages(Project, actor), rights="product", max_age=dt.timedelta(minutes=1)
)
async def analytics(
    project: Project, reader: Reader, *, time_range: TimeRange = TimeRange.LAST_30_DAYS
) -> Analytics:
    """How the project is doing: its tasks, deadlines and hours in a range of time that ends now.

    Rates are in per cent, durations in days. A figure of nothing, such as the mean of no tasks, is null.
    """
    first = None if time_range.days is None else reader.now.date() - DAY * (time_range.days - 1)
    tasks, performance = await _tasks(project, reader, first)
    return Analytics(project.code, time_range, tasks, performance, await _people(project, reader, first))


async def _tasks(
    project: Project, reader: Reader, first: dt.date | None
) -> tuple[TaskMetrics, PerformanceMetrics]:
    begins = dt.datetime.min.replace(tzinfo=dt.UTC) if first is None else _midnight(first)
    before = begins if first is None else begins - (reader.now - begins)
    mine = Task.project == project.code
    signed_off = Task.approved_at >= begins
    due = (Task.deadline >= begins) & (Task.deadline < reader.now)
    done_at = coalesce(Task.approved_at, now())
    done, duration, due_tasks, on_time, delay, done_before = await reader.aggregate(
        Task.count(where=signed_off),
        (Task.approved_at - Task.started_at).avg(where=signed_off),
        Task.count(where=due),
        Task.count(where=due & (Task.approved_at <= Task.deadline)),
        (done_at - Task.deadline).avg(where=due & (done_at > Task.deadline)),
        Task.count(where=(Task.approved_at >= before) & (Task.approved_at < begins)),
        where=mine,
    )
    groups = await reader.group(
        Task.status, Task.department, Task.count(), where=mine & (signed_off | Task.approved_at.is_null())
    )
    statuses = dict.fromkeys(TaskStatus, 0)
    departments: dict[Department, int] = {}
    for status, department, count in groups:
        statuses[status] += count
        departments[department] = departments.get(department, 0) + count
    total = sum(statuses.values())
    metrics = TaskMetrics(
        total_tasks=total,
        completed_tasks=done,
        completion_rate=percent(done, total),
        average_task_duration=days(duration),
        tasks_by_status=TasksByStatus(**{status.value: count for status, count in statuses.items()}),
        tasks_by_department=dict(sorted(departments.items())),
    )
    return metrics, PerformanceMetrics(
        on_time_delivery=percent(on_time, due_tasks),
        average_delay_days=0.0 if due_tasks and delay is None else days(delay),
        productivity_trend=None if first is None else trend(done, done_before),
    )


async def _people(project: Project, reader: Reader, first: dt.date | None) -> ResourceUtilization:
    logged = TimeLog.task.project == project.code
    if first is not None:
        logged &= TimeLog.date >= first
    logged &= TimeLog.date <= reader.now.date()
    people = await reader.group(
        TimeLog.person.id, TimeLog.hours.sum(), TimeLog.date.min(), where=logged, limit=100_000
    )
    hours = {person: total for person, total, _ in people}
    begins = first or min((day for _, _, day in people if day is not None), default=None)
    artists = await reader.select(
        Membership,
        (Membership.project == project.code) & (Membership.role == ProjectRole.ARTIST),
        limit=100_000,
    )
    rate = None
    if begins is not None:
        weeks = Decimal(working_days(begins, reader.now.date())) / WORKING_WEEK
        available = sum((artist.weekly_hours for artist in artists), Decimal(0)) * weeks
        spent = sum((hours.get(artist.person, Decimal(0)) for artist in artists), Decimal(0))
        rate = percent(spent, available)
    return ResourceUtilization(len(people), rate, await _overtime(reader, logged))


async def _overtime(reader: Reader, logged: Expression[bool]) -> Decimal:
    """The hours that people have logged beyond a working day. The longest days are read first, and only these."""
    limit = ROWS
    while True:
        worked = TimeLog.hours.sum()
        longest = await reader.group(
            TimeLog.person.id, TimeLog.date, worked, where=logged, sort=[desc(worked)], limit=limit
        )
        if len(longest) < limit or longest[-1][2] <= WORKING_DAY:
            return sum((max(hours - WORKING_DAY, Decimal(0)) for _, _, hours in longest), Decimal("0.00"))
        limit *= 10


def percent(part: int | Decimal, whole: int | Decimal) -> float | None:
    """With one digit after the point; null of nothing."""
    return round(float(100 * part / whole), 1) if whole else None


def days(span: dt.timedelta | None) -> float | None:
    """With two digits after the point."""
    return None if span is None else round(span / DAY, 2)


def trend(done: int, before: int) -> Trend:
    """Whether more is done than before, by more than a little."""
    if 100 * (done - before) > STEADY * before:
        return Trend.INCREASING
    return Trend.DECREASING if 100 * (before - done) > STEADY * before else Trend.STABLE


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), dt.UTC)

"""When the work of a project is to be done: its Gantt chart with the critical path.

It is a fact of the project, the same for all who may ask: it is worked out from all its tasks.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import cache
from math import ceil
from typing import Annotated, Any, NamedTuple

from msgspec import Meta, Struct

from headwater import Reader, report
from headwater_products.production.critical_path import Step, path, places
from headwater_products.production.resources import Dependency, Project, Task, takes_part
from headwater_products.production.words import Department, TaskStatus
from headwater_products.production.working_time import WORKING_DAY, calendar_day, workday

MANY = 100_000
"""As many tasks as a schedule takes in."""


class ScheduledTask(Struct):
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


class Schedule(Struct):
    """When the project ends as things stand, and which tasks decide it. `slack_days` are the working days from there to
    the project's deadline: negative, if it is missed."""

    project_id: str
    start: dt.date
    end: dt.date
    deadline: dt.date | None
    slack_days: int | None
    critical_path: list[str]
    tasks: list[ScheduledTask]


class Piece(NamedTuple):
    """What of a task its place in the schedule depends on, and what is shown of it."""

    id: str
    title: str
    department: Department
    status: TaskStatus
    shot: str | None
    asset: str | None
    artist: str | None
    bid: Decimal
    start: dt.date | None
    deadline: dt.datetime | None
    started_at: dt.datetime | None
    approved_at: dt.datetime | None


class Shown(NamedTuple):
    """Which of the bars are shown."""

    department: Department | None = None
    shot_id: str | None = None
    artist_id: str | None = None
    critical_only: bool = False


@report(Project, when=lambda actor: takes_part(Project, actor), rights="product")
async def schedule(
    project: Project,
    reader: Reader,
    *,
    department: Department | None = None,
    shot_id: Annotated[str | None, Meta(description="Show the tasks of this shot alone.")] = None,
    artist_id: Annotated[str | None, Meta(description="Show this person's tasks alone.")] = None,
    critical_only: Annotated[bool, Meta(description="Show only what cannot slip.")] = False,
) -> Schedule:
    """The Gantt chart of a project with its critical path.

    A task that is done lies where it was. One that has begun goes on from there, at least through today. Another begins
    on its start, and not before today or before what it needs is done. A task takes its bid, at eight hours a
    day, or without one the days from its start to its deadline. The parameters choose what is shown of the whole.
    """
    rows = await reader.values(
        Task.id,
        Task.title,
        Task.department,
        Task.status,
        Task.shot.id,
        Task.asset.id,
        Task.artist.id,
        Task.bid,
        Task.start,
        Task.deadline,
        Task.started_at,
        Task.approved_at,
        where=Task.project == project.id,
        limit=MANY,
    )
    links = await reader.values(
        Dependency.task.id,
        Dependency.needs.id,
        Dependency.lag_days,
        where=Dependency.task.project == project.id,
        limit=10 * MANY,
    )
    shown = Shown(department, shot_id, artist_id, critical_only)
    # Of many tasks it takes a while, in which others are to be answered.
    return await asyncio.to_thread(scheduled, project, rows, links, shown, reader.now.date())


def scheduled(
    project: Project,
    rows: Iterable[tuple[Any, ...]],
    links: Iterable[tuple[str, str, int]],
    shown: Shown,
    today: dt.date,
) -> Schedule:
    """The schedule of all the tasks of a project. `links` are what each task needs, and how many working days must lie
    between them; `rows` are the tasks, as a `Piece` has them."""
    pieces = [Piece(*row) for row in rows]
    needs: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    for waiting, needed, lag in links:
        needs[waiting].append((needed, lag))
    steps = in_steps(pieces, needs, today)
    found = places(steps)
    department, shot, artist, critical_only = shown
    chosen = [
        (place.start, place.end, piece.id, piece, place)
        for piece in pieces
        if (department is None or piece.department == department)
        and (shot is None or piece.shot == shot)
        and (artist is None or piece.artist == artist)
        and ((place := found[piece.id]).critical or not critical_only)
    ]
    chosen.sort()
    bars = []
    for first, free, id, piece, place in chosen:
        due = piece.deadline.date() if piece.deadline else None
        bars.append(
            ScheduledTask(
                *piece[:7],
                calendar_day(first),
                calendar_day(free - 1),
                calendar_day(place.latest_end - 1),
                place.latest_end - free,
                place.critical,
                due,
                0 if due is None else max(0, free - 1 - workday(due)),
                [needed for needed, _ in needs.get(id, ())],
            )
        )
    start = min((place.start for place in found.values()), default=workday(today))
    end = max((place.end for place in found.values()), default=start + 1)
    return Schedule(
        project.id,
        calendar_day(start),
        calendar_day(end - 1),
        project.deadline,
        None if project.deadline is None else workday(project.deadline) - (end - 1),
        path(steps, found),
        bars,
    )


def in_steps(
    pieces: list[Piece], needs: Mapping[str, list[tuple[str, int]]], today: dt.date
) -> dict[str, Step]:
    """The tasks as the critical path method takes them."""
    now = workday(today)
    days_of = cache(lambda bid: ceil(bid / WORKING_DAY))

    def step(piece: Piece) -> Step:
        needed = tuple(needs.get(piece.id, ()))
        if piece.approved_at is not None:
            ended = workday(piece.approved_at.date())
            start = min(ended, workday((piece.started_at or piece.approved_at).date()))
            return Step(ended - start + 1, needed, start, True)
        if piece.bid > 0:
            days = days_of(piece.bid)
        elif piece.start and piece.deadline:
            days = max(1, workday(piece.deadline.date()) - workday(piece.start) + 1)
        else:
            days = 1
        if piece.started_at is not None:
            start = workday(piece.started_at.date())
            return Step(max(days, now - start + 1), (), start)
        return Step(days, needed, max(now, workday(piece.start)) if piece.start else now)

    return {piece.id: step(piece) for piece in pieces}

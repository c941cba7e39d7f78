"""A small production product, as an author writes it: both type checkers accept every line, and it builds."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from headwater import (
    Batched,
    Computed,
    CurrentActor,
    Embedded,
    Expression,
    Field,
    Many,
    OptRef,
    Reader,
    Ref,
    Resource,
    Role,
    action,
    acyclic,
    allow,
    batched,
    case,
    check,
    coalesce,
    computed,
    desc,
    email,
    exactly_one_of,
    field,
    index,
    key,
    lock,
    many,
    mask,
    money,
    now,
    optref,
    ref,
    report,
    stamp,
    state,
    through,
    unique,
    url,
)


class Status(StrEnum):
    NOT_STARTED = "not_started"
    IN_PROGRESS = "in_progress"
    SUBMITTED = "submitted"
    APPROVED = "approved"


class Department(StrEnum):
    ANIMATION = "animation"
    LIGHTING = "lighting"


class Person(Resource, plural="people"):
    """Somebody who works on projects."""

    name: Field[str]
    email: Field[str | None] = email(default=None, unique=True)
    home_page: Field[str | None] = url(default=None)
    memberships: Many[Membership] = many(lambda: Membership.person)


class Drives(Embedded):
    """Where files lie."""

    working_files: Field[str] = field(max_length=200)
    render_outputs: Field[str | None] = field(default=None)


class Project(Resource):
    """A film, or an episode of a series."""

    code: Field[str] = key(pattern="[A-Z]{2,5}")
    name: Field[str] = field(max_length=200, search=True, doc="What it is called.")
    budget: Field[Decimal] = money(currency="EUR", ge=0, default=Decimal(0))
    drive_mapping: Field[dict[str, Any]] = field(default_factory=dict)
    """Where files lie."""
    drives: Field[Drives | None] = field(default=None)
    tags: Field[list[str]] = field(default_factory=list, max_length=20)
    limit: Field[int] = field(default=10, ge=0)
    order: Field[float] = field(default=1.0)
    members: Many[Membership] = many(lambda: Membership.project)
    crew: Many[Person] = through(lambda: Membership.project, lambda: Membership.person)
    tasks: Many[Task] = many(lambda: Task.project)
    task_count: Computed[int] = computed(lambda: Project.tasks.count())
    hours: Computed[Decimal] = computed(lambda: Project.tasks.sum(Task.spent))


class Membership(Resource):
    """That a person works on a project."""

    project: Ref[Project] = ref(on_delete="cascade")
    person: Ref[Person] = ref()
    role: Field[str] = field(default="artist")


unique(Membership.project, Membership.person)


class Sequence(Resource):
    project: Ref[Project] = ref(on_delete="cascade")
    code: Field[str]


class Shot(Resource):
    project: Ref[Project] = ref(on_delete="cascade")
    sequence: OptRef[Sequence] = optref(default=None, on_delete="set_null")
    code: Field[str] = field(pattern="[A-Z0-9_]+")
    first_frame: Field[int] = field(default=1001)
    last_frame: Field[int] = field(default=1100)
    length: Computed[int] = computed(lambda: Shot.last_frame - Shot.first_frame + 1)
    weather: Batched[str] = batched(lambda: forecasts, needs=lambda: (Shot.code, Shot.sequence))
    mood: Batched[Decimal | None] = batched(lambda: mood_of, places=2)


check(Shot, lambda: Shot.last_frame >= Shot.first_frame, message="A shot ends after it begins.")
unique(Shot.project, Shot.code)


class Asset(Resource):
    project: Ref[Project] = ref(on_delete="cascade")
    name: Field[str]


class Task(Resource, prefix="task"):
    """A piece of work on a shot or an asset."""

    title: Field[str] = field(max_length=200, search=True)
    project: Ref[Project] = ref(on_delete="cascade")
    shot: OptRef[Shot] = optref(default=None)
    asset: OptRef[Asset] = optref(default=None)
    parent: OptRef[Task] = optref(default=None)
    artist: OptRef[Person] = optref(default=None, doc="Who works on it.")
    department: Field[Department | None] = field(default=None)
    status: Field[Status] = state(
        default=Status.NOT_STARTED,
        moves={
            Status.NOT_STARTED: [Status.IN_PROGRESS],
            Status.IN_PROGRESS: [Status.SUBMITTED],
            Status.SUBMITTED: [Status.APPROVED, Status.IN_PROGRESS],
        },
    )
    bid: Field[Decimal] = field(ge=0, places=2, default=Decimal(0))
    estimate: Field[timedelta | None] = field(default=None)
    start: Field[date | None] = field(default=None)
    deadline: Field[datetime | None] = field(default=None, index=True)
    approved_at: Field[datetime | None] = stamp(lambda: Task.status == Status.APPROVED, default=None)
    billable: Field[bool] = field(default=True)
    subtasks: Many[Task] = many(lambda: Task.parent)
    logs: Many[TimeLog] = many(lambda: TimeLog.task)
    spent: Computed[Decimal] = computed(lambda: TimeLog.hours.sum(where=TimeLog.task == Task.id))
    longest: Computed[Decimal | None] = computed(lambda: Task.logs.max(TimeLog.hours))
    mean: Computed[Decimal] = computed(lambda: coalesce(Task.logs.avg(TimeLog.hours), Decimal(0)), places=3)
    is_late: Computed[bool] = computed(lambda: (Task.deadline < now()) & (Task.status != Status.APPROVED))
    weight: Computed[int] = computed(lambda: case(Task.is_late, 2, 1) + Task.subtasks.count())

    @action(when=lambda actor: supervises(actor))
    async def approve(self, tx: Tx, *, note: str = "", follow_up: list[str] | None = None) -> None:
        """Sign the task off."""
        self.status = Status.APPROVED
        self.artist = None

    @classmethod
    @action(to="supervisor")
    async def tidy(cls, tx: Tx, before: date) -> int:
        """Remove what was never begun."""
        return 0


class Tx:
    """Stands for the transaction that an action is given."""


class TimeLog(Resource, timestamps=False, demands_version=True):
    task: Ref[Task] = ref(on_delete="cascade")
    person: Ref[Person] = ref()
    hours: Field[Decimal] = field(places=2, gt=0, le=24)
    day: Field[date] = field(default_factory=date.today)
    token: Field[str] = field(internal=True, default="")


def supervises(actor: CurrentActor) -> Expression[bool]:
    return Task.project.members.any((Membership.person == actor.id) & (Membership.role == "supervisor"))


check(Task, lambda: Task.deadline >= datetime(2020, 1, 1, tzinfo=UTC), message="A deadline lies after 2020.")
exactly_one_of(Task.shot, Task.asset)
unique(Task.project, Task.title)
acyclic(Task.parent)
index(Task.project, Task.status, desc(Task.created_at))
allow(Project, "read", when=lambda actor: Project.members.any(Membership.person == actor.id))
allow(Task, "read", when=lambda actor: Task.project.members.any(Membership.person == actor.id))
allow(Task, "update", when=lambda actor: (Task.artist == actor.id) | supervises(actor))
allow(Task, "write", to=("editor", "supervisor"))
allow(TimeLog, "read", when=lambda actor: (TimeLog.task.artist == actor.id) & ~TimeLog.task.is_late)
mask(Task.bid, unless=lambda actor: actor.has_role("supervisor") | (Task.artist == actor.id))
lock(Task.bid, unless="supervisor")
mask(TimeLog.person, unless=("editor", "admin"))

ROLES = [Role("supervisor", inherits="user", permissions=["approve:tasks", "read:*"], doc="Leads artists.")]
RESOURCES: list[type[Resource]] = [Person, Project, Membership, Sequence, Shot, Asset, Task, TimeLog]

project = Project(code="SWA", name="Swan", drives=Drives(working_files="/swan"))
path: str | None = project.drives.working_files if project.drives else None
task = Task(title="Light it", project=project, artist="person_1", status=Status.SUBMITTED, id="task_1")
task.title = "Light it again"
task.project = "SWA"
task.project = project


def values(task: Task) -> tuple[str, str, str | None, bool, Decimal, Decimal | None, Status, datetime]:
    """The types that a row's values have."""
    return (
        task.title,
        task.project,
        task.artist,
        task.is_late,
        task.spent,
        task.longest,
        task.status,
        task.created_at,
    )


async def forecasts(shots: Seq[Shot], reader: Reader) -> list[str]:
    return [shot.code for shot in shots]


async def mood_of(shots: Seq[Shot], reader: Reader) -> list[Decimal | None]:
    return [None for _ in shots]


mask(Shot.weather, unless="admin")


@dataclass
class Load:
    """What a project asks of its people."""

    tasks: int
    by_status: dict[Status, int]
    days: float | None


@report(Project, when=lambda actor: Project.name == "x", max_age=timedelta(minutes=5))
async def load(project: Project, reader: Reader, *, since: date | None = None) -> Load:
    mine = Task.project == project.id
    tasks, bids, late = await reader.aggregate(
        Task.count(), Task.bid.sum(where=Task.status == Status.APPROVED), Task.deadline.max(), where=mine
    )
    hours: Decimal = bids
    last: datetime | None = late
    statuses: list[tuple[Status, int]] = await reader.group(Task.status, Task.count(), where=mine)
    names: list[tuple[str, Decimal | None]] = await reader.group(
        Task.artist.name, Task.bid.avg(), where=mine, sort=[desc(Task.bid.avg())], limit=3
    )
    rows: list[tuple[str, Status, str]] = await reader.values(
        Task.id, Task.status, Task.project.id, where=mine
    )
    deadlines: list[tuple[datetime | None, int]] = await reader.group(
        Task.deadline, Task.title.count_distinct()
    )
    (spans,) = await reader.aggregate((Task.deadline - Task.created_at).avg())
    span: timedelta | None = spans
    found: Task | None = await reader.find(Task, Task.title == "x")
    print(hours, last, names, deadlines, rows, found, since)
    return Load(tasks, dict(statuses), None if span is None else span / timedelta(days=1))


@report(Task, to="supervisor", rights="product")
async def overdue(reader: Reader, *, days: int = 7) -> list[str]:
    return [task.title for task in await reader.select(Task, Task.deadline < reader.now, limit=days)]


@report()
async def studio(reader: Reader) -> dict[str, int]:
    return dict(await reader.group(Project.code, Project.count()))


REPORTS = [studio]


predicates: list[Expression[bool]] = [
    Task.title == "x",
    Task.title != None,  # noqa: E711
    Task.title.contains("x") & Task.title.starts_with("x"),
    Task.bid > Decimal(1),
    Task.bid * Decimal(2) - Task.bid <= Decimal("1.5"),
    Task.status.in_([Status.APPROVED]),
    Task.artist.is_null() | Task.artist.is_not_null(),
    Task.artist == None,  # noqa: E711
    Task.artist == Person(name="x", id="person_1"),
    Task.project.in_(["SWA", project]),
    Task.project.name == "x",
    Task.project.tags.has("x"),
    Task.project.members.none(Membership.role == "x"),
    Task.project.members.every(Membership.role == "x"),
    Task.id == TimeLog.task,
    TimeLog.task == Task.id,
    TimeLog.count(where=TimeLog.task == Task.id) > 3,
    TimeLog.day.max(where=TimeLog.task == Task.id) < date(2026, 1, 1),
    Project.limit < 3,
]

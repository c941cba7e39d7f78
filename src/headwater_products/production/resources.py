"""Film production: projects, who is in them, their sequences and shots, the tasks and the hours spent.

Who may do what follows from a person's role in the project, which is a row of `Membership`: one and the same
person supervises here and only looks on there. The rules of all six resources stand together at the end.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import StrEnum

from headwater import (
    Computed,
    CurrentActor,
    Expression,
    Field,
    Many,
    OptRef,
    Ref,
    Resource,
    Tx,
    action,
    allow,
    check,
    computed,
    desc,
    field,
    index,
    key,
    lock,
    many,
    mask,
    now,
    optref,
    ref,
    state,
    unique,
)
from headwater_products.people import Person


class ProjectStatus(StrEnum):
    PLANNING = "planning"
    ACTIVE = "active"
    ON_HOLD = "on_hold"
    DELIVERED = "delivered"
    ARCHIVED = "archived"


class ProjectRole(StrEnum):
    """What somebody is in one project."""

    COORDINATOR = "coordinator"
    SUPERVISOR = "supervisor"
    ARTIST = "artist"
    CLIENT_REVIEWER = "client_reviewer"


class ShotStatus(StrEnum):
    WAITING = "waiting"
    IN_PROGRESS = "in_progress"
    REVIEW = "review"
    FINAL = "final"
    OMITTED = "omitted"


class Department(StrEnum):
    MATCHMOVE = "matchmove"
    ROTO = "roto"
    MODELING = "modeling"
    TEXTURING = "texturing"
    RIGGING = "rigging"
    LAYOUT = "layout"
    ANIMATION = "animation"
    FX = "fx"
    LIGHTING = "lighting"
    COMPOSITING = "compositing"


class TaskStatus(StrEnum):
    NOT_STARTED = "not_started"
    IN_PROGRESS = "in_progress"
    SUBMITTED = "submitted"
    REVISION = "revision"
    APPROVED = "approved"
    COMPLETED = "completed"
    ON_HOLD = "on_hold"


class Project(Resource):
    """A film, series or commercial in the works."""

    code: Field[str] = key(pattern=r"[A-Z][A-Z0-9]{1,9}", doc="Short name, used in paths.", example="SWA")
    name: Field[str] = field(min_length=1, max_length=200, search=True, example="Saltwater Avenue")
    status: Field[ProjectStatus] = state(
        default=ProjectStatus.PLANNING,
        moves={
            ProjectStatus.PLANNING: [ProjectStatus.ACTIVE, ProjectStatus.ARCHIVED],
            ProjectStatus.ACTIVE: [ProjectStatus.ON_HOLD, ProjectStatus.DELIVERED],
            ProjectStatus.ON_HOLD: [ProjectStatus.ACTIVE, ProjectStatus.ARCHIVED],
            ProjectStatus.DELIVERED: [ProjectStatus.ACTIVE, ProjectStatus.ARCHIVED],
        },
    )
    start: Field[dt.date | None] = field(default=None)
    deadline: Field[dt.date | None] = field(default=None, doc="The day of delivery.")
    frame_rate: Field[Decimal] = field(
        default=Decimal("24.000"), places=3, gt=Decimal(0), le=Decimal(240), doc="Frames per second."
    )
    description: Field[str | None] = field(default=None, max_length=10_000, search=True)
    task_count: Computed[int] = computed(lambda: Project.tasks.count(), init=False)

    members: Many[Membership] = many(lambda: Membership.project, init=False)
    sequences: Many[Sequence] = many(lambda: Sequence.project, init=False)
    shots: Many[Shot] = many(lambda: Shot.project, init=False)
    tasks: Many[Task] = many(lambda: Task.project, init=False)


class Membership(Resource):
    """That somebody takes part in a project, and as what."""

    project: Ref[Project] = ref(on_delete="cascade", immutable=True)
    person: Ref[Person] = ref(on_delete="cascade", immutable=True)
    role: Field[ProjectRole] = field()


class Sequence(Resource):
    """A run of shots that belong together."""

    project: Ref[Project] = ref(on_delete="cascade", immutable=True)
    code: Field[str] = field(pattern=r"[A-Za-z0-9_]{1,32}", example="SQ010")
    description: Field[str | None] = field(default=None, max_length=2_000)

    shots: Many[Shot] = many(lambda: Shot.sequence, init=False)


class Shot(Resource):
    """An uninterrupted piece of picture."""

    project: Ref[Project] = ref(on_delete="cascade", immutable=True)
    sequence: Ref[Sequence] = ref(on_delete="cascade")
    code: Field[str] = field(pattern=r"[A-Za-z0-9_]{1,32}", search=True, example="SQ010_0020")
    frame_in: Field[int] = field(default=1001, ge=0, doc="The first frame of the cut.")
    frame_out: Field[int] = field(ge=0, doc="The last frame of the cut.", example=1096)
    handles: Field[int] = field(default=8, ge=0, le=500, doc="Frames beyond the cut, on each side.")
    status: Field[ShotStatus] = field(default=ShotStatus.WAITING)

    tasks: Many[Task] = many(lambda: Task.shot, init=False)


class Task(Resource):
    """A piece of work of one department, on a shot or for the project as a whole."""

    project: Ref[Project] = ref(on_delete="cascade", immutable=True)
    shot: OptRef[Shot] = optref(default=None, on_delete="cascade")
    title: Field[str] = field(min_length=1, max_length=200, search=True, example="Lighting SQ010_0020")
    description: Field[str | None] = field(default=None, max_length=10_000, search=True)
    department: Field[Department] = field()
    artist: OptRef[Person] = optref(default=None, on_delete="set_null")
    reviewer: OptRef[Person] = optref(default=None, on_delete="set_null")
    status: Field[TaskStatus] = state(
        default=TaskStatus.NOT_STARTED,
        moves={
            TaskStatus.NOT_STARTED: [TaskStatus.IN_PROGRESS, TaskStatus.ON_HOLD],
            TaskStatus.IN_PROGRESS: [TaskStatus.SUBMITTED, TaskStatus.ON_HOLD],
            TaskStatus.SUBMITTED: [TaskStatus.REVISION, TaskStatus.APPROVED, TaskStatus.ON_HOLD],
            TaskStatus.REVISION: [TaskStatus.IN_PROGRESS, TaskStatus.SUBMITTED, TaskStatus.ON_HOLD],
            TaskStatus.APPROVED: [TaskStatus.COMPLETED, TaskStatus.REVISION],
            TaskStatus.ON_HOLD: [TaskStatus.NOT_STARTED, TaskStatus.IN_PROGRESS],
        },
    )
    priority: Field[int] = field(default=5, ge=0, le=9, doc="9 is the most urgent.")
    bid: Field[Decimal] = field(default=Decimal("0.00"), ge=0, places=2, doc="The hours that it may take.")
    start: Field[dt.date | None] = field(default=None)
    deadline: Field[dt.datetime | None] = field(default=None, doc="When it is to be approved.")
    review_note: Field[str | None] = field(default=None, max_length=10_000, doc="What the last review said.")
    spent: Computed[Decimal] = computed(
        lambda: Task.time_logs.sum(TimeLog.hours), places=2, doc="The hours that it has taken.", init=False
    )
    is_late: Computed[bool] = computed(
        lambda: (
            Task.deadline.is_not_null()
            & (Task.deadline < now())
            & ~Task.status.in_([TaskStatus.APPROVED, TaskStatus.COMPLETED])
        ),
        init=False,
    )

    time_logs: Many[TimeLog] = many(lambda: TimeLog.task, init=False)

    @action(
        when=lambda actor: (works_on(actor) & takes_part(Task.project, actor)) | manages(Task.project, actor)
    )
    async def submit(self, tx: Tx) -> None:
        """Hand the work in for review."""
        self.status = TaskStatus.SUBMITTED

    @action(when=lambda actor: reviews(actor))
    async def approve(self, tx: Tx, *, note: str | None = None) -> None:
        """Sign the work off."""
        self.status = TaskStatus.APPROVED
        self.review_note = note

    @action(when=lambda actor: reviews(actor))
    async def request_revision(self, tx: Tx, *, note: str) -> None:
        """Send the work back, saying what is to change."""
        self.status = TaskStatus.REVISION
        self.review_note = note


class TimeLog(Resource):
    """Hours that somebody spent on a task on one day."""

    task: Ref[Task] = ref(on_delete="cascade", immutable=True)
    person: Ref[Person] = ref(on_delete="restrict", immutable=True)
    date: Field[dt.date] = field()
    hours: Field[Decimal] = field(ge=0, le=24, places=2)
    note: Field[str | None] = field(default=None, max_length=2_000)


RESOURCES: list[type[Resource]] = [Project, Membership, Sequence, Shot, Task, TimeLog]

# -- what must hold, and what is looked up often --------------------------------------------------------

check(
    Project,
    lambda: Project.deadline >= Project.start,
    message="A project's deadline is not before its start.",
)
check(
    Shot,
    lambda: Shot.frame_out >= Shot.frame_in,
    message="A shot's last frame is not before its first.",
)

unique(Membership.project, Membership.person)
unique(Sequence.project, Sequence.code)
unique(Shot.project, Shot.code)

index(Membership.person, Membership.project)
index(Shot.sequence, Shot.code)
index(Task.project, Task.status, desc(Task.created_at))
index(Task.project, desc(Task.created_at))
index(desc(Task.created_at))
index(Task.artist, Task.status, desc(Task.created_at))
index(Task.shot)
index(TimeLog.task, TimeLog.date)
index(TimeLog.person, TimeLog.date)

# -- who may do what ------------------------------------------------------------------------------------

MANAGERS = [ProjectRole.SUPERVISOR, ProjectRole.COORDINATOR]
CREW = [*MANAGERS, ProjectRole.ARTIST]
ARTISTS_MAY_SET = [
    TaskStatus.NOT_STARTED,
    TaskStatus.IN_PROGRESS,
    TaskStatus.SUBMITTED,
    TaskStatus.REVISION,
    TaskStatus.ON_HOLD,
]


def belongs(project: type[Project], actor: CurrentActor) -> Expression[bool]:
    """Whether the actor has any role in the project."""
    return project.members.any(Membership.person == actor.id)


def takes_part(project: type[Project], actor: CurrentActor) -> Expression[bool]:
    """Whether the actor works in the project, and does not only review for the client."""
    return project.members.any((Membership.person == actor.id) & Membership.role.in_(CREW))


def manages(project: type[Project], actor: CurrentActor) -> Expression[bool]:
    """Whether the actor supervises or coordinates the project."""
    return project.members.any((Membership.person == actor.id) & Membership.role.in_(MANAGERS))


def works_on(actor: CurrentActor) -> Expression[bool]:
    """Whether the task is the actor's."""
    return Task.artist == actor.id


def reviews(actor: CurrentActor) -> Expression[bool]:
    """Whether the actor may judge the task: its reviewer, or a supervisor of the project."""
    supervises = Task.project.members.any(
        (Membership.person == actor.id) & (Membership.role == ProjectRole.SUPERVISOR)
    )
    return supervises | ((Task.reviewer == actor.id) & takes_part(Task.project, actor))


allow(Project, "read", when=lambda actor: belongs(Project, actor))
allow(Project, "update", when=lambda actor: manages(Project, actor))

allow(Membership, "read", when=lambda actor: takes_part(Membership.project, actor))
allow(Membership, "read", when=lambda actor: Membership.person == actor.id)
allow(Membership, "create", "update", "delete", when=lambda actor: manages(Membership.project, actor))

allow(Sequence, "read", when=lambda actor: belongs(Sequence.project, actor))
allow(Sequence, "create", "update", when=lambda actor: manages(Sequence.project, actor))

allow(Shot, "read", when=lambda actor: belongs(Shot.project, actor))
allow(Shot, "create", "update", when=lambda actor: manages(Shot.project, actor))

allow(Task, "read", when=lambda actor: belongs(Task.project, actor))
allow(Task, "create", "update", when=lambda actor: manages(Task.project, actor))
# An artist moves the task on, but not past the review: a rule holds before and after the change.
allow(
    Task,
    "update",
    when=lambda actor: works_on(actor) & takes_part(Task.project, actor) & Task.status.in_(ARTISTS_MAY_SET),
)

allow(TimeLog, "read", when=lambda actor: takes_part(TimeLog.task.project, actor))
allow(TimeLog, "create", "update", when=lambda actor: manages(TimeLog.task.project, actor))
allow(
    TimeLog,
    "create",
    "update",
    "delete",
    when=lambda actor: (TimeLog.person == actor.id) & takes_part(TimeLog.task.project, actor),
)

# What a task may cost is for those who run the project; what it has cost, for those who work in it.
mask(Task.bid, unless=lambda actor: manages(Task.project, actor))
mask(Task.spent, unless=lambda actor: takes_part(Task.project, actor))
mask(Task.review_note, unless=lambda actor: takes_part(Task.project, actor))

# Of a task, artists change the status alone.
lock(Task.bid, unless=lambda actor: manages(Task.project, actor))
lock(Task.shot, unless=lambda actor: manages(Task.project, actor))
lock(Task.title, unless=lambda actor: manages(Task.project, actor))
lock(Task.description, unless=lambda actor: manages(Task.project, actor))
lock(Task.department, unless=lambda actor: manages(Task.project, actor))
lock(Task.artist, unless=lambda actor: manages(Task.project, actor))
lock(Task.reviewer, unless=lambda actor: manages(Task.project, actor))
lock(Task.priority, unless=lambda actor: manages(Task.project, actor))
lock(Task.start, unless=lambda actor: manages(Task.project, actor))
lock(Task.deadline, unless=lambda actor: manages(Task.project, actor))
lock(Task.review_note, unless=lambda actor: manages(Task.project, actor))

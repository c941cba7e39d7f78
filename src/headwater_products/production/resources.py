"""Film production: projects, who is in them, their sequences, shots and assets, the tasks and the hours spent.

Who may do what follows from a person's role in the project, which is a row of `Membership`: one and the same
person supervises here and only looks on there. The rules of all resources stand together in `rules`.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from headwater import (
    Computed,
    CurrentActor,
    Detail,
    Embedded,
    Expression,
    Fault,
    Field,
    Many,
    OptRef,
    Ref,
    Resource,
    Tx,
    action,
    computed,
    field,
    key,
    many,
    now,
    optref,
    ref,
    stamp,
    state,
    through,
)
from headwater_products.people import Person, record
from headwater_products.production.words import (
    BEGUN,
    DONE,
    TASK_MOVES,
    AssetType,
    ColourSpace,
    Department,
    ProjectRole,
    ProjectStatus,
    ShotStatus,
    TaskStatus,
)

PATH = r'(?:/|[A-Za-z]:[\\/]|\\\\)[^<>"|?*]*'


TaskTypes = Annotated[list[str], Meta(description="The codes of task types.", examples=[["lighting"]])]
TaskIds = Annotated[
    list[str],
    Meta(
        description="The ids of tasks of the project.",
        min_length=1,
        max_length=500,
        examples=[["task_01j9zq4h8xfwrtk4p2v6m8x3ae"]],
    ),
]
Moment = Annotated[dt.datetime, Meta(tz=True)]
Hours = Annotated[
    Decimal,
    Meta(
        description="Hours of work, with hundredths.",
        examples=["1.25"],
        extra_json_schema={"pattern": "^[0-9]{1,2}(\\.[0-9]{1,2})?$"},
    ),
]
MOST_HOURS = 10_000
"""Of one task: five years of one person's work."""

Note = Annotated[str, Meta(description="What was seen, for who did it.", examples=["The fog is too thick."])]


class DriveMapping(Embedded):
    """Where the files of a project lie."""

    working_files: Field[str] = field(
        min_length=1,
        max_length=500,
        pattern=PATH,
        doc="The drive path that artists work in: absolute, with a drive letter, or UNC.",
        example="P:\\swa\\work",
    )
    render_outputs: Field[str] = field(
        min_length=1,
        max_length=500,
        pattern=PATH,
        doc="The drive path that renders are written to: absolute, with a drive letter, or UNC.",
        example="/mnt/renders/swa",
    )


class Resolution(Embedded):
    """The size of a picture in pixels."""

    width: Field[int] = field(default=2048, ge=1, le=32_768, doc="Pixels from left to right.")
    height: Field[int] = field(default=1152, ge=1, le=32_768, doc="Pixels from top to bottom.")
    pixel_aspect: Field[Decimal] = field(
        default=Decimal(1), places=3, gt=Decimal(0), le=Decimal(10), doc="The width of a pixel by its height."
    )


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
    start: Field[dt.date | None] = field(default=None, doc="The first day of work.")
    deadline: Field[dt.date | None] = field(default=None, doc="The day of delivery.")
    frame_rate: Field[Decimal] = field(
        default=Decimal("24.000"), places=3, gt=Decimal(0), le=Decimal(240), doc="Frames per second."
    )
    resolution: Field[Resolution] = field(default=Resolution(), doc="What pictures are delivered in.")
    colour_space: Field[ColourSpace] = field(default=ColourSpace.ACESCG)
    drive_mapping: Field[DriveMapping | None] = field(default=None, doc="Where its files are.")
    client: Field[str | None] = field(default=None, max_length=200, search=True, doc="For whom it is made.")
    description: Field[str | None] = field(default=None, max_length=10_000, search=True)
    task_count: Computed[int] = computed(
        lambda: Project.tasks.count(), doc="All its tasks, whatever their status.", init=False
    )

    members: Many[Membership] = many(lambda: Membership.project, init=False)
    sequences: Many[Sequence] = many(lambda: Sequence.project, init=False)
    shots: Many[Shot] = many(lambda: Shot.project, init=False)
    assets: Many[Asset] = many(lambda: Asset.project, init=False)
    tasks: Many[Task] = many(lambda: Task.project, init=False)
    people: Many[Person] = through(lambda: Membership.project, lambda: Membership.person, init=False)

    @action(when=lambda actor: manages(Project, actor))
    async def change_tasks(self, tx: Tx, *, tasks: TaskIds, set: Changes) -> list[Task]:
        """Change many tasks of the project alike: all of them, or none if one of them cannot be changed so."""
        return await change_tasks(tx, self.id, tasks, set)


class Membership(Resource):
    """That somebody takes part in a project, and as what."""

    project: Ref[Project] = ref(on_delete="cascade", immutable=True)
    person: Ref[Person] = ref(on_delete="cascade", immutable=True)
    role: Field[ProjectRole] = field()
    department: Field[Department | None] = field(default=None, doc="Where they work in it.")
    weekly_hours: Field[Decimal] = field(
        default=Decimal("40.0"), places=1, ge=0, le=80, doc="The hours of a week that they have for it."
    )


class Sequence(Resource):
    """A run of shots that belong together."""

    project: Ref[Project] = ref(on_delete="cascade", immutable=True)
    code: Field[str] = field(
        pattern=r"[A-Za-z0-9_]{1,32}", search=True, example="SWA_010", doc="Unique in the project."
    )
    description: Field[str | None] = field(default=None, max_length=2_000, search=True)

    shots: Many[Shot] = many(lambda: Shot.sequence, init=False)


class Shot(Resource):
    """An uninterrupted piece of picture."""

    project: Ref[Project] = ref(on_delete="cascade", immutable=True)
    sequence: Ref[Sequence] = ref(on_delete="cascade")
    code: Field[str] = field(
        pattern=r"[A-Za-z0-9_]{1,32}", search=True, example="SWA_010_0040", doc="Unique in the project."
    )
    description: Field[str | None] = field(default=None, max_length=2_000, search=True)
    cut_order: Field[int] = field(default=0, ge=0, doc="Its place in the cut of the sequence.")
    frame_in: Field[int] = field(default=1001, ge=0, doc="The first frame of the cut.")
    frame_out: Field[int] = field(ge=0, doc="The last frame of the cut.", example=1096)
    handles: Field[int] = field(default=8, ge=0, le=500, doc="Frames beyond the cut, on each side.")
    status: Field[ShotStatus] = field(default=ShotStatus.WAITING)
    client_note: Field[str | None] = field(default=None, max_length=10_000, doc="What the client said last.")
    frame_count: Computed[int] = computed(
        lambda: Shot.frame_out - Shot.frame_in + 1, doc="The frames of the cut, without handles.", init=False
    )

    tasks: Many[Task] = many(lambda: Task.shot, init=False)
    asset_uses: Many[AssetUse] = many(lambda: AssetUse.shot, init=False)
    assets: Many[Asset] = through(lambda: AssetUse.shot, lambda: AssetUse.asset, init=False)

    @action(when=lambda actor: judges_for_client(Shot.project, actor) & (Shot.status == ShotStatus.REVIEW))
    async def accept(self, tx: Tx, *, note: Note | None = None) -> None:
        """Take the shot as it is, for the client."""
        self.status = ShotStatus.FINAL
        self.client_note = note

    @action(when=lambda actor: judges_for_client(Shot.project, actor) & (Shot.status == ShotStatus.REVIEW))
    async def send_back(self, tx: Tx, *, note: Note) -> None:
        """Ask for changes, for the client."""
        self.status = ShotStatus.IN_PROGRESS
        self.client_note = note

    @action(when=lambda actor: manages(Shot.project, actor))
    async def plan(self, tx: Tx, *, types: TaskTypes, start: dt.date | None = None) -> list[Task]:
        """Make a task of each type, in this order, each waiting for the one before it."""
        return await plan_tasks(tx, types, start, project=self.project, name=self.code, shot=self.id)


class Asset(Resource):
    """Something that is built once and seen in shots: a character, a prop, a place."""

    project: Ref[Project] = ref(on_delete="cascade", immutable=True)
    code: Field[str] = field(
        pattern=r"[A-Za-z0-9_]{1,48}", search=True, example="chr_harbourmaster", doc="Unique in the project."
    )
    name: Field[str] = field(min_length=1, max_length=200, search=True, example="The harbour master")
    type: Field[AssetType] = field()
    description: Field[str | None] = field(default=None, max_length=2_000, search=True)
    status: Field[ShotStatus] = field(default=ShotStatus.WAITING)

    tasks: Many[Task] = many(lambda: Task.asset, init=False)
    asset_uses: Many[AssetUse] = many(lambda: AssetUse.asset, init=False)
    shots: Many[Shot] = through(lambda: AssetUse.asset, lambda: AssetUse.shot, init=False)

    @action(when=lambda actor: manages(Asset.project, actor))
    async def plan(self, tx: Tx, *, types: TaskTypes, start: dt.date | None = None) -> list[Task]:
        """Make a task of each type, in this order, each waiting for the one before it."""
        return await plan_tasks(tx, types, start, project=self.project, name=self.name, asset=self.id)


class AssetUse(Resource):
    """That an asset is seen in a shot."""

    shot: Ref[Shot] = ref(on_delete="cascade", immutable=True)
    asset: Ref[Asset] = ref(on_delete="cascade", immutable=True)
    count: Field[int] = field(default=1, ge=1, le=100_000, doc="How many of it are seen.")
    note: Field[str | None] = field(
        default=None, max_length=2_000, doc="What is special about it in this shot."
    )


class TaskType(Resource):
    """A kind of work that a department does, the same in all projects."""

    code: Field[str] = key(
        pattern=r"[a-z][a-z0-9-]{1,31}", example="lighting", doc="Short name, used in paths."
    )
    name: Field[str] = field(min_length=1, max_length=100, search=True, example="Lighting")
    department: Field[Department] = field(immutable=True)
    position: Field[int] = field(default=0, ge=0, le=1_000, doc="Its place in the pipeline.")
    bid: Field[Decimal] = field(
        default=Decimal(0),
        ge=0,
        le=MOST_HOURS,
        places=2,
        doc="The hours that it is bid with, if nobody says otherwise.",
    )


class Task(Resource):
    """A piece of work of one department: on a shot, on an asset, or for the project as a whole."""

    project: Ref[Project] = ref(on_delete="cascade", immutable=True)
    shot: OptRef[Shot] = optref(default=None, on_delete="cascade")
    asset: OptRef[Asset] = optref(default=None, on_delete="cascade")
    type: OptRef[TaskType] = optref(default=None, on_delete="restrict")
    title: Field[str] = field(min_length=1, max_length=200, search=True, example="Lighting SWA_010_0040")
    description: Field[str | None] = field(default=None, max_length=10_000, search=True)
    department: Field[Department] = field()
    artist: OptRef[Person] = optref(default=None, on_delete="set_null")
    reviewer: OptRef[Person] = optref(default=None, on_delete="set_null")
    status: Field[TaskStatus] = state(
        default=TaskStatus.NOT_STARTED,
        moves=TASK_MOVES,
    )
    priority: Field[int] = field(default=5, ge=0, le=9, doc="9 is the most urgent.")
    bid: Field[Decimal] = field(
        default=Decimal("0.00"), ge=0, le=MOST_HOURS, places=2, doc="The hours that it may take."
    )
    estimate: Field[Decimal | None] = field(
        default=None, ge=0, le=MOST_HOURS, places=2, doc="The hours that who does it thinks it takes."
    )
    start: Field[dt.date | None] = field(default=None, doc="The day on which work is to begin.")
    deadline: Field[dt.datetime | None] = field(default=None, doc="When it is to be approved.")
    review_note: Field[str | None] = field(default=None, max_length=10_000, doc="What the last review said.")
    started_at: Field[dt.datetime | None] = stamp(
        lambda: Task.status.in_(BEGUN), first=True, default=None, doc="When work on it began."
    )
    approved_at: Field[dt.datetime | None] = stamp(
        lambda: Task.status.in_(DONE), default=None, doc="When the work was signed off."
    )
    completed_at: Field[dt.datetime | None] = stamp(
        lambda: Task.status == TaskStatus.COMPLETED, default=None, doc="When nothing was left to do."
    )
    spent: Computed[Decimal] = computed(
        lambda: Task.time_logs.sum(TimeLog.hours), places=2, doc="The hours that it has taken.", init=False
    )
    is_late: Computed[bool] = computed(
        lambda: Task.deadline.is_not_null() & (Task.deadline < now()) & ~Task.status.in_(DONE),
        doc="Whether the deadline has passed and the work is not signed off.",
        init=False,
    )

    time_logs: Many[TimeLog] = many(lambda: TimeLog.task, init=False)
    dependencies: Many[Dependency] = many(lambda: Dependency.task, init=False)
    dependents: Many[Dependency] = many(lambda: Dependency.needs, init=False)
    needs: Many[Task] = through(lambda: Dependency.task, lambda: Dependency.needs, init=False)

    @action(
        when=lambda actor: (works_on(actor) & takes_part(Task.project, actor)) | manages(Task.project, actor)
    )
    async def submit(self, tx: Tx) -> None:
        """Hand the work in for review."""
        self.status = TaskStatus.SUBMITTED
        await self.tell(tx, tx.call.actor.id, "submitted")

    @action(when=lambda actor: takes_part(Task.project, actor))
    async def log_time(
        self, tx: Tx, *, hours: Hours, date: dt.date | None = None, note: str | None = None
    ) -> TimeLog:
        """Log hours of one's own on the task: today's, unless another day is given."""
        me = tx.call.actor.id
        assert me is not None, "whoever takes part has signed in"
        day = date or tx.call.now.date()
        return await tx.create(TimeLog(task=self, person=me, date=day, hours=hours, note=note))

    @action(when=lambda actor: reviews(actor))
    async def approve(self, tx: Tx, *, note: Note | None = None) -> None:
        """Sign the work off."""
        self.status = TaskStatus.APPROVED
        self.review_note = note
        await self.tell(tx, self.artist, "approved")

    @action(when=lambda actor: reviews(actor))
    async def request_revision(self, tx: Tx, *, note: Note) -> None:
        """Send the work back, saying what is to change."""
        self.status = TaskStatus.REVISION
        self.review_note = note
        await self.tell(tx, self.artist, "sent_back")

    async def tell(self, tx: Tx, person: str | None, verb: str) -> None:
        """Add a line about the task to somebody's feed."""
        if person is not None:
            await record(tx, person, "production", verb, self.title, f"/api/v1/tasks/{self.id}")


class Dependency(Resource, plural="dependencies"):
    """That a task begins when another is done."""

    task: Ref[Task] = ref(on_delete="cascade", immutable=True)
    needs: Ref[Task] = ref(on_delete="cascade", immutable=True, doc="The task that is to be done before.")
    lag_days: Field[int] = field(default=0, ge=0, le=365, doc="Working days that must lie between.")


class TimeLog(Resource, trash=True):
    """Hours that somebody spent on a task on one day."""

    task: Ref[Task] = ref(on_delete="cascade", immutable=True)
    person: Ref[Person] = ref(on_delete="restrict", immutable=True)
    date: Field[dt.date] = field(doc="The day of the work.")
    hours: Field[Decimal] = field(gt=0, le=24, places=2, doc="Hours of work, with hundredths.")
    note: Field[str | None] = field(default=None, max_length=2_000, doc="What was done.")


class TaskChange(Struct, rename="camel", forbid_unknown_fields=True):
    """What is changed in tasks; what is left out stays as it is."""

    status: TaskStatus | UnsetType = UNSET
    priority: Annotated[int, Meta(ge=0, le=9)] | UnsetType = UNSET
    artist_id: str | UnsetType | None = UNSET
    reviewer_id: str | UnsetType | None = UNSET
    start: dt.date | UnsetType | None = UNSET
    deadline: Moment | UnsetType | None = UNSET
    move_days: Annotated[
        int, Meta(ge=-3660, le=3660, description="So many days later are the start and the deadline of each.")
    ] = 0


Changes = Annotated[TaskChange, Meta(examples=[{"priority": 8, "moveDays": 7}])]

RESOURCES: list[type[Resource]] = [
    Project, Membership, Sequence, Shot, Asset, AssetUse, TaskType, Task, Dependency, TimeLog
]  # fmt: skip


async def plan_tasks(
    tx: Tx, types: list[str], start: dt.date | None, *, project: str, name: str,
    shot: str | None = None, asset: str | None = None,
) -> list[Task]:  # fmt: skip
    """A task of each type, one after the other. Raises Fault RULE_VIOLATION for an unknown type."""
    known = {type.code: type for type in await tx.select(TaskType, sort=[TaskType.position])}
    if unknown := [code for code in types if code not in known]:
        raise Fault("RULE_VIOLATION", f"`types` has {unknown[0]!r}; the task types are {', '.join(known)}.")
    made: list[Task] = []
    for code in types:
        type = known[code]
        task = Task(
            project=project, shot=shot, asset=asset, type=type, title=f"{type.name} {name}",
            department=type.department, bid=type.bid, start=None if made else start,
        )  # fmt: skip
        await tx.create(task)
        if made:
            await tx.create(Dependency(task=task, needs=made[-1]))
        made.append(task)
    return made


async def change_tasks(tx: Tx, project: str, ids: list[str], change: TaskChange) -> list[Task]:
    """Tasks of a project, changed alike. Raises Fault: DANGLING_REFERENCE, FORBIDDEN_TRANSITION, RULE_VIOLATION."""
    given = {
        name.removesuffix("_id"): value
        for name in change.__struct_fields__
        if (value := getattr(change, name)) is not UNSET and name != "move_days"
    }
    if change.move_days and not given.keys().isdisjoint(("start", "deadline")):
        raise Fault("RULE_VIOLATION", "Days are either moved (`moveDays`) or given (`start`, `deadline`).")
    for name in ("artist", "reviewer"):
        if (person := given.get(name)) is not None and not await tx.select(
            Membership,
            (Membership.project == project) & (Membership.person == person) & Membership.role.in_(CREW),
        ):
            message = f"{name.title()}s are people who work in the project."
            raise Fault(
                "DANGLING_REFERENCE", message, [Detail("DANGLING_REFERENCE", message, f"set.{name}Id")]
            )
    found = {
        task.id: task
        for task in await tx.select(Task, Task.id.in_(ids) & (Task.project == project), limit=len(ids))
    }
    if absent := [place for place, id in enumerate(ids) if id not in found]:
        message = "The project has no such task."
        raise Fault(
            "DANGLING_REFERENCE",
            message,
            [Detail("DANGLING_REFERENCE", message, f"tasks[{place}]") for place in absent],
        )
    if "status" in given:
        stuck = [
            Detail(
                "FORBIDDEN_TRANSITION",
                f"{found[id].title} is {found[id].status} and cannot become {given['status']}.",
                f"tasks[{place}]",
            )
            for place, id in enumerate(ids)
            if given["status"] not in (found[id].status, *TASK_MOVES.get(found[id].status, []))
        ]
        if stuck:
            raise Fault("FORBIDDEN_TRANSITION", stuck[0].message, stuck)
    later = dt.timedelta(days=change.move_days)
    for task in found.values():
        for name, value in given.items():
            setattr(task, name, value)
        try:
            task.start = task.start and task.start + later
            task.deadline = task.deadline and task.deadline + later
        except OverflowError:
            raise Fault("RULE_VIOLATION", f"{task.title} cannot move by {change.move_days} days.") from None
    return [found[id] for id in dict.fromkeys(ids)]


# -- what somebody is to a project ----------------------------------------------------------------------

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


def judges_for_client(project: type[Project], actor: CurrentActor) -> Expression[bool]:
    """Whether the actor reviews the project for the client."""
    return project.members.any(
        (Membership.person == actor.id) & (Membership.role == ProjectRole.CLIENT_REVIEWER)
    )

"""Demo data: the same rows with the same ids whenever it runs.

Each project has its own random numbers, so a larger seed begins with the rows of a smaller one.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as Listed
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from uuid import UUID

from typeid import TypeID

from headwater import DemoAccount, Resource
from headwater_products.people import Person
from headwater_products.production.resources import (
    Department,
    Membership,
    Project,
    ProjectRole,
    ProjectStatus,
    Sequence,
    Shot,
    ShotStatus,
    Task,
    TaskStatus,
    TimeLog,
)

SEED = "headwater-production-demo"
EPOCH = datetime(2026, 1, 5, 9, tzinfo=UTC)
BATCH = 500
SEQUENCES, SHOTS_EACH = 10, 10
TASKS = 1000
MAX_PROJECTS = 10_000

PROJECTS = (
    ("SWA", "Saltwater Avenue"), ("NRT", "Northern Track"), ("GLS", "The Glass Orchard"),
    ("EMB", "Ember & Ash"), ("KITE", "Kite Season"), ("HLW", "Hollow Moon"), ("RVN", "Ravenmark"),
    ("TIDE", "Tidekeeper"), ("OBL", "Obelisk Nine"), ("PPR", "Paper Cities"),
)  # fmt: skip
FIRST = (
    "Ada", "Björn", "Chiara", "Dmitri", "Elif", "Femi", "Greta", "Hiro", "Inés", "Jamal",
    "Katya", "Liam", "Mei", "Noor", "Oskar", "Priya", "Quentin", "Rosa", "Sanjay", "Tova",
)  # fmt: skip
LAST = (
    "Okafor", "Lindqvist", "Moretti", "Volkov", "Yılmaz", "Adeyemi", "Hoffmann", "Tanaka", "García",
    "Haddad", "Petrova", "Byrne", "Chen", "Rahman", "Nilsson", "Nair", "Dubois", "Silva", "Patel", "Berg",
)  # fmt: skip
COORDINATORS, ARTISTS = 6, 34
NOTES = ("Blocking", "First pass", "Notes from dailies", "Cleanup", "Render fixes", None)

SHOT_STATUSES = (
    ShotStatus.WAITING,
    ShotStatus.IN_PROGRESS,
    ShotStatus.REVIEW,
    ShotStatus.FINAL,
    ShotStatus.OMITTED,
)
TASK_STATUSES = tuple(TaskStatus)
TASK_WEIGHTS = (25, 25, 10, 8, 10, 17, 5)


class Ids:
    """Ids as the product makes them: version 7 UUIDs, from seeded random numbers and a time that moves on."""

    def __init__(self, name: str, day: int) -> None:
        self.rng = Random(f"{SEED}:ids:{name}")  # noqa: S311 - demo data is meant to be foreseeable
        self.milliseconds = int((EPOCH + timedelta(days=day)).timestamp() * 1000)

    def new(self, prefix: str) -> str:
        """The next id. The layout of the UUID: RFC 9562, section 5.7."""
        self.milliseconds += 1
        number = self.milliseconds << 80 | 0x7 << 76 | self.rng.getrandbits(12) << 64
        number |= 0b10 << 62 | self.rng.getrandbits(62)
        return str(TypeID.from_uuid(UUID(int=number), prefix))  # type: ignore[arg-type]


def _accounts() -> list[DemoAccount]:
    ids = Ids("accounts", 0)
    named = (
        ("admin", "admin", "Alex Admin"),
        ("supervisor", "user", "Sofia Supervisor"),
        ("artist", "user", "Arun Artist"),
        ("client", "user", "Clara Client"),
    )
    return [DemoAccount(login, role, ids.new("user"), name) for login, role, name in named]


DEMO_ACCOUNTS: list[DemoAccount] = _accounts()
_ID_OF = {account.login: account.id for account in DEMO_ACCOUNTS}


def seed(scale: int = 3, tasks_per_project: int | None = None) -> Iterator[list[Resource]]:
    """New rows in batches of at most 500, each row after those that it refers to.

    In all `scale` projects, 100 times as many shots and 1,000 times as many tasks. With `tasks_per_project`
    the first project has that many tasks instead. Raises: ValueError for a negative number, or more than
    10,000 projects.
    """
    if not 0 <= scale <= MAX_PROJECTS:
        raise ValueError(f"The scale is a number from 0 to {MAX_PROJECTS:,}, not {scale}.")
    if tasks_per_project is not None and tasks_per_project < 0:
        raise ValueError(f"A project cannot have {tasks_per_project} tasks.")
    crew = _people()
    yield [*crew]
    for number in range(scale):
        tasks = TASKS if tasks_per_project is None or number > 0 else tasks_per_project
        yield from _project(number, [person.id for person in crew[len(DEMO_ACCOUNTS) :]], tasks)


def _people() -> list[Person]:
    """The persons of the demo accounts, then coordinators, then artists."""
    ids = Ids("people", 0)
    people = [Person(id=a.id, name=a.name, login=a.login) for a in DEMO_ACCOUNTS]
    for n in range(COORDINATORS + ARTISTS):
        first, last = FIRST[n % len(FIRST)], LAST[(n * 7 + n // len(FIRST)) % len(LAST)]
        people.append(Person(id=ids.new("user"), name=f"{first} {last}", login=f"crew{n + 1:02}"))
    return people


def _project(number: int, crew: Listed[str], tasks: int) -> Iterator[list[Resource]]:
    rng = Random(f"{SEED}:{number}")  # noqa: S311 - demo data is meant to be foreseeable
    ids = Ids(str(number), 1 + number)
    code, name = PROJECTS[number % len(PROJECTS)]
    part = number // len(PROJECTS)
    start = EPOCH.date() + timedelta(days=rng.randrange(0, 120))
    project = Project(
        code=f"{code}{part + 1}" if part else code,
        name=f"{name} {part + 1}" if part else name,
        status=ProjectStatus.ACTIVE if number < 3 else rng.choice(list(ProjectStatus)),
        start=start,
        deadline=start + timedelta(days=rng.randrange(240, 540)),
        frame_rate=rng.choice([Decimal("23.976"), Decimal("24.000"), Decimal("25.000")]),
        description=f"Visual effects for {name}.",
    )
    artists = rng.sample(crew[COORDINATORS:], 8)
    joined = [
        (_ID_OF["supervisor"], ProjectRole.SUPERVISOR),
        (crew[rng.randrange(COORDINATORS)], ProjectRole.COORDINATOR),
        *((person, ProjectRole.ARTIST) for person in artists),
    ]
    if number % 3 != 1:  # the artist is in some projects, not in all
        artists.append(_ID_OF["artist"])
        joined.append((_ID_OF["artist"], ProjectRole.ARTIST))
    if number == 0:
        joined.append((_ID_OF["client"], ProjectRole.CLIENT_REVIEWER))
    members = [
        Membership(id=ids.new("membership"), project=project, person=person, role=role)
        for person, role in joined
    ]
    sequences = [
        Sequence(id=ids.new("sequence"), project=project, code=f"SQ{10 * (n + 1):03}")
        for n in range(SEQUENCES)
    ]
    yield [project, *members, *sequences]
    shots = [_shot(rng, ids, project, sequence, n) for sequence in sequences for n in range(SHOTS_EACH)]
    yield [*shots]
    for first in range(0, tasks, BATCH):
        made = [
            _task(rng, ids, project, shots, artists, start, n)
            for n in range(first, min(first + BATCH, tasks))
        ]
        yield [*made]
        logs: list[Resource] = [log for task in made for log in _logs(rng, ids, task)]
        for at in range(0, len(logs), BATCH):
            yield logs[at : at + BATCH]


def _shot(rng: Random, ids: Ids, project: Project, sequence: Sequence, number: int) -> Shot:
    return Shot(
        id=ids.new("shot"),
        project=project,
        sequence=sequence,
        code=f"{sequence.code}_{10 * (number + 1):04}",
        frame_in=1001,
        frame_out=1001 + rng.randrange(24, 240),
        handles=rng.choice([8, 8, 8, 12, 16]),
        status=rng.choices(SHOT_STATUSES, (30, 40, 12, 15, 3))[0],
    )


def _task(
    rng: Random,
    ids: Ids,
    project: Project,
    shots: Listed[Shot],
    artists: Listed[str],
    start: date,
    number: int,
) -> Task:
    departments = tuple(Department)
    department = departments[number % len(departments)]
    shot = None if rng.random() < 0.04 else shots[number // len(departments) % len(shots)]
    begins = start + timedelta(days=rng.randrange(0, 200))
    status = rng.choices(TASK_STATUSES, TASK_WEIGHTS)[0]
    idle = status in (TaskStatus.NOT_STARTED, TaskStatus.ON_HOLD)
    ends = datetime.combine(begins + timedelta(days=rng.randrange(2, 30)), time(18), UTC)
    return Task(
        id=ids.new("task"),
        project=project,
        shot=shot,
        title=f"{department.value.capitalize() if department != Department.FX else 'FX'} "
        f"{shot.code if shot else 'for the whole project'}",
        department=department,
        artist=None if idle and rng.random() < 0.3 else rng.choice(artists),
        reviewer=_ID_OF["supervisor"],
        status=status,
        priority=rng.choices((2, 5, 7, 9), (20, 55, 18, 7))[0],
        bid=Decimal(rng.randrange(8, 321) * 50).scaleb(-2),
        start=begins,
        deadline=ends if rng.random() < 0.9 else None,
        review_note="Edges flicker in the last second." if status == TaskStatus.REVISION else None,
    )


def _logs(rng: Random, ids: Ids, task: Task) -> Iterator[TimeLog]:
    """What the artist has logged, on successive days, if the work has begun."""
    if (
        task.artist is None
        or task.start is None
        or task.status in (TaskStatus.NOT_STARTED, TaskStatus.ON_HOLD)
    ):
        return
    for day in range(rng.randrange(0, 4)):
        yield TimeLog(
            id=ids.new("time_log"),
            task=task,
            person=task.artist,
            date=task.start + timedelta(days=day),
            hours=Decimal(rng.randrange(2, 37) * 25).scaleb(-2),
            note=rng.choice(NOTES),
        )

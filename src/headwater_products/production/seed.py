"""Demo data: shows in the middle of their making, with the same ids whenever it runs.

Each project has its own random numbers, so a larger seed begins with the rows of a smaller one. The dates lie around
the week in which it runs, so that there is always something under way; a second run finds all ids taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Sequence as Listed
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random

from headwater import Resource
from headwater_products.people.seed import SEED, Crew, Ids
from headwater_products.production.resources import (
    Asset,
    AssetUse,
    Dependency,
    DriveMapping,
    Membership,
    Project,
    Resolution,
    Sequence,
    Shot,
    Task,
    TaskType,
    TimeLog,
)
from headwater_products.production.words import (
    AssetType,
    ColourSpace,
    Department,
    ProjectRole,
    ProjectStatus,
    ShotStatus,
    TaskStatus,
)

BATCH = 500
SEQUENCES, SHOTS_EACH, ASSETS = 10, 10, 60
SHOTS = SEQUENCES * SHOTS_EACH
TASKS = 1000
MAX_PROJECTS = 10_000
WEEKS = 44
"""How long a show takes."""
DAY = 32
"""A working day in quarters of an hour."""

PROJECTS = (
    ("SWA", "Saltwater Avenue", "Harbour Lane Pictures"), ("NRT", "Northern Track", "Aurora Films"),
    ("GLS", "The Glass Orchard", "Meridian Studios"), ("EMB", "Ember & Ash", "Harbour Lane Pictures"),
    ("KITE", "Kite Season", "Bluebird Television"), ("HLW", "Hollow Moon", "Meridian Studios"),
    ("RVN", "Ravenmark", "Northgate Games"), ("TIDE", "Tidekeeper", "Aurora Films"),
    ("OBL", "Obelisk Nine", "Meridian Studios"), ("PPR", "Paper Cities", "Bluebird Television"),
)  # fmt: skip
PLACES = (
    "The harbour at dawn", "Market chase", "The long corridor", "Rooftops in rain", "The crossing", "Storm front",
    "Underwater", "The old theatre", "Bridge collapse", "Homecoming",
)  # fmt: skip
ASSET_NAMES: dict[AssetType, tuple[str, tuple[str, ...]]] = {
    AssetType.CHARACTER: ("chr", ("harbourmaster", "captain", "twin_a", "twin_b", "thief", "pilot", "child", "guard",
                                  "musician", "diver", "widow", "clerk")),
    AssetType.CREATURE: ("cre", ("gull", "hound", "leviathan", "moth", "heron", "eel")),
    AssetType.PROP: ("prp", ("lantern", "compass", "crate", "anchor", "umbrella", "radio", "rope", "sextant", "ledger",
                             "knife", "flare", "bell", "map", "chair")),
    AssetType.ENVIRONMENT: ("env", ("harbour", "market", "theatre", "rooftops", "bridge", "lighthouse", "tunnel",
                                    "shipyard", "chapel", "reef")),
    AssetType.VEHICLE: ("veh", ("trawler", "tram", "lorry", "ferry", "seaplane", "bicycle")),
    AssetType.FX: ("fx", ("rain_rig", "foam", "dust", "sparks", "fog_bank", "debris")),
    AssetType.MATTE_PAINTING: ("dmp", ("skyline", "cliffs", "storm_sky", "delta", "old_town", "ice_field")),
}  # fmt: skip
# Code, name, department, hours bid, and the types that it waits for on the same shot or asset.
TYPES: tuple[tuple[str, str, Department, int, tuple[str, ...]], ...] = (
    ("model", "Model", Department.MODELING, 22, ()),
    ("texture", "Texture", Department.TEXTURING, 18, ("model",)),
    ("rig", "Rig", Department.RIGGING, 14, ("model",)),
    ("lookdev", "Look development", Department.LIGHTING, 12, ("texture",)),
    ("matchmove", "Matchmove", Department.MATCHMOVE, 8, ()),
    ("roto", "Roto and prep", Department.ROTO, 10, ()),
    ("layout", "Layout", Department.LAYOUT, 6, ("matchmove",)),
    ("animation", "Animation", Department.ANIMATION, 20, ("layout",)),
    ("fx", "FX", Department.FX, 14, ("animation",)),
    ("lighting", "Lighting", Department.LIGHTING, 14, ("animation",)),
    ("comp", "Compositing", Department.COMPOSITING, 18, ("lighting", "roto", "fx")),
)
OF_ASSETS, OF_SHOTS = TYPES[:4], TYPES[4:]
OF_PROJECT = (
    ("Lens grids", Department.MATCHMOVE), ("Plate intake", Department.ROTO), ("Scan clean-up", Department.MODELING),
    ("Colour charts", Department.TEXTURING), ("Rig library", Department.RIGGING), ("Camera kit", Department.LAYOUT),
    ("Walk cycles", Department.ANIMATION), ("Simulation presets", Department.FX),
    ("Render template", Department.LIGHTING), ("Comp template", Department.COMPOSITING),
)  # fmt: skip
HEADS = {
    Department.MODELING: 2, Department.ANIMATION: 2, Department.FX: 2, Department.LIGHTING: 2, Department.COMPOSITING: 2
}  # fmt: skip
LOG_NOTES = ("Blocking", "First pass", "Notes from dailies", "Clean-up", "Render fixes", None, None)
REVIEW_NOTES = (
    "Edges flicker in the last second.", "The contact shadow floats.", "Match the grain of the plate.",
    "Weight is missing on the landing.", "Too bright for the sequence.", "Please hold two frames longer.",
)  # fmt: skip


def seed(
    scale: int = 3, tasks_per_project: int | None = None, today: date | None = None
) -> Iterator[list[Resource]]:
    """New rows in batches of at most 500, each row after those that it refers to.

    In all `scale` projects, 100 times as many shots and 1,000 times as many tasks. With `tasks_per_project`
    the first project has that many tasks instead, each of fewer hours. The dates lie around the week of `today`, by
    default the present one. Raises: ValueError for a negative number, or more than 10,000 projects.
    """
    if not 0 <= scale <= MAX_PROJECTS:
        raise ValueError(f"The scale is a number from 0 to {MAX_PROJECTS:,}, not {scale}.")
    if tasks_per_project is not None and tasks_per_project < 0:
        raise ValueError(f"A project cannot have {tasks_per_project} tasks.")
    crew = Crew()
    yield from crew.rows()
    yield [
        TaskType(code=code, name=name, department=department, position=10 * n, bid=Decimal(hours))
        for n, (code, name, department, hours, _) in enumerate(TYPES)
    ]
    day = today or datetime.now(UTC).date()
    for number in range(scale):
        tasks = TASKS if tasks_per_project is None or number > 0 else tasks_per_project
        yield from Show(number, crew, tasks, day - timedelta(days=day.weekday())).rows()


@dataclass(slots=True)
class Work:
    """A task as it was planned and as it went, in quarters of working hours since the show began."""

    title: str
    department: Department
    type: str | None = None
    shot: int | None = None
    asset: int | None = None
    waits: list[Work] = field(default_factory=list)
    artist: str = ""
    bid: int = 0
    planned: tuple[int, int] = (0, 0)
    actual: tuple[int, int] = (0, 0)
    id: str = ""
    status: TaskStatus = TaskStatus.NOT_STARTED


class Show:
    """One project, from its crew to its time logs. `monday` is the first day of the present week."""

    def __init__(self, number: int, crew: Crew, tasks: int, monday: date) -> None:
        self.rng = Random(f"{SEED}:{number}")  # noqa: S311 - demo data is meant to be foreseeable
        self.ids = Ids(str(number), 1 + number)
        self.number, self.crew, self.tasks = number, crew, tasks
        name = PROJECTS[number % len(PROJECTS)]
        part = number // len(PROJECTS)
        self.code, self.name = (f"{name[0]}{part + 1}", f"{name[1]} {part + 1}") if part else name[:2]
        self.client = name[2]
        # Where the show stands: the first three are in full swing, the others anywhere from before it to behind it.
        passed = (20, 8, 33)[number] if number < 3 else self.rng.randrange(-6, WEEKS + 12)
        self.start = monday - timedelta(weeks=passed)
        self.now = max(0, passed * 5 + 2) * DAY
        if passed < 0:
            self.status = ProjectStatus.PLANNING
        elif passed <= WEEKS:
            self.status = (
                ProjectStatus.ON_HOLD if number > 2 and self.rng.random() < 0.1 else ProjectStatus.ACTIVE
            )
        else:
            self.status = ProjectStatus.DELIVERED if passed < WEEKS + 6 else ProjectStatus.ARCHIVED
            self.now = 10_000 * DAY
        self.artists = self._artists()
        # When each of the crew is free again: as planned, and as it went.
        self.free: dict[str, list[int]] = {id: [0, 0] for ids in self.artists.values() for id in ids}
        # Who is in several shows has the part of a day for each.
        self.share = {id: max(crew.shows[id], 2 * (id == crew.account["artist"])) for id in self.free}

    def _artists(self) -> dict[Department, list[str]]:
        shows, rng = self.crew.shows, self.rng
        found = {}
        for department in Department:
            idle = sorted(self.crew.artists[department], key=lambda artist: (shows[artist], rng.random()))
            found[department] = idle[: HEADS.get(department, 1)]
        if self.number % 3 != 1:  # the demo's artist is in some projects, not in all
            found[Department.LIGHTING][-1] = self.crew.account["artist"]
        for artists in found.values():
            shows.update(artists)
        return found

    def rows(self) -> Iterator[list[Resource]]:
        rng = self.rng
        self.project = project = self._project()
        sequences = [
            Sequence(
                id=self.ids.new("sequence"),
                project=project,
                code=f"{self.code}_{10 * (n + 1):03}",
                description=PLACES[n % len(PLACES)],
            )
            for n in range(SEQUENCES)
        ]
        yield [project, *self._members(), *sequences]
        used = [rng.sample(ORDER[: built(n)], rng.randrange(1, 5)) for n in range(SHOTS)]
        # The first round of tasks says how far the shots and assets are.
        rounds = self._rounds(used)
        first = next(rounds, [])
        self.assets = self._assets(first)
        self.shots = [self._shot(n, sequences[n // SHOTS_EACH], first) for n in range(SHOTS)]
        yield [*self.assets]
        yield [*self.shots]
        yield [
            AssetUse(
                id=self.ids.new("asset_use"),
                shot=shot,
                asset=self.assets[at],
                count=rng.choice((1, 1, 1, 2, 6)),
            )
            for shot, assets in zip(self.shots, used, strict=True)
            for at in assets
        ]
        works = first
        while works:
            yield from self._written(works)
            works = next(rounds, [])

    def _project(self) -> Project:
        low = self.code.lower()
        wide = self.rng.random() < 0.4
        return Project(
            code=self.code,
            name=self.name,
            status=self.status,
            start=self.start,
            deadline=self.start + timedelta(weeks=WEEKS, days=-3),
            frame_rate=self.rng.choice([Decimal("23.976"), Decimal("24.000"), Decimal("25.000")]),
            resolution=Resolution(width=4096, height=1716) if wide else Resolution(width=3840, height=2160),
            colour_space=self.rng.choice([ColourSpace.ACESCG, ColourSpace.ACESCG, ColourSpace.LINEAR_REC709]),
            drive_mapping=DriveMapping(
                working_files=f"/mnt/shows/{low}", render_outputs=f"/mnt/renders/{low}"
            ),
            client=self.client,
            description=f"Visual effects for {self.name}.",
        )

    def _members(self) -> Iterator[Membership]:
        def joined(person: str, role: ProjectRole, department: Department | None = None) -> Membership:
            week = (Decimal(40) / self.share.get(person, 1)).quantize(Decimal("0.1"))
            return Membership(
                id=self.ids.new("membership"),
                project=self.project,
                person=person,
                role=role,
                department=department,
                weekly_hours=week,
            )

        yield joined(self.crew.account["supervisor"], ProjectRole.SUPERVISOR)
        yield joined(self.rng.choice(self.crew.coordinators), ProjectRole.COORDINATOR)
        for department, people in self.artists.items():
            for person in people:
                yield joined(person, ProjectRole.ARTIST, department)
        if self.number == 0:
            yield joined(self.crew.account["client"], ProjectRole.CLIENT_REVIEWER)

    # -- what there is to do --------------------------------------------------------------------------------

    def _rounds(self, used: Listed[Listed[int]]) -> Iterator[list[Work]]:
        """All tasks, a thousand at a time: those of the assets, of the shots, and of the show as a whole."""
        left = self.tasks
        turn = 0
        while left > 0:
            works = self._round(turn, used)[:left]
            for work in works:
                self._schedule(work)
            yield works
            left -= len(works)
            turn += 1

    def _round(self, turn: int, used: Listed[Listed[int]]) -> list[Work]:
        again = f", pass {turn + 1}" if turn else ""
        codes = asset_codes()
        assets: dict[int, dict[str, Work]] = {}
        works: list[Work] = []
        for n in range(SHOTS):
            # What a sequence shows is built before it.
            for asset in ORDER[len(assets) : ASSETS if n == SHOTS - 1 else built(n)]:
                assets[asset] = self._pipeline(OF_ASSETS, spoken(codes[asset][1]) + again, asset=asset)
                works += assets[asset].values()
            code = f"{self.code}_{10 * (n // SHOTS_EACH + 1):03}_{10 * (n % SHOTS_EACH + 1):04}"
            shot = self._pipeline(OF_SHOTS, code + again, shot=n)
            shot["animation"].waits.append(assets[used[n][0]]["rig"])
            works += shot.values()
        left = TASKS - len(works)
        works += [
            Work(f"{name} {n // len(OF_PROJECT) + 1}{again}", department, bid=self._quarters(8))
            for n, (name, department) in ((n, OF_PROJECT[n % len(OF_PROJECT)]) for n in range(left))
        ]
        return works

    def _pipeline(
        self, types: Iterable[tuple[str, str, Department, int, tuple[str, ...]]], name: str,
        *, shot: int | None = None, asset: int | None = None,
    ) -> dict[str, Work]:  # fmt: skip
        made: dict[str, Work] = {}
        for code, title, department, hours, waits in types:
            work = made[code] = Work(f"{title} {name}", department, code, shot, asset)
            work.waits = [made[other] for other in waits]
            work.bid = self._quarters(hours)
        return made

    def _quarters(self, hours: int) -> int:
        """A bid around some hours; of a show with many more tasks, accordingly fewer."""
        share = min(1.0, TASKS / max(1, self.tasks))
        return max(1, round(hours * 4 * share * self.rng.choice((0.5, 0.75, 1, 1, 1.25, 1.75)) / 2) * 2)

    def _schedule(self, work: Work) -> None:
        """Give the task to whoever of its department is free first, once what it waits for is done."""
        work.artist = min(self.artists[work.department], key=lambda artist: self.free[artist][0])
        free = self.free[work.artist]
        share = self.share[work.artist]
        took = max(1, round(work.bid * self.rng.lognormvariate(-0.075, 0.3)))
        starts = max([free[0], *(other.planned[1] for other in work.waits)])
        work.planned = (starts, starts + work.bid * share)
        begins = max([free[1], *(other.actual[1] for other in work.waits)])
        work.actual = (begins, begins + took * share)
        free[0], free[1] = work.planned[1], work.actual[1]
        work.status = self._status(*work.actual)

    def _status(self, begins: int, ends: int) -> TaskStatus:
        rng = self.rng
        if begins > self.now or self.status is ProjectStatus.PLANNING:
            return TaskStatus.ON_HOLD if rng.random() < 0.02 else TaskStatus.NOT_STARTED
        if ends <= self.now - 6 * DAY:
            return TaskStatus.COMPLETED
        if ends <= self.now - 2 * DAY:
            return rng.choices((TaskStatus.COMPLETED, TaskStatus.APPROVED, TaskStatus.REVISION), (60, 35, 5))[
                0
            ]
        if ends <= self.now:
            return rng.choices(
                (TaskStatus.SUBMITTED, TaskStatus.APPROVED, TaskStatus.REVISION), (60, 25, 15)
            )[0]
        if self.status is ProjectStatus.ON_HOLD:
            return TaskStatus.ON_HOLD
        return rng.choices((TaskStatus.IN_PROGRESS, TaskStatus.REVISION), (85, 15))[0]

    # -- rows -----------------------------------------------------------------------------------------------

    def _assets(self, works: Listed[Work]) -> list[Asset]:
        return [
            Asset(
                id=self.ids.new("asset"),
                project=self.project,
                code=f"{prefix}_{word}",
                name=spoken(word).capitalize(),
                type=type,
                status=progress([work.status for work in works if work.asset == n]),
            )
            for n, (prefix, word, type) in enumerate(asset_codes())
        ]

    def _shot(self, number: int, sequence: Sequence, works: Listed[Work]) -> Shot:
        place = number % SHOTS_EACH + 1
        return Shot(
            id=self.ids.new("shot"),
            project=self.project,
            sequence=sequence,
            code=f"{sequence.code}_{10 * place:04}",
            cut_order=10 * place,
            frame_in=1001,
            frame_out=1001 + self.rng.randrange(24, 240),
            handles=self.rng.choice([8, 8, 8, 12, 16]),
            status=progress([work.status for work in works if work.shot == number]),
        )

    def _written(self, works: Listed[Work]) -> Iterator[list[Resource]]:
        """The tasks, what waits for what, and the hours."""
        for work in works:
            work.id = self.ids.new("task")
        for first in range(0, len(works), BATCH):
            yield [self._task(work) for work in works[first : first + BATCH]]
        there = {id(work) for work in works}
        links: list[Resource] = [
            Dependency(id=self.ids.new("dependency"), task=work.id, needs=other.id)
            for work in works
            for other in work.waits
            if id(other) in there
        ]
        rest = links + [log for work in works for log in self._logs(work)]
        for first in range(0, len(rest), BATCH):
            yield rest[first : first + BATCH]

    def _task(self, work: Work) -> Task:
        rng = self.rng
        begun = work.status not in (TaskStatus.NOT_STARTED, TaskStatus.ON_HOLD)
        far = work.planned[0] > self.now + 30 * DAY
        deadline = self._date(work.planned[1] - 1 + 2 * DAY)
        done = (
            self._moment(work.actual[1], 16)
            if work.status in (TaskStatus.APPROVED, TaskStatus.COMPLETED)
            else None
        )
        return Task(
            id=work.id,
            project=self.project,
            shot=None if work.shot is None else self.shots[work.shot],
            asset=None if work.asset is None else self.assets[work.asset],
            type=work.type,
            title=work.title,
            department=work.department,
            artist=None if far and not begun and rng.random() < 0.7 else work.artist,
            reviewer=self.crew.account["supervisor"],
            status=work.status,
            priority=rng.choices((2, 5, 7, 9), (20, 55, 18, 7))[0],
            bid=hours(work.bid),
            estimate=hours(work.bid + rng.choice((-2, 0, 0, 2, 4))) if begun and work.bid > 8 else None,
            start=self._date(work.planned[0]),
            deadline=None if rng.random() < 0.03 else datetime.combine(deadline, time(18), UTC),
            review_note=rng.choice(REVIEW_NOTES) if work.status is TaskStatus.REVISION else None,
            started_at=self._moment(work.actual[0], 9) if begun else None,
            approved_at=done,
            completed_at=None
            if done is None or work.status is TaskStatus.APPROVED
            else done + timedelta(hours=1),
        )

    def _logs(self, work: Work) -> Iterator[TimeLog]:
        """The hours of each day, as far as the work has come."""
        if work.status in (TaskStatus.NOT_STARTED, TaskStatus.ON_HOLD):
            return
        at, end = work.actual[0], min(work.actual[1], self.now)
        while at < end:
            until = min(end, (at // DAY + 1) * DAY)
            yield TimeLog(
                id=self.ids.new("time_log"),
                task=work.id,
                person=work.artist,
                date=self._date(at),
                hours=hours(max(1, (until - at) // self.share[work.artist])),
                note=self.rng.choice(LOG_NOTES),
            )
            at = until

    def _date(self, quarters: int) -> date:
        """The day of some moment of work: weekends are free."""
        day = quarters // DAY
        return self.start + timedelta(weeks=day // 5, days=day % 5)

    def _moment(self, quarters: int, hour: int) -> datetime:
        return datetime.combine(self._date(quarters), time(hour, self.rng.randrange(60)), UTC)


ORDER = Random(SEED).sample(range(ASSETS), ASSETS)  # noqa: S311
"""The assets in the order in which they are built."""


def built(shot: int) -> int:
    """How many of the assets are built before a shot."""
    return min(ASSETS, 8 + 7 * (shot // SHOTS_EACH))


def asset_codes() -> list[tuple[str, str, AssetType]]:
    """The prefix, the name and the type of each asset."""
    return [(prefix, word, type) for type, (prefix, words) in ASSET_NAMES.items() for word in words]


def spoken(word: str) -> str:
    return word.replace("_", " ")


def hours(quarters: int) -> Decimal:
    return (Decimal(quarters) / 4).quantize(Decimal("0.01"))


def progress(statuses: Listed[TaskStatus]) -> ShotStatus:
    """How far a shot or an asset is, by its tasks; the last of them finishes it."""
    if statuses and statuses[-1] is TaskStatus.COMPLETED:
        return ShotStatus.FINAL
    if statuses and statuses[-1] in (TaskStatus.SUBMITTED, TaskStatus.APPROVED):
        return ShotStatus.REVIEW
    idle = all(status in (TaskStatus.NOT_STARTED, TaskStatus.ON_HOLD) for status in statuses)
    return ShotStatus.WAITING if idle else ShotStatus.IN_PROGRESS

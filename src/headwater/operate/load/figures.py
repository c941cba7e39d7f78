"""What a load test has measured, and whether that is good enough."""

import statistics
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from headwater.operate.load.profiles import DATABASE, Profile, Target

PERCENTILES: Final = (50, 95, 99)
ALL: Final = "all requests"


@dataclass(slots=True)
class Tally:
    """What became of the requests of one kind. `times`: milliseconds until the answer was there whole; those of
    requests that timed out or found no server are not among them. `database`: milliseconds that answers say the
    database took, where they do; `statements`: how many statements those were."""

    times: "array[float]" = field(default_factory=lambda: array("d"))
    errors: Counter[str] = field(default_factory=Counter)
    timeouts: int = 0
    database: "array[float]" = field(default_factory=lambda: array("d"))
    statements: int = 0

    @property
    def sent(self) -> int:
        lost = sum(number for what, number in self.errors.items() if not what.isdigit())
        return len(self.times) + lost + self.timeouts

    def add(self, other: "Tally") -> None:
        self.times.extend(other.times)
        self.database.extend(other.database)
        self.statements += other.statements
        self.errors.update(other.errors)
        self.timeouts += other.timeouts


@dataclass(frozen=True, slots=True)
class Database:
    """How long the database took, in milliseconds: `mean` and `p95` of a request, with all of its statements, and the
    mean of a statement; `statements` of a request, on average. `told`: the answers that say it."""

    told: int
    mean: float
    p95: float
    statements: float
    statement: float

    @classmethod
    def of(cls, tally: Tally) -> "Database | None":
        """None where no answer says it."""
        if not (times := sorted(tally.database)):
            return None
        whole, told = sum(times), len(times)
        each = whole / tally.statements if tally.statements else 0.0
        return cls(told, whole / told, percentile(times, 95), tally.statements / told, each)


@dataclass(frozen=True, slots=True)
class Figures:
    """A tally in numbers: times in milliseconds, `rate` in requests a second, `errors` and `timeouts` in percent.
    Requests that users still make when the test's time is over count in all of them but the rate.
    `failures` counts what was wrong, by the answer's status or the name of what went wrong."""

    name: str
    requests: int
    rate: float
    mean: float
    p50: float
    p95: float
    p99: float
    max: float
    errors: float
    timeouts: float
    failures: Mapping[str, int]
    database: Database | None

    @classmethod
    def of(cls, name: str, tally: Tally, rate: float) -> "Figures":
        times = sorted(tally.times) or [0.0]
        sent = tally.sent
        marks = {f"p{percent}": percentile(times, percent) for percent in PERCENTILES}
        return cls(
            name,
            sent,
            rate,
            statistics.fmean(times),
            **marks,
            max=times[-1],
            errors=100 * tally.errors.total() / sent if sent else 0.0,
            timeouts=100 * tally.timeouts / sent if sent else 0.0,
            failures=dict(tally.errors.most_common()),
            database=Database.of(tally),
        )


def percentile(ordered: list[float], percent: int) -> float:
    """The least value that so many percent of the values do not exceed (nearest rank)."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


@dataclass(frozen=True, slots=True)
class Used:
    """What the server's processes on this machine used. `cpu`: of one core, on average, in percent; `memory`: MiB that
    were resident at most, all processes together."""

    processes: int
    cpu: float
    memory: float


@dataclass(frozen=True, slots=True)
class Report:
    """A load test's outcome. `most_users`: who were there at once at most; `server` is None where it does not run on
    this machine; `client`: percent of a core that the test itself used."""

    profile: Profile
    seconds: float
    most_users: int
    whole: Figures
    parts: list[Figures]
    server: Used | None
    client: float

    def verdicts(self) -> Iterator[tuple[Target, float, bool]]:
        """Each target, the value, and whether it is met. That of the database is among them where the server tells its
        time."""
        for target in self.profile.targets:
            value = getattr(self.whole, target.figure)
            yield target, value, self.whole.requests > 0 and target.met(value)
        if self.whole.database is not None:
            value = self.whole.database.mean
            yield DATABASE, value, DATABASE.met(value)

    @property
    def passed(self) -> bool:
        """Whether all targets are met."""
        return all(met for _, _, met in self.verdicts())

    def facts(self) -> dict[str, Any]:
        """The report as JSON has it."""
        return {
            "profile": self.profile.name,
            "seconds": round(self.seconds, 3),
            "users": self.most_users,
            "all": _rounded(self.whole),
            "requests": [_rounded(part) for part in self.parts],
            "server": self.server and asdict(self.server),
            "client": {"cpu": round(self.client, 1)},
            "targets": [
                {"figure": t.figure, "bound": t.bound, "unit": t.unit, "value": round(value, 3), "met": met}
                for t, value, met in self.verdicts()
            ],
            "passed": self.passed,
        }


def _rounded(figures: Figures) -> dict[str, Any]:
    return _brief(asdict(figures))


def _brief(facts: dict[str, Any]) -> dict[str, Any]:
    return {
        name: round(value, 3)
        if isinstance(value, float)
        else _brief(value)
        if isinstance(value, dict)
        else value
        for name, value in facts.items()
    }

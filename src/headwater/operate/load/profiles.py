"""How many users there are at each moment of a load test, and what the figures must come to."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Stage:
    """`seconds` in which the number of users goes from where it was to `users`, evenly."""

    seconds: float
    users: int


@dataclass(frozen=True, slots=True)
class Target:
    """A figure and its bound: less than `bound`, or more where `least` says so."""

    figure: str
    bound: float
    unit: str
    least: bool = False

    def met(self, value: float) -> bool:
        return value > self.bound if self.least else value < self.bound


TARGETS: Final = (
    Target("mean", 100, "ms"),
    Target("p95", 200, "ms"),
    Target("p99", 500, "ms"),
    Target("errors", 0.1, "%"),
    Target("timeouts", 0.05, "%"),
)
"""What every profile must keep."""
DATABASE: Final = Target("database", 50, "ms")
"""What is asked of the mean of a request where the server tells how long its database took."""
PER_SECOND: Final = Target("rate", 100, "requests/s", least=True)
"""What is asked of a profile whose users would make more than one and a half times as many, if no answer took time."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A load test. `pause`: seconds that a user waits between two requests, on average."""

    name: str
    doc: str
    stages: Sequence[Stage]
    pause: float = 0.25

    @property
    def seconds(self) -> float:
        """How long it takes."""
        return sum(stage.seconds for stage in self.stages)

    @property
    def most(self) -> int:
        """Users at its peak."""
        return max(stage.users for stage in self.stages)

    @property
    def targets(self) -> Sequence[Target]:
        """What is asked of every server."""
        offered = self.most / self.pause if self.pause else math.inf
        return (*TARGETS, PER_SECOND) if offered > PER_SECOND.bound * 1.5 else TARGETS

    def users(self, at: float) -> int:
        """How many users there are `at` seconds after its start."""
        before = 0
        for stage in self.stages:
            if at < stage.seconds:
                return before + math.ceil((stage.users - before) * at / stage.seconds)
            at -= stage.seconds
            before = stage.users
        return 0

    def lasting(self, seconds: float) -> "Profile":
        """The same in another time: all its stages are as much longer or shorter."""
        factor = seconds / self.seconds
        stages = [Stage(stage.seconds * factor, stage.users) for stage in self.stages]
        return Profile(self.name, self.doc, stages, self.pause)


PROFILES: Final[Mapping[str, Profile]] = {
    profile.name: profile
    for profile in (
        Profile("load", "50 users for 10 minutes.", [Stage(10, 50), Stage(590, 50)]),
        Profile("stress", "More and more users, up to 100.", [Stage(300, 100), Stage(300, 100)]),
        Profile(
            "spike",
            "20 users, of a sudden 200, and 20 again.",
            [Stage(5, 20), Stage(55, 20), Stage(5, 200), Stage(60, 200), Stage(5, 20), Stage(50, 20)],
        ),
        Profile("endurance", "25 users for 2 hours.", [Stage(10, 25), Stage(7190, 25)]),
        Profile(
            "connections",
            "1,000 users who ask seldom, each with a connection that stays open, for 2 minutes.",
            [Stage(40, 1000), Stage(80, 1000)],
            pause=8.0,
        ),
    )
}

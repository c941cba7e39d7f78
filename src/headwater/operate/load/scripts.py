"""A load test as a script for another tool: the same profile, targets and requests as `headwater bench` itself has.

Such a tool cannot run a scenario in Python. So the scenario is acted out a few times, and the script has users send
what was sent then, in turns drawn by lot.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from typing import Any, Final

from headwater.operate.load.figures import Tally
from headwater.operate.load.profiles import DATABASE, Profile, Target
from headwater.operate.load.run import PATIENCE
from headwater.operate.load.visit import TIMEOUT, Account, Scenario, Sent, VirtualUser

TURNS: Final = 60
"""How often the scenario is acted out: what is drawn by lot in it then comes up about as often as it should."""
LEAST: Final = 6
"""How often each account does so at least. The first time may be unlike the others: users remember nothing yet."""


@dataclass(frozen=True, slots=True)
class Played:
    """What an account sent, by turns."""

    login: str
    turns: Sequence[Sequence[Sent]]


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that scripts are made for. The file `name`.js beside this one is the script without its data, of which
    `terms` are those that only this tool has."""

    name: str
    terms: Callable[[Profile, Sequence[Target]], Mapping[str, Any]]


async def play(base: str, scenario: Scenario, accounts: Sequence[Account]) -> tuple[list[Played], bool]:
    """Act a scenario out; what was sent, and whether the server tells how long its database took.

    Raises SignInError, and what the scenario raises.
    """
    tallies: dict[str, Tally] = {}
    found = []
    for number, account in enumerate(accounts):
        turns = []
        user = VirtualUser(number, base, account, 0.0, tallies)
        try:
            for _ in range(max(LEAST, TURNS // len(accounts))):
                user.trail = []
                await scenario(user)
                turns.append(user.trail)
        finally:
            await user.close()
        found.append(Played(account.login, turns))
    return found, any(tally.database for tally in tallies.values())


def script(tool: Tool, base: str, profile: Profile, accounts: Sequence[Played], *, tells: bool) -> str:
    """The script, in JavaScript. `tells`: whether the server tells how long its database took. Raises ValueError where
    an account sent nothing."""
    targets = (*profile.targets, DATABASE) if tells else profile.targets
    data = {
        "profile": profile.name,
        "url": base,
        "stages": [asdict(stage) for stage in profile.stages],
        "pause": profile.pause,
        "timeout": TIMEOUT,
        **tool.terms(profile, targets),
    }
    lines = [f"  {json.dumps(name)}: {json.dumps(value)}," for name, value in data.items()]
    lines = ["{", *lines, '  "accounts": [', *_accounts(accounts), "  ],", "}"]
    text = resources.files(__package__).joinpath(f"{tool.name}.js").read_text()
    head = (
        f"// The load test `{profile.name}`: up to {profile.most:,} users for {profile.seconds:g} s.\n"
        f"// Made by `headwater bench --script {tool.name}`.\n"
    )
    return head + text.replace("__TEST__", "\n".join(lines), 1)


def _accounts(accounts: Sequence[Played]) -> Iterator[str]:
    for account in accounts:
        first, *later = [turn for turn in account.turns if turn] or [[]]
        if not first:
            raise ValueError(f"{account.login or 'nobody'} sends nothing in this scenario")
        yield f"    {{ login: {json.dumps(account.login)},"
        yield f"      first: {_turn(first)},"
        yield "      later: ["
        yield from (f"        {_turn(turn)}," for turn in later or [first])
        yield "      ] },"


def _turn(turn: Sequence[Sent]) -> str:
    return json.dumps(
        [[one.name, one.url] if one.body is None else [one.name, one.url, one.body] for one in turn]
    )


def _k6(profile: Profile, targets: Sequence[Target]) -> Mapping[str, Any]:
    thresholds: dict[str, list[str]] = {}
    for target in targets:
        metric, term, scale = _K6[target.figure]
        thresholds.setdefault(metric, []).append(f"{term}{_sign(target)}{target.bound * scale:g}")
    return {"patience": PATIENCE, "thresholds": thresholds}


_K6: Final[Mapping[str, tuple[str, str, float]]] = {
    "mean": ("http_req_duration", "avg", 1),
    "p95": ("http_req_duration", "p(95)", 1),
    "p99": ("http_req_duration", "p(99)", 1),
    "errors": ("errors", "rate", 0.01),
    "timeouts": ("timeouts", "rate", 0.01),
    "rate": ("http_reqs", "rate", 1),
    "database": ("database", "avg", 1),
}
"""Figures as k6 has them: the metric, what of it, and how much of its unit a unit of ours is."""


def _artillery(profile: Profile, targets: Sequence[Target]) -> Mapping[str, Any]:
    phases, before = [], 0
    for stage in profile.stages:
        time, more = f"{max(1, round(stage.seconds * 1000))}ms", stage.users - before
        phases.append({"duration": time, "arrivalCount": more} if more > 0 else {"pause": time})
        before = stage.users
    conditions = [
        f"{_ARTILLERY[target.figure].format(seconds=f'{profile.seconds:g}')} {_sign(target)} {target.bound:g}"
        for target in targets
    ]
    return {"phases": phases, "conditions": conditions}


_ARTILLERY: Final[Mapping[str, str]] = {
    "mean": "http.response_time.mean",
    "p95": "http.response_time.p95",
    "p99": "http.response_time.p99",
    "errors": "bench.errors / bench.sent * 100",
    "timeouts": "bench.timeouts / bench.sent * 100",
    "rate": "bench.timely / {seconds}",
    "database": "bench.database.mean",
}
"""Figures as expressions of Artillery's plugin `ensure`."""
TOOLS: Final[Mapping[str, Tool]] = {
    tool.name: tool for tool in (Tool("k6", _k6), Tool("artillery", _artillery))
}


def _sign(target: Target) -> str:
    return ">" if target.least else "<"

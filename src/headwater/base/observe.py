"""What the program tells of its own work: one closed list, of which the log shows some.

An observation is emitted at the moment that it names, in the thread where it happens, so a test can stop the
process exactly there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import get_annotations
from typing import get_args

import msgspec


class StatementRun(msgspec.Struct, frozen=True):
    """A statement reached the database driver. `purpose` is "read" or "write"."""

    sql: str
    purpose: str


class WriteStage(msgspec.Struct, frozen=True):
    """A write has reached a stage, one of `WRITE_STAGES`."""

    stage: str


class RequestServed(msgspec.Struct, frozen=True):
    """An HTTP request was answered. `seconds` is the time from first byte read to last byte handed over.

    `route` is the path's template; `malformed` for what is not HTTP, whose `method` and `path` are empty where its head
    has no end. `trace` is the id of the trace that it takes part in, if any.
    """

    request_id: str
    method: str
    path: str
    route: str
    status: int
    seconds: float
    actor: str | None
    trace: str | None = None


@dataclass(frozen=True, slots=True)
class UnexpectedFailure:
    """A bug: answered as 500, logged with its trace."""

    request_id: str
    error: BaseException


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """Something that an owner wants to know, such as a refresh token that was used twice."""

    kind: str
    actor: str | None
    request_id: str
    note: str


@dataclass(frozen=True, slots=True)
class StoreTrouble:
    """A request was refused because the database was away, full, too busy or too slow; `reason` says which."""

    request_id: str
    reason: str


Observation = StatementRun | WriteStage | RequestServed | UnexpectedFailure | SecurityEvent | StoreTrouble

WRITE_STAGES = (
    "begun",        # a transaction is open
    "checked",      # the old row is locked and the caller may change it
    "written",      # rows are written, the log entry is not
    "logged",       # the log entry is written, nothing is committed
    "committed",    # the database has confirmed the commit
    "acknowledged", # the caller is about to be told
)  # fmt: skip

Observer = Callable[[Observation], None]


KINDS: tuple[type[Observation], ...] = get_args(Observation)


def reference() -> str:
    """The observations as a Markdown table, for the documentation."""
    lines = ["| Observation | When | It holds |", "|---|---|---|"]
    for kind in KINDS:
        doc = " ".join((kind.__doc__ or "").split())
        names = ", ".join(f"`{name}`" for name in get_annotations(kind))
        lines.append(f"| `{kind.__name__}` | {doc} | {names} |")
    return "\n".join(lines) + "\n"


class Observers:
    """The observers of one application.

    Hot paths ask `if StatementRun in observers.wanted` before they make an observation that nobody looks at.
    """

    __slots__ = ("_of_kind", "wanted")

    def __init__(self) -> None:
        self._of_kind: dict[type[Observation], tuple[Observer, ...]] = {}
        self.wanted: frozenset[type[Observation]] = frozenset()

    def add(self, observer: Observer, *kinds: type[Observation]) -> Callable[[], None]:
        """Add an observer of some kinds of observations, or of all; the returned function removes it."""
        chosen = kinds or KINDS
        for kind in chosen:
            self._set(kind, (*self._of_kind.get(kind, ()), observer))

        def remove() -> None:
            for kind in chosen:
                self._set(kind, tuple(o for o in self._of_kind[kind] if o is not observer))

        return remove

    def _set(self, kind: type[Observation], observers: tuple[Observer, ...]) -> None:
        self._of_kind[kind] = observers
        self.wanted = frozenset(kind for kind, some in self._of_kind.items() if some)

    def emit(self, observation: Observation) -> None:
        """Tell those who look at its kind."""
        for observer in self._of_kind.get(type(observation), ()):
            observer(observation)

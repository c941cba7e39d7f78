"""Everything that the program reports: one closed list. Logs, metrics and traces are views of it.

An observation is emitted at the moment that it names, in the thread where it happens, so a test can stop the
process exactly there.
"""

from collections.abc import Callable
from dataclasses import dataclass

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

    `route` is the path's template. `trace` is the id of the trace that it takes part in, if any.
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
    """Something that an owner wants to know: a reused refresh token, repeated failed sign-ins."""

    kind: str
    actor: str | None
    request_id: str
    note: str


Observation = StatementRun | WriteStage | RequestServed | UnexpectedFailure | SecurityEvent

WRITE_STAGES = (
    "begun",        # a transaction is open
    "checked",      # the old row is locked and the caller may change it
    "written",      # rows are written, the log entry is not
    "logged",       # the log entry is written, nothing is committed
    "committed",    # the database has confirmed the commit
    "acknowledged", # the caller is about to be told
)  # fmt: skip

Observer = Callable[[Observation], None]


class Observers:
    """The observers of one application. Empty, which is the common case on hot paths, costs one truth test."""

    __slots__ = ("_observers",)

    def __init__(self) -> None:
        self._observers: tuple[Observer, ...] = ()

    def __bool__(self) -> bool:
        return bool(self._observers)

    def add(self, observer: Observer) -> Callable[[], None]:
        """Add an observer; the returned function removes it."""
        self._observers = (*self._observers, observer)

        def remove() -> None:
            self._observers = tuple(o for o in self._observers if o is not observer)

        return remove

    def emit(self, observation: Observation) -> None:
        for observer in self._observers:
            observer(observation)

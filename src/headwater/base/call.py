"""The caller: the first argument of everything that touches data.

Whoever writes a function that reads or writes must say on whose behalf, so a query without a caller cannot be
written by accident.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """Now, in UTC, to the microsecond."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: an account, nobody (`ANONYMOUS`), or the product itself (`SYSTEM`).

    `roles` holds every role that the actor has, inherited ones included. `permissions` are the
    `verb:resource` patterns that those roles grant on any row.
    """

    id: str | None
    roles: frozenset[str] = frozenset({"guest"})
    permissions: frozenset[str] = frozenset()
    session: str | None = None
    name: str | None = None

    @property
    def signed_in(self) -> bool:
        return self.id is not None


ANONYMOUS = Actor(id=None)
SYSTEM = Actor(id=None, roles=frozenset({"system"}), permissions=frozenset({"admin:*"}), name="system")


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One operation's circumstances. A struct, since one is made for every request: five times as fast.

    `scopes` narrow the actor's permissions (None: not narrowed). `deadline` is a `time.monotonic()` instant
    in seconds after which the operation is given up; None means no deadline. `now` is the one instant that
    the whole operation calls "now"; `began` is what the first page of a list called so, where this is a later one.
    """

    actor: Actor
    request_id: str = "req_internal"
    organisation: str | None = None
    scopes: frozenset[str] | None = None
    version: str = "v1"
    deadline: float | None = None
    now: datetime = msgspec.field(default_factory=system_clock)
    began: datetime | None = None

    @classmethod
    def system(cls, request_id: str = "req_internal") -> "Call":
        """A call with the rights of the product itself."""
        return cls(actor=SYSTEM, request_id=request_id)

    @property
    def as_of(self) -> datetime:
        """The instant for which a list is worked out, on all of its pages. Rights are those of `now`."""
        return self.began or self.now

    def remaining(self) -> float | None:
        """Seconds until the deadline; None if there is none."""
        return None if self.deadline is None else self.deadline - time.monotonic()

"""A write, as data. Every surface builds one of these, and hands it to `engine.run`.

Values are keyed by the author's field names and are in their Python form: a surface has parsed and checked each
against its own field (`ir/body`). What needs the row or other rows is checked by the engine.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

from headwater.ir.query import Select

MAX_IDENTIFIERS: Final = 100
"""Rows that one document may name behind a to-many relation."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The version that the caller believes to be current. `header`: it came as `If-Match`, so failing is 412."""

    version: int
    header: bool = False


@dataclass(frozen=True, slots=True)
class Merge:
    """A merge patch (RFC 7396) for a JSON field: stands in `Update.values` in place of the new object. `whole` says
    what the merged object becomes, or raises a Fault, where its members are declared."""

    patch: Mapping[str, Any]
    whole: Callable[[dict[str, Any]], dict[str, Any]] | None = None

    def apply(self, old: Mapping[str, Any] | None) -> dict[str, Any]:
        """The new object: members of the patch replace or, if they are null, remove those of the old one."""
        merged = self._merge(old)
        return merged if self.whole is None else self.whole(merged)

    def _merge(self, old: Mapping[str, Any] | None) -> dict[str, Any]:
        merged = dict(old or {})
        for name, value in self.patch.items():
            if value is None:
                merged.pop(name, None)
            elif isinstance(value, dict):
                before = merged.get(name)
                merged[name] = Merge(value)._merge(before if isinstance(before, dict) else None)
            else:
                merged[name] = value
        return merged


class Rewrite(Protocol):
    """A part of an update that depends on the row as it is, and so is worked out inside the transaction, on the locked
    row. It sees the fields that it names in `shows` as the caller may see them, and may change those of `writes`."""

    @property
    def shows(self) -> tuple[str, ...]: ...

    @property
    def writes(self) -> tuple[str, ...]: ...

    def apply(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """Values by the author's names, from the JSON form of the fields shown. May run again on a newer row.

        Raises: Fault, and then nothing is written.
        """
        ...


Linked = Mapping[str, frozenset[str]]
"""To-many relations, each with the ids of the rows that alone are to be behind it."""


@dataclass(frozen=True, slots=True)
class Create:
    """Makes a row, and lets its to-many relations lead to what is `linked`."""

    resource: str
    values: Mapping[str, Any]
    select: Select = Select()
    linked: Linked = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Update:
    """Changes some fields of a row; with `replace`, fields that are not given return to their defaults. A `rewrite`
    adds to the values. What is `linked` is all that is behind those relations afterwards."""

    resource: str
    key: str
    values: Mapping[str, Any]
    expected: Expected | None = None
    replace: bool = False
    select: Select = Select()
    rewrite: Rewrite | None = None
    linked: Linked = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Upsert:
    """Changes the row that has a key, or makes one of the `fresh` values where the caller sees none."""

    resource: str
    key: str
    values: Mapping[str, Any]
    fresh: Mapping[str, Any]
    select: Select = Select()

    @property
    def update(self) -> Update:
        """What is done where the row is there."""
        return Update(self.resource, self.key, self.values, select=self.select)

    @property
    def create(self) -> Create:
        """What is done where it is not."""
        return Create(self.resource, self.fresh, self.select)


@dataclass(frozen=True, slots=True)
class Delete:
    """Removes a row, with what its relations say goes with it; into the trash, where its resource has one."""

    resource: str
    key: str
    expected: Expected | None = None


@dataclass(frozen=True, slots=True)
class Restore:
    """Takes a row out of the trash, with what went there along with it."""

    resource: str
    key: str
    expected: Expected | None = None
    select: Select = Select()


@dataclass(frozen=True, slots=True)
class Purge:
    """Removes a row that is in the trash for good."""

    resource: str
    key: str
    expected: Expected | None = None


@dataclass(frozen=True, slots=True)
class Relate:
    """Adds rows to those behind a to-many relation of a row, removes them from there, or leaves these alone there.

    Each change is one of a row at the other side: of its reference, or of a row of the link between the two.
    """

    resource: str
    key: str
    relation: str
    how: Literal["add", "remove", "replace"]
    keys: frozenset[str]
    expected: Expected | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """Calls an action; `key` is None for actions of the collection."""

    resource: str
    action: str
    key: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    expected: Expected | None = None
    select: Select = Select()


Write = Create | Update | Upsert | Delete | Restore | Purge | Relate
"""What can be one of several commands in a transaction."""
Command = Write | Act


@dataclass(slots=True)
class Outcome:
    """What a write did.

    `row` is the JSON text of the row as the caller may see it: None after a delete, and where the caller may not
    read what they wrote. `rows` are those that an action returned as a list, as far as the caller may see them;
    `value` is an action's own result where it returned something else, and `returned` tells one that is null from none.
    `resource` is that of the row or rows where an action returned them. `position` is the last log position of the
    write; None if nothing changed.
    """

    key: str | None
    row: str | None = None
    rows: Sequence[str] | None = None
    version: int | None = None
    value: Any = None
    returned: bool = False
    resource: str | None = None
    position: int | None = None

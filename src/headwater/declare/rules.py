"""Statements about a resource, beside its class: who may do what, what must hold, what is looked up fast.

Each is kept on the class that it speaks of, and read by `build()`. There is no register of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from headwater.base.errors import DeclarationError
from headwater.declare.expressions import CurrentActor, Descending, Expression, Path
from headwater.declare.fields import Batched, Place, caller
from headwater.declare.resource import Declaration, Resource
from headwater.ir.expr import Column

Rule = Callable[[CurrentActor], Expression[bool]]
Roles = str | tuple[str, ...] | None
Key = Expression[Any] | type[Resource]


@dataclass(frozen=True, slots=True)
class Allow:
    place: Place
    verbs: tuple[str, ...]
    when: Rule | None
    to: Roles


@dataclass(frozen=True, slots=True)
class Protect:
    """A mask or a lock of one field."""

    place: Place
    kind: Literal["mask", "lock"]
    column: Column
    unless: Rule | Roles


@dataclass(frozen=True, slots=True)
class Must:
    """A check. `exactly_one` names references of which one is set; else `holds` is the author's predicate."""

    place: Place
    holds: Callable[[], Expression[bool]] | None
    message: str | None
    exactly_one: tuple[Column, ...] = ()


@dataclass(frozen=True, slots=True)
class Together:
    """Columns that are unique together, or indexed in this order, each with whether it descends."""

    place: Place
    kind: Literal["unique", "index"]
    keys: tuple[tuple[Column, bool], ...]


@dataclass(frozen=True, slots=True)
class NoCycles:
    """References that never lead back to where they begin."""

    place: Place
    columns: tuple[Column, ...]
    message: str | None


@dataclass(frozen=True, slots=True)
class Accept:
    """That a finding of `headwater check` is meant so: of one rule, on some members, or on the whole resource."""

    place: Place
    rule: str
    members: tuple[str, ...]
    because: str


Statement = Allow | Protect | Must | Together | NoCycles


class Role:
    """A named bundle of permissions, `verb:resources` patterns such as `approve:tasks` or `write:*`.

    They hold on every row. A role has all that the roles which it inherits have. `graphql_cost` is what one GraphQL
    operation of somebody with this role may cost, in place of the setting; of several roles that say so the highest
    holds.
    """

    def __init__(
        self,
        name: str,
        *,
        inherits: str | tuple[str, ...] = "user",
        permissions: Iterable[str] = (),
        doc: str = "",
        graphql_cost: int | None = None,
    ) -> None:
        self.name = name
        self.graphql_cost = graphql_cost
        self.inherits = (inherits,) if isinstance(inherits, str) else tuple(inherits)
        self.permissions = tuple(permissions)
        self.doc = doc
        self.place = caller()

    def __repr__(self) -> str:
        return f"Role({self.name!r})"


def allow(resource: type[Resource], *verbs: str, when: Rule | None = None, to: Roles = None) -> None:
    """Let actors do something on the rows where `when` holds (without it: on every row).

    Verbs are read, create, update, delete, the name of an action, or `write` for all but read. `to` names the
    roles that are let; None means whoever has signed in, "guest" everybody.
    """
    place = caller()
    _declared(resource, place, "allow").statements.append(Allow(place, verbs, when, to))


def mask(field: Key | Batched[Any], *, unless: Rule | str | tuple[str, ...]) -> None:
    """Show the field as null, except on rows where the rule holds, or to actors with one of the roles."""
    _protect("mask", field, unless)


def lock(field: Key, *, unless: Rule | str | tuple[str, ...]) -> None:
    """Refuse to write the field, except on rows where the rule holds, or to actors with one of the roles."""
    _protect("lock", field, unless)


def _protect(
    kind: Literal["mask", "lock"], field: Key | Batched[Any], unless: Rule | str | tuple[str, ...]
) -> None:
    place = caller(2)
    owner, column = _column(field, place, kind)
    owner.__declaration__.statements.append(Protect(place, kind, column, unless))


def check(resource: type[Resource], holds: Callable[[], Expression[bool]], *, message: str) -> None:
    """Demand that a predicate over the fields of a row holds after every write.

    A check that meets a null is met, unless it asks for null itself (`is_null`).
    """
    place = caller()
    _declared(resource, place, "check").statements.append(Must(place, holds, message))


def exactly_one_of(*fields: Key, message: str | None = None) -> None:
    """Demand that exactly one of the fields is set."""
    place = caller()
    columns = [_column(field, place, "exactly_one_of") for field in fields]
    if not columns:
        raise DeclarationError(
            "It names no fields.", where=_at(place, "exactly_one_of"), mend="name two or more."
        )
    statement = Must(place, None, message, tuple(column for _, column in columns))
    columns[0][0].__declaration__.statements.append(statement)


def unique(*fields: Key) -> None:
    """Demand that no two rows agree in all of these fields. Rows with a null among them are not compared."""
    _together("unique", fields)


def index(*fields: Key | Descending) -> None:
    """Make filters and sorts by these fields, in this order, fast on large tables."""
    _together("index", fields)


def _together(kind: Literal["unique", "index"], fields: tuple[Key | Descending, ...]) -> None:
    place = caller(2)
    if not fields:
        raise DeclarationError("It names no fields.", where=_at(place, kind), mend="name one or more.")
    keys = []
    owners = []
    for field in fields:
        owner, column = _column(field.key if isinstance(field, Descending) else field, place, kind)
        owners.append(owner)
        keys.append((column, isinstance(field, Descending)))
    owners[0].__declaration__.statements.append(Together(place, kind, tuple(keys)))


def acyclic(*fields: Key, message: str | None = None) -> None:
    """Demand that references never lead back to where they begin, whoever writes at the same moment.

    `acyclic(Folder.parent)` for a reference of a resource to itself; `acyclic(Dependency.task, Dependency.needs)` for
    a resource whose rows are the edges, from the first reference to the second. A write that would close a circle is
    refused with `message`.
    """
    place = caller()
    columns = [_column(field, place, "acyclic") for field in fields]
    if not columns:
        raise DeclarationError(
            "It names no reference.",
            where=_at(place, "acyclic"),
            mend="name one or two, as in its docstring.",
        )
    statement = NoCycles(place, tuple(column for _, column in columns), message)
    columns[0][0].__declaration__.statements.append(statement)


def accept(resource: type[Resource], rule: str, *members: str, because: str) -> None:
    """Accept what `headwater check` finds by a rule such as "unindexed-sort", and say why.

    `members` name fields, relations and actions; without them it is accepted wherever the rule finds it in the
    resource. An acceptance that nothing needs is itself a finding.
    """
    place = caller()
    if not because.strip():
        raise DeclarationError(
            "It gives no reason.", where=_at(place, "accept"), mend="say why in `because=`."
        )
    _declared(resource, place, "accept").accepted.append(Accept(place, rule, members, because))


def _declared(resource: object, place: Place, what: str) -> Declaration:
    """What a resource declares. Raises: DeclarationError for what is no resource."""
    if not (isinstance(resource, type) and issubclass(resource, Resource)):
        raise DeclarationError(
            f"{resource!r} is not a resource.", where=_at(place, what), mend="name the class, such as `Task`."
        )
    return resource.__declaration__


def _column(field: object, place: Place, what: str) -> tuple[type[Resource], Column]:
    if isinstance(field, Batched) and what == "mask":
        return field.owner, Column((field.name,), field.owner.__name__)
    if isinstance(field, Path):
        return field._owner, field._node
    if isinstance(field, Expression) and field.owner is not None and isinstance(field.node, Column):
        return field.owner, field.node
    raise DeclarationError(
        f"{field!r} is not a field.", where=_at(place, what), mend="name fields, such as `Task.title`."
    )


def _at(place: Place, what: str) -> str:
    return f"{place.shown}: {what}"

"""What is under review: the Model beside the declarations, which know where everything stands."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from headwater.declare.fields import Place
from headwater.declare.names import snake
from headwater.declare.resource import Declaration
from headwater.declare.rules import Allow, Must, Protect, Together
from headwater.declare.source import Source, source_of
from headwater.engine.guard import covers
from headwater.ir.model import Field, Grant, Model, Resource, Type


@dataclass(frozen=True, slots=True)
class Found:
    """One breach of a rule, at a place. `member` is the part of the resource that it concerns; empty for the whole."""

    rule: str
    place: Place
    resource: str
    member: str
    message: str
    mend: str


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A field under review: one of the resource itself, or a member of an object that it holds, with its path."""

    path: str
    field: Field
    place: Place


@dataclass(frozen=True)
class Subject:
    """One resource under review."""

    model: Model
    resource: Resource

    @property
    def declaration(self) -> Declaration:
        found: Declaration = self.resource.cls.__declaration__
        return found

    @cached_property
    def source(self) -> Source:
        return source_of(self.resource.cls, self.declaration.place)

    @property
    def words(self) -> list[str]:
        """The words of the class's name, in lower case."""
        return snake(self.resource.name).split("_")

    def place(self, member: str = "") -> Place:
        return _place(self.declaration, self.source, member)

    def found(self, rule: str, member: str, message: str, mend: str, place: Place | None = None) -> Found:
        inner = (one.place for one in self.own() if one.path == member) if "." in member else iter(())
        at = place or next(inner, None) or self.place(member)
        return Found(rule, at, self.resource.name, member, message, mend)

    def own(self) -> Iterator[Reviewed]:
        """The fields that the author declared, internal ones excepted, and the members of objects."""
        for name, field in self.resource.fields.items():
            if name in self.declaration.members and not field.internal:
                yield Reviewed(name, field, self.place(name))
                yield from _parts(name, field.type)

    def written(self) -> Iterator[Reviewed]:
        """Those of them that clients write."""
        return (r for r in self.own() if not r.field.read_only and r.field.computed is None)

    def grants(self) -> Iterator[tuple[Grant, Place, str]]:
        """Each grant, the place where it is declared, and the action or report that carries it, if one does."""
        allows = [s for s in self.declaration.statements if isinstance(s, Allow)]
        marks = [(n, m) for n, m in self.declaration.actions.items() if m.granted]
        asked = [m for m in self.declaration.reports if m.when is not None or m.to is not None]
        places = [*((s.place, "") for s in allows), *((mark.place, name) for name, mark in marks)]
        places += [(mark.place, mark.name) for mark in asked]
        for grant, (place, name) in zip(self.resource.grants, places, strict=True):
            yield grant, place, name

    def anybody(self, verb: str) -> bool:
        """Whether a rule or a role lets somebody do it who may not do everything anyway."""
        path = self.resource.path
        roles = (r for r in self.model.roles.values() if not any(covers(p, "*", path) for p in r.permissions))
        by_role = any(covers(p, verb, path) for role in roles for p in role.permissions)
        return by_role or any(verb in grant.verbs for grant in self.resource.grants)

    def protected(self, kind: str) -> Iterator[tuple[str, Place]]:
        """The fields with a mask (or a lock), and where that is declared."""
        for statement in self.declaration.statements:
            if isinstance(statement, Protect) and statement.kind == kind:
                yield statement.column.path[0], statement.place

    def statements(self, kind: type[Must] | type[Together]) -> Iterator[Any]:
        return (s for s in self.declaration.statements if isinstance(s, kind))


def _parts(path: str, type: Type) -> Iterator[Reviewed]:
    if type.parts is not None:
        declaration: Declaration = type.parts.cls.__embedded__
        source = source_of(type.parts.cls, declaration.place)
        for part in type.parts.fields:
            found = Reviewed(f"{path}.{part.name}", part, _place(declaration, source, part.name))
            yield found
            yield from _parts(found.path, part.type)


def _place(declaration: Declaration, source: Source, member: str) -> Place:
    known = declaration.members.get(member)
    if member not in source.lines and known is not None and known.options.place is not None:
        return known.options.place
    return source.place(member)

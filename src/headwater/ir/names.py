"""What the names in a request mean: fields, relations, and paths through them.

Names are understood as clients see them (`createdAt`), in snake case (`created_at`), and a reference with and
without its ending (`project`, `projectId`, `project_id`). Internal fields have no name here.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from headwater.base.caches import remembered
from headwater.base.errors import nearest, shortened
from headwater.ir.expr import Column, Predicate, Related
from headwater.ir.model import Field, Kind, Model, Relation, Resource
from headwater.ir.pieces import member
from headwater.ir.query import MAX_INCLUDE_DEPTH


class UnknownName(ValueError):
    """A name that means nothing here, or nothing that can be used so. `code` is the registry's."""

    def __init__(self, message: str, code: str = "INVALID_PARAMETER") -> None:
        self.message, self.code = message, code
        super().__init__(message)


def only_shown(field: Field) -> str:
    """Why nothing can be asked about a field that a function works out."""
    return (
        f"`{field.wire}` is worked out for the rows that are shown; it can be named in `fields`, but nothing is "
        "filtered, sorted or summed up by it."
    )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a filter or sort key looks: a field, behind to-one relations, behind `many` to-many relations.

    Each element of `many` is a path of relations, the last of them to-many; `column` is seen from their end.
    """

    column: Column
    field: Field
    many: tuple[tuple[str, ...], ...] = ()

    def holds(self, predicate: Predicate) -> Predicate:
        """The predicate over `column`, said of the row where the path begins: any related row will do."""
        for path in reversed(self.many):
            predicate = Related("any", path, predicate)
        return predicate


@dataclass(frozen=True, slots=True)
class Names:
    """Every spelling that one resource understands, and the preferred ones, which are suggested."""

    fields: Mapping[str, Field]
    relations: Mapping[str, Relation]
    preferred: tuple[str, ...]


class Namer:
    """Finds what names mean in a model. `pieces`: the names that rows in pieces have are understood too."""

    def __init__(self, model: Model, *, pieces: bool = False) -> None:
        self.model = model
        self._names = {name: _names(model, resource, pieces) for name, resource in model.resources.items()}

    def names(self, resource: Resource) -> Names:
        return self._names[resource.name]

    def field(self, resource: Resource, text: str) -> Field:
        """A field of the resource. Raises: UnknownName."""
        found = self._names[resource.name].fields.get(text)
        if found is None:
            raise self.unknown(resource, text)
        return found

    def relation(self, resource: Resource, text: str) -> Relation:
        """A relation of the resource. Raises: UnknownName."""
        found = self._names[resource.name].relations.get(text)
        if found is None:
            valid = [r.wire for r in self._names[resource.name].relations.values()]
            near = None if text in self._names[resource.name].fields else nearest(text, valid)
            listed = ", ".join(f"`{name}`" for name in dict.fromkeys(valid))
            mend = f"did you mean `{near}`?" if near else f"there are {listed}." if listed else "it has none."
            raise UnknownName(f"`{shortened(text)}` is not a relation of {resource.path}; {mend}")
        return found

    def relations(self, resource: Resource, text: str) -> tuple[Relation, ...]:
        """A path of relations, such as `tasks.artist`. Raises: UnknownName."""
        segments = _segments(text)
        found = []
        for segment in segments:
            found.append(self.relation(resource, segment))
            resource = self.model.resources[found[-1].target]
        return tuple(found)

    def place(self, resource: Resource, text: str, *, also: Iterable[str] = ()) -> Place:
        """A path to a field, such as `project.name`. `also`: more names to suggest. Raises: UnknownName."""
        *hops, last = _segments(text)
        many: list[tuple[str, ...]] = []
        path: tuple[str, ...] = ()
        for hop in hops:
            relation = self._names[resource.name].relations.get(hop)
            if relation is None:
                raise self._no_way(resource, hop, also)
            path = (*path, relation.name)
            if relation.kind != "one":
                many.append(path)
                path = ()
            resource, also = self.model.resources[relation.target], ()
        field = self._names[resource.name].fields.get(last)
        if field is None:
            raise self.unknown(resource, last, also)
        if field.batch is not None:
            raise UnknownName(only_shown(field))
        return Place(Column((*path, field.name)), field, tuple(many))

    def unknown(self, resource: Resource, text: str, also: Iterable[str] = ()) -> UnknownName:
        names = self._names[resource.name]
        relation = names.relations.get(text)
        if relation is not None:
            wire = relation.wire
            return UnknownName(f"`{wire}` is a relation; name one of its fields, such as `{wire}.id`.")
        near = nearest(text, (*names.preferred, *also))
        return UnknownName(
            f"{resource.path} has no `{shortened(text)}`"
            + (f"; did you mean `{near}`?" if near else f"; there are {', '.join(names.preferred)}.")
        )

    def _no_way(self, resource: Resource, text: str, also: Iterable[str]) -> UnknownName:
        field = self._names[resource.name].fields.get(text)
        if field is not None and field.type.kind is Kind.JSON:
            return UnknownName(f"`{field.wire}` is a JSON object; one cannot look into it here.")
        if field is not None:
            return UnknownName(f"`{field.wire}` is not a relation, so nothing can follow it.")
        return self.unknown(resource, text, also)


def _segments(text: str) -> list[str]:
    segments = text.split(".")
    if len(segments) > MAX_INCLUDE_DEPTH + 1:
        message = f"`{shortened(text)}` leads through more than {MAX_INCLUDE_DEPTH} relations."
        raise UnknownName(message, "QUERY_TOO_COMPLEX")
    return segments


def _names(model: Model, resource: Resource, pieces: bool) -> Names:
    fields: dict[str, Field] = {}
    relations: dict[str, Relation] = {}
    visible = [field for field in resource.fields.values() if not field.internal]
    for field in visible:
        fields[field.wire] = field
    for field in visible:
        fields.setdefault(field.name, field)
        fields.setdefault(snake(field.wire), field)
    for relation in resource.relations.values():
        hidden = relation.kind == "one" and resource.fields[relation.field].internal
        if model.resources[relation.target].exposed and not hidden:
            relations[relation.wire] = relation
    for relation in tuple(relations.values()):
        relations.setdefault(relation.name, relation)
    if pieces:
        for name in [name for name in (*fields, *relations) if name != "id"]:
            if name in fields:
                fields.setdefault(member(resource, name), fields[name])
            if name in relations:
                relations.setdefault(member(resource, name), relations[name])
    preferred = dict.fromkeys(field.wire for field in visible)
    return Names(fields, relations, (*preferred, *(r for r in relations if r not in preferred)))


@remembered(4096)
def snake(name: str) -> str:
    """`createdAt` as `created_at`."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()

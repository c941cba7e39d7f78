"""Where in an answer rows are shown: in its query, and in what it says."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from headwater.ir.model import Model, Resource
from headwater.ir.query import Connection, Edges, Include, Member, Rows, Select


@dataclass(frozen=True, slots=True)
class Shown:
    """Rows of a resource behind members of these names, and what is shown of them."""

    path: tuple[str, ...]
    resource: Resource
    select: Select


def shown_rows(
    model: Model, resource: Resource, select: Select, parts: Sequence[Member] | None = None
) -> Iterator[Shown]:
    """Every place where rows are shown in what a selection, or a connection of these parts, says of a resource."""
    yield from _select(model, resource, select, ()) if parts is None else _parts(model, resource, parts, ())


def _select(model: Model, resource: Resource, select: Select, path: tuple[str, ...]) -> Iterator[Shown]:
    yield Shown(path, resource, select)
    if select.members is None:
        for include in select.include:
            relation = resource.relations[include.relation]
            yield from _select(
                model, model.resources[relation.target], include.select, (*path, relation.wire)
            )
        return
    for member in select.members:
        match member.shows:
            case Include(relation=name, select=below):
                target = model.resources[resource.relations[name].target]
                yield from _select(model, target, below, (*path, member.name))
            case Connection(relation=name, parts=parts):
                target = model.resources[resource.relations[name].target]
                yield from _parts(model, target, parts, (*path, member.name))


def _parts(
    model: Model, resource: Resource, parts: Sequence[Member], path: tuple[str, ...]
) -> Iterator[Shown]:
    for part in parts:
        match part.shows:
            case Rows(select):
                yield from _select(model, resource, select, (*path, part.name))
            case Edges(members):
                for member in members:
                    if isinstance(member.shows, Select):
                        yield from _select(model, resource, member.shows, (*path, part.name, member.name))


def reached(value: Any, path: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """The objects at the end of a path, through objects and lists of them."""
    if isinstance(value, list):
        for item in value:
            yield from reached(item, path)
    elif isinstance(value, dict):
        if path:
            yield from reached(value.get(path[0]), path[1:])
        else:
            yield value

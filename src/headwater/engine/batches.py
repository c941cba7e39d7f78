"""Fields that a function of the author's works out, for all rows of an answer at once.

The statement puts what such a field needs in its place. Here it is taken out, each function is called once for each
place in the answer where its field is shown, and what it returned is put in. Rows without such fields never come here.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from headwater.base.call import Call
from headwater.db.codec import json_decode, json_encode
from headwater.declare.reader import Reader, shown
from headwater.engine.report import in_time
from headwater.ir.model import Batch, Field, Model, Resource
from headwater.ir.pieces import between_pieces, between_rows, member, references
from headwater.ir.query import Connection, Edges, Include, Member, Rows, Select
from headwater.ir.scalars import BadValue
from headwater.ir.values import from_wire, python_reader, wire_encoder

NEEDS = "hw_needs"
"""Marks an object in a row as what a function needs; no field of anybody's is named so on the wire."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in each row of an answer a field is shown, by the name `wire`: behind these relations, by theirs."""

    path: tuple[str, ...]
    resource: Resource
    field: Field
    batch: Batch
    wire: str


@dataclass(frozen=True, slots=True)
class Batches:
    """The fields of an answer that functions work out, and how its rows are opened to put them in, and closed."""

    places: tuple[Place, ...] = ()
    open: Callable[[str], Any] = json_decode
    close: Callable[[Any], str] = json_encode


def batches(
    model: Model, resource: Resource, select: Select, parts: Sequence[Member] | None = None
) -> Batches:
    """What functions work out of a selection, or of a connection."""
    if parts is not None:
        return Batches(tuple(_in_parts(model, resource, parts, ())))
    found = tuple(_places(model, resource, select, ()))
    if select.relations is None or not found:
        return Batches(found)
    level = _level(model, resource, select, 1)
    return Batches(found, level.open, level.close)


def _places(model: Model, resource: Resource, select: Select, path: tuple[str, ...]) -> Iterator[Place]:
    if select.members is not None:
        yield from _in_members(model, resource, select.members, path)
        return
    for name in select.fields or ():
        field = resource.fields[name]
        if field.batch is not None:
            wire = field.wire if select.relations is None else member(resource, field.wire)
            yield Place(path, resource, field, field.batch, wire)
    for include in select.include:
        relation = resource.relations[include.relation]
        target = model.resources[relation.target]
        yield from _places(model, target, include.select, (*path, relation.wire))


def _in_members(
    model: Model, resource: Resource, members: Sequence[Member], path: tuple[str, ...]
) -> Iterator[Place]:
    for item in members:
        match item.shows:
            case str(name) if (batch := resource.fields[name].batch) is not None:
                yield Place(path, resource, resource.fields[name], batch, item.name)
            case Include(relation, select):
                target = model.resources[resource.relations[relation].target]
                yield from _places(model, target, select, (*path, item.name))
            case Connection() as connection:
                target = model.resources[resource.relations[connection.relation].target]
                yield from _in_parts(model, target, connection.parts, (*path, item.name))


def _in_parts(
    model: Model, resource: Resource, parts: Sequence[Member], path: tuple[str, ...]
) -> Iterator[Place]:
    for part in parts:
        match part.shows:
            case Rows(select):
                yield from _places(model, resource, select, (*path, part.name))
            case Edges(members):
                for item in members:
                    if isinstance(item.shows, Select):
                        yield from _places(model, resource, item.shows, (*path, part.name, item.name))


async def fill(call: Call, reader: Reader, wanted: Batches, rows: Sequence[str]) -> list[str]:
    """The rows with what the functions work out. Raises what they raise, and Fault DEADLINE_EXCEEDED."""
    decoded = [wanted.open(row) for row in rows]
    for place in wanted.places:
        wire = place.wire
        holders = [
            holder
            for row in decoded
            for holder in _reached(row, place.path)
            if isinstance(needs := holder.get(wire), dict) and NEEDS in needs
        ]
        if not holders:
            continue
        by_id = {holder[wire]["id"]: holder[wire] for holder in holders}
        subjects = [_subject(place, needs) for needs in by_id.values()]
        values = await in_time(call, place.batch.function(subjects, reader))
        worked_out = dict(zip(by_id, _written(place, values, len(subjects)), strict=True))
        for holder in holders:
            holder[wire] = worked_out[holder[wire]["id"]]
    return [wanted.close(row) for row in decoded]


@dataclass(slots=True)
class _Opened:
    """A row in pieces, its fields decoded, and the rows behind its relations opened as well."""

    pieces: list[str]
    fields: dict[str, Any]
    behind: dict[str, list["_Opened"]]


@dataclass(frozen=True, slots=True)
class _Level:
    """How rows in pieces are made up at one depth: the pieces of their own, then those of relations by their names."""

    depth: int
    own: int
    relations: tuple[tuple[str, "_Level"], ...]

    def open(self, row: str) -> _Opened:
        pieces = row.split(between_pieces(self.depth))
        behind = {
            wire: [inner.open(text) for text in pieces[place].split(between_rows(inner.depth)) if text]
            for place, (wire, inner) in enumerate(self.relations, self.own)
        }
        return _Opened(pieces, json_decode(pieces[1]), behind)

    def close(self, row: _Opened) -> str:
        row.pieces[1] = json_encode(row.fields)
        for place, (wire, inner) in enumerate(self.relations, self.own):
            row.pieces[place] = between_rows(inner.depth).join(map(inner.close, row.behind[wire]))
        return between_pieces(self.depth).join(row.pieces)


def _level(model: Model, resource: Resource, select: Select, depth: int) -> _Level:
    relations = []
    for include in select.include:
        relation = resource.relations[include.relation]
        inner = _level(model, model.resources[relation.target], include.select, depth + 1)
        relations.append((relation.wire, inner))
    return _Level(depth, 2 + len(references(resource, select)), tuple(relations))


def _reached(value: Any, path: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """The objects at the end of a path, through objects and lists of them."""
    if isinstance(value, list):
        for item in value:
            yield from _reached(item, path)
    elif isinstance(value, _Opened):
        yield from _reached(value.behind[path[0]], path[1:]) if path else (value.fields,)
    elif isinstance(value, dict):
        if path:
            yield from _reached(value.get(path[0]), path[1:])
        else:
            yield value


def _subject(place: Place, needs: dict[str, Any]) -> Any:
    """What the function sees of a row."""
    fields = place.resource.fields
    values = {"id": needs["id"]}
    for name in place.batch.needs:
        value = needs[fields[name].wire]
        values[name] = None if value is None else from_wire(fields[name].type, value)
    return shown(place.resource, values)


def _written(place: Place, values: Any, count: int) -> list[Any]:
    """The wire forms of what a function returned. Raises TypeError where that is not what is declared."""
    field, name = place.field, f"{place.resource.name}.{place.field.name}"
    if not isinstance(values, list | tuple) or len(values) != count:
        said = len(values) if isinstance(values, list | tuple) else repr(values)
        raise TypeError(f"{name} was worked out for {count} rows, and its function returned {said} values.")
    read, write = python_reader(field.type), wire_encoder(field.type)
    written = []
    for value in values:
        if value is None and not field.nullable:
            raise TypeError(f"{name} is never null, and its function returned None.")
        try:
            written.append(None if value is None else write(read(value)))
        except BadValue as bad:
            raise TypeError(f"{name} cannot be {value!r}. {bad.message}") from None
    return written

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
from headwater.engine.shown import Shown, reached, shown_rows
from headwater.ir.model import Batch, Field, Model, Resource
from headwater.ir.pieces import between_pieces, between_rows, member, references
from headwater.ir.query import Member, Select
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
    places = tuple(
        Place(found.path, found.resource, field, field.batch, wire)
        for found in shown_rows(model, resource, select, parts)
        for wire, field in _fields(found)
        if field.batch is not None
    )
    if parts is not None or select.relations is None or not places:
        return Batches(places)
    level = _level(model, resource, select, 1)
    return Batches(places, level.open, level.close)


def _fields(found: Shown) -> Iterator[tuple[str, Field]]:
    """The fields that are named where rows are shown, by their names there."""
    resource, select = found.resource, found.select
    if select.members is not None:
        for one in select.members:
            if isinstance(one.shows, str):
                yield one.name, resource.fields[one.shows]
        return
    for name in select.fields or ():
        field = resource.fields[name]
        yield field.wire if select.relations is None else member(resource, field.wire), field


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


def _reached(row: Any, path: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """The objects at the end of a path in a row, also in one that was opened in pieces."""
    if not isinstance(row, _Opened):
        yield from reached(row, path)
    elif not path:
        yield row.fields
    else:
        for behind in row.behind[path[0]]:
            yield from _reached(behind, path[1:])


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

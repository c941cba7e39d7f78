"""Fields that a function of the author's works out, for all rows of an answer at once.

The statement puts what such a field needs in its place. Here it is taken out, each function is called once for each
place in the answer where its field is shown, and what it returned is put in. Rows without such fields never come here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from headwater.base.call import Call
from headwater.db.codec import json_decode, json_encode
from headwater.declare.reader import Reader, shown
from headwater.engine.report import in_time
from headwater.ir.model import Batch, Field, Model, Resource
from headwater.ir.query import Select
from headwater.ir.scalars import BadValue
from headwater.ir.values import from_wire, python_reader, wire_encoder

NEEDS = "hw_needs"
"""Marks an object in a row as what a function needs; no field of anybody's is named so on the wire."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in each row of an answer a field is shown: behind these relations, by their names on the wire."""

    path: tuple[str, ...]
    resource: Resource
    field: Field
    batch: Batch


def places(model: Model, resource: Resource, select: Select, path: tuple[str, ...] = ()) -> tuple[Place, ...]:
    """All fields of a selection that functions work out."""
    found: list[Place] = []
    for name in select.fields or ():
        field = resource.fields[name]
        if field.batch is not None:
            found.append(Place(path, resource, field, field.batch))
    for include in select.include:
        relation = resource.relations[include.relation]
        target = model.resources[relation.target]
        found += places(model, target, include.select, (*path, relation.wire))
    return tuple(found)


async def fill(call: Call, reader: Reader, wanted: Sequence[Place], rows: Sequence[str]) -> list[str]:
    """The rows with what the functions work out. Raises what they raise, and Fault DEADLINE_EXCEEDED."""
    decoded = [json_decode(row) for row in rows]
    for place in wanted:
        wire = place.field.wire
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
    return [json_encode(row) for row in decoded]


def _reached(value: Any, path: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """The objects at the end of a path, through objects and lists of them."""
    if isinstance(value, list):
        for item in value:
            yield from _reached(item, path)
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

"""Values in JSON Schema (2020-12): each kind of field as it is read, as it is written, and in a query string."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec

from headwater.ir.limits import said
from headwater.ir.model import Field, Kind, Parts, Resource, Type
from headwater.ir.scalars import INT64
from headwater.ir.values import MAX_ELEMENTS, item_type, to_wire

Schema = dict[str, Any]

_DIGITS: Final = 18  # any whole number of so many digits fits 64 bits
_OFFSET: Final = r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
_MOMENT: Final = (
    rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[Tt][0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(?:\.[0-9]{{1,6}}0*)?{_OFFSET}$"
)
_LENGTH: Final = (
    r"^-?P(?:[0-9]{1,7}W|(?=[0-9T])(?:[0-9]{1,7}D)?"
    r"(?:T(?=[0-9])(?:[0-9]{1,9}H)?(?:[0-9]{1,9}M)?(?:[0-9]{1,12}(?:\.[0-9]{1,6}0*)?S)?)?)$"
)
_PYTHON_ONLY: Final = re.compile(r"\\[AZ]|\(\?[aiLmsux-]|\(\?P|\(\?#|\(\?\(|[*+?}]\+|\(\?>")


def read(type: Type, limits: Any = None) -> Schema:
    """A value that is not null, as answers show it."""
    match type.kind:
        case Kind.DECIMAL:
            places = rf"\.[0-9]{{{type.places}}}" if type.places else ""
            return {"type": "string", "pattern": f"^-?[0-9]+{places}$", "x-places": type.places}
        case Kind.MONEY:
            return _money(type, read(Type(Kind.DECIMAL, type.places)))
        case Kind.DATETIME:
            return {"type": "string", "format": "date-time", "pattern": "Z$"}
        case Kind.DURATION:
            return {"type": "string", "pattern": r"^-?PT[0-9]+(\.[0-9]{1,6})?S$", "description": "ISO 8601."}
        case Kind.LIST:
            return {"type": "array", "items": read(item_type(type))}
        case Kind.JSON if type.parts is not None:
            return _object(type.parts, _answered, ())
        case _:
            return _plain(type)


def written(field: Field) -> Schema:
    """A field's value that is not null, as bodies send it, with its limits."""
    return _limited(_written(field.type), field)


def patched(field: Field) -> Schema:
    """The same in a merge patch, where an object may be sent in parts."""
    parts = field.type.parts
    return written(field) if parts is None else _object(parts, lambda part: nullable(patched(part)), ())


def _object(parts: Parts, schema: Callable[[Field], Schema], required: Sequence[str]) -> Schema:
    members = {part.wire: schema(part) for part in parts.fields}
    for part in parts.fields:
        if told := " ".join(filter(None, (part.doc, members[part.wire].get("description")))):
            members[part.wire]["description"] = told
    found: Schema = {"type": "object", "properties": members, "additionalProperties": False}
    return found | ({"required": list(required)} if required else {})


def _sent(part: Field) -> Schema:
    schema = nullable(written(part)) if part.nullable else written(part)
    value = default(part)
    return schema if value is msgspec.UNSET else {**schema, "default": value}


def _answered(part: Field) -> Schema:
    return nullable(read(part.type)) if part.nullable else read(part.type)


def _written(type: Type) -> Schema:
    match type.kind:
        case Kind.DECIMAL:
            return {"type": "string", "pattern": _decimal(type.places, sign=True), "x-places": type.places}
        case Kind.MONEY:
            return _money(type, _written(Type(Kind.DECIMAL, type.places)))
        case Kind.DATETIME:
            return {"type": "string", "format": "date-time", "pattern": _MOMENT}
        case Kind.DURATION:
            return {"type": "string", "pattern": _LENGTH, "description": "ISO 8601, in weeks, days and time."}
        case Kind.LIST:
            return {"type": "array", "items": _written(item_type(type)), "maxItems": MAX_ELEMENTS}
        case Kind.JSON if type.parts is not None:
            return _object(type.parts, _sent, [part.wire for part in type.parts.fields if part.required])
        case _:
            return _plain(type)


def asked(type: Type) -> Schema:
    """A value that a query string compares with."""
    if type.kind is Kind.LIST:
        return asked(item_type(type))
    return _written(Type(Kind.DECIMAL, type.places)) if type.kind is Kind.MONEY else _written(type)


def _plain(type: Type) -> Schema:
    match type.kind:
        case Kind.ENUM:
            return {"type": "string", "enum": list(type.values)}
        case Kind.INTEGER:
            return {"type": "integer", "format": "int64", "minimum": -INT64 - 1, "maximum": INT64}
        case Kind.FLOAT:
            return {"type": "number", "format": "double"}
        case Kind.BOOLEAN:
            return {"type": "boolean"}
        case Kind.DATE:
            return {"type": "string", "format": "date"}
        case Kind.JSON:
            return {"type": "object"}
        case _:
            return {"type": "string"}


def _money(type: Type, amount: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {"amount": amount, "currency": {"const": type.currency}},
        "required": ["amount", "currency"],
        "additionalProperties": False,
    }


def _decimal(places: int, *, sign: bool) -> str:
    """Decimals that can be stored: of 64 bits when scaled. Zeros at the end do not count as places."""
    fraction = rf"(?:\.[0-9]{{1,{places}}}0*)?" if places else r"(?:\.0+)?"
    return rf"^{'-?' if sign else ''}[0-9]{{1,{_DIGITS - places}}}{fraction}$"


def _limited(schema: Schema, field: Field) -> Schema:
    """With the field's limits: as keywords, or in words where JSON Schema has none."""
    limits, type = field.limits, field.type
    notes = [schema["description"]] if "description" in schema else []
    count = "Items" if type.kind is Kind.LIST else "Length"
    if limits.min_length is not None:
        schema[f"min{count}"] = limits.min_length
    if limits.max_length is not None:
        schema[f"max{count}"] = limits.max_length
    if limits.pattern is not None:
        if _PYTHON_ONLY.search(limits.pattern):
            notes.append(f"Matches the Python pattern `{limits.pattern}`.")
        else:
            schema["pattern"] = f"^(?:{limits.pattern})$"
    if limits.format == "email":
        schema |= {"format": "email", "maxLength": min(schema.get("maxLength", 254), 254)}
    if limits.format == "url":
        schema |= {
            "format": "uri",
            "pattern": "^[hH][tT][tT][pP][sS]?://",
            "maxLength": min(schema.get("maxLength", 2048), 2048),
        }
    bounds = (
        ("minimum", "At least", limits.ge),
        ("exclusiveMinimum", "More than", limits.gt),
        ("maximum", "At most", limits.le),
        ("exclusiveMaximum", "Less than", limits.lt),
    )
    for keyword, word, bound in bounds:
        if bound is None:
            continue
        wire = to_wire(type, bound)
        if type.kind in (Kind.INTEGER, Kind.FLOAT):
            if keyword.startswith("exclusive"):
                schema.pop(keyword.removeprefix("exclusive").lower(), None)
            schema[keyword] = wire
        else:
            # What is sent as text has no bounds in JSON Schema.
            notes.append(f"{word} {said(wire)}.")
            schema[f"x-{keyword}"] = wire
    lowest = limits.ge if limits.ge is not None else limits.gt
    if type.kind is Kind.DECIMAL and lowest is not None and lowest >= 0:
        schema["pattern"] = _decimal(type.places, sign=False)
    if notes:
        schema["description"] = " ".join(notes)
    return schema


def nullable(schema: Schema) -> Schema:
    """The same, or null."""
    found = dict(schema)
    if "enum" in found:
        found["enum"] = [*found["enum"], None]
    found["type"] = [found["type"], "null"]
    return found


def visible(resource: Resource) -> Iterable[Field]:
    """The fields that clients know."""
    return (field for field in resource.fields.values() if not field.internal)


def writable(resource: Resource) -> Iterable[Field]:
    """The fields that bodies can hold."""
    for field in resource.fields.values():
        internal = field.internal and not field.secret
        if not (internal or field.read_only or field.computed is not None):
            yield field


def default(field: Field) -> Any:
    """The JSON form of a constant default; `msgspec.UNSET` where there is none, or one that depends on the moment."""
    if field.default is None:
        return None if field.nullable else msgspec.UNSET
    if field.type.kind in (Kind.ID, Kind.DATE, Kind.DATETIME):
        return msgspec.UNSET
    first, second = field.default(), field.default()
    return to_wire(field.type, first) if first == second else msgspec.UNSET

"""Examples from declarations: of each resource a row that could be, and a value for each schema.

The rows of all resources fit together: references lead to the example of what they refer to, and no row breaks the
rules across its own fields. So a database could hold them all at once.
"""

import dataclasses
import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from headwater.base.call import ANONYMOUS
from headwater.ir.evaluate import compile_python, is_local
from headwater.ir.model import Check, Field, Kind, Model, Resource, Type
from headwater.ir.values import item_type, to_wire
from headwater.surfaces.describe.values import Schema, visible

MOMENT: Final = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
MOMENT_SENT: Final = "2026-03-02T09:30:00.000000Z"
_SUFFIXES: Final = tuple(f"01j9zq4h8{letter}fwrtk4p2v6m8x3ae" for letter in "wxyzabcdefgh")

UNKNOWN: Final = "\0"
"""Stands for what cannot be made up: an id whose pattern only its author can meet."""

Values = Mapping[str, Any]
"""The values of a row, as authors' code has them, by the names of the fields."""


class ExampleRows:
    """A row of each resource. What nobody can make up, such as a value for a pattern, is not among its values."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._rows: dict[str, Values] = {}

    def of(self, resource: Resource) -> Values:
        """The row of a resource."""
        found = self._rows.get(resource.name)
        if found is None:
            found = self._rows[resource.name] = self._made(resource)
        return found

    def sent(self, resource: Resource, *, trashed: bool = False) -> dict[str, Any]:
        """The members of the row that clients are shown, unless they ask for others."""
        row = self.of(resource)
        if trashed:
            row = {**row, "deleted_at": MOMENT, "version": 2}
        fields = (field for field in visible(resource) if field.batch is None and field.name in row)
        return {field.wire: to_wire(field.type, row[field.name]) for field in fields}

    def value(self, resource: Resource, field: Field) -> Any:
        """A value of a field, neither null nor empty where there could be others. None: none could be made."""
        value = self.of(resource).get(field.name)
        if value is None and field.target is not None:
            value = self.key(self.model.resources[field.target])
        found = _value(field) if value is None else value
        if found == [] and field.type.kind is Kind.LIST:
            found = [_made_up(item_type(field.type), dataclasses.replace(field, default=None))]
        return None if found == UNKNOWN else found

    def key(self, resource: Resource, number: int = 1) -> str:
        """The id of the row, or of another one."""
        if resource.natural:
            return str(_value(resource.fields[resource.key]) or UNKNOWN)
        return f"{resource.prefix}_{_SUFFIXES[(number - 1) % len(_SUFFIXES)]}"

    def _made(self, resource: Resource) -> Values:
        row: dict[str, Any] = {}
        rows = Counter([resource.name])  # how many of each resource it tells of, itself among them
        for field in resource.fields.values():
            if field.computed is not None or field.batch is not None or field.stamp is not None:
                continue
            if field.name in ("deleted_at", "trash_id"):
                row[field.name] = None
            elif field.name == "id":
                row["id"] = self.key(resource)
            elif field.target is not None:
                # The first is the row that is the example of its resource, unless that is this one.
                rows[field.target] += 1
                row[field.name] = self.key(self.model.resources[field.target], rows[field.target])
            elif (value := _value(field)) is not None or field.nullable:
                row[field.name] = value
        for check in resource.checks:
            _heed(check, resource, row)
        for field in resource.fields.values():
            if field.stamp is not None:
                row[field.name] = MOMENT if _worked_out(field.stamp.when, resource, row, True) else None
        for field in resource.fields.values():
            if field.computed is not None:
                made = field.example if field.example is not None else _value(field)
                row[field.name] = _worked_out(field.computed, resource, row, made)
            elif field.batch is not None:
                row[field.name] = _value(field)
        return {
            name: value for name, value in row.items() if value is not None or resource.fields[name].nullable
        }


def _heed(check: Check, resource: Resource, row: dict[str, Any]) -> None:
    """Leave out as much of a row as a rule across its fields demands."""
    for name in reversed(check.fields):
        if _worked_out(check.holds, resource, row, True):
            return
        if resource.fields[name].nullable:
            row[name] = None


def _worked_out(expression: Any, resource: Resource, row: Values, otherwise: Any) -> Any:
    """The value of an expression for a row; `otherwise` if it looks beyond the row, or at what the row lacks."""
    if not is_local(expression, resource):
        return otherwise
    try:
        return compile_python(expression, resource)(row, ANONYMOUS, MOMENT)
    except KeyError:
        return otherwise


def is_known(value: Any) -> bool:
    """Whether a JSON value holds nothing that could not be made up."""
    match value:
        case str():
            return UNKNOWN not in value
        case dict():
            return all(map(is_known, value.values()))
        case list():
            return all(map(is_known, value))
        case _:
            return True


def sent_value(field: Field) -> Any:
    """A value of a field that belongs to no resource, as it is sent."""
    return to_wire(field.type, _value(field))


def _value(field: Field) -> Any:
    """The author's example, or a value made from the type and the limits."""
    return _made_up(field.type, field) if field.example is None else field.example


def _made_up(type: Type, field: Field) -> Any:
    limits = field.limits
    if field.default is not None and type.kind not in (Kind.TEXT, Kind.DATE, Kind.DATETIME):
        return field.default()
    low = limits.ge if limits.ge is not None else limits.gt
    match type.kind:
        case Kind.INTEGER | Kind.FLOAT | Kind.DECIMAL | Kind.MONEY:
            unit = Decimal(1) if type.kind in (Kind.DECIMAL, Kind.MONEY) else 1
            most = limits.le if limits.le is not None else limits.lt
            if low is not None:
                return low if limits.ge is not None else low + unit
            return min(unit, most - unit) if most is not None else unit
        case Kind.ENUM:
            return type.values[0]
        case Kind.BOOLEAN:
            return True
        case Kind.DATE:
            return low or date(2026, 3, 2)
        case Kind.DATETIME:
            return low or MOMENT
        case Kind.DURATION:
            return low or timedelta(minutes=90)
        case Kind.JSON if type.parts is not None:
            values = {p.wire: p.example or _made_up(p.type, p) for p in type.parts.fields}
            return {p.wire: to_wire(p.type, values[p.wire]) for p in type.parts.fields}
        case Kind.JSON:
            return {}
        case Kind.LIST:
            if limits.max_length == 0:
                return []
            return [_made_up(item_type(type), field)] * (limits.min_length or 1)
        case _:
            return _text(field)


def _text(field: Field) -> str | None:
    limits = field.limits
    if limits.format == "email":
        return "ada@example.com"
    if limits.format == "url":
        return "https://example.com/"
    if limits.pattern is not None and field.type.kind is not Kind.LIST:
        return None  # nobody but the author knows a good one
    text = field.wire.ljust(limits.min_length or 0, "x")
    return text[: limits.max_length] if limits.max_length is not None else text


# -- from schemas ------------------------------------------------------------------------------------------


def sample(schema: Schema, parts: Mapping[str, Schema]) -> Any:
    """A value that fits a schema: its example, or one made from its type. `parts` are what it may refer to."""
    if examples := schema.get("examples"):
        return examples[0]
    if "$ref" in schema:
        return sample(parts[schema["$ref"].rpartition("/")[2]], parts)
    for name in ("const", "default"):
        if name in schema:
            return schema[name]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return sample(schema["anyOf"][0], parts)
    kind = schema.get("type")
    match kind[0] if isinstance(kind, list) else kind:
        case "object":
            members = schema.get("properties", {})
            return {name: sample(member, parts) for name, member in members.items()}
        case "array":
            items = schema.get("items")
            return [sample(items, parts)] if isinstance(items, dict) else []
        case "integer":
            return max(1, schema.get("minimum", 1))
        case "number":
            return max(1.0, schema.get("minimum", 1.0))
        case "boolean":
            return True
        case "string":
            return _sample_text(schema)
        case _:
            return None


def _sample_text(schema: Schema) -> str:
    match schema.get("format"):
        case "date-time":
            return MOMENT_SENT
        case "date":
            return "2026-03-02"
    for text in ("text", "1.5", "PT5400S"):
        if re.search(schema.get("pattern", ""), text):
            return text.ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength", 100)]
    return ""

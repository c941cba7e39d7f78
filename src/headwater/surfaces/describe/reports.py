"""Reports in the document: what can be asked, and examples of what is answered."""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from headwater.ir.model import Field, Kind, Report, Resource, Type
from headwater.surfaces.describe.values import Schema, default, read, shown_value, written

ASKING: Final = (
    "INVALID_PARAMETER",
    "INSUFFICIENT_PERMISSIONS",
    "RESOURCE_NOT_FOUND",
    "NOT_ACCEPTABLE",
    "RULE_VIOLATION",
)
"""The errors that a report meets beside those of every read; its author may raise the last."""


def summary(report: Report, resource: Resource | None) -> str:
    name = report.name.replace("_", " ").capitalize()
    if resource is None:
        return f"Report: {name}"
    many = resource.plural.replace("_", " ")
    return f"{name} of one of the {many}" if report.on == "row" else f"{name} of {many}"


def parameters(report: Report) -> list[dict[str, Any]]:
    """The parameters of the query string."""
    return [_parameter(field) for field in report.parameters.values()]


def _parameter(field: Field) -> dict[str, Any]:
    schema = written(field)
    if not field.nullable and (value := default(field)) is not msgspec.UNSET:
        schema["default"] = value
    found: dict[str, Any] = {"name": field.wire, "in": "query", "schema": schema}
    if told := " ".join(part for part in (field.doc, schema.pop("description", "")) if part):
        found["description"] = told
    if field.required:
        found["required"] = True
    if field.type.kind is Kind.LIST:
        found |= {"style": "form", "explode": False}
    value = shown_value(field)
    return found if value is None else {**found, "example": value}


def answered(schema: Any) -> Any:
    """A schema of msgspec with the forms that answers have, and all members."""
    if isinstance(schema, list):
        return [answered(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {k: v if k in ("default", "enum", "const") else answered(v) for k, v in schema.items()}
    if found.get("format") == "date-time":
        found = {**found, **read(Type(Kind.DATETIME))}
    return found


def sample(schema: Schema, parts: Mapping[str, Schema]) -> Any:
    """A value that fits a schema of an answer."""
    if "$ref" in schema:
        return sample(parts[schema["$ref"].rpartition("/")[2]], parts)
    if examples := schema.get("examples"):
        return examples[0]
    for name in ("const", "default"):
        if name in schema:
            return schema[name]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return sample(schema["anyOf"][0], parts)
    match schema.get("type"):
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
            return _text(schema)
        case _:
            return None


def _text(schema: Schema) -> str:
    match schema.get("format"):
        case "date-time":
            return "2026-03-02T09:30:00.000000Z"
        case "date":
            return "2026-03-02"
    for text in ("text", "1.5", "PT5400S"):
        if re.search(schema.get("pattern", ""), text):
            return text.ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength", 100)]
    return ""

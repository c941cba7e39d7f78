"""Reports in the document: what can be asked, and the forms of what is answered."""

from typing import Any

import msgspec

from headwater.ir.model import Field, Kind, Report, Resource, Type
from headwater.surfaces.describe.example_rows import sent_value
from headwater.surfaces.describe.values import default, read, written


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
    value = sent_value(field)
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

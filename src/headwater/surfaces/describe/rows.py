"""A resource as it is read, and as it is created, replaced and patched."""

import msgspec

from headwater.ir.model import Field, Model, Resource
from headwater.ir.scalars import INT64
from headwater.surfaces.describe.envelopes import ref
from headwater.surfaces.describe.parameters import Parameters
from headwater.surfaces.describe.values import (
    Schema,
    default,
    nullable,
    patched,
    read,
    visible,
    written,
)


class Rows:
    """The members of each resource's rows."""

    def __init__(self, model: Model, parameters: Parameters) -> None:
        self.model, self.parameters = model, parameters

    def read(self, resource: Resource) -> Schema:
        """A row in an answer."""
        members: dict[str, Schema] = {}
        for field in visible(resource):
            schema = _shown(resource, field)
            if field.read_only or field.computed is not None:
                schema["readOnly"] = True
            members[field.wire] = _told(schema, field)
            if field.batch is not None:
                note = "Shown where `fields` names it."
                members[field.wire]["description"] = f"{field.doc} {note}".strip()
        for wire, relation in self.parameters.relations(resource).items():
            target, told = ref(relation.target), relation.doc or self.model.resources[relation.target].doc
            note = f"{told} With `include={wire}`.".strip()
            if relation.kind == "one":
                members[wire] = {"anyOf": [target, {"type": "null"}], "readOnly": True, "description": note}
            else:
                members[wire] = {"type": "array", "items": target, "readOnly": True, "description": note}
        described = (
            "Which members are there follows from `fields` and `include`. What you may not see is null."
        )
        return {
            "type": "object",
            "description": f"{resource.doc} {described}".strip(),
            "properties": members,
        }

    def written(self, resource: Resource, form: str) -> Schema:
        """A row in a body; `form` is `create`, `replace` or `patch`."""
        members: dict[str, Schema] = {}
        required: list[str] = []
        for field in resource.fields.values():
            if field.internal and not field.secret:
                continue
            if field.read_only or field.computed is not None:
                if form == "replace" and field.batch is None:
                    schema = _shown(resource, field)
                    note = "It may be sent as it was read, and must be so still."
                    schema["description"] = f"{schema.get('description', '')} {note}".strip()
                    members[field.wire] = {**schema, "readOnly": True}
                continue
            schema = patched(field) if form == "patch" else written(field)
            if field.nullable:
                schema = nullable(schema)
            schema = _told(schema, field)
            if form != "create" and field.immutable:
                note = "It never changes: leave it out, or send it as it is."
                schema["description"] = f"{schema.get('description', '')} {note}".strip()
                schema["x-immutable"] = True
            if form != "patch" and (value := default(field)) is not msgspec.UNSET:
                schema["default"] = value
            members[field.wire] = schema
            if field.secret:
                members[field.wire]["writeOnly"] = True
            kept = field.immutable or field.secret
            demanded = field.required and (form == "create" or (form == "replace" and not kept))
            if demanded:
                required.append(field.wire)
        if form != "create" and "version" in resource.fields:
            members["version"] = {
                "type": "integer",
                "format": "int64",
                "minimum": -INT64 - 1,
                "maximum": INT64,
                "description": "The version that the change is meant for: refused with 409 if it has changed since.",
            }
        said = {
            "create": "A new row.",
            "replace": "The whole row. Fields that are left out return to their defaults.",
            "patch": "A merge patch (RFC 7396): what is left out stays, null clears.",
        }[form]
        found: Schema = {
            "type": "object",
            "description": f"{resource.doc} {said}".strip(),
            "properties": members,
            "additionalProperties": False,
        }
        if required:
            found["required"] = required
        return found


def _shown(resource: Resource, field: Field) -> Schema:
    """A field's value as answers show it."""
    schema = read(field.type)
    return nullable(schema) if field.nullable or field.name in resource.masks else schema


def _told(schema: Schema, field: Field) -> Schema:
    """With the field's documentation before what the schema says of itself."""
    parts = [field.doc, schema.get("description", "")]
    if field.moves:
        moves = "; ".join(f"{old} → {', '.join(new)}" for old, new in field.moves.items() if new)
        parts.append(f"Moves: {moves}.")
    if field.unique:
        parts.append("No two rows share it.")
    text = " ".join(part for part in parts if part)
    return {**schema, "description": text} if text else schema

"""The schemas of JSON:API 1.1: the same resources as in plain JSON, in the form of its documents."""

from collections.abc import Callable, Sequence
from typing import Final

from headwater.ir.command import MAX_IDENTIFIERS
from headwater.ir.model import Model, Relation, Resource
from headwater.ir.parse import CURSOR_PROFILE
from headwater.ir.pieces import member
from headwater.ir.query import MAX_LIMIT
from headwater.surfaces.describe.parameters import Parameters
from headwater.surfaces.describe.values import Schema

Add = Callable[[str, Schema], Schema]


class DocumentSchemas:
    """The documents of each resource. `add` makes a component of a schema and refers to it; `plain` finds the members
    of one form of a resource in plain JSON."""

    def __init__(
        self, model: Model, parameters: Parameters, add: Add, plain: Callable[[Resource, str], Schema]
    ) -> None:
        self.model, self.parameters, self.plain = model, parameters, plain
        exposed = [resource for resource in model.resources.values() if resource.exposed]
        self._error = add("ApiErrorObject", _ERROR)
        self._top = {
            "jsonapi": add("ApiJsonApi", _JSON_API),
            "meta": add("ApiDocumentMeta", _META),
            "links": add("ApiDocumentLinks", _LINKS),
        }
        self._links = add("ApiRelationshipLinks", _RELATIONSHIP_LINKS)
        self._identifiers = {r.name: add(f"{r.name}Identifier", _identifier(r)) for r in exposed}
        self._objects = {r.name: add(f"{r.name}Object", self._object(r)) for r in exposed}
        included = add("ApiIncluded", {"type": "array", "items": {"anyOf": list(self._objects.values())}})
        self._forms: dict[tuple[str, str], Schema] = {}
        for resource in exposed:
            shown, id = self._objects[resource.name], self._identifiers[resource.name]
            forms = {
                "Document": self._document(shown, included),
                "DocumentOrNone": self._document({"anyOf": [shown, {"type": "null"}]}, included),
                "Documents": self._document(
                    {"type": "array", "items": shown, "maxItems": MAX_LIMIT}, included
                ),
                "IdDocument": self._document({"anyOf": [id, {"type": "null"}]}),
                "IdDocuments": self._document({"type": "array", "items": id, "maxItems": MAX_LIMIT}),
                "NewDocument": self._sent(resource, "Create"),
                "ChangeDocument": self._sent(resource, "Patch"),
                "Linkage": _envelope(data={"anyOf": [id, {"type": "null"}]}),
                "Linkages": _linkages(id),
            }
            for form, schema in forms.items():
                self._forms[resource.name, form] = add(resource.name + form, schema)
        self.result = add(
            "ApiResultDocument", _envelope(jsonapi=self._top["jsonapi"], meta=self._top["meta"])
        )

    def form(self, resource: Resource, form: str) -> Schema:
        """A reference to one of a resource's documents."""
        return self._forms[resource.name, form]

    def identifier(self, resource: Resource) -> Schema:
        """A resource identifier object."""
        return self._identifiers[resource.name]

    def errors(self, codes: Sequence[str]) -> Schema:
        """The document of a refusal; `codes` are those of its error objects."""
        code = {"properties": {"code": {"enum": [code.lower() for code in codes]}}}
        items = {"allOf": [self._error, code]}
        meta = _envelope(requestId=_TEXT, timestamp=_TEXT)
        meta["properties"]["retryAfter"] = {"type": "integer", "minimum": 0, "description": "Seconds."}
        return _envelope(
            jsonapi=self._top["jsonapi"],
            errors={"type": "array", "minItems": 1, "items": items},
            meta=meta,
        )

    def _document(self, data: Schema, included: Schema | None = None) -> Schema:
        found = _envelope(**{name: self._top[name] for name in ("jsonapi", "meta")}, data=data)
        found["properties"]["links"] = self._top["links"]
        if included is not None:
            found["properties"]["included"] = included
        return found

    def _references(self, resource: Resource) -> dict[str, Relation]:
        """The to-one relations of a resource, by the fields of plain JSON that they stand for."""
        relations = self.parameters.relations(resource).values()
        return {resource.fields[r.field].wire: r for r in relations if r.kind == "one"}

    def _object(self, resource: Resource) -> Schema:
        references, plain = self._references(resource), self.plain(resource, "")["properties"]
        relations = self.parameters.relations(resource)
        left_out = {"id", *references, *relations}
        members: dict[str, Schema] = {
            "type": {"const": resource.path},
            "id": {"type": "string"},
            "attributes": {
                "type": "object",
                "properties": {
                    member(resource, name): schema for name, schema in plain.items() if name not in left_out
                },
                "additionalProperties": False,
            },
            "links": _envelope(self={"type": "string", "format": "uri-reference"}),
        }
        if relations:
            members["relationships"] = {
                "type": "object",
                "properties": {
                    member(resource, wire): self._relationship(relation)
                    for wire, relation in relations.items()
                },
                "additionalProperties": False,
            }
        return {
            "type": "object",
            "description": f"{resource.doc} What it shows follows from `fields[{resource.path}]`.".strip(),
            "properties": members,
            "required": ["type", "id"],
            "additionalProperties": False,
        }

    def _relationship(self, relation: Relation) -> Schema:
        id = self._identifiers[relation.target]
        if relation.kind != "one":
            members = {"links": self._links, "data": {"type": "array", "items": id}}
            return {"type": "object", "properties": members, "minProperties": 1}
        found = _envelope(data={"anyOf": [id, {"type": "null"}]})
        found["properties"]["links"] = self._links  # what is in the trash has none
        return found

    def _sent(self, resource: Resource, form: str) -> Schema:
        """A document that a client sends, of the members that it may send in plain JSON."""
        references, plain = self._references(resource), self.plain(resource, form)
        needed = plain.get("required", [])
        attributes: Schema = {
            "type": "object",
            "properties": {
                member(resource, name): schema
                for name, schema in plain["properties"].items()
                if name not in references
            },
            "additionalProperties": False,
        }
        relationships: dict[str, Schema] = {}
        for name, relation in references.items():
            if name in plain["properties"]:
                id = self._identifiers[relation.target]
                data: Schema = (
                    {"anyOf": [id, {"type": "null"}]} if resource.fields[relation.field].nullable else id
                )
                relationships[member(resource, relation.wire)] = _envelope(data=data)
        for name, relation in self.parameters.relations(resource).items():
            if relation.kind != "one":
                relationships[member(resource, name)] = _linkages(self._identifiers[relation.target])
        data = {
            "type": "object",
            "properties": {"type": {"const": resource.path}, "attributes": attributes},
            "required": ["type"],
        }
        key = resource.fields[resource.key].wire
        if form == "Patch":
            data["properties"]["id"] = {"type": "string"}
            data["required"].append("id")
        elif resource.natural:
            told = f"The same as `{key}`, which it stands for."
            data["properties"]["id"] = {**plain["properties"][key], "description": told}
            needed = [name for name in needed if name != key]
        if demanded := [member(resource, name) for name in needed if name not in references]:
            attributes["required"] = demanded
            data["required"].append("attributes")
        if relationships:
            found: Schema = {"type": "object", "properties": relationships, "additionalProperties": False}
            if linked := [member(resource, references[name].wire) for name in needed if name in references]:
                found["required"] = linked
                data["required"].append("relationships")
            data["properties"]["relationships"] = found
        return _envelope(data=data)


def _envelope(**members: Schema) -> Schema:
    """An object with all of these members."""
    return {"type": "object", "properties": members, "required": list(members)}


def _linkages(id: Schema) -> Schema:
    """What a to-many relation is to lead to."""
    return _envelope(data={"type": "array", "items": id, "maxItems": MAX_IDENTIFIERS})


def _identifier(resource: Resource) -> Schema:
    return _envelope(type={"const": resource.path}, id={"type": "string"})


_TEXT: Final[Schema] = {"type": "string"}
_LINK: Final[Schema] = {"type": ["string", "null"], "format": "uri-reference"}
_JSON_API: Final[Schema] = {
    "type": "object",
    "properties": {
        "version": {"const": "1.1"},
        "profile": {"type": "array", "items": {"const": CURSOR_PROFILE}},
    },
    "required": ["version"],
}
_META: Final[Schema] = {
    "type": "object",
    "description": "Numbered pages tell where they stand. An action that answers no resource answers `result`.",
    "properties": {
        "requestId": {"type": "string", "description": "Names this request in the server's log."},
        "page": {"type": "integer", "minimum": 1},
        "perPage": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
        "total": {"type": "integer", "minimum": 0},
        "pages": {"type": "integer", "minimum": 0},
        "pagination": {"type": "object", "description": "Of a page that was asked for in a body."},
        "result": {},
    },
    "required": ["requestId"],
}
_LINKS: Final[Schema] = {
    "type": "object",
    "description": "Relative to the host.",
    "properties": dict.fromkeys(("self", "related", "first", "prev", "next", "last"), _LINK),
    "required": ["self"],
}
_RELATIONSHIP_LINKS: Final[Schema] = _envelope(
    self={"type": "string", "format": "uri-reference"}, related={"type": "string", "format": "uri-reference"}
)
_ERROR: Final[Schema] = {
    "type": "object",
    "properties": {
        "status": {"type": "string", "pattern": "^[45][0-9][0-9]$"},
        "code": {"type": "string", "pattern": "^[a-z_]+$"},
        "title": _TEXT,
        "detail": _TEXT,
        "source": {
            "type": "object",
            "properties": {"pointer": _TEXT, "parameter": _TEXT, "header": _TEXT},
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
        },
        "links": _envelope(type={"type": "string", "format": "uri-reference"}),
        "meta": _envelope(number={"type": "integer"}),
    },
    "required": ["status", "code", "title", "detail", "meta"],
    "additionalProperties": False,
}

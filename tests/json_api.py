"""What JSON:API 1.1 demands of any document, written down from its text: the shape, and what no schema can say."""

import re
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator

JSON_API = "application/vnd.api+json"
CURSORS = f'{JSON_API};profile="https://jsonapi.org/profiles/ethanresnick/cursor-pagination/"'

_ALLOWED = r"[a-zA-Z0-9\u0080-\uffff]"
_NAME = rf"^{_ALLOWED}(?:[-_ a-zA-Z0-9\u0080-\uffff]*{_ALLOWED})?$"
_LINK = {"oneOf": [{"type": ["string", "null"]}, {"type": "object", "required": ["href"]}]}
_LINKS = {"type": "object", "additionalProperties": _LINK}
_META = {"type": "object", "propertyNames": {"pattern": _NAME}}
_IDENTIFIER = {
    "type": "object",
    "properties": {"type": {"type": "string", "pattern": _NAME}, "id": {"type": "string"}, "meta": _META},
    "required": ["type", "id"],
    "additionalProperties": False,
}
_LINKAGE = {
    "oneOf": [{"type": "null"}, _IDENTIFIER, {"type": "array", "items": _IDENTIFIER, "uniqueItems": True}]
}
_RELATIONSHIP = {
    "type": "object",
    "properties": {"links": _LINKS, "data": _LINKAGE, "meta": _META},
    "additionalProperties": False,
    "minProperties": 1,
}
_MEMBERS = {"pattern": _NAME, "not": {"enum": ["type", "id"]}}
_OBJECT = {
    "type": "object",
    "properties": {
        **_IDENTIFIER["properties"],  # type: ignore[dict-item]
        "attributes": {"type": "object", "propertyNames": _MEMBERS},
        "relationships": {"type": "object", "propertyNames": _MEMBERS, "additionalProperties": _RELATIONSHIP},
        "links": _LINKS,
    },
    "required": ["type", "id"],
    "additionalProperties": False,
}
_ERROR = {
    "type": "object",
    "properties": {
        "id": {"type": "string"}, "status": {"type": "string", "pattern": "^[1-5][0-9][0-9]$"},
        "code": {"type": "string"}, "title": {"type": "string"}, "detail": {"type": "string"},
        "links": {**_LINKS, "propertyNames": {"enum": ["about", "type"]}}, "meta": _META,
        "source": {
            "type": "object",
            "properties": {
                "pointer": {"type": "string", "pattern": "^(/([^~/]|~[01])*)*$"},
                "parameter": {"type": "string"}, "header": {"type": "string"},
            },
            "additionalProperties": False,
        },
    },
    "additionalProperties": False,
    "minProperties": 1,
}  # fmt: skip
_DOCUMENT = {
    "type": "object",
    "properties": {
        "data": {"oneOf": [{"type": "null"}, _OBJECT, {"type": "array", "items": _OBJECT, "uniqueItems": True}]},
        "errors": {"type": "array", "items": _ERROR, "minItems": 1},
        "included": {"type": "array", "items": _OBJECT, "uniqueItems": True},
        "meta": _META,
        "links": _LINKS,
        "jsonapi": {
            "type": "object",
            "properties": {
                "version": {"type": "string"}, "ext": {"type": "array"}, "profile": {"type": "array"}, "meta": _META,
            },
            "additionalProperties": False,
        },
    },
    "additionalProperties": False,
    "anyOf": [{"required": ["data"]}, {"required": ["errors"]}, {"required": ["meta"]}],
    "not": {"required": ["data", "errors"]},
    "dependentRequired": {"included": ["data"]},
}  # fmt: skip
_VALIDATOR = Draft202012Validator(_DOCUMENT)


def check_document(document: Any, *, sparse: bool = False) -> None:
    """Raises AssertionError where a document is not one of JSON:API 1.1. `sparse`: it may lack relationships that
    would link what is included."""
    problems = [f"{error.json_path}: {error.message}" for error in _VALIDATOR.iter_errors(document)]
    assert not problems, problems
    primary, included = _primary(document), document.get("included", [])
    named = [(row["type"], row["id"]) for row in (*primary, *included)]
    assert len(set(named)) == len(named), "a resource is there twice"
    for row in (*primary, *included):
        members = [*row.get("attributes", {}), *row.get("relationships", {})]
        assert len(set(members)) == len(members), "an attribute and a relationship share a name"
    if included and not sparse:
        # Full linkage: all that is included is reached from the primary data.
        known = {(row["type"], row["id"]): row for row in included}
        reached = set(_linked(primary))
        rest = list(reached)
        while rest:
            row = known.get(rest.pop())
            further = set(_linked([row] if row else [])) - reached
            reached |= further
            rest += further
        assert known.keys() <= reached, f"nothing links {known.keys() - reached}"


def check_answer(content_type: str, body: Any, *, sparse: bool = False) -> None:
    """As `check_document`, and that its media type has no parameters but those that JSON:API has."""
    assert re.fullmatch(rf'{re.escape(JSON_API)}(;(ext|profile)="[^"]+")*', content_type), content_type
    assert bool(body["jsonapi"].get("profile")) == ("profile=" in content_type)
    check_document(body, sparse=sparse)


def _primary(document: Any) -> list[Any]:
    data = document.get("data")
    return data if isinstance(data, list) else [data] if data else []


def _linked(rows: list[Any]) -> Iterator[tuple[str, str]]:
    for row in rows:
        for relationship in row.get("relationships", {}).values():
            data = relationship.get("data") or []
            for one in data if isinstance(data, list) else [data]:
                yield one["type"], one["id"]

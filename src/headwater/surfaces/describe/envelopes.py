"""What all answers share: envelopes, pages, groups, refusals; and the one body that does not depend on a resource."""

from collections.abc import Mapping, Sequence
from typing import Final

from headwater.base.errors import REGISTRY
from headwater.ir.parse import MAX_PAGE
from headwater.ir.patch import MAX_OPERATIONS
from headwater.ir.query import MAX_GROUPS, MAX_LIMIT
from headwater.surfaces.describe.values import Schema

PREFIX: Final = "#/components/schemas/"


def ref(name: str) -> Schema:
    """A reference to a schema."""
    return {"$ref": PREFIX + name}


def envelope(members: Mapping[str, Schema]) -> Schema:
    """An object with all of these members."""
    return {"type": "object", "properties": dict(members), "required": list(members)}


META: Final[Schema] = {
    "type": "object",
    "properties": {"requestId": {"type": "string", "description": "Names this request in the server's log."}},
    "required": ["requestId"],
}
_TOKEN: Final[Schema] = {"type": ["string", "null"]}
PAGE_META: Final[Schema] = {
    "type": "object",
    "properties": {
        "requestId": META["properties"]["requestId"],
        "pagination": {
            "oneOf": [
                envelope(
                    {
                        "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
                        "nextCursor": _TOKEN,
                        "prevCursor": _TOKEN,
                        "hasMore": {"type": "boolean"},
                    }
                ),
                envelope(
                    {
                        "page": {"type": "integer", "minimum": 1, "maximum": MAX_PAGE},
                        "perPage": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
                        "total": {"type": "integer", "minimum": 0},
                        "pages": {"type": "integer", "minimum": 0},
                    }
                ),
            ]
        },
    },
    "required": ["requestId", "pagination"],
}
_LINK: Final[Schema] = {"type": ["string", "null"], "format": "uri-reference"}
LINKS: Final[Schema] = {
    "type": "object",
    "description": "Relative to the host. `last` is there on numbered pages.",
    "properties": {
        "self": {"type": "string", "format": "uri-reference"},
        "first": {"type": "string", "format": "uri-reference"},
        "prev": _LINK,
        "next": _LINK,
        "last": {"type": "string", "format": "uri-reference"},
    },
    "required": ["self", "first", "prev", "next"],
}


SELF: Final[Schema] = envelope({"self": {"type": "string", "format": "uri-reference"}})
RELATED: Final[Schema] = envelope(
    {
        "self": {"type": "string", "format": "uri-reference"},
        "related": {"type": "string", "format": "uri-reference"},
    }
)
NUMBERS: Final[Schema] = {
    "type": "object",
    "description": "What `aggregate` asked for. Values have the form that they have in rows.",
    "properties": {
        "group": {"type": "object", "description": "What the rows of this group share."},
        "count": {"type": "integer", "minimum": 0},
        "counts": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}},
        "countDistinct": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}},
        **{name: {"type": "object"} for name in ("sum", "avg", "min", "max")},
    },
    "additionalProperties": False,
}


def groups_of(links: Schema) -> Schema:
    """What `aggregate` with `groupBy` answers."""
    limit = {"type": "integer", "minimum": 1, "maximum": MAX_GROUPS}
    pagination = {**envelope({"limit": limit, "hasMore": {"type": "boolean"}}), "additionalProperties": False}
    return envelope(
        {
            "data": {"type": "array", "items": {**NUMBERS, "required": ["group"]}, "maxItems": MAX_GROUPS},
            "meta": envelope({"requestId": META["properties"]["requestId"], "pagination": pagination}),
            "links": links,
        }
    )


GROUPS: Final = groups_of(SELF)
SUMMARY: Final[Schema] = envelope({"data": NUMBERS, "meta": META, "links": SELF})

_POINTER: Final[Schema] = {
    "type": "string",
    "pattern": "^(?:/(?:[^~/]|~[01])*)+$",
    "description": "A field, and perhaps a place within its value (RFC 6901).",
}


def _operation(names: Sequence[str], members: Mapping[str, Schema]) -> Schema:
    return envelope({"op": {"enum": list(names)}, **members})


PATCH: Final[Schema] = {
    "type": "array",
    "description": "A JSON Patch (RFC 6902): operations that are performed one after the other, all or none.",
    "maxItems": MAX_OPERATIONS,
    "items": {
        "oneOf": [
            _operation(("add", "replace", "test"), {"path": _POINTER, "value": {}}),
            _operation(("remove",), {"path": _POINTER}),
            _operation(("move", "copy"), {"from": _POINTER, "path": _POINTER}),
        ]
    },
}


def error() -> Schema:
    """A refusal."""
    facts = _facts()
    return {
        **facts,
        "description": "A refusal.",
        "properties": {**facts["properties"], "message": {"type": "string"}},
        "required": [*facts["required"], "message"],
    }


def problem() -> Schema:
    """A refusal in the form of RFC 9457."""
    facts = _facts()
    own: dict[str, Schema] = {
        "type": {
            "type": "string",
            "format": "uri-reference",
            "description": "Leads to what the error means.",
        },
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    }
    where = {"instance": {"type": "string", "format": "uri-reference"}}
    return {
        "type": "object",
        "description": "A problem (RFC 9457).",
        "properties": {**own, **where, **facts["properties"]},
        "required": [*own, *facts["required"]],
    }


def _facts() -> Schema:
    """What both forms of a refusal tell."""
    codes = {"type": "string", "enum": list(REGISTRY)}
    detail = {
        "type": "object",
        "description": "One problem; `field` is in the body, `parameter` in the query string or a header. Some "
        "have facts of their own, such as `pattern`, `allowed` or `requiredPermission`.",
        "properties": {
            "field": {"type": "string"},
            "parameter": {"type": "string"},
            "code": codes,
            "message": {"type": "string"},
            "hint": {"type": "string"},
            "requiredPermission": {"type": "string"},
        },
        "required": ["code", "message"],
    }
    found = envelope(
        {
            "code": codes,
            "number": {"type": "integer", "enum": [code.number for code in REGISTRY.values()]},
            "requestId": {"type": "string"},
            "timestamp": {"type": "string", "format": "date-time"},
            "details": {"type": "array", "items": detail},
        }
    )
    found["properties"]["hint"] = {"type": "string"}
    found["properties"]["retryAfter"] = {"type": "integer", "minimum": 0, "description": "Seconds."}
    return found

"""Bodies and answers, as OpenAPI has them: media types with their schemas, and headers."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from headwater.http.formats import JSON, JSON_API
from headwater.surfaces.describe.values import Schema

Media = dict[str, Any]
"""A media type: its schema, and examples."""

HEADERS: Final[dict[str, Schema]] = {
    "X-Request-Id": {
        "description": "Names this request in the server's log.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"},
    },
    "ETag": {
        "description": "The version of what is shown. Not there where the caller may not read what they wrote.",
        "schema": {"type": "string"},
    },
    "Location": {
        "description": "Where the new row is.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Content-Location": {
        "description": "Where the row is that is shown.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Link": {"description": "The links of the page (RFC 8288).", "schema": {"type": "string"}},
    "X-Total-Count": {
        "description": "On numbered pages: how many rows there are.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "X-Pagination-Pages": {
        "description": "On numbered pages: how many pages there are.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "WWW-Authenticate": {"description": "How to sign in (RFC 6750).", "schema": {"type": "string"}},
    "Retry-After": {
        "description": "Seconds until it is worth trying again.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "Accept-Query": {
        "description": "The media types in which the rows can be asked for by QUERY (RFC 10008).",
        "schema": {"type": "string"},
    },
    "Preference-Applied": {
        "description": "The preference of `Prefer` that was met (RFC 7240).",
        "schema": {"type": "string"},
    },
    "Accept-Post": {"description": "The media types that are understood.", "schema": {"type": "string"}},
    "Accept-Patch": {"description": "The media types that are understood.", "schema": {"type": "string"}},
}
"""The headers of answers, as components."""


def headers(*names: str) -> dict[str, Any]:
    """References to headers, of which every answer has the id of its request."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", *names)}


def body(
    accepts: Sequence[str], media: Media, required: bool = True, document: Media | None = None
) -> dict[str, Any]:
    """A request's body, and its form in JSON:API where that differs."""
    content = dict.fromkeys(accepts, media)
    if document is not None and JSON_API.media_type in content:
        content[JSON_API.media_type] = document
    return {"required": required, "content": content}


def answer(
    status: int, description: str, media: Media, names: Iterable[str], document: Media | None = None
) -> dict[str, Any]:
    """An answer with a body, and its form in JSON:API where it has one. `names` are those of its headers."""
    content = {JSON.media_type: media}
    if document is not None:
        content[JSON_API.media_type] = document
    return {str(status): {"description": description, "headers": headers(*names), "content": content}}


DONE: Final = {"description": "Done.", "headers": headers()}
UNCHANGED: Final = {"304": {"description": "What you have still holds.", "headers": headers("ETag")}}

"""Refusals as answers: what each status tells, and of which codes, in each form that errors have.

Operations that can meet the same codes share an answer. Its name has the numbers of its codes, where not all codes of
the status are among them.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from headwater.base.errors import REGISTRY, Fault
from headwater.http import json_api
from headwater.http.formats import JSON, JSON_API, PROBLEM_TYPE
from headwater.surfaces.describe.codes import DETAILS
from headwater.surfaces.describe.envelopes import envelope, ref
from headwater.surfaces.describe.example_messages import refusal
from headwater.surfaces.describe.messages import Media, headers
from headwater.surfaces.describe.schemas import Schemas

_REASONS: Final = {
    400: "The request cannot be understood; `details` lists every problem.",
    401: "The caller is not signed in, or the token is not valid.",
    403: "The caller may see this, but not do that.",
    404: "There is no such thing, or the caller cannot see it.",
    406: "No representation matches `Accept`.",
    408: "The body did not arrive in time.",
    409: "The change conflicts with what is there.",
    412: "`If-Match` names another version than the current one.",
    413: "The body is too large.",
    415: "The body's media type is not understood here.",
    422: "Each value is valid, but a rule across fields, rows or states forbids it.",
    428: "This is only changed against a known version: send `If-Match`, or `version` in the body.",
    429: "Too many requests.",
    500: "An unexpected failure; its trace is logged under the request id.",
    503: "It cannot be done now; try again after `Retry-After` seconds.",
}
_MORE_HEADERS: Final[Mapping[int, tuple[str, ...]]] = {
    401: ("WWW-Authenticate",),
    415: ("Accept-Post", "Accept-Patch"),
    429: ("Retry-After",),
    503: ("Retry-After",),
}
_GRAPHQL: Final = frozenset({"PERSISTED_QUERY_NOT_FOUND", "PERSISTED_QUERY_REQUIRED"})
"""What is told in GraphQL's own answers alone."""
Codes = tuple[str, ...]


class Refusals:
    """The refusals of a document's operations, which become components as they are referred to."""

    def __init__(self, schemas: Schemas) -> None:
        self.schemas = schemas
        self._found: dict[str, dict[str, Any]] = {}

    def of(self, codes: Collection[str]) -> dict[str, Any]:
        """The answers by status that have these codes."""
        plain, documents = _by_status(codes, _plain), _by_status(codes, _in_json_api)
        found = {}
        for status in sorted(plain.keys() | documents.keys()):
            both = plain.get(status, ()), documents.get(status, ())
            name = f"Refused{_suffix(status, _in_order({*both[0], *both[1]}))}"
            if name not in self._found:
                self._found[name] = self._response(status, *both)
            found[str(status)] = {"$ref": f"#/components/responses/{name}"}
        return found

    def components(self) -> dict[str, Any]:
        """What has been referred to."""
        return dict(sorted(self._found.items()))

    def _response(self, status: int, plain: Codes, documents: Codes) -> dict[str, Any]:
        """What a status means, with its codes: those of plain JSON, and of JSON:API."""
        entries = [REGISTRY[code] for code in _in_order({*plain, *documents})]
        listed = "\n".join(f"- `{e.name}` ({e.number}): {e.meaning} {e.remedy}" for e in entries)
        content = {}
        if plain:
            content = {JSON.media_type: self._json(status, plain), PROBLEM_TYPE: self._problem(status, plain)}
        if documents:
            content[JSON_API.media_type] = self._document(status, documents)
        return {
            "description": f"{_REASONS[status]}\n\n{listed}",
            "headers": headers(*_MORE_HEADERS.get(status, ())),
            "content": content,
        }

    # Schemas are components, so that generators of clients make one type of each, and not one for each operation.

    def _json(self, status: int, codes: Codes) -> Media:
        error = {"allOf": [ref(self.schemas.error), _told(codes)]}
        return self._media(
            f"ApiError{_suffix(status, codes)}", envelope({"error": error}), codes, JSON.media_type
        )

    def _problem(self, status: int, codes: Codes) -> Media:
        schema = {"allOf": [ref(self.schemas.problem), _told(codes)]}
        return self._media(f"ApiProblem{_suffix(status, codes)}", schema, codes, PROBLEM_TYPE)

    def _document(self, status: int, codes: Codes) -> Media:
        details = _in_order({detail for code in codes for detail in DETAILS.get(code, (code,))})
        schema = self.schemas.documents.errors(details)
        return self._media(f"ApiErrors{_suffix(status, codes)}", schema, codes, JSON_API.media_type)

    def _media(self, name: str, schema: dict[str, Any], codes: Codes, media_type: str) -> Media:
        # Examples are in the schema, as many operations share it: tools look at those of a media type in each.
        shown = [refusal(code, media_type) for code in codes]
        return {"schema": self.schemas.once(name, {**schema, "examples": shown})}


def _told(codes: Sequence[str]) -> dict[str, Any]:
    return {"properties": {"code": {"enum": list(codes)}}}


def _plain(code: str) -> int:
    return REGISTRY[code].status


def _in_json_api(code: str) -> int:
    return json_api.status(Fault(code))


def _by_status(codes: Iterable[str], status: Any) -> dict[int, Codes]:
    found: dict[int, set[str]] = {}
    for code in codes:
        found.setdefault(status(code), set()).add(code)
    return {status: _in_order(some) for status, some in found.items()}


def _in_order(codes: Collection[str]) -> Codes:
    return tuple(code for code in REGISTRY if code in codes)


def _suffix(status: int, codes: Codes) -> str:
    """A status, with the numbers of codes where others have it too."""
    if {*codes} == {entry.name for entry in REGISTRY.values() if entry.status == status} - _GRAPHQL:
        return str(status)
    return "_".join((str(status), *(str(REGISTRY[code].number) for code in codes)))

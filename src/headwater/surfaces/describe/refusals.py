"""What an operation can be refused for: the errors that it can meet, and what each status tells of them."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from headwater.base.errors import REGISTRY, ErrorCode
from headwater.http.routes import Form, Route
from headwater.http.wire import JSON_API, PROBLEM_TYPE
from headwater.surfaces.describe.envelopes import envelope, ref
from headwater.surfaces.describe.messages import headers
from headwater.surfaces.describe.reports import ASKING
from headwater.surfaces.describe.schemas import Schemas
from headwater.surfaces.describe.subjects import Subject

_READS: Final = ("list", "read", "related", "search")
# A head of more than 64 KiB is refused everywhere.
_EVERY: Final = ("INTERNAL_ERROR", "INVALID_FORMAT")
_CALLER: Final = ("INVALID_CREDENTIALS", "TOKEN_EXPIRED", "AUTHENTICATION_REQUIRED")
_BODY: Final = (
    "VALIDATION_ERROR",
    "INVALID_FORMAT",
    "REQUEST_TIMEOUT",
    "PAYLOAD_TOO_LARGE",
    "UNSUPPORTED_MEDIA_TYPE",
)
_STORE: Final = ("DATABASE_ERROR", "DEADLINE_EXCEEDED")
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


class Refusals:
    """The refusals of a document's operations, which become components as they are referred to."""

    def __init__(self, schemas: Schemas) -> None:
        self.schemas = schemas
        self._statuses: set[int] = set()

    def of(self, codes: Iterable[str]) -> dict[str, Any]:
        """The answers by status that have these codes."""
        statuses = sorted({REGISTRY[code].status for code in codes})
        self._statuses.update(statuses)
        return {str(s): {"$ref": f"#/components/responses/{_name(s)}"} for s in statuses}

    def components(self) -> dict[str, Any]:
        """What has been referred to."""
        return {_name(status): self._response(status) for status in sorted(self._statuses)}

    def _response(self, status: int) -> dict[str, Any]:
        """What a status means, with its codes."""
        entries = [entry for entry in REGISTRY.values() if entry.status == status]
        code = {"properties": {"code": {"enum": [entry.name for entry in entries]}}}
        # Components, so that generators of clients make one type of each, and not one for each operation.
        body = self.schemas.named(
            f"ApiError{status}", envelope({"error": {"allOf": [ref(self.schemas.error), code]}})
        )
        problem = self.schemas.named(f"ApiProblem{status}", {"allOf": [ref(self.schemas.problem), code]})
        listed = "\n".join(f"- `{e.name}` ({e.number}): {e.meaning} {e.remedy}" for e in entries)
        return {
            "description": f"{_REASONS[status]}\n\n{listed}",
            "headers": headers(*_MORE_HEADERS.get(status, ())),
            "content": {
                "application/json": {"schema": body, "example": _example(entries[0])},
                PROBLEM_TYPE: {"schema": problem},
                JSON_API.media_type: {"schema": self.schemas.documents.errors},
            },
        }


def _name(status: int) -> str:
    return f"Refused{status}"


def codes_of(subject: Subject) -> tuple[str, ...]:
    """The errors that an operation on a resource can meet."""
    model, resource, kind = subject.model, subject.resource, subject.kind
    codes = [*_EVERY, *_CALLER, *_STORE, "INVALID_PARAMETER", "INSUFFICIENT_PERMISSIONS"]
    if subject.on_row:
        codes.append("RESOURCE_NOT_FOUND")
    removes = kind in ("delete", "purge")
    if not removes:
        codes.append("NOT_ACCEPTABLE")
    if kind in _READS or (kind == "relationship" and subject.how is None):
        return (*codes, *_BODY) if kind == "search" else tuple(codes)
    codes.append("RESOURCE_CONFLICT")
    if kind == "create":
        codes.append("RESOURCE_NOT_FOUND")  # JSON:API: of what is referred to
    if not removes:
        codes += [*(() if kind == "restore" else _BODY), "RULE_VIOLATION"]
    elif any(field.on_delete == "set_null" for _, field in model.referrers(resource.name)):
        codes.append("RULE_VIOLATION")
    if subject.on_row:
        codes.append("PRECONDITION_FAILED")
        if resource.demands_version:
            codes.append("PRECONDITION_REQUIRED")
    return tuple(codes)


def codes_of_report() -> tuple[str, ...]:
    """The errors that a report can meet."""
    return (*_EVERY, *_CALLER, *_STORE, *ASKING)


def codes_of_route(route: Route, form: Form) -> tuple[str, ...]:
    """The errors that a route which belongs to no resource can meet."""
    return (
        *_EVERY,
        *(_CALLER if route.authenticates else ()),
        *form.codes,
        *(_BODY if form.body else ()),
    )


def _example(entry: ErrorCode) -> Mapping[str, Any]:
    error: dict[str, Any] = {
        "code": entry.name,
        "number": entry.number,
        "message": entry.meaning,
        "requestId": "req_0123456789abcdef01234567",
        "timestamp": "2026-03-02T09:30:00.000000Z",
        "details": [],
    }
    if entry.status in (429, 503):
        error["retryAfter"] = 1
    return {"error": error}

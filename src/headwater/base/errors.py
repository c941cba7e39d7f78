"""Every error a client can meet: its code, number, status, meaning and mend, side by side.

Code raises a `Fault`, which carries facts. The surface that answers renders it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from dataclasses import field as member
from itertools import islice
from typing import Any, Final, Self


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One entry of the registry, which is the source of the error catalogue."""

    name: str
    number: int
    status: int
    meaning: str
    remedy: str


def _registry(*codes: ErrorCode) -> Mapping[str, ErrorCode]:
    return {code.name: code for code in codes}


REGISTRY: Final = _registry(
    # 1xxx: who you are, and what you may do
    ErrorCode("INVALID_CREDENTIALS", 1001, 401, "The user name, password or token is not valid.",
              "Sign in again with `POST /api/v1/auth/login`."),
    ErrorCode("TOKEN_EXPIRED", 1002, 401, "The token was valid and has expired.",
              "Exchange the refresh token at `POST /api/v1/auth/refresh`, or sign in again."),
    ErrorCode("INSUFFICIENT_PERMISSIONS", 1003, 403, "You may see this, but not do that.",
              "Ask for the permission named in `details[].requiredPermission`."),
    ErrorCode("AUTHENTICATION_REQUIRED", 1004, 401, "This needs a signed-in caller.",
              "Send `Authorization: Bearer <token>`."),
    ErrorCode("TOKEN_REUSED", 1005, 401, "A refresh token was presented a second time; its session has ended.",
              "Sign in again. If you did not present it twice, somebody else has it."),
    # 2xxx: what you sent
    ErrorCode("VALIDATION_ERROR", 2001, 400, "The request has one or more faults, listed in `details`.",
              "Mend each entry of `details` and send again."),
    ErrorCode("INVALID_FORMAT", 2002, 400, "The value or body cannot be parsed.",
              "Send it in the form that `details` describes."),
    ErrorCode("REQUIRED_FIELD", 2003, 400, "A field without a default is missing.", "Send the field."),
    ErrorCode("INVALID_PARAMETER", 2004, 400, "A query parameter is unknown, or its value is not valid.",
              "Use the nearest valid name, which the message gives."),
    ErrorCode("UNKNOWN_FIELD", 2005, 400, "The body names a field that the resource does not have.",
              "Use the nearest valid name, which the message gives."),
    ErrorCode("READ_ONLY_FIELD", 2006, 400, "The field is computed or set by the server.",
              "Leave the field out."),
    ErrorCode("INVALID_CURSOR", 2007, 400, "The cursor was not issued for this query.",
              "Start again without `cursor`, and keep all other parameters the same while paging."),
    ErrorCode("RULE_VIOLATION", 2008, 422, "Each field is valid, but together they break a rule.",
              "Change the fields named in `details`."),
    ErrorCode("DANGLING_REFERENCE", 2009, 422, "The referenced row does not exist, or you cannot see it.",
              "Refer to an existing row."),
    ErrorCode("FORBIDDEN_TRANSITION", 2010, 422, "The state cannot change in this way.",
              "Choose one of the reachable states, which the message names."),
    ErrorCode("PAYLOAD_TOO_LARGE", 2011, 413, "The body is larger than the server accepts.",
              "Send less, or send it in several requests."),
    ErrorCode("UNSUPPORTED_MEDIA_TYPE", 2012, 415, "The body's media type is not understood here.",
              "Use one of the types in the `Accept-Post`, `Accept-Patch` or `Accept-Query` header."),
    ErrorCode("NOT_ACCEPTABLE", 2013, 406, "No representation matches the `Accept` header.",
              "Accept `application/json`."),
    ErrorCode("QUERY_TOO_COMPLEX", 2014, 400, "The request nests or includes more than the server accepts.",
              "Ask for less at once."),
    ErrorCode("REQUEST_TIMEOUT", 2015, 408, "The request's body did not arrive in time.",
              "Send it again, faster or in smaller parts."),
    ErrorCode("NOT_SUPPORTED", 2016, 403, "The request is understood, and nobody may do this here.",
              "Do it in the way that the message names."),
    ErrorCode("PERSISTED_QUERY_NOT_FOUND", 2017, 404, "No document is known by this hash.",
              "Send the document with its hash, where documents may be sent; else add it to the manifest."),
    ErrorCode("PERSISTED_QUERY_REQUIRED", 2018, 403, "Only documents of the manifest are executed here.",
              "Send the hash of one of them; `headwater graphql persist` adds documents."),
    # 3xxx: what is there
    ErrorCode("RESOURCE_NOT_FOUND", 3001, 404, "There is no such thing, or you cannot see it.",
              "Check the path and the id."),
    ErrorCode("RESOURCE_ALREADY_EXISTS", 3002, 409, "Another row has this value already.",
              "Choose another value for the fields in `details`."),
    ErrorCode("RESOURCE_CONFLICT", 3003, 409, "The row has changed, or others still refer to it.",
              "Read it again, and repeat the change on what you find."),
    ErrorCode("METHOD_NOT_ALLOWED", 3004, 405, "The path exists, but not for this method.",
              "Use one of the methods in the `Allow` header."),
    ErrorCode("PRECONDITION_FAILED", 3005, 412, "`If-Match` names another version than the current one.",
              "Read the row again, and send its new `ETag`."),
    ErrorCode("PRECONDITION_REQUIRED", 3006, 428, "This resource is only changed against a known version.",
              "Send `If-Match` with the row's `ETag`, or `version` in the body."),
    # 4xxx: how often
    ErrorCode("RATE_LIMIT_EXCEEDED", 4001, 429, "Too many requests.", "Wait `retryAfter` seconds."),
    # 5xxx: us
    ErrorCode("INTERNAL_ERROR", 5001, 500, "An unexpected failure. Its trace is logged under the request id.",
              "Report the request id."),
    ErrorCode("DATABASE_ERROR", 5002, 503, "The database cannot be reached or cannot take the write.",
              "Try again after `Retry-After` seconds."),
    ErrorCode("EXTERNAL_SERVICE_ERROR", 5003, 503, "A service that this depends on does not answer.",
              "Try again later."),
    ErrorCode("DEADLINE_EXCEEDED", 5004, 503, "The request took longer than it may and was stopped.",
              "Ask for less, or filter and sort by indexed fields."),
)  # fmt: skip


def reference() -> str:
    """The registry as a Markdown table, for the documentation."""
    lines = ["| Code | Number | Status | Meaning | What to do |", "|---|---|---|---|---|"]
    lines += [
        f"| `{c.name}` | {c.number} | {c.status} | {c.meaning} | {c.remedy} |" for c in REGISTRY.values()
    ]
    return "\n".join(lines) + "\n"


MOST_DETAILS: Final = 100
"""Problems that one refusal tells of."""


@dataclass(frozen=True, slots=True)
class Detail:
    """One problem within a request.

    `field` is the wire path of a body field; `parameter` a query parameter or header. `facts` are further
    members of the rendered entry, such as `pattern` or `requiredPermission`. Where `field` does not tell the place in
    the body as it was sent, `pointer` does (RFC 6901); `type` is the URI of a kind of problem that others have named.
    """

    code: str
    message: str
    field: str | None = None
    parameter: str | None = None
    hint: str | None = None
    facts: Mapping[str, Any] = member(default_factory=dict)
    pointer: str | None = None
    type: str | None = None


class Fault(Exception):
    """A refusal with a code of the registry.

    `details` lists every problem found, not the first only. `headers` are facts that HTTP tells in headers
    (`Allow`, `WWW-Authenticate`, `Retry-After`).
    """

    def __init__(
        self,
        code: str,
        message: str | None = None,
        details: Iterable[Detail] = (),
        *,
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        self.entry = REGISTRY[code]
        self.message = message or self.entry.meaning
        self.details = tuple(islice(details, MOST_DETAILS))
        self.hint = hint
        self.headers = dict(headers or {})
        self.facts = dict(facts or {})
        super().__init__(f"{code}: {self.message}")

    @property
    def code(self) -> str:
        return self.entry.name

    @property
    def status(self) -> int:
        return self.entry.status


class Problems(list[Detail]):
    """What is wrong with a request, gathered so that it is told at once. Beyond `MOST_DETAILS` the rest is not even
    looked at: whoever makes as many mistakes on purpose shall not be answered at length."""

    def append(self, detail: Detail) -> None:
        """Raises: Fault, for one too many."""
        super().append(detail)
        self._bound()

    def extend(self, details: Iterable[Detail]) -> None:
        """Raises: Fault, for one too many."""
        for detail in details:
            self.append(detail)

    def __iadd__(self, details: Iterable[Detail]) -> Self:  # type: ignore[override, misc]
        self.extend(details)
        return self

    def _bound(self) -> None:
        if len(self) > MOST_DETAILS:
            asked = all(detail.parameter is not None for detail in self)
            what, code = ("query", "INVALID_PARAMETER") if asked else ("body", "VALIDATION_ERROR")
            message = f"The {what} has more than {MOST_DETAILS} problems; here are the first."
            raise Fault(code, message, self)


class DeclarationError(Exception):
    """A mistake in a declaration: says the file, the line, the field and the mend."""

    def __init__(self, message: str, *, where: str = "", mend: str = "") -> None:
        self.message, self.where, self.mend = message, where, mend
        super().__init__(": ".join(p for p in (where, message) if p) + (f" Mend: {mend}" if mend else ""))


class DeclarationErrors(DeclarationError):
    """All mistakes found in a set of declarations, so that they can be mended in one go."""

    def __init__(self, errors: Iterable[DeclarationError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(str(error) for error in self.errors))


def shortened(text: str) -> str:
    """What a client sent, as it is told back: at most 80 characters of it."""
    return text if len(text) <= 80 else text[:77] + "..."


def nearest(name: str, valid: Iterable[str]) -> str | None:
    """The valid name closest to a misspelt one, for "did you mean"."""
    import difflib

    found = difflib.get_close_matches(name, list(valid), n=1, cutoff=0.5)
    return found[0] if found else None

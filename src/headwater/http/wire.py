"""What goes over the wire: negotiation, envelopes, errors and entity tags.

Rows that the engine answers as JSON text are joined into their envelope as they are: nothing is built to be
thrown away.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Final
from urllib.parse import quote

import msgspec

from headwater.base.caches import remembered
from headwater.base.errors import Detail, Fault
from headwater.http import json_api
from headwater.http.decode import decode_form
from headwater.http.decode import decode_json as decode_json
from headwater.http.decode import decode_query as decode_query
from headwater.http.exchange import Exchange, Headers, Response
from headwater.http.routes import ACCEPT_HEADERS
from headwater.ir.parse import CURSOR_PROFILE

encode_json: Final[Callable[[Any], bytes]] = msgspec.json.Encoder(enc_hook=str).encode

# --- negotiation ---


@dataclass(frozen=True, slots=True, eq=False)
class Format:
    """A representation that clients can ask for: its media type, how values are written in it, and of JSON:API the
    profile. Each is one of a kind, and equal to itself alone."""

    media_type: str
    encode: Callable[[Any], bytes]
    profile: str | None = None

    @property
    def content_type(self) -> bytes:
        """The media type with its parameters."""
        profile = "" if self.profile is None else f';profile="{self.profile}"'
        return f"{self.media_type}{profile}".encode()


JSON: Final = Format("application/json", encode_json)
FORMATS: Final = (JSON,)

JSON_API: Final = Format("application/vnd.api+json", encode_json)
CURSORS: Final = Format(JSON_API.media_type, encode_json, CURSOR_PROFILE)
"""JSON:API 1.1, and with its profile for paging by cursor."""
RESOURCES: Final = (JSON, JSON_API)
"""What the rows of resources are offered in."""

JSON_PATCH: Final = "application/json-patch+json"

# How a request body is read, by media type. A route's `accepts` says which of them it takes.
DECODERS: Final[Mapping[str, Callable[[bytes], Any]]] = {
    "application/json": decode_json,
    "application/merge-patch+json": decode_json,
    JSON_API.media_type: decode_json,
    JSON_PATCH: decode_json,
    "application/x-www-form-urlencoded": decode_form,
}


@remembered(1024)
def negotiate(accept: bytes | None, formats: tuple[Format, ...] = FORMATS) -> Format:
    """The format that an `Accept` header prefers (RFC 9110, 12.5.1); the first one where it does not care.

    Raises: Fault NOT_ACCEPTABLE.
    """
    if accept is None or not accept.strip():
        return formats[0]
    ranges = _media_ranges(accept)
    if JSON_API in formats:
        # Those that ask for more than is known are to be ignored, and if there are no others, all is refused.
        named = [range for range in ranges if range.name == JSON_API.media_type]
        ranges = [range for range in ranges if range not in named or _is_known(range.parameters)]
        if named and not any(range in ranges for range in named):
            message = f"{JSON_API.media_type} has no extensions here, and no parameters but `profile`."
            raise Fault("NOT_ACCEPTABLE", message, [Detail("NOT_ACCEPTABLE", message, parameter="Accept")])
    best, best_quality = None, 0.0
    for offered in formats:
        quality = _quality(offered.media_type, ranges)
        if quality > best_quality:
            best, best_quality = offered, quality
    if best is None:
        names = ", ".join(offered.media_type for offered in formats)
        raise Fault(
            "NOT_ACCEPTABLE",
            f"This is represented as {names}.",
            [
                Detail(
                    "NOT_ACCEPTABLE",
                    "No offered media type matches.",
                    parameter="Accept",
                    hint=f"Accept {names}.",
                )
            ],
        )
    if best is JSON_API and any(
        range.name == best.media_type
        and range.quality == best_quality
        and CURSOR_PROFILE in range.parameters.get("profile", "").replace("http:", "https:").split()
        for range in ranges
    ):
        return CURSORS
    return best


@dataclass(frozen=True, slots=True)
class _Range:
    """One of the media ranges that an `Accept` header lists."""

    name: str
    quality: float
    parameters: Mapping[str, str]


_LISTED: Final = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+')
_PARAMETER: Final = re.compile(r';\s*([^\s=;]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^;]*))?')


def _media_ranges(accept: bytes) -> list[_Range]:
    return [_media_range(part) for part in _LISTED.findall(accept.decode("latin-1")) if part.strip()]


def _media_range(part: str) -> _Range:
    name, parameters = _media_type(part)
    try:
        quality = min(max(float(parameters.pop("q", "1")), 0.0), 1.0)
    except ValueError:
        quality = 0.0
    return _Range(name, quality, parameters)


def _media_type(text: str) -> tuple[str, dict[str, str]]:
    """The name of a media type, and its parameters."""
    name, semicolon, rest = text.partition(";")
    pairs = _PARAMETER.findall(semicolon + rest)
    return name.strip().lower(), {key.lower(): value.strip().strip('"') for key, value in pairs}


def _is_known(parameters: Mapping[str, str]) -> bool:
    """Whether JSON:API's media type asks for nothing that is not offered; profiles that are unknown do not matter."""
    return parameters.keys() <= {"ext", "profile"} and not parameters.get("ext", "").split()


def _quality(media_type: str, ranges: Iterable[_Range]) -> float:
    """What the most specific matching range gives to a media type."""
    quality, precision = 0.0, -1
    for range in ranges:
        name, given = range.name, range.quality
        if name == media_type:
            matched = 2
        elif name.endswith("/*") and media_type.startswith(name[:-1]):
            matched = 1
        elif name == "*/*":
            matched = 0
        else:
            continue
        if matched > precision or (matched == precision and given > quality):
            quality, precision = given, matched
    return quality


@remembered(1024)
def body_type(content_type: bytes | None, accepts: tuple[str, ...], header: str = "Accept-Post") -> str:
    """The media type of a request body; the first accepted one if the client does not tell.

    Raises: Fault UNSUPPORTED_MEDIA_TYPE, telling the accepted ones in the named header.
    """
    if content_type is None:
        return accepts[0]
    name, parameters = _media_type(content_type.decode("latin-1"))
    if name == JSON_API.media_type:
        understood = _is_known(parameters)
    else:
        understood = parameters.get("charset", "utf-8").lower() in ("utf-8", "utf8")
    if name in accepts and understood:
        return name
    names = ", ".join(accepts)
    raise Fault(
        "UNSUPPORTED_MEDIA_TYPE",
        f"Send {names}, in UTF-8.",
        [
            Detail(
                "UNSUPPORTED_MEDIA_TYPE", "The media type is not understood here.", parameter="Content-Type"
            )
        ],
        headers={header: names},
    )


def sent_type(exchange: Exchange, accepts: tuple[str, ...] = ()) -> str:
    """The media type of a request's body: one of those given, or else of those that its route accepts.

    Raises: Fault UNSUPPORTED_MEDIA_TYPE; Fault INVALID_FORMAT where a query does not tell.
    """
    accepts = accepts or exchange.route.accepts or (JSON.media_type,)
    header = ACCEPT_HEADERS.get(exchange.method, "Accept-Post")
    content_type = exchange.headers.get(b"content-type")
    if content_type is None and exchange.method == "QUERY":
        # RFC 10008: what a query means is said by its media type alone, so it must not be guessed.
        message = f"Say by Content-Type what the query is written in: {', '.join(accepts)}."
        detail = Detail("INVALID_FORMAT", message, parameter="Content-Type")
        raise Fault("INVALID_FORMAT", message, [detail], headers={header: ", ".join(accepts)})
    return body_type(content_type, accepts, header)


async def read_body(exchange: Exchange, accepts: tuple[str, ...] = ()) -> Any:
    """The decoded body of a request, in one of the given media types, or else of those its route accepts.

    Raises: Fault UNSUPPORTED_MEDIA_TYPE, and what `Exchange.body` and the decoder raise.
    """
    media_type = sent_type(exchange, accepts)
    if exchange.headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise Fault("UNSUPPORTED_MEDIA_TYPE", "Send the body without Content-Encoding.")
    return DECODERS[media_type](await exchange.body())


def accepted(exchange: Exchange) -> Format:
    """The format in which the rows of resources are answered. Where the client does not care, it is that of the body.

    Raises: Fault NOT_ACCEPTABLE.
    """
    formats = _DOCUMENTS_FIRST if sends_document(exchange) else RESOURCES
    return negotiate(exchange.headers.get(b"accept"), formats)


def sends_document(exchange: Exchange) -> bool:
    """Whether the body of a request is a document of JSON:API."""
    content_type = exchange.headers.get(b"content-type")
    return content_type is not None and _is_document(content_type)


@remembered(1024)
def _is_document(content_type: bytes) -> bool:
    return _media_type(content_type.decode("latin-1"))[0] == JSON_API.media_type


_DOCUMENTS_FIRST: Final = RESOURCES[::-1]

# --- envelopes ---

JSON_TYPE: Final = (b"content-type", b"application/json")


def one(
    row: str,
    request_id: str,
    *,
    meta: Mapping[str, Any] | None = None,
    links: Mapping[str, Any] | None = None,
) -> bytes:
    """The envelope of a single resource, whose JSON text is taken as it is."""
    return f'{{"data":{row},"meta":{_meta(request_id, meta)}{_links(links)}}}'.encode()


def many(
    rows: Sequence[str],
    request_id: str,
    *,
    pagination: Mapping[str, Any] | None = None,
    meta: Mapping[str, Any] | None = None,
    links: Mapping[str, Any] | None = None,
) -> bytes:
    """The envelope of a list of resources, whose JSON texts are taken as they are.

    A page without links says so with null: it was asked for in a body, and so are those beside it.
    """
    if pagination is not None:
        meta = {**(meta or {}), "pagination": pagination}
    related = ',"links":null' if links is None and pagination is not None else _links(links)
    return f'{{"data":[{",".join(rows)}],"meta":{_meta(request_id, meta)}{related}}}'.encode()


def _meta(request_id: str, meta: Mapping[str, Any] | None) -> str:
    # A request id holds nothing that JSON would escape: the context middleware sees to that.
    rest = "," + encode_json(meta)[1:-1].decode() if meta else ""
    return f'{{"requestId":"{request_id}"{rest}}}'


def _links(links: Mapping[str, Any] | None) -> str:
    return "" if links is None else f',"links":{encode_json(links).decode()}'


def link_header(links: Mapping[str, str | None]) -> bytes:
    """The same links as a `Link` header (RFC 8288); those that are None are left out."""
    return ", ".join(
        f'<{target}>; rel="{rel}"' for rel, target in links.items() if target is not None
    ).encode()


def json_response(value: Any, status: int = 200, headers: Headers | None = None) -> Response:
    """A response of a value, encoded."""
    return Response(status, [JSON_TYPE, *(headers or ())], encode_json(value))


# --- errors ---

PROBLEM_TYPE: Final = "application/problem+json"


def _error_body(fault: Fault, facts: Mapping[str, Any]) -> bytes:
    """A refusal in the JSON envelope."""
    first = {"code": fault.code, "number": fault.entry.number, "message": fault.message}
    return encode_json({"error": {**first, **facts}})


def _problem_body(fault: Fault, facts: Mapping[str, Any], path: str | None) -> bytes:
    """A refusal as a problem (RFC 9457), with what the envelope tells as further members. `path` is where it
    happened; the query string is left out, as it may hold what is nobody else's to see."""
    problem = {
        "type": f"/errors/{fault.code}",
        "title": fault.entry.meaning,
        "status": fault.status,
        "detail": fault.message,
    }
    if path is not None:
        problem["instance"] = quote(path, safe="-._~!$&'()*+,;=:@/%")
    return encode_json({**problem, **facts, **problem})


def _facts(fault: Fault, request_id: str, retry_after: str) -> dict[str, Any]:
    """What all forms of a refusal tell."""
    facts: dict[str, Any] = {
        "code": fault.code,
        "number": fault.entry.number,
        "requestId": request_id,
        "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "details": [_detail(detail) for detail in fault.details],
    }
    if fault.hint:
        facts["hint"] = fault.hint
    if retry_after.isdigit():
        facts["retryAfter"] = int(retry_after)
    return {**facts, **fault.facts}


@remembered(1024)
def error_type(accept: bytes | None) -> str:
    """The media type of refusals: another than JSON where an `Accept` header names it and gives it no less.

    Ranges such as `*/*` do not ask for another: who sends them gets the envelope of all answers.
    """
    if accept is None:
        return JSON.media_type
    given = {range.name: range.quality for range in sorted(_media_ranges(accept), key=lambda r: r.quality)}
    best = max((PROBLEM_TYPE, JSON_API.media_type), key=lambda name: given.get(name, 0.0))
    return (
        best
        if given.get(best, 0.0) > 0 and given[best] >= given.get(JSON.media_type, 0.0)
        else JSON.media_type
    )


def _detail(detail: Detail) -> dict[str, Any]:
    members = {
        "field": detail.field,
        "parameter": detail.parameter,
        "code": detail.code,
        "message": detail.message,
        "hint": detail.hint,
        **detail.facts,
    }
    return {name: value for name, value in members.items() if value is not None or name in detail.facts}


def error_response(
    fault: Fault,
    request_id: str,
    accept: bytes | None = None,
    path: str | None = None,
    *,
    sent: bool = True,
) -> Response:
    """A refusal as a response, in the form that the client's `Accept` header asks for, of what was asked at a path, and
    perhaps `sent` there.

    401 challenges (RFC 6750, 3), 429 and 503 say when to come back.
    """
    headers = dict(fault.headers)
    if fault.status == 401:
        headers.setdefault("WWW-Authenticate", 'Bearer realm="headwater"')
    elif fault.status in (429, 503):
        headers.setdefault("Retry-After", str(fault.facts.get("retryAfter", 1)))
    facts = _facts(fault, request_id, headers.get("Retry-After", ""))
    status, media_type = fault.status, error_type(accept)
    if media_type == PROBLEM_TYPE:
        body = _problem_body(fault, facts, path)
    elif media_type == JSON_API.media_type:
        status = json_api.status(fault)
        body = encode_json(json_api.errors(fault, facts, sent=sent))
    else:
        body = _error_body(fault, facts)
    encoded = [(b"content-type", media_type.encode()), (b"cache-control", b"no-store"), (b"vary", b"Accept")]
    encoded += [(name.lower().encode(), _header_value(value)) for name, value in headers.items()]
    return Response(status, encoded, body)


def refusal(fault: Fault, exchange: Exchange) -> Response:
    """The response that refuses a request."""
    accept = exchange.headers.get(b"accept")
    if accept in (None, b"*/*") and sends_document(exchange):
        accept = JSON_API.media_type.encode()
    sent = bool(exchange.route.accepts)
    return error_response(fault, exchange.request_id, accept, exchange.path, sent=sent)


_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _header_value(text: str) -> bytes:
    """Text as a header value: what could end the header, or is not in its character set, is replaced."""
    return _CONTROL.sub(" ", text).encode("latin-1", "replace")


# --- entity tags ---

_TAG = re.compile(rb'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"\s*(?:,|$)')


def etag(body: bytes, version: int | None = None) -> bytes:
    """The strong tag of a representation, `"version.hash"`; `"hash"` where there is no version.

    `body` is what the client's copy depends on: the row's JSON, without the request id around it.
    """
    digest = blake2b(body, digest_size=8).hexdigest().encode()
    return b'"%s"' % digest if version is None else b'"%d.%s"' % (version, digest)


def if_none_match(header: bytes | None, tag: bytes) -> bool:
    """Whether the client has this representation: `*`, or any tag, compared weakly (RFC 9110, 13.1.2)."""
    if header is None:
        return False
    return (
        header == tag
        or header.strip() == b"*"
        or any(value == tag[1:-1] for _, value in _TAG.findall(header))
    )


def if_match(header: bytes | None) -> tuple[int, ...] | None:
    """The versions that an `If-Match` header admits; None for any (`*`, or no header).

    Only the version counts, as a tag's hash also tells how the row was represented. Weak tags never match
    (RFC 9110, 13.1.1), nor do foreign ones: for those alone the tuple is empty, and the precondition fails. A header
    that is no list of tags says nothing that could fail, and means a client's mistake, so it is refused as malformed
    (RFC 9110, 15.5.1). Raises: Fault INVALID_FORMAT.
    """
    if header is None or header.strip() == b"*":
        return None
    if not header.strip(b" \t,") or _TAG.sub(b"", header).strip(b" \t,"):
        message = "If-Match must hold entity tags in double quotes, separated by commas, or `*`."
        hint = 'Send the `ETag` of the row as it came, quotes included: `If-Match: "3.a1b2"`.'
        raise Fault(
            "INVALID_FORMAT", message, [Detail("INVALID_FORMAT", message, parameter="If-Match", hint=hint)]
        )
    versions = (value.split(b".")[0] for weak, value in _TAG.findall(header) if not weak)
    return tuple(int(version) for version in versions if version.isdigit() and len(version) < 19)


def tagged(exchange: Exchange, tag: bytes, response: Response) -> Response:
    """The response with its entity tag; 304 without a body where the client has it (RFC 9110, 15.4.5)."""
    if response.status == 200 and exchange.method in ("GET", "HEAD"):
        header = exchange.headers.get(b"if-none-match")
        if header is not None and if_none_match(header, tag):
            kept = (b"cache-control", b"content-location", b"date", b"expires", b"vary")
            return Response(304, [(b"etag", tag), *(pair for pair in response.headers if pair[0] in kept)])
    response.headers.append((b"etag", tag))
    return response

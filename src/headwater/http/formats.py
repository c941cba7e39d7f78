"""Which representations are offered and understood, and which of them a request asks for or sends."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from headwater.base.caches import remembered
from headwater.base.errors import Detail, Fault
from headwater.http.decode import decode_form, decode_json
from headwater.http.exchange import Exchange
from headwater.http.routes import ACCEPT_HEADERS
from headwater.ir.parse import CURSOR_PROFILE

encode_json: Final[Callable[[Any], bytes]] = msgspec.json.Encoder(enc_hook=str).encode


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

GRAPHQL: Final = Format("application/graphql-response+json", encode_json)
"""Responses of GraphQL, whose status tells whether anything was executed."""

PROBLEM_TYPE: Final = "application/problem+json"

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
def error_type(accept: bytes | None) -> str:
    """The media type of refusals: another than JSON where an `Accept` header names it and gives it no less.

    Ranges such as `*/*` do not ask for another: who sends them gets the envelope of all answers.
    """
    if accept is None:
        return JSON.media_type
    given = {range.name: range.quality for range in sorted(_media_ranges(accept), key=lambda r: r.quality)}
    others = (PROBLEM_TYPE, JSON_API.media_type, GRAPHQL.media_type)
    best = max(others, key=lambda name: given.get(name, 0.0))
    return (
        best
        if given.get(best, 0.0) > 0 and given[best] >= given.get(JSON.media_type, 0.0)
        else JSON.media_type
    )


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

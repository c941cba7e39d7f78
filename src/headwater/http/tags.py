"""Entity tags and the preconditions that name them (RFC 9110, 8.8.3 and 13.1)."""

import re
from hashlib import blake2b

from headwater.base.errors import Detail, Fault
from headwater.http.exchange import Exchange, Response

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

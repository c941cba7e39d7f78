"""Which web pages may read answers (Fetch Standard, 3.2). Closed unless origins are configured."""

import re
from collections.abc import Sequence
from typing import Final

from headwater.http.exchange import Exchange, Handler, Middleware, Response

_LOCAL: Final = re.compile(rb"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?").fullmatch
_METHODS: Final = b"GET, HEAD, QUERY, POST, PUT, PATCH, DELETE, OPTIONS"
_PREFLIGHT: Final = [
    (
        b"access-control-allow-headers",
        b"Accept, Accept-Language, Authorization, Content-Type, If-Match, If-None-Match, Prefer, X-Request-Id, "
        b"traceparent, tracestate",
    ),
    (b"access-control-max-age", b"86400"),
]
_EXPOSED: Final = (
    b"access-control-expose-headers",
    b"X-Request-Id, ETag, Location, Content-Location, Link, X-Total-Count, X-Pagination-Pages, "
    b"Allow, Accept-Query, Accept-Post, Accept-Patch, Preference-Applied, Retry-After, WWW-Authenticate",
)


def cors(origins: Sequence[str] = (), *, local: bool = False) -> Middleware:
    """Let pages of these origins read answers; with `local`, pages served from this machine on any port too.

    Credentials are not allowed: callers send their token in a header, and cookies play no part.
    """
    allowed = frozenset(origin.lower().encode() for origin in origins)
    everyone = b"*" in allowed

    def allow(origin: bytes) -> bytes | None:
        if everyone:
            return b"*"
        return origin if origin.lower() in allowed or (local and _LOCAL(origin)) else None

    def wrap(handler: Handler) -> Handler:
        if not allowed and not local:
            return handler

        async def sharing(exchange: Exchange) -> Response:
            headers = exchange.headers
            origin = headers.get(b"origin")
            response = await handler(exchange)
            if not everyone:
                response.vary(b"Origin")
            if origin is None or (granted := allow(origin)) is None:
                return response
            if response.header(b"access-control-allow-origin") is not None:
                return response  # a mounted application looks after this itself
            if exchange.method == "OPTIONS" and b"access-control-request-method" in headers:
                # An unknown path is allowed here, so that the page gets to see the 404 of its real request; so is a
                # mounted application's that answers no OPTIONS.
                methods = (response.status < 400 and response.header(b"allow")) or _METHODS
                kept = [pair for pair in response.headers if pair[0] in (b"allow", b"vary")]
                response = Response(204, [*kept, (b"access-control-allow-methods", methods), *_PREFLIGHT])
            else:
                response.headers.append(_EXPOSED)
            response.headers.append((b"access-control-allow-origin", granted))
            return response

        return sharing

    return wrap

"""Headers that keep browsers from doing more with an answer than was meant (OWASP HTTP Headers)."""

from typing import Final

from headwater.http.exchange import Exchange, Handler, Headers, Middleware, Response

_HEADERS: Final[Headers] = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"default-src 'self'"),
    (b"referrer-policy", b"strict-origin-when-cross-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-xss-protection", b"0"),
]
_TLS: Final = (b"strict-transport-security", b"max-age=31536000")


def security(*, tls: bool = False) -> Middleware:
    """Add the headers, except those that a handler has set itself; HSTS with `tls`: where clients use TLS."""
    headers = [*_HEADERS, _TLS] if tls else _HEADERS
    names = frozenset(name for name, _ in headers)

    def wrap(handler: Handler) -> Handler:
        async def secured(exchange: Exchange) -> Response:
            response = await handler(exchange)
            for name, _ in response.headers:
                if name in names:
                    own = {name for name, _ in response.headers}
                    response.headers += [pair for pair in headers if pair[0] not in own]
                    return response
            response.headers += headers
            return response

        return secured

    return wrap

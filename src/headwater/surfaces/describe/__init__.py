"""What the application says of itself: its OpenAPI document, made when it is first asked for and then kept."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

from headwater.base.errors import Detail, Fault
from headwater.http.exchange import Exchange, Response
from headwater.http.routes import Form, Route
from headwater.http.wire import Format, decode_query, encode_json, etag, negotiate, tagged
from headwater.ir.model import Model
from headwater.surfaces.describe.openapi import document as document

FORMATS: Final = (
    Format("application/json", encode_json),
    Format("application/openapi+json", encode_json),
    Format("application/vnd.oai.openapi+json", encode_json),
)
_CACHED: Final = (b"cache-control", b"public, no-cache")
_VARY: Final = (b"vary", b"accept")


def routes(
    model: Model, others: Iterable[Route], *, title: str, description: str = "", version: str = "v1"
) -> list[Route]:
    """The routes of the document about the other routes, and about these: the newest version's, and `version`'s."""

    @lru_cache(1)
    def made() -> tuple[bytes, bytes]:
        table = (*others, *own)
        body = encode_json(document(model, table, title=title, description=description, version=version))
        return body, etag(body)

    async def serve(exchange: Exchange) -> Response:
        format = negotiate(exchange.header(b"accept"), FORMATS)
        refused = [
            Detail("INVALID_PARAMETER", f"`{name}` means nothing here; leave it out.", parameter=name)
            for name, _ in decode_query(exchange.query)
        ]
        if refused:
            raise Fault("INVALID_PARAMETER", refused[0].message, refused)
        body, tag = made()
        headers = [(b"content-type", format.media_type.encode()), _CACHED, _VARY]
        return tagged(exchange, tag, Response(200, headers, body))

    said = "What this API offers, in OpenAPI 3.1"
    form = Form(_DOCUMENT, codes=("INVALID_PARAMETER", "NOT_ACCEPTABLE"))
    own = [
        Route("GET", "/api/openapi.json", serve, "openapi.newest", f"{said}: its newest version.",
              authenticates=False, form=form),
        Route("GET", f"/api/{version}/openapi.json", serve, f"openapi.{version}", f"{said}.",
              authenticates=False, form=form),
    ]  # fmt: skip
    return own


_DOCUMENT: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"openapi": {"const": "3.1.0"}, "info": {"type": "object"}, "paths": {"type": "object"}},
    "required": ["openapi", "info", "paths"],
}

__all__ = ["document", "routes"]

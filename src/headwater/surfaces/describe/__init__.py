"""What the application says of itself: its OpenAPI document, made when it is first asked for and then kept."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Final

from headwater.base.errors import Detail, Fault
from headwater.http.decode import decode_query
from headwater.http.exchange import Exchange, Handler, Response
from headwater.http.formats import Format, encode_json, negotiate
from headwater.http.routes import Form, Route
from headwater.http.tags import etag, tagged
from headwater.ir.model import Model
from headwater.surfaces import BASE, VERSION
from headwater.surfaces.describe.older import downgraded as downgraded
from headwater.surfaces.describe.openapi import document as document
from headwater.surfaces.describe.yaml import encode_yaml as encode_yaml

JSON: Final = tuple(
    Format(name, encode_json)
    for name in ("application/json", "application/openapi+json", "application/vnd.oai.openapi+json")
)
YAML: Final = tuple(
    Format(name, encode_yaml)
    for name in ("application/yaml", "application/openapi+yaml", "application/vnd.oai.openapi")
)
VERSIONS: Final = ("3.1", "3.0")
"""The versions of OpenAPI that are spoken, the one that is spoken unasked first."""
_CACHED: Final = (b"cache-control", b"public, no-cache")
_VARY: Final = (b"vary", b"accept")


def routes(model: Model, others: Iterable[Route], **about: Any) -> list[Route]:
    """The routes of the document about the other routes, and about these: the newest version's, and `VERSION`'s, each
    in JSON and YAML, and each in either at its address where `Accept` prefers that."""

    @lru_cache(2 * len(VERSIONS))
    def written(openapi: str, encode: Callable[[Any], bytes]) -> tuple[bytes, bytes]:
        found = document(model, (*others, *own), **about)
        body = encode(found if openapi == VERSIONS[0] else downgraded(found))
        return body, etag(body)

    def serve(formats: tuple[Format, ...]) -> Handler:
        async def serving(exchange: Exchange) -> Response:
            format = negotiate(exchange.headers.get(b"accept"), formats)
            body, tag = written(_version(exchange), format.encode)
            headers = [(b"content-type", format.media_type.encode()), _CACHED, _VARY]
            return tagged(exchange, tag, Response(200, headers, body))

        return serving

    own = []
    for place, name, what in (("/api", "newest", ": its newest version"), (BASE, VERSION, "")):
        for suffix, formats in (("json", JSON + YAML), ("yaml", YAML + JSON)):
            own.append(
                Route(
                    "GET",
                    f"{place}/openapi.{suffix}",
                    serve(formats),
                    f"openapi.{name}" + ("" if suffix == "json" else ".yaml"),
                    f"What this API offers, in OpenAPI{what}.",
                    authenticates=False,
                    form=Form(
                        _DOCUMENT,
                        codes=("INVALID_PARAMETER", "NOT_ACCEPTABLE"),
                        types=tuple(format.media_type for format in formats),
                        query={"version": _VERSION},
                        tagged=True,
                    ),
                )
            )
    return own


def _version(exchange: Exchange) -> str:
    """Which OpenAPI is asked for. Raises Fault INVALID_PARAMETER."""
    wanted = None
    for name, value in decode_query(exchange.query):
        if name != "version":
            problem = f"`{name}` means nothing here; leave it out."
        elif wanted is not None:
            problem = "`version` is given more than once."
        elif value not in VERSIONS:
            problem = f"`version` is the version of OpenAPI: {' or '.join(VERSIONS)}."
        else:
            wanted = value
            continue
        raise Fault("INVALID_PARAMETER", problem, [Detail("INVALID_PARAMETER", problem, parameter=name)])
    return wanted or VERSIONS[0]


_VERSION: Final[dict[str, Any]] = {
    "description": "The version of OpenAPI in which the document is written.",
    "schema": {"type": "string", "enum": list(VERSIONS), "default": VERSIONS[0]},
    "example": VERSIONS[1],
}
_DOCUMENT: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "openapi": {"type": "string", "examples": ["3.1.0"]},
        "info": {"type": "object", "examples": [{"title": "Studio", "version": "v1"}]},
        "paths": {"type": "object"},
    },
    "required": ["openapi", "info", "paths"],
}

__all__ = ["document", "downgraded", "encode_yaml", "routes"]

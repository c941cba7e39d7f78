"""The playground: GraphiQL with a way to sign in, bundled by `make web` so that it needs no other server.

The bundle is read whole when it is first asked for. Its files are kept compressed, as nearly every browser wants them.
"""

import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from headwater.base.errors import Fault
from headwater.http.exchange import Exchange, Response
from headwater.http.routes import Route

STATIC: Final = Path(__file__).parent / "static"

_TYPES: Final[Mapping[str, bytes]] = {
    ".css": b"text/css; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".svg": b"image/svg+xml",
    ".ttf": b"font/ttf",
    ".woff2": b"font/woff2",
}

# The editor styles its lines one by one, and has some pictures in its style sheet; all else comes from here.
_POLICY: Final = (
    b"default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; font-src 'self'; "
    b"style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    b"form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
_HTML: Final = (b"content-type", b"text/html; charset=utf-8")
# Asked for again each time: it names the files of the bundle that is there now.
_PAGE: Final = (_HTML, (b"cache-control", b"no-cache"), (b"vary", b"Accept"))
_KEEP: Final = (b"cache-control", b"public, max-age=31536000, immutable")
_VARY: Final = (b"vary", b"Accept-Encoding")

_MISSING: Final = b"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>GraphQL playground</title>
<h1>The playground is not built</h1>
<p>GraphQL itself is served here. To have the playground as well, run <code>make web</code> in a checkout of Headwater,
or install its wheel again, and restart the server.</p>
</html>
"""


@dataclass(frozen=True, slots=True)
class _Bundle:
    """The page, and by name the type and compressed content of each file that it may load."""

    page: str
    files: Mapping[str, tuple[bytes, bytes]]


def page(base: str = "/graphql") -> Response:
    """The page of the playground, whose files are those of `routes(base)`."""
    bundle = _bundle(STATIC)
    if bundle is None:
        return Response(200, list(_PAGE), _MISSING)
    body = bundle.page.replace('"./assets/', f'"{base}/assets/').encode()
    return Response(200, [*_PAGE, (b"content-security-policy", _POLICY)], body)


def routes(base: str) -> list[Route]:
    """The route of the files that the page loads. Each has a name of its own for each content."""
    return [
        Route(
            "GET",
            f"{base}/assets/{{file}}",
            _file,
            "graphql.assets",
            "What the GraphQL playground loads.",
            authenticates=False,
            documented=False,
        )
    ]


async def _file(exchange: Exchange) -> Response:
    bundle = _bundle(STATIC)
    found = None if bundle is None else bundle.files.get(exchange.path_parameters["file"])
    if found is None:
        raise Fault("RESOURCE_NOT_FOUND", "The playground has no such file.")
    media_type, compressed = found
    headers = [(b"content-type", media_type), _KEEP, _VARY]
    if _GZIP.search(exchange.headers.get(b"accept-encoding", b"")):
        return Response(200, [*headers, (b"content-encoding", b"gzip")], compressed)
    return Response(200, headers, gzip.decompress(compressed))


_GZIP: Final = re.compile(rb"(?:^|[,\s])gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$))|,|$)", re.IGNORECASE)
"""An `Accept-Encoding` header (RFC 9110, 12.5.3) that names gzip and does not refuse it."""


@lru_cache(8)
def _bundle(folder: Path) -> _Bundle | None:
    """What was built into a folder; None where nothing was."""
    index = folder / "index.html"
    if not index.exists():
        return None
    files = {}
    for file in (folder / "assets").iterdir():
        name = file.name.removesuffix(".gz")
        files[name] = _TYPES[Path(name).suffix], file.read_bytes()
    return _Bundle(index.read_text(encoding="utf-8"), files)

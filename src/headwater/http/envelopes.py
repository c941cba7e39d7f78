"""The JSON around what is answered.

Rows that the engine answers as JSON text are joined into their envelope as they are: nothing is built to be
thrown away.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from headwater.http.exchange import Headers, Response
from headwater.http.formats import encode_json

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

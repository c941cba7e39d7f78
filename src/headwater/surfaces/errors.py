"""What the errors mean: `/errors` and `/errors/CODE`, where the `type` of a problem (RFC 9457) leads.

They are made from the one registry, as JSON for programs and as a page for people.
"""

from html import escape
from typing import Any, Final

from headwater.base.errors import REGISTRY, ErrorCode, Fault, nearest
from headwater.http.envelopes import one
from headwater.http.exchange import Exchange, Response
from headwater.http.formats import JSON, Format, encode_json, negotiate
from headwater.http.routes import Form, Route
from headwater.surfaces.envelope import enveloped, example, whole

_TEXTS: Final = ("text/html",)
_TEXT, _NUMBER = {"type": "string"}, {"type": "integer"}
_ENTRY: Final = whole(
    {"code": _TEXT, "number": _NUMBER, "status": _NUMBER, "meaning": _TEXT, "remedy": _TEXT, "type": _TEXT}
)
_KEEP: Final = (b"cache-control", b"public, max-age=3600")


def routes() -> list[Route]:
    """The list of all errors, and a page for each."""
    doc = "What the errors mean, and what to do."
    every = Form(enveloped({"type": "array", "items": _ENTRY}), codes=("NOT_ACCEPTABLE",), texts=_TEXTS,
                 example=example([_facts(REGISTRY["INVALID_CREDENTIALS"])]))  # fmt: skip
    one_of_them = Form(
        enveloped(_ENTRY),
        codes=("NOT_ACCEPTABLE", "RESOURCE_NOT_FOUND"),
        texts=_TEXTS,
        path={"code": "RESOURCE_NOT_FOUND"},
        example=example(_facts(REGISTRY["RESOURCE_NOT_FOUND"])),
    )
    return [
        Route("GET", "/errors", _all, "errors", doc, authenticates=False, form=every),
        Route("GET", "/errors/{code}", _one, "error", doc, authenticates=False, form=one_of_them),
    ]


async def _all(exchange: Exchange) -> Response:
    return _answer(exchange, [_facts(entry) for entry in REGISTRY.values()])


async def _one(exchange: Exchange) -> Response:
    code = exchange.path_parameters["code"]
    entry = REGISTRY.get(code.upper())
    if entry is None:
        near = nearest(code[:80].upper(), REGISTRY)
        mend = f"did you mean `{near}`?" if near else "`/errors` lists all."
        raise Fault("RESOURCE_NOT_FOUND", f"There is no error `{code[:80]}`; {mend}")
    return _answer(exchange, _facts(entry))


def _facts(entry: ErrorCode) -> dict[str, Any]:
    return {
        "code": entry.name,
        "number": entry.number,
        "status": entry.status,
        "meaning": entry.meaning,
        "remedy": entry.remedy,
        "type": f"/errors/{entry.name}",
    }


def _page(value: Any) -> bytes:
    entries = value if isinstance(value, list) else [value]
    title = "Errors" if isinstance(value, list) else value["code"]
    parts = [
        f'<section><h2><a href="{escape(e["type"])}">{escape(e["code"])}</a></h2>'
        f"<p>{escape(e['meaning'])}</p><p>{escape(e['remedy'])}</p>"
        f"<p>Status {e['status']}, number {e['number']}.</p></section>"
        for e in entries
    ]
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
    return f"{head}<h1>{escape(title)}</h1>{''.join(parts)}</html>".encode()


_HTML: Final = Format("text/html", _page)


def _answer(exchange: Exchange, value: Any) -> Response:
    if negotiate(exchange.headers.get(b"accept"), (JSON, _HTML)) is _HTML:
        media_type, body = b"text/html; charset=utf-8", _page(value)
    else:
        media_type, body = b"application/json", one(encode_json(value).decode(), exchange.request_id)
    return Response(200, [(b"content-type", media_type), _KEEP, (b"vary", b"Accept")], body)

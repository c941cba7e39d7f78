"""Where a page stands among the others: `meta.pagination` and the links."""

import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, unquote_to_bytes

from headwater.ir.query import Answer, Cursor, Numbered

Links = dict[str, str | None]

# What a URI may hold (RFC 3986) and JSON and a Link header need not escape.
_PLAIN: Final = re.compile(rb"[A-Za-z0-9\-._~!$&'()*+,;=:@/?%\[\]]*")
_SAFE: Final = "-._~!$&'()*+,;=:@/?%[]"


def pagination(page: Cursor | Numbered, answer: Answer) -> dict[str, Any]:
    """`meta.pagination`."""
    if isinstance(page, Numbered):
        total = answer.total or 0
        return {"page": page.number, "perPage": page.size, "total": total, "pages": _pages(page, total)}
    return {
        "limit": page.limit,
        "nextCursor": answer.next,
        "prevCursor": answer.prev,
        "hasMore": answer.next is not None,
    }


@dataclass(frozen=True, slots=True)
class Spelling:
    """The parameters that lead to other pages, as they are written into links; `names` are the same as clients may
    write them."""

    page: str
    after: str
    before: str
    names: tuple[bytes, ...]


PLAIN: Final = Spelling("page", "cursor", "cursor", (b"page", b"cursor"))
JSON_API: Final = Spelling(
    "page%5Bnumber%5D",
    "page%5Bafter%5D",
    "page%5Bbefore%5D",
    (b"page[number]", b"page[after]", b"page[before]"),
)


def links(
    path: str, query: bytes, page: Cursor | Numbered, answer: Answer, spelling: Spelling = PLAIN
) -> Links:
    """The page itself, the first, the one before and the one after; where pages are numbered, the last as well.

    They are relative to the host, and keep the parameters as they were sent.
    """
    path, here = _plain(path.encode("latin-1", "replace")), _plain(query)
    base = f"{path}?"

    def to(name: str, value: object) -> str:
        return f"{base}{rest}&{name}={value}" if rest else f"{base}{name}={value}"

    if isinstance(page, Numbered):
        rest = _without(here, spelling.names)
        last = max(_pages(page, answer.total or 0), 1)
        return {
            "self": base + here if here else path,
            "first": to(spelling.page, 1),
            "prev": to(spelling.page, min(page.number - 1, last)) if page.number > 1 else None,
            "next": to(spelling.page, page.number + 1) if page.number < last else None,
            "last": to(spelling.page, last),
        }
    rest = _without(here, spelling.names) if page.token is not None else here
    return {
        "self": base + here if here else path,
        "first": base + rest if rest else path,
        "prev": None if answer.prev is None else to(spelling.before, answer.prev),
        "next": None if answer.next is None else to(spelling.after, answer.next),
    }


def alone(path: str, query: bytes) -> Links:
    """The link of what has no other pages."""
    return {"self": f"{_plain(path.encode('latin-1', 'replace'))}?{_plain(query)}"}


def _pages(page: Numbered, total: int) -> int:
    return -(-total // page.size)


def _plain(sent: bytes) -> str:
    """As sent, with whatever is not allowed in a URI percent-encoded."""
    return sent.decode("ascii") if _PLAIN.fullmatch(sent) else quote(sent, safe=_SAFE)


def _without(query: str, names: tuple[bytes, ...]) -> str:
    """The query string without some parameters, however their names are encoded."""
    parts = (part for part in query.split("&") if part)
    return "&".join(part for part in parts if unquote_to_bytes(part.partition("=")[0]) not in names)

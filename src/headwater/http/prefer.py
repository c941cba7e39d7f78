"""What a client prefers of an answer (RFC 7240): `Prefer: return=minimal` and `return=representation`.

Of the other preferences `handling=lenient` is not honoured, since nothing that is not understood is ever ignored
here; and what is not honoured is not acknowledged.
"""

import re
from typing import Final

from headwater.base.caches import remembered
from headwater.http.exchange import Exchange

_PIECE: Final = re.compile(rb'"[^"]*"|[^",]+|,|"')


def wanted_return(exchange: Exchange) -> bytes | None:
    """`minimal` or `representation`, if the client prefers one of them; else None."""
    header = exchange.headers.get(b"prefer")
    return None if header is None else _return(header)


@remembered(1024)
def _return(header: bytes) -> bytes | None:
    preferences = [b""]
    for piece in _PIECE.findall(header):
        if piece == b",":
            preferences.append(b"")
        else:
            preferences[-1] += piece
    for preference in preferences:
        name, _, value = preference.partition(b";")[0].partition(b"=")
        if name.strip().lower() == b"return":
            # Of a preference that is given more than once only the first counts (RFC 7240, 2).
            chosen = value.strip().strip(b'"').lower()
            return chosen if chosen in (b"minimal", b"representation") else None
    return None

"""Answers tell how long the database took (W3C Server Timing)."""

from headwater.db.timed import Waited, waited
from headwater.http.exchange import Exchange, Handler, Response


def timing(handler: Handler) -> Handler:
    """`Server-Timing: db;dur=1.25;desc="2 statements"`: the milliseconds that a `TimedStore` has noted until the answer
    begins."""

    async def timed(exchange: Exchange) -> Response:
        note = Waited()
        before = waited.set(note)
        try:
            response = await handler(exchange)
        finally:
            waited.reset(before)
        some = b"statement" if note.statements == 1 else b"statements"
        told = b'db;dur=%.3f;desc="%d %s"' % (note.seconds * 1000, note.statements, some)
        response.headers.append((b"server-timing", told))
        return response

    return timed

"""Every request gets an id and a deadline."""

import re
import time
from random import getrandbits
from typing import Final

from headwater.http.exchange import Exchange, Handler, Middleware, Response

_VALID: Final = re.compile(rb"[A-Za-z0-9_-]{1,64}").fullmatch


def context(timeout: float | None) -> Middleware:
    """Take the client's `X-Request-Id` where it is one, else make one, and send it back; set the deadline.

    `timeout` is in seconds. The trace context needs nothing here: `Exchange.traceparent` makes it when asked.
    """

    def wrap(handler: Handler) -> Handler:
        async def with_context(exchange: Exchange) -> Response:
            sent = exchange.headers.get(b"x-request-id")
            # Ids tell requests apart and guard nothing, so they need not be hard to guess.
            encoded = sent if sent is not None and _VALID(sent) else b"req_%024x" % getrandbits(96)
            exchange.request_id = encoded.decode("ascii")
            if timeout is not None:
                exchange.deadline = time.monotonic() + timeout
            response = await handler(exchange)
            response.headers.append((b"x-request-id", encoded))
            return response

        return with_context

    return wrap

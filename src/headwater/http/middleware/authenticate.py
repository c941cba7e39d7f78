"""Who is calling (RFC 6750)."""

import re
from dataclasses import replace
from typing import NoReturn

from headwater.base.call import ANONYMOUS, Call
from headwater.base.errors import Fault
from headwater.base.protocols import Authenticator
from headwater.http.exchange import Exchange, Handler, Middleware, Response


def authenticate(authenticator: Authenticator) -> Middleware:
    """Give each exchange its `Call`: of nobody without an `Authorization` header; with a bad one it is 401.

    That refusal takes the place of the route's handler, so that what lies further in sees it pass like any other.
    """

    def wrap(handler: Handler) -> Handler:
        async def authenticated(exchange: Exchange) -> Response:
            sent = exchange.headers.get(b"authorization")
            if sent is None or not exchange.route.authenticates:
                actor = ANONYMOUS
            else:
                try:
                    actor = await authenticator.actor(bearer_token(sent))
                except Fault as fault:
                    if fault.status == 401:
                        fault.headers.setdefault("WWW-Authenticate", _challenge(fault.message))
                    actor = ANONYMOUS
                    exchange.route = replace(exchange.route, handler=_refusing(fault))
            exchange.call = Call(actor=actor, request_id=exchange.request_id, deadline=exchange.deadline)
            return await handler(exchange)

        return authenticated

    return wrap


def _refusing(fault: Fault) -> Handler:
    async def refuse(exchange: Exchange) -> NoReturn:
        raise fault

    return refuse


def bearer_token(header: bytes) -> str:
    """The token of an `Authorization` header. Raises: Fault INVALID_CREDENTIALS."""
    if header[:7].lower() == b"bearer " and header.isascii():
        return header[7:].strip().decode("ascii")
    raise Fault("INVALID_CREDENTIALS", "The Authorization header is not of the form `Bearer <token>`.")


def _challenge(message: str) -> str:
    """RFC 6750, 3: the description is ASCII without quotation marks and backslashes."""
    description = re.sub(r'[^\x20-\x7e]|["\\]', "'", message)
    return f'Bearer realm="headwater", error="invalid_token", error_description="{description}"'

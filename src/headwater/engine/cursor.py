"""Cursors: opaque, signed places in an order.

A cursor holds the sort values and id of a row, the direction, and the instant that the first page called "now".
Its signature covers the shape and the values of the query that it was issued for, so it fits no other.
"""

import base64
import binascii
from collections.abc import Sequence
from datetime import date, datetime
from hashlib import blake2b
from typing import Any

import msgspec

from headwater.base.errors import Detail, Fault
from headwater.db.base import Dialect
from headwater.ir.model import Kind, Type

_SIGNATURE = 12
_encode = msgspec.msgpack.Encoder(enc_hook=str).encode


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a page starts: after the row with these sort values (the id last), or before it."""

    keys: list[Any]
    backward: bool
    now: datetime | None


_decode_place = msgspec.msgpack.Decoder(Place).decode


def binding(digest: bytes, values: Sequence[Any]) -> bytes:
    """What ties a cursor to its query: the plan's digest and the query's values."""
    return digest + _encode(list(values))


def issue(secret: bytes, bound: bytes, place: Place) -> str:
    """The token of a place."""
    payload = _encode(place)
    signature = blake2b(payload + bound, key=secret, digest_size=_SIGNATURE).digest()
    return base64.urlsafe_b64encode(signature + payload).rstrip(b"=").decode()


def open_token(secret: bytes, bound: bytes, token: str) -> Place:
    """The place of a token. Raises Fault INVALID_CURSOR if it was not issued for this query."""
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        payload = raw[_SIGNATURE:]
        signature = blake2b(payload + bound, key=secret, digest_size=_SIGNATURE).digest()
        if signature == raw[:_SIGNATURE]:
            return _decode_place(payload)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        pass
    detail = Detail("INVALID_CURSOR", "Send it unchanged, with the same parameters.", parameter="cursor")
    raise Fault("INVALID_CURSOR", details=[detail])


def native(value: Any, type: Type, dialect: Dialect) -> Any:
    """A cursor's sort value as a parameter: a day or an instant, where the driver speaks in those."""
    if value is None or dialect.encoder(type) is not None:
        return value
    match type.kind:
        case Kind.DATE:
            return date.fromisoformat(value)
        case Kind.DATETIME:
            return datetime.fromisoformat(value)
    return value

"""Python values to the forms in which databases keep them, and back.

What both stores keep alike is written once here; each dialect adds what its driver does by itself.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Context, Decimal, Inexact
from typing import Any

import msgspec

from headwater.ir.model import Kind, Type
from headwater.ir.scalars import datetime_wire, duration_wire

Convert = Callable[[Any], Any]

MICROSECOND = timedelta(microseconds=1)
_EXACT = Context(prec=64, traps=[Inexact])
_json_encoder = msgspec.json.Encoder()
json_decode = msgspec.json.Decoder().decode


def json_encode(value: Any) -> str:
    """Compact JSON text."""
    return _json_encoder.encode(value).decode()


def scale(places: int) -> Convert:
    """From a decimal to the whole number that stores it. Raises ArithmeticError where digits would be lost."""
    one = Decimal(1)

    def encode(value: Any) -> int:
        number = value if isinstance(value, Decimal) else Decimal(value)
        return int(number.scaleb(places, _EXACT).quantize(one, context=_EXACT))

    return encode


def unscale(places: int) -> Convert:
    """The inverse of `scale`: a decimal with exactly `places` digits after the point."""

    def decode(value: Any) -> Decimal:
        return Decimal(value).scaleb(-places, _EXACT)

    return decode


def microseconds(value: timedelta) -> int:
    """A duration as whole microseconds, exactly."""
    return (value.days * 86_400 + value.seconds) * 1_000_000 + value.microseconds


def duration(value: int) -> timedelta:
    """The inverse of `microseconds`."""
    return value * MICROSECOND


def plain_float(value: Any) -> float:
    """A float without a negative zero, which SQLite cannot keep."""
    return float(value) + 0.0


def duration_value(text: str) -> timedelta:
    """The inverse of `duration_wire`."""
    sign = -1 if text.startswith("-") else 1
    whole, _, fraction = text.lstrip("-")[2:-1].partition(".")
    return sign * timedelta(seconds=int(whole), microseconds=int(fraction.ljust(6, "0") or 0))


def wire_item(type: Type) -> Convert | None:
    """From an element of a list to its wire form, in which lists store it; None where they are the same."""
    match type.item:
        case Kind.DECIMAL | Kind.MONEY:
            return lambda value: f"{_EXACT.quantize(Decimal(value), Decimal(1).scaleb(-type.places)):f}"
        case Kind.DATE:
            return date.isoformat
        case Kind.DATETIME:
            return datetime_wire
        case Kind.DURATION:
            return duration_wire
        case _:
            return None


def unwire_item(type: Type) -> Convert | None:
    """The inverse of `wire_item`."""
    match type.item:
        case Kind.DECIMAL | Kind.MONEY:
            return Decimal
        case Kind.DATE:
            return date.fromisoformat
        case Kind.DATETIME:
            return datetime.fromisoformat
        case Kind.DURATION:
            return duration_value
        case Kind.FLOAT:
            return float
        case _:
            return None


def encode_document(type: Type) -> Convert:
    """From a JSON value, or a list of scalars, to its JSON text."""
    item = wire_item(type) if type.kind is Kind.LIST else None
    if item is None:
        return json_encode
    return lambda values: json_encode([item(value) for value in values])


def decode_document(type: Type) -> Convert:
    """The inverse of `encode_document`."""
    item = unwire_item(type) if type.kind is Kind.LIST else None
    if item is None:
        return json_decode
    return lambda text: [item(value) for value in json_decode(text)]

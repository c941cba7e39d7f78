"""The form of each kind of field: from a query string, from JSON, and to JSON.

For each type one function is built, once, and kept, so that hot paths do not ask again what kind it is.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from headwater.base.errors import nearest
from headwater.ir import scalars
from headwater.ir.model import Kind, Type
from headwater.ir.scalars import BadValue, beyond, json_name, malformed

MAX_ELEMENTS: Final = 1000
LONGEST: Final = timedelta(microseconds=scalars.INT64)

Decode = Callable[[Any], Any]


def from_wire(type: Type, value: Any) -> Any:
    """The Python form of a decoded, non-null JSON value; nothing is coerced. Raises: BadValue."""
    return wire_decoder(type)(value)


def to_wire(type: Type, value: Any) -> Any:
    """The JSON form of a Python value; null stays null."""
    return None if value is None else wire_encoder(type)(value)


@lru_cache(1024)
def query_decoder(type: Type) -> Callable[[str], Any]:
    """The function that reads a field's value from a query string, or raises a BadValue. A list is filtered by one
    element."""
    match type.kind:
        case Kind.TEXT | Kind.ID:
            return scalars.text_value
        case Kind.INTEGER:
            return scalars.integer_text
        case Kind.FLOAT:
            return scalars.float_text
        case Kind.DECIMAL | Kind.MONEY:
            return scalars.decimal_value(type.places)
        case Kind.BOOLEAN:
            return scalars.boolean_text
        case Kind.DATETIME:
            return scalars.datetime_text
        case Kind.LIST:
            return query_decoder(item_type(type))
        case Kind.JSON:
            raise TypeError("JSON objects have no form in a query string")
        case _:
            return wire_decoder(type)


@lru_cache(1024)
def filter_decoder(type: Type) -> Decode:
    """The function that reads what a field is filtered by from decoded JSON: an amount for money, one element for a
    list, and a date too for a moment."""
    match type.kind:
        case Kind.MONEY:
            return scalars.decimal_value(type.places)
        case Kind.DATETIME:
            return lambda value: scalars.datetime_text(scalars.text_value(value))
        case Kind.LIST:
            return filter_decoder(item_type(type))
        case Kind.JSON:
            raise TypeError("JSON objects are not compared")
        case _:
            return wire_decoder(type)


@lru_cache(1024)
def wire_decoder(type: Type) -> Decode:
    """The function that reads a field's non-null value from decoded JSON."""
    match type.kind:
        case Kind.TEXT | Kind.ID:
            return scalars.text_value
        case Kind.ENUM:
            return _enum(type.values)
        case Kind.INTEGER:
            return scalars.integer_value
        case Kind.FLOAT:
            return scalars.float_value
        case Kind.DECIMAL:
            return scalars.decimal_value(type.places)
        case Kind.MONEY:
            return _money(type)
        case Kind.BOOLEAN:
            return scalars.boolean_value
        case Kind.DATE:
            return scalars.date_value
        case Kind.DATETIME:
            return scalars.datetime_value
        case Kind.DURATION:
            return scalars.duration_value
        case Kind.JSON if type.parts is not None:
            from headwater.ir.parts import object_decoder  # which reads members by what is here

            return object_decoder(type.parts)
        case Kind.JSON:
            return scalars.object_value
        case Kind.LIST:
            return _list(wire_decoder(item_type(type)))


@lru_cache(1024)
def python_reader(type: Type) -> Decode:
    """The function that takes a non-null value which a program sets, with the bounds that clients have too.

    Raises: BadValue, INVALID_FORMAT where the value is of another type than the field.
    """
    match type.kind:
        case Kind.DECIMAL | Kind.MONEY:
            return scalars.exact_decimal(type.places)
        case Kind.DATE:
            return _instance("a date", lambda v: isinstance(v, date) and not isinstance(v, datetime))
        case Kind.DATETIME:
            return _instance(
                "a datetime with a time zone", lambda v: isinstance(v, datetime) and v.tzinfo is not None
            )
        case Kind.DURATION:
            return _duration
        case Kind.JSON if type.parts is not None:
            from headwater.ir.parts import instance_reader

            return instance_reader(type.parts)
        case Kind.LIST:
            return _list(python_reader(item_type(type)))
        case _:
            return wire_decoder(type)


@lru_cache(1024)
def wire_encoder(type: Type) -> Decode:
    """The function that turns a field's non-null Python value into its JSON form."""
    places = type.places
    match type.kind:
        case Kind.DECIMAL:
            return lambda value: f"{value:.{places}f}"
        case Kind.MONEY:
            return lambda value: {"amount": f"{value:.{places}f}", "currency": type.currency}
        case Kind.DATE:
            return date.isoformat
        case Kind.DATETIME:
            return scalars.datetime_wire
        case Kind.DURATION:
            return scalars.duration_wire
        case Kind.ENUM:
            return str
        case Kind.LIST:
            element = wire_encoder(item_type(type))
            return lambda value: [element(item) for item in value]
        case _:
            return lambda value: value


def item_type(type: Type) -> Type:
    """The type of a list's elements."""
    return replace(type, kind=type.item or Kind.TEXT, item=None)


def _enum(values: tuple[str, ...]) -> Decode:
    known = {value: value for value in values}

    def decode(value: Any) -> str:
        found = known.get(value) if isinstance(value, str) else None
        if found is None:
            if not isinstance(value, str):
                raise malformed(f"Must be a string, not {json_name(value)}.")
            near = nearest(value, values)
            listed = ", ".join(f"`{v}`" for v in values)
            message = f"Must be one of {listed}."
            raise BadValue(
                "VALIDATION_ERROR",
                message + (f" Did you mean `{near}`?" if near else ""),
                facts={"allowed": list(values)},
            )
        return found

    return decode


def _money(type: Type) -> Decode:
    amount, currency = scalars.decimal_value(type.places), type.currency
    form = f'{{"amount": "{Decimal(12):.{type.places}f}", "currency": "{currency}"}}'

    def decode(value: Any) -> Decimal:
        if not isinstance(value, dict) or set(value) != {"amount", "currency"}:
            raise malformed("Must be an object of exactly `amount` and `currency`.", f"Send it as {form}.")
        if value["currency"] != currency:
            raise BadValue("VALIDATION_ERROR", f"The currency here is `{currency}`.", path=".currency")
        try:
            return amount(value["amount"])
        except BadValue as bad:
            bad.path = ".amount"
            raise

    return decode


def _instance(what: str, fits: Callable[[Any], bool]) -> Decode:
    def read(value: Any) -> Any:
        if not fits(value):
            raise malformed(f"Must be {what}, not {scalars.python_name(value)}.")
        return value

    return read


def _duration(value: Any) -> timedelta:
    if not isinstance(value, timedelta):
        raise malformed(f"Must be a timedelta, not {scalars.python_name(value)}.")
    if abs(value) > LONGEST:
        raise beyond("Must be within 292,000 years.")
    return value


def _list(element: Decode) -> Decode:
    def decode(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise malformed(f"Must be an array, not {json_name(value)}.")
        if len(value) > MAX_ELEMENTS:
            raise beyond(f"Must have at most {MAX_ELEMENTS} elements, not {len(value)}.")
        decoded = []
        for place, item in enumerate(value):
            try:
                decoded.append(element(item))
            except BadValue as bad:
                bad.path = f"[{place}]{bad.path}"
                raise
        return decoded

    return decode

"""The scalars beyond those of the specification, each with the address of what it follows.

A value keeps the form that JSON gives it: it is looked at here, so that a wrong one is refused where clients expect
that, and read with the fields that it is for.
"""

from collections.abc import Callable
from typing import Any, Final

from graphql import (
    GraphQLBoolean,
    GraphQLError,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLScalarType,
    GraphQLString,
)

from headwater.ir import scalars
from headwater.ir.model import Field, Kind, Type
from headwater.ir.scalars import BadValue

_INT32: Final = 2**31 - 1


def _scalar(name: str, doc: str, url: str | None, check: Callable[[Any], Any]) -> GraphQLScalarType:
    def read(value: Any) -> Any:
        try:
            check(value)
        except BadValue as bad:
            raise GraphQLError(f"{name}: {bad.message}") from None
        return value

    return GraphQLScalarType(
        name,
        description=doc,
        specified_by_url=url,
        coerce_input_value=read,
        coerce_output_value=lambda value: value,
    )


def _amount(value: Any) -> None:
    if not isinstance(value, dict) or value.keys() != {"amount", "currency"}:
        raise scalars.malformed("Must be an object of exactly `amount` and `currency`.")


def _decimal(value: Any) -> None:
    scalars.plain_decimal(value)


def _moment(value: Any) -> None:
    scalars.datetime_text(scalars.text_value(value))


BIG_INT: Final = _scalar(
    "BigInt", "A whole number within 64 bits, as a JSON number.", None, scalars.integer_value
)
DECIMAL: Final = _scalar("Decimal", 'An exact decimal number, as a string such as `"12.50"`.', None, _decimal)
MONEY: Final = _scalar("Money", 'An amount in a currency, such as `{"amount": "12.50", "currency": "EUR"}`.',
                       "https://www.iso.org/iso-4217-currency-codes.html", _amount)  # fmt: skip
DATE: Final = _scalar("Date", "A day, such as `2026-01-31`.",
                      "https://scalars.graphql.org/andimarek/local-date.html", scalars.date_value)  # fmt: skip
DATE_TIME: Final = _scalar("DateTime", "A moment, such as `2026-01-31T12:00:00Z`; in filters a day is its beginning.",
                           "https://scalars.graphql.org/andimarek/date-time.html", _moment)  # fmt: skip
DURATION: Final = _scalar("Duration", "A length of time, such as `PT5400S`.",
                          "https://www.rfc-editor.org/rfc/rfc3339#appendix-A", scalars.duration_value)  # fmt: skip
JSON: Final = _scalar("JSON", "A JSON value.", "https://www.rfc-editor.org/rfc/rfc8259", lambda value: value)

SCALARS: Final = (BIG_INT, DECIMAL, MONEY, DATE, DATE_TIME, DURATION, JSON)

_OF_KIND: Final = {
    Kind.TEXT: GraphQLString,
    Kind.ID: GraphQLID,
    Kind.FLOAT: GraphQLFloat,
    Kind.DECIMAL: DECIMAL,
    Kind.MONEY: MONEY,
    Kind.BOOLEAN: GraphQLBoolean,
    Kind.DATE: DATE,
    Kind.DATETIME: DATE_TIME,
    Kind.DURATION: DURATION,
    Kind.JSON: JSON,
}


def scalar_of(kind: Kind, field: Field | None = None) -> GraphQLScalarType:
    """The scalar of a kind that is neither an enum nor a list. Whole numbers that a field's limits keep within 32 bits
    are `Int`, others `BigInt`."""
    if kind is not Kind.INTEGER:
        return _OF_KIND.get(kind, GraphQLString)
    return GraphQLInt if field is not None and _is_small(field) else BIG_INT


def _is_small(field: Field) -> bool:
    if field.name == "version":
        return True
    limits = field.limits
    least = limits.gt if limits.ge is None else limits.ge
    most = limits.lt if limits.le is None else limits.le
    return least is not None and most is not None and least >= -_INT32 and most <= _INT32


def amount_of(type: Type) -> Kind:
    """What values of a type are compared as: money by its amount."""
    return Kind.DECIMAL if type.kind is Kind.MONEY else type.kind

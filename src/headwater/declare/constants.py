"""Constants in declarations: of what type they are, and their form beside a field of some type."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from headwater.base.errors import nearest
from headwater.ir.model import Kind, Type
from headwater.ir.scalars import BadValue
from headwater.ir.values import python_reader

SCALED = (Kind.DECIMAL, Kind.MONEY)
WORDS = {
    Kind.ID: "an id", Kind.ENUM: "an enum", Kind.INTEGER: "an integer", Kind.JSON: "a JSON object",
}  # fmt: skip


class Nonsense(Exception):
    """An expression that cannot be, with its mend."""

    def __init__(self, message: str, mend: str = "") -> None:
        super().__init__(message)
        self.message, self.mend = message, mend


class Spoilt(Nonsense):
    """An expression that cannot be checked, because what it reads has a mistake of its own."""


def near(name: str, valid: Collection[str]) -> str:
    """A mend that names the nearest valid name, or all of a few."""
    found = nearest(name, valid)
    if found:
        return f"did you mean {found!r}?"
    return f"choose one of {', '.join(sorted(valid))}" if valid else ""


def type_of_value(value: object) -> Type:
    """The type of a constant by itself. Raises: Nonsense."""
    match value:
        case bool():
            return Type(Kind.BOOLEAN)
        case int():
            return Type(Kind.INTEGER)
        case float():
            return Type(Kind.FLOAT)
        case Decimal():
            exponent = value.as_tuple().exponent
            if not isinstance(exponent, int):
                raise Nonsense(f"{value} is not a number", "use a finite Decimal")
            return Type(Kind.DECIMAL, max(0, -exponent))
        case str():
            return Type(Kind.TEXT)
        case datetime():
            return Type(Kind.DATETIME)
        case date():
            return Type(Kind.DATE)
        case timedelta():
            return Type(Kind.DURATION)
        case list():
            return Type(Kind.LIST, item=Kind.TEXT)
        case dict():
            return Type(Kind.JSON)
    raise Nonsense(f"{value!r} is not a value that a field can hold", "use a value of the field's own type")


def coerce(value: Any, type: Type) -> Any:
    """A constant in the form of a type. Raises: Nonsense if it has none."""
    match type.kind:
        case Kind.TEXT | Kind.ID if isinstance(value, str):
            return str(value)
        case Kind.ENUM if isinstance(value, str):
            if value in type.values:
                return str(value)
            raise Nonsense(f"{str(value)!r} is not one of the enum's values", near(str(value), type.values))
        case Kind.INTEGER if isinstance(value, int) and not isinstance(value, bool):
            if -(2**63) <= value < 2**63:
                return value
            raise Nonsense(f"{value} does not fit into 64 bits", "use a smaller number")
        case Kind.FLOAT if isinstance(value, int | float) and not isinstance(value, bool):
            if value == value and abs(value) != float("inf"):
                return float(value)
            raise Nonsense(f"{value} is not finite", "use a finite number")
        case Kind.DECIMAL | Kind.MONEY if isinstance(value, int | Decimal) and not isinstance(value, bool):
            return decimal(Decimal(value), type.places)
        case Kind.BOOLEAN if isinstance(value, bool):
            return value
        case Kind.DATE if isinstance(value, date) and not isinstance(value, datetime):
            return value
        case Kind.DATETIME if isinstance(value, datetime):
            if value.tzinfo is None:
                raise Nonsense(f"{value!r} has no time zone", "give it one, such as datetime.UTC")
            return value
        case Kind.DURATION if isinstance(value, timedelta):
            return value
        case Kind.JSON if type.parts is not None and isinstance(value, type.parts.cls):
            try:
                return python_reader(type)(value)
            except BadValue as bad:
                raise Nonsense(f"{bad.path.lstrip('.')}: {bad.message}", "correct it") from None
        case Kind.JSON if isinstance(value, dict) and type.parts is None:
            return value
        case Kind.LIST if isinstance(value, list):
            item = replace(type, kind=type.item or Kind.TEXT, item=None)
            return [coerce(element, item) for element in value]
    kind = f"a {type.parts.cls.__name__}" if type.parts else WORDS.get(type.kind, f"a {type.kind.value}")
    mend = f"use Decimal({str(value)!r})" if type.kind in SCALED and isinstance(value, float) else ""
    raise Nonsense(f"{value!r} is not {kind}", mend or "use a value of the field's own type")


def decimal(value: Decimal, places: int) -> Decimal:
    """A decimal with exactly these places. Raises: Nonsense if it has more."""
    if not value.is_finite():
        raise Nonsense(f"{value} is not a number", "use a finite Decimal")
    exact = value.quantize(Decimal(1).scaleb(-places))
    if exact != value:
        raise Nonsense(f"{value} has more than {places} places", "round it, or declare more places")
    return exact

"""What an annotation such as `Field[str | None]` or `Ref[Project]` means."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any, Union, get_args, get_origin

from headwater.declare.fields import Member
from headwater.ir.model import Kind, Type

SCALARS: Mapping[Any, Kind] = {
    str: Kind.TEXT,
    bool: Kind.BOOLEAN,
    int: Kind.INTEGER,
    float: Kind.FLOAT,
    Decimal: Kind.DECIMAL,
    date: Kind.DATE,
    datetime: Kind.DATETIME,
    timedelta: Kind.DURATION,
}
ELEMENTS = (Kind.TEXT, Kind.BOOLEAN, Kind.INTEGER, Kind.FLOAT, Kind.ENUM)


class BadAnnotation(Exception):
    """An annotation that means nothing here, with its mend."""

    def __init__(self, message: str, mend: str) -> None:
        super().__init__(message)
        self.message, self.mend = message, mend


@dataclass(frozen=True, slots=True)
class Spelt:
    """A resolved annotation: the member's class, what it holds, and whether it may be null."""

    form: type[Member]
    argument: Any
    nullable: bool


def read(annotation: Any) -> Spelt | None:
    """The parts of an annotation; None if it is not one of a member."""
    form = get_origin(annotation)
    if not (isinstance(form, type) and issubclass(form, Member)):
        return None
    (argument,) = get_args(annotation)
    if get_origin(argument) in (Union, types.UnionType):
        rest = tuple(a for a in get_args(argument) if a is not type(None))
        if len(rest) == 1:
            return Spelt(form, rest[0], True)
        raise BadAnnotation(
            f"`{argument}` is more than one type", "choose one, with `| None` if it may be null"
        )
    return Spelt(form, argument, False)


def type_of(argument: Any) -> Type:
    """The type of a field by the Python type that it holds. Raises: BadAnnotation."""
    if isinstance(argument, type) and issubclass(argument, Enum):
        if not issubclass(argument, StrEnum):
            raise BadAnnotation(f"`{argument.__name__}` is not a StrEnum", "derive it from enum.StrEnum")
        return Type(Kind.ENUM, values=tuple(m.value for m in argument), enum=argument)
    if isinstance(argument, type) and argument in SCALARS:
        return Type(SCALARS[argument])
    origin = get_origin(argument) or argument
    if origin in (dict, Mapping):
        return Type(Kind.JSON)
    if origin is list:
        elements = get_args(argument)
        element = type_of(elements[0]) if elements else None
        if element is None or element.kind not in ELEMENTS:
            raise BadAnnotation(
                f"`{argument}` is not a list of scalars", "hold str, int, float, bool or a StrEnum in it"
            )
        return Type(Kind.LIST, values=element.values, item=element.kind, enum=element.enum)
    raise BadAnnotation(
        f"`{getattr(argument, '__name__', argument)}` is not a type that a field can hold",
        "use str, int, float, Decimal, bool, date, datetime, timedelta, a StrEnum, dict or list; "
        "for another resource, Ref",
    )

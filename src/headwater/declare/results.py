"""What a report returns, as clients see it: the same types with names in camelCase."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from datetime import datetime, time
from typing import Annotated, Any, Union, get_args, get_origin
from weakref import WeakKeyDictionary

import msgspec

from headwater.declare.constants import Nonsense
from headwater.declare.names import camel
from headwater.declare.resource import Resource

_MADE: WeakKeyDictionary[type, Any] = (
    WeakKeyDictionary()
)  # one for each class, however many reports return it
MOMENT = Annotated[datetime, msgspec.Meta(tz=True)]


def result_form(annotation: Any) -> Any:
    """The type from which a result is written: each Struct or dataclass in it has a twin whose members are named in
    camelCase, unless the author has named them for the wire.

    Raises: Nonsense for what cannot be sent.
    """
    form = _Twins().of(annotation)
    try:
        msgspec.json.schema_components((form,))
    except (TypeError, RuntimeError, NotImplementedError) as error:
        raise Nonsense(
            f"its result cannot be sent: {error}",
            "return Structs or dataclasses of text, numbers, dates, enums, lists and dicts",
        ) from None
    return form


def holds_moments(form: Any) -> bool:
    """Whether there may be a moment or a duration in what is written from a type."""

    def held(found: Any) -> bool:
        if isinstance(found, tuple):
            return any(map(held, found))
        if isinstance(
            found, msgspec.inspect.DateTimeType | msgspec.inspect.TimeDeltaType | msgspec.inspect.AnyType
        ):
            return True
        below = (msgspec.inspect.Type, msgspec.inspect.Field)
        return isinstance(found, below) and any(
            held(getattr(found, name)) for name in found.__struct_fields__
        )

    return held(msgspec.inspect.type_info(form))


class _Twins:
    """Makes the twins of one result."""

    def __init__(self) -> None:
        self._making: list[Any] = []

    def of(self, annotation: Any) -> Any:
        if annotation is datetime:
            return MOMENT
        if isinstance(annotation, type) and issubclass(annotation, time):
            raise Nonsense("a time of day has no form here", "return a text or a moment")
        if isinstance(annotation, type) and issubclass(annotation, Resource):
            raise Nonsense(
                f"it returns rows of {annotation.__name__}, which have a path of their own",
                "return their ids, or a Struct with what is to be said of them",
            )
        if _has_members(annotation):
            return self._twin(annotation)
        origin, arguments = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            return Annotated[(self.of(arguments[0]), *arguments[1:])]
        if origin in (Union, types.UnionType):
            return Union[tuple(self.of(a) for a in arguments)]  # noqa: UP007 - made of values
        if origin is None or origin is typing.Literal:
            return annotation
        inner = tuple(a if a is Ellipsis else self.of(a) for a in arguments)
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return dict.__class_getitem__(inner)
        if isinstance(origin, type) and issubclass(origin, Sequence) and origin is not tuple:
            return list.__class_getitem__(inner)
        return origin[inner]

    def _twin(self, cls: Any) -> Any:
        if cls in _MADE:
            return _MADE[cls]
        if cls in self._making:
            raise Nonsense(f"its result {cls.__name__} contains itself", "return something of a fixed depth")
        self._making.append(cls)
        hints = typing.get_type_hints(cls, include_extras=True)
        names = _members(cls)
        config = getattr(cls, "__struct_config__", None)
        _MADE[cls] = msgspec.defstruct(
            cls.__name__,
            [(name, self.of(hints[name])) for name in names],
            rename=names,
            kw_only=True,
            module=cls.__module__,
            namespace={"__doc__": cls.__doc__ if _documented(cls) else None},
            tag=config.tag if config else None,
            tag_field=config.tag_field if config else None,
        )
        self._making.pop()
        return _MADE[cls]


def _has_members(annotation: Any) -> bool:
    return isinstance(annotation, type) and (
        issubclass(annotation, msgspec.Struct) or dataclasses.is_dataclass(annotation)
    )


def _members(cls: Any) -> dict[str, str]:
    """The names of the members, with those on the wire."""
    if issubclass(cls, msgspec.Struct):
        own = {field.name: field.encode_name for field in msgspec.structs.fields(cls)}
    else:
        own = {field.name: field.name for field in dataclasses.fields(cls)}
    return {name: camel(name) if wire == name else wire for name, wire in own.items()}


def _documented(cls: Any) -> bool:
    """Whether a class has a docstring of the author's; dataclasses are given one."""
    return bool(cls.__doc__) and not cls.__doc__.startswith(f"{cls.__name__}(")

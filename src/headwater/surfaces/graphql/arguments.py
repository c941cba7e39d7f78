"""The arguments of actions as input fields: from the annotations that their authors wrote."""

import types
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final, Union, get_args, get_origin

import msgspec
from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLFloat,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLString,
)

from headwater.surfaces.graphql.roots import is_value_name
from headwater.surfaces.graphql.scalars import BIG_INT, DATE, DATE_TIME, DECIMAL, DURATION, JSON

_SCALARS: Final = {
    str: GraphQLString,
    int: BIG_INT,
    float: GraphQLFloat,
    bool: GraphQLBoolean,
    Decimal: DECIMAL,
    date: DATE,
    datetime: DATE_TIME,
    timedelta: DURATION,
}


class Arguments:
    """The input types of Structs and enums that arguments name; one for each class."""

    def __init__(self) -> None:
        self._made: dict[Any, Any] = {}

    def of(self, annotation: Any) -> Any:
        """The input type of an annotation, nullable or not; JSON for what GraphQL has no type for."""
        members = (
            get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
        )
        rest = [member for member in members if member is not types.NoneType]
        found = self._plain(rest[0]) if len(rest) == 1 else JSON
        return found if len(rest) < len(members) else GraphQLNonNull(found)

    def _plain(self, annotation: Any) -> Any:
        if annotation in _SCALARS:
            return _SCALARS[annotation]
        origin = get_origin(annotation)
        if origin in (list, tuple, set, frozenset, Sequence) and get_args(annotation):
            return GraphQLList(self.of(get_args(annotation)[0]))
        if isinstance(annotation, type):
            if issubclass(annotation, Enum) and all(is_value_name(str(m.value)) for m in annotation):
                return self._once(annotation, lambda: GraphQLEnumType(
                    f"{annotation.__name__}Argument", {str(m.value): str(m.value) for m in annotation}))  # fmt: skip
            if issubclass(annotation, msgspec.Struct) and annotation.__struct_config__.tag is None:
                return self._once(annotation, lambda: GraphQLInputObjectType(
                    f"{annotation.__name__}Input", lambda: self.fields(annotation)))  # fmt: skip
        return JSON

    def fields(self, struct: Any) -> dict[str, GraphQLInputField]:
        """The members of a Struct as input fields; those that have a default may be left out."""
        found = {}
        for field in msgspec.structs.fields(struct):
            type = self.of(field.type)
            if not field.required and isinstance(type, GraphQLNonNull):
                type = type.of_type
            found[field.encode_name] = GraphQLInputField(type)
        return found

    def _once(self, key: Any, make: Any) -> Any:
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

"""The types of values: enums, objects that fields hold, and the filters of each kind."""

from typing import Any, Final

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLField,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLString,
)

from headwater.ir.filters import OPERATORS
from headwater.ir.model import Field, Kind, Model, Parts, Resource, Type
from headwater.surfaces.graphql.roots import capital, is_value_name, type_names
from headwater.surfaces.graphql.scalars import amount_of, scalar_of


class Values:
    """The types of one schema's values, each made when a field first has it."""

    def __init__(self, model: Model) -> None:
        self._taken = type_names(model)
        self._enums: dict[Any, GraphQLEnumType] = {}
        self._objects: dict[Any, tuple[GraphQLObjectType, GraphQLInputObjectType]] = {}
        self._filters: dict[Any, GraphQLInputObjectType] = {}

    def shown(self, resource: Resource, one: Field, *, nullable: bool) -> GraphQLOutputType:
        """The type of a field as it is shown."""
        found: Any = self.of(resource.name, one)
        if one.name == "id":
            found = GraphQLID
        elif one.type.parts is not None and one.type.kind is Kind.JSON:
            found = self._parts(one.type.parts)[0]
        return found if nullable else GraphQLNonNull(found)

    def sent(self, resource: Resource, one: Field, *, demanded: bool) -> GraphQLInputField:
        """A field as it is sent."""
        found = self.of(resource.name, one)
        if one.type.parts is not None and one.type.kind is Kind.JSON:
            found = self._parts(one.type.parts)[1]
        return GraphQLInputField(GraphQLNonNull(found) if demanded else found, description=one.doc or None)

    def of(self, owner: str, one: Field) -> Any:
        """The type of a field's values, for what is shown and what is sent."""
        kind = one.type.kind
        if kind is Kind.LIST:
            item = Type(one.type.item or Kind.TEXT, values=one.type.values, enum=one.type.enum)
            return GraphQLList(GraphQLNonNull(self._enum(owner, one, item) or scalar_of(item.kind)))
        return self._enum(owner, one, one.type) or scalar_of(kind, one)

    def _parts(self, parts: Parts) -> tuple[GraphQLObjectType, GraphQLInputObjectType]:
        """The types of an object that is the value of a field: as it is shown, and as it is sent."""
        if parts.cls not in self._objects:
            name, doc = parts.cls.__name__, (parts.cls.__doc__ or "").strip() or None
            if not self._taken.isdisjoint((name, f"{name}Input")):
                name += "Value"
            self._taken |= {name, f"{name}Input"}

            def shown(one: Field) -> GraphQLField:
                found = self.of(name, one)
                return GraphQLField(
                    found if one.nullable else GraphQLNonNull(found), description=one.doc or None
                )

            def sent(one: Field) -> GraphQLInputField:
                return GraphQLInputField(self.of(name, one), description=one.doc or None)

            self._objects[parts.cls] = (
                GraphQLObjectType(name, lambda: {p.wire: shown(p) for p in parts.fields}, description=doc),
                GraphQLInputObjectType(
                    f"{name}Input", lambda: {p.wire: sent(p) for p in parts.fields}, description=doc
                ),
            )
        return self._objects[parts.cls]

    def _enum(self, owner: str, one: Field, type: Type) -> GraphQLEnumType | None:
        """The enum of a field. Its values have the names that they have elsewhere; where these are no names of
        GraphQL's, they are texts."""
        if type.kind is not Kind.ENUM or not all(map(is_value_name, type.values)):
            return None
        key: Any = type.enum or (owner, one.name)
        if key not in self._enums:
            name = type.enum.__name__ if type.enum else owner + capital(one.wire)
            if name in self._taken:
                name = owner + (name if type.enum else capital(one.wire))
            doc = (type.enum.__doc__ or "").strip() if type.enum else ""
            values = {value: value for value in type.values}
            self._enums[key] = GraphQLEnumType(name, values, description=doc or None)
            self._taken.add(name)
        return self._enums[key]

    def filter(self, resource: Resource, one: Field) -> GraphQLInputObjectType:
        """What a field can be filtered by."""
        kind = one.type.kind
        value: Any = self.of(resource.name, one)
        if kind is Kind.LIST:
            value = value.of_type.of_type
        elif kind is not Kind.ENUM:
            value = scalar_of(amount_of(one.type), one)
        name = f"{value.name}{'List' if kind is Kind.LIST else ''}Filter"
        operators = OPERATORS[kind]
        # Ids and texts share a scalar's name with what cannot do the same.
        key = (name, operators)
        if key not in self._filters:
            if any(known == name for known, _ in self._filters):
                name = f"{capital(kind.value)}{name}"
            self._filters[key] = GraphQLInputObjectType(name, {
                operator: GraphQLInputField(_operand(operator, value), description=_OPERATOR_DOCS[operator])
                for operator in operators
            })  # fmt: skip
        return self._filters[key]


_OPERATOR_DOCS: Final = {
    "eq": "It equals this.",
    "ne": "It does not equal this, or is null.",
    "in": "It is one of these.",
    "nin": "It is none of these, or is null.",
    "isNull": "Whether it is null.",
    "lt": "It is less than this.",
    "lte": "It is at most this.",
    "gt": "It is more than this.",
    "gte": "It is at least this.",
    "between": "It is from the first of these two to the second.",
    "contains": "It contains this; of texts, ignoring case and accents.",
    "startsWith": "It starts with this, ignoring case and accents.",
}


def _operand(operator: str, value: Any) -> Any:
    match operator:
        case "isNull":
            return GraphQLBoolean
        case "in" | "nin" | "between":
            return GraphQLList(GraphQLNonNull(value))
        case "contains" | "startsWith" if value is GraphQLID:
            return GraphQLString
        case _:
            return value

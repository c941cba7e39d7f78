"""The GraphQL schema of a model: exactly its declared resources, and what can be asked and done.

Types are made from declarations alone, without resolvers: `reading` and `writing` turn operations into queries and
commands. What a root field of the schema does is told by its `Root`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLDirective,
    GraphQLEnumType,
    GraphQLField,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLString,
    specified_directives,
)
from graphql.language import DirectiveLocation

from headwater.base.errors import DeclarationError, DeclarationErrors
from headwater.declare.names import camel
from headwater.ir.body import BodyParser
from headwater.ir.filters import OPERATORS, UNSORTED
from headwater.ir.model import Action, Field, Interface, Kind, Model, Parts, Relation, Resource, Type
from headwater.ir.names import Namer
from headwater.ir.query import DEFAULT_LIMIT, MAX_GROUPS, MAX_LIMIT, Function
from headwater.ir.search import searchable
from headwater.ir.summaries import FITTING
from headwater.surfaces.graphql.arguments import Arguments, argument_fields
from headwater.surfaces.graphql.scalars import BIG_INT, JSON, SCALARS, amount_of, scalar_of

Verb = Literal["one", "many", "list", "by_ids", "groups", "node", "nodes",
               "create", "update", "upsert", "delete", "restore", "purge", "act"]  # fmt: skip

TRANSACTION: Final = GraphQLDirective(
    "transaction",
    [DirectiveLocation.MUTATION],
    description="All fields of this mutation are one transaction: either all of them are done, or none is.",
)
_OWN: Final = frozenset({"Query", "Mutation", "Subscription", "Node", "PageInfo", "UserError", "OrderDirection",
                         "Int", "Float", "String", "Boolean", "ID", *(scalar.name for scalar in SCALARS)})  # fmt: skip
_FUNCTIONS: Final[Sequence[tuple[Function, str]]] = (
    ("countDistinct", "How many different values there are."),
    ("sum", "The sum of the values; null where 64 bits cannot hold it."),
    ("avg", "The mean of the values; null where there are none."),
    ("min", "The smallest value; null where there are none."),
    ("max", "The largest value; null where there are none."),
)
_PAGE: Final = {
    "first": f"At most so many rows, 1 to {MAX_LIMIT}; {DEFAULT_LIMIT} where neither `first` nor `last` is given.",
    "after": "Only rows after the place of this cursor.",
    "last": "At most so many rows, the last of those before `before`, or of all.",
    "before": "Only rows before the place of this cursor.",
}


@dataclass(frozen=True, slots=True)
class Root:
    """What a field of `Query` or `Mutation` does."""

    verb: Verb
    resource: Resource | None = None
    action: Action | None = None


@dataclass(eq=False, slots=True)
class Api:
    """A schema, and what its names mean: its root fields, the fields and relations of each resource, and the resources
    by the prefixes of their ids."""

    model: Model
    namer: Namer
    schema: GraphQLSchema
    roots: Mapping[str, Root]
    fields: Mapping[str, Mapping[str, Field]]
    relations: Mapping[str, Mapping[str, Relation]]
    prefixes: Mapping[str, Resource]


def build(model: Model) -> Api:
    """The schema of a model. Raises DeclarationErrors where a declared name cannot be one of GraphQL's."""
    return _Builder(model).api()


def member_name(resource: Resource) -> str:
    """What one row of a resource is called: `timeLog`."""
    return camel(resource.singular)


def members_name(resource: Resource) -> str:
    """What many of its rows are called: `timeLogs`."""
    plural = camel(resource.plural)
    return plural if plural != member_name(resource) else f"{plural}List"


class _Builder:
    def __init__(self, model: Model) -> None:
        self.model, self.namer = model, Namer(model)
        self.exposed = [resource for resource in model.resources.values() if resource.exposed]
        self.fields = {
            r.name: {f.wire: f for f in r.fields.values() if not f.internal} for r in model.resources.values()
        }
        self.relations = {
            r.name: {one.wire: one for one in self.namer.names(r).relations.values()} for r in self.exposed
        }
        self.enums: dict[Any, GraphQLEnumType] = {}
        self.parts: dict[Any, tuple[GraphQLObjectType, GraphQLInputObjectType]] = {}
        self.filters: dict[Any, GraphQLInputObjectType] = {}
        self.arguments = Arguments()
        self.direction = GraphQLEnumType(
            "OrderDirection",
            {"ASC": "ASC", "DESC": "DESC"},
            description="Null counts as the smallest value: first in `ASC`, last in `DESC`.",
        )
        self.node = GraphQLInterfaceType(
            "Node",
            {"id": GraphQLField(GraphQLNonNull(GraphQLID))},
            description="What has an id that no other object has.",
        )
        self.page_info = GraphQLObjectType(
            "PageInfo",
            {
                "hasNextPage": GraphQLField(GraphQLNonNull(GraphQLBoolean)),
                "hasPreviousPage": GraphQLField(GraphQLNonNull(GraphQLBoolean)),
                "startCursor": GraphQLField(GraphQLString),
                "endCursor": GraphQLField(GraphQLString),
            },
            description="Where a page begins and ends, and whether there is more.",
        )
        self.user_error = GraphQLObjectType(
            "UserError",
            {
                "field": GraphQLField(GraphQLString, description="The part of the input that is wrong."),
                "message": GraphQLField(GraphQLNonNull(GraphQLString)),
                "code": GraphQLField(GraphQLNonNull(GraphQLString), description="A code of `/errors`."),
            },
            description="Why a mutation was not done.",
        )
        self.shapes = {one.name: self._shape(one) for one in self.model.interfaces}
        self.objects = {r.name: self._object(r) for r in self.exposed}
        self.wheres = {r.name: self._where(r) for r in self.exposed}
        self.manies = {r.name: self._many(r) for r in self.exposed}
        self.orders = {r.name: self._order(r) for r in self.exposed}
        self.connections = {r.name: self._connection(r) for r in self.exposed}

    def api(self) -> Api:
        self._check_names()
        roots: dict[str, Root] = {}
        query: dict[str, GraphQLField] = {}
        mutation: dict[str, GraphQLField] = {}
        for (name, found, root), into in [
            *((each, query) for each in self._queries()),
            *((each, mutation) for each in self._mutations()),
        ]:
            if name in roots:
                raise DeclarationErrors([DeclarationError(
                    f"{root.resource.name if root.resource else name} has a GraphQL field {name!r}, as another has.",
                    mend="give the action or the resource another name.",
                )])  # fmt: skip
            roots[name], into[name] = root, found
        schema = GraphQLSchema(
            GraphQLObjectType("Query", query, description="What can be asked."),
            GraphQLObjectType("Mutation", mutation, description="What can be done.") if mutation else None,
            types=list(self.objects.values()),
            directives=[*specified_directives, TRANSACTION],
        )
        prefixes = {r.prefix: r for r in self.exposed if not r.natural}
        return Api(self.model, self.namer, schema, roots, self.fields, self.relations, prefixes)

    def _check_names(self) -> None:
        wrong = [
            DeclarationError(
                f"A resource cannot be called {r.name}: GraphQL has a type of this name.",
                mend="rename the class.",
            )
            for r in self.exposed
            if r.name in _OWN
        ] + [
            DeclarationError(
                f"An interface cannot be called {one.name}: GraphQL has a type of this name.",
                mend="choose another name.",
            )
            for one in self.model.interfaces
            if one.name in _OWN
        ]
        if wrong:
            raise DeclarationErrors(wrong)

    # -- what is shown ------------------------------------------------------------------------------------------

    def _object(self, resource: Resource) -> GraphQLObjectType:
        def fields() -> dict[str, GraphQLField]:
            found = {}
            for name, one in self.fields[resource.name].items():
                nullable = one.nullable or one.name in resource.masks
                found[name] = GraphQLField(self._shown(resource, one, nullable), description=_told(one))
            for name, relation in self.relations[resource.name].items():
                target = self.model.resources[relation.target]
                doc = relation.doc or target.doc or None
                if relation.kind == "one":
                    found[name] = GraphQLField(self.objects[target.name], description=doc)
                else:
                    found[name] = self._page(target, doc)
            return found

        def interfaces() -> list[GraphQLInterfaceType]:
            shared = [
                self.shapes[one.name] for one in self.model.interfaces if resource.name in one.resources
            ]
            return shared if resource.natural else [self.node, *shared]

        return GraphQLObjectType(resource.name, fields, interfaces, description=resource.doc or None)

    def _shape(self, interface: Interface) -> GraphQLInterfaceType:
        """A type that resources share; a field of it may be null where it may be in one of them."""

        def fields() -> dict[str, GraphQLField]:
            found = {}
            resources = [self.model.resources[name] for name in interface.resources]
            for name in interface.fields:
                nullable = any(r.fields[name].nullable or name in r.masks for r in resources)
                one = resources[0].fields[name]
                found[one.wire] = GraphQLField(
                    self._shown(resources[0], one, nullable), description=one.doc or None
                )
            return found

        return GraphQLInterfaceType(interface.name, fields, description=interface.doc or None)

    def _shown(self, resource: Resource, one: Field, nullable: bool) -> GraphQLOutputType:
        found: Any = self._type(resource.name, one)
        if one.name == "id":
            found = GraphQLID
        elif one.type.parts is not None and one.type.kind is Kind.JSON:
            found = self._parts(one.type.parts)[0]
        return found if nullable else GraphQLNonNull(found)

    def _type(self, owner: str, one: Field) -> Any:
        """The type of a field's values, for what is shown and what is sent."""
        kind = one.type.kind
        if kind is Kind.LIST:
            item = Type(one.type.item or Kind.TEXT, values=one.type.values, enum=one.type.enum)
            return GraphQLList(GraphQLNonNull(self._enum(owner, one, item) or scalar_of(item.kind)))
        return self._enum(owner, one, one.type) or scalar_of(kind, one)

    def _parts(self, parts: Parts) -> tuple[GraphQLObjectType, GraphQLInputObjectType]:
        """The types of an object that is the value of a field: as it is shown, and as it is sent."""
        if parts.cls not in self.parts:
            name, doc = parts.cls.__name__, (parts.cls.__doc__ or "").strip() or None

            def shown(one: Field) -> GraphQLField:
                found = self._type(name, one)
                return GraphQLField(
                    found if one.nullable else GraphQLNonNull(found), description=one.doc or None
                )

            def sent(one: Field) -> GraphQLInputField:
                return GraphQLInputField(self._type(name, one), description=one.doc or None)

            self.parts[parts.cls] = (
                GraphQLObjectType(name, lambda: {p.wire: shown(p) for p in parts.fields}, description=doc),
                GraphQLInputObjectType(
                    f"{name}Input", lambda: {p.wire: sent(p) for p in parts.fields}, description=doc
                ),
            )
        return self.parts[parts.cls]

    def _enum(self, owner: str, one: Field, type: Type) -> GraphQLEnumType | None:
        """The enum of a field. Its values have the names that they have elsewhere; where these are no names of
        GraphQL's, they are texts."""
        if type.kind is not Kind.ENUM or not all(map(_is_name, type.values)):
            return None
        key: Any = type.enum or (owner, one.name)
        if key not in self.enums:
            name = type.enum.__name__ if type.enum else owner + _capital(one.wire)
            if name in self._taken():
                name = owner + (name if type.enum else _capital(one.wire))
            doc = (type.enum.__doc__ or "").strip() if type.enum else ""
            values = {value: value for value in type.values}
            self.enums[key] = GraphQLEnumType(name, values, description=doc or None)
        return self.enums[key]

    def _taken(self) -> set[str]:
        return {
            *_OWN,
            *(r.name for r in self.exposed),
            *(enum.name for enum in self.enums.values()),
            *(cls.__name__ for cls in self.parts),
        }

    def _connection(self, resource: Resource) -> GraphQLObjectType:
        row = GraphQLNonNull(self.objects[resource.name])
        edge = GraphQLObjectType(
            f"{resource.name}Edge",
            {
                "cursor": GraphQLField(GraphQLNonNull(GraphQLString)),
                "node": GraphQLField(row),
            },
        )
        every = "on whatever page"
        return GraphQLObjectType(
            f"{resource.name}Connection",
            lambda: {
                "nodes": GraphQLField(_all(row), description="The rows of the page."),
                "edges": GraphQLField(
                    _all(GraphQLNonNull(edge)), description="The rows, each with its cursor."
                ),
                "pageInfo": GraphQLField(GraphQLNonNull(self.page_info)),
                "totalCount": GraphQLField(
                    GraphQLNonNull(GraphQLInt), description=f"How many rows there are, {every}."
                ),
                "aggregates": GraphQLField(
                    GraphQLNonNull(self._aggregates(resource)), description=f"What all rows come to, {every}."
                ),
            },
            description=f"A page of {members_name(resource)}.",
        )

    def _aggregates(self, resource: Resource) -> GraphQLObjectType:
        return GraphQLObjectType(f"{resource.name}Aggregates", lambda: self._measures(resource, "Aggregate"))

    def _measures(self, resource: Resource, suffix: str) -> dict[str, GraphQLField]:
        found = {"count": GraphQLField(GraphQLNonNull(GraphQLInt), description="How many rows there are.")}
        for function, doc in _FUNCTIONS:
            fields = {
                name: GraphQLField(self._measured(resource, one, function))
                for name, one in self.fields[resource.name].items()
                if one.batch is None and one.type.kind in FITTING[function]
            }
            if fields:
                name = f"{resource.name}{suffix}{_capital(function)}"
                found[function] = GraphQLField(
                    GraphQLNonNull(GraphQLObjectType(name, fields)), description=doc
                )
        return found

    def _measured(self, resource: Resource, one: Field, function: Function) -> Any:
        kind = one.type.kind
        if function == "countDistinct":
            return GraphQLInt
        if function == "sum" and kind is Kind.INTEGER:
            return BIG_INT
        if function == "avg" and kind is Kind.INTEGER:
            return scalar_of(Kind.FLOAT)
        return self._type(resource.name, one)

    # -- what is asked ------------------------------------------------------------------------------------------

    def _page(self, resource: Resource, doc: str | None = None, *, root: bool = False) -> GraphQLField:
        """A connection to rows of a resource."""
        arguments = {
            "first": GraphQLArgument(GraphQLInt, description=_PAGE["first"]),
            "after": GraphQLArgument(GraphQLString, description=_PAGE["after"]),
            "last": GraphQLArgument(GraphQLInt, description=_PAGE["last"]),
            "before": GraphQLArgument(GraphQLString, description=_PAGE["before"]),
            "where": GraphQLArgument(
                self.wheres[resource.name], description="Only rows for which this holds."
            ),
            "orderBy": GraphQLArgument(
                GraphQLList(GraphQLNonNull(self.orders[resource.name])),
                description="The first key decides, then the next; the id breaks ties.",
            ),
        }
        if root and searchable(resource):
            arguments["search"] = GraphQLArgument(
                GraphQLString, description="Words and phrases, each of which is to be found in a row."
            )
        if root and resource.trash:
            arguments["trashed"] = GraphQLArgument(
                GraphQLBoolean, description="Rows in the trash, and no others."
            )
        found = self.connections[resource.name]
        return GraphQLField(found if root else GraphQLNonNull(found), arguments, description=doc)

    def _where(self, resource: Resource) -> GraphQLInputObjectType:
        def fields() -> dict[str, GraphQLInputField]:
            own = self.wheres[resource.name]
            found = {
                "and": GraphQLInputField(GraphQLList(GraphQLNonNull(own)), description="All of these hold."),
                "or": GraphQLInputField(GraphQLList(GraphQLNonNull(own)), description="One of these holds."),
                "not": GraphQLInputField(own, description="This does not hold."),
            }
            for name, one in self.fields[resource.name].items():
                if one.batch is None:
                    found[name] = GraphQLInputField(self._filter(resource, one))
            for name, relation in self.relations[resource.name].items():
                kinds = self.wheres if relation.kind == "one" else self.manies
                found[name] = GraphQLInputField(kinds[relation.target])
            return found

        return GraphQLInputObjectType(
            f"{resource.name}Where", fields, description="What is given holds together."
        )

    def _many(self, resource: Resource) -> GraphQLInputObjectType:
        where = self.wheres[resource.name]
        return GraphQLInputObjectType(
            f"{resource.name}ManyWhere",
            {
                "some": GraphQLInputField(where, description="It holds for one of the rows at least."),
                "every": GraphQLInputField(
                    where, description="It holds for all of the rows, of which there may be none."
                ),
                "none": GraphQLInputField(where, description="It holds for none of the rows."),
            },
        )

    def _filter(self, resource: Resource, one: Field) -> GraphQLInputObjectType:
        kind = one.type.kind
        value: Any = self._type(resource.name, one)
        if kind is Kind.LIST:
            value = value.of_type.of_type
        elif kind is not Kind.ENUM:
            value = scalar_of(amount_of(one.type), one)
        name = f"{value.name}{'List' if kind is Kind.LIST else ''}Filter"
        operators = OPERATORS[kind]
        # Ids and texts share a scalar's name with what cannot do the same.
        key = (name, operators)
        if key not in self.filters:
            if any(known == name for known, _ in self.filters):
                name = f"{_capital(kind.value)}{name}"
            self.filters[key] = GraphQLInputObjectType(name, {
                operator: GraphQLInputField(_operand(operator, value), description=_OPERATOR_DOCS[operator])
                for operator in operators
            })  # fmt: skip
        return self.filters[key]

    def _order(self, resource: Resource) -> GraphQLInputObjectType:
        def fields() -> dict[str, GraphQLInputField]:
            found = {
                name: GraphQLInputField(self.direction)
                for name, one in self.fields[resource.name].items()
                if one.batch is None and one.type.kind not in UNSORTED
            }
            for name, relation in self.relations[resource.name].items():
                if relation.kind == "one":
                    found[name] = GraphQLInputField(self.orders[relation.target])
            return found

        return GraphQLInputObjectType(
            f"{resource.name}Order", fields, is_one_of=True, description="One key of an order."
        )

    # -- roots --------------------------------------------------------------------------------------------------

    def _queries(self) -> Iterator[tuple[str, GraphQLField, Root]]:
        id, ids = GraphQLArgument(GraphQLNonNull(GraphQLID)), GraphQLArgument(_all(GraphQLNonNull(GraphQLID)))
        if any(not resource.natural for resource in self.exposed):
            yield (
                "node",
                GraphQLField(self.node, {"id": id}, description="The object with an id."),
                Root("node"),
            )
            yield (
                "nodes",
                GraphQLField(
                    GraphQLList(self.node),
                    {"ids": ids},
                    description="The objects with these ids, in their order.",
                ),
                Root("nodes"),
            )
        for resource in self.exposed:
            shown, many = self.objects[resource.name], members_name(resource)
            doc = resource.doc or None
            yield (
                member_name(resource),
                GraphQLField(shown, {"id": id}, description=doc),
                Root("one", resource),
            )
            yield many, self._page(resource, doc, root=True), Root("many", resource)
            yield (
                f"{many}ByIds",
                GraphQLField(
                    GraphQLList(shown),
                    {"ids": ids},
                    description="Rows by their ids, in that order; null where there is none.",
                ),
                Root("by_ids", resource),
            )
            if resource.plain_list:
                name = f"{member_name(resource)}List"
                yield (
                    name if name != many else f"{member_name(resource)}PlainList",
                    self._list(resource),
                    Root("list", resource),
                )
            yield f"{member_name(resource)}Groups", self._groups(resource), Root("groups", resource)

    def _list(self, resource: Resource) -> GraphQLField:
        """A list without cursors; fields that are enums are arguments."""
        own = self.fields[resource.name]
        sorted_by = [name for name, one in own.items() if one.batch is None and one.type.kind not in UNSORTED]
        arguments = {
            "limit": GraphQLArgument(GraphQLInt, description=f"At most so many rows, 1 to {MAX_LIMIT}."),
            "offset": GraphQLArgument(GraphQLInt, description="So many rows are left out before them."),
            "sortBy": GraphQLArgument(
                GraphQLEnumType(f"{resource.name}SortBy", {name: name for name in sorted_by})
            ),
            "sortDirection": GraphQLArgument(self.direction),
        }
        for name, one in own.items():
            if one.type.kind is Kind.ENUM and name not in arguments:
                arguments[name] = GraphQLArgument(self._type(resource.name, one), description=one.doc or None)
        doc = f"{_capital(members_name(resource))} as a plain list."
        return GraphQLField(
            GraphQLList(GraphQLNonNull(self.objects[resource.name])), arguments, description=doc
        )

    def _groups(self, resource: Resource) -> GraphQLField:
        keys = {
            name: one
            for name, one in self.fields[resource.name].items()
            if one.batch is None and one.type.kind not in UNSORTED
        }
        by = GraphQLEnumType(f"{resource.name}GroupBy", {name: name for name in keys})
        key = GraphQLObjectType(
            f"{resource.name}GroupKey",
            lambda: {name: GraphQLField(self._shown(resource, one, True), description=one.doc or None)
                     for name, one in keys.items()},
        )  # fmt: skip
        group = GraphQLObjectType(
            f"{resource.name}Group",
            lambda: {
                "key": GraphQLField(GraphQLNonNull(key), description="What the rows of the group share."),
                **self._measures(resource, "Group"),
            },
        )
        arguments = {
            "by": GraphQLArgument(
                _all(GraphQLNonNull(by)), description="Rows that are alike in these make a group."
            ),
            "where": GraphQLArgument(
                self.wheres[resource.name], description="Only rows for which this holds."
            ),
            "first": GraphQLArgument(GraphQLInt, description=f"At most so many groups, 1 to {MAX_GROUPS}."),
        }
        doc = f"Groups of {members_name(resource)}, in the order of their keys."
        return GraphQLField(GraphQLList(GraphQLNonNull(group)), arguments, description=doc)

    # -- what is done -------------------------------------------------------------------------------------------

    def _mutations(self) -> Iterator[tuple[str, GraphQLField, Root]]:
        for resource in self.exposed:
            doc = member_name(resource)
            yield self._mutation("create", resource, f"Create a {doc}.", self._creating(resource))
            yield self._mutation(
                "update", resource, f"Change the fields that are given of a {doc}.", self._updating(resource)
            )
            if resource.natural:
                upserting = self._creating(resource)
                yield self._mutation(
                    "upsert", resource, f"Change a {doc}, or create it if there is none.", upserting
                )
            yield self._mutation("delete", resource, f"Delete a {doc}.", self._naming(resource))
            if resource.trash:
                yield self._mutation(
                    "restore", resource, f"Take a {doc} out of the trash.", self._naming(resource)
                )
                yield self._mutation(
                    "purge", resource, f"Remove a {doc} in the trash for good.", self._naming(resource)
                )
            for action in resource.actions.values():
                yield self._act(resource, action)

    def _mutation(
        self, verb: Verb, resource: Resource, doc: str, inputs: Mapping[str, GraphQLInputField]
    ) -> tuple[str, GraphQLField, Root]:
        shown: dict[str, GraphQLField] = {"id": GraphQLField(GraphQLID, description="The row's id.")}
        if verb not in ("delete", "purge"):
            row = "Null too where it may not be read."
            shown = {member_name(resource): GraphQLField(self.objects[resource.name], description=row)}
        return self._payload(f"{verb}{resource.name}", doc, inputs, shown, Root(verb, resource))

    def _payload(
        self,
        name: str,
        doc: str,
        inputs: Mapping[str, GraphQLInputField],
        shown: Mapping[str, GraphQLField],
        root: Root,
    ) -> tuple[str, GraphQLField, Root]:
        mutation = GraphQLString, "Comes back in the payload as it is."
        given = GraphQLInputObjectType(
            f"{_capital(name)}Input",
            {**inputs, "clientMutationId": GraphQLInputField(mutation[0], description=mutation[1])},
        )
        payload = GraphQLObjectType(f"{_capital(name)}Payload", {
            **shown,
            "errors": GraphQLField(
                _all(GraphQLNonNull(self.user_error)), description="Why it was not done; empty if it was."
            ),
            "position": GraphQLField(
                BIG_INT, description="The place of the change in the log; null if nothing has changed."
            ),
            "clientMutationId": GraphQLField(GraphQLString),
        })  # fmt: skip
        argument = {"input": GraphQLArgument(GraphQLNonNull(given))}
        return name, GraphQLField(payload, argument, description=doc), root

    def _creating(self, resource: Resource) -> dict[str, GraphQLInputField]:
        fields = self._writable(resource)
        return {name: self._input(resource, one, demanded=one.required) for name, one in fields.items()}

    def _updating(self, resource: Resource) -> dict[str, GraphQLInputField]:
        fields = {
            n: f for n, f in self._writable(resource).items() if not f.immutable and f.name != resource.key
        }
        return {
            **self._naming(resource),
            **{name: self._input(resource, one, demanded=False) for name, one in fields.items()},
        }

    def _naming(self, resource: Resource) -> dict[str, GraphQLInputField]:
        """What names a row, and the version that it is believed to have."""
        version = "The change is refused if the row has another version by now."
        return {
            "id": GraphQLInputField(GraphQLNonNull(GraphQLID)),
            "version": GraphQLInputField(GraphQLInt, description=version),
        }

    def _writable(self, resource: Resource) -> dict[str, Field]:
        names = BodyParser(resource).writable
        return {one.wire: one for one in resource.fields.values() if one.wire in names}

    def _input(self, resource: Resource, one: Field, *, demanded: bool) -> GraphQLInputField:
        found = self._type(resource.name, one)
        if one.type.parts is not None and one.type.kind is Kind.JSON:
            found = self._parts(one.type.parts)[1]
        return GraphQLInputField(GraphQLNonNull(found) if demanded else found, description=one.doc or None)

    def _act(self, resource: Resource, action: Action) -> tuple[str, GraphQLField, Root]:
        inputs = argument_fields(self.arguments, action)
        if action.on == "row":
            inputs = {**self._naming(resource), **inputs}
            name = camel(action.name) + resource.name
        else:
            name = camel(action.name) + _capital(members_name(resource))
        shown: dict[str, GraphQLField] = {}
        answers = self.model.answers(resource, action)
        if answers is not None and answers[0].exposed:
            target, several = answers
            row = self.objects[target.name]
            if several:
                shown[members_name(target)] = GraphQLField(GraphQLList(row))
            else:
                shown[member_name(target)] = GraphQLField(row)
        else:
            shown["result"] = GraphQLField(JSON, description="What the action answers.")
        return self._payload(name, action.doc, inputs, shown, Root("act", resource, action))


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


def _told(one: Field) -> str | None:
    """What is said of a field, and of its cost."""
    cost = f"It costs {one.cost} a row." if one.cost else ""
    return " ".join(filter(None, (one.doc, cost))) or None


def _all(type: Any) -> Any:
    return GraphQLNonNull(GraphQLList(type))


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]


def _is_name(text: str) -> bool:
    return (
        text.isascii()
        and text.isidentifier()
        and not text.startswith("__")
        and text not in ("true", "false", "null")
    )

"""The GraphQL schema of a model: exactly its declared resources, and what can be asked and done.

Types are made from declarations alone, without resolvers: `reading` and `writing` turn operations into queries and
commands, by what `roots` says of each root field. A `Subscription` type will have its place beside the two others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

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
    GraphQLSchema,
    GraphQLString,
    ObjectTypeDefinitionNode,
    parse,
    print_schema,
    print_type,
    specified_directives,
)
from graphql.language import DirectiveLocation

from headwater.ir.filters import UNSORTED
from headwater.ir.model import Field, Interface, Kind, Model, Relation, Resource
from headwater.ir.names import Namer
from headwater.ir.query import DEFAULT_LIMIT, MAX_GROUPS, MAX_LIMIT, Function
from headwater.ir.search import searchable
from headwater.ir.summaries import FITTING
from headwater.surfaces.graphql.payloads import Payloads
from headwater.surfaces.graphql.roots import Root, Roots, capital, members_name, roots_of
from headwater.surfaces.graphql.scalars import BIG_INT, scalar_of
from headwater.surfaces.graphql.values import Values

TRANSACTION: Final = GraphQLDirective(
    "transaction",
    [DirectiveLocation.MUTATION],
    description="All fields of this mutation are one transaction: either all of them are done, or none is.",
)
COST: Final = GraphQLDirective(
    "cost",
    [
        DirectiveLocation.ARGUMENT_DEFINITION,
        DirectiveLocation.ENUM,
        DirectiveLocation.FIELD_DEFINITION,
        DirectiveLocation.INPUT_FIELD_DEFINITION,
        DirectiveLocation.OBJECT,
        DirectiveLocation.SCALAR,
    ],
    {"weight": GraphQLArgument(GraphQLNonNull(GraphQLString))},
    description="What a field adds to the cost of an operation, in rows, for each row that shows it.",
)
"""As it is in the GraphQL Cost Directives (https://ibm.github.io/graphql-specs/cost-spec.html)."""
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


@dataclass(eq=False, slots=True)
class Api:
    """A schema, and what its names mean: its root fields, the fields and relations of each resource, and the resources
    by the prefixes of their ids."""

    model: Model
    namer: Namer
    schema: GraphQLSchema
    roots: Roots
    fields: Mapping[str, Mapping[str, Field]]
    relations: Mapping[str, Mapping[str, Relation]]
    prefixes: Mapping[str, Resource]


def sdl_of(schema: GraphQLSchema) -> str:
    """A schema in GraphQL's own language, with what its fields cost: its library prints no directives of fields."""
    text = print_schema(schema)
    for type in schema.type_map.values():
        if isinstance(type, GraphQLObjectType) and any(
            COST.name in f.extensions for f in type.fields.values()
        ):
            plain = print_type(type)
            text = text.replace(plain, _with_costs(type, plain))
    return text


def _with_costs(type: GraphQLObjectType, text: str) -> str:
    (node,) = parse(text).definitions
    assert isinstance(node, ObjectTypeDefinitionNode)
    for field in reversed(node.fields or ()):  # so that the places of those before it stay what they are
        cost = type.fields[field.name.value].extensions.get(COST.name)
        if cost is not None:
            assert field.type.loc is not None
            end = field.type.loc.end
            text = f'{text[:end]} @{COST.name}(weight: "{cost}"){text[end:]}'
    return text


def build(model: Model) -> Api:
    """The schema of a model. Raises DeclarationErrors where a declared name cannot be one of GraphQL's."""
    return _Builder(model).api()


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
        self.values = Values(model)
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
        self.shapes = {one.name: self._shape(one) for one in self.model.interfaces}
        self.objects = {r.name: self._object(r) for r in self.exposed}
        self.wheres = {r.name: self._where(r) for r in self.exposed}
        self.manies = {r.name: self._many(r) for r in self.exposed}
        self.orders = {r.name: self._order(r) for r in self.exposed}
        self.connections = {r.name: self._connection(r) for r in self.exposed}

    def api(self) -> Api:
        roots = roots_of(self.model)
        payloads = Payloads(self.model, self.objects, self.values)
        query = {name: self._query(root) for name, root in roots.queries.items()}
        mutation = {name: payloads.mutation(name, root) for name, root in roots.mutations.items()}
        schema = GraphQLSchema(
            GraphQLObjectType("Query", query, description="What can be asked."),
            GraphQLObjectType("Mutation", mutation, description="What can be done.") if mutation else None,
            types=list(self.objects.values()),
            directives=[*specified_directives, TRANSACTION, COST],
        )
        prefixes = {r.prefix: r for r in self.exposed if not r.natural}
        return Api(self.model, self.namer, schema, roots, self.fields, self.relations, prefixes)

    # -- what is shown ------------------------------------------------------------------------------------------

    def _object(self, resource: Resource) -> GraphQLObjectType:
        def fields() -> dict[str, GraphQLField]:
            found = {}
            for name, one in self.fields[resource.name].items():
                nullable = one.nullable or one.name in resource.masks
                found[name] = GraphQLField(
                    self.values.shown(resource, one, nullable=nullable),
                    description=_told(one),
                    extensions={COST.name: one.cost} if one.cost else None,
                )
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
                    self.values.shown(resources[0], one, nullable=nullable), description=one.doc or None
                )
            return found

        return GraphQLInterfaceType(interface.name, fields, description=interface.doc or None)

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
                name = f"{resource.name}{suffix}{capital(function)}"
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
        return self.values.of(resource.name, one)

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
                    found[name] = GraphQLInputField(self.values.filter(resource, one))
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

    def _query(self, root: Root) -> GraphQLField:
        """The field of `Query` that asks for something."""
        id, ids = GraphQLArgument(GraphQLNonNull(GraphQLID)), GraphQLArgument(_all(GraphQLNonNull(GraphQLID)))
        resource = root.resource
        if resource is None:
            if root.verb == "node":
                return GraphQLField(self.node, {"id": id}, description="The object with an id.")
            doc = "The objects with these ids, in their order."
            return GraphQLField(GraphQLList(self.node), {"ids": ids}, description=doc)
        match root.verb:
            case "one":
                return GraphQLField(self.objects[resource.name], {"id": id}, description=resource.doc or None)
            case "many":
                return self._page(resource, resource.doc or None, root=True)
            case "list":
                return self._list(resource)
            case "by_ids":
                doc = "Rows by their ids, in that order; null where there is none."
                return GraphQLField(GraphQLList(self.objects[resource.name]), {"ids": ids}, description=doc)
            case _:
                return self._groups(resource)

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
                arguments[name] = GraphQLArgument(
                    self.values.of(resource.name, one), description=one.doc or None
                )
        doc = f"{capital(members_name(resource))} as a plain list."
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
            lambda: {name: GraphQLField(self.values.shown(resource, one, nullable=True), description=one.doc or None)
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


def _told(one: Field) -> str | None:
    """What is said of a field, and of its cost, of which introspection tells nothing else."""
    cost = f"It costs {one.cost} a row." if one.cost else ""
    return " ".join(filter(None, (one.doc, cost))) or None


def _all(type: Any) -> Any:
    return GraphQLNonNull(GraphQLList(type))

"""GraphQL operations drawn from a schema: any fields, filters, orders and pages that a client can ask for, spelt in any
of the ways in which GraphQL lets the same be spelt.

Each operation is valid. A connection whose arguments are variables can be asked for its other pages, by giving these
variables other values: `turned` does that.
"""

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from graphql import (
    ArgumentNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    InlineFragmentNode,
    Node,
    ObjectFieldNode,
    SelectionSetNode,
    VariableDefinitionNode,
    VariableNode,
    parse,
    print_ast,
    validate,
)
from graphql.language import REMOVE, Visitor, visit

from headwater.base.errors import Fault
from headwater.ir.filters import UNSORTED
from headwater.ir.model import Field, Kind, Relation, Resource
from headwater.ir.query import MAX_INCLUDE_DEPTH
from headwater.ir.search import searchable
from headwater.ir.summaries import FITTING
from headwater.surfaces.graphql.documents import check_limits
from headwater.surfaces.graphql.roots import member_name, members_name
from headwater.surfaces.graphql.schema import Api

Values = Callable[[Resource, Field], Any]
"""Draws a JSON value that a field might have, or that an element of it might have."""

PAGE = ("first", "last", "after", "before")
FACTS = ("hasNextPage", "hasPreviousPage", "startCursor", "endCursor")


@dataclass(frozen=True)
class Operation:
    """An operation, and the numbers of the connections whose pages can be turned."""

    text: str
    variables: Mapping[str, Any]
    name: str | None
    pages: tuple[int, ...]

    def turned(self, number: int, token: str, size: int | None, *, backward: bool) -> "Operation":
        """The same operation about another page of a connection."""
        given = {"last": size, "before": token} if backward else {"first": size, "after": token}
        turned = {f"{name}{number}": given.get(name) for name in PAGE}
        return replace(self, variables={**self.variables, **turned})

    def from_the_other_end(self, number: int) -> "Operation":
        """The same operation about as many rows of a connection: the last ones, not the first, or the other way."""
        sizes = {name: self.variables.get(f"{name}{number}") for name in ("first", "last")}
        turned = {"first": sizes["last"], "last": sizes["first"], "after": None, "before": None}
        return replace(self, variables={**self.variables, **{f"{n}{number}": v for n, v in turned.items()}})

    @property
    def sent(self) -> dict[str, Any]:
        """The body of its request."""
        return {"query": self.text, "variables": self.variables, "operationName": self.name}


@dataclass(frozen=True)
class Asked:
    """A field as it is asked for, with its alias and its arguments, and what is asked of it, which is of a type."""

    head: str
    below: tuple["Asked", ...] = ()
    type: str = ""


@dataclass(frozen=True)
class Variable:
    name: str


@dataclass
class Names:
    """The names that fields of one object have in the response. `apart`: they must differ from those of others."""

    apart: bool = False
    used: set[str] = field(default_factory=set)


class Operations:
    """Draws operations. `keys` are the ids of each resource's rows, hidden ones too; `often` are resources that are
    asked for more often than others."""

    def __init__(
        self,
        api: Api,
        draw: random.Random,
        values: Values,
        keys: Mapping[str, list[str]],
        often: Sequence[str] = (),
    ) -> None:
        self.api, self.draw, self.values, self.keys = api, draw, values, keys
        self.types = api.schema.type_map
        self.starts = [r for r in api.model.resources.values() if r.exposed]
        self.starts += [api.model.resources[name] for name in often]

    def operation(self) -> Operation:
        """A query that is not larger than documents may be, as one in some thousands is."""
        while True:
            found = self._query()
            try:
                check_limits(parse(found.text))
            except Fault:
                continue
            return found

    def _query(self) -> Operation:
        draw = self.draw
        self._begin()
        names = Names()
        roots = [self._root(names) for _ in range(draw.choice([1, 1, 1, 2, 3]))]
        if draw.random() < 0.1:
            roots.append(Asked(self._named("__typename", names)))
        return self._written("query", self._selection(roots, "Query"))

    def mutation(self, field: str, sent: Mapping[str, Any], resource: Resource) -> Operation:
        """A mutation that shows its row."""
        self._begin()
        type = f"{field[0].upper()}{field[1:]}"
        given = self._literal(sent, GraphQLNonNull(self.types[f"{type}Input"]))
        row = Asked(member_name(resource), self._row(resource, 0), resource.name)
        errors = Asked("errors", tuple(map(Asked, ("field", "message", "code"))), "UserError")
        payload = self._selection([row, errors], f"{type}Payload")
        return self._written("mutation", f"{{ {field}(input: {given}) {payload} }}")

    def _begin(self) -> None:
        self.declared: dict[str, str] = {}
        self.given: dict[str, Any] = {}
        self.fragments: list[str] = []
        self.pages: list[int] = []
        self.count = 0
        self.left = self.draw.choice([6, 12, 20, 32])
        self.deep = self.draw.random() < 0.3

    def _written(self, kind: str, selection: str) -> Operation:
        draw = self.draw
        name = draw.choice([None, None, "Ask"])
        declared = ", ".join(f"${name}: {type}" for name, type in self.declared.items())
        declared = f"({declared})" if declared else ""
        plain = kind == "query" and not declared and not self.fragments and draw.random() < 0.5
        start = "" if plain else f"{kind}{declared}"
        start = f"{kind} {name}{declared}" if name else start
        text = "\n".join([f"{start} {selection}", *self.fragments])
        if name and draw.random() < 0.3:
            text += "\nquery Other { __typename }"
        asked = name if "query Other" in text else draw.choice([None, name])
        return Operation(text, dict(self.given), asked, tuple(self.pages))

    # -- spelling -----------------------------------------------------------------------------------------------

    def _number(self) -> int:
        self.count += 1
        return self.count

    def _named(self, name: str, names: Names, others: list[str] | None = None) -> str:
        """A field with the name that it has in the response: its own, another's, or a new one."""
        way = self.draw.random()
        free = [other for other in others or () if other not in names.used]
        if names.apart or name in names.used or way < 0.15:
            name, said = f"x{self._number()}", name
        elif free and way < 0.22:
            name, said = self.draw.choice(free), name
        else:
            said = name
        names.used.add(name)
        return said if name == said else f"{name}: {said}"

    def _selection(self, asked: list[Asked], type: str) -> str:
        """What is asked for, in a drawn order, some of it in fragments, and some twice."""
        draw = self.draw
        spelt: list[str] = []
        waiting = list(asked)
        while waiting:
            if len(waiting) > 1 and draw.random() < 0.15:
                several, waiting = waiting[:2], waiting[2:]
            else:
                several, waiting = waiting[:1], waiting[1:]
            text = " ".join(self._spelt(one) for one in several)
            way = draw.random()
            if way < 0.1:
                text = f"... on {type}{self._directive()} {{ {text} }}"
            elif way < 0.15:
                text = f"...{self._directive()} {{ {text} }}"
            elif way < 0.22:
                name = f"F{self._number()}"
                self.fragments.append(f"fragment {name} on {type} {{ {text} }}")
                text = f"...{name}{self._directive()}"
                if draw.random() < 0.3:
                    text += f" ...{name}{self._directive()}"
            elif way < 0.3 and several[0].head == "id" and len(several) == 1 and self._is_node(type):
                text = f"... on Node {{ {text} }}"
            spelt.append(text)
            if draw.random() < 0.05:
                spelt.append(text)
        return f"{{ {' '.join(spelt)} }}"

    def _is_node(self, type: str) -> bool:
        return any(one.name == "Node" for one in getattr(self.types[type], "interfaces", ()))

    def _spelt(self, asked: Asked) -> str:
        head = asked.head + self._directive()
        if not asked.below:
            return head
        below = list(asked.below)
        if len(below) > 1 and self.draw.random() < 0.15:
            cut = self.draw.randrange(1, len(below))
            first, then = below[: cut + self.draw.randrange(2)], below[cut:]
            again = asked.head + self._directive()
            return f"{head} {self._selection(first, asked.type)} {again} {self._selection(then, asked.type)}"
        return f"{head} {self._selection(below, asked.type)}"

    def _directive(self) -> str:
        if self.draw.random() > 0.06:
            return ""
        shown = self.draw.random() < 0.75
        word = self.draw.choice(["include", "skip"])
        truth = shown == (word == "include")
        if self.draw.random() < 0.4:
            return f" @{word}(if: {json.dumps(truth)})"
        return f" @{word}(if: {self._variable('Boolean!', truth, json.dumps(truth))})"

    def _variable(self, type: str, value: Any, literal: str | None) -> str:
        """A variable that has a value: it is given, or its default."""
        name = f"v{self._number()}"
        way = self.draw.random()
        if literal is not None and way < 0.3:
            self.declared[name] = f"{type} = {literal}"
        else:
            self.declared[name] = type
            self.given[name] = value
        return f"${name}"

    def _literal(self, value: Any, type: Any, depth: int = 0) -> str:
        """An input value, parts of which may be variables."""
        required = isinstance(type, GraphQLNonNull)
        plain = type.of_type if required else type
        if depth >= 0 and value is not None and self.draw.random() < 0.12:
            return self._variable(str(type), value, self._literal(value, type, -1))
        if depth >= 0:
            depth += 1
        match plain:
            case _ if value is None:
                return "null"
            case GraphQLList():
                items = [self._literal(item, plain.of_type, depth) for item in value]
                alone = len(items) == 1 and not items[0].startswith("$") and self.draw.random() < 0.3
                return items[0] if alone else f"[{', '.join(items)}]"
            case GraphQLInputObjectType():
                members = []
                for name, member in value.items():
                    kind = plain.fields[name].type
                    kind = GraphQLNonNull(kind) if plain.is_one_of else kind
                    members.append(f"{name}: {self._literal(member, kind, depth)}")
                return f"{{{', '.join(members)}}}"
            case GraphQLEnumType():
                return str(value)
            case _:
                return json.dumps(value, ensure_ascii=self.draw.random() < 0.5)

    # -- roots --------------------------------------------------------------------------------------------------

    def _root(self, names: Names) -> Asked:
        draw = self.draw
        resource = draw.choice(self.starts)
        singular, plural = member_name(resource), members_name(resource)
        way = draw.random()
        if way < 0.6:
            return self._page(plural, resource, names, 0, "Query")
        if way < 0.7:
            id = self._literal(self._key(resource), GraphQLNonNull(self.types["ID"]))
            return Asked(f"{self._named(singular, names)}(id: {id})", self._row(resource, 0), resource.name)
        ids = [self._key(resource) for _ in range(draw.choice([0, 1, 3, 5, 5]))]
        several = GraphQLNonNull(GraphQLList(GraphQLNonNull(self.types["ID"])))
        if way < 0.78:
            spelt = self._literal(ids, several)
            return Asked(
                f"{self._named(plural + 'ByIds', names)}(ids: {spelt})", self._row(resource, 0), resource.name
            )
        if way < 0.9:
            return self._groups(resource, names)
        kinds = [resource, draw.choice(list(self.api.prefixes.values()))]
        if way < 0.94:
            id = self._literal(self._key(resource), GraphQLNonNull(self.types["ID"]))
            return Asked(f"{self._named('node', names)}(id: {id})", self._kinds(kinds[:1]), "Node")
        ids += [self._key(kinds[1]) for _ in range(2)]
        draw.shuffle(ids)
        spelt = self._literal(ids, several)
        return Asked(f"{self._named('nodes', names)}(ids: {spelt})", self._kinds(kinds), "Node")

    def _kinds(self, kinds: list[Resource]) -> tuple[Asked, ...]:
        """What is asked of rows of some kinds, each in a fragment of its own."""
        found = [Asked("id"), Asked("__typename")]
        for resource in {kind.name: kind for kind in kinds if kind.name in self._node_kinds()}.values():
            found.append(Asked(f"... on {resource.name}", self._row(resource, 0, apart=True), resource.name))
        return tuple(found)

    def _node_kinds(self) -> set[str]:
        return {resource.name for resource in self.api.prefixes.values()}

    def _key(self, resource: Resource) -> str:
        keys = self.keys[resource.name]
        if not keys or self.draw.random() < 0.06:
            return self.draw.choice(["nothing", f"{resource.prefix}_0", *keys])
        return self.draw.choice(keys)

    # -- rows ---------------------------------------------------------------------------------------------------

    def _row(self, resource: Resource, depth: int, *, apart: bool = False) -> tuple[Asked, ...]:
        draw = self.draw
        fields, relations = self.api.fields[resource.name], self.api.relations[resource.name]
        names = Names(apart)
        wanted = draw.sample(sorted(fields), min(len(fields), draw.choice([1, 2, 2, 4])))
        found = [self._field(fields[name], self._named(name, names, sorted(fields))) for name in wanted]
        if draw.random() < 0.3:
            found.append(Asked(self._named("__typename", names)))
        hops = 1 if self.deep else draw.choice([0, 1, 1, 2])
        for _ in range(hops if relations and depth < MAX_INCLUDE_DEPTH and self.left > 0 else 0):
            self.left -= 2
            hop = draw.choice(sorted(relations))
            target = self.api.model.resources[relations[hop].target]
            if relations[hop].kind == "one":
                found.append(Asked(self._named(hop, names), self._row(target, depth + 1), target.name))
            else:
                found.append(self._page(hop, target, names, depth + 1, resource.name))
        draw.shuffle(found)
        return tuple(found)

    def _field(self, field: Field, named: str) -> Asked:
        """A field, and of an object that it holds some members."""
        parts = field.type.parts
        if parts is None or field.type.kind is Kind.LIST:
            return Asked(named)
        names = Names()
        members = [*(part.wire for part in parts.fields), "__typename"]
        wanted = self.draw.sample(members, self.draw.choice([1, 2, len(members)]))
        below = tuple(Asked(self._named(name, names, members[:-1])) for name in wanted)
        return Asked(named, below, parts.cls.__name__)

    # -- connections --------------------------------------------------------------------------------------------

    def _page(self, name: str, resource: Resource, names: Names, depth: int, parent: str) -> Asked:
        self.left -= 1
        named = self._named(name, names, list(self.api.fields.get(parent, ())))
        number, arguments = self._turning(depth)
        if self.draw.random() < (0.4 if depth else 0.3):
            where = self.where(resource, 2)
            arguments.append(f"where: {self._literal(where, self.types[f'{resource.name}Where'])}")
        sought = not depth and self._sought(resource)
        if sought:
            arguments.append(f"search: {self._literal(sought, self.types['String'])}")
        if sought or self.draw.random() < 0.5:
            order = self.order(resource)
            if sought and not order:  # a search would have one of its own
                order = [{self._sortable(resource)[0]: "ASC"}]
            kind = GraphQLList(GraphQLNonNull(self.types[f"{resource.name}Order"]))
            arguments.append(f"orderBy: {self._literal(order, kind)}")
        self.draw.shuffle(arguments)
        spelt = f"({', '.join(arguments)})" if arguments else ""
        return Asked(f"{named}{spelt}", self._parts(resource, depth, number), f"{resource.name}Connection")

    def _sought(self, resource: Resource) -> str | None:
        """Something to search for: parts of texts that some rows have."""
        fields = searchable(resource)
        if not fields or self.draw.random() > 0.2:
            return None
        words = [
            str(self.values(resource, self.draw.choice(fields))) for _ in range(self.draw.choice([1, 1, 2]))
        ]
        text = " ".join(word[: self.draw.choice([2, 4, 40])].replace('"', "") for word in words)
        return text if text.strip() else "comp"

    def _turning(self, depth: int) -> tuple[int | None, list[str]]:
        """What page is asked for; by variables, whose number is told, or not."""
        draw = self.draw
        size = draw.choice([1, 2, 3, 4, 7] if depth < 2 else [1, 2, 3])
        side = draw.choice(["first", "first", "last"])
        if draw.random() < 0.6:
            number = self._number()
            self.pages.append(number)
            for name in PAGE:
                self.declared[f"{name}{number}"] = "Int" if name in ("first", "last") else "String"
            if depth or draw.random() < 0.8:
                if draw.random() < 0.2:
                    self.declared[f"{side}{number}"] += f" = {size}"
                else:
                    self.given[f"{side}{number}"] = size
            return number, [f"{name}: ${name}{number}" for name in PAGE]
        if not depth and draw.random() < 0.3:
            return None, []
        return None, [f"{side}: {size}"]

    def _parts(self, resource: Resource, depth: int, number: int | None) -> tuple[Asked, ...]:
        draw = self.draw
        names = Names()
        found: list[Asked] = []
        if number is not None and draw.random() < 0.7:  # where it begins and ends, by names that no other has
            names.used |= {f"page{number}"}
            ends = [Asked(f"start{number}: startCursor"), Asked(f"end{number}: endCursor")]
            ends += [Asked(name) for name in FACTS[:2] if draw.random() < 0.5]
            found.append(Asked(f"page{number}: pageInfo", tuple(ends), "PageInfo"))
        if self.deep:  # a chain that has few other links
            kinds = [draw.choice(["nodes", "edges"])]
            if draw.random() < 0.3:
                kinds.append(draw.choice(["totalCount", "pageInfo", "aggregates"]))
        else:
            pool = ["nodes", "nodes", "edges", "pageInfo", "totalCount", "aggregates", "__typename"]
            kinds = draw.sample(pool, draw.choice([1, 2, 3, 4]))
        for kind in kinds:
            named = self._named(kind, names, ["nodes", "edges", "totalCount"])
            match kind:
                case "nodes":
                    found.append(Asked(named, self._row(resource, depth), resource.name))
                case "edges":
                    found.append(Asked(named, self._edge(resource, depth), f"{resource.name}Edge"))
                case "pageInfo":
                    found.append(Asked(named, self._info(), "PageInfo"))
                case "aggregates":
                    below = self._measures(resource, "Aggregate", Names())
                    found.append(Asked(named, below, f"{resource.name}Aggregates"))
                case _:
                    found.append(Asked(named))
        return tuple(found)

    def _edge(self, resource: Resource, depth: int) -> tuple[Asked, ...]:
        draw = self.draw
        names = Names()
        found = []
        for kind in draw.sample(["cursor", "node", "node", "__typename"], draw.choice([1, 2, 2, 3])):
            named = self._named(kind, names, ["cursor", "node"])
            below = self._row(resource, depth) if kind == "node" else ()
            found.append(Asked(named, below, resource.name))
        return tuple(found)

    def _info(self) -> tuple[Asked, ...]:
        names = Names()
        wanted = self.draw.sample([*FACTS, "__typename"], self.draw.choice([1, 2, 4]))
        return tuple(Asked(self._named(name, names, list(FACTS))) for name in wanted)

    def _measures(self, resource: Resource, suffix: str, names: Names) -> tuple[Asked, ...]:
        draw = self.draw
        found = []
        if draw.random() < 0.5:
            found.append(Asked(self._named("count", names)))
        if draw.random() < 0.1:
            found.append(Asked(self._named("__typename", names)))
            if draw.random() < 0.3:
                return tuple(found)
        functions = [function for function in FITTING if function != "count"]
        for function in draw.sample(functions, 1 if found else 2):
            fields = sorted(
                name
                for name, one in self.api.fields[resource.name].items()
                if one.batch is None and one.type.kind in FITTING[function]
            )
            if not fields:
                continue
            own = Names()
            wanted = draw.sample(fields, min(len(fields), draw.choice([1, 2, 3])))
            below = [Asked(self._named(name, own, fields)) for name in wanted]
            if draw.random() < 0.1:
                below = [*below[draw.randrange(2) :], Asked(self._named("__typename", own))]
            type = f"{resource.name}{suffix}{function[0].upper()}{function[1:]}"
            found.append(Asked(self._named(function, names), tuple(below), type))
        return tuple(found or [Asked(self._named("count", names))])

    def _groups(self, resource: Resource, names: Names) -> Asked:
        draw = self.draw
        fields = self._sortable(resource)
        by = draw.sample(fields, draw.choice([1, 1, 2, 3]))
        if draw.random() < 0.1:
            by.append(by[0])
        kind = GraphQLNonNull(GraphQLList(GraphQLNonNull(self.types[f"{resource.name}GroupBy"])))
        arguments = [f"by: {self._literal(by, kind)}"]
        if draw.random() < 0.4:
            where = self.where(resource, 2)
            arguments.append(f"where: {self._literal(where, self.types[f'{resource.name}Where'])}")
        if draw.random() < 0.4:
            arguments.append(f"first: {self._literal(draw.choice([1, 2, 100]), self.types['Int'])}")
        own = Names()
        found = []
        if draw.random() < 0.8:
            below = Names()
            keys = [Asked(self._named(name, below, fields)) for name in {*by, draw.choice(fields)}]
            found.append(Asked(self._named("key", own), tuple(keys), f"{resource.name}GroupKey"))
        found += self._measures(resource, "Group", own)
        named = self._named(f"{member_name(resource)}Groups", names)
        return Asked(f"{named}({', '.join(arguments)})", tuple(found), f"{resource.name}Group")

    def _sortable(self, resource: Resource) -> list[str]:
        fields = self.api.fields[resource.name].items()
        return sorted(name for name, one in fields if one.batch is None and one.type.kind not in UNSORTED)

    # -- arguments ----------------------------------------------------------------------------------------------

    def where(self, resource: Resource, depth: int) -> dict[str, Any]:
        """A filter: what is said of fields, of related rows, and of several of these together."""
        draw = self.draw
        found: dict[str, Any] = {}
        for _ in range(draw.choice([1, 1, 2])):
            found |= self._condition(resource, depth)
        if draw.random() < 0.1:
            left_out = draw.choice(
                [name for name in self.types[f"{resource.name}Where"].fields if name not in found]
            )
            found[left_out] = None
        return found

    def _condition(self, resource: Resource, depth: int) -> dict[str, Any]:
        draw = self.draw
        way = draw.random()
        if depth and way < 0.12:
            return {"not": self.where(resource, depth - 1)}
        if depth and way < 0.3:
            several = [self.where(resource, depth - 1) for _ in range(draw.choice([1, 2, 2]))]
            return {draw.choice(["and", "or", "or"]): several}
        relations = self.api.relations[resource.name]
        if depth and relations and way < 0.6:
            return self._behind(draw.choice(list(relations.values())), depth - 1)
        fields = {name: one for name, one in self.api.fields[resource.name].items() if one.batch is None}
        name = draw.choice(sorted(fields))
        operators = self.api.schema.type_map[f"{resource.name}Where"].fields[name].type.fields
        asked = {}
        for operator in draw.sample(sorted(operators), draw.choice([1, 1, 1, min(2, len(operators))])):
            asked[operator] = self._operand(resource, fields[name], operator)
        return {name: asked}

    def _behind(self, relation: Relation, depth: int) -> dict[str, Any]:
        target = self.api.model.resources[relation.target]
        if relation.kind == "one":
            return {relation.wire: self.where(target, depth)}
        words = self.draw.sample(["some", "every", "none"], self.draw.choice([1, 1, 1, 2]))
        return {relation.wire: {word: self._quantified(target, depth) for word in words}}

    def _quantified(self, target: Resource, depth: int) -> dict[str, Any]:
        return {} if self.draw.random() < 0.15 else self.where(target, depth)

    def _operand(self, resource: Resource, one: Field, operator: str) -> Any:
        draw = self.draw
        match operator:
            case "isNull":
                return draw.random() < 0.5
            case "between":
                return [self.values(resource, one), self.values(resource, one)]
            case "in" | "nin":
                return [self.values(resource, one) for _ in range(draw.choice([0, 1, 2, 3]))]
            case "contains" | "startsWith" if one.type.kind is not Kind.LIST:
                return str(self.values(resource, one))[: draw.choice([1, 2, 40])]
        return self.values(resource, one)

    def order(self, resource: Resource) -> list[Any]:
        """Keys of an order, each named once."""
        draw = self.draw
        found: dict[tuple[str, ...], Any] = {}
        for _ in range(draw.choice([0, 1, 1, 2, 3])):
            at, path = resource, []
            while draw.random() < 0.3:
                ones = [r for r in self.api.relations[at.name].values() if r.kind == "one"]
                if not ones:
                    break
                hop = draw.choice(ones)
                path.append(hop.wire)
                at = self.api.model.resources[hop.target]
            path.append(draw.choice(self._sortable(at)))
            key: Any = draw.choice(["ASC", "DESC"])
            for name in reversed(path):
                key = {name: key}
            found[tuple(path)] = key
        return list(found.values())


# -- smaller ones ---------------------------------------------------------------------------------------------


def smaller(schema: GraphQLSchema, operation: Operation) -> Iterator[Operation]:
    """Operations with one thing less, all of them valid."""
    parsed = parse(operation.text, no_location=True)
    for place in range(_Without(-1).removed(parsed)[1]):
        text = print_ast(_pruned(_Without(place).removed(parsed)[0]))
        if text != print_ast(parsed) and not validate(schema, parse(text)):
            named = {name: value for name, value in operation.variables.items() if f"${name}:" in text}
            yield replace(operation, text=text, variables=named)


class _Without(Visitor):  # type: ignore[misc]
    """Leaves out the `place`-th of the nodes that may be left out."""

    def __init__(self, place: int) -> None:
        super().__init__()
        self.place, self.at = place, 0

    def removed(self, document: DocumentNode) -> tuple[Any, int]:
        found = visit(document, self)
        return found, self.at

    def enter(self, node: Node, key: Any, parent: Any, *_: Any) -> Any:
        several = isinstance(parent, tuple | list) and len(parent) > 1
        selected = isinstance(node, FieldNode | InlineFragmentNode | FragmentSpreadNode)
        loose = isinstance(node, ArgumentNode | ObjectFieldNode | DirectiveNode)
        if not (loose or (selected and several)):
            return None
        self.at += 1
        return REMOVE if self.at - 1 == self.place else None


def _pruned(document: DocumentNode) -> DocumentNode:
    """Without the fragments and variables that nothing names."""
    while True:
        named: set[tuple[type, str]] = set()

        class Named(Visitor):  # type: ignore[misc]
            def enter_fragment_spread(self, node: FragmentSpreadNode, *_: Any, named: Any = named) -> None:
                named.add((FragmentDefinitionNode, node.name.value))

            def enter_variable(
                self, node: VariableNode, key: Any, parent: Any, *_: Any, named: Any = named
            ) -> None:
                if not isinstance(parent, VariableDefinitionNode):
                    named.add((VariableDefinitionNode, node.name.value))

        class Unnamed(Visitor):  # type: ignore[misc]
            def enter_fragment_definition(self, node: Any, *_: Any, named: Any = named) -> Any:
                return None if (FragmentDefinitionNode, node.name.value) in named else REMOVE

            def enter_variable_definition(self, node: Any, *_: Any, named: Any = named) -> Any:
                return None if (VariableDefinitionNode, node.variable.name.value) in named else REMOVE

        visit(document, Named())
        found = visit(document, Unnamed())
        if print_ast(found) == print_ast(document):
            return found
        document = found


__all__ = ["Operation", "Operations", "SelectionSetNode", "smaller"]

"""From the selections of an operation to what the engine shows: each object type is a resource, each field one of its
members. Permissions are not looked at here; they are the engine's."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from unicodedata import normalize

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLIncludeDirective,
    GraphQLObjectType,
    GraphQLSkipDirective,
    InlineFragmentNode,
    SelectionSetNode,
    get_argument_values,
    get_directive_values,
)
from graphql.execution.values import VariableValues

from headwater.base.errors import Detail, Fault, Problems
from headwater.ir.body import settle
from headwater.ir.expr import Column, Predicate
from headwater.ir.model import Field, Kind, Resource
from headwater.ir.parse import MAX_SORT_KEYS
from headwater.ir.query import (
    DEFAULT_LIMIT,
    MAX_LIMIT,
    Connection,
    Edges,
    Fact,
    Include,
    Inside,
    Measure,
    Measures,
    Member,
    PageInfo,
    Rows,
    Select,
    Sort,
    Text,
)
from headwater.ir.selection import conjunction
from headwater.ir.summaries import MAX_MEASURES
from headwater.ir.where import Filters
from headwater.surfaces.graphql.schema import Api

LONGEST_NAME: Final = 60
"""Characters of a name in a response: PostgreSQL cuts those beyond 63."""
MAX_PARTS: Final = 50
"""Fields of one object that is no row: PostgreSQL makes objects with aggregates of no more."""
MAX_PIECES: Final = 300
"""Relations, conditions, keys of orders and measures of an operation: what its statements are made of."""
COUNTED: Final = 50
"""What a count or a measure of all rows of a connection costs, however many they are."""
_PAGE_INFO: Final = {
    "hasNextPage": Fact.HAS_NEXT,
    "hasPreviousPage": Fact.HAS_PREVIOUS,
    "startCursor": Fact.START,
    "endCursor": Fact.END,
}

Fields = Mapping[str, list[FieldNode]]
"""The fields of a selection by the names that they have in the response, those of one name together."""


@dataclass(frozen=True, slots=True)
class Page:
    """The arguments of a connection."""

    limit: int
    token: str | None
    backward: bool
    where: Predicate | None
    sort: tuple[Sort, ...]


@dataclass(slots=True)
class Reading:
    """One operation while it is read. What it asks for costs as many points as rows that it may touch. `escapes`:
    whether its document writes characters by their numbers."""

    api: Api
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: VariableValues
    escapes: bool = False
    cost: int = 1
    pieces: int = 0
    _weight: int = 1

    # -- fields -------------------------------------------------------------------------------------------------

    def fields(self, selections: Iterable[SelectionSetNode | None], type: str) -> Fields:
        """What some selections ask of an object of a type."""
        found: dict[str, list[FieldNode]] = {}
        for selection in selections:
            if selection is not None:
                self._collect(selection, type, found, set())
        for name in found:
            if len(name) > LONGEST_NAME:
                message = (
                    f"The name `{name[:20]}…` is too long; an alias has at most {LONGEST_NAME} characters."
                )
                raise Fault("QUERY_TOO_COMPLEX", message)
        return found

    def below(self, nodes: Iterable[FieldNode], type: str) -> Fields:
        """What the selections of some fields ask of an object of a type. Raises: Fault QUERY_TOO_COMPLEX."""
        found = self.fields([node.selection_set for node in nodes], type)
        if len(found) > MAX_PARTS and type not in self.api.fields:
            raise Fault("QUERY_TOO_COMPLEX", f"At most {MAX_PARTS} fields of a {type} can be asked for.")
        return found

    def _collect(
        self, selection: SelectionSetNode, type: str, found: dict[str, list[FieldNode]], seen: set[str]
    ) -> None:
        for node in selection.selections:
            if not self._included(node):
                continue
            match node:
                case FieldNode():
                    name = node.alias.value if node.alias else node.name.value
                    found.setdefault(name, []).append(node)
                case InlineFragmentNode():
                    if node.type_condition is None or self._applies(node.type_condition.name.value, type):
                        self._collect(node.selection_set, type, found, seen)
                case FragmentSpreadNode():
                    name = node.name.value
                    if name in seen:
                        continue
                    seen.add(name)
                    fragment = self.fragments[name]
                    if self._applies(fragment.type_condition.name.value, type):
                        self._collect(fragment.selection_set, type, found, seen)

    def _included(self, node: Any) -> bool:
        if not node.directives:
            return True
        skip = get_directive_values(GraphQLSkipDirective, node, self.variables)
        if skip is not None and skip["if"]:
            return False
        include = get_directive_values(GraphQLIncludeDirective, node, self.variables)
        return include is None or bool(include["if"])

    def _applies(self, condition: str, type: str) -> bool:
        if condition == type:
            return True
        found = self.api.schema.type_map.get(type)
        return isinstance(found, GraphQLObjectType) and any(one.name == condition for one in found.interfaces)

    def arguments(self, type: str, node: FieldNode) -> dict[str, Any]:
        """The arguments of a field, its variables filled in. Raises: GraphQLError."""
        if not node.arguments:
            return {}
        parent = self.api.schema.type_map[type]
        assert isinstance(parent, GraphQLObjectType)
        found = get_argument_values(parent.fields[node.name.value], node, self.variables)
        return {name: _plain(value) for name, value in found.items()} if self.escapes else found

    def more(self, pieces: int) -> None:
        """Count what statements are made of. Raises: Fault QUERY_TOO_COMPLEX."""
        self.pieces += pieces
        if self.pieces > MAX_PIECES:
            kinds = "relations, conditions, keys of orders and measures"
            message = f"An operation has at most {MAX_PIECES} {kinds} together."
            raise Fault("QUERY_TOO_COMPLEX", message)

    # -- objects ------------------------------------------------------------------------------------------------

    def row(self, resource: Resource, nodes: Iterable[FieldNode]) -> Select:
        """What the selections of some fields show of a row. Raises: Fault, GraphQLError."""
        return self.select(resource, self.below(nodes, resource.name))

    def rows(self, resource: Resource, nodes: Iterable[FieldNode], count: int) -> Select:
        """What the selections of some fields show of each of so many rows. Raises: Fault, GraphQLError."""
        before = self._weight
        self._weight = before * max(1, count)
        select = self.row(resource, nodes)
        self._weight = before
        return select

    def select(self, resource: Resource, fields: Fields) -> Select:
        self.cost += self._weight
        own, relations = self.api.fields[resource.name], self.api.relations[resource.name]
        members = []
        for name, nodes in fields.items():
            asked = nodes[0].name.value
            if asked == "__typename":
                members.append(Member(name, Text(resource.name)))
            elif asked in own:
                members.append(Member(name, self._field(own[asked], nodes)))
            else:
                self.more(1)
                relation = relations[asked]
                target = self.api.model.resources[relation.target]
                if relation.kind == "one":
                    members.append(Member(name, Include(relation.name, self.row(target, nodes))))
                else:
                    members.append(Member(name, self._connection(resource, relation.name, target, nodes)))
        return Select(members=tuple(members))

    def _field(self, field: Field, nodes: list[FieldNode]) -> str | Inside:
        """A field, or of the object that it holds what is selected."""
        self.cost += self._weight * field.cost
        if field.type.parts is None or field.type.kind is Kind.LIST:
            return field.name
        type = field.type.parts.cls.__name__
        members = []
        for name, below in self.below(nodes, type).items():
            asked = below[0].name.value
            members.append(Member(name, Text(type) if asked == "__typename" else asked))
        return Inside(field.name, tuple(members))

    def _connection(
        self, resource: Resource, relation: str, target: Resource, nodes: list[FieldNode]
    ) -> Connection:
        page = self.page(target, self.arguments(resource.name, nodes[0]))
        parts = self.parts(target, self.below(nodes, f"{target.name}Connection"), page.limit)
        return Connection(relation, parts, page.where, page.sort, page.limit, page.token, page.backward)

    def parts(self, resource: Resource, fields: Fields, limit: int) -> tuple[Member, ...]:
        """The parts of a connection to rows of a resource, `limit` of them a page."""
        before = self._weight
        found: list[Member] = []
        for name, nodes in fields.items():
            match nodes[0].name.value:
                case "nodes":
                    self._weight = before * limit
                    found.append(Member(name, Rows(self.row(resource, nodes))))
                case "edges":
                    self._weight = before * limit
                    found.append(Member(name, Edges(self._edge(resource, nodes))))
                case "pageInfo":
                    info = self.below(nodes, "PageInfo")
                    found.append(Member(name, PageInfo(tuple(
                        Member(own, _fact(own_nodes, "PageInfo")) for own, own_nodes in info.items()))))  # fmt: skip
                case "totalCount":
                    self.cost += before * COUNTED
                    found.append(Member(name, Fact.TOTAL))
                case "aggregates":
                    below = self.below(nodes, f"{resource.name}Aggregates")
                    measures = self.measures(resource, below, "Aggregate")
                    self.cost += before * COUNTED * _count(measures)
                    found.append(Member(name, measures))
                case _:
                    found.append(Member(name, Text(f"{resource.name}Connection")))
            self._weight = before
        return tuple(found)

    def _edge(self, resource: Resource, nodes: list[FieldNode]) -> tuple[Member, ...]:
        type = f"{resource.name}Edge"
        found = []
        for name, below in self.below(nodes, type).items():
            match below[0].name.value:
                case "node":
                    found.append(Member(name, self.row(resource, below)))
                case "cursor":
                    found.append(Member(name, Fact.CURSOR))
                case _:
                    found.append(Member(name, Text(type)))
        return tuple(found)

    def measures(self, resource: Resource, fields: Fields, suffix: str) -> Measures:
        """Measures of rows of a resource. Raises: Fault QUERY_TOO_COMPLEX."""
        found: list[Member] = []
        count = 0
        for name, nodes in fields.items():
            function = nodes[0].name.value
            if function == "__typename":
                text = f"{resource.name}{suffix}{'s' if suffix == 'Aggregate' else ''}"
                found.append(Member(name, Text(text)))
            elif function == "count":
                found.append(Member(name, Measure("count")))
                count += 1
            else:
                type = f"{resource.name}{suffix}{function[0].upper()}{function[1:]}"
                below = []
                for own, own_nodes in self.below(nodes, type).items():
                    asked = own_nodes[0].name.value
                    if asked == "__typename":
                        below.append(Member(own, Text(type)))
                        continue
                    column = Column((self.api.fields[resource.name][asked].name,))
                    below.append(Member(own, Measure(function, column)))  # type: ignore[arg-type]
                    count += 1
                found.append(Member(name, Measures(tuple(below))))
        if count > MAX_MEASURES or len(found) > MAX_MEASURES:
            raise Fault("QUERY_TOO_COMPLEX", f"At most {MAX_MEASURES} measures can be asked for.")
        self.more(count)
        return Measures(tuple(found))

    # -- arguments ----------------------------------------------------------------------------------------------

    def page(self, resource: Resource, given: Mapping[str, Any]) -> Page:
        """Which rows, and in what order. Raises: Fault, with every problem."""
        problems: list[Detail] = Problems()
        first, last, after, before = (given.get(name) for name in ("first", "last", "after", "before"))
        if first is not None and last is not None:
            problems.append(_wrong("last", "`first` and `last` do not go together; leave one of them out."))
        if after is not None and (before is not None or last is not None):
            problems.append(_wrong("after", "`after` goes with `first` alone."))
        elif before is not None and first is not None:
            problems.append(_wrong("before", "`before` goes with `last` alone."))
        for name, size in (("first", first), ("last", last)):
            if size is not None and not 1 <= size <= MAX_LIMIT:
                problems.append(_wrong(name, f"`{name}` must be from 1 to {MAX_LIMIT}."))
        where = self.where(resource, given.get("where"), problems)
        sort = self.sort(resource, given.get("orderBy"), problems)
        settle(problems)
        limit = next((size for size in (first, last) if size is not None), DEFAULT_LIMIT)
        backward = last is not None or before is not None
        return Page(limit, before if backward else after, backward, where, sort)

    def where(self, resource: Resource, given: Any, problems: list[Detail]) -> Predicate | None:
        """A filter. What is wrong with it is added to the problems."""
        if given is None:
            return None
        filters = Filters(self.api.namer, problems, quantified=True)
        found = conjunction(filters.where(resource, given, "where"))
        self.more(filters.count)
        return found

    def sort(self, resource: Resource, given: Any, problems: list[Detail]) -> tuple[Sort, ...]:
        """An order. What is wrong with it is added to the problems."""
        found: dict[Column, Sort] = {}
        for place, key in enumerate((given or ())[: MAX_SORT_KEYS + 1]):
            path: tuple[str, ...] = ()
            at, value = resource, key
            while isinstance(value, dict):
                (name, value), *_ = value.items()
                if isinstance(value, dict):
                    relation = self.api.relations[at.name][name]
                    path = (*path, relation.name)
                    at = self.api.model.resources[relation.target]
                else:
                    column = Column((*path, self.api.fields[at.name][name].name))
            if column in found:
                problems.append(_wrong(f"orderBy[{place}]", "A key is named twice; leave one of them out."))
            found[column] = Sort(column, value == "DESC")
        if len(found) > MAX_SORT_KEYS:
            problems.append(
                _wrong("orderBy", f"At most {MAX_SORT_KEYS} keys can be named.", "QUERY_TOO_COMPLEX")
            )
        self.more(len(found))
        return tuple(found.values())


def _plain(value: Any) -> Any:
    """A value whose texts are as those of bodies are: in NFC, and without NUL. Raises: Fault INVALID_FORMAT."""
    match value:
        case str():
            if "\0" in value:
                raise Fault("INVALID_FORMAT", "Text may not hold NUL characters.")
            return normalize("NFC", value)
        case dict():
            return {name: _plain(member) for name, member in value.items()}
        case list():
            return [_plain(member) for member in value]
    return value


def _count(measures: Measures) -> int:
    """How many measures there are."""
    return sum(
        _count(member.shows) if isinstance(member.shows, Measures) else isinstance(member.shows, Measure)
        for member in measures.members
    )


def _fact(nodes: list[FieldNode], type: str) -> Fact | Text:
    return _PAGE_INFO.get(nodes[0].name.value) or Text(type)


def _wrong(argument: str, message: str, code: str = "INVALID_PARAMETER") -> Detail:
    return Detail(code, message, argument)

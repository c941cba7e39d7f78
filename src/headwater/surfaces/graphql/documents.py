"""Documents: parsed, held to limits, validated, and kept.

Limits come before validation, whose work can grow with the square of a document, and of course before any SQL. A
document is known again by its text, so a repeated operation is neither parsed nor validated.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
    get_introspection_query,
    parse,
    specified_rules,
    validate,
)
from graphql.validation import NoSchemaIntrospectionCustomRule

from headwater.base.caches import Kept
from headwater.base.errors import Fault

MAX_LENGTH: Final = 50_000
MAX_TOKENS: Final = 6_000
MAX_OPERATIONS: Final = 50
MAX_DEPTH: Final = 32
MAX_FIELDS: Final = 2_000
MAX_ALIASES: Final = 200
MAX_DIRECTIVES: Final = 100
MAX_ROOTS: Final = 20
MAX_FRAGMENTS: Final = 100
MAX_COMPARED: Final = 20_000
MAX_ERRORS: Final = 20
_SHORT: Final = 10_000
_KEPT: Final = 500_000
"""Characters of the documents that are kept, each of which takes a hundred bytes or so."""


class Invalid(Exception):
    """A document that cannot be executed, and why."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        self.errors = errors
        super().__init__("; ".join(error.message for error in errors))


@dataclass(frozen=True, eq=False, slots=True)
class Document:
    """A valid document: its operations by their names, and its fragments."""

    text: str
    operations: Mapping[str | None, OperationDefinitionNode]
    fragments: Mapping[str, FragmentDefinitionNode]

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """The operation of this name, or the only one. Raises: Invalid."""
        if name is not None:
            found = self.operations.get(name)
            if found is None:
                raise Invalid([GraphQLError(f"The document has no operation {name[:80]!r}.")])
            return found
        if len(self.operations) != 1:
            raise Invalid(
                [GraphQLError("The document has several operations; say which by `operationName`.")]
            )
        return next(iter(self.operations.values()))


class Documents:
    """The documents of one schema. `introspection`: whether everybody may ask for the schema."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self.schema = schema
        self.kept: Kept[tuple[str, bool], Document] = Kept(_KEPT)
        self._told = _Told(schema)

    def get(self, text: str, *, introspection: bool = True) -> Document:
        """The valid document of a text. Raises: Invalid; Fault QUERY_TOO_COMPLEX."""
        key = (text, introspection)
        found = self.kept.get(key)
        if found is None:
            found = self._read(text, introspection)
            self.kept.keep(key, found, len(text))
        return found

    def _read(self, text: str, introspection: bool) -> Document:
        if len(text) > MAX_LENGTH:
            raise Fault("QUERY_TOO_COMPLEX", f"A document has at most {MAX_LENGTH} characters.")
        try:
            # Where something stands is told of what is wrong with the syntax or the types; nothing else asks.
            parsed = parse(text, max_lexical_tokens=MAX_TOKENS, max_comments=MAX_TOKENS)
        except GraphQLError as error:
            raise Invalid([error]) from None
        check_limits(parsed)
        rules = specified_rules if introspection else (*specified_rules, NoSchemaIntrospectionCustomRule)
        # An error may repeat what it is about, which costs the more the longer that is.
        most = MAX_ERRORS if len(text) <= _SHORT else 3
        errors = validate(self.schema, parsed, rules, max_errors=most, hide_suggestions=not introspection)
        if errors:
            raise Invalid(errors)
        operations = {
            one.name.value if one.name else None: one
            for one in parsed.definitions
            if isinstance(one, OperationDefinitionNode)
        }
        fragments = {
            one.name.value: one for one in parsed.definitions if isinstance(one, FragmentDefinitionNode)
        }
        if not operations:
            raise Invalid([GraphQLError("The document has no operation.")])
        for operation in operations.values():
            self._told.check(operation.selection_set, fragments)
        return Document(text, operations, fragments)


def check_limits(document: DocumentNode) -> None:
    """Raises Fault QUERY_TOO_COMPLEX for a document that asks for more than anybody needs, and Invalid for one whose
    measures cannot be taken."""
    operations: list[OperationDefinitionNode] = []
    fragments: list[FragmentDefinitionNode] = []
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            operations.append(definition)
        elif isinstance(definition, FragmentDefinitionNode):
            fragments.append(definition)
        else:
            raise Invalid(
                [GraphQLError("A document has operations and fragments, and nothing else.", definition)]
            )
    aliases = directives = spreads = 0
    for node in _nodes(document):
        directives += len(getattr(node, "directives", None) or ())
        if isinstance(node, FieldNode) and node.alias is not None:
            aliases += 1
        elif isinstance(node, FragmentSpreadNode):
            spreads += 1
    for count, most, what in (
        (len(operations), MAX_OPERATIONS, "operations"),
        (len(fragments), MAX_FRAGMENTS, "fragments"),
        (aliases, MAX_ALIASES, "aliases"),
        (directives, MAX_DIRECTIVES, "directives"),
        (spreads, MAX_FRAGMENTS, "fragments that are spread"),
    ):
        if count > most:
            raise _beyond(f"{most} {what}")
    measures = _Measures({one.name.value: one for one in fragments})
    for operation in operations:
        measures.add(operation.selection_set)
        if measures.roots > MAX_ROOTS:
            raise _beyond(f"{MAX_ROOTS} fields at its root")
    for fragment in fragments:
        # Validation refuses a fragment that is not used, after it has looked at all of it.
        if not measures.knows(fragment.name.value):
            measures.add(fragment.selection_set)


class _Measures:
    """How much the selections of a document come to with all fragments in their places."""

    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments
        self._known: dict[str, tuple[int, int]] = {}
        self._within: set[str] = set()
        self._fields = self._compared = 0
        self.roots = 0

    def knows(self, fragment: str) -> bool:
        """Whether a fragment has been measured where it is spread."""
        return fragment in self._known

    def add(self, selection: SelectionSetNode) -> None:
        """Add a selection to what is measured. `roots` is then how many fields its answer has.

        Raises: Fault QUERY_TOO_COMPLEX, Invalid.
        """
        fields, depth = self._of(selection)
        if depth > MAX_DEPTH:
            raise _beyond(f"{MAX_DEPTH} levels")
        self._fields += fields
        if self._fields > MAX_FIELDS:
            raise _beyond(f"{MAX_FIELDS} fields")
        self._compare(selection)

    def _of(self, selection: SelectionSetNode | None) -> tuple[int, int]:
        """How many fields a selection has, and how deep it is."""
        fields = depth = 0
        for node in selection.selections if selection is not None else ():
            match node:
                case FieldNode():
                    inner, below = self._of(node.selection_set)
                    fields, depth = fields + 1 + inner, max(depth, 1 + below)
                case InlineFragmentNode():
                    inner, below = self._of(node.selection_set)
                    fields, depth = fields + inner, max(depth, below)
                case FragmentSpreadNode():
                    inner, below = self._spread(node)
                    fields, depth = fields + inner, max(depth, below)
        return fields, depth

    def _spread(self, node: FragmentSpreadNode) -> tuple[int, int]:
        name = node.name.value
        if name in self._within:
            raise Invalid([GraphQLError(f"Cannot spread fragment '{name}' within itself.", node)])
        if name not in self._known:
            fragment = self._fragments.get(name)
            self._within.add(name)
            self._known[name] = (0, 0) if fragment is None else self._of(fragment.selection_set)
            self._within.remove(name)
        return self._known[name]

    def _compare(self, selection: SelectionSetNode) -> None:
        """Count what validation compares: each field with each that has its name in the answer, arguments included."""
        waiting = [[selection]]
        self.roots = 0
        while waiting:
            alike: dict[str, list[FieldNode]] = {}
            seen: set[str] = set()
            for one in waiting.pop():
                self._collect(one, alike, seen)
            self.roots = self.roots or len(alike)
            for nodes in alike.values():
                self._compared += (len(nodes) - 1) * sum(map(_length, nodes))
                if self._compared > MAX_COMPARED:
                    message = "Too many fields of one name stand beside each other; write each of them once."
                    raise Fault("QUERY_TOO_COMPLEX", message)
                if below := [node.selection_set for node in nodes if node.selection_set is not None]:
                    waiting.append(below)

    def _collect(
        self, selection: SelectionSetNode, alike: dict[str, list[FieldNode]], seen: set[str]
    ) -> None:
        for node in selection.selections:
            match node:
                case FieldNode():
                    alike.setdefault(node.alias.value if node.alias else node.name.value, []).append(node)
                case InlineFragmentNode():
                    self._collect(node.selection_set, alike, seen)
                case FragmentSpreadNode() if (name := node.name.value) not in seen:
                    seen.add(name)
                    if (fragment := self._fragments.get(name)) is not None:
                        self._collect(fragment.selection_set, alike, seen)


class _Told:
    """How much a schema tells of itself: about so many objects as what asks for it leads to. Twice of what the
    library's own introspection query asks for is told."""

    def __init__(self, schema: GraphQLSchema) -> None:
        types = list(schema.type_map.values())
        fields = [len(one.fields) for one in types if isinstance(one, GraphQLObjectType)]
        given = [len(one.fields) for one in types if isinstance(one, GraphQLInputObjectType)]
        arguments = sum(
            len(field.args)
            for one in types
            if isinstance(one, GraphQLObjectType)
            for field in one.fields.values()
        )
        nodes = sum(1 for one in types if isinstance(one, GraphQLObjectType) and one.interfaces)
        self._most = {"fields": max(fields), "inputFields": max(given, default=0), "possibleTypes": nodes}
        self._many = {
            "types": len(types),
            "fields": sum(fields) / len(types),
            "inputFields": sum(given) / len(types),
            "args": arguments / max(1, sum(fields)),
            "possibleTypes": nodes / len(types),
            "directives": len(schema.directives),
            "ofType": 0.3,  # most types are what others are made of
        }
        asked = parse(get_introspection_query(input_value_deprecation=True, specified_by_url=True))
        fragments = {d.name.value: d for d in asked.definitions if isinstance(d, FragmentDefinitionNode)}
        operation = next(d for d in asked.definitions if isinstance(d, OperationDefinitionNode))
        self.most = 2 * self._of(operation.selection_set, fragments, "")

    def check(self, selection: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        """Raises Fault QUERY_TOO_COMPLEX for an operation that asks for more. It has been validated."""
        if self._of(selection, fragments, None) > self.most:
            message = "This asks the schema for more than tools need; ask for less, or download all of it."
            raise Fault("QUERY_TOO_COMPLEX", message)

    def _of(
        self,
        selection: SelectionSetNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        within: str | None,
    ) -> float:
        """What a selection comes to within a field of the schema's description; at the root of an operation, of what
        asks for that."""
        found = 0.0
        for node in selection.selections:
            match node:
                case FieldNode():
                    name = node.name.value
                    if within is None and name not in ("__schema", "__type"):
                        continue
                    # Of the types together the average will do; any single one may be the largest.
                    times = (None if within == "types" else self._most.get(name)) or self._many.get(name, 1)
                    inner = self._of(node.selection_set, fragments, name) if node.selection_set else 0
                    found += times * (1 + inner)
                case InlineFragmentNode():
                    found += self._of(node.selection_set, fragments, within)
                case FragmentSpreadNode():
                    found += self._of(fragments[node.name.value].selection_set, fragments, within)
        return found


def _length(node: FieldNode) -> int:
    """What it takes to compare a field: 1, and more if its arguments are long."""
    if not node.arguments:
        return 1
    first, last = node.arguments[0].loc, node.arguments[-1].loc
    return 1 if first is None or last is None else 1 + (last.end - first.start) // 20


def _nodes(node: Node) -> Iterator[Node]:
    """Every node that may have directives."""
    waiting: list[Any] = [node]
    while waiting:
        found = waiting.pop()
        yield found
        if isinstance(found, DocumentNode):
            waiting.extend(found.definitions)
        elif isinstance(found, SelectionSetNode):
            waiting.extend(found.selections)
        else:
            waiting.extend(getattr(found, "variable_definitions", None) or ())
            if (below := getattr(found, "selection_set", None)) is not None:
                waiting.append(below)


def _beyond(most: str) -> Fault:
    return Fault("QUERY_TOO_COMPLEX", f"A document has at most {most}; ask for less, or in several requests.")

"""Documents: parsed, held to limits, validated, and kept.

Limits come before validation, whose work can grow with the square of a document, and of course before any SQL. A
document is known again by its text, so a repeated operation is neither parsed nor validated.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
    specified_rules,
    validate,
)
from graphql.validation import NoSchemaIntrospectionCustomRule

from headwater.base.errors import Fault

MAX_LENGTH: Final = 100_000
MAX_TOKENS: Final = 10_000
MAX_DEPTH: Final = 32
MAX_FIELDS: Final = 2_000
MAX_ALIASES: Final = 200
MAX_DIRECTIVES: Final = 100
MAX_ROOTS: Final = 20
MAX_FRAGMENTS: Final = 100
MAX_ALIKE: Final = 20
MAX_ERRORS: Final = 20
_KEPT: Final = 1_000
_LONGEST_KEPT: Final = 10_000


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
        self._kept: OrderedDict[tuple[str, bool], Document] = OrderedDict()

    def get(self, text: str, *, introspection: bool = True) -> Document:
        """The valid document of a text. Raises: Invalid; Fault QUERY_TOO_COMPLEX."""
        key = (text, introspection)
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            return found
        found = self._read(text, introspection)
        if len(text) <= _LONGEST_KEPT:
            self._kept[key] = found
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
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
        errors = validate(
            self.schema, parsed, rules, max_errors=MAX_ERRORS, hide_suggestions=not introspection
        )
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
        return Document(text, operations, fragments)


def check_limits(document: DocumentNode) -> None:
    """Raises Fault QUERY_TOO_COMPLEX for a document that asks for more than anybody needs."""
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    if len(fragments) > MAX_FRAGMENTS:
        raise _beyond(f"{MAX_FRAGMENTS} fragments")
    aliases = directives = spreads = 0
    for node in _nodes(document):
        if isinstance(node, FieldNode | FragmentSpreadNode | InlineFragmentNode | OperationDefinitionNode):
            directives += len(node.directives or ())
        if isinstance(node, FieldNode) and node.alias is not None:
            aliases += 1
        if isinstance(node, FragmentSpreadNode):
            spreads += 1
    for count, most, what in (
        (aliases, MAX_ALIASES, "aliases"),
        (directives, MAX_DIRECTIVES, "directives"),
        (spreads, MAX_FRAGMENTS, "fragments that are spread"),
    ):
        if count > most:
            raise _beyond(f"{most} {what}")
    measures = _Measures(fragments)
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            fields, depth = measures.of(definition.selection_set)
            if depth > MAX_DEPTH:
                raise _beyond(f"{MAX_DEPTH} levels")
            if fields > MAX_FIELDS:
                raise _beyond(f"{MAX_FIELDS} fields")
            if len(definition.selection_set.selections) > MAX_ROOTS:
                raise _beyond(f"{MAX_ROOTS} fields at its root")


class _Measures:
    """How many fields selections come to with all fragments in their places, and how deep they are."""

    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments
        self._known: dict[str, tuple[int, int]] = {}

    def of(self, selection: SelectionSetNode | None) -> tuple[int, int]:
        fields = depth = 0
        if selection is None:
            return fields, depth
        alike: dict[str, int] = {}
        for node in selection.selections:
            match node:
                case FieldNode():
                    name = node.alias.value if node.alias else node.name.value
                    alike[name] = alike.get(name, 0) + 1
                    if alike[name] > MAX_ALIKE:
                        raise _beyond(f"{MAX_ALIKE} fields of one name beside each other")
                    inner, below = self.of(node.selection_set)
                    fields, depth = fields + 1 + inner, max(depth, 1 + below)
                case InlineFragmentNode():
                    inner, below = self.of(node.selection_set)
                    fields, depth = fields + inner, max(depth, below)
                case FragmentSpreadNode():
                    inner, below = self._spread(node.name.value)
                    fields, depth = fields + inner, max(depth, below)
        return fields, depth

    def _spread(self, name: str) -> tuple[int, int]:
        if name not in self._known:
            self._known[name] = (0, 0)  # of a fragment within itself, which validation refuses
            fragment = self._fragments.get(name)
            if fragment is not None:
                self._known[name] = self.of(fragment.selection_set)
        return self._known[name]


def _nodes(node: Node) -> Iterator[Node]:
    """Every node with selections or in them."""
    waiting: list[Any] = [node]
    while waiting:
        found = waiting.pop()
        yield found
        if isinstance(found, DocumentNode):
            waiting.extend(found.definitions)
        elif isinstance(found, SelectionSetNode):
            waiting.extend(found.selections)
        elif (below := getattr(found, "selection_set", None)) is not None:
            waiting.append(below)


def _beyond(most: str) -> Fault:
    return Fault("QUERY_TOO_COMPLEX", f"A document has at most {most}; ask for less, or in several requests.")

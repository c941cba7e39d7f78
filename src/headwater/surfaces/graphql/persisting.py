"""Manifests made of the documents of a client: each operation with the fragments that it needs, checked against the
schema."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    NameNode,
    OperationDefinitionNode,
    SelectionSetNode,
    Visitor,
    parse,
    print_ast,
    visit,
)

from headwater.base.errors import DeclarationError, Fault
from headwater.surfaces.graphql.documents import Documents, Invalid
from headwater.surfaces.graphql.persisted import Operation, hashed

SUFFIXES: Final = (".graphql", ".gql")
LOOK: Final = "correct it; `headwater graphql schema` prints what there is"


@dataclass(frozen=True, slots=True)
class Written:
    """Definitions as a file of a client has them, from one of its lines on."""

    file: Path
    text: str
    line: int = 1

    @property
    def place(self) -> str:
        return str(self.file) if self.line == 1 else f"{self.file}:{self.line}"


def operations(folder: Path, documents: Documents, *, typenames: bool = False) -> list[Operation]:
    """The operations of all files in a folder, and in those within it. With `typenames` each selection asks for
    `__typename`, as Apollo Client and urql send it.

    Raises DeclarationError for what is wrong with them, each file and name told.
    """
    found = [Written(path, read(path)) for path in files(folder, SUFFIXES)]
    if not found:
        raise DeclarationError(f"There are no files {' or '.join('*' + s for s in SUFFIXES)} in {folder}.",
                               mend="name the folder of the client's documents.")  # fmt: skip
    return checked(found, documents, typenames=typenames)


def files(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """A client's files that end so, but for those of its packages and what is hidden."""
    return sorted(_files(folder, suffixes))


def read(path: Path) -> str:
    """A file's text. Raises DeclarationError."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(str(path), str(error), "correct it") from error


def checked(written: Iterable[Written], documents: Documents, *, typenames: bool = False) -> list[Operation]:
    """The operations of a client. Raises DeclarationError for what is wrong with them, each place and name told."""
    parsed = [(one.place, _parsed(one)) for one in written]
    fragments: dict[str, FragmentDefinitionNode] = {}
    named: dict[str, str] = {}
    found = []
    for place, document in parsed:
        for one in document.definitions:
            if isinstance(one, FragmentDefinitionNode):
                if one.name.value in fragments:
                    raise _wrong(
                        place, f"the fragment {one.name.value} is defined twice", "rename one of the two"
                    )
                fragments[one.name.value] = one
    for place, document in parsed:
        for one in document.definitions:
            if not isinstance(one, OperationDefinitionNode):
                continue
            if one.name is None:
                raise _wrong(place, "an operation has no name", "name it, as in `query Shots { … }`")
            name = one.name.value
            if name in named:
                raise _wrong(
                    place, f"{name} is the name of an operation of {named[name]} too", "rename one of the two"
                )
            named[name] = place
            found.append(_operation(place, one, fragments, documents, typenames))
    return found


def _files(folder: Path, suffixes: Sequence[str]) -> Iterator[Path]:
    if folder.is_file() and folder.suffix in suffixes:
        yield folder
    for path in folder.rglob("*"):
        inner = path.relative_to(folder).parts
        if path.suffix in suffixes and not any(p == "node_modules" or p.startswith(".") for p in inner):
            yield path


def _parsed(written: Written) -> DocumentNode:
    try:
        return parse(written.text)
    except GraphQLError as error:
        line = written.line + (error.locations[0].line if error.locations else 1) - 1
        raise _wrong(f"{written.file}:{line}", error.message, "correct it") from error


def _operation(
    place: str,
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    documents: Documents,
    typenames: bool,
) -> Operation:
    assert operation.name is not None
    whole: Any = DocumentNode(definitions=(operation, *_needed(operation, fragments)))
    body = print_ast(visit(whole, _Typenames()) if typenames else whole)
    try:
        documents.get(body)
    except Invalid as invalid:
        raise _wrong(place, f"{operation.name.value}: {invalid}", LOOK) from invalid
    except Fault as fault:
        raise _wrong(place, f"{operation.name.value}: {fault.message}", "ask for less") from fault
    return Operation(hashed(body), operation.name.value, operation.operation.value, body)


def _needed(
    operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> Sequence[FragmentDefinitionNode]:
    """The fragments that an operation spreads, and those that they spread, by their names."""
    found: dict[str, FragmentDefinitionNode] = {}
    waiting: list[Any] = [operation]

    class Spreads(Visitor):
        def enter_fragment_spread(self, node: FragmentSpreadNode, *_: Any) -> None:
            name = node.name.value
            if name in fragments and name not in found:
                found[name] = fragments[name]
                waiting.append(fragments[name])

    while waiting:
        visit(waiting.pop(), Spreads())
    return [found[name] for name in sorted(found)]


class _Typenames(Visitor):
    """Has each selection ask for `__typename`, but for those of operations."""

    def leave_selection_set(self, node: SelectionSetNode, _: Any, parent: Any, *__: Any) -> Any:
        asked = [
            one.name.value for one in node.selections if isinstance(one, FieldNode) and one.alias is None
        ]
        if isinstance(parent, OperationDefinitionNode) or "__typename" in asked:
            return None
        typename = FieldNode(name=NameNode(value="__typename"))
        return SelectionSetNode(selections=(*node.selections, typename))


def _wrong(place: str, what: str, mend: str) -> DeclarationError:
    return DeclarationError(f"{what}.".replace("..", "."), where=place, mend=f"{mend}.")

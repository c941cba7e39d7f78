"""What the rows of an answer show: `fields`, `fields[tasks]`, `include`, and options of what is included."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from headwater.ir.expr import And, Predicate
from headwater.ir.model import Model, Resource
from headwater.ir.names import Namer, UnknownName
from headwater.ir.query import DEFAULT_NESTED_LIMIT, MAX_INCLUDE_DEPTH, Include, Select, Sort

MAX_INCLUDES: Final = 30


@dataclass(slots=True)
class Options:
    """What a request asks of one included to-many relation. `parameter` is the first that named it."""

    parameter: str
    where: list[Predicate] = field(default_factory=list)
    sort: tuple[Sort, ...] = ()
    limit: int = DEFAULT_NESTED_LIMIT
    limited: bool = False


@dataclass(slots=True)
class Node:
    """A resource shown somewhere in the answer. `named` are the fields asked for, None if none was; `path` are the
    relations that lead there. `linked` are the to-many relations asked for without their rows."""

    resource: Resource
    path: tuple[str, ...] = ()
    named: set[str] | None = None
    whole: bool = False
    children: dict[str, "Node"] = field(default_factory=dict)
    linked: set[str] = field(default_factory=set)

    def freeze(self, namer: Namer | None = None) -> Select:
        """In the order of the declaration, so that requests that mean the same share a plan. With a namer: in pieces,
        of which the relations that it knows are some."""
        include = tuple(
            Include(relation, child.freeze(namer)) for relation, child in sorted(self.children.items())
        )
        if namer is not None:
            return self._pieces(namer, include)
        if self.named is None or (self.whole and not self.named):
            return Select(None, include)
        return Select(tuple(name for name in self.resource.fields if name in self.named), include)

    def _pieces(self, namer: Namer, include: tuple[Include, ...]) -> Select:
        resource, named = self.resource, self.named
        known = dict.fromkeys(relation.name for relation in namer.names(resource).relations.values())
        relations = {name: resource.relations[name] for name in known}
        references = {relation.field for relation in relations.values() if relation.kind == "one"}
        fields = [
            f.name
            for f in resource.fields.values()
            if not (f.internal or f.name == "id" or f.name in references)
            and (f.batch is None if named is None else f.name in named)
        ]
        shown = [
            name
            for name, relation in relations.items()
            if named is None or (relation.field in named if relation.kind == "one" else name in self.linked)
        ]
        return Select(tuple(fields), include, tuple(shown))


class Selector:
    """Collects the names of one request into a tree. `pieces`: the answer's rows come in pieces, so that the name of a
    to-many relation among the fields asks for the relation and not for its rows."""

    def __init__(self, model: Model, namer: Namer, resource: Resource, *, pieces: bool = False) -> None:
        self.model, self.namer, self.pieces = model, namer, pieces
        self.root = Node(resource)
        self._nodes = [self.root]

    def select(self) -> Select:
        """What has been collected. In pieces all rows of a resource show the same, wherever they are."""
        if self.pieces:
            for node in self._nodes:
                alike = [other for other in self._nodes if other.resource is node.resource]
                named = [other.named for other in alike if other.named is not None]
                node.named = set().union(*named) if len(named) == len(alike) else None
                node.linked = set().union(*(other.linked for other in alike))
        return self.root.freeze(self.namer if self.pieces else None)

    def field(self, text: str, within: Node | None = None) -> None:
        """One name of `fields=id,title,artist.name`. Raises: UnknownName."""
        *hops, last = text.split(".")
        node = within or self.root
        node.named = node.named or set()
        for hop in hops:
            node = self._child(node, hop)
            node.named = node.named or set()
        self._name(node, last)

    def include(self, text: str, within: Node | None = None) -> Node:
        """One path of `include=project,tasks.artist`, the relations on the way too. Raises: UnknownName."""
        node = within or self.root
        for hop in text.split("."):
            node = self._child(node, hop)
            node.whole = True
        return node

    def field_of(self, target: Resource, text: str) -> None:
        """One name of `fields[people]=name`, for every place where it is shown. Raises: UnknownName."""
        places = [node for node in self._nodes if node.resource is target]
        if not places:
            raise UnknownName(f"No {target.path} are shown here; `include` a relation to them.")
        for node in places:
            node.named = node.named or set()
            if text or not self.pieces:  # `fields[people]=` asks for none of them
                self._name(node, text)

    def _name(self, node: Node, text: str) -> None:
        """One of a node's fields; the name of a to-many relation includes it."""
        names = self.namer.names(node.resource)
        assert node.named is not None
        if text not in names.fields and text in names.relations:
            if self.pieces:
                node.linked.add(names.relations[text].name)
            else:
                self._child(node, text).whole = True
            return
        node.named.add(self.namer.field(node.resource, text).name)

    def _child(self, node: Node, text: str) -> Node:
        relation = self.namer.relation(node.resource, text)
        child = node.children.get(relation.name)
        if child is None:
            if len(node.path) >= MAX_INCLUDE_DEPTH:
                message = f"At most {MAX_INCLUDE_DEPTH} relations can be nested."
                raise UnknownName(message, "QUERY_TOO_COMPLEX")
            if len(self._nodes) > MAX_INCLUDES:
                raise UnknownName(f"At most {MAX_INCLUDES} relations can be included.", "QUERY_TOO_COMPLEX")
            target = self.model.resources[relation.target]
            child = node.children[relation.name] = Node(target, (*node.path, relation.name))
            self._nodes.append(child)
        return child


def apply(select: Select, options: Mapping[tuple[str, ...], Options]) -> tuple[Select, set[tuple[str, ...]]]:
    """The selection with the options of its relations, and the paths of the relations that it includes."""
    found: set[tuple[str, ...]] = set()

    def visit(select: Select, path: tuple[str, ...]) -> Select:
        included = []
        for item in select.include:
            here = (*path, item.relation)
            found.add(here)
            changes: dict[str, Any] = {"select": visit(item.select, here)}
            if (wanted := options.get(here)) is not None:
                changes |= {"sort": wanted.sort, "limit": wanted.limit, "where": conjunction(wanted.where)}
            included.append(replace(item, **changes))
        return replace(select, include=tuple(included))

    return visit(select, ()), found


def conjunction(predicates: list[Predicate]) -> Predicate | None:
    """All of some predicates; None for none."""
    if not predicates:
        return None
    return predicates[0] if len(predicates) == 1 else And(tuple(predicates))

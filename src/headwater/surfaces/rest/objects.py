"""Resource objects of JSON:API 1.1, from rows in pieces.

What stands around the values of a row is the same for all rows of a selection, so a `Layout` makes it once: a row is
then joined into it as it is. Rows that are included are gathered from all over the answer, each once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter
from urllib.parse import quote

import msgspec

from headwater.ir.model import TRASH, Model, Relation, Resource
from headwater.ir.pieces import between_pieces, between_rows, member, references
from headwater.ir.query import Select


def segment(relation: Relation) -> str:
    """The last part of the paths that belong to a relation."""
    return relation.name.replace("_", "-")


def identifier(resource: Resource, id: str) -> str:
    """A resource identifier object, of an id as a JSON string."""
    return f'{{"type":"{resource.path}","id":{id}}}'


@lru_cache(4096)
def _in_path(id: str) -> str:
    return quote(msgspec.json.decode(id), safe="")


class _Frame:
    """Text with holes, and which values go into them."""

    __slots__ = ("pick", "text")

    def __init__(self, parts: Sequence[str | int]) -> None:
        text: list[str] = [""]
        holes: list[int] = []
        for part in parts:
            if isinstance(part, str):
                text[-1] += part
            else:
                holes.append(part)
                text += ["", ""]
        self.text, self.pick = text, itemgetter(*holes)

    def fill(self, values: list[str]) -> str:
        whole = self.text.copy()
        whole[1::2] = self.pick(values)
        return "".join(whole)


def trash(path: str) -> str:
    """The path of a resource's trash: beside all resources, as below its own it could be taken for a row."""
    start, _, name = path.rpartition("/")
    return f"{start}/{TRASH}/{name}"


class Layout:
    """How the rows of a selection become resource objects. `base` is the path of the API.

    What is `trashed` has no relationships that could be read by themselves, and what is shown with it may be there or
    may be not; so links lead to the rows alone that were asked for.
    """

    def __init__(
        self,
        model: Model,
        base: str,
        resource: Resource,
        select: Select,
        depth: int = 1,
        many: bool = True,
        *,
        trashed: bool = False,
    ) -> None:
        path = f"{base}/{resource.path}"
        self.resource, self.many, self.trashed = resource, many, trashed
        self.path = path if not trashed else trash(path) if depth == 1 else None
        self.between_pieces, self.between_rows = between_pieces(depth), between_rows(depth)
        self.opening = identifier(resource, "")[:-1]
        self.relations = [resource.relations[name] for name in select.relations or ()]
        self.references = references(resource, select)
        targets = [model.resources[resource.relations[name].target] for name in self.references]
        self._openings = tuple(enumerate([identifier(target, "")[:-1] for target in targets], 2))
        self._in_path = _in_path if resource.natural else itemgetter(slice(1, -1))
        self.own = 2 + len(self.references)
        self.includes: list[Layout] = []
        self.linked: dict[int, str] = {}  # the pieces that tell of to-many relations whose linkage is shown
        for place, include in enumerate(select.include, self.own):
            relation = resource.relations[include.relation]
            many = relation.kind != "one"
            inner = model.resources[relation.target]
            self.includes.append(Layout(model, base, inner, include.select, depth + 1, many, trashed=trashed))
            if many and relation in self.relations:
                self.linked[place] = relation.name
        linked = {name: place for place, name in self.linked.items()}
        self._frame = self._framed(linked, self.own + len(self.includes))
        self._frames: dict[tuple[str, ...], _Frame] = {}
        resources = [layout.resource.name for layout in self._all()]
        self.alone = len(set(resources)) == len(resources)

    def _all(self) -> Iterator["Layout"]:
        yield self
        for inner in self.includes:
            yield from inner._all()

    def object(self, pieces: list[str], frame: _Frame | None = None) -> str:
        """The object of a row, of its pieces: in the place of what it includes, the linkage to that."""
        for index, opening in self._openings:
            if pieces[index] != "null":
                pieces[index] = opening + pieces[index] + "}"
        pieces.append(self._in_path(pieces[0]))
        return (frame or self._frame).fill(pieces)

    def merged(self, pieces: list[str], linked: dict[str, list[str]]) -> str:
        """The object of a row, of its own pieces alone, which may be linked in more ways than this one."""
        places = {name: self.own + number for number, name in enumerate(linked)}
        frame = self._frames.get(tuple(places))
        if frame is None:
            frame = self._frames[tuple(places)] = self._framed(places, self.own + len(linked))
        return self.object([*pieces, *map(_listed, linked.values())], frame)

    def _framed(self, linked: Mapping[str, int], place: int) -> _Frame:
        """The text around a row's pieces, after which its id as it is in paths has its place."""
        parts: list[str | int] = [self.opening, 0, ',"attributes":', 1]
        opened = False
        for relation in self.relations:
            data = linked.get(relation.name)
            if relation.name in self.references:
                data = 2 + self.references.index(relation.name)
            if self.trashed and data is None:
                continue
            parts.append("," if opened else ',"relationships":{')
            parts.append(f'"{member(self.resource, relation.wire)}":{{')
            opened = True
            if not self.trashed:
                parts += [f'"links":{{"self":"{self.path}/', place, f'/relationships/{segment(relation)}"']
                parts += [f',"related":"{self.path}/', place, f'/{segment(relation)}"}}']
            if data is not None:
                parts += ['"data":' if self.trashed else ',"data":', data]
            parts.append("}")
        if opened:
            parts.append("}")
        if self.path is not None:
            parts += [f',"links":{{"self":"{self.path}/', place, '"}']
        return _Frame([*parts, "}"])


def _listed(identifiers: Iterable[str]) -> str:
    return f"[{','.join(identifiers)}]"


def compose(layout: Layout, rows: Sequence[str]) -> tuple[list[str], list[str]]:
    """The objects of some rows, and those of all that they include, each once."""
    if not layout.includes:
        separator = layout.between_pieces
        return [layout.object(row.split(separator)) for row in rows], []
    if layout.alone:
        gatherer = _Gatherer()
        primary = dict.fromkeys(gatherer.gather(layout, rows))
        objects = gatherer.objects
    else:
        found: dict[str, _Row] = {}
        primary = dict.fromkeys(_gather_all(layout, rows, found))
        objects = {key: row.layout.merged(row.pieces, row.linked) for key, row in found.items()}
    return [objects[key] for key in primary], [text for key, text in objects.items() if key not in primary]


class _Gatherer:
    """Gathers the objects of rows and of what they include, by their identifiers. Of each resource there is one layout.

    `seen` are whole rows: one that many lead to is looked into once.
    """

    __slots__ = ("objects", "seen")

    def __init__(self) -> None:
        self.objects: dict[str, str] = {}
        self.seen: set[str] = set()

    def gather(self, layout: Layout, rows: Iterable[str]) -> list[str]:
        """The rows' identifiers."""
        opening, separator, includes = (
            layout.opening,
            layout.between_pieces,
            tuple(enumerate(layout.includes, layout.own)),
        )
        objects, seen = self.objects, self.seen
        identifiers = []
        for text in rows:
            pieces = text.split(separator)
            identifier = opening + pieces[0] + "}"
            identifiers.append(identifier)
            if identifier in objects:
                continue
            for place, inner in includes:
                behind = pieces[place]
                if inner.many:
                    several = behind.split(inner.between_rows) if behind else ()
                    pieces[place] = _listed(self.gather(inner, several))
                elif behind and behind not in seen:
                    seen.add(behind)
                    self.gather(inner, (behind,))
            objects[identifier] = layout.object(pieces)
        return identifiers


@dataclass(slots=True)
class _Row:
    """A row that may be in an answer in several ways. Where any of them leads belongs to it."""

    layout: Layout
    pieces: list[str]
    linked: dict[str, list[str]] = field(default_factory=dict)

    def link(self, relation: str, identifiers: list[str]) -> None:
        known = self.linked.setdefault(relation, [])
        known += [identifier for identifier in identifiers if identifier not in known]


def _gather_all(layout: Layout, rows: Iterable[str], found: dict[str, _Row]) -> list[str]:
    """Note rows and what they include; their identifiers. A resource may have several layouts."""
    identifiers, noted = [], []
    for text in rows:
        pieces = text.split(layout.between_pieces)
        identifier = layout.opening + pieces[0] + "}"
        identifiers.append(identifier)
        noted.append((pieces, found.setdefault(identifier, _Row(layout, pieces[: layout.own]))))
    # Only then what they include, so that a row that is there in its own right is shown as that.
    for pieces, row in noted:
        for place, inner in enumerate(layout.includes, layout.own):
            behind = pieces[place]
            linked = _gather_all(inner, behind.split(inner.between_rows), found) if behind else []
            if place in layout.linked:
                row.link(layout.linked[place], linked)
    return identifiers

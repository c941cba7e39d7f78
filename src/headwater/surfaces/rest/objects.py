"""Resource objects of JSON:API 1.1, from rows in pieces.

What stands around the values of a row is the same for all rows of a selection, so a `Layout` makes it once: a row is
then joined into it as it is. Rows that are included are gathered from all over the answer, each once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter
from typing import Final
from urllib.parse import quote

import msgspec

from headwater.ir.model import TRASH, Model, Relation, Resource
from headwater.ir.pieces import between_pieces, between_rows, member, references
from headwater.ir.query import Select

KEPT: Final = 1024
"""Rows whose objects are kept."""
LONGEST: Final = 4096
"""Characters of a row that is kept, with all that it includes."""


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

    def identifier(self, text: str) -> str:
        """The resource identifier object of a row."""
        return self.opening + text.partition(self.between_pieces)[0] + "}"

    def object(self, pieces: list[str], frame: _Frame | None = None) -> bytes:
        """The object of a row, of its pieces: in the place of what it includes, the linkage to that."""
        for index, opening in self._openings:
            if pieces[index] != "null":
                pieces[index] = opening + pieces[index] + "}"
        pieces.append(self._in_path(pieces[0]))
        return (frame or self._frame).fill(pieces).encode()

    def merged(self, pieces: list[str], linked: dict[str, list[str]]) -> bytes:
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


Opened = tuple[str, bytes, list[tuple[Layout, str]]]
"""What a row's text comes to: its identifier, its object, and the rows that it includes."""


def _open(layout: Layout, text: str) -> Opened:
    pieces = text.split(layout.between_pieces)
    identifier = layout.opening + pieces[0] + "}"
    behind: list[tuple[Layout, str]] = []
    for place, inner in enumerate(layout.includes, layout.own):
        rows = pieces[place].split(inner.between_rows) if pieces[place] else ()
        behind += [(inner, row) for row in rows]
        if inner.many:
            pieces[place] = _listed(inner.identifier(row) for row in rows)
    return identifier, layout.object(pieces), behind


def _object(layout: Layout, text: str) -> bytes:
    return layout.object(text.split(layout.between_pieces))


# A row is read far more often than it changes, and what it comes to depends on its text alone.
_kept_object, _kept_opened = lru_cache(KEPT)(_object), lru_cache(KEPT)(_open)


def compose(layout: Layout, rows: Sequence[str]) -> tuple[list[bytes], list[bytes]]:
    """The objects of some rows, and those of all that they include, each once."""
    if not layout.includes:
        return [(_kept_object if len(row) <= LONGEST else _object)(layout, row) for row in rows], []
    if layout.alone:
        objects: dict[str, bytes] = {}
        behind = _note(objects, [(layout, row) for row in rows])
        primary = len(objects)
        while behind:
            behind = _note(objects, dict.fromkeys(behind))
        whole = list(objects.values())
        return whole[:primary], whole[primary:]
    found: dict[str, _Row] = {}
    asked = dict.fromkeys(_gather(layout, rows, found))
    objects = {key: row.layout.merged(row.pieces, row.linked) for key, row in found.items()}
    return [objects[key] for key in asked], [whole for key, whole in objects.items() if key not in asked]


def _note(objects: dict[str, bytes], rows: Iterable[tuple[Layout, str]]) -> list[tuple[Layout, str]]:
    """Note the objects of rows by their identifiers, where each resource has one layout; the rows that they include."""
    behind: list[tuple[Layout, str]] = []
    for layout, text in rows:
        opened = _kept_opened if len(text) <= LONGEST else _open
        identifier, whole, inner = opened(layout, text)
        if identifier not in objects:
            objects[identifier] = whole
            behind += inner
    return behind


@dataclass(slots=True)
class _Row:
    """A row that may be in an answer in several ways. Where any of them leads belongs to it."""

    layout: Layout
    pieces: list[str]
    linked: dict[str, list[str]] = field(default_factory=dict)

    def link(self, relation: str, identifiers: list[str]) -> None:
        known = self.linked.setdefault(relation, [])
        known += [identifier for identifier in identifiers if identifier not in known]


def _gather(layout: Layout, rows: Iterable[str], found: dict[str, _Row]) -> list[str]:
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
            linked = _gather(inner, behind.split(inner.between_rows), found) if behind else []
            if place in layout.linked:
                row.link(layout.linked[place], linked)
    return identifiers

"""The parameters of requests, as components: those of each resource, and the headers that all share.

Each has an example. Those of filters find the example row of the resource.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from headwater.ir.filters import OPERATORS, UNSORTED
from headwater.ir.model import Field, Kind, Model, Relation, Resource
from headwater.ir.names import Namer
from headwater.ir.parameters import LIST_PARAMETERS
from headwater.ir.parse import CURSOR_PROFILE, DEFAULT_SIZE, MAX_PAGE, MAX_SORT_KEYS
from headwater.ir.query import DEFAULT_LIMIT, DEFAULT_NESTED_LIMIT, MAX_GROUPS, MAX_INCLUDE_DEPTH, MAX_LIMIT
from headwater.ir.search import MAX_SEARCH, MAX_TERMS, searchable
from headwater.ir.summaries import FITTING, MAX_GROUP_KEYS, MAX_MEASURES
from headwater.ir.values import to_wire
from headwater.surfaces.describe.example_rows import ExampleRows
from headwater.surfaces.describe.values import Schema, asked, visible

Parameter = dict[str, Any]

_SHOWN_DEPTH: Final = 2  # levels of relations of which every path is listed

CALL: Final = rf"^-?(?:count|(?:{'|'.join(FITTING)})\([A-Za-z][A-Za-z0-9_.]*\))$"

_MEANING: Final = {
    "eq": "`{0}` is this.",
    "ne": "`{0}` is not this; rows without one are among them.",
    "in": "`{0}` is one of these.",
    "nin": "`{0}` is none of these; rows without one are among them.",
    "isNull": "Whether `{0}` is empty.",
    "lt": "`{0}` is less than this.",
    "lte": "`{0}` is at most this.",
    "gt": "`{0}` is more than this.",
    "gte": "`{0}` is at least this.",
    "between": "`{0}` is from the first to the second, both included.",
    "contains": "`{0}` contains this, whatever the case and accents.",
    "startsWith": "`{0}` starts with this, whatever the case and accents.",
}

CURSOR: Final = "vN0i8mZQx2uT7Q3kkq52YXNrXzAxajl6cTRoOA"
"""What a cursor looks like. None can be made up: each is signed for its query."""

SHARED: Final[dict[str, Parameter]] = {
    "limit": {
        "name": "limit",
        "in": "query",
        # Its default is told in words: clients that are made of the document would send one that stands in the schema,
        # together with what it does not go with.
        "description": f"Rows of a page, {DEFAULT_LIMIT} unless told, at most {MAX_LIMIT}; with `groupBy` groups, at "
        f"most {MAX_GROUPS}. Pages by cursor; not together with `page` and `perPage`.",
        "schema": {"type": "integer", "minimum": 1, "maximum": MAX_GROUPS},
        "example": 20,
    },
    "cursor": {
        "name": "cursor",
        "in": "query",
        "description": "Where the page begins: `nextCursor` or `prevCursor` of another page of the same query. "
        "Not together with `page` and `perPage`.",
        "schema": {"type": "string", "minLength": 1},
        "example": CURSOR,
    },
    "page": {
        "name": "page",
        "in": "query",
        "description": "The number of a page, from 1; the answer tells how many there are.",
        "schema": {"type": "integer", "minimum": 1, "maximum": MAX_PAGE},
        "example": 2,
    },
    "perPage": {
        "name": "perPage",
        "in": "query",
        "description": f"Rows of a numbered page; {DEFAULT_SIZE} if `page` is given without it.",
        "schema": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
        "example": 10,
    },
    "page-number": {
        "name": "page[number]",
        "in": "query",
        "description": "In JSON:API: the number of a page, from 1.",
        "schema": {"type": "integer", "minimum": 1, "maximum": MAX_PAGE},
        "example": 2,
    },
    "page-size": {
        "name": "page[size]",
        "in": "query",
        "description": f"In JSON:API: how many on a page; {DEFAULT_SIZE} on a numbered one, else {DEFAULT_LIMIT}.",
        "schema": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
        "example": 10,
    },
    "page-after": {
        "name": "page[after]",
        "in": "query",
        "description": f"In JSON:API: the cursor behind which the page begins ({CURSOR_PROFILE}).",
        "schema": {"type": "string", "minLength": 1},
        "example": CURSOR,
    },
    "page-before": {
        "name": "page[before]",
        "in": "query",
        "description": f"In JSON:API: the cursor before which the page ends ({CURSOR_PROFILE}).",
        "schema": {"type": "string", "minLength": 1},
        "example": CURSOR,
    },
    "order": {
        "name": "order",
        "in": "query",
        "description": "With `sort` of one key that has no `-`: its direction.",
        "schema": {"enum": ["asc", "desc"]},
        "example": "desc",
    },
    "If-Match": {
        "name": "If-Match",
        "in": "header",
        "description": "The `ETag` of the row as you know it: refused with 412 if it has changed since.",
        "schema": {"type": "string"},
        "example": '"1.5d41402abc4b2a76"',
    },
    "If-None-Match": {
        "name": "If-None-Match",
        "in": "header",
        "description": "The `ETag` of what you have: answered by 304 if it still holds.",
        "schema": {"type": "string"},
        "example": '"1.5d41402abc4b2a76"',
    },
    "Prefer": {
        "name": "Prefer",
        "in": "header",
        "description": "`return=minimal` leaves the body of the answer out (RFC 7240).",
        "schema": {"type": "string"},
        "example": "return=minimal",
    },
    "X-Request-Id": {
        "name": "X-Request-Id",
        "in": "header",
        "description": "An id of yours for this request, of letters, digits, `-` and `_`, up to 64; "
        "the answer repeats it. Anything else is replaced.",
        "schema": {"type": "string"},
        "example": "import-2026-03-02",
    },
}  # fmt: skip


PAGING: Final = (
    *(name for name in LIST_PARAMETERS if name in SHARED),
    *(n for n in SHARED if n.startswith("page-")),
)
"""The parameters that lists share, those of plain JSON first."""


class Parameters:
    """What can be asked of each resource of a model, by the names of the components."""

    def __init__(self, model: Model, rows: ExampleRows) -> None:
        self.model, self.rows, self.namer = model, rows, Namer(model)

    def of(self, resource: Resource) -> dict[str, Parameter]:
        """The components of a resource: what a row shows (`Task.fields`, `Task.include`), its order (`Task.sort`),
        filters (`Task.deadline.gte`) and options of its to-many relations (`Task.timeLogs-limit`)."""
        return {f"{resource.name}.{name}": found for name, found in self._of(resource)}

    def row(self, resource: Resource) -> list[str]:
        """The names of the components that speak of one row."""
        names = ["fields", "fields-own", *(["include"] if self.relations(resource) else [])]
        options = [name for name, _ in self._options(resource)]
        return [f"{resource.name}.{name}" for name in (*names, *options)]

    def list(self, resource: Resource) -> list[str]:
        """The names of the components that speak of many rows."""
        return [*PAGING, *self.of(resource)]

    def ids(self, resource: Resource) -> Sequence[str]:
        """The names of the components that speak of many rows of which the ids alone are shown."""
        specific = {
            f"{resource.name}.{name}" for name in ("fields", "fields-own", "include", "aggregate", "groupBy")
        }
        options = {f"{resource.name}.{name}" for name, _ in self._options(resource)}
        return [name for name in self.list(resource) if name not in specific | options]

    def relations(self, resource: Resource) -> dict[str, Relation]:
        """The relations that clients know, by their preferred names."""
        return {r.wire: r for r in self.namer.names(resource).relations.values()}

    def _of(self, resource: Resource) -> Iterator[tuple[str, Parameter]]:
        fields = self.shown(resource)
        yield (
            "fields",
            _listed(
                "fields",
                "What each row shows: its fields, and fields of what it leads to, which need no `include` then. "
                f"Paths of up to {MAX_INCLUDE_DEPTH} relations are understood; `fields[PATH]` (such as "
                f"`fields[{resource.path}]`) names those of all rows of one resource that are shown.",
                fields,
                example=["id", self._telling(resource)],
            ),
        )
        yield (
            "fields-own",
            _listed(
                f"fields[{resource.path}]",
                f"What all {resource.path.replace('-', ' ')} show that are in the answer.",
                [*(field.wire for field in visible(resource)), *self.relations(resource)],
                example=[self._telling(resource)],
            ),
        )
        if self.relations(resource):
            yield (
                "include",
                _listed(
                    "include",
                    f"What is embedded in each row. Paths of up to {MAX_INCLUDE_DEPTH} relations are understood.",
                    list(self.paths(resource)),
                    example=[next(iter(self.relations(resource)))],
                ),
            )
        yield from self._options(resource)
        if found := searchable(resource):
            yield "q", {**search(found), "example": self._word(resource, found)}
        yield "sort", self._order(resource)
        yield "aggregate", self._aggregate(resource)
        groups = _listed(
            "groupBy",
            "With `aggregate`: what the rows of one group share. Fields behind more to-one relations go too.",
            self.keys(resource),
            example=[self.group(resource)],
        )
        groups["schema"] |= {"uniqueItems": True, "maxItems": MAX_GROUP_KEYS}
        yield "groupBy", groups
        for field in _asked(resource):
            yield from self._filters(resource, field)

    def _order(self, resource: Resource) -> Parameter:
        found = _sort("sort", self.keys(resource))
        found["description"] += " With `groupBy`: groups and functions that are asked for, such as `-count`."
        found["schema"]["items"] = {"anyOf": [found["schema"]["items"], {"type": "string", "pattern": CALL}]}
        return found

    def calls(self, resource: Resource) -> Sequence[str]:
        """What `aggregate` can name."""
        values = ["count"]
        for wire, field in self._places(resource):
            values += [
                f"{function}({wire})"
                for function, kinds in FITTING.items()
                if field.type.kind in kinds and not (function == "sum" and "." in wire)
            ]
        return values

    def _aggregate(self, resource: Resource) -> Parameter:
        found = _listed(
            "aggregate",
            "Numbers about the rows in place of the rows: one object, or with `groupBy` one for each group. It goes "
            "with filters, and with `groupBy` also with `sort` and `limit`; not with what is about rows (`fields`, "
            "`include`, `cursor`, `page`). Fields behind more to-one relations go too.",
            self.calls(resource),
            example=["count"],
        )
        found["schema"] |= {"uniqueItems": True, "maxItems": MAX_MEASURES}
        return found

    def _options(self, resource: Resource) -> Iterator[tuple[str, Parameter]]:
        for wire, relation in self.relations(resource).items():
            if relation.kind == "one":
                continue
            target = self.model.resources[relation.target]
            yield (
                f"{wire}-limit",
                {
                    "name": f"{wire}[limit]",
                    "in": "query",
                    "description": f"With `include={wire}`: how many; {DEFAULT_NESTED_LIMIT} unless told.",
                    "schema": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
                    "example": 5,
                },
            )
            names = [f.wire for f in _asked(target) if f.type.kind not in UNSORTED]
            yield f"{wire}-sort", _sort(f"{wire}[sort]", names, f"With `include={wire}`: their order.")
            simple = {f.wire: asked(f.type) for f in _asked(target) if f.type.kind not in UNSORTED}
            one = target.by_wire[self.group(target)]
            yield (
                f"{wire}-filter",
                {
                    "name": f"{wire}[filter]",
                    "in": "query",
                    "description": f"With `include={wire}`: which of them, as in `{wire}[filter][id]=…`. Operators "
                    f"follow in brackets, as in `{wire}[filter][id][ne]=…`.",
                    "style": "deepObject",
                    "explode": True,
                    "schema": {"type": "object", "properties": simple, "additionalProperties": False},
                    "example": {one.wire: self._asked_value(target, one)},
                },
            )

    def _filters(self, resource: Resource, field: Field) -> Iterator[tuple[str, Parameter]]:
        value = self._asked_value(resource, field)
        for operator in OPERATORS[field.type.kind]:
            name = field.wire if operator == "eq" else f"{field.wire}[{operator}]"
            if field.wire in LIST_PARAMETERS or field.wire in ("per_page", "filter"):
                name = f"filter[{field.wire}]" + ("" if operator == "eq" else f"[{operator}]")
            found: Parameter = {
                "name": name,
                "in": "query",
                "description": _MEANING[operator].format(field.wire),
            }
            if operator == "isNull":
                found |= {"schema": {"type": "boolean"}, "example": False}
            elif operator in ("in", "nin", "between"):
                found |= {"style": "form", "explode": False, "schema": _several(field, operator)}
                if value is not None:
                    one = _escaped(value) if field.type.kind in (Kind.TEXT, Kind.ID) else value
                    found["example"] = [one, one] if operator == "between" else [one]
            else:
                found["schema"] = asked(field.type)
                if value is not None:
                    part = operator in ("contains", "startsWith") and isinstance(value, str)
                    found["example"] = _part(value) if part else value
            yield f"{field.wire}.{operator}", found

    def _asked_value(self, resource: Resource, field: Field) -> Any:
        """The value of the example row that a filter compares with; None: there is none."""
        value = to_wire(field.type, self.rows.value(resource, field))
        if field.type.kind is Kind.LIST:
            return next(iter(value or ()), None)
        return value["amount"] if value is not None and field.type.kind is Kind.MONEY else value

    def _telling(self, resource: Resource) -> str:
        """The field that tells the most of a row: the first that is not its id."""
        return next(field.wire for field in visible(resource) if field.name != "id")

    def group(self, resource: Resource) -> str:
        """What rows are likely to be grouped by: a state, a kind, or else whatever they have."""
        kinds = (Kind.ENUM, Kind.BOOLEAN, Kind.ID, Kind.TEXT)
        fields = [f for f in _asked(resource) if f.type.kind not in UNSORTED and f.name != "id"]
        best = min(fields, key=lambda f: kinds.index(f.type.kind) if f.type.kind in kinds else len(kinds))
        return best.wire

    def _word(self, resource: Resource, fields: Sequence[Field]) -> str:
        """A word that finds the example row."""
        texts = (self.rows.of(resource).get(field.name) for field in fields)
        return next((text.split()[0].lower() for text in texts if text), "words")

    def shown(self, resource: Resource) -> Sequence[str]:
        """What `fields` can name: fields, and those behind one relation."""
        return list(self._fields(resource, everything=True))

    def keys(self, resource: Resource) -> Sequence[str]:
        """What `sort` can name."""
        return list(self._fields(resource, everything=False))

    def _places(self, resource: Resource) -> Iterator[tuple[str, Field]]:
        """The fields of a row, and those behind its to-one relations, with their names."""
        yield from ((field.wire, field) for field in _asked(resource))
        for wire, relation in self.relations(resource).items():
            if relation.kind == "one":
                target = self.model.resources[relation.target]
                yield from ((f"{wire}.{field.wire}", field) for field in _asked(target))

    def _fields(self, resource: Resource, *, everything: bool) -> Iterator[str]:
        """The names of fields, and of those behind to-one relations, or all relations (`everything`)."""

        def of(owner: Resource) -> Iterator[str]:
            if everything:
                return (f.wire for f in visible(owner))
            return (f.wire for f in _asked(owner) if f.type.kind not in UNSORTED)

        yield from of(resource)
        for wire, relation in self.relations(resource).items():
            if everything or relation.kind == "one":
                for name in of(self.model.resources[relation.target]):
                    yield f"{wire}.{name}"

    def paths(self, resource: Resource, depth: int = 1) -> Iterator[str]:
        """What `include` can name."""
        for wire, relation in self.relations(resource).items():
            yield wire
            if depth < _SHOWN_DEPTH:
                for rest in self.paths(self.model.resources[relation.target], depth + 1):
                    yield f"{wire}.{rest}"


def _asked(resource: Resource) -> list[Field]:
    """The fields that filters and orders can name."""
    return [field for field in visible(resource) if field.batch is None]


def search(fields: Sequence[Field]) -> Parameter:
    """The words that rows are searched for."""
    names = [f"`{field.wire}`" for field in fields]
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return {
        "name": "q",
        "in": "query",
        "description": f"Only rows that hold all of these words in {listed}, each anywhere, within a word too, "
        f"whatever the case and accents. Words in double quotes are one phrase; there are at most {MAX_TERMS}. Without "
        "`sort` the best come first: whole fields, then beginnings of fields, of words, then the rest.",
        "schema": {"type": "string", "minLength": 1, "maxLength": MAX_SEARCH},
    }


def _part(text: str) -> str:
    """A part of a text, at its beginning."""
    return next(iter(text.split()), text)


def _escaped(value: str) -> str:
    """A text as one of several."""
    return value.replace("\\", r"\\").replace(",", r"\,")


def _listed(
    name: str, description: str, values: Sequence[str], *, example: Sequence[str] | None = None
) -> Parameter:
    items = {"type": "string", "enum": list(values)}
    return {
        "name": name,
        "in": "query",
        "description": description,
        "style": "form",
        "explode": False,
        "schema": {"type": "array", "items": items, "minItems": 1},
        "example": list(values[:1] if example is None else example),
    }


def _sort(name: str, names: Sequence[str], description: str = "") -> Parameter:
    """The keys of an order, each also with `-` before it, which descends."""
    values = [spelt for name in names for spelt in (name, f"-{name}")]
    said = description or "The order: keys, the most important first; `-` before one that descends."
    found = _listed(name, f"{said} The id breaks ties. Fields behind more to-one relations go too.", values)
    found["schema"] |= {"uniqueItems": True, "maxItems": MAX_SORT_KEYS}
    found["example"] = ["-createdAt" if "createdAt" in names else f"-{names[0]}"]
    return found


def _several(field: Field, operator: str) -> Schema:
    item = dict(asked(field.type))
    if field.type.kind in (Kind.TEXT, Kind.ID):
        item["pattern"] = r"^(?:[^,\\]|\\[,\\])*$"
        item["description"] = r"A comma within a value is written `\,`, and a backslash `\\`."
    several: Schema = {"type": "array", "items": item, "minItems": 1}
    return several | ({"minItems": 2, "maxItems": 2} if operator == "between" else {})

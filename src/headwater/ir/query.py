"""A read, as data. Every surface builds one of these, and hands it to `engine.read`."""

from dataclasses import dataclass

from headwater.ir.expr import Column, Predicate

DEFAULT_LIMIT = 50
MAX_LIMIT = 100
DEFAULT_NESTED_LIMIT = 50
MAX_INCLUDE_DEPTH = 6


@dataclass(frozen=True, slots=True)
class Sort:
    """One key of an order. Null counts as the smallest value: first when ascending, last when descending."""

    column: Column
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Select:
    """What each row shows: field names (None: all), and related rows."""

    fields: tuple[str, ...] | None = None
    include: tuple["Include", ...] = ()


@dataclass(frozen=True, slots=True)
class Include:
    """Related rows within each row. `where`, `sort` and `limit` apply to to-many relations."""

    relation: str
    select: Select = Select()
    where: Predicate | None = None
    sort: tuple[Sort, ...] = ()
    limit: int = DEFAULT_NESTED_LIMIT


@dataclass(frozen=True, slots=True)
class Cursor:
    """Keyset paging: up to `limit` rows after (or before) the place that `token` marks; None: from the start."""

    limit: int = DEFAULT_LIMIT
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Numbered:
    """The `number`-th page, from 1, of `size` rows, with the total count."""

    number: int = 1
    size: int = 25


@dataclass(frozen=True, slots=True)
class Within:
    """Only rows that are reached from one row of another resource by a relation of it, which must be visible."""

    resource: str
    key: str
    relation: str


@dataclass(frozen=True, slots=True)
class Query:
    """A question about one resource. With `key`, about one row; else a list in a total order."""

    resource: str
    key: str | None = None
    select: Select = Select()
    where: Predicate | None = None
    sort: tuple[Sort, ...] = ()
    page: Cursor | Numbered = Cursor()
    within: Within | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a read found.

    `rows` are JSON texts in their final form, in order. `cursors` mark the places after the last and before the
    first row; None where nothing lies beyond. `total` belongs to numbered pages. `versions` are the rows' versions
    (None for resources without).
    """

    rows: list[str]
    next: str | None = None
    prev: str | None = None
    total: int | None = None
    version: int | None = None

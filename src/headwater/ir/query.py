"""A read, as data. Every surface builds one of these, and hands it to `engine.read`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

from headwater.ir.expr import AggregateFunction, Column, Predicate, Scalar

DEFAULT_LIMIT = 50
MAX_LIMIT = 100
DEFAULT_NESTED_LIMIT = 50
MAX_CONDITIONS = 200
MAX_INCLUDE_DEPTH = 6
DEFAULT_GROUPS = 100
MAX_GROUPS = 1000

Function = AggregateFunction


@dataclass(frozen=True, slots=True)
class Sort:
    """One key of an order. Null counts as the smallest value: first when ascending, last when descending."""

    column: Column
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Select:
    """What each row shows: field names (None: all), and related rows.

    With names of `relations`, a row does not come as an object but in pieces (see `ir.pieces`). With `members` it is an
    object of just these, in this order: the names of fields, texts that are the same in each row, rows of to-one
    relations, and connections; the other attributes say nothing then.
    """

    fields: tuple[str, ...] | None = None
    include: tuple["Include", ...] = ()
    relations: tuple[str, ...] | None = None
    members: tuple["Member", ...] | None = None


@dataclass(frozen=True, slots=True)
class Include:
    """Related rows within each row. `where`, `sort` and `limit` apply to to-many relations."""

    relation: str
    select: Select = Select()
    where: Predicate | None = None
    sort: tuple[Sort, ...] = ()
    limit: int = DEFAULT_NESTED_LIMIT


class Fact(StrEnum):
    """What the parts of a connection can tell of it, beside its rows."""

    TOTAL = "total"
    CURSOR = "cursor"
    HAS_NEXT = "has_next"
    HAS_PREVIOUS = "has_previous"
    START = "start"
    END = "end"


@dataclass(frozen=True, slots=True)
class Text:
    """A text that is the same wherever it is shown."""

    text: str


@dataclass(frozen=True, slots=True)
class Inside:
    """Some members of the object that a field holds, by their names in it; null where the field is."""

    field: str
    members: tuple["Member", ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a connection, as a list."""

    select: Select


@dataclass(frozen=True, slots=True)
class Edges:
    """The rows of a connection, each in an object of these: a `Select` shows the row, `Fact.CURSOR` its cursor."""

    members: tuple["Member", ...]


@dataclass(frozen=True, slots=True)
class PageInfo:
    """An object that tells where a page begins and ends, and whether there is more."""

    members: tuple["Member", ...]


@dataclass(frozen=True, slots=True)
class Measures:
    """An object of measures of all rows of a connection, on whatever page, and of objects of measures."""

    members: tuple["Member", ...]


@dataclass(frozen=True, slots=True)
class Marks:
    """The place that a cursor marks: the sort values of a row; which of them are null belongs to a query's shape."""

    backward: bool
    nulls: tuple[bool, ...]
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Connection:
    """A page of the rows behind a to-many relation, with `parts` that tell of them: lists of rows, edges, and facts.

    `backward`: the page lies before `token`, or, without one, at the end. The engine puts the marks that it opens a
    token to into `after`.
    """

    relation: str
    parts: tuple["Member", ...]
    where: Predicate | None = None
    sort: tuple[Sort, ...] = ()
    limit: int = DEFAULT_NESTED_LIMIT
    token: str | None = None
    backward: bool = False
    after: Marks | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an object that is made as the caller wants it: what it `shows`, under a name of the caller's."""

    name: str
    shows: "str | Text | Fact | Inside | Select | Include | Connection | Rows | Edges | PageInfo | Measures | Measure"


@dataclass(frozen=True, slots=True)
class Cursor:
    """Keyset paging: up to `limit` rows after (or before) the place that `token` marks; None: from the start.
    `before` says on which side of the place they are, without a token whether they are the last ones; None: as the
    token itself does."""

    limit: int = DEFAULT_LIMIT
    token: str | None = None
    before: bool | None = None


@dataclass(frozen=True, slots=True)
class Numbered:
    """The `number`-th page, from 1, of `size` rows, `skip` rows further, with the total count if they are `counted`."""

    number: int = 1
    size: int = 25
    skip: int = 0
    counted: bool = True

    @property
    def offset(self) -> int:
        """How many rows come before the page."""
        return (self.number - 1) * self.size + self.skip


@dataclass(frozen=True, slots=True)
class Within:
    """Only rows that are reached from one row of another resource by a relation of it, which must be visible."""

    resource: str
    key: str
    relation: str


@dataclass(frozen=True, slots=True)
class Measure:
    """A function over the values that a column has in some rows, nulls left out; `count` without one counts rows.

    Authors may have one over an expression, and over those rows alone for which `where` holds.
    """

    function: Function
    column: Scalar | None = None
    where: Predicate | None = None


@dataclass(frozen=True, slots=True)
class GroupSort:
    """One key of an order of groups: what they are made by, or a measure. Null counts as the smallest value."""

    by: Column | Measure
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Summary:
    """What is asked of many rows together: measures of each group of rows that are alike in `groups`, or of all.

    Groups come in the order of `sort`, and where that leaves it open in the order of what they are made by.
    """

    measures: tuple[Measure, ...]
    groups: tuple[Column, ...] = ()
    sort: tuple[GroupSort, ...] = ()
    limit: int = DEFAULT_GROUPS


@dataclass(frozen=True, slots=True)
class Search:
    """Words and phrases, folded, each of which is to be found in some searchable field of a row (`ir.search.search_of`
    reads them). `indexed` tells of each whether it is long enough for an index."""

    terms: tuple[str, ...]
    indexed: tuple[bool, ...]


class Query(msgspec.Struct, frozen=True):
    """A question about one resource. With `key`, about one row; with `keys`, about several, in their order, null where
    there is none to be seen; with `summary`, about groups of rows, of which `select`, `sort` and `page` say nothing;
    else a list in a total order, or with `parts` a connection of these. With `search`, only about the rows that it
    finds; where `sort` is empty they come in the order of their rank. `trashed`: about rows in the trash, which no
    other question sees. A struct, as is its answer, since one is made for every request (see `Call`)."""

    resource: str
    key: str | None = None
    select: Select = Select()
    where: Predicate | None = None
    sort: tuple[Sort, ...] = ()
    page: Cursor | Numbered = Cursor()
    within: Within | None = None
    summary: Summary | None = None
    search: Search | None = None
    trashed: bool = False
    keys: tuple[str, ...] | None = None
    parts: tuple[Member, ...] | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """A question that a report answers: about a row (`key`), a collection, or, without a resource, nothing of the kind.
    Arguments are in their Python form, by the author's names."""

    report: str
    resource: str | None = None
    key: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)


class Answer(msgspec.Struct, frozen=True):
    """What a read found.

    `rows` are JSON texts in their final form, in order. `cursors` mark the places after the last and before the
    first row; None where nothing lies beyond. `total` belongs to numbered pages. `version` is that of the
    row where one was asked for. Of a summary the rows are groups; `more`: there are more than were asked for. Of a
    connection there is one text, of the whole.
    """

    rows: list[str]
    next: str | None = None
    prev: str | None = None
    total: int | None = None
    version: int | None = None
    more: bool = False

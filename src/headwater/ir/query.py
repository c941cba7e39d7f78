"""A read, as data. Every surface builds one of these, and hands it to `engine.read`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
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

    With names of `relations`, a row does not come as an object but in pieces (see `ir.pieces`).
    """

    fields: tuple[str, ...] | None = None
    include: tuple["Include", ...] = ()
    relations: tuple[str, ...] | None = None


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
    """Keyset paging: up to `limit` rows after (or before) the place that `token` marks; None: from the start.
    `before` says on which side of the place they are; None: as the token itself does."""

    limit: int = DEFAULT_LIMIT
    token: str | None = None
    before: bool | None = None


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
    """A question about one resource. With `key`, about one row; with `summary`, about groups of rows, of which
    `select`, `sort` and `page` say nothing; else a list in a total order. With `search`, only about the rows that it
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
    row where one was asked for. Of a summary the rows are groups; `more`: there are more than were asked for.
    """

    rows: list[str]
    next: str | None = None
    prev: str | None = None
    total: int | None = None
    version: int | None = None
    more: bool = False

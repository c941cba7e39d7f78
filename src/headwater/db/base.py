"""What the engine needs of a database, and what each database must say of itself.

A store runs finished SQL text with positional parameters. Parameters arrive encoded and rows leave raw: the
`Dialect` turns the Python forms of `ir.model.Kind` into the driver's forms and back.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import sqlalchemy as sa

from headwater.base.observe import Observers
from headwater.ir.model import Type

T = TypeVar("T")
Row = Sequence[Any]
Element = sa.ColumnElement[Any]
Encode = Callable[[Any], Any]


BETWEEN_WORDS: Final = "\x01-/:-@[-`{-\u00bf\u2000-\u206f\u3000-\u303f"
"""What parts words from each other, as ranges within the brackets of a pattern: white space and punctuation."""

open_files: Counter[Path] = Counter()
"""Database files that stores of this process have open, and how many have. Another SQLite library must not touch them
here: POSIX drops all of a process's locks on a file when any part of it closes that file ("How To Corrupt An SQLite
Database File", 2.2).
"""


class StoreError(Exception):
    """The database refused. Subclasses say why."""


class UniqueViolation(StoreError):
    """Another row has the value. `name` is the constraint's or index's name."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(name)


class ReferenceViolation(StoreError):
    """A reference points nowhere, or a row that is still referred to would go. `name`: the constraint, if told."""

    def __init__(self, name: str | None) -> None:
        self.name = name
        super().__init__(name or "reference")


class TooLong(StoreError):
    """A value is longer than the database can keep in an index."""


class Contended(StoreError):
    """Lost against a concurrent transaction (deadlock, serialisation, busy); nothing was written, try again."""


class Unavailable(StoreError):
    """The database cannot be reached, or cannot take writes (disk full). `retry_after` is in seconds.

    `unknown`: the connection broke while a commit was under way, so it may have happened.
    """

    def __init__(self, message: str, retry_after: int = 1, unknown: bool = False) -> None:
        self.retry_after, self.unknown = retry_after, unknown
        super().__init__(message)


class Interrupted(StoreError):
    """The statement was stopped at its deadline."""


TROUBLES: Final = (Unavailable, Contended, Interrupted)
"""What is nobody's mistake, and may go well the next time."""


@dataclass(frozen=True, slots=True)
class Features:
    """What a database can and cannot do: declared, never guessed.

    `writing_queries`: a query may write in its WITH clause, so that a row and its log entry fit in one statement.
    """

    name: str
    lateral: bool
    row_locks: bool
    writing_queries: bool
    nulls_smallest: bool = False


class Dialect(Protocol):
    """How one database spells what both can do."""

    features: Features
    sqlalchemy: sa.engine.Dialect

    def column_type(self, type: Type) -> sa.types.TypeEngine[Any]:
        """The column type that stores a field."""

    def encoder(self, type: Type) -> Encode | None:
        """From a non-null Python value to the driver's parameter; None where they are the same."""

    def decoder(self, type: Type) -> Encode | None:
        """From a non-null raw column value to the Python value; None where they are the same."""

    def wire(self, type: Type, column: Element) -> Element:
        """The column in a form that `json_object` turns into its wire form."""

    def json_object(
        self, pairs: Sequence[tuple[str, Element]], nested: Sequence[tuple[str, Element]] = ()
    ) -> Element:
        """One JSON object: members in their `wire` forms, then those that are objects and lists themselves."""

    def document(self, pairs: Sequence[tuple[str, Element]]) -> Element:
        """One JSON object of members in their `wire` forms, for a column that keeps documents."""

    def json_members(
        self, members: Sequence[tuple[str, Element, bool]], *, aggregates: bool = False
    ) -> Element:
        """One JSON object, its members in order: in their `wire` forms, or, where marked, objects and lists. There may
        be `aggregates` among them, of the query in which the object stands; at most 50 members then."""

    def json_list(self, objects: sa.Subquery, column: str, order: Sequence[Element]) -> sa.ScalarSelect[Any]:
        """A JSON array of a subquery's column, in order; `[]` where the subquery has no rows."""

    def json_items(self, item: Element, order: Sequence[Element], where: Element | None = None) -> Element:
        """A JSON array of objects and lists, an aggregate over those rows where a condition holds; `[]` for none."""

    def json_part(self, document: Element, name: str) -> Element:
        """A member of a JSON object that a column holds, as JSON; null where either is."""

    def json_array(self, items: Sequence[Element]) -> Element:
        """A JSON array of plain values, which are not null or of one of the kinds that sort values have."""

    def joined(
        self, objects: sa.Subquery, column: str, order: Sequence[Element], separator: str
    ) -> sa.ScalarSelect[Any]:
        """The texts of a subquery's column, in order, as one text; empty where the subquery has no rows."""

    def json_text(self, item: Element) -> Element:
        """A text as that of a JSON string; `null` where it is null."""

    def member(self, item: Element, values: Element, type: Type) -> Element:
        """`item` is one of `values`, a parameter encoded by `encode_list`."""

    def encode_list(self, type: Type) -> Encode:
        """From a list of non-null Python values to the one parameter of `member`."""

    def has_element(self, item: Element, element: Element) -> Element:
        """A list column has an element, a parameter encoded by `encode_element`."""

    def encode_element(self, type: Type) -> Encode:
        """From one Python value to the parameter of `has_element`; `type` is the list's."""

    def contains(self, item: Element, text: Element) -> Element:
        """`item` contains `text`, compared by code point."""

    def starts_with(self, item: Element, text: Element) -> Element:
        """`item` starts with `text`, compared by code point."""

    def starts_word(self, item: Element, pattern: Element) -> Element:
        """Some word in `item` starts as `pattern` says, a parameter encoded by `encode_word`. Words are parted by white
        space and by the punctuation of `BETWEEN_WORDS`."""

    def encode_word(self, text: str) -> str:
        """From a text to the parameter of `starts_word`."""

    def indexed(
        self, table: str, alias: str, columns: Sequence[Element], patterns: Sequence[Element]
    ) -> Element:
        """By the search index of a table (`db.search`): the rows in some column of which each text may be found, and
        few others. The texts have at least three characters each, and are parameters encoded by `encode_pattern`."""

    def encode_pattern(self, text: str) -> str:
        """From a text to a parameter of `indexed`."""

    def sum(self, item: Element) -> Element:
        """The sum of a column of whole numbers over some rows, zero of none; null where 64 bits cannot hold it."""

    def wide_sum(self, item: Element) -> Element:
        """The same however large, in a form that `decode_sum` reads."""

    def decode_sum(self, raw: Any) -> int:
        """From a raw `wide_sum` to its number."""

    def sum_order(self, item: Element) -> tuple[Element, ...]:
        """Keys that order rows as their `wide_sum` would, none of them ever null."""

    def mean(self, item: Element) -> Element:
        """The mean of a column of whole numbers over some rows, rounded half away from zero."""

    def calculate(self, op: str, left: Element, right: Element) -> Element:
        """`left + right`, `left - right` or `left * right` of whole numbers; null where 64 bits cannot hold the result,
        or that of an operand which is calculated itself."""

    def elapsed(self, end: Element, start: Element) -> Element:
        """The microseconds from one moment to another, as a duration stores them."""

    def is_true(self, item: Element) -> Element:
        """A predicate whose null counts as false, so that `not` complements it."""

    def turn(self, name: str) -> str | None:
        """A statement that waits until no other transaction which has run it for this name is in progress; None where
        a write must end before the next can begin."""

    def writers(self, table: str) -> str | None:
        """A statement that names each transaction in progress that has begun to write to a table, by a text that no
        later transaction has; None where a write must end before the next can begin."""


class Connection(Protocol):
    """A transaction in progress."""

    async def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run one statement and return its rows.

        Raises: UniqueViolation, ReferenceViolation, TooLong, Contended, Unavailable, Interrupted.
        """


Work = Callable[[Connection], Awaitable[T]]


class Store(Protocol):
    """A database."""

    dialect: Dialect
    observers: Observers
    url: str

    async def open(self) -> None:
        """Connect. Raises: Unavailable."""

    async def close(self) -> None:
        """Finish what runs, and disconnect."""

    async def read(
        self, sql: str, parameters: Sequence[Any] = (), *, deadline: float | None = None
    ) -> list[Row]:
        """Run one statement outside any transaction. `deadline`: a `time.monotonic()` instant.

        Raises: Contended, Unavailable, Interrupted.
        """

    async def write(self, work: Work[T], *, deadline: float | None = None) -> T:
        """Run `work` in a transaction and return its result once the commit is durable.

        Whatever `work` raises rolls its writes back and is raised here. `work` awaits nothing but its connection,
        so that no slow thing runs while locks are held. It may be run again from the start after `Contended`.

        Raises: what `work` raises; Contended, after several tries; Unavailable.
        """

    async def write_at_once(
        self, sql: str, parameters: Sequence[Any] = (), *, deadline: float | None = None
    ) -> list[Row]:
        """Run one statement that writes, in a transaction of its own, and return its rows once it is durable.

        Raises: UniqueViolation, ReferenceViolation, TooLong, Contended, at once; Unavailable, `unknown` also where the
        statement was under way at its deadline.
        """

    async def ping(self) -> None:
        """Raises Unavailable unless the database answers."""

"""What an author's code gets to read with: rows, and numbers about rows, as committed.

A `Reader` has rights that are told where it is handed out: those of the caller, or those of the product. With the
caller's, it finds what the caller would find by the surfaces: rows that they may not see are not there, not counted
and not added up, and a field that is masked for them is None.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

from headwater.base.call import Call
from headwater.base.errors import Fault
from headwater.declare.expressions import Descending, Expression, Shown, node_of, predicate, sort_key
from headwater.ir.expr import Aggregate, Column, Compare, Predicate, Scalar, Value
from headwater.ir.model import Model
from headwater.ir.model import Resource as Declared
from headwater.ir.parts import instance
from headwater.ir.query import Cursor, GroupSort, Measure, Query, Sort, Summary

if TYPE_CHECKING:
    from headwater.declare.resource import Resource

R = TypeVar("R", bound="Resource")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
F = TypeVar("F")
G = TypeVar("G")
H = TypeVar("H")
J = TypeVar("J")
K = TypeVar("K")
M = TypeVar("M")
N = TypeVar("N")
Where = Expression[bool] | None
Sorting = Sequence[Expression[Any] | Descending]
LIMIT = 1000


class Source(Protocol):
    """What answers a `Reader`: the engine. The rules are its own affair; None means the rights of the product."""

    model: Model

    async def rows(self, call: Call, query: Query, rules: Any) -> list[dict[str, Any]]: ...

    async def columns(
        self, call: Call, query: Query, columns: Sequence[Scalar], rules: Any
    ) -> list[tuple[Any, ...]]: ...

    async def table(self, call: Call, query: Query, rules: Any) -> list[tuple[Any, ...]]: ...

    def missing(self, resource: str, key: str) -> Fault: ...


class Reader:
    """Reads rows and aggregates; it changes nothing."""

    def __init__(self, source: Source, call: Call, rules: Any) -> None:
        self._source = source
        self.call, self.rules = call, rules

    @property
    def now(self) -> datetime:
        """The one instant of this operation, in UTC."""
        return self.call.as_of

    # -- rows -----------------------------------------------------------------------------------------------

    async def get(self, cls: type[R], id: str) -> R:
        """The row with this id. Raises Fault RESOURCE_NOT_FOUND."""
        rows = await self._rows(cls, Compare("eq", Column(("id",)), Value(id)), (), 1)
        if not rows:
            raise self._source.missing(cls.__name__, id)
        return rows[0]

    async def find(self, cls: type[R], where: Any) -> R | None:
        """The first row for which an expression such as `Task.title == "x"` holds, by id; None if there is none."""
        rows = await self._rows(cls, where.node, (), 1)
        return rows[0] if rows else None

    async def select(
        self, cls: type[R], where: Any = None, *, sort: Sequence[Any] = (), limit: int = LIMIT
    ) -> list[R]:
        """The rows for which an expression holds, as they were when last committed, at most `limit`.

        `sort` takes fields, or `desc(field)`.
        """
        keys = tuple(Sort(*sort_key(s)) for s in sort)
        return await self._rows(cls, None if where is None else where.node, keys, limit)

    async def trashed(
        self, cls: type[R], where: Any = None, *, sort: Sequence[Any] = (), limit: int = LIMIT
    ) -> list[R]:
        """The rows in the trash for which an expression holds, such as `Task.deleted_at < tx.now - MONTH`; like
        `select`, which finds the others alone. They cannot be changed there."""
        self._has_trash(cls)
        keys = tuple(Sort(*sort_key(s)) for s in sort)
        return await self._rows(cls, None if where is None else where.node, keys, limit, trashed=True)

    def _has_trash(self, cls: type[Any]) -> None:
        if not self._declared(cls).trash:
            raise TypeError(
                f"{cls.__name__} has no trash: declare `class {cls.__name__}(Resource, trash=True)`."
            )

    def _declared(self, cls: type[Any]) -> Declared:
        return self._source.model.resources[cls.__name__]

    async def _values(
        self,
        declared: Declared,
        where: Predicate | None,
        sort: tuple[Sort, ...],
        limit: int,
        trashed: bool,
    ) -> list[dict[str, Any]]:
        query = Query(declared.name, where=where, sort=sort, page=Cursor(limit), trashed=trashed)
        return await self._source.rows(self.call, query, self.rules)

    async def _rows(
        self,
        cls: type[R],
        where: Predicate | None,
        sort: tuple[Sort, ...],
        limit: int,
        *,
        trashed: bool = False,
    ) -> list[R]:
        declared = self._declared(cls)
        found = await self._values(declared, where, sort, limit, trashed)
        return [shown(declared, values) for values in found]

    # -- values ---------------------------------------------------------------------------------------------

    @overload
    async def values(
        self, a: Shown[A], /,
        *, where: Where = None, sort: Sorting = (), limit: int = LIMIT,
    ) -> list[tuple[A]]: ...  # fmt: skip
    @overload
    async def values(
        self, a: Shown[A], b: Shown[B], /,
        *, where: Where = None, sort: Sorting = (), limit: int = LIMIT,
    ) -> list[tuple[A, B]]: ...  # fmt: skip
    @overload
    async def values(
        self, a: Shown[A], b: Shown[B], c: Shown[C], /,
        *, where: Where = None, sort: Sorting = (), limit: int = LIMIT,
    ) -> list[tuple[A, B, C]]: ...  # fmt: skip
    @overload
    async def values(
        self, a: Shown[A], b: Shown[B], c: Shown[C], d: Shown[D], /,
        *, where: Where = None, sort: Sorting = (), limit: int = LIMIT,
    ) -> list[tuple[A, B, C, D]]: ...  # fmt: skip
    @overload
    async def values(
        self, a: Shown[A], b: Shown[B], c: Shown[C], d: Shown[D], e: Shown[E], /,
        *, where: Where = None, sort: Sorting = (), limit: int = LIMIT,
    ) -> list[tuple[A, B, C, D, E]]: ...  # fmt: skip
    @overload
    async def values(
        self, a: Shown[A], b: Shown[B], c: Shown[C], d: Shown[D], e: Shown[E], f: Shown[F], /,
        *, where: Where = None, sort: Sorting = (), limit: int = LIMIT,
    ) -> list[tuple[A, B, C, D, E, F]]: ...  # fmt: skip
    @overload
    async def values(
        self, a: Shown[A], b: Shown[B], c: Shown[C], d: Shown[D], e: Shown[E], f: Shown[F], g: Shown[G], /,
        *, where: Where = None, sort: Sorting = (), limit: int = LIMIT,
    ) -> list[tuple[A, B, C, D, E, F, G]]: ...  # fmt: skip
    @overload
    async def values(
        self, a: Shown[A], b: Shown[B], c: Shown[C], d: Shown[D], e: Shown[E], f: Shown[F], g: Shown[G],
        h: Shown[H], /,
        *, where: Where = None, sort: Sorting = (), limit: int = LIMIT,
    ) -> list[tuple[A, B, C, D, E, F, G, H]]: ...  # fmt: skip
    @overload
    async def values(
        self, a: Shown[A], b: Shown[B], c: Shown[C], d: Shown[D], e: Shown[E], f: Shown[F], g: Shown[G],
        h: Shown[H], j: Shown[J], /,
        *, where: Where = None, sort: Sorting = (), limit: int = LIMIT,
    ) -> list[tuple[A, B, C, D, E, F, G, H, J]]: ...  # fmt: skip
    @overload
    async def values(
        self, a: Shown[A], b: Shown[B], c: Shown[C], d: Shown[D], e: Shown[E], f: Shown[F], g: Shown[G],
        h: Shown[H], j: Shown[J], k: Shown[K], /,
        *, where: Where = None, sort: Sorting = (), limit: int = LIMIT,
    ) -> list[tuple[A, B, C, D, E, F, G, H, J, K]]: ...  # fmt: skip
    @overload
    async def values(
        self, a: Shown[A], b: Shown[B], c: Shown[C], d: Shown[D], e: Shown[E], f: Shown[F], g: Shown[G],
        h: Shown[H], j: Shown[J], k: Shown[K], m: Shown[M], /,
        *, where: Where = None, sort: Sorting = (), limit: int = LIMIT,
    ) -> list[tuple[A, B, C, D, E, F, G, H, J, K, M]]: ...  # fmt: skip
    @overload
    async def values(
        self, a: Shown[A], b: Shown[B], c: Shown[C], d: Shown[D], e: Shown[E], f: Shown[F], g: Shown[G],
        h: Shown[H], j: Shown[J], k: Shown[K], m: Shown[M], n: Shown[N], /,
        *, where: Where = None, sort: Sorting = (), limit: int = LIMIT,
    ) -> list[tuple[A, B, C, D, E, F, G, H, J, K, M, N]]: ...  # fmt: skip

    async def values(
        self, *columns: Any, where: Where = None, sort: Sorting = (), limit: int = LIMIT
    ) -> list[tuple[Any, ...]]:
        """Some fields of the rows of a resource for which `where` holds, by one statement that reads no others:
        `await reader.values(Task.id, Task.title, Task.artist.name, where=Task.project == "SWA")`.

        The same rows as `select` finds, in the same order, as plain tuples, which cost far less where there are
        many. What refers to a row is named by its key: `Task.artist.id`. Raises TypeError for columns of several
        resources, and for aggregates over many rows.
        """
        asked = [_field(column) for column in columns]
        resources = {resource for resource, _ in asked}
        if len(resources) != 1:
            raise _not_one(resources)
        keys = tuple(Sort(*sort_key(s)) for s in sort)
        condition = None if where is None else predicate(where)
        query = Query(str(resources.pop()), where=condition, sort=keys, page=Cursor(limit))
        return await self._source.columns(self.call, query, [node for _, node in asked], self.rules)

    # -- numbers about rows ---------------------------------------------------------------------------------

    @overload
    async def aggregate(self, a: Shown[A], /, *, where: Where = None) -> tuple[A]: ...
    @overload
    async def aggregate(self, a: Shown[A], b: Shown[B], /, *, where: Where = None) -> tuple[A, B]: ...
    @overload
    async def aggregate(
        self, a: Shown[A], b: Shown[B], c: Shown[C], /, *, where: Where = None
    ) -> tuple[A, B, C]: ...
    @overload
    async def aggregate(
        self, a: Shown[A], b: Shown[B], c: Shown[C], d: Shown[D], /, *, where: Where = None
    ) -> tuple[A, B, C, D]: ...
    @overload
    async def aggregate(
        self, a: Shown[A], b: Shown[B], c: Shown[C], d: Shown[D], e: Shown[E], /, *, where: Where = None
    ) -> tuple[A, B, C, D, E]: ...
    @overload
    async def aggregate(
        self, a: Shown[A], b: Shown[B], c: Shown[C], d: Shown[D], e: Shown[E], f: Shown[F], /,
        *, where: Where = None,
    ) -> tuple[A, B, C, D, E, F]: ...  # fmt: skip
    @overload
    async def aggregate(
        self, a: Shown[A], b: Shown[B], c: Shown[C], d: Shown[D], e: Shown[E], f: Shown[F], g: Shown[G], /,
        *, where: Where = None,
    ) -> tuple[A, B, C, D, E, F, G]: ...  # fmt: skip
    @overload
    async def aggregate(
        self, a: Shown[A], b: Shown[B], c: Shown[C], d: Shown[D], e: Shown[E], f: Shown[F], g: Shown[G],
        h: Shown[H], /, *, where: Where = None,
    ) -> tuple[A, B, C, D, E, F, G, H]: ...  # fmt: skip

    async def aggregate(self, *columns: Any, where: Where = None) -> tuple[Any, ...]:
        """Some aggregates over the rows of a resource for which `where` holds, by one statement:
        `await reader.aggregate(Task.count(), Task.bid.sum(where=Task.status == Status.DONE), where=...)`.

        Raises TypeError for a column that is no aggregate, and for aggregates over several resources.
        """
        resource, groups, measures = _asked(columns)
        if groups:
            raise TypeError("`aggregate` takes aggregates, such as `Task.count()`; fields group in `group`.")
        return (await self._table(resource, Summary(measures), where))[0]

    @overload
    async def group(
        self, a: Shown[A], b: Shown[B], /, *, where: Where = None, sort: Sorting = (), limit: int = LIMIT
    ) -> list[tuple[A, B]]: ...
    @overload
    async def group(
        self, a: Shown[A], b: Shown[B], c: Shown[C], /,
        *, where: Where = None, sort: Sorting = (), limit: int = LIMIT,
    ) -> list[tuple[A, B, C]]: ...  # fmt: skip
    @overload
    async def group(
        self, a: Shown[A], b: Shown[B], c: Shown[C], d: Shown[D], /,
        *, where: Where = None, sort: Sorting = (), limit: int = LIMIT,
    ) -> list[tuple[A, B, C, D]]: ...  # fmt: skip
    @overload
    async def group(
        self, a: Shown[A], b: Shown[B], c: Shown[C], d: Shown[D], e: Shown[E], /,
        *, where: Where = None, sort: Sorting = (), limit: int = LIMIT,
    ) -> list[tuple[A, B, C, D, E]]: ...  # fmt: skip
    @overload
    async def group(
        self, a: Shown[A], b: Shown[B], c: Shown[C], d: Shown[D], e: Shown[E], f: Shown[F], /,
        *, where: Where = None, sort: Sorting = (), limit: int = LIMIT,
    ) -> list[tuple[A, B, C, D, E, F]]: ...  # fmt: skip

    async def group(
        self, *columns: Any, where: Where = None, sort: Sorting = (), limit: int = LIMIT
    ) -> list[tuple[Any, ...]]:
        """The rows of a resource for which `where` holds, in groups of those that are alike in some fields, by one
        statement: `await reader.group(Task.status, Task.count(), Task.bid.sum(), sort=[desc(Task.count())])`.

        Fields come first, then aggregates over the rows of each group; `sort` names some of them. Where it leaves the
        order open, groups come in that of the fields. At most `limit`. Raises TypeError for other columns.
        """
        resource, groups, measures = _asked(columns)
        if not groups or not measures or len(groups) + len(measures) != len(columns):
            raise TypeError("`group` takes fields, and then aggregates, such as `Task.status, Task.count()`.")
        keys = []
        for key in sort:
            descending = isinstance(key, Descending)
            by = _column(key.key if isinstance(key, Descending) else key)[1]
            if by not in (*groups, *measures):
                raise TypeError(f"`sort` names {key!r}, which is not among the columns.")
            keys.append(GroupSort(by, descending))
        return await self._table(resource, Summary(measures, groups, tuple(keys), limit), where)

    async def _table(self, resource: str, summary: Summary, where: Where) -> list[tuple[Any, ...]]:
        query = Query(resource, where=None if where is None else predicate(where), summary=summary)
        return await self._source.table(self.call, query, self.rules)


def shown(declared: Declared, values: dict[str, Any]) -> Any:
    """An instance of the author's class for a row that exists, which cannot be changed."""
    row = draft(declared, values)
    row.__dict__["_fixed"] = True
    return row


def draft(declared: Declared, values: dict[str, Any]) -> Any:
    """An instance of the author's class for a row that exists."""
    for found in declared.fields.values():
        if (value := values.get(found.name)) is None:
            continue
        if found.type.enum is not None and found.type.item is None:
            values[found.name] = found.type.enum(value)
        elif found.type.parts is not None:
            values[found.name] = instance(found.type.parts, value)
    row: Any = object.__new__(declared.cls)
    row.__dict__["_values"] = dict(values)
    row.__dict__["_loaded"] = values
    return row


def _asked(columns: Sequence[Any]) -> tuple[str, tuple[Column, ...], tuple[Measure, ...]]:
    """The resource, the fields and the aggregates that columns name. Raises: TypeError."""
    found = [_column(column) for column in columns]
    resources = {resource for resource, _ in found}
    if len(resources) != 1:
        raise _not_one(resources)
    groups = tuple(by for _, by in found if isinstance(by, Column))
    measures = tuple(by for _, by in found if isinstance(by, Measure))
    if len({*groups, *measures}) != len(found):
        raise TypeError("A column is named twice.")
    if [by for _, by in found] != [*groups, *measures]:
        raise TypeError("Fields come first, then aggregates.")
    return str(resources.pop()), groups, measures


def _not_one(resources: set[str | None]) -> TypeError:
    named = ", ".join(sorted(map(str, resources)))
    return TypeError(f"The columns are of {named or 'nothing'}; name those of one resource.")


def _field(column: Any) -> tuple[str | None, Column]:
    """The resource of a field, and how it is reached. Raises: TypeError."""
    node = getattr(column, "node", None)
    if not isinstance(node, Column) or node.root is None:
        raise TypeError(f"{column!r} is no field of a row, such as `Task.title` or `Task.artist.id`.")
    return node.root, node


def _column(column: Any) -> tuple[str | None, Column | Measure]:
    """The resource of a column, and what it is. Raises: TypeError."""
    match node_of(column):
        case Column(_, root) as node:
            return root, node
        case Aggregate(function, value, where, resource, (), _) if resource is not None:
            return resource, Measure(function, value, where)
    raise TypeError(f"{column!r} is neither a field nor an aggregate over all rows, such as `Task.count()`.")

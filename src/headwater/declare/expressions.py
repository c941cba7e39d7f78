"""What authors write their rules and computed fields with: typed wrappers around the nodes of `ir/expr`.

`Task.title` is an `Expression[str]`, `Task.project` a way to the columns of Project, `Project.members`
a way to its rows. None of them has a truth value: a rule is data, so Python's `if`, `and`, `or`, `not` and `in` cannot
work on it, and say so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, Never, Protocol, TypeVar, overload

from headwater.base.errors import nearest
from headwater.ir import expr as e

if TYPE_CHECKING:
    from headwater.declare.resource import Resource

T = TypeVar("T")
E = TypeVar("E")
M = TypeVar("M", int, float, Decimal)
N = TypeVar("N", int, float, Decimal, timedelta)
R = TypeVar("R")
T_co = TypeVar("T_co", covariant=True)


class UnknownMember(AttributeError):
    """A name that a resource does not have, with its mend."""

    def __init__(self, resource: str, name: str, valid: Iterable[str]) -> None:
        valid = tuple(valid)
        near = nearest(name, valid)
        self.message = f"{resource} has no field or relation {name!r}"
        self.mend = f"did you mean {near!r}?" if near else f"choose one of {', '.join(valid)}"
        super().__init__(f"{self.message}: {self.mend}")


class Misuse(TypeError):
    """An operation that expressions do not have, with its mend."""

    def __init__(self, message: str, mend: str) -> None:
        self.message, self.mend = message, mend
        super().__init__(f"{message}: {mend}")


class Shown(Protocol[T_co]):
    """What a `Reader` gives as a value of the Python type `T`, for type checkers."""

    def _shown(self) -> T_co: ...


class Expression(Generic[T]):
    """A value that is worked out by the database, of the Python type `T`. Any expression may be null, but for those
    that type checkers know as `Sure`.

    `node` is the expression as data. `owner` is the resource of a plain column; None otherwise.
    """

    __slots__ = ("node", "owner")

    def __init__(self, node: e.Expr, owner: type[Resource] | None = None) -> None:
        self.node = node
        self.owner = owner

    def __repr__(self) -> str:
        name = (
            ".".join((str(self.node.root), *self.node.path)) if isinstance(self.node, e.Column) else self.node
        )
        return f"Expression({name})"

    def __bool__(self) -> Never:
        raise no_truth()

    def __iter__(self) -> Never:
        raise Misuse("an expression cannot be iterated", "use `any`, `none` or `every` on to-many relations")

    __hash__ = object.__hash__

    if TYPE_CHECKING:

        def _shown(self) -> T | None: ...

    def __eq__(self, other: T | Expression[T] | None) -> Expression[bool]:  # type: ignore[override]
        return equal(self.node, other)

    def __ne__(self, other: T | Expression[T] | None) -> Expression[bool]:  # type: ignore[override]
        return unequal(self.node, other)

    def __lt__(self, other: T | Expression[T]) -> Expression[bool]:
        return Expression(e.Compare("lt", self.node, node_of(other)))

    def __le__(self, other: T | Expression[T]) -> Expression[bool]:
        return Expression(e.Compare("lte", self.node, node_of(other)))

    def __gt__(self, other: T | Expression[T]) -> Expression[bool]:
        return Expression(e.Compare("gt", self.node, node_of(other)))

    def __ge__(self, other: T | Expression[T]) -> Expression[bool]:
        return Expression(e.Compare("gte", self.node, node_of(other)))

    def in_(self, values: Iterable[T]) -> Expression[bool]:
        """Whether it is one of some constants."""
        return one_of(self.node, values)

    def is_null(self) -> Expression[bool]:
        return Expression(e.IsNull(self.node))

    def is_not_null(self) -> Expression[bool]:
        return Expression(e.Not(e.IsNull(self.node)))

    def __and__(self: Expression[bool], other: Expression[bool]) -> Expression[bool]:
        return Expression(e.all_of(predicate(self), predicate(other)))

    def __or__(self: Expression[bool], other: Expression[bool]) -> Expression[bool]:
        return Expression(e.any_of(predicate(self), predicate(other)))

    def __invert__(self: Expression[bool]) -> Expression[bool]:
        return Expression(e.negate(predicate(self)))

    def __add__(self: Expression[N], other: N | Expression[N]) -> Expression[N]:
        return Expression(e.Arithmetic("+", self.node, node_of(other)))

    def __radd__(self: Expression[N], other: N) -> Expression[N]:
        return Expression(e.Arithmetic("+", node_of(other), self.node))

    @overload
    def __sub__(
        self: Expression[datetime], other: datetime | Expression[datetime]
    ) -> Expression[timedelta]: ...
    @overload
    def __sub__(self: Expression[N], other: N | Expression[N]) -> Expression[N]: ...
    def __sub__(self, other: Any) -> Expression[Any]:
        return Expression(e.Arithmetic("-", self.node, node_of(other)))

    @overload
    def __rsub__(self: Expression[datetime], other: datetime) -> Expression[timedelta]: ...
    @overload
    def __rsub__(self: Expression[N], other: N) -> Expression[N]: ...
    def __rsub__(self, other: Any) -> Expression[Any]:
        return Expression(e.Arithmetic("-", node_of(other), self.node))

    def __mul__(self: Expression[M], other: M | Expression[M]) -> Expression[M]:
        return Expression(e.Arithmetic("*", self.node, node_of(other)))

    def __rmul__(self: Expression[M], other: M) -> Expression[M]:
        return Expression(e.Arithmetic("*", node_of(other), self.node))

    def contains(self: Expression[str], text: str | Expression[str]) -> Expression[bool]:
        """Whether the text occurs in it, ignoring case and accents."""
        return Expression(e.Matches("contains", column(self), node_of(text)))

    def starts_with(self: Expression[str], text: str | Expression[str]) -> Expression[bool]:
        """Whether it begins with the text, ignoring case and accents."""
        return Expression(e.Matches("startsWith", column(self), node_of(text)))

    def has(self: Expression[list[E]], element: E | Expression[E]) -> Expression[bool]:
        """Whether the list has the element."""
        return Expression(e.HasElement(column(self), node_of(element)))

    def count(self, *, where: Expression[bool] | None = None) -> Sure[int]:
        """The number of rows of its resource in which it is not null, of those for which `where` holds."""
        return over_rows("count", self, where)

    def count_distinct(self, *, where: Expression[bool] | None = None) -> Sure[int]:
        """The number of its different values in the rows for which `where` holds."""
        return over_rows("countDistinct", self, where)

    def sum(self: Expression[N], *, where: Expression[bool] | None = None) -> Sure[N]:
        """The sum of this column over the rows of its resource for which `where` holds; of nothing, zero."""
        return over_rows("sum", self, where)

    @overload
    def avg(self: Expression[int], *, where: Expression[bool] | None = None) -> Expression[float]: ...
    @overload
    def avg(self: Expression[N], *, where: Expression[bool] | None = None) -> Expression[N]: ...
    def avg(self: Expression[Any], *, where: Expression[bool] | None = None) -> Expression[Any]:
        """The mean of this column over the rows for which `where` holds; of nothing, null."""
        return over_rows("avg", self, where)

    def min(self, *, where: Expression[bool] | None = None) -> Expression[T]:
        """The smallest value of this column over the rows for which `where` holds; of nothing, null."""
        return over_rows("min", self, where)

    def max(self, *, where: Expression[bool] | None = None) -> Expression[T]:
        """The largest value of this column over the rows for which `where` holds; of nothing, null."""
        return over_rows("max", self, where)


if TYPE_CHECKING:

    class Sure(Expression[T]):
        """An expression that is never null, but where a reference on the way to it is: a field that is always set, a
        number of rows, a sum. When the program runs, it is an `Expression` like others."""

        def _shown(self) -> T: ...

else:
    Sure = Expression


class Path:
    """What `Task.project` is when the program runs: the reference, and the way to the target's columns.

    Type checkers see `type[Project]` instead. What it has itself is private or named as no field is, since every
    other name means a member of the target.
    """

    __slots__ = ("_node", "_owner", "_target")

    def __init__(self, node: e.Column, owner: type[Resource], target: Callable[[], type[Resource]]) -> None:
        self._node = node
        self._owner = owner
        self._target = target

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        target = self._target()
        member = target.__declaration__.member(name)
        if member is None:
            raise UnknownMember(target.__name__, name, target.__declaration__.names())
        if name == "id":  # the reference holds it already
            return Expression(self._node)
        return member.behind(self._node, self._owner, target)

    def __repr__(self) -> str:
        return f"Path({self._node!r})"

    def __bool__(self) -> Never:
        raise no_truth()

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> Expression[bool]:  # type: ignore[override]
        return equal(self._node, other)

    def __ne__(self, other: object) -> Expression[bool]:  # type: ignore[override]
        return unequal(self._node, other)

    def in_(self, values: Iterable[object]) -> Expression[bool]:
        return one_of(self._node, values)

    def is_null(self) -> Expression[bool]:
        return Expression(e.IsNull(self._node))

    def is_not_null(self) -> Expression[bool]:
        return Expression(e.Not(e.IsNull(self._node)))


class ToMany(Generic[R]):
    """The rows of a to-many relation, such as `Project.members` or `Task.project.members`."""

    __slots__ = ("path", "root")

    def __init__(self, path: tuple[str, ...], root: str) -> None:
        self.path = path
        self.root = root

    def __bool__(self) -> Never:
        raise no_truth()

    def any(self, where: Expression[bool] | None = None) -> Expression[bool]:
        """Whether the predicate holds for at least one of the rows; without one, whether there are rows."""
        return self._related("any", where)

    def none(self, where: Expression[bool] | None = None) -> Expression[bool]:
        """Whether the predicate holds for none of the rows; without one, whether there are no rows."""
        return self._related("none", where)

    def every(self, where: Expression[bool]) -> Expression[bool]:
        """Whether the predicate holds for all of the rows; true if there are none."""
        return self._related("every", where)

    def count(self, where: Expression[bool] | None = None) -> Sure[int]:
        return self._aggregate("count", None, where)

    def sum(self, value: Expression[N], where: Expression[bool] | None = None) -> Sure[N]:
        """The sum over the rows; of nothing, zero."""
        return self._aggregate("sum", value, where)

    @overload
    def avg(self, value: Expression[int], where: Expression[bool] | None = None) -> Expression[float]: ...
    @overload
    def avg(self, value: Expression[N], where: Expression[bool] | None = None) -> Expression[N]: ...
    def avg(self, value: Expression[Any], where: Expression[bool] | None = None) -> Expression[Any]:
        """The mean over the rows; of nothing, null."""
        return self._aggregate("avg", value, where)

    def min(self, value: Expression[T], where: Expression[bool] | None = None) -> Expression[T]:
        """The smallest value among the rows; of nothing, null."""
        return self._aggregate("min", value, where)

    def max(self, value: Expression[T], where: Expression[bool] | None = None) -> Expression[T]:
        """The largest value among the rows; of nothing, null."""
        return self._aggregate("max", value, where)

    def _related(self, quantifier: e.Quantifier, where: Expression[bool] | None) -> Expression[bool]:
        holds = e.TRUE if where is None else predicate(where)
        return Expression(e.Related(quantifier, self.path, holds, self.root))

    def _aggregate(
        self, function: e.AggregateFunction, value: Expression[Any] | None, where: Expression[bool] | None
    ) -> Sure[Any]:
        return Sure(
            e.Aggregate(
                function,
                value=None if value is None else node_of(value),
                where=None if where is None else predicate(where),
                path=self.path,
                root=self.root,
            )
        )


class CurrentActor:
    """Whoever acts, in a rule: known when the rule is applied, not when it is declared."""

    __slots__ = ()

    @property
    def id(self) -> Expression[str]:
        """The actor's id; null for nobody, so a comparison with it is false."""
        return Expression(e.ActorValue("id"))

    def has_role(self, role: str) -> Expression[bool]:
        """Whether the actor has the role, directly or by inheritance."""
        return Expression(e.HasRole(role))

    def __bool__(self) -> Never:
        raise no_truth()


@dataclass(frozen=True, slots=True)
class Descending:
    """A key of an order or an index, from the largest value down."""

    key: Any


def desc(key: Expression[Any] | type[Resource]) -> Descending:
    """The key, from the largest value down."""
    return Descending(key)


def now() -> Expression[datetime]:
    """The one instant that the operation calls "now"."""
    return Expression(e.Now())


def case(when: Expression[bool], then: T | Expression[T], otherwise: T | Expression[T]) -> Expression[T]:
    """One value where the predicate holds, the other elsewhere."""
    return Expression(e.Case(predicate(when), node_of(then), node_of(otherwise)))


def coalesce(first: Expression[T], *others: T | Expression[T]) -> Expression[T]:
    """The first of the values that is not null."""
    return Expression(e.Coalesce((first.node, *(node_of(other) for other in others))))


def sort_key(key: object) -> tuple[e.Column, bool]:
    """The column of an order's key, and whether it descends. Raises: Misuse if it is more than a column."""
    if isinstance(key, Descending):
        return sort_key(key.key)[0], True
    if isinstance(key, Path):
        return key._node, False
    return column(key), False


def node_of(value: object) -> e.Expr:
    """The node of an expression, a path or a constant. An instance stands for its id.

    Raises: Misuse for what has no place in an expression.
    """
    if isinstance(value, Expression):
        return value.node
    if isinstance(value, Path):
        return value._node
    if isinstance(value, ToMany | CurrentActor | Descending) or callable(value):
        raise Misuse(f"{value!r} is not a value that an expression can hold", "name a field or a constant")
    if getattr(value, "__declaration__", None) is not None:
        return e.Value(value.id)  # type: ignore[attr-defined]
    return e.Value(value.value if isinstance(value, Enum) else value)


def predicate(value: object) -> e.Predicate:
    """The node of something that is true or false. Raises: Misuse for what Python has worked out."""
    if isinstance(value, bool):
        raise Misuse(f"the predicate is Python's own {value}", "compare a field with something")
    if not isinstance(value, Expression):
        raise Misuse(f"{value!r} is not a predicate", "compare a field with something")
    node = value.node
    if isinstance(node, e.Value | e.ActorValue | e.Now | e.Arithmetic | e.Aggregate):
        raise Misuse("the expression is a value, not a predicate", "compare it with something")
    if isinstance(node, e.Case | e.Coalesce):
        return e.Compare("eq", node, e.Value(True))
    return node


def column(value: object) -> e.Column:
    """The column that an expression is. Raises: Misuse if it is more than a column."""
    if not isinstance(value, Expression) or not isinstance(value.node, e.Column):
        raise Misuse("the expression is not a plain field", "use fields themselves here")
    return value.node


def equal(node: e.Expr, other: object) -> Expression[bool]:
    """Equality; with None, whether it is null."""
    if other is None:
        return Expression(e.IsNull(node))
    return Expression(e.Compare("eq", node, node_of(other)))


def unequal(node: e.Expr, other: object) -> Expression[bool]:
    """The exact complement of `equal`: a null is unequal to every value."""
    if other is None:
        return Expression(e.Not(e.IsNull(node)))
    return Expression(e.Compare("ne", node, node_of(other)))


def one_of(node: e.Expr, values: Iterable[object]) -> Expression[bool]:
    """Membership in constants."""
    if isinstance(values, str | Expression | Path):
        raise Misuse("`in_` takes a list of constants", "write `.in_([...])`")
    nodes = [node_of(value) for value in values]
    constants = [n.value for n in nodes if isinstance(n, e.Value) and n.value is not None]
    if len(constants) != len(nodes):
        raise Misuse("`in_` takes constants that are not None", "use `==` and `|` for other expressions")
    return Expression(e.OneOf(node, tuple(constants)))


def over_rows(
    function: e.AggregateFunction, value: Expression[Any], where: Expression[bool] | None
) -> Sure[Any]:
    """An aggregate over all rows of the resource whose columns it is made of, restricted by `where`."""
    roots = {node.root for node in e.walk(value.node) if isinstance(node, e.Column)}
    if len(roots) != 1:
        raise Misuse("the expression is not made of the fields of one resource", "use fields of one resource")
    holds = None if where is None else predicate(where)
    return Sure(e.Aggregate(function, value=value.node, where=holds, resource=roots.pop()))


def no_truth() -> Misuse:
    """The complaint about asking an expression whether it is true."""
    return Misuse(
        "an expression has no truth value while it is being declared",
        "use `&`, `|`, `~` and `.in_()` instead of `and`, `or`, `not`, `in` and `if`, "
        "and put comparisons in parentheses",
    )

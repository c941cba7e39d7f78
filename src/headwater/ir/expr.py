"""The one predicate language: a small tree of data.

Filters, row rules, field rules, computed fields and cross-field checks are all built from these nodes. The
interpreters live elsewhere: to SQL (`engine/compile`), to a Python function over a row (`ir/evaluate`), to words
(`ir/words`).

Logic is two-valued: a comparison with null is false, and `Not` is the exact complement. So `status[ne]=done`
includes the rows without a status, and a rule that meets a null stays closed.

A column is named from a resource: `root` says which (None: the innermost one in scope), `path` holds the names of
to-one relations followed by the name of a field, all as the author spelt them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

Comparison = Literal["eq", "ne", "lt", "lte", "gt", "gte"]
Quantifier = Literal["any", "none", "every"]
AggregateFunction = Literal["count", "countDistinct", "sum", "avg", "min", "max"]


@dataclass(frozen=True, slots=True)
class Column:
    """A field of the row, or of a row that it refers to."""

    path: tuple[str, ...]
    root: str | None = None


@dataclass(frozen=True, slots=True)
class Value:
    """A constant, in its Python form. Its value is not part of a query's shape."""

    value: Any


@dataclass(frozen=True, slots=True)
class ActorValue:
    """Something about the actor that is known when the query runs. `id` is null for nobody."""

    name: Literal["id"] = "id"


@dataclass(frozen=True, slots=True)
class Now:
    """The operation's one instant."""


@dataclass(frozen=True, slots=True)
class HasRole:
    """Whether the actor has a role. Folded to a constant before planning."""

    role: str


@dataclass(frozen=True, slots=True)
class Bool:
    """Always, or never."""

    value: bool


@dataclass(frozen=True, slots=True)
class Compare:
    op: Comparison
    left: "Scalar"
    right: "Scalar"


@dataclass(frozen=True, slots=True)
class OneOf:
    """Membership in a list of constants, which is bound as one parameter, whatever its length."""

    item: "Scalar"
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class IsNull:
    item: "Scalar"


@dataclass(frozen=True, slots=True)
class Matches:
    """Text contains or starts with a text, ignoring case and accents where the column keeps a folded shadow."""

    op: Literal["contains", "startsWith"]
    item: Column
    text: "Scalar"


@dataclass(frozen=True, slots=True)
class HasElement:
    """A list field has an element."""

    item: Column
    element: "Scalar"


@dataclass(frozen=True, slots=True)
class And:
    items: tuple["Predicate", ...]


@dataclass(frozen=True, slots=True)
class Or:
    items: tuple["Predicate", ...]


@dataclass(frozen=True, slots=True)
class Not:
    item: "Predicate"


@dataclass(frozen=True, slots=True)
class Related:
    """A statement about the rows of a to-many relation. `path`: to-one relations, then the to-many one."""

    quantifier: Quantifier
    path: tuple[str, ...]
    where: "Predicate"
    root: str | None = None


@dataclass(frozen=True, slots=True)
class Arithmetic:
    op: Literal["+", "-", "*"]
    left: "Scalar"
    right: "Scalar"


@dataclass(frozen=True, slots=True)
class Case:
    when: "Predicate"
    then: "Scalar"
    otherwise: "Scalar"


@dataclass(frozen=True, slots=True)
class Coalesce:
    items: tuple["Scalar", ...]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A count or sum over rows of another resource.

    Either over a to-many relation of the row (`path`), or over all rows of `resource` that `where` ties to it.
    Sum and counts of nothing are zero; average, minimum and maximum of nothing are null.
    """

    function: AggregateFunction
    value: "Scalar | None" = None
    where: "Predicate | None" = None
    resource: str | None = None
    path: tuple[str, ...] = ()
    root: str | None = None


Predicate = (
    Bool | HasRole | Compare | OneOf | IsNull | Matches | HasElement | And | Or | Not | Related | Column
)
Scalar = Column | Value | ActorValue | Now | Arithmetic | Case | Coalesce | Aggregate | Predicate
Expr = Scalar

TRUE, FALSE = Bool(True), Bool(False)


def all_of(*items: Predicate | None) -> Predicate:
    """The conjunction, simplified. Without items: true."""
    flat: list[Predicate] = []
    for item in items:
        if item is None or item == TRUE:
            continue
        if item == FALSE:
            return FALSE
        flat.extend(item.items if isinstance(item, And) else (item,))
    return TRUE if not flat else flat[0] if len(flat) == 1 else And(tuple(flat))


def any_of(*items: Predicate) -> Predicate:
    """The disjunction, simplified. Without items: false."""
    flat: list[Predicate] = []
    for item in items:
        if item == FALSE:
            continue
        if item == TRUE:
            return TRUE
        flat.extend(item.items if isinstance(item, Or) else (item,))
    return FALSE if not flat else flat[0] if len(flat) == 1 else Or(tuple(dict.fromkeys(flat)))


def negate(item: Predicate) -> Predicate:
    """The complement, simplified."""
    match item:
        case Bool(value):
            return Bool(not value)
        case Not(inner):
            return inner
        case _:
            return Not(item)


def children(expr: Expr) -> tuple[Expr, ...]:
    """The nodes directly below one."""
    match expr:
        case Compare(_, left, right) | Arithmetic(_, left, right):
            return (left, right)
        case OneOf(item, _) | IsNull(item) | Not(item):
            return (item,)
        case Matches(_, item, text):
            return (item, text)
        case HasElement(item, element):
            return (item, element)
        case And(items) | Or(items) | Coalesce(items):
            return items
        case Related():
            return (expr.where,)
        case Case(when, then, otherwise):
            return (when, then, otherwise)
        case Aggregate():
            return tuple(e for e in (expr.value, expr.where) if e is not None)
        case _:
            return ()


def walk(expr: Expr) -> Iterator[Expr]:
    """Every node of a tree, the root first."""
    yield expr
    for child in children(expr):
        yield from walk(child)


def rebuild(node: Any, f: Callable[[Any], Any]) -> Any:
    """A copy of a node with `f` applied to the nodes directly below it."""
    match node:
        case Compare(op, left, right):
            return Compare(op, f(left), f(right))
        case Arithmetic(op, left, right):
            return Arithmetic(op, f(left), f(right))
        case OneOf(item, values):
            return OneOf(f(item), values)
        case IsNull(item):
            return IsNull(f(item))
        case Not(item):
            return Not(f(item))
        case Matches(op, item, text):
            return Matches(op, f(item), f(text))
        case HasElement(item, element):
            return HasElement(f(item), f(element))
        case And(items):
            return And(tuple([f(i) for i in items]))
        case Or(items):
            return Or(tuple([f(i) for i in items]))
        case Coalesce(items):
            return Coalesce(tuple([f(i) for i in items]))
        case Related(quantifier, path, where, root):
            return Related(quantifier, path, f(where), root)
        case Case(when, then, otherwise):
            return Case(f(when), f(then), f(otherwise))
        case Aggregate(function, value, where, resource, path, root):
            v = None if value is None else f(value)
            w = None if where is None else f(where)
            return Aggregate(function, v, w, resource, path, root)
        case _:
            return node


def fold_roles(expr: Predicate, roles: frozenset[str]) -> Predicate:
    """The predicate for an actor with these roles: role tests replaced by constants and simplified away."""
    match expr:
        case HasRole(role):
            return Bool(role in roles)
        case And(items):
            return all_of(*(fold_roles(i, roles) for i in items))
        case Or(items):
            return any_of(*(fold_roles(i, roles) for i in items))
        case Not(item):
            return negate(fold_roles(item, roles))
        case _:
            folded: Predicate = rebuild(expr, lambda below: fold_roles(below, roles))
            return folded

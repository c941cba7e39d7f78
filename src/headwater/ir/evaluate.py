"""Expressions as Python functions over a row, and what expressions read.

Only *local* expressions can be evaluated here: those that look at the row itself, the actor and constants.
They mean the same as their SQL: a comparison with null is false, `Not` is the exact complement, arithmetic
with null is null, and text is compared by code point.
"""

import operator
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from headwater.base.call import Actor
from headwater.ir import expr as e
from headwater.ir.model import Model, Resource
from headwater.ir.scalars import fold_text

Row = Mapping[str, Any]
Evaluate = Callable[[Row, Actor, datetime], Any]

_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}
_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
}


def is_local(expr: e.Expr, resource: Resource) -> bool:
    """Whether an expression over a row of `resource` asks for that row, the actor and constants alone."""
    for node in e.walk(expr):
        match node:
            case e.Related() | e.Aggregate():
                return False
            case e.Column(path, root):
                if len(path) > 1 or root not in (None, resource.name):
                    return False
                computed = resource.fields[path[0]].computed
                if computed is not None and not is_local(computed, resource):
                    return False
    return True


def compile_python(expr: e.Expr, resource: Resource) -> Evaluate:
    """The function from a row (values by field name), the actor and the moment to the expression's value.

    Stored fields that the row lacks raise KeyError; computed ones are worked out. Raises: ValueError, if the
    expression is not local.
    """
    if not is_local(expr, resource):
        raise ValueError(f"the expression looks beyond one row of {resource.name}: {expr}")
    return _scalar(expr, resource)


def _truth(expr: e.Expr, resource: Resource) -> Evaluate:
    """As a condition: null counts as false."""
    inner = _scalar(expr, resource)
    if isinstance(expr, e.Column | e.Value | e.Case | e.Coalesce):
        return lambda row, actor, now: inner(row, actor, now) is True
    return inner


def _scalar(expr: e.Expr, resource: Resource) -> Evaluate:
    match expr:
        case e.Column(path):
            return _column(path[0], resource)
        case e.Value(value) | e.Bool(value):
            return lambda row, actor, now: value
        case e.ActorValue():
            return lambda row, actor, now: actor.id
        case e.Now():
            return lambda row, actor, now: now
        case e.HasRole(role):
            return lambda row, actor, now: role in actor.roles
        case e.Compare("ne", left, right):
            equal = _scalar(e.Compare("eq", left, right), resource)
            return lambda row, actor, now: not equal(row, actor, now)
        case e.Compare(op, left, right):
            return _compare(_ORDER[op], _scalar(left, resource), _scalar(right, resource))
        case e.Arithmetic(op, left, right):
            return _arithmetic(_ARITHMETIC[op], _scalar(left, resource), _scalar(right, resource))
        case e.OneOf(item, values):
            one, among = _scalar(item, resource), frozenset(values)
            return lambda row, actor, now: (v := one(row, actor, now)) is not None and v in among
        case e.IsNull(item):
            null = _scalar(item, resource)
            return lambda row, actor, now: null(row, actor, now) is None
        case e.Matches():
            return _matches(expr, resource)
        case e.HasElement(item, element):
            held, sought = _scalar(item, resource), _scalar(element, resource)
            return _compare(operator.contains, held, sought)
        case e.And(items):
            all_of = tuple(_truth(item, resource) for item in items)
            return lambda row, actor, now: all(item(row, actor, now) for item in all_of)
        case e.Or(items):
            any_of = tuple(_truth(item, resource) for item in items)
            return lambda row, actor, now: any(item(row, actor, now) for item in any_of)
        case e.Not(item):
            no = _truth(item, resource)
            return lambda row, actor, now: not no(row, actor, now)
        case e.Case(when, then, otherwise):
            test, yes, other = _truth(when, resource), _scalar(then, resource), _scalar(otherwise, resource)
            return lambda row, actor, now: (yes if test(row, actor, now) else other)(row, actor, now)
        case e.Coalesce(items):
            tries = tuple(_scalar(item, resource) for item in items)
            return lambda row, actor, now: next(
                (v for item in tries if (v := item(row, actor, now)) is not None), None
            )
        case e.Related() | e.Aggregate():
            raise ValueError("not local")


def _column(name: str, resource: Resource) -> Evaluate:
    computed = resource.fields[name].computed
    if computed is not None:
        return _scalar(computed, resource)
    return lambda row, actor, now: row[name]


def _compare(op: Callable[[Any, Any], bool], left: Evaluate, right: Evaluate) -> Evaluate:
    def compare(row: Row, actor: Actor, now: datetime) -> bool:
        a, b = left(row, actor, now), right(row, actor, now)
        return a is not None and b is not None and op(a, b)

    return compare


def _arithmetic(op: Callable[[Any, Any], Any], left: Evaluate, right: Evaluate) -> Evaluate:
    def calculate(row: Row, actor: Actor, now: datetime) -> Any:
        a, b = left(row, actor, now), right(row, actor, now)
        return None if a is None or b is None else op(a, b)

    return calculate


def _matches(expr: e.Matches, resource: Resource) -> Evaluate:
    item, text = _scalar(expr.item, resource), _scalar(expr.text, resource)
    fold = fold_text if resource.fields[expr.item.path[0]].folded else str
    test = operator.contains if expr.op == "contains" else str.startswith

    def matches(row: Row, actor: Actor, now: datetime) -> bool:
        a, b = item(row, actor, now), text(row, actor, now)
        return a is not None and b is not None and test(fold(a), fold(b))

    return matches


# -- what an expression reads --


def reads(expr: e.Expr, resource: Resource, model: Model) -> frozenset[tuple[str, str]]:
    """Every stored field on which the value depends, as (resource, field), those of relations included."""
    return frozenset(_reads(expr, (resource,), model))


def _reads(expr: e.Expr, scope: tuple[Resource, ...], model: Model) -> Iterator[tuple[str, str]]:
    """`scope` are the resources whose rows are in reach, the innermost last."""
    match expr:
        case e.Column(path, root):
            resource, name = _start(root, scope, model), path[-1]
            yield from _steps(path[:-1], resource, model)
            resource = model.target(resource, path[:-1])
            computed = resource.fields[name].computed
            if computed is None:
                yield resource.name, name
            else:
                yield from _reads(computed, (resource,), model)
        case e.Related(_, path, where, root):
            resource = _start(root, scope, model)
            yield from _steps(path, resource, model)
            yield from _reads(where, (*scope, model.target(resource, path)), model)
        case e.Aggregate(_, value, where, other, path, root):
            if other is not None:
                inner = model.resources[other]
                yield inner.name, inner.key
            else:
                resource = _start(root, scope, model)
                yield from _steps(path, resource, model)
                inner = model.target(resource, path)
            for child in (value, where):
                if child is not None:
                    yield from _reads(child, (*scope, inner), model)
        case _:
            for child in e.children(expr):
                yield from _reads(child, scope, model)


def _start(root: str | None, scope: tuple[Resource, ...], model: Model) -> Resource:
    return scope[-1] if root is None else model.resources[root]


def _steps(path: tuple[str, ...], resource: Resource, model: Model) -> Iterator[tuple[str, str]]:
    """The references that a path of relations follows."""
    for name in path:
        relation = resource.relations[name]
        target = model.resources[relation.target]
        if relation.kind == "one":
            yield resource.name, relation.field
        elif relation.kind == "many":
            yield target.name, relation.field
        else:
            yield str(relation.through), relation.field
            yield str(relation.through), str(relation.far)
        yield target.name, target.key
        resource = target

"""Whether an expression makes sense over a set of resources, of what type it is, and whether it may be null.

The result is the expression with its constants in the form of the fields that they meet: an int beside a
decimal field becomes a Decimal. Raises `Nonsense` at the first thing that cannot be.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from headwater.declare.constants import SCALED, WORDS, Nonsense, Spoilt, coerce, near, type_of_value
from headwater.ir import expr as e
from headwater.ir.model import Kind, Relation, Type

BOOLEAN = Type(Kind.BOOLEAN)
NUMBERS = (Kind.INTEGER, Kind.FLOAT, Kind.DECIMAL, Kind.MONEY)
ORDERED = (*NUMBERS, Kind.TEXT, Kind.ID, Kind.DATE, Kind.DATETIME, Kind.DURATION)


@dataclass(frozen=True, slots=True)
class Held:
    """What a field holds. `target` names the resource whose id it is."""

    type: Type
    nullable: bool
    target: str | None = None


class World(Protocol):
    """The resources that expressions speak of."""

    def fields(self, resource: str) -> Collection[str]:
        """The names of a resource's fields."""
        ...

    def held(self, resource: str, field: str) -> Held:
        """What a field holds. Raises: Nonsense for a computed field that cannot be worked out."""
        ...

    def relations(self, resource: str) -> Mapping[str, Relation]: ...

    def spoilt(self, resource: str, name: str) -> bool:
        """Whether a member by that name has a mistake, so that nothing can be said of it."""
        ...

    def resources(self) -> Collection[str]: ...

    def roles(self) -> Collection[str]: ...


@dataclass(frozen=True, slots=True)
class Typed:
    """A checked expression. `type` is None for the constant null."""

    node: Any
    type: Type | None
    nullable: bool = False
    target: str | None = None

    @property
    def constant(self) -> bool:
        return isinstance(self.node, e.Value)


@dataclass(frozen=True, slots=True)
class Typer:
    """Checks expressions. `actor`: whether they may speak of the actor; `secrets`: whether they may name secrets."""

    world: World
    actor: bool = True
    secrets: bool = False

    def predicate(self, node: e.Expr, scope: tuple[str, ...]) -> e.Predicate:
        """A checked predicate. `scope` are the resources whose rows are in view, the innermost last."""
        found = self.scalar(node, scope)
        if found.type != BOOLEAN or found.constant:
            raise Nonsense(f"{self._said(found)} is not a predicate", "compare it with something")
        result: e.Predicate = found.node
        return result

    def scalar(self, node: e.Expr, scope: tuple[str, ...]) -> Typed:
        """A checked expression."""
        match node:
            case e.Column(path, root):
                return self._column(path, self._root(root, scope))
            case e.Value(value):
                return Typed(node, None if value is None else type_of_value(value), value is None)
            case e.ActorValue():
                self._needs_actor("actor.id")
                return Typed(node, Type(Kind.ID), True)
            case e.Now():
                return Typed(node, Type(Kind.DATETIME))
            case e.Arithmetic():
                return self._arithmetic(node, scope)
            case e.Case(when, then, otherwise):
                holds = self.predicate(when, scope)
                a, b = self._alike(self.scalar(then, scope), self.scalar(otherwise, scope))
                return self._widest(e.Case(holds, a.node, b.node), (a, b), a.nullable or b.nullable)
            case e.Coalesce(items):
                return self._coalesce(items, scope)
            case e.Aggregate():
                return self._aggregate(node, scope)
            case _:
                return Typed(self._logic(node, scope), BOOLEAN)

    def _logic(self, node: e.Expr, scope: tuple[str, ...]) -> e.Predicate:
        match node:
            case e.Bool():
                return node
            case e.HasRole(role):
                self._needs_actor(f"actor.has_role({role!r})")
                if role not in self.world.roles():
                    raise Nonsense(f"there is no role {role!r}", near(role, self.world.roles()))
                return node
            case e.Compare(op, left, right):
                a, b = self._alike(self.scalar(left, scope), self.scalar(right, scope))
                self._comparable(op, a, b)
                return e.Compare(op, a.node, b.node)
            case e.OneOf(item, values):
                found = self.scalar(item, scope)
                self._comparable("eq", found, found)
                constants = [self._constant(Typed(e.Value(v), None), found) for v in values]
                return e.OneOf(found.node, tuple(c.node.value for c in constants))
            case e.IsNull(item):
                return e.IsNull(self.scalar(item, scope).node)
            case e.Matches(op, item, text):
                subject, part = self.scalar(item, scope), self.scalar(text, scope)
                for found in (subject, part):
                    if found.type is None or found.type.kind not in (Kind.TEXT, Kind.ID):
                        raise Nonsense(f"{self._said(found)} is not a text", "search in text fields only")
                return e.Matches(op, subject.node, part.node)
            case e.HasElement(item, element):
                return self._has(self.scalar(item, scope), self.scalar(element, scope))
            case e.And(items):
                return e.And(tuple(self.predicate(i, scope) for i in items))
            case e.Or(items):
                return e.Or(tuple(self.predicate(i, scope) for i in items))
            case e.Not(item):
                return e.Not(self.predicate(item, scope))
            case e.Related(quantifier, path, where, root):
                target = self._to_many(path, self._root(root, scope))
                return e.Related(quantifier, path, self.predicate(where, (*scope, target)), root)
            case _:
                raise Nonsense(f"{node!r} is not an expression")

    # -- columns and relations ------------------------------------------------------------------------------

    def _root(self, root: str | None, scope: tuple[str, ...]) -> str:
        if root is None:
            return scope[-1]
        if root in scope:
            return root
        seen = " and ".join(dict.fromkeys(reversed(scope)))
        raise Nonsense(
            f"{root} is not in view here, only {seen} is",
            f"reach it by a relation, as in `{scope[-1]}.rows.any({root}.field == …)`, or by an aggregate",
        )

    def _column(self, path: tuple[str, ...], resource: str) -> Typed:
        nullable = False
        node = e.Column(path, resource)
        for name in path[:-1]:
            relation = self._relation(resource, name)
            if relation is None or relation.kind != "one":
                raise Nonsense(
                    f"{resource} has no reference {name!r}", near(name, self.world.relations(resource))
                )
            nullable = nullable or self.world.held(resource, relation.field).nullable
            resource = relation.target
        name = path[-1]
        if self.world.spoilt(resource, name):
            raise Spoilt(name)
        if name not in self.world.fields(resource):
            raise Nonsense(f"{resource} has no field {name!r}", near(name, self.world.fields(resource)))
        held = self.world.held(resource, name)
        if held.type.secret and not self.secrets:
            raise Nonsense(
                f"{resource}.{name} is a secret", "read it from a row; no expression knows its value"
            )
        target = resource if name == "id" else held.target
        return Typed(node, held.type, nullable or held.nullable, target)

    def _relation(self, resource: str, name: str) -> Relation | None:
        if self.world.spoilt(resource, name):
            raise Spoilt(name)
        return self.world.relations(resource).get(name)

    def _to_many(self, path: tuple[str, ...], resource: str) -> str:
        for place, name in enumerate(path):
            relation = self._relation(resource, name)
            last = place == len(path) - 1
            if relation is None or (relation.kind == "one") == last:
                what = "to-many relation" if last else "reference"
                raise Nonsense(
                    f"{resource} has no {what} {name!r}", near(name, self.world.relations(resource))
                )
            resource = relation.target
        return resource

    def _aggregate(self, node: e.Aggregate, scope: tuple[str, ...]) -> Typed:
        if node.path:
            target = self._to_many(node.path, self._root(node.root, scope))
        else:
            target = str(node.resource)
            if target not in self.world.resources():
                raise Nonsense(f"there is no resource {target}", near(target, self.world.resources()))
            if target in scope and node.where is not None and _ties_to_itself(node.where, target):
                raise Nonsense(
                    f"both sides of the comparison mean the inner {target}, so it ties nothing to the row",
                    f"declare a to-many relation of {target} to itself, and aggregate over that",
                )
        inner = (*scope, target)
        where = None if node.where is None else self.predicate(node.where, inner)
        value = None if node.value is None else self.scalar(node.value, inner)
        type = self._aggregated(node.function, value)
        checked = replace(node, where=where, value=None if value is None else value.node)
        return Typed(checked, type, node.function in ("avg", "min", "max"))

    def _aggregated(self, function: e.AggregateFunction, value: Typed | None) -> Type:
        if function == "count":
            return Type(Kind.INTEGER)
        if value is None or value.type is None:
            raise Nonsense(f"{function} needs a field")
        kind = value.type.kind
        if function == "countDistinct":
            self._comparable("eq", value, value)
            return Type(Kind.INTEGER)
        summed = (*NUMBERS, Kind.DURATION)
        allowed = {"sum": summed, "avg": summed}.get(function, ORDERED)
        if kind not in allowed:
            raise Nonsense(f"{self._said(value)} has no {function}", "aggregate a number")
        return Type(Kind.FLOAT) if function == "avg" and kind == Kind.INTEGER else value.type

    # -- operators ------------------------------------------------------------------------------------------

    def _comparable(self, op: e.Comparison, a: Typed, b: Typed) -> None:
        for found in (a, b):
            kind = found.type.kind if found.type else None
            if kind in (Kind.JSON, Kind.LIST):
                raise Nonsense(
                    f"{self._said(found)} cannot be compared", "use `has` for lists, `is_null` for both"
                )
            if op not in ("eq", "ne") and kind not in ORDERED:
                raise Nonsense(f"{self._said(found)} has no order", "compare it with `==`, `!=` or `in_`")
        if a.target and b.target and a.target != b.target:
            raise Nonsense(
                f"an id of {a.target} is compared with an id of {b.target}",
                "compare references to one resource",
            )

    def _alike(self, a: Typed, b: Typed) -> tuple[Typed, Typed]:
        """Two values that can stand on both sides of a comparison."""
        if a.type is None and b.type is None:
            raise Nonsense("both sides are null", "name a field")
        if a.type is None or b.type is None:
            return a, b
        if a.constant and not b.constant:
            return self._constant(a, b), b
        if b.constant and not a.constant:
            return a, self._constant(b, a)
        if not alike(a.type, b.type):
            raise Nonsense(f"{self._said(a)} does not go with {self._said(b)}", "compare values of one kind")
        return a, b

    def _constant(self, constant: Typed, beside: Typed) -> Typed:
        if beside.type is None:
            return constant
        value = coerce(constant.node.value, beside.type)
        return Typed(e.Value(value), beside.type)

    def _arithmetic(self, node: e.Arithmetic, scope: tuple[str, ...]) -> Typed:
        a, b = self.scalar(node.left, scope), self.scalar(node.right, scope)
        if node.op == "-" and any(found.type == Type(Kind.DATETIME) for found in (a, b)):
            a, b = self._alike(a, b)
            if a.type is not None and b.type is not None:
                result = replace(node, left=a.node, right=b.node)
                return Typed(result, Type(Kind.DURATION), a.nullable or b.nullable)
        allowed = NUMBERS if node.op == "*" else (*NUMBERS, Kind.DURATION)
        for found in (a, b):
            if found.type is None or found.type.kind not in allowed:
                raise Nonsense(
                    f"{self._said(found)} cannot be used with `{node.op}`", "calculate with numbers"
                )
        if node.op != "*":
            a, b = self._alike(a, b)
        assert a.type is not None
        assert b.type is not None
        kinds = {a.type.kind, b.type.kind}
        if Kind.FLOAT in kinds and kinds & set(SCALED):
            raise Nonsense("a float does not go with a decimal", "use Decimal for both")
        if node.op == "*" and a.type.kind == b.type.kind == Kind.MONEY:
            raise Nonsense("money cannot be multiplied by money", "multiply it by a number")
        result = replace(node, left=a.node, right=b.node)
        nullable = a.nullable or b.nullable
        money = next((t for t in (a.type, b.type) if t.kind == Kind.MONEY), None)
        if money is not None:
            return Typed(result, money, nullable)
        if Kind.DECIMAL in kinds:
            places = (a.type.places + b.type.places) if node.op == "*" else max(a.type.places, b.type.places)
            return Typed(result, Type(Kind.DECIMAL, places), nullable)
        return Typed(result, a.type if a.type.kind == Kind.FLOAT else b.type, nullable)

    def _coalesce(self, items: tuple[e.Scalar, ...], scope: tuple[str, ...]) -> Typed:
        found = [self.scalar(item, scope) for item in items]
        leader = next((f for f in found if not f.constant), None)
        if leader is None:
            raise Nonsense("coalesce of constants alone", "name a field")
        checked = [self._alike(leader, f)[1] for f in found]
        nullable = all(f.nullable for f in checked)
        return self._widest(e.Coalesce(tuple(f.node for f in checked)), checked, nullable)

    def _widest(self, node: e.Expr, items: Collection[Typed], nullable: bool) -> Typed:
        types = [item.type for item in items if item.type is not None]
        best = next((t for t in types if t.kind in (Kind.MONEY, Kind.DECIMAL, Kind.FLOAT)), types[0])
        if best.kind == Kind.DECIMAL:
            best = Type(Kind.DECIMAL, max(t.places for t in types))
        targets = {item.target for item in items if not item.constant}
        return Typed(node, best, nullable, targets.pop() if len(targets) == 1 else None)

    def _has(self, subject: Typed, element: Typed) -> e.HasElement:
        if subject.type is None or subject.type.kind != Kind.LIST:
            raise Nonsense(f"{self._said(subject)} is not a list", "use `==`, or `contains` for texts")
        item = Typed(None, replace(subject.type, kind=subject.type.item or Kind.TEXT, item=None))
        _, other = self._alike(item, element)
        return e.HasElement(subject.node, other.node)

    def _needs_actor(self, what: str) -> None:
        if not self.actor:
            raise Nonsense(
                f"`{what}` is not known here: the value is the same for everybody", "use a rule instead"
            )

    def _said(self, found: Typed) -> str:
        if found.type is None:
            return "null"
        kind = WORDS.get(found.type.kind, f"a {found.type.kind.value}")
        match found.node:
            case e.Column(path, root):
                return f"{root}.{'.'.join(path)} ({kind})"
            case e.Value(value):
                return f"{value!r}"
            case e.Now():
                return f"now() ({kind})"
            case _:
                return kind


def alike(a: Type, b: Type) -> bool:
    """Whether values of the two types can be compared."""
    if a.kind == b.kind:
        return a.values == b.values and a.currency == b.currency and a.item == b.item
    kinds = {a.kind, b.kind}
    return kinds in ({Kind.TEXT, Kind.ID}, {Kind.INTEGER, Kind.FLOAT}, {Kind.INTEGER, Kind.DECIMAL})


def _ties_to_itself(where: e.Predicate, resource: str) -> bool:
    """Whether a predicate compares a reference of the resource with the resource's own id."""
    for node in e.walk(where):
        match node:
            case e.Compare("eq", e.Column(a, x), e.Column(b, y)) if x == y == resource:
                if (a == ("id",)) != (b == ("id",)):
                    return True
    return False

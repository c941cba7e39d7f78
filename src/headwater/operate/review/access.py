"""Sections "permissions" and "speed": who may do what, and whether what is asked for is found by an index."""

from collections.abc import Iterator
from itertools import combinations

from headwater.declare.statements import own_columns
from headwater.engine.schema import indexes
from headwater.ir import expr as e
from headwater.ir.model import Grant, Kind, Resource
from headwater.operate.review.subject import Found, Subject
from headwater.operate.review.values import uniques

WRITES = frozenset({"create", "update", "delete"})


def permissions(of: Subject) -> Iterator[Found]:
    resource = of.resource
    if not of.anybody("read"):
        mend = f'write `allow({resource.name}, "read", ...)`, or `exposed=False` in the class line'
        yield of.found("closed-resource", "", "nobody but an admin may read it", mend)
    for name in resource.actions:
        if not of.anybody(name):
            mend = "say who: `@action(when=...)` or `@action(to=...)`; or give a role the permission "
            yield of.found(
                "closed-action", name, "nobody but an admin may call it", mend + resource.permission(name)
            )
    for grant, place, name in of.grants():
        verbs = ", ".join(sorted(grant.verbs))
        if impossible(grant.when, resource):
            message = f"the rule of {verbs} never holds, so it lets nobody"
            yield of.found("impossible-rule", name, message, "correct its condition", place)
            continue
        if grant.roles is not None and "guest" in grant.roles and grant.verbs & WRITES:
            mend = 'let `to="user"` do it, and "guest" read'
            yield of.found("guest-write", name, f"whoever has not signed in may {verbs}", mend, place)
        elif _everybody(grant) and grant.verbs & {"update", "delete"} and grant.when == e.TRUE:
            mend = "name a role with `to=`, or the rows with `when=`"
            yield of.found("open-write", name, f"whoever has signed in may {verbs} every row", mend, place)
    for kind, rules in (("mask", resource.masks), ("lock", resource.locks)):
        for name, place in of.protected(kind):
            if impossible(rules[name], resource):
                mend = (
                    "correct its condition, or make the field internal"
                    if kind == "mask"
                    else "correct its condition"
                )
                yield of.found("impossible-rule", name, f"the {kind} never opens", mend, place)
    yield from _masks(of)


def _masks(of: Subject) -> Iterator[Found]:
    resource = of.resource
    together = {name for names, _ in uniques(of) for name in names}
    for name, place in of.protected("mask"):
        field = resource.fields[name]
        if field.unique or name in together:
            mend = "leave the mask or the unique out, or accept that a conflict tells that the value is taken"
            yield of.found("masked-unique", name, "it is masked and unique", mend, place)


def _everybody(grant: Grant) -> bool:
    return grant.roles is None or "user" in grant.roles


def impossible(rule: e.Predicate, resource: Resource) -> bool:
    """Whether a predicate holds on no row, as far as that can be told from itself."""
    match rule:
        case e.Bool(value):
            return not value
        case e.OneOf(_, values):
            return not values
        case e.IsNull(e.Column((name,), root)) if root in (None, resource.name):
            return not resource.fields[name].nullable
        case e.Related("any", _, where):
            return where == e.FALSE
        case e.Or(items):
            return all(impossible(item, resource) for item in items)
        case e.And(items):
            return any(impossible(item, resource) for item in items) or any(
                _exclude(a, b) for a, b in combinations(items, 2)
            )
        case _:
            return False


def _exclude(one: e.Predicate, other: e.Predicate) -> bool:
    """Whether two conditions never hold together."""
    if e.negate(one) == other:
        return True
    (item, values), (same, more) = _values(one), _values(other)
    return item is not None and item == same and not values & more


def _values(rule: e.Predicate) -> tuple[e.Expr | None, frozenset[object]]:
    """The values to which a condition binds a column; none for another condition."""
    match rule:
        case e.Compare("eq", e.Column() as item, e.Value(value)):
            return item, frozenset({value})
        case e.OneOf(e.Column() as item, values):
            return item, frozenset(values)
        case e.IsNull(e.Column() as item):
            return item, frozenset({None})
        case _:
            return None, frozenset()


def speed(of: Subject) -> Iterator[Found]:
    resource = of.resource
    first = {index.keys[0][0] for index in indexes(resource)} | {"id", resource.key, *_unique_first(resource)}
    for grant, place, _ in of.grants():
        if "read" in grant.verbs:
            for name in sorted(_unserved(grant.when, resource, first)):
                mend = f"write `field(index=True)`, or an `index({resource.name}.{name}, ...)` that begins with it"
                message = "a read rule looks it up in every row, since no index begins with it"
                yield of.found("unindexed-filter", name, message, mend, place)
    for name, field in resource.fields.items():
        for node in e.walk(field.computed) if field.computed is not None else ():
            if isinstance(node, e.Aggregate) and node.resource is not None and node.where is not None:
                yield from _looked_up(of, name, node.resource, node.where)
    parts = {key for index in indexes(resource) for key, _ in index.keys} | {
        n for u in resource.uniques for n in u.fields
    }
    for reviewed in of.own() if resource.exposed else ():
        field = reviewed.field
        timely = field.moves is not None or field.type.kind in (Kind.DATE, Kind.DATETIME)
        if timely and field.column is not None and field.name not in parts and not field.unique:
            mend = f"write an index that it is part of, as in `index({resource.name}.{field.name})`"
            yield of.found(
                "unindexed-sort", reviewed.path, "lists are sorted by it, and no index holds it", mend
            )


def _unserved(rule: e.Predicate, resource: Resource, first: set[str]) -> set[str]:
    """The columns that a rule compares without an index to find them by."""
    match rule:
        case e.And(items):
            found = [_unserved(i, resource, first) for i in items if not isinstance(i, e.HasRole)]
            return min(found, key=len, default=set())  # one that is served will do
        case e.Or(items):
            return set().union(*(_unserved(item, resource, first) for item in items))
        case e.Compare() | e.OneOf() | e.HasElement():
            names = {c.path[0] for c in own_columns(rule, resource.name) if len(c.path) == 1}
            return set() if names & first else {n for n in names if resource.fields[n].computed is None}
        case _:
            return set()


def _looked_up(of: Subject, name: str, other: str, where: e.Predicate) -> Iterator[Found]:
    """A computed field over the rows of another resource, none of whose conditions an index serves."""
    target = of.model.resources[other]
    first = {index.keys[0][0] for index in indexes(target)} | {"id", target.key, *_unique_first(target)}
    tied = {
        c.path[0]
        for item in (where.items if isinstance(where, e.And) else (where,))
        if isinstance(item, e.Compare) and item.op == "eq"
        for c in (item.left, item.right)
        if isinstance(c, e.Column) and c.root == other and len(c.path) == 1
    }
    if not tied & first:
        what = ", ".join(f"{other}.{n}" for n in sorted(tied)) or other
        mend = (
            f"declare an index that begins with {what}"
            if tied
            else f"tie {other} to the row by an indexed field"
        )
        message = f"each row looks through all {target.plural}, since no index finds them"
        yield of.found("unindexed-filter", name, message, mend)


def _unique_first(resource: Resource) -> Iterator[str]:
    yield from (f.name for f in resource.fields.values() if f.unique)
    yield from (u.fields[0] for u in resource.uniques)

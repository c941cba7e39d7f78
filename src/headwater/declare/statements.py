"""From the statements beside a class to the grants, masks, checks, uniques and indexes of the Model."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from dataclasses import field as attribute
from typing import Any

from headwater.declare.actions import Mark
from headwater.declare.constants import Nonsense, near
from headwater.declare.expressions import CurrentActor, predicate
from headwater.declare.kinds import Typer, World
from headwater.declare.names import constraint_name
from headwater.declare.problems import Problems
from headwater.declare.reports import Mark as Asked
from headwater.declare.rules import Allow, Must, NoCycles, Protect, Roles, Rule, Statement, Together
from headwater.ir import expr as e
from headwater.ir import model as m


@dataclass(slots=True)
class Rules:
    """What the statements about one resource come to."""

    grants: list[m.Grant] = attribute(default_factory=list)
    masks: dict[str, e.Predicate] = attribute(default_factory=dict)
    locks: dict[str, e.Predicate] = attribute(default_factory=dict)
    checks: list[m.Check] = attribute(default_factory=list)
    uniques: list[m.Unique] = attribute(default_factory=list)
    indexes: list[m.Index] = attribute(default_factory=list)
    acyclic: list[m.Acyclic] = attribute(default_factory=list)


@dataclass(slots=True)
class Reader:
    """Reads the statements about one resource."""

    name: str
    table: str
    fields: Mapping[str, m.Field]
    verbs: tuple[str, ...]
    actions: Mapping[str, Mark]
    reports: Collection[str]
    of_none: Collection[str]
    """The actions and reports that speak of the collection, and so of no row that a condition could be about."""
    world: World
    problems: Problems
    rules: Rules = attribute(default_factory=Rules)

    def statement(self, statement: Statement) -> None:
        subject = self.name
        match statement:
            case Allow():
                subject = f"allow({', '.join((self.name, *map(repr, statement.verbs)))})"
            case Protect(kind=kind, column=column):
                subject = f"{kind}({self.name}.{'.'.join(column.path)})"
            case Must():
                subject = f"{'exactly_one_of' if statement.exactly_one else 'check'}({self.name})"
            case Together(kind=kind):
                subject = f"{kind}({self.name})"
            case NoCycles():
                subject = f"acyclic({self.name})"
        self.problems.attempt(statement.place, subject, lambda: self._read(statement))

    def action(self, name: str, mark: Mark) -> None:
        """The grant that an action carries."""

        def grant() -> None:
            if mark.when is not None and name in self.of_none:
                raise Nonsense(
                    "`when` speaks of a row, and a classmethod is about none", "say by `to` who may call it"
                )
            self._grant((name,), mark.when, mark.to)

        if mark.granted:
            self.problems.attempt(mark.place, f"{self.name}.{name}", grant)

    def report(self, mark: Asked) -> None:
        """The grant that a report carries."""
        if mark.when is not None or mark.to is not None:
            self.problems.attempt(
                mark.place, f"report {mark.name}", lambda: self._grant((mark.name,), mark.when, mark.to)
            )

    def grants(self) -> Iterator[m.Grant]:
        """The grants, where whoever may delete may also do to what is in the trash what no grant speaks of."""
        named = {verb for grant in self.rules.grants for verb in grant.verbs}
        unnamed = frozenset(verb for verb in m.TRASH_VERBS if verb in self.verbs and verb not in named)
        for grant in self.rules.grants:
            yield replace(grant, verbs=grant.verbs | unnamed) if "delete" in grant.verbs else grant

    def _read(self, statement: Statement) -> None:
        match statement:
            case Allow(_, verbs, when, to):
                self._grant(tuple(self._verbs(verbs, when)), when, to)
            case Protect():
                self._protect(statement)
            case Must():
                self._check(statement)
            case Together():
                self._together(statement)
            case NoCycles():
                self._no_cycles(statement)

    # -- who may --------------------------------------------------------------------------------------------

    def _verbs(self, verbs: tuple[str, ...], when: Rule | None) -> Iterator[str]:
        if not verbs:
            raise Nonsense("it allows nothing", 'name verbs, such as "read"')
        valid = (*self.verbs, "write", *self.actions, *self.reports)
        for verb in verbs:
            if not isinstance(verb, str):
                raise Nonsense(f"{verb!r} is not a verb", 'write one after the other, as in "read", "create"')
            if verb not in valid:
                raise Nonsense(f"there is no verb {verb!r}", near(verb, valid))
            if when is not None and verb in self.of_none:
                raise Nonsense(f"`when` speaks of a row, and {verb} is about none", "say by `to` who may")
            if verb != "write":
                yield verb
                continue
            yield from self.verbs[1:]
            yield from (name for name in self.actions if when is None or name not in self.of_none)

    def _grant(self, verbs: tuple[str, ...], when: Rule | None, to: Roles) -> None:
        roles = None if to is None else frozenset((to,) if isinstance(to, str) else to)
        for role in roles or ():
            if role not in self.world.roles():
                raise Nonsense(f"there is no role {role!r}", near(role, self.world.roles()))
        holds = e.TRUE if when is None else self._rule(when)
        self.rules.grants.append(m.Grant(frozenset(verbs), holds, roles))

    def _rule(self, rule: Rule) -> e.Predicate:
        if not callable(rule):
            raise Nonsense(f"its condition {rule!r} is not a function", "write `lambda actor: ...`")
        try:
            inspect.signature(rule).bind(None)
        except TypeError:
            raise Nonsense(
                "its function does not take the actor alone", "write `lambda actor: ...`"
            ) from None
        return Typer(self.world).predicate(predicate(rule(CurrentActor())), (self.name,))

    def _protect(self, statement: Protect) -> None:
        found = self._own(statement.column)
        rules = self.rules.masks if statement.kind == "mask" else self.rules.locks
        if found.name in rules:
            raise Nonsense(f"it has a {statement.kind} already", "say both in one, with `|`")
        if found.column == "id" or found.name == "version":
            raise Nonsense("it is needed by everybody who sees the row", "protect other fields")
        if statement.kind == "lock" and found.read_only:
            raise Nonsense("it is never written by clients", "leave the lock out")
        if found.secret and statement.kind == "mask":
            raise Nonsense("it is a secret, which is shown to nobody", "leave the mask out")
        if found.internal and not found.secret:
            raise Nonsense("it is internal: nobody reads or writes it", f"leave the {statement.kind} out")
        unless = statement.unless
        if callable(unless):
            rules[found.name] = self._rule(unless)
        else:
            roles = (unless,) if isinstance(unless, str) else tuple(unless or ())
            tests = e.any_of(*(e.HasRole(role) for role in roles))
            rules[found.name] = Typer(self.world).predicate(tests, (self.name,))

    # -- what must hold -------------------------------------------------------------------------------------

    def _check(self, statement: Must) -> None:
        if statement.exactly_one:
            self._exactly_one(statement)
            return
        assert statement.holds is not None
        if not callable(statement.holds):
            raise Nonsense(
                "its condition is not a function", "write `lambda: ...`, so that it may name any field"
            )
        typer = Typer(self.world, actor=False)
        holds = typer.predicate(predicate(statement.holds()), (self.name,))
        columns = tuple(dict.fromkeys(own_columns(holds, self.name)))
        if not columns:
            raise Nonsense("it reads no field of the row", f"compare fields of {self.name}")
        if not any(isinstance(node, e.IsNull) for node in e.walk(holds)):
            nulls = [e.IsNull(c) for c in columns if typer.scalar(c, (self.name,)).nullable]
            holds = e.any_of(*nulls, holds)
        self._add_check(holds, statement.message or "", tuple(dict.fromkeys(c.path[0] for c in columns)))

    def _exactly_one(self, statement: Must) -> None:
        fields = [self._own(column) for column in statement.exactly_one]
        names = tuple(found.name for found in fields)
        if len(set(names)) < 2:
            raise Nonsense("it needs two fields or more", "name the others")
        for found in fields:
            if not found.nullable:
                raise Nonsense(f"`{found.name}` is never null", "let each of the fields be null")
        nulls = [e.IsNull(e.Column((name,), self.name)) for name in names]
        cases = [e.all_of(*(e.negate(n) if n is one else n for n in nulls)) for one in nulls]
        wires = [found.wire for found in fields]
        message = f"Exactly one of {', '.join(wires[:-1])} and {wires[-1]} must be set."
        self._add_check(e.any_of(*cases), statement.message or message, names)

    def _add_check(self, holds: e.Predicate, message: str, fields: tuple[str, ...]) -> None:
        name = base = "_".join(fields)
        number = 1
        while any(check.name == name for check in self.rules.checks):
            number += 1
            name = f"{base}_{number}"
        self.rules.checks.append(m.Check(name, holds, message, fields))

    def _together(self, statement: Together) -> None:
        keys = []
        for column, descending in statement.keys:
            found = self._own(column)
            if found.secret:
                raise Nonsense(f"`{found.name}` is a secret, which is never compared", "leave it out")
            if found.computed is not None:
                raise Nonsense(
                    f"`{found.name}` is computed, so it has no column",
                    "name the fields that it is computed from",
                )
            if found.type.kind in (m.Kind.JSON, m.Kind.LIST):
                raise Nonsense(
                    f"`{found.name}` is a {found.type.kind.value}, which has no order", "leave it out"
                )
            keys.append((found.name, descending))
        names = tuple(name for name, _ in keys)
        if len(set(names)) < len(names):
            raise Nonsense("it names a field twice", "name each field once")
        columns = "_".join(str(self.fields[name].column) for name in names)
        if statement.kind == "unique":
            if any(set(u.fields) == set(names) for u in self.rules.uniques):
                raise Nonsense("it is declared twice", "leave one out")
            self.rules.uniques.append(m.Unique(constraint_name("uq", self.table, columns), names))
        else:
            if any(i.keys == tuple(keys) for i in self.rules.indexes):
                raise Nonsense("it is declared twice", "leave one out")
            falling = [str(self.fields[n].column) for n, down in keys if down]
            name = constraint_name("ix", self.table, columns, *(["desc", *falling] if falling else []))
            self.rules.indexes.append(m.Index(name, tuple(keys)))

    def _no_cycles(self, statement: NoCycles) -> None:
        fields = [self._own(column) for column in statement.columns]
        targets = [found.target for found in fields]
        if len(fields) == 1 and targets != [self.name]:
            raise Nonsense(
                f"`{fields[0].name}` does not refer to another {self.name}",
                "name a reference of the resource to itself, or the two references of a link",
            )
        if len(fields) > 2 or len(set(targets)) > 1 or None in targets:
            raise Nonsense("it needs two references to one resource", "name where an edge begins and ends")
        if len(fields) == 2 and fields[0].name == fields[1].name:
            raise Nonsense("it names a field twice", "name each field once")
        wire = fields[-1].wire
        message = statement.message or f"{wire} would lead back to where it begins."
        self.rules.acyclic.append(m.Acyclic(tuple(found.name for found in fields), message))

    def _own(self, column: e.Column) -> m.Field:
        if column.root != self.name or len(column.path) != 1:
            said = f"{column.root}.{'.'.join(column.path)}"
            raise Nonsense(f"{said} is not a field of {self.name}", f"name fields of {self.name} itself")
        held = Typer(self.world, secrets=True).scalar(column, (self.name,))  # complains of what is not there
        assert held.type is not None
        return self.fields[column.path[0]]


def own_columns(node: Any, name: str) -> Iterator[e.Column]:
    """The columns that an expression reads from the row itself, those inside aggregates excepted."""
    if isinstance(node, e.Column) and node.root in (None, name):
        yield node
    elif not isinstance(node, e.Related | e.Aggregate):
        for child in e.children(node):
            yield from own_columns(child, name)

"""Writes: one transaction that locks, checks, changes, reads back and logs.

The order is always the same. The old row is locked and judged; the new values are checked; the row is written and
read back as the caller may see it, and the rules are judged again on the new row; last, the log entries are written,
since a position is drawn only when every lock is held.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from headwater.base.call import Call
from headwater.base.errors import Detail, Fault
from headwater.base.observe import WriteStage
from headwater.db.base import Connection, Encode, ReferenceViolation, Row, Store, UniqueViolation
from headwater.engine.compile import Compiler, Scope
from headwater.engine.guard import Rules, denied, not_found
from headwater.engine.plan import Plan, Planner
from headwater.engine.rows import (
    dangling_reference,
    entry,
    expect,
    logged,
    new_values,
    raise_duplicate,
    replacement,
    violation,
)
from headwater.engine.schema import stored_fields
from headwater.ir import expr as e
from headwater.ir.command import Create, Delete, Merge, Outcome, Update
from headwater.ir.evaluate import compile_python, is_local
from headwater.ir.model import Field, Kind, Model, Resource, Type
from headwater.ir.query import Query, Select
from headwater.ir.scalars import fold_text
from headwater.ir.shape import Slot, shape, slotted
from headwater.log.log import Entry, Log

ID = Type(Kind.ID)
Doomed = dict[str, dict[str, Mapping[str, Any]]]
"""Rows that go together, by resource and id."""


@dataclass(eq=False, slots=True)
class Unit:
    """One transaction in progress: who acts, by which rules, and what is to be logged."""

    connection: Connection
    call: Call
    rules: Rules
    entries: list[Entry] = field(default_factory=list)

    def has_deleted(self, resource: str, key: str) -> bool:
        """Whether a row has gone in this unit, by itself or with another."""
        return any(e.after is None and e.row_id == key and e.resource == resource for e in self.entries)


@dataclass(frozen=True, slots=True)
class Columns:
    """A resource's stored fields, in the order in which statements name them, with their forms."""

    fields: tuple[Field, ...]
    encoders: tuple[Encode | None, ...]
    decoders: tuple[Encode | None, ...]

    key: str

    def decode(self, row: Sequence[Any]) -> dict[str, Any]:
        values = {
            f.name: value if value is None or decode is None else decode(value)
            for f, decode, value in zip(self.fields, self.decoders, row, strict=False)
        }
        values[self.key] = values["id"]
        return values


class Writer:
    """Performs commands within a transaction."""

    def __init__(self, model: Model, store: Store, planner: Planner, log: Log) -> None:
        self.model, self.store, self.planner, self.log = model, store, planner, log
        self.schema = planner.schema
        self._plans: dict[Any, Plan] = {}
        self._logged = {r.name: logged(r) for r in model.resources.values()}
        self._columns = {r.name: self._columns_of(r) for r in model.resources.values()}
        self._checks = {r.name: self._checks_of(r) for r in model.resources.values()}

    def _columns_of(self, resource: Resource) -> Columns:
        dialect = self.store.dialect
        fields = tuple(stored_fields(resource))
        return Columns(
            fields,
            tuple(dialect.encoder(f.type) for f in fields),
            tuple(dialect.decoder(f.type) for f in fields),
            resource.key,
        )

    def _checks_of(self, resource: Resource) -> list[Any]:
        return [
            (c, compile_python(c.holds, resource)) for c in resource.checks if is_local(c.holds, resource)
        ]

    def stage(self, name: str) -> None:
        if WriteStage in self.store.observers.wanted:
            self.store.observers.emit(WriteStage(name))

    def _plan(self, key: Any, make: Any) -> Plan:
        plan = self._plans.get(key)
        if plan is None:
            if len(self._plans) >= 2000:
                self._plans.pop(next(iter(self._plans)))
            plan = self._plans[key] = make()
        return plan

    # -- commands -------------------------------------------------------------------------------------------

    async def create(self, unit: Unit, command: Create) -> Outcome:
        resource = self.model.resources[command.resource]
        rule = unit.rules.rows(resource, "create")
        if rule == e.FALSE:
            raise denied(unit.call, resource, "create")
        values = new_values(resource, command.values, unit.call)
        self._check_locks_folded(unit, resource, command.values)
        self._check_row(resource, values, unit.call)
        self.stage("checked")
        await self._insert(unit, resource, values)
        self.stage("written")
        given = tuple(n for n in command.values if n in resource.fields)
        outcome = await self.read_back(unit, resource, values, "create", given, command.select)
        unit.entries.append(self._entry(unit, resource, "created", None, values))
        return outcome

    async def update(self, unit: Unit, command: Update) -> Outcome:
        resource = self.model.resources[command.resource]
        given = dict(command.values)
        if command.replace:
            given = replacement(resource, given)
        old = await self.load(unit, resource, command.key, "update", tuple(given))
        expect(resource, old, command.expected)
        values = dict(old)
        for name, value in given.items():
            values[name] = value.apply(old[name]) if isinstance(value, Merge) else value
        changed = tuple(name for name in given if values[name] != old[name])
        if not changed:
            return await self.read_back(unit, resource, values, None, (), command.select)
        self._check_changes(resource, old, values, changed)
        values["version"] = old["version"] + 1
        if "updated_at" in resource.fields:
            values["updated_at"] = unit.call.now
        self._check_row(resource, values, unit.call)
        await self._update_row(unit, resource, old, values)
        self.stage("written")
        outcome = await self.read_back(unit, resource, values, "update", changed, command.select)
        unit.entries.append(self._entry(unit, resource, "updated", old, values))
        return outcome

    def _entry(
        self,
        unit: Unit,
        resource: Resource,
        what: str,
        old: Mapping[str, Any] | None,
        new: Mapping[str, Any] | None,
    ) -> Entry:
        return entry(unit.call, resource, self._logged[resource.name], what, old, new)

    async def delete(self, unit: Unit, command: Delete) -> Outcome:
        resource = self.model.resources[command.resource]
        old = await self.load(unit, resource, command.key, "delete")
        expect(resource, old, command.expected)
        await self._remove(unit, resource, old)
        self.stage("written")
        return Outcome(command.key)

    async def finish(self, unit: Unit) -> int | None:
        """Write the log entries: the transaction's last statement."""
        if not unit.entries:
            return None
        position = await self.log.append(unit.connection, unit.entries)
        self.stage("logged")
        return position

    # -- reading within the transaction ---------------------------------------------------------------------

    async def load(
        self, unit: Unit, resource: Resource, key: str, verb: str, writing: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """The old row, locked, if the caller may see it and do this to it.

        Raises Fault: RESOURCE_NOT_FOUND, INSUFFICIENT_PERMISSIONS.
        """
        locked = tuple(n for n in writing if unit.rules.unlocked(resource, n) != e.TRUE)
        plan = self.load_plan(resource, unit.rules, verb, locked, lock=True)
        rows = await unit.connection.fetch(plan.sql, plan.parameters(unit.call, [key]))
        old = self.judge(unit.call, resource, key, verb, locked, rows)
        self.stage("checked")
        return old

    def load_plan(
        self, resource: Resource, rules: Rules, verb: str, locked: tuple[str, ...] = (), lock: bool = False
    ) -> Plan:
        """All stored columns of one row, then: may be read, may be done, each locked field may be written."""

        def make() -> Plan:
            compiler = Compiler(self.schema, rules)
            table = compiler.alias(resource)
            scope = Scope(resource, table)
            stored = [table.c[str(f.column)] for f in self._columns[resource.name].fields]
            judged = [rules.rows(resource, "read"), rules.rows(resource, verb)]
            judged += [rules.unlocked(resource, name) for name in locked]
            flags = [self._flag(compiler, rule, scope).label(f"f{i}") for i, rule in enumerate(judged)]
            key = compiler.bind(lambda call, values: values[0], ID, "key")
            statement = sa.select(*stored, *flags).where(table.c.id == key)
            if lock:
                statement = self._locked(statement, table, goes=verb == "delete")
            return self.planner.finish(statement, compiler)

        return self._plan(("load", resource.name, rules.number, verb, locked, lock), make)

    def _locked(self, statement: sa.Select[Any], table: Any, *, goes: bool = False) -> sa.Select[Any]:
        """Lock the rows that are found. Only a row that `goes` is locked against new references to it: with those,
        a change of what both refer to would deadlock, since an insert locks its targets in an order of its own."""
        if not self.store.dialect.features.row_locks:
            return statement
        return statement.with_for_update(of=table, key_share=not goes)

    def _flag(self, compiler: Compiler, rule: e.Predicate, scope: Scope) -> Any:
        return sa.case((compiler.rule(rule, scope), sa.literal_column("1")), else_=sa.literal_column("0"))

    def judge(
        self, call: Call, resource: Resource, key: str, verb: str, locked: tuple[str, ...], rows: list[Row]
    ) -> dict[str, Any]:
        """The row of a `load_plan`. Raises Fault as `load` does."""
        count = len(self._columns[resource.name].fields)
        if not rows or not rows[0][count]:
            raise not_found(resource, key)
        if not rows[0][count + 1]:
            raise denied(call, resource, verb)
        forbidden = [n for n, allowed in zip(locked, rows[0][count + 2 :], strict=True) if not allowed]
        old = self._columns[resource.name].decode(rows[0])
        if forbidden:
            raise denied(call, resource, verb, tuple(resource.fields[n].wire for n in forbidden))
        return old

    async def read_back(
        self,
        unit: Unit,
        resource: Resource,
        values: Mapping[str, Any],
        verb: str | None,
        written: tuple[str, ...],
        select: Select,
    ) -> Outcome:
        """The new row as the caller may see it, after judging it: the verb's rule, the locks of the fields written,
        that each reference written leads to a row that the caller may see, and the checks that ask other rows."""
        rules = unit.rules
        key = str(values["id"])
        locked = tuple(n for n in written if rules.unlocked(resource, n) not in (e.TRUE, e.FALSE))
        references = tuple(n for n in written if resource.fields[n].target and values[n] is not None)
        bound: list[Any] = []
        query = Query(resource.name, key=key, select=select)
        question = shape(query, bound)

        def make() -> Plan:
            compiler = Compiler(self.schema, rules)
            table = compiler.alias(resource)
            scope = Scope(resource, table)
            row = self.planner.object(compiler, scope, slotted(query).select)
            flags = [table.c.version, self._flag(compiler, rules.rows(resource, "read"), scope)]
            if verb is not None:
                flags.append(self._flag(compiler, rules.rows(resource, verb), scope))
                flags += [self._flag(compiler, c.holds, scope) for c in self._asking_checks(resource)]
            flags += [self._flag(compiler, rules.unlocked(resource, n), scope) for n in locked]
            for name in references:
                target = self.model.resources[str(resource.fields[name].target)]
                there = compiler.alias(target)
                visible = compiler.visible(Scope(target, there))
                reference = table.c[str(resource.fields[name].column)]
                found = sa.exists().where(there.c.id == reference, *visible)
                flags.append(sa.case((found, sa.literal_column("1")), else_=sa.literal_column("0")))
            where = table.c.id == compiler.bind(lambda call, vs: vs[0], ID, "key")
            columns = [row.label("row"), *(f.label(f"f{i}") for i, f in enumerate(flags))]
            return self.planner.finish(sa.select(*columns).where(where), compiler)

        plan = self._plan(("back", question, rules.number, verb, locked, references), make)
        rows = await unit.connection.fetch(plan.sql, plan.parameters(unit.call, bound))
        row, version, readable, *flags = rows[0]
        if verb is not None:
            allowed, *flags = flags
            if not allowed:
                raise denied(unit.call, resource, verb)
            for check in self._asking_checks(resource):
                holds, *flags = flags
                if not holds:
                    raise violation([(check.message, check.fields)], resource)
        for name in locked:
            writable, *flags = flags
            if not writable:
                raise denied(unit.call, resource, verb or "update", (resource.fields[name].wire,))
        dangling = [name for name, found in zip(references, flags, strict=True) if not found]
        if dangling:
            raise dangling_reference(resource, dangling)
        return Outcome(key, row if readable else None, version=version, returned=bool(readable))

    async def show(self, unit: Unit, resource: Resource, keys: list[str], select: Select) -> list[str]:
        """Those of the rows that the caller may see, as they may see them, in the order of the keys."""
        bound: list[Any] = []
        query = Query(resource.name, key="", select=select)
        question = shape(query, bound)
        bound[0] = keys

        def make() -> Plan:
            compiler = Compiler(self.schema, unit.rules)
            table = compiler.alias(resource)
            scope = Scope(resource, table)
            row = self.planner.object(compiler, scope, slotted(query).select)
            member = compiler.predicate(e.OneOf(e.Column(("id",)), (_ALL,)), scope)
            statement = sa.select(table.c.id, row.label("row")).where(member, *compiler.visible(scope))
            return self.planner.finish(statement, compiler)

        plan = self._plan(("show", question, unit.rules.number), make)
        found = await unit.connection.fetch(plan.sql, plan.parameters(unit.call, bound))
        rows = {row[0]: row[1] for row in found}
        return [rows[key] for key in keys if key in rows]

    def _asking_checks(self, resource: Resource) -> list[Any]:
        return [c for c in resource.checks if not is_local(c.holds, resource)]

    async def versions(self, unit: Unit, resource: Resource, keys: list[str]) -> dict[str, int]:
        """The current versions of rows, locked so that they stay so."""

        def make() -> Plan:
            compiler = Compiler(self.schema, None)
            table = compiler.alias(resource)
            member = compiler.predicate(e.OneOf(e.Column(("id",)), (_ALL,)), Scope(resource, table))
            statement = sa.select(table.c.id, table.c.version).where(member).order_by(table.c.id)
            return self.planner.finish(self._locked(statement, table), compiler)

        plan = self._plan(("versions", resource.name), make)
        rows = await unit.connection.fetch(plan.sql, plan.parameters(unit.call, [keys]))
        return {row[0]: row[1] for row in rows}

    def decode_rows(self, resource: str, rows: Sequence[Row]) -> list[dict[str, Any]]:
        """Rows of `Planner.rows`: stored fields, then computed ones."""
        columns = self._columns[resource]
        count = len(columns.fields)
        computed = [
            (f.name, self.store.dialect.decoder(f.type))
            for f in self.model.resources[resource].fields.values()
            if f.computed is not None
        ]
        found = []
        for row in rows:
            values = columns.decode(row)
            for (name, decode), raw in zip(computed, row[count:], strict=True):
                values[name] = raw if raw is None or decode is None else decode(raw)
            found.append(values)
        return found

    # -- checks ---------------------------------------------------------------------------------------------

    def _check_locks_folded(self, unit: Unit, resource: Resource, given: Iterable[str]) -> None:
        forbidden = [n for n in given if unit.rules.unlocked(resource, n) == e.FALSE]
        if forbidden:
            raise denied(unit.call, resource, "create", tuple(resource.fields[n].wire for n in forbidden))

    def _check_row(self, resource: Resource, values: Mapping[str, Any], call: Call) -> None:
        broken = [
            (check.message, check.fields)
            for check, holds in self._checks[resource.name]
            if not holds(values, call.actor, call.now)
        ]
        if broken:
            raise violation(broken, resource)

    def _check_changes(
        self, resource: Resource, old: Mapping[str, Any], new: Mapping[str, Any], changed: tuple[str, ...]
    ) -> None:
        details = []
        code = "RULE_VIOLATION"
        for name in changed:
            found = resource.fields[name]
            if found.immutable or found.column == "id":
                message = f"{found.wire} is set when the {resource.singular} is created and never changes."
                details.append(Detail("RULE_VIOLATION", message, field=found.wire))
            elif found.moves is not None:
                reachable = found.moves.get(str(old[name]), ())
                if new[name] not in reachable:
                    code = "FORBIDDEN_TRANSITION"
                    names = ", ".join(reachable) or "none"
                    message = f"{found.wire} cannot go from {old[name]} to {new[name]}; from here: {names}."
                    facts = {"current": old[name], "reachable": list(reachable)}
                    details.append(Detail(code, message, field=found.wire, facts=facts))
        if details:
            raise Fault(code, details[0].message, details)

    # -- statements -----------------------------------------------------------------------------------------

    async def _insert(self, unit: Unit, resource: Resource, values: Mapping[str, Any]) -> None:
        columns = self._columns[resource.name]
        table = self.schema[resource.name]

        def make() -> Plan:
            compiler = Compiler(self.schema, None)
            named = {}
            for i, f in enumerate(columns.fields):
                named[str(f.column)] = compiler.bind(_value_at(i), f.type)
            for f in columns.fields:
                if f.folded:
                    named[f.folded] = compiler.bind(_value_at(len(named)), ID)
            return self.planner.finish(sa.insert(table).values(named), compiler)

        plan = self._plan(("insert", resource.name), make)
        row = [
            value if (value := values.get(f.name)) is None or encode is None else encode(value)
            for f, encode in zip(columns.fields, columns.encoders, strict=True)
        ]
        row += [_folded(values.get(f.name)) for f in columns.fields if f.folded]
        await self._guarded(unit, resource, values, plan.sql, plan.parameters(unit.call, row))

    async def _update_row(
        self, unit: Unit, resource: Resource, old: Mapping[str, Any], values: Mapping[str, Any]
    ) -> None:
        columns = self._columns[resource.name]
        table = self.schema[resource.name]
        chosen = tuple(i for i, f in enumerate(columns.fields) if values[f.name] != old[f.name])
        folded = tuple(columns.fields[i] for i in chosen if columns.fields[i].folded)

        def make() -> Plan:
            compiler = Compiler(self.schema, None)
            named = {str(columns.fields[i].column): compiler.bind(_value_at(n), columns.fields[i].type)
                     for n, i in enumerate(chosen)}  # fmt: skip
            for n, f in enumerate(folded):
                named[str(f.folded)] = compiler.bind(_value_at(len(chosen) + n), ID)
            key = compiler.bind(_value_at(len(chosen) + len(folded)), ID)
            return self.planner.finish(sa.update(table).where(table.c.id == key).values(named), compiler)

        plan = self._plan(("update", resource.name, chosen), make)
        row = []
        for i in chosen:
            value, encode = values[columns.fields[i].name], columns.encoders[i]
            row.append(value if value is None or encode is None else encode(value))
        row += [_folded(values[f.name]) for f in folded]
        row.append(values["id"])
        await self._guarded(unit, resource, values, plan.sql, plan.parameters(unit.call, row))

    async def _guarded(
        self, unit: Unit, resource: Resource, values: Mapping[str, Any], sql: str, parameters: list[Any]
    ) -> None:
        """Run a statement and say in the client's words which constraint it broke."""
        try:
            await unit.connection.fetch(sql, parameters)
        except UniqueViolation as error:
            raise_duplicate(resource, error.name)
        except ReferenceViolation as error:
            named = [
                f.name
                for f in resource.fields.values()
                if f.target and values.get(f.name) is not None
                and (error.name is None or error.name == f"fk_{resource.table}_{f.column}")
            ]  # fmt: skip
            if error.name is None and len(named) > 1:
                named = [n for n in named if not await self._exists(unit, resource.fields[n], values[n])]
            raise dangling_reference(resource, named) from None

    async def _exists(self, unit: Unit, found: Field, key: str) -> bool:
        target = self.model.resources[str(found.target)]

        def make() -> Plan:
            compiler = Compiler(self.schema, None)
            table = compiler.alias(target)
            where = table.c.id == compiler.bind(_value_at(0), ID)
            return self.planner.finish(sa.select(table.c.id).where(where), compiler)

        plan = self._plan(("exists", target.name), make)
        return bool(await unit.connection.fetch(plan.sql, plan.parameters(unit.call, [key])))

    # -- deletes and what follows from them -----------------------------------------------------------------

    async def _remove(self, unit: Unit, resource: Resource, row: Mapping[str, Any]) -> None:
        """Delete a row and all that its relations say goes with it: set-based, each changed row with its entry."""
        doomed: Doomed = {resource.name: {str(row["id"]): row}}
        frontier = [(resource, [str(row["id"])])]
        while frontier:
            parent, ids = frontier.pop(0)
            for child, found in self.model.referrers(parent.name):
                if found.on_delete != "cascade":
                    continue
                known = doomed.get(child.name, {})
                rows = [r for r in await self._referring(unit, child, found, ids) if r["id"] not in known]
                if rows:
                    doomed[child.name] = {**known, **{str(r["id"]): r for r in rows}}
                    frontier.append((child, [str(r["id"]) for r in rows]))
        for name in doomed:
            await self._release(unit, self.model.resources[name], doomed)
        left = dict(doomed)
        while left:
            name, referring = self._next_to_go(left)
            for child, found in referring:
                await self._clear(unit, child, found, list(left[child.name]))
            parent = self.model.resources[name]
            gone = left.pop(name)
            unit.entries += [
                self._entry(unit, parent, "deleted", gone_row, None) for gone_row in gone.values()
            ]
            await self._delete_rows(unit, parent, list(gone))

    def _next_to_go(self, left: Doomed) -> tuple[str, list[tuple[Resource, Field]]]:
        """Of resources with rows that all go, one whose rows no others refer to, or else only by fields that can be
        cleared first; and these fields."""

        def referring(name: str) -> list[tuple[Resource, Field]]:
            return [
                (child, found)
                for child, found in self.model.referrers(name)
                if child.name != name
                and any(row[found.name] in left[name] for row in left.get(child.name, {}).values())
            ]

        candidates = [(name, referring(name)) for name in left]
        return min(candidates, key=lambda c: (not all(found.nullable for _, found in c[1]), len(c[1])))

    async def _release(self, unit: Unit, parent: Resource, doomed: Doomed) -> None:
        """Clear or refuse the references from rows that stay."""
        for child, found in self.model.referrers(parent.name):
            if found.on_delete == "cascade":
                continue
            rows = await self._referring(unit, child, found, list(doomed[parent.name]))
            staying = [r for r in rows if r["id"] not in doomed.get(child.name, {})]
            if not staying:
                continue
            if found.on_delete == "restrict":
                message = f"There are {child.path} that still refer to it by {found.wire}."
                raise Fault("RESOURCE_CONFLICT", message, [Detail("RESOURCE_CONFLICT", message)])
            for old in staying:
                new = {**old, found.name: None, "version": old["version"] + 1}
                if "updated_at" in child.fields:
                    new["updated_at"] = unit.call.now
                self._check_row(child, new, unit.call)
                await self._update_row(unit, child, old, new)
                unit.entries.append(self._entry(unit, child, "updated", old, new))

    async def _referring(
        self, unit: Unit, child: Resource, found: Field, ids: list[str]
    ) -> list[dict[str, Any]]:
        """The rows that refer to any of these, locked."""
        columns = self._columns[child.name]

        def make() -> Plan:
            compiler = Compiler(self.schema, None)
            table = compiler.alias(child)
            member = compiler.predicate(e.OneOf(e.Column((found.name,)), (_ALL,)), Scope(child, table))
            stored = [table.c[str(f.column)] for f in columns.fields]
            statement = sa.select(*stored).where(member).order_by(table.c.id)
            statement = self._locked(statement, table, goes=found.on_delete == "cascade")
            return self.planner.finish(statement, compiler)

        plan = self._plan(("referring", child.name, found.name), make)
        rows = await unit.connection.fetch(plan.sql, plan.parameters(unit.call, [ids]))
        return [columns.decode(row) for row in rows]

    async def _clear(self, unit: Unit, resource: Resource, found: Field, ids: list[str]) -> None:
        """Clear a reference in rows that are about to be deleted: the database would refuse rows that refer to each
        other. Nobody sees it, so it is no change of theirs."""

        def make() -> Plan:
            compiler = Compiler(self.schema, None)
            table = self.schema[resource.name]
            member = compiler.predicate(e.OneOf(e.Column(("id",)), (_ALL,)), Scope(resource, table))
            cleared = sa.update(table).where(member).values({str(found.column): sa.null()})
            return self.planner.finish(cleared, compiler)

        plan = self._plan(("clear", resource.name, found.name), make)
        await unit.connection.fetch(plan.sql, plan.parameters(unit.call, [ids]))

    async def _delete_rows(self, unit: Unit, resource: Resource, ids: list[str]) -> None:
        def make() -> Plan:
            compiler = Compiler(self.schema, None)
            table = self.schema[resource.name]
            member = compiler.predicate(e.OneOf(e.Column(("id",)), (_ALL,)), Scope(resource, table))
            return self.planner.finish(sa.delete(table).where(member), compiler)

        plan = self._plan(("delete", resource.name), make)
        try:
            await unit.connection.fetch(plan.sql, plan.parameters(unit.call, [ids]))
        except ReferenceViolation:
            raise Fault(
                "RESOURCE_CONFLICT", f"Other rows began to refer to this {resource.singular}."
            ) from None


_ALL = Slot(0, many=True)


def _value_at(index: int) -> Any:
    return lambda call, values: values[index]


def _folded(value: Any) -> str | None:
    return None if value is None else fold_text(value)

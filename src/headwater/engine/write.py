"""Writes: one transaction that locks, checks, changes, reads back and logs.

The order is always the same. The old row is locked and judged; the new values are checked; the row is written and
read back as the caller may see it, and the rules are judged again on the new row; last, the log entries are written,
since a position is drawn only when every lock is held.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from headwater.base.call import Call
from headwater.base.errors import Detail, Fault
from headwater.base.observe import WriteStage
from headwater.db.base import Store
from headwater.engine.cascade import Cascade
from headwater.engine.cycles import Cycles
from headwater.engine.guard import Rules, denied
from headwater.engine.judge import UNTRIED, Judge, Trial
from headwater.engine.plan import Planner
from headwater.engine.rows import (
    demand,
    expect,
    new_values,
    replacement,
    set_stamps,
    stamps,
    violation,
)
from headwater.engine.statements import Statements, Taken, Unit
from headwater.engine.vault import Vault
from headwater.ir import expr as e
from headwater.ir.command import Create, Delete, Merge, Outcome, Purge, Restore, Update
from headwater.ir.evaluate import compile_python, is_local
from headwater.ir.model import Model, Resource
from headwater.log.log import Log


class Writer:
    """Performs commands within a transaction."""

    def __init__(self, model: Model, store: Store, planner: Planner, log: Log, vault: Vault) -> None:
        self.model, self.store, self.planner, self.log = model, store, planner, log
        self.schema = planner.schema
        self.statements = Statements(planner, vault)
        self.judge = Judge(model, planner, self.statements, self.stage)
        self.cycles = Cycles(self.statements)
        self._checks = {r.name: self._checks_of(r) for r in model.resources.values()}
        self._stamps = {r.name: stamps(r) for r in model.resources.values()}
        self.cascade = Cascade(self.statements, self._stamps, self._check_row, self.cycles)

    def _checks_of(self, resource: Resource) -> list[Any]:
        return [
            (c, compile_python(c.holds, resource)) for c in resource.checks if is_local(c.holds, resource)
        ]

    def stage(self, name: str) -> None:
        if WriteStage in self.store.observers.wanted:
            self.store.observers.emit(WriteStage(name))

    # -- commands -------------------------------------------------------------------------------------------

    async def create(self, unit: Unit, command: Create) -> Outcome:
        resource = self.model.resources[command.resource]
        values, given = self.new_row(unit.call, unit.rules, resource, command)
        trial = self.judge.trial(unit.rules, resource, values, "create", given)
        await self.judge.before(unit, resource, values, trial)
        answer = self.judge.answer(resource, trial, command.select)
        try:
            answered = await self.statements.insert(unit, resource, values, answer)
        except Fault as fault:
            raise self._told_last(fault, unit, resource, values, trial) from None
        await self.cycles.check(unit, resource, None, values)
        self.stage("written")
        outcome, image = await self.judge.written(unit, resource, values["id"], trial, answer, answered)
        self.statements.note(unit, resource, "created", None, values, image)
        return outcome

    async def update(self, unit: Unit, command: Update) -> Outcome:
        resource = self.model.resources[command.resource]
        old, given = await self.given(unit, resource, command, lock=True)
        values, changed = self.new_version(unit.call, resource, old, given)
        if not changed:
            return await self.judge.read_back(unit, resource, values["id"], UNTRIED, command.select)
        trial = self.judge.trial(unit.rules, resource, values, "update", changed)
        await self.judge.before(unit, resource, values, trial)
        answer = self.judge.answer(resource, trial, command.select)
        try:
            answered = await self.statements.update(unit, resource, old, values, answer)
        except Fault as fault:
            raise self._told_last(fault, unit, resource, values, trial) from None
        await self.cycles.check(unit, resource, old, values)
        self.stage("written")
        outcome, image = await self.judge.written(unit, resource, values["id"], trial, answer, answered)
        self.statements.note(unit, resource, "updated", old, values, image)
        return outcome

    async def delete(self, unit: Unit, command: Delete) -> Outcome:
        resource = self.model.resources[command.resource]
        old = await self.judge.load(unit, resource, command.key, "delete")
        expect(resource, old, command.expected, demanded=unit.demands_versions)
        await self.cascade.remove(unit, resource, old)
        self.stage("written")
        return Outcome(command.key)

    async def restore(self, unit: Unit, command: Restore) -> Outcome:
        resource = self.model.resources[command.resource]
        old = await self.judge.load(unit, resource, command.key, "restore", trashed=True)
        expect(resource, old, command.expected, demanded=unit.demands_versions)
        values = await self.cascade.restore(unit, resource, old)
        self.stage("written")
        trial = self.judge.trial(unit.rules, resource, values, "restore", ())
        return await self.judge.read_back(unit, resource, values["id"], trial, command.select)

    async def purge(self, unit: Unit, command: Purge) -> Outcome:
        resource = self.model.resources[command.resource]
        old = await self.judge.load(unit, resource, command.key, "purge", trashed=True)
        expect(resource, old, command.expected, demanded=unit.demands_versions)
        await self.cascade.remove(unit, resource, old, for_good=True)
        self.stage("written")
        return Outcome(command.key)

    async def finish(self, unit: Unit) -> int | None:
        """Write the log entries: the transaction's last statement."""
        if not unit.entries:
            return None
        position = await self.log.append(unit.connection, unit.entries)
        self.stage("logged")
        return position

    def _told_last(
        self, fault: Fault, unit: Unit, resource: Resource, values: Mapping[str, Any], trial: Trial
    ) -> Fault | Taken:
        """What a refused write raises: a conflict with another row is told only to those who may write the row."""
        if fault.code != "RESOURCE_ALREADY_EXISTS":
            return fault
        return Taken(fault, unit.rules, resource, values, trial)

    # -- what is to be written ------------------------------------------------------------------------------

    def new_row(
        self, call: Call, rules: Rules, resource: Resource, command: Create
    ) -> tuple[dict[str, Any], tuple[str, ...]]:
        """All values of a new row, checked as far as they tell by themselves, and the names of those given.

        Raises Fault: INSUFFICIENT_PERMISSIONS, RULE_VIOLATION.
        """
        if rules.rows(resource, "create") == e.FALSE:
            raise denied(call, resource, "create")
        values = new_values(resource, command.values, call)
        set_stamps(self._stamps[resource.name], None, values, call)
        self._check_locks_folded(call, rules, resource, command.values)
        self._check_row(resource, values, call)
        self.stage("checked")
        return values, tuple(n for n in command.values if n in resource.fields)

    async def given(
        self, unit: Unit, resource: Resource, command: Update, *, lock: bool
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Of the old row what an update must know, and the values that it gives it; with `lock`, the row is locked. A
        replacement leaves alone what the caller may not write, where it is left out or given as they see it.

        Raises as `load` and `expect`, and Fault VALIDATION_ERROR.
        """
        given = dict(command.values)
        if command.replace:
            given = replacement(resource, given)
        rewrite = command.rewrite
        rewritten = rewrite.writes if rewrite is not None else ()
        writing = tuple(sorted({*given, *rewritten}))
        shows = rewrite.shows if rewrite is not None else ()
        found = await self.judge.loaded(unit, resource, command.key, writing, shows, lock=lock)
        old, kept = found.row, []
        if command.replace:
            kept = [
                name
                for name, readable in found.closed.items()
                if name not in command.values or given[name] == (old[name] if readable else None)
            ]
        forbidden = tuple(resource.fields[name].wire for name in found.closed if name not in kept)
        if forbidden:
            raise denied(unit.call, resource, "update", forbidden)
        expect(resource, old, command.expected, demanded=unit.demands_versions)
        given = {name: value for name, value in given.items() if name not in kept}
        if command.replace:
            demand(resource, given)
        if rewrite is not None:
            given |= rewrite.apply(found.shown)
        return old, given

    def new_version(
        self, call: Call, resource: Resource, old: Mapping[str, Any], given: Mapping[str, Any]
    ) -> tuple[dict[str, Any], tuple[str, ...]]:
        """All values of the row as it is to become, checked, and the names of those that change; none: as it was.

        Raises Fault: RULE_VIOLATION, FORBIDDEN_TRANSITION.
        """
        values = dict(old)
        for name, value in given.items():
            values[name] = value.apply(old[name]) if isinstance(value, Merge) else value
        changed = tuple(name for name in given if values[name] != old[name])
        if changed:
            self._check_changes(resource, old, values, changed)
            set_stamps(self._stamps[resource.name], old, values, call)
            values["version"] = old["version"] + 1
            if "updated_at" in resource.fields:
                values["updated_at"] = call.now
            self._check_row(resource, values, call)
        return values, changed

    # -- checks ---------------------------------------------------------------------------------------------

    def _check_locks_folded(self, call: Call, rules: Rules, resource: Resource, given: Iterable[str]) -> None:
        forbidden = [n for n in given if rules.unlocked(resource, n) == e.FALSE]
        if forbidden:
            raise denied(call, resource, "create", tuple(resource.fields[n].wire for n in forbidden))

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

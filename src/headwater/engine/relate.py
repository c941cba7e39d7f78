"""Writes to the rows behind a to-many relation, as changes of the rows at its other side."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import sqlalchemy as sa

from headwater.base.errors import Detail, Fault
from headwater.engine.compile import Compiler, Scope
from headwater.engine.plan import Plan
from headwater.engine.rows import expect
from headwater.engine.statements import Dangling, Unit
from headwater.engine.write import Writer
from headwater.ir import expr as e
from headwater.ir.command import Create, Delete, Linked, Outcome, Relate, Update
from headwater.ir.model import Kind, Relation, Resource, Type
from headwater.ir.shape import Slot

How = Literal["add", "remove", "replace"]
MOST = 1000
"""Rows behind a relation up to which it can be replaced."""


class Relating:
    """Performs `Relate`, by a writer's own commands: so each row at the other side is judged, checked and logged."""

    def __init__(self, writer: Writer) -> None:
        self.writer, self.model = writer, writer.model

    async def relate(self, unit: Unit, command: Relate) -> Outcome:
        """Raises Fault NOT_SUPPORTED where nobody may do this, and what the writes of the other side raise."""
        owner = self.model.resources[command.resource]
        relation = owner.relations[command.relation]
        old = await self.writer.judge.load(unit, owner, command.key, "read")
        if command.expected is not None:
            expect(owner, old, command.expected)
        unit.demands_versions = False
        self._admit(relation, command.how)
        await self._change(unit, owner, command.key, relation, command.how, command.keys)
        return Outcome(command.key)

    async def link(self, unit: Unit, owner: Resource, key: str, linked: Linked, *, fresh: bool) -> None:
        """Let relations of a row that has just been written lead to these rows alone; nothing is behind those of a
        `fresh` one. What is refused is told of the relation. Raises as `relate` does."""
        unit.demands_versions = False
        for name in sorted(linked):
            relation = owner.relations[name]
            try:
                how: How = "add" if fresh else "replace"
                await self._change(unit, owner, key, relation, how, linked[name])
            except Dangling:
                raise _leads_nowhere(relation) from None
            except Fault as fault:
                if fault.code == "DANGLING_REFERENCE":
                    raise _leads_nowhere(relation) from None
                details = fault.details or (Detail(fault.code, fault.message),)
                fault.details = tuple(replace(detail, field=relation.wire) for detail in details)
                raise

    async def _change(
        self, unit: Unit, owner: Resource, key: str, relation: Relation, how: How, keys: frozenset[str]
    ) -> None:
        known = await self._behind(unit, owner, key, relation, None if how == "replace" else keys)
        if how != "add" and sum(map(len, known.values())) > MOST:
            raise _unsupported(
                f"{relation.wire} leads to more than {MOST} rows; add and remove some of them."
            )
        added = () if how == "remove" else sorted(keys - known.keys())
        removed = {"add": (), "remove": known.keys(), "replace": known.keys() - keys}[how]
        if added or removed:
            self._admit(relation, "add" if added else "remove")
        for far in sorted(removed):
            for changed in sorted(known[far]):
                await self._remove(unit, relation, changed)
        for far in added:
            await self._add(unit, relation, key, far)

    def _admit(self, relation: Relation, how: How) -> None:
        """Refuse what nobody may do, whatever the rows are."""
        target = self.model.resources[relation.target]
        if relation.kind == "through":
            link = self.model.resources[str(relation.through)]
            ends = (relation.field, relation.far)
            others = [f.wire for f in link.fields.values() if f.required and f.name not in ends]
            if others and how != "remove":
                what = link.singular.replace("_", " ")
                raise _unsupported(
                    f"A {what} needs {' and '.join(others)} too: create one of {link.path} instead."
                )
            return
        field = target.fields[relation.field]
        if field.immutable or field.read_only:
            raise _unsupported(
                f"{field.wire} of {target.path} is set when they are created and never changes."
            )
        if how == "remove" and not field.nullable:
            raise _irremovable(target, field.wire)

    async def _behind(
        self, unit: Unit, owner: Resource, key: str, relation: Relation, named: frozenset[str] | None
    ) -> dict[str, list[str]]:
        """The rows behind the relation that the caller may see there, all or those that are named, each with the ids of
        what is changed to remove it: its own, or those of the link's rows that lead to it."""
        whole = named is None

        def make() -> Plan:
            compiler = Compiler(self.writer.schema, unit.rules)
            target = self.model.resources[relation.target]
            table = compiler.alias(target)
            scope = Scope(target, table)
            owner_key = compiler.bind(lambda call, values: values[0], Type(Kind.ID), "key")
            conditions: Sequence[Any]
            if relation.kind == "through":
                link = self.model.resources[str(relation.through)]
                linked = compiler.alias(link)
                there = Scope(link, linked)
                near, far = (compiler.reference(name, there) for name in (relation.field, str(relation.far)))
                conditions = (near == owner_key, far == table.c.id, *compiler.visible(there))
                changed = linked.c.id
            else:
                conditions = (compiler.reference(relation.field, scope) == owner_key,)
                changed = table.c.id
            if not whole:
                conditions = (*conditions, compiler.predicate(_NAMED, scope))
            found = sa.select(table.c.id, changed.label("changed")).where(
                *conditions, *compiler.visible(scope)
            )
            limited = found.order_by(table.c.id).limit(sa.literal_column(str(MOST + 1)))
            return self.writer.planner.finish(limited, compiler)

        plan = self.writer.statements.plan(
            ("behind", owner.name, relation.name, whole, unit.rules.number), make
        )
        values = [key, sorted(named or ())]
        rows = await unit.connection.fetch(plan.sql, plan.parameters(unit.call, values))
        found: dict[str, list[str]] = {}
        for far, changed in rows:
            found.setdefault(far, []).append(changed)
        return found

    async def _add(self, unit: Unit, relation: Relation, owner: str, key: str) -> None:
        if relation.kind == "through":
            values = {relation.field: owner, str(relation.far): key}
            await self.writer.create(unit, Create(str(relation.through), values))
        else:
            await self.writer.update(unit, Update(relation.target, key, {relation.field: owner}))

    async def _remove(self, unit: Unit, relation: Relation, key: str) -> None:
        target = self.model.resources[relation.target]
        if relation.kind == "through":
            await self.writer.delete(unit, Delete(str(relation.through), key))
        elif not target.fields[relation.field].nullable:
            raise _irremovable(target, target.fields[relation.field].wire)
        else:
            await self.writer.update(unit, Update(relation.target, key, {relation.field: None}))


def _leads_nowhere(relation: Relation) -> Fault:
    """The refusal of a link with an end that is hidden from its writer or is not there, which must look the same."""
    message = f"{relation.wire} does not lead to anything that you can see."
    return Fault("DANGLING_REFERENCE", message, [Detail("DANGLING_REFERENCE", message, relation.wire)])


_NAMED = e.OneOf(e.Column(("id",)), (Slot(1, many=True),))


def _irremovable(target: Resource, wire: str) -> Fault:
    return _unsupported(f"{target.path} always have a {wire}: give them another, or delete them.")


def _unsupported(message: str) -> Fault:
    return Fault("NOT_SUPPORTED", message, [Detail("NOT_SUPPORTED", message)])

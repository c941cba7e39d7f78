"""References that never lead back to where they begin, whoever writes at the same moment."""

from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from headwater.engine.compile import Compiler, Scope, value_at
from headwater.engine.plan import Plan
from headwater.engine.rows import violation
from headwater.engine.statements import ID, Statements, Unit
from headwater.ir.model import Acyclic, Resource


class Cycles:
    """Refuses a written row that closes a circle.

    Two transactions may each add one half of a circle, and neither sees the other's. So those that write such rows of
    one resource look one after the other, each once the last has committed.
    """

    def __init__(self, statements: Statements) -> None:
        self.statements = statements

    async def check(
        self, unit: Unit, resource: Resource, old: Mapping[str, Any] | None, new: Mapping[str, Any]
    ) -> None:
        """Raises Fault RULE_VIOLATION if the row, which has been written, is the last piece of a circle."""
        for rule, first, last in self.concerned(resource, old, new):
            if (turn := self.statements.dialect.turn(resource.table)) is not None:
                await unit.connection.fetch(turn)
            plan = self._plan(resource, first, last)
            if await unit.connection.fetch(plan.sql, plan.parameters(unit.call, [new["id"], new[first]])):
                raise violation([(rule.message, (last,))], resource)

    def concerned(
        self, resource: Resource, old: Mapping[str, Any] | None, new: Mapping[str, Any]
    ) -> Iterator[tuple[Acyclic, str, str]]:
        """The rules that a write could break, each with the fields that hold the ends of a reference."""
        for rule in resource.acyclic:
            first, last = "id" if len(rule.fields) == 1 else rule.fields[0], rule.fields[-1]
            ends = new[first], new[last]
            if None not in ends and (old is None or ends != (old[first], old[last])):
                yield rule, first, last

    def _plan(self, resource: Resource, first: str, last: str) -> Plan:
        """One row if what the edge of a row leads to leads to a given end."""

        def make() -> Plan:
            compiler = Compiler(self.statements.schema, None)
            written, edges = compiler.alias(resource), compiler.alias(resource)
            begins, ends = str(resource.fields[first].column), str(resource.fields[last].column)
            start = sa.select(written.c[ends].label("id")).where(
                written.c.id == compiler.bind(value_at(0), ID)
            )
            reached = start.cte(compiler.statement.name("r"), recursive=True)
            there = compiler.present(Scope(resource, edges))
            further = sa.select(edges.c[ends]).where(edges.c[begins] == reached.c.id, *there)
            reached = reached.union(further.where(edges.c[ends].is_not(None)))
            found = sa.select(reached.c.id).where(reached.c.id == compiler.bind(value_at(1), ID))
            return self.statements.planner.finish(found.limit(sa.literal_column("1")), compiler)

        return self.statements.plan(("cycle", resource.name, first, last), make)

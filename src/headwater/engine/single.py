"""A create or an update as one statement, in a transaction of its own.

Where a query can write, one statement judges the new row, writes it, writes its log entry and answers. That saves the
round trips of a transaction, which cost more than the work itself. What a transaction promises still holds: a row that
is refused is never written, and the entry is selected from the written row, so its position is drawn when the row's
lock is held.

Such a query sees the tables as they were before its own writes. So it serves only where neither the rules nor what is
shown look back at the table that is written, nor references that must not go in circles; and an update, only where
nobody else holds the row or has changed it since it was read. Otherwise the answer is None, nothing has been written,
and it is to be done in a transaction.
"""

from itertools import count
from typing import Any

import sqlalchemy as sa

from headwater.base.call import Call
from headwater.db.base import Contended, ReferenceViolation, Row, Store, UniqueViolation
from headwater.engine.compile import Compiler, Scope, value_at
from headwater.engine.guard import Rules
from headwater.engine.judge import Trial
from headwater.engine.plan import Plan
from headwater.engine.rows import entry
from headwater.engine.statements import Unit
from headwater.engine.write import Writer
from headwater.ir.command import Create, Outcome, Update
from headwater.ir.model import Kind, Resource, Type
from headwater.ir.query import Query, Select
from headwater.ir.shape import shape, slotted
from headwater.log.log import COLUMNS

ID, NUMBER = Type(Kind.ID), Type(Kind.INTEGER)
KINDS = 10_000
AFTER = tuple(COLUMNS).index("after")
"""The place of the new row's image, last in an entry of the log. The database makes it from the row, for less than it
takes to send it."""


class SingleStatement:
    """Performs creates and updates that one statement can do."""

    def __init__(self, writer: Writer, store: Store) -> None:
        self.writer, self.store = writer, store
        self.statements, self.schema, self.log = writer.statements, writer.schema, writer.log
        self._looks_back: set[Any] = set()

    async def run(self, call: Call, rules: Rules, command: Create | Update) -> Outcome | None:
        """Raises Fault as `Writer.create` and `Writer.update`; Unavailable, Interrupted."""
        resource = self.writer.model.resources[command.resource]
        bound: list[Any] = []
        question = shape(Query(resource.name, key="", select=command.select), bound)
        kind = (type(command), question, rules.number)
        if kind in self._looks_back:
            return None
        unit = Unit(_Reading(self.store, call.deadline), call, rules)
        old: dict[str, Any] | None = None
        if isinstance(command, Create):
            verb = "create"
            values, written = self.writer.new_row(call, rules, resource, command)
        else:
            verb = "update"
            old, given = await self.writer.given(unit, resource, command, lock=False)
            values, written = self.writer.new_version(call, resource, old, given)
            if not written:
                return None
        if any(self.writer.cycles.concerned(resource, old, values)):
            return None
        trial = self.writer.judge.trial(rules, resource, values, verb, written)
        chosen = None if old is None else self.statements.chosen(resource, old, values)
        query = Query(resource.name, key="", select=command.select)
        plan = self.statements.plan(
            ("single", question, rules.number, trial, chosen),
            lambda: self._plan(rules, resource, trial, chosen, slotted(query).select, len(bound)),
        )
        if not plan.sql:
            if len(self._looks_back) > KINDS:
                self._looks_back.clear()
            self._looks_back.add(kind)
            return None
        row = self.statements.columns[resource.name].encode(values, chosen)
        place = [] if old is None else [old["id"], old["version"]]
        logged = self.statements.logged[resource.name]
        told = self.log.row(entry(call, resource, logged, f"{verb}d", old, values, after=False))[:AFTER]
        parameters = plan.parameters(call, [*bound, *row, *place, *told])
        try:
            rows = await self.store.write_at_once(plan.sql, parameters, deadline=call.deadline)
        except Contended:
            return None
        except (UniqueViolation, ReferenceViolation) as error:
            raise self.statements.refusal(unit, resource, old, values, error) from None
        if not rows:
            return None
        *judged, position = rows[0]
        outcome = self.writer.judge.verdict(call, resource, values["id"], trial, judged)
        outcome.position = position
        return outcome

    def _plan(
        self,
        rules: Rules,
        resource: Resource,
        trial: Trial,
        chosen: tuple[int, ...] | None,
        select: Select,
        first: int,
    ) -> Plan:
        """The statement; without text where one does not do. `chosen`: the places of the fields that change; of a new
        row None, as it has them all. `first`: the place of the row's first value."""
        compiler = Compiler(self.schema, rules)
        table = self.schema[resource.name]
        places = count(first)

        def value(type: Type) -> Any:
            kind = self.schema.dialect.column_type(type)
            return sa.cast(compiler.bind(value_at(next(places)), type), kind)

        fields = self.statements.columns[resource.name].fields
        given = fields if chosen is None else [fields[i] for i in chosen]
        new = {str(f.column): value(f.type) for f in given}
        new |= {f.folded: value(ID) for f in given if f.folded}
        if chosen is None:
            row = sa.select(*(element.label(name) for name, element in new.items()))
        else:
            row = sa.select(*(new[c.name].label(c.name) if c.name in new else c for c in table.c))
            row = row.where(table.c.id == value(ID), table.c.version == value(NUMBER))
            row = row.with_for_update(of=table, key_share=True, skip_locked=True)
        fresh = row.cte("hw_new")

        judged = self.writer.judge.judged(compiler, Scope(resource, fresh), trial, select)
        if resource.name in compiler.statement.reads:
            return Plan("", ())
        tried = sa.select(*fresh.c, *judged).cte("hw_tried")
        _row, _version, _readable, *flags = judged
        passes = [tried.c[flag.name] == sa.literal_column("1") for flag in flags]
        if chosen is None:
            accepted = sa.select(*(tried.c[name] for name in new)).where(*passes)
            write: Any = sa.insert(table).from_select(list(new), accepted)
        else:
            write = sa.update(table).where(table.c.id == tried.c.id, *passes)
            write = write.values({name: tried.c[name] for name in new})
        written = write.returning(table.c.id).cte("hw_written")
        log = self.schema.log
        told = [value(type) for type in tuple(COLUMNS.values())[:AFTER]]
        image = self.writer.planner.image(compiler, Scope(resource, fresh))
        entry_row = sa.select(*told, image).select_from(written.join(fresh, sa.true()))
        logged = (
            sa.insert(log).from_select(list(COLUMNS), entry_row).returning(log.c.position).cte("hw_logged")
        )
        position = sa.select(logged.c.position).scalar_subquery()
        answer = sa.select(*(tried.c[column.name] for column in judged), position)
        return self.writer.planner.finish(answer, compiler)


class _Reading:
    """The store as what `Writer` reads from outside a transaction."""

    def __init__(self, store: Store, deadline: float | None) -> None:
        self.store, self.deadline = store, deadline

    async def fetch(self, sql: str, parameters: Any = ()) -> list[Row]:
        return await self.store.read(sql, parameters, deadline=self.deadline)

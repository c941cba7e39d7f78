"""The engine: the only way to the data. Three verbs, each told from top to bottom.

`read` answers a Query: find the rules for the caller, find the plan for the shape, run one statement, render.
`ask` answers a report: judge its subject, and run the author's function with a reader that has the caller's rights.
`run` performs a Command: in one transaction, lock, judge, check, write, read back, log.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from msgspec import structs

from headwater.base.call import Call
from headwater.base.errors import Detail, Fault
from headwater.base.observe import UnexpectedFailure, WriteStage
from headwater.db.base import TROUBLES, Connection, Store, TooLong
from headwater.db.faults import fault_of
from headwater.declare.reader import Reader
from headwater.engine.batches import batches, fill
from headwater.engine.connection import assembled, nested, opened, sign
from headwater.engine.cursor import Place, binding, issue, native, open_token
from headwater.engine.guard import Guard, Rules, denied, not_found, unasked
from headwater.engine.judge import UNTRIED
from headwater.engine.migrate import Revisions
from headwater.engine.order import After
from headwater.engine.page import MANY_KEYS
from headwater.engine.plan import Plan, Planner
from headwater.engine.relate import Relating
from headwater.engine.report import in_time, written
from headwater.engine.rows import dangling_reference, new_id
from headwater.engine.schema import Schema
from headwater.engine.single import SingleStatement
from headwater.engine.statements import Dangling, Taken, Unit
from headwater.engine.tx import Tx
from headwater.engine.units import UNSEEN, Units
from headwater.engine.vault import Vault
from headwater.engine.write import Writer
from headwater.ir import expr as e
from headwater.ir.command import (
    Act,
    Command,
    Create,
    Delete,
    Outcome,
    Purge,
    Relate,
    Restore,
    Update,
    Upsert,
    Write,
)
from headwater.ir.model import Model, Report, Resource
from headwater.ir.query import Answer, Ask, Cursor, Numbered, Query, Select, Summary
from headwater.ir.shape import shape, slotted
from headwater.log.log import Log

T = TypeVar("T")
C = TypeVar("C", bound=Command)
PLANS = 2000
PLANNED = 10_000_000
"""Characters of SQL in all plans that are kept, each of which takes a few bytes: clients may ask for anything."""
WHOLE = Select()
LAST = After(True, ())

_NO_FACTS: Mapping[str, Any] = {}


class Engine:
    """Reads and writes the resources of one model in one store. `secret` signs cursors, `vault` is given the keys of
    secret fields. `schema`: the model's tables, where they are known already."""

    def __init__(
        self, model: Model, store: Store, *, secret: bytes = b"", schema: Schema | None = None
    ) -> None:
        self.model, self.store, self.secret = model, store, secret
        self.guard = Guard()
        self.schema = schema or Schema(model, store.dialect)
        self.planner = Planner(self.schema)
        self.log = Log(store)
        self.vault = Vault()
        self.writer = Writer(model, store, self.planner, self.log, self.vault)
        self.relating = Relating(self.writer)
        writes = store.dialect.features.writing_queries
        self.single = SingleStatement(self.writer, store) if writes else None
        self.units = Units(self)
        self._plans: dict[Any, Plan] = {}
        self._planned = 0
        self._many_keys: dict[tuple[str | None, str, int], None] = {}

    # -- read -----------------------------------------------------------------------------------------------

    async def read(self, call: Call, query: Query) -> Answer:
        """Answer a query with what the caller may see, by one statement.

        Raises Fault: RESOURCE_NOT_FOUND for one row that is not there or not visible, AUTHENTICATION_REQUIRED where
        only those may read who have signed in, INSUFFICIENT_PERMISSIONS for naming a field that may not be read,
        INVALID_CURSOR, QUERY_TOO_COMPLEX, DEADLINE_EXCEEDED, DATABASE_ERROR.
        """
        rules = self.guard.rules(call)
        self.admit(call, rules, query.resource, "read", query.trashed)
        if query.parts is not None or query.select.members is not None:
            return await self._shaped(call, query, rules)
        return await self._answer(call, query, rules)

    async def _shaped(self, call: Call, query: Query, rules: Rules) -> Answer:
        """The answer to a query whose rows come in a form of the caller's own, with the cursors that are within it."""
        within = nested(self.model, query)
        answer = await self._answer(call, opened(within, query, self.secret), rules)
        return structs.replace(answer, rows=sign(within, self.secret, answer.rows))

    def _opened(self, command: C) -> C:
        """A command that shows its row with the marks that the cursors within stand for."""
        if isinstance(command, Delete | Purge | Relate) or command.select.members is None:
            return command
        query = Query(command.resource, key="", select=command.select)
        return replace(command, select=opened(nested(self.model, query), query, self.secret).select)

    async def _answer(self, call: Call, query: Query, rules: Rules) -> Answer:
        values: list[Any] = []
        key = (rules.number, shape(query, values))
        if query.keys is not None:
            return await self._several(call, query, rules, key, values)
        if query.key is not None:
            plan = self._one(query, rules, key)
            rows = await self.fetch(call, plan, values)
            if not rows:
                raise self.missing(query.resource, query.key)
            answer = Answer([rows[0][0]], version=rows[0][1])
            return answer if not plan.batches.places else await self._filled(call, plan, answer)
        if query.summary is not None:
            return await self._summary(call, query, query.summary, rules, key, values)
        if isinstance(query.page, Numbered):
            return await self._numbered(call, query, query.page, rules, key, values)
        return await self._page(call, query, query.page, rules, key, values)

    async def _several(self, call: Call, query: Query, rules: Rules, key: Any, values: list[Any]) -> Answer:
        plan = self._plan(key, lambda: self.planner.several(slotted(query), rules))
        found = await self.fetch(call, plan, values)
        answer = Answer([row[1] for row in found])
        if plan.batches.places:
            answer = await self._filled(call, plan, answer)
        by_key = {row[0]: text for row, text in zip(found, answer.rows, strict=True)}
        return Answer([by_key.get(one, "null") for one in query.keys or ()])

    def _one(self, query: Query, rules: Rules, key: Any) -> Plan:
        return self._plan(key, lambda: self.planner.one(slotted(query), rules))

    async def _page(
        self, call: Call, query: Query, page: Cursor, rules: Rules, key: Any, values: list[Any]
    ) -> Answer:
        many = (call.actor.id, query.resource, rules.number)
        by_keys = many not in self._many_keys
        plan = self._list_plan(key, query, rules, len(values), None, by_keys)
        place = None
        bound = b""
        if page.token is not None:
            bound = _bound(plan, query, values)
            place = open_token(self.secret, bound, page.token)
            if page.before is not None:
                place = structs.replace(place, backward=page.before)
            after = After(place.backward, tuple([k is None for k in place.keys]))
            plan = self._list_plan(key, query, rules, len(values), after, by_keys)
            if plan.uses_now and place.now is not None:
                call = structs.replace(call, began=place.now)
            marks = [
                native(v, k.type, self.store.dialect) for v, k in zip(place.keys, plan.keys, strict=True)
            ]
            rows = await self.fetch(call, plan, [*values, *marks])
        else:
            if page.before:
                plan = self._list_plan(key, query, rules, len(values), LAST, by_keys)
            rows = await self.fetch(call, plan, values)
        rows, facts = self._heads(call, query, plan, rows, many)
        more = len(rows) > page.limit
        rows = rows[: page.limit]
        backward = bool(page.before) if place is None else place.backward
        if backward:
            rows.reverse()
        has_next, has_prev = (place is not None, more) if backward else (more, place is not None)
        if query.parts is not None:
            bound = bound or _bound(plan, query, values)
            now = call.as_of if plan.uses_now else None

            def token(keys: Sequence[Any], before: bool) -> str:
                return issue(self.secret, bound, _place(keys, before, now))

            text = assembled(query.parts, rows, token, width=len(plan.keys), has_next=has_next,
                             has_previous=has_prev, facts=facts)  # fmt: skip
            answer = Answer([text])
            return answer if not plan.batches.places else await self._filled(call, plan, answer)
        answer_next = answer_prev = None
        if rows and (has_next or has_prev):
            bound = bound or _bound(plan, query, values)
            now = call.as_of if plan.uses_now else None
            width = len(plan.keys) + 1
            if has_next:
                answer_next = issue(self.secret, bound, _place(rows[-1][1:width], False, now))
            if has_prev:
                answer_prev = issue(self.secret, bound, _place(rows[0][1:width], True, now))
        answer = Answer([row[0] for row in rows], answer_next, answer_prev)
        return answer if not plan.batches.places else await self._filled(call, plan, answer)

    async def _numbered(
        self, call: Call, query: Query, page: Numbered, rules: Rules, key: Any, values: list[Any]
    ) -> Answer:
        plan = self._list_plan(key, query, rules, len(values), None, False)
        rows = await self.fetch(call, plan, [*values, page.size, page.offset])
        rows, facts = self._heads(call, query, plan, rows, None)
        answer = Answer([row[0] for row in rows], total=facts.get("total"))
        return answer if not plan.batches.places else await self._filled(call, plan, answer)

    async def _filled(self, call: Call, plan: Plan, answer: Answer) -> Answer:
        """The answer with the fields that functions of the author's work out, which have the product's rights."""
        return structs.replace(
            answer, rows=await fill(call, Reader(self, call, None), plan.batches, answer.rows)
        )

    async def _summary(
        self, call: Call, query: Query, summary: Summary, rules: Rules, key: Any, values: list[Any]
    ) -> Answer:
        plan = self._plan(key, lambda: self.planner.summary(slotted(query), rules, len(values)))
        assert plan.write is not None
        rows = await self.fetch(call, plan, values)
        if query.within is not None and not rows[0][-1]:
            raise self.missing(query.within.resource, query.within.key)
        groups = [plan.write(row) for row in rows if row[0] is not None]
        return Answer(groups[: summary.limit], more=len(groups) > summary.limit)

    def _list_plan(
        self, key: Any, query: Query, rules: Rules, values: int, after: After | None, by_keys: bool
    ) -> Plan:
        return self._plan(
            (key, after, by_keys),
            lambda: self.planner.many(slotted(query), rules, values, after, by_keys),
        )

    def _plan(self, key: Any, make: Callable[[], Plan]) -> Plan:
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = make()
            self._planned += len(plan.sql)
            while len(self._plans) > PLANS or self._planned > PLANNED:
                self._planned -= len(self._plans.pop(next(iter(self._plans))).sql)
        return plan

    def _heads(
        self, call: Call, query: Query, plan: Plan, rows: list[Any], many: Any
    ) -> tuple[list[Any], Mapping[str, Any]]:
        """The rows proper, and what the statement says once a page."""
        if not plan.heads or not rows:
            return list(rows), _NO_FACTS
        facts = dict(zip(plan.heads, rows[0][len(plan.keys) + 1 :], strict=True))
        if query.within is not None and not facts["within"]:
            raise self.missing(query.within.resource, query.within.key)
        if facts.get("own_keys", 0) > MANY_KEYS:
            if len(self._many_keys) >= 10_000:
                self._many_keys.clear()
            self._many_keys[many] = None
        return [row for row in rows if row[0] is not None], facts

    async def fetch(self, call: Call, plan: Plan, values: list[Any]) -> list[Any]:
        """The rows of a plan, read. Raises Fault DEADLINE_EXCEEDED, DATABASE_ERROR."""
        try:
            return await self.store.read(plan.sql, plan.parameters(call, values), deadline=call.deadline)
        except TROUBLES as trouble:
            raise fault_of(trouble) from trouble

    def missing(self, resource: str, key: str) -> Fault:
        """The answer for a row that is not there, or not visible."""
        return not_found(self.model.resources[resource], key)

    async def ready(self, revisions: Revisions) -> None:
        """Whether the database answers, and has the revisions. Raises Fault DATABASE_ERROR."""
        try:
            await self.store.ping()
            missing = await revisions.missing(self.store)
        except TROUBLES as trouble:
            raise fault_of(trouble) from trouble
        if missing is not None:
            message = f"The database lacks the revision {missing}: run `headwater migrate`."
            raise Fault("DATABASE_ERROR", message, headers={"Retry-After": "5"})

    # -- reports --------------------------------------------------------------------------------------------

    async def ask(self, call: Call, ask: Ask) -> str:
        """The JSON text of a report's answer.

        Raises Fault: RESOURCE_NOT_FOUND for a row that the caller may not see, INSUFFICIENT_PERMISSIONS,
        AUTHENTICATION_REQUIRED, DEADLINE_EXCEEDED, DATABASE_ERROR, and what the author's function raises.
        """
        rules = self.guard.rules(call)
        subject: list[Any] = []
        if ask.resource is None:
            report = self.model.reports[ask.report]
            if not rules.report(report):
                raise unasked(call, report, report.permission)
            reader = self._reader(call, rules, report)
        else:
            resource = self.model.resources[ask.resource]
            report = resource.reports[ask.report]
            self.admit(call, rules, ask.resource, ask.report)
            reader = self._reader(call, rules, report)
            if report.on == "row":
                key = str(ask.key)
                rows = await self.fetch(call, self.writer.judge.load_plan(resource, rules, ask.report), [key])
                self.writer.judge.row(call, resource, key, ask.report, rows)
                subject = [await reader.get(resource.cls, key)]
            elif not rules.holds(resource, ask.report):
                raise denied(call, resource, ask.report)
        return written(report, await in_time(call, report.function(*subject, reader, **ask.arguments)))

    def _reader(self, call: Call, rules: Rules, report: Report) -> Reader:
        return Reader(self, call, None if report.as_product else rules)

    # -- run ------------------------------------------------------------------------------------------------

    async def run(self, call: Call, command: Command) -> Outcome:
        """Perform a command; when this returns, it is durable and its log entries are written.

        Raises Fault: RESOURCE_NOT_FOUND, INSUFFICIENT_PERMISSIONS, AUTHENTICATION_REQUIRED, RULE_VIOLATION,
        DANGLING_REFERENCE, FORBIDDEN_TRANSITION, RESOURCE_ALREADY_EXISTS, RESOURCE_CONFLICT, PRECONDITION_FAILED,
        PRECONDITION_REQUIRED, VALIDATION_ERROR, NOT_SUPPORTED, DEADLINE_EXCEEDED, DATABASE_ERROR, what an action's
        function raises, and INTERNAL_ERROR with the outcome `done` where a batched field fails behind a write.
        """
        command = self._opened(command)
        return await self._shown(call, command, await self._run(call, command))

    async def _shown(self, call: Call, command: Command, outcome: Outcome) -> Outcome:
        """The outcome with what no statement makes of the rows that it shows."""
        select = getattr(command, "select", WHOLE)
        plain = select.fields is None and not select.include and select.members is None
        if plain or outcome.resource not in (None, command.resource):
            return outcome  # nothing else is asked of rows of other resources than that they are shown
        outcome = await self._completed(call, command.resource, select, outcome)
        if select.members is not None:
            within = nested(self.model, Query(command.resource, key="", select=select))
            if outcome.row is not None:
                (outcome.row,) = sign(within, self.secret, [outcome.row])
            if outcome.rows is not None:
                outcome.rows = sign(within, self.secret, outcome.rows)
        return outcome

    async def _completed(self, call: Call, resource: str, select: Select, outcome: Outcome) -> Outcome:
        """The outcome with the fields that functions of the author's work out. They may take their time, so the write
        is done by then, and whoever is refused is told so."""
        wanted = batches(self.model, self.model.resources[resource], select)
        if not wanted.places:
            return outcome
        reader = Reader(self, call, None)
        with self.behind_write(call):
            if outcome.row is not None:
                (outcome.row,) = await fill(call, reader, wanted, [outcome.row])
            if outcome.rows is not None:
                outcome.rows = await fill(call, reader, wanted, outcome.rows)
        return outcome

    @contextmanager
    def behind_write(self, call: Call) -> Iterator[None]:
        """What fails within is told as failed behind a write that is done: as a fact of the fault, `outcome`.

        Raises Fault: INTERNAL_ERROR for what is no fault, which is observed.
        """
        try:
            yield
        except Fault as fault:
            fault.facts["outcome"] = "done"
            raise
        except Exception as error:
            if UnexpectedFailure in self.store.observers.wanted:
                self.store.observers.emit(UnexpectedFailure(call.request_id, error))
            message = "The write is done, but what was asked of the row could not be worked out."
            raise Fault("INTERNAL_ERROR", message, facts={"outcome": "done"}) from error

    async def _run(self, call: Call, command: Command) -> Outcome:
        if isinstance(command, Act):
            return await self.units.act(call, command)
        rules = self.guard.rules(call)
        self._admit_writer(call, rules, command)
        if self.single is not None and isinstance(command, Create | Update) and not command.linked:
            single = self.single.run(call, rules, command)
            if (outcome := await self.settled(call, single)) is not None:
                return outcome
        (outcome,) = await self._transaction(call, rules, [command], Reached())
        return outcome

    async def run_all(self, call: Call, commands: Sequence[Command]) -> list[Outcome]:
        """Perform commands in one transaction: all of them, or none.

        Raises Fault as `run` does, with the number of the `command` among its facts, and NOT_SUPPORTED for actions,
        which have transactions of their own.
        """
        rules = self.guard.rules(call)
        reached = Reached()
        writes: list[Write] = []
        try:
            for number, command in enumerate(commands):
                reached.command = number
                if isinstance(command, Act):
                    message = "An action has a transaction of its own; it cannot be part of another."
                    raise Fault("NOT_SUPPORTED", message)
                self._admit_writer(call, rules, command)
                writes.append(self._opened(command))
            outcomes = await self._transaction(call, rules, writes, reached)
        except Fault as fault:
            fault.facts["command"] = reached.command
            raise
        return [await self._shown(call, c, o) for c, o in zip(writes, outcomes, strict=True)]

    async def _transaction(
        self, call: Call, rules: Rules, commands: Sequence[Write], reached: "Reached"
    ) -> list[Outcome]:
        """Perform commands in one transaction, and say which one it has reached."""

        async def work(connection: Connection) -> list[Outcome]:
            unit = Unit(connection, call, rules)
            outcomes = []
            for number, command in enumerate(commands):
                reached.command = number
                outcomes.append(await self.perform(unit, command))
            position = await self.writer.finish(unit)
            for outcome in outcomes:
                outcome.position = position
            return outcomes

        try:
            return await self.settled(call, self.store.write(work, deadline=call.deadline))
        except Fault as fault:
            refused = commands[reached.command]
            if fault.code != "RESOURCE_ALREADY_EXISTS" or not isinstance(refused, Upsert):
                raise
            taken = fault
        # Another writer may have made the row since it was looked for. Then it is there to be changed.
        number = reached.command
        again = [*commands[:number], refused.update, *commands[number + 1 :]]
        try:
            return await self._transaction(call, rules, again, reached)
        except Fault as fault:
            if fault.code == "RESOURCE_NOT_FOUND" and reached.command == number:
                raise taken from None
            raise

    def admit(self, call: Call, rules: Rules, resource: str, verb: str, trashed: bool = False) -> None:
        """Ask those to sign in who have not, where no rule lets them do this to any row: it tells of no row."""
        if rules.signed_in:
            return
        declared = self.model.resources[resource]
        if (rules.trash(declared) if trashed else rules.rows(declared, verb)) == e.FALSE:
            raise denied(call, declared, verb)

    def _admit_writer(self, call: Call, rules: Rules, command: Write) -> None:
        verb = type(command).__name__.lower()
        if isinstance(command, Relate):
            verb = "read"
        elif isinstance(command, Upsert):
            changes = rules.rows(self.model.resources[command.resource], "update")
            verb = "create" if changes == e.FALSE else "update"
        self.admit(call, rules, command.resource, verb)

    async def perform(self, unit: Unit, command: Write) -> Outcome:
        """Perform a command within a transaction. Raises Fault as `run` does."""
        match command:
            case Create() | Update() if command.linked:
                return await self._perform_linked(unit, command)
            case Create():
                return await self.writer.create(unit, command)
            case Update():
                return await self.writer.update(unit, command)
            case Upsert():
                return await self._upsert(unit, command)
            case Delete():
                return await self.writer.delete(unit, command)
            case Restore():
                return await self.writer.restore(unit, command)
            case Purge():
                return await self.writer.purge(unit, command)
            case Relate():
                return await self.relating.relate(unit, command)

    async def _upsert(self, unit: Unit, command: Upsert) -> Outcome:
        try:
            return await self.writer.update(unit, command.update)
        except Fault as fault:
            if fault.code != "RESOURCE_NOT_FOUND":
                raise
        return await self.writer.create(unit, command.create)

    async def _perform_linked(self, unit: Unit, command: Create | Update) -> Outcome:
        """The row first, by the rules of any write; then what its relations lead to; it is shown as it is then."""
        resource = self.model.resources[command.resource]
        fresh = isinstance(command, Create)
        written = await self.perform(unit, replace(command, select=UNSEEN, linked={}))
        key = str(written.key)
        await self.relating.link(unit, resource, key, command.linked, fresh=fresh)
        return await self.writer.judge.read_back(unit, resource, key, UNTRIED, command.select)

    async def settled(self, call: Call, write: Awaitable[T]) -> T:
        """The result of a write that has become durable."""
        try:
            result = await write
        except TROUBLES as trouble:
            raise fault_of(trouble) from trouble
        except TooLong as error:
            message = "A text is longer than this database can keep in an index: some 2,700 bytes."
            raise Fault("VALIDATION_ERROR", message, [Detail("VALIDATION_ERROR", message)]) from error
        except Dangling as error:
            raise await self._dangling(call, error) from None
        except Taken as taken:
            await self._judge_unwritten(call, taken)
            raise taken.fault from None
        if result is not None and WriteStage in self.store.observers.wanted:
            self.store.observers.emit(WriteStage("acknowledged"))
        return result

    async def _judge_unwritten(self, call: Call, taken: Taken) -> None:
        """Raises Fault where the writer of a row that conflicts with another may not write it at all."""

        async def work(connection: Connection) -> None:
            unit = Unit(connection, call, taken.rules)
            await self.writer.judge.unwritten(unit, taken.resource, taken.values, taken.trial)

        await self.settled(call, self.store.write(work, deadline=call.deadline))

    async def _dangling(self, call: Call, error: Dangling) -> Fault:
        """The refusal of a row whose references lead to nothing that its writer sees, be it hidden or not there."""
        unseen = []
        for name, key in error.references.items():
            query = Query(str(error.resource.fields[name].target), key, Select(("id",)))
            values: list[Any] = []
            kind = (error.rules.number, shape(query, values))
            if not await self.fetch(call, self._one(query, error.rules, kind), values):
                unseen.append(name)
        return dangling_reference(error.resource, unseen or list(error.references))

    async def transact(self, call: Call, work: Callable[[Tx], Awaitable[T]], rules: Rules | None = None) -> T:
        """Run work of the product's own and perform its writes in one transaction: by a caller's rules, or else with
        the rights of the product."""
        return await self.units.transact(call, work, rules)

    # -- rows in their Python form, for authors' work ---------------------------------------------------------

    async def rows(self, call: Call, query: Query, rules: Rules | None = None) -> list[dict[str, Any]]:
        """Rows in their Python form, internal and computed fields included: by a caller's rules, or else with the
        rights of the product. Raises Fault as `read` does."""
        values: list[Any] = []
        if rules is not None:
            self.admit(call, rules, query.resource, "read", query.trashed)
        key = ("rows", None if rules is None else rules.number, shape(query, values))
        plan = self._plan(key, lambda: self.planner.rows(slotted(query), rules))
        return self.writer.statements.decode_rows(query.resource, await self.fetch(call, plan, values))

    async def columns(
        self, call: Call, query: Query, columns: Sequence[e.Scalar], rules: Rules | None = None
    ) -> list[tuple[Any, ...]]:
        """Some values of each row in their Python form: by a caller's rules, or else with the rights of the product.
        Raises Fault as `read` does."""
        if rules is not None:
            self.admit(call, rules, query.resource, "read")
        values: list[Any] = []
        named = tuple(columns)
        key = ("columns", None if rules is None else rules.number, named, shape(query, values))
        plan = self._plan(key, lambda: self.planner.columns(slotted(query), named, rules))
        found = list(zip(*await self.fetch(call, plan, values), strict=True))
        if not found:
            return []
        # Column by column, since to choose what decodes a value costs as much as to decode it.
        decoded = [raw if read is None else read(raw) for raw, read in zip(found, plan.columns, strict=True)]
        return list(zip(*decoded, strict=True))

    async def table(self, call: Call, query: Query, rules: Rules | None = None) -> list[tuple[Any, ...]]:
        """The groups of a summary in their Python form, their keys, then their measures: by a caller's rules, or else
        with the rights of the product. Raises Fault as `read` does."""
        assert query.summary is not None
        if rules is None:
            rules = self.guard.product
        else:
            self.admit(call, rules, query.resource, "read")
        values: list[Any] = []
        key = (rules.number, shape(query, values))
        plan = self._plan(key, lambda: self.planner.summary(slotted(query), rules, len(values)))
        assert plan.read is not None
        rows = await self.fetch(call, plan, values)
        return [plan.read(row) for row in rows[: query.summary.limit]]

    def new_id(self, resource: Resource, values: dict[str, Any]) -> str:
        """The id of a new row: its natural key, or a new TypeID."""
        return str(values[resource.key]) if resource.natural else new_id(resource.prefix)


@dataclass(slots=True)
class Reached:
    """The number of the command, of several in a transaction, that is being performed."""

    command: int = 0


def _bound(plan: Plan, query: Query, values: list[Any]) -> bytes:
    """What ties a cursor to its query. That of a connection fits whatever is shown of its rows: what is nested in them
    has cursors of its own, which change when its pages are turned."""
    if query.parts is not None:
        values = []
        shape(structs.replace(query, parts=()), values)
    return binding(plan.digest, values)


def _place(keys: Any, backward: bool, now: Any) -> Place:
    return Place(list(keys), backward, now)

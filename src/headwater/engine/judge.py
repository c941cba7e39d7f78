"""What the caller may do to a row, asked of the database: of an old row before it is written, of a new one after, and
of one that is not in its table as if it were."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import msgspec
import sqlalchemy as sa

from headwater.base.call import Call
from headwater.db.base import Row
from headwater.engine.compile import Compiler, Scope, value_at
from headwater.engine.guard import Rules, denied, not_found
from headwater.engine.plan import Plan, Planner
from headwater.engine.rows import dangling_reference, violation
from headwater.engine.statements import Answer, Columns, Statements, Unit
from headwater.ir import expr as e
from headwater.ir.command import Outcome
from headwater.ir.evaluate import is_local, reads
from headwater.ir.model import Check, Kind, Model, Resource, Type
from headwater.ir.query import Query, Select
from headwater.ir.shape import Slot, shape, slotted

T = TypeVar("T")
ID = Type(Kind.ID)
_ALL = Slot(0, many=True)
PARTS = 10_000


class Trial(NamedTuple):
    """What a written row must pass: each reference written leads to a row that the caller may see; the rule of the
    verb, unless it is None; the checks that ask other rows and that the write could break; the locks of the fields
    written."""

    references: tuple[str, ...]
    verb: str | None
    checks: tuple[int, ...]
    locked: tuple[str, ...]


UNTRIED = Trial((), None, (), ())
"""The trial of a row that is only shown."""


class Loaded(NamedTuple):
    """A row that is to be written: its values, the JSON form of some as the caller may see them, and of the fields that
    were to be written those that the caller may not write, each with whether they may read it. What one may not read
    one does not change either: the answer would tell what it was."""

    row: dict[str, Any]
    shown: dict[str, Any]
    closed: dict[str, bool]


class Judge:
    """Reads rows that are to be written or that have been, with what the caller may do to them. `stage`: told when an
    old row has been judged."""

    def __init__(
        self, model: Model, planner: Planner, statements: Statements, stage: Callable[[str], None]
    ) -> None:
        self.model, self.planner, self.statements, self.stage = model, planner, statements, stage
        self.schema = planner.schema
        self._asking = {r.name: self._asking_of(r) for r in model.resources.values()}
        self._always = {r.name: self._always_read(r) for r in model.resources.values()}
        self._parts: dict[Any, tuple[Columns, tuple[str, ...]]] = {}
        self._trials: dict[Any, Trial] = {}

    def _asking_of(self, resource: Resource) -> list[tuple[Check, frozenset[str]]]:
        """The checks that ask other rows, each with the fields whose change could break it; those that the engine sets
        by itself stand for any."""
        found = []
        mine = {f.name for f in resource.fields.values() if f.column is not None}
        set_here = {f.name for f in resource.fields.values() if f.stamp is not None} | {
            "version",
            "updated_at",
        }
        for check in resource.checks:
            if not is_local(check.holds, resource):
                read = {name for of, name in reads(check.holds, resource, self.model) if of == resource.name}
                found.append((check, frozenset(mine if read & set_here else read)))
        return found

    def _always_read(self, resource: Resource) -> frozenset[str]:
        """The fields of an old row that any update must know."""
        asked = [c.holds for c in resource.checks if is_local(c.holds, resource)]
        asked += [f.stamp.when for f in resource.fields.values() if f.stamp is not None]
        found = {name for asks in asked for _, name in reads(asks, resource, self.model)}
        found |= {f.name for f in resource.fields.values() if f.stamp is not None}
        found |= {name for rule in resource.acyclic for name in rule.fields}
        return frozenset(found | {"id", "version", "updated_at"})

    # -- old rows -------------------------------------------------------------------------------------------

    async def load(
        self,
        unit: Unit,
        resource: Resource,
        key: str,
        verb: str,
        *,
        trashed: bool = False,
    ) -> dict[str, Any]:
        """The old row, locked, if the caller may see it and do this to it; with `trashed`, one in the trash.

        Raises Fault: RESOURCE_NOT_FOUND, INSUFFICIENT_PERMISSIONS.
        """
        plan = self.load_plan(resource, unit.rules, verb, lock=True, trashed=trashed)
        rows = await unit.connection.fetch(plan.sql, plan.parameters(unit.call, [key]))
        old = self.row(unit.call, resource, key, verb, rows)
        self.stage("checked")
        return old

    async def loaded(
        self,
        unit: Unit,
        resource: Resource,
        key: str,
        writing: tuple[str, ...],
        shows: tuple[str, ...] = (),
        *,
        lock: bool = True,
    ) -> Loaded:
        """Of a row that is to be updated what must be known to write some fields, and what the caller may see and write
        of it; with `lock`, locked. Raises as `load` does."""
        rules = unit.rules
        part, guarded = self._part(resource, rules, writing)
        plan = self.load_plan(resource, rules, "update", guarded, part, lock, shows)
        rows = await unit.connection.fetch(plan.sql, plan.parameters(unit.call, [key]))
        old = self.row(unit.call, resource, key, "update", rows, part)
        flags = rows[0][len(part.fields) + 2 :]
        closed = {
            name: bool(flags[2 * i])
            for i, name in enumerate(guarded)
            if not (flags[2 * i] and flags[2 * i + 1])
        }
        self.stage("checked")
        return Loaded(old, msgspec.json.decode(rows[0][-1]) if shows else {}, closed)

    def _part(
        self, resource: Resource, rules: Rules, writing: tuple[str, ...]
    ) -> tuple[Columns, tuple[str, ...]]:
        """What must be known of an old row to write some fields, and those of them that not everybody may."""
        key = (resource.name, rules.number, writing)
        found = self._parts.get(key)
        if found is None:
            part = self.statements.columns[resource.name].part(self._always[resource.name].union(writing))
            open_ones = [
                n for n in writing if rules.unlocked(resource, n) == rules.unmasked(resource, n) == e.TRUE
            ]
            found = self._keep(self._parts, key, (part, tuple(n for n in writing if n not in open_ones)))
        return found

    def _keep(self, kept: dict[Any, T], key: Any, value: T) -> T:
        if len(kept) >= PARTS:
            kept.clear()
        kept[key] = value
        return value

    def load_plan(
        self,
        resource: Resource,
        rules: Rules,
        verb: str,
        guarded: tuple[str, ...] = (),
        part: Columns | None = None,
        lock: bool = False,
        shows: tuple[str, ...] = (),
        trashed: bool = False,
    ) -> Plan:
        """The stored columns of one row, or `part` of them, then: may be read, may be done, each guarded field may be
        read, be written; last, if any are to be shown, the JSON of some fields as the caller may see them."""
        columns = part or self.statements.columns[resource.name]

        def make() -> Plan:
            compiler = Compiler(self.schema, rules)
            scope = compiler.start(resource, trashed)
            table = scope.table
            stored = [table.c[str(f.column)] for f in columns.fields]
            judged = [rules.trash(resource) if trashed else rules.rows(resource, "read")]
            judged.append(rules.rows(resource, verb))
            for name in guarded:
                judged += [rules.unmasked(resource, name), rules.unlocked(resource, name)]
            flags = [self._flag(compiler, rule, scope).label(f"f{i}") for i, rule in enumerate(judged)]
            key = compiler.bind(lambda call, values: values[0], ID, "key")
            shown = [self.planner.object(compiler, scope, Select(shows)).label("shown")] if shows else []
            there = compiler.unruled().shown(scope)
            statement = sa.select(*stored, *flags, *shown).where(table.c.id == key, *there)
            if lock:
                statement = self.statements.locked(statement, table, goes=verb in ("delete", "purge"))
            return self.planner.finish(statement, compiler)

        key = (
            "load",
            None if part is None else part.names,
            resource.name,
            rules.number,
            verb,
            guarded,
            lock,
            shows,
            trashed,
        )
        return self.statements.plan(key, make)

    def _flag(self, compiler: Compiler, rule: e.Predicate, scope: Scope) -> Any:
        return sa.case((compiler.rule(rule, scope), sa.literal_column("1")), else_=sa.literal_column("0"))

    def row(
        self,
        call: Call,
        resource: Resource,
        key: str,
        verb: str,
        rows: list[Row],
        part: Columns | None = None,
    ) -> dict[str, Any]:
        """The row of a `load_plan`. Raises Fault as `load` does."""
        columns = part or self.statements.columns[resource.name]
        count = len(columns.fields)
        if not rows or not rows[0][count]:
            raise not_found(resource, key)
        if not rows[0][count + 1]:
            raise denied(call, resource, verb)
        return columns.decode(rows[0])

    # -- new rows -------------------------------------------------------------------------------------------

    async def read_back(
        self,
        unit: Unit,
        resource: Resource,
        key: str,
        trial: Trial,
        select: Select,
    ) -> Outcome:
        """The new row as the caller may see it, after judging it.

        Raises Fault: INSUFFICIENT_PERMISSIONS, RULE_VIOLATION, DANGLING_REFERENCE.
        """
        answer = self.answer(resource, trial, select, image=False)
        columns = await self._asked(unit, resource, key, answer)
        return self.verdict(unit.call, resource, key, trial, columns)

    def answer(self, resource: Resource, trial: Trial, select: Select, *, image: bool = True) -> Answer:
        """What is asked of a row that is written: its columns as `verdict` reads them, and, last, its image for the
        log."""
        bound: list[Any] = []
        query = Query(resource.name, key="", select=select)
        question = shape(query, bound)

        def columns(compiler: Compiler, scope: Scope) -> list[Any]:
            judged = self.judged(compiler, scope, trial, slotted(query).select)
            return [*judged, self.planner.image(compiler, scope).label("hw_image")] if image else judged

        return Answer(("judged", question, trial, image), columns, bound)

    async def written(
        self, unit: Unit, resource: Resource, key: str, trial: Trial, answer: Answer, answered: Row | None
    ) -> tuple[Outcome, str]:
        """What `read_back` gives and raises, and the row's image for the log: from what the statement that wrote it
        has answered, or else from another one."""
        *columns, image = answered or await self._asked(unit, resource, key, answer)
        return self.verdict(unit.call, resource, key, trial, columns), image

    async def _asked(self, unit: Unit, resource: Resource, key: str, answer: Answer) -> Row:
        """The answer of a row, read by a statement of its own."""

        def make() -> Plan:
            compiler = Compiler(self.schema, unit.rules)
            table = compiler.alias(resource)
            columns = answer.columns(compiler, Scope(resource, table))
            where = table.c.id == compiler.bind(value_at(0), ID, "key")
            return self.planner.finish(sa.select(*columns).where(where), compiler)

        plan = self.statements.plan(("asked", unit.rules.number, answer.key), make)
        bound = [key, *answer.bound[1:]]
        return (await unit.connection.fetch(plan.sql, plan.parameters(unit.call, bound)))[0]

    def trial(
        self,
        rules: Rules,
        resource: Resource,
        values: Mapping[str, Any],
        verb: str,
        written: tuple[str, ...],
    ) -> Trial:
        """What a new row is to be asked when these fields of it were written. It is the same in whatever order a client
        names them."""
        written = tuple(sorted(written))
        key = (resource.name, rules.number, verb, written)
        found = self._trials.get(key)
        if found is None:
            asking = enumerate(self._asking[resource.name])
            found = Trial(
                tuple(n for n in written if resource.fields[n].target),
                verb,
                tuple(i for i, (_, read) in asking if verb != "update" or not read.isdisjoint(written)),
                tuple(n for n in written if rules.unlocked(resource, n) not in (e.TRUE, e.FALSE)),
            )
            self._keep(self._trials, key, found)
        empty = [n for n in found.references if values[n] is None]
        if not empty:
            return found
        return found._replace(references=tuple(n for n in found.references if n not in empty))

    def judged(self, compiler: Compiler, scope: Scope, trial: Trial, select: Select) -> list[Any]:
        """The row as the caller may see it, its version, whether they may, and whether it passes its trial: columns
        that `verdict` reads."""
        resource, rules = scope.resource, compiler.rules
        assert rules is not None
        flags = [self._flag(compiler, rules.rows(resource, "read"), scope)]
        for name in trial.references:
            target = self.model.resources[str(resource.fields[name].target)]
            there = compiler.alias(target)
            visible = compiler.visible(Scope(target, there))
            reference = scope.table.c[str(resource.fields[name].column)]
            found: Any = sa.select(sa.literal_column("1")).where(there.c.id == reference, *visible)
            if target.trash and self.statements.dialect.features.row_locks:
                # The database holds what is referred to, but only against being removed.
                found = found.with_for_update(of=there, read=True, key_share=True)
            found = found.correlate_except(there).exists()
            flags.append(sa.case((found, sa.literal_column("1")), else_=sa.literal_column("0")))
        if trial.verb is not None:
            flags.append(self._flag(compiler, rules.rows(resource, trial.verb), scope))
        for place in trial.checks:
            flags.append(self._flag(compiler, self._asking[resource.name][place][0].holds, scope))
        flags += [self._flag(compiler, rules.unlocked(resource, n), scope) for n in trial.locked]
        row = self.planner.object(compiler, scope, select)
        return [
            row.label("hw_row"),
            scope.table.c.version.label("hw_version"),
            *(flag.label(f"hw_f{i}") for i, flag in enumerate(flags)),
        ]

    def verdict(self, call: Call, resource: Resource, key: str, trial: Trial, columns: Row) -> Outcome:
        """The outcome of a write from the columns of `judged`. Raises Fault as `read_back` does."""
        row, version, readable, *flags = columns
        # First of all, since a rule that looks through a reference would otherwise tell whether it leads to a hidden
        # row or to none.
        dangling = [name for name, found in zip(trial.references, flags, strict=False) if not found]
        if dangling:
            raise dangling_reference(resource, dangling)
        flags = flags[len(trial.references) :]
        if trial.verb is not None:
            allowed, *flags = flags
            if not allowed:
                raise denied(call, resource, trial.verb)
        for place in trial.checks:
            holds, *flags = flags
            if not holds:
                check = self._asking[resource.name][place][0]
                raise violation([(check.message, check.fields)], resource)
        for name, writable in zip(trial.locked, flags, strict=True):
            if not writable:
                raise denied(call, resource, trial.verb or "update", (resource.fields[name].wire,))
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

        plan = self.statements.plan(("show", question, unit.rules.number), make)
        found = await unit.connection.fetch(plan.sql, plan.parameters(unit.call, bound))
        rows = {row[0]: row[1] for row in found}
        return [rows[key] for key in keys if key in rows]

    # -- rows that are not there ----------------------------------------------------------------------------

    async def before(self, unit: Unit, resource: Resource, values: Mapping[str, Any], trial: Trial) -> None:
        """Judge a row while it is not there yet, where the rules look back at its table: a row grants its writer
        nothing of what it takes to write it, as a membership would that makes its project visible. What the same unit
        has written may be referred to. Raises Fault as `read_back` does."""

        def is_own(name: str) -> bool:
            place = (str(resource.fields[name].target), values[name])
            return place == (resource.name, values["id"]) or unit.last(*place) is not None

        if trial.checks or trial.references:
            others = tuple(name for name in trial.references if not is_own(name))
            trial = trial._replace(checks=(), references=others)
        await self.unwritten(unit, resource, values, trial, always=False)

    async def unwritten(
        self,
        unit: Unit,
        resource: Resource,
        values: Mapping[str, Any],
        trial: Trial,
        *,
        always: bool = True,
    ) -> None:
        """Judge a row that is not in its table, as if it were; unless `always`, only where it would be judged otherwise
        when it is. Raises Fault as `read_back` does."""

        def make() -> Plan:
            compiler = Compiler(self.schema, unit.rules)
            row = self.statements.unwritten(compiler, resource).cte("hw_new")
            columns = self.judged(compiler, Scope(resource, row), trial, Select(("id",)))
            if not always and resource.name not in compiler.statement.reads:
                return Plan("", ())
            return self.planner.finish(sa.select(*columns).select_from(row), compiler)

        plan = self.statements.plan(("unwritten", resource.name, unit.rules.number, trial, always), make)
        if not plan.sql:
            return
        columns = self.statements.columns[resource.name]
        if trial.verb == "update":  # of which only a part has been read
            values = {**await self.load(unit, resource, str(values["id"]), "update"), **values}
        rows = await unit.connection.fetch(plan.sql, plan.parameters(unit.call, columns.encode(values)))
        self.verdict(unit.call, resource, str(values["id"]), trial, rows[0])

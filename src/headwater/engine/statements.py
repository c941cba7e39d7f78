"""The statements that read and write stored rows within a transaction, each planned once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeVar

import sqlalchemy as sa

from headwater.base.call import Call
from headwater.base.errors import Fault
from headwater.db.base import Connection, Dialect, Encode, ReferenceViolation, Row, UniqueViolation
from headwater.db.elements import returned
from headwater.engine.compile import Compiler, Scope, value_at
from headwater.engine.guard import Rules
from headwater.engine.plan import Plan, Planner
from headwater.engine.rows import duplicate, entry, logged
from headwater.engine.schema import stored_fields
from headwater.engine.vault import Vault
from headwater.ir import expr as e
from headwater.ir.model import Field, Kind, Resource, Type
from headwater.ir.scalars import fold_text
from headwater.ir.shape import Slot
from headwater.log.log import Entry

ID = Type(Kind.ID)
T = TypeVar("T")
PLANS = 2000
_ALL = Slot(0, many=True)


@dataclass(eq=False, slots=True)
class Unit:
    """One transaction in progress: who acts, by which rules, and what is to be logged.

    `demands_versions`: a command must name the version of a row whose resource demands one. So it is for what a client
    commands, but not for what follows from it, nor for what an author's code writes, which has compared what it read.
    """

    connection: Connection
    call: Call
    rules: Rules
    demands_versions: bool = True
    entries: list[Entry] = field(default_factory=list)
    _last: dict[tuple[str, str], Entry] = field(default_factory=dict)

    def note(self, entry: Entry) -> None:
        """Keep what the log is to tell when the unit is finished."""
        self.entries.append(entry)
        self._last[entry.resource, entry.row_id] = entry

    def last(self, resource: str, key: str) -> Entry | None:
        """What was last done to a row in this unit, by itself or with another."""
        return self._last.get((resource, key))

    def has_deleted(self, resource: str, key: str) -> bool:
        """Whether a row has gone in this unit, for good or to the trash."""
        last = self.last(resource, key)
        return last is not None and (last.deletes or (last.after or {}).get("deleted_at") is not None)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is asked of a row that is written: `columns` makes it, for the values that are `bound`, of which the first
    is the row's id where that is asked for; `key` stands for what it is."""

    key: Any
    columns: Callable[[Compiler, Scope], Sequence[Any]]
    bound: Sequence[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Stored fields of a resource, in the order in which statements name them, with their forms."""

    fields: tuple[Field, ...]
    encoders: tuple[Encode | None, ...]
    decoders: tuple[Encode | None, ...]
    key: str
    places: Mapping[str, int]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.places)

    def part(self, names: frozenset[str]) -> "Columns":
        """Those of some fields."""
        chosen = [i for i, found in enumerate(self.fields) if found.name in names]

        def of(items: Sequence[T]) -> tuple[T, ...]:
            return tuple(items[i] for i in chosen)

        fields = of(self.fields)
        return Columns(fields, of(self.encoders), of(self.decoders), self.key, _places(fields))

    def encode(self, values: Mapping[str, Any], chosen: Sequence[int] | None = None) -> list[Any]:
        """What the driver takes for a row, or for the fields chosen by their places; then their folded forms."""
        places = range(len(self.fields)) if chosen is None else chosen
        row, folded = [], []
        for i in places:
            found, encode = self.fields[i], self.encoders[i]
            value = values.get(found.name)
            row.append(value if value is None or encode is None else encode(value))
            if found.folded:
                folded.append(None if value is None else fold_text(value))
        return row + folded

    def decode(self, row: Sequence[Any]) -> dict[str, Any]:
        values = {
            f.name: value if value is None or decode is None else decode(value)
            for f, decode, value in zip(self.fields, self.decoders, row, strict=False)
        }
        values[self.key] = values["id"]
        return values


def _places(fields: Sequence[Field]) -> dict[str, int]:
    return {found.name: i for i, found in enumerate(fields)}


class Dangling(Exception):
    """One of these references of a row leads nowhere. Its writer is to be told of all that lead to nothing they see,
    so that a hidden row is not told from one that is not there: that is asked when the transaction is over."""

    def __init__(self, rules: Rules, resource: Resource, references: Mapping[str, str]) -> None:
        self.rules, self.resource, self.references = rules, resource, references
        super().__init__(", ".join(references))


class Taken(Exception):
    """Another row has what must be unique. Whether its writer may write such a row at all is told before `fault`, so
    that nobody learns by rows that they may not write what hidden ones hold: that is asked when the transaction is
    over, as the database judges the conflict first."""

    def __init__(
        self, fault: Fault, rules: Rules, resource: Resource, values: Mapping[str, Any], trial: Any
    ) -> None:
        self.fault, self.rules, self.resource, self.values, self.trial = fault, rules, resource, values, trial
        super().__init__(str(fault))


class Statements:
    """Reads and writes rows as they are stored, with the rights of the product. What a write answers is as the caller
    may see it."""

    def __init__(self, planner: Planner, vault: Vault) -> None:
        self.vault = vault
        self.planner, self.schema, self.model = planner, planner.schema, planner.model
        self.dialect: Dialect = planner.dialect
        self._plans: dict[Any, Plan] = {}
        self.logged = {r.name: logged(r) for r in self.model.resources.values()}
        self.columns = {r.name: self._columns_of(r) for r in self.model.resources.values()}

    def _columns_of(self, resource: Resource) -> Columns:
        dialect = self.dialect
        fields = tuple(stored_fields(resource))
        encoders = [dialect.encoder(f.type) for f in fields]
        decoders = [dialect.decoder(f.type) for f in fields]
        for i, found in enumerate(fields):
            if found.secret:
                place = f"{resource.table}.{found.column}"
                encoders[i], decoders[i] = self.vault.encoder(place), self.vault.decoder(place)
        return Columns(fields, tuple(encoders), tuple(decoders), resource.key, _places(fields))

    def plan(self, key: Any, make: Callable[[], Plan]) -> Plan:
        """The plan of a key, made once."""
        plan = self._plans.get(key)
        if plan is None:
            if len(self._plans) >= PLANS:
                self._plans.pop(next(iter(self._plans)))
            plan = self._plans[key] = make()
        return plan

    def note(
        self,
        unit: Unit,
        resource: Resource,
        what: str,
        old: Mapping[str, Any] | None,
        new: Mapping[str, Any] | None,
        image: str | None = None,
    ) -> None:
        """Keep what the log is to tell of a row when the unit is finished; of a new one the `image`, where the database
        has made it."""
        unit.note(entry(unit.call, resource, self.logged[resource.name], what, old, new, image))

    def locked(self, statement: sa.Select[Any], table: Any, *, goes: bool = False) -> sa.Select[Any]:
        """Lock the rows that are found. Only a row that `goes` is locked against new references to it: with those,
        a change of what both refer to would deadlock, since an insert locks its targets in an order of its own."""
        if not self.dialect.features.row_locks:
            return statement
        return statement.with_for_update(of=table, key_share=not goes)

    async def versions(self, unit: Unit, resource: Resource, keys: list[str]) -> dict[str, int]:
        """The current versions of rows, locked so that they stay so."""

        def make() -> Plan:
            compiler = Compiler(self.schema, None)
            table = compiler.alias(resource)
            member = compiler.predicate(e.OneOf(e.Column(("id",)), (_ALL,)), Scope(resource, table))
            statement = sa.select(table.c.id, table.c.version).where(member).order_by(table.c.id)
            return self.planner.finish(self.locked(statement, table), compiler)

        plan = self.plan(("versions", resource.name), make)
        rows = await unit.connection.fetch(plan.sql, plan.parameters(unit.call, [keys]))
        return {row[0]: row[1] for row in rows}

    async def referring(
        self,
        unit: Unit,
        child: Resource,
        found: Field,
        ids: list[str],
        *,
        trashed: bool = False,
        trash_id: str | None = None,
        goes: bool = False,
    ) -> list[dict[str, Any]]:
        """The rows that refer to any of these, locked: those that are not in the trash, with `trashed` also those that
        are, or with a `trash_id` those that went there by it."""
        columns = self.columns[child.name]

        def make() -> Plan:
            compiler = Compiler(self.schema, None)
            table = compiler.alias(child)
            member = compiler.predicate(e.OneOf(e.Column((found.name,)), (_ALL,)), Scope(child, table))
            stored = [table.c[str(f.column)] for f in columns.fields]
            statement = sa.select(*stored).where(member).order_by(table.c.id)
            if trash_id is not None:
                statement = statement.where(table.c.trash_id == compiler.bind(value_at(1), ID))
            elif not trashed:
                statement = statement.where(*compiler.present(Scope(child, table)))
            return self.planner.finish(self.locked(statement, table, goes=goes), compiler)

        plan = self.plan(("referring", child.name, found.name, trashed, trash_id is None, goes), make)
        rows = await unit.connection.fetch(plan.sql, plan.parameters(unit.call, [ids, trash_id]))
        return [columns.decode(row) for row in rows]

    def decode_rows(self, resource: str, rows: Sequence[Row]) -> list[dict[str, Any]]:
        """Rows of `Planner.rows`: stored fields, then computed ones."""
        columns = self.columns[resource]
        count = len(columns.fields)
        computed = [
            (f.name, self.dialect.decoder(f.type))
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

    async def insert(
        self, unit: Unit, resource: Resource, values: Mapping[str, Any], answer: Answer | None = None
    ) -> Row | None:
        """Write a new row, and answer of it; None where the answer cannot be had from the statement that writes."""
        columns = self.columns[resource.name]
        table = self.schema[resource.name]

        def make(answer: Answer | None) -> Plan:
            compiler = Compiler(self.schema, None if answer is None else unit.rules)
            first = 0 if answer is None else len(answer.bound)
            named = {}
            for i, f in enumerate(columns.fields):
                named[str(f.column)] = compiler.bind(value_at(first + i), f.type)
            for f in columns.fields:
                if f.folded:
                    named[f.folded] = compiler.bind(value_at(first + len(named)), ID)
            return self._writing(sa.insert(table).values(named), compiler, resource, answer)

        plan, bound = self._answering(unit, ("insert", resource.name), make, answer)
        parameters = plan.parameters(unit.call, [*bound, *columns.encode(values)])
        try:
            rows = await unit.connection.fetch(plan.sql, parameters)
        except (UniqueViolation, ReferenceViolation) as error:
            raise self.refusal(unit, resource, None, values, error) from None
        return rows[0] if rows else None

    def _answering(
        self,
        unit: Unit,
        key: tuple[Any, ...],
        make: Callable[[Answer | None], Plan],
        answer: Answer | None,
    ) -> tuple[Plan, Sequence[Any]]:
        """The plan of a writing statement, with the values that come before those of the row."""
        if answer is not None:
            plan = self.plan((*key, unit.rules.number, answer.key), lambda: make(answer))
            if plan.sql:
                return plan, answer.bound
        return self.plan(key, lambda: make(None)), ()

    def _writing(self, statement: Any, compiler: Compiler, resource: Resource, answer: Answer | None) -> Plan:
        """The plan of a writing statement; without text where the answer looks back at the table that is written, which
        is then seen half written."""
        if answer is not None:
            table = self.schema[resource.name]
            shown = answer.columns(compiler, Scope(resource, table))
            if resource.name in compiler.statement.reads:
                return Plan("", ())
            statement = statement.returning(*(returned(column, table) for column in shown))
        return self.planner.finish(statement, compiler)

    def unwritten(self, compiler: Compiler, resource: Resource) -> sa.Select[Any]:
        """A row of the values of `Columns.encode`, which is in no table."""
        fields = self.columns[resource.name].fields
        named = [(str(f.column), f.type) for f in fields] + [(f.folded, ID) for f in fields if f.folded]
        columns = [
            sa.cast(compiler.bind(value_at(i), type), self.dialect.column_type(type)).label(name)
            for i, (name, type) in enumerate(named)
        ]
        return sa.select(*columns)

    def chosen(
        self, resource: Resource, old: Mapping[str, Any], values: Mapping[str, Any]
    ) -> tuple[int, ...]:
        """The places of the fields that change, of those that are known of both."""
        places = self.columns[resource.name].places
        return tuple(
            sorted([places[name] for name, value in values.items() if value != old[name] and name in places])
        )

    async def update(
        self,
        unit: Unit,
        resource: Resource,
        old: Mapping[str, Any],
        values: Mapping[str, Any],
        answer: Answer | None = None,
    ) -> Row | None:
        """Write what has changed, and answer of the row; None where the answer cannot be had from the statement that
        writes."""
        columns = self.columns[resource.name]
        table = self.schema[resource.name]
        chosen = self.chosen(resource, old, values)

        def make(answer: Answer | None) -> Plan:
            compiler = Compiler(self.schema, None if answer is None else unit.rules)
            places = count(0 if answer is None else len(answer.bound))
            fields = [columns.fields[i] for i in chosen]
            named = {str(f.column): compiler.bind(value_at(next(places)), f.type) for f in fields}
            named |= {f.folded: compiler.bind(value_at(next(places)), ID) for f in fields if f.folded}
            key = compiler.bind(value_at(next(places)), ID)
            written = sa.update(table).where(table.c.id == key).values(named)
            return self._writing(written, compiler, resource, answer)

        plan, bound = self._answering(unit, ("update", resource.name, chosen), make, answer)
        parameters = plan.parameters(unit.call, [*bound, *columns.encode(values, chosen), values["id"]])
        try:
            rows = await unit.connection.fetch(plan.sql, parameters)
        except (UniqueViolation, ReferenceViolation) as error:
            raise self.refusal(unit, resource, old, values, error) from None
        return rows[0] if rows else None

    async def clear(self, unit: Unit, resource: Resource, found: Field, ids: list[str]) -> None:
        """Clear a reference in rows that go, to the trash or for good, or that come back without what they referred to;
        it is part of that change, and none of its own. The database would refuse to delete rows that refer to each
        other."""

        def make() -> Plan:
            compiler = Compiler(self.schema, None)
            table = self.schema[resource.name]
            member = compiler.predicate(e.OneOf(e.Column(("id",)), (_ALL,)), Scope(resource, table))
            cleared = sa.update(table).where(member).values({str(found.column): sa.null()})
            return self.planner.finish(cleared, compiler)

        plan = self.plan(("clear", resource.name, found.name), make)
        await unit.connection.fetch(plan.sql, plan.parameters(unit.call, [ids]))

    async def trash(self, unit: Unit, resource: Resource, ids: list[str], trash_id: str) -> None:
        """Mark rows as being in the trash."""
        await self._mark(unit, resource, ids, trash_id)

    async def restore(self, unit: Unit, resource: Resource, ids: list[str]) -> None:
        """Take the mark from rows. Raises Fault RESOURCE_ALREADY_EXISTS."""
        await self._mark(unit, resource, ids, None)

    async def _mark(self, unit: Unit, resource: Resource, ids: list[str], trash_id: str | None) -> None:
        def make() -> Plan:
            compiler = Compiler(self.schema, None)
            table = self.schema[resource.name]
            scope = Scope(resource, table)
            now = compiler.scalar(e.Now(), scope)[0]
            marks: dict[str, Any] = {"deleted_at": sa.null(), "trash_id": sa.null()}
            if trash_id is not None:
                marks = {"deleted_at": now, "trash_id": compiler.bind(value_at(1), ID)}
            if "updated_at" in resource.fields:
                marks["updated_at"] = now
            member = compiler.predicate(e.OneOf(e.Column(("id",)), (_ALL,)), scope)
            marked = sa.update(table).where(member).values({**marks, "version": table.c.version + 1})
            return self.planner.finish(marked, compiler)

        plan = self.plan(("mark", resource.name, trash_id is None), make)
        try:
            await unit.connection.fetch(plan.sql, plan.parameters(unit.call, [ids, trash_id]))
        except UniqueViolation as error:
            raise duplicate(resource, error.name) from None

    async def living(self, unit: Unit, resource: Resource, ids: list[str]) -> set[str]:
        """Those of the rows that are not in the trash, locked so that they do not go there."""

        def make() -> Plan:
            compiler = Compiler(self.schema, None)
            table = compiler.alias(resource)
            scope = Scope(resource, table)
            member = compiler.predicate(e.OneOf(e.Column(("id",)), (_ALL,)), scope)
            found = sa.select(table.c.id).where(member, *compiler.present(scope)).order_by(table.c.id)
            if self.dialect.features.row_locks:
                found = found.with_for_update(of=table, read=True, key_share=True)
            return self.planner.finish(found, compiler)

        plan = self.plan(("living", resource.name), make)
        return {row[0] for row in await unit.connection.fetch(plan.sql, plan.parameters(unit.call, [ids]))}

    async def delete(self, unit: Unit, resource: Resource, ids: list[str]) -> None:
        def make() -> Plan:
            compiler = Compiler(self.schema, None)
            table = self.schema[resource.name]
            member = compiler.predicate(e.OneOf(e.Column(("id",)), (_ALL,)), Scope(resource, table))
            return self.planner.finish(sa.delete(table).where(member), compiler)

        plan = self.plan(("delete", resource.name), make)
        try:
            await unit.connection.fetch(plan.sql, plan.parameters(unit.call, [ids]))
        except ReferenceViolation:
            raise Fault(
                "RESOURCE_CONFLICT", f"Other rows began to refer to this {resource.singular}."
            ) from None

    def refusal(
        self,
        unit: Unit,
        resource: Resource,
        old: Mapping[str, Any] | None,
        values: Mapping[str, Any],
        error: UniqueViolation | ReferenceViolation,
    ) -> Fault | Dangling:
        """Says in the client's words which constraint a row broke; of references, which it may be."""
        if isinstance(error, UniqueViolation):
            return duplicate(resource, error.name)
        written = [
            f.name
            for f in resource.fields.values()
            if f.target and values.get(f.name) is not None and (old is None or values[f.name] != old[f.name])
        ]
        return Dangling(unit.rules, resource, {name: values[name] for name in written})

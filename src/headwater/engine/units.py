"""Units of work: what authors' code does in one transaction, be it an action or work of the product's own.

The author's function reads committed rows and collects writes. Then, in one transaction, the rows that it read are
locked and their versions compared, and the writes are performed as commands. If a row has changed in between, nothing
is written and the function runs again.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import msgspec

from headwater.base.call import Call
from headwater.base.errors import Detail, Fault
from headwater.db.base import Connection
from headwater.engine.guard import Rules, denied
from headwater.engine.judge import UNTRIED
from headwater.engine.report import in_time
from headwater.engine.rows import expect
from headwater.engine.statements import Unit
from headwater.engine.tx import Tx, changes
from headwater.ir import expr as e
from headwater.ir.body import settle
from headwater.ir.command import Act, Create, Delete, Outcome, Purge, Restore, Update
from headwater.ir.model import Action, Resource
from headwater.ir.names import Namer
from headwater.ir.query import Select
from headwater.ir.selection import Selector

if TYPE_CHECKING:
    from headwater.engine.engine import Engine

T = TypeVar("T")
TRIES = 6
UNSEEN = Select(("id",))
"""Of rows that are written and not shown."""


class Asked(NamedTuple):
    """The action that a unit of work performs, on a row if it has a key, and what is to be shown of rows."""

    resource: Resource
    action: Action
    key: str | None
    select: Select


class Units:
    """Performs actions and other work of authors."""

    def __init__(self, engine: "Engine") -> None:
        self.engine, self.writer = engine, engine.writer

    async def act(self, call: Call, command: Act) -> Outcome:
        resource = self.engine.model.resources[command.resource]
        action = resource.actions[command.action]
        rules = self.engine.guard.rules(call)
        self.engine.admit(call, rules, command.resource, command.action)
        arguments = dict(command.arguments)
        if action.on == "collection":
            if not rules.holds(resource, action.name):
                raise denied(call, resource, action.name)

            async def on_collection(tx: Tx) -> Any:
                return await action.function(resource.cls, tx, **arguments)

            return await self._transact(call, on_collection, Asked(resource, action, None, command.select))
        key = str(command.key)
        plan = self.writer.judge.load_plan(resource, rules, action.name)

        async def on_row(tx: Tx) -> Any:
            rows = await self.engine.fetch(call, plan, [key])
            old = self.writer.judge.row(call, resource, key, action.name, rows)
            expect(resource, old, command.expected)
            row = await tx.get(resource.cls, key)
            return await action.function(row, tx, **arguments)

        return await self._transact(call, on_row, Asked(resource, action, key, command.select))

    async def transact(self, call: Call, work: Callable[[Tx], Awaitable[T]], rules: Rules | None = None) -> T:
        """Run work of the product's own and perform its writes in one transaction: by a caller's rules, or else with
        the rights of the product."""
        outcome = await self._transact(call, work, None, rules)
        return outcome.value  # type: ignore[no-any-return]

    async def _transact(
        self,
        call: Call,
        body: Callable[[Tx], Awaitable[Any]],
        asked: Asked | None,
        rules: Rules | None = None,
    ) -> Outcome:
        for attempt in range(TRIES):
            tx = Tx(self.engine, call, rules)
            result = await in_time(call, body(tx))

            async def work(connection: Connection, tx: Tx = tx, result: Any = result) -> Outcome:
                return await self._flush(connection, tx, result, asked)

            try:
                return await self.engine.settled(call, self.engine.store.write(work, deadline=call.deadline))
            except _Stale:
                await asyncio.sleep(random.uniform(0, 0.005 * 2**attempt))  # noqa: S311 - jitter
        raise Fault("RESOURCE_CONFLICT", "Others keep changing the rows that this depends on.")

    async def _flush(self, connection: Connection, tx: Tx, result: Any, asked: Asked | None) -> Outcome:
        """Perform what a unit of work has collected, if nothing that it read has changed."""
        rules = tx.rules or self.engine.guard.product
        unit = Unit(connection, tx.call, rules, demands_versions=False)
        mine = Unit(connection, tx.call, self.engine.guard.rules(tx.call))
        await self._unchanged(unit, tx)
        if asked is not None and asked.key is not None:
            await self.writer.judge.load(mine, asked.resource, asked.key, asked.action.name)
        gone = {id(r) for r in (*tx.deleted, *tx.purged)}
        fresh = {id(r) for r in tx.created}
        problems: list[Detail] = []
        created = [
            (
                new,
                Create(
                    declared.name, _chosen(unit.rules, declared, changes(declared, new, problems)), UNSEEN
                ),
            )
            for new in tx.created
            if id(new) not in gone and (declared := self._declared(new))
        ]
        updated = [
            Update(declared.name, known.__dict__["_values"]["id"], changed, select=UNSEEN)
            for known in tx.drafts.values()
            if id(known) not in gone and id(known) not in fresh and (declared := self._declared(known))
            if (changed := changes(declared, known, problems))
        ]
        settle(problems)
        for new, create in created:
            outcome = await self.engine.perform(unit, create)
            new.__dict__["_values"]["version"] = outcome.version
        for back in tx.restored:
            name, key = self._declared(back).name, back.__dict__["_values"]["id"]
            if unit.last(name, key) is None:  # else it came back with another
                await self.engine.perform(unit, Restore(name, key))
        for update in updated:
            await self.engine.perform(unit, update)
        for old in tx.deleted:
            name, key = self._declared(old).name, old.__dict__["_values"]["id"]
            if id(old) not in fresh and not unit.has_deleted(name, key):
                await self.engine.perform(unit, Delete(name, key))
        for old in tx.purged:
            name, key = self._declared(old).name, old.__dict__["_values"]["id"]
            if id(old) not in fresh and ((last := unit.last(name, key)) is None or not last.deletes):
                await self.engine.perform(unit, Purge(name, key))
        went = {
            key for key, known in tx.drafts.items() if id(known) in gone or self._is_gone(unit, *key, known)
        }
        if asked is None:
            outcome = Outcome(None, value=result, returned=True)
        else:
            outcome = await self._result(mine, result, asked, went)
        outcome.position = await self.writer.finish(unit)
        return outcome

    def _is_gone(self, unit: Unit, resource: str, key: str, row: Any) -> bool:
        """Whether a row that was read is not to be seen any more, or was found in the trash and left there."""
        if unit.last(resource, key) is None:
            return row.__dict__["_values"].get("deleted_at") is not None
        return unit.has_deleted(resource, key)

    async def _unchanged(self, unit: Unit, tx: Tx) -> None:
        """Lock every row that was read, in one order for all, and compare versions."""
        read: dict[str, dict[str, int]] = {}
        for (name, key), known in tx.drafts.items():
            if known.__dict__["_loaded"] is not None:
                read.setdefault(name, {})[key] = known.__dict__["_loaded"]["version"]
        for name in sorted(read):
            if (
                await self.writer.statements.versions(
                    unit, self.engine.model.resources[name], sorted(read[name])
                )
                != read[name]
            ):
                raise _Stale

    async def _result(self, unit: Unit, result: Any, asked: Asked, gone: set[tuple[str, str]]) -> Outcome:
        """What an action answers: what it returned or, if that is nothing, its row. Rows are shown as the caller may
        see them, with what was asked for where they are of the action's own resource; those that are gone, not."""

        def selected(shown: Resource) -> Select:
            if shown is asked.resource:
                return asked.select
            return Select() if asked.select.relations is None else self._in_pieces(shown)

        if isinstance(result, list | tuple) and not result:
            promised = self.engine.model.answers(asked.resource, asked.action)
            if promised is not None:
                return Outcome(None, rows=[], resource=promised[0].name)
        elif isinstance(result, list | tuple) and all(self._is_row(item) for item in result):
            declared = self._declared(result[0])
            if all(self._declared(item) is declared for item in result):
                keys = [str(item.__dict__["_values"]["id"]) for item in result]
                shown_rows = await self.writer.judge.show(unit, declared, keys, selected(declared))
                return Outcome(None, rows=shown_rows, resource=declared.name)
            raise TypeError(f"An action returned rows of several resources together: {result!r}.")
        if self._is_row(result):
            shown, key = self._declared(result), str(result.__dict__["_values"]["id"])
        elif result is None and asked.key is not None:
            shown, key = asked.resource, asked.key
        else:
            # Put into JSON's forms here, so that what cannot be sent is found before anything is kept.
            value = msgspec.to_builtins(result, str_keys=True, enc_hook=_cannot_send)
            return Outcome(asked.key, value=value, returned=result is not None)
        if (shown.name, key) in gone:
            return Outcome(key)
        outcome = await self.writer.judge.read_back(unit, shown, key, UNTRIED, selected(shown))
        outcome.resource = shown.name
        return outcome

    def _in_pieces(self, resource: Resource) -> Select:
        """All of a row, in pieces."""
        return Selector(self.engine.model, Namer(self.engine.model), resource, pieces=True).select()

    def _is_row(self, value: Any) -> bool:
        return type(value).__name__ in self.engine.model.resources and "_values" in getattr(
            value, "__dict__", {}
        )

    def _declared(self, row: Any) -> Resource:
        return self.engine.model.resources[type(row).__name__]


def _chosen(rules: Rules, declared: Resource, values: dict[str, Any]) -> dict[str, Any]:
    """The values of a new row without the defaults of fields that may not be set: nobody has set those."""

    def left(name: str, value: Any) -> bool:
        default = declared.fields[name].default
        return default is not None and value == default() and rules.unlocked(declared, name) != e.TRUE

    return {name: value for name, value in values.items() if not left(name, value)}


def _cannot_send(value: Any) -> Any:
    raise TypeError(
        f"An action returned {value!r} inside of something else; return rows by themselves, or their ids."
    )


class _Stale(Exception):
    """A row that a unit of work has read has changed since."""

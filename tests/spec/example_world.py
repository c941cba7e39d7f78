"""A database that holds just the rows of which the OpenAPI document has examples."""

from collections.abc import Collection, Mapping
from typing import Any

from headwater.base.call import Actor, Call
from headwater.ir.body import BodyParser
from headwater.ir.command import Create
from headwater.ir.model import Model, Resource
from headwater.ir.values import to_wire
from headwater.surfaces.describe.example_rows import MOMENT, ExampleRows
from headwater.surfaces.describe.values import writable
from headwater.testing import Client

Row = tuple[Resource, str, dict[str, Any]]
"""A row, with its id and what a client would send."""


class ExampleWorld:
    """Writes the example rows, and the further rows that they refer to, below an application. `kept` are the ids of
    rows that stay as they are."""

    def __init__(self, client: Client, kept: Collection[str] = ()) -> None:
        self.engine, self.kept = client.running.engine, kept
        self.model: Model = self.engine.model
        self.rows = ExampleRows(self.model)
        self.order = _parents_first(self.model)
        self.actor = Actor("user_examples", roles=frozenset({"admin"}), permissions=frozenset({"admin:*"}))

    async def set_up(
        self,
        *,
        without: Collection[str] = (),
        changed: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """Leave nothing there but the example rows; `without` those of some resources and what needs them, some of
        them `changed` by members in their wire form."""
        await self._wipe()
        call = Call(actor=self.actor, now=MOMENT)
        for resource, id, sent in self._wanted(without):
            body = sent | dict((changed or {}).get(resource.name, {}))
            values = BodyParser(resource).create(body)
            await self.engine.run(call, Create(resource.name, values | {"id": id}))

    async def _wipe(self) -> None:
        async def wipe(connection: Any) -> None:
            for resource in reversed(self.order):
                kept = ", ".join(f"'{id}'" for id in self.kept) or "''"
                await connection.fetch(f'DELETE FROM "{resource.table}" WHERE id NOT IN ({kept})')

        await self.engine.store.write(wipe)

    def _wanted(self, without: Collection[str]) -> list[Row]:
        """The rows, those that are referred to first."""
        missing = set(without)
        ids = {
            (str(field.target), str(row[field.name]))
            for resource in self.order
            for row in [self.rows.of(resource)]
            for field in resource.fields.values()
            if field.target and row.get(field.name) is not None
        }
        found: list[Row] = []
        for resource in self.order:
            body = self._body(resource)
            for field in writable(resource):
                if field.target in missing:
                    if field.required:
                        missing.add(resource.name)
                    body[field.wire] = None
            if resource.name in missing:
                continue
            first = self.rows.key(resource)
            others = sorted(id for target, id in ids if target == resource.name and id != first)
            found.append((resource, first, body))
            found += [(resource, id, _distinct(resource, body, n)) for n, id in enumerate(others, 2)]
        return found

    def _body(self, resource: Resource) -> dict[str, Any]:
        row = self.rows.of(resource)
        return {f.wire: to_wire(f.type, row[f.name]) for f in writable(resource) if f.name in row}


def _distinct(resource: Resource, body: Mapping[str, Any], number: int) -> dict[str, Any]:
    """The same, of another row: what no two rows share has a number."""
    unique = {f.wire for f in resource.fields.values() if f.unique}
    return {name: f"{value}{number}" if name in unique else value for name, value in body.items()}


def _parents_first(model: Model) -> list[Resource]:
    found: dict[str, Resource] = {}

    def visit(resource: Resource) -> None:
        if resource.name in found:
            return
        for field in resource.fields.values():
            if field.target and field.target != resource.name:
                visit(model.resources[field.target])
        found[resource.name] = resource

    for resource in model.resources.values():
        if resource.exposed:
            visit(resource)
    return [resource for resource in found.values() if resource.exposed]

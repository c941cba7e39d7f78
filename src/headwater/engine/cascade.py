"""What goes with a row that is deleted, and what becomes of the rows that refer to it."""

from collections.abc import Callable, Mapping
from typing import Any

from headwater.base.call import Call
from headwater.base.errors import Detail, Fault
from headwater.engine.statements import Statements, Unit
from headwater.ir.model import Field, Resource

Doomed = dict[str, dict[str, Mapping[str, Any]]]
"""Rows that go together, by resource and id."""


class Cascade:
    """Deletes set by set, each changed row with its entry. `check` refuses rows that may not be as they become."""

    def __init__(
        self, statements: Statements, check: Callable[[Resource, Mapping[str, Any], Call], None]
    ) -> None:
        self.model, self.statements, self.check = statements.model, statements, check

    async def remove(self, unit: Unit, resource: Resource, row: Mapping[str, Any]) -> None:
        """Delete a row and all that its relations say goes with it."""
        doomed: Doomed = {resource.name: {str(row["id"]): row}}
        frontier = [(resource, [str(row["id"])])]
        while frontier:
            parent, ids = frontier.pop(0)
            for child, found in self.model.referrers(parent.name):
                if found.on_delete != "cascade":
                    continue
                known = doomed.get(child.name, {})
                rows = [
                    r
                    for r in await self.statements.referring(unit, child, found, ids)
                    if r["id"] not in known
                ]
                if rows:
                    doomed[child.name] = {**known, **{str(r["id"]): r for r in rows}}
                    frontier.append((child, [str(r["id"]) for r in rows]))
        for name in doomed:
            await self._release(unit, self.model.resources[name], doomed)
        left = dict(doomed)
        while left:
            name, referring = self._next_to_go(left)
            for child, found in referring:
                await self.statements.clear(unit, child, found, list(left[child.name]))
            parent = self.model.resources[name]
            gone = left.pop(name)
            for row in gone.values():
                self.statements.note(unit, parent, "deleted", row, None)
            await self.statements.delete(unit, parent, list(gone))

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
            rows = await self.statements.referring(unit, child, found, list(doomed[parent.name]))
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
                self.check(child, new, unit.call)
                await self.statements.update(unit, child, old, new)
                self.statements.note(unit, child, "updated", old, new)

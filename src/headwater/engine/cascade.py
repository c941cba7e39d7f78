"""What goes with a row that is deleted, what becomes of the rows that refer to it, and what comes back with it.

Where a resource has a trash, its rows are not removed: they are marked, and share a trash id with all that went along.
No row that is not in the trash refers to one that is, so that nothing needs to be asked of a reference when it is read.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from headwater.base.call import Call
from headwater.base.errors import Detail, Fault
from headwater.engine.cycles import Cycles
from headwater.engine.rows import Stamps, new_id, set_stamps
from headwater.engine.statements import Statements, Unit
from headwater.ir.model import Field, Resource

Image = Mapping[str, Any]
Rows = dict[str, dict[str, Image]]
"""Rows by resource and id."""


@dataclass(slots=True)
class Doomed:
    """Rows that go together. Those in `lost` go for good, the others to the trash; of these, some references to what is
    lost are `cleared`: the ids of the rows, by resource and field."""

    rows: Rows = field(default_factory=dict)
    lost: Rows = field(default_factory=dict)
    cleared: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def add(self, resource: Resource, row: Image, for_good: bool) -> bool:
        """Take in a row; whether that is news."""
        id = str(row["id"])
        known = self.lost if for_good else self.rows
        if id in known.get(resource.name, {}):
            return False
        self.rows.setdefault(resource.name, {})[id] = row
        if for_good:
            self.lost.setdefault(resource.name, {})[id] = row
        return True

    def kept(self) -> Iterator[tuple[str, dict[str, Image]]]:
        """The rows that go to the trash, by resource."""
        for name, rows in self.rows.items():
            lost = self.lost.get(name, {})
            if kept := {id: row for id, row in rows.items() if id not in lost}:
                yield name, kept


class Cascade:
    """Deletes and restores set by set, each changed row with its entry. `stamps` are the moments that the engine sets,
    by resource; `check` refuses rows that may not be as they become, `cycles` those that close a circle."""

    def __init__(
        self,
        statements: Statements,
        stamps: Mapping[str, Stamps],
        check: Callable[[Resource, Image, Call], None],
        cycles: Cycles,
    ) -> None:
        self.model, self.statements, self.stamps = statements.model, statements, stamps
        self.check, self.cycles = check, cycles

    # -- going ----------------------------------------------------------------------------------------------

    async def remove(self, unit: Unit, resource: Resource, row: Image, *, for_good: bool = False) -> None:
        """Delete a row and all that its relations say goes with it: into the trash, where there is one. What goes with
        a row that is lost is lost as well, since it could refer to nothing."""
        doomed = await self._doomed(unit, resource, row, for_good or not resource.trash)
        for name, rows in doomed.kept():
            await self._release(unit, self.model.resources[name], list(rows), doomed, lost=False)
        for name, rows in doomed.lost.items():
            await self._release(unit, self.model.resources[name], list(rows), doomed, lost=True)
        for (name, of), ids in doomed.cleared.items():
            child = self.model.resources[name]
            await self.statements.clear(unit, child, child.fields[of], ids)
        await self._trash(unit, doomed)
        await self._delete(unit, doomed.lost)

    async def _doomed(self, unit: Unit, resource: Resource, row: Image, for_good: bool) -> Doomed:
        doomed = Doomed()
        doomed.add(resource, row, for_good)
        frontier = [(resource, [str(row["id"])], for_good)]
        while frontier:
            parent, ids, lost = frontier.pop(0)
            for child, found in self.model.referrers(parent.name):
                if found.on_delete != "cascade":
                    continue
                rows = await self.statements.referring(unit, child, found, ids, trashed=lost, goes=True)
                goes = lost or not child.trash
                new = [str(r["id"]) for r in rows if doomed.add(child, r, goes)]
                if new:
                    frontier.append((child, new, goes))
        return doomed

    async def _release(
        self, unit: Unit, parent: Resource, ids: list[str], doomed: Doomed, *, lost: bool
    ) -> None:
        """Clear or refuse the references to rows that go, from rows that stay. What is in the trash may refer to what
        is there too, but not to what is `lost`."""
        for child, found in self.model.referrers(parent.name):
            if found.on_delete == "cascade":
                continue
            going = (doomed.lost if lost else doomed.rows).get(child.name, {})
            for old in await self.statements.referring(unit, child, found, ids, trashed=lost):
                id = str(old["id"])
                if id in going:
                    continue
                if id in doomed.rows.get(child.name, {}) and found.nullable:
                    doomed.cleared.setdefault((child.name, found.name), []).append(id)
                elif id in doomed.rows.get(child.name, {}) or found.on_delete == "restrict":
                    raise _referred(child, found, child.trash and old["deleted_at"] is not None)
                else:
                    new = _changed(unit, child, old, **{found.name: None})
                    set_stamps(self.stamps[child.name], old, new, unit.call)
                    self.check(child, new, unit.call)
                    await self.statements.update(unit, child, old, new)
                    self.statements.note(unit, child, "updated", old, new)

    async def _trash(self, unit: Unit, doomed: Doomed) -> None:
        trash_id = new_id("trash")
        for name, rows in doomed.kept():
            resource = self.model.resources[name]
            await self.statements.trash(unit, resource, list(rows), trash_id)
            gone: dict[str, Any] = {"deleted_at": unit.call.now, "trash_id": trash_id}
            for id, old in rows.items():
                none = {
                    of: None for (child, of), ids in doomed.cleared.items() if child == name and id in ids
                }
                self.statements.note(
                    unit, resource, "trashed", old, _changed(unit, resource, old, **none, **gone)
                )

    async def _delete(self, unit: Unit, lost: Rows) -> None:
        left = dict(lost)
        while left:
            name, referring = self._next_to_go(left)
            for child, found in referring:
                await self.statements.clear(unit, child, found, list(left[child.name]))
            parent = self.model.resources[name]
            gone = left.pop(name)
            for row in gone.values():
                what = "purged" if parent.trash and row["deleted_at"] is not None else "deleted"
                self.statements.note(unit, parent, what, row, None)
            await self.statements.delete(unit, parent, list(gone))

    def _next_to_go(self, left: Rows) -> tuple[str, list[tuple[Resource, Field]]]:
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

    # -- coming back ----------------------------------------------------------------------------------------

    async def restore(self, unit: Unit, resource: Resource, row: Image) -> Image:
        """Take a row out of the trash, and what went there because it did; the row as it is now is returned.

        Raises Fault: RESOURCE_CONFLICT where it refers to what is still in the trash; RESOURCE_ALREADY_EXISTS.
        """
        rows: Rows = {resource.name: {str(row["id"]): row}}
        frontier = [(resource, [str(row["id"])])]
        while frontier:
            parent, ids = frontier.pop(0)
            for child, found in self.model.referrers(parent.name):
                if found.on_delete != "cascade" or not child.trash:
                    continue
                along = await self.statements.referring(unit, child, found, ids, trash_id=row["trash_id"])
                known = rows.setdefault(child.name, {})
                new = {str(r["id"]): r for r in along if r["id"] not in known}
                known |= new
                if new:
                    frontier.append((child, list(new)))
        restored = {name: await self._restored(unit, self.model.resources[name], rows) for name in rows}
        await self._no_circles(unit, restored)
        return restored[resource.name][str(row["id"])]

    async def _restored(self, unit: Unit, resource: Resource, rows: Rows) -> Mapping[str, Image]:
        mine = rows[resource.name]
        back = {"deleted_at": None, "trash_id": None}
        new = {id: _changed(unit, resource, old, **back) for id, old in mine.items()}
        for found in resource.fields.values():
            target = self.model.resources[found.target] if found.target else None
            if target is None or not target.trash:
                continue
            asked = {row[found.name] for row in mine.values()} - {None} - rows.get(target.name, {}).keys()
            gone = asked - await self.statements.living(unit, target, sorted(asked)) if asked else asked
            if gone and found.on_delete != "set_null":
                raise _still_gone(resource, found, target)
            if without := [id for id, row in mine.items() if row[found.name] in gone]:
                await self.statements.clear(unit, resource, found, without)
                new |= {id: {**new[id], found.name: None} for id in without}
        stamps = self.stamps[resource.name]
        for id, values in new.items():
            set_stamps(stamps, mine[id], values, unit.call)
            if moments := {name: values[name] for name, *_ in stamps if values[name] != mine[id][name]}:
                await self.statements.update(unit, resource, mine[id], {"id": id, **moments})
            self.check(resource, values, unit.call)
            self.statements.note(unit, resource, "restored", mine[id], values)
        await self.statements.restore(unit, resource, list(new))
        return new

    async def _no_circles(self, unit: Unit, restored: Mapping[str, Mapping[str, Image]]) -> None:
        """Links between what went on living may have been made the other way round meanwhile."""
        for name, rows in restored.items():
            for values in rows.values():
                await self.cycles.check(unit, self.model.resources[name], None, values)


def _changed(unit: Unit, resource: Resource, old: Image, **values: Any) -> dict[str, Any]:
    """The next version of a row."""
    new = {**old, **values, "version": old["version"] + 1}
    if "updated_at" in resource.fields:
        new["updated_at"] = unit.call.now
    return new


def _referred(child: Resource, found: Field, in_trash: bool) -> Fault:
    """The refusal to remove what others need."""
    where, mend = ("in the trash ", "Restore them, or remove them for good.") if in_trash else ("", None)
    message = f"There are {child.path} {where}that still refer to it by {found.wire}."
    return Fault("RESOURCE_CONFLICT", message, [Detail("RESOURCE_CONFLICT", message, hint=mend)])


def _still_gone(resource: Resource, found: Field, target: Resource) -> Fault:
    """The refusal to bring back what would refer to a row that is in the trash."""
    what = target.singular.replace("_", " ")
    message = (
        f"The {found.wire} of a {resource.singular.replace('_', ' ')} leads to a {what} that is in the trash."
    )
    detail = Detail("RESOURCE_CONFLICT", message, field=found.wire, hint=f"Restore the {what} first.")
    return Fault("RESOURCE_CONFLICT", message, [detail])

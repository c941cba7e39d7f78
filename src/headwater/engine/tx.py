"""What an author's code gets to read and write with: a transaction that is never held open.

An action reads committed rows and collects its writes; when it returns, they are performed in one short transaction
that first checks that no row which the action has read has changed since. If one has, the action runs again from the
start. So an action may wait for the world outside without holding locks, and yet acts on what is true.

The body of an action runs with the rights of the product; what a mounted application does runs by its caller's rules.
"""

from typing import TYPE_CHECKING, Any, TypeVar

from headwater.base.call import Call
from headwater.base.errors import Detail
from headwater.declare.reader import Reader, draft
from headwater.engine.guard import Rules
from headwater.ir.expr import Predicate
from headwater.ir.limits import limit_checker
from headwater.ir.model import Resource as Declared
from headwater.ir.query import Sort
from headwater.ir.scalars import BadValue, detail_of
from headwater.ir.values import python_reader

if TYPE_CHECKING:
    from headwater.declare.resource import Resource
    from headwater.engine.engine import Engine

R = TypeVar("R", bound="Resource")


class Tx(Reader):
    """One unit of an author's work. Rows got from it are drafts: assigning their attributes is the update.

    It reads what is committed: what this unit has created or changed is in no `select` and no aggregate of it.
    """

    def __init__(self, engine: "Engine", call: Call, rules: Rules | None = None) -> None:
        super().__init__(engine, call, rules)
        self._engine = engine
        self.drafts: dict[tuple[str, str], Resource] = {}
        self.created: list[Resource] = []
        self.deleted: list[Resource] = []
        self.restored: list[Resource] = []
        self.purged: list[Resource] = []

    async def get(self, cls: type[R], id: str) -> R:
        """The row with this id, one that this unit has created too. Raises Fault RESOURCE_NOT_FOUND."""
        known = self.drafts.get((cls.__name__, id))
        if known is not None:
            return known  # type: ignore[return-value]
        return await super().get(cls, id)

    async def create(self, row: R) -> R:
        """Add a new row; it has its id at once."""
        declared = self._declared(type(row))
        key = self.key(row)
        self.created.append(row)
        self.drafts[(declared.name, key)] = row
        return row

    def key(self, row: "Resource") -> str:
        """The id of a row; a new row is given one."""
        values: dict[str, Any] = row.__dict__["_values"]
        if values.get("id") is None:
            values["id"] = self._engine.new_id(self._declared(type(row)), values)
        return str(values["id"])

    async def delete(self, row: "Resource") -> None:
        """Delete a row, with all that its relations say goes with it: to the trash, where its resource has one."""
        self.deleted.append(row)

    async def restore(self, row: "Resource") -> None:
        """Take a row out of the trash, with what went there along with it. What is assigned to it then is kept."""
        self._has_trash(type(row))
        self.restored.append(row)

    async def purge(self, row: "Resource") -> None:
        """Remove a row for good that is in the trash, or that this unit deletes."""
        self._has_trash(type(row))
        self.purged.append(row)

    async def _rows(
        self,
        cls: type[R],
        where: Predicate | None,
        sort: tuple[Sort, ...],
        limit: int,
        *,
        trashed: bool = False,
    ) -> list[R]:
        declared = self._declared(cls)
        found = []
        for values in await self._values(declared, where, sort, limit, trashed):
            key = (declared.name, values["id"])
            known = self.drafts.get(key)
            if known is None:
                known = self.drafts[key] = draft(declared, values)
            found.append(known)
        return found  # type: ignore[return-value]


def changes(declared: Declared, row: Any, problems: list[Detail]) -> dict[str, Any]:
    """What has been assigned to a draft, checked as a client's values are; what is out of bounds goes to `problems`.

    Raises TypeError for what is the author's mistake: a value of another type than the field's.
    """
    values, loaded = row.__dict__["_values"], row.__dict__["_loaded"] or {}
    changed = {
        name: value
        for name, value in values.items()
        if (found := declared.fields[name]).column is not None
        and (name not in loaded or loaded[name] != value)
        and not (found.read_only and found.stamp is None and name != "id")
    }
    for name, value in changed.items():
        found = declared.fields[name]
        if value is None:
            if not found.nullable and found.default is None and name != "id":
                message = f"`{found.wire}` must not be null."
                problems.append(Detail("VALIDATION_ERROR", message, field=found.wire))
            continue
        try:
            changed[name] = python_reader(found.type)(value)
            broken = limit_checker(found.type, found.limits)(changed[name])
        except BadValue as bad:
            if bad.code == "INVALID_FORMAT":
                said = "what it cannot be" if found.secret else repr(value)
                raise TypeError(f"{declared.name}.{name} is set to {said}. {bad.message}") from None
            broken = bad.each()
        for one in broken:
            problems.append(detail_of(found.wire, one))
    return changed

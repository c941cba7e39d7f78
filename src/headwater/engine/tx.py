"""What an author's code gets to read and write with: a transaction that is never held open.

An action reads committed rows and collects its writes; when it returns, they are performed in one short transaction
that first checks that no row which the action has read has changed since. If one has, the action runs again from the
start. So an action may wait for the world outside without holding locks, and yet acts on what is true.

The body of an action runs with the rights of the product; what a mounted application does runs by its caller's rules.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from headwater.base.call import Call
from headwater.base.errors import Detail
from headwater.declare.expressions import sort_key
from headwater.engine.guard import Rules, not_found
from headwater.ir.expr import Column, Compare, Predicate, Value
from headwater.ir.limits import limit_checker
from headwater.ir.model import Resource as Declared
from headwater.ir.parse import sentence
from headwater.ir.parts import instance
from headwater.ir.query import Cursor, Query, Sort
from headwater.ir.scalars import BadValue
from headwater.ir.values import python_reader

if TYPE_CHECKING:
    from headwater.declare.resource import Resource
    from headwater.engine.engine import Engine

R = TypeVar("R", bound="Resource")
LIMIT = 1000


class Tx:
    """One unit of an author's work. Rows got from it are drafts: assigning their attributes is the update."""

    def __init__(self, engine: "Engine", call: Call, rules: Rules | None = None) -> None:
        self._engine = engine
        self.call, self.rules = call, rules
        self.drafts: dict[tuple[str, str], Resource] = {}
        self.created: list[Resource] = []
        self.deleted: list[Resource] = []

    @property
    def now(self) -> datetime:
        """The one instant of this operation, in UTC."""
        return self.call.now

    async def get(self, cls: type[R], id: str) -> R:
        """The row with this id. Raises Fault RESOURCE_NOT_FOUND."""
        known = self.drafts.get((cls.__name__, id))
        if known is not None:
            return known  # type: ignore[return-value]
        rows = await self._rows(cls, Compare("eq", Column(("id",)), Value(id)), (), 1)
        if not rows:
            raise not_found(self._declared(cls), id)
        return rows[0]

    async def find(self, cls: type[R], where: Any) -> R | None:
        """The first row for which an expression such as `Task.title == "x"` holds, by id; None if there is none."""
        rows = await self._rows(cls, where.node, (), 1)
        return rows[0] if rows else None

    async def select(
        self, cls: type[R], where: Any = None, *, sort: Sequence[Any] = (), limit: int = LIMIT
    ) -> list[R]:
        """The rows for which an expression holds, as they were when last committed, at most `limit`.

        `sort` takes fields, or `desc(field)`. Rows that this unit has created are not among them.
        """
        keys = tuple(Sort(*sort_key(s)) for s in sort)
        return await self._rows(cls, None if where is None else where.node, keys, limit)

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
        """Delete a row, with all that its relations say goes with it."""
        self.deleted.append(row)

    def _declared(self, cls: type[Any]) -> Declared:
        return self._engine.model.resources[cls.__name__]

    async def _rows(
        self, cls: type[R], where: Predicate | None, sort: tuple[Sort, ...], limit: int
    ) -> list[R]:
        declared = self._declared(cls)
        query = Query(declared.name, where=where, sort=sort, page=Cursor(limit))
        found = []
        for values in await self._engine.rows(self.call, query, self.rules):
            key = (declared.name, values["id"])
            known = self.drafts.get(key)
            if known is None:
                known = self.drafts[key] = draft(declared, values)
            found.append(known)
        return found  # type: ignore[return-value]


def draft(declared: Declared, values: dict[str, Any]) -> Any:
    """An instance of the author's class for a row that exists."""
    for found in declared.fields.values():
        if (value := values.get(found.name)) is None:
            continue
        if found.type.enum is not None and found.type.item is None:
            values[found.name] = found.type.enum(value)
        elif found.type.parts is not None:
            values[found.name] = instance(found.type.parts, value)
    row: Any = object.__new__(declared.cls)
    row.__dict__["_values"] = dict(values)
    row.__dict__["_loaded"] = values
    return row


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
                raise TypeError(f"{declared.name}.{name} is set to {value!r}. {bad.message}") from None
            broken = bad.each()
        for one in broken:
            place = found.wire + one.path
            problems.append(Detail(one.code, sentence(place, one.message), field=place, facts=one.facts))
    return changed

"""Strawberry GraphQL on its own ASGI application, with data loaders over SQLAlchemy's asynchronous ORM.

Written as its documentation teaches, with what it offers for speed: parsed and validated documents are kept, and the
answer is encoded by msgspec. A request has one session, and each level of an answer one statement.

It verifies no token: what that costs counts against Headwater.
"""

import asyncio
import datetime as dt
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import Any

import msgspec
import strawberry
from sqlalchemy import ARRAY, ColumnElement, Select, String, func, literal, select, true
from sqlalchemy.orm import InstrumentedAttribute, aliased, defer
from starlette.applications import Starlette
from starlette.routing import Route
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader
from strawberry.extensions import ParserCache, SchemaExtension, ValidationCache

from bench.peers import tables
from bench.peers.tables import POSTGRES, sessions

Where = list[ColumnElement[bool]]
Order = list[tuple[str, bool]]
"""Names of attributes, and whether the order descends."""

# -- loaders --------------------------------------------------------------------------------------------


class Context:
    """What one request has: a session that is asked one thing at a time, and loaders."""

    def __init__(self) -> None:
        self.session = sessions()
        self._free = asyncio.Lock()
        self._loaders: dict[Any, DataLoader[str, Any]] = {}

    def loader(self, key: Any, load: Callable[..., Any], *given: Any) -> DataLoader[str, Any]:
        """One for all who ask for the same."""
        found = self._loaders.get(key)
        if found is None:
            found = self._loaders[key] = DataLoader(partial(load, self, *given))
        return found

    async def rows(self, query: Select[Any]) -> Sequence[Any]:
        async with self._free:
            return (await self.session.execute(query)).all()


def ordered(model: Any, order: Order) -> list[ColumnElement[Any]]:
    return [getattr(model, name).desc() if down else getattr(model, name) for name, down in order]


async def of_each(
    context: Context,
    parent: InstrumentedAttribute[str],
    where: Where,
    order: Order,
    first: int,
    keys: list[str],
) -> list[list[Any]]:
    """Of each parent the first rows in some order, by one statement."""
    model = parent.class_
    if POSTGRES:
        listed = func.unnest(literal(keys, ARRAY(String))).table_valued("value", name="key").render_derived()
        some = select(model).where(parent == listed.c.value, *where).order_by(*ordered(model, order))
        row = aliased(model, lateral := some.limit(first).lateral())
        query = select(row).select_from(listed).join(lateral, true())
    else:
        listed = func.json_each(json.dumps(keys)).table_valued("value", name="key")
        some = select(model.id).where(parent == listed.c.value, *where).order_by(*ordered(model, order))
        row = aliased(model)
        query = select(row).join_from(listed, row, row.id.in_(some.limit(first).correlate(listed)))
    of = defaultdict(list)
    for (found,) in await context.rows(query.order_by(*ordered(row, order))):
        of[getattr(found, parent.key)].append(found)
    return [of[key] for key in keys]


async def count_each(
    context: Context, parent: InstrumentedAttribute[str], where: Where, keys: list[str]
) -> list[int]:
    query = select(parent, func.count()).where(parent.in_(keys), *where).group_by(parent)
    of = dict(iter(await context.rows(query)))
    return [of.get(key, 0) for key in keys]


async def by_id(context: Context, model: Any, keys: list[str]) -> list[Any]:
    of = {row.id: row for (row,) in await context.rows(select(model).where(model.id.in_(keys)))}
    return [of.get(key) for key in keys]


# -- what is asked for ----------------------------------------------------------------------------------


@strawberry.enum
class Direction(Enum):
    ASC = "ASC"
    DESC = "DESC"


@strawberry.input
class TextIs:
    eq: str | None = None
    in_: list[str] | None = strawberry.field(name="in", default=None)


@strawberry.input
class NumberIs:
    gte: int | None = None
    lte: int | None = None


@strawberry.input
class DecimalIs:
    gte: Decimal | None = None
    lte: Decimal | None = None


@strawberry.input
class MomentIs:
    gte: dt.datetime | None = None
    lte: dt.datetime | None = None


@strawberry.input
class ProjectWhere:
    status: TextIs | None = None


@strawberry.input
class TaskWhere:
    status: TextIs | None = None
    department: TextIs | None = None
    priority: NumberIs | None = None
    deadline: MomentIs | None = None


@strawberry.input
class TimeLogWhere:
    hours: DecimalIs | None = None


@strawberry.input(one_of=True)
class TaskOrder:
    created_at: Direction | None = strawberry.UNSET
    deadline: Direction | None = strawberry.UNSET
    priority: Direction | None = strawberry.UNSET
    id: Direction | None = strawberry.UNSET


@strawberry.input(one_of=True)
class TimeLogOrder:
    date: Direction | None = strawberry.UNSET
    id: Direction | None = strawberry.UNSET


OPERATORS: dict[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "eq": lambda column, value: column == value,
    "in_": lambda column, value: column.in_(value),
    "gte": lambda column, value: column >= value,
    "lte": lambda column, value: column <= value,
}


def conditions(model: Any, where: Any) -> Where:
    return [
        OPERATORS[name](getattr(model, field), value)
        for field, given in vars(where).items()
        if given is not None
        for name, value in vars(given).items()
        if value is not None
    ] if where else []  # fmt: skip


def order_of(given: Sequence[Any] | None) -> Order:
    """With the id at the end, so that it is always the same."""
    order = [
        (name, value is Direction.DESC)
        for one in given or ()
        for name, value in vars(one).items()
        if value is not strawberry.UNSET
    ]
    return order if "id" in dict(order) else [*order, ("id", order[-1][1] if order else False)]


# -- types ----------------------------------------------------------------------------------------------

Info = strawberry.Info[Context, None]


@strawberry.type
class Preferences:
    theme: str
    language: str
    notifications: list[str]
    digest: str
    quiet: bool


@strawberry.type
class Person:
    id: strawberry.ID
    name: str
    login: str
    title: str | None
    bio: str | None
    skills: list[str]
    time_zone: str
    email: str | None
    phone: str | None
    location: str | None
    birthday: dt.date | None
    website: str | None
    public: list[str]
    created_at: dt.datetime
    updated_at: dt.datetime
    version: int

    @strawberry.field
    def preferences(self) -> Preferences:
        return Preferences(**self.preferences)


@strawberry.type
class TimeLog:
    id: strawberry.ID
    task_id: strawberry.ID
    date: dt.date
    hours: Decimal
    note: str | None


@strawberry.type
class TimeLogs:
    nodes: list[TimeLog]


@strawberry.type
class Task:
    id: strawberry.ID
    project_id: strawberry.ID
    shot_id: strawberry.ID | None
    asset_id: strawberry.ID | None
    type_id: strawberry.ID | None
    title: str
    description: str | None
    department: str
    artist_id: strawberry.ID | None
    reviewer_id: strawberry.ID | None
    status: str
    priority: int
    bid: Decimal
    estimate: Decimal | None
    start: dt.date | None
    deadline: dt.datetime | None
    review_note: str | None
    started_at: dt.datetime | None
    approved_at: dt.datetime | None
    completed_at: dt.datetime | None
    spent: Decimal
    is_late: bool
    created_at: dt.datetime
    updated_at: dt.datetime
    version: int

    @strawberry.field
    async def artist(self, info: Info) -> Person | None:
        if self.artist_id is None:
            return None
        return await info.context.loader("person", by_id, tables.Person).load(self.artist_id)

    @strawberry.field
    async def time_logs(
        self,
        info: Info,
        first: int = 50,
        where: TimeLogWhere | None = None,
        order_by: list[TimeLogOrder] | None = None,
    ) -> TimeLogs:
        # All that one field of the document is asked of has the same arguments.
        key = id(info._raw_info.field_nodes[0])
        logs = tables.TimeLog
        there = [logs.deleted_at.is_(None), *conditions(logs, where)]
        loader = info.context.loader(key, of_each, logs.task_id, there, order_of(order_by), first)
        return TimeLogs(nodes=await loader.load(self.id))


@strawberry.type
class Tasks:
    nodes: list[Task]
    counted: strawberry.Private[Callable[[], Any]]

    @strawberry.field
    async def total_count(self) -> int:
        return await self.counted()


@strawberry.type
class Resolution:
    width: int
    height: int
    pixel_aspect: Decimal


@strawberry.type
class DriveMapping:
    working_files: str
    render_outputs: str


@strawberry.type
class Project:
    id: strawberry.ID
    code: str
    name: str
    status: str
    start: dt.date | None
    deadline: dt.date | None
    frame_rate: Decimal
    colour_space: str
    client: str | None
    description: str | None
    task_count: int
    created_at: dt.datetime
    updated_at: dt.datetime
    version: int

    @strawberry.field
    def resolution(self) -> Resolution:
        of = self.resolution
        return Resolution(width=of["width"], height=of["height"], pixel_aspect=Decimal(of["pixelAspect"]))

    @strawberry.field
    def drive_mapping(self) -> DriveMapping | None:
        of = self.drive_mapping
        return of and DriveMapping(working_files=of["workingFiles"], render_outputs=of["renderOutputs"])

    @strawberry.field
    async def tasks(
        self,
        info: Info,
        first: int = 50,
        where: TaskWhere | None = None,
        order_by: list[TaskOrder] | None = None,
    ) -> Tasks:
        key = id(info._raw_info.field_nodes[0])
        parent, holds = tables.Task.project_id, conditions(tables.Task, where)
        loader = info.context.loader(key, of_each, parent, holds, order_of(order_by), first)
        counts = info.context.loader((key, "count"), count_each, parent, holds)
        return Tasks(nodes=await loader.load(self.id), counted=lambda: counts.load(self.id))


@strawberry.type
class Projects:
    nodes: list[Project]


@strawberry.type
class Query:
    @strawberry.field
    async def projects(self, info: Info, first: int = 50, where: ProjectWhere | None = None) -> Projects:
        model = tables.Project
        query = select(model).where(*conditions(model, where)).order_by(model.id).limit(first)
        (nodes,) = (field for field in info.selected_fields[0].selections if field.name == "nodes")
        if all(field.name != "taskCount" for field in nodes.selections):
            query = query.options(defer(model.task_count))
        return Projects(nodes=[row for (row,) in await info.context.rows(query)])


# -- HTTP -----------------------------------------------------------------------------------------------


class Session(SchemaExtension):
    """Closes a request's session when it has been answered."""

    async def on_operation(self) -> AsyncIterator[None]:
        yield
        await self.execution_context.context.session.close()


class Endpoint(GraphQL[Context, None]):
    async def get_context(self, request: Any, response: Any) -> Context:
        return Context()

    def encode_json(self, data: object) -> bytes:
        return msgspec.json.encode(data)


schema = strawberry.Schema(Query, extensions=[Session, ParserCache(), ValidationCache()])
app = Starlette(routes=[Route("/graphql", Endpoint(schema, graphql_ide=None))])

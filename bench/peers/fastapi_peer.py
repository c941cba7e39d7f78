"""FastAPI with SQLAlchemy's asynchronous ORM and pydantic, written as their documentation teaches.

It verifies no token and writes no log entry: what those cost counts against Headwater.
"""

import datetime as dt
import os
import secrets
import unicodedata
from collections.abc import AsyncIterator
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from sqlalchemy import case, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from bench.peers.tables import Membership, Project, Task, sessions

MEMBER = os.environ["BENCH_MEMBER"]
NESTED = 10


class Model(BaseModel):
    model_config = ConfigDict(from_attributes=True, alias_generator=to_camel, populate_by_name=True)


class Preferences(Model):
    theme: str
    language: str
    notifications: list[str]
    digest: str
    quiet: bool


class PersonOut(Model):
    id: str
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
    preferences: Preferences
    created_at: dt.datetime
    updated_at: dt.datetime
    version: int


class TaskOut(Model):
    id: str
    project_id: str
    shot_id: str | None
    asset_id: str | None
    type_id: str | None
    title: str
    description: str | None
    department: str
    artist_id: str | None
    reviewer_id: str | None
    status: str
    priority: int
    bid: Decimal | None
    estimate: Decimal | None
    start: dt.date | None
    deadline: dt.datetime | None
    review_note: str | None
    started_at: dt.datetime | None
    approved_at: dt.datetime | None
    completed_at: dt.datetime | None
    spent: Decimal | None
    is_late: bool
    created_at: dt.datetime
    updated_at: dt.datetime
    version: int


class TaskWithArtist(TaskOut):
    artist: PersonOut | None


class Resolution(Model):
    width: int
    height: int
    pixel_aspect: str


class DriveMapping(Model):
    working_files: str
    render_outputs: str


class ProjectOut(Model):
    id: str
    code: str
    name: str
    status: str
    start: dt.date | None
    deadline: dt.date | None
    frame_rate: Decimal
    resolution: Resolution
    colour_space: str
    drive_mapping: DriveMapping | None
    client: str | None
    description: str | None
    task_count: int
    created_at: dt.datetime
    updated_at: dt.datetime
    version: int
    tasks: list[TaskWithArtist]


class Pagination(Model):
    limit: int
    next_cursor: str | None
    prev_cursor: str | None = None
    has_more: bool


class Meta(Model):
    request_id: str
    pagination: Pagination | None = None


class OneTask(Model):
    data: TaskOut
    meta: Meta


class Tasks(Model):
    data: list[TaskOut]
    meta: Meta


class Projects(Model):
    data: list[ProjectOut]
    meta: Meta


class Key(Model):
    status: str
    department: str


class OfBid(Model):
    bid: Decimal | None


class OfDeadline(Model):
    deadline: dt.datetime | None


class Group(Model):
    group: Key
    count: int
    sum: OfBid
    avg: OfBid
    min: OfDeadline
    max: OfDeadline


class Groups(Model):
    data: list[Group]
    meta: Meta


class TaskIn(Model):
    project_id: str
    title: str
    department: str


class TaskPatch(Model):
    priority: int | None = None


async def session() -> AsyncIterator[AsyncSession]:
    async with sessions() as opened:
        yield opened


Session = Annotated[AsyncSession, Depends(session)]
app = FastAPI()


def meta(limit: int | None = None, cursor: str | None = None) -> Meta:
    pagination = limit and Pagination(limit=limit, next_cursor=cursor, has_more=cursor is not None)
    return Meta(request_id="req_" + secrets.token_hex(12), pagination=pagination or None)


@app.get("/api/v1/tasks/{task_id}")
async def read_task(task_id: str, db: Session) -> OneTask:
    task = await db.get(Task, task_id)
    if task is None:
        raise HTTPException(404)
    return OneTask(data=TaskOut.model_validate(task), meta=meta())


@app.get("/api/v1/tasks")
async def list_tasks(
    db: Session,
    project: str | None = None,
    status: str | None = None,
    cursor: str | None = None,
    q: str | None = None,
    limit: int = 50,
) -> Tasks:
    if q:
        return await search_tasks(db, unicodedata.normalize("NFKC", q).casefold(), limit)
    query = select(Task).order_by(Task.created_at.desc(), Task.id.desc()).limit(limit + 1)
    if project:
        query = query.where(Task.project_id == project)
    else:
        query = query.where(
            Task.project_id.in_(select(Membership.project_id).where(Membership.person_id == MEMBER))
        )
    if status:
        query = query.where(Task.status == status)
    if cursor:
        at, last = cursor.split("|")
        query = query.where(tuple_(Task.created_at, Task.id) < (dt.datetime.fromisoformat(at), last))
    rows = (await db.scalars(query)).all()
    data = [TaskOut.model_validate(row) for row in rows[:limit]]
    if not project:
        for row in data:
            row.bid = row.estimate = row.spent = row.review_note = None
    more = None
    if len(rows) > limit:
        last_row = rows[limit - 1]
        more = f"{last_row.created_at.strftime('%Y-%m-%dT%H:%M:%S.%fZ')}|{last_row.id}"
    return Tasks(data=data, meta=meta(limit, more))


async def search_tasks(db: AsyncSession, text: str, limit: int) -> Tasks:
    texts = (Task.title_folded, Task.description_folded)
    degrees = [
        lambda found: found == text,
        lambda found: found.startswith(text, autoescape=True),
        lambda found: or_(*(found.contains(mark + text, autoescape=True) for mark in " -_./,:;()")),
        lambda found: found.contains(text, autoescape=True),
    ]
    ranks = [(holds(found), degree * 2 + place) for degree, holds in enumerate(degrees)
             for place, found in enumerate(texts)]  # fmt: skip
    lengths = [(found.contains(text, autoescape=True), func.length(found)) for found in texts]
    query = select(Task).where(or_(*(found.contains(text, autoescape=True) for found in texts)))
    rows = (await db.scalars(query.order_by(case(*ranks), case(*lengths), Task.id).limit(limit + 1))).all()
    data = [TaskOut.model_validate(row) for row in rows[:limit]]
    return Tasks(data=data, meta=meta(limit, str(limit) if len(rows) > limit else None))


@app.get("/api/v1/projects")
async def list_projects(db: Session, limit: int = 20) -> Projects:
    data = []
    for project in (await db.scalars(select(Project).order_by(Project.id).limit(limit))).all():
        query = select(Task).where(Task.project_id == project.id).options(selectinload(Task.artist))
        newest = query.order_by(Task.created_at.desc(), Task.id.desc())
        tasks = (await db.scalars(newest.limit(NESTED))).all()
        columns = {name: getattr(project, name) for name in ProjectOut.model_fields if name != "tasks"}
        data.append(ProjectOut(**columns, tasks=[TaskWithArtist.model_validate(task) for task in tasks]))
    return Projects(data=data, meta=meta(limit))


@app.get("/api/v1/projects/{project_id}/tasks")
async def group_tasks(project_id: str, db: Session, limit: int = 100) -> Groups:
    query = (
        select(
            Task.status,
            Task.department,
            func.count().label("number"),
            func.sum(Task.bid).label("total"),
            func.min(Task.deadline).label("first"),
            func.max(Task.deadline).label("last"),
        )
        .where(Task.project_id == project_id)
        .group_by(Task.status, Task.department)
        .order_by(Task.status, Task.department)
        .limit(limit + 1)
    )
    data = [
        Group(
            group=Key(status=row.status, department=row.department),
            count=row.number,
            sum=OfBid(bid=row.total),
            avg=OfBid(bid=(row.total / row.number).quantize(Decimal("0.01"), ROUND_HALF_UP)),
            min=OfDeadline(deadline=row.first),
            max=OfDeadline(deadline=row.last),
        )
        for row in (await db.execute(query)).all()
    ]
    page = Meta(
        request_id="req_" + secrets.token_hex(12),
        pagination=Pagination(limit=limit, next_cursor=None, has_more=len(data) > limit),
    )
    return Groups(data=data[:limit], meta=page)


@app.post("/api/v1/tasks", status_code=201)
async def create_task(body: TaskIn, db: Session) -> OneTask:
    now = dt.datetime.now(dt.UTC)
    task = Task(
        id="task_" + secrets.token_hex(13),
        project_id=body.project_id,
        title=body.title,
        title_folded=unicodedata.normalize("NFKC", body.title).casefold(),
        department=body.department,
        status="not_started",
        priority=5,
        bid=Decimal(0),
        created_at=now,
        updated_at=now,
        version=1,
    )
    db.add(task)
    await db.commit()
    await db.refresh(task)
    return OneTask(data=TaskOut.model_validate(task), meta=meta())


@app.patch("/api/v1/tasks/{task_id}")
async def update_task(task_id: str, body: TaskPatch, db: Session) -> OneTask:
    task = await db.get(Task, task_id)
    if task is None:
        raise HTTPException(404)
    for name, value in body.model_dump(exclude_unset=True).items():
        setattr(task, name, value)
    task.version += 1
    task.updated_at = dt.datetime.now(dt.UTC)
    await db.commit()
    await db.refresh(task)
    return OneTask(data=TaskOut.model_validate(task), meta=meta())

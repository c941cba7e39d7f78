"""The demo's tables for SQLAlchemy's ORM: what the peers that are written with it declare."""

import datetime as dt
import os
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, ForeignKey, String, func, select
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, mapped_column, relationship
from sqlalchemy.types import Date, TypeDecorator

URL = os.environ["BENCH_DATABASE_URL"]
POSTGRES = URL.startswith("postgres")
DRIVER = URL.replace("postgresql://", "postgresql+asyncpg://", 1).replace(
    "sqlite://", "sqlite+aiosqlite://", 1
)

engine = create_async_engine(DRIVER)
sessions = async_sessionmaker(engine, expire_on_commit=False)


class Scaled(TypeDecorator[Decimal]):
    """A decimal kept as a whole number of its smallest parts."""

    impl = BigInteger
    cache_ok = True

    def __init__(self, places: int) -> None:
        super().__init__()
        self.places = places

    def process_bind_param(self, value: Any, dialect: Any) -> Any:
        return None if value is None else int(value.scaleb(self.places))

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return None if value is None else Decimal(int(value)).scaleb(-self.places)


class Moment(TypeDecorator[dt.datetime]):
    """A moment; in SQLite a text of fixed form."""

    impl = DateTime(timezone=True) if POSTGRES else String
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> Any:
        return value if POSTGRES or value is None else value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return dt.datetime.fromisoformat(value) if isinstance(value, str) else value


class Base(DeclarativeBase):
    pass


class Stamped:
    created_at: Mapped[dt.datetime] = mapped_column(Moment)
    updated_at: Mapped[dt.datetime] = mapped_column(Moment)
    version: Mapped[int] = mapped_column(BigInteger)


class Person(Stamped, Base):
    __tablename__ = "people"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    login: Mapped[str]
    title: Mapped[str | None]
    bio: Mapped[str | None]
    skills: Mapped[list[str]] = mapped_column(JSON)
    time_zone: Mapped[str]
    email: Mapped[str | None]
    phone: Mapped[str | None]
    location: Mapped[str | None]
    birthday: Mapped[dt.date | None] = mapped_column(Date)
    website: Mapped[str | None]
    public: Mapped[list[str]] = mapped_column(JSON)
    preferences: Mapped[dict[str, Any]] = mapped_column(JSON)


class Membership(Base):
    __tablename__ = "memberships"
    id: Mapped[str] = mapped_column(primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id"))


class TimeLog(Base):
    __tablename__ = "time_logs"
    id: Mapped[str] = mapped_column(primary_key=True)
    task_id: Mapped[str] = mapped_column(ForeignKey("tasks.id"))
    date: Mapped[dt.date] = mapped_column(Date)
    hours: Mapped[Decimal] = mapped_column(Scaled(2))
    note: Mapped[str | None]
    deleted_at: Mapped[dt.datetime | None] = mapped_column(Moment)


class Task(Stamped, Base):
    __tablename__ = "tasks"
    id: Mapped[str] = mapped_column(primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    shot_id: Mapped[str | None]
    asset_id: Mapped[str | None]
    type_id: Mapped[str | None]
    title: Mapped[str]
    title_folded: Mapped[str]
    description: Mapped[str | None]
    description_folded: Mapped[str | None]
    department: Mapped[str]
    artist_id: Mapped[str | None] = mapped_column(ForeignKey("people.id"))
    reviewer_id: Mapped[str | None]
    status: Mapped[str]
    priority: Mapped[int] = mapped_column(BigInteger)
    bid: Mapped[Decimal] = mapped_column(Scaled(2))
    estimate: Mapped[Decimal | None] = mapped_column(Scaled(2))
    start: Mapped[dt.date | None] = mapped_column(Date)
    deadline: Mapped[dt.datetime | None] = mapped_column(Moment)
    review_note: Mapped[str | None]
    started_at: Mapped[dt.datetime | None] = mapped_column(Moment)
    approved_at: Mapped[dt.datetime | None] = mapped_column(Moment)
    completed_at: Mapped[dt.datetime | None] = mapped_column(Moment)
    artist: Mapped[Person | None] = relationship()

    @property
    def is_late(self) -> bool:
        if self.deadline is None or self.status in ("approved", "completed"):
            return False
        return self.deadline < dt.datetime.now(dt.UTC)


Task.spent = column_property(
    select(func.coalesce(func.sum(TimeLog.hours), Decimal(0), type_=Scaled(2)))
    .where(TimeLog.task_id == Task.id)
    .correlate_except(TimeLog)
    .scalar_subquery()
)


class Project(Stamped, Base):
    __tablename__ = "projects"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    status: Mapped[str]
    start: Mapped[dt.date | None] = mapped_column(Date)
    deadline: Mapped[dt.date | None] = mapped_column(Date)
    frame_rate: Mapped[Decimal] = mapped_column(Scaled(3))
    resolution: Mapped[dict[str, Any]] = mapped_column(JSON)
    colour_space: Mapped[str]
    drive_mapping: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    client: Mapped[str | None]
    description: Mapped[str | None]

    @property
    def code(self) -> str:
        return self.id


Project.task_count = column_property(
    select(func.count(Task.id)).where(Task.project_id == Project.id).correlate_except(Task).scalar_subquery()
)

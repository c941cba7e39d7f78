"""Each line that ends in a comment "error" must be refused by both type checkers, and no other line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from headwater import Batched, Field, Reader, Ref, Resource, Tx, allow, batched, field, key, ref, report


class Status(StrEnum):
    OPEN = "open"


class Project(Resource):
    code: Field[str] = key()


class Task(Resource):
    project: Ref[Project] = ref()
    status: Field[Status] = field(default=Status.OPEN)
    bid: Field[Decimal] = field(places=2, default=Decimal(0))
    day: Field[date | None] = field(default=None)
    at: Field[datetime | None] = field(default=None)


@report(Project)  # error
async def of_another(task: Task, reader: Reader) -> int:
    return 0


@report(Project)  # error
async def with_a_tx(project: Project, tx: Tx, reader: Reader) -> int:
    return 0


@report(Project)  # error
def no_coroutine(project: Project, reader: Reader) -> int:
    return 0


@report(Project, rights="everything")  # error
async def wrong_rights(project: Project, reader: Reader) -> int:
    return 0


@report(when=lambda actor: Project.code == "x")  # error
async def free(reader: Reader) -> int:
    return 0


async def read(reader: Reader) -> None:
    counts: list[tuple[Status, str]] = await reader.group(Task.status, Task.count())  # error
    days: list[tuple[date, int]] = await reader.group(Task.day, Task.count())  # error
    total: tuple[int] = await reader.aggregate(Task.bid.sum())  # error
    mean: tuple[Decimal] = await reader.aggregate(Task.bid.avg())  # error
    await reader.aggregate(Task.bod.sum())  # error
    named: list[tuple[Status, int]] = await reader.values(Task.status, Task.bid)  # error
    dated: list[tuple[date]] = await reader.values(Task.day)  # error
    await reader.values(Task.bod)  # error
    await reader.aggregate(Task.count(where=Task.bid))  # error
    await reader.aggregate(Task.count(), where=Task.bid == "x")  # error
    await reader.group(Task.status)  # error
    await reader.create(Task(project="SWA"))  # error
    print(counts, days, total, mean, named, dated, Task.at - Task.at + 1)  # error


async def texts(tasks: Sequence[Task], reader: Reader) -> list[str]:
    return [task.bod for task in tasks]  # error


def no_coroutine_either(tasks: Sequence[Task], reader: Reader) -> list[str]:
    return ["x"]


class Shown(Resource):
    wrong_type: Batched[int] = batched(lambda: texts)  # error
    wrong_form: Field[str] = batched(lambda: texts)  # error
    wrong_function: Batched[str] = batched(lambda: no_coroutine_either)  # error
    right: Batched[str] = batched(lambda: texts)


allow(Shown, "read", when=lambda actor: Shown.right == "x")  # error
Shown(right="x")  # error

"""Each line that ends in a comment "error" must be refused by both type checkers, and no other line.

Where the comment names one, the other does not see it; `build()` refuses what they miss.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from headwater import (
    CurrentActor,
    Expression,
    Field,
    Many,
    Ref,
    Resource,
    action,
    allow,
    check,
    field,
    index,
    key,
    many,
    mask,
    ref,
    unique,
)


class Status(StrEnum):
    OPEN = "open"


class Person(Resource):
    name: Field[str]


class Project(Resource):
    code: Field[str] = key()
    tags: Field[list[str]] = field(default_factory=list)
    members: Many[Membership] = many(lambda: Membership.project)


class Membership(Resource):
    project: Ref[Project] = ref()
    person: Ref[Person] = ref()
    role: Field[str]


class Task(Resource):
    title: Field[str]
    project: Ref[Project] = ref()
    status: Field[Status] = field(default=Status.OPEN)
    bid: Field[Decimal] = field(places=2, default=Decimal(0))

    @action(when=lambda actor: Task.titel == "x")  # error
    async def approve(self, tx: object) -> None:
        """Sign it off."""

    @action(who="x")  # error
    async def reject(self, tx: object) -> None:
        """Send it back."""


def mine(actor: CurrentActor) -> Expression[bool]:
    return Task.project.members.any(Membership.person == actor.id)


allow(Task, "read", when=mine)
allow(Task, "read", when=lambda actor: Task.titel == "x")  # error
allow(Task, "read", when=lambda actor: Task.title == 1)  # error
allow(Task, "read", when=lambda actor: Task.status == "open")  # error
allow(Task, "read", when=lambda actor: Task.status == Status.DONE)  # error
allow(Task, "read", when=lambda actor: Task.project.nam == "x")  # error
allow(Task, "read", when=lambda actor: Task.project.membres.any())  # error
allow(Task, "read", when=lambda actor: Task.project.members.any(Membership.persn == actor.id))  # error
allow(Task, "read", when=lambda actor: Task.project.members.person == actor.id)  # error
allow(Task, "read", when=lambda actor: Task.project == 5)  # error
allow(Task, "read", when=lambda actor: actor.name == "x")  # error
allow(Task, "read", when=lambda actor: Task.title)  # error
allow(Task, "read", when=mine, too="x")  # error
allow("Task", "read")  # error
check(Task, lambda: Task.bid > "x", message="x")  # error
check(Task, lambda: Task.bid > Decimal(0))  # error
mask(Task.bod, unless="admin")  # error
mask(Task.bid)  # error
unique(Task.project, Task.code)  # error
index(Task.project, "title")  # error
Task.title + Task.title  # error in basedpyright
Task.bid.contains("x")  # error
Task.title.has("x")  # error
Project.tags.has(3)  # error
Task.title.sum()  # error in basedpyright
Task.status.in_(["open"])  # error

"""Each line that ends in a comment "error" must be refused by both type checkers, and no other line."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum

from headwater import (
    Computed,
    Embedded,
    Field,
    OptRef,
    Ref,
    Resource,
    computed,
    field,
    key,
    optref,
    ref,
    stamp,
    state,
)


class Status(StrEnum):
    OPEN = "open"
    DONE = "done"


class Person(Resource):
    name: Field[str]


class Drives(Embedded):
    path: Field[str] = field()


class Project(Resource):
    code: Field[str] = key()
    name: Field[str | None] = field(default=None)


class Task(Resource):
    title: Field[str] = field(max_length=200)
    project: Ref[Project] = ref()
    artist: OptRef[Person] = optref(default=None)
    status: Field[Status] = state(default=Status.OPEN, moves={Status.OPEN: [Status.DONE]})
    bid: Field[Decimal] = field(places=2, default=Decimal(0))
    day: Field[date | None] = field(default=None)
    double: Computed[Decimal] = computed(lambda: Task.bid * Decimal(2))


class Declared(Resource):
    wrong_default: Field[int] = field(default="x")  # error
    wrong_factory: Field[int] = field(default_factory=str)  # error
    wrong_option: Field[int] = field(maxlength=3)  # error
    wrong_state: Field[Status] = state(default="opne", moves={})  # error
    wrong_move: Field[Status] = state(default=Status.OPEN, moves={Status.OPEN: [Status.CLOSED]})  # error
    wrong_form: Ref[Person] = field()  # error
    wrong_stamp: Field[bool] = stamp(lambda: Task.title == "x")  # error
    wrong_delete: Ref[Person] = ref(on_delete="ignore")  # error


Task(title="x", project="SWA", artist=Person(name="x"), status=Status.DONE)
Task(titel="x", title="x", project="SWA")  # error
Task(project="SWA")  # error
Task(title=1, project="SWA")  # error
Task(title="x", project=Person(name="x"))  # error
Task(title="x", project=None)  # error
Task(title="x", project="SWA", status="done")  # error
Task(title="x", project="SWA", status=Status.CLOSED)  # error
Task(title="x", project="SWA", double=Decimal(1))  # error
Task(title="x", project="SWA", version=1)  # error
Task("x", project="SWA")  # error
Drives()  # error
Drives(path=1)  # error
Drives(path="x").path = "y"  # error


def act(task: Task) -> None:
    task.title = "y"
    task.day = None
    task.artist = None
    task.artist = Person(name="x")
    task.title = 1  # error
    task.title = None  # error
    task.titel = "y"  # error
    task.status = "done"  # error
    task.double = Decimal(1)  # error
    task.version = 2  # error
    task.project = None  # error
    task.artist = Project(code="SWA")  # error
    length: int = task.day  # error
    print(task.titel, length)  # error

"""What authors' functions ask with their caller's rights: rows, orders, sums and groups, drawn anew for each seed."""

import random
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Protocol

from headwater import Fault, Reader, case, coalesce, desc


class Classes(Protocol):
    """The resources of a world."""

    Person: Any
    Project: Any
    Membership: Any
    Task: Any
    Note: Any


def looks_into_the_trash(seed: int) -> bool:
    """Whether a probe may ask for what is in the trash."""
    return seed % 3 == 0


async def probe(reader: Reader, seed: int, of: Classes, *subject: Any) -> list[str]:
    """What a reader says to a few questions, about a row if there is one."""
    draw = random.Random(seed)
    said = [_facts(row) for row in subject]
    for _ in range(3):
        name = draw.choice(["Person", "Project", "Membership", "Task", "Task", "Note"])
        cls = getattr(of, name)
        where = _condition(draw, name, of, subject)
        asking = draw.random()
        try:
            if asking < 0.35:
                sums = draw.sample(_sums(name, of, _condition(draw, name, of, subject)), 3)
                said.append(repr(await reader.aggregate(*sums, where=where)))
            elif asking < 0.65:
                keys = draw.sample(_keys(name, of), draw.choice([1, 1, 2]))
                sums = draw.sample(_sums(name, of, _condition(draw, name, of, subject)), 2)
                order = [desc(sums[0])] if draw.random() < 0.5 else []
                limit = draw.choice([1, 2, 100])
                said.append(repr(await reader.group(*keys, *sums, where=where, sort=order, limit=limit)))  # type: ignore[call-overload]
            elif asking < 0.9:
                order = draw.sample(_keys(name, of), draw.choice([0, 1, 2]))
                order = [desc(key) if draw.random() < 0.5 else key for key in order]
                trashed = name in ("Task", "Note") and looks_into_the_trash(seed) and draw.random() < 0.9
                ask = reader.trashed if trashed else reader.select
                rows = await ask(cls, where, sort=order, limit=draw.choice([1, 3, 100]))
                said.append(repr([_facts(row) for row in rows]))
            else:
                row = await reader.find(cls, where)
                said.append(repr(row and _facts(await reader.get(cls, row.id))))
        except Fault as fault:
            said.append(f"{fault.code}: {fault}")
    return said


def _facts(row: Any) -> str:
    return repr(sorted(row.__dict__["_values"].items()))


def _condition(draw: random.Random, name: str, of: Classes, subject: Sequence[Any]) -> Any:
    found = draw.choice(_conditions(name, of, draw, subject))
    if draw.random() < 0.3:
        other = draw.choice(_conditions(name, of, draw, subject))
        found = found & other if draw.random() < 0.5 else found | other
    return ~found if draw.random() < 0.2 else found


def _conditions(name: str, of: Classes, draw: random.Random, subject: Sequence[Any]) -> list[Any]:
    person = f"person_{draw.randrange(1, 9):026d}"
    called = draw.choice(["P0", "P1", "P3", "P9", "nobody", "someone", "NAA", "Naïve", "elsewhere"])
    text = draw.choice(["good", "no", "roto?", "comp"])
    bid = draw.choice([Decimal("2.00"), Decimal("777.00"), Decimal("0.01")])
    role = draw.choice(["lead", "artist"])
    Person, Project, Membership, Task, Note = of.Person, of.Project, of.Membership, of.Task, of.Note
    found = {
        "Person": [
            Person.name == called,
            Person.tasks.any(Task.bid >= bid),
            Person.tasks.count() > 1,
            Person.tasks.sum(Task.bid) > bid,
            Person.memberships.any((Membership.role == role) & (Membership.project.name == called)),
            Person.tasks.every(Task.notes.none(Note.text.contains(text))),
        ],
        "Project": [
            Project.name == called,
            Project.people.any(Person.name == called),
            Project.people.count() > 1,
            Project.members.any(Membership.role == role),
            Project.tasks.any((Task.artist == person) | Task.notes.any(Note.text == text)),
            Project.tasks.max(Task.bid) > bid,
        ],
        "Membership": [
            Membership.role == role,
            Membership.person.name == called,
            Membership.project.people.any(Person.id == person),
            Membership.project.tasks.count(Task.artist == person) > 0,
        ],
        "Task": [
            Task.artist == person,
            Task.artist.name == called,
            Task.artist.is_null(),
            Task.bid > bid,
            Task.bid.is_null(),
            Task.project.name.contains(called[:2]),
            Task.project.people.any(Person.name == called),
            Task.project.members.any((Membership.role == role) & (Membership.person == person)),
            Task.notes.any(Note.text == text),
            Task.notes.count() > 0,
            Task.artist.tasks.count() > 1,
            coalesce(Task.bid, Decimal("5.00")) < bid,
            case(Task.urgent, Task.artist.name, Task.title) >= called,
        ],
        "Note": [
            Note.text.contains(text[:2]),
            Note.author.name == called,
            Note.task.bid > bid,
            Note.task.artist.name == called,
            Note.task.project.people.any(Person.name == called),
            Note.task.notes.any(Note.author == person),
        ],
    }[name]
    if subject and type(subject[0]).__name__ == "Task" and name == "Note":
        found.append(Note.task == subject[0].id)
    if subject and type(subject[0]).__name__ == "Project" and name in ("Task", "Membership"):
        found.append(getattr(of, name).project == subject[0].id)
    return found


def _keys(name: str, of: Classes) -> list[Any]:
    Person, Project, Membership, Task, Note = of.Person, of.Project, of.Membership, of.Task, of.Note
    return {
        "Person": [Person.name, Person.created_at],
        "Project": [Project.name, Project.public],
        "Membership": [Membership.role, Membership.person.name, Membership.project.name],
        "Task": [Task.bid, Task.artist.name, Task.artist.id, Task.project.name, Task.priority, Task.deadline],
        "Note": [Note.text, Note.author.name, Note.task.bid, Note.task.artist.name, Note.task.project.name],
    }[name]


def _sums(name: str, of: Classes, where: Any) -> list[Any]:
    Person, Project, Membership, Task, Note = of.Person, of.Project, of.Membership, of.Task, of.Note
    return {
        "Person": [
            Person.count(),
            Person.count(where=where),
            Person.name.max(),
            Person.name.count_distinct(),
        ],
        "Project": [Project.count(), Project.count(where=where), Project.name.min(), Project.name.count()],
        "Membership": [
            Membership.count(),
            Membership.count(where=where),
            Membership.role.max(),
            Membership.person.name.count_distinct(),
        ],
        "Task": [
            Task.count(),
            Task.count(where=where),
            Task.bid.sum(),
            Task.bid.avg(where=where),
            Task.bid.max(),
            Task.artist.name.min(),
            Task.artist.name.count_distinct(where=where),
            Task.project.name.max(),
            Task.artist.id.count(),
        ],
        "Note": [Note.count(), Note.text.max(), Note.task.bid.sum(where=where), Note.author.name.count()],
    }[name]

"""The production product on little data, and what each person may see of it, worked out row by row in Python."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from headwater.base.call import Actor
from headwater.db.base import Store
from headwater.declare import build
from headwater.engine.schema import Schema
from headwater.ir.model import Field, Relation, Resource
from headwater_products.people import Person
from headwater_products.production import RESOURCES, Department, ProjectStatus, ShotStatus, TaskStatus
from tests.bulk import insert

MODEL = build([Person, *RESOURCES])
NOW = datetime.now(UTC)
START = datetime(2026, 1, 5, 9, tzinfo=UTC)
MANAGERS = ("supervisor", "coordinator")
CREW = (*MANAGERS, "artist")

Row = dict[str, Any]


def user(id: str) -> Actor:
    return Actor(id, roles=frozenset({"guest", "user"}))


def new_row(name: str, number: int, values: Mapping[str, Any], created: datetime = START) -> Row:
    """A row of a resource with everything that it stores."""
    resource = MODEL.resources[name]
    row: Row = {f.name: f.default() if f.default else None for f in resource.fields.values() if f.column}
    row |= {"created_at": created, "updated_at": created, "version": 1, **values}
    row["id"] = row[resource.key] if resource.natural else f"{resource.prefix}_{number:026d}"
    return row


ADMIN = Actor(
    "user_admin", roles=frozenset({"guest", "user", "editor", "admin"}), permissions=frozenset({"admin:*"})
)
PEOPLE = ("lead", "artist", "client", "stranger")
ACTORS = {name: user(f"user_{n:026d}") for n, name in enumerate(PEOPLE)}
ACTORS["admin"] = ADMIN


@dataclass
class Studio:
    """All rows, and the naive answers about them."""

    rows: dict[str, dict[str, Row]]

    # -- rules ------------------------------------------------------------------------------------------------

    def roles(self, actor: Actor, project: str) -> set[str]:
        return {
            m["role"]
            for m in self.rows["Membership"].values()
            if m["project"] == project and m["person"] == actor.id
        }

    def visible(self, actor: Actor, name: str, row: Row) -> bool:
        if actor is ADMIN or name == "Person":
            return True
        match name:
            case "Project":
                return bool(self.roles(actor, row["id"]))
            case "Membership":
                takes_part = bool(self.roles(actor, row["project"]) & set(CREW))
                return takes_part or row["person"] == actor.id
            case "TimeLog":
                project = self.rows["Task"][row["task"]]["project"]
                return bool(self.roles(actor, project) & set(CREW))
        return bool(self.roles(actor, row["project"]))

    def value(self, actor: Actor, name: str, row: Row, field: str) -> Any:
        """A field as the actor sees it."""
        if name == "Task" and actor is not ADMIN:
            roles = self.roles(actor, row["project"])
            if (field == "bid" and not roles & set(MANAGERS)) or (
                field in ("spent", "review_note") and not roles & set(CREW)
            ):
                return None
        match name, field:
            case "Project", "task_count":
                return sum(t["project"] == row["id"] for t in self.rows["Task"].values())
            case "Task", "spent":
                logs = (log["hours"] for log in self.rows["TimeLog"].values() if log["task"] == row["id"])
                return sum(logs, Decimal("0.00"))
            case "Task", "is_late":
                over = row["status"] in ("approved", "completed")
                return row["deadline"] is not None and row["deadline"] < NOW and not over
        return row[field]

    # -- ways -------------------------------------------------------------------------------------------------

    def behind(self, actor: Actor, row: Row, relation: Relation, name: str) -> list[Row]:
        """The visible rows behind a relation of a row of a resource."""
        target = self.rows[relation.target]
        if relation.kind == "one":
            key = self.value(actor, name, row, relation.field)
            found = [] if key is None else [target[key]]
        else:
            assert relation.kind == "many"
            found = [other for other in target.values() if other[relation.field] == row["id"]]
        return [other for other in found if self.visible(actor, relation.target, other)]

    def reach(self, actor: Actor, name: str, row: Row, path: tuple[str, ...]) -> Iterator[Any]:
        """What is at the end of a path: one value, or one for each row behind a to-many relation."""
        hop, *rest = path
        if not rest:
            yield self.value(actor, name, row, hop)
            return
        relation = MODEL.resources[name].relations[hop]
        found = self.behind(actor, row, relation, name)
        if not found and relation.kind == "one":
            yield None
        for other in found:
            yield from self.reach(actor, relation.target, other, tuple(rest))


def shown(resource: Resource) -> list[Field]:
    return [f for f in resource.fields.values() if not f.internal]


async def new_studio(store: Store, draw: random.Random) -> Studio:
    """Three projects with a few rows each, many of them alike in what they are sorted by."""
    rows: dict[str, dict[str, Row]] = {name: {} for name in MODEL.resources}

    def add(name: str, values: Mapping[str, Any]) -> str:
        created = START + timedelta(minutes=draw.randrange(4))
        row = new_row(name, len(rows[name]), values, created)
        rows[name][row["id"]] = row
        return str(row["id"])

    people = [add("Person", {"name": name.title(), "login": name}) for name in PEOPLE]
    people += [
        add("Person", {"name": n, "login": f"x{i}"}) for i, n in enumerate(("Émile", "émile", "Zoë 100%"))
    ]
    lead, artist, client, _, *others = people
    members = {
        "AA": {lead: "supervisor", artist: "artist", others[0]: "coordinator"},
        "BB": {artist: "artist", client: "client_reviewer", others[1]: "supervisor"},
        "CC": {lead: "artist", client: "client_reviewer", others[2]: "artist"},
    }
    for code in members:
        project = {
            "code": code,
            "name": draw.choice(["Swan", "swan Lake", "Bees, and more"]),
            "status": draw.choice(list(ProjectStatus)),
            "deadline": draw.choice([None, date(2026, 5, 1)]),
            "frame_rate": Decimal("23.976"),
            "description": draw.choice([None, "", 'ÄÖ"\\\n']),
        }
        add("Project", project)
        for person, role in members[code].items():
            add("Membership", {"project": code, "person": person, "role": role})
        for number in range(2):
            sequence = add("Sequence", {"project": code, "code": f"SQ{number}"})
            for shot in range(2):
                values = {
                    "project": code,
                    "sequence": sequence,
                    "code": f"S{number}{shot}",
                    "frame_in": 1001,
                    "frame_out": 1001 + draw.randrange(3),
                    "status": draw.choice(list(ShotStatus)),
                }
                add("Shot", values)
        shots = [None, *(s["id"] for s in rows["Shot"].values() if s["project"] == code)]
        for _ in range(draw.randrange(5, 12)):
            values = {
                "project": code,
                "shot": draw.choice(shots),
                "title": draw.choice(["Comp", "comp b", "Léger", "Roto, twice", "Paint %_"]),
                "department": draw.choice(list(Department)),
                "artist": draw.choice([None, *members[code]]),
                "reviewer": draw.choice([None, lead]),
                "status": draw.choice(list(TaskStatus)),
                "priority": draw.randrange(4),
                "bid": draw.choice([Decimal("0.00"), Decimal("1.50"), Decimal("12.25")]),
                "start": draw.choice([None, date(2026, 2, 1), date(2026, 3, 1)]),
                "deadline": draw.choice(
                    [None, START, START + timedelta(microseconds=1), START.replace(year=2999)]
                ),
                "review_note": draw.choice([None, "Edges"]),
            }
            task = add("Task", values)
            for day in range(draw.randrange(3)):
                hours = Decimal(draw.randrange(1, 9)) / 4
                values = {
                    "task": task,
                    "person": draw.choice(list(members[code])),
                    "date": date(2026, 2, 1 + day),
                    "hours": hours.quantize(Decimal("0.01")),
                }
                add("TimeLog", values)
    schema = Schema(MODEL, store.dialect)
    for name in MODEL.resources:
        if rows[name]:
            await insert(store, schema, name, list(rows[name].values()))
    return Studio(rows)

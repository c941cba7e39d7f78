"""The production product on little data, and what each person may see of it, worked out row by row in Python."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from headwater.base.call import Actor
from headwater.db.base import Store
from headwater.declare import build
from headwater.engine.schema import Schema
from headwater.ir.model import Field, Relation, Resource
from headwater_products.people import RESOURCES as PEOPLE
from headwater_products.production import RESOURCES, Department, ProjectStatus, ShotStatus, TaskStatus
from tests.bulk import analyse, insert

MODEL = build([*PEOPLE, *RESOURCES])
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
        if actor is ADMIN or name in ("Person", "TaskType", "Achievement"):
            return True
        match name:
            case "Block" | "Activity":
                return bool(row["person"] == actor.id)
            case "Award" | "Progress":
                what = "achievements" if name == "Award" else "progress"
                return self.shows(actor, self.rows["Person"][row["person"]], what)
            case "AssetUse":
                return bool(self.roles(actor, self.rows["Shot"][row["shot"]]["project"]))
            case "Dependency":
                return bool(self.roles(actor, self.rows["Task"][row["task"]]["project"]) & set(CREW))
            case "Project":
                return bool(self.roles(actor, row["id"]))
            case "Membership":
                takes_part = bool(self.roles(actor, row["project"]) & set(CREW))
                return takes_part or row["person"] == actor.id
            case "TimeLog":
                project = self.rows["Task"][row["task"]]["project"]
                return bool(self.roles(actor, project) & set(CREW))
        return bool(self.roles(actor, row["project"]))

    def shows(self, actor: Actor, person: Row, what: str) -> bool:
        """Whether a person shows something private to the actor."""
        blocked = any(
            b["person"] == person["id"] and b["blocked"] == actor.id for b in self.rows["Block"].values()
        )
        return bool(person["id"] == actor.id) or (what in person["public"] and not blocked)

    def masked(self, actor: Actor, name: str, row: Row, field: str) -> bool:
        """Whether the actor may not read a field."""
        match name, field:
            case "Task", "bid":
                return not self.roles(actor, row["project"]) & set(MANAGERS)
            case "Task", "spent" | "review_note" | "estimate":
                return not self.roles(actor, row["project"]) & set(CREW)
            case "Project", "drive_mapping":
                return not self.roles(actor, row["id"]) & set(CREW)
            case "Membership", "weekly_hours":
                managed = self.roles(actor, row["project"]) & set(MANAGERS)
                return not managed and row["person"] != actor.id
            case "Person", "public" | "preferences":
                return bool(row["id"] != actor.id)
            case "Person", "email" | "phone" | "location" | "birthday":
                return not self.shows(actor, row, field)
        return False

    def value(self, actor: Actor, name: str, row: Row, field: str) -> Any:
        """A field as the actor sees it."""
        if actor is not ADMIN and self.masked(actor, name, row, field):
            return None
        match name, field:
            case "Project", "task_count":
                return sum(t["project"] == row["id"] for t in self.rows["Task"].values())
            case "Task", "spent":
                logs = (log["hours"] for log in self.rows["TimeLog"].values() if log["task"] == row["id"])
                return sum(logs, Decimal("0.00"))
            case "Shot", "frame_count":
                return row["frame_out"] - row["frame_in"] + 1
            case "Achievement", "award_count":
                return sum(a["achievement"] == row["id"] for a in self.rows["Award"].values())
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
        elif relation.kind == "through":
            assert relation.through is not None
            links = self.rows[relation.through].values()
            mine = [link for link in links if link[relation.field] == row["id"]]
            keys = {link[relation.far] for link in mine if self.visible(actor, relation.through, link)}
            found = [target[key] for key in sorted(keys)]
        else:
            found = [other for other in target.values() if other[relation.field] == row["id"]]
        return [other for other in found if self.visible(actor, relation.target, other)]

    def reach(self, actor: Actor, name: str, row: Row, path: tuple[str, ...]) -> Iterator[Any]:
        """What is at the end of a path: one value, or one for each row behind a to-many relation, of which a row
        without the reference that leads there has none."""
        hop, *rest = path
        if not rest:
            yield self.value(actor, name, row, hop)
            return
        relation = MODEL.resources[name].relations[hop]
        found = self.behind(actor, row, relation, name)
        if not found and relation.kind == "one" and not leads_to_many(relation.target, rest):
            yield None
        for other in found:
            yield from self.reach(actor, relation.target, other, tuple(rest))


def leads_to_many(name: str, path: Sequence[str]) -> bool:
    """Whether a path from a resource passes a to-many relation."""
    for hop in path[:-1]:
        relation = MODEL.resources[name].relations[hop]
        if relation.kind != "one":
            return True
        name = relation.target
    return False


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
    for person in people:
        rows["Person"][person] |= {
            "title": draw.choice([None, "Comp", "swan keeper"]),
            "email": draw.choice([None, "a@example.com"]),
            "location": draw.choice([None, "Bees", "é"]),
            "skills": draw.sample(["comp", "x", "S0"], draw.randrange(3)),
            "public": draw.sample(["email", "location", "achievements", "progress"], draw.randrange(5)),
            "preferences": {**rows["Person"][person]["preferences"], "theme": draw.choice(["light", "dark"])},
        }
    for person, blocked in ((lead, artist), (artist, lead), (client, others[0]), (others[0], artist)):
        add("Block", {"person": person, "blocked": blocked, "reason": draw.choice([None, "x"])})
    for code in ("first", "second"):
        add("Achievement", {"code": code, "product": "production", "name": "Comp " + code})
        for person in draw.sample(people, 3):
            add("Award", {"person": person, "achievement": code})
    for person in people[:5]:
        done = {"done": draw.randrange(3), "total": 3, "product": "learning", "topic": "comp"}
        add("Progress", {"person": person, **done})
        add("Activity", {"person": person, "product": "production", "verb": "approved", "subject": "Comp"})
    for department in ("fx", "lighting"):
        add("TaskType", {"code": department, "name": department.upper(), "department": department})
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
            "drive_mapping": draw.choice([None, {"workingFiles": "/w", "renderOutputs": "/r"}]),
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
        own = [s["id"] for s in rows["Shot"].values() if s["project"] == code]
        for number in range(2):
            values = {
                "project": code,
                "code": f"a{number}",
                "name": draw.choice(["Swan", "é"]),
                "type": "prop",
            }
            asset = add("Asset", values)
            for used in draw.sample(own, 2):
                add("AssetUse", {"shot": used, "asset": asset, "count": draw.randrange(1, 4)})
        built = [None, *(a["id"] for a in rows["Asset"].values() if a["project"] == code)]
        shots = [None, *(s["id"] for s in rows["Shot"].values() if s["project"] == code)]
        last = None
        for _ in range(draw.randrange(5, 12)):
            values = {
                "project": code,
                "shot": (shot := draw.choice(shots)),
                "asset": draw.choice(built) if shot is None else None,
                "type": draw.choice([None, "fx", "lighting"]),
                "estimate": draw.choice([None, Decimal("2.25")]),
                "started_at": draw.choice([None, START]),
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
            if last is not None and draw.random() < 0.5:
                add("Dependency", {"task": task, "needs": last, "lag_days": draw.randrange(3)})
            last = task
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


async def add_rows(store: Store, name: str, rows: Sequence[Row]) -> None:
    await insert(store, Schema(MODEL, store.dialect), name, rows)


async def fill(store: Store, sizes: Mapping[str, int], members: Mapping[str, Sequence[str]]) -> None:
    """Projects with many tasks each, all made in turn, so that no project's tasks lie together. `members` are the
    persons' names in `PEOPLE` by project."""
    draw = random.Random(1)
    people = [new_row("Person", n, {"name": name, "login": name}) for n, name in enumerate(PEOPLE)]
    await add_rows(store, "Person", people)
    ids = {row["name"]: row["id"] for row in people}
    projects = [new_row("Project", 0, {"code": code, "name": code}) for code in sizes]
    await add_rows(store, "Project", projects)
    joined = [
        new_row("Membership", n, {"project": code, "person": ids[name], "role": "artist"})
        for n, (code, name) in enumerate((code, name) for code, names in members.items() for name in names)
    ]
    if joined:
        await add_rows(store, "Membership", joined)
    sequences = [new_row("Sequence", n, {"project": code, "code": "SQ"}) for n, code in enumerate(sizes)]
    await add_rows(store, "Sequence", sequences)
    shots = [
        new_row("Shot", 10 * n + shot, {"project": s["project"], "sequence": s["id"], "code": f"S{shot}",
                                        "frame_in": 1, "frame_out": 2})
        for n, s in enumerate(sequences)
        for shot in range(5)
    ]  # fmt: skip
    await add_rows(store, "Shot", shots)
    shots_of = {code: [s["id"] for s in shots if s["project"] == code] for code in sizes}
    left = [code for code, size in sizes.items() for _ in range(size)]
    draw.shuffle(left)
    artists, statuses = [None, *ids.values()], list(TaskStatus)
    for first in range(0, len(left), 50_000):
        tasks = [
            new_row(
                "Task",
                number,
                {
                    "project": code,
                    "shot": draw.choice([None, *shots_of[code]]),
                    "title": "Comp",
                    "department": Department.FX,
                    "artist": draw.choice(artists),
                    "status": draw.choice(statuses),
                    "priority": draw.randrange(10),
                    "deadline": draw.choice([None, START + timedelta(hours=draw.randrange(1000))]),
                },
                START + timedelta(seconds=number // 3),
            )
            for number, code in enumerate(left[first : first + 50_000], first)
        ]
        await add_rows(store, "Task", tasks)
    await analyse(store)

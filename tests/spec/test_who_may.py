"""Who may do what in the demo product: each route, as each kind of caller, on rows of each kind.

What is expected is written down here by hand, and worked out from nothing that the product declares. A route that the
tables do not know fails the test: say there who may use it.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from headwater.engine.schema import Schema
from headwater.http.routes import Route
from headwater.testing import Client, client
from headwater_products.demo import app as demo
from tests.spec.callers import CALLERS, ROLES, sign_up_each
from tests.spec.production import Row, new_row
from tests.spec.worlds import become

# -- the tables -----------------------------------------------------------------------------------------------
#
# anybody     who has signed in
# member      has a role in the row's project: crew, or client reviewer
# crew        is a manager or artist of the project
# manager     supervises or coordinates it
# supervisor  supervises it
# own         the row is about them: their profile, membership, task or hours
# reviewing   is the task's reviewer
# client      reviews the project for the client
# editor      has the role editor
#
# All words of one alternative must hold. Admins may do everything; what is not here, nobody else.

RUN_BY_MANAGERS = {
    "read": "member", "create": "manager", "update": "manager", "replace": "manager", "delete": "manager"
}  # fmt: skip
RUN_BY_EDITORS = {
    "read": "anybody", "create": "editor", "update": "editor", "replace": "editor", "delete": "editor"
}  # fmt: skip

WHO: dict[str, dict[str, str]] = {
    # The login is locked: a replacement leaves it as it is.
    "people": {"read": "anybody", "update": "own", "replace": "own", "update login": ""},
    "blocks": {"read": "own", "create": "own", "update": "own", "replace": "own", "delete": "own"},
    "achievements": RUN_BY_EDITORS,
    "awards": RUN_BY_EDITORS | {"read": "own | editor"},
    "progress": {"read": "own"},
    "activities": {"read": "own"},
    "projects": {
        "read": "member",
        "update": "manager",
        "replace": "manager",
        "schedule": "crew",
        "delays": "crew",
        "workload": "manager",
        "analytics": "manager",
        "change_tasks": "manager",
    },
    "memberships": RUN_BY_MANAGERS | {"read": "crew | own"},
    "sequences": RUN_BY_MANAGERS,
    "shots": RUN_BY_MANAGERS | {"plan": "manager", "accept": "client", "send_back": "client"},
    "assets": RUN_BY_MANAGERS | {"plan": "manager"},
    "asset-uses": RUN_BY_MANAGERS,
    "task-types": RUN_BY_EDITORS,
    "tasks": RUN_BY_MANAGERS
    | {
        "update status": "manager | own crew",
        "update estimate": "manager | own crew",
        "submit": "manager | own crew",
        "log_time": "crew",
        "approve": "supervisor | reviewing crew",
        "request_revision": "supervisor | reviewing crew",
    },
    "dependencies": RUN_BY_MANAGERS | {"read": "crew"},
    "time-logs": {
        "read": "crew",
        "create": "manager | own crew",
        "update": "manager | own crew",
        "replace": "manager | own crew",
        "delete": "manager | own crew",
    },
}
"""`update status` is for the status alone, where it differs from `update`."""

SHOWN = {
    "tasks": {"bid": "manager", "estimate": "crew", "spent": "crew", "reviewNote": "crew"},
    "projects": {"driveMapping": "crew"},
    "memberships": {"weeklyHours": "manager | own"},
    "people": {"email": "own", "phone": "own", "public": "own", "preferences": "own"},
}
"""Fields that are null to everybody else."""

OPEN: dict[tuple[str, str], int | tuple[int, int]] = {
    ("GET", "/"): 200,
    ("GET", "/api/v1"): 200,
    ("POST", "/api/v1/auth/login"): 400,
    ("POST", "/api/v1/auth/refresh"): 400,
    ("POST", "/api/v1/auth/logout"): (401, 204),
    ("GET", "/api/v1/users/me"): (401, 200),
    ("GET", "/.well-known/jwks.json"): 200,
    ("GET", "/health/live"): 200,
    ("GET", "/health/ready"): 200,
    ("GET", "/errors"): 200,
    ("GET", "/errors/{code}"): 404,
    ("GET", "/api/openapi.json"): 200,
    ("GET", "/api/v1/openapi.json"): 200,
    ("GET", "/api/openapi.yaml"): 200,
    ("GET", "/api/v1/openapi.yaml"): 200,
    ("POST", "/graphql"): 415,
    ("GET", "/graphql"): 400,
    ("GET", "/graphql/schema.graphql"): 200,
    ("GET", "/graphql/schema.json"): 200,
    ("GET", "/graphql/assets/{file}"): 404,
}
"""What is about no row: the status for all, or for who has not signed in and for who has; without a body."""

CHANGES: dict[str, dict[str, Any]] = {
    "people": {"login": "changed", "title": "Changed", "preferences": {"theme": "dark"}},
    "blocks": {"reason": "Changed"},
    "achievements": {"name": "Changed"},
    "awards": {"reason": "Changed"},
    "progress": {"done": 2},
    "activities": {"path": "/changed"},
    "assets": {"name": "Changed"},
    "asset-uses": {"count": 7},
    "task-types": {"name": "Changed"},
    "dependencies": {"lagDays": 2},
    "projects": {"name": "Changed"},
    "memberships": {"role": "coordinator"},
    "sequences": {"description": "Changed"},
    "shots": {"handles": 3},
    "tasks": {
        "status": "revision",
        "title": "Changed",
        "description": "Changed",
        "department": "roto",
        "priority": 1,
        "bid": "9.00",
        "estimate": "8.00",
        "assetId": None,
        "typeId": None,
        "start": "2026-05-05",
        "deadline": "2026-05-06T00:00:00Z",
        "reviewNote": "Changed",
        "artistId": None,
        "reviewerId": None,
        "shotId": None,
    },
    "time-logs": {"hours": "3.00"},
}
"""What is changed in a row, each field by itself."""

# -- the callers, and the rows --------------------------------------------------------------------------------

THIRD, SPARE = "user_00000000000000000000000001", "user_00000000000000000000000002"
HERE, HIDDEN = "SWA", "HID"


PRIVATE = {"email": "a@example.com", "phone": "+4915112345678"}
DRIVES = {"workingFiles": "/work", "renderOutputs": "/renders"}
BODIES: dict[str, Any] = {
    "approve": {"note": "Well"}, "request_revision": {"note": "Well"}, "send_back": {"note": "Well"},
    "plan": {"types": []}, "log_time": {"hours": "1"},
}  # fmt: skip
ABOUT: dict[str, Callable[["Studio", str], dict[str, Any]]] = {
    "Block": lambda studio, person: {"blockedId": next(i for i in studio.ids.values() if i != person)},
    "Award": lambda studio, person: {"achievementId": "second"},
    "Progress": lambda studio, person: {"product": "learning", "topic": "New", "total": 2},
    "Activity": lambda studio, person: {"product": "production", "verb": "approved", "subject": "New"},
}
"""What else new rows about a person are made of."""


@dataclass
class Studio:
    """Two projects, of which one is everybody's and the other is nobody's, with the same rows in each."""

    ids: dict[str, str]
    rows: dict[str, dict[str, Row]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rows = {name: {} for name, path in PATHS.items() if path in WHO}
        for name, id in {**self.ids, "third": THIRD, "spare": SPARE}.items():
            self.rows["Person"][id] = {
                **new_row("Person", 0, PRIVATE | {"name": name, "login": name}),
                "id": id,
            }
        for code in ("first", "second"):
            self._add("Achievement", code=code, product="production", name="First")
        self._add("TaskType", code="fx", name="Comp", department="fx")
        for person in (THIRD, *self.ids.values()):
            self._add("Block", person=person, blocked=SPARE)
            self._add("Award", person=person, achievement="first")
            self._add("Progress", person=person, product="learning", topic="Comp", done=1, total=3)
            self._add("Activity", person=person, product="production", verb="approved", subject="Comp")
        members = {
            HERE: {THIRD: "coordinator"} | {self.ids[name]: role for name, role in ROLES.items()},
            HIDDEN: {THIRD: "coordinator"},
            "NRT": {self.ids["other"]: "artist"},
        }
        for project, joined in members.items():
            self._add("Project", code=project, name=project, drive_mapping=DRIVES)
            for person, role in joined.items():
                self._add("Membership", project=project, person=person, role=role)
        for project in (HERE, HIDDEN):
            sequence = self._add("Sequence", project=project, code="SQ")
            shot = self._add(
                "Shot", project=project, sequence=sequence, code="SH", frame_out=2000, status="review"
            )
            asset = self._add("Asset", project=project, code="tree", name="Comp", type="prop")
            self._add("AssetUse", shot=shot, asset=asset)
            self._add("Asset", project=project, code="new_asset", name="Comp", type="prop")
            work = {
                "project": project,
                "shot": shot,
                "title": "Comp",
                "department": "fx",
                "status": "submitted",
            }
            work |= {"bid": Decimal("2.00"), "estimate": Decimal("1.00"), "review_note": "Edges"}
            first = self._add("Task", **work, artist=SPARE)
            self._add("Dependency", task=self._add("Task", **work, artist=SPARE), needs=first)
            for person in (THIRD, *self.ids.values()):
                task = self._add("Task", **work, artist=person)
                self._add("TimeLog", task=task, person=person, date=date(2026, 3, 2), hours=Decimal("1.00"))
                if person != THIRD:
                    self._add("Task", **work, artist=THIRD, reviewer=person)

    def _add(self, name: str, /, **values: Any) -> str:
        row = new_row(name, len(self.rows[name]), values)
        self.rows[name][row["id"]] = row
        return str(row["id"])

    def project(self, name: str, row: Row) -> str | None:
        match name:
            case "TimeLog" | "Dependency":
                return str(self.rows["Task"][row["task"]]["project"])
            case "AssetUse":
                return str(self.rows["Shot"][row["shot"]]["project"])
            case "Person" | "Block" | "Achievement" | "Award" | "Progress" | "Activity" | "TaskType":
                return None
        return str(row["code"] if name == "Project" else row["project"])

    def concerns(self, name: str, row: Row, person: str | None) -> bool:
        """Whether a row is one to ask about as a person: in these projects, and theirs or the third's."""
        owner = row.get("artist") or row.get("person") or (row["id"] if name == "Person" else THIRD)
        return (
            self.project(name, row) in (None, HERE, HIDDEN)
            and owner in (person, THIRD)
            and row.get("reviewer") in (None, person)
        )

    def words(self, caller: str, name: str, row: Row) -> set[str]:
        """What a caller is to a row, in the words of the tables."""
        person = self.ids.get(caller)
        if person is None:
            return set()
        found = {"anybody", *(["editor"] if caller == "editor" else [])}
        project = self.project(name, row)
        for role in (
            m["role"]
            for m in self.rows["Membership"].values()
            if m["person"] == person and m["project"] == project
        ):
            found |= {
                "coordinator": {"member", "crew", "manager"},
                "supervisor": {"member", "crew", "manager", "supervisor"},
                "artist": {"member", "crew"},
                "client_reviewer": {"member", "client"},
            }[role]
        if person in (row.get("artist"), row.get("person"), row["id"]):
            found.add("own")
        if row.get("reviewer") == person:
            found.add("reviewing")
        return found

    def may(self, caller: str, verb: str, name: str, row: Row) -> bool:
        return caller == "admin" or meets(WHO[PATHS[name]].get(verb, ""), self.words(caller, name, row))

    def seen(self, caller: str, name: str) -> set[str]:
        return {id for id, row in self.rows[name].items() if self.may(caller, "read", name, row)}


def meets(table: str, words: set[str]) -> bool:
    return any(set(alternative.split()) <= words for alternative in table.split("|") if alternative.strip())


PATHS = {resource.name: resource.path for resource in demo.model.resources.values() if resource.exposed}
TABLE = list(demo.route_table())


# -- what each route is asked -----------------------------------------------------------------------------------


@dataclass
class Matrix:
    """One studio, its callers, and whatever did not go as expected."""

    studio: Studio
    callers: dict[str, Client]
    wrong: list[str] = field(default_factory=list)
    cells: int = 0

    async def ask(self, caller: str, method: str, path: str, expected: int, body: Any = None) -> Any:
        """The answer, if it is as expected and shows anything."""
        self.cells += 1
        reply = await self.callers[caller].request(method, path, body)
        if reply.status != expected:
            self.wrong.append(
                f"{caller}: {method} {path} {body}: {reply.status}, not {expected}: {reply.body!r}"
            )
            return None
        json = reply.headers.get("content-type", "").startswith("application/json")
        return reply.json() if reply.status == 200 and json else None

    async def reading(self, caller: str, route: Route) -> None:
        """A list, a search or one row: what may be seen is there, and nothing else."""
        name = route.facts["resource"]
        signed_in = caller != "anonymous"
        match route.facts["operation"]:
            case "list" | "search":
                found = await self._listed(caller, route.method, route.template, 200 if signed_in else 401)
                self._same(caller, route, found, self.studio.seen(caller, name), PATHS[name])
                if found and route.method == "GET":
                    await self._counted(caller, route.template, name)
            case "related" | "relationship" if self._to_one(route):
                relation = demo.model.resources[name].relations[route.facts["relation"]]
                for id, row in self._rows(name, caller):
                    visible = id in self.studio.seen(caller, name)
                    status = 401 if not signed_in else 200 if visible else 404
                    found = await self.ask(caller, "GET", route.template.format(id=id), status)
                    leads = row[relation.field]
                    if route.facts["operation"] == "related" and leads not in self.studio.seen(
                        caller, relation.target
                    ):
                        leads = None
                    if found and (found["data"] and found["data"]["id"]) != leads:
                        self.wrong.append(
                            f"{caller}: {route.template} of {id} leads to {found['data']}, not to {leads}"
                        )
            case "related" | "relationship":
                relation = demo.model.resources[name].relations[route.facts["relation"]]
                for id, _ in self._rows(name, caller):
                    visible = id in self.studio.seen(caller, name)
                    status = 401 if not signed_in else 200 if visible else 404
                    found = await self._listed(caller, route.method, route.template.format(id=id), status)
                    seen = self.studio.seen(caller, relation.target)
                    if relation.through:
                        links = self.studio.rows[relation.through]
                        read = (links[link] for link in self.studio.seen(caller, relation.through))
                        behind = seen & {link[relation.far] for link in read if link[relation.field] == id}
                    else:
                        rows = self.studio.rows[relation.target]
                        behind = {other for other in seen if rows[other][relation.field] == id}
                    if route.facts["operation"] == "relationship":
                        if found is not None and {one["id"] for one in found} != behind:
                            self.wrong.append(
                                f"{caller}: {route.template} of {id} leads to {found}, not to {behind}"
                            )
                        continue
                    self._same(caller, route, found, behind, PATHS[relation.target])
            case "read":
                for id, row in self._rows(name, caller):
                    may = self.studio.may(caller, "read", name, row)
                    status = 401 if not signed_in else 200 if may else 404
                    found = await self.ask(caller, "GET", route.template.format(id=id), status)
                    self._masked(caller, PATHS[name], [found["data"]] if found else [])
            case "report":
                for id, row in self._rows(name, caller):
                    visible = self.studio.may(caller, "read", name, row)
                    may = self.studio.may(caller, route.facts["report"], name, row)
                    status = 401 if not signed_in else 404 if not visible else 200 if may else 403
                    await self.ask(caller, "GET", route.template.format(id=id), status)

    def _to_one(self, route: Route) -> bool:
        return demo.model.resources[route.facts["resource"]].relations[route.facts["relation"]].kind == "one"

    async def relating(self, caller: str, route: Route) -> None:
        """A relationship is left as it is: what is seen, and whether it could be changed at all."""
        name, how = route.facts["resource"], route.facts["how"]
        relation = demo.model.resources[name].relations[route.facts["relation"]]
        target = demo.model.resources[relation.target]
        before = await self._position()
        for id, row in self._rows(name, caller):
            if relation.kind == "one":
                field = demo.model.resources[name].fields[relation.field]
                leads = row[relation.field]
                body: Any = {"data": leads and {"type": PATHS[relation.target], "id": leads}}
                may, done = not field.immutable and self.studio.may(caller, "update", name, row), 200
            elif relation.kind == "through":
                link = demo.model.resources[str(relation.through)]
                body, done = {"data": []}, 204
                ends = (relation.field, relation.far)
                may = how == "remove" or not any(
                    f.required and f.name not in ends for f in link.fields.values()
                )
            else:
                field, body, done = target.fields[relation.field], {"data": []}, 204
                may = not field.immutable and not field.read_only and (how != "remove" or field.nullable)
            if how == "replace" and may:
                continue  # it would take away what is there
            status = 401 if caller == "anonymous" else done if may else 403
            if caller != "anonymous" and id not in self.studio.seen(caller, name):
                status = 404
            await self.ask(caller, route.method, route.template.format(id=id), status, body)
        if await self._position() != before:
            self.wrong.append(f"{caller}: {route.method} {route.template} changes something")

    async def _listed(self, caller: str, method: str, path: str, status: int) -> list[Row] | None:
        body = None if method == "GET" else {"limit": 100}
        path = f"{path}?limit=100" if method == "GET" else path
        found = await self.ask(caller, method, path, status, body)
        return None if found is None else found["data"]

    async def _counted(self, caller: str, path: str, name: str) -> None:
        """Hidden rows are in no total and in no sum, and cannot be found by name."""
        seen = self.studio.seen(caller, name)
        summed = await self.ask(caller, "GET", f"{path}?aggregate=count", 200)
        paged = await self.ask(caller, "GET", f"{path}?page=1&perPage=1", 200)
        named = await self.ask(
            caller, "GET", f"{path}?id[in]={','.join(self.studio.rows[name])}&limit=100", 200
        )
        searched = any(field.searchable for field in demo.model.resources[name].fields.values())
        for text in ("comp", "third", HERE.lower()) if searched else ():
            found = await self.ask(caller, "GET", f"{path}?q={text}&limit=100", 200)
            if hidden := {row["id"] for row in found["data"]} - seen:
                self.wrong.append(f"{caller}: {path} finds {hidden} by {text}")
        counts = summed["data"]["count"], paged["meta"]["pagination"]["total"], len(named["data"])
        if counts != (len(seen),) * 3:
            self.wrong.append(f"{caller}: {path} counts {counts}, not {len(seen)}")

    def _same(self, caller: str, route: Route, found: list[Row] | None, seen: set[str], path: str) -> None:
        if found is None:
            return
        self._masked(caller, path, found)
        ids = {row["id"] for row in found}
        if ids != seen:
            self.wrong.append(
                f"{caller}: {route.method} {route.template}: too many {ids - seen}, missing {seen - ids}"
            )

    def _masked(self, caller: str, path: str, rows: list[Row]) -> None:
        name = next(name for name, at in PATHS.items() if at == path)
        for row in rows:
            words = self.studio.words(caller, name, self.studio.rows[name][row["id"]])
            for member, table in SHOWN.get(path, {}).items():
                shown = caller == "admin" or meets(table, words)
                if (row[member] is not None) is not shown:
                    self.wrong.append(
                        f"{caller}: {path} {member} is {row[member]}, which may be seen: {shown}"
                    )

    async def writing(self, caller: str, route: Route, reset: Callable[[], Any]) -> None:
        """A write of each row, or of new ones. What is refused changes nothing."""
        name, verb = route.facts["resource"], route.facts.get("action") or route.facts["operation"]
        for path, row, body, verb_of in self._writes(name, verb, route, caller):
            may = self.studio.may(caller, verb_of, name, row)
            if caller == "anonymous":
                status = 401
            elif verb == "create":
                status = self._created(caller, name, row, may)
            elif not self.studio.may(caller, "read", name, row):
                status = 404
            elif not may:
                status = 403
            elif verb == "delete":
                held = name == "Person" and any(
                    log["person"] == row["id"] for log in self.studio.rows["TimeLog"].values()
                )
                status = 409 if held else 204
            else:
                status = 200
            before = await self._position()
            await self.ask(caller, route.method, path, status, body)
            changed = await self._position() != before
            if changed and status >= 300:
                self.wrong.append(f"{caller}: {route.method} {path} is refused, and changes something")
            if changed:
                await reset()

    async def trash(self, caller: str, route: Route) -> bool:
        """A route of the trash, where all rows are: they are there for who may read and delete them, and for nobody
        else. Whether it changed anything."""
        name, operation = route.facts["resource"], route.facts["operation"]
        deletable = {
            id for id, row in self.studio.rows[name].items() if self.studio.may(caller, "delete", name, row)
        }
        seen = self.studio.seen(caller, name) & deletable
        before = await self._position()
        if operation in ("list", "search"):
            status = 401 if caller == "anonymous" else 200
            self._same(
                caller,
                route,
                await self._listed(caller, route.method, route.template, status),
                seen,
                PATHS[name],
            )
        else:
            for id, _ in self._rows(name, caller):
                status = 204 if operation == "purge" else 200
                status = 401 if caller == "anonymous" else status if id in seen else 404
                await self.ask(caller, route.method, route.template.format(id=id), status)
        return await self._position() != before

    def _created(self, caller: str, name: str, row: Row, may: bool) -> int:
        if may:
            return 201
        if not WHO[PATHS[name]].get("create"):
            return 403
        match name:
            case "TimeLog" | "Dependency":
                parent = ("Task", row["task"])
            case "AssetUse":
                parent = ("Shot", row["shot"])
            case "Block" | "Award":
                parent = ("Person", row["person"])
            case _ if "project" not in row:
                return 403
            case _:
                parent = ("Project", row["project"])
        return 403 if parent[1] in self.studio.seen(caller, parent[0]) else 422

    def _writes(self, name: str, verb: str, route: Route, caller: str) -> Iterator[tuple[str, Row, Any, str]]:
        """Paths, what is written there, and in what body; last the word of the table."""
        resource = demo.model.resources[name]
        if verb == "create":
            for row, body in self._new(name, caller):
                yield route.template, row, body, verb
            return
        for id, row in self._rows(name, caller):
            path = route.template.format(id=id)
            if verb == "update":
                for member, value in CHANGES[PATHS[name]].items():
                    special = f"update {member}"
                    yield path, row, {member: value}, special if special in WHO[PATHS[name]] else verb
            elif verb == "replace":
                written = (
                    f for f in resource.fields.values() if f.column and not (f.read_only or f.internal)
                )
                body = {f.wire: row[f.name] for f in written if f.column != "id"}
                member, value = list(CHANGES[PATHS[name]].items())[-1]
                yield path, row, {**json.loads(json.dumps(body, default=str)), member: value}, verb
            elif verb == "change_tasks":
                inside = [t["id"] for t in self.studio.rows["Task"].values() if t["project"] == row["id"]]
                yield path, row, {"tasks": inside[:1], "set": {"priority": 1}}, verb
            else:
                yield path, row, BODIES.get(verb), verb

    def _new(self, name: str, caller: str) -> Iterator[tuple[Row, Any]]:
        """New rows, here and where nobody may look, of the caller and of the third."""
        own = self.studio.ids.get(caller, SPARE)
        none: Row = {"id": "new"}
        if name == "Person":
            yield none, {"name": "New", "login": "new"}
        elif name == "Project":
            yield {**none, "code": "NEW"}, {"code": "NEW", "name": "New"}
        elif name == "Achievement":
            yield {**none, "code": "new"}, {"code": "new", "product": "production", "name": "New"}
        elif name == "TaskType":
            yield {**none, "code": "new"}, {"code": "new", "name": "New", "department": "fx"}
        elif name in ABOUT:
            for person in (own, THIRD):
                yield {**none, "person": person}, {"personId": person, **ABOUT[name](self.studio, person)}
        apart = ("Person", "Project", "Achievement", "TaskType", *ABOUT)
        for project in (HERE, HIDDEN) if name not in apart else ():
            row = {**none, "project": project}
            named = {"projectId": project}
            sequence = next(id for id, s in self.studio.rows["Sequence"].items() if s["project"] == project)
            match name:
                case "Membership":
                    yield row, {**named, "personId": SPARE, "role": "artist"}
                case "Sequence":
                    yield row, {**named, "code": "NEW"}
                case "Shot":
                    yield row, {**named, "sequenceId": sequence, "code": "NEW", "frameOut": 2000}
                case "Asset":
                    yield row, {**named, "code": "new", "name": "New", "type": "prop"}
                case "AssetUse":
                    shot = self._in("Shot", project)
                    asset = self._in("Asset", project, "new_asset")
                    yield {**none, "shot": shot}, {"shotId": shot, "assetId": asset}
                case "Dependency":
                    first, second = self._two_tasks(project)
                    yield {**none, "task": first}, {"taskId": first, "needsId": second}
                case "Task":
                    for artist in (own, THIRD):
                        body = {**named, "title": "New", "department": "fx", "artistId": artist}
                        yield {**row, "artist": artist}, body
                case "TimeLog":
                    tasks = self.studio.rows["Task"]
                    task = next(id for id, t in tasks.items() if t["project"] == project)
                    for person in (own, THIRD):
                        body = {"taskId": task, "personId": person, "date": "2026-03-03", "hours": "1"}
                        yield {**none, "task": task, "person": person}, body
                case _:
                    raise AssertionError(f"say here what a new {name} is made of")

    def _in(self, name: str, project: str, code: str | None = None) -> str:
        """A row of a project."""
        rows = self.studio.rows[name].items()
        return next(id for id, row in rows if row["project"] == project and code in (None, row.get("code")))

    def _two_tasks(self, project: str) -> tuple[str, str]:
        """Tasks of which neither needs the other."""
        first, second, *_ = [
            id
            for id, t in self.studio.rows["Task"].items()
            if t["project"] == project and t["artist"] != SPARE
        ]
        return first, second

    def _rows(self, name: str, caller: str) -> list[tuple[str, Row]]:
        person = self.studio.ids.get(caller)
        return [
            (id, row) for id, row in self.studio.rows[name].items() if self.studio.concerns(name, row, person)
        ]

    async def _position(self) -> int:
        store = self.callers["admin"].running.store
        rows = await store.read("SELECT coalesce(max(position), 0) FROM hw_log", [])
        return int(rows[0][0])


THROWN: Row = {"deleted_at": datetime(2026, 3, 3, tzinfo=UTC), "trash_id": "trash_1"}


def of_trash(route: Route) -> bool:
    return "trashed" in route.facts or route.facts.get("operation") in ("restore", "purge")


async def test_each_route_is_open_to_whom_the_tables_say(store_url: str) -> None:
    known = {route.facts["resource"] for route in TABLE if route.facts}
    assert known == {name for name, path in PATHS.items() if path in WHO and path in CHANGES}
    unknown = {(route.method, route.template) for route in TABLE if not route.facts} ^ OPEN.keys()
    assert not unknown, "routes that are not in the tables, or no longer there"
    async with client(demo, database_url=store_url) as visitor:
        callers = await sign_up_each(visitor)
        studio = Studio({name: str(caller.id) for name, caller in callers.items() if caller.id})
        store = visitor.running.store
        schema = Schema(demo.model, store.dialect)

        async def reset() -> None:
            await become(store, schema, studio.rows)

        await reset()
        matrix = Matrix(studio, callers)
        reading = {"list", "search", "related", "relationship", "read", "report"}
        routes = [r for r in TABLE if r.facts and not of_trash(r) and "how" not in r.facts]
        relating = [route for route in TABLE if "how" in route.facts]
        for caller in CALLERS:
            for route in routes:
                if route.facts["operation"] in reading:
                    await matrix.reading(caller, route)
            for route in routes:
                if route.facts["operation"] not in reading:
                    await matrix.writing(caller, route, reset)
            for route in relating:
                await matrix.relating(caller, route)
        for route in TABLE:
            if of_trash(route):
                name = route.facts["resource"]
                kept = {**studio.rows, name: {id: row | THROWN for id, row in studio.rows[name].items()}}
                await become(store, schema, kept)
                for caller in CALLERS:
                    if await matrix.trash(caller, route):
                        await become(store, schema, kept)
        await reset()
        callers["leaver"] = await visitor.sign_up("leaver")
        for route in TABLE:
            if not route.facts:
                expected = OPEN[route.method, route.template]
                for place, caller in enumerate(
                    ("anonymous", "leaver" if "logout" in route.name else "guest")
                ):
                    status = expected if isinstance(expected, int) else expected[place]
                    await matrix.ask(caller, route.method, route.template, status)
    assert matrix.cells > 1500, matrix.cells
    assert not matrix.wrong, "\n".join(matrix.wrong)

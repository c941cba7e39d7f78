"""The workloads as requests to one server, and the check that all servers answer them alike."""

import datetime as dt
import itertools
import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from bench import operations
from bench.load import once, request

TITLES = {
    "a": "one task",
    "b": "50 tasks, filtered",
    "c": "20 projects x 10 tasks",
    "f": "50 tasks, small member",
    "g": "1,000 tasks in groups",
    "h": "search among 30,000 tasks",
    "i": "c over GraphQL",
    "j": "open tasks over GraphQL",
    "d": "create a task",
    "e": "update a task",
}
"""Reads first, so that they find the same rows whatever else is measured."""

LIST = "/api/v1/tasks?project=SWA&status=completed&sort=-createdAt&limit=50"
NEST = "/api/v1/projects?limit=20&include=tasks.artist&tasks[limit]=10&tasks[sort]=-createdAt"
SMALL = "/api/v1/tasks?sort=-createdAt&limit=50"
GROUPS = (
    "/api/v1/projects/SWA/tasks?groupBy=status,department"
    "&aggregate=count,sum(bid),avg(bid),min(deadline),max(deadline)"
)
SEARCH = "/api/v1/tasks?q=030_0040&limit=20"
GRAPHQL = "application/graphql-response+json, application/json"
JSON_API = 'application/vnd.api+json;profile="https://jsonapi.org/profiles/ethanresnick/cursor-pagination/"'
NEW = {"projectId": "SWA", "title": "Measured", "department": "fx"}
DIFFERENT = frozenset({"id", "createdAt", "updatedAt", "version"})
"""What differs between rows that were written by one and the same request."""
SHARED = ("id", "projectId", "shotId", "title", "description", "department", "artistId", "status", "priority")


@dataclass(frozen=True, slots=True)
class Workload:
    """`requests` go round, and each is sent as often as the others. `sample` are some whose answers all servers must
    share; `written` says that they write, `plain` what an answer holds where it is not REST's."""

    requests: Iterator[bytes]
    sample: list[bytes]
    written: bool = False
    plain: Callable[[Any], Any] | None = None


class Workloads:
    """The workloads for one server: its cursors are its own. `tokens`: those of the account that may see all, and of
    the small member."""

    def __init__(self, port: int, turn: int, tokens: tuple[str, str]) -> None:
        self.port, self.turn = port, turn
        self.token, self.member = tokens

    async def make(self, only: Collection[str] = tuple(TITLES)) -> dict[str, Workload]:
        """All of them, or those of a server that has no others."""
        pages = [request("GET", LIST, self.token)]
        rows: list[list[str]] = []
        for _ in range(5):
            page = json.loads(await once(self.port, pages[-1]))
            rows.append([row["id"] for row in page["data"]])
            cursor = quote(page["meta"]["pagination"]["nextCursor"])
            pages.append(request("GET", f"{LIST}&cursor={cursor}", self.token))
        ones = [request("GET", f"/api/v1/tasks/{id}", self.token) for id in rows[0]]
        small = [request("GET", SMALL, self.member)]
        nest = [request("GET", NEST, self.token)]
        groups = [request("GET", GROUPS, self.token)]
        search = [request("GET", SEARCH, self.token)]
        create = [request("POST", "/api/v1/tasks", self.token, json.dumps(NEW).encode())]
        # Each server updates rows of its own (a fourth is one of them once more, asked in another form), and always to
        # another value: an update to the same one has less to do.
        updates = [self._update(id, value) for value in range(10) for id in rows[1 + self.turn % 4]]
        shared = [self._update(rows[0][0], value) for value in (6, 7)]
        found = {
            "a": Workload(itertools.cycle(ones), ones[:3]),
            "b": Workload(itertools.cycle(pages[1:3]), pages[:3]),
            "c": Workload(itertools.cycle(nest), nest),
            "f": Workload(itertools.cycle(small), small),
            "g": Workload(itertools.cycle(groups), groups),
            "h": Workload(itertools.cycle(search), search),
            "d": Workload(itertools.cycle(create), create, written=True),
            "e": Workload(itertools.cycle(updates), shared, written=True),
        }
        found |= self.graphql(operations.asked())
        return {name: workload for name, workload in found.items() if name in only}

    def graphql(self, asked: operations.Asked) -> dict[str, Workload]:
        """Those that are asked over GraphQL."""

        def sent(body: bytes) -> bytes:
            return request("POST", "/graphql", self.token, body, accept=GRAPHQL)

        nest = [sent(asked.nest)]
        opened = [sent(asked.open(n)) for n in range(2)]
        more = (sent(asked.open(n)) for n in itertools.count(2))
        return {
            "i": Workload(itertools.cycle(nest), nest, plain=asked.plain),
            "j": Workload(more, opened, plain=asked.plain),
        }

    async def documents(self) -> dict[str, Workload]:
        """Those that have a form in JSON:API."""

        def asked(path: str) -> bytes:
            return request("GET", path.replace("&limit=", "&page[size]="), self.token, accept=JSON_API)

        pages = [LIST]
        ones: list[bytes] = []
        for _ in range(2):
            page = json.loads(await once(self.port, asked(pages[-1])))
            ones = ones or [asked(f"/api/v1/tasks/{row['id']}") for row in page["data"]]
            pages.append(page["links"]["next"])
        lists = [asked(page) for page in pages]
        nest = [asked(NEST.replace("?limit=", "?page[size]="))]
        return {
            "a": Workload(itertools.cycle(ones), ones[:3]),
            "b": Workload(itertools.cycle(lists[1:]), lists),
            "c": Workload(itertools.cycle(nest), nest),
        }

    async def pocketbase(self) -> dict[str, Workload]:
        """Those that PocketBase has a request for: it cannot say how many tasks of each project it wants."""
        records = "/api/collections/tasks/records"
        where = quote("projectId = 'SWA' && status = 'completed'")
        asked = f"{records}?filter={where}&sort=-createdAt,-id&perPage=50&skipTotal=true&page="
        pages = [request("GET", f"{asked}{page}", self.token) for page in (1, 2, 3)]
        rows = [[row["id"] for row in json.loads(await once(self.port, page))["items"]] for page in pages]
        ones = [request("GET", f"{records}/{id}", self.token) for id in rows[0]]
        new = {**NEW, "status": "not_started", "priority": 5, "version": 1}
        create = [request("POST", records, self.token, json.dumps(new).encode())]
        updates = [self._update(id, value, records) for value in range(10) for id in rows[1]]
        shared = [self._update(rows[0][0], value, records) for value in (6, 7)]
        return {
            "a": Workload(itertools.cycle(ones), ones[:3]),
            "b": Workload(itertools.cycle(pages[1:]), pages),
            "d": Workload(itertools.cycle(create), create, written=True),
            "e": Workload(itertools.cycle(updates), shared, written=True),
        }

    def _update(self, id: str, priority: int, records: str = "/api/v1/tasks") -> bytes:
        body = json.dumps({"priority": priority}).encode()
        return request("PATCH", f"{records}/{id}", self.token, body)


async def account(port: int, login: str) -> tuple[str, str]:
    """The access token of a demo account, and the id of its person."""
    body = json.dumps({"username": login, "password": f"demo-{login}-headwater"}).encode()
    token = str(json.loads(await once(port, request("POST", "/api/v1/auth/login", body=body)))["accessToken"])
    me = json.loads(await once(port, request("GET", "/api/v1/users/me", token)))
    return token, str(me.get("data", me)["id"])


async def check_alike(name: str, servers: dict[str, tuple[int, Workload]]) -> None:
    """Raises AssertionError if two servers answer a workload's sample with different data."""
    first: list[Any] | None = None
    for server, (port, workload) in servers.items():
        data = []
        for sent in workload.sample:
            answer = json.loads(await once(port, sent))
            if workload.plain is not None:
                found = workload.plain(answer)
            elif "jsonapi" in answer:
                found = _undone(answer)
            else:
                found = answer.get("data", answer.get("items", answer))
            if workload.written:
                found = {key: value for key, value in found.items() if key not in DIFFERENT}
            data.append(_plain(found))
        if first is None:
            first = data
        expected = [_shared(of) for of in first] if server == "pocketbase" else first
        data = [_shared(of) for of in data] if server == "pocketbase" else data
        assert data == expected, f"{server} answers {name} otherwise: {_difference(expected, data)}"
    if name in "ci" and first is not None:
        shape = [len(project["tasks"]) for project in first[0]]
        assert shape == [10] * 20, f"workload {name} is not 20 projects of 10 tasks each: {shape}"
    if name == "j" and first is not None:
        for projects in first:
            tasks = [task for project in projects for task in project["tasks"]["nodes"]]
            assert len(projects) >= 10, f"workload j is over {len(projects)} projects"
            assert len(tasks) >= 100, f"workload j is over {len(tasks)} tasks"
            assert any(task["timeLogs"] for task in tasks), "no task of workload j was worked on"
    if name == "h" and first is not None:
        assert [len(rows) for rows in first] == [20], "workload h finds too little"
    if name == "g" and first is not None:
        counted = sum(group["count"] for group in first[0])
        assert counted >= 1000, f"workload g is over {counted} tasks"


def _shared(found: Any) -> Any:
    """What PocketBase has of a task in the same form: it knows no null, and no computed fields."""
    if isinstance(found, list):
        return [_shared(row) for row in found]
    return {name: found[name] or None for name in SHARED if name in found}


def _undone(document: dict[str, Any]) -> Any:
    """What a document of JSON:API holds, in plain JSON: a task's artist and a project's tasks where they are
    included."""
    included = {row["id"]: row for row in document.get("included", ())}

    def undone(row: dict[str, Any]) -> dict[str, Any]:
        found = {"id": row["id"], **row["attributes"]}
        for name, relationship in row.get("relationships", {}).items():
            match relationship.get("data", ()):
                case list() as several:
                    found[name] = [undone(included[one["id"]]) for one in several]
                case dict() | None as one:
                    # A resource object's `type` is its own.
                    found["typeId" if name == "taskType" else f"{name}Id"] = one and one["id"]
                    if included and name == "artist":
                        found[name] = one and undone(included[one["id"]])
        return found

    data = document["data"]
    return [undone(row) for row in data] if isinstance(data, list) else undone(data)


def _plain(value: Any) -> Any:
    """Data with its moments in one form: some servers leave out a fraction of zero."""
    match value:
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case str() if "T" in value and value.endswith(("Z", "+00:00")):
            return dt.datetime.fromisoformat(value)
        case _:
            return value


def _difference(one: Any, other: Any, path: str = "") -> str:
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return next((_difference(one[k], other[k], f"{path}.{k}") for k in one if one[k] != other[k]), "")
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return next((_difference(a, b, f"{path}[{n}]") for n, (a, b) in pairs if a != b), "")
    return f"at {path or 'the root'}: {str(one)[:200]} / {str(other)[:200]}"

"""The floor: raw ASGI, the driver itself and msgspec; no layers, no checks beyond the rows' own.

It answers with the same JSON as Headwater. It verifies no token, writes no log entry and no access log: what those
cost counts against Headwater.
"""

import base64
import datetime as dt
import os
import secrets
import unicodedata
from typing import Any
from urllib.parse import parse_qs

import apsw
import asyncpg
import msgspec

URL = os.environ["BENCH_DATABASE_URL"]
MEMBER = os.environ["BENCH_MEMBER"]
NESTED = 50
POSTGRES = URL.startswith("postgres")
UTC = dt.UTC

COLUMNS = (
    "t.id, t.project_id, t.shot_id, t.title, t.description, t.department, t.artist_id, t.reviewer_id, t.status, "
    "t.priority, t.bid, t.start, t.deadline, t.review_note, "
    "(SELECT coalesce(sum(l.hours), 0) FROM time_logs l WHERE l.task_id = t.id), t.created_at, t.updated_at, t.version"
)
ONE = f"SELECT {COLUMNS} FROM tasks t WHERE t.id = $1"
FIRST = (
    f"SELECT {COLUMNS} FROM tasks t WHERE t.project_id = $1 AND t.status = $2 "
    "ORDER BY t.created_at DESC, t.id DESC LIMIT 51"
)
NEXT = (
    f"SELECT {COLUMNS} FROM tasks t WHERE t.project_id = $1 AND t.status = $2 AND (t.created_at, t.id) < ($3, $4) "
    "ORDER BY t.created_at DESC, t.id DESC LIMIT 51"
)
MINE = (
    f"SELECT {COLUMNS} FROM tasks t WHERE t.project_id IN (SELECT project_id FROM memberships WHERE person_id = $1) "
    "ORDER BY t.created_at DESC, t.id DESC LIMIT 51"
)
PROJECTS = (
    "SELECT p.id, p.name, p.status, p.start, p.deadline, p.frame_rate, p.description, "
    "(SELECT count(*) FROM tasks t WHERE t.project_id = p.id), p.created_at, p.updated_at, p.version "
    "FROM projects p ORDER BY p.id LIMIT 20"
)
TASKS_OF = (
    f"SELECT {COLUMNS}, a.id, a.name, a.login, a.created_at, a.updated_at, a.version "
    "FROM tasks t LEFT JOIN people a ON a.id = t.artist_id "
    f"WHERE t.project_id = $1 ORDER BY t.id LIMIT {NESTED}"
)
CREATE = (
    "INSERT INTO tasks (id, project_id, title, title_folded, department, status, priority, bid, created_at, "
    "updated_at, version) VALUES ($1, $2, $3, $4, $5, 'not_started', 5, 0, $6, $6, 1)"
)
UPDATE = "UPDATE tasks SET priority = $2, updated_at = $3, version = version + 1 WHERE id = $1"

encode = msgspec.json.encode
decode = msgspec.json.decode


class SQLite:
    async def open(self) -> None:
        self.connection = apsw.Connection(URL.removeprefix("sqlite:///"), statementcachesize=512)
        self.connection.set_busy_timeout(5000)
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "mmap_size = 268435456",
        ):
            self.connection.execute(f"PRAGMA {pragma}").fetchall()

    async def read(self, sql: str, *values: Any) -> list[Any]:
        return self.connection.execute(sql, values).fetchall()

    async def write(self, sql: str, *values: Any) -> Any:
        with self.connection:
            self.connection.execute(sql, values)
            return self.connection.execute(ONE, values[:1]).fetchall()[0]


class Postgres:
    async def open(self) -> None:
        self.pool = await asyncpg.create_pool(URL, min_size=4, max_size=10)

    async def read(self, sql: str, *values: Any) -> list[Any]:
        async with self.pool.acquire() as connection:
            return await connection.fetch(sql, *values)  # type: ignore[no-any-return]

    async def write(self, sql: str, *values: Any) -> Any:
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.execute(sql, *values)
            return await connection.fetchrow(ONE, values[0])


store: SQLite | Postgres = Postgres() if POSTGRES else SQLite()


def wire(moment: Any) -> Any:
    if moment is None or isinstance(moment, str):
        return moment
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def stored(moment: str) -> Any:
    return dt.datetime.fromisoformat(moment) if POSTGRES else moment


def task(row: Any, now: str, masked: bool = False) -> dict[str, Any]:
    deadline, status = wire(row[12]), row[8]
    return {
        "id": row[0],
        "projectId": row[1],
        "shotId": row[2],
        "title": row[3],
        "description": row[4],
        "department": row[5],
        "artistId": row[6],
        "reviewerId": row[7],
        "status": status,
        "priority": row[9],
        "bid": None if masked else f"{row[10] / 100:.2f}",
        "start": row[11],
        "deadline": deadline,
        "reviewNote": None if masked else row[13],
        "spent": None if masked else f"{int(row[14]) / 100:.2f}",
        "isLate": deadline is not None and deadline < now and status not in ("approved", "completed"),
        "createdAt": wire(row[15]),
        "updatedAt": wire(row[16]),
        "version": row[17],
    }


def moment() -> str:
    return dt.datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def page(target: str, rows: list[Any], data: list[Any], limit: int) -> dict[str, Any]:
    cursor = None
    if len(rows) > limit:
        last = data[limit - 1]
        cursor = base64.urlsafe_b64encode(f"{last['createdAt']}|{last['id']}".encode()).decode()
    return {
        "data": data,
        "meta": {
            "requestId": "req_" + secrets.token_hex(12),
            "pagination": {
                "limit": limit,
                "nextCursor": cursor,
                "prevCursor": None,
                "hasMore": cursor is not None,
            },
        },
        "links": {
            "self": target,
            "first": target,
            "prev": None,
            "next": cursor and f"{target}&cursor={cursor}",
        },
    }


async def listing(target: str, query: str) -> Any:
    now, values = moment(), parse_qs(query)
    if "project" not in values:
        rows = await store.read(MINE, MEMBER)
        return page(target, rows, [task(row, now, masked=True) for row in rows[:50]], 50)
    project, status = values["project"][0], values["status"][0]
    if "cursor" in values:
        at, last = base64.urlsafe_b64decode(values["cursor"][0]).decode().split("|")
        rows = await store.read(NEXT, project, status, stored(at), last)
    else:
        rows = await store.read(FIRST, project, status)
    return page(target, rows, [task(row, now) for row in rows[:50]], 50)


async def projects(target: str) -> Any:
    now, data = moment(), []
    rows = await store.read(PROJECTS)
    for p in rows:
        tasks = []
        for row in await store.read(TASKS_OF, p[0]):
            one = task(row, now)
            one["artist"] = row[18] and {
                "id": row[18],
                "name": row[19],
                "login": row[20],
                "createdAt": wire(row[21]),
                "updatedAt": wire(row[22]),
                "version": row[23],
            }
            tasks.append(one)
        data.append(
            {
                "id": p[0],
                "code": p[0],
                "name": p[1],
                "status": p[2],
                "start": p[3],
                "deadline": p[4],
                "frameRate": f"{p[5] / 1000:.3f}",
                "description": p[6],
                "taskCount": p[7],
                "createdAt": wire(p[8]),
                "updatedAt": wire(p[9]),
                "version": p[10],
                "tasks": tasks,
            }
        )
    return page(target, rows, data, 20)


def single(row: Any) -> Any:
    return {"data": task(row, moment()), "meta": {"requestId": "req_" + secrets.token_hex(12)}}


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await store.open()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    path, method, query = scope["path"], scope["method"], scope["query_string"].decode()
    status = 200
    if method == "GET" and path == "/api/v1/tasks":
        answer = await listing(f"{path}?{query}", query)
    elif method == "GET" and path == "/api/v1/projects":
        answer = await projects(f"{path}?{query}")
    elif method == "GET":
        answer = single((await store.read(ONE, path[14:]))[0])
    else:
        body = b""
        more = True
        while more:
            message = await receive()
            body += message["body"]
            more = message.get("more_body", False)
        values, now = decode(body), stored(moment())
        if method == "POST":
            title, status = values["title"], 201
            folded = unicodedata.normalize("NFKC", title).casefold()
            key = "task_" + secrets.token_hex(13)
            row = await store.write(
                CREATE, key, values["projectId"], title, folded, values["department"], now
            )
        else:
            row = await store.write(UPDATE, path[14:], values["priority"], now)
        answer = single(row)
    raw = encode(answer)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(raw)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": raw})


if not POSTGRES:
    # SQLite's parameters by number are written ?1.
    for _name in ("ONE", "FIRST", "NEXT", "MINE", "TASKS_OF", "CREATE", "UPDATE"):
        globals()[_name] = globals()[_name].replace("$", "?")

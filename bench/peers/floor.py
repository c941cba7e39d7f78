"""The floor: raw ASGI, the driver itself, SQL by hand and msgspec; no layers, no checks beyond the rows' own.

It answers with the same JSON as Headwater, which the database makes, since that was measured to cost least. It
verifies no token, knows no rules but those of the small member, and writes no access log.
"""

import asyncio
import base64
import datetime as dt
import os
import re
import secrets
import unicodedata
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import apsw
import asyncpg
import msgspec

from bench.peers.floor_sql import (
    CREATE,
    FIRST,
    GROUPS,
    LOG,
    MINE,
    NEXT,
    OLD,
    ONE,
    POSTGRES,
    PROJECTS,
    SEARCH,
    UPDATE,
    URL,
)

MEMBER = os.environ["BENCH_MEMBER"]
CONNECTIONS = 10


class Write(NamedTuple):
    """A statement that writes one row, and what the log keeps of it."""

    sql: str
    values: tuple[Any, ...]
    updates: bool

    def entry(self, row: Any, old: Any) -> tuple[Any, ...]:
        what, at = ("updated", self.values[2]) if self.updates else ("created", self.values[5])
        before = encode({"priority": old}).decode() if self.updates else None
        request = "req_" + secrets.token_hex(12)
        return at, f"task.{what}", "Task", self.values[0], 1, MEMBER, request, before, row[0]


# -- stores ---------------------------------------------------------------------------------------------


class SQLite:
    """Reads and writes run inline. Writes that wait together share a transaction, so that they share its fsync."""

    async def open(self) -> None:
        self.connection = apsw.Connection(URL.removeprefix("sqlite:///"), statementcachesize=512)
        self.connection.set_busy_timeout(5000)
        self.connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)  # prepares each statement once
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "cache_size = -65536",
            "mmap_size = 268435456",
            "wal_autocheckpoint = 10000",
        ):
            self.connection.execute(f"PRAGMA {pragma}").fetchall()
        self.waiting: list[tuple[Write, asyncio.Future[Any]]] = []

    async def read(self, sql: str, *values: Any) -> list[Any]:
        return self.connection.execute(sql, values).fetchall()

    async def write(self, write: Write) -> Any:
        loop = asyncio.get_running_loop()
        if not self.waiting:
            loop.call_soon(self._commit)
        future: asyncio.Future[Any] = loop.create_future()
        self.waiting.append((write, future))
        return await future

    def _commit(self) -> None:
        waiting, self.waiting = self.waiting, []
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            rows = [self._run(write) for write, _ in waiting]
            self.connection.execute("COMMIT")
        except apsw.Error as error:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            for _, future in waiting:
                future.set_exception(error)
            return
        for (_, future), row in zip(waiting, rows, strict=True):
            future.set_result(row)

    def _run(self, write: Write) -> Any:
        old = self.connection.execute(OLD, write.values[:1]).fetchall()[0] if write.updates else (None,)
        row = self.connection.execute(write.sql, write.values).fetchall()[0]
        self.connection.execute(LOG, write.entry(row, old[0])).fetchall()
        return row


class Postgres:
    """Connections that each keep their prepared statements."""

    async def open(self) -> None:
        settings = {"TimeZone": "UTC", "jit": "off"}
        self.free = asyncio.LifoQueue[tuple[asyncpg.Connection, dict[str, Any]]]()
        for _ in range(CONNECTIONS):
            self.free.put_nowait((await asyncpg.connect(URL, server_settings=settings), {}))

    async def read(self, sql: str, *values: Any) -> list[Any]:
        connection, prepared = session = await self.free.get()
        try:
            statement = prepared.get(sql)
            if statement is None:
                statement = prepared[sql] = await connection.prepare(sql)
            return await statement.fetch(*values)  # type: ignore[no-any-return]
        finally:
            self.free.put_nowait(session)

    async def write(self, write: Write) -> Any:
        connection, prepared = session = await self.free.get()
        try:
            if not prepared.get(write.sql):
                prepared[write.sql] = await connection.prepare(write.sql)
                prepared[LOG] = await connection.prepare(LOG)
            await connection.execute("BEGIN")
            (row,) = await prepared[write.sql].fetch(*write.values)
            await prepared[LOG].fetch(*write.entry(row, row[1] if write.updates else None))
            await connection.execute("COMMIT")
            return row
        finally:
            self.free.put_nowait(session)


store: SQLite | Postgres = Postgres() if POSTGRES else SQLite()

# -- HTTP -----------------------------------------------------------------------------------------------

encode = msgspec.json.encode
decode = msgspec.json.decode


def now() -> Any:
    at = dt.datetime.now(dt.UTC)
    return at if POSTGRES else at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def page(target: str, rows: list[Any], limit: int, cursor: str | None) -> bytes:
    if cursor is not None:
        cursor = base64.urlsafe_b64encode(cursor.encode()).decode()
    meta = {
        "requestId": "req_" + secrets.token_hex(12),
        "pagination": {
            "limit": limit,
            "nextCursor": cursor,
            "prevCursor": None,
            "hasMore": cursor is not None,
        },
    }
    links = {"self": target, "first": target, "prev": None, "next": cursor and f"{target}&cursor={cursor}"}
    data = ",".join([row[0] for row in rows])
    return b'{"data":[%b],"meta":%b,"links":%b}' % (data.encode(), encode(meta), encode(links))


async def tasks(target: str, query: str) -> bytes:
    values = parse_qs(query)
    if "q" in values:
        rows = await store.read(SEARCH, *sought(values["q"][0]))
        return page(target, rows[:20], 20, "20" if len(rows) > 20 else None)
    if "project" not in values:
        rows = await store.read(MINE, MEMBER)
    elif "cursor" in values:
        at, last = base64.urlsafe_b64decode(values["cursor"][0]).decode().split("|")
        after = dt.datetime.fromisoformat(at) if POSTGRES else at
        rows = await store.read(NEXT, values["project"][0], values["status"][0], after, last)
    else:
        rows = await store.read(FIRST, values["project"][0], values["status"][0])
    cursor = f"{rows[49][1]}|{rows[49][2]}" if len(rows) > 50 else None
    return page(target, rows[:50], 50, cursor)


def sought(q: str) -> tuple[str, str, str]:
    """What the index, texts and words are asked for."""
    text = unicodedata.normalize("NFKC", q).casefold()
    between = r"[\x01-/:-@\[-`{-\xbf\u2000-\u206f\u3000-\u303f]"
    if POSTGRES:
        like = re.sub(r"[\\%_]", r"\\\g<0>", text)
        return f"%{like}%", text, between + re.sub(r"[\\^$.|?*+(){}\[\]]", r"\\\g<0>", text)
    grams = [
        text[place : place + 3].replace('"', '""') for place in (*range(0, len(text) - 3, 3), len(text) - 3)
    ]
    glob = "*[\x01-/:-@[-`{-\xbf\u2000-\u206f\u3000-\u303f]" + re.sub(r"[*?\[]", r"[\g<0>]", text) + "*"
    return " AND ".join(f'"{gram}"' for gram in grams), text, glob


async def projects(target: str) -> bytes:
    rows = await store.read(PROJECTS)
    return page(target, rows, 20, rows[-1][1] if rows[-1][2] > 20 else None)


async def groups(target: str, project: str) -> bytes:
    rows = await store.read(GROUPS, project)
    meta = {
        "requestId": "req_" + secrets.token_hex(12),
        "pagination": {"limit": 100, "hasMore": len(rows) > 100},
    }
    data = ",".join([row[0] for row in rows[:100]])
    return b'{"data":[%b],"meta":%b,"links":%b}' % (data.encode(), encode(meta), encode({"self": target}))


def single(row: Any) -> bytes:
    return b'{"data":%b,"meta":{"requestId":"req_%b"}}' % (row[0].encode(), secrets.token_hex(12).encode())


async def write(receive: Any, method: str, path: str) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message["body"]
        more = message.get("more_body", False)
    values = decode(body)
    if method == "PATCH":
        return single(await store.write(Write(UPDATE, (path[14:], values["priority"], now()), True)))
    title = values["title"]
    folded = unicodedata.normalize("NFKC", title).casefold()
    key = "task_" + secrets.token_hex(13)
    row = (key, values["projectId"], title, folded, values["department"], now())
    return single(await store.write(Write(CREATE, row, False)))


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await store.open()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    path, method, query = scope["path"], scope["method"], scope["query_string"].decode()
    if method != "GET":
        body = await write(receive, method, path)
    elif path == "/api/v1/tasks":
        body = await tasks(f"{path}?{query}", query)
    elif path.endswith("/tasks"):
        body = await groups(f"{path}?{query}", path[17:-6])
    elif path == "/api/v1/projects":
        body = await projects(f"{path}?{query}")
    else:
        body = single((await store.read(ONE, path[14:]))[0])
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    status = 201 if method == "POST" else 200
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

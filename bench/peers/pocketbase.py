"""PocketBase with a collection of the demo's tasks, in a database of its own.

Its answers hold what the table holds, without the two computed fields. Its rules ask for somebody who has signed in. It
pages by number, and keeps its log of requests as it does by default.
"""

import json
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import apsw

from bench.load import once, request

PROGRAM = Path(sys.executable).with_name("pocketbase")
PASSWORD = secrets.token_hex()
TEXTS = {
    "projectId": "project_id",
    "shotId": "shot_id",
    "assetId": "asset_id",
    "typeId": "type_id",
    "title": "title",
    "description": "description",
    "department": "department",
    "artistId": "artist_id",
    "reviewerId": "reviewer_id",
    "status": "status",
    "start": "start",
    "reviewNote": "review_note",
}
NUMBERS = {"priority": "priority", "bid": "bid / 100.0", "estimate": "estimate / 100.0", "version": "version"}
MOMENTS = {
    "deadline": "deadline",
    "startedAt": "started_at",
    "approvedAt": "approved_at",
    "completedAt": "completed_at",
    "createdAt": "created_at",
    "updatedAt": "updated_at",
}
SIGNED_IN = "@request.auth.id != ''"


def is_there() -> bool:
    """Whether it is installed; its wheel is for Linux."""
    return PROGRAM.exists()


def command(folder: Path, port: int) -> list[str]:
    """What serves it. Its folder is made ready before."""
    data = f"--dir={folder / 'pocketbase'}"
    owner = [str(PROGRAM), "superuser", "upsert", "bench@example.com", PASSWORD, data]
    subprocess.run(owner, check=True, stdout=subprocess.DEVNULL)
    return [str(PROGRAM), "serve", f"--http=127.0.0.1:{port}", data]


async def fill(port: int, folder: Path, source: str) -> str:
    """Make the collection, and fill it with the tasks of Headwater's database; the token of somebody."""
    identity = {"identity": "bench@example.com", "password": PASSWORD}
    owner = (await _post(port, "/api/collections/_superusers/auth-with-password", identity))["token"]
    await _post(port, "/api/collections", _collection(), owner)
    somebody = {"email": "somebody@example.com", "password": PASSWORD, "passwordConfirm": PASSWORD}
    await _post(port, "/api/collections/users/records", somebody, owner)
    identity = {"identity": "somebody@example.com", "password": PASSWORD}
    connection = apsw.Connection(str(folder / "pocketbase" / "data.db"))
    connection.set_busy_timeout(10_000)
    columns = {"id": "id", **TEXTS, **NUMBERS, **MOMENTS}
    given = [
        *("id",),
        *(f"coalesce({column}, '')" for column in TEXTS.values()),
        *(f"coalesce({column}, 0)" for column in NUMBERS.values()),
        *(f"coalesce(replace(substr({column}, 1, 23), 'T', ' ') || 'Z', '')" for column in MOMENTS.values()),
    ]
    connection.execute("ATTACH ? AS source", (source.removeprefix("sqlite:///"),))
    names = ", ".join(f'"{name}"' for name in columns)
    connection.execute(f"INSERT INTO tasks ({names}) SELECT {', '.join(given)} FROM source.tasks").fetchall()
    connection.execute("ANALYZE main").fetchall()  # and not the source, whose owners make do without
    connection.close()
    return str((await _post(port, "/api/collections/users/auth-with-password", identity))["token"])


def _collection() -> dict[str, Any]:
    key = {
        "name": "id", "type": "text", "system": True, "primaryKey": True, "required": True, "min": 1, "max": 64,
        "pattern": "^[a-z0-9_]+$", "autogeneratePattern": "task_[a-z0-9]{26}",
    }  # fmt: skip
    dates = [{"name": name, "type": "date"} for name in MOMENTS if name not in ("createdAt", "updatedAt")]
    stamps = [
        {"name": "createdAt", "type": "autodate", "onCreate": True},
        {"name": "updatedAt", "type": "autodate", "onCreate": True, "onUpdate": True},
    ]
    fields = [
        *({"name": name, "type": "text", "max": 10_000} for name in TEXTS),
        *({"name": name, "type": "number"} for name in NUMBERS),
    ]
    return {
        "name": "tasks",
        "type": "base",
        "fields": [key, *fields, *dates, *stamps],
        "indexes": [
            "CREATE INDEX of_status ON tasks (projectId, status, createdAt, id)",
            "CREATE INDEX newest ON tasks (createdAt, id)",
        ],
        **{f"{verb}Rule": SIGNED_IN for verb in ("list", "view", "create", "update")},
    }


async def _post(port: int, path: str, body: Any, token: str = "") -> Any:
    return json.loads(await once(port, request("POST", path, token, json.dumps(body).encode())))

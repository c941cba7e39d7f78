"""For the tests of products: an application on a throw-away database, and a client that speaks to it.

```python
async with client(app) as visitor:
    artist = await visitor.sign_up("ada", role="user")
    reply = await artist.post("/api/v1/tasks", {"title": "Comp the sky", "projectId": "SWA"})
    assert reply.status == 201
```
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec

from headwater.app import App, Running
from headwater.base.config import Config
from headwater.engine import migrate
from headwater.http.application import Application
from headwater.log.log import Entry

PASSWORD = "a password for tests only"  # noqa: S105 - nothing real is behind it


@dataclass(frozen=True, slots=True)
class Reply:
    """A response. `headers` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The decoded body."""
        return msgspec.json.decode(self.body)

    @property
    def data(self) -> Any:
        """What the envelope holds."""
        return self.json()["data"]


@dataclass(frozen=True, slots=True)
class Client:
    """Calls the application in this process, through its whole HTTP side. `id` is the account's; None for nobody."""

    running: Running
    application: Application
    id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    async def sign_up(self, login: str, role: str = "user") -> "Client":
        """A client that is signed in as a new account with a role."""
        id = await self.running.create_account(login, PASSWORD, role)
        return self.signed_in(id, await self.running.identity.issue_access_token(login))

    def signed_in(self, id: str, token: str) -> "Client":
        """A client that sends an access token."""
        return Client(self.running, self.application, id, {"authorization": f"Bearer {token}"})

    async def get(self, path: str, **headers: str) -> Reply:
        return await self.request("GET", path, headers=headers)

    async def post(self, path: str, json: Any = None, **headers: str) -> Reply:
        return await self.request("POST", path, json, headers)

    async def put(self, path: str, json: Any, **headers: str) -> Reply:
        return await self.request("PUT", path, json, headers)

    async def patch(self, path: str, json: Any, **headers: str) -> Reply:
        return await self.request("PATCH", path, json, headers)

    async def delete(self, path: str, **headers: str) -> Reply:
        return await self.request("DELETE", path, headers=headers)

    async def request(
        self, method: str, path: str, json: Any = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """One request. Underscores in header names given as keywords stand for hyphens."""
        body = b"" if json is None else json if isinstance(json, bytes) else msgspec.json.encode(json)
        sent = {**self.headers, **{k.replace("_", "-").lower(): v for k, v in (headers or {}).items()}}
        if body:
            sent.setdefault("content-type", "application/json")
            sent["content-length"] = str(len(body))
        route, _, query = path.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(route),
            "raw_path": route.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(k.encode(), v.encode()) for k, v in sent.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        messages = [{"type": "http.request", "body": body, "more_body": False}]
        received: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if not messages:
                await asyncio.Event().wait()  # the client stays until it is answered
            return messages.pop(0)

        async def send(message: dict[str, Any]) -> None:
            received.append(message)

        await self.application(scope, receive, send)
        found = {k.decode().lower(): v.decode() for k, v in received[0]["headers"]}
        return Reply(received[0]["status"], found, b"".join(m.get("body", b"") for m in received[1:]))

    async def log(self, after: int = 0) -> list[Entry]:
        """The entries of the event log behind a position."""
        return await self.running.engine.log.reader(after).read(10_000)


@asynccontextmanager
async def client(app: App, *, database_url: str | None = None) -> AsyncIterator[Client]:
    """A client that is not signed in, on an empty database with the app's tables: a new SQLite file, or the database
    that `database_url` names, which must be empty."""
    with tempfile.TemporaryDirectory(prefix="headwater-") as folder:
        url = database_url or f"sqlite:///{folder}/test.db"
        overrides = {"database_url": url, "data": folder, "mode": app.mode}
        config = Config.load({}, Path(folder), overrides).in_mode(app.mode)
        await migrate.create_all(app.schema(config), url, app.migrations)
        running = Running(app, config)
        application = running.application()
        try:
            await application.start()
            yield Client(running, application)
        finally:
            await application.stop()

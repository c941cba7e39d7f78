"""Virtual users: each has a connection of its own, is signed in as an account, and acts out a scenario."""

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast
from urllib.parse import quote

import aiohttp
import msgspec

from headwater.operate.load.figures import Tally

TIMEOUT: Final = 10.0
"""Seconds after which a request that was not answered counts as timed out."""
KEPT: Final = 60.0
"""Seconds for which a user keeps a quiet connection."""
EARLY: Final = 30.0
"""Seconds before a token expires at which it is renewed."""
PREFIX: Final = "/api/v1"
_DATABASE: Final = re.compile(r'(?:^|,)\s*db;dur=(\d+(?:\.\d+)?);desc="(\d+) statements?"')


class SignInError(Exception):
    """An account of the load test cannot sign in."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `status` is 0 where there was none."""

    status: int
    body: bytes = b""

    def json(self) -> Any:
        """The decoded body. Raises msgspec.DecodeError where it is not JSON."""
        return msgspec.json.decode(self.body)

    @property
    def data(self) -> Any:
        """What the envelope holds; None where the request was refused or not answered."""
        return self.json()["data"] if 200 <= self.status < 300 and self.body else None


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that was answered. `name` is that under which it is counted, which begins with its method; `url` is its
    path and query; `body` is what was sent as JSON, if anything."""

    name: str
    url: str
    body: Any = None


@dataclass(slots=True)
class Account:
    """Who users are signed in as; those of one account share its tokens. Without a login they are nobody."""

    login: str = ""
    password: str = ""
    _token: str = ""
    _refresh: str = ""
    _until: float = 0.0
    _renewing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def headers(self, session: aiohttp.ClientSession) -> Mapping[str, str]:
        """What a request carries. Raises SignInError."""
        if not self.login:
            return {}
        if time.monotonic() > self._until:
            async with self._renewing:
                if time.monotonic() > self._until:
                    await self._renew(session)
        return {"authorization": f"Bearer {self._token}"}

    async def _renew(self, session: aiohttp.ClientSession) -> None:
        path, body = "login", {"username": self.login, "password": self.password}
        if self._refresh:
            path, body = "refresh", {"refreshToken": self._refresh}
        async with session.post(f"{PREFIX}/auth/{path}", json=body) as answer:
            content = await answer.read()
        if answer.status != 200:
            raise SignInError(f"{self.login} cannot sign in: {answer.status} {content.decode()[:300]}")
        found = msgspec.json.decode(content)
        self._token, self._refresh = found["accessToken"], found["refreshToken"]
        self._until = time.monotonic() + max(1.0, found["expiresIn"] - EARLY)


class VirtualUser:
    """One user of a load test, who waits a while before each request.

    `login` is that of its account, `""` for nobody; `random` is to draw with, and draws alike in each run; `kept` is
    for what a scenario wants to remember from one turn to the next; `sent` counts its requests.
    """

    def __init__(
        self,
        number: int,
        base: str,
        account: Account,
        pause: float,
        tallies: dict[str, Tally],
        timeout: float = TIMEOUT,
    ) -> None:
        self.login = account.login
        self.random = random.Random(number)  # noqa: S311 - it draws what is asked, no secrets
        self.kept: dict[str, Any] = {}
        self.sent = 0
        self.trail: list[Sent] | None = None
        """Where requests are noted as they were sent, for whoever sets it."""
        self._account, self._pause, self._tallies = account, pause, tallies
        self._session = aiohttp.ClientSession(
            base,
            connector=aiohttp.TCPConnector(limit=1, keepalive_timeout=KEPT),
            timeout=aiohttp.ClientTimeout(total=timeout),
        )

    async def get(self, path: str, query: Mapping[str, object] | None = None, /, **names: object) -> Reply:
        """Ask for something. `path` is below `/api/v1` unless it begins with `/api` or `/health`; what it has in
        braces is filled from `names`, so that requests of one kind are counted together:
        `get("/tasks/{id}", {"include": "artist"}, id=task["id"])`. Parameters that are to tell one kind from another
        are written in the path: `get("/tasks?q={text}", text="smoke")`."""
        return await self.send("GET", path, query, None, **names)

    async def post(self, path: str, json: object = None, /, **names: object) -> Reply:
        """Send something; see `get`."""
        return await self.send("POST", path, None, json, **names)

    async def patch(self, path: str, json: object, /, **names: object) -> Reply:
        """Change something; see `get`."""
        return await self.send("PATCH", path, None, json, **names)

    async def delete(self, path: str, /, **names: object) -> Reply:
        """Delete something; see `get`."""
        return await self.send("DELETE", path, None, None, **names)

    async def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | None = None,
        json: object = None,
        /,
        **names: object,
    ) -> Reply:
        """One request; see `get`. An answer of 400 or more counts as an error, none within the time as timed out."""
        template = path if path.startswith(("/api", "/health")) else PREFIX + path
        name = f"{method} {template}"
        tally = self._tallies.setdefault(name, Tally())
        target = template.format_map({name: quote(str(value), safe="") for name, value in names.items()})
        await asyncio.sleep(self.random.expovariate(1 / self._pause) if self._pause else 0)
        self.sent += 1
        try:
            headers = await self._account.headers(self._session)
            begun = time.perf_counter()
            async with self._session.request(
                method, target, params=cast(Any, query), json=json, headers=headers
            ) as answer:
                body = await answer.read()
        except TimeoutError:
            tally.timeouts += 1
            return Reply(0)
        except aiohttp.ClientError as error:
            tally.errors[type(error).__name__] += 1
            return Reply(0)
        tally.times.append((time.perf_counter() - begun) * 1000)
        if told := _DATABASE.search(", ".join(answer.headers.getall("server-timing", ()))):
            tally.database.append(float(told[1]))
            tally.statements += int(told[2])
        if self.trail is not None:
            self.trail.append(Sent(name, (answer.history or [answer])[0].url.raw_path_qs, json))
        if answer.status >= 400:
            tally.errors[str(answer.status)] += 1
        return Reply(answer.status, body)

    async def close(self) -> None:
        await self._session.close()


Scenario = Callable[[VirtualUser], Awaitable[None]]
"""What a user does, again and again."""

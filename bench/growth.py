"""`python -m bench.growth`: what a request costs when more is declared, when there are more rows, and when questions
come in ever more shapes.

Each part stops by itself. `resources`: CPU of a request and the seconds of a start, with 10, 100 and 300 resources.
`rows`: steps of SQLite, or pages of PostgreSQL, of statements over ten thousand, a hundred thousand and a million rows.
`memory`: what a server's memory comes to under questions of growing variety.
"""

import argparse
import asyncio
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import uvloop

from bench.load import once, request, run
from bench.servers import HEADWATER, clocks, used
from headwater.base.call import SYSTEM, Actor, Call
from headwater.engine.engine import Engine
from headwater.engine.migrate import create_all
from headwater.engine.schema import Schema
from headwater.ir.expr import Column, Compare, Value
from headwater.ir.query import Cursor, Query, Select, Sort
from tests.bulk import analyse, insert
from tests.driver import touched_pages, watched_drivers
from tests.servers import free_port, postgres
from tests.stores import dialect, drop, new_database, open_store

RESOURCES = (10, 100, 300)
ADA = Actor(id="ada", roles=frozenset({"guest", "user"}))
ROWS = (10_000, 100_000, 1_000_000)
HEAD = """
from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from headwater import App, Computed, Field, OptRef, Resource, allow, computed, desc, field, index, now, optref


class Status(StrEnum):
    OPEN = "open"
    WORK = "work"
    DONE = "done"
"""
RESOURCE = '''

class Thing{n}(Resource):
    """Thing number {n}."""

    name: Field[str] = field(max_length=100, search=True)
    status: Field[Status] = field(default=Status.OPEN)
    priority: Field[int] = field(default=5, ge=0, le=9)
    price: Field[Decimal] = field(default=Decimal(0), ge=0, places=2)
    due: Field[dt.datetime | None] = field(default=None)
    owner: Field[str | None] = field(default=None, max_length=40)
    parent: OptRef[Thing{parent}] = optref(default=None)
    is_late: Computed[bool] = computed(lambda: Thing{n}.due.is_not_null() & (Thing{n}.due < now()), init=False)


allow(Thing{n}, "read", when=lambda actor: (Thing{n}.owner == actor.id) | (Thing{n}.priority > 2))
allow(Thing{n}, "create", "update", to="user")
index(Thing{n}.status, desc(Thing{n}.created_at))
index(desc(Thing{n}.created_at))
'''
TAIL = """
things = [{names}]


def seed(scale: int):
    for start in range(0, 1000, 100):
        yield [Thing0(id=f"thing0_{{n:026}}", name=f"Thing {{n}}") for n in range(start, start + 100)]


app = App(
    title="Many",
    resources=things,
    seed=seed,
    mode="development",
    migrations=Path(__file__).parent / "migrations",
)
"""


def source(count: int) -> str:
    """A module that declares so many resources, each of which refers to the one before."""
    parts = [RESOURCE.format(n=n, parent=max(0, n - 1)) for n in range(count)]
    return HEAD + "".join(parts) + TAIL.format(names=", ".join(f"Thing{n}" for n in range(count)))


class Many:
    """A server of so many resources, on an SQLite file of its own."""

    def __init__(self, count: int, folder: Path) -> None:
        self.count, self.folder = count, folder / str(count)
        self.folder.mkdir()
        (self.folder / "many.py").write_text(source(count))
        url = f"sqlite:///{self.folder}/many.db"
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("HEADWATER_")}
        self.environment |= {"HEADWATER_DATABASE_URL": url, "HEADWATER_DATA": str(self.folder)}
        self.port = free_port()
        of = ["--app", "many:app"]
        self._command("migrate", *of, "--make", "first")
        self._command("migrate", *of)
        self._command("seed", *of)
        self._command(
            "user", "create", "ada", "--role", "user", "--password-stdin", *of, input="a long password\n"
        )

    def _command(self, *arguments: str, input: str = "") -> None:
        subprocess.run(
            [HEADWATER, *arguments], cwd=self.folder, env=self.environment, check=True, input=input, text=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def start(self) -> float:
        """Start it; the seconds until it says that it is ready."""
        begun = time.monotonic()
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [HEADWATER, "serve", "many:app", "--port", str(self.port)],
                cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        assert self.process.stdout is not None
        while "Headwater is ready" not in (line := self.process.stdout.readline()):
            assert line, (self.folder / "log").read_text()
        return time.monotonic() - begun

    def stop(self) -> None:
        self.process.terminate()
        self.process.communicate(timeout=30)

    def memory(self) -> float:
        """MiB that are resident."""
        return float(psutil.Process(self.process.pid).memory_info().rss) / 2**20

    def told(self) -> str:
        """What is resident, how much of it is the process's own, and the size of the database. What is not its own are
        mapped files, which the system takes back when it needs their room."""
        found = psutil.Process(self.process.pid).memory_info()
        size = (self.folder / "many.db").stat().st_size
        own = (found.rss - found.shared) / 2**20
        return f"{found.rss / 2**20:.0f} MiB, {own:.0f} of them its own; a database of {size / 2**20:.0f} MiB"

    async def requests(self) -> dict[str, Iterator[bytes]]:
        """One row by its id, and fifty of them, filtered and newest first."""
        signing = {"username": "ada", "password": "a long password"}
        login = request("POST", "/api/v1/auth/login", body=json.dumps(signing).encode())
        self.token = json.loads(await once(self.port, login))["accessToken"]
        ones = [request("GET", f"/api/v1/thing0s/thing0_{n:026}", self.token) for n in range(50)]
        page = request("GET", "/api/v1/thing0s?status=open&sort=-createdAt&limit=50", self.token)
        return {"a": itertools.cycle(ones), "b": itertools.cycle([page])}


async def resources(rounds: int, requests: int) -> None:
    """More declarations: the same requests in turn to servers that have more and more of them."""
    with tempfile.TemporaryDirectory(prefix="headwater-growth-") as name, ExitStack() as stack:
        servers = [Many(count, Path(name)) for count in RESOURCES]
        starts: dict[int, list[float]] = {server.count: [] for server in servers}
        for _ in range(3):
            for server in servers:
                starts[server.count].append(server.start())
                server.stop()
        for server in servers:
            server.start()
            stack.callback(server.stop)
        asked = {server.count: await server.requests() for server in servers}
        spent: dict[tuple[str, int], list[float]] = {}
        for workload in "ab":
            for server in servers:
                await run(server.port, asked[server.count][workload], requests, 8)
            for _ in range(rounds):
                for server in servers:
                    before = clocks([server.process.pid])
                    await run(server.port, asked[server.count][workload], requests, 8)
                    took = used(before, clocks([server.process.pid])) * 1e6 / requests
                    spent.setdefault((workload, server.count), []).append(took)
        print(
            "\nResources: processor time of a request in µs, seconds of a start, MiB when it is ready and was asked"
        )
        for server in servers:
            ratios = [
                statistics.median(
                    mine / least for mine, least in zip(spent[w, server.count], spent[w, 10], strict=True)
                )
                for w in "ab"
            ]
            cells = [
                f"{w} {statistics.median(spent[w, server.count]):6.0f} ({r:.2f}x)"
                for w, r in zip("ab", ratios, strict=True)
            ]
            start = statistics.median(starts[server.count])
            print(
                f"{server.count:5} resources: {', '.join(cells)}; start {start:.2f} s, {server.memory():.0f} MiB",
                flush=True,
            )


QUESTIONS: dict[str, Any] = {
    "one by its id": lambda count: Query("Thing0", key=f"thing0_{count // 2:026}"),
    "fifty, filtered, newest first": lambda count: Query(
        "Thing0",
        where=Compare("eq", Column(("status",)), Value("open")),
        sort=(Sort(Column(("created_at",)), True),),
        page=Cursor(50),
    ),
    "fifty under a rule": lambda count: Query(
        "Thing0", sort=(Sort(Column(("created_at",)), True),), page=Cursor(50)
    ),
    "some fields of the first": lambda count: Query("Thing0", select=Select(("id", "name")), page=Cursor(50)),
}


async def rows(store_url: str) -> None:
    """More rows: what statements cost, exactly, by the database's own count."""
    unit = "steps" if store_url.startswith("sqlite") else "pages (plan for these values; for any)"
    with tempfile.TemporaryDirectory(prefix="headwater-growth-") as name:
        path = Path(name) / "many.py"
        path.write_text(source(1))
        sys.path.insert(0, name)
        model = import_module("many").app.model
    start = datetime(2026, 1, 1, tzinfo=UTC)
    print(f"\nRows: {unit}")
    await create_all(Schema(model, dialect(store_url)), store_url)
    with watched_drivers() as driver:
        async with open_store(store_url) as store:
            engine = Engine(model, store, secret=b"s" * 32)
            made = 0
            for count in ROWS:
                batch = [_thing(n, start) for n in range(made, count)]
                await insert(store, engine.schema, "Thing0", batch)
                await analyse(store)
                made = count
                for name, question in QUESTIONS.items():
                    call = Call(actor=ADA if "rule" in name else SYSTEM, now=start)
                    await engine.read(call, question(count))
                    driver.clear()
                    await engine.read(call, question(count))
                    sent = [*driver.sent]
                    if driver.steps:
                        cost = str(sum(driver.steps))
                    else:
                        async with touched_pages(store_url) as pages:
                            found = [await pages.touched(one) for one in sent]
                        cost = "; ".join(
                            str(sum(one[kind] for one in found)) for kind in ("custom", "generic")
                        )
                    print(f"{count:9,} rows: {name:32} {cost}", flush=True)


def _thing(n: int, start: datetime) -> dict[str, Any]:
    at = start + timedelta(seconds=n)
    return {
        "id": f"thing0_{n:026}",
        "name": f"Thing {n}",
        "status": ("open", "work", "done")[n % 3],
        "priority": n % 10,
        "price": Decimal(0),
        "due": None,
        "owner": None,
        "parent": None,
        "created_at": at,
        "updated_at": at,
        "version": 1,
    }


async def memory(minutes: float, fill: int) -> None:
    """Questions of ever more shapes, for some minutes: fields, filters and orders in ever other combinations. Before
    them come so many new rows as fill the page cache of the connection that writes: it would hide what else grows."""
    fields = (
        "id",
        "name",
        "status",
        "priority",
        "price",
        "due",
        "owner",
        "parentId",
        "createdAt",
        "updatedAt",
        "version",
    )
    filters = (
        "name[contains]=1",
        "status=open",
        "status[in]=open,work",
        "priority[gte]=3",
        "priority[lt]=9",
        "owner[isNull]=true",
        "createdAt[gt]=2020-01-01T00:00:00Z",
        "version=1",
        "due[isNull]=true",
        "name[startsWith]=Thing",
    )
    draw = random.Random(1)
    with tempfile.TemporaryDirectory(prefix="headwater-growth-") as name:
        server = Many(30, Path(name))
        server.start()
        try:
            await server.requests()
            print(f"\nMemory\nidle: {server.told()}", flush=True)
            shapes = set[str]()

            def create(name: str) -> bytes:
                path = f"/api/v1/thing{draw.randrange(30)}s"
                return request("POST", path, server.token, json.dumps({"name": name}).encode())

            def questions() -> Iterator[bytes]:
                while True:
                    path = f"thing{draw.randrange(30)}s"
                    some = ",".join(draw.sample(fields, draw.randrange(1, len(fields))))
                    where = "&".join(draw.sample(filters, draw.randrange(4)))
                    order = draw.choice(("", "-")) + draw.choice(("createdAt", "id", "priority", "name"))
                    target = f"/api/v1/{path}?fields={some}&{where}&sort={order}&limit=20".replace("&&", "&")
                    shapes.add(target)
                    if len(shapes) % 20 == 0:
                        yield create(f"Another {len(shapes)}")
                    yield request("GET", quote(target, safe="/?&=,[]-"), server.token)

            for start in range(0, fill, 400):
                names = range(start, min(start + 400, fill))
                await run(server.port, (create(f"Row {n}") for n in names), len(names), 8)
            print(f"after {fill:,} rows: {server.told()}", flush=True)
            asked, begun, sent = questions(), time.monotonic(), 0
            for part in range(10):
                until = begun + minutes * 60 * (part + 1) / 10
                while time.monotonic() < until:
                    await run(server.port, asked, 400, 8)
                    sent += 400
                print(
                    f"after {time.monotonic() - begun:5.0f} s: {server.told()}; {sent:,} requests, "
                    f"{len(shapes):,} questions",
                    flush=True,
                )
        finally:
            server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument("part", choices=("resources", "rows", "memory"), nargs="*", help="(all)")
    parser.add_argument("--minutes", type=float, default=10, help="of `memory` (10)")
    parser.add_argument("--fill", type=int, default=60_000, help="rows that `memory` makes first (60,000)")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--requests", type=int, default=800, help="in a round (800)")
    given = parser.parse_args()
    parts = given.part or ["resources", "rows", "memory"]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if "resources" in parts:
            runner.run(resources(given.rounds, given.requests))
        if "rows" in parts:
            with tempfile.TemporaryDirectory(prefix="headwater-growth-") as name:
                runner.run(rows(f"sqlite:///{name}/rows.db"))
            with postgres() as server:
                url = new_database(server)
                try:
                    runner.run(rows(url))
                finally:
                    drop(url)
        if "memory" in parts:
            runner.run(memory(given.minutes, given.fill))


if __name__ == "__main__":
    main()

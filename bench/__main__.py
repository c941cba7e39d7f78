"""`make bench`: six workloads against Headwater, a hand-written floor and FastAPI, in one run.

Each is a server process of its own over the same tables, which `headwater seed` filled. Rounds take turns (A B C A
B C), so that a slow spell of the machine meets all three alike. What is compared is the processor time of the
server process, which the load client does not share. Workload c embeds 50 tasks in each project, which is what REST
embeds; the peers do the same. HEADWATER_TEST_POSTGRES_URL adds a run on PostgreSQL.
"""

import asyncio
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote, urlsplit

import asyncpg

from bench.load import Round, once, request, run

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
COUNT = int(os.environ.get("BENCH_REQUESTS", "400"))
SCALE = os.environ.get("BENCH_SCALE", "20")
PEERS = ("headwater", "floor", "fastapi")
HEADWATER = str(Path(sys.executable).with_name("headwater"))
LIST = "/api/v1/tasks?project=SWA&status=in_progress&sort=-createdAt&limit=50"
NEST = os.environ.get("BENCH_NEST", "/api/v1/projects?limit=20&include=tasks.artist")
SMALL = "/api/v1/tasks?sort=-createdAt&limit=50"
START_SECONDS = 30.0


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Server:
    """A server process, which ends with the block."""

    def __init__(self, name: str, folder: Path, environment: dict[str, str]) -> None:
        self.port = free_port()
        where = ["--host", "127.0.0.1", "--port", str(self.port)]
        uvicorn = [sys.executable, "-m", "uvicorn"]
        command = {
            "headwater": [HEADWATER, "serve", *where],
            "floor": [*uvicorn, "bench.peers.floor:app", "--no-access-log", *where],
            "fastapi": [*uvicorn, "bench.peers.fastapi_peer:app", *where],
        }[name]
        self.name, self.log = name, folder / f"{name}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def wait(self) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise RuntimeError(f"{self.name} did not start:\n{self.log.read_text()[-2000:]}")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


async def login(port: int, name: str) -> tuple[str, str]:
    """The access token of a demo account, and the id of its person."""
    body = json.dumps({"username": name, "password": f"demo-{name}-headwater"}).encode()
    token = str(json.loads(await once(port, request("POST", "/api/v1/auth/login", body=body)))["accessToken"])
    me = json.loads(await once(port, request("GET", "/api/v1/users/me", token)))
    return token, str(me.get("data", me)["id"])


async def workloads(server: Server, token: str, member: str) -> dict[str, list[bytes]]:
    """The requests of each workload, made for one server: its cursors are its own."""
    page = json.loads(await once(server.port, request("GET", LIST, token)))
    ids = [row["id"] for row in page["data"]]
    cursor = quote(page["meta"]["pagination"]["nextCursor"] or "")
    following = f"{LIST}&cursor={cursor}" if cursor else LIST
    # No two updates of a row that follow one another set the same value, lest one has nothing to write.
    values = range(5) if server.name == "headwater" else range(5, 10)
    new = {"projectId": "SWA", "title": "Measured", "department": "fx"}
    return {
        "a one task": [request("GET", f"/api/v1/tasks/{i}", token) for i in ids],
        "b 50 tasks": [request("GET", LIST, token), request("GET", following, token)],
        "c 20 projects": [request("GET", NEST, token)],
        "d create": [request("POST", "/api/v1/tasks", token, json.dumps(new).encode())],
        "e update": [
            request("PATCH", f"/api/v1/tasks/{one}", token, json.dumps({"priority": value}).encode())
            for value in values
            for one in ids
        ],
        "f small member": [request("GET", SMALL, member)],
    }


async def measure(title: str, url: str, folder: Path) -> None:
    environment = os.environ | {"HEADWATER_DATABASE_URL": url, "HEADWATER_DATA": str(folder)}
    for command in (["migrate"], ["seed", "--scale", SCALE]):
        subprocess.run([HEADWATER, *command], env=environment, check=True, stdout=subprocess.DEVNULL)
    servers: dict[str, Server] = {}
    try:
        servers["headwater"] = Server("headwater", folder, environment)
        servers["headwater"].wait()
        token, _ = await login(servers["headwater"].port, "supervisor")
        member, person = await login(servers["headwater"].port, "client")
        for name in PEERS[1:]:
            servers[name] = Server(
                name, folder, environment | {"BENCH_DATABASE_URL": url, "BENCH_MEMBER": person}
            )
            servers[name].wait()
        sent = {name: await workloads(server, token, member) for name, server in servers.items()}
        print(
            f"\n{title}, scale {SCALE}: {ROUNDS} rounds of {COUNT} requests, 8 connections; median (least to most)"
        )
        print(
            f"{'workload':16}{'server':11}{'CPU µs/request':>26}{'requests/s':>12}{'bytes':>9}   Headwater is"
        )
        for workload in sent["headwater"]:
            count = max(20, COUNT // 10) if workload.startswith("c") else COUNT
            results: dict[str, list[Round]] = {name: [] for name in PEERS}
            for name, server in servers.items():
                await run(server.port, server.process.pid, sent[name][workload], count // 4)
            for _ in range(ROUNDS):
                for name, server in servers.items():
                    found = await run(server.port, server.process.pid, sent[name][workload], count)
                    results[name].append(found)
            table(workload, results)
    finally:
        for server in servers.values():
            server.stop()


def table(workload: str, results: dict[str, list[Round]]) -> None:
    middle = {name: statistics.median(r.cpu for r in rounds) for name, rounds in results.items()}
    verdict = {
        "headwater": "",
        "floor": f"{middle['floor'] / middle['headwater']:.0%} of the floor",
        "fastapi": f"{middle['fastapi'] / middle['headwater']:.1f}x FastAPI",
    }
    for name, rounds in results.items():
        cpu = [r.cpu for r in rounds]
        spread = f"{middle[name]:,.0f} ({min(cpu):,.0f} to {max(cpu):,.0f})"
        rate = statistics.median(r.rate for r in rounds)
        size = statistics.median(r.size for r in rounds)
        print(f"{workload:16}{name:11}{spread:>26}{rate:>12,.0f}{size:>9,.0f}   {verdict[name]}", flush=True)


async def on_postgres(server: str, folder: Path) -> None:
    """Measure in a database made for this run, and drop it after."""
    name = f"headwater_bench_{os.getpid()}"
    admin = await asyncpg.connect(server)
    try:
        await admin.execute(f'CREATE DATABASE "{name}"')
        try:
            await measure("PostgreSQL", urlsplit(server)._replace(path=f"/{name}").geturl(), folder)
        finally:
            await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await admin.close()


async def main() -> None:
    with tempfile.TemporaryDirectory(prefix="headwater-bench-") as made:
        for part in ("sqlite", "postgres"):
            (Path(made) / part).mkdir()
        await measure("SQLite", f"sqlite:///{made}/sqlite/bench.db", Path(made) / "sqlite")
        if server := os.environ.get("HEADWATER_TEST_POSTGRES_URL"):
            await on_postgres(server, Path(made) / "postgres")


if __name__ == "__main__":
    # Ended from outside, the servers end as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    asyncio.run(main())

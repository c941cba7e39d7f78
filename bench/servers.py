"""What a run consists of: a filled database, a server process for each peer, and the clocks of their processes."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import psutil

from bench.peers import pocketbase, postgraphile
from tests import servers as postgresql

HEADWATER = str(Path(sys.executable).with_name("headwater"))
DOCUMENTS = "json:api"
"""Headwater itself, asked for documents of JSON:API."""
REST = "rest"
"""Headwater itself, asked over REST for what the others are asked for over GraphQL."""
PEERS = (
    "headwater", "floor", "fastapi", "drf", "pocketbase", DOCUMENTS, REST, "strawberry", "postgraphile"
)  # fmt: skip
START_SECONDS = 30.0


@contextmanager
def database(store: str, scale: int) -> Iterator[tuple[str, Path]]:
    """The URL of a new database with demo data, and a folder for files. Other processes fill it and are gone when it
    is there, so nobody has it open."""
    with tempfile.TemporaryDirectory(prefix="headwater-bench-") as made:
        folder = Path(made)
        if store == "sqlite":
            url = f"sqlite:///{folder}/bench.db"
            _fill(url, folder, scale)
            yield url, folder
            return
        with postgresql.postgres() as server:
            name = f"headwater_bench_{os.getpid()}"
            url = f"{server.rpartition('/')[0]}/{name}"
            _command(server, f'CREATE DATABASE "{name}" TEMPLATE template0')
            try:
                # A helper process's time would not be found among the backends'.
                _command(server, f'ALTER DATABASE "{name}" SET max_parallel_workers_per_gather = 0')
                _fill(url, folder, scale)
                _command(url, "VACUUM (ANALYZE)")
                yield url, folder
            finally:
                _command(server, f'DROP DATABASE "{name}" WITH (FORCE)')


def _fill(url: str, folder: Path, scale: int) -> None:
    for command in (["migrate"], ["seed", "--scale", str(scale)]):
        subprocess.run(
            [HEADWATER, *command], env=settings(url, folder), check=True, stdout=subprocess.DEVNULL
        )


def _command(url: str, command: str) -> None:
    async def work() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(command)
        finally:
            await connection.close()

    asyncio.run(work())


def settings(url: str, folder: Path, **more: str) -> dict[str, str]:
    """What a server is told by its environment: that it serves clients, who are not told how long the database took."""
    told = {"HEADWATER_DATABASE_URL": url, "HEADWATER_DATA": str(folder), "HEADWATER_SERVER_TIMING": "false"}
    return os.environ | told | more


class Server:
    """A server process, which ends with the block."""

    def __init__(
        self, name: str, folder: Path, environment: dict[str, str], *, profiled: bool = False
    ) -> None:
        self.name, self.log, self.port = name, folder / f"{name}.log", postgresql.free_port()
        where = ["--host", "127.0.0.1", "--port", str(self.port)]
        python = [sys.executable, "-m"]
        uvicorn = [*python, "uvicorn", "--loop", "uvloop", "--http", "httptools", *where]
        gunicorn = [*python, "gunicorn", "--bind", f"127.0.0.1:{self.port}", "--threads", "8"]
        gunicorn += ["--keep-alive", "65", "--access-logfile", "-"]
        command = {
            "headwater": [*python, "bench.profiled", "serve", *where]
            if profiled
            else [HEADWATER, "serve", *where],
            "floor": [*uvicorn, "--no-access-log", "bench.peers.floor:app"],
            "fastapi": [*uvicorn, "bench.peers.fastapi_peer:app"],
            "drf": [*gunicorn, "bench.peers.drf_peer:app"],
            "strawberry": [*uvicorn, "bench.peers.strawberry_peer:app"],
            "pocketbase": pocketbase.command(folder, self.port) if name == "pocketbase" else [],
            "postgraphile": postgraphile.command(folder, self.port) if name == "postgraphile" else [],
        }[name]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def __enter__(self) -> "Server":
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.1)
        self.__exit__()
        raise RuntimeError(f"{self.name} did not start:\n{self.log.read_text()[-2000:]}")

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def processes(self) -> list[int]:
        """The server's process and those that it started."""
        return [self.process.pid, *(p.pid for p in psutil.Process(self.process.pid).children(recursive=True))]


class Backends:
    """The processes of a PostgreSQL server that serve one database. None where they run on another machine."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def __aenter__(self) -> "Backends":
        # From another database, so as not to count the one who asks.
        self._connection = await asyncpg.connect(f"{self.url.rpartition('/')[0]}/postgres")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._connection.close()

    async def processes(self) -> list[int]:
        found = await self._connection.fetch(
            "SELECT pid FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend'",
            self.url.rpartition("/")[2],
        )
        return [row[0] for row in found if _is_postgres(row[0])]


def _is_postgres(pid: int) -> bool:
    try:
        return "postgres" in psutil.Process(pid).name()
    except psutil.Error:
        return False


def clocks(processes: Iterable[int]) -> dict[int, float]:
    """Seconds of processor time, user and system, of each process that is still there."""
    found = {}
    for pid in processes:
        try:
            found[pid] = _used(pid)
        except (OSError, psutil.Error):
            continue
    return found


def used(before: dict[int, float], after: dict[int, float]) -> float:
    """Seconds between two looks at the clocks. A process that has come meanwhile began at zero."""
    return sum(clock - before.get(pid, 0.0) for pid, clock in after.items())


def _used(pid: int) -> float:
    if sys.platform == "linux":
        # The clock of another process, clock_getcpuclockid(3): psutil's figures come in ticks of 10 ms.
        return time.clock_gettime((~pid << 3) | 2)
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)

"""`make bench`: Headwater, a hand-written floor and others over the same tables, in one run. See README.md.

Each is a server process of its own. Rounds take turns (A B C A B C), so that a slow spell of the machine meets all
alike. What is compared is processor time a request: of the server, and of the database where that has processes.
"""

import argparse
import asyncio
import shutil
import signal
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path

import uvloop

from bench import operations
from bench.load import run, wrk
from bench.peers import pocketbase, postgraphile
from bench.servers import DOCUMENTS, PEERS, REST, Backends, Server, clocks, database, settings, used
from bench.workloads import TITLES, Workload, Workloads, account, check_alike

NAMES = {
    "fastapi": "FastAPI",
    "drf": "DRF",
    "pocketbase": "PocketBase",
    "strawberry": "Strawberry",
    "postgraphile": "PostGraphile",
}
SOME = {"floor": "abcdefgh", "fastapi": "abcdefgh", "drf": "abcde"}
"""Peers that have some workloads only."""
SHARE = {"c": 8, "i": 8, "j": 4}
"""By how much fewer requests a round has where one asks for much."""


@dataclass(frozen=True, slots=True)
class Round:
    """Of one request: µs of processor time of the server, of the database and of this client, and bytes of the body.
    `rate`: requests in a second."""

    server: float
    database: float
    client: float
    size: float
    rate: float

    @property
    def whole(self) -> float:
        """The server's and the database's."""
        return self.server + self.database


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="See bench/README.md.")
    parser.add_argument("--store", choices=("sqlite", "postgres"), action="append", help="(both)")
    parser.add_argument("--workloads", type=_some(tuple(TITLES)), default=[*TITLES], help="a,b,… (all)")
    parser.add_argument("--peers", type=_some(PEERS), default=[*PEERS], help="(all)")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--requests", type=int, default=800, help="in a round (800; fewer of large ones)")
    parser.add_argument("--connections", type=int, default=16, help="(16)")
    parser.add_argument("--scale", type=int, default=30, help="projects, with 1,000 tasks each (30)")
    parser.add_argument("--account", default="admin", help="who asks, but for f (admin; or supervisor)")
    parser.add_argument(
        "--profile", choices=TITLES, help="print where Headwater's event loop spends one workload, no table"
    )
    return parser.parse_args()


def _some(known: Sequence[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        found = [name.strip() for name in text.split(",")]
        if strange := [name for name in found if name not in known]:
            raise argparse.ArgumentTypeError(f"{', '.join(strange)}: there are {', '.join(known)}")
        return [name for name in known if name in found]

    return parse


class Bench:
    """The servers of one run on one store, as long as the block lasts."""

    def __init__(self, given: argparse.Namespace, url: str, folder: Path) -> None:
        self.given, self.url, self.folder = given, url, folder
        self.profiled = folder / "profile"
        self.servers: dict[str, Server] = {}
        self.workloads: dict[str, dict[str, Workload]] = {}
        self._open = ExitStack()

    async def __aenter__(self) -> "Bench":
        # Headwater runs even where it is not measured, since it signs people in.
        environment = settings(self.url, self.folder, BENCH_PROFILE=str(self.profiled))
        profiled = self.given.profile is not None
        first = self._start(Server("headwater", self.folder, environment, profiled=profiled))
        try:
            token, _ = await account(first.port, self.given.account)
            member, person = await account(first.port, "client")
            environment |= {
                "BENCH_DATABASE_URL": self.url,
                "BENCH_MEMBER": person,
                **postgraphile.ENVIRONMENT,
            }
            for turn, name in enumerate(PEERS):
                if name not in self.given.peers or not _has(name, self.url):
                    continue
                mine = name in ("headwater", DOCUMENTS, REST)
                server = first if mine else self._start(Server(name, self.folder, environment))
                self.servers[name] = server
                workloads = Workloads(server.port, turn, (token, member))
                if name == DOCUMENTS:
                    self.workloads[name] = await workloads.documents()
                elif name == REST:
                    self.workloads[name] = {"i": (await workloads.make("c"))["c"]}
                elif name == "strawberry":
                    self.workloads[name] = workloads.graphql(operations.asked())
                elif name == "postgraphile":
                    self.workloads[name] = workloads.graphql(operations.asked_of_postgraphile())
                elif name == "pocketbase":
                    workloads.token = await pocketbase.fill(server.port, self.folder, self.url)
                    self.workloads[name] = await workloads.pocketbase()
                else:
                    self.workloads[name] = await workloads.make(SOME.get(name, TITLES))
        except BaseException:
            self._open.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._open.close()

    def _start(self, server: Server) -> Server:
        return self._open.enter_context(server)

    async def measure(self, name: str, backends: Backends | None) -> dict[str, list[Round]]:
        """The rounds of one workload, by server."""
        given, count = self.given, max(_least(self.given), self.given.requests // SHARE.get(name, 1))
        servers = {peer: server for peer, server in self.servers.items() if name in self.workloads[peer]}
        await check_alike(
            name, {peer: (server.port, self.workloads[peer][name]) for peer, server in servers.items()}
        )
        for peer, server in servers.items():
            # Enough for each connection to prepare its statements, and for PostgreSQL to settle on their plans.
            warm = max(12 * given.connections, count // 2)
            await run(server.port, self.workloads[peer][name].requests, warm, given.connections)
        awake = backends is None  # the processes of a database need the core on which it would stay awake
        results: dict[str, list[Round]] = {peer: [] for peer in servers}
        for _ in range(given.rounds):
            for peer, server in servers.items():
                before = clocks(server.processes())
                queried = clocks(await backends.processes()) if backends else {}
                sent = await run(
                    server.port,
                    self.workloads[peer][name].requests,
                    count,
                    given.connections,
                    awake=awake,
                )
                served = used(before, clocks(server.processes()))
                queried_too = used(queried, clocks(await backends.processes())) if backends else 0.0
                micro = 1e6 / count
                results[peer].append(
                    Round(
                        served * micro,
                        queried_too * micro,
                        sent.own * micro,
                        sent.size / count,
                        count / sent.took,
                    )
                )
        return results

    def wrk(self, name: str) -> Iterator[tuple[str, float]]:
        """Requests a second as wrk finds them; each server in turn."""
        for peer, server in self.servers.items():
            if self._gets(peer, name):
                sample = self.workloads[peer][name].sample
                done, took = wrk(server.port, sample, self.given.connections, self.folder)
                yield peer, done / took

    def _gets(self, peer: str, name: str) -> bool:
        return name in self.workloads[peer] and self.workloads[peer][name].sample[0].startswith(b"GET ")

    async def profile(self, name: str) -> str:
        """Where Headwater's event loop spends its time on one workload, by function."""
        server, requests = self.servers["headwater"], self.workloads["headwater"][name].requests
        count = max(_least(self.given), self.given.requests // SHARE.get(name, 1))
        await run(server.port, requests, 12 * self.given.connections, self.given.connections)
        server.signal(signal.SIGUSR1)
        await run(server.port, requests, count, self.given.connections)
        server.signal(signal.SIGUSR2)
        until = time.monotonic() + 10
        while not self.profiled.exists() and time.monotonic() < until:
            await asyncio.sleep(0.05)
        return f"{count} requests of {name}, {TITLES[name]}\n{self.profiled.read_text()}"


def _has(name: str, url: str) -> bool:
    """Whether there is such a peer for this store."""
    sqlite = url.startswith("sqlite")
    return {"pocketbase": sqlite and pocketbase.is_there(), "postgraphile": not sqlite}.get(name, True)


def _least(given: argparse.Namespace) -> int:
    """A round has enough requests for all connections to be busy."""
    return int(given.connections) * 2


def table(name: str, results: dict[str, list[Round]], with_database: bool) -> None:
    """The lines of one workload."""
    for peer, rounds in results.items():
        cells = [
            f"{name} {TITLES[name]}".ljust(26),
            peer.ljust(12),
            _spread([r.server for r in rounds]).rjust(26),
            *([_spread([r.database for r in rounds]).rjust(26)] if with_database else []),
            f"{statistics.median(r.client for r in rounds):,.0f}".rjust(8),
            f"{statistics.median(r.rate for r in rounds):,.0f}".rjust(8),
            f"{statistics.median(r.size for r in rounds):,.0f}".rjust(9),
        ]
        verdict = ""
        if peer != "headwater" and "headwater" in results:
            pairs = list(zip(rounds, results["headwater"], strict=True))
            ratios = [_ratio(peer, [its.server / ours.server for its, ours in pairs])]
            if with_database:
                ratio = _ratio(peer, [its.whole / ours.whole for its, ours in pairs])
                ratios.append(f"{ratio} with the database")
            verdict = "  Headwater: " + ", ".join(ratios)
        print(" ".join(cells) + verdict, flush=True)


def _ratio(peer: str, ratios: list[float]) -> str:
    """The ratio in the middle: those of one round were measured one after the other, so a machine that is slow for a
    while does not turn them."""
    ratio = statistics.median(ratios)
    if peer == DOCUMENTS:
        return f"documents cost {ratio:.2f}x"
    if peer == REST:
        return f"GraphQL costs {1 / ratio:.2f}x"
    return f"{ratio:.0%} of floor" if peer == "floor" else f"{ratio:.1f}x {NAMES[peer]}"


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):,.0f} ({min(values):,.0f}–{max(values):,.0f})"


async def measure(given: argparse.Namespace, store: str, url: str, folder: Path) -> None:
    async with Bench(given, url, folder) as bench:
        if given.profile is not None:
            print(f"\n{store}: {await bench.profile(given.profile)}")
            return
        print(
            f"\n{store}, {given.scale} projects of 1,000 tasks: {given.rounds} rounds of {given.requests} requests "
            f"({', '.join(f'{name}: {given.requests // share}' for name, share in SHARE.items())}), "
            f"{given.connections} connections.\n"
            "Processor time of one request in µs: median (least–most)."
        )
        columns = {
            "workload": -26,
            "peer": -12,
            "server": 26,
            "database": 26,
            "client": 8,
            "req/s": 8,
            "bytes": 9,
        }
        if store == "sqlite":
            del columns["database"]
        print(" ".join(f"{name:{'<' if width < 0 else '>'}{abs(width)}}" for name, width in columns.items()))
        async with AsyncExitStack() as stack:
            backends = None if store == "sqlite" else await stack.enter_async_context(Backends(url))
            for name in given.workloads:
                found = await bench.measure(name, backends)
                table(name, found, backends is not None and bool(await backends.processes()))
                if shutil.which("wrk") and (rates := list(bench.wrk(name))):
                    told = ", ".join(f"{peer} {rate:,.0f}" for peer, rate in rates)
                    print(f"{name} {TITLES[name]}: requests a second by wrk: {told}", flush=True)


def main() -> None:
    given = options()
    if given.profile is not None:
        given.peers = ["headwater"]
    # Ended from outside, the servers end as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    for store in given.store or ("sqlite", "postgres"):
        with (
            database(store, given.scale) as (url, folder),
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            runner.run(measure(given, store, url, folder))


if __name__ == "__main__":
    main()

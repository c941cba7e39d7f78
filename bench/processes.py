"""`python -m bench.processes`: what a second process brings, and whether those that write at the same moment wait long
for each other or lose anything.

Reads: one server of one process and one of two, in turn. Writes: two servers over one database, each with clients of
its own, all at once; then rows and entries of the log are counted.
"""

import argparse
import asyncio
import shutil
import statistics
import time
from contextlib import ExitStack
from pathlib import Path

import uvloop

from bench.load import Sent, run, wrk
from bench.servers import Server, clocks, database, settings, used
from bench.workloads import Workloads, account
from headwater.base.observe import Observers
from headwater.db.base import Store
from headwater.db.postgres import PostgresStore
from headwater.db.sqlite import SQLiteStore

READS = {"a": 4000, "b": 1600}
COUNT = "SELECT count(*) FROM tasks WHERE title = 'Measured'"
LOGGED = "SELECT count(*) FROM hw_log WHERE type = 'task.created'"


async def reads(given: argparse.Namespace, servers: dict[int, Server], folder: Path) -> None:
    """Requests a second of one process and of two, and the processor time of the servers for each request: where it
    is the same, processes do not hold each other up, and what a second one brings is up to the machine's cores."""
    token, _ = await account(servers[1].port, "admin")
    for name, count in READS.items():
        asked = {n: (await Workloads(s.port, 0, (token, token)).make(name))[name] for n, s in servers.items()}
        rates: dict[int, list[float]] = {number: [] for number in servers}
        costs: dict[int, list[float]] = {number: [] for number in servers}
        for turn in range(given.rounds + 1):
            for number, server in servers.items():
                before = clocks(server.processes())
                if shutil.which("wrk"):
                    done, took = wrk(server.port, asked[number].sample, given.connections, folder)
                else:
                    sent = await run(server.port, asked[number].requests, count, given.connections)
                    done, took = count, sent.took
                if turn:  # the first round makes each process plan its statements
                    rates[number].append(done / took)
                    costs[number].append(used(before, clocks(server.processes())) / done)
        told = ", ".join(
            f"{number} process{'' if number == 1 else 'es'} {statistics.median(found):,.0f}/s"
            for number, found in rates.items()
        )
        print(f"reads {name}: {told}: {_ratio(rates):.2f}x; a request costs {_ratio(costs):.2f}x", flush=True)


def _ratio(found: dict[int, list[float]]) -> float:
    return statistics.median(two / one for one, two in zip(found[1], found[2], strict=True))


async def writes(given: argparse.Namespace, url: str, servers: list[Server]) -> None:
    """Two servers that create rows at the same time."""
    token, _ = await account(servers[0].port, "admin")
    found = [(await Workloads(s.port, 0, (token, token)).make("d"))["d"] for s in servers]
    before = await _counts(url)

    async def drive(at: int) -> list[Sent]:
        """For as long as the run is, whatever the other one manages."""
        until, sent = time.monotonic() + given.seconds, []
        while time.monotonic() < until:
            sent.append(await run(servers[at].port, found[at].requests, 100, given.connections))
        return sent

    both = await asyncio.gather(*(drive(at) for at in range(len(servers))))
    acknowledged = sum(100 * len(sent) for sent in both)
    after = await _counts(url)
    for number, sent in enumerate(both):
        rate = 100 * len(sent) / given.seconds
        longest = max(one.longest for one in sent) * 1000
        print(f"writes of server {number + 1}: {rate:,.0f}/s, longest wait {longest:,.0f} ms", flush=True)
    made, logged = (new - old for old, new in zip(before, after, strict=True))
    print(f"acknowledged {acknowledged:,}, rows {made:,}, entries of the log {logged:,}", flush=True)
    if not acknowledged == made == logged:
        raise SystemExit("rows or entries were lost")


async def _counts(url: str) -> tuple[int, int]:
    store: Store = (SQLiteStore if url.startswith("sqlite") else PostgresStore)(url, Observers())
    await store.open()
    try:
        return (await store.read(COUNT))[0][0], (await store.read(LOGGED))[0][0]
    finally:
        await store.close()


def _server(processes: int, url: str, folder: Path) -> Server:
    own = folder / str(processes)
    own.mkdir()
    return Server("headwater", own, settings(url, folder, HEADWATER_WORKERS=str(processes)))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.processes", description="See bench/README.md.")
    parser.add_argument("--store", choices=("sqlite", "postgres"), action="append", help="(both)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=16, help="(16)")
    parser.add_argument("--seconds", type=float, default=10, help="of writing (10)")
    given = parser.parse_args()
    for store in given.store or ("sqlite", "postgres"):
        with database(store, 3) as (url, folder), ExitStack() as stack:
            print(f"\n{store}", flush=True)
            servers = {number: stack.enter_context(_server(number, url, folder)) for number in (1, 2)}
            for server in servers.values():
                while (
                    "is ready on" not in server.log.read_text()
                ):  # its first process listens before its second
                    time.sleep(0.1)
            uvloop.run(reads(given, servers, folder))
            uvloop.run(writes(given, url, list(servers.values())))


if __name__ == "__main__":
    main()

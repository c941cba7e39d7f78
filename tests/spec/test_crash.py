"""What was acknowledged is kept, whatever happens to the process; what was not is there wholly or not at all."""

import asyncio
import os
import random
import statistics
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from headwater.base.call import Call
from headwater.base.observe import WRITE_STAGES
from headwater.ir.command import Create
from tests.nursery import Nursery
from tests.spec import jobs
from tests.spec.acknowledged import Server, Told, assert_kept, assert_shown, client, prepare
from tests.spec.ledger import assert_the_log_tells_the_rows

LONG = bool(os.environ.get("HEADWATER_TEST_LONG"))
SIDE_BY_SIDE = 4 if LONG else 12
"""Processes that write to one database, and die, at once."""
BURST = ["create", "update", "delete", "release", "act", "transact", "create", "update"]
KINDS = list(jobs.WRITES) if LONG else ["create", "update", "delete", "release", "act"]
KILLS = int(os.environ.get("HEADWATER_TEST_KILLS", 20 if LONG else 2))
CLIENTS = 8
DURABLE = ("committed", "acknowledged")


async def check(url: str) -> Counter[str]:
    """Open the store that dead processes leave behind, and write to it. How many entries each request has."""
    async with jobs.engine(url) as engine:
        entries = await assert_the_log_tells_the_rows(engine)
        made = await engine.run(Call.system("req_next"), Create("Person", {"name": "Next"}))
        assert (await assert_the_log_tells_the_rows(engine))[-1].row_id == made.key
    return Counter(entry.request_id for entry in entries)


def job(url: str, at: int, name: str, *writes: str) -> tuple[str, dict[str, object]]:
    return "tests.spec.jobs:crash", {"url": url, "name": name, "writes": writes, "at": at}


def batches(points: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(points), SIDE_BY_SIDE):
        yield points[start : start + SIDE_BY_SIDE]


async def test_a_write_that_is_cut_short_anywhere_is_whole_or_absent(
    store_url: str, nursery: Nursery
) -> None:
    """A process dies at each stage and at each statement of each kind of write."""
    await jobs.create_tables(store_url)
    passed: set[str] = set()
    for write in KINDS:
        acknowledged, seen = nursery.rehearse(job(store_url, 0, write, write))
        assert acknowledged == {"acknowledged": f"{write}_0"}
        stages = seen["seen"]
        assert {"checked", "statement", *DURABLE} <= set(stages)
        passed |= set(stages)
        whole = (await check(store_url))[f"{write}_0"]
        assert whole >= 1
        for some in batches(list(range(1, len(stages) + 1))):
            ended = nursery.run(*(job(store_url, at, f"{write}{at}", write) for at in some))
            counts = await check(store_url)
            for at, dead in zip(some, ended, strict=True):
                assert (dead.code, dead.told) == (-9, [{"died": stages[at - 1]}]), write
                durable = any(stage in DURABLE for stage in stages[:at])
                found = counts[f"{write}{at}_0"]
                assert found == (whole if durable else 0), f"{write} died at {at}, {stages[at - 1]}"
    assert passed == {*WRITE_STAGES, "statement"}


async def test_of_writes_that_are_cut_short_together_each_is_whole_or_absent(
    store_url: str, nursery: Nursery
) -> None:
    """Many commands run at once, several in one transaction where the store does so. In a usual run, every
    thirteenth point at which a process may die."""
    await jobs.create_tables(store_url)
    seen = nursery.rehearse(job(store_url, 0, "alive", *BURST))[-1]["seen"]
    counts = await check(store_url)
    whole = [counts[f"alive_{number}"] for number in range(len(BURST))]
    dead = 0
    for some in batches(list(range(1, len(seen), 1 if LONG else 13))):
        ended = nursery.run(*(job(store_url, at, f"dead{at}", *BURST) for at in some))
        counts = await check(store_url)
        for at, end in zip(some, ended, strict=True):
            acknowledged = {told["acknowledged"] for told in end.told if "acknowledged" in told}
            if (
                end.code == 0
            ):  # writers that meet try again, so one time there is more to observe than another
                assert len(acknowledged) == len(BURST)
            else:
                assert end.code == -9
                dead += 1
            for number in range(len(BURST)):
                request = f"dead{at}_{number}"
                assert counts[request] in (
                    (whole[number],) if request in acknowledged else (0, whole[number])
                )
    assert dead >= 5


# -- killed from outside --------------------------------------------------------------------------------------


async def test_a_killed_server_has_kept_what_it_acknowledged(store_url: str, tmp_path: Path) -> None:
    """`kill -9` under load, again and again: the server is soon ready, and nothing that it said is lost."""
    token = await prepare(store_url, tmp_path)
    told, times = Told(), list[float]()
    for number in range(KILLS):
        server = Server(store_url, tmp_path, workers=2 if number % 5 == 4 else 1)
        try:
            times.append(await server.ready())
            clients = [client(server.port, token, f"{number}_{n}", told) for n in range(CLIENTS)]
            load = asyncio.gather(*clients)
            enough = len(told.acknowledged) + random.randrange(50, 250)
            while len(told.acknowledged) < enough and not load.done():
                await asyncio.sleep(0.002)
        finally:
            server.kill()
        await load
        await assert_kept(store_url, told)
    server = Server(store_url, tmp_path, workers=1)
    try:
        times.append(await server.ready())
        await assert_shown(server.port, token, told)
    finally:
        server.kill()
    assert told.turned_away == 0
    print(f"\n{KILLS} kills on {store_url.partition(':')[0]}: {len(told.acknowledged)} writes acknowledged, "
          f"{len(told.refused)} refused, {len(told.unanswered)} unanswered; ready after "
          f"{min(times):.2f} to {max(times):.2f} s, {statistics.median(times):.2f} in the middle")  # fmt: skip
    if LONG:
        assert min(times) < 3  # whatever else the machine does only adds to it

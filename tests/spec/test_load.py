"""`headwater bench`: users of a load test ask a real server, and the figures tell what came of it."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import time
from array import array
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.operate.load import PROFILES, Account, LoadTest, Profile, VirtualUser, reading
from headwater.operate.load.figures import Figures, Tally, percentile
from headwater.operate.load.profiles import Stage
from tests import warm
from tests.served import PASSWORD, ROOT, Served, serving

DEMO = "headwater_products.demo:app"
STUDIO = "tests.spec.studio"


def bench(
    *arguments: str, input: str = "", interrupt_after: float | None = None, **settings: str
) -> subprocess.CompletedProcess[str]:
    """`headwater bench`, as one types it."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("HEADWATER_")}
    process = subprocess.Popen(
        [*warm.command(), "bench", *arguments],
        cwd=ROOT,
        env={**clean, "COLUMNS": "200", **{f"HEADWATER_{name}": value for name, value in settings.items()}},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if interrupt_after is not None:
        time.sleep(interrupt_after)
        process.send_signal(signal.SIGINT)
    out, err = process.communicate(input, timeout=60)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.fixture
def file_url(tmp_path: Path) -> str:
    """An SQLite file: what is tested with it never meets the store itself."""
    return f"sqlite:///{tmp_path}/test.db"


def seen(served: Served) -> Counter[str]:
    """The requests of the access log, by method and route, once no more lines come behind their answers."""
    before = -1
    while before != (now := served.log.stat().st_size):
        before = now
        time.sleep(0.5)
    lines = (json.loads(line) for line in served.logged('"route"'))
    found = Counter(f"{line['method']} {line['route']}" for line in lines if "route" in line)
    return Counter({name: n for name, n in found.items() if "/health" not in name and "/auth" not in name})


def test_the_figures_are_those_of_the_server(store_url: str) -> None:
    """Every request of the report is in the server's access log, and every one there in the report."""
    with serving(DEMO, store_url, {}, seeded=50) as served:
        done = bench(served.url, "--duration", "4", "--json")
        report = json.loads(done.stdout)
        told = Counter[str]()
        for kind in report["requests"]:
            told[kind["name"].partition("?")[0]] += kind["requests"]
        assert told == seen(served)
    assert done.returncode == (0 if report["passed"] else 1), done.stderr
    whole = report["all"]
    assert whole["requests"] == told.total() > 100
    assert (whole["errors"], whole["timeouts"], whole["failures"]) == (0, 0, {})
    assert {name.split()[0] for name in told} == {"GET", "PATCH", "POST"}
    assert report["users"] == 50
    assert 0 < whole["p50"] <= whole["p95"] <= whole["p99"] <= whole["max"]
    assert report["server"]["processes"] >= 1
    assert report["server"]["cpu"] > 0
    assert report["server"]["memory"] > 10
    assert {target["figure"] for target in report["targets"]} == {
        "mean", "p95", "p99", "errors", "timeouts", "rate", "database"
    }  # fmt: skip


def test_the_time_of_the_database_is_judged_where_the_server_tells_it(file_url: str) -> None:
    """As the answers say; else the report says that nobody knows, and what to set."""
    of = ("--app", f"{STUDIO}:leaving", "--duration", "2")
    with serving(f"{STUDIO}:leaving", file_url, {}, SERVER_TIMING="on") as served:
        report = json.loads(bench(served.url, *of, "--json").stdout)
        database = report["all"]["database"]
        assert database["told"] == report["all"]["requests"] > 0
        assert 0 < database["statement"] <= database["mean"] < report["all"]["mean"]
        assert database["mean"] == pytest.approx(database["statement"] * database["statements"], rel=0.01)
        assert database["p95"] <= report["all"]["max"]
        verdict = next(target for target in report["targets"] if target["figure"] == "database")
        assert (verdict["bound"], verdict["unit"], verdict["value"]) == (50, "ms", database["mean"])
        assert verdict["met"] == (database["mean"] < 50)
        said = bench(served.url, *of).stdout
        assert "statements a request" in said
        assert "database < 50 ms" in said
    with serving(f"{STUDIO}:leaving", file_url, {}) as served:
        silent = bench(served.url, *of)
        assert "the server does not tell its time" in silent.stdout
        assert "HEADWATER_SERVER_TIMING=on" in silent.stdout
        assert "database < 50 ms:" not in silent.stdout
        report = json.loads(bench(served.url, *of, "--json").stdout)
        assert report["all"]["database"] is None
        assert "database" not in {target["figure"] for target in report["targets"]}


def test_what_goes_wrong_is_told(file_url: str) -> None:
    """Refusals count as errors and miss the target; a scenario that fails ends the test."""
    with serving(f"{STUDIO}:lost", file_url, {}) as served:
        done = bench(served.url, "--app", f"{STUDIO}:lost", "--duration", "2")
        assert done.returncode == 1
        assert "404" in done.stdout
        assert "MISSED errors < 0.1 %" in done.stdout
        assert "GET /api/v1/notes/{id}" in done.stdout
        failing = bench(served.url, "--app", f"{STUDIO}:failing", "--duration", "30")
        assert failing.returncode == 1
        assert "the scenario is broken" in failing.stderr
        unknown = bench(served.url, "--app", f"{STUDIO}:lost", "--account", "nobody", input="guessed\n")
        assert unknown.returncode == 1
        assert "nobody cannot sign in: 401" in unknown.stderr
        assert "Traceback" not in unknown.stderr
        silent = bench(served.url, "--app", f"{STUDIO}:lost", "--account", "nobody")
        assert "there is no password for nobody" in silent.stderr


def test_an_application_without_a_scenario_is_read(file_url: str) -> None:
    """By whoever is named, in what they may read; tokens that expire meanwhile are renewed."""
    with serving(f"{STUDIO}:plain", file_url, {"ed": "editor"}, ACCESS_TOKEN_LIFETIME="2") as served:
        of = (served.url, "--app", f"{STUDIO}:plain", "--json")
        editor = bench(*of, "--account", "ed", "--duration", "5", input=f"{PASSWORD}\n")
        report = json.loads(editor.stdout)
        assert {kind["name"] for kind in report["requests"]} == {"GET /api/v1/notes", "GET /api/v1/drafts"}
        assert report["all"]["failures"] == {}
        assert served.logged("/api/v1/auth/refresh")
        nobody = json.loads(bench(*of, "--duration", "1").stdout)
        assert {kind["name"] for kind in nobody["requests"]} == {"GET /api/v1/notes"}


def test_an_interrupt_ends_it_with_the_figures_so_far(file_url: str) -> None:
    with serving(f"{STUDIO}:leaving", file_url, {}) as served:
        done = bench(
            served.url, "--app", f"{STUDIO}:leaving", "--profile", "endurance", "--json", interrupt_after=4
        )
        report = json.loads(done.stdout)
        assert 0 < report["seconds"] < 30
        assert report["all"]["requests"] == seen(served).total() > 0


def test_who_is_not_there_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        done = bench(url, "--app", f"{STUDIO}:lost")
    assert done.returncode == 1
    assert f"{url} does not answer" in done.stderr
    assert "headwater serve" in done.stderr
    misspelt = bench(url, "--profile", "spikes")
    assert misspelt.returncode == 2
    assert "did you mean 'spike'?" in misspelt.stderr


async def test_each_user_has_a_connection_of_its_own_and_leaves_it_when_it_goes() -> None:
    """The server counts the connections that it has at once, and its answers."""
    here, most, answered = set[asyncio.StreamWriter](), 0, 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal most, answered
        here.add(writer)
        most = max(most, len(here))
        try:
            while (await reader.readuntil(b"\r\n\r\n")).startswith(b"GET /api/v1/things"):
                answered += 1
                writer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{"data":[]}')
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            here.discard(writer)
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        profile = Profile(
            "test", "", [Stage(0.5, 20), Stage(0.5, 20), Stage(0.5, 5), Stage(0.5, 5)], pause=0.02
        )
        report = await LoadTest(base, reading(["things"]), [Account()], profile).run()
        await asyncio.sleep(0.05)
        assert not here
    assert report.most_users == most == 20
    assert report.whole.requests == answered > 200


async def test_the_rate_is_that_of_the_time_that_is_told() -> None:
    """What users still ask when the time is over is in the figures, but for the rate."""
    answered = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal answered
        while await reader.readline():
            await reader.readuntil(b"\r\n\r\n")
            answered += 1
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        writer.close()

    async def long(user: VirtualUser) -> None:
        for _ in range(50):
            await user.get("/things")
            await asyncio.sleep(0.02)

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        profile = Profile("test", "", [Stage(0.3, 1)], pause=0.0)
        report = await LoadTest(base, long, [Account()], profile).run()
    assert report.whole.requests == answered == 50
    assert 0 < report.whole.rate * report.seconds < 20
    assert [part.rate for part in report.parts] == [report.whole.rate]


async def test_who_finds_nothing_to_do_does_not_keep_the_processor_busy() -> None:
    turns = 0

    async def idle(user: VirtualUser) -> None:
        nonlocal turns
        turns += 1

    profile = Profile("test", "", [Stage(0.1, 1), Stage(0.9, 1)])
    report = await LoadTest("http://127.0.0.1:1", idle, [Account()], profile).run()
    assert 1 < turns < 15
    assert (report.whole.requests, report.passed) == (0, False)


async def test_answers_that_do_not_come_are_told_apart() -> None:
    """Silence is a time-out; a connection that is cut is an error of its own; neither spoils the times."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()

    async with AsyncExitStack() as stack:
        for serve, timeouts, errors in ((silent, 2, {}), (rude, 0, {"ServerDisconnectedError": 2})):
            server = await stack.enter_async_context(await asyncio.start_server(serve, "127.0.0.1", 0))
            tallies: dict[str, Tally] = {}
            base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            user = VirtualUser(0, base, Account(), 0.0, tallies, timeout=0.2)
            for _ in range(2):
                assert (await user.post("/things/{id}", {"a": 1}, id="a b")).status == 0
            await user.close()
            tally = tallies["POST /api/v1/things/{id}"]
            assert (tally.timeouts, dict(tally.errors), len(tally.times)) == (timeouts, errors, 0)
            figures = Figures.of("all", tally, 2.0)
            assert (figures.requests, figures.p99) == (2, 0)
            assert (figures.timeouts, figures.errors) == (50.0 * timeouts, 100 - 50.0 * timeouts)


stages = st.lists(st.builds(Stage, st.floats(0.1, 1000), st.integers(0, 500)), min_size=1, max_size=5)


@given(stages, st.floats(1, 1e4))
def test_a_profile_goes_evenly_from_stage_to_stage(stages: list[Stage], seconds: float) -> None:
    profile = Profile("drawn", "", stages).lasting(seconds)
    assert profile.seconds == pytest.approx(seconds)
    before, start = 0, 0.0
    for stage in profile.stages:
        low, high = sorted((before, stage.users))
        inside = [profile.users(start + stage.seconds * part) for part in (0.001, 0.5, 0.999)]
        assert inside == sorted(inside, reverse=before > stage.users)
        assert low <= inside[0] <= high + 1
        assert abs(inside[2] - stage.users) <= 1 + abs(stage.users - before) * 0.01
        before, start = stage.users, start + stage.seconds
    assert profile.users(seconds * 1.001) == 0


def test_the_profiles_are_those_that_operators_name() -> None:
    peaks: dict[str, Any] = {name: (p.most, round(p.seconds)) for name, p in PROFILES.items()}
    assert peaks == {
        "load": (50, 600),
        "stress": (100, 600),
        "spike": (200, 180),
        "endurance": (25, 7200),
        "connections": (1000, 120),
    }


@given(st.lists(st.floats(0, 1e6), min_size=1), st.integers(1, 100))
def test_a_percentile_is_the_least_that_so_many_do_not_exceed(values: list[float], percent: int) -> None:
    found = percentile(sorted(values), percent)
    assert found in values
    assert 100 * sum(value <= found for value in values) >= percent * len(values)
    assert 100 * sum(value < found for value in values) < percent * len(values)


def test_figures_of_parts_come_to_those_of_the_whole() -> None:
    one, other = Tally(array("d", [1.0, 3.0]), Counter({"500": 1}), 1), Tally(array("d", [5.0]))
    one.add(other)
    whole = Figures.of("all", one, one.sent / 2)
    assert (whole.requests, whole.rate, whole.mean, whole.max) == (4, 2.0, 3.0, 5.0)
    assert (whole.errors, whole.timeouts) == (25.0, 25.0)

"""`Server-Timing` tells how long the database took, where the server may say so."""

import re
import sqlite3
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from headwater.db.base import Store
from headwater.db.conformance import CHECKS, Check
from headwater.db.timed import TimedStore, Waited, waited
from tests.served import Served, serving
from tests.stores import open_store

STUDIO = "tests.spec.studio:plain"
TOLD = re.compile(r'db;dur=(\d+\.\d{3});desc="(\d+) statements?"')


def told(answer: requests.Response) -> tuple[float, int]:
    """Milliseconds and statements."""
    found = TOLD.fullmatch(answer.headers["server-timing"])
    assert found, answer.headers["server-timing"]
    return float(found[1]), int(found[2])


def ask(served: Served, method: str, path: str, **options: Any) -> tuple[requests.Response, float]:
    """An answer, and the milliseconds until it came."""
    begun = time.perf_counter()
    answer = requests.request(method, served.url + path, timeout=10, **options)
    return answer, (time.perf_counter() - begun) * 1000


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_a_store_whose_time_is_taken_keeps_what_stores_promise(check: Check, store_url: str) -> None:
    note = Waited()
    waited.set(note)

    @asynccontextmanager
    async def make() -> AsyncIterator[Store]:
        async with open_store(store_url) as store:
            yield TimedStore(store)

    await check(make)
    assert note.seconds > 0
    assert note.statements > 0


def test_every_answer_tells_what_its_own_statements_took(store_url: str) -> None:
    with serving(STUDIO, store_url, {}, SERVER_TIMING="on") as served:
        made, took = ask(served, "POST", "/api/v1/notes", json={"text": "one"})
        assert made.status_code == 201
        milliseconds, statements = told(made)
        assert 0 < milliseconds < took
        assert statements >= 1
        for _ in range(3):  # nothing is left of the request before
            page, took = ask(served, "GET", "/api/v1/notes")
            milliseconds, statements = told(page)
            assert 0 < milliseconds < took
            assert statements == 1
        assert told(ask(served, "GET", "/health/live")[0]) == (0.0, 0)
        refused = ask(served, "GET", "/api/v1/notes?nothing=1")[0]
        assert refused.status_code == 400
        assert told(refused) == (0.0, 0)


def test_the_wait_for_another_writer_counts(tmp_path: Path) -> None:
    with serving(STUDIO, f"sqlite:///{tmp_path}/test.db", {}, SERVER_TIMING="on") as served:
        other = sqlite3.connect(tmp_path / "test.db", check_same_thread=False, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        release = threading.Timer(0.4, lambda: other.execute("ROLLBACK"))
        release.start()
        made, took = ask(served, "POST", "/api/v1/notes", json={"text": "late"})
        release.join()
        other.close()
        assert made.status_code == 201
        assert 250 < told(made)[0] < took


@pytest.mark.parametrize(("settings", "tells"), [({}, False), ({"MODE": "demo"}, True),
                                                 ({"MODE": "demo", "SERVER_TIMING": "off"}, False)])  # fmt: skip
def test_only_who_means_to_tells_it(tmp_path: Path, settings: dict[str, str], tells: bool) -> None:
    """The demo does; another server where its setting says so."""
    with serving(STUDIO, f"sqlite:///{tmp_path}/test.db", {}, **settings) as served:
        answer, _ = ask(served, "GET", "/api/v1/notes")
        assert answer.status_code == 200
        assert ("server-timing" in answer.headers) == tells

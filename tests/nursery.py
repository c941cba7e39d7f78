"""Processes that a test may kill: each is forked from one that has imported everything and has no threads.

`python -m tests.nursery` is that process. A job names a coroutine function, `module:name`, and its arguments; it gets
`tell` as well, by which it leaves lines that outlive it, however it ends.
"""

import asyncio
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PATIENCE = 120
"""Seconds that a job may take; then an alarm ends it."""

Tell = Callable[[Any], None]


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a job. `code` is the exit code, or the negative number of the signal that ended it."""

    code: int
    told: list[Any]


class Nursery:
    """Starts jobs and waits for them; blocks meanwhile."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.nursery"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def run(self, *jobs: tuple[str, dict[str, Any]]) -> list[Ended]:
        """Run jobs side by side, each in a process of its own."""
        return [Ended(*ended) for ended in self._ask(True, jobs)]

    def rehearse(self, job: tuple[str, dict[str, Any]]) -> list[Any]:
        """Run a job that leaves no thread behind where processes come from, so that they remember what it has in
        memory; what it told."""
        failure, told = self._ask(False, [job])
        assert failure is None, failure
        return list(told)

    def _ask(self, forks: bool, jobs: Sequence[tuple[str, dict[str, Any]]]) -> list[Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps((forks, jobs)).encode() + b"\n")
        self._process.stdin.flush()
        answer: list[Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=PATIENCE)
        self._process.stdout.close()


def die() -> None:
    """End this process as if the power had failed for it: nothing is closed, flushed or said."""
    os.kill(os.getpid(), signal.SIGKILL)


def _run(target: str, arguments: dict[str, Any], tell: Tell) -> None:
    module, _, name = target.partition(":")
    asyncio.run(getattr(importlib.import_module(module), name)(tell=tell, **arguments))


def _fork(target: str, arguments: dict[str, Any]) -> tuple[int, Any]:
    lines = tempfile.TemporaryFile()  # noqa: SIM115 - read after the job has ended
    if pid := os.fork():
        return pid, lines
    code = 1
    try:
        signal.alarm(PATIENCE)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        _run(target, arguments, lambda what: os.write(lines.fileno(), json.dumps(what).encode() + b"\n"))
        code = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(code)


def _wait(pid: int, lines: Any) -> tuple[int, list[Any]]:
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with lines:
        lines.seek(0)
        return code, [json.loads(told) for told in lines]


def main() -> None:
    importlib.import_module("tests.spec.jobs")
    for line in sys.stdin:
        forks, jobs = json.loads(line)
        answer: list[Any] = []
        if forks:
            answer = [_wait(pid, lines) for pid, lines in [_fork(*job) for job in jobs]]
        else:
            answer = [None, told := list[Any]()]
            try:
                _run(*jobs[0], told.append)
            except Exception:
                answer[0] = traceback.format_exc()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()

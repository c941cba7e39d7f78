"""Both type checkers accept what is right and refuse what is wrong, line by line.

All files are checked in one run of each checker: mypy with its cache, basedpyright in standard mode.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
ACCEPTED = sorted((HERE / "accepted").glob("*.py"))
REJECTED = sorted((HERE / "rejected").glob("*.py"))
TOOLS = Path(sys.executable).parent

Findings = dict[str, dict[int, str]]


def run(*command: str) -> str:
    environment = {**os.environ, "MYPYPATH": str(ROOT / "src")}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


@cache
def mypy() -> Findings:
    files = [str(path) for path in (*ACCEPTED, *REJECTED)]
    found: Findings = {}
    for line in run(str(TOOLS / "mypy"), "--strict", "--no-pretty", *files).splitlines():
        if told := re.match(r"(.+?):(\d+): error: (.*)", line):
            found.setdefault(str(ROOT / told[1]), {})[int(told[2])] = told[3]
    return found


@cache
def basedpyright() -> Findings:
    said = json.loads(run(str(TOOLS / "basedpyright"), "-p", str(HERE), "--level", "error", "--outputjson"))
    assert said["summary"]["filesAnalyzed"] == len(ACCEPTED) + len(REJECTED)
    found: Findings = {}
    for one in said["generalDiagnostics"]:
        found.setdefault(one["file"], {})[one["range"]["start"]["line"] + 1] = one["message"]
    return found


CHECKERS = [mypy, basedpyright]


@pytest.mark.parametrize("checker", CHECKERS, ids=lambda c: c.__name__)
@pytest.mark.parametrize("path", ACCEPTED, ids=lambda p: p.stem)
def test_what_is_right_is_accepted(path: Path, checker: Callable[[], Findings]) -> None:
    assert checker().get(str(path), {}) == {}


@pytest.mark.parametrize("checker", CHECKERS, ids=lambda c: c.__name__)
@pytest.mark.parametrize("path", REJECTED, ids=lambda p: p.stem)
def test_what_is_wrong_is_rejected_and_nothing_else(path: Path, checker: Callable[[], Findings]) -> None:
    lines = path.read_text().splitlines()
    marks = ("# error", f"# error in {checker.__name__}")
    marked = {number for number, line in enumerate(lines, 1) if line.endswith(marks)}
    found = checker().get(str(path), {})
    missed = {number: lines[number - 1] for number in sorted(marked - found.keys())}
    false = {number: found[number] for number in sorted(found.keys() - marked)}
    assert (missed, false) == ({}, {})


def test_what_is_accepted_also_builds() -> None:
    from headwater.declare import build
    from tests.typing.accepted import production

    model = build(production.RESOURCES, production.ROLES, production.REPORTS)
    assert list(model.resources) == [cls.__name__ for cls in production.RESOURCES]
    assert list(model.resources["Project"].reports) == ["load"]
    assert list(model.reports) == ["studio"]

"""Every mistake in a declaration is refused with its file, its line, the field, and how to mend it."""

from __future__ import annotations

import linecache
import sys
import types
from pathlib import Path

import pytest

from headwater.base.errors import DeclarationError, DeclarationErrors
from headwater.declare import build

# A sound declaration, to which each case adds its mistake. The line with the mistake ends in "# here".
SOUND = """
from __future__ import annotations
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any, ClassVar
from headwater.declare import *

class Status(StrEnum):
    OPEN = "open"
    DONE = "done"

class Colour(Enum):
    RED = 1

class Person(Resource, plural="people"):
    name: Field[str]

class Project(Resource):
    code: Field[str] = key()
    name: Field[str]
    members: Many[Membership] = many(lambda: Membership.project)

class Membership(Resource):
    project: Ref[Project] = ref()
    person: Ref[Person] = ref()
    role: Field[str]

class Task(Resource):
    title: Field[str]
    project: Ref[Project] = ref()
    artist: OptRef[Person] = optref(default=None)
    status: Field[Status] = state(default=Status.OPEN, moves={Status.OPEN: [Status.DONE]})
    bid: Field[Decimal] = field(places=2, default=Decimal(0))
    start: Field[date | None] = field(default=None)
    tags: Field[list[str]] = field(default_factory=list)
    double: Computed[Decimal] = computed(lambda: Task.bid * 2)

ROLES = []
REPORTS = []
"""

CASES = Path(__file__).parent / "mistakes.txt"


def cases() -> list[tuple[str, str, list[str]]]:
    """The cases of `mistakes.txt`: a title, a source, and the complaints expected of it."""
    found = []
    for block in CASES.read_text().split("\n=== ")[1:]:
        title, _, rest = block.partition("\n")
        source, _, complaints = rest.partition("\n--- ")
        found.append((title, source, [line for line in complaints.split("\n--- ") if line.strip()]))
    return found


def declare(path: Path, source: str) -> types.ModuleType:
    path.write_text(SOUND + source)
    linecache.checkcache(str(path))
    module = types.ModuleType(path.stem)
    module.__file__ = str(path)
    sys.modules[path.stem] = module
    exec(compile(path.read_text(), str(path), "exec"), vars(module))
    return module


def complaints_of(path: Path, source: str) -> tuple[DeclarationError, ...]:
    from headwater.declare import Resource

    try:
        module = declare(path, source)
        found = [c for c in vars(module).values() if isinstance(c, type) and issubclass(c, Resource)]
        build([c for c in dict.fromkeys(found) if c is not Resource], module.ROLES, module.REPORTS)
    except DeclarationErrors as errors:
        return errors.errors
    except DeclarationError as error:
        return (error,)
    return ()


@pytest.mark.parametrize(
    ("title", "source", "expected"), cases(), ids=lambda v: v if isinstance(v, str) else ""
)
def test_a_mistake_names_file_line_field_and_mend(
    title: str, source: str, expected: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "declared_here.py"
    errors = complaints_of(path, source)
    assert [told(error, path) for error in errors] == [line.strip() for line in expected]
    marked = [n for n, line in enumerate(path.read_text().split("\n"), 1) if line.endswith("# here")]
    lines = {int(error.where.removeprefix(f"{path}:").split(":")[0]) for error in errors}
    assert lines == set(marked)
    assert all(error.where.startswith(f"{path}:") and error.mend for error in errors)


def told(error: DeclarationError, path: Path) -> str:
    subject = error.where.removeprefix(f"{path}:").partition(": ")[2]
    return f"{subject}: {error.message} Mend: {error.mend}"


def test_the_sound_declaration_has_no_mistakes(tmp_path: Path) -> None:
    assert complaints_of(tmp_path / "declared_here.py", "") == ()

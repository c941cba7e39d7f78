"""Each fault of `faults.toml` is planted in a copy of the source, and the tests that it names must then fail.

A test that stays green with its fault in place tests nothing. Planting takes a run of pytest for each fault, so it is
done in `make test-long` alone; `make test` sees to it that each fault can still be planted.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
FAULTS: list[dict[str, Any]] = tomllib.loads((ROOT / "tests" / "faults.toml").read_text())["fault"]
LONG = bool(os.environ.get("HEADWATER_TEST_LONG"))
SECONDS = 600


def test_each_fault_can_be_planted() -> None:
    assert len({fault["name"] for fault in FAULTS}) == len(FAULTS) >= 15
    for fault in FAULTS:
        assert (ROOT / fault["file"]).read_text().count(fault["find"]) == 1, fault["name"]
        assert fault["find"] != fault["replace"], fault["name"]
        assert fault["tests"], fault["name"]
        for test in fault["tests"]:
            file, *names = test.split("::")
            name = names[-1].partition("[")[0]
            assert re.search(rf"def {name}\(", (ROOT / file).read_text()), (
                f"{fault['name']}: there is no {test}"
            )


def name_of(fault: dict[str, Any]) -> str:
    return str(fault["name"]).replace(" ", "-")


if LONG:

    @pytest.mark.parametrize("fault", FAULTS, ids=name_of)
    def test_a_planted_fault_is_noticed(fault: dict[str, Any], tmp_path: Path) -> None:
        copy = tmp_path / "copy"
        copy.mkdir()
        for part in ("src", "tests", "docs", "bench", "web"):
            shutil.copytree(
                ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__", "node_modules")
            )
        for part in ("pyproject.toml", "README.md", "CHANGELOG.md"):
            shutil.copy(ROOT / part, copy / part)
        file = copy / fault["file"]
        file.write_text(file.read_text().replace(fault["find"], fault["replace"]))
        environment = {**os.environ, "PYTHONPATH": str(copy / "src")}
        environment.pop("HEADWATER_TEST_LONG")
        environment.pop("PYTEST_XDIST_WORKER", None)
        pytest_here = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n", "0", "-rfE"]
        run = subprocess.run(
            [*pytest_here, *fault["tests"]],
            cwd=copy,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        for test in fault["tests"]:
            assert re.search(rf"^FAILED {re.escape(test)}", run.stdout, re.M), (
                f"{test} did not notice: {run.stdout[-3000:]}"
            )

"""`headwater new`: a project that works at once, from the built wheel and without the source tree."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from headwater.base.errors import DeclarationError
from headwater.cli import project
from headwater.cli.apps import find, load
from tests.curl import curl
from tests.servers import free_port
from tests.wheel import Installed

LONG = bool(os.environ.get("HEADWATER_TEST_LONG"))
SECONDS = 300


@pytest.fixture(scope="module")
def shop(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new project."""
    folder = tmp_path_factory.mktemp("work")
    made = run([str(installed.bin / "headwater"), "new", "shop"], folder)
    assert made.returncode == 0, made.stderr
    assert made.stdout.endswith("Next:\n\n  cd shop\n  make run\n\n")
    return folder / "shop"


def environment(**more: str) -> dict[str, str]:
    """What a newcomer's shell has: nothing of Headwater, and nothing of these tests."""
    known = {k: v for k, v in os.environ.items() if not k.startswith(("HEADWATER_", "PYTEST", "PYTHON"))}
    return {**known, "COLUMNS": "200", **more}


def run(command: list[str], folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, env=environment(**more), capture_output=True, text=True, timeout=SECONDS, check=False
    )  # fmt: skip


@contextmanager
def served(folder: Path, port: int) -> Iterator[str]:
    """`make run` in a project, until it is ready; what it has printed."""
    output = folder / "output.log"
    with output.open("w") as file:
        process = subprocess.Popen(
            ["make", "run"], cwd=folder, env=environment(HEADWATER_PORT=str(port)), stdout=file, stderr=file,
            start_new_session=True,
        )  # fmt: skip
    try:
        until = time.monotonic() + 60
        while "is ready on" not in output.read_text():
            assert process.poll() is None, output.read_text()
            assert time.monotonic() < until, output.read_text()
            time.sleep(0.05)
        yield output.read_text()
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=30)


def test_it_runs_and_its_curl_line_works(installed: Installed, shop: Path) -> None:
    where = run([str(installed.bin / "python"), "-c", "import headwater; print(headwater.__file__)"], shop)
    assert Path(where.stdout.strip()).is_relative_to(installed.folder)
    told = run([str(installed.bin / "headwater"), "check", "--explain", "unbounded-text"], shop)
    assert "Whatever clients send has a bound" in told.stdout
    with served(shop, free_port()) as printed:
        found = re.search(r"curl .*", printed)
        assert found, printed
        answer = run(["sh", "-c", found[0].replace("curl", f"{curl()} -sS --fail", 1)], shop)
        rows = json.loads(answer.stdout)["data"]
        assert [row["code"] for row in rows] == ["TEA-001", "TEA-002"]
        assert rows[0]["cost"] is None  # the line's token is a customer's
        address = re.search(r"http://[\d.:]+", printed)
        assert address
        with urlopen(f"{address[0]}/api/openapi.json", timeout=10) as document:
            assert "/api/v1/products/{id}/buy" in json.load(document)["paths"]


def test_its_tests_pass(shop: Path) -> None:
    if not LONG:
        (shop / ".ready").touch()  # the tests' own libraries will do, where pip would take its time
    tested = run(["make", "test"], shop)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert " passed" in tested.stdout


def test_a_changed_class_is_migrated(installed: Installed, shop: Path) -> None:
    headwater = str(installed.bin / "headwater")
    assert "applied 0001_first" in run([headwater, "migrate"], shop, HEADWATER_DATA="again").stdout
    file = shop / "shop" / "resources.py"
    before = "    stock: Field[int]"
    assert before in file.read_text()
    added = '    origin: Field[str | None] = field(max_length=80, doc="Where it grew.")\n'
    file.write_text(file.read_text().replace(before, added + before))
    written = run([headwater, "migrate", "--make", "Origin"], shop, HEADWATER_DATA="again")
    assert (
        "shop/migrations/versions/0002_origin.py; review it, then run `headwater migrate`" in written.stdout
    )
    assert run([headwater, "migrate"], shop, HEADWATER_DATA="again").stdout == "applied 0002_origin\n"


def test_what_is_made_is_well_formed(shop: Path) -> None:
    for tool in (["ruff", "check"], ["ruff", "format", "--check"]):
        checked = run(
            [
                str(Path(sys.executable).parent / tool[0]),
                *tool[1:],
                "--isolated",
                "--line-length",
                "110",
                "shop/__init__.py",
                "shop/resources.py",
                "shop/seed.py",
                "tests",
            ],
            shop,
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr
    for file in shop.rglob("*"):
        if file.is_file() and file.suffix in (".py", ".md", ".toml", ".mk"):
            assert "{{" not in file.read_text(), file


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Shop", "'Shop' is not the name of a project. Mend: use a-z and 0-9"),
        ("1shop", "'1shop' is not the name of a project."),
        ("shop.api", "'shop.api' is not the name of a project."),
        ("class", "'class' is a word of Python. Mend: choose another name."),
        ("json", "there is a Python module 'json' already"),
        ("msgspec", "there is a Python module 'msgspec' already"),
        ("headwater", "there is a Python module 'headwater' already"),
        ("full", "is not an empty folder. Mend: choose another name, or remove what is there."),
        ("file", "is not an empty folder."),
        ("file/shop", "cannot be written: Not a directory."),
    ],
)
def test_a_name_or_place_that_will_not_do_is_refused(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DeclarationError, match=re.escape(said)):
        project.make(tmp_path / name)
    assert sorted(tmp_path.rglob("*")) == before


def test_nothing_is_left_of_what_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(folder: Path, package: str) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(project, "_first_revision", full)
    with pytest.raises(DeclarationError, match=r"shop cannot be written: No space left on device\."):
        project.make(tmp_path / "tea-shop")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_and_a_path_will_do(installed: Installed, tmp_path: Path) -> None:
    (tmp_path / "deep" / "tea-shop").mkdir(parents=True)
    made = run([str(installed.bin / "headwater"), "new", "deep/tea-shop", "--json"], tmp_path)
    told = json.loads(made.stdout)
    assert told["folder"] == str(tmp_path / "deep" / "tea-shop")
    assert "tea_shop/migrations/versions/0001_first.py" in told["files"]
    rules = run([str(installed.bin / "headwater"), "rules", "--json"], tmp_path / "deep" / "tea-shop")
    row = {"resource": "products", "what": "read", "who": "guest", "where": "always"}
    assert row in json.loads(rules.stdout)


def test_the_application_is_the_one_that_is_named_nearest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Argument, then setting, then pyproject.toml, then the demo."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HEADWATER_APP", raising=False)
    assert find(None) == ("headwater_products.demo:app", "default")
    (tmp_path / "pyproject.toml").write_text('[tool.headwater]\napp = "one:app"\n')
    assert find(None) == ("one:app", "pyproject.toml")
    (tmp_path / "headwater.toml").write_text('app = "two:app"\n')
    assert find(None) == ("two:app", "headwater.toml")
    monkeypatch.setenv("HEADWATER_APP", "three:app")
    assert find(None) == ("three:app", "HEADWATER_APP")
    assert find("four:app") == ("four:app", "command line")
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    (tmp_path / "headwater.toml").unlink()
    monkeypatch.delenv("HEADWATER_APP")
    assert find(None) == ("headwater_products.demo:app", "default")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('[tool.headwater]\nap = "one:app"\n', "[tool.headwater] has no `ap`. Mend: did you mean `app`?"),
        (
            "[tool.headwater]\napp = 3\n",
            '`app` in [tool.headwater] is not a text. Mend: write app = "shop:app".',
        ),
        ("[tool.headwater]\napp = 'shop'\n", "'shop' names no attribute. Mend: write module:attribute"),
        ("[tool\n", "It is not TOML: "),
    ],
)
def test_a_mistake_in_pyproject_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text(content)
    with pytest.raises(DeclarationError, match=re.escape(said)) as refused:
        load(find(None)[0])
    assert "names no" in said or refused.value.where == "pyproject.toml"

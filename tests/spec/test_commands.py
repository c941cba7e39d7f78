"""The command `headwater` in the hands of an author and of an operator: real processes, on both stores."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from headwater.base.errors import DeclarationError
from headwater.cli import cli
from tests import warm

SHOP = '''
from pathlib import Path
from headwater import App, Field, OptRef, Resource, allow, field, mask, optref


class Note(Resource):
    """Something to remember."""

    text: Field[str] = field(max_length=200)
    stars: Field[int] = field(default=0, ge=0, le=5)


allow(Note, "read", "create", when=lambda actor: Note.stars > 2)
allow(Note, "read", to="guest")
mask(Note.stars, unless="editor")
app = App(title="Notes", resources=[Note], migrations=Path(__file__).parent / "migrations")
'''

Headwater = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def headwater(tmp_path: Path, store_url: str) -> Headwater:
    """Runs the command in a folder that holds `shop.py`."""
    (tmp_path / "shop.py").write_text(SHOP)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HEADWATER_")}
    environment |= {"HEADWATER_DATABASE_URL": store_url, "COLUMNS": "200"}

    def run(*arguments: str, input: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*warm.command(), *arguments], cwd=tmp_path, env={**environment, **more},
            input=input, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    return run


def change(folder: Path, old: str, new: str) -> None:
    source = (folder / "shop.py").read_text()
    assert old in source
    (folder / "shop.py").write_text(source.replace(old, new))


def test_the_way_of_a_schema_change(headwater: Headwater, tmp_path: Path) -> None:
    of = ("--app", "shop:app")
    before = headwater("seed", *of)
    assert before.returncode == 1
    assert "never migrated" in before.stderr
    assert "run `headwater migrate` first" in before.stderr
    assert "Traceback" not in before.stderr
    none = headwater("migrate", *of)
    assert "migration needed: the declarations differ from the database:" in none.stderr
    assert '`headwater migrate --app shop:app --make "what changed"`' in none.stderr
    assert "up to date" not in none.stdout
    assert "headwater migrate --app shop:app" in headwater("migrate", *of, "--make", "first").stdout
    assert headwater("migrate", *of, "--check").returncode == 1
    assert headwater("migrate", *of).stdout == "applied 0001_first\n"
    assert headwater("migrate", *of).stdout == "the database is up to date\n"
    change(tmp_path, "    stars:", "    colour: Field[str | None] = field(default=None)\n    stars:")
    drift = headwater("migrate", *of, "--check")
    assert drift.returncode == 1
    assert "The column notes.colour is missing." in drift.stdout
    headwater("migrate", *of, "--make", "Colour")
    assert headwater("migrate", *of).stdout == "applied 0002_colour\n"
    assert headwater("migrate", *of, "--check").returncode == 0
    assert headwater("migrate", *of, "--down", "0001").stdout == "undid 0002_colour\n"
    assert headwater("migrate", *of, "--check").stdout == "Revision 0002_colour is not applied.\n"
    assert headwater("migrate", *of, "--down", "base").stdout == "undid 0001_first\n"
    wrong = headwater("migrate", *of, "--down", "0009")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (1, 1)
    assert "'0009'" in wrong.stderr


def test_a_database_that_is_not_there_is_told_in_a_sentence(headwater: Headwater) -> None:
    for command in (("migrate",), ("migrate", "--check"), ("seed",), ("serve",)):
        at = () if command[0] == "serve" else ("--app",)
        url = "postgresql://nobody@127.0.0.1:1/none"
        done = headwater(command[0], *at, "shop:app", *command[1:], HEADWATER_DATABASE_URL=url)
        assert done.returncode == 1, command
        assert done.stderr.startswith("headwater: "), done.stderr
        assert "cannot be reached" in done.stderr
        assert "Traceback" not in done.stderr


def test_what_demo_data_cannot_be_is_told_in_a_sentence(headwater: Headwater, tmp_path: Path) -> None:
    """An application says by the parameters of its seed what can be asked of it, and by ValueError what is too much."""
    for command in (("--make", "first"), ()):
        assert headwater("migrate", "--app", "shop:app", *command).returncode == 0
    big = ("seed", "--app", "shop:app", "--tasks-per-project", "5")
    none = headwater(*big)
    assert (none.returncode, none.stderr.count("\n")) == (1, 1)
    assert "has no --tasks-per-project" in none.stderr
    seeding = """

def seed(scale):
    if scale > 5:
        raise ValueError("There are five notes, no more.")
    yield [Note(text=str(n), stars=3) for n in range(scale)]


app = App(seed=seed, """
    change(tmp_path, "\napp = App(", seeding)
    done = headwater(*big)
    assert (done.returncode, done.stderr) == (1, none.stderr)
    many = headwater("seed", "--app", "shop:app", "--scale", "6")
    assert (many.returncode, many.stderr.count("\n")) == (1, 1)
    assert "There are five notes, no more." in many.stderr
    assert headwater("seed", "--app", "shop:app", "--scale", "5").stdout == "added 5 rows\n"


def test_rules_are_told_in_words(headwater: Headwater) -> None:
    rows = [
        tuple(row.values()) for row in json.loads(headwater("rules", "--app", "shop:app", "--json").stdout)
    ]
    assert rows == [
        ("notes", "create, read", "signed in", "stars is more than 2"),
        ("notes", "read", "guest", "always"),
        ("notes", "see stars", "", "you have the role editor"),
    ]
    assert "stars is more than 2" in headwater("rules", "--app", "shop:app").stdout


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "mask(Note.stars",
            "mask(Note.star",
            "shop.py:15: UnknownMember: Note has no field or relation 'star': did you mean 'stars'?",
        ),
        (
            "max_length=200",
            "maxlength=200",
            "shop.py:9: TypeError: field() got an unexpected keyword argument 'maxlength'",
        ),
        ("OptRef, Resource", "OptRef, Resorce", "shop.py:3: ImportError: cannot import name 'Resorce'"),
        (
            "from pathlib import Path",
            "import nowhere_at_all",
            "shop.py:2: there is no module 'nowhere_at_all'. Mend: install it, or correct its name.",
        ),
        ("app = App", "application = App", "shop has no 'app'. Mend: name the App of that module."),
        (
            'unless="editor"',
            'unless="edtior"',
            "shop.py:15: mask(Note.stars): There is no role 'edtior'. Mend: did you",
        ),
    ],
)
def test_what_is_wrong_in_the_authors_file_is_told_with_its_line(
    headwater: Headwater, tmp_path: Path, old: str, new: str, said: str
) -> None:
    change(tmp_path, old, new)
    done = headwater("routes", "--app", "shop:app")
    assert done.returncode == 1
    assert f"headwater: {said}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("resources=Note", "`resources` is not a list of resources. Mend: name the classes"),
        ("resources=['Note']", "`resources` is not a list of resources."),
        (
            "resources=[Note], roles=['staff']",
            '`roles` is not a list of roles. Mend: write `roles=[Role("staff")]`.',
        ),
        ("resources=[Note], profile='Note'", "`profile` is not one of the resources."),
        ("resources=[Note], migrations='migrations'", "`migrations` is not a Path."),
        (
            "resources=[Note], mode='prod'",
            "there is no mode 'prod'. Mend: use one of demo, development, production.",
        ),
        ("resources=[Note], seed=[1]", "`seed` is not a function."),
    ],
)
def test_a_mistake_in_the_application_is_told_with_its_line(tmp_path: Path, given: str, said: str) -> None:
    file = tmp_path / "mistaken.py"
    file.write_text(SHOP.replace('resources=[Note], migrations=Path(__file__).parent / "migrations"', given))
    with pytest.raises(DeclarationError) as refused:
        exec(compile(file.read_text(), str(file), "exec"), {"__file__": str(file), "__name__": "mistaken"})
    assert refused.value.where == f"{file}:16: App"
    assert said in str(refused.value)


def test_a_route_names_the_permission_that_is_asked_for(headwater: Headwater) -> None:
    routes = json.loads(headwater("routes", "--app", "shop:app", "--json").stdout)
    asked = {row["method"]: row["permission"] for row in routes if row["path"] == "/api/v1/notes/{id}"}
    assert asked == {
        "GET": "read:notes", "PUT": "update:notes", "PATCH": "update:notes", "DELETE": "delete:notes",
    }  # fmt: skip


def commands() -> Iterator[tuple[str, ...]]:
    """Every command, as it is typed."""
    group: Any = get_command(cli)
    for name, command in group.commands.items():
        inner = getattr(command, "commands", None)
        yield from ((name, below) for below in inner) if inner else [(name,)]


def test_help_says_where_the_application_is_named() -> None:
    assert "`[tool.headwater]` in pyproject.toml" in CliRunner().invoke(
        cli, ["--help"], env={"COLUMNS": "200"}
    ).output.replace("\n", " ")


DEMO = '''
from pathlib import Path
from headwater import App, DemoAccount, Field, Resource, allow, field


class Empty(Resource, plural="empties"):
    """Of which there are none."""

    text: Field[str] = field()


class Hidden(Resource, plural="hidden"):
    """What the account does not see."""

    text: Field[str] = field()


class Note(Resource):
    """Something to remember."""

    text: Field[str] = field()


allow(Empty, "read", to="user")
allow(Hidden, "read", to="editor")
allow(Note, "read", to="user")


def seed(scale):
    yield [Hidden(text="one"), Note(text="two")]


app = App(
    title="Notes", resources=[Empty, Hidden, Note], seed=seed, mode="demo",
    accounts=[DemoAccount(login="ada", role="user", id="user_01jmz0000000000000000000aa", name="Ada")],
    migrations=Path(__file__).parent / "migrations",
)
'''


def test_serving_a_demo_prints_a_request_that_shows_something(headwater: Headwater, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(DEMO)
    for command in (("migrate", "--make", "first"), ("migrate",), ("seed",)):
        done = headwater(*command, "--app", "shop:app")
        assert done.returncode == 0, done.stderr
    # A port that cannot be listened on: what is printed before is all that is asked for here.
    done = headwater("serve", "shop:app", "--host", "192.0.2.1", "--port", "1")
    assert done.returncode == 1
    assert "/api/v1/notes?limit=2'" in done.stdout


@pytest.mark.parametrize("command", list(commands()), ids=" ".join)
def test_each_command_explains_itself_with_examples_and_exit_codes(command: tuple[str, ...]) -> None:
    said = CliRunner().invoke(cli, [*command, "--help"], env={"COLUMNS": "200"})
    assert said.exit_code == 0
    assert f"headwater {' '.join(command)}" in said.output.partition("Examples:")[2]
    assert "Exit codes: 0 " in said.output
    assert CliRunner().invoke(cli, [*command, "--no-such-option"]).exit_code == 2


def test_what_is_printed_is_told_as_json_too(headwater: Headwater, tmp_path: Path) -> None:
    of = ("--app", "shop:app", "--json")

    def told(*arguments: str, code: int = 0, input: str = "") -> Any:
        done = headwater(*arguments, *of, input=input)
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout)

    assert told("migrate", "--make", "first") == {
        "applied": [],
        "written": "migrations/versions/0001_first.py",
    }
    assert told("migrate", "--check", code=1) == {"pending": ["Revision 0001_first is not applied."]}
    assert told("migrate") == {"applied": ["0001_first"], "pending": []}
    assert told("migrate", "--make", "again") == {"applied": [], "written": None}
    made = told("user", "create", "ada", "--role", "user", "--password-stdin", input="a password of hers\n")
    assert made["id"].startswith("user_")
    assert (made["login"], made["role"]) == ("ada", "user")
    assert told("seed") == {"added": 0, "accounts": []}
    rows = {row["name"]: row for row in told("config")}
    assert (rows["app"]["value"], rows["app"]["origin"]) == ("shop:app", "command line")
    assert told("migrate", "--down", "base") == {"undone": ["0001_first"]}
    both = headwater("migrate", "--app", "shop:app", "--check", "--make", "x")
    assert (both.returncode, "choose one of --make, --check and --down" in both.stderr) == (2, True)

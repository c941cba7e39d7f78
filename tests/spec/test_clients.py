"""Clients of others: those that generators make of the served document, and libraries for JSON:API. They create, read,
list, page, update, relate and delete, and see why they are refused."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
import requests

from tests.served import Served, serving
from tests.stores import SHARED, drop, new_database
from web.node import CACHE, Workshop, workshop

TESTS = Path(__file__).parents[1]
CLIENTS = TESTS / "clients"
DEMO = "headwater_products.demo:app"


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def studio(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    roles = {"ada": "admin"}
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('studio') / 'test.db'}"
        with serving(DEMO, url, roles) as served:
            yield served
        return
    url = new_database(os.environ[SHARED])
    with serving(DEMO, url, roles) as served:
        yield served
    drop(url)


_made: dict[str, Workshop | Path] = {}


def described(studio: Served, folder: Path) -> Path:
    """The document that is served, in a folder with the programs of the tests."""
    for file in CLIENTS.iterdir():
        shutil.copy(file, folder)
    document = requests.get(f"{studio.url}/api/openapi.json", timeout=20)
    (folder / "api.json").write_bytes(document.content)
    return folder


@pytest.fixture
def typescript(studio: Served, tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """The clients in TypeScript, made and strictly compiled once."""
    if "typescript" not in _made:
        folder = described(studio, tmp_path_factory.mktemp("typescript"))
        tools = workshop(TESTS / "npm" / "openapi", folder)
        # A default that the server fills in is nothing that the client has to send.
        tools.tool(
            "openapi-typescript", "api.json", "-o", "generated/schema.d.ts", "--default-non-nullable", "false"
        )
        tools.tool("openapi-ts", "-f", "openapi-ts.config.mjs", seconds=120)
        tools.tool("tsc", "-p", ".", seconds=180)
        _made["typescript"] = tools
    tools = _made["typescript"]
    assert isinstance(tools, Workshop)
    return tools


@pytest.mark.parametrize("program", ["fetch", "hey"])
def test_a_generated_typescript_client_works(typescript: Workshop, studio: Served, program: str) -> None:
    """`fetch` is openapi-typescript's with openapi-fetch, `hey` is @hey-api/openapi-ts's."""
    said = typescript.node(f"{program}.js", studio.url, studio.accounts["ada"].token)
    assert said.strip() == "done"


@pytest.mark.parametrize("program", ["kitsu", "devour"])
def test_a_library_for_json_api_works(studio: Served, tmp_path: Path, program: str) -> None:
    """Unmodified, from npm."""
    tools = workshop(TESTS / "npm" / "jsonapi", tmp_path)
    said = tools.node(CLIENTS / f"{program}.js", studio.url, studio.accounts["ada"].token)
    assert said.strip() == "done"


EXAMPLE = re.compile(r"```js\n(.+?)```\n\n```text\n(.+?)```", re.DOTALL)


def test_the_examples_of_the_documentation_say_what_it_says(studio: Served, tmp_path: Path) -> None:
    tools = workshop(TESTS / "npm" / "jsonapi", tmp_path)
    examples = EXAMPLE.findall((TESTS.parent / "docs" / "json-api.md").read_text())
    assert len(examples) == 2
    for number, (program, said) in enumerate(examples):
        (file := tmp_path / f"{number}.js").write_text(program)
        assert tools.node(file, URL=studio.url, TOKEN=studio.accounts["ada"].token) == said


# -- Python: its generator wants older packages than the tests, so it gets an environment of its own --------


def environment() -> Path:
    """The folder of the programs that `requirements.txt` names, installed once for each of its versions."""
    wanted = CLIENTS / "requirements.txt"
    folder = CACHE.parent / "python" / sha256(wanted.read_bytes()).hexdigest()[:16]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{folder}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "whole").exists():
            run(sys.executable, "-m", "venv", "--clear", folder)
            run(folder / "bin" / "pip", "install", "--quiet", "--requirement", wanted)
            (folder / "whole").touch()
    return folder / "bin"


def run(*command: str | Path, folder: Path = TESTS, programs: Path | None = None) -> str:
    path = os.pathsep.join([*([str(programs)] if programs else []), os.environ["PATH"]])
    done = subprocess.run([str(part) for part in command], cwd=folder, env={**os.environ, "PATH": path},
                          capture_output=True, text=True, timeout=300, check=False)  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


if os.environ.get("HEADWATER_TEST_LONG"):

    @pytest.fixture
    def python(studio: Served, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """The client in Python, made and checked once."""
        if "python" not in _made:
            folder = described(studio, tmp_path_factory.mktemp("python"))
            programs = environment()
            run(programs / "openapi-python-client", "generate", "--path", "api.json", "--meta", "none",
                "--output-path", "studio_client", "--config", "generator.yaml",
                folder=folder, programs=programs)  # fmt: skip
            run(sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "--python-executable",
                programs / "python", "crud.py", folder=folder)  # fmt: skip
            _made["python"] = folder
        found = _made["python"]
        assert isinstance(found, Path)
        return found

    def test_a_generated_python_client_works(python: Path, studio: Served) -> None:
        token = studio.accounts["ada"].token
        assert run(environment() / "python", "crud.py", studio.url, token, folder=python).strip() == "done"

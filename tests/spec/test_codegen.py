"""`headwater graphql codegen`: what it makes is compiled strictly, and sent by Apollo Client and urql; what does not
fit the schema is refused with its place."""

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from headwater import App, Computed, Field, Resource, computed, field, key, money
from headwater.base import node
from headwater.base.errors import DeclarationError
from headwater.cli import codegen
from headwater.cli.codegen import HEAD, Made
from headwater.surfaces.graphql.schema import build, sdl_of
from headwater_products.demo import app as demo
from tests import warm
from tests.served import serving
from tests.wheel import install
from web.node import CACHE, NodeFailed, Workshop, workshop

TESTS = Path(__file__).parents[1]
SOURCES = TESTS / "codegen"
STUDIO = build(demo.model).schema


@pytest.fixture(autouse=True, scope="module")
def cache() -> Any:
    """Packages are kept beside those of the other tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(CACHE.parent))
        yield CACHE.parent / "headwater" / "npm"


def headwater(*arguments: str | Path, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """The command, as somebody types it."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("HEADWATER_")}
    return subprocess.run([*warm.command(), "graphql", "codegen", *map(str, arguments)], cwd=folder,
                          env={**kept, **more}, capture_output=True, text=True, timeout=300, check=False)  # fmt: skip


def made(folder: Path, **files: str) -> str:
    """The module that is made of these files, of which the first underscore of a name is its dot."""
    for name, text in files.items():
        (folder / name.replace("_", ".", 1)).write_text(text)
    return only(codegen.make(folder, folder / "api.ts", STUDIO))


def only(made: Made) -> str:
    (text,) = made.files.values()
    return text


# -- clients --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """The client, with what is made of its operations."""
    folder = tmp_path_factory.mktemp("codegen")
    shutil.copytree(SOURCES, folder, dirs_exist_ok=True)
    tools = workshop(TESTS / "npm" / "codegen", folder)
    for out in ("src/api.ts", "src/gql"):
        done = headwater("src", "--out", out, "--typename", folder=folder)
        assert done.returncode == 0, done.stderr
    return tools


def test_a_strict_client_compiles_and_runs(client: Workshop, tmp_path: Path) -> None:
    client.tool("tsc", "-p", ".")
    url = f"sqlite:///{tmp_path / 'test.db'}"
    with serving("headwater_products.demo:app", url, {"ada": "admin"}, seeded=3) as served:
        said = client.node("client.js", served.url, served.accounts["ada"].token).splitlines()
    assert said[0] == "23.976 0"
    assert len(said) == 3
    assert said[1] == said[2]
    assert "Shot" in said[1]


@pytest.mark.parametrize(
    ("file", "right", "mistake", "refusal"),
    [
        ("client.ts", "shot.project?.frameRate", "shot.project?.framerate", "TS2551"),
        ("client.ts", "shot.cutOrder;", "shot.project?.frameRate;", "TS2322"),
        ("client.ts", '"waiting"', '"wating"', "TS2820"),
        ("client.ts", "first: 2,", 'first: "2",', "TS2322"),
        ("client.ts", '{ cutOrder: "DESC" }', '{ cutOrder: "DESC", id: "ASC" }', "TS2322"),
        (
            "client.ts",
            "query: ShotsDocument, variables }",
            "query: ShotsDocument, variables: {} }",
            "'status' is missing",
        ),
        ("client.ts", 'frameRate: "23.976"', "frameRate: 23.976", "TS2322"),
        ("shots/[id]/page.tsx", "shot?.frameCount", "shot?.frameCounts", "TS2551"),
        ("shots/[id]/page.tsx", "variables: { id }", "variables: { id: 7 }", "'number' is not assignable to"),
    ],
)
def test_the_compiler_finds_mistakes(
    client: Workshop, file: str, right: str, mistake: str, refusal: str
) -> None:
    path = client.folder / "src" / file
    before = path.read_text()
    assert before.count(right) == 1
    path.write_text(before.replace(right, mistake))
    try:
        with pytest.raises(NodeFailed, match=refusal):
            client.tool("tsc", "-p", ".", "--noEmit")
    finally:
        path.write_text(before)


def test_node_itself_can_import_the_single_file(client: Workshop) -> None:
    client.tool(
        "tsc", "--noEmit", "--ignoreConfig", "--strict", "--module", "nodenext", "--types", "", "src/api.ts"
    )


class Ware(Resource):
    """A field of each kind of value."""

    code: Field[str] = key()
    price: Field[Decimal] = money(currency="EUR")
    weight: Field[Decimal] = field(places=3)
    stock: Field[int] = field()
    took: Field[timedelta] = field()
    made_on: Field[date] = field()
    seen_at: Field[datetime | None] = field()
    notes: Field[dict[str, Any]] = field()
    load: Computed[Decimal] = computed(lambda: Ware.weight * Ware.stock, places=3, init=False, cost=5)


def test_scalars_have_the_types_of_their_json(tmp_path: Path) -> None:
    schema = build(App(title="Wares", resources=[Ware]).model).schema
    assert '  load: Decimal! @cost(weight: "5")\n' in sdl_of(schema)
    (tmp_path / "ware.graphql").write_text(
        "query Ware($id: ID!) { ware(id: $id) { code price weight stock took madeOn seenAt notes load version } }"
    )
    text = only(codegen.make(tmp_path, tmp_path / "api.ts", schema))
    assert (
        "ware: { code: string, price: { amount: string; currency: string }, weight: string, stock: number, "
        "took: string, madeOn: string, seenAt: string | null, notes: unknown, load: string, version: number } | null"
    ) in text
    assert "id: string;" in text


# -- what is written, and when --------------------------------------------------------------------------------


def test_nothing_is_written_where_nothing_has_changed(client: Workshop) -> None:
    before = (client.folder / "src" / "api.ts").stat().st_mtime_ns
    done = headwater("src", "--out", "src/api.ts", "--typename", folder=client.folder)
    assert (done.returncode, done.stdout) == (0, "nothing has changed\n")
    assert (client.folder / "src" / "api.ts").stat().st_mtime_ns == before


def test_a_check_tells_what_is_outdated_and_writes_nothing(client: Workshop, tmp_path: Path) -> None:
    shutil.copytree(client.folder / "src", tmp_path / "src")
    for out in ("src/api.ts", "src/gql"):
        done = headwater("src", "--out", out, "--typename", "--check", folder=tmp_path)
        assert (done.returncode, done.stdout) == (0, "")
    file = tmp_path / "src" / "shots.graphql"
    file.write_text(file.read_text().replace("deadline", "start"))
    before = (tmp_path / "src" / "gql" / "graphql.ts").read_text()
    done = headwater("src", "--out", "src/gql", "--typename", "--check", folder=tmp_path)
    assert done.returncode == 1
    assert "src/gql/graphql.ts is not what would be made\n" in done.stdout
    assert (tmp_path / "src" / "gql" / "graphql.ts").read_text() == before


def test_a_file_of_somebody_elses_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "q.graphql").write_text("query Q { shots { totalCount } }")
    (tmp_path / "index.ts").write_text("export {};\n")
    with pytest.raises(DeclarationError, match=r"index\.ts: this command has not made it"):
        codegen.make(tmp_path, tmp_path, STUDIO).write()
    assert sorted(os.listdir(tmp_path)) == ["index.ts", "q.graphql"]


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "q.graphql").write_text("query Q { shots { totalCount } }")
    with pytest.raises(DeclarationError, match=r"api\.ts: it cannot be written"):
        codegen.make(tmp_path, tmp_path / "q.graphql" / "api.ts", STUDIO).write()
    with pytest.raises(DeclarationError, match="neither a folder nor TypeScript"):
        codegen.make(tmp_path, tmp_path / "q.graphql", STUDIO)


def test_packages_hidden_files_and_schemas_are_no_documents(tmp_path: Path) -> None:
    for name in ("node_modules", ".next"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "other.graphql").write_text("query Wrong { nothing }")
    (tmp_path / "schema.graphql").write_text(sdl_of(STUDIO))
    (tmp_path / "film.ts").write_bytes(b"\x47\x40\xff\xfe" * 100)
    assert made(tmp_path, q_graphql="query Q { shots { totalCount } }").startswith(HEAD)


# -- refusals -------------------------------------------------------------------------------------------------

FITS = "query Q { shots { totalCount } }"


@pytest.mark.parametrize(
    ("files", "refusal"),
    [
        (
            {"a_graphql": FITS, "b_tsx": "const B = gql`\n  query B {\n    shots { nodes { idd } }\n  }\n`;\n"},
            'b.tsx:3: Cannot query field "idd" on type "Shot". Did you mean "id"? Mend: correct it;',
        ),
        ({"a_graphql": FITS + "\nfragment F on Shot {\n  nme }"}, 'a.graphql:3: Cannot query field "nme"'),
        ({"a_graphql": "query Q {\n  shots {"}, "a.graphql:2: Syntax Error: Expected Name, found <EOF>. Mend:"),
        ({"a_ts": "const a = gql`query Q { shots { totalCount } }`;\nlet = {"}, "a.ts:2: Unexpected"),
        ({"a_graphql": "{ shots { totalCount } }"}, "a.graphql: an operation has no name. Mend: name it"),
        ({"a_graphql": FITS, "b_graphql": FITS}, "b.graphql: Q is the name of an operation of "),
        ({"a_graphql": FITS, "b_ts": "const b = gql`query Q { shots { nodes { id } } }`"},
         "b.ts: Q is the name of an operation of "),
        ({"a_graphql": FITS + " fragment F on Shot { id }", "b_graphql": "fragment F on Shot { code }"},
         "b.graphql: the fragment F is defined twice"),
        ({"a_graphql": "query Q { " + " ".join(f"a{n}: shots {{ totalCount }}" for n in range(30)) + " }"},
         "a.graphql: Q: "),
        ({"a_ts": "export const graphql = 1;"}, "there is no operation in the files of "),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_its_place(
    tmp_path: Path, files: dict[str, str], refusal: str
) -> None:
    with pytest.raises(DeclarationError) as refused:
        made(tmp_path, **files)
    assert refusal in str(refused.value)
    assert "Mend: " in str(refused.value)


def test_a_refusal_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "q.graphql").write_text("query Q { shots { totalCounts } }\nquery R { shot }")
    done = headwater(".", "--out", "api.ts", folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "q.graphql:1: Cannot query field" in done.stderr
    assert "q.graphql:2: Field" in done.stderr
    assert os.listdir(tmp_path) == ["q.graphql"]
    assert headwater("away", "--out", "api.ts", folder=tmp_path).stderr.startswith(
        "headwater: there is no away."
    )


# -- Node and npm ---------------------------------------------------------------------------------------------


def test_where_npm_cannot_be_reached_that_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "q.graphql").write_text(FITS)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:1")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    with pytest.raises(
        DeclarationError, match=r"(?s)npm cannot install .*ECONNREFUSED.* Mend: see to it that npm"
    ):
        codegen.make(tmp_path, tmp_path / "api.ts", STUDIO)


def test_what_is_installed_needs_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = made(tmp_path, q_graphql=FITS)
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:1")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    assert made(tmp_path) == before


@pytest.mark.parametrize(
    ("programs", "refusal"),
    [
        ({}, "Node.js is missing. Mend: install it with `pip install 'headwater[codegen]'`"),
        ({"node": "echo v24.1.0"}, "npm is missing."),
        ({"node": "echo v12.22.9", "npm": "exit 1"}, "is Node.js v12.22.9, which is too old."),
    ],
)
def test_without_node_it_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, programs: dict[str, str], refusal: str
) -> None:
    monkeypatch.setattr(node, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    for name, text in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "q.graphql").write_text(FITS)
    with pytest.raises(DeclarationError) as refused:
        codegen.make(tmp_path, tmp_path / "api.ts", STUDIO)
    assert refusal in str(refused.value)


def test_the_node_of_the_path_does_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = node._programs()
    (tmp_path / "bin").mkdir()
    for name, command in (("node", programs.node), ("npm", " ".join(programs.npm))):
        (tmp_path / "bin" / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setattr(node, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert made(tmp_path, q_graphql=FITS).startswith(HEAD)


def test_two_at_once_install_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "q.graphql").write_text(FITS)
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda out: headwater(".", "--out", out, folder=tmp_path), ("a.ts", "b.ts")))
    assert [(one.returncode, one.stderr) for one in done] == [(0, "")] * 2
    assert (tmp_path / "a.ts").read_text() == (tmp_path / "b.ts").read_text()
    installed = [path for path in (tmp_path / "cache" / "headwater" / "npm").iterdir() if path.is_dir()]
    assert len(installed) == 1


def test_the_wheel_has_what_it_needs(tmp_path: Path) -> None:
    installed = install(tmp_path)
    (tmp_path / "q.graphql").write_text(FITS)
    done = subprocess.run(
        [installed.bin / "headwater", "graphql", "codegen", ".", "--out", "api.ts"],
        cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "wrote api.ts\n"), done.stderr

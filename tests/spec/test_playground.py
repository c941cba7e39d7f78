"""The playground's page and files: with a bundle, without one, in the wheel, and where npm cannot be reached."""

import gzip
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from zipfile import ZipFile

import pytest

import web.build
import web.node
from headwater.base.observe import Observers
from headwater.http.application import Application
from headwater.http.middleware.errors import errors
from headwater.http.middleware.security import security
from headwater.surfaces.graphql import playground
from headwater.testing import Client, client
from tests.spec.playing import app
from tests.wheel import build as wheel

SCRIPT = b"console.log('a script that is long enough for it to be worth while')\n" * 9
PAGE = '<!doctype html><script src="./assets/index-a1.js"></script><link href="./assets/index-b2.css">'


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle of two files."""
    static = tmp_path / "static"
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_text(PAGE)
    (static / "assets" / "index-a1.js.gz").write_bytes(gzip.compress(SCRIPT))
    (static / "assets" / "index-b2.css.gz").write_bytes(gzip.compress(b"body{}"))
    (static / "secret.js.gz").write_bytes(gzip.compress(b"not one of them"))
    monkeypatch.setattr(playground, "STATIC", static)
    return static


@pytest.fixture
async def visitor() -> AsyncIterator[Client]:
    async with client(app) as opened:
        yield opened


async def test_the_page_names_files_that_are_there_below_any_base(visitor: Client, bundle: Path) -> None:
    page = await visitor.get("/graphql", accept="text/html")
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.headers["cache-control"] == "no-cache"
    assert "Accept" in page.headers["vary"]
    named = re.findall(r'"([^"]*/assets/[^"]*)"', page.body.decode())
    assert named == ["/graphql/assets/index-a1.js", "/graphql/assets/index-b2.css"]
    for path in named:
        assert (await visitor.get(path)).status == 200
    assert b'"/studio/graphql/assets/index-a1.js"' in playground.page("/studio/graphql").body


async def test_the_page_may_load_from_its_own_server_alone(visitor: Client, bundle: Path) -> None:
    page = await visitor.get("/graphql", accept="text/html")
    policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert (policy["script-src"], policy["connect-src"], policy["worker-src"]) == ("'self'",) * 3
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert "unsafe-eval" not in str(policy)
    assert not re.search(r"https?:|\*", str(policy))


async def test_the_other_security_headers_stay(bundle: Path) -> None:
    """A mount has set its own; here it is as routes of the API are."""
    served = Application(playground.routes("/graphql"), [security(), errors(Observers())])
    received: list[dict[str, object]] = []

    async def send(message: dict[str, object]) -> None:
        received.append(message)

    scope = {"type": "http", "method": "GET", "path": "/graphql/assets/index-a1.js", "query_string": b"",
             "headers": []}  # fmt: skip
    await served(scope, None, send)  # type: ignore[arg-type]
    headers = dict(received[0]["headers"])  # type: ignore[call-overload]
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert headers[b"content-type"] == b"text/javascript; charset=utf-8"


async def test_files_are_kept_for_ever_and_sent_compressed_to_those_who_take_it(
    visitor: Client, bundle: Path
) -> None:
    path = "/graphql/assets/index-a1.js"
    plain = await visitor.get(path)
    assert plain.body == SCRIPT
    assert plain.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "content-encoding" not in plain.headers
    for taken in ("gzip", "gzip, deflate, br", "br;q=1.0, gzip;q=0.8, *;q=0.1", "deflate,GZIP ; q=0.001"):
        sent = await visitor.get(path, accept_encoding=taken)
        assert (sent.headers["content-encoding"], gzip.decompress(sent.body)) == ("gzip", SCRIPT), taken
        assert "Accept-Encoding" in sent.headers["vary"]
        assert int(sent.headers["content-length"]) == len(sent.body) < len(SCRIPT)
    for refused in ("", "identity", "gzip;q=0", "br, gzip;q=0.0", "gzip ; q=0.000, br", "xgzip"):
        assert (await visitor.get(path, accept_encoding=refused)).body == SCRIPT, refused
    styles = await visitor.get("/graphql/assets/index-b2.css")
    assert styles.headers["content-type"] == "text/css; charset=utf-8"
    head = await visitor.request("HEAD", path)
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(SCRIPT)))


@pytest.mark.parametrize(
    "name",
    ["nothing.js", "index-a1.js.gz", "..%2Fsecret.js", "%2e%2e%2fsecret.js", "../secret.js", "..%5Csecret.js",
     "%2Fetc%2Fpasswd", "assets", "index-a1.js%00", ""],
)  # fmt: skip
async def test_no_other_file_is_served(visitor: Client, bundle: Path, name: str) -> None:
    reply = await visitor.get(f"/graphql/assets/{name}")
    assert (reply.status, reply.json()["error"]["code"]) == (404, "RESOURCE_NOT_FOUND")


async def test_a_stale_token_does_not_keep_anybody_from_the_files(bundle: Path) -> None:
    [route] = playground.routes("/graphql")
    assert not route.authenticates


async def test_files_are_read_once(visitor: Client, bundle: Path) -> None:
    before = await visitor.get("/graphql/assets/index-a1.js")
    for file in (bundle / "assets").iterdir():
        file.unlink()
    assert (await visitor.get("/graphql/assets/index-a1.js")).body == before.body


async def test_without_a_bundle_the_page_says_how_to_get_one(
    visitor: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(playground, "STATIC", tmp_path / "nowhere")
    page = await visitor.get("/graphql", accept="text/html")
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b"make web" in page.body
    assert b"<script" not in page.body
    assert (await visitor.get("/graphql/assets/index-a1.js")).status == 404


# -- the build -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def built() -> Path:
    """The bundle as `make web` makes it, where the server looks for it."""
    web.build.build(playground.STATIC)
    return playground.STATIC


async def test_every_file_of_the_bundle_has_a_type(
    visitor: Client, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (await visitor.get("/graphql", accept="text/html")).body.decode()
    named = re.findall(r'"(/graphql/assets/[^"]+)"', page)
    assert len(named) >= 3
    assert "./assets/" not in page
    for path in [
        *named,
        *(f"/graphql/assets/{f.name.removesuffix('.gz')}" for f in (built / "assets").iterdir()),
    ]:
        assert (await visitor.get(path)).headers["content-type"]


def test_nothing_in_the_page_or_its_styles_comes_from_elsewhere(built: Path) -> None:
    texts = [(built / "index.html").read_text()]
    texts += [gzip.decompress(f.read_bytes()).decode() for f in (built / "assets").glob("*.css.gz")]
    assert len(texts) > 1
    for text in texts:
        assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//|url\([\"']?(?:https?:)?//|@import", text)


def test_the_licenses_of_all_that_is_bundled_go_with_it(built: Path) -> None:
    licenses = (built / "licenses.md").read_text()
    for name in ("graphiql", "monaco-editor", "react", "Fira Code"):
        assert re.search(rf"^## {name} ", licenses, re.MULTILINE), name


def test_it_is_built_anew_only_when_a_source_has_changed(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    static = tmp_path / "static"
    shutil.copytree(built, static)
    assert not web.build.build(static)
    sources = tmp_path / "sources"
    web.build.copy(sources)
    with (sources / "src" / "style.css").open("a") as style:
        style.write(".news { color: teal }\n")
    monkeypatch.setattr(web.build, "SOURCES", sources)
    assert web.build.build(static)
    styles = [gzip.decompress(f.read_bytes()) for f in (static / "assets").glob("*.css.gz")]
    assert any(b".news" in style for style in styles)
    assert not web.build.build(static)


def test_the_wheel_carries_it(built: Path, tmp_path: Path) -> None:
    with ZipFile(wheel(tmp_path)) as packed:
        names = {name for name in packed.namelist() if "/graphql/static/" in name}
    assert names == {
        f"headwater/surfaces/graphql/static/{file.relative_to(built)}"
        for file in built.rglob("*")
        if file.is_file()
    }


def test_its_sources_pass_the_type_checker(tmp_path: Path) -> None:
    work = tmp_path / "work"
    web.build.copy(work)
    web.node.workshop(web.build.SOURCES, work).tool("tsc", "-p", ".")


def test_a_start_goes_on_where_npm_cannot_be_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in (web.build, web.node):
        monkeypatch.setattr(module, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(web.build, "STATIC", tmp_path / "static")
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:1")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    assert web.build.main(["--if-possible"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        "The GraphQL playground is not built: `make web` says why, and builds it once npm can be reached."
    )
    assert not (tmp_path / "static").exists()
    assert web.build.main([]) == 1
    assert "ECONNREFUSED" in capsys.readouterr().err

"""The documentation is true: its Python and its commands run, and print what it says.

The Python blocks of one file share a namespace. A `text` block that follows a block is that block's whole output.
"""

import contextlib
import io
import os
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from headwater.base import config, errors, observe
from headwater.cli import cli
from headwater.cli.reference import reference
from headwater.testing import client
from headwater_products.demo import app as demo
from tests.pages import BLOCK, follow, shell, written_to
from tests.wheel import Installed

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TUTORIAL = ("quickstart.md", "first-resource.md")
"""The pages whose commands are typed, one after the other."""
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_run_and_print_what_the_page_says(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = page.read_text()
    module = ModuleType(f"page_{page.stem.replace('-', '_')}")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    printed: str | None = None
    end = 0
    for block in BLOCK.finditer(text):
        language, code = block[1] or "", block[2]
        if language.startswith("python"):
            assert language == "python", f"{page.name}: every Python example runs, {language!r} does not"
            if written_to(code):
                continue
            lines_before = text.count("\n", 0, block.start(2))
            with contextlib.redirect_stdout(io.StringIO()) as output:
                exec(compile("\n" * lines_before + code, str(page), "exec"), module.__dict__)
            printed = output.getvalue()
        elif language == "sh":
            printed = None
        elif language == "text" and printed is not None and not text[end : block.start()].strip():
            assert printed == code
        end = block.end()


@pytest.mark.parametrize("page", TUTORIAL)
def test_the_tutorial_can_be_followed_word_by_word(page: str, installed: Installed, tmp_path: Path) -> None:
    quick = not os.environ.get("HEADWATER_TEST_LONG")
    with shell(tmp_path, str(installed.bin), quick=quick) as terminal:
        assert follow((ROOT / "docs" / page).read_text(), terminal) >= 4


async def test_the_requests_of_the_quickstart_are_answered() -> None:
    text = (ROOT / "docs" / "quickstart.md").read_text()
    requests = [path for path in re.findall(r"`(/api/v1/[^`]+)`", text) if "TOKEN" not in path]
    assert len(requests) >= 6
    async with client(demo) as visitor:
        admin = await visitor.sign_up("grace", role="admin")
        for path in requests:
            assert (await admin.get(path)).status == 200, path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    missing = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize(
    ("page", "table"),
    [
        ("errors.md", errors.reference()),
        ("settings.md", config.reference()),
        ("logs.md", observe.reference()),
        ("commands.md", reference(cli)),
    ],
)
def test_the_catalogues_are_complete(page: str, table: str) -> None:
    assert table in (ROOT / "docs" / page).read_text()

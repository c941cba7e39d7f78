"""The documentation is true: its Python runs, and prints what it says.

The blocks of one file share a namespace. A `text` block that follows a `python` block is that block's whole output.
"""

import contextlib
import io
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from headwater.base import config, errors

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\S[^\n]*)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
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
            lines_before = text.count("\n", 0, block.start(2))
            with contextlib.redirect_stdout(io.StringIO()) as output:
                exec(compile("\n" * lines_before + code, str(page), "exec"), module.__dict__)
            printed = output.getvalue()
        elif language == "text" and printed is not None and not text[end : block.start()].strip():
            assert printed == code
        end = block.end()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    missing = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize(
    ("page", "table"), [("errors.md", errors.reference()), ("settings.md", config.reference())]
)
def test_the_catalogues_are_complete(page: str, table: str) -> None:
    assert table in (ROOT / "docs" / page).read_text()

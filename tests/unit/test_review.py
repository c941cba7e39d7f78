"""`headwater check`: each rule of the guidelines finds what breaks it, at its line, and nothing else."""

from __future__ import annotations

import json
import linecache
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

from headwater.base.errors import DeclarationError
from headwater.declare import Resource, accept, build
from headwater.declare.reports import ATTRIBUTE
from headwater.operate import review as review_package
from headwater.operate.review import Finding, review
from headwater.operate.review.standard import STANDARDS, explained, reference, sections
from headwater_products.demo import app
from tests import warm

STANDARDS_PAGE = Path(__file__).parents[2] / "docs" / "standards.md"

# Declarations in which nothing is found, to which each case adds its breach.
CLEAN = '''
from __future__ import annotations
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from headwater import *

class Genre(StrEnum):
    """Of what kind a text is."""
    NOVEL = "novel"
    POEM = "poem"

class Currency(StrEnum):
    """What is paid in (ISO 4217)."""
    EURO = "EUR"
    YEN = "JPY"

class Address(Embedded):
    street: Field[str] = field(max_length=99, doc="With its number.")

class Writer(Resource):
    """Somebody who writes."""
    name: Field[str] = field(max_length=99)
    email: Field[str] = email(doc="Where letters go.")
    website: Field[str | None] = url(default=None, doc="Their own pages.")
    address: Field[Address | None] = field(default=None, doc="Where they live.")
    born_on: Field[date | None] = field(default=None, index=True, doc="Their birthday.")
    country: Field[str] = field(pattern="[A-Z]{2}", example="GB", doc="By ISO 3166-1.")
    is_living: Field[bool] = field(default=True, doc="Whether they can be asked.")
    books: Many[Book] = many(lambda: Book.writer, init=False)

class Book(Resource):
    """A text between two covers."""
    code: Field[str] = key(pattern="[A-Z]{3}", doc="Stands in paths.", example="EMM")
    writer: Ref[Writer] = ref()
    name: Field[str] = field(max_length=99)
    genre: Field[Genre] = field(default=Genre.NOVEL)
    status: Field[Shelf] = state(default="here", moves={"here": ["lent"], "lent": ["here"]}, index=True)
    price: Field[Decimal] = money(currency="EUR", doc="What a new one costs.")
    currency: Field[Currency] = field(default=Currency.EURO)
    keywords: Field[list[str]] = field(default_factory=list, max_length=9, doc="What it is about.")
    reading_time: Field[timedelta | None] = field(default=None, doc="For an hour a day.")
    lent_at: Field[datetime | None] = field(default=None, doc="When it last left.")
    archived: Field[bool] = field(default=False, doc="Whether it is in the cellar.")
    writer_age: Computed[int] = computed(lambda: Book.writer.books.count(), doc="Years.", init=False)

    @action(when=lambda actor: Book.archived)
    async def lend(self, tx: Tx, *, days: int = 14) -> None:
        """Hand it out."""

class Shelf(StrEnum):
    """Whether it is there."""
    HERE = "here"
    LENT = "lent"

class Session(Resource, exposed=False):
    count: Field[int] = field(default=0)
    ends_at: Field[datetime] = field()
    secret: Field[str] = field(internal=True)

check(Book, lambda: Book.price >= 0, message="A book's price is not negative.")
unique(Book.writer, Book.name)
index(Book.writer, Book.lent_at)
allow(Writer, "read", to="guest")
allow(Writer, "update", when=lambda actor: Writer.id == actor.id)
allow(Book, "read")
allow(Book, "update", to="editor")
mask(Book.price, unless="editor")
DESCRIPTION = "Books, and who wrote them."
ROLES = [Role("librarian", doc="Looks after the books.")]
'''
OPEN = 'allow(Item, "read", to="user")'


def cases() -> list[tuple[str, str, str]]:
    """The rule, the subject and the source of each breach in `breaches.txt`."""
    found = []
    for block in (Path(__file__).parent / "breaches.txt").read_text().split("\n=== ")[1:]:
        title, _, source = block.partition("\n")
        rule, _, subject = title.partition(" ")
        found.append((rule, subject, source))
    return found


def reviewed(path: Path, source: str) -> list[Finding]:
    """What is found in the clean declarations and a further source."""
    named = re.search(r"class (\w+)\(Resource", source)
    path.write_text(CLEAN + source.replace("OPEN", OPEN.replace("Item", named[1] if named else "Item")))
    linecache.checkcache(str(path))
    module = types.ModuleType(path.stem)
    module.__file__ = str(path)
    sys.modules[path.stem] = module
    exec(compile(path.read_text(), str(path), "exec"), vars(module))
    classes = [c for c in vars(module).values() if isinstance(c, type) and issubclass(c, Resource)]
    resources = [c for c in dict.fromkeys(classes) if c is not Resource]
    free = [f for f in vars(module).values() if (mark := getattr(f, ATTRIBUTE, None)) and mark.owner is None]
    return review(build(resources, module.ROLES, free), resources, module.ROLES, module.DESCRIPTION)


def test_nothing_is_found_in_clean_declarations(tmp_path: Path) -> None:
    assert [str(one) for one in reviewed(tmp_path / "reviewed_here.py", "")] == []


@pytest.mark.parametrize(("rule", "subject", "source"), cases(), ids=lambda value: str(value).split("\n")[0])
def test_a_breach_is_found_at_its_line(rule: str, subject: str, source: str, tmp_path: Path) -> None:
    path = tmp_path / "reviewed_here.py"
    found = reviewed(path, source)
    assert {(one.rule, one.subject) for one in found} == {(rule, subject)}, [str(one) for one in found]
    marked = [n for n, line in enumerate(path.read_text().split("\n"), 1) if line.endswith("# here")]
    assert {one.line for one in found} == set(marked or [0])
    for one in found:
        assert one.file == (str(path) if marked else "")
        assert one.severity == STANDARDS[rule].severity
        assert one.section == STANDARDS[rule].section
        assert one.message
        assert one.mend
        assert one.message.endswith((".", "?"))
        assert one.mend.endswith((".", "?"))


def test_there_is_a_breach_of_each_rule() -> None:
    assert {rule for rule, _, _ in cases()} == set(STANDARDS) - {"declaration"}


def test_what_is_accepted_is_told_with_its_reason(tmp_path: Path) -> None:
    source = '''
class Item(Resource):
    """A thing."""
    start: Field[date] = field(doc="When it begins.")
    end: Field[date] = field(doc="When it ends.")
allow(Item, "read", to="user")
'''
    path = tmp_path / "reviewed_here.py"
    assert [one.accepted for one in reviewed(path, source)] == [None, None]
    some = reviewed(path, source + 'accept(Item, "unindexed-sort", "start", because="There are few.")\n')
    assert [(one.subject, one.accepted) for one in some] == [
        ("Item.start", "There are few."),
        ("Item.end", None),
    ]
    whole = reviewed(path, source + 'accept(Item, "unindexed-sort", because="There are few.")\n')
    assert {one.accepted for one in whole} == {"There are few."}
    twice = source + 'accept(Item, "unindexed-sort", "start", "end", "name", because="There are few.")\n'
    stale = [one for one in reviewed(path, twice) if one.accepted is None]
    assert [(one.rule, one.subject) for one in stale] == [("stale-acceptance", "Item.name")]
    with pytest.raises(DeclarationError, match="It gives no reason"):
        accept(app.resources[0], "unindexed-sort", because=" ")


def test_each_rule_is_in_its_section_of_the_guidelines() -> None:
    """And a section without rules says that a person has to look."""
    text = STANDARDS_PAGE.read_text()
    assert len(sections()) == len(re.findall("^## ", text, re.M)), "every section has an anchor"
    assert {one.section for one in STANDARDS.values()} <= set(sections())
    for section, (_, body) in sections().items():
        rules = [one for one in STANDARDS.values() if one.section == section]
        if rules:
            assert reference(section) in body, section
        else:
            assert "for the human reviewer" in body, section


def test_the_package_has_the_page_of_the_documentation() -> None:
    """Who has installed it has no other."""
    page = Path(review_package.__file__).with_name("standards.md")
    assert page.read_text() == STANDARDS_PAGE.read_text(), "copy one to the other"


@pytest.mark.parametrize("rule", STANDARDS)
def test_a_rule_is_explained(rule: str) -> None:
    """By what it demands and what its section says, without the table of other rules."""
    text = explained(rule)
    title = sections()[STANDARDS[rule].section][0]
    assert text.startswith(f"{rule} ({STANDARDS[rule].severity}): {STANDARDS[rule].demands}\n\n{title}\n\n")
    assert len(text.split(title, 1)[1].strip()) > 60, "the section gives reasons"
    assert not [other for other in STANDARDS if f"| `{other}` |" in text]


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*warm.command(), "check", *arguments],
        cwd=folder, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_the_command_tells_what_it_finds_and_ends_accordingly(tmp_path: Path) -> None:
    source = '''from headwater import App, Field, Resource, allow, field

class Item(Resource):
    """A thing."""
    note: Field[str] = field(doc="What to know.")

allow(Item, "read")
app = App(title="Items", description="Things.", resources=[Item])
'''
    (tmp_path / "shop.py").write_text(source)
    (tmp_path / "pyproject.toml").write_text('[tool.headwater]\napp = "shop:app"\n')
    done = command(tmp_path)
    assert (done.returncode, done.stdout) == (
        0,
        "shop.py:5: warning: Item.note: It may be of any length. Mend: give it a max_length. "
        "[unbounded-text]\n0 errors, 1 warning, 0 accepted\n"
        "Why, and what is better: headwater check --explain unbounded-text\n",
    )
    strict = command(tmp_path, "--strict", "--json")
    told = json.loads(strict.stdout)
    assert (strict.returncode, told["errors"], told["warnings"], told["accepted"]) == (1, 0, 1, [])
    assert told["findings"][0]["subject"] == "Item.note"
    assert told["findings"][0]["line"] == 5
    (tmp_path / "shop.py").write_text(source.replace('allow(Item, "read")', 'allow(Item, "raed")'))
    broken = command(tmp_path, "--json")
    finding = json.loads(broken.stdout)["findings"][0]
    assert (broken.returncode, finding["rule"], finding["file"], finding["line"]) == (
        1,
        "declaration",
        "shop.py",
        7,
    )
    assert finding["mend"] == "did you mean 'read'?"
    assert command(tmp_path, "--srtict").returncode == 2
    explanation = command(tmp_path, "--explain", "unbounded-text")
    assert (explanation.returncode, explanation.stdout) == (0, explained("unbounded-text"))
    unknown = command(tmp_path, "--explain", "unbound-text")
    assert unknown.returncode == 2
    assert "'unbounded-text'" in unknown.stderr


def test_the_products_are_clean() -> None:
    found = review(app.model, app.resources, app.roles, app.description)
    assert [str(one) for one in found if one.accepted is None] == []

"""Node and npm's packages, as tests of clients use them."""

import json
from pathlib import Path

import pytest

from web.node import NodeFailed, workshop

PACKAGES = Path(__file__).parent.parent / "npm" / "jsonapi"


def test_a_program_finds_the_packages_of_its_lock_file(tmp_path: Path) -> None:
    """The wheel's Node runs a module that imports a package which npm installed."""
    program = tmp_path / "hello.js"
    program.write_text(
        "import Kitsu from 'kitsu'; console.log(JSON.stringify([typeof Kitsu, process.env.WORD]))"
    )
    assert json.loads(workshop(PACKAGES, tmp_path).node(program, WORD="well")) == ["function", "well"]


def test_a_program_that_fails_says_what_it_printed(tmp_path: Path) -> None:
    """Nothing about a failed client is lost."""
    program = tmp_path / "fails.js"
    program.write_text("console.error('no luck'); process.exit(3)")
    with pytest.raises(NodeFailed, match=r"ended with 3:\n\nno luck"):
        workshop(PACKAGES, tmp_path).node(program)


def test_packages_that_cannot_be_had_are_a_failure(tmp_path: Path) -> None:
    """A lock file that does not fit its package.json is refused by npm, and so by the test."""
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "package.json").write_text('{"private": true, "dependencies": {"kitsu": "11.1.0"}}')
    (packages / "package-lock.json").write_text('{"lockfileVersion": 3, "packages": {"": {}}}')
    with pytest.raises(NodeFailed, match="npm"):
        workshop(packages, tmp_path)

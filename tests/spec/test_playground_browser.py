"""The playground in a browser: it works without any other server, for guests, and for those who sign in."""

from pathlib import Path

import pytest

from headwater.surfaces.graphql import playground
from tests.served import PASSWORD, serving
from web.build import build
from web.node import workshop

TESTS = Path(__file__).parents[1]
LIBRARIES = "AWS_Lambda_nodejs24.x"
"""Where it finds this, the package of Chromium uses the system libraries and fonts that it brings."""
FONTS = """<?xml version="1.0"?>
<fontconfig><dir>{0}/fonts</dir><cachedir>{0}/fonts-cache</cachedir></fontconfig>
"""
"""Its own settings look for the fonts in /tmp/fonts, wherever it has put them, and without any font it ends."""


def test_somebody_explores_signs_in_comes_back_and_signs_out(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    build(playground.STATIC)
    (tmp_path / "fonts.conf").write_text(FONTS.format(tmp_path))
    database = f"sqlite:///{tmp_path_factory.mktemp('playing') / 'test.db'}"
    with serving("tests.spec.playing:app", database, {"ada": "user"}) as served:
        said = workshop(TESTS / "npm" / "browser", tmp_path).node(
            TESTS / "browser" / "playground.js",
            f"{served.url}/graphql",
            "ada",
            PASSWORD,
            str(tmp_path / "playground.png"),
            seconds=120,
            TMPDIR=str(tmp_path),
            AWS_EXECUTION_ENV=LIBRARIES,
            FONTCONFIG_FILE=str(tmp_path / "fonts.conf"),
        )
    assert said.strip() == "done"

"""`headwater new`: a working project from the templates beside this file."""

import asyncio
import keyword
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib import metadata
from importlib.resources import files
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from headwater.base.config import Config
from headwater.base.errors import DeclarationError
from headwater.cli.apps import load
from headwater.engine import migrate

SUFFIX: Final = ".template"
MAX_NAME: Final = 63


def package_name(name: str) -> str:
    """The name of a project's Python package. Raises DeclarationError for a name that cannot be one."""
    if not re.fullmatch(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*", name) or len(name) > MAX_NAME:
        mend = f"use a-z and 0-9, single - or _ between, and at most {MAX_NAME} letters, as in `tea-shop`."
        raise DeclarationError(f"{name!r} is not the name of a project.", mend=mend)
    package = name.replace("-", "_")
    if keyword.iskeyword(package) or keyword.issoftkeyword(package):
        raise DeclarationError(f"{name!r} is a word of Python.", mend="choose another name.")
    taken = package in sys.stdlib_module_names or package in ("headwater", "headwater_products", "tests")
    if taken or _installed(package):
        raise DeclarationError(
            f"there is a Python module {package!r} already, which the project's would hide.",
            mend=f"choose another name, such as `{name}-api`.",
        )
    return package


def _installed(package: str) -> bool:
    spec = find_spec(package)
    return spec is not None and spec.origin is not None  # a plain folder has no origin, and hides nothing


def make(folder: Path) -> list[Path]:
    """Write a project into a folder that is new or empty, with its first revision; the files, in order.

    The folder's name is that of the project. Raises DeclarationError.
    """
    folder = folder.absolute()
    package = package_name(folder.name)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DeclarationError(
            f"{folder} is not an empty folder.", mend="choose another name, or remove what is there."
        )
    words = {
        "{{name}}": folder.name,
        "{{package}}": package,
        "{{title}}": " ".join(re.split("[-_]", folder.name)).capitalize(),
        "{{version}}": metadata.version("headwater"),
    }
    new = not folder.exists()
    try:
        written = [
            _write(folder, path.replace("package", package), text, words)
            for path, text in _templates(files("headwater.cli") / "template")
        ]
        commands = Path(sys.executable).parent
        if (commands / "headwater").exists() and " " not in str(commands):  # which make cannot take
            written.append(_write(folder, "local.mk", f"BIN := {commands}\n", {}))
        written.append(_first_revision(folder, package))
    except BaseException as error:
        if new:
            shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise DeclarationError(
                f"{folder} cannot be written: {error.strerror}.", mend="choose another place."
            ) from None
        raise
    return sorted(written)


def _templates(folder: Traversable, below: str = "") -> Iterator[tuple[str, str]]:
    """Each template's path in the project and its text."""
    for found in folder.iterdir():
        if found.is_dir():
            yield from _templates(found, f"{below}{found.name}/")
        elif found.name.endswith(SUFFIX):
            yield below + found.name.removesuffix(SUFFIX), found.read_text(encoding="utf-8")


def _write(folder: Path, path: str, text: str, words: dict[str, str]) -> Path:
    for word, value in words.items():
        text = text.replace(word, value)
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def _first_revision(folder: Path, package: str) -> Path:
    """The revision that makes the tables, worked out against an empty database that is thrown away."""
    sys.path.insert(0, str(folder))
    try:
        app = load(f"{package}:app")
    finally:
        sys.path.remove(str(folder))
    assert app.migrations is not None
    with tempfile.TemporaryDirectory(prefix="headwater-") as scratch:
        url = f"sqlite:///{scratch}/empty.db"
        config = Config.load({}, Path(scratch), {"database_url": url, "data": scratch})
        path = asyncio.run(migrate.make(app.schema(config), url, app.migrations, "first"))
    assert path is not None
    return path

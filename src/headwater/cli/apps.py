"""Which application a command works on, and loading it."""

import importlib
import os
import re
import sys
import sysconfig
import tomllib
import traceback
from pathlib import Path
from typing import Any, Final

import headwater
from headwater.app import App
from headwater.base.config import Config
from headwater.base.errors import DeclarationError, nearest

DEMO: Final = "headwater_products.demo:app"
PYPROJECT: Final = "pyproject.toml"
OPTIONS: Final = ("app",)


def find(given: str | None) -> tuple[str, str]:
    """The application as `module:attribute`, and where that is said: on the command line, else by the setting `app`,
    else in `[tool.headwater]` of the working folder's pyproject.toml; else it is the demo.

    Raises DeclarationError, ConfigError.
    """
    if given is not None:
        return given, "command line"
    config = Config.load()
    if config.app is not None:
        return config.app, config.origins["app"]
    if (said := _table().get("app")) is not None:
        if not isinstance(said, str):
            raise DeclarationError(
                "`app` in [tool.headwater] is not a text.", where=PYPROJECT, mend='write app = "shop:app".'
            )
        return said, PYPROJECT
    return DEMO, "default"


def _table() -> dict[str, Any]:
    """What the working folder's pyproject.toml says of Headwater."""
    try:
        content = tomllib.loads(Path(PYPROJECT).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DeclarationError(f"It is not TOML: {error}.", where=PYPROJECT, mend="correct it.") from None
    table = content.get("tool", {}).get("headwater", {})
    for name in table:
        if name not in OPTIONS:
            near = nearest(name, OPTIONS)
            mend = f"did you mean `{near}`?" if near else f"there are {', '.join(OPTIONS)}."
            raise DeclarationError(f"[tool.headwater] has no `{name}`.", where=PYPROJECT, mend=mend)
    return dict(table)


def load(target: str) -> App:
    """The application that `module:attribute` names. Raises DeclarationError."""
    module, _, attribute = target.partition(":")
    if not attribute:
        raise DeclarationError(
            f"{target!r} names no attribute.", mend="write module:attribute, as in shop:app."
        )
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        loaded = importlib.import_module(module)
    except DeclarationError:
        raise
    except ModuleNotFoundError as error:
        raise _missing(error, module) from None
    except Exception as error:
        raise _where_it_failed(error) from error
    found = getattr(loaded, attribute, None)
    if found is None:
        raise DeclarationError(f"{module} has no {attribute!r}.", mend="name the App of that module.")
    if not isinstance(found, App):
        raise DeclarationError(f"{target} is not an App.", mend="name the module's App.")
    return found


def _missing(error: ModuleNotFoundError, module: str) -> DeclarationError:
    """A module that is not there: the application's own, or one that it imports, with the importing line."""
    if f"{module}.".startswith(f"{error.name}."):
        return DeclarationError(
            f"there is no module {error.name!r}.", mend="run this in the project's folder."
        )
    return DeclarationError(
        f"there is no module {error.name!r}.",
        where=_last_line(error),
        mend="install it, or correct its name.",
    )


def _where_it_failed(error: Exception) -> DeclarationError:
    """An exception of the author's module, with the last of its lines that led there."""
    if isinstance(error, SyntaxError) and error.filename is not None:
        where = f"{os.path.relpath(error.filename)}:{error.lineno}"
        return DeclarationError(
            f"{type(error).__name__}: {error.msg}.", where=where, mend="correct this line."
        )
    said = "".join(traceback.TracebackException.from_exception(error).format_exception_only()).strip()
    said = re.sub(r"^(\w+\.)+", "", said)
    where = _last_line(error)
    return DeclarationError(said, where=where, mend="correct this line." if where else "")


def _last_line(error: BaseException) -> str:
    """The last of the author's lines that led to an exception, as `file:line`."""
    others = (str(Path(headwater.__file__).parent), *sysconfig.get_paths().values(), "<")
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(others)]
    return f"{os.path.relpath(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""

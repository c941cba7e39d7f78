"""What all commands share: their options, how their help ends, and how they print."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from headwater.app import App
from headwater.base.errors import DeclarationError
from headwater.cli import apps

EXITS = "Exit codes: 0 done, 1 refused (standard error says why), 2 the command line is wrong."

Target = Annotated[
    str | None, typer.Option("--app", help="The application, as module:attribute.", metavar="APP")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Out = Annotated[Path | None, typer.Option(metavar="FILE", help="Write it there and not to standard output.")]


def ending(*examples: str, exits: str = EXITS) -> str:
    """What a command's help ends with: examples, and the exit codes."""
    return "\n\n".join(["Examples:", *(f"  {example}" for example in examples), exits])


def named(given: str | None) -> App:
    """The application that a command works on. Raises DeclarationError, ConfigError."""
    return apps.load(apps.find(given)[0])


def told(value: Any) -> None:
    """Print JSON."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def put(text: str, out: Path | None) -> None:
    """Print a text, or write it to a file. Raises DeclarationError where that cannot be written."""
    if out is None:
        typer.echo(text)
        return
    try:
        out.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise DeclarationError(
            f"{out} cannot be written: {error.strerror}.", mend="name a file in a folder that exists."
        ) from None
    typer.echo(f"wrote {out}")

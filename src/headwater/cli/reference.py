"""The commands as a page of the documentation, made from what `--help` tells."""

from collections.abc import Iterator
from typing import Any

import typer
from typer.main import get_command


def reference(application: typer.Typer) -> str:
    """A section for each command, in Markdown."""
    commands = _all(get_command(application), "headwater")
    return "\n".join(line for path, command in commands for line in _section(path, command))


def _all(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    if (inner := getattr(command, "commands", None)) is None:
        yield path, command
    else:
        for name in sorted(inner):
            yield from _all(inner[name], f"{path} {name}")


def _section(path: str, command: Any) -> Iterator[str]:
    context = command.context_class(command, info_name=path)
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    yield from (f"## {path}", "", _plain(command.help), "", "```text", usage, "```", "")
    rows = [_row(parameter, context) for parameter in command.params]
    if rows:
        yield from ("| Argument | Meaning |", "|---|---|", *rows, "")
    examples, _, exits = (command.epilog or "").partition("\n\nExit codes: ")
    lines = [line.strip() for line in examples.splitlines() if line.startswith("  ")]
    if lines:
        yield from ("```text", *(f"$ {line}" for line in lines), "```", "")
    if exits:
        yield from (f"Exit codes: {exits}", "")


def _row(parameter: Any, context: Any) -> str:
    name, meaning = parameter.get_help_record(context) or (parameter.human_readable_name, "")
    return f"| `{name.strip().removesuffix(' <str>').replace('|', ' ')}` | {_plain(meaning)} |"


def _plain(text: str | None) -> str:
    return " ".join((text or "").replace("\\[", "[").split())

"""`headwater check`: the review of an application's declarations, as text or JSON."""

import json
import sys
from collections.abc import Sequence

import typer
from rich.console import Console
from rich.table import Table

from headwater.base.errors import DeclarationError
from headwater.cli.apps import load
from headwater.operate.review import Finding, refused, review
from headwater.operate.review.standard import STANDARDS


def findings(target: str) -> list[Finding]:
    """What is found in an application; if it cannot be built, the mistakes that keep it from that."""
    try:
        app = load(target)
        model = app.model
    except DeclarationError as error:
        return refused(error)
    return review(model, app.resources, app.roles, app.description)


def report(found: Sequence[Finding], *, strict: bool, as_json: bool) -> int:
    """Print what was found; the exit code."""
    open_ones = [one for one in found if one.accepted is None]
    accepted = [one for one in found if one.accepted is not None]
    errors = sum(one.severity == "error" for one in open_ones)
    warnings = len(open_ones) - errors
    if as_json:
        facts = {
            "errors": errors,
            "warnings": warnings,
            "findings": [one.facts() for one in open_ones],
            "accepted": [one.facts() for one in accepted],
        }
        typer.echo(json.dumps(facts, indent=2, ensure_ascii=False))
    else:
        for one in open_ones:
            typer.echo(one)
        typer.echo(f"{_count(errors, 'error')}, {_count(warnings, 'warning')}, {len(accepted)} accepted")
    return 1 if errors or (strict and warnings) else 0


def list_rules(*, as_json: bool) -> None:
    """Print the rules of the guidelines that a machine checks."""
    if as_json:
        rows = [
            {"rule": s.name, "severity": s.severity, "section": s.section, "demands": s.demands}
            for s in STANDARDS.values()
        ]
        typer.echo(json.dumps(rows, indent=2))
        return
    shown = Table("Rule", "Severity", "Section", "What must be", box=None)
    for one in STANDARDS.values():
        shown.add_row(one.name, one.severity, one.section, one.demands)
    Console(width=None if sys.stdout.isatty() else 160).print(shown)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")

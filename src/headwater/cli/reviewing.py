"""`headwater check`: the review of an application's declarations, as text or JSON."""

import json
import sys
from collections.abc import Sequence

import typer
from rich.console import Console
from rich.table import Table

from headwater.base.errors import DeclarationError, nearest
from headwater.cli.apps import load
from headwater.operate.review import Finding, refused, review
from headwater.operate.review.standard import STANDARDS, explained


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
        if open_ones:
            typer.echo(f"Why, and what is better: headwater check --explain {open_ones[0].rule}")
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


def explain(rule: str) -> None:
    """Print what a rule of the guidelines demands, and why. Raises: BadParameter for what is none."""
    if rule not in STANDARDS:
        near = nearest(rule, STANDARDS)
        mend = f"did you mean {near!r}?" if near else "`headwater check --rules` lists them."
        raise typer.BadParameter(f"There is no rule {rule!r}; {mend}", param_hint="--explain")
    typer.echo(explained(rule), nl=False)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")

"""`headwater bench`: a load test against a running server, its progress and its figures."""

import asyncio
import json
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

import aiohttp
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from headwater.app import App
from headwater.base.errors import DeclarationError, nearest
from headwater.operate import load
from headwater.operate.load import Account, Figures, Profile, Report, Scenario, Tool

T = TypeVar("T")


def profile_named(name: str) -> Profile:
    """Raises BadParameter for what is none."""
    return _named("profile", name, load.PROFILES)


def tool_named(name: str) -> Tool:
    """Raises BadParameter for what is none."""
    return _named("script", name, load.TOOLS)


def _named(what: str, name: str, known: Mapping[str, T]) -> T:
    if name in known:
        return known[name]
    near = nearest(name, known)
    mend = f"did you mean {near!r}?" if near else f"there are {', '.join(known)}."
    raise typer.BadParameter(f"There is no {what} {name!r}; {mend}", param_hint=f"--{what}")


def accounts(app: App, logins: Sequence[str], *, demo: bool) -> list[Account]:
    """Who the users are: those named, with their passwords from standard input, a line each; else the demo's accounts;
    else nobody who is signed in."""
    known = {account.login: account.password for account in app.accounts} if demo else {}
    if logins:
        return [Account(login, known.get(login) or _password(login)) for login in logins]
    return [Account(login, password) for login, password in known.items()] or [Account()]


def _password(login: str) -> str:
    if sys.stdin.isatty():
        return str(typer.prompt(f"Password of {login}", hide_input=True))
    found = sys.stdin.readline().rstrip("\n")
    if not found:
        raise DeclarationError(
            f"there is no password for {login}.", mend="write it to standard input, a line for each account."
        )
    return found


async def run(app: App, url: str, who: Sequence[Account], profile: Profile) -> Report:
    """Run the test; an interrupt ends it early. Raises DeclarationError where it cannot be run."""
    with _told(url):
        test = load.LoadTest(url, await _scenario(app, url, who), who, profile)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, test.end)
        with _progress() as bar:
            task = bar.add_task(profile.name, total=profile.seconds, users=0, requests=0)
            return await test.run(
                lambda passed, users, sent: bar.update(task, completed=passed, users=users, requests=sent)
            )


async def script(app: App, tool: Tool, url: str, who: Sequence[Account], profile: Profile) -> str:
    """The test as a script for a tool. Raises DeclarationError where it cannot be made."""
    with _told(url):
        played, tells = await load.play(url, await _scenario(app, url, who), who)
    try:
        return load.script(tool, url, profile, played, tells=tells)
    except ValueError as error:
        raise DeclarationError(f"{error}.", mend="seed the database, or name other accounts.") from None


async def _scenario(app: App, url: str, who: Sequence[Account]) -> Scenario:
    await load.reach(url)
    if app.scenario is not None:
        return app.scenario
    exposed = [r.path for r in app.model.resources.values() if r.exposed]
    if found := await load.readable(url, who, exposed):
        return load.reading(found)
    raise DeclarationError(
        "there is no collection that all these accounts may read.",
        mend="name others with `--account`, or declare `App(scenario=...)`.",
    )


@contextmanager
def _told(url: str) -> Iterator[None]:
    """Raises DeclarationError for what keeps a test from running."""
    try:
        yield
    except (aiohttp.ClientConnectionError, TimeoutError) as error:
        raise DeclarationError(
            f"{url} does not answer: {error or 'it took too long'}.",
            mend="start the server first (`headwater serve`), or name its URL.",
        ) from None
    except load.SignInError as error:
        raise DeclarationError(
            f"{error}.", mend="name accounts that exist with `--account`, or run `headwater seed`."
        ) from None


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[users]} users, {task.fields[requests]:,} requests"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    )


def tell(report: Report, *, as_json: bool) -> int:
    """Print the figures; the exit code."""
    if as_json:
        typer.echo(json.dumps(report.facts(), indent=2))
        return 0 if report.passed else 1
    heads = ("requests", "number", "/s", "mean", "p50", "p95", "p99", "max", "db", "errors")
    table = Table(*heads, box=None)
    for column in table.columns[1:-1]:
        column.justify = "right"
    for part in (*report.parts, report.whole):
        table.add_row(*_row(part))
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(
        f"{report.profile.name}: up to {report.most_users:,} users for {report.seconds:.0f} s. Times in ms."
    )
    console.print(table)
    if report.server is not None:
        used = report.server
        console.print(
            f"server: {used.processes} process{'' if used.processes == 1 else 'es'}, {used.cpu:.0f} % of a core, "
            f"{used.memory:.0f} MiB; this test: {report.client:.0f} % of a core"
        )
    if (database := report.whole.database) is not None:
        console.print(
            f"database: {database.mean:,.1f} ms a request (p95 {database.p95:,.1f}), {database.statements:,.1f} "
            f"statements a request, {database.statement:,.1f} ms a statement"
        )
    else:
        console.print(
            f"database: the server does not tell its time, so < {load.DATABASE.bound:g} ms is not judged; set "
            "HEADWATER_SERVER_TIMING=on there"
        )
    for target, value, met in report.verdicts():
        bound = f"{'>' if target.least else '<'} {target.bound:g} {target.unit}"
        console.print(f"{'met   ' if met else 'MISSED'} {target.figure} {bound}: {value:,.2f}")
    return 0 if report.passed else 1


def _row(part: Figures) -> list[str]:
    wrong = [f"{number:,} x {what}" for what, number in part.failures.items()]
    if part.timeouts:
        wrong.append(f"{part.timeouts:.2f} % timed out")
    times = (part.mean, part.p50, part.p95, part.p99, part.max)
    return [
        part.name,
        f"{part.requests:,}",
        f"{part.rate:,.1f}",
        *(f"{time:,.1f}" for time in times),
        f"{part.database.mean:,.1f}" if part.database else "-",
        ", ".join(wrong) or "none",
    ]

"""The command `headwater`."""

import asyncio
import code
import gc
import json
import sys
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from headwater.app import App, Running
from headwater.base.call import Actor, Call
from headwater.base.config import Config, ConfigError
from headwater.base.errors import DeclarationError, Fault
from headwater.cli import apps, graphql, project, reviewing
from headwater.cli.common import EXITS, Json, Out, Target, ending, named, put, told
from headwater.db.base import StoreError
from headwater.engine import migrate as migrations
from headwater.http.server import serve as serve_application
from headwater.ir.query import Cursor, Query, Select
from headwater.ir.words import words
from headwater.surfaces import describe

T = TypeVar("T")
SHOWN = 5  # differences of a database that are listed before serving


cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Declare resources once as typed Python classes; get a production API.",
    epilog="The application of a command is the one that its line names (module:attribute), else that of the setting "
    "`app`, else that of `\\[tool.headwater]` in pyproject.toml, else the demo. Settings come from HEADWATER_… "
    "variables and headwater.toml; `headwater config` shows them. " + EXITS,
)
user = typer.Typer(no_args_is_help=True, help="Accounts.", epilog=EXITS)
cli.add_typer(user, name="user")
cli.add_typer(graphql.commands, name="graphql")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's work."""
    return asyncio.run(work)


@cli.command(
    epilog=ending("headwater new shop && cd shop && make run", "headwater new ../work/tea-shop --json")
)
def new(
    name: Annotated[
        str, typer.Argument(help="The project's name, or a path that ends in it.", show_default=False)
    ],
    as_json: Json = False,
) -> None:
    """Make a working project: resources with rules, a migration, demo data and tests."""
    folder = Path(name)
    written = project.make(folder)
    base = folder.absolute()
    names = [path.relative_to(base).as_posix() for path in written]
    if as_json:
        told({"folder": str(base), "files": names})
        return
    typer.echo(f"made {folder}:")
    for path in names:
        typer.echo(f"  {path}")
    typer.echo(f"\nNext:\n\n  cd {folder}\n  make run\n")


@cli.command(
    epilog=ending(
        "headwater serve",
        "headwater serve shop:app --reload",
        "headwater serve --host 0.0.0.0 --port 9000 --workers 4",
        exits="Exit codes: 0 ended by a signal, 1 refused (standard error says why), 2 the command line is wrong.",
    )
)
def serve(
    target: Annotated[
        str | None, typer.Argument(metavar="APP", help="The application, as module:attribute.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="The address to listen on (127.0.0.1).")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on (8080).")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that serve requests (1).")] = None,
    reload: Annotated[bool, typer.Option("--reload", help="Start again when a source file changes.")] = False,
) -> None:
    """Serve an application over HTTP until it is interrupted."""
    gc.disable()  # what is made until requests are served stays: the collector would only walk over it
    found, _ = apps.find(target)
    app = apps.load(found)
    config = app.config(host=host, port=port, workers=workers)
    run(_before_serving(app, target, config))
    raise typer.Exit(serve_application(found, config, reload=reload))


async def _before_serving(app: App, target: str | None, config: Config) -> None:
    """Say that a migration is needed; in demo mode, say how to make the first request."""
    if app.migrations is not None:
        for line in await _needed(app, target, config, app.migrations):
            typer.echo(line, err=True)
    if config.mode == "demo" and app.accounts:
        async with app.running(config) as running:
            login = next((a.login for a in app.accounts if a.role != "admin"), app.accounts[0].login)
            account = await running.identity.account(login)
            if account is not None:
                token = await running.identity.issue_access_token(login)
                path = await _worth_seeing(app, running, running.identity.actor_of(account))
                typer.echo(
                    f"Try it:\n\n  curl -H 'Authorization: Bearer {token}' "
                    f"'{config.base_url}/api/v1/{path}?limit=2'\n"
                )


async def _worth_seeing(app: App, running: Running, actor: Actor) -> str:
    """The first collection in which there is something to see, or else the first."""
    exposed = [r for r in app.model.resources.values() if r.exposed and r.cls is not app.profile]
    for resource in exposed:
        query = Query(resource.name, select=Select(("id",)), page=Cursor(1))
        with suppress(Fault):
            if (await running.engine.read(Call(actor=actor), query)).rows:
                return resource.path
    return exposed[0].path


async def _needed(app: App, target: str | None, config: Config, folder: Path) -> list[str]:
    """What the database lacks of the revisions, or else of the declarations, and which command mends it."""
    command = _migrate_command(target)
    if lacking := await migrations.pending(config.database_url, folder):
        count = f"{len(lacking)} revision{'s' if len(lacking) > 1 else ''}"
        return [f"migration needed: the database lacks {count}, first {lacking[0]}. Run `{command}`."]
    found = await migrations.check(app.schema(config), config.database_url, folder, again=False)
    if not found:
        return []
    shown = [f"  {sentence}" for sentence in found[:SHOWN]]
    rest = [f"  … and {len(found) - SHOWN} more."] if len(found) > SHOWN else []
    mend = f'Write a revision with `{command} --make "what changed"`, read it, and run `{command}`.'
    return ["migration needed: the declarations differ from the database:", *shown, *rest, f"  {mend}"]


def _migrate_command(target: str | None) -> str:
    return "headwater migrate" + ("" if target is None else f" --app {target}")


@cli.command(
    epilog=ending(
        "headwater migrate",
        'headwater migrate --make "reviews of products"',
        "headwater migrate --check",
        "headwater migrate --down 0001",
        exits="Exit codes: 0 done, 1 refused, or with --check: something is pending, 2 the command line is wrong.",
    )
)
def migrate(
    app: Target = None,
    make: Annotated[
        str | None, typer.Option(metavar="MESSAGE", help="Write a revision file for what changed.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Exit with 1 if anything is pending or has drifted.")
    ] = False,
    down: Annotated[
        str | None,
        typer.Option(metavar="REVISION", help="Undo what came after a revision; `base`: everything."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Bring the database to the declared schema."""
    if (make is not None) + check + (down is not None) > 1:
        raise typer.BadParameter("choose one of --make, --check and --down.")
    loaded = named(app)
    config = loaded.config()
    folder = loaded.migrations or Path("migrations")
    schema = loaded.schema(config)
    if check:
        found = run(migrations.check(schema, config.database_url, folder))
        if as_json:
            told({"pending": found})
        else:
            for sentence in found:
                typer.echo(sentence)
        raise typer.Exit(1 if found else 0)
    if down is not None:
        undone = run(migrations.downgrade(config.database_url, folder, down))
        if as_json:
            told({"undone": undone})
        else:
            typer.echo(f"undid {', '.join(undone)}" if undone else "there was nothing to undo")
        return
    applied = run(migrations.upgrade(schema, config.database_url, folder))
    if make is not None:
        made = run(migrations.make(schema, config.database_url, folder, make))
        path = None if made is None else _shown(made)
        if as_json:
            told({"applied": applied, "written": path})
        else:
            again = _migrate_command(app)
            typer.echo(f"wrote {path}; review it, then run `{again}`" if path else "nothing has changed")
        return
    needed = run(_needed(loaded, app, config, folder))
    if as_json:
        told({"applied": applied, "pending": run(migrations.check(schema, config.database_url, folder))})
    elif applied or not needed:
        typer.echo(f"applied {', '.join(applied)}" if applied else "the database is up to date")
    for line in needed:
        typer.echo(line, err=True)


def _shown(path: Path) -> str:
    """A path as one would type it here."""
    here = Path.cwd()
    absolute = path.absolute()
    return str(absolute.relative_to(here)) if absolute.is_relative_to(here) else str(path)


@cli.command(epilog=ending("headwater seed", "headwater seed --scale 10", "headwater seed --json"))
def seed(
    app: Target = None,
    scale: Annotated[
        int, typer.Option(min=1, help="How much: in the demo, projects with 100 shots and 1,000 tasks each.")
    ] = 3,
    tasks_per_project: Annotated[
        int | None, typer.Option(min=1, help="In the demo, tasks of the first project in place of 1,000.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Fill the database with demo data; a second run changes nothing."""
    loaded = named(app)
    config = loaded.config()

    async def work() -> int:
        async with loaded.running(config) as running:
            return await running.seed(scale, tasks_per_project)

    added = run(work())
    accounts = loaded.accounts if config.mode == "demo" else ()
    if as_json:
        known = [{"login": a.login, "password": a.password, "role": a.role} for a in accounts]
        told({"added": added, "accounts": known})
        return
    typer.echo(f"added {added} rows")
    for account in accounts:
        typer.echo(f"  {account.login:12} {account.password}")


@user.command(
    "create",
    epilog=ending(
        "headwater user create ada --role user",
        'echo "$PASSWORD" | headwater user create grace --role admin --password-stdin',
    ),
)
def user_create(
    name: Annotated[str, typer.Argument(help="The login.")],
    role: Annotated[str, typer.Option(help="A role of the application.")],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    app: Target = None,
    as_json: Json = False,
) -> None:
    """Create an account, with its profile, and print its id."""
    loaded = named(app)
    if role not in loaded.model.roles:
        raise DeclarationError(
            f"there is no role {role!r}.", mend=f"use one of {', '.join(loaded.model.roles)}."
        )
    password = (
        sys.stdin.readline().rstrip("\n") if password_stdin else typer.prompt("Password", hide_input=True)
    )

    async def work() -> str:
        async with loaded.running() as running:
            return await running.create_account(name, password, role)

    id = run(work())
    if as_json:
        told({"id": id, "login": name, "role": role})
    else:
        typer.echo(id)


@cli.command(epilog=ending("headwater routes", "headwater routes --json | jq '.[].path'"))
def routes(app: Target = None, as_json: Json = False) -> None:
    """List every route, with the permission that it needs."""
    loaded = named(app)
    table = loaded.route_table()
    if as_json:
        rows = [
            {"method": r.method, "path": r.template, "permission": r.permission, "doc": r.doc} for r in table
        ]
        told(rows)
        return
    shown = Table("Method", "Path", "Permission", "What it does", box=None)
    for route in table:
        shown.add_row(route.method, route.template, route.permission or "", route.doc)
    Console(width=None if sys.stdout.isatty() else 160).print(shown)


@cli.command(epilog=ending("headwater openapi | jq .paths", "headwater openapi --out api.json"))
def openapi(
    app: Target = None,
    out: Out = None,
    yaml: Annotated[bool, typer.Option("--yaml", help="As YAML; otherwise as JSON.")] = False,
    older: Annotated[
        bool, typer.Option("--3.0", help="In OpenAPI 3.0, for tools that do not know 3.1.")
    ] = False,
) -> None:
    """Print the OpenAPI document of an application."""
    found = named(app).openapi()
    if older:
        found = describe.downgraded(found)
    text = json.dumps(found, indent=2, ensure_ascii=False)
    if yaml:
        text = describe.encode_yaml(found).decode().rstrip("\n")
    put(text, out)


@cli.command(
    epilog=ending(
        "headwater check",
        "headwater check --app shop:app --strict",
        "headwater check --json | jq .findings",
        "headwater check --rules",
        "headwater check --explain unindexed-sort",
        exits="Exit codes: 0 no error was found (with --strict: nothing was found), 1 something was found, 2 the "
        "command line is wrong.",
    )
)
def check(
    app: Target = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 for warnings too.")] = False,
    rules: Annotated[bool, typer.Option("--rules", help="List the rules, and review nothing.")] = False,
    explain: Annotated[
        str | None, typer.Option("--explain", metavar="RULE", help="Tell what a rule demands, and why.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Review the declarations against the guidelines.

    What is meant so is accepted beside the class, with a reason:
    `accept(Task, "unindexed-sort", "start", because="...")`.
    """
    if explain is not None:
        reviewing.explain(explain)
        return
    if rules:
        reviewing.list_rules(as_json=as_json)
        return
    found = reviewing.findings(apps.find(app)[0])
    raise typer.Exit(reviewing.report(found, strict=strict, as_json=as_json))


@cli.command(
    epilog=ending(
        "headwater bench",
        "headwater bench http://127.0.0.1:9000 --profile spike --duration 60",
        "echo $PASSWORD | headwater bench https://staging.example.com --account ada --json",
        "headwater bench --profile stress --script k6 > stress.js && API_TOKENS=... k6 run stress.js",
        exits="Exit codes: 0 all targets were met, 1 one was missed or nothing could be measured, 2 the command line "
        "is wrong.",
    )
)
def bench(
    url: Annotated[
        str | None,
        typer.Argument(metavar="URL", help="The server (that of the settings, on this machine)."),
    ] = None,
    profile: Annotated[
        str, typer.Option(help="load, stress, spike, endurance or connections.", show_default=True)
    ] = "load",
    duration: Annotated[
        float | None,
        typer.Option(min=1, metavar="SECONDS", help="How long, in place of the profile's own time."),
    ] = None,
    account: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LOGIN",
            help="Whom users are signed in as, in turn; once for each. Passwords are read from standard input. By "
            "default the demo's accounts, or nobody.",
        ),
    ] = None,
    script: Annotated[
        str | None,
        typer.Option(
            metavar="TOOL",
            help="Print the same test as a script for k6 or artillery, in place of running it.",
        ),
    ] = None,
    app: Target = None,
    as_json: Json = False,
) -> None:
    """Load a running server with virtual users, and compare what is measured with the targets.

    Users do what `App(scenario=...)` says, which may write: run it where that does no harm. Applications without a
    scenario are only read. A script is made of what some turns of the scenario send to the server.
    """
    from headwater.cli import loading

    if script is not None and as_json:
        raise typer.BadParameter("A script is not JSON; leave one of the two out.", param_hint="--script")
    loaded = named(app)
    config = loaded.config()
    chosen = loading.profile_named(profile)
    tool = None if script is None else loading.tool_named(script)
    if duration is not None:
        chosen = chosen.lasting(duration)
    base = (url or config.base_url).rstrip("/")
    who = loading.accounts(loaded, account or (), demo=config.mode == "demo")
    if tool is not None:
        typer.echo(run(loading.script(loaded, tool, base, who, chosen)), nl=False)
        return
    report = run(loading.run(loaded, base, who, chosen))
    raise typer.Exit(loading.tell(report, as_json=as_json))


@cli.command(epilog=ending("headwater rules", "headwater rules --app shop:app --json"))
def rules(app: Target = None, as_json: Json = False) -> None:
    """List who may do what on which rows, in words."""
    rows = list(_rules(named(app)))
    if as_json:
        told(rows)
        return
    shown = Table("Resource", "What", "Who", "Where", box=None)
    for row in rows:
        shown.add_row(*row.values())
    Console(width=None if sys.stdout.isatty() else 160).print(shown)


def _rules(app: App) -> Iterator[dict[str, str]]:
    for resource in app.model.resources.values():
        if not resource.exposed:
            continue
        for grant in resource.grants:
            verbs = ", ".join(sorted(grant.verbs))
            who = "signed in" if grant.roles is None else ", ".join(sorted(grant.roles))
            yield {"resource": resource.path, "what": verbs, "who": who, "where": words(grant.when)}
        for what, kept in (("see", resource.masks), ("set", resource.locks)):
            for name, unless in kept.items():
                what_of = f"{what} {resource.fields[name].wire}"
                yield {"resource": resource.path, "what": what_of, "who": "", "where": words(unless)}


@cli.command(epilog=ending("headwater config", "HEADWATER_PORT=9000 headwater config --json"))
def config(app: Target = None, as_json: Json = False) -> None:
    """Show every setting, its value and where that comes from."""
    target, origin = apps.find(app)
    rows = [
        ("app", target, origin) if row[0] == "app" else row for row in apps.load(target).config().describe()
    ]
    if as_json:
        told([{"name": n, "value": v, "origin": o} for n, v, o in rows])
        return
    for name, value, origin in rows:
        typer.echo(f"{name:24} {value:40} {origin}")


@cli.command(
    epilog=ending("headwater shell", "echo 'print(do(engine.read(call, Query(\"Task\"))))' | headwater shell")
)
def shell(app: Target = None) -> None:
    """Open a Python shell with the application: `do(engine.read(call, query))` runs what is asynchronous."""
    loaded = named(app)
    loop = asyncio.new_event_loop()
    context = loaded.running()
    running = loop.run_until_complete(context.__aenter__())
    from headwater.base.call import Call
    from headwater.ir.query import Query

    names = {
        **{cls.__name__: cls for cls in loaded.resources},
        "app": loaded,
        "engine": running.engine,
        "call": Call.system("req_shell"),
        "Query": Query,
        "do": loop.run_until_complete,
    }
    try:
        code.interact(f"Headwater: {', '.join(names)}", local=names, exitmsg="")
    finally:
        loop.run_until_complete(context.__aexit__(None, None, None))


def main() -> None:
    """The entry point: mistakes of the user are told in a sentence, and end with exit code 1."""
    try:
        cli()
    except (DeclarationError, ConfigError, Fault, StoreError) as error:
        typer.echo(f"headwater: {error}", err=True)
        for detail in getattr(error, "details", ()):
            typer.echo(f"  {detail.field or detail.parameter or ''} {detail.message}", err=True)
        sys.exit(1)

"""`headwater graphql`: the schema for tools, manifests of trusted documents, and TypeScript for clients."""

import json
from pathlib import Path
from typing import Annotated

import typer
from graphql import introspection_from_schema

from headwater.cli.common import EXITS, Json, Out, Target, ending, named, put
from headwater.surfaces.graphql.documents import Documents
from headwater.surfaces.graphql.persisted import written_manifest
from headwater.surfaces.graphql.persisting import operations
from headwater.surfaces.graphql.schema import build, sdl_of

commands = typer.Typer(
    no_args_is_help=True, help="The GraphQL schema, and what clients need of it.", epilog=EXITS
)


@commands.command(
    epilog=ending(
        "headwater graphql schema --out schema.graphql", "headwater graphql schema --json | jq .data"
    )
)
def schema(app: Target = None, out: Out = None, as_json: Json = False) -> None:
    """Print the schema, in GraphQL's own language or, as JSON, as an introspection query has it."""
    found = build(named(app).model).schema
    if as_json:
        put(json.dumps({"data": introspection_from_schema(found)}, indent=2, ensure_ascii=False), out)
    else:
        put(sdl_of(found), out)


@commands.command(
    epilog=ending(
        "headwater graphql persist web/src --out operations.json",
        "headwater graphql persist web/src --typename --out operations.json",
    )
)
def persist(
    folder: Annotated[
        Path, typer.Argument(help="Where the client's *.graphql files are.", show_default=False)
    ],
    app: Target = None,
    out: Out = None,
    typename: Annotated[
        bool,
        typer.Option("--typename", help="Ask for `__typename` everywhere, as Apollo Client and urql do."),
    ] = False,
) -> None:
    """Make a manifest of a client's operations, each checked against the schema.

    Where the setting `graphql_documents` is `trusted`, only the documents of manifests are executed.
    """
    documents = Documents(build(named(app).model).schema)
    put(written_manifest(operations(folder, documents, typenames=typename)).rstrip("\n"), out)


@commands.command(
    epilog=ending(
        "headwater graphql codegen web/src --out web/src/api.ts --typename",
        "headwater graphql codegen web/src --out web/src/gql",
        "headwater graphql codegen web/src --out web/src/api.ts --typename --check",
        exits="Exit codes: 0 done, 1 refused, or with --check: a file is not what would be made, 2 the command line "
        "is wrong.",
    )
)
def codegen(
    folder: Annotated[
        Path,
        typer.Argument(
            help="Where the client's operations are, in *.graphql files and in its code.", show_default=False
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            metavar="PATH",
            help="A file *.ts, or a folder, which gets the function `graphql()` for documents in code as well.",
            show_default=False,
        ),
    ],
    app: Target = None,
    typename: Annotated[
        bool,
        typer.Option("--typename", help="All have `__typename`, which Apollo Client and urql ask for."),
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit with 1 if a file is not what would be made.")
    ] = False,
) -> None:
    """Make TypeScript of a client's operations: their types, and typed documents for Apollo Client, urql and others.

    GraphQL Code Generator makes it, which npm fetches the first time. Node.js comes with `headwater\\[codegen]`, or is
    that of the PATH.
    """
    from headwater.cli import codegen as generator

    made = generator.make(folder, out, build(named(app).model).schema, typenames=typename)
    if check:
        for path in (outdated := made.outdated()):
            typer.echo(f"{path} is not what would be made")
        raise typer.Exit(1 if outdated else 0)
    written = made.write()
    for path in written:
        typer.echo(f"wrote {path}")
    if not written:
        typer.echo("nothing has changed")

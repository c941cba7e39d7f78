"""Many rows at once, for tests that need a large table more than they need its history."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from headwater.db.base import Connection, Store
from headwater.engine.schema import Schema, stored_fields
from headwater.ir.scalars import fold_text

BATCH = 10_000


async def insert(store: Store, schema: Schema, resource: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store finished rows, given by the names of their fields, without the rules and the log of a write."""
    fields = list(stored_fields(schema.model.resources[resource]))
    table, dialect = schema[resource], store.dialect
    encoders = [(f.name, dialect.encoder(f.type)) for f in fields]
    folded = [(f.name, str(f.folded)) for f in fields if f.folded]
    columns = [str(f.column) for f in fields] + [column for _, column in folded]
    listed = ", ".join(f'"{column}"' for column in columns)

    def stored(row: Mapping[str, Any]) -> list[Any]:
        values = [
            value if (value := row[name]) is None or encode is None else encode(value)
            for name, encode in encoders
        ]
        return values + [None if row[name] is None else fold_text(row[name]) for name, _ in folded]

    if dialect.features.name == "postgresql":
        types = [table.c[column].type.compile(dialect.sqlalchemy) for column in columns]
        arrays = ", ".join(f"${n}::{t.removesuffix(COLLATION)}[]" for n, t in enumerate(types, 1))
        sql = f"INSERT INTO {table.name} ({listed}) SELECT * FROM unnest({arrays})"
    else:
        values = ", ".join(f"json_extract(value, '$[{n}]')" for n in range(len(columns)))
        sql = f"INSERT INTO {table.name} ({listed}) SELECT {values} FROM json_each(?)"

    for first in range(0, len(rows), BATCH):
        batch = [stored(row) for row in rows[first : first + BATCH]]

        async def work(connection: Connection, batch: list[list[Any]] = batch) -> None:
            if dialect.features.name == "postgresql":
                await connection.fetch(sql, list(zip(*batch, strict=True)))
            else:
                await connection.fetch(sql, [json.dumps(batch)])

        await store.write(work)


async def analyse(store: Store) -> None:
    """Have the database count its rows, as it does by itself some time after many were stored."""

    async def work(connection: Connection) -> None:
        await connection.fetch("ANALYZE")

    await store.write(work)


COLLATION = ' COLLATE "C"'

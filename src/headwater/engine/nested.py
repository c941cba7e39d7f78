"""The first rows behind a relation."""

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from headwater.engine.compile import Compiler, Scope
from headwater.engine.order import Key, fixed_fields, is_served, order_by
from headwater.engine.places import place, rows_at
from headwater.ir.expr import Predicate
from headwater.ir.model import Relation
from headwater.ir.query import Query


def first_rows(
    compiler: Compiler,
    query: sa.Select[Any],
    inner: Scope,
    relation: Relation,
    where: Predicate | None,
    keys: Sequence[Key],
    columns: Sequence[sa.Label[Any]],
    limit: int,
    render: Callable[[Scope], Sequence[sa.Label[Any]]],
    *,
    backward: bool = False,
) -> sa.Subquery:
    """As many rows of a query as `limit`, with what `render` makes of each, and their sort values.

    Where no index gives their order, all of them are sorted. SQLite would make of all of them what only the first ones
    show; so their places are sorted there, and then the rows are found again. PostgreSQL puts off what is costly
    itself.
    """
    order = order_by(columns, keys, backward)
    most: sa.ColumnElement[Any] = sa.literal_column(str(limit))
    target, model = inner.resource, compiler.schema.model
    fixed = fixed_fields(model, target, Query(target.name, where=where))
    fixed |= {relation.field} if relation.kind == "many" else set()
    dialect = compiler.schema.dialect
    if dialect.features.lateral or is_served(target, fixed, keys):
        found = query.with_only_columns(*render(inner), *columns).order_by(*order).limit(most)
        return found.subquery(compiler.statement.name("s"))
    few = (
        query.with_only_columns(place(dialect, inner.table).label("_place"), *columns)
        .order_by(*order)
        .limit(most)
    )
    places = few.subquery(compiler.statement.name("c"))
    table = compiler.alias(target)
    again = Scope(target, table, inner.outer, inner.trash)
    rows = rows_at(dialect, places, table)
    kept = [places.c[column.name] for column in columns]
    return sa.select(*render(again), *kept).select_from(rows).subquery(compiler.statement.name("s"))

"""A revision file: Alembic operations as Python that serves both databases."""

import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Literal

import sqlalchemy as sa
from alembic.autogenerate import render_python_code
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext

from headwater.db import types
from headwater.db.codec import encode_document, microseconds, scale
from headwater.db.types import Stored
from headwater.engine.changes import SearchOp
from headwater.engine.schema import Schema
from headwater.ir.model import Field, Kind
from headwater.ir.scalars import datetime_wire, fold_text

FILE: Final = '''"""{message}."""

import sqlalchemy as sa
from alembic import op

import headwater.db.types as hw

revision = {revision!r}
down_revision = {down!r}
branch_labels = None
depends_on = None


def upgrade() -> None:
{upgrade}


def downgrade() -> None:
{downgrade}
'''

EMPTY: Final[dict[Kind, str]] = {
    Kind.TEXT: "''",
    Kind.ENUM: "''",
    Kind.INTEGER: "0",
    Kind.FLOAT: "0",
    Kind.DECIMAL: "0",
    Kind.MONEY: "0",
    Kind.BOOLEAN: "false",
    Kind.DATE: "'1970-01-01'",
    Kind.DATETIME: "'1970-01-01T00:00:00.000000Z'",
    Kind.DURATION: "0",
    Kind.JSON: "'{}'",
    Kind.LIST: "'[]'",
}


def split(changes: ops.UpgradeOps) -> Iterator[tuple[ops.UpgradeOps, str]]:
    """The changes as steps that each succeed or fail whole: first those of one transaction, then indexes in use."""
    online = [op for op in changes.ops if _online(op)]
    plain = [op for op in changes.ops if not _online(op)]
    # An index that is dropped for another of its name, or with its column, goes last or by itself all the same: a
    # running process is slower without it, and not wrong.
    if plain:
        yield ops.UpgradeOps(ops=plain), ""
    if online:
        yield ops.UpgradeOps(ops=online), "indexes" if plain else ""


def render(
    changes: ops.UpgradeOps,
    message: str,
    revision: str,
    down: str | None,
    schema: Schema,
    context: MigrationContext,
) -> str:
    """The file's text."""
    downs: ops.DowngradeOps = changes.reverse()
    notes = list(_serve_existing(changes.ops, schema))
    fills = _fills(changes.ops, schema)
    return FILE.format(
        message=message.replace('"""', "'''").replace("\\", "/"),
        revision=revision,
        down=down,
        upgrade="\n".join([*(f"    # {note}" for note in notes), _body(changes, context), *fills]),
        downgrade=_body(downs, context),
    )


def _body(operations: ops.UpgradeOps | ops.DowngradeOps, context: MigrationContext) -> str:
    """One function's lines. A step's operations are either all online, or none is."""
    text = render_python_code(
        operations, render_as_batch=True, render_item=_render_item, migration_context=context
    )
    lines = list(_cast([line for line in text.rstrip().splitlines() if "### " not in line]))
    if any(_online(op) for op in operations.ops):
        block = "    # PostgreSQL builds these while the tables stay in use. Running it again replaces one that failed."
        lines = [
            block,
            "    with op.get_context().autocommit_block():",
            *(f"    {line}" for line in _again(lines)),
        ]
    return "\n".join(lines)


def _cast(lines: list[str]) -> Iterator[str]:
    """Tell PostgreSQL to convert the values of a column whose type changes."""
    column = ""
    for line in lines:
        yield line
        if found := re.search(r"alter_column\('(\w+)'", line):
            column = found[1]
        if found := re.fullmatch(r"( +)type_=hw\.(\w+)\(\),", line):
            to = getattr(types, found[2]).postgresql.removesuffix(types.COLLATION)
            yield f"{found[1]}postgresql_using='\"{column}\"::{to}',"


def _again(lines: list[str]) -> Iterator[str]:
    for line in lines:
        if line.strip().startswith("op.create_index("):
            name, table = line.strip().removeprefix("op.create_index(").split(", ")[:2]
            yield f"    op.drop_index({name}, table_name={table}, if_exists=True, postgresql_concurrently=True)"
        yield line


def _online(op: ops.MigrateOperation) -> bool:
    if isinstance(op, SearchOp):
        return op.online
    return isinstance(op, ops.CreateIndexOp | ops.DropIndexOp) and "postgresql_concurrently" in op.kw


def _render_item(kind: str, item: Any, _: Any) -> str | Literal[False]:
    return repr(item) if kind == "type" and isinstance(item, Stored) else False


def _serve_existing(operations: list[Any], schema: Schema) -> Iterator[str]:
    """Give added columns that take no null a default, for the rows that exist and for processes of before; say it, and
    what else becomes of them."""
    for op in operations:
        if isinstance(op, ops.ModifyTableOps):
            yield from _serve_existing(list(op.ops), schema)
        elif isinstance(op, ops.DropColumnOp) and op.column_name == "deleted_at":
            yield f"What is in the trash of {op.table_name} is not in it any more: remove it for good before."
        elif isinstance(op, ops.AddColumnOp):
            field, folded = _field(schema, op.table_name, op.column.name)
            if field is None:
                continue
            if not op.column.nullable:
                value = None if field.target or field.unique or field.secret else _literal(field, folded)
                if value is None:
                    said = "required and unique" if field.unique else "required"
                    yield f"{op.table_name}.{op.column.name} is {said}: this fails where rows exist. Let it be optional"
                    yield "first, fill it, then require it."
                    continue
                op.column.server_default = sa.DefaultClause(sa.text(value.replace(":", "\\:")))
                yield f"Rows that exist get {value} as {op.table_name}.{op.column.name}: change it if it is not right."


def _fills(operations: Iterable[Any], schema: Schema) -> list[str]:
    """The lines that fold what existing text columns hold into shadows that are new."""
    lines = []
    for op in operations:
        if isinstance(op, ops.ModifyTableOps):
            added = {inner.column.name for inner in op.ops if isinstance(inner, ops.AddColumnOp)}
            for name in sorted(added):
                field, folded = _field(schema, op.table_name, name)
                if field is not None and folded and field.column not in added:
                    lines.append(f"    hw.fold(op.get_bind(), {op.table_name!r}, {field.column!r}, {name!r})")
    return lines


def _field(schema: Schema, table: str, column: str) -> tuple[Field | None, bool]:
    for resource in schema.model.resources.values():
        if resource.table == table:
            for field in resource.fields.values():
                if column in (field.column, field.folded):
                    return field, column == field.folded
    return None, False


def _literal(field: Field, folded: bool) -> str | None:
    """The declared default, or else the kind's empty value, as SQL that both databases take; None for an id."""
    value = field.default() if field.default else None
    if value is None and field.type.values:
        value = field.type.values[0]
    if value is None:
        return EMPTY.get(field.type.kind)
    match value:
        case bool():
            return "true" if value else "false"
        case Decimal():
            return str(scale(field.type.places)(value))
        case timedelta():
            return str(microseconds(value))
        case datetime():
            return _quote(datetime_wire(value))
        case date():
            return _quote(value.isoformat())
        case int() | float():
            return str(value)
        case str() if field.type.kind is not Kind.JSON:
            return _quote(fold_text(value) if folded else str(value))
        case _:
            return _quote(encode_document(field.type)(value))


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

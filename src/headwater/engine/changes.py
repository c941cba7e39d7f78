"""How a database differs from the declared tables: as Alembic operations, and in words.

Alembic compares tables, columns and references. Indexes are compared here, by their definitions as the database
keeps them, because what SQLAlchemy reflects of them has no directions on SQLite.
"""

import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from alembic.autogenerate.render import renderers
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateIndex

from headwater.db.search import searches, tables_of
from headwater.db.types import OF_KIND, Integer, Stored, Text
from headwater.engine.schema import SEARCH

Key = tuple[str, bool, bool]
"""Column, descending, nulls first."""
Shape = tuple[bool, tuple[Key, ...], str]
"""Unique, keys, the condition of the rows that it holds (empty: all)."""

POSTGRESQL: Final = postgresql.dialect()  # type: ignore[no-untyped-call]


@compiles(CreateIndex, "sqlite")
def _create_index(element: CreateIndex, compiler: Any, **options: Any) -> str:
    """SQLite refuses to be told where nulls go in an index: they are the smallest values, as in ours."""
    text: str = compiler.visit_create_index(element, **options)
    return re.sub(r" NULLS (FIRST|LAST)\b", "", text)


def differences(
    context: MigrationContext, metadata: sa.MetaData, produce: Callable[..., ops.MigrationScript]
) -> ops.UpgradeOps:
    """What would make the database as declared: tables and columns by Alembic, then indexes."""
    connection = context.connection
    assert connection is not None
    context.opts.update(include_object=_no_indexes, include_name=_but(tables_of(connection)))
    context._user_compare_type = _type_differs
    # No default is declared in a table: those that revisions give serve rows and processes of before them.
    context._user_compare_server_default = False
    with warnings.catch_warnings():
        # Tables that refer to each other have no order; `untangle` sees to them.
        warnings.filterwarnings("ignore", "Cannot correctly sort tables", sa.exc.SAWarning)
        script = produce(context, metadata)
    upgrade = script.upgrade_ops
    assert upgrade is not None
    changes = untangle(upgrade.ops)
    neutralise(changes, context.dialect, metadata)
    found = existing_indexes(connection)
    tables: set[str] = {name for name, _ in found} | set(sa.inspect(connection).get_table_names())
    drops: list[ops.DropIndexOp] = []
    creates: list[ops.CreateIndexOp] = []
    replaced: list[ops.CreateIndexOp] = []
    wanted = {
        (name, str(i.name)): i
        for name, table in sorted(metadata.tables.items())
        for i in sorted(table.indexes, key=_by_name)
    }
    for place, index in wanted.items():
        if place not in found:
            creates.append(create_index(index, place[0] in tables))
        elif found[place] != shape(_ddl(index, connection.dialect), connection.dialect.name):
            drops.append(_drop(place, found[place], metadata))
            replaced.append(create_index(index, True))
    drops += [
        _drop(place, is_shape, metadata)
        for place, is_shape in found.items()
        if place not in wanted and (place[0] in metadata.tables or _dropped(changes, place[0]))
    ]
    gone, made = _search_changes(searches(connection), metadata, tables)
    # What takes the place of an index is there before that goes, where the two have different names.
    with_column = [drop for drop in drops if "postgresql_concurrently" not in drop.kw]
    in_use = [drop for drop in drops if "postgresql_concurrently" in drop.kw]
    return ops.UpgradeOps(ops=[*gone, *with_column, *changes, *creates, *in_use, *replaced, *made])


class SearchOp(ops.MigrateOperation):
    """Make or drop the search index of a table over some columns. `online`: the table stays and may be in use."""

    def __init__(self, table: str, columns: tuple[str, ...], online: bool) -> None:
        self.table, self.columns, self.online = table, columns, online

    def to_diff_tuple(self) -> tuple[str, str, tuple[str, ...]]:
        return type(self).__name__, self.table, self.columns


class CreateSearchOp(SearchOp):
    """Make it."""

    def reverse(self) -> "DropSearchOp":
        return DropSearchOp(self.table, self.columns, self.online)


class DropSearchOp(SearchOp):
    """Drop it."""

    def reverse(self) -> CreateSearchOp:
        return CreateSearchOp(self.table, self.columns, self.online)


@renderers.dispatch_for(CreateSearchOp)
def _render_create(_: Any, op: CreateSearchOp) -> str:
    return f"hw.create_search(op.get_bind(), {op.table!r}, {list(op.columns)!r}{_online(op)})"


@renderers.dispatch_for(DropSearchOp)
def _render_drop(_: Any, op: DropSearchOp) -> str:
    return f"hw.drop_search(op.get_bind(), {op.table!r}{_online(op)})"


def _online(op: SearchOp) -> str:
    return ", online=True" if op.online else ""


def _search_changes(
    found: Mapping[str, tuple[str, ...]], metadata: sa.MetaData, tables: set[str]
) -> tuple[list[DropSearchOp], list[CreateSearchOp]]:
    """The search indexes that go, and those that are made."""
    wanted: Mapping[str, tuple[str, ...]] = metadata.info[SEARCH]
    gone = [
        DropSearchOp(name, columns, _stays(metadata.tables.get(name), columns))
        for name, columns in sorted(found.items())
        if wanted.get(name) != columns
    ]
    made = [
        CreateSearchOp(name, columns, name in tables)
        for name, columns in sorted(wanted.items())
        if found.get(name) != columns
    ]
    return gone, made


def _stays(table: sa.Table | None, columns: Sequence[str]) -> bool:
    """Whether the table stays and has these columns still."""
    return table is not None and all(column in table.c for column in columns)


def untangle(changes: Sequence[Any]) -> list[Any]:
    """The changes, where references between new tables that have no right order are made after the tables, and those
    between tables that go are dropped before them."""
    made = {op.table_name: op for op in changes if isinstance(op, ops.CreateTableOp)}
    gone = {
        op.table_name: op._reverse
        for op in reversed(changes)
        if isinstance(op, ops.DropTableOp) and op._reverse
    }
    after = [
        ops.ModifyTableOps(name, [ops.CreateForeignKeyOp.from_constraint(key)]) for name, key in _early(made)
    ]
    before = [
        ops.ModifyTableOps(name, [ops.DropConstraintOp.from_constraint(key)]) for name, key in _early(gone)
    ]
    return [*before, *changes, *after]


def _early(tables: Mapping[str, ops.CreateTableOp]) -> list[tuple[str, sa.ForeignKeyConstraint]]:
    """Takes out of the tables, in the order of their making, the references to tables that are made later."""
    later = set(tables)
    found: list[tuple[str, sa.ForeignKeyConstraint]] = []
    for name, op in tables.items():
        later.discard(name)
        kept = []
        for part in op.columns:
            if (
                isinstance(part, sa.ForeignKeyConstraint)
                and part.elements[0].target_fullname.partition(".")[0] in later
            ):
                found.append((name, part))
            else:
                kept.append(part)
        op.columns = kept
    return found


def _dropped(changes: Sequence[Any], table: str) -> bool:
    return any(isinstance(op, ops.DropTableOp) and op.table_name == table for op in changes)


def _drop(place: tuple[str, str], found: Shape, metadata: sa.MetaData) -> ops.DropIndexOp:
    """An index that goes with its table or column goes in the same step and before it, so that undoing the step
    brings the column back first."""
    table = metadata.tables.get(place[0])
    columns = [*(column for column, _, _ in found[1]), *([found[2].partition(" ")[0]] if found[2] else [])]
    online = table is not None and all(column in table.c for column in columns)
    return drop_index(place, found, online, table)


def create_index(index: sa.Index, online: bool) -> ops.CreateIndexOp:
    """`online`: the table exists and may be in use."""
    assert index.table is not None
    unique, keys, where = shape(_ddl(index, POSTGRESQL), "postgresql")
    if not unique:
        keys = _speak_of_nulls(keys, index.table)
    return _create(str(index.name), index.table.name, (unique, keys, where), online)


def drop_index(
    place: tuple[str, str], found: Shape, online: bool, declared: sa.Table | None
) -> ops.DropIndexOp:
    """A drop that knows how to undo itself."""
    table, name = place
    unique, keys, where = found
    if declared is not None and not unique:
        keys = _speak_of_nulls(keys, declared)
    reverse = _create(name, table, (unique, keys, where), online)
    # Alembic takes the columns alone from the index to be made again, and all else from the drop.
    return ops.DropIndexOp(
        name, table, if_exists=online or None, _reverse=reverse, unique=unique, **reverse.kw
    )


def _speak_of_nulls(keys: tuple[Key, ...], table: sa.Table) -> tuple[Key, ...]:
    """Keys with null as the smallest value, as SQLite has it unsaid and PostgreSQL must be told."""

    def nullable(name: str) -> bool:
        return name in table.c and bool(table.c[name].nullable)

    return tuple(
        (name, descending, not descending if nullable(name) else first) for name, descending, first in keys
    )


def _create(name: str, table: str, of: Shape, online: bool) -> ops.CreateIndexOp:
    unique, keys, where = of
    options: dict[str, Any] = {"postgresql_concurrently": True} if online else {}
    if where:
        options |= {"sqlite_where": sa.text(where), "postgresql_where": sa.text(where)}
    columns: list[Any] = [
        column if (descending, first) == (False, False) else sa.text(_spell(column, descending, first))
        for column, descending, first in keys
    ]
    return ops.CreateIndexOp(name, table, columns, unique=unique, **options)


def _spell(column: str, descending: bool, first: bool) -> str:
    """A key for both databases."""
    text = POSTGRESQL.identifier_preparer.quote(column) + (" DESC" if descending else "")
    return text + ("" if first == descending else " NULLS FIRST" if first else " NULLS LAST")


def shape(ddl: str, dialect: str) -> Shape:
    """What a CREATE INDEX statement says, in one form for every spelling of it."""
    keys = []
    ddl, _, where = ddl.partition(" WHERE ")
    for key in ddl[ddl.rindex("(") + 1 : ddl.rindex(")")].split(","):
        column, *rest = key.strip().split(" ")
        words = " ".join(rest).upper()
        descending = "DESC" in words
        # What is not said differs: PostgreSQL takes nulls as the largest values. SQLite cannot be told.
        first = descending
        if dialect == "postgresql" and "NULLS" in words:
            first = "NULLS FIRST" in words
        keys.append((column.strip('"'), descending, first))
    return ddl.upper().startswith("CREATE UNIQUE"), tuple(keys), where.strip("() ")


def existing_indexes(connection: sa.Connection) -> dict[tuple[str, str], Shape]:
    """The valid indexes that are not part of a constraint, by table and name."""
    return {place: shape(ddl, connection.dialect.name) for place, ddl in _definitions(connection).items()}


def _definitions(connection: sa.Connection) -> dict[tuple[str, str], str]:
    if connection.dialect.name == "sqlite":
        sql = "SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY name"
    else:
        sql = """
            SELECT t.relname, i.relname, pg_get_indexdef(i.oid)
            FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
            JOIN pg_am m ON m.oid = i.relam
            WHERE t.relnamespace = current_schema()::regnamespace AND x.indisvalid AND m.amname = 'btree'
              AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.oid AND c.contype IN ('p', 'u', 'x'))
            ORDER BY i.relname"""
    return {(row[0], row[1]): row[2] for row in connection.exec_driver_sql(sql)}


def restore_order(connection: sa.Connection, metadata: sa.MetaData) -> None:
    """Rebuild SQLite's indexes that lost their directions when Alembic copied their table to alter it."""
    found = existing_indexes(connection)
    for table in metadata.tables.values():
        for index in table.indexes:
            is_shape = found.get((table.name, str(index.name)))
            wanted = shape(_ddl(index, connection.dialect), "sqlite")
            if is_shape and is_shape != wanted and _columns(is_shape) == _columns(wanted):
                index.drop(connection)
                index.create(connection)


def _columns(of: Shape) -> tuple[bool, list[str]]:
    return of[0], [key[0] for key in of[1]]


def _ddl(index: sa.Index, dialect: sa.engine.Dialect) -> str:
    return str(CreateIndex(index).compile(dialect=dialect))


def _by_name(index: sa.Index) -> str:
    return str(index.name)


def _but(left_out: frozenset[str]) -> Callable[[str | None, str, Any], bool]:
    """Of what is in the database, all but some tables."""
    return lambda name, kind, _: kind != "table" or name not in left_out


def _no_indexes(_: Any, name: Any, kind: str, *__: Any) -> bool:
    return kind not in ("index", "unique_constraint")


def _type_differs(context: MigrationContext, _: Any, __: Any, found: Any, declared: Any) -> bool:
    """Types differ where their names in DDL do."""
    dialect = context.dialect
    return _plain(found, dialect) != _plain(declared, dialect)


def neutralise(changes: Sequence[Any], dialect: sa.engine.Dialect, metadata: sa.MetaData) -> None:
    """Put neutral types in the place of reflected ones, so that what undoes a change serves both databases too.

    SQLite keeps several kinds alike, and then the widest one is taken: who undoes a revision made on SQLite on
    PostgreSQL reads it first.
    """
    names = {_plain(type, dialect): type for type in (*reversed(OF_KIND.values()), Text(), Integer())}

    def neutral(type: Any) -> Any:
        return type if isinstance(type, Stored) else names.get(_plain(type, dialect), type)

    for op in changes:
        match op:
            case ops.ModifyTableOps():
                neutralise(op.ops, dialect, metadata)
            case ops.AlterColumnOp():
                declared = metadata.tables[op.table_name].c[op.column_name].type
                op.existing_type = declared if op.modify_type is None else neutral(op.existing_type)
                op.existing_server_default = False
            case ops.DropColumnOp() if op._reverse is not None:
                op._reverse.column.type = neutral(op._reverse.column.type)
            case ops.DropTableOp() if op._reverse is not None:
                for column in op._reverse.columns:
                    if isinstance(column, sa.Column):
                        column.type = neutral(column.type)
            case _:
                pass


def _plain(type: sa.types.TypeEngine[Any], dialect: sa.engine.Dialect) -> str:
    text = type.compile(dialect=dialect)
    return {"FLOAT(53)": "DOUBLE PRECISION", "FLOAT": "DOUBLE PRECISION"}.get(text, text)


def describe(op: ops.MigrateOperation) -> Iterator[str]:
    """One sentence for each difference in an operation."""
    match op:
        case ops.ModifyTableOps():
            for inner in op.ops:
                yield from describe(inner)
        case ops.CreateTableOp():
            yield f"The table {op.table_name} is missing."
        case ops.DropTableOp():
            yield f"The table {op.table_name} is not declared."
        case ops.AddColumnOp():
            yield f"The column {op.table_name}.{op.column.name} is missing."
        case ops.DropColumnOp():
            yield f"The column {op.table_name}.{op.column_name} is not declared."
        case ops.AlterColumnOp():
            column = f"{op.table_name}.{op.column_name}"
            if op.modify_nullable is not None:
                yield f"The column {column} {'does not take' if op.modify_nullable else 'takes'} null, unlike declared."
            if op.modify_type is not None:
                yield f"The column {column} has type {op.existing_type}, declared as {op.modify_type!r}."
        case ops.CreateForeignKeyOp():
            yield f"The reference {op.constraint_name} of {op.source_table} to {op.referent_table} is missing."
        case ops.CreateIndexOp():
            yield f"The index {op.index_name} on {op.table_name} is missing or has other keys."
        case ops.DropIndexOp():
            yield f"The index {op.index_name} on {op.table_name} is not declared as it is."
        case DropSearchOp():
            yield f"The search index of {op.table} is not declared as it is."
        case CreateSearchOp():
            yield f"The search index of {op.table} over {', '.join(op.columns)} is missing or not whole."
        case ops.DropConstraintOp():
            yield f"The constraint {op.constraint_name} on {op.table_name} is not declared."
        case _:
            yield f"The database differs: {op.to_diff_tuple()}."

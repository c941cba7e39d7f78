"""The tables behind a Model, as SQLAlchemy metadata: what migrations compare and statements are compiled from."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any, Final

import sqlalchemy as sa

from headwater.db.base import Dialect
from headwater.declare.names import constraint_name
from headwater.ir.expr import ActorValue, And, Column, Compare, Or, Predicate, Related
from headwater.ir.model import Field, Index, Kind, Model, Resource, Rows, Type
from headwater.ir.parts import instance
from headwater.ir.search import searchable
from headwater.log.log import table as log_table

TEXT = Type(Kind.ID)
SEARCH: Final = "search"
"""In the metadata's `info`: the columns of the search index of each table that has one."""


class Schema:
    """The tables of a model for one database, each made when it is first asked for: to make hundreds takes a while."""

    def __init__(self, model: Model, dialect: Dialect) -> None:
        self.model, self.dialect = model, dialect
        self._metadata = sa.MetaData()
        self._tables: dict[str, sa.Table] = {}
        self._metadata.info[SEARCH] = {
            resource.table: tuple(str(field.folded) for field in fields)
            for resource in model.resources.values()
            if (fields := searchable(resource))
        }
        self.log = log_table(self._metadata, dialect)
        self.settings = sa.Table(
            "hw_settings",
            self._metadata,
            sa.Column("name", dialect.column_type(TEXT), primary_key=True),
            sa.Column("value", dialect.column_type(TEXT), nullable=False),
        )

    def __getitem__(self, resource: str) -> sa.Table:
        table = self._tables.get(resource)
        if table is None:
            table = self._tables[resource] = self._table(self.model.resources[resource])
        return table

    @property
    def metadata(self) -> sa.MetaData:
        """All tables."""
        for name in self.model.resources:
            self[name]
        return self._metadata

    @cached_property
    def fingerprint(self) -> str:
        """Stands for all that migrations compare: equal where the tables are."""
        parts: list[object] = [self.log.c.keys(), self._metadata.info[SEARCH]]
        for resource in self.model.resources.values():
            columns = [
                (field.column, field.folded, field.type.kind, field.nullable, field.target)
                for field in resource.fields.values()
                if field.column is not None
            ]
            parts.append((resource.table, columns, list(indexes(resource)), list(uniques(resource))))
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    def _table(self, resource: Resource) -> sa.Table:
        columns: dict[str, sa.Column[object]] = {}
        for field in resource.fields.values():
            if field.column is None or field.column in columns:
                continue
            reference: tuple[sa.ForeignKey, ...] = ()
            if field.target:
                target = self.model.resources[field.target]
                name = constraint_name("fk", resource.table, field.column)
                reference = (sa.ForeignKey(f"{target.table}.id", name=name),)
            columns[field.column] = sa.Column(
                field.column,
                self.dialect.column_type(field.type),
                *reference,
                primary_key=field.column == "id",
                nullable=field.nullable,
            )
            if field.folded:
                columns[field.folded] = sa.Column(
                    field.folded, self.dialect.column_type(TEXT), nullable=field.nullable
                )
        table = sa.Table(resource.table, self._metadata, *columns.values())
        for index in indexes(resource):
            sa.Index(index.name, *self._keys(resource, table, index), **_only(table, index.rows))
        for name, fields in uniques(resource):
            columns_of = [table.c[str(resource.fields[f].column)] for f in fields]
            rows: Rows = "living" if resource.trash else "all"
            sa.Index(name, *columns_of, unique=True, **_only(table, rows))
        return table

    def _keys(self, resource: Resource, table: sa.Table, index: Index) -> Iterator[sa.ColumnElement[object]]:
        for name, descending in index.keys:
            field = resource.fields[name]
            spoken = field.nullable and not self.dialect.features.nulls_smallest
            yield ordered(table.c[str(field.column)], descending, spoken)


def from_stored(dialect: Dialect, type: Type) -> Callable[[Any], Any] | None:
    """From a stored value that is not null to the author's; None where they are the same."""
    decode = dialect.decoder(type)
    if type.enum is not None and type.item is None:
        return {member.value: member for member in type.enum}.__getitem__
    if type.parts is not None and decode is not None:
        parts = type.parts
        return lambda raw: instance(parts, decode(raw))
    return decode


def stored_fields(resource: Resource) -> Iterable[Field]:
    """The fields with a column of their own; a natural key's column is named once, by `id`."""
    return (
        f for f in resource.fields.values() if f.column is not None and (f.column != "id" or f.name == "id")
    )


def ordered(column: sa.ColumnElement[object], descending: bool, nullable: bool) -> sa.ColumnElement[object]:
    """A sort key with null as the smallest value; plain where no null can be, so that plain indexes serve."""
    key = column.desc() if descending else column.asc()
    if nullable:
        key = key.nulls_last() if descending else key.nulls_first()
    return key


def _only(table: sa.Table, rows: Rows) -> dict[str, Any]:
    """The options of an index that holds some of the rows."""
    if rows == "all":
        return {}
    column = table.c.deleted_at
    where = column.is_(None) if rows == "living" else column.is_not(None)
    return {"sqlite_where": where, "postgresql_where": where}


def uniques(resource: Resource) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The names of unique indexes, and the fields that no two rows share; rows in the trash are not compared, and such
    an index has a name of its own, so that it can be made before the one that it replaces is dropped."""
    for field in resource.fields.values():
        if field.unique and field.column and field.column != "id":
            yield _unique_name(resource, constraint_name("uq", resource.table, field.column)), (field.name,)
    for unique in resource.uniques:
        yield _unique_name(resource, unique.name), unique.fields


def _unique_name(resource: Resource, name: str) -> str:
    return constraint_name(name, "living") if resource.trash else name


def indexes(resource: Resource) -> Iterator[Index]:
    """Declared indexes, and those that references and rules call for; each ends with the id, which breaks ties.

    Where there is a trash, lists are served by indexes without what is in it, and those of the trash by one of its
    own. Each reference has one index of all rows: by it the database sees that nothing refers to a row that goes.
    """
    for index in _wanted(resource):
        reference = resource.trash and len(index.keys) == 2 and resource.fields[index.keys[0][0]].target
        yield index if not resource.trash or reference else replace(index, rows="living")
    if resource.trash:
        keys = (("deleted_at", False), ("id", False))
        yield Index(_index_name(resource, keys), keys, "trashed")


def _wanted(resource: Resource) -> Iterator[Index]:
    wanted: dict[tuple[tuple[str, bool], ...], str | None] = {}
    for index in resource.indexes:
        wanted[_with_id(index.keys)] = index.name
    for field in resource.fields.values():
        if field.column is None or field.column == "id":
            continue
        if field.indexed:
            wanted.setdefault(_with_id(((field.name, False),)), None)
        if field.target and (resource.trash or not any(keys[0][0] == field.name for keys in wanted)):
            wanted.setdefault(_with_id(((field.name, False),)), None)
    for name in rule_keys(resource):
        if name == resource.key or name == "id":
            continue
        for order in ("id", "created_at"):
            keys = _with_id(((name, False), (order, False)))
            backwards = (keys[0], *((key, True) for key, _ in keys[1:]))
            if order in resource.fields and backwards not in wanted:  # an index is read in both directions
                wanted.setdefault(keys, None)
    for keys, given in wanted.items():
        yield Index(given or _index_name(resource, keys), keys)


def rule_keys(resource: Resource) -> tuple[str, ...]:
    """The row's own columns that a read rule compares with a set of keys that depends on the actor alone."""
    found: dict[str, None] = {}

    def visit(expr: Predicate) -> None:
        match expr:
            case And(items) | Or(items):
                for item in items:
                    visit(item)
            case Compare("eq", Column(path), ActorValue()) | Compare("eq", ActorValue(), Column(path)):
                found[path[0]] = None
            case Related("any", path):
                if len(path) == 2:
                    found[path[0]] = None
            case _:
                return

    for grant in resource.grants:
        if "read" in grant.verbs:
            visit(grant.when)
    return tuple(name for name in found if name in resource.fields)


def _with_id(keys: tuple[tuple[str, bool], ...]) -> tuple[tuple[str, bool], ...]:
    return keys if keys[-1][0] == "id" else (*keys, ("id", keys[-1][1]))


def _index_name(resource: Resource, keys: tuple[tuple[str, bool], ...]) -> str:
    def column(name: str) -> str:
        field: Field = resource.fields[name]
        return str(field.column)

    return constraint_name("ix", resource.table, *(column(name) for name, _ in keys if name != "id"))

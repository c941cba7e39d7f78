"""From a query's shape to one finished statement."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

import sqlalchemy as sa

from headwater.base.call import Call
from headwater.base.errors import Fault
from headwater.db.base import Dialect, Element
from headwater.db.elements import literal
from headwater.db.types import Text
from headwater.engine.batches import NEEDS, Batches, batches
from headwater.engine.compile import Compiler, Scope, Source, unreadable
from headwater.engine.connection import measured, parted, shaped
from headwater.engine.groups import Groups
from headwater.engine.guard import Rules
from headwater.engine.nested import first_rows
from headwater.engine.order import (
    After,
    Key,
    fixed_fields,
    is_served,
    key_columns,
    marks,
    order_by,
    total_order,
)
from headwater.engine.page import NUMBER, Page, key_sets
from headwater.engine.rows import logged_fields
from headwater.engine.schema import Schema, from_stored, stored_fields
from headwater.ir import expr as e
from headwater.ir.model import Batch, Field, Kind, Relation, Resource, Type
from headwater.ir.pieces import between_pieces, between_rows, member, references
from headwater.ir.query import MAX_INCLUDE_DEPTH, Cursor, Include, Measures, Numbered, Query, Select


@dataclass(frozen=True, slots=True)
class Plan:
    """Finished SQL text, where its parameters come from, and what its columns mean.

    Columns of a list: the row's JSON, its sort values, then `heads`. `write` makes the JSON of a group from its row,
    `read` its values. `batches` are the fields of the rows that functions work out. `columns` make Python values of
    whole columns.
    """

    sql: str
    sources: tuple[Source, ...]
    digest: bytes = b""
    keys: tuple[Key, ...] = ()
    heads: tuple[str, ...] = ()
    uses_now: bool = False
    write: Callable[[Sequence[Any]], str] | None = None
    read: Callable[[Sequence[Any]], tuple[Any, ...]] | None = None
    batches: Batches = Batches()
    columns: tuple[Callable[[Sequence[Any]], Sequence[Any]] | None, ...] = ()

    def parameters(self, call: Call, values: list[Any]) -> list[Any]:
        return [source(call, values) for source in self.sources]


class Planner:
    """Plans reads on one schema."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.model = schema.model
        self.dialect: Dialect = schema.dialect

    def finish(self, query: sa.ClauseElement, compiler: Compiler, **facts: Any) -> Plan:
        """SQL text with positional parameters."""
        compiled: Any = query.compile(
            dialect=self.dialect.sqlalchemy, compile_kwargs={"render_postcompile": True}
        )
        sources = []
        for name in compiled.positiontup or ():
            source = compiler.statement.sources.get(name)
            sources.append(source if source is not None else _literal(compiled.params[name]))
        return Plan(str(compiled), tuple(sources), uses_now=compiler.statement.uses_now, **facts)

    # -- one row --------------------------------------------------------------------------------------------

    def one(self, query: Query, rules: Rules) -> Plan:
        """One row by its id: JSON and version."""
        resource = self.model.resources[query.resource]
        compiler = Compiler(self.schema, rules)
        scope = compiler.start(resource, query.trashed)
        table = scope.table
        key = compiler.bind(lambda call, values: values[0], Type(Kind.ID), "key")
        row = self.object(compiler, scope, query.select)
        statement = sa.select(row, table.c.version).where(table.c.id == key, *compiler.shown(scope))
        return self.finish(statement, compiler, batches=batches(self.model, resource, query.select))

    def object(self, compiler: Compiler, scope: Scope, select: Select, depth: int = 1) -> Element:
        """A row as JSON: the chosen fields, and related rows within; or in pieces, where `select` asks for those."""
        if select.members is not None:
            return shaped(self, compiler, scope, select, depth)
        resource = scope.resource
        chosen = None if select.fields is None else frozenset(select.fields)
        pairs: list[tuple[str, Element]] = []
        nested: list[tuple[str, Element]] = []
        for name, found in resource.fields.items():
            if found.internal or (found.batch is not None if chosen is None else name not in chosen):
                continue
            wire = found.wire if select.relations is None else member(resource, found.wire)
            element, is_object = self.shown_field(compiler, scope, found)
            (nested if is_object else pairs).append((wire, element))
        if select.relations is not None:
            return self._pieces(compiler, scope, select, depth, pairs, nested)
        for include in select.include:
            wire = resource.relations[include.relation].wire
            nested.append((wire, self.include(compiler, scope, include, depth)))
        return self.dialect.json_object(pairs, nested)

    def shown_field(self, compiler: Compiler, scope: Scope, found: Field) -> tuple[Element, bool]:
        """A field in the form that it has in an object, and whether that is an object itself: what a function needs."""
        if found.batch is not None:
            return self._needs(compiler, scope, found, found.batch), True
        rule = e.TRUE if compiler.rules is None else compiler.rules.unmasked(scope.resource, found.name)
        if rule == e.FALSE:
            return sa.null(), False
        return self.dialect.wire(found.type, compiler.value(found, scope)[0]), False

    def image(self, compiler: Compiler, scope: Scope) -> Element:
        """A row as the log keeps it, made by the database: as `rows.entry` makes it."""
        fields = logged_fields(scope.resource)
        return self.dialect.document(
            [(f.name, self.dialect.wire(f.type, compiler.raw(f, scope))) for f in fields]
        )

    def _needs(self, compiler: Compiler, scope: Scope, found: Field, batch: Batch) -> Element:
        """What a function needs of a row to work a field out, which sees it as the author does; null where the field
        is masked."""
        fields = [scope.resource.fields[name] for name in ("id", *batch.needs)]
        pairs = [(f.wire, self.dialect.wire(f.type, compiler.raw(f, scope))) for f in fields]
        needs = self.dialect.json_object([(NEEDS, sa.literal_column("1")), *pairs])
        rule = e.TRUE if compiler.rules is None else compiler.rules.unmasked(scope.resource, found.name)
        if rule == e.TRUE:
            return needs
        return sa.null() if rule == e.FALSE else sa.case((compiler.rule(rule, scope), needs))

    def _pieces(
        self,
        compiler: Compiler,
        scope: Scope,
        select: Select,
        depth: int,
        pairs: list[tuple[str, Element]],
        nested: list[tuple[str, Element]],
    ) -> Element:
        """A row in pieces, as `ir.pieces` tells."""
        fields = self.dialect.json_object(pairs, nested) if pairs or nested else literal("{}")
        pieces = [self.dialect.json_text(scope.table.c.id), fields]
        for name in references(scope.resource, select):
            found = scope.resource.fields[scope.resource.relations[name].field]
            masked = (
                compiler.rules is not None and compiler.rules.unmasked(scope.resource, found.name) == e.FALSE
            )
            reference = literal("null") if masked else self.dialect.json_text(compiler.value(found, scope)[0])
            pieces.append(reference)
        pieces += [self.include(compiler, scope, include, depth) for include in select.include]
        return sa.func.concat_ws(literal(between_pieces(depth)), *pieces, type_=Text())

    def include(self, compiler: Compiler, scope: Scope, include: Include, depth: int) -> Element:
        """The rows behind a relation, within the row that it belongs to."""
        relation = self.admit_include(compiler, scope.resource, include.relation, depth)
        in_pieces = include.select.relations is not None
        target = self.model.resources[relation.target]
        if relation.kind == "one":
            table = compiler.alias(target)
            inner = scope.within(target, table)
            reference = compiler.value(scope.resource.fields[relation.field], scope)[0]
            one = sa.select(self.object(compiler, inner, include.select, depth + 1)).where(
                table.c.id == reference, *compiler.visible(inner)
            )
            found = one.correlate_except(table).scalar_subquery()
            return sa.func.coalesce(found, literal("")) if in_pieces else found
        query, inner = compiler.rows_behind((include.relation,), None, scope)
        if include.where is not None:
            query = query.where(compiler.predicate(include.where, inner))
        keys = total_order(compiler, target, include.sort)
        columns = key_columns(compiler, inner, keys)

        def render(row: Scope) -> list[sa.Label[Any]]:
            return [self.object(compiler, row, include.select, depth + 1).label("row")]

        rows = first_rows(
            compiler, query, inner, relation, include.where, keys, columns, include.limit, render
        )
        order = order_by([rows.c[c.name] for c in columns], keys)
        if in_pieces:
            return self.dialect.joined(rows, "row", order, between_rows(depth + 1))
        return self.dialect.json_list(rows, "row", order)

    def admit_include(self, compiler: Compiler, resource: Resource, name: str, depth: int) -> Relation:
        """The relation of this name. Raises Fault where it is not to be followed, since that leads too deep, or since
        no row would show what it goes by."""
        if depth > MAX_INCLUDE_DEPTH:
            raise Fault("QUERY_TOO_COMPLEX", f"Includes nest at most {MAX_INCLUDE_DEPTH} levels.")
        relation = resource.relations[name]
        holder = {"one": resource.name, "many": relation.target, "through": relation.through}[relation.kind]
        referring = self.model.resources[str(holder)]
        for name in filter(None, (relation.field, relation.far)):
            if compiler.rules is not None and compiler.rules.unmasked(referring, name) == e.FALSE:
                raise unreadable(referring, referring.fields[name], relation)
        return relation

    def rows(self, query: Query, rules: Rules | None) -> Plan:
        """Rows as columns, for Python: stored fields, then computed ones. Without rules, all of them."""
        resource = self.model.resources[query.resource]
        compiler = Compiler(self.schema, rules)
        scope = compiler.start(resource, query.trashed)
        shown = [*stored_fields(resource), *(f for f in resource.fields.values() if f.computed is not None)]
        columns = [self._shown(compiler, f, scope).label(f"c{i}") for i, f in enumerate(shown)]
        return self.finish(self._listed(sa.select(*columns), compiler, scope, query), compiler)

    def columns(self, query: Query, columns: Sequence[e.Scalar], rules: Rules | None) -> Plan:
        """Some values of each row, for Python."""
        resource = self.model.resources[query.resource]
        compiler = Compiler(self.schema, rules)
        compiler.statement.gathers = True
        scope = compiler.start(resource, query.trashed)
        found = [compiler.scalar(column, scope) for column in columns]
        labelled = [element.label(f"c{i}") for i, (element, _) in enumerate(found)]
        statement = self._listed(sa.select(*labelled), compiler, scope, query)
        return self.finish(
            statement, compiler, columns=tuple(_reader(self.dialect, type) for _, type in found)
        )

    def _listed(
        self, statement: sa.Select[Any], compiler: Compiler, scope: Scope, query: Query
    ) -> sa.Select[Any]:
        """The rows that a query asks for, in its order, as many as it takes."""
        statement = statement.where(*compiler.shown(scope))
        if query.where is not None:
            statement = statement.where(compiler.predicate(query.where, scope))
        keys = total_order(compiler, scope.resource, query.sort)
        order = [column.element for column in key_columns(compiler, scope, keys)]
        assert isinstance(query.page, Cursor)
        return statement.order_by(*order_by(order, keys)).limit(sa.literal_column(str(query.page.limit)))

    def _shown(self, compiler: Compiler, found: Field, scope: Scope) -> Element:
        """A field as the caller sees it: null where it is masked."""
        hidden = compiler.rules is not None and compiler.rules.unmasked(scope.resource, found.name) == e.FALSE
        return sa.null() if hidden else compiler.value(found, scope)[0]

    def several(self, query: Query, rules: Rules) -> Plan:
        """Rows by their ids: id and JSON, in no order."""
        resource = self.model.resources[query.resource]
        compiler = Compiler(self.schema, rules)
        scope = compiler.start(resource, query.trashed)
        encode = self.dialect.encode_list(_ID)
        keys = compiler.bind(lambda call, values: encode(list(values[0])), _IDS, "keys")
        row = self.object(compiler, scope, query.select)
        held = self.dialect.member(scope.table.c.id, keys, _ID)
        statement = sa.select(scope.table.c.id, row).where(held, *compiler.shown(scope))
        return self.finish(statement, compiler, batches=batches(self.model, resource, query.select))

    # -- lists ----------------------------------------------------------------------------------------------

    def many(self, query: Query, rules: Rules, values: int, after: After | None, by_keys: bool) -> Plan:
        """A page of rows. `values` is the number of the query's own values: a cursor's, or the size and offset of a
        numbered page, are appended to them."""
        resource = self.model.resources[query.resource]
        compiler = Compiler(self.schema, rules)
        keys = total_order(compiler, resource, query.sort, query.search)
        backward = after is not None and after.backward
        numbered = isinstance(query.page, Numbered)
        limit: Element
        if isinstance(query.page, Cursor):
            limit = sa.literal_column(str(query.page.limit + 1))
        else:
            limit = compiler.bind(lambda call, vs: vs[values], NUMBER)
        fixed = fixed_fields(self.model, resource, query)
        ordered = is_served(resource, fixed, keys, trashed=query.trashed)
        sets = None if query.trashed else key_sets(resource, rules.rows(resource, "read"))
        # Whether the filter leads to few rows by itself.
        held = any(name == "id" or resource.fields[name].target for name in fixed)
        usable = (
            sets is not None
            and not (held and ordered)
            and all(is_served(resource, fixed | {s.field}, keys, s.field) for s in sets)
        )
        render = self.object if query.parts is None else parted(self, query.parts)
        page = Page(render, compiler, resource, query, keys, after, backward, limit, values)
        if query.search is not None:
            return self._finish_list(page, page.late(page.searched()), False)
        if usable and by_keys and not numbered:
            assert sets is not None
            found = page.by_keys(sets)
        elif ordered and not numbered:
            return self._finish_list(page, page.direct(), usable)
        else:
            found = page.candidates()
        return self._finish_list(page, page.late(found), usable)

    # -- summaries ------------------------------------------------------------------------------------------

    def summary(self, query: Query, rules: Rules, values: int) -> Plan:
        """Groups of rows. `values` is the number of the query's values; the last is how many groups to look for."""
        resource = self.model.resources[query.resource]
        compiler = Compiler(self.schema, rules)
        limit = compiler.bind(lambda call, vs: vs[values - 1], NUMBER)
        groups = Groups(Page(self.object, compiler, resource, query, (), None, False, limit, values))
        return self.finish(groups.statement(), compiler, write=groups.writer(), read=groups.reader())

    # -- parts of lists -------------------------------------------------------------------------------------

    def _finish_list(self, page: Page, rows: sa.Select[Any], alternative: bool) -> Plan:
        compiler, keys = page.compiler, page.keys
        heads = page.heads(alternative)
        query = page.query
        measures = {
            f"measures{place}": part.shows.members
            for place, part in enumerate(query.parts or ())
            if isinstance(part.shows, Measures)
        }
        for label, members in measures.items():
            heads.append((label, measured(self, compiler, members, *page.all_rows())))
        # The terms of a search are numbered behind what is nested, of which a cursor knows nothing.
        sought = None if query.search is None else query.search.indexed
        question = (page.resource.name, query.within, query.where, query.sort, sought, query.trashed)
        facts: dict[str, Any] = {
            "digest": blake2b(repr(question).encode(), digest_size=8).digest(),
            "keys": keys,
            "heads": tuple(label for label, _ in heads),
            "batches": batches(self.model, page.resource, query.select, query.parts),
        }
        labelled = [element.label(label) for label, element in heads]
        if not measures and not any(
            label in ("total", "within") for label, _ in heads
        ):  # what a page without rows need not tell
            row, *values = rows.selected_columns
            return self.finish(
                rows.with_only_columns(row, *self._marks(values, keys), *labelled), compiler, **facts
            )
        head = sa.select(*labelled).subquery("head")
        inner = rows.subquery("page")
        values = [inner.c[f"_k{i}"] for i in range(len(keys))]
        on = head.c.within if "within" in head.c else sa.true()
        statement = (
            sa.select(inner.c.row, *self._marks(values, keys), *head.c)
            .select_from(head.outerjoin(inner, on))
            .order_by(*order_by(values, keys, page.backward))
        )
        return self.finish(statement, compiler, **facts)

    def _marks(self, values: Sequence[Any], keys: Sequence[Key]) -> list[Element]:
        """Sort values as a cursor holds them."""
        return [mark.label(f"m{number}") for number, mark in enumerate(marks(self.dialect, values, keys))]


def _reader(dialect: Dialect, type: Type) -> Callable[[Sequence[Any]], list[Any]] | None:
    """What makes an author's values of those that a column holds; None where they are the same."""
    read = from_stored(dialect, type)
    if read is None:
        return None
    return lambda raw: [value if value is None else read(value) for value in raw]


_ID: Final = Type(Kind.ID)
_IDS: Final = Type(Kind.LIST, item=Kind.TEXT)


def _literal(value: Any) -> Source:
    return lambda call, values: value

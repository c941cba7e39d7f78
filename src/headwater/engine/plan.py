"""From a query's shape to one finished statement.

A list is planned in one of these forms:

- direct: an index serves the order, so rows are rendered as they are scanned;
- late: the page's ids are found first, then only these rows are rendered;
- by keys: where the read rule is "the row's project is one of mine", each of the actor's keys is scanned in order and
  the scans are merged, so that the cost depends on the page and the keys, and not on the table.

Keyset paging never scans what lies before the page: where one comparison of row values cannot say "after here" (keys
of mixed directions, or nullable ones), the rest of the order is cut into ranges that an index serves each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa

from headwater.base.call import Call
from headwater.base.errors import Fault
from headwater.db.base import Dialect, Element
from headwater.engine.compile import Compiler, Scope, Source
from headwater.engine.guard import Rules
from headwater.engine.schema import Schema, indexes, ordered, stored_fields
from headwater.ir import expr as e
from headwater.ir.model import Kind, Resource, Type
from headwater.ir.query import MAX_INCLUDE_DEPTH, Cursor, Include, Numbered, Query, Select, Sort
from headwater.ir.shape import Slot

NUMBER = Type(Kind.INTEGER)
MANY_KEYS = 200


@dataclass(frozen=True, slots=True)
class Plan:
    """Finished SQL text, where its parameters come from, and what its columns mean.

    Columns of a list: the row's JSON, its sort values, then `heads`. `alternative`: there is also a plan that scans
    without the actor's keys, for actors with many.
    """

    sql: str
    sources: tuple[Source, ...]
    digest: bytes = b""
    keys: tuple["Key", ...] = ()
    heads: tuple[str, ...] = ()
    uses_now: bool = False
    alternative: bool = False

    def parameters(self, call: Call, values: list[Any]) -> list[Any]:
        return [source(call, values) for source in self.sources]


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a total order. `stored`: the row's own column, unmasked."""

    sort: Sort
    nullable: bool
    stored: str | None
    type: Type


@dataclass(frozen=True, slots=True)
class After:
    """A cursor's shape: the direction, and which of its sort values are null."""

    backward: bool
    nulls: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class KeySet:
    """One branch of a read rule: the row's `field` is in a set that depends on the actor alone, and `rest` holds."""

    field: str
    related: e.Related | None
    rest: e.Predicate


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
        table = compiler.alias(resource)
        scope = Scope(resource, table)
        key = compiler.bind(lambda call, values: values[0], Type(Kind.ID), "key")
        row = self.object(compiler, scope, query.select)
        statement = sa.select(row, table.c.version).where(table.c.id == key, *compiler.visible(scope))
        return self.finish(statement, compiler)

    def object(self, compiler: Compiler, scope: Scope, select: Select, depth: int = 1) -> Element:
        """A row as JSON: the chosen fields, and related rows within."""
        resource = scope.resource
        names = [f.name for f in resource.fields.values() if not f.internal]
        if select.fields is not None:
            chosen = frozenset(select.fields)
            names = [name for name in names if name in chosen]
        pairs: list[tuple[str, Element]] = []
        for name in names:
            found = resource.fields[name]
            rule = e.TRUE if compiler.rules is None else compiler.rules.unmasked(resource, name)
            element = sa.null() if rule == e.FALSE else compiler.value(found, scope)[0]
            pairs.append((found.wire, self.dialect.wire(found.type, element) if rule != e.FALSE else element))
        nested: list[tuple[str, Element]] = []
        for include in select.include:
            if depth > MAX_INCLUDE_DEPTH:
                raise Fault("QUERY_TOO_COMPLEX", f"Includes nest at most {MAX_INCLUDE_DEPTH} levels.")
            wire = resource.relations[include.relation].wire
            nested.append((wire, self.include(compiler, scope, include, depth)))
        return self.dialect.json_object(pairs, nested)

    def include(self, compiler: Compiler, scope: Scope, include: Include, depth: int) -> Element:
        relation = scope.resource.relations[include.relation]
        target = self.model.resources[relation.target]
        if relation.kind == "one":
            table = compiler.alias(target)
            inner = Scope(target, table, scope)
            reference = compiler.value(scope.resource.fields[relation.field], scope)[0]
            one = sa.select(self.object(compiler, inner, include.select, depth + 1)).where(
                table.c.id == reference, *compiler.visible(inner)
            )
            return one.correlate_except(table).scalar_subquery()
        query, inner = compiler.rows_behind((include.relation,), None, scope)
        if include.where is not None:
            query = query.where(compiler.predicate(include.where, inner))
        keys = self.keys(compiler, target, include.sort)
        columns = self._key_columns(compiler, inner, keys)
        row = self.object(compiler, inner, include.select, depth + 1).label("row")
        rows = (
            query.with_only_columns(row, *columns)
            .order_by(*self._order(columns, keys))
            .limit(sa.literal_column(str(include.limit)))
            .subquery(compiler.statement.name("s"))
        )
        order = self._order([rows.c[c.name] for c in columns], keys)
        return self.dialect.json_list(rows, "row", order)

    def rows(self, query: Query, rules: Rules) -> Plan:
        """Rows as columns, for the product's own use: stored fields, then computed ones."""
        resource = self.model.resources[query.resource]
        compiler = Compiler(self.schema, rules).unruled()
        table = compiler.alias(resource)
        scope = Scope(resource, table)
        shown = [*stored_fields(resource), *(f for f in resource.fields.values() if f.computed is not None)]
        columns = [compiler.raw(f, scope).label(f"c{i}") for i, f in enumerate(shown)]
        statement = sa.select(*columns)
        if query.where is not None:
            statement = statement.where(compiler.predicate(query.where, scope))
        keys = self.keys(compiler, resource, query.sort)
        order = [compiler.scalar(key.sort.column, scope)[0] for key in keys]
        assert isinstance(query.page, Cursor)
        statement = statement.order_by(*self._order(order, keys)).limit(
            sa.literal_column(str(query.page.limit))
        )
        return self.finish(statement, compiler)

    # -- lists ----------------------------------------------------------------------------------------------

    def many(self, query: Query, rules: Rules, values: int, after: After | None, by_keys: bool) -> Plan:
        """A page of rows. `values` is the number of the query's own values: a cursor's, or the size and offset of a
        numbered page, are appended to them."""
        resource = self.model.resources[query.resource]
        compiler = Compiler(self.schema, rules)
        keys = self.keys(compiler, resource, query.sort)
        backward = after is not None and after.backward
        numbered = isinstance(query.page, Numbered)
        limit: Element
        if isinstance(query.page, Cursor):
            limit = sa.literal_column(str(query.page.limit + 1))
        else:
            limit = compiler.bind(lambda call, vs: vs[values], NUMBER)
        fixed = self._fixed_columns(resource, query)
        served = self._served(resource, fixed, keys)
        sets = key_sets(resource, rules.rows(resource, "read"))
        held = any(resource.fields[name].target for name in fixed)  # the filter leads to few rows by itself
        usable = (
            sets is not None
            and not (held and served)
            and all(self._served(resource, fixed | {s.field}, keys) for s in sets)
        )
        page = _Page(self, compiler, resource, query, keys, after, backward, limit, values)
        if usable and by_keys and not numbered:
            assert sets is not None
            found = page.by_keys(sets)
        elif served and page.single_range and not numbered:
            return self._finish_list(page, page.direct(), usable)
        else:
            found = page.candidates()
        return self._finish_list(page, page.late(found), usable)

    def _finish_list(self, page: "_Page", rows: sa.Select[Any], alternative: bool) -> Plan:
        compiler, keys = page.compiler, page.keys
        heads = page.heads(alternative)
        question = (page.resource.name, page.query.within, page.query.where, page.query.sort)
        facts: dict[str, Any] = {
            "digest": blake2b(repr(question).encode(), digest_size=8).digest(),
            "keys": keys,
            "heads": tuple(label for label, _ in heads),
            "alternative": alternative,
        }
        labelled = [element.label(label) for label, element in heads]
        if not any(
            label in ("total", "within") for label, _ in heads
        ):  # what a page without rows need not tell
            row, *values = rows.selected_columns
            return self.finish(
                rows.with_only_columns(row, *self._marks(values, keys), *labelled), compiler, **facts
            )
        head = sa.select(*labelled).subquery("head")
        inner = rows.subquery("page")
        values = [inner.c[f"k{i}"] for i in range(len(keys))]
        on = head.c.within if "within" in head.c else sa.true()
        statement = (
            sa.select(inner.c.row, *self._marks(values, keys), *head.c)
            .select_from(head.outerjoin(inner, on))
            .order_by(*self._order(values, keys, page.backward))
        )
        return self.finish(statement, compiler, **facts)

    def _marks(self, values: Sequence[Any], keys: Sequence[Key]) -> list[Element]:
        """Sort values as a cursor holds them: days and instants as text, which costs a driver that would make objects
        of them less, and is what the other keeps."""
        marks = []
        for number, (value, key) in enumerate(zip(values, keys, strict=True)):
            element = value.element if isinstance(value, sa.Label) else value
            if key.type.kind in (Kind.DATE, Kind.DATETIME) and self.dialect.encoder(key.type) is None:
                element = sa.cast(element, sa.Text())
            marks.append(element.label(f"m{number}"))
        return marks

    def keys(self, compiler: Compiler, resource: Resource, sort: Sequence[Sort]) -> tuple[Key, ...]:
        """The sort keys, made total by the id in the last key's direction."""
        found: list[Key] = []
        for key in sort:
            path = key.column.path
            stored, nullable = None, True
            target = self.model.target(resource, path[:-1])
            field = target.fields[path[-1]]
            shown = compiler.rules is None or compiler.rules.unmasked(resource, field.name) == e.TRUE
            if len(path) == 1 and field.column is not None and shown:
                stored, nullable = field.name, field.nullable
            found.append(Key(key, nullable, stored, field.type))
            if stored is not None and field.column == "id":
                return tuple(found)
        descending = found[-1].sort.descending if found else False
        found.append(Key(Sort(e.Column(("id",)), descending), False, "id", Type(Kind.ID)))
        return tuple(found)

    def _key_columns(self, compiler: Compiler, scope: Scope, keys: Sequence[Key]) -> list[sa.Label[Any]]:
        return [compiler.scalar(key.sort.column, scope)[0].label(f"k{i}") for i, key in enumerate(keys)]

    def _order(self, columns: Sequence[Any], keys: Sequence[Key], backward: bool = False) -> list[Any]:
        return [
            ordered(c, k.sort.descending != backward, k.nullable) for c, k in zip(columns, keys, strict=True)
        ]

    def _fixed_columns(self, resource: Resource, query: Query) -> frozenset[str]:
        """The row's own fields that the filter holds to one value."""
        fixed: set[str] = set()
        items = query.where.items if isinstance(query.where, e.And) else (query.where,)
        for item in items:
            if (
                isinstance(item, e.Compare)
                and item.op == "eq"
                and isinstance(item.left, e.Column)
                and (isinstance(item.right, Slot))
            ):
                path = item.left.path
                if len(path) == 1 or (len(path) == 2 and path[1] in self._key_names(resource, path[0])):
                    fixed.add(path[0])
        if query.within is not None:
            relation = self.model.resources[query.within.resource].relations[query.within.relation]
            if relation.kind == "many":
                fixed.add(relation.field)
        return frozenset(fixed)

    def _key_names(self, resource: Resource, relation: str) -> tuple[str, str]:
        return ("id", self.model.target(resource, (relation,)).key)

    def _served(self, resource: Resource, fixed: frozenset[str] | set[str], keys: Sequence[Key]) -> bool:
        """Whether an index gives the rows with these fixed fields in this order."""
        if any(key.stored is None for key in keys):
            return False
        wanted = [(_plain(resource, str(key.stored)), key.sort.descending) for key in keys]
        primary = ((("id", False),),)
        for columns in (*(index.keys for index in indexes(resource)), *primary):
            rest = list(columns)
            while rest and rest[0][0] in fixed:
                rest.pop(0)
            head = [(_plain(resource, name), descending) for name, descending in rest[: len(wanted)]]
            if head == wanted or head == [(name, not descending) for name, descending in wanted]:
                return True
        return False


@dataclass(eq=False, slots=True)
class _Page:
    """The parts of one list statement."""

    planner: Planner
    compiler: Compiler
    resource: Resource
    query: Query
    keys: tuple[Key, ...]
    after: After | None
    backward: bool
    limit: Element
    values: int

    @property
    def single_range(self) -> bool:
        if self.after is None:
            return True
        same = len({key.sort.descending for key in self.keys}) == 1
        return same and not any(key.nullable for key in self.keys)

    def direct(self) -> sa.Select[Any]:
        scope = self._scope()
        columns = self.planner._key_columns(self.compiler, scope, self.keys)
        conditions = [*self._conditions(scope), *(c for r in self._ranges(columns) for c in r)]
        return (
            sa.select(self._row(scope), *columns)
            .where(*conditions)
            .order_by(*self.planner._order(columns, self.keys, self.backward))
            .limit(self.limit)
        )

    def candidates(self) -> sa.Subquery:
        """The ids and sort values of the page."""
        return self._ordered_ids(lambda scope: self._conditions(scope))

    def _ordered_ids(self, conditions: Any, places: bool = False) -> sa.Subquery:
        """Ids and sort values of the rows that meet conditions. With `places`, each row's rowid too, by which SQLite
        finds it again in half of the time."""
        parts = []
        ranges = self._range_count()
        for number in range(ranges):
            scope = self._scope()
            columns = self.planner._key_columns(self.compiler, scope, self.keys)
            place = [_rowid(scope.table).label("place")] if places else []
            ranged = self._ranges(columns)[number] if self.after is not None else []
            part = (
                sa.select(scope.table.c.id.label("id"), *columns, *place)
                .where(*conditions(scope), *ranged)
                .order_by(*self.planner._order(columns, self.keys, self.backward))
                .limit(self.limit)
                .correlate_except(scope.table)
            )
            if isinstance(self.query.page, Numbered):
                part = part.offset(self.compiler.bind(_value_at(self.values + 1), NUMBER))
            parts.append(part)
        if len(parts) == 1:
            return parts[0].subquery(self.compiler.statement.name("c"))
        wrapped = [sa.select(p.subquery(self.compiler.statement.name("r"))) for p in parts]
        union = sa.union_all(*wrapped).subquery(self.compiler.statement.name("u"))
        order = self.planner._order(
            [union.c[f"k{i}"] for i in range(len(self.keys))], self.keys, self.backward
        )
        whole = sa.select(union).order_by(*order).limit(self.limit)
        return whole.subquery(self.compiler.statement.name("c"))

    def by_keys(self, sets: Sequence[KeySet]) -> sa.Subquery:
        """The page's ids, by one ordered scan for each of the actor's keys, merged."""
        lateral = self.planner.dialect.features.lateral
        branches = []
        for key_set in sets:
            if key_set.related is None:
                found = self._ordered_ids(
                    lambda scope, s=key_set: (
                        self._field(scope, s.field) == self._actor(),
                        self.compiler.rule(s.rest, scope),
                        *self._filters(scope),
                    )
                )
                branches.append(sa.select(found))
                continue
            mine = self.key_query(key_set).subquery(self.compiler.statement.name("m"))
            found = self._ordered_ids(
                lambda scope, s=key_set, mine=mine: (
                    self._field(scope, s.field) == mine.c.key,
                    self.compiler.rule(s.rest, scope),
                    *self._filters(scope),
                ),
                places=not lateral,
            )
            if lateral:
                each = sa.select(*found.c).lateral(self.compiler.statement.name("l"))
                branches.append(sa.select(*each.c).select_from(mine.join(each, sa.true())))
            else:
                scope = self._scope()
                columns = self.planner._key_columns(self.compiler, scope, self.keys)
                its = _rowid(scope.table).in_(sa.select(found.c.place))
                row = sa.select(scope.table.c.id.label("id"), *columns)
                branches.append(row.select_from(mine.join(scope.table, its)))
        merged = (sa.union(*branches) if len(branches) > 1 else branches[0]).subquery(
            self.compiler.statement.name("i")
        )
        order = [merged.c[f"k{i}"] for i in range(len(self.keys))]
        return (
            sa.select(merged)
            .order_by(*self.planner._order(order, self.keys, self.backward))
            .limit(self.limit)
            .subquery(self.compiler.statement.name("c"))
        )

    def key_query(self, key_set: KeySet) -> sa.Select[Any]:
        """The actor's keys of one branch."""
        related = key_set.related
        assert related is not None
        target = self.planner.model.target(self.resource, related.path[:-1])
        relation = target.relations[related.path[-1]]
        many = self.planner.model.resources[relation.target]
        table = self.compiler.alias(many)
        inner = self.compiler.unruled().predicate(related.where, Scope(many, table))
        key = table.c[str(many.fields[relation.field].column)]
        return sa.select(key.label("key")).where(inner, key.is_not(None)).distinct()

    def late(self, found: sa.Subquery) -> sa.Select[Any]:
        """The rows of a page whose ids are found."""
        scope = self._scope()
        columns = [found.c[f"k{i}"] for i in range(len(self.keys))]
        return (
            sa.select(self._row(scope), *columns)
            .select_from(found.join(scope.table, scope.table.c.id == found.c.id))
            .order_by(*self.planner._order(columns, self.keys, self.backward))
        )

    def heads(self, alternative: bool) -> list[tuple[str, Element]]:
        """What is asked once a page: the total, whether the row that it lies within is visible, and how many keys the
        actor has."""
        heads: list[tuple[str, Element]] = []
        if isinstance(self.query.page, Numbered):
            scope = self._scope()
            total = sa.select(sa.func.count()).select_from(scope.table).where(*self._conditions(scope))
            heads.append(("total", total.scalar_subquery()))
        within = self.query.within
        if within is not None:
            owner = self.planner.model.resources[within.resource]
            table = self.compiler.alias(owner)
            visible = self.compiler.visible(Scope(owner, table))
            heads.append(("within", sa.exists().where(table.c.id == self._within_key(), *visible)))
        if alternative:
            rule = self.compiler.rules.rows(self.resource, "read") if self.compiler.rules else e.TRUE
            counts = []
            for key_set in key_sets(self.resource, rule) or ():
                if key_set.related is not None:
                    some = self.key_query(key_set).limit(sa.literal_column(str(MANY_KEYS + 1)))
                    some_keys = some.subquery(self.compiler.statement.name("n"))
                    counts.append(sa.select(sa.func.count()).select_from(some_keys).scalar_subquery())
            if counts:
                heads.append(("own_keys", sum(counts[1:], counts[0])))
        return heads

    # -- parts ----------------------------------------------------------------------------------------------

    def _scope(self) -> Scope:
        return Scope(self.resource, self.compiler.alias(self.resource))

    def _row(self, scope: Scope) -> Element:
        return self.planner.object(self.compiler, scope, self.query.select).label("row")

    def _actor(self) -> Element:
        return self.compiler.scalar(e.ActorValue(), self._scope())[0]

    def _field(self, scope: Scope, name: str) -> Element:
        return self.compiler.raw(self.resource.fields[name], scope)

    def _conditions(self, scope: Scope) -> tuple[Element, ...]:
        return (*self._filters(scope), *self.compiler.visible(scope))

    def _within_key(self) -> Element:
        return self.compiler.bind(lambda call, values: values[0], Type(Kind.ID), "within")

    def _filters(self, scope: Scope) -> tuple[Element, ...]:
        found: list[Element] = []
        within = self.query.within
        if within is not None:
            owner = self.planner.model.resources[within.resource]
            relation = owner.relations[within.relation]
            if relation.kind == "through":
                link = self.planner.model.resources[str(relation.through)]
                table = self.compiler.alias(link)
                near, far = (table.c[str(link.fields[n].column)] for n in (relation.field, str(relation.far)))
                linked = sa.exists().where(
                    near == self._within_key(),
                    far == scope.table.c.id,
                    *self.compiler.visible(Scope(link, table)),
                )
                found.append(linked)
            else:
                found.append(self._field(scope, relation.field) == self._within_key())
        if self.query.where is not None:
            found.append(self.compiler.predicate(self.query.where, scope))
        return tuple(found)

    def _range_count(self) -> int:
        return (
            1 if self.after is None else max(1, len(self._ranges([sa.literal_column("0")] * len(self.keys))))
        )

    def _ranges(self, columns: Sequence[Any]) -> list[list[Element]]:
        """The rest of the order after the cursor, as disjoint ranges, each a list of conditions."""
        if self.after is None:
            return []
        elements = [c.element if isinstance(c, sa.Label) else c for c in columns]
        marks = [self._mark(i) for i in range(len(self.keys))]
        if self.single_range:
            descending = self.keys[0].sort.descending != self.backward
            if len(elements) == 1:
                return [[elements[0] < marks[0] if descending else elements[0] > marks[0]]]
            left, right = sa.tuple_(*elements), sa.tuple_(*marks)
            return [[left < right if descending else left > right]]
        ranges: list[list[Element]] = []
        equal: list[Element] = []
        for element, mark, key, null in zip(elements, marks, self.keys, self.after.nulls, strict=True):
            descending = key.sort.descending != self.backward
            if descending and not null:
                ranges.append([*equal, element < mark])
                if key.nullable:
                    ranges.append([*equal, element.is_(None)])
            elif not descending:
                ranges.append([*equal, element.is_not(None) if null else element > mark])
            equal.append(element.is_(None) if null else element == mark)
        return ranges

    def _mark(self, i: int) -> Element:
        index = self.values + i
        return self.compiler.bind(lambda call, values: values[index], self.keys[i].type, f"mark{i}")


def key_sets(resource: Resource, rule: e.Predicate) -> list[KeySet] | None:
    """The branches of a read rule, where each ties a field of the row to keys that depend on the actor alone."""
    found = []
    for branch in rule.items if isinstance(rule, e.Or) else (rule,):
        items = branch.items if isinstance(branch, e.And) else (branch,)
        key_set = None
        for item in items:
            rest = e.all_of(*(i for i in items if i is not item))
            key_set = _key_set(resource, item, rest)
            if key_set is not None:
                break
        if key_set is None:
            return None
        found.append(key_set)
    return found


def _key_set(resource: Resource, item: e.Predicate, rest: e.Predicate) -> KeySet | None:
    match item:
        case e.Compare("eq", e.Column((name,)), e.ActorValue()) | e.Compare(
            "eq", e.ActorValue(), e.Column((name,))
        ):
            return KeySet(name, None, rest)
        case e.Related("any", (name, _), where, root) if root in (None, resource.name):
            foreign = any(
                (isinstance(n, e.Column | e.Related | e.Aggregate) and n.root == resource.name)
                for n in e.walk(where)
            )
            return None if foreign else KeySet(name, item, rest)
    return None


def _rowid(table: Any) -> Element:
    return sa.literal_column(f"{table.name}.rowid")


def _plain(resource: Resource, name: str) -> str:
    return "id" if name == resource.key else name


def _value_at(index: int) -> Source:
    return lambda call, values: values[index]


def _literal(value: Any) -> Source:
    return lambda call, values: value


__all__ = ["MANY_KEYS", "After", "Key", "Plan", "Planner", "Slot"]

"""The statement for a page of rows, in one of four forms.

- searched: all rows that a search finds are gathered, then put in order;
- direct: an index serves the order, so rows are rendered as they are scanned;
- late: the page's ids are found first, then only these rows are rendered;
- by keys: where the read rule is "the row's project is one of mine", each of the actor's keys is scanned in order and
  the scans are merged, so that the cost depends on the page and the keys, and not on the table.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa

from headwater.db.base import Element
from headwater.engine.compile import Compiler, Scope, is_free, value_at
from headwater.engine.order import After, Key, is_single_range, key_columns, order_by, ranges
from headwater.engine.places import place, rows_at
from headwater.engine.search import finds
from headwater.ir import expr as e
from headwater.ir.model import Kind, Resource, Type
from headwater.ir.query import Fact, Numbered, Query, Select

NUMBER = Type(Kind.INTEGER)
Conditions = Callable[[Scope], Sequence[Element]]
MANY_KEYS = 200


@dataclass(frozen=True, slots=True)
class KeySet:
    """One branch of a read rule: the row's `field` is in a set that depends on the actor alone, and `rest` holds."""

    field: str
    related: e.Related | None
    rest: e.Predicate


@dataclass(eq=False, slots=True)
class Page:
    """The parts of one list statement.

    `render` makes a row's JSON; `values` is the number of the query's own values, behind which a cursor's come.
    """

    render: Callable[[Compiler, Scope, Select], Element]
    compiler: Compiler
    resource: Resource
    query: Query
    keys: tuple[Key, ...]
    after: After | None
    backward: bool
    limit: Element
    values: int
    _hits: sa.CTE | None = None

    @property
    def marked(self) -> bool:
        """Whether the page starts at a place in the order."""
        return self.after is not None and bool(self.after.nulls)

    @property
    def single_range(self) -> bool:
        return not self.marked or is_single_range(self.keys)

    def direct(self) -> sa.Select[Any]:
        """The rows, rendered as an index gives them. A range is left alone where those before it fill the page."""
        ranges: list[sa.CTE] = []
        left = self.limit
        for number in range(self._range_count()):
            scope = self._scope()
            columns = key_columns(self.compiler, scope, self.keys)
            ranged = self._ranges(columns)[number] if self.marked else []
            rows = (
                sa.select(self._row(scope), *columns)
                .where(*self._conditions(scope), *ranged)
                .order_by(*order_by(columns, self.keys, self.backward))
                .limit(self.limit)
            )
            if self.single_range:
                return rows
            if ranges:
                # Both limits: the database plans by the first, which is a constant, and stops at the second.
                rows = self._ordered(rows.subquery(self.compiler.statement.name("p")), left)
            ranges.append(rows.cte(self.compiler.statement.name("r")))
            left = left - sa.select(sa.func.count()).select_from(ranges[-1]).scalar_subquery()
        union = sa.union_all(*(sa.select(r) for r in ranges))
        return self._ordered(union.subquery(self.compiler.statement.name("u")), self.limit)

    def _ordered(self, rows: sa.Subquery, limit: Element) -> sa.Select[Any]:
        columns = [rows.c[f"_k{i}"] for i in range(len(self.keys))]
        return sa.select(rows).order_by(*order_by(columns, self.keys, self.backward)).limit(limit)

    def candidates(self) -> sa.Subquery:
        """The places and sort values of the page's rows."""
        return self._named(self._first(self._conditions), "c")

    def searched(self) -> sa.Subquery:
        """The places and sort values of the page's rows, among all that a search finds."""
        hits = self._found()
        columns = [hits.c[f"_k{i}"] for i in range(len(self.keys))]
        rows = sa.select(hits).order_by(*order_by(columns, self.keys, self.backward)).limit(self.limit)
        if self.marked:
            rows = rows.where(sa.or_(*(sa.and_(*ranged) for ranged in self._ranges(columns))))
        if isinstance(self.query.page, Numbered):
            rows = rows.offset(self.compiler.bind(value_at(self.values + 1), NUMBER))
        return self._named(rows, "c")

    def _found(self) -> sa.CTE:
        """All rows that a search finds. They are gathered before they are put in order: a database that went through
        the rows in order, to pick out those that are found, might go through the whole table for them."""
        if self._hits is None:
            self.gather_keys()
            scope = self._scope()
            columns = key_columns(self.compiler, scope, self.keys)
            rows = sa.select(self._place(scope).label("_place"), *columns).where(*self._conditions(scope))
            self._hits = rows.cte("hits").prefix_with("MATERIALIZED")
        return self._hits

    def gather_keys(self) -> None:
        """Have the actor's keys gathered once, where many rows are gone through, rather than asked for with each."""
        rule = self.compiler.rules.rows(self.resource, "read") if self.compiler.rules else e.TRUE
        for key_set in key_sets(self.resource, rule) or ():
            if key_set.related is not None:
                few = self.compiler.statement.few_keys.setdefault(self.resource.name, set())
                few.add(key_set.related.path)

    def _first(self, conditions: Conditions, whole: bool = False) -> sa.Select[Any]:
        """Places and sort values of the first rows that meet conditions; with `whole`, all columns."""
        parts = []
        for number in range(self._range_count()):
            scope = self._scope()
            columns = key_columns(self.compiler, scope, self.keys)
            shown = scope.table.c if whole else [self._place(scope).label("_place")]
            ranged = self._ranges(columns)[number] if self.marked else []
            part = (
                sa.select(*shown, *columns)
                .where(*conditions(scope), *ranged)
                .order_by(*order_by(columns, self.keys, self.backward))
                .limit(self.limit)
                .correlate_except(scope.table)
            )
            if isinstance(self.query.page, Numbered):
                part = part.offset(self.compiler.bind(value_at(self.values + 1), NUMBER))
            parts.append(part)
        if len(parts) == 1:
            return parts[0]
        union = sa.union_all(*(sa.select(self._named(part, "r")) for part in parts))
        return self._ordered(union.subquery(self.compiler.statement.name("u")), self.limit)

    def by_keys(self, sets: Sequence[KeySet]) -> sa.Subquery:
        """The page's rows, by one ordered scan for each of the actor's keys, merged. PostgreSQL takes along all columns
        of the rows where it can, which costs it less than to look them up again."""
        lateral = self.compiler.schema.dialect.features.lateral
        whole = lateral and len(sets) == 1
        branches = []
        for key_set in sets:
            mine = None
            if key_set.related is not None:
                mine = self._named(self.compiler.judge().keys_of(key_set.related, self.resource), "m")
                few = self.compiler.statement.few_keys.setdefault(self.resource.name, set())
                few.add(key_set.related.path)
            key = self._actor() if mine is None else mine.c.key
            found = self._first(partial(self._of_key, key_set, key), whole)
            if mine is None:
                branches.append(sa.select(self._named(found, "c")))
            elif lateral:
                each = found.lateral(self.compiler.statement.name("l"))
                branches.append(sa.select(each).select_from(mine.join(each, sa.true())))
            else:
                scope = self._scope()
                columns = key_columns(self.compiler, scope, self.keys)
                at = self._place(scope)
                its = at.in_(found.with_only_columns(found.selected_columns[0]))
                row = sa.select(at.label("_place"), *columns)
                branches.append(row.select_from(mine.join(scope.table, its)))
        merged: Any = sa.union(*branches) if len(branches) > 1 else branches[0]
        return self._named(self._ordered(self._named(merged, "i"), self.limit), "c")

    def _of_key(self, key_set: KeySet, key: Element, scope: Scope) -> tuple[Element, ...]:
        rest = self.compiler.rule(key_set.rest, scope)
        present = self.compiler.present(scope)
        return (self._field(scope, key_set.field) == key, rest, *present, *self._filters(scope))

    def late(self, found: sa.Subquery) -> sa.Select[Any]:
        """The rows of a page whose places are found, or all of whose columns are."""
        columns = [found.c[f"_k{i}"] for i in range(len(self.keys))]
        rows: Any = found
        scope = Scope(self.resource, found)
        if "_place" in found.c:
            scope = self._scope()
            rows = rows_at(self.compiler.schema.dialect, found, scope.table)
        return (
            sa.select(self._row(scope), *columns)
            .select_from(rows)
            .order_by(*order_by(columns, self.keys, self.backward))
        )

    def chosen(self, values: Callable[[Scope], Sequence[Element]]) -> sa.Select[Any]:
        """Some values of every row that the query asks for, in no order."""
        scope = self._scope()
        return sa.select(*values(scope)).select_from(scope.table).where(*self._conditions(scope))

    def heads(self, alternative: bool) -> list[tuple[str, Element]]:
        """What is asked once a page: the total, whether the row that it lies within is visible, and how many keys the
        actor has."""
        heads: list[tuple[str, Element]] = []
        totalled = any(part.shows is Fact.TOTAL for part in self.query.parts or ())
        numbered = isinstance(self.query.page, Numbered) and self.query.page.counted
        if numbered or totalled:
            if self.query.search is not None:
                total = sa.select(sa.func.count()).select_from(self._found())
            else:
                scope = self._scope()
                total = sa.select(sa.func.count()).select_from(scope.table).where(*self._conditions(scope))
            heads.append(("total", total.scalar_subquery()))
        within = self.query.within
        if within is not None:
            owner = self.compiler.schema.model.resources[within.resource]
            table = self.compiler.alias(owner)
            visible = self.compiler.visible(Scope(owner, table))
            heads.append(("within", sa.exists().where(table.c.id == self._within_key(), *visible)))
        if alternative:
            rule = self.compiler.rules.rows(self.resource, "read") if self.compiler.rules else e.TRUE
            counts = []
            for key_set in key_sets(self.resource, rule) or ():
                if key_set.related is not None:
                    keys = self.compiler.judge().keys_of(key_set.related, self.resource)
                    some = keys.limit(sa.literal_column(str(MANY_KEYS + 1)))
                    some_keys = some.subquery(self.compiler.statement.name("n"))
                    counts.append(sa.select(sa.func.count()).select_from(some_keys).scalar_subquery())
            if counts:
                heads.append(("own_keys", sum(counts[1:], counts[0])))
        return heads

    def all_rows(self) -> tuple[sa.Select[Any], Scope]:
        """Every row that the query asks for, on whatever page, and what stands for one of them."""
        scope = self._scope()
        return sa.select(scope.table).where(*self._conditions(scope)).correlate_except(scope.table), scope

    # -- parts ----------------------------------------------------------------------------------------------

    def _scope(self) -> Scope:
        return self.compiler.start(self.resource, self.query.trashed)

    def _named(self, query: Any, prefix: str) -> sa.Subquery:
        found: sa.Subquery = query.subquery(self.compiler.statement.name(prefix))
        return found

    def _place(self, scope: Scope) -> Element:
        return place(self.compiler.schema.dialect, scope.table)

    def _row(self, scope: Scope) -> Element:
        return self.render(self.compiler, scope, self.query.select).label("row")

    def _actor(self) -> Element:
        return self.compiler.scalar(e.ActorValue(), self._scope())[0]

    def _field(self, scope: Scope, name: str) -> Element:
        return self.compiler.raw(self.resource.fields[name], scope)

    def _conditions(self, scope: Scope) -> tuple[Element, ...]:
        return (*self._filters(scope), *self.compiler.shown(scope))

    def _within_key(self) -> Element:
        return self.compiler.bind(lambda call, values: values[0], Type(Kind.ID), "within")

    def _filters(self, scope: Scope) -> tuple[Element, ...]:
        found: list[Element] = []
        within = self.query.within
        if within is not None:
            owner = self.compiler.schema.model.resources[within.resource]
            relation = owner.relations[within.relation]
            if relation.kind == "through":
                link = self.compiler.schema.model.resources[str(relation.through)]
                linked = Scope(link, self.compiler.alias(link))
                near, far = (
                    self.compiler.reference(name, linked) for name in (relation.field, str(relation.far))
                )
                conditions = (near == self._within_key(), far == scope.table.c.id)
                found.append(sa.exists().where(*conditions, *self.compiler.visible(linked)))
            elif relation.kind == "one":
                referring = Scope(owner, self.compiler.alias(owner))
                reference = sa.select(self.compiler.reference(relation.field, referring)).where(
                    referring.table.c.id == self._within_key(), *self.compiler.visible(referring)
                )
                theirs = reference.correlate_except(referring.table).scalar_subquery()
                found.append(scope.table.c.id == theirs)
            else:
                found.append(self.compiler.reference(relation.field, scope) == self._within_key())
        if self.query.where is not None:
            found.append(self.compiler.predicate(self.query.where, scope))
        if self.query.search is not None:
            found += finds(self.compiler, scope, self.query.search)
        return tuple(found)

    def _range_count(self) -> int:
        return 1 if not self.marked else max(1, len(self._ranges([sa.literal_column("0")] * len(self.keys))))

    def _ranges(self, columns: Sequence[Any]) -> list[list[Element]]:
        """The rest of the order after the cursor."""
        if not self.marked:
            return []
        assert self.after is not None
        return ranges(columns, [self._mark(i) for i in range(len(self.keys))], self.keys, self.after)

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
        case e.Related(path=(name, _)) if is_free(item, resource):
            return KeySet(name, item, rest)
    return None

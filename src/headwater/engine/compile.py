"""From expressions to SQL.

A `Compiler` writes SQLAlchemy elements for one kind of caller. With rules, every step to another row passes that
row's read rule, and a masked field is replaced by a CASE, wherever it is named. Without rules (for the rules
themselves and for computed fields, which see all that their author says) it does neither.

Values never become text: each parameter is a bind with a name, and `sources` tells where its value comes from.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from headwater.base.call import Call
from headwater.base.errors import Detail, Fault
from headwater.db.base import Element, Encode
from headwater.db.elements import Template, pushed
from headwater.db.floats import float_mean, float_sum
from headwater.engine.guard import Rules
from headwater.engine.schema import Schema
from headwater.ir import expr as e
from headwater.ir.model import Field, Kind, Relation, Resource, Type
from headwater.ir.scalars import fold_text
from headwater.ir.shape import Slot

BOOLEAN, INTEGER, FLOAT, ID = Type(Kind.BOOLEAN), Type(Kind.INTEGER), Type(Kind.FLOAT), Type(Kind.ID)
DATETIME, DURATION = Type(Kind.DATETIME), Type(Kind.DURATION)
SCALED = (Kind.DECIMAL, Kind.MONEY)
JOINED = 8
"""Questions for rows behind relations that a database may make joins of. PostgreSQL takes all together to find the best
order, for which fifty need minutes and all of the memory; so it is kept from doing that with the others."""

Source = Callable[[Call, list[Any]], Any]


@dataclass(eq=False, slots=True)
class Scope:
    """A row in reach: its resource, the table alias that stands for it, and the scope around it.

    `trash`: the trash id of the row in the trash from which all is seen; what went there with it is there then.
    """

    resource: Resource
    table: Any
    outer: "Scope | None" = None
    trash: Element | None = None

    def within(self, resource: Resource, table: Any) -> "Scope":
        """The scope of a row that is reached from this one."""
        return Scope(resource, table, self, self.trash)

    def alone(self) -> "Scope":
        """The same row without those around it, as its resource's own rules and formulas see it."""
        return Scope(self.resource, self.table, None, self.trash)

    def find(self, root: str | None) -> "Scope":
        """The innermost row of a resource."""
        scope: Scope | None = self
        while scope is not None:
            if root is None or scope.resource.name == root:
                return scope
            scope = scope.outer
        raise LookupError(f"no row of {root} is in reach")


@dataclass(eq=False, slots=True)
class Statement:
    """What one statement collects while it is compiled: its parameters' sources, names not yet taken, and the
    resources whose tables it reads.

    `few_keys`: for a resource, paths to rows that the actor is known to have few of, so that all their keys are
    gathered once, rather than asked for with each row. `gathers`: all rows that are asked for are gone through, so that
    those which refer to rows with some value are better found from these. `related`: how often it is asked by now
    whether there are rows behind a relation.
    """

    sources: dict[str, Source] = field(default_factory=dict)
    uses_now: bool = False
    names: int = 0
    few_keys: dict[str, set[tuple[str, ...]]] = field(default_factory=dict)
    gathers: bool = False
    related: int = 0
    reads: set[str] = field(default_factory=set)

    def name(self, prefix: str) -> str:
        self.names += 1
        return f"{prefix}{self.names}"


@dataclass(eq=False, slots=True)
class Compiler:
    """Compiles one statement. `rules` None: with the rights of the product. `judges`: what is compiled is itself a
    rule, whose "now" is that of the call on whatever page of a list: else a cursor would keep rights that have ended.
    """

    schema: Schema
    rules: Rules | None
    statement: Statement = field(default_factory=Statement)
    judges: bool = False

    # -- names and parameters -------------------------------------------------------------------------------

    def alias(self, resource: Resource) -> Any:
        self.statement.reads.add(resource.name)
        return self.schema[resource.name].alias(self.statement.name("t"))

    def bind(self, source: Source, type: Type, name: str | None = None) -> Element:
        """A parameter. With a name, every use of the same name is one parameter."""
        name = name or self.statement.name("p")
        self.statement.sources.setdefault(name, source)
        return sa.bindparam(name, type_=self.schema.dialect.column_type(type))

    def constant(self, value: Any, type: Type) -> Element:
        encoded = self._encoded(type)(value)
        return self.bind(lambda call, values: encoded, type)

    def slot(self, slot: Slot, encode: Encode | None, type: Type) -> Element:
        index = slot.index
        if encode is None:
            return self.bind(lambda call, values: values[index], type)
        return self.bind(lambda call, values: encode(values[index]), type)

    def _encoded(self, type: Type) -> Encode:
        return self.schema.dialect.encoder(type) or (lambda value: value)

    def unruled(self) -> "Compiler":
        """The same statement, with the rights of the product."""
        return self if self.rules is None else Compiler(self.schema, None, self.statement)

    def judge(self) -> "Compiler":
        """The same statement, for the rules in it."""
        return self if self.judges else Compiler(self.schema, None, self.statement, judges=True)

    # -- predicates -----------------------------------------------------------------------------------------

    def predicate(self, node: e.Predicate, scope: Scope) -> Element:
        """A condition. Its null counts as false; `Not` keeps to that."""
        match node:
            case e.Bool(value):
                return sa.true() if value else sa.false()
            case e.And(items):
                return sa.and_(*(self.predicate(i, scope) for i in items))
            case e.Or(items):
                return sa.or_(*(self.predicate(i, scope) for i in items))
            case e.Not(item):
                return sa.not_(self.schema.dialect.is_true(self.predicate(item, scope)))
            case e.Compare("eq", e.Column() as column, e.Value() | Slot()) | e.OneOf(
                e.Column() as column
            ) if self.statement.gathers and scope.trash is None and len(column.path) > 1:
                return self._gathered(node, column, scope)
            case e.Compare("ne", left, right):
                return self.predicate(e.Not(e.Compare("eq", left, right)), scope)
            case e.Compare(op, left, right):
                return self._compare(op, left, right, scope)
            case e.OneOf(item, values):
                return self._one_of(item, values, scope)
            case e.IsNull(item):
                return self.scalar(item, scope)[0].is_(None)
            case e.Matches(op, item, text):
                return self._matches(op, item, text, scope)
            case e.HasElement(item, element):
                return self._has_element(item, element, scope)
            case e.Related():
                return self._related(node, scope)
            case e.HasRole():
                raise AssertionError("roles are folded before compiling")
            case _:
                return self.scalar(node, scope)[0]

    def _direct(self, node: e.Compare | e.OneOf, scope: Scope) -> Element:
        match node:
            case e.Compare(op, left, right):
                return self._compare(op, left, right, scope)
            case e.OneOf(item, values):
                return self._one_of(item, values, scope)

    def _gathered(self, node: e.Compare | e.OneOf, column: e.Column, scope: Scope) -> Element:
        """That a row refers to one with a value: its reference is among the keys of those that have it."""
        start = scope.find(column.root)
        hop, *rest = column.path
        relation = start.resource.relations[hop]
        target = self.schema.model.resources[relation.target]
        if rest in ([target.key], ["id"]):  # the reference holds it already
            return self._direct(node, scope)
        table = self.alias(target)
        inner = Scope(target, table)
        behind = e.Column(tuple(rest))
        asked = replace(node, item=behind) if isinstance(node, e.OneOf) else replace(node, left=behind)
        keys = sa.select(table.c.id).where(self.predicate(asked, inner), *self.visible(inner))
        return self.reference(relation.field, start).in_(keys)

    def _compare(self, op: str, left: e.Scalar, right: e.Scalar, scope: Scope) -> Element:
        a, b, _ = self._alike(left, right, scope)
        match op:
            case "eq":
                return a == b
            case "lt":
                return a < b
            case "lte":
                return a <= b
            case "gt":
                return a > b
            case _:
                return a >= b

    def _alike(
        self, left: e.Scalar, right: e.Scalar, scope: Scope, hint: Type | None = None
    ) -> tuple[Element, Element, Type]:
        """Two operands in the same form, and their type: a constant takes the form of what is beside it."""
        if _is_constant(left) and not _is_constant(right):
            b, a, type = self._alike(right, left, scope, hint)
            return a, b, type
        a, s = self.scalar(left, scope, hint)
        b, t = self.scalar(right, scope, hint if _is_constant(left) else s)
        type = _widest([kind for node, kind in ((left, s), (right, t)) if not _is_null(node)] or [s])
        return self._scale(a, s, _places(type)), self._scale(b, t, _places(type)), type

    def _one_of(self, item: e.Scalar, values: tuple[Any, ...], scope: Scope) -> Element:
        element, type = self.scalar(item, scope)
        if values and isinstance(values[0], Slot):
            index = values[0].index
            encode = self.schema.dialect.encode_list(type)
            parameter = self.bind(lambda call, vs: encode(list(vs[index])), _LIST)
            return self.schema.dialect.member(element, parameter, type)
        if not values:
            return sa.false()
        return element.in_([self.constant(_coerce(value, type), type) for value in values])

    def _matches(self, op: str, item: e.Column, text: e.Scalar, scope: Scope) -> Element:
        element, _, found = self._column(item, scope, folded=True)
        fold = found is not None and found.folded is not None
        if isinstance(text, Slot):
            parameter = self.slot(text, fold_text if fold else None, ID)
        elif isinstance(text, e.Value):
            parameter = self.constant(fold_text(text.value) if fold else text.value, ID)
        else:
            parameter = self.scalar(text, scope)[0]
        dialect = self.schema.dialect
        return (
            dialect.contains(element, parameter)
            if op == "contains"
            else dialect.starts_with(element, parameter)
        )

    def _has_element(self, item: e.Column, element: e.Scalar, scope: Scope) -> Element:
        column, type = self.scalar(item, scope)
        encode = self.schema.dialect.encode_element(type)
        if isinstance(element, Slot):
            parameter = self.slot(element, encode, ID)
        else:
            assert isinstance(element, e.Value)
            encoded = encode(element.value)
            parameter = self.bind(lambda call, values: encoded, ID)
        return self.schema.dialect.has_element(column, parameter)

    def _related(self, node: e.Related, scope: Scope) -> Element:
        few = node.path in self.statement.few_keys.get(scope.resource.name, ()) and asks_actor(node)
        # Only a rule of the author's sees all rows; what a caller asks sees those that they may read.
        if few and self.rules is None and scope.trash is None and is_free(node, scope.resource):
            key = self.raw(scope.resource.fields[node.path[0]], scope)
            return key.in_(self.keys_of(node, scope.resource))
        where = e.negate(node.where) if node.quantifier == "every" else node.where
        subquery, inner = self.rows_behind(node.path, node.root, scope)
        exists: Element = (
            subquery.where(self.predicate(where, inner)).with_only_columns(sa.literal_column("1")).exists()
        )
        self.statement.related += 1
        if self.statement.related > JOINED:
            exists = self.schema.dialect.is_true(exists)
        return exists if node.quantifier == "any" else sa.not_(exists)

    def keys_of(self, node: e.Related, resource: Resource) -> sa.Select[Any]:
        """The keys from which a relation leads to a row that meets a condition of its own (`is_free`), by the rights of
        the product."""
        assert self.rules is None
        model = self.schema.model
        relation = model.target(resource, node.path[:-1]).relations[node.path[-1]]
        many = model.resources[relation.target]
        table = self.alias(many)
        rows: Any = table
        there: tuple[Element, ...] = ()
        key = table.c[_column_of(many, relation.field)] if relation.kind == "many" else None
        if relation.kind == "through":
            link = model.resources[str(relation.through)]
            linked = self.alias(link)
            key = linked.c[_column_of(link, relation.field)]
            rows = linked.join(table, table.c.id == linked.c[_column_of(link, str(relation.far))])
            there = self.present(Scope(link, linked))
        assert key is not None
        scope = Scope(many, table)
        holds = (self.predicate(node.where, scope), *there, *self.present(scope))
        return sa.select(key.label("key")).select_from(rows).where(*holds, key.is_not(None)).distinct()

    # -- rows behind a relation -----------------------------------------------------------------------------

    def rows_behind(
        self, path: tuple[str, ...], root: str | None, scope: Scope
    ) -> tuple[sa.Select[Any], Scope]:
        """The rows of the to-many relation at the end of a path, as a correlated query over their table."""
        start = scope.find(root)
        *ones, many = path
        here = self.schema.model.target(start.resource, tuple(ones))
        relation = here.relations[many]
        key = self._column(e.Column((*ones, here.key), start.resource.name), start)[0]
        target = self.schema.model.resources[relation.target]
        table = self.alias(target)
        inner = scope.within(target, table)
        if relation.kind == "through":
            link = self.schema.model.resources[str(relation.through)]
            link_table = self.alias(link)
            linked = scope.within(link, link_table)
            near, far = self.reference(relation.field, linked), self.reference(str(relation.far), linked)
            # Not joined: a row to which several links lead is one row.
            keys = sa.select(far).where(near == key, *self.visible(linked)).correlate_except(link_table)
            query = sa.select(table).where(table.c.id.in_(keys))
        else:
            query = sa.select(table).where(self.reference(relation.field, inner) == key)
        return query.where(*self.visible(inner)).correlate_except(table), inner

    def start(self, resource: Resource, trashed: bool = False) -> Scope:
        """A row of the resource that a statement is about: one of those in the trash, or of the others."""
        table = self.alias(resource)
        return Scope(resource, table, None, table.c.trash_id if trashed else None)

    def shown(self, scope: Scope) -> tuple[Element, ...]:
        """What lets a row be seen that a statement is about, as conditions to be added."""
        return self.visible(scope) if scope.trash is None else self.trashed(scope)

    def visible(self, scope: Scope) -> tuple[Element, ...]:
        """What lets a row be seen, as conditions to be added: it is there, and may be read."""
        rule = e.TRUE if self.rules is None else self.rules.rows(scope.resource, "read")
        found = self.present(scope)
        return found if rule == e.TRUE else (*found, self.rule(rule, scope))

    def present(self, scope: Scope) -> tuple[Element, ...]:
        """That a row is not in the trash, as conditions to be added."""
        if not scope.resource.trash:
            return ()
        living = scope.table.c.deleted_at.is_(None)
        return (living,) if scope.trash is None else (sa.or_(living, scope.table.c.trash_id == scope.trash),)

    def trashed(self, scope: Scope) -> tuple[Element, ...]:
        """What lets a row in the trash be seen there, as conditions to be added."""
        found: Element = scope.table.c.deleted_at.is_not(None)
        rule = e.TRUE if self.rules is None else self.rules.trash(scope.resource)
        return (found,) if rule == e.TRUE else (found, self.rule(rule, scope))

    def rule(self, rule: e.Predicate, scope: Scope) -> Element:
        """A rule of the author's, which sees all."""
        return self.judge().predicate(rule, scope.alone())

    # -- scalars --------------------------------------------------------------------------------------------

    def scalar(self, node: Any, scope: Scope, hint: Type | None = None) -> tuple[Element, Type]:
        """A value and its type. `hint` is the type of what it is compared with."""
        match node:
            case e.Column():
                element, type, _ = self._column(node, scope)
                return element, type
            case Slot():
                type = hint or ID
                return self.slot(node, self.schema.dialect.encoder(type), type), type
            case e.Value(value):
                if value is None:
                    return sa.null(), hint or ID
                type = _type_for(value, hint)
                return self.constant(_coerce(value, type), type), type
            case e.ActorValue():
                return self.bind(lambda call, values: call.actor.id, ID, "actor"), ID
            case e.Now():
                encode = self._encoded(DATETIME)
                if self.judges:
                    return self.bind(lambda call, values: encode(call.now), DATETIME, "rule_now"), DATETIME
                self.statement.uses_now = True
                return self.bind(lambda call, values: encode(call.as_of), DATETIME, "now"), DATETIME
            case e.Arithmetic(op, left, right):
                return self._arithmetic(op, left, right, scope)
            case e.Case(when, then, otherwise):
                a, b, type = self._alike(then, otherwise, scope, hint)
                return self._of(type, sa.case((self.predicate(when, scope), a), else_=b)), type
            case e.Coalesce(items):
                return self._coalesce(items, scope, hint)
            case e.Aggregate():
                return self._aggregate(node, scope)
            case _:
                return self.schema.dialect.is_true(self.predicate(node, scope)), BOOLEAN

    def _coalesce(self, items: tuple[e.Scalar, ...], scope: Scope, hint: Type | None) -> tuple[Element, Type]:
        beside = next((self.scalar(i, scope)[1] for i in items if not _is_constant(i)), hint)
        compiled = [self.scalar(i, scope, beside) for i in items]
        type = _widest(
            [t for i, (_, t) in zip(items, compiled, strict=True) if not _is_null(i)] or [compiled[0][1]]
        )
        return self._of(
            type, sa.func.coalesce(*(self._scale(c, t, _places(type)) for c, t in compiled))
        ), type

    def _of(self, type: Type, element: Element) -> Element:
        """A choice among values; one among whole numbers and others is of those."""
        return (
            sa.cast(element, self.schema.dialect.column_type(FLOAT)) if type.kind is Kind.FLOAT else element
        )

    def _arithmetic(self, op: str, left: e.Scalar, right: e.Scalar, scope: Scope) -> tuple[Element, Type]:
        if op == "*":
            (a, s), (b, t) = self.scalar(left, scope), self.scalar(right, scope)
            type = _widest([s, t])
            if type.kind in SCALED:
                type = Type(Kind.DECIMAL, _places(s) + _places(t))
        else:
            a, b, type = self._alike(left, right, scope)
            if type.kind is Kind.DATETIME:
                return self.schema.dialect.elapsed(a, b), DURATION
        if type.kind is not Kind.FLOAT:
            return self.schema.dialect.calculate(op, a, b), type
        return (a * b if op == "*" else a + b if op == "+" else a - b), type

    def _scale(self, element: Element, type: Type, places: int) -> Element:
        """A scaled integer with more places; null where 64 bits cannot hold it."""
        gap = places - _places(type)
        if gap <= 0:
            return element
        return self.schema.dialect.calculate("*", element, sa.literal_column(str(10**gap)))

    def rescale(self, element: Element, have: Type, want: Type) -> Element:
        """A computed value in the places that its field declares, rounded half away from zero."""
        if want.kind not in SCALED:
            return element
        gap = want.places - _places(have)
        if gap == 0:
            return element
        if gap > 0:  # null where the number has more digits than 64 bits hold then
            most = (2**63 - 1) // 10**gap
            text = f"(CASE WHEN {{0}} BETWEEN -{most} AND {most} THEN {{0}} * {10**gap} END)"
        else:  # as text, since SQLAlchemy's division of whole numbers is not one of whole numbers
            unit = 10**-gap
            rest, half = f"{{0}} % {unit}", unit // 2
            text = f"({{0}} / {unit} + CASE WHEN {rest} >= {half} THEN 1 WHEN {rest} <= -{half} THEN -1 ELSE 0 END)"
        whole = self.schema.dialect.column_type(INTEGER)
        return pushed(element, lambda number: Template(text, number, type=whole))

    def _aggregate(self, node: e.Aggregate, scope: Scope) -> tuple[Element, Type]:
        if node.path:
            query, inner = self.rows_behind(node.path, node.root, scope)
        else:
            target = self.schema.model.resources[str(node.resource)]
            table = self.alias(target)
            query, inner = sa.select(table).correlate_except(table), scope.within(target, table)
            query = query.where(*self.visible(inner))
        if node.where is not None:
            query = query.where(self.predicate(node.where, inner))
        value, type = self.measure(node.function, node.value, inner)
        return query.with_only_columns(value, maintain_column_froms=True).scalar_subquery(), type

    def measure(self, function: str, of: e.Scalar | None, scope: Scope) -> tuple[Element, Type]:
        """A function over the values that something has in the rows of a scope, and its type. A sum that 64 bits cannot
        hold is null."""
        if of is None:
            return sa.func.count(), INTEGER
        element, type = self.scalar(of, scope)
        match function:
            case "count":
                return sa.func.count(element), INTEGER
            case "countDistinct":
                return sa.func.count(element.distinct()), INTEGER
            case "sum" if type.kind != Kind.FLOAT and not self._is_small(of, scope):
                return self.schema.dialect.sum(element), type
            case "sum" if type.kind is Kind.FLOAT:
                return float_sum(element), type
            case "sum":
                total = sa.func.coalesce(sa.func.sum(element), sa.literal_column("0"))
                return sa.cast(total, self.schema.dialect.column_type(INTEGER)), type
            case "avg" if type.kind in (*SCALED, Kind.DURATION):
                return self.schema.dialect.mean(element), type
            case "avg" if type.kind is Kind.FLOAT:
                return float_mean(element), type
            case "avg":
                return sa.cast(sa.func.avg(element), self.schema.dialect.column_type(FLOAT)), FLOAT
            case "min":
                return sa.func.min(element), type
            case _:
                return sa.func.max(element), type

    def _is_small(self, node: e.Scalar, scope: Scope) -> bool:
        """Whether a field's limits keep it within 32 bits, so that 64 hold any sum of it: to see to that costs."""
        if not isinstance(node, e.Column) or len(node.path) > 1:
            return False
        found = scope.find(node.root).resource.fields[node.path[0]]
        least = found.limits.gt if found.limits.ge is None else found.limits.ge
        most = found.limits.lt if found.limits.le is None else found.limits.le
        encode = self._encoded(found.type)
        return None not in (least, most) and all(abs(encode(end)) < 2**31 for end in (least, most))

    # -- columns --------------------------------------------------------------------------------------------

    def _column(
        self, node: e.Column, scope: Scope, folded: bool = False
    ) -> tuple[Element, Type, Field | None]:
        start = scope.find(node.root)
        return self._reach(node.path, start, folded)

    def _reach(self, path: tuple[str, ...], scope: Scope, folded: bool) -> tuple[Element, Type, Field | None]:
        name, *rest = path
        if not rest:
            own = scope.resource.fields[name]
            if own.secret:
                raise TypeError(
                    f"{scope.resource.name}.{name} is a secret: read it from a row, and compare it there."
                )
            element, type = self.value(own, scope, folded)
            return element, type, own
        relation = scope.resource.relations[name]
        target = self.schema.model.resources[relation.target]
        if rest in ([target.key], ["id"]):  # the reference holds it already
            element, type = self.value(scope.resource.fields[relation.field], scope)
            return element, type, target.fields[rest[0]]
        table = self.alias(target)
        inner = scope.within(target, table)
        element, type, found = self._reach(tuple(rest), inner, folded)
        reference = self.value(scope.resource.fields[relation.field], scope)[0]
        query = sa.select(element).where(table.c.id == reference, *self.visible(inner))
        return query.correlate_except(table).scalar_subquery(), type, found

    def value(self, found: Field, scope: Scope, folded: bool = False) -> tuple[Element, Type]:
        """A field of a row as this caller sees it. Raises Fault where no row would show it."""
        unmasked = e.TRUE if self.rules is None else self.rules.unmasked(scope.resource, found.name)
        if unmasked == e.FALSE:
            raise unreadable(scope.resource, found)
        element = self.raw(found, scope, folded)
        if unmasked != e.TRUE:
            element = sa.case((self.rule(unmasked, scope), element))
        return element, found.type

    def reference(self, name: str, scope: Scope) -> Element:
        """A reference as this caller sees it: where it is masked, it does not lead back to its row either."""
        return self.value(scope.resource.fields[name], scope)[0]

    def raw(self, found: Field, scope: Scope, folded: bool = False) -> Element:
        """A field of a row as it is."""
        if found.computed is not None:
            computed, type = self.unruled().scalar(found.computed, scope.alone(), found.type)
            return self.rescale(computed, type, found.type)
        element: Element = scope.table.c[found.folded if folded and found.folded else found.column]
        return element


_LIST = Type(Kind.LIST, item=Kind.TEXT)


def is_free(node: e.Related, resource: Resource) -> bool:
    """Whether what is asked of the rows behind a relation of `resource` depends on them and the actor alone."""
    if node.quantifier != "any" or len(node.path) != 2 or node.root not in (None, resource.name):
        return False
    named = (e.Column, e.Related, e.Aggregate)
    return not any(isinstance(n, named) and n.root == resource.name for n in e.walk(node.where))


def asks_actor(node: e.Related) -> bool:
    """Whether the rows behind a relation are asked about the actor, who is behind few of them."""
    return any(isinstance(n, e.ActorValue) for n in e.walk(node.where))


def unreadable(resource: Resource, found: Field, relation: Relation | None = None) -> Fault:
    """The refusal to filter, sort or aggregate by a field that no row would show to this caller, or to include the rows
    of a relation that it leads to."""
    asked = f"filter, sort or aggregate by {found.wire}" if relation is None else f"include {relation.wire}"
    detail = Detail(
        "INSUFFICIENT_PERMISSIONS",
        f"You may not {asked}, since you may not read {'it' if relation is None else found.wire}.",
        parameter=found.wire if relation is None else "include",
        facts={"requiredPermission": resource.permission("read")},
    )
    return Fault("INSUFFICIENT_PERMISSIONS", f"You may not read {found.wire}.", [detail])


def _column_of(resource: Resource, name: str) -> str:
    return str(resource.fields[name].column)


def _is_constant(node: Any) -> bool:
    return isinstance(node, e.Value | Slot)


def _is_null(node: Any) -> bool:
    return isinstance(node, e.Value) and node.value is None


def _widest(types: Sequence[Type]) -> Type:
    """The type that can hold values of all of these."""
    if any(type.kind is Kind.FLOAT for type in types):
        return FLOAT
    places = max(_places(type) for type in types)
    if any(type.kind in SCALED for type in types) and any(type != types[0] for type in types):
        return Type(Kind.DECIMAL, places)
    return types[0]


def _places(type: Type) -> int:
    return type.places if type.kind in SCALED else 0


def _type_for(value: Any, hint: Type | None) -> Type:
    if hint is not None:
        if hint.kind in SCALED and isinstance(value, int | Decimal):
            exponent = Decimal(value).as_tuple().exponent
            return Type(Kind.DECIMAL, max(hint.places, -exponent if isinstance(exponent, int) else 0))
        return hint
    match value:
        case bool():
            return BOOLEAN
        case int():
            return INTEGER
        case float():
            return FLOAT
        case Decimal():
            exponent = value.as_tuple().exponent
            return Type(Kind.DECIMAL, max(0, -exponent if isinstance(exponent, int) else 0))
    return ID


def _coerce(value: Any, type: Type) -> Any:
    return Decimal(value) if type.kind in SCALED and isinstance(value, int) else value


def value_at(index: int) -> Source:
    """The source of the `index`-th value."""
    return lambda call, values: values[index]

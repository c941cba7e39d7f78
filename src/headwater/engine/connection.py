"""Rows in a form of the caller's own: objects whose members the caller names, and connections, which are pages of rows
behind a relation with their edges, page info, totals and measures.

All is part of the one statement. What SQL cannot do is to sign: in the place of a nested cursor stand the sort values
of its row, marked as such, and `sign` puts the cursor there.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from msgspec import structs

from headwater.db.base import Dialect, Element
from headwater.db.codec import json_decode, json_encode
from headwater.db.elements import literal
from headwater.db.types import Text as TextType
from headwater.engine.compile import BOOLEAN, Compiler, Scope
from headwater.engine.cursor import Place, binding, issue, native, open_token
from headwater.engine.nested import first_rows
from headwater.engine.order import After, Key, key_columns, marks, order_by, ranges, total_order
from headwater.engine.shown import reached, shown_rows
from headwater.ir import expr as e
from headwater.ir.model import Model, Resource
from headwater.ir.query import (
    Connection,
    Edges,
    Fact,
    Include,
    Inside,
    Marks,
    Measure,
    Measures,
    Member,
    PageInfo,
    Query,
    Rows,
    Select,
    Text,
)
from headwater.ir.shape import Slot, shape

if TYPE_CHECKING:
    from headwater.engine.plan import Planner

MARKS: Final = "hw_marks"
"""Marks an object in an answer as the sort values of one row, or of all rows of a page."""
_BETWEEN: Final = "\x1f"

Token = Callable[[Sequence[Any], bool], str]
"""From the sort values of a row, and whether the page before it is meant, to a cursor."""


# -- statements -----------------------------------------------------------------------------------------------


def shaped(planner: "Planner", compiler: Compiler, scope: Scope, select: Select, depth: int) -> Element:
    """A row as an object of the members that a selection names."""
    dialect, found = planner.dialect, []
    for member in select.members or ():
        match member.shows:
            case str(name):
                field = scope.resource.fields[name]
                found.append((member.name, *planner.shown_field(compiler, scope, field)))
            case Text(text):
                found.append((member.name, literal(text), False))
            case Inside(name, below):
                found.append((member.name, _inside(planner, compiler, scope, name, below), True))
            case Include() as include:
                found.append((member.name, planner.include(compiler, scope, include, depth), True))
            case Connection() as connection:
                found.append((member.name, _connection(planner, compiler, scope, connection, depth), True))
            case other:
                raise AssertionError(f"no row shows {other!r}")
    return dialect.json_members(found)


def _inside(
    planner: "Planner", compiler: Compiler, scope: Scope, name: str, members: Sequence[Member]
) -> Element:
    """Members of the object that a field holds."""
    field = scope.resource.fields[name]
    if compiler.rules is not None and compiler.rules.unmasked(scope.resource, name) == e.FALSE:
        return sa.null()
    whole = compiler.value(field, scope)[0]
    found: list[tuple[str, Element, bool]] = []
    for member in members:
        match member.shows:
            case Text(text):
                found.append((member.name, literal(text), False))
            case wire:
                found.append((member.name, planner.dialect.json_part(whole, str(wire)), True))
    return sa.case((whole.is_not(None), planner.dialect.json_members(found)))


def _connection(
    planner: "Planner", compiler: Compiler, scope: Scope, connection: Connection, depth: int
) -> Element:
    relation = planner.admit_include(compiler, scope.resource, connection.relation, depth)
    dialect, parts = planner.dialect, connection.parts

    def behind() -> tuple[sa.Select[Any], Scope]:
        query, inner = compiler.rows_behind((connection.relation,), None, scope)
        if connection.where is not None:
            query = query.where(compiler.predicate(connection.where, inner))
        return query, inner

    rows: sa.Subquery | None = None
    order: Sequence[Element] = ()
    within: Element | None = None
    selects = row_selects(parts)
    facts = page_facts(parts)
    ahead, known = Fact.HAS_NEXT, Fact.HAS_PREVIOUS
    if connection.backward:
        ahead, known = known, ahead
    wants_more = ahead in facts
    if selects or facts - {Fact.TOTAL, known}:
        query, inner = behind()
        keys = total_order(compiler, inner.resource, connection.sort)
        columns = key_columns(compiler, inner, keys)
        marked = bool(facts & {Fact.CURSOR, Fact.START, Fact.END})
        if connection.after is not None:
            query = query.where(_after(compiler, connection.after, columns, keys))

        def render(row: Scope) -> list[sa.Label[Any]]:
            shown = [
                planner.object(compiler, row, select, depth + 1).label(f"r{i}")
                for i, select in enumerate(selects)
            ]
            if marked:
                values = key_columns(compiler, row, keys)
                shown.append(dialect.json_array(marks(dialect, values, keys)).label("marks"))
            return shown

        limited = first_rows(
            compiler,
            query,
            inner,
            relation,
            connection.where,
            keys,
            columns,
            connection.limit + wants_more,
            render,
            backward=connection.backward,
        )
        rows = limited
        if wants_more:
            place = order_by([limited.c[c.name] for c in columns], keys, connection.backward)
            number = sa.func.row_number().over(order_by=place).label("n")
            rows = sa.select(*limited.c, number).subquery(compiler.statement.name("s"))
            within = rows.c.n <= sa.literal_column(str(connection.limit))
        order = order_by([rows.c[c.name] for c in columns], keys)

    def info(member: Member) -> tuple[str, Element, bool]:
        match member.shows:
            case Text(text):
                return (member.name, literal(text), False)
            case Fact.START | Fact.END:
                assert rows is not None
                return (member.name, _marked(dialect, dialect.json_items(rows.c.marks, order, within)), True)
            case fact:
                more = sa.func.count() > sa.literal_column(str(connection.limit))
                there = more if fact == ahead else sa.true() if connection.after is not None else sa.false()
                return (member.name, dialect.wire(BOOLEAN, there), False)

    found: list[tuple[str, Element, bool]] = []
    for part in parts:
        match part.shows:
            case Rows(select):
                assert rows is not None
                shown_row = rows.c[f"r{selects.index(select)}"]
                found.append((part.name, dialect.json_items(shown_row, order, within), True))
            case Edges(members):
                assert rows is not None
                item = dialect.json_members([_edge(dialect, rows, selects, member) for member in members])
                found.append((part.name, dialect.json_items(item, order, within), True))
            case PageInfo(members):
                found.append(
                    (
                        part.name,
                        dialect.json_members([info(member) for member in members], aggregates=True),
                        True,
                    )
                )
            case Fact.TOTAL:
                query, _ = behind()
                total = query.with_only_columns(sa.func.count(), maintain_column_froms=True)
                found.append((part.name, total.scalar_subquery(), False))
            case Measures(members):
                query, inner = behind()
                found.append((part.name, measured(planner, compiler, members, query, inner), True))
            case Text(text):
                found.append((part.name, literal(text), False))
    whole = dialect.json_members(found, aggregates=rows is not None)
    return whole if rows is None else sa.select(whole).select_from(rows).scalar_subquery()


def _edge(
    dialect: Dialect, rows: sa.Subquery, selects: Sequence[Select], member: Member
) -> tuple[str, Element, bool]:
    match member.shows:
        case Select() as select:
            return (member.name, rows.c[f"r{selects.index(select)}"], True)
        case Text(text):
            return (member.name, literal(text), False)
        case _:
            return (member.name, _marked(dialect, rows.c.marks), True)


def _marked(dialect: Dialect, values: Element) -> Element:
    return dialect.json_members([(MARKS, values, True)], aggregates=True)


def _after(compiler: Compiler, after: Marks, columns: Sequence[Any], keys: Sequence[Key]) -> Element:
    """That a row lies after a mark. The values of one that does not fit the order are never asked for."""
    dialect = compiler.schema.dialect
    bound = []
    for value, key in zip(after.values, keys, strict=True):
        assert isinstance(value, Slot)

        def source(call: Any, values: list[Any], index: int = value.index, key: Key = key) -> Any:
            return native(values[index], key.type, dialect)

        bound.append(compiler.bind(source, key.type))
    found = ranges(columns, bound, keys, After(after.backward, after.nulls))
    return sa.or_(*(sa.and_(*ranged) for ranged in found)) if found else sa.false()


def measured(
    planner: "Planner", compiler: Compiler, members: Sequence[Member], query: sa.Select[Any], inner: Scope
) -> Element:
    """Measures of the rows of a query, as one object."""

    def object(members: Sequence[Member]) -> Element:
        found: list[tuple[str, Element, bool]] = []
        for member in members:
            match member.shows:
                case Text(text):
                    found.append((member.name, literal(text), False))
                case Measure(function, column):
                    value, type = compiler.measure(function, column, inner)
                    found.append((member.name, planner.dialect.wire(type, value), False))
                case Measures(below):
                    found.append((member.name, object(below), True))
        return planner.dialect.json_members(found, aggregates=True)

    if not _measures(members):  # then it would come once for each row, and not at all for none
        return object(members)
    return query.with_only_columns(object(members), maintain_column_froms=True).scalar_subquery()


def _measures(members: Sequence[Member]) -> bool:
    """Whether there is a measure among some members, or below them."""
    return any(
        isinstance(member.shows, Measure)
        or (isinstance(member.shows, Measures) and _measures(member.shows.members))
        for member in members
    )


def row_selects(parts: Sequence[Member]) -> list[Select]:
    """The different ways in which a connection shows its rows."""
    found: dict[Select, None] = {}
    for part in parts:
        match part.shows:
            case Rows(select):
                found[select] = None
            case Edges(members):
                found.update((m.shows, None) for m in members if isinstance(m.shows, Select))
    return list(found)


def page_facts(parts: Sequence[Member]) -> frozenset[Fact]:
    """What is to be known of a page. Where there are edges, there are rows, whatever these show."""
    found: set[Fact] = set()
    for part in parts:
        match part.shows:
            case Edges(members) | PageInfo(members):
                found |= {member.shows for member in members if isinstance(member.shows, Fact)}
                if isinstance(part.shows, Edges):
                    found.add(Fact.CURSOR)
            case Fact() as fact:
                found.add(fact)
    return frozenset(found)


def parted(planner: "Planner", parts: Sequence[Member]) -> Callable[[Compiler, Scope, Select], Element]:
    """What makes a row of the connection that a query is about: each way in which it is shown, one after another."""
    selects = row_selects(parts)

    def render(compiler: Compiler, scope: Scope, _: Select) -> Element:
        objects = [planner.object(compiler, scope, select) for select in selects]
        if len(objects) == 1:
            return objects[0]
        return sa.func.concat_ws(literal(_BETWEEN), literal(""), *objects, type_=TextType())

    return render


# -- answers --------------------------------------------------------------------------------------------------


def assembled(
    parts: Sequence[Member],
    rows: Sequence[Sequence[Any]],
    token: Token,
    *,
    width: int,
    has_next: bool,
    has_previous: bool,
    facts: Mapping[str, Any],
) -> str:
    """The JSON text of the connection that a query was about. In a row its JSON is followed by `width` sort values."""
    selects = row_selects(parts)
    texts = [[row[0]] if len(selects) == 1 else row[0].split(_BETWEEN)[1:] for row in rows]

    def cursor(row: Sequence[Any], backward: bool = False) -> str:
        return token(row[1 : width + 1], backward)

    def edge(
        members: Sequence[Member], row: Sequence[Any], shown: Sequence[str]
    ) -> Iterator[tuple[str, str]]:
        for member in members:
            match member.shows:
                case Select() as select:
                    yield member.name, shown[selects.index(select)]
                case Text(text):
                    yield member.name, json_encode(text)
                case _:
                    yield member.name, f'"{cursor(row)}"'

    def info(fact: Any) -> Any:
        match fact:
            case Text(text):
                return text
            case Fact.HAS_NEXT:
                return has_next
            case Fact.HAS_PREVIOUS:
                return has_previous
            case _ if not rows:
                return None
            case Fact.START:
                return cursor(rows[0], True)
            case _:
                return cursor(rows[-1])

    found: list[tuple[str, str]] = []
    for place, part in enumerate(parts):
        match part.shows:
            case Rows(select):
                which = selects.index(select)
                found.append((part.name, f"[{','.join([shown[which] for shown in texts])}]"))
            case Edges(members):
                pairs = [_object(edge(members, row, shown)) for row, shown in zip(rows, texts, strict=True)]
                found.append((part.name, f"[{','.join(pairs)}]"))
            case PageInfo(members):
                found.append((part.name, json_encode({m.name: info(m.shows) for m in members})))
            case Fact.TOTAL:
                found.append((part.name, str(facts["total"])))
            case Measures():
                found.append((part.name, facts[f"measures{place}"]))
            case Text(text):
                found.append((part.name, json_encode(text)))
    return _object(found)


def _object(pairs: Iterator[tuple[str, str]] | Sequence[tuple[str, str]]) -> str:
    return "{" + ",".join([f'"{name}":{text}' for name, text in pairs]) + "}"


# -- cursors of nested connections ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Nested:
    """A connection somewhere in an answer: behind the members of this path, of rows of this resource."""

    path: tuple[str, ...]
    resource: Resource
    connection: Connection


def nested(model: Model, query: Query) -> list[Nested]:
    """Every connection within the rows that a query asks for, whether the marks of its cursor are there or not."""
    return [
        Nested((*found.path, member.name), found.resource, member.shows)
        for found in shown_rows(model, model.resources[query.resource], query.select, query.parts)
        for member in found.select.members or ()
        if isinstance(member.shows, Connection)
    ]


def has_cursors(parts: Sequence[Member]) -> bool:
    """Whether a connection tells of cursors by itself."""
    return any(
        isinstance(part.shows, Edges | PageInfo)
        and any(member.shows in (Fact.CURSOR, Fact.START, Fact.END) for member in part.shows.members)
        for part in parts
    )


def _bound(found: Nested) -> bytes:
    """What ties the cursors of a nested connection to its question."""
    connection = found.connection
    values: list[Any] = []
    where = Query(found.resource.name, where=connection.where, sort=connection.sort)
    question = (connection.relation, shape(where, values))
    return binding(blake2b(repr(question).encode(), digest_size=8).digest(), values)


def opened(within: Sequence[Nested], query: Query, secret: bytes) -> Query:
    """The query with the marks that the cursors of the connections within it stand for. Raises Fault INVALID_CURSOR."""
    found = [one for one in within if one.connection.token is not None]
    if not found:
        return query
    marks: dict[int, Marks] = {}
    for one in found:
        place = open_token(secret, _bound(one), str(one.connection.token))
        nulls = tuple([value is None for value in place.keys])
        marks[id(one.connection)] = Marks(one.connection.backward, nulls, tuple(place.keys))

    def marked(shows: Any) -> Any:
        match shows:
            case Connection():
                return replace(shows, parts=members(shows.parts), after=marks.get(id(shows)))
            case Include():
                return replace(shows, select=marked(shows.select))
            case Rows(select):
                return Rows(marked(select))
            case Edges(below):
                return Edges(members(below))
            case Select(members=tuple() as below):
                return Select(members=members(below))
            case _:
                return shows

    def members(of: tuple[Member, ...]) -> tuple[Member, ...]:
        return tuple([Member(member.name, marked(member.shows)) for member in of])

    parts = None if query.parts is None else members(query.parts)
    return structs.replace(query, select=marked(query.select), parts=parts)


def sign(within: Sequence[Nested], secret: bytes, rows: Sequence[str]) -> list[str]:
    """The rows of an answer with the cursors of the connections within them."""
    telling = [(one, _token(secret, _bound(one))) for one in within if has_cursors(one.connection.parts)]
    if not telling:
        return list(rows)
    signed = []
    for row in rows:
        value = json_decode(row)
        for found, token in telling:
            for holder in reached(value, found.path):
                _sign(holder, found.connection.parts, token)
        signed.append(json_encode(value))
    return signed


def _token(secret: bytes, bound: bytes) -> Token:
    """What makes the cursors of a nested connection. They tell no time, or no two answers would be the same: what is
    now is that of the request, on every page."""
    return lambda values, backward: issue(secret, bound, Place(list(values), backward, None))


def _sign(holder: dict[str, Any], parts: Sequence[Member], token: Token) -> None:
    for part in parts:
        match part.shows:
            case Edges(members):
                names = [member.name for member in members if member.shows is Fact.CURSOR]
                for edge in holder[part.name]:
                    for name in names:
                        edge[name] = token(edge[name][MARKS], False)
            case PageInfo(members):
                for member in members:
                    if member.shows in (Fact.START, Fact.END):
                        info = holder[part.name]
                        ends = info[member.name][MARKS]
                        last = member.shows is Fact.END
                        info[member.name] = token(ends[-1 if last else 0], not last) if ends else None

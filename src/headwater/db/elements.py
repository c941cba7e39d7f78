"""SQL elements that SQLAlchemy does not have, and that each dialect spells in its own way."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

Element = sa.ColumnElement[Any]


class Template(FunctionElement[Any]):
    """SQL text with places for elements: `{0}`, `{1}`; each may occur several times, and needs no parentheses."""

    name = "template"
    inherit_cache = False

    def __init__(
        self, text: str, *elements: Element, type: sa.types.TypeEngine[Any] = sa.types.NULLTYPE
    ) -> None:
        self.text = text
        self.type = type
        super().__init__(*elements)


class Condition(Template):
    """A template that is true, false or null. It stands by itself in WHERE, on databases without booleans too."""

    _is_implicitly_boolean = True

    def __init__(self, text: str, *elements: Element) -> None:
        super().__init__(text, *elements, type=sa.Boolean())


@compiles(Template)
def _template(element: Template, compiler: Any, **kw: Any) -> str:
    return element.text.format(*_parts(element, compiler, kw, grouped=True))


class Returned(FunctionElement[Any]):
    """What RETURNING answers of the row that an INSERT or UPDATE writes, with queries about it. Left to itself,
    SQLAlchemy takes an INSERT's table for another one where a query within names it, and on SQLite leaves the table's
    name away, where a bare name means a column of that query."""

    name = "returned"
    inherit_cache = False

    def __init__(self, element: Element, table: sa.Table) -> None:
        self.type, self.table = element.type, table
        super().__init__(element)


def returned(column: Any, table: sa.Table) -> Any:
    """A column of RETURNING, by its name if it has one."""
    inner = column.element if isinstance(column, sa.Label) else column
    return Returned(inner, table).label(column.name)


@compiles(Returned)
def _returned(element: Returned, compiler: Any, **kw: Any) -> str:
    around = {"correlate_froms": {element.table}, "asfrom_froms": {element.table}}
    compiler.stack.append({**compiler.stack[-1], **around})
    (text,) = _parts(element, compiler, {**kw, "include_table": True})
    compiler.stack.pop()
    return text


class RowObject(FunctionElement[Any]):
    """A JSON object made from a row that is selected for the purpose; PostgreSQL's cheapest way to make one.

    `function` makes it: `row_to_json` its text, `to_jsonb` what a column keeps.
    """

    name = "row_object"
    inherit_cache = False
    type = sa.types.NULLTYPE

    def __init__(self, pairs: Sequence[tuple[str, Element]], function: str = "row_to_json") -> None:
        self.names, self.function = tuple(name for name, _ in pairs), function
        super().__init__(*(element for _, element in pairs))


@compiles(RowObject)
def _row_object(element: RowObject, compiler: Any, **kw: Any) -> str:
    quote = compiler.preparer.quote_identifier
    values = _parts(element, compiler, kw)
    columns = ", ".join(
        f"{value} AS {quote(name)}" for value, name in zip(values, element.names, strict=True)
    )
    return f"(SELECT {element.function}(_o.*) FROM (SELECT {columns}) AS _o)"  # noqa: S608 - names are quoted


def _parts(
    element: FunctionElement[Any], compiler: Any, kw: dict[str, Any], grouped: bool = False
) -> Iterator[str]:
    inner = {**kw, "within_columns_clause": False}
    inner.pop("add_to_result_map", None)
    for clause in element.clauses:
        text = compiler.process(clause, **inner)
        yield text if not grouped or isinstance(clause, _ATOMS) else f"({text})"


_ATOMS = (sa.ColumnClause, sa.BindParameter, FunctionElement, sa.ScalarSelect, sa.TypeCoerce)


def pushed(element: Element, form: Callable[[Element], Element]) -> Element:
    """`form` of an element, applied where the value is made, in the branches of a CASE and inside a sub-select.

    A form that names its operand several times has SQLite compute a sub-select as often; a plain value costs nothing.
    """
    match element:
        case sa.Case():
            branches = [(when, pushed(then, form)) for when, then in element.whens]
            otherwise = None if element.else_ is None else pushed(element.else_, form)
            return sa.case(*branches, else_=otherwise)
        case sa.ScalarSelect(element=sa.Select() as query):
            (column,) = query.selected_columns
            return query.with_only_columns(pushed(column, form), maintain_column_froms=True).scalar_subquery()
        case _:
            return form(element)


def literal(text: str) -> Element:
    """A text constant, written into the SQL."""
    quoted = text.replace("'", "''")
    return sa.literal_column(f"'{quoted}'")

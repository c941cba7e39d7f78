r"""The operators of filters in query strings: `status=active`, `deadline[gte]=2026-01-01`.

- `in`, `nin` and `between` take values separated by commas. Within a value a comma is written `\,`, and a
  backslash before a comma or another backslash is written `\\`.
- `ne` and `nin` include the rows where the field is null. `between` includes both ends.
- Text operators ignore case on text fields. `contains` on a list field asks for an element.
- Money is compared by its amount. A date stands for its beginning, in UTC, where a field holds moments.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from headwater.base.errors import nearest
from headwater.ir.expr import (
    And,
    Compare,
    Comparison,
    HasElement,
    IsNull,
    Matches,
    Not,
    OneOf,
    Predicate,
    Value,
)
from headwater.ir.model import Kind
from headwater.ir.names import Place, UnknownName
from headwater.ir.scalars import boolean_text, malformed
from headwater.ir.values import query_decoder

Build = Callable[[str], Predicate]

_EQUAL = ("eq", "ne", "in", "nin", "isNull")
_ORDER = ("lt", "lte", "gt", "gte", "between")
_TEXT = ("contains", "startsWith")

OPERATORS: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.TEXT: (*_EQUAL, *_ORDER, *_TEXT),
    Kind.ID: (*_EQUAL, *_ORDER, *_TEXT),
    Kind.ENUM: _EQUAL,
    Kind.BOOLEAN: _EQUAL,
    Kind.INTEGER: (*_EQUAL, *_ORDER),
    Kind.FLOAT: (*_EQUAL, *_ORDER),
    Kind.DECIMAL: (*_EQUAL, *_ORDER),
    Kind.MONEY: (*_EQUAL, *_ORDER),
    Kind.DATE: (*_EQUAL, *_ORDER),
    Kind.DATETIME: (*_EQUAL, *_ORDER),
    Kind.DURATION: (*_EQUAL, *_ORDER),
    Kind.LIST: ("contains", "isNull"),
    Kind.JSON: ("isNull",),
}
UNSORTED: Final = frozenset({Kind.LIST, Kind.JSON})

_SNAKE: Final = {"starts_with": "startsWith", "is_null": "isNull"}
_ALL: Final = (*_EQUAL, *_ORDER, *_TEXT)


def builder(place: Place, operator: str) -> Build:
    """The function from a parameter's text to its predicate, which raises BadValue.

    Raises: UnknownName, where the field does not have the operator.
    """
    name = _SNAKE.get(operator, operator)
    allowed = OPERATORS[place.field.type.kind]
    if name not in allowed:
        raise _no_operator(place, operator, allowed)
    build = _build(place, name)
    return (lambda text: place.holds(build(text))) if place.many else build


def _build(place: Place, operator: str) -> Build:
    column = place.column
    if operator == "isNull":
        return lambda text: IsNull(column) if boolean_text(text) else Not(IsNull(column))
    decode = query_decoder(place.field.type)
    match operator:
        case "in":
            return lambda text: OneOf(column, tuple(decode(part) for part in split(text)))
        case "nin":
            return lambda text: Not(OneOf(column, tuple(decode(part) for part in split(text))))
        case "between":

            def between(text: str) -> Predicate:
                ends = split(text)
                if len(ends) != 2:
                    raise malformed("Must be two values, separated by a comma.")
                low, high = (Value(decode(end)) for end in ends)
                return And((Compare("gte", column, low), Compare("lte", column, high)))

            return between
        case "contains" if place.field.type.kind is Kind.LIST:
            return lambda text: HasElement(column, Value(decode(text)))
        case "contains":
            return lambda text: Matches("contains", column, Value(decode(text)))
        case "startsWith":
            return lambda text: Matches("startsWith", column, Value(decode(text)))
        case _:
            return _comparison(place, operator)


def _comparison(place: Place, operator: str) -> Build:
    column, decode = place.column, query_decoder(place.field.type)
    comparisons: dict[str, Comparison] = {
        "eq": "eq", "ne": "ne", "lt": "lt", "lte": "lte", "gt": "gt", "gte": "gte"
    }  # fmt: skip
    comparison = comparisons[operator]
    return lambda text: Compare(comparison, column, Value(decode(text)))


def _no_operator(place: Place, operator: str, allowed: tuple[str, ...]) -> UnknownName:
    wire, kind = place.field.wire, place.field.type.kind
    if operator == "eq" and kind in UNSORTED:
        what = "a JSON object" if kind is Kind.JSON else "a list"
        return UnknownName(f"`{wire}` is {what}; it can be filtered by {_listed(allowed)} only.")
    if _SNAKE.get(operator, operator) in _ALL:
        return UnknownName(
            f"`{wire}` cannot be filtered by `{operator}`; its operators are {_listed(allowed)}."
        )
    near = nearest(operator, allowed)
    mend = f"did you mean `{near}`?" if near else f"the operators of `{wire}` are {_listed(allowed)}."
    return UnknownName(f"There is no operator `{operator[:40]}`; {mend}")


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


_PART = re.compile(r"((?:[^,\\]|\\.|\\$)*)(,|$)", re.DOTALL)
_ESCAPED = re.compile(r"\\([,\\])")


def split(text: str) -> list[str]:
    """The values of a comma-separated list, its escapes undone."""
    if "\\" not in text:
        return text.split(",")
    parts, place = [], 0
    while True:
        found = _PART.match(text, place)
        assert found is not None  # every text starts with a part, if an empty one
        parts.append(_ESCAPED.sub(r"\1", found[1]))
        place = found.end()
        if not found[2]:
            return parts

r"""The operators of filters: `status=active` and `deadline[gte]=2026-01-01` in query strings, and
`{"deadline": {"gte": "2026-01-01"}}` in JSON.

- `in`, `nin` and `between` take a JSON array, or values separated by commas. Within such a value a comma is written
  `\,`, and a backslash before a comma or another backslash is written `\\`. Repeats of a
  parameter mean one list.
- `ne` and `nin` include the rows where the field is null. `between` includes both ends.
- Text operators ignore case and accents on text fields. `contains` on a list field asks for an element.
- Money is compared by its amount. A date stands for its beginning, in UTC, where a field holds moments.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

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
from headwater.ir.model import Kind, Type
from headwater.ir.names import Place, UnknownName
from headwater.ir.scalars import BadValue, beyond, boolean_text, boolean_value, json_name, malformed
from headwater.ir.values import MAX_ELEMENTS, filter_decoder, query_decoder

Build = Callable[[Sequence[str]], Predicate]
BuildJson = Callable[[Any], Predicate]

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

_SEVERAL: Final = frozenset({"in", "nin", "between"})
_SNAKE: Final = {"starts_with": "startsWith", "is_null": "isNull"}
ALL: Final = (*_EQUAL, *_ORDER, *_TEXT)


@dataclass(frozen=True, slots=True)
class _Spelling:
    """How values are read: a truth value, one of a type, and several. `two` asks for a pair of them."""

    flag: Callable[[Any], bool]
    decoder: Callable[[Type], Callable[[Any], Any]]
    parts: Callable[[Any], list[Any]]
    two: str


def builder(place: Place, operator: str) -> Build:
    """The function from a parameter's texts to its predicate, which raises BadValue: one for each time that it is
    given, where it takes a list, or else always one.

    Raises: UnknownName, where the field does not have the operator.
    """
    build = _reader(place, operator, _TEXTS)
    return build if takes_list(operator) else lambda texts: build(texts[0])


def takes_list(operator: str) -> bool:
    """Whether an operator asks for several values."""
    return operator in _SEVERAL


def json_builder(place: Place, operator: str) -> BuildJson:
    """The function from a decoded JSON value to its predicate; nothing is coerced. Raises as `builder` does."""
    return _reader(place, operator, _JSON)


def _reader(place: Place, operator: str, spelling: _Spelling) -> Callable[[Any], Predicate]:
    name = _SNAKE.get(operator, operator)
    allowed = OPERATORS[place.field.type.kind]
    if name not in allowed:
        raise _no_operator(place, operator, allowed)
    make = _predicate(place, name)
    if name == "isNull":
        return lambda sent: place.holds(make(spelling.flag(sent)))
    decode = spelling.decoder(place.field.type)
    if name not in _SEVERAL:
        return lambda sent: place.holds(make(decode(sent)))

    def several(sent: Any) -> Predicate:
        parts = spelling.parts(sent)
        if name == "between" and len(parts) != 2:
            raise malformed(spelling.two)
        values = []
        for index, part in enumerate(parts):
            try:
                values.append(decode(part))
            except BadValue as bad:
                bad.path = f"[{index}]{bad.path}"
                raise
        return place.holds(make(values))

    return several


def _predicate(place: Place, operator: str) -> Callable[[Any], Predicate]:
    """The function from a decoded value, or from a list of them, to a predicate over the place's column."""
    column = place.column
    match operator:
        case "isNull":
            return lambda null: IsNull(column) if null else Not(IsNull(column))
        case "in":
            return lambda values: OneOf(column, tuple(values))
        case "nin":
            return lambda values: Not(OneOf(column, tuple(values)))
        case "between":
            return lambda ends: And(
                (Compare("gte", column, Value(ends[0])), Compare("lte", column, Value(ends[1])))
            )
        case "contains" if place.field.type.kind is Kind.LIST:
            return lambda value: HasElement(column, Value(value))
        case "contains":
            return lambda value: Matches("contains", column, Value(value))
        case "startsWith":
            return lambda value: Matches("startsWith", column, Value(value))
    comparisons: dict[str, Comparison] = {
        "eq": "eq", "ne": "ne", "lt": "lt", "lte": "lte", "gt": "gt", "gte": "gte"
    }  # fmt: skip
    comparison = comparisons[operator]
    return lambda value: Compare(comparison, column, Value(value))


def _no_operator(place: Place, operator: str, allowed: tuple[str, ...]) -> UnknownName:
    wire, kind = place.field.wire, place.field.type.kind
    if operator == "eq" and kind in UNSORTED:
        what = "a JSON object" if kind is Kind.JSON else "a list"
        return UnknownName(f"`{wire}` is {what}; it can be filtered by {_listed(allowed)} only.")
    if _SNAKE.get(operator, operator) in ALL:
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


def _elements(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise malformed(f"Must be an array, not {json_name(value)}.")
    if len(value) > MAX_ELEMENTS:
        raise beyond(f"Must have at most {MAX_ELEMENTS} elements, not {len(value)}.")
    return value


def _parts(texts: Sequence[str]) -> list[str]:
    return split(texts[0]) if len(texts) == 1 else [part for text in texts for part in split(text)]


_TEXTS: Final = _Spelling(boolean_text, query_decoder, _parts, "Must be two values, separated by a comma.")
_JSON: Final = _Spelling(boolean_value, filter_decoder, _elements, "Must be an array of two values.")

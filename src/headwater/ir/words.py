"""Expressions in words ("deadline is at least start"), for messages and documentation. Names are spelt as clients know
them."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from headwater.ir import expr as e
from headwater.ir.scalars import datetime_wire, duration_wire

_COMPARED = {
    "eq": "",
    "lt": "less than ",
    "lte": "at most ",
    "gt": "more than ",
    "gte": "at least ",
}
_FUNCTIONS = {
    "count": "number of values",
    "countDistinct": "number of different values",
    "sum": "sum",
    "avg": "average",
    "min": "least",
    "max": "greatest",
}


def words(expr: e.Expr) -> str:
    """The expression as a statement, or as the name of a value."""
    return _say(expr)


def _say(expr: e.Expr, no: bool = False) -> str:
    """`no`: its opposite."""
    be = "is not" if no else "is"
    match expr:
        case e.Compare("ne", left, right):
            return _say(e.Compare("eq", left, right), not no)
        case e.Compare(op, left, right):
            return f"{words(left)} {be} {_COMPARED[op]}{words(right)}"
        case e.OneOf(item, values):
            return f"{words(item)} {be} one of {', '.join(_value(v) for v in values)}"
        case e.IsNull(item):
            return f"{words(item)} {'is given' if no else 'is empty'}"
        case e.Matches(op, item, text):
            verb = "start with" if op == "startsWith" else "contain"
            return f"{words(item)} {_verb(verb, no)} {words(text)}"
        case e.HasElement(item, element):
            return f"{words(item)} {_verb('contain', no)} {words(element)}"
        case e.HasRole(role):
            return f"you {'do not have' if no else 'have'} the role {role}"
        case e.Not(item):
            return _say(item, not no)
        case e.And(items) | e.Or(items):
            together = isinstance(expr, e.And) != no
            said = (_within(item, no, together) for item in items)
            return (" and " if together else " or ").join(said)
        case e.Related():
            return _related(expr, no)
        case e.Bool(value):
            return "always" if value != no else "never"
        case e.Column() if no:
            return f"{_path(expr.path)} {be} true"
        case e.Case(when, then, otherwise):
            return f"({words(then)} if {words(when)}, else {words(otherwise)})"
        case e.Coalesce(items):
            return f"({', or else '.join(words(item) for item in items)})"
        case e.Arithmetic(op, left, right):
            return f"({words(left)} {op} {words(right)})"
        case e.Aggregate():
            return _aggregate(expr)
        case e.Column(path):
            return _path(path)
        case e.Value(value):
            return _value(value)
        case e.ActorValue():
            return "you"
        case e.Now():
            return "now"


def _within(expr: e.Expr, no: bool, together: bool) -> str:
    """A part of a conjunction or disjunction, in brackets where the other one is inside."""
    said = _say(expr, no)
    inner = expr.item if isinstance(expr, e.Not) else expr
    if not isinstance(inner, e.And | e.Or):
        return said
    joined = isinstance(inner, e.And) != (no != isinstance(expr, e.Not))
    return said if joined == together else f"({said})"


def _verb(verb: str, no: bool) -> str:
    if no:
        return f"does not {verb}"
    first, _, rest = verb.partition(" ")
    return f"{first}s {rest}".rstrip()


def _related(expr: e.Related, no: bool) -> str:
    quantifier = expr.quantifier
    if no and quantifier in ("any", "none"):
        quantifier, no = ("none" if quantifier == "any" else "any"), False
    name = _path(expr.path)
    if quantifier == "every":
        return f"{'not ' if no else ''}all of {name} satisfy: {words(expr.where)}"
    some = "one" if quantifier == "any" else "none"
    where = "" if expr.where == e.TRUE else f" where {words(expr.where)}"
    return f"there is {some} of {name}{where}"


def _aggregate(expr: e.Aggregate) -> str:
    where = "" if expr.where is None else f" where {words(expr.where)}"
    over = _path(expr.path) if expr.path else str(expr.resource)
    if expr.function == "count" and expr.value is None:
        return f"the number of {over}{where}"
    value = "" if expr.value is None else words(expr.value)
    return f"the {_FUNCTIONS[expr.function]} of {value} over {over}{where}"


def _path(path: tuple[str, ...]) -> str:
    return ".".join(_camel(name) for name in path)


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in others)


def _value(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return str(value)
        case datetime():
            return datetime_wire(value)
        case date():
            return value.isoformat()
        case timedelta():
            return duration_wire(value)
        case Decimal():
            return f"{value:f}"
        case _:
            return str(value)

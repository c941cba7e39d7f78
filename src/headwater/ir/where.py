"""Filters as JSON: trees of `and`, `or` and `not` over operator objects.

    {"or": [{"status": {"in": ["submitted"]}}, {"project": {"name": {"contains": "swan"}}}]}

The members of an object hold together. A relation holds an object of its own: what is said of the related row or,
where it leads to many, of any one of them. The predicates are the same as those of query strings, so that the same
question has the same plan in either spelling.
"""

from collections.abc import Mapping
from typing import Any, Final

from headwater.base.errors import Detail, shortened
from headwater.ir.expr import TRUE, Column, Not, Or, Predicate, Quantifier, Related
from headwater.ir.filters import ALL, json_builder
from headwater.ir.model import Relation, Resource
from headwater.ir.names import Namer, Place, UnknownName, only_shown
from headwater.ir.query import MAX_CONDITIONS, MAX_INCLUDE_DEPTH
from headwater.ir.scalars import BadValue, detail_of, json_name
from headwater.ir.selection import conjunction

MAX_NESTING: Final = 16
QUANTIFIERS: Final[Mapping[str, Quantifier]] = {"some": "any", "every": "every", "none": "none"}
_WORDS: Final = ("and", "or", "not")


class _Row:
    """Which row a part of a filter speaks of: one of `resource`, `path` behind the row that columns start from."""

    __slots__ = ("hops", "path", "resource")

    def __init__(self, resource: Resource, path: tuple[str, ...] = (), hops: int = 0) -> None:
        self.resource, self.path, self.hops = resource, path, hops


class Filters:
    """The filters of one request while they are read: all together have at most `MAX_CONDITIONS`.

    `quantified`: what is said of a to-many relation stands in `some`, `every` or `none`; a member that is null, and an
    empty object, are as if left out, since that is what becomes of variables that are not given. An operator is never
    null.
    """

    __slots__ = ("count", "namer", "problems", "quantified")

    def __init__(self, namer: Namer, problems: list[Detail], *, quantified: bool = False) -> None:
        self.namer, self.problems, self.quantified = namer, problems, quantified
        self.count = 0

    def where(self, resource: Resource, sent: Any, at: str) -> list[Predicate]:
        """The predicates of a filter, which hold together. What is wrong with it is added to the problems, each with
        its place below `at`; then the result means nothing."""
        return [] if sent == {} else self._conditions(_Row(resource), sent, at, 1)

    def _conditions(self, row: _Row, sent: Any, at: str, depth: int) -> list[Predicate]:
        """The predicates of one object's members."""
        if self.count > MAX_CONDITIONS:
            return []  # that there are too many is told already
        if not isinstance(sent, dict):
            self._problem(at, f"`{at}` must be an object of conditions, not {json_name(sent)}.")
            return []
        if not sent and not self.quantified:
            self._problem(at, f"`{at}` is empty; say what must hold, or leave it out.")
        if depth > MAX_NESTING:
            self._problem(at, f"A filter nests at most {MAX_NESTING} levels.", "QUERY_TOO_COMPLEX")
            return []
        found: list[Predicate] = []
        for name, value in sent.items():
            if value is None and self.quantified:
                continue
            place = f"{at}.{shortened(name)}"
            if name in _WORDS:
                found += self._logic(row, name, value, place, depth)
            else:
                found += self._named(row, name, value, place, depth)
        return found

    def _logic(self, row: _Row, word: str, value: Any, at: str, depth: int) -> list[Predicate]:
        if word == "not":
            inner = conjunction(self._conditions(row, value, at, depth + 1))
            return [] if inner is None else [Not(inner)]
        if not isinstance(value, list):
            self._problem(at, f"`{at}` must be an array of objects, not {json_name(value)}.")
            return []
        if not value:
            self._problem(at, f"`{at}` is empty; name conditions, or leave it out.")
        groups = [self._conditions(row, item, f"{at}[{i}]", depth + 1) for i, item in enumerate(value)]
        if word == "and":
            return [predicate for group in groups for predicate in group]
        branches = tuple(branch for group in groups if (branch := conjunction(group)) is not None)
        return [] if not branches else [branches[0]] if len(branches) == 1 else [Or(branches)]

    def _named(self, row: _Row, name: str, value: Any, at: str, depth: int) -> list[Predicate]:
        names = self.namer.names(row.resource)
        relation = names.relations.get(name)
        field = names.fields.get(name)
        if relation is not None and (field is None or field.target is not None):
            return self._related(row, relation, value, at, depth)
        if field is None:
            self._unknown(row, name, at)
            return []
        if field.batch is not None:
            self._problem(at, only_shown(field))
            return []
        if value == {} and self.quantified:
            return []
        if not isinstance(value, dict) or not value:
            mend = f'write `{{"{field.wire}": {{"eq": …}}}}`'
            self._problem(at, f"`{at}` must be an object of operators, not {_said(value)}; {mend}.")
            return []
        place = Place(Column((*row.path, field.name)), field)
        return [
            predicate
            for operator, operand in value.items()
            for predicate in self._compared(place, operator, operand, f"{at}.{shortened(operator)}")
        ]

    def _compared(self, place: Place, operator: str, operand: Any, at: str) -> list[Predicate]:
        self.count += 1
        if self.count > MAX_CONDITIONS:
            if self.count == MAX_CONDITIONS + 1:
                message = f"A query has at most {MAX_CONDITIONS} conditions."
                self._problem(at, message, "QUERY_TOO_COMPLEX")
            return []
        try:
            build = json_builder(place, operator)
            if operand is None:
                null = "false" if operator == "ne" else "true"
                self._problem(at, f'`{at}` must not be null; write `{{"isNull": {null}}}`.')
                return []
            return [build(operand)]
        except UnknownName as unknown:
            self._problem(at, unknown.message, "UNKNOWN_FIELD")
        except BadValue as bad:
            self.problems.append(detail_of(at, bad))
        return []

    def _related(self, row: _Row, relation: Relation, value: Any, at: str, depth: int) -> list[Predicate]:
        if row.hops >= MAX_INCLUDE_DEPTH:
            message = f"`{at}` leads through more than {MAX_INCLUDE_DEPTH} relations."
            self._problem(at, message, "QUERY_TOO_COMPLEX")
            return []
        target = self.namer.model.resources[relation.target]
        if relation.kind == "one" and isinstance(value, dict):
            compared = [name for name in value if name in ALL and name not in self.namer.names(target).fields]
            if compared:
                wire = row.resource.fields[relation.field].wire
                self._problem(at, f"`{relation.wire}` is a relation; `{compared[0]}` goes with `{wire}`.")
                return []
        path = (*row.path, relation.name)
        if relation.kind == "one":
            return self._conditions(_Row(target, path, row.hops + 1), value, at, depth + 1)
        if self.quantified:
            return self._quantified(_Row(target, (), row.hops + 1), path, value, at, depth + 1)
        inner = conjunction(self._conditions(_Row(target, (), row.hops + 1), value, at, depth + 1))
        return [] if inner is None else [Related("any", path, inner)]

    def _quantified(
        self, row: _Row, path: tuple[str, ...], value: Any, at: str, depth: int
    ) -> list[Predicate]:
        """What is said of some, of every or of none of the rows behind a relation; with no condition, that there are
        any, or none."""
        found: list[Predicate] = []
        for word, sent in value.items():
            if sent is not None:
                inner = (
                    None
                    if sent == {}
                    else conjunction(self._conditions(row, sent, f"{at}.{word}", depth + 1))
                )
                found.append(Related(QUANTIFIERS[word], path, TRUE if inner is None else inner))
        return found

    def _unknown(self, row: _Row, name: str, at: str) -> None:
        base, dot, rest = name.partition(".")
        if dot and base in self.namer.names(row.resource).relations:
            message = f'Nest what is said of a relation: `{{"{base}": {{"{shortened(rest)}": …}}}}`.'
        elif name.partition("[")[0] in self.namer.names(row.resource).fields and name.endswith("]"):
            field, _, operator = name[:-1].partition("[")
            message = f'Nest the operator: `{{"{field}": {{"{shortened(operator)}": …}}}}`.'
        else:
            message = self.namer.unknown(row.resource, name[:80], also=_WORDS).message
        self._problem(at, message, "UNKNOWN_FIELD")

    def _problem(self, at: str, message: str, code: str = "INVALID_FORMAT") -> None:
        self.problems.append(Detail(code, message, at))


def _said(value: Any) -> str:
    return "an empty one" if value == {} else json_name(value)

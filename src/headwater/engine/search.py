"""Which rows a search finds, and in which order.

A row's rank follows from its own text alone, as the caller sees it: no statistics of other rows enter it, which would
tell of those that are hidden, and so both databases give the same. Each term counts by where it is found best:

1. it is a whole field,
2. a field starts with it,
3. a word of a field starts with it,
4. it is within a word;

of those alike, in the field that is declared first, and then in the shorter text. What the terms score is added, and
where there are several, what they score as one phrase as well, if they are found so.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import sqlalchemy as sa

from headwater.db.base import Element
from headwater.db.elements import Template
from headwater.engine.compile import ID, INTEGER, Compiler, Scope
from headwater.ir import expr as e
from headwater.ir.model import Field
from headwater.ir.query import Search
from headwater.ir.search import searchable
from headwater.ir.shape import Slot

_FIELDS: Final = 16
"""Fields that are told apart in a rank; those behind them count as the last of these."""
_LENGTHS: Final = 40
"""Bits of a rank below the points, in which the lengths of texts are told apart."""


def finds(compiler: Compiler, scope: Scope, search: Search) -> list[Element]:
    """What holds for the rows that are found: each term is in some field that the caller may read there."""
    fields = _readable(compiler, scope)
    if not fields:
        return [sa.false()]
    dialect = compiler.schema.dialect
    found: list[Element] = []
    if any(search.indexed):
        columns = [compiler.raw(field, scope, folded=True) for field in fields]
        patterns = [
            compiler.slot(_slot(term), dialect.encode_pattern, ID)
            for term, indexed in zip(search.terms, search.indexed, strict=True)
            if indexed
        ]
        found.append(dialect.indexed(scope.resource.table, scope.table.name, columns, patterns))
    # What the index finds may be in a field that is masked, or be not quite it.
    texts = _texts(compiler, scope, fields)
    for term in search.terms:
        sought = compiler.slot(_slot(term), None, ID)
        found.append(sa.or_(*(dialect.contains(text, sought) for text in texts)))
    return found


def rank(compiler: Compiler, scope: Scope, search: Search) -> Element:
    """The place of a row that is found among the others, the best first: a whole number that is never null."""
    texts = _texts(compiler, scope, _readable(compiler, scope))
    if not texts:
        return sa.literal_column("0")
    parts = [_score(compiler, texts, [_slot(term)]) for term in search.terms]
    if len(search.terms) > 1:
        parts.append(_score(compiler, texts, [_slot(term) for term in search.terms]))
    return Template(
        " + ".join(f"{{{place}}}" for place in range(len(parts))),
        *parts,
        type=compiler.schema.dialect.column_type(INTEGER),
    )


def _score(compiler: Compiler, texts: Sequence[Element], terms: Sequence[Slot]) -> Element:
    """What some terms score as one phrase: less is better, and zero is nothing."""
    dialect = compiler.schema.dialect
    places = [term.index for term in terms]

    def phrase(values: list[Any]) -> str:
        return " ".join([values[place] for place in places])

    whole = compiler.bind(lambda call, values: phrase(values), ID)
    word = compiler.bind(lambda call, values: dialect.encode_word(phrase(values)), ID)
    degrees: list[Callable[[Element], Element]] = [
        lambda text: text == whole,
        lambda text: dialect.starts_with(text, whole),
        lambda text: dialect.starts_word(text, word),
        lambda text: dialect.contains(text, whole),
    ]
    branches: list[tuple[Element, Element]] = []
    for degree, holds in enumerate(degrees):
        for place, text in enumerate(texts):
            points = (len(degrees) - degree) * _FIELDS - min(place, _FIELDS - 1)
            branches.append((holds(text), Template(f"(length({{0}}) - {points << _LENGTHS})", text)))
    return sa.case(*branches, else_=sa.literal_column("0"))


def _readable(compiler: Compiler, scope: Scope) -> list[Field]:
    """The fields that a search may look into, on some rows at least."""
    rules = compiler.rules
    fields = searchable(scope.resource)
    if rules is None:
        return list(fields)
    return [field for field in fields if rules.unmasked(scope.resource, field.name) != e.FALSE]


def _texts(compiler: Compiler, scope: Scope, fields: Sequence[Field]) -> list[Element]:
    return [compiler.value(field, scope, folded=True)[0] for field in fields]


def _slot(term: Any) -> Slot:
    assert isinstance(term, Slot)
    return term

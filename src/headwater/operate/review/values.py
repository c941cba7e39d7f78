"""Sections "formats", "limits", "integrity", "states": what values are, and how large."""

import re
from collections.abc import Iterator
from typing import Final

from headwater.declare.fields import Place
from headwater.declare.rules import Together
from headwater.ir.model import Field, Kind
from headwater.operate.review.subject import Found, Reviewed, Subject

MONEY: Final = ("price", "cost", "amount", "fee", "salary", "wage", "budget", "balance", "rent", "deposit", "refund",
                "discount", "revenue", "turnover", "profit")  # fmt: skip
INSTANTS: Final = ("at", "time", "timestamp", "datetime")
ZONES: Final = ("utc", "gmt", "local", "tz", "cet", "est", "pst")
UNITS: Final = ("seconds", "minutes", "milliseconds", "millis", "ms", "secs", "mins", "duration", "timeout")
NUMBERS: Final = (Kind.INTEGER, Kind.FLOAT, Kind.DECIMAL)
CODES: Final = {
    "country": "[A-Z]{2}", "currency": "[A-Z]{3}",
    "language": "[a-z]{2,3}(-[A-Z]{2})?", "locale": "[a-z]{2,3}(-[A-Z]{2})?",
}  # fmt: skip


def formats(of: Subject) -> Iterator[Found]:
    for reviewed in of.own():
        field, path = reviewed.field, reviewed.path
        last = field.name.split("_")[-1]
        yield from _money(of, path, field)
        yield from _times(of, path, field)
        if field.type.kind in NUMBERS and last in UNITS:
            mend = "make it `Field[timedelta]`, which clients see in ISO 8601, and leave the unit out of its name"
            yield of.found("duration-type", path, "it is a duration, and is a number", mend)
        if field.type.kind is Kind.TEXT and field.limits.format is None and field.limits.pattern is None:
            if last in ("email", "mail"):
                yield of.found(
                    "text-format", path, "it is an e-mail address in any form", "write `= email()`"
                )
            elif last in ("url", "website", "homepage", "link"):
                yield of.found("text-format", path, "it is a URL in any form", "write `= url()`")
            elif last in CODES:
                mend = f'write `field(pattern=r"{CODES[last]}")`, or make it an enum'
                yield of.found("text-format", path, f"it is a {last} in any form", mend)


def _money(of: Subject, path: str, field: Field) -> Iterator[Found]:
    if not any(word in MONEY for word in field.name.split("_")) or "percent" in field.name:
        return
    mend = 'write `Field[Decimal] = money(currency="EUR")`'
    if field.type.kind is Kind.FLOAT:
        yield of.found("money-float", path, "it is money, and is a float, which rounds", mend)
    elif field.type.kind in (Kind.INTEGER, Kind.DECIMAL):
        yield of.found("money-plain", path, "it is money, and names no currency", mend)


def _times(of: Subject, path: str, field: Field) -> Iterator[Found]:
    words = field.name.split("_")
    kind, last = field.type.kind, words[-1]
    if kind in (Kind.DATE, Kind.DATETIME) and any(word in ZONES for word in words):
        mend = "leave the zone out of its name: every instant is in UTC"
        yield of.found("time-name", path, "its name speaks of a time zone", mend)
    elif kind is Kind.DATETIME and (last in ("date", "day", "birthday") or (len(words) > 1 and last == "on")):
        mend = f"name it `{'_'.join(words[:-1]) or 'happened'}_at`, or hold a date"
        yield of.found("time-name", path, "it is an instant, and named like a day", mend)
    elif kind is Kind.DATE and len(words) > 1 and last in INSTANTS:
        mend = f"name it `{'_'.join(words[:-1])}_on`, or hold a datetime"
        yield of.found("time-name", path, "it is a day, and named like an instant", mend)
    timely = last in (*INSTANTS, "date", "birthday", "deadline") and not (last == "time" and len(words) == 1)
    if kind in (Kind.TEXT, Kind.INTEGER, Kind.FLOAT) and timely and (len(words) > 1 or last not in ("at",)):
        told = "text" if kind is Kind.TEXT else "number"
        mend = "make it `Field[date]` or `Field[datetime]`"
        yield of.found("time-type", path, f"it is a moment, and is a {told}", mend)


def limits(of: Subject) -> Iterator[Found]:
    for reviewed in of.written():
        field, limit = reviewed.field, reviewed.field.limits
        if field.type.kind is Kind.TEXT and limit.max_length is None and limit.format is None:
            if limit.pattern is None or re.search(r"(?<!\\)[*+]|\{\d*,\}", limit.pattern):
                yield of.found(
                    "unbounded-text", reviewed.path, "it may be of any length", "give it a max_length"
                )
        elif field.type.kind is Kind.LIST and limit.max_length is None:
            mend = "give it a max_length, or keep its elements as rows of a resource"
            yield of.found("unbounded-list", reviewed.path, "it may have any number of elements", mend)


def integrity(of: Subject) -> Iterator[Found]:
    fields = of.resource.fields
    message = "it is unique and may be null, and rows with a null are not compared"
    mend = "let it never be null, or accept this"
    for reviewed in of.own():
        if reviewed.field.unique and reviewed.field.nullable:
            yield of.found("nullable-unique", reviewed.path, message, mend)
    for unique, place in uniques(of):
        for name in unique:
            if fields[name].nullable:
                told = f"it is part of what is unique ({', '.join(unique)}) and may be null; such rows are not compared"
                yield of.found("nullable-unique", name, told, mend, place)


def uniques(of: Subject) -> Iterator[tuple[tuple[str, ...], Place]]:
    """The fields that are unique together, and where that is declared."""
    statements = [s for s in of.statements(Together) if s.kind == "unique"]
    for unique, statement in zip(of.resource.uniques, statements, strict=True):
        yield unique.fields, statement.place


def states(of: Subject) -> Iterator[Found]:
    for reviewed in of.own():
        moves = reviewed.field.moves
        if moves is None:
            continue
        yield from _moves(of, reviewed, {s: tuple(m for m in to if m != s) for s, to in moves.items()})


def _moves(of: Subject, reviewed: Reviewed, moves: dict[str, tuple[str, ...]]) -> Iterator[Found]:
    if not any(moves.values()):
        mend = "declare its moves, or make it `field()` if any value may follow any other"
        yield of.found("no-moves", reviewed.path, "no state leads to another", mend)
        return
    if reviewed.field.default is None:
        yield of.found("no-start", reviewed.path, "a row may begin in any state", "give it a default")
        return
    start = str(reviewed.field.default())
    reached, waiting = {start}, [start]
    while waiting:
        for state in moves[waiting.pop()]:
            if state not in reached:
                reached.add(state)
                waiting.append(state)
    for state in moves:
        if state not in reached:
            mend = f"add a move to it, or leave {state!r} out"
            yield of.found(
                "unreachable-state", reviewed.path, f"no move leads from {start!r} to {state!r}", mend
            )

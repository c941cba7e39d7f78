"""What a value must satisfy by itself: length, pattern, range, e-mail and URL form."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from headwater.ir.model import Field, Kind, Limits, Type
from headwater.ir.scalars import BadValue, beyond
from headwater.ir.values import wire_encoder

Check = Callable[[Any], BadValue | None]

# The pattern of HTML's <input type=email>, which accepts what mail systems in fact accept.
_EMAIL = re.compile(
    r"[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
    r"(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*"
)


def check_limits(field: Field, value: Any) -> list[BadValue]:
    """Every limit of the field that a non-null Python value breaks."""
    return limit_checker(field.type, field.limits)(value)


@lru_cache(4096)
def limit_checker(type: Type, limits: Limits) -> Callable[[Any], list[BadValue]]:
    """The function that lists which limits a value breaks."""
    checks = tuple(_checks(type, limits))

    def check(value: Any) -> list[BadValue]:
        found = []
        for one in checks:
            if (bad := one(value)) is not None:
                found.append(bad)
                if "maxLength" in bad.facts:
                    break  # a pattern can take very long over a text that nobody meant it for
        return found

    return check if checks else lambda value: []


def _checks(type: Type, limits: Limits) -> list[Check]:
    checks: list[Check] = []
    show = wire_encoder(type)
    if limits.min_length is not None or limits.max_length is not None:
        checks.append(_length(type, limits.min_length or 0, limits.max_length))
    if limits.pattern is not None:
        checks.append(_pattern(limits.pattern))
    if limits.format == "email":
        checks.append(_email)
    if limits.format == "url":
        checks.append(_url)
    if (low := limits.ge) is not None:
        checks.append(lambda v: None if v >= low else beyond(f"Must be at least {said(show(low))}."))
    if (above := limits.gt) is not None:
        checks.append(lambda v: None if v > above else beyond(f"Must be more than {said(show(above))}."))
    if (high := limits.le) is not None:
        checks.append(lambda v: None if v <= high else beyond(f"Must be at most {said(show(high))}."))
    if (below := limits.lt) is not None:
        checks.append(lambda v: None if v < below else beyond(f"Must be less than {said(show(below))}."))
    return checks


def said(wire: Any) -> str:
    """A JSON value within a sentence."""
    if isinstance(wire, dict) and wire.keys() == {"amount", "currency"}:
        return f"{wire['amount']} {wire['currency']}"
    return str(wire).lower() if isinstance(wire, bool) else str(wire)


def _length(type: Type, least: int, most: int | None) -> Check:
    noun = "element" if type.kind is Kind.LIST else "character"

    def plural(count: int) -> str:
        return f"{count} {noun}" if count == 1 else f"{count} {noun}s"

    def check(value: Any) -> BadValue | None:
        size = len(value)
        if size < least:
            return beyond(f"Must have at least {plural(least)}, has {size}.", minLength=least)
        if most is not None and size > most:
            return beyond(f"Must have at most {plural(most)}, has {size}.", maxLength=most)
        return None

    return check


def _pattern(pattern: str) -> Check:
    compiled = re.compile(pattern)

    def check(value: Any) -> BadValue | None:
        if compiled.fullmatch(value):
            return None
        return beyond(f"Must match the pattern `{pattern}`.", pattern=pattern)

    return check


def _email(value: str) -> BadValue | None:
    if len(value) <= 254 and _EMAIL.fullmatch(value):
        return None
    return beyond("Must be an e-mail address, such as `ada@example.com`.")


def _url(value: str) -> BadValue | None:
    # The length comes first: what is split is remembered, whatever its length.
    if len(value) <= 2048 and not any(c.isspace() or ord(c) < 32 for c in value) and _leads_somewhere(value):
        return None
    return beyond("Must be an absolute http or https URL, such as `https://example.com/path`.")


def _leads_somewhere(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False

"""The spellings of a name: `TimeLog` has the table `time_logs`, and the path `time-logs`."""

import re
from hashlib import blake2b
from typing import Final

MAX_NAME: Final = 63
"""Bytes of a name in the database: PostgreSQL cuts longer ones."""


def snake(name: str) -> str:
    """`TimeLog` as `time_log`, `HTTPProbe` as `http_probe`."""
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()


def camel(name: str) -> str:
    """`created_at` as `createdAt`."""
    first, *others = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in others)


def kebab(name: str) -> str:
    """`time_logs` as `time-logs`."""
    return name.replace("_", "-")


def plural_of(singular: str) -> str:
    """The regular English plural of the last word; irregular ones are declared."""
    if re.search(r"[^aeiou]y$", singular):
        return singular[:-1] + "ies"
    if re.search(r"(s|x|z|ch|sh)$", singular):
        return singular + "es"
    return singular + "s"


def constraint_name(*parts: str) -> str:
    """The name of an index or a constraint. One that is too long ends in a hash, so that no two become the same."""
    name = "_".join(parts)
    if len(name) <= MAX_NAME:
        return name
    told = blake2b(name.encode(), digest_size=4).hexdigest()
    return f"{name[: MAX_NAME - 1 - len(told)]}_{told}"

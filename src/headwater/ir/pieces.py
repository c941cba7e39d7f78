"""Rows in pieces: for surfaces that put rows together in a form of their own.

The database makes the JSON of every value; what stands around the values is the surface's. A row in pieces is one text:
the id as a JSON string; a JSON object of the fields, named by `member`; of each to-one relation shown the id that it
leads to as a JSON string, or `null`; and of each relation included the rows behind it, in pieces as well. They are
separated by control characters, which the text of JSON never holds, and each level of nesting has two of its own.
"""

from typing import Final

from headwater.ir.model import Resource
from headwater.ir.query import MAX_INCLUDE_DEPTH, Select

LEVELS: Final = MAX_INCLUDE_DEPTH + 1


def between_pieces(depth: int) -> str:
    """What separates the pieces of a row at a depth, which is 1 for the rows that were asked for."""
    return chr(0x21 - 2 * depth)


def between_rows(depth: int) -> str:
    """What separates the rows at a depth that are behind one relation."""
    return chr(0x20 - 2 * depth)


def member(resource: Resource, wire: str) -> str:
    """The name of a field or relation where the object around a row has a `type` and an `id` of its own: `taskType` for
    the type of a task. An `id` nobody declares."""
    if wire != "type":
        return wire
    first, *others = resource.singular.split("_")
    return first + "".join(part.capitalize() for part in others) + "Type"


def references(resource: Resource, select: Select) -> tuple[str, ...]:
    """The names of the to-one relations of which a row in pieces tells where they lead, in order."""
    return tuple(name for name in select.relations or () if resource.relations[name].kind == "one")


assert ord(between_rows(LEVELS)) > ord("\r"), "JSON may hold the control characters up to this one"

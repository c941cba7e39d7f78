"""Sections "descriptions" and "errors": what is said about things."""

import inspect
from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from headwater.declare.rules import Must
from headwater.ir.model import Kind
from headwater.operate.review.subject import Found, Subject

PLAIN: Final = ("name", "title", "description")
"""Names of which a description could only say the same again."""


def descriptions(of: Subject) -> Iterator[Found]:
    name = of.resource.name
    if not of.resource.doc:
        mend = "write a docstring below the class line: what one row of it is"
        yield of.found("missing-description", "", f"{name} has no description", mend)
    else:
        yield from _form(of, "", of.resource.doc)
    for action in of.resource.actions.values():
        if not action.doc:
            mend = "write a docstring in the method: what it does, and what it refuses"
            yield of.found("missing-description", action.name, "the action has no description", mend)
        else:
            yield from _form(of, action.name, action.doc)
    enums: dict[type[StrEnum], str] = {}
    for reviewed in of.own():
        field, path = reviewed.field, reviewed.path
        if field.doc:
            yield from _form(of, path, field.doc)
        elif field.target is None and field.type.enum is None and field.name not in PLAIN:
            mend = "write `doc=`, or a text on the line below: what it means, and in which unit"
            yield of.found("field-description", path, "it has no description", mend)
        if field.type.enum is not None:
            enums.setdefault(field.type.enum, path)
        if field.example is None and field.computed is None:
            if field.limits.pattern is not None and field.type.kind in (Kind.TEXT, Kind.ID):
                mend = "write `example=`: a value that matches its pattern"
                yield of.found("missing-example", path, "nobody can make up a value from its pattern", mend)
            elif field.type.kind is Kind.JSON and field.type.parts is None:
                yield of.found(
                    "missing-example", path, "it may hold any JSON", "write `example=`, or use Embedded"
                )
    for enum, path in enums.items():
        if not own_doc(enum):
            mend = f"write a docstring in {enum.__name__}: what it tells apart"
            yield of.found("enum-description", path, f"its enum {enum.__name__} has no description", mend)


def own_doc(enum: type[StrEnum]) -> str:
    """The docstring that an author has given an enum."""
    return inspect.cleandoc(vars(enum).get("__doc__") or "")


def _form(of: Subject, member: str, doc: str) -> Iterator[Found]:
    if told := form(doc):
        yield of.found("description-form", member, *told)


def form(doc: str) -> tuple[str, str] | None:
    """What is wrong with the form of a description, and its mend."""
    first, end = doc.lstrip("`'\"")[:1], doc.rstrip("`)\"'")[-1:]
    if first.islower():
        return "its description begins in lower case", "begin with a capital"
    return None if end in ".?!:" else ("its description ends without a full stop", "end it with one")


def errors(of: Subject) -> Iterator[Found]:
    for statement in of.statements(Must):
        message = (statement.message or "").strip()
        if statement.exactly_one and not message:
            continue  # it has a message of its own
        if not message[:1].isupper() or message[-1:] not in ".!" or " " not in message:
            mend = 'say what must hold, as in "A loan does not end before it starts."'
            yield of.found(
                "check-message", "", f"the message {message!r} is no sentence", mend, statement.place
            )

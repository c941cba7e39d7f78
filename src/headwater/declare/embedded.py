"""Objects with members of their own that are the value of one field, such as a project's drive mapping."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, dataclass_transform

from headwater.base.errors import nearest
from headwater.declare import fields
from headwater.declare.fields import Field, Member, Place
from headwater.declare.resource import Declaration, annotations_of, fill, members_of
from headwater.declare.source import source_of
from headwater.ir import model as m

Complain = Callable[[str, str], None]

FORMS: Final = ("field", "email", "url", "money")
OPTIONS: Final = ("unique", "index", "search", "immutable", "internal")


@dataclass_transform(
    kw_only_default=True,
    frozen_default=True,
    field_specifiers=(fields.field, fields.email, fields.url, fields.money),
)
class EmbeddedMeta(type):
    """Collects what a class declares; `build()` reads it."""

    __embedded__: Declaration

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> EmbeddedMeta:
        cls = super().__new__(mcs, name, bases, namespace)
        frame = sys._getframe(1)
        annotations = annotations_of(cls)
        cls.__embedded__ = Declaration(
            cls=cls,
            place=Place(frame.f_code.co_filename, frame.f_lineno),
            annotations=annotations,
            members=members_of(cls, namespace, annotations),
            scope={} if frame.f_locals is frame.f_globals else dict(frame.f_locals),
        )
        return cls


class Embedded(metaclass=EmbeddedMeta):
    """An object that is the value of a field: derive from it, annotate its members, and write
    `drives: Field[Drives | None] = field(default=None)`.

    It is stored and read whole; a merge patch may change single members. Instances do not change: assign another one.
    """

    __embedded__: ClassVar[Declaration]

    if not TYPE_CHECKING:

        def __init__(self, **given: Any) -> None:
            declaration = type(self).__embedded__
            for name in given:
                if name not in declaration.members:
                    near = nearest(name, declaration.members)
                    hint = f" Did you mean {near!r}?" if near else ""
                    raise TypeError(f"{type(self).__name__}() takes no {name!r}.{hint}")
            self.__dict__["_values"] = values = dict(given)
            fill(declaration, values)

        def __setattr__(self, name: str, value: Any) -> None:
            raise AttributeError(f"A {type(self).__name__} does not change: assign another one to the field.")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.__dict__["_values"] == self.__dict__["_values"]

    def __hash__(self) -> int:
        return hash((type(self), *map(str, self.__dict__["_values"].values())))

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in self.__dict__["_values"].items())
        return f"{type(self).__name__}({values})"


def parts_of(
    cls: type[Embedded],
    known: Mapping[str, Any],
    complain: Complain,
    field_of: Callable[[Declaration, str, Member, str, Complain], m.Field | None],
) -> m.Parts:
    """The members of a class. What is wrong with one is a complaint about the field that holds the object."""
    declaration = replace(cls.__embedded__, known=known)
    told = source_of(cls, declaration.place).docs
    found = []

    def complain_of(name: str, message: str, mend: str) -> None:
        complain(f"{cls.__name__}.{name}: {message}", mend)

    for name, member in declaration.members.items():
        said = partial(complain_of, name)
        given = member.options.given
        if name not in declaration.annotations:
            said("it has no annotation", f"write `{name}: Field[...] = ...`")
            continue
        if not isinstance(member, Field) or member.options.form not in FORMS:
            said(f"`{member.options.form}()` has no place in an object", f"use one of {', '.join(FORMS)}")
            continue
        if wrong := next((option for option in OPTIONS if option in given), None):
            said(f"`{wrong}` means nothing within an object", f"leave {wrong} out")
            continue
        part = field_of(declaration, name, member, str(given.get("doc") or told.get(name, "")), said)
        if part is not None:
            found.append(replace(part, column=None, folded=None))
    if not declaration.members:
        complain(f"{cls.__name__} has no members", "annotate one, such as `path: Field[str]`")
    return m.Parts(cls, tuple(found))


def is_embedded(type_: Any) -> bool:
    return isinstance(type_, type) and issubclass(type_, Embedded)

"""Shapes that resources share: `Interface("Media", [Image, Video])` is a type of GraphQL's that both have."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from headwater.declare.fields import caller
from headwater.declare.problems import Problems
from headwater.declare.resource import Resource
from headwater.ir import model as m


class Interface:
    """What some resources have in common: all their fields of the same name and type. `name` is that of the type."""

    def __init__(self, name: str, resources: Collection[type[Resource]], *, doc: str = "") -> None:
        self.name, self.resources, self.doc = name, tuple(resources), doc
        self.place = caller()


def known_interfaces(
    declared: Sequence[Interface], resources: Mapping[str, m.Resource], problems: Problems
) -> tuple[m.Interface, ...]:
    """The interfaces of a model, with the fields that all their resources share."""
    found = []
    for one in declared:
        subject = f"Interface({one.name!r})"
        if not re.fullmatch("[A-Z][A-Za-z0-9]*", one.name) or one.name in resources:
            problems.add(
                one.place, subject, "the name is no name for a type", "write a new name such as `Media`"
            )
            continue
        names = [cls.__name__ for cls in one.resources]
        unknown = [name for name in names if name not in resources or not resources[name].exposed]
        if unknown or not names:
            what = f"{unknown[0]} is not one of the application's" if unknown else "it has no resources"
            problems.add(one.place, subject, what, "name classes that are listed in `resources`")
            continue
        first, *others = (resources[name] for name in names)
        shared = tuple(
            name
            for name, field in first.fields.items()
            if not field.internal
            and all(
                name in other.fields
                and other.fields[name].type == field.type
                and not other.fields[name].internal
                for other in others
            )
        )
        found.append(m.Interface(one.name, tuple(names), shared, one.doc))
    return tuple(found)

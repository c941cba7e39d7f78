"""The roles of an application: those that are always there, and the declared ones, with what they inherit."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from headwater.declare.constants import near
from headwater.declare.problems import Problems
from headwater.declare.rules import Role
from headwater.ir import model as m

ALWAYS = (
    Role("guest", inherits=(), permissions=["read:public"], doc="Everybody, signed in or not."),
    Role("user", inherits="guest", permissions=["read:user", "write:user"], doc="Whoever has an account."),
    Role("editor", inherits="user", permissions=["write:content"], doc="Looks after shared content."),
    Role("admin", inherits="editor", permissions=["admin:*"], doc="May do everything."),
)
GENERAL = ("public", "user", "content")  # what the permissions of the roles above speak of beside resources


def known_roles(declared: Sequence[Role], problems: Problems) -> Mapping[str, Role]:
    """All roles by name; a declared one takes the place of the one that is always there."""
    roles = {role.name: role for role in ALWAYS}
    seen: set[str] = set()
    for role in declared:
        if not re.fullmatch("[a-z][a-z0-9_-]*", role.name):
            problems.add(
                role.place, f"Role({role.name!r})", "the name is not in lower case", "use a-z, 0-9, _ and -"
            )
        if role.name in seen:
            problems.add(role.place, f"Role({role.name!r})", "it is declared twice", "leave one out")
        seen.add(role.name)
        roles[role.name] = role
    return roles


def expand(
    roles: Mapping[str, Role], verbs: Mapping[str, Collection[str]], problems: Problems
) -> Mapping[str, m.Role]:
    """Each role with all that it inherits. `verbs` are those of each resource, by its path."""
    for role in roles.values():
        place, subject = role.place, f"Role({role.name!r})"
        for parent in role.inherits:
            if parent not in roles:
                problems.add(
                    place, subject, f"it inherits from the unknown role {parent!r}", near(parent, roles)
                )
        if role.graphql_cost is not None and (type(role.graphql_cost) is not int or role.graphql_cost < 1):
            problems.add(
                place, subject, "its `graphql_cost` is no whole number from 1", "write `graphql_cost=10_000`"
            )
        if role.name in _above(role.name, roles):
            problems.add(place, subject, "it inherits from itself", "break the circle")
        for permission in role.permissions if role not in ALWAYS else ():
            if complaint := _wrong(permission, verbs):
                problems.add(place, subject, *complaint)
    return {name: _expanded(role, roles) for name, role in roles.items()}


def _above(name: str, roles: Mapping[str, Role]) -> frozenset[str]:
    """The roles that a role inherits from, near and far; the role itself too, if they go in a circle."""
    found: dict[str, None] = {}
    waiting = [p for p in roles[name].inherits if p in roles]
    while waiting:
        parent = waiting.pop()
        if parent not in found:
            found[parent] = None
            waiting.extend(p for p in roles[parent].inherits if p in roles)
    return frozenset(found)


def _expanded(role: Role, roles: Mapping[str, Role]) -> m.Role:
    above = _above(role.name, roles) | ({"guest"} if role.name != "guest" else set())
    permissions: Iterable[str] = (p for name in (role.name, *above) for p in roles[name].permissions)
    return m.Role(role.name, above, frozenset(permissions), role.doc, role.graphql_cost)


def _wrong(permission: str, verbs: Mapping[str, Collection[str]]) -> tuple[str, str] | None:
    """What is wrong with a permission, and its mend."""
    verb, colon, path = permission.partition(":")
    if not (verb and colon and path):
        return f"{permission!r} is not a permission", 'write "verb:resources", such as "read:tasks"'
    if path in GENERAL:
        return None
    meant = [of for at, of in verbs.items() if fnmatchcase(at, path)]
    if not meant:
        return f"{permission!r} speaks of no resource", near(path, list(verbs))
    valid = {v for of in meant for v in of} | {"write", "admin"}
    if verb != "*" and verb not in valid:
        return f"{permission!r} has an unknown verb", near(verb, valid)
    return None

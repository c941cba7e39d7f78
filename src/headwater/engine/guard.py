"""Who may do what: permissions, row rules and field rules, folded for one kind of caller.

A caller's roles, permissions and scopes decide the shape of the rules; their id only a value in them. So rules are
folded once per kind of caller (`Rules`), and the plan cache is keyed by it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import count

from headwater.base.call import Call
from headwater.base.errors import Detail, Fault
from headwater.ir.expr import FALSE, TRUE, Predicate, all_of, any_of, fold_roles
from headwater.ir.model import REPORTS, TRASH_VERBS, Grant, Report, Resource

_numbers = count()


@lru_cache(maxsize=4096)
def covers(pattern: str, verb: str, path: str, report: bool = False) -> bool:
    """Whether a permission pattern such as `write:tasks` or `admin:*` covers a verb on a resource.

    `write` covers every verb but `read` and those of reports; `admin` and `*` cover all. The verb `*` asks for all.
    """
    left, _, right = pattern.partition(":")
    if not fnmatchcase(path, right or "*"):
        return False
    return left in ("*", "admin", verb) or (left == "write" and verb not in ("read", "*") and not report)


@dataclass(eq=False, slots=True)
class Rules:
    """The rules as they stand for one kind of caller. `number` identifies it within this process."""

    roles: frozenset[str]
    permissions: frozenset[str]
    scopes: frozenset[str] | None
    signed_in: bool
    number: int = field(default_factory=lambda: next(_numbers))
    _rows: dict[tuple[str, str], Predicate] = field(default_factory=dict)
    _fields: dict[tuple[str, str, bool], Predicate] = field(default_factory=dict)

    def rows(self, resource: Resource, verb: str) -> Predicate:
        """The rows on which the verb is allowed. No rule: none."""
        key = (resource.name, verb)
        found = self._rows.get(key)
        if found is None:
            found = self._rows[key] = self._fold(resource, verb)
        return found

    def holds(self, resource: Resource, verb: str) -> bool:
        """Whether the verb is allowed where it is about no row: a condition on rows allows it nowhere."""
        return self.rows(resource, verb) == TRUE

    def report(self, report: Report) -> bool:
        """Whether a report that belongs to no resource may be asked for."""
        return self._allowed(report.name, REPORTS, report.grants, True) == TRUE

    def _fold(self, resource: Resource, verb: str) -> Predicate:
        return self._allowed(verb, resource.path, resource.grants, verb in resource.reports)

    def permit(self, verb: str, path: str, report: bool) -> bool:
        """Whether a permission of the caller's covers a verb, or that of a report, within their scopes."""
        permitted = any(covers(p, verb, path, report) for p in self.permissions)
        return permitted and self._within_scopes(verb, path, report)

    def _within_scopes(self, verb: str, path: str, report: bool) -> bool:
        return self.scopes is None or any(covers(s, verb, path, report) for s in self.scopes)

    def _allowed(self, verb: str, path: str, given: Iterable[Grant], report: bool) -> Predicate:
        if not self._within_scopes(verb, path, report):
            return FALSE
        if self.permit(verb, path, report):
            return TRUE
        grants = [
            fold_roles(grant.when, self.roles)
            for grant in given
            if verb in grant.verbs
            and (self.signed_in if grant.roles is None else bool(grant.roles & self.roles))
        ]
        return any_of(*grants)

    def trash(self, resource: Resource) -> Predicate:
        """The rows that may be seen in the trash: by whoever may read them, and bring them back or remove them."""
        return all_of(
            self.rows(resource, "read"), any_of(*(self.rows(resource, verb) for verb in TRASH_VERBS))
        )

    def unmasked(self, resource: Resource, name: str) -> Predicate:
        """The rows on which the field may be read."""
        return self._field(resource, name, False)

    def unlocked(self, resource: Resource, name: str) -> Predicate:
        """The rows on which the field may be written."""
        return self._field(resource, name, True)

    def _field(self, resource: Resource, name: str, write: bool) -> Predicate:
        key = (resource.name, name, write)
        found = self._fields.get(key)
        if found is None:
            rule = (resource.locks if write else resource.masks).get(name, TRUE)
            all_powerful = any(covers(p, "*", resource.path) for p in self.permissions)
            found = TRUE if all_powerful else fold_roles(rule, self.roles)
            self._fields[key] = found
        return found


class Guard:
    """Finds the rules for a caller."""

    def __init__(self) -> None:
        self._rules: dict[object, Rules] = {}
        self.product = Rules(frozenset({"system"}), frozenset({"admin:*"}), None, True)

    def rules(self, call: Call) -> Rules:
        actor = call.actor
        key = (actor.roles, actor.permissions, call.scopes, actor.id is not None)
        found = self._rules.get(key)
        if found is None:
            if len(self._rules) > 1000:
                self._rules.clear()
            found = Rules(actor.roles, actor.permissions, call.scopes, actor.id is not None)
            self._rules[key] = found
        return found


def denied(call: Call, resource: Resource, verb: str, fields: tuple[str, ...] = ()) -> Fault:
    """The refusal for an act on a row that the caller may see: 401 for nobody, 403 for somebody."""
    permission = resource.permission(verb)
    if verb in resource.reports:
        return unasked(call, resource.reports[verb], permission)
    if not call.actor.signed_in:
        return Fault("AUTHENTICATION_REQUIRED", f"Sign in to {verb.replace('_', ' ')} {resource.path}.")
    if fields:
        details = [
            Detail("INSUFFICIENT_PERMISSIONS", f"You may not set {name} here.", field=name,
                   facts={"requiredPermission": permission})
            for name in fields
        ]  # fmt: skip
        return Fault("INSUFFICIENT_PERMISSIONS", f"You may not change {', '.join(fields)} here.", details)
    return _without(
        permission, f"You may not {verb.replace('_', ' ')} this {resource.singular.replace('_', ' ')}."
    )


def unasked(call: Call, report: Report, permission: str) -> Fault:
    """The refusal to ask for a report: 401 for nobody, 403 for somebody."""
    name = report.name.replace("_", " ")
    if not call.actor.signed_in:
        return Fault("AUTHENTICATION_REQUIRED", f"Sign in to ask for {name}.")
    return _without(permission, f"You may not ask for {name} here.")


def _without(permission: str, message: str) -> Fault:
    detail = Detail(
        "INSUFFICIENT_PERMISSIONS",
        f"You need the permission {permission} here.",
        facts={"requiredPermission": permission},
    )
    return Fault("INSUFFICIENT_PERMISSIONS", message, [detail])


def not_found(resource: Resource, key: str) -> Fault:
    """The answer for what does not exist or may not be seen: the two cannot be told apart."""
    what = resource.singular.replace("_", " ")
    return Fault("RESOURCE_NOT_FOUND", f"There is no {what} {key!r}.")


__all__ = ["Guard", "Rules", "covers", "denied", "not_found", "unasked"]

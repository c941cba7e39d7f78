"""What an operation is about: the facts of its route, read once for all that is said of it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from headwater.engine.guard import covers
from headwater.http.routes import Route
from headwater.ir.model import TRASH_VERBS, Action, Grant, Model, Relation, Resource


@dataclass(frozen=True, slots=True)
class Subject:
    """An operation on a resource."""

    model: Model
    resource: Resource
    route: Route

    @property
    def kind(self) -> str:
        """What is done: `list`, `search`, `read`, `create`, …, `related`, `relationship`, `action`."""
        return str(self.route.facts["operation"])

    @property
    def operation_id(self) -> str:
        return operation_id(self.route)

    @property
    def trashed(self) -> bool:
        """Whether it is about what is in the trash."""
        return "trashed" in self.route.facts

    @property
    def on_row(self) -> bool:
        return "{id}" in self.route.template

    @property
    def relation(self) -> Relation:
        return self.resource.relations[self.route.facts["relation"]]

    @property
    def leads_to_one(self) -> bool:
        return self.relation.kind == "one"

    @property
    def target(self) -> Resource:
        """Where the relation leads."""
        return self.model.resources[self.relation.target]

    @property
    def how(self) -> str | None:
        """How a relationship is changed: `set`, `add`, `replace`, `remove`; None where it is read."""
        return self.route.facts.get("how")

    @property
    def action(self) -> Action:
        return self.resource.actions[self.route.facts["action"]]

    @property
    def concerned(self) -> tuple[Resource, str]:
        """The resource whose rules decide who may do it, and the verb that they speak of."""
        if self.kind == "related":
            return self.target, "read"
        if self.kind == "relationship":
            return self._linked()
        if self.kind == "action":
            return self.resource, self.action.name
        return self.resource, {"replace": "update", "list": "read", "search": "read"}.get(
            self.kind, self.kind
        )

    def _linked(self) -> tuple[Resource, str]:
        relation, how = self.relation, self.how
        if relation.kind == "one":
            return self.resource, "read" if how is None else "update"
        if how is None or relation.kind == "many":
            return self.target, "read" if how is None else "update"
        return self.model.resources[str(relation.through)], "delete" if how == "remove" else "create"

    @property
    def open(self) -> bool:
        """Whether guests may do something with it."""
        resource, verb = self.concerned
        if self.trashed and not any(_open(self.model, resource, v) for v in TRASH_VERBS):
            return False
        return _open(self.model, resource, verb)


def _open(model: Model, resource: Resource, verb: str) -> bool:
    """Whether guests may do this to any row."""
    return guests_may(model, resource.path, verb, resource.grants)


def guests_may(model: Model, path: str, verb: str, grants: Iterable[Grant]) -> bool:
    """Whether a permission of guests, or one of these grants, lets them do this."""
    if any(covers(p, verb, path) for p in model.roles["guest"].permissions):
        return True
    return any(verb in grant.verbs and "guest" in (grant.roles or ()) for grant in grants)


def operation_id(route: Route) -> str:
    """The name of an operation: `tasks.time-logs` as `tasksTimeLogs`."""
    first, *others = re.split("[^A-Za-z0-9]+", route.name)
    return first + "".join(part[:1].upper() + part[1:] for part in others)

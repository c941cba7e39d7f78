"""The root fields of a schema, and what each does: known before any type is made, so that a name that is taken stops
the start."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from headwater.base.errors import DeclarationError, DeclarationErrors
from headwater.declare.names import camel
from headwater.ir.model import Action, Model, Resource
from headwater.ir.summaries import FITTING
from headwater.surfaces.graphql.scalars import SCALARS

Verb = Literal["one", "many", "list", "by_ids", "groups", "node", "nodes",
               "create", "update", "upsert", "delete", "restore", "purge", "act"]  # fmt: skip

TYPES: Final = frozenset({"Query", "Mutation", "Subscription", "Node", "PageInfo", "UserError", "OrderDirection",
                         "Int", "Float", "String", "Boolean", "ID", *(scalar.name for scalar in SCALARS)})  # fmt: skip
"""The types that each schema has."""

_MADE: Final = ("Connection", "Edge", "Order", "SortBy", "Where", "ManyWhere", "Group", "GroupBy", "GroupKey",
                "Aggregates", *(f"{of}{function[0].upper()}{function[1:]}" for of in ("Group", "Aggregate")
                                for function in FITTING))  # fmt: skip
"""What the names of the types end with that a resource has beside its own."""


@dataclass(frozen=True, slots=True)
class Root:
    """What a field of `Query` or `Mutation` does."""

    verb: Verb
    resource: Resource | None = None
    action: Action | None = None


@dataclass(frozen=True, slots=True)
class Roots:
    """The fields of `Query` and of `Mutation` by their names."""

    queries: Mapping[str, Root]
    mutations: Mapping[str, Root]


def roots_of(model: Model) -> Roots:
    """Raises DeclarationErrors where two fields, or two types, would have one name."""
    exposed = [resource for resource in model.resources.values() if resource.exposed]
    wrong: list[DeclarationError] = []
    queries, mutations = _by_name(_queries(exposed), wrong), _by_name(_mutations(exposed), wrong)
    types = dict.fromkeys(TYPES, "one that it has anyway")
    for name, owner in _made(exposed, mutations):
        if name in types:
            message = f"A type of GraphQL that {owner} has would be called {name}, {types[name]}."
            wrong.append(DeclarationError(message, mend="give one of the two another name."))
        types[name] = f"one that {owner} has"
    for what, name in [
        *(("resource", resource.name) for resource in exposed),
        *(("interface", interface.name) for interface in model.interfaces),
    ]:
        if name in types:
            message = f"The {what} {name} has the name of a type of GraphQL, {types[name]}."
            wrong.append(DeclarationError(message, mend="give it another name."))
    if wrong:
        raise DeclarationErrors(wrong)
    return Roots(queries, mutations)


def type_names(model: Model) -> set[str]:
    """The names of all types that are known before any is made."""
    exposed = [resource for resource in model.resources.values() if resource.exposed]
    declared = {*(r.name for r in exposed), *(interface.name for interface in model.interfaces)}
    return {
        *TYPES,
        *declared,
        *(name for name, _ in _made(exposed, (name for name, _ in _mutations(exposed)))),
    }


def _made(exposed: Iterable[Resource], mutations: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The types that are made for what is declared, and for what each is."""
    for resource in exposed:
        for suffix in _MADE:
            yield f"{resource.name}{suffix}", resource.name
    for name in mutations:
        for suffix in ("Input", "Payload"):
            yield f"{capital(name)}{suffix}", name


def _by_name(found: Iterable[tuple[str, Root]], wrong: list[DeclarationError]) -> dict[str, Root]:
    known: dict[str, Root] = {}
    for name, root in found:
        if name in known:
            owners = " and ".join(r.resource.name for r in (known[name], root) if r.resource is not None)
            message = f"Two fields of GraphQL would be called {name}, those of {owners}."
            wrong.append(
                DeclarationError(message, mend="give the action or one of the resources another name.")
            )
        known[name] = root
    return known


def _queries(exposed: Iterable[Resource]) -> Iterator[tuple[str, Root]]:
    if any(not resource.natural for resource in exposed):
        yield "node", Root("node")
        yield "nodes", Root("nodes")
    for resource in exposed:
        one, many = member_name(resource), members_name(resource)
        yield one, Root("one", resource)
        yield many, Root("many", resource)
        yield f"{many}ByIds", Root("by_ids", resource)
        if resource.plain_list:
            yield f"{one}List" if many != f"{one}List" else f"{one}PlainList", Root("list", resource)
        yield f"{one}Groups", Root("groups", resource)


def _mutations(exposed: Iterable[Resource]) -> Iterator[tuple[str, Root]]:
    for resource in exposed:
        verbs: list[Verb] = ["create", "update", "delete"]
        if resource.natural:
            verbs.append("upsert")
        if resource.trash:
            verbs += ["restore", "purge"]
        for verb in verbs:
            yield f"{verb}{resource.name}", Root(verb, resource)
        for action in resource.actions.values():
            of = resource.name if action.on == "row" else capital(members_name(resource))
            yield camel(action.name) + of, Root("act", resource, action)


def member_name(resource: Resource) -> str:
    """What one row of a resource is called: `timeLog`."""
    return camel(resource.singular)


def members_name(resource: Resource) -> str:
    """What many of its rows are called: `timeLogs`."""
    plural = camel(resource.plural)
    return plural if plural != member_name(resource) else f"{plural}List"


def capital(name: str) -> str:
    """The name with a capital at its beginning."""
    return name[:1].upper() + name[1:]


def is_value_name(text: str) -> bool:
    """Whether a text can be the name of an enum's value."""
    return (
        text.isascii()
        and text.isidentifier()
        and not text.startswith("__")
        and text not in ("true", "false", "null")
    )

"""Which errors each operation can meet, as far as the declarations tell.

What no field has, no operation is refused for: no FORBIDDEN_TRANSITION without moves, no RESOURCE_ALREADY_EXISTS where
nothing is unique. Authors' code may write any row, so an action can meet what any write can; and where authors'
functions work something out, a service that they ask may not answer.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from headwater.http.routes import Form, Route
from headwater.ir.model import Field, Model, Relation, Resource
from headwater.surfaces.describe.subjects import Subject
from headwater.surfaces.describe.values import writable

# A head of more than 64 KiB is refused everywhere.
_EVERY: Final = ("INTERNAL_ERROR", "INVALID_FORMAT")
_TOKEN: Final = ("INVALID_CREDENTIALS", "TOKEN_EXPIRED")
_STORE: Final = ("DATABASE_ERROR", "DEADLINE_EXCEEDED")
_BODY: Final = (
    "VALIDATION_ERROR",
    "INVALID_FORMAT",
    "REQUEST_TIMEOUT",
    "PAYLOAD_TOO_LARGE",
    "UNSUPPORTED_MEDIA_TYPE",
)
_ASKED: Final = ("INVALID_PARAMETER", "QUERY_TOO_COMPLEX")
DETAILS: Final = {
    "VALIDATION_ERROR": (
        "VALIDATION_ERROR",
        "INVALID_FORMAT",
        "REQUIRED_FIELD",
        "UNKNOWN_FIELD",
        "READ_ONLY_FIELD",
        "INVALID_PARAMETER",
        "QUERY_TOO_COMPLEX",
    ),
    "INVALID_PARAMETER": ("INVALID_PARAMETER", "QUERY_TOO_COMPLEX"),
    "FORBIDDEN_TRANSITION": ("FORBIDDEN_TRANSITION", "RULE_VIOLATION"),
}
"""The codes of the details of an error, where there are others than its own."""


def codes_of(subject: Subject) -> frozenset[str]:
    """Those of an operation on a resource."""
    codes = {*_EVERY, *_TOKEN, *_STORE, *_DOING[subject.kind](subject)}
    if subject.route.accepts:
        codes |= {*_BODY}
    if subject.on_row:
        codes |= {"RESOURCE_NOT_FOUND"}
    if subject.kind not in ("delete", "purge"):
        codes |= {"NOT_ACCEPTABLE"}
    if subject.kind == "action" or (subject.kind in _SHOWING and _asks_authors(subject)):
        codes |= {"EXTERNAL_SERVICE_ERROR"}
    if not (subject.open and subject.kind in _READING):
        codes |= {"AUTHENTICATION_REQUIRED"}
    return frozenset(codes)


def codes_of_report() -> frozenset[str]:
    """Those of a report. The last two are for its author to raise."""
    own = ("INVALID_PARAMETER", "INSUFFICIENT_PERMISSIONS", "RESOURCE_NOT_FOUND", "NOT_ACCEPTABLE")
    raised = ("RULE_VIOLATION", "EXTERNAL_SERVICE_ERROR")
    return frozenset((*_EVERY, *_TOKEN, *_STORE, "AUTHENTICATION_REQUIRED", *own, *raised))


def codes_of_route(route: Route, form: Form) -> frozenset[str]:
    """Those of a route that belongs to no resource."""
    token, body = _TOKEN if route.authenticates else (), _BODY if form.body else ()
    return frozenset((*_EVERY, *token, *body, *form.codes))


# -- reading -----------------------------------------------------------------------------------------------


def _read(subject: Subject) -> Iterator[str]:
    yield from _ASKED
    yield from _hidden(subject)


def _listed(subject: Subject) -> Iterator[str]:
    yield from _read(subject)
    if not (subject.kind == "related" and subject.leads_to_one):
        yield "INVALID_CURSOR"


def _searched(subject: Subject) -> Iterator[str]:
    yield from ("INVALID_PARAMETER", "INVALID_CURSOR")
    yield from _hidden(subject)


def _hidden(subject: Subject) -> Iterator[str]:
    """Who may not read a field cannot filter or sort by it either, and is told so."""
    if any(resource.masks for resource in _reachable(subject)):
        yield "INSUFFICIENT_PERMISSIONS"


def _asks_authors(subject: Subject) -> bool:
    """Whether a field that a function of an author's works out can be shown."""
    return any(field.batch for resource in _reachable(subject) for field in resource.fields.values())


def _reachable(subject: Subject) -> list[Resource]:
    """The resources whose fields a question can name."""
    first = subject.target if subject.kind in ("related", "relationship") else subject.resource
    found, ahead = {first.name: first}, [first]
    while ahead:
        for relation in ahead.pop().relations.values():
            target = subject.model.resources[relation.target]
            if target.exposed and target.name not in found:
                found[target.name] = target
                ahead.append(target)
    return list(found.values())


# -- writing -----------------------------------------------------------------------------------------------


def _created(subject: Subject) -> Iterator[str]:
    resource = subject.resource
    yield from (*_ASKED, "INSUFFICIENT_PERMISSIONS")
    yield from _written(resource, writable(resource))
    if resource.checks or resource.acyclic:
        yield "RULE_VIOLATION"
    if resource.natural:
        yield "RESOURCE_ALREADY_EXISTS"
    # Of JSON:API: another type; no type; what is linked; an id that the server chooses.
    yield from _linking(subject)
    yield from ("RESOURCE_CONFLICT", "REQUIRED_FIELD")
    if not resource.natural:
        yield "NOT_SUPPORTED"


def _changed(subject: Subject) -> Iterator[str]:
    resource = subject.resource
    yield from (*_ASKED, "INSUFFICIENT_PERMISSIONS", "RESOURCE_CONFLICT")
    yield from _on_version(resource)
    fields = list(writable(resource))
    yield from _written(resource, [field for field in fields if not field.immutable])
    if resource.checks or resource.acyclic or any(field.immutable for field in fields):
        yield "RULE_VIOLATION"
    if any(field.moves is not None and not field.immutable for field in fields):
        yield "FORBIDDEN_TRANSITION"
    if subject.kind == "update":
        yield "REQUIRED_FIELD"  # of JSON:API: no type; and what is linked
        yield from _linking(subject)


def _removed(subject: Subject) -> Iterator[str]:
    yield from ("INVALID_PARAMETER", "INSUFFICIENT_PERMISSIONS")
    yield from _on_version(subject.resource)
    going = _going(subject.model, subject.resource)
    referrers = [pair for resource in going for pair in subject.model.referrers(resource.name)]
    if referrers:
        yield "RESOURCE_CONFLICT"
    if any(field.on_delete == "set_null" and child.checks for child, field in referrers):
        yield "RULE_VIOLATION"


def _restored(subject: Subject) -> Iterator[str]:
    yield from (*_ASKED, "INSUFFICIENT_PERMISSIONS")
    yield from _on_version(subject.resource)
    for resource in _going(subject.model, subject.resource):
        if not resource.trash:
            continue
        if resource.uniques or any(field.unique for field in resource.fields.values()):
            yield "RESOURCE_ALREADY_EXISTS"
        if resource.checks or resource.acyclic:
            yield "RULE_VIOLATION"
        for field in resource.fields.values():
            if field.target and field.on_delete != "set_null" and subject.model.resources[field.target].trash:
                yield "RESOURCE_CONFLICT"


def _related(subject: Subject) -> Iterator[str]:
    """What a relationship is read or changed by."""
    relation = subject.relation
    if subject.how is None:
        if relation.kind == "one":
            yield "INVALID_PARAMETER"
        else:
            yield from (*_ASKED, "INVALID_CURSOR")
            yield from _hidden(subject)
    elif relation.kind == "one":
        yield from _set(subject.resource, subject.resource.fields[relation.field])
    else:
        yield from ("INVALID_PARAMETER", "QUERY_TOO_COMPLEX", "PRECONDITION_FAILED")
        yield from _linked(subject, relation)


def _set(resource: Resource, field: Field) -> Iterator[str]:
    yield "INVALID_PARAMETER"
    if field.immutable or field.read_only:
        yield "NOT_SUPPORTED"
        return
    yield "INSUFFICIENT_PERMISSIONS"
    yield from _on_version(resource)
    yield from _written(resource, [field])
    if resource.checks or resource.acyclic:
        yield "RULE_VIOLATION"


def _linking(subject: Subject) -> Iterator[str]:
    """What documents of JSON:API can be refused for that name the rows behind to-many relations."""
    model, resource = subject.model, subject.resource
    for relation in resource.relations.values():
        if relation.kind == "one" or not model.resources[relation.target].exposed:
            continue
        yield from ("NOT_SUPPORTED", "QUERY_TOO_COMPLEX")
        if relation.kind == "through":
            link = model.resources[str(relation.through)]
            yield from _written(link, [link.fields[relation.field], link.fields[str(relation.far)]])
            yield from _removal_of(model, link)
            changed = link
        else:
            changed = model.resources[relation.target]
            yield "RESOURCE_NOT_FOUND"
            yield from _written(changed, [changed.fields[relation.field]])
        if changed.checks or changed.acyclic:
            yield "RULE_VIOLATION"
        if changed.demands_version:
            yield "PRECONDITION_REQUIRED"


def _linked(subject: Subject, relation: Relation) -> Iterator[str]:
    """The rows at the other side are changed, or those of a link are made and deleted."""
    model, how, target = subject.model, subject.how, subject.target
    if relation.kind == "through":
        link = model.resources[str(relation.through)]
        ends = (relation.field, relation.far)
        if how != "remove" and any(f.required and f.name not in ends for f in link.fields.values()):
            yield "NOT_SUPPORTED"
            return
        yield "INSUFFICIENT_PERMISSIONS"
        if how != "remove":
            yield from _written(link, [link.fields[str(end)] for end in ends])
            if link.checks or link.acyclic:
                yield "RULE_VIOLATION"
        if how != "add":
            yield from _removal_of(model, link)
        return
    field = target.fields[relation.field]
    if field.immutable or field.read_only or (how == "remove" and not field.nullable):
        yield "NOT_SUPPORTED"
        return
    yield "INSUFFICIENT_PERMISSIONS"
    if how == "replace" and not field.nullable:
        yield "NOT_SUPPORTED"
    if target.demands_version:
        yield "PRECONDITION_REQUIRED"
    yield from _written(target, [field])
    if target.checks or target.acyclic:
        yield "RULE_VIOLATION"


def _removal_of(model: Model, resource: Resource) -> Iterator[str]:
    if resource.demands_version:
        yield "PRECONDITION_REQUIRED"
    if any(model.referrers(one.name) for one in _going(model, resource)):
        yield "RESOURCE_CONFLICT"


def _acted(subject: Subject) -> Iterator[str]:
    """The rows that an action writes may be any."""
    yield from (*_ASKED, "INSUFFICIENT_PERMISSIONS", "RESOURCE_NOT_FOUND", "RESOURCE_CONFLICT")
    if subject.on_row:
        yield from _on_version(subject.resource)
    for resource in subject.model.resources.values():
        fields = [field for field in resource.fields.values() if field.column is not None]
        yield from _written(resource, fields)
        if resource.natural:
            yield "RESOURCE_ALREADY_EXISTS"
        if any(field.moves is not None for field in fields):
            yield "FORBIDDEN_TRANSITION"
    yield "RULE_VIOLATION"  # immutable fields have it, and authors raise it


def _written(resource: Resource, fields: Iterable[Field]) -> Iterator[str]:
    """What values of these fields can be refused for, beside what they tell by themselves."""
    names = {field.name for field in fields}
    if any(resource.fields[name].target for name in names):
        yield "DANGLING_REFERENCE"
    unique = {field.name for field in resource.fields.values() if field.unique and field.name != resource.key}
    if names & unique.union(*(unique.fields for unique in resource.uniques)):
        yield "RESOURCE_ALREADY_EXISTS"


def _on_version(resource: Resource) -> Iterator[str]:
    yield "PRECONDITION_FAILED"
    if resource.demands_version:
        yield "PRECONDITION_REQUIRED"


def _going(model: Model, resource: Resource) -> list[Resource]:
    """The resource, and those whose rows go with a row of it."""
    found, ahead = {resource.name: resource}, [resource]
    while ahead:
        for child, field in model.referrers(ahead.pop().name):
            if field.on_delete == "cascade" and child.name not in found:
                found[child.name] = child
                ahead.append(child)
    return list(found.values())


_READING: Final = ("list", "read", "related", "search")
_SHOWING: Final = (*_READING, "create", "replace", "update", "restore")
_DOING: Final = {
    "list": _listed,
    "read": _read,
    "related": _listed,
    "search": _searched,
    "relationship": _related,
    "create": _created,
    "replace": _changed,
    "update": _changed,
    "delete": _removed,
    "purge": _removed,
    "restore": _restored,
    "action": _acted,
}

"""The OpenAPI 3.1 document of an application, derived from its model and its route table."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version as installed
from typing import Any, Final

from headwater.http.routes import Route
from headwater.ir.model import Model, Resource
from headwater.surfaces import BASE, VERSION
from headwater.surfaces.describe.envelopes import PREFIX
from headwater.surfaces.describe.example_messages import ExampleMessages
from headwater.surfaces.describe.example_rows import ExampleRows, is_known
from headwater.surfaces.describe.messages import HEADERS
from headwater.surfaces.describe.operations import Operation, Operations
from headwater.surfaces.describe.parameters import SHARED, Parameters
from headwater.surfaces.describe.refusals import Refusals
from headwater.surfaces.describe.schemas import Schemas
from headwater.surfaces.describe.subjects import Subject
from headwater.surfaces.describe.values import Schema

_CONVENTIONS: Final = """\
Bodies are JSON in UTF-8 and read strictly: no other members than those listed, no coercion, no repeated names, no NUL
characters, integers of 64 bits, at most 32 levels. Text is normalised to NFC. Names in query strings may be written in
snake case too, and `filter[status]=` means the same as `status=`; a field behind a relation is filtered by its path,
such as `project.name[contains]=`. A path that has GET answers HEAD, and every path OPTIONS; other methods get 405 with
`Allow`. What a caller may not see answers 404, like what does not exist."""

_TAGS: Final = {
    "about": "What this is, where to go, and whether it is well.",
    "auth": "Signing in and out, and the keys that tokens are signed with.",
    "graphql": "The same resources in GraphQL, and its schema.",
    "openapi": "This document.",
    "users": "The caller's own account.",
}


def document(
    model: Model,
    routes: Iterable[Route],
    *,
    title: str,
    description: str = "",
    license: str | None = None,
    contact: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The document, as JSON values. `license` is an identifier of SPDX, `contact` has a name, a url or an email."""
    info: dict[str, Any] = {
        "title": title,
        "version": VERSION,
        "description": f"{description}\n\n{_CONVENTIONS}".strip(),
        "x-generator": f"headwater {installed('headwater')}",
    }
    if license:
        info["license"] = {"name": license, "identifier": license}
    if contact:
        info["contact"] = dict(contact)
    return _Document(model, tuple(routes), info).build()


class _Document:
    def __init__(self, model: Model, routes: Sequence[Route], info: dict[str, Any]) -> None:
        self.model, self.routes, self.info = model, routes, info
        self.rows = ExampleRows(model)
        self.parameters = Parameters(model, self.rows)
        self.schemas = Schemas(model, self.parameters)
        self.examples = ExampleMessages(model, self.rows, self.parameters, BASE)
        self.refusals = Refusals(self.schemas)
        queried = {route.template for route in self.routes if route.method == "QUERY"}
        self.operations = Operations(
            model, self.parameters, self.schemas, self.examples, self.refusals, queried
        )

    def build(self) -> dict[str, Any]:
        paths: dict[str, dict[str, Any]] = {}
        tags: dict[str, str] = {}
        for route in self.routes:
            if route.method in ("QUERY", "*") or not route.documented:
                # OpenAPI 3.1 has no place for it: the GET beside it tells of it in words. A mount tells of itself.
                continue
            subject = self._subject(route)
            operation = self._operation(route, subject)
            tag = operation["tags"][0]
            tags.setdefault(tag, subject.resource.doc if subject else _TAGS.get(tag, ""))
            item = paths.setdefault(route.template, {})
            if "{id}" in route.template and "parameters" not in item and subject:
                item["parameters"] = [self._id(subject.resource)]
            elif route.form is not None and route.form.path:
                item["parameters"] = [
                    {"name": name, "in": "path", "required": True, "example": value,
                     "schema": {"type": "string", "minLength": 1}}
                    for name, value in route.form.path.items()
                ]  # fmt: skip
            item[route.method.lower()] = operation
        every = {**SHARED, **{k: v for r in self._exposed() for k, v in self.parameters.of(r).items()}}
        responses = self.refusals.components()
        headers = {found.rpartition("/")[2] for found in _references([paths, responses])}
        schemas = _reached(self.schemas.found, [paths, responses])
        return {
            "openapi": "3.1.0",
            "info": self.info,
            "servers": [{"url": "/"}],
            "tags": [{"name": name, **({"description": doc} if doc else {})} for name, doc in tags.items()],
            "paths": paths,
            "components": {
                "schemas": schemas,
                "parameters": {name: every[name] for name in every if name in self.operations.used},
                "examples": dict(sorted(self.examples.found.items())),
                "headers": {name: HEADERS[name] for name in HEADERS if name in headers},
                "responses": responses,
                "securitySchemes": {
                    "bearer": {
                        "type": "http",
                        "scheme": "bearer",
                        "bearerFormat": "JWT",
                        "description": "The access token that `POST /api/v1/auth/login` answers.",
                    }
                },
            },
        }

    def _operation(self, route: Route, subject: Subject | None) -> Operation:
        if route.facts.get("operation") == "report":
            return self.operations.of_report(route, subject)
        return self.operations.of_route(route) if subject is None else self.operations.of(subject)

    def _exposed(self) -> Iterator[Resource]:
        return (resource for resource in self.model.resources.values() if resource.exposed)

    def _subject(self, route: Route) -> Subject | None:
        name = route.facts.get("resource")
        return None if name is None else Subject(self.model, self.model.resources[name], route)

    def _id(self, resource: Resource) -> Schema:
        found: Schema = {
            "name": "id",
            "in": "path",
            "required": True,
            "description": f"The id of the {resource.singular.replace('_', ' ')}.",
            "schema": {"type": "string", "minLength": 1},
        }
        value = self.rows.key(resource)
        return {**found, "example": value} if is_known(value) else found


def _references(value: Any) -> Iterator[str]:
    """Every `$ref` within a value."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _references(item)


def _reached(schemas: Mapping[str, Schema], places: Any) -> dict[str, Schema]:
    """The schemas that are referred to from some places, and by one another."""
    reached: set[str] = set()
    ahead = {name for found in _references(places) if (name := found.removeprefix(PREFIX)) in schemas}
    while ahead:
        reached |= ahead
        found = {r.removeprefix(PREFIX) for name in ahead for r in _references(schemas[name])}
        ahead = found - reached
    return {name: schema for name, schema in schemas.items() if name in reached}

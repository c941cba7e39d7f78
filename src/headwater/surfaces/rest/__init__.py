"""REST: the routes of every declared resource, and the two pages that say what is here.

A request is translated to a `Query` or a `Command`, handed to the engine, and its answer put into an envelope.
"""

from collections.abc import Iterator
from typing import Any, Final

from headwater.engine.engine import Engine
from headwater.http.exchange import Exchange, Handler, Response
from headwater.http.routes import Form, Route
from headwater.http.wire import JSON_PATCH, encode_json, negotiate, one
from headwater.ir.model import TRASH, Action, Model, Resource
from headwater.ir.parse import Parser
from headwater.surfaces.rest.reads import QUERIES, Reads
from headwater.surfaces.rest.reports import report_routes
from headwater.surfaces.rest.writes import Writes

JSON = ("application/json",)
PATCHES = ("application/merge-patch+json", "application/json", JSON_PATCH)


def routes(
    model: Model, engine: Engine, *, title: str = "Headwater", description: str = "", version: str = "v1"
) -> list[Route]:
    """The routes below `/api/VERSION`, and `/`."""
    base = f"/api/{version}"
    parser = Parser(model)
    exposed = [resource for resource in model.resources.values() if resource.exposed]
    found = list(_index(exposed, title, description, base))
    for resource in exposed:
        path = f"{base}/{resource.path}"
        found += _reading(model, resource, Reads(engine, parser, resource), path)
        found += _writing(resource, Writes(engine, parser, resource, path), path)
    return [*found, *report_routes(engine, exposed, base)]


def _index(exposed: list[Resource], title: str, description: str, base: str) -> Iterator[Route]:
    collections = [{"name": r.path, "path": f"{base}/{r.path}", "description": r.doc} for r in exposed]
    login = f"{base}/auth/login"
    start = {
        "title": title,
        "description": description,
        "api": base,
        "login": login,
        "health": "/health/ready",
    }
    api = {"title": title, "version": base.rpartition("/")[2], "collections": collections}

    def page(value: object) -> "_Page":
        return _Page(encode_json(value).decode())

    yield Route(
        "GET",
        "/",
        page(start),
        "index",
        "What this is and where to go.",
        form=Form(_enveloped({name: {"type": "string"} for name in start}), codes=("NOT_ACCEPTABLE",)),
    )
    yield Route("GET", base, page(api), "collections", "What can be read and written.",
                form=Form(_enveloped({**{name: {"type": "string"} for name in ("title", "version")},
                                      "collections": {"type": "array", "items": _COLLECTION}}),
                          codes=("NOT_ACCEPTABLE",)))  # fmt: skip


_COLLECTION: Final = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("name", "path", "description")},
    "required": ["name", "path", "description"],
}


def _enveloped(data: dict[str, Any]) -> dict[str, Any]:
    """The schema of an envelope around an object with all of these members."""
    meta = {"type": "object", "properties": {"requestId": {"type": "string"}}, "required": ["requestId"]}
    shown = {"type": "object", "properties": data, "required": list(data)}
    return {"type": "object", "properties": {"data": shown, "meta": meta}, "required": ["data", "meta"]}


class _Page:
    """A handler that always answers the same."""

    def __init__(self, json: str) -> None:
        self.json = json

    async def __call__(self, exchange: Exchange) -> Response:
        negotiate(exchange.header(b"accept"))
        return Response(200, [(b"content-type", b"application/json")], one(self.json, exchange.request_id))


def _collection(resource: Resource, reads: Reads, path: str) -> Iterator[Route]:
    """A collection and its rows: those of the resource, or those in its trash."""
    group, facts = resource.path, {"resource": resource.name}
    permission = resource.permission("restore" if reads.trashed else "read")
    if reads.trashed:
        path, group, facts["trashed"] = f"{path}/{TRASH}", f"{group}.{TRASH}", "yes"
    search = reads.search()
    yield Route("GET", path, reads.many(), f"{group}.list", resource.doc, permission,
                facts={**facts, "operation": "list"})  # fmt: skip
    for method, where in (
        ("QUERY", path),
        ("POST", path + "/search"),
    ):  # the latter for tools that know no QUERY
        yield Route(method, where, search, f"{group}.search", resource.doc, permission, QUERIES,
                    facts={**facts, "operation": "search"})  # fmt: skip
    yield Route("GET", path + "/{id}", reads.one(), f"{group}.read", resource.doc, permission,
                facts={**facts, "operation": "read"})  # fmt: skip


def _reading(model: Model, resource: Resource, reads: Reads, path: str) -> Iterator[Route]:
    facts = {"resource": resource.name}
    yield from _collection(resource, reads, path)
    if resource.trash:
        yield from _collection(resource, Reads(reads.engine, reads.parser, resource, trashed=True), path)
    for relation in resource.relations.values():
        target = model.resources[relation.target]
        if relation.kind == "one" or not target.exposed:
            continue
        segment = relation.name.replace("_", "-")
        for method, handler, accepts in (
            ("GET", reads.related(relation, target), ()),
            ("QUERY", reads.related_search(relation, target), QUERIES),
        ):
            yield Route(method, f"{path}/{{id}}/{segment}", handler, f"{resource.path}.{segment}",
                        relation.doc or target.doc, target.permission("read"), accepts,
                        facts={**facts, "operation": "related", "relation": relation.name})  # fmt: skip


def _writing(resource: Resource, writes: Writes, path: str) -> Iterator[Route]:
    def route(
        verb: str,
        method: str,
        template: str,
        handler: Handler,
        accepts: tuple[str, ...],
        action: Action | None = None,
    ) -> Route:
        doc = action.doc if action else resource.doc
        facts = {"resource": resource.name, "operation": "action" if action else verb}
        if action:
            facts["action"] = action.name
        permission = resource.permission("update" if verb == "replace" else verb)
        return Route(
            method, template, handler, f"{resource.path}.{verb}", doc, permission, accepts, facts=facts
        )

    item = path + "/{id}"
    yield route("create", "POST", path, writes.create, JSON)
    yield route("replace", "PUT", item, writes.replace, JSON)
    yield route("update", "PATCH", item, writes.update, PATCHES)
    yield route("delete", "DELETE", item, writes.delete, ())
    if resource.trash:
        yield route("restore", "POST", f"{item}/restore", writes.restore, ())
        yield route("purge", "DELETE", f"{path}/{TRASH}/{{id}}", writes.purge, ())
    for action in resource.actions.values():
        where = item if action.on == "row" else path
        yield route(action.name, "POST", f"{where}/{action.path}", writes.act(action), JSON, action)

"""REST: the routes of every declared resource, and the two pages that say what is here.

A request is translated to a `Query` or a `Command`, handed to the engine, and its answer put into an envelope.
"""

from collections.abc import Awaitable, Iterator, Sequence
from typing import Final, Literal

from headwater.engine.engine import Engine
from headwater.http.envelopes import one
from headwater.http.exchange import Exchange, Handler, Response
from headwater.http.formats import JSON, JSON_API, JSON_PATCH, accepted, encode_json, negotiate
from headwater.http.routes import Form, Route
from headwater.ir.model import TRASH, Action, Model, Resource
from headwater.ir.parse import Parser
from headwater.surfaces import BASE, VERSION
from headwater.surfaces.envelope import enveloped, example, whole
from headwater.surfaces.rest.documents import DocumentHandler, Documents
from headwater.surfaces.rest.forms import Forms
from headwater.surfaces.rest.incoming import Incoming
from headwater.surfaces.rest.objects import segment, trash
from headwater.surfaces.rest.reads import QUERIES, Questions, Reads
from headwater.surfaces.rest.relationships import Relationships
from headwater.surfaces.rest.reports import report_routes
from headwater.surfaces.rest.writes import Writes

PLAIN: Final = (JSON.media_type,)
BODIES: Final = (JSON.media_type, JSON_API.media_type)
PATCHES: Final = ("application/merge-patch+json", JSON.media_type, JSON_PATCH, JSON_API.media_type)


def routes(model: Model, engine: Engine, *, title: str = "Headwater", description: str = "") -> list[Route]:
    """The routes of the API, and `/`."""
    parser = Parser(model)
    documents = Documents(model, engine, BASE)
    questions = Questions(parser)
    forms = Forms(questions, documents)
    exposed = [resource for resource in model.resources.values() if resource.exposed]
    found = list(_index(exposed, title, description))
    for resource in exposed:
        path = f"{BASE}/{resource.path}"
        incoming = Incoming(parser.namer, resource)
        found += _reading(resource, Reads(engine, questions, resource), documents, path)
        for relation in incoming.relations.values():
            kept = Relationships(engine, questions, documents, incoming, relation, path)
            found += _relating(kept, Reads(engine, questions, resource), path)
        found += _writing(resource, Writes(engine, forms, incoming, path), path)
    return [*found, *report_routes(engine, exposed, BASE)]


def _index(exposed: list[Resource], title: str, description: str) -> Iterator[Route]:
    collections = [{"name": r.path, "path": f"{BASE}/{r.path}", "description": r.doc} for r in exposed]
    login = f"{BASE}/auth/login"
    start = {
        "title": title,
        "description": description,
        "api": BASE,
        "login": login,
        "health": "/health/ready",
    }
    api = {"title": title, "version": VERSION, "collections": collections}

    def page(value: object) -> "_Page":
        return _Page(encode_json(value).decode())

    yield Route(
        "GET",
        "/",
        page(start),
        "index",
        "What this is and where to go.",
        form=Form(
            enveloped(whole({name: {"type": "string"} for name in start})),
            codes=("NOT_ACCEPTABLE",),
            example=example(start),
        ),
    )
    yield Route("GET", BASE, page(api), "collections", "What can be read and written.",
                form=Form(enveloped(whole({**{name: {"type": "string"} for name in ("title", "version")},
                                           "collections": {"type": "array", "items": _COLLECTION}})),
                          codes=("NOT_ACCEPTABLE",), example=example(api)))  # fmt: skip


_COLLECTION: Final = whole({name: {"type": "string"} for name in ("name", "path", "description")})


class _Page:
    """A handler that always answers the same."""

    def __init__(self, json: str) -> None:
        self.json = json

    async def __call__(self, exchange: Exchange) -> Response:
        negotiate(exchange.headers.get(b"accept"))
        return Response(200, [(b"content-type", b"application/json")], one(self.json, exchange.request_id))


def _either(plain: Handler, document: DocumentHandler) -> Handler:
    """The handler of what is answered in plain JSON, or as a document where the client accepts that."""

    def handle(exchange: Exchange) -> Awaitable[Response]:
        format = accepted(exchange)
        return plain(exchange) if format is JSON else document(exchange, format)

    return handle


def _reading(resource: Resource, reads: Reads, documents: Documents, path: str) -> Iterator[Route]:
    """A collection and its rows: those of the resource, and those in its trash."""
    name = resource.path
    many = _either(reads.many(), documents.page(resource))
    search = _either(reads.search(), documents.search(resource))
    one, facts = _either(reads.one(), documents.read(resource)), {"resource": resource.name}
    yield from _collection(resource, many, search, one, path, name, resource.permission("read"), facts)
    if resource.trash:
        gone = Reads(reads.engine, reads.questions, resource, trashed=True)
        handlers = (
            _either(gone.many(), documents.page(resource, trashed=True)),
            _either(gone.search(), documents.search(resource, trashed=True)),
            _either(gone.one(), documents.read(resource, trashed=True)),
        )
        path, name, facts = trash(path), f"{name}.{TRASH}", {**facts, "trashed": "yes"}
        yield from _collection(resource, *handlers, path, name, resource.permission("restore"), facts)


def _collection(
    resource: Resource,
    many: Handler,
    search: Handler,
    one: Handler,
    path: str,
    name: str,
    permission: str,
    facts: dict[str, str],
) -> Iterator[Route]:
    yield Route("GET", path, many, f"{name}.list", resource.doc, permission,
                facts={**facts, "operation": "list"})  # fmt: skip
    for method, where in (
        ("QUERY", path),
        ("POST", path + "/search"),
    ):  # the latter for tools that know no QUERY
        yield Route(method, where, search, f"{name}.search", resource.doc, permission, QUERIES,
                    facts={**facts, "operation": "search"})  # fmt: skip
    yield Route("GET", path + "/{id}", one, f"{name}.read", resource.doc, permission,
                facts={**facts, "operation": "read"})  # fmt: skip


def _relating(kept: Relationships, reads: Reads, path: str) -> Iterator[Route]:
    """What is behind a relation, and where it leads."""
    resource, relation, target = kept.resource, kept.relation, kept.target
    name, doc = f"{resource.path}.{segment(relation)}", relation.doc or target.doc
    facts = {"resource": resource.name, "relation": relation.name}
    where, there = f"{path}/{{id}}/{segment(relation)}", {**facts, "operation": "related"}
    reading = target.permission("read")
    if relation.kind == "one":
        yield Route("GET", where, kept.related, name, doc, reading, facts=there)
    else:
        documents = kept.documents
        page = _either(reads.related(relation, target), documents.page(target, kept.within))
        yield Route("GET", where, page, name, doc, reading, facts=there)
        search = _either(reads.related_search(relation, target), documents.search(target, kept.within))
        yield Route("QUERY", where, search, name, doc, reading, QUERIES, facts=there)
    ids, facts = f"{path}/{{id}}/relationships/{segment(relation)}", {**facts, "operation": "relationship"}
    permission = resource.permission("read") if relation.kind == "one" else reading
    yield Route("GET", ids, kept.read(), f"{name}.ids", doc, permission, facts=facts)
    if relation.kind == "one":
        writing = resource.permission("update")
        yield Route(
            "PATCH", ids, kept.set, f"{name}.set", doc, writing, BODIES, facts={**facts, "how": "set"}
        )
        return
    through = relation.kind == "through"
    changed = kept.engine.model.resources[str(relation.through)] if through else target
    for method, how, verb in _CHANGES:
        writing = changed.permission(verb if through else "update")
        yield Route(
            method, ids, kept.relate(how), f"{name}.{how}", doc, writing, BODIES, facts={**facts, "how": how}
        )


_CHANGES: Final[Sequence[tuple[str, Literal["add", "remove", "replace"], str]]] = (
    ("POST", "add", "create"),
    ("PATCH", "replace", "create"),
    ("DELETE", "remove", "delete"),
)
"""How what is behind a to-many relation is changed, and what this does to a link between the two sides."""


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
    yield route("create", "POST", path, writes.create, BODIES)
    yield route("replace", "PUT", item, writes.replace, PLAIN)
    yield route("update", "PATCH", item, writes.update, PATCHES)
    yield route("delete", "DELETE", item, writes.delete, ())
    if resource.trash:
        yield route("restore", "POST", f"{item}/restore", writes.restore, ())
        yield route("purge", "DELETE", f"{trash(path)}/{{id}}", writes.purge, ())
    for action in resource.actions.values():
        where = item if action.on == "row" else path
        yield route(action.name, "POST", f"{where}/{action.path}", writes.act(action), BODIES, action)

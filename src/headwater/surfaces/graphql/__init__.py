"""GraphQL over HTTP, at `/graphql`: a schema that is exactly the declared resources, on the same engine as REST.

A request is an operation in JSON, or several in a list; a query may be in the address too, so that it can be asked
again only if its answer has changed (https://graphql.github.io/graphql-over-http/draft/).
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from graphql import GraphQLSchema, OperationType, introspection_from_schema

from headwater.base.errors import Detail, Fault
from headwater.base.settings import Documents, Introspection
from headwater.engine.engine import Engine
from headwater.http.decode import decode_json, decode_query
from headwater.http.exchange import Exchange, Headers, Response
from headwater.http.formats import (
    GRAPHQL,
    JSON,
    Format,
    body_type,
    encode_json,
    error_type,
    negotiate,
    read_body,
)
from headwater.http.routes import Form, Route
from headwater.http.tags import etag, tagged
from headwater.ir.model import Model
from headwater.ir.scalars import json_name
from headwater.surfaces.graphql import playground
from headwater.surfaces.graphql.documents import MAX_LENGTH
from headwater.surfaces.graphql.endpoint import MAX_COST, Endpoint, Reply, Request
from headwater.surfaces.graphql.persisted import Persisted
from headwater.surfaces.graphql.roots import roots_of
from headwater.surfaces.graphql.schema import sdl_of

PATH: Final = "/graphql"
MAX_BATCH: Final = 10
"""Operations of one request."""

_HTML: Final = Format("text/html", encode_json)
_FORMATS: Final = (JSON, GRAPHQL)
_OBJECT: Final = {
    "required": False,
    "schema": {"type": "string", "contentMediaType": JSON.media_type, "contentSchema": {"type": "object"}},
    "description": "A JSON object, as text.",
}
_PARAMETERS: Final = {
    "query": {
        "required": True,
        "schema": {"type": "string"},
        "description": "The document.",
        "example": "{ __typename }",
    },
    "operationName": {
        "required": False,
        "schema": {"type": "string"},
        "description": "Which one.",
        "example": "",
    },
    "variables": {**_OBJECT, "example": "{}"},
    "extensions": {**_OBJECT, "example": "{}"},
}
_MEMBERS: Final = (
    ("query", str | None, "a string"),
    ("documentId", str | None, "a string"),
    ("variables", dict | None, "an object"),
    ("operationName", str | None, "a string"),
    ("extensions", dict | None, "an object"),
)
_PRIVATE: Final[Headers] = [(b"cache-control", b"private, no-cache"), (b"vary", b"Accept, Authorization")]


@dataclass(frozen=True, slots=True)
class Options:
    """What an application allows: which documents, from which manifests, at which cost, and who is told the schema."""

    documents: Documents = "any"
    manifests: Sequence[Path] = ()
    introspection: Introspection = "everybody"
    max_cost: int = MAX_COST


def routes(model: Model, engine: Engine, options: Options | None = None) -> list[Route]:
    """The endpoint, and the schema for tools. Raises DeclarationError for a manifest that is none,
    DeclarationErrors for names that GraphQL cannot have."""
    options = options or Options()
    roots_of(model)
    persisted = Persisted(options.documents, options.manifests)
    surface = _Surface(Endpoint(model, engine, max_cost=options.max_cost), persisted, options.introspection)
    ask, schema = "What an operation asks or does.", "The GraphQL schema."
    body = {"type": "object", "properties": {
        "query": {"type": "string"}, "operationName": {"type": ["string", "null"]},
        "variables": {"type": ["object", "null"]}, "extensions": {"type": ["object", "null"]}},
        "required": ["query"]}  # fmt: skip
    answer = {"type": "object", "properties": {
        "data": {"type": ["object", "null"]}, "errors": {"type": "array", "items": {"type": "object"}},
        "extensions": {"type": "object"}}}  # fmt: skip
    return [
        Route("POST", PATH, surface.post, "graphql", ask, accepts=(JSON.media_type,),
              form=Form(answer, body, codes=("NOT_ACCEPTABLE",), types=(JSON.media_type,),
                        example={"data": {"__typename": "Query"}})),
        Route("GET", PATH, surface.get, "graphql.query", ask,
              form=Form(answer, codes=("NOT_ACCEPTABLE", "INVALID_FORMAT"), tagged=True, query=_PARAMETERS,
                        example={"data": {"__typename": "Query"}})),
        Route("GET", f"{PATH}/schema.graphql", surface.sdl, "graphql.schema", schema,
              form=Form({"type": "string"}, types=("application/graphql",), tagged=True,
                        example="type Query { node(id: ID!): Node }")),
        Route("GET", f"{PATH}/schema.json", surface.introspection, "graphql.introspection", schema,
              form=Form({"type": "object"}, tagged=True, example={"data": {}})),
        *playground.routes(PATH),
    ]  # fmt: skip


class _Surface:
    def __init__(self, endpoint: Endpoint, persisted: Persisted, introspection: Introspection) -> None:
        self.endpoint, self.persisted, self.introspection_for = endpoint, persisted, introspection
        self._forms: dict[Callable[[GraphQLSchema], bytes], bytes] = {}
        self._writing = asyncio.Lock()

    def _tells(self, exchange: Exchange) -> bool:
        """Whether this caller is told of the schema."""
        if self.introspection_for == "signed-in":
            return exchange.call.actor.signed_in
        return self.introspection_for == "everybody"

    async def _answer(
        self, exchange: Exchange, sent: Any, *, address: bool = False, alone: bool = True
    ) -> Reply:
        """What is answered to an operation. In an `address` it must not change anything; where it is not `alone`, it
        spoils no other by not being one."""
        try:
            _check(sent, address=address)
        except Fault as fault:
            if alone:
                raise
            return self.endpoint.refused(exchange.call, fault)
        try:
            document = self.persisted.document(sent, address=address)
        except Fault as fault:
            if alone and fault.code == "INVALID_FORMAT":
                raise
            return self.endpoint.refused(exchange.call, fault)
        request = Request(document, sent.get("variables") or {}, sent.get("operationName") or None)
        tells = self._tells(exchange)
        if address and await self.endpoint.kind(request, introspection=tells) is OperationType.MUTATION:
            message = "A mutation changes something, so it is sent by POST."
            raise Fault("METHOD_NOT_ALLOWED", message, headers={"Allow": "POST"})
        return await self.endpoint.answer(exchange.call, request, introspection=tells)

    def _open(self, exchange: Exchange) -> None:
        """Raises Fault where this caller is not told of the schema."""
        if not self._tells(exchange):
            signed_in = exchange.call.actor.signed_in or self.introspection_for == "nobody"
            raise Fault("INSUFFICIENT_PERMISSIONS" if signed_in else "AUTHENTICATION_REQUIRED")

    async def post(self, exchange: Exchange) -> Response:
        """One operation, or a list of them, which are answered one after another."""
        format = _format(exchange)
        if b"content-type" not in exchange.headers:
            # The specification has this refused, where elsewhere JSON is taken for granted.
            body_type(b"", exchange.route.accepts)
        sent = await read_body(exchange)
        if not isinstance(sent, list):
            return _response(await self._answer(exchange, sent), format)
        if not 1 <= len(sent) <= MAX_BATCH:
            raise Fault("INVALID_FORMAT", f"A batch has from 1 to {MAX_BATCH} operations, not {len(sent)}.")
        _check_lengths(sent)
        replies = []
        for one in sent:
            replies.append(await self._answer(exchange, one, alone=False))
            await asyncio.sleep(0)  # other requests have their turn
        body = f"[{','.join([reply.text for reply in replies])}]"
        return Response(200, [(b"content-type", _content_type(format)), *_PRIVATE], body.encode())

    async def get(self, exchange: Exchange) -> Response:
        """A query in the address; the playground, where a browser asks for a page."""
        sent = _from_address(exchange.query)
        if sent.keys().isdisjoint(("query", "documentId", "extensions")) and _wants_page(exchange):
            return playground.page(PATH)
        format = _format(exchange)
        reply = await self._answer(exchange, sent, address=True)
        response = _response(reply, format)
        return tagged(exchange, etag(response.body), response) if response.status == 200 else response

    async def sdl(self, exchange: Exchange) -> Response:
        """The schema in GraphQL's own language."""
        return await self._schema(exchange, b"application/graphql; charset=utf-8", _sdl)

    async def introspection(self, exchange: Exchange) -> Response:
        """The schema as an introspection query has it."""
        return await self._schema(exchange, b"application/json", _introspection)

    async def _schema(
        self, exchange: Exchange, type: bytes, written: Callable[[GraphQLSchema], bytes]
    ) -> Response:
        """A form of the schema. It is made once, beside what else is going on: it may take tenths of a second."""
        self._open(exchange)
        async with self._writing:
            if written not in self._forms:
                api, _ = await self.endpoint.api()
                self._forms[written] = await asyncio.to_thread(written, api.schema)
        body = self._forms[written]
        return tagged(exchange, etag(body), Response(200, [(b"content-type", type), *_PRIVATE], body))


def _sdl(schema: GraphQLSchema) -> bytes:
    return sdl_of(schema).encode()


def _introspection(schema: GraphQLSchema) -> bytes:
    return encode_json({"data": introspection_from_schema(schema)})


def _format(exchange: Exchange) -> Format:
    """The media type of the answer: GraphQL's own if it is named, and plain JSON is not preferred to it.

    Raises: Fault NOT_ACCEPTABLE.
    """
    accept = exchange.headers.get(b"accept")
    return GRAPHQL if error_type(accept) == GRAPHQL.media_type else negotiate(accept, _FORMATS)


def _wants_page(exchange: Exchange) -> bool:
    accept = exchange.headers.get(b"accept", b"")
    return b"text/html" in accept and negotiate(accept, (_HTML, *_FORMATS)) is _HTML


def _check_lengths(sent: Sequence[Any]) -> None:
    """Raises Fault QUERY_TOO_COMPLEX where the documents of a batch are longer together than one may be."""
    texts = [one.get("query") for one in sent if isinstance(one, dict)]
    if sum(len(text) for text in texts if isinstance(text, str)) > MAX_LENGTH:
        message = f"The documents of a batch have at most {MAX_LENGTH} characters together."
        raise Fault("QUERY_TOO_COMPLEX", message)


def _check(sent: Any, *, address: bool = False) -> None:
    """Raises Fault INVALID_FORMAT for what is no operation, in a body or in an address."""
    if not isinstance(sent, dict):
        raise Fault("INVALID_FORMAT", f"An operation must be a JSON object, not {json_name(sent)}.")
    problems = []
    for member, type, what in _MEMBERS:
        if not isinstance(value := sent.get(member), type):
            message = f"`{member}` must be {what}, not {json_name(value)}."
            field, parameter = (None, member) if address else (member, None)
            problems.append(Detail("INVALID_FORMAT", message, field, parameter))
    if problems:
        raise Fault("INVALID_FORMAT", problems[0].message, problems)


def _from_address(query: bytes) -> Mapping[str, Any]:
    """The parameters of a query in the address. Raises: Fault INVALID_FORMAT."""
    found: dict[str, Any] = {}
    for name, text in decode_query(query):
        if name in found:
            continue
        if name in ("variables", "extensions"):
            found[name] = _parsed(name, text)
        else:
            found[name] = text
    return found


def _parsed(name: str, text: str) -> Any:
    try:
        return decode_json(text.encode()) if text else None
    except Fault as fault:
        why = fault.details[0].message if fault.details else fault.message
        message = f"`{name}` is not JSON that can be read: {why}"
        raise Fault("INVALID_FORMAT", message, [Detail("INVALID_FORMAT", message, parameter=name)]) from None


def _content_type(format: Format) -> bytes:
    return f"{format.media_type}; charset=utf-8".encode()


def _response(reply: Reply, format: Format) -> Response:
    """The response in its media type. That of GraphQL says by its status that nothing was executed; in plain JSON
    clients have always found that out from the body."""
    status = 200 if reply.executed or format is JSON else 400
    return Response(status, [(b"content-type", _content_type(format)), *_PRIVATE], reply.text.encode())

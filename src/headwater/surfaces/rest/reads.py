"""GET: one row, many rows, and the rows behind a relation."""

from functools import lru_cache
from typing import Final

from headwater.engine.engine import Engine
from headwater.http.exchange import Exchange, Handler, Headers, Response
from headwater.http.wire import decode_query, etag, link_header, many, negotiate, one, tagged
from headwater.ir.model import Relation, Resource
from headwater.ir.parse import Parser
from headwater.ir.query import Numbered, Query, Select, Within
from headwater.surfaces.rest.paging import links, pagination

# An answer depends on who asks, so it is kept by nobody but the client, who asks each time whether it still holds.
HEADERS: Final[Headers] = [
    (b"content-type", b"application/json"),
    (b"cache-control", b"private, no-cache"),
]
_KEPT: Final = 512  # bytes of a query string up to which its translation is worth keeping


class Reads:
    """The handlers that read one resource."""

    def __init__(self, engine: Engine, parser: Parser, resource: Resource) -> None:
        self.engine, self.parser, self.resource = engine, parser, resource

    def one(self) -> Handler:
        """One row, with its entity tag."""
        engine, parser, resource = self.engine, self.parser, self.resource

        def parse(query: bytes) -> Select:
            return parser.select(resource, decode_query(query))

        kept = lru_cache(1024)(parse)

        async def read(exchange: Exchange) -> Response:
            negotiate(exchange.header(b"accept"))
            query = exchange.query
            select = kept(query) if len(query) < _KEPT else parse(query)
            key = exchange.path_parameters["id"]
            answer = await engine.read(exchange.call, Query(resource.name, key, select))
            row = answer.rows[0]
            response = Response(200, HEADERS.copy(), one(row, exchange.request_id))
            return tagged(exchange, etag(row.encode(), answer.version), response)

        return read

    def many(self) -> Handler:
        """A page of the collection."""
        return self._page(self.resource, None)

    def related(self, relation: Relation, target: Resource) -> Handler:
        """A page of the rows behind a to-many relation of one row."""
        return self._page(target, relation)

    def _page(self, resource: Resource, relation: Relation | None) -> Handler:
        engine, parser, owner = self.engine, self.parser, self.resource

        def parse(query: bytes, within: Within | None = None) -> Query:
            return parser.list(resource, decode_query(query), within=within)

        kept = lru_cache(1024)(parse)

        async def page(exchange: Exchange) -> Response:
            negotiate(exchange.header(b"accept"))
            raw = exchange.query
            if relation is not None:
                within = Within(owner.name, exchange.path_parameters["id"], relation.name)
                query = parse(raw, within)
            else:
                query = kept(raw) if len(raw) < _KEPT else parse(raw)
            answer = await engine.read(exchange.call, query)
            facts = pagination(query.page, answer)
            related = links(exchange.path, raw, query.page, answer)
            headers = [*HEADERS, (b"link", link_header(related))]
            if isinstance(query.page, Numbered):
                headers.append((b"x-total-count", b"%d" % facts["total"]))
                headers.append((b"x-pagination-pages", b"%d" % facts["pages"]))
            body = many(answer.rows, exchange.request_id, pagination=facts, links=related)
            return Response(200, headers, body)

        return page

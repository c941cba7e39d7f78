"""GET and QUERY: one row, many rows, and the rows behind a relation."""

from dataclasses import replace
from functools import lru_cache
from typing import Final

from msgspec import structs

from headwater.base.errors import Fault
from headwater.engine.engine import Engine
from headwater.http.exchange import Exchange, Handler, Headers, Response
from headwater.http.wire import decode_query, etag, link_header, many, one, read_body, tagged
from headwater.ir.document import query_of
from headwater.ir.model import Relation, Resource
from headwater.ir.parse import Parser
from headwater.ir.query import Answer, Numbered, Query, Select, Summary, Within
from headwater.surfaces.rest.paging import Links, alone, links, pagination

# An answer depends on who asks, so it is kept by nobody but the client, who asks each time whether it still holds.
HEADERS: Final[Headers] = [
    (b"content-type", b"application/json"),
    (b"cache-control", b"private, no-cache"),
    (b"vary", b"Accept"),
]
# Collections can be asked in a body too (RFC 10008), in these media types.
QUERIES: Final = ("application/json",)
_COLLECTION: Final[Headers] = [*HEADERS, (b"accept-query", ", ".join(QUERIES).encode())]
_KEPT: Final = 512  # bytes of a query string up to which its translation is worth keeping


class Reads:
    """The handlers that read one resource: what is in its trash, if `trashed`, or else what is not."""

    def __init__(self, engine: Engine, parser: Parser, resource: Resource, *, trashed: bool = False) -> None:
        self.engine, self.parser, self.resource, self.trashed = engine, parser, resource, trashed

    def one(self) -> Handler:
        """One row, with its entity tag."""
        engine, parser, resource, trashed = self.engine, self.parser, self.resource, self.trashed

        def parse(query: bytes) -> Select:
            return parser.select(resource, decode_query(query))

        kept = lru_cache(1024)(parse)

        async def read(exchange: Exchange) -> Response:
            query = exchange.query
            select = kept(query) if len(query) < _KEPT else parse(query)
            key = exchange.path_parameters["id"]
            answer = await engine.read(exchange.call, Query(resource.name, key, select, trashed=trashed))
            row = answer.rows[0]
            response = Response(200, HEADERS.copy(), one(row, exchange.request_id))
            return tagged(exchange, etag(row.encode(), answer.version), response)

        return read

    def many(self) -> Handler:
        """A page of the collection."""
        return self._page(self.resource, None)

    def search(self) -> Handler:
        """A page of the collection that a body asks for."""
        return self._search(self.resource, None)

    def related(self, relation: Relation, target: Resource) -> Handler:
        """A page of the rows behind a to-many relation of one row."""
        return self._page(target, relation)

    def related_search(self, relation: Relation, target: Resource) -> Handler:
        """A page of the rows behind a to-many relation that a body asks for."""
        return self._search(target, relation)

    def _page(self, resource: Resource, relation: Relation | None) -> Handler:
        engine, parser = self.engine, self.parser

        def parse(query: bytes, within: Within | None = None) -> Query:
            return self._of_trash(parser.list(resource, decode_query(query), within=within))

        kept = lru_cache(1024)(parse)

        async def page(exchange: Exchange) -> Response:
            raw = exchange.query
            if relation is not None:
                query = parse(raw, self._within(exchange, relation))
            else:
                query = kept(raw) if len(raw) < _KEPT else parse(raw)
            answer = await engine.read(exchange.call, query)
            if query.summary is not None:
                here = alone(exchange.path, exchange.query)
                return _summary(exchange, query.summary, answer, here)
            related = links(exchange.path, raw, query.page, answer)
            return _answer(exchange, query, answer, related)

        return page

    def _search(self, resource: Resource, relation: Relation | None) -> Handler:
        engine, parser = self.engine, self.parser

        async def search(exchange: Exchange) -> Response:
            parser.nothing(decode_query(exchange.query))
            within = None if relation is None else self._within(exchange, relation)
            query = self._of_trash(query_of(parser, resource, await read_body(exchange), within=within))
            try:
                answer = await engine.read(exchange.call, query)
            except Fault as fault:
                # What the engine calls a parameter, such as a wrong cursor, was a member of this body.
                fault.details = tuple(
                    replace(d, field=d.parameter or d.field, parameter=None) for d in fault.details
                )
                raise
            # Other pages have the same address and another body, so there are no links: `nextCursor` leads on.
            if query.summary is not None:
                return _summary(exchange, query.summary, answer, None)
            return _answer(exchange, query, answer, None)

        return search

    def _of_trash(self, query: Query) -> Query:
        return structs.replace(query, trashed=True) if self.trashed else query

    def _within(self, exchange: Exchange, relation: Relation) -> Within:
        return Within(self.resource.name, exchange.path_parameters["id"], relation.name)


def _answer(exchange: Exchange, query: Query, answer: Answer, related: Links | None) -> Response:
    """A page in its envelope."""
    facts = pagination(query.page, answer)
    headers = _COLLECTION.copy()
    if related is not None:
        headers.append((b"link", link_header(related)))
    if isinstance(query.page, Numbered):
        headers.append((b"x-total-count", b"%d" % facts["total"]))
        headers.append((b"x-pagination-pages", b"%d" % facts["pages"]))
    return Response(200, headers, many(answer.rows, exchange.request_id, pagination=facts, links=related))


def _summary(exchange: Exchange, summary: Summary, answer: Answer, here: Links | None) -> Response:
    """Groups as a list, of which `meta.pagination` tells whether it is cut off; without groups one object."""
    if not summary.groups:
        return Response(200, HEADERS.copy(), one(answer.rows[0], exchange.request_id, links=here))
    facts = {"limit": summary.limit, "hasMore": answer.more}
    return Response(200, HEADERS.copy(), many(answer.rows, exchange.request_id, pagination=facts, links=here))

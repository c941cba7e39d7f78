"""GET and QUERY: one row, many rows, and the rows behind a relation."""

from dataclasses import replace
from typing import Final

from msgspec import structs

from headwater.base.caches import remembered
from headwater.base.errors import Fault
from headwater.engine.engine import Engine
from headwater.http.decode import decode_query
from headwater.http.envelopes import link_header, many, one
from headwater.http.exchange import Exchange, Handler, Headers, Response
from headwater.http.formats import read_body
from headwater.http.tags import etag, tagged
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


class Questions:
    """What query strings ask, as plain JSON spells it: of all resources together, so that what is remembered does not
    grow with their number."""

    def __init__(self, parser: Parser) -> None:
        self.parser = parser
        self.row = remembered(4096)(self._row)
        self.list = remembered(4096)(self._list)

    def _row(self, resource: str, query: bytes) -> Select:
        """What is shown of a row. Raises: Fault."""
        return self.parser.select(self.parser.model.resources[resource], decode_query(query))

    def _list(self, resource: str, query: bytes, trashed: bool = False) -> Query:
        """A question about many rows. Raises: Fault."""
        found = self.parser.list(self.parser.model.resources[resource], decode_query(query))
        return structs.replace(found, trashed=True) if trashed else found


class Reads:
    """The handlers that read one resource: what is in its trash, if `trashed`, or else what is not."""

    def __init__(
        self, engine: Engine, questions: Questions, resource: Resource, *, trashed: bool = False
    ) -> None:
        self.engine, self.questions, self.resource, self.trashed = engine, questions, resource, trashed

    def one(self) -> Handler:
        """One row, with its entity tag."""
        engine, asked, name, trashed = self.engine, self.questions.row, self.resource.name, self.trashed

        async def read(exchange: Exchange) -> Response:
            select = asked(name, exchange.query)
            query = Query(name, exchange.path_parameters["id"], select, trashed=trashed)
            answer = await engine.read(exchange.call, query)
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
        engine, asked, name, trashed = self.engine, self.questions.list, resource.name, self.trashed

        async def page(exchange: Exchange) -> Response:
            query = asked(name, exchange.query, trashed)
            if relation is not None:
                query = structs.replace(query, within=self._within(exchange, relation))
            answer = await engine.read(exchange.call, query)
            if query.summary is not None:
                here = alone(exchange.path, exchange.query)
                return _summary(exchange, query.summary, answer, here)
            related = links(exchange.path, exchange.query, query.page, answer)
            return _answer(exchange, query, answer, related)

        return page

    def _search(self, resource: Resource, relation: Relation | None) -> Handler:
        engine, parser = self.engine, self.questions.parser

        async def search(exchange: Exchange) -> Response:
            parser.nothing(decode_query(exchange.query))
            within = None if relation is None else self._within(exchange, relation)
            query = query_of(parser, resource, await read_body(exchange), within=within)
            query = structs.replace(query, trashed=True) if self.trashed else query
            answer = await read_asked(engine, exchange, query)
            # Other pages have the same address and another body, so there are no links: `nextCursor` leads on.
            if query.summary is not None:
                return _summary(exchange, query.summary, answer, None)
            return _answer(exchange, query, answer, None)

        return search

    def _within(self, exchange: Exchange, relation: Relation) -> Within:
        return Within(self.resource.name, exchange.path_parameters["id"], relation.name)


async def read_asked(engine: Engine, exchange: Exchange, query: Query) -> Answer:
    """What a body asks for. Raises as `Engine.read` does."""
    try:
        return await engine.read(exchange.call, query)
    except Fault as fault:
        # What the engine calls a parameter, such as a wrong cursor, was a member of this body.
        fault.details = tuple(replace(d, field=d.parameter or d.field, parameter=None) for d in fault.details)
        raise


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

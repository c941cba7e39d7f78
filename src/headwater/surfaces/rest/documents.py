"""Reads that are answered as documents of JSON:API 1.1."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

from msgspec import structs

from headwater.base.caches import remembered
from headwater.base.errors import Detail, Fault
from headwater.engine.engine import Engine
from headwater.http.decode import decode_query
from headwater.http.envelopes import link_header
from headwater.http.exchange import Exchange, Headers, Response
from headwater.http.formats import CURSORS, JSON_API, Format, read_body
from headwater.http.json_api import document
from headwater.http.tags import etag, tagged
from headwater.ir.document import query_of
from headwater.ir.model import Model, Resource
from headwater.ir.parse import Parser
from headwater.ir.query import Answer, Include, Numbered, Query, Select, Within
from headwater.surfaces.rest.objects import Layout, compose
from headwater.surfaces.rest.paging import JSON_API as SPELLING
from headwater.surfaces.rest.paging import Links, links, pagination
from headwater.surfaces.rest.reads import read_asked

DocumentHandler = Callable[[Exchange, Format], Awaitable[Response]]

_TYPE: Final = (b"content-type", JSON_API.content_type)
_CURSORS_TYPE: Final = (b"content-type", CURSORS.content_type)
_READ: Final[Headers] = [(b"cache-control", b"private, no-cache"), (b"vary", b"Accept")]


class Documents:
    """Makes documents of rows, and reads what they hold. `base` is the path of the API."""

    def __init__(self, model: Model, engine: Engine, base: str) -> None:
        self.model, self.engine, self.base = model, engine, base
        self.parser = Parser(model, "json_api")
        self.cursors = Parser(model, "json_api_cursors")
        self._layouts = lru_cache(2048)(self._layout)
        self.row = remembered(4096)(self._row)
        self._lists = remembered(4096)(self._list)

    def layout(self, resource: str, select: Select, trashed: bool = False) -> Layout:
        """How rows of a selection are shown."""
        return self._layouts(resource, _bare(select), trashed)

    def _layout(self, resource: str, select: Select, trashed: bool) -> Layout:
        return Layout(self.model, self.base, self.model.resources[resource], select, trashed=trashed)

    def _row(self, resource: str, query: bytes, trashed: bool = False) -> tuple[Select, Layout]:
        """What is shown of a row, and how."""
        select = self.parser.select(self.model.resources[resource], decode_query(query))
        return select, self.layout(resource, select, trashed)

    def _list(self, resource: str, query: bytes, cursors: bool, trashed: bool) -> tuple[Query, Layout]:
        """A question about many rows, and how they are shown."""
        parser = self.cursors if cursors else self.parser
        found = parser.list(self.model.resources[resource], decode_query(query))
        found = structs.replace(found, trashed=True) if trashed else found
        return found, self.layout(resource, found.select, trashed)

    # -- documents ------------------------------------------------------------------------------------------

    def one(self, exchange: Exchange, layout: Layout, row: str | None, links: Links | None = None) -> bytes:
        """The document of one row, or of none."""
        objects, included = compose(layout, () if row is None else (row,))
        return document(
            objects[0] if objects else b"null",
            exchange.request_id,
            included=included if layout.includes else None,
            links=links,
        )

    def many(
        self,
        exchange: Exchange,
        layout: Layout,
        rows: list[str],
        *,
        meta: dict[str, Any] | None = None,
        links: Links | None = None,
        profile: str | None = None,
    ) -> bytes:
        """The document of some rows."""
        objects, included = compose(layout, rows)
        return document(
            objects,
            exchange.request_id,
            included=included if layout.includes else None,
            meta=meta,
            links=links,
            profile=profile,
        )

    # -- handlers -------------------------------------------------------------------------------------------

    def read(self, resource: Resource, *, trashed: bool = False) -> DocumentHandler:
        """One row, with its entity tag."""
        engine, name = self.engine, resource.name

        async def read(exchange: Exchange, format: Format) -> Response:
            select, layout = self.row(name, exchange.query, trashed)
            query = Query(name, exchange.path_parameters["id"], select, trashed=trashed)
            answer = await engine.read(exchange.call, query)
            row = answer.rows[0]
            response = Response(200, [_TYPE, *_READ], self.one(exchange, layout, row))
            return tagged(exchange, etag(row.encode(), answer.version), response)

        return read

    def page(
        self,
        resource: Resource,
        within: Callable[[Exchange], Within] | None = None,
        *,
        trashed: bool = False,
    ) -> DocumentHandler:
        """A page of rows. `within` tells behind which relation of which row they are."""
        engine, name = self.engine, resource.name

        async def page(exchange: Exchange, format: Format) -> Response:
            raw = exchange.query
            query, layout = self._lists(name, raw, format is CURSORS, trashed)
            if within is not None:
                query = structs.replace(query, within=within(exchange))
            answer = await read_page(engine, exchange, query)
            related = links(exchange.path, raw, query.page, answer, SPELLING)
            facts, kind, profile = paged(query, answer)
            headers = [kind, *_READ, (b"link", link_header(related))]
            body = self.many(exchange, layout, answer.rows, meta=facts, links=related, profile=profile)
            return Response(200, headers, body)

        return page

    def search(
        self,
        resource: Resource,
        within: Callable[[Exchange], Within] | None = None,
        *,
        trashed: bool = False,
    ) -> DocumentHandler:
        """A page of rows that a body asks for."""

        async def search(exchange: Exchange, format: Format) -> Response:
            self.parser.nothing(decode_query(exchange.query))
            around = None if within is None else within(exchange)
            query = query_of(self.parser, resource, await read_body(exchange), within=around)
            query = structs.replace(query, trashed=True) if trashed else query
            if query.summary is not None:
                message = "Summaries have no form in JSON:API; accept `application/json`."
                raise Fault("INVALID_PARAMETER", message, [Detail("INVALID_PARAMETER", message, "aggregate")])
            answer = await read_asked(self.engine, exchange, query)
            # The page was not asked for in the words of the profile, and cannot be led on from in those.
            facts = {"pagination": pagination(query.page, answer)}
            layout = self.layout(resource.name, query.select, trashed)
            return Response(200, [_TYPE, *_READ], self.many(exchange, layout, answer.rows, meta=facts))

        return search


def _bare(select: Select) -> Select:
    """The selection without conditions, order and limits of what it includes: a layout depends on none of them, and
    they hold what clients sent."""
    if not select.include:
        return select
    include = tuple(Include(item.relation, _bare(item.select)) for item in select.include)
    return replace(select, include=include)


async def read_page(engine: Engine, exchange: Exchange, query: Query) -> Answer:
    """A page that JSON:API's parameters ask for. Raises as `Engine.read` does."""
    try:
        return await engine.read(exchange.call, query)
    except Fault as fault:
        if fault.code != "INVALID_CURSOR" or isinstance(query.page, Numbered):
            raise
        spelt = "page[before]" if query.page.before else "page[after]"
        details = [Detail(d.code, d.message, parameter=spelt) for d in fault.details]
        hint = "Start again without it, and keep all other parameters the same while paging."
        raise Fault("INVALID_CURSOR", fault.message, details, hint=hint) from None


def paged(query: Query, answer: Answer) -> tuple[dict[str, Any] | None, tuple[bytes, bytes], str | None]:
    """What a document's meta tells of a page, the media type, and the profile that was applied."""
    if isinstance(query.page, Numbered):
        return pagination(query.page, answer), _TYPE, None
    return None, _CURSORS_TYPE, CURSORS.profile

"""Where a row's relations lead, in plain JSON and JSON:API alike: ids alone, and the row behind a to-one relation."""

from dataclasses import replace
from typing import Final, Literal
from urllib.parse import quote

from msgspec import structs

from headwater.base.errors import Detail, Fault
from headwater.engine.engine import Engine
from headwater.http.decode import decode_query
from headwater.http.envelopes import link_header, many, one
from headwater.http.exchange import Exchange, Handler, Headers, Response
from headwater.http.formats import CURSORS, JSON, JSON_API, Format, accepted, read_body
from headwater.http.json_api import document
from headwater.http.prefer import wanted_return
from headwater.http.tags import etag, tagged
from headwater.ir.command import Relate, Update
from headwater.ir.model import Relation, Resource
from headwater.ir.parse import refuse
from headwater.ir.pieces import between_pieces
from headwater.ir.query import Cursor, Numbered, Query, Select, Within
from headwater.surfaces.rest.documents import Documents, paged, read_page
from headwater.surfaces.rest.incoming import Incoming
from headwater.surfaces.rest.objects import identifier, segment
from headwater.surfaces.rest.paging import JSON_API as SPELLING
from headwater.surfaces.rest.paging import PLAIN, Links, links, pagination
from headwater.surfaces.rest.reads import Questions
from headwater.surfaces.rest.writes import Versions, preferring

_READ: Final[Headers] = [(b"cache-control", b"private, no-cache"), (b"vary", b"Accept")]
_IDS: Final = Select((), (), ())
_SPECIFIC: Final = ("fields", "include", "aggregate", "groupBy", "group_by")


class Relationships:
    """The handlers that belong to one relation of one resource, whose collection is at `path`."""

    def __init__(
        self,
        engine: Engine,
        questions: Questions,
        documents: Documents,
        incoming: Incoming,
        relation: Relation,
        path: str,
    ) -> None:
        self.engine, self.questions, self.documents, self.incoming = engine, questions, documents, incoming
        self.plain = questions.parser
        self.resource, self.relation, self.path = incoming.resource, relation, path
        self.target: Resource = engine.model.resources[relation.target]
        self.versions = Versions(engine, self.resource)
        self.select = Select((), (), (relation.name,))

    # -- what is behind -------------------------------------------------------------------------------------

    def within(self, exchange: Exchange) -> Within:
        """What lies behind the relation of the row that a request is about."""
        return Within(self.resource.name, exchange.path_parameters["id"], self.relation.name)

    async def related(self, exchange: Exchange) -> Response:
        """The row behind a to-one relation; null where there is none, or none that the caller may see."""
        format = accepted(exchange)
        if format is JSON:
            layout, select = None, self.questions.row(self.target.name, exchange.query)
        else:
            select, layout = self.documents.row(self.target.name, exchange.query)
        query = Query(self.target.name, select=select, page=Cursor(1), within=self.within(exchange))
        answer = await self.engine.read(exchange.call, query)
        row = answer.rows[0] if answer.rows else None
        here: Links = {"self": exchange.path}
        if layout is None:
            body = one(row or "null", exchange.request_id, links=here)
        else:
            body = self.documents.one(exchange, layout, row, here)
        response = Response(200, [(b"content-type", _plainly(format)), *_READ], body)
        return tagged(exchange, etag((row or "null").encode()), response)

    # -- ids ------------------------------------------------------------------------------------------------

    def read(self) -> Handler:
        """The ids behind the relation."""
        return self._one if self.relation.kind == "one" else self._many

    async def _one(self, exchange: Exchange) -> Response:
        format = accepted(exchange)
        self.plain.nothing(decode_query(exchange.query))
        query = Query(self.resource.name, exchange.path_parameters["id"], self.select)
        answer = await self.engine.read(exchange.call, query)
        response = self._linkage(exchange, format, answer.rows[0], _READ)
        return tagged(exchange, etag(answer.rows[0].encode(), answer.version), response)

    def _linkage(self, exchange: Exchange, format: Format, row: str, headers: Headers) -> Response:
        id = row.split(between_pieces(1))[2]
        data = "null" if id == "null" else identifier(self.target, id)
        here = self._links(exchange)
        if format is JSON:
            body = one(data, exchange.request_id, links=here)
        else:
            body = document(data.encode(), exchange.request_id, links=here)
        return Response(200, [(b"content-type", _plainly(format)), *headers], body)

    async def _many(self, exchange: Exchange) -> Response:
        format, parameters = accepted(exchange), decode_query(exchange.query)
        refused = [
            Detail("INVALID_PARAMETER", f"`{name}` means nothing where ids alone are shown.", parameter=name)
            for name, _ in parameters
            if name.partition("[")[0] in _SPECIFIC
        ]
        if refused:
            refuse(refused)
        spelling = PLAIN if format is JSON else SPELLING
        parser = {JSON: self.plain, JSON_API: self.documents.parser}.get(format, self.documents.cursors)
        query = structs.replace(
            parser.list(self.target, parameters, within=self.within(exchange)), select=_IDS
        )
        if format is JSON:
            answer = await self.engine.read(exchange.call, query)
        else:
            answer = await read_page(self.engine, exchange, query)
        ids = [identifier(self.target, row.partition(between_pieces(1))[0]) for row in answer.rows]
        here = links(exchange.path, exchange.query, query.page, answer, spelling) | self._links(
            exchange, related=True
        )
        facts = pagination(query.page, answer)
        headers = [*_READ, (b"link", link_header({name: here[name] for name in here if name != "related"}))]
        if format is JSON:
            if isinstance(query.page, Numbered):
                headers.append((b"x-total-count", b"%d" % facts["total"]))
                headers.append((b"x-pagination-pages", b"%d" % facts["pages"]))
            body = many(ids, exchange.request_id, pagination=facts, links=here)
            return Response(200, [(b"content-type", format.content_type), *headers], body)
        meta, kind, profile = paged(query, answer)
        objects = [id.encode() for id in ids]
        body = document(objects, exchange.request_id, meta=meta, links=here, profile=profile)
        return Response(200, [kind, *headers], body)

    def _links(self, exchange: Exchange, *, related: bool = False) -> Links:
        owner = f"{self.path}/{quote(exchange.path_parameters['id'], safe='')}"
        found: Links = {"related": f"{owner}/{segment(self.relation)}"}
        return found if related else {"self": exchange.path, **found}

    # -- writes ---------------------------------------------------------------------------------------------

    async def set(self, exchange: Exchange) -> Response:
        """Let a to-one relation lead elsewhere, or nowhere."""
        format = accepted(exchange)
        self.plain.nothing(decode_query(exchange.query))
        (id,) = self.incoming.linkage(self.relation, await read_body(exchange))
        field, key = self.resource.fields[self.relation.field], exchange.path_parameters["id"]
        if id is None and not field.nullable:
            message = f"`{self.relation.wire}` must not be null."
            raise Fault("VALIDATION_ERROR", message, [Detail("INVALID_FORMAT", message, "data")])
        if field.immutable or field.read_only:
            # Only who may see the row is told that nobody may do this to it.
            await self.engine.read(exchange.call, Query(self.resource.name, key, self.select))
            message = (
                f"{self.relation.wire} is set when the {self.resource.singular} is created and never changes."
            )
            raise Fault("NOT_SUPPORTED", message, [Detail("NOT_SUPPORTED", message, pointer="/data")])
        expected = await self.versions.expected(exchange, key)
        command = Update(self.resource.name, key, {field.name: id}, expected, False, self.select)
        try:
            outcome = await self.engine.run(exchange.call, command)
        except Fault as fault:
            raise _here(fault) from None
        preferred, row = wanted_return(exchange), outcome.row
        headers = preferring(preferred, row)
        if preferred == b"minimal" or row is None:
            return Response(204, headers)
        headers.append((b"etag", etag(row.encode(), outcome.version)))
        return self._linkage(exchange, format, row, headers)

    def relate(self, how: Literal["add", "remove", "replace"]) -> Handler:
        """Change what is behind a to-many relation; 204, as the client knows what is there now."""

        async def relate(exchange: Exchange) -> Response:
            accepted(exchange)
            self.plain.nothing(decode_query(exchange.query))
            ids = self.incoming.linkage(self.relation, await read_body(exchange))
            key = exchange.path_parameters["id"]
            expected = await self.versions.expected(exchange, key)
            keys = frozenset(id for id in ids if id is not None)
            command = Relate(self.resource.name, key, self.relation.name, how, keys, expected)
            try:
                await self.engine.run(exchange.call, command)
            except Fault as fault:
                raise _here(fault) from None
            return Response(204, [])

        return relate


def _plainly(format: Format) -> bytes:
    """A media type for what has no pages, so that no profile is applied."""
    return JSON_API.content_type if format is CURSORS else format.content_type


def _here(fault: Fault) -> Fault:
    """What is wrong with a field of a row, told of the body that named the row."""
    fault.details = tuple(
        replace(detail, field="data", pointer="/data") if detail.field is not None else detail
        for detail in fault.details
    )
    return fault

"""POST, PUT, PATCH, DELETE and actions."""

from typing import Any, Final
from urllib.parse import quote

from headwater.base.errors import Detail, Fault
from headwater.engine.engine import Engine
from headwater.http.exchange import Exchange, Handler, Headers, Response
from headwater.http.prefer import wanted_return
from headwater.http.wire import (
    JSON_PATCH,
    decode_query,
    encode_json,
    etag,
    if_match,
    many,
    negotiate,
    one,
    read_body,
    sent_type,
)
from headwater.ir.body import BodyParser, arguments
from headwater.ir.command import Act, Create, Delete, Expected, Outcome, Purge, Restore, Rewrite, Update
from headwater.ir.model import Action, Resource
from headwater.ir.parse import Parser
from headwater.ir.patch import read_patch
from headwater.ir.query import Query, Select

JSON: Final[Headers] = [(b"content-type", b"application/json")]


class Writes:
    """The handlers that write one resource, whose collection is at `path`."""

    def __init__(self, engine: Engine, parser: Parser, resource: Resource, path: str) -> None:
        self.engine, self.parser, self.resource, self.path = engine, parser, resource, path
        self.bodies = BodyParser(resource)

    async def create(self, exchange: Exchange) -> Response:
        """A new row; 201 with its place."""
        select = self._select(exchange)
        values = self.bodies.create(await read_body(exchange))
        outcome = await self.engine.run(exchange.call, Create(self.resource.name, values, select))
        return self._row(exchange, outcome, 201, [(b"location", self._place(outcome.key))])

    async def update(self, exchange: Exchange) -> Response:
        """Some fields of a row, by a merge patch or a JSON Patch."""
        select = self._select(exchange)
        key, body = exchange.path_parameters["id"], await read_body(exchange)
        rewrite: Rewrite | None = None
        values: dict[str, Any] = {}
        if sent_type(exchange) == JSON_PATCH:
            rewrite, named = read_patch(self.bodies, body)
        else:
            values, named = self.bodies.update(body)
        expected = await self._expected(exchange, key, named)
        command = Update(self.resource.name, key, values, expected, False, select, rewrite)
        return self._row(exchange, await self.engine.run(exchange.call, command), 200, [])

    async def replace(self, exchange: Exchange) -> Response:
        """The whole row."""
        select = self._select(exchange)
        key = exchange.path_parameters["id"]
        values, named, unchanged = self.bodies.replace(await read_body(exchange))
        expected = await self._expected(exchange, key, named)
        command = Update(self.resource.name, key, values, expected, True, select, unchanged)
        return self._row(exchange, await self.engine.run(exchange.call, command), 200, [])

    async def delete(self, exchange: Exchange) -> Response:
        """The row goes; 204."""
        self.parser.nothing(decode_query(exchange.query))
        key = exchange.path_parameters["id"]
        expected = await self._expected(exchange, key, None)
        await self.engine.run(exchange.call, Delete(self.resource.name, key, expected))
        return Response(204, [])

    async def restore(self, exchange: Exchange) -> Response:
        """The row is out of the trash again."""
        select = self._select(exchange)
        key = exchange.path_parameters["id"]
        expected = await self._expected(exchange, key, None, trashed=True)
        outcome = await self.engine.run(exchange.call, Restore(self.resource.name, key, expected, select))
        return self._row(exchange, outcome, 200, [(b"content-location", self._place(key))])

    async def purge(self, exchange: Exchange) -> Response:
        """The row is gone for good; 204."""
        self.parser.nothing(decode_query(exchange.query))
        key = exchange.path_parameters["id"]
        expected = await self._expected(exchange, key, None, trashed=True)
        await self.engine.run(exchange.call, Purge(self.resource.name, key, expected))
        return Response(204, [])

    def act(self, action: Action) -> Handler:
        """The handler of an action."""
        engine, resource, on_row = self.engine, self.resource, action.on == "row"

        async def call(exchange: Exchange) -> Response:
            select = self._select(exchange)
            body = await read_body(exchange) if (await exchange.body()).strip() else None
            given = arguments(action, body)
            key = exchange.path_parameters["id"] if on_row else None
            expected = None if key is None else await self._expected(exchange, key, None)
            command = Act(resource.name, action.name, key, given, expected, select)
            return self._result(exchange, key, await engine.run(exchange.call, command))

        return call

    def _result(self, exchange: Exchange, key: str | None, outcome: Outcome) -> Response:
        """What an action answers: a row, rows, what else it returned, or nothing."""
        if outcome.row is not None and outcome.key == key and key is not None:
            return self._row(exchange, outcome, 200, [(b"content-location", self._place(key))])
        if outcome.row is not None:
            return Response(200, JSON.copy(), one(outcome.row, exchange.request_id))
        if outcome.rows is not None:
            return Response(200, JSON.copy(), many(outcome.rows, exchange.request_id))
        if outcome.returned:
            value = encode_json(outcome.value).decode()
        elif outcome.key is not None:
            value = _only_id(outcome.key)
        else:
            return Response(204, [])
        return Response(200, JSON.copy(), one(value, exchange.request_id))

    def _row(self, exchange: Exchange, outcome: Outcome, status: int, headers: Headers) -> Response:
        """The row that was written; its id alone where the caller may not read it; nothing where they prefer that."""
        row, preferred = outcome.row, wanted_return(exchange)
        headers.append((b"vary", b"Prefer"))
        if row is not None:
            headers.append((b"etag", etag(row.encode(), outcome.version)))
        if preferred is not None and (preferred == b"minimal" or row is not None):
            headers.append((b"preference-applied", b"return=" + preferred))
        if preferred == b"minimal":
            return Response(204 if status == 200 else status, headers)
        body = one(_only_id(str(outcome.key)) if row is None else row, exchange.request_id)
        return Response(status, JSON + headers, body)

    def _place(self, key: str | None) -> bytes:
        return f"{self.path}/{quote(str(key), safe='')}".encode()

    def _select(self, exchange: Exchange) -> Select:
        """What the answer shows. Refuses what cannot be answered before anything is written."""
        negotiate(exchange.header(b"accept"))
        return self.parser.select(self.resource, decode_query(exchange.query)) if exchange.query else Select()

    async def _expected(
        self, exchange: Exchange, key: str, named: Expected | None, *, trashed: bool = False
    ) -> Expected | None:
        """The version that the client believes to be current, from `If-Match` or else from the body."""
        versions = if_match(exchange.header(b"if-match"))
        if versions is None:
            return named
        if named is not None and named.version not in versions:
            message = "`version` in the body contradicts `If-Match`; send one of them."
            raise Fault("VALIDATION_ERROR", message, [Detail("VALIDATION_ERROR", message, "version")])
        if named is not None:
            return Expected(named.version, header=True)
        if len(versions) > 1:
            # Several would do: the one that is current now, if it is among them, must be so when the write happens.
            query = Query(self.resource.name, key, Select(("id",)), trashed=trashed)
            answer = await self.engine.read(exchange.call, query)
            if answer.version in versions:
                return Expected(answer.version, header=True)
        return Expected(versions[0] if versions else 0, header=True)


def _only_id(key: str) -> str:
    value: dict[str, Any] = {"id": key}
    return encode_json(value).decode()

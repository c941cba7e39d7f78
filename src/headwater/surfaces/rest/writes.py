"""POST, PUT, PATCH, DELETE and actions."""

from typing import Any
from urllib.parse import quote

from headwater.base.errors import Detail, Fault
from headwater.engine.engine import Engine
from headwater.http.decode import decode_query
from headwater.http.exchange import Exchange, Handler, Headers, Response
from headwater.http.formats import JSON_API, JSON_PATCH, read_body, sends_document, sent_type
from headwater.http.prefer import wanted_return
from headwater.http.tags import etag, if_match
from headwater.ir.body import BodyParser, arguments
from headwater.ir.command import (
    Act,
    Command,
    Create,
    Delete,
    Expected,
    Linked,
    Outcome,
    Purge,
    Restore,
    Rewrite,
    Update,
)
from headwater.ir.model import Action, Resource
from headwater.ir.patch import read_patch
from headwater.ir.query import Query, Select
from headwater.surfaces.rest.forms import Form, Forms
from headwater.surfaces.rest.incoming import Incoming, argument, arguments_of, point


def preferring(preferred: bytes | None, row: str | None) -> Headers:
    """The headers that tell of a preference, as `wanted_return` finds it: that the answer depends on it, and whether it
    was met. No `row` is represented to those who may not read it."""
    headers: Headers = [(b"vary", b"Accept, Prefer")]
    if preferred is not None and (preferred == b"minimal" or row is not None):
        headers.append((b"preference-applied", b"return=" + preferred))
    return headers


class Versions:
    """Finds the version that a client believes a row of one resource to have."""

    def __init__(self, engine: Engine, resource: Resource) -> None:
        self.engine, self.resource = engine, resource

    async def expected(
        self, exchange: Exchange, key: str, named: Expected | None = None, *, trashed: bool = False
    ) -> Expected | None:
        """From `If-Match`, or else from the body. Raises: Fault, where the two contradict each other."""
        versions = if_match(exchange.headers.get(b"if-match"))
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


class Writes:
    """The handlers that write one resource, whose collection is at `path`."""

    def __init__(self, engine: Engine, forms: Forms, incoming: Incoming, path: str) -> None:
        self.engine, self.forms, self.incoming, self.path = engine, forms, incoming, path
        self.resource = incoming.resource
        self.bodies = BodyParser(self.resource)
        self.versions = Versions(engine, self.resource)

    async def create(self, exchange: Exchange) -> Response:
        """A new row; 201 with its place."""
        form = self.forms.of(exchange)
        select = form.select(self.resource, exchange.query)
        body = await read_body(exchange)
        linked: Linked = {}
        if sends_document(exchange):
            values, linked = self.incoming.read(body, self.bodies.create)
        else:
            values = self.bodies.create(body)
        outcome = await self._run(exchange, Create(self.resource.name, values, select, linked))
        headers = [(b"location", self._place(outcome.key))]
        return self._row(exchange, form, select, outcome, 201, headers)

    async def update(self, exchange: Exchange) -> Response:
        """Some fields of a row, by a merge patch, a JSON Patch or a resource object."""
        form = self.forms.of(exchange)
        select = form.select(self.resource, exchange.query)
        key, body = exchange.path_parameters["id"], await read_body(exchange)
        rewrite: Rewrite | None = None
        values: dict[str, Any] = {}
        linked: Linked = {}
        media_type = sent_type(exchange)
        if media_type == JSON_PATCH:
            rewrite, named = read_patch(self.bodies, body)
        elif media_type == JSON_API.media_type:
            (values, named, rewrite), linked = self.incoming.read(body, self.bodies.assign, key)
        else:
            values, named = self.bodies.update(body)
        expected = await self.versions.expected(exchange, key, named)
        command = Update(self.resource.name, key, values, expected, False, select, rewrite, linked)
        return self._row(exchange, form, select, await self._run(exchange, command), 200, [])

    async def replace(self, exchange: Exchange) -> Response:
        """The whole row."""
        form = self.forms.of(exchange)
        select = form.select(self.resource, exchange.query)
        key = exchange.path_parameters["id"]
        values, named, unchanged = self.bodies.replace(await read_body(exchange))
        expected = await self.versions.expected(exchange, key, named)
        command = Update(self.resource.name, key, values, expected, True, select, unchanged)
        return self._row(exchange, form, select, await self._run(exchange, command), 200, [])

    async def delete(self, exchange: Exchange) -> Response:
        """The row goes; 204."""
        self.forms.parser.nothing(decode_query(exchange.query))
        key = exchange.path_parameters["id"]
        expected = await self.versions.expected(exchange, key)
        await self.engine.run(exchange.call, Delete(self.resource.name, key, expected))
        return Response(204, [])

    async def restore(self, exchange: Exchange) -> Response:
        """The row is out of the trash again."""
        form = self.forms.of(exchange)
        select = form.select(self.resource, exchange.query)
        key = exchange.path_parameters["id"]
        expected = await self.versions.expected(exchange, key, trashed=True)
        outcome = await self.engine.run(exchange.call, Restore(self.resource.name, key, expected, select))
        return self._row(exchange, form, select, outcome, 200, [(b"content-location", self._place(key))])

    async def purge(self, exchange: Exchange) -> Response:
        """The row is gone for good; 204."""
        self.forms.parser.nothing(decode_query(exchange.query))
        key = exchange.path_parameters["id"]
        expected = await self.versions.expected(exchange, key, trashed=True)
        await self.engine.run(exchange.call, Purge(self.resource.name, key, expected))
        return Response(204, [])

    def act(self, action: Action) -> Handler:
        """The handler of an action."""
        resource, on_row = self.resource, action.on == "row"

        async def call(exchange: Exchange) -> Response:
            form = self.forms.of(exchange)
            select = form.select(resource, exchange.query)
            body = await read_body(exchange) if (await exchange.body()).strip() else None
            documented = body is not None and sends_document(exchange)
            if documented:
                body = arguments_of(body)
            try:
                given = arguments(action, body)
                key = exchange.path_parameters["id"] if on_row else None
                expected = None if key is None else await self.versions.expected(exchange, key)
                command = Act(resource.name, action.name, key, given, expected, select)
                outcome = await self.engine.run(exchange.call, command)
            except Fault as fault:
                if documented:
                    point(fault, argument)
                raise
            return self._result(exchange, form, select, key, outcome)

        return call

    async def _run(self, exchange: Exchange, command: Command) -> Outcome:
        """Perform what a body asks for; what is refused of it is told of the body as it was sent."""
        try:
            return await self.engine.run(exchange.call, command)
        except Fault as fault:
            if sends_document(exchange):
                point(fault, self.incoming.locate)
            raise

    def _result(
        self, exchange: Exchange, form: Form, select: Select, key: str | None, outcome: Outcome
    ) -> Response:
        """What an action answers: a row, rows, what else it returned, or nothing."""
        if outcome.row is not None and outcome.key == key and key is not None:
            located = [(b"content-location", self._place(key))]
            return self._row(exchange, form, select, outcome, 200, located)
        shown = self.resource
        if outcome.resource not in (None, shown.name):
            shown = self.engine.model.resources[str(outcome.resource)]
            select = form.select(shown, b"")
        if outcome.row is not None:
            body = form.one(exchange, shown, select, outcome.row)
        elif outcome.rows is not None:
            body = form.many(exchange, shown, select, list(outcome.rows))
        elif outcome.returned:
            body = form.value(exchange, outcome.value)
        elif outcome.key is not None:
            body = form.only_id(exchange, shown, outcome.key)
        else:
            return Response(204, [])
        return Response(200, [(b"content-type", form.content_type), (b"vary", b"Accept")], body)

    def _row(
        self, exchange: Exchange, form: Form, select: Select, outcome: Outcome, status: int, headers: Headers
    ) -> Response:
        """The row that was written; its id alone where the caller may not read it; nothing where they prefer that."""
        row, preferred = outcome.row, wanted_return(exchange)
        headers += preferring(preferred, row)
        if row is not None:
            headers.append((b"etag", etag(row.encode(), outcome.version)))
        if preferred == b"minimal":
            return Response(204 if status == 200 else status, headers)
        if row is None:
            body = form.only_id(exchange, self.resource, str(outcome.key))
        else:
            body = form.one(exchange, self.resource, select, row)
        return Response(status, [(b"content-type", form.content_type), *headers], body)

    def _place(self, key: str | None) -> bytes:
        return f"{self.path}/{quote(str(key), safe='')}".encode()

"""The two forms in which rows are answered, as those who write need them: plain JSON, and documents of JSON:API."""

from typing import Any, Protocol

from headwater.http.envelopes import many, one
from headwater.http.exchange import Exchange
from headwater.http.formats import JSON, JSON_API, accepted, encode_json
from headwater.http.json_api import document
from headwater.ir.model import Resource
from headwater.ir.query import Select
from headwater.surfaces.rest.documents import Documents
from headwater.surfaces.rest.objects import identifier
from headwater.surfaces.rest.reads import Questions


class Form(Protocol):
    """How an answer is asked for and put together."""

    content_type: bytes

    def select(self, resource: Resource, query: bytes) -> Select:
        """What the answer shows of a row. Raises: Fault."""

    def one(self, exchange: Exchange, resource: Resource, select: Select, row: str) -> bytes:
        """A row."""

    def many(self, exchange: Exchange, resource: Resource, select: Select, rows: list[str]) -> bytes:
        """Rows."""

    def only_id(self, exchange: Exchange, resource: Resource, id: str) -> bytes:
        """A row of which nothing but the id may be shown."""

    def value(self, exchange: Exchange, value: Any) -> bytes:
        """What is no row."""


class Plain:
    """The envelope of plain JSON."""

    content_type: bytes = JSON.content_type

    def __init__(self, questions: Questions) -> None:
        self.questions = questions

    def select(self, resource: Resource, query: bytes) -> Select:
        return self.questions.row(resource.name, query)

    def one(self, exchange: Exchange, resource: Resource, select: Select, row: str) -> bytes:
        return one(row, exchange.request_id)

    def many(self, exchange: Exchange, resource: Resource, select: Select, rows: list[str]) -> bytes:
        return many(rows, exchange.request_id)

    def only_id(self, exchange: Exchange, resource: Resource, id: str) -> bytes:
        return self.value(exchange, {"id": id})

    def value(self, exchange: Exchange, value: Any) -> bytes:
        return one(encode_json(value).decode(), exchange.request_id)


class Document:
    """Documents of JSON:API. What is no row is `result` in the document's meta."""

    content_type: bytes = JSON_API.content_type

    def __init__(self, documents: Documents) -> None:
        self.documents = documents

    def select(self, resource: Resource, query: bytes) -> Select:
        return self.documents.row(resource.name, query)[0]

    def one(self, exchange: Exchange, resource: Resource, select: Select, row: str) -> bytes:
        return self.documents.one(exchange, self.documents.layout(resource.name, select), row)

    def many(self, exchange: Exchange, resource: Resource, select: Select, rows: list[str]) -> bytes:
        return self.documents.many(exchange, self.documents.layout(resource.name, select), rows)

    def only_id(self, exchange: Exchange, resource: Resource, id: str) -> bytes:
        return document(identifier(resource, encode_json(id).decode()).encode(), exchange.request_id)

    def value(self, exchange: Exchange, value: Any) -> bytes:
        return document(None, exchange.request_id, meta={"result": value})


class Forms:
    """Finds the form that a client accepts. `parser` reads what plain JSON asks."""

    def __init__(self, plain: Questions, documents: Documents) -> None:
        self.parser = plain.parser
        self.plain, self.document = Plain(plain), Document(documents)

    def of(self, exchange: Exchange) -> Form:
        """Raises: Fault NOT_ACCEPTABLE."""
        return self.plain if accepted(exchange) is JSON else self.document

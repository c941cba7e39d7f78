"""Operations from their text to their answer.

What an operation asks is worked out once for its document, its name and its variables, and kept; the engine keeps the
plan of each question by its shape, whoever asks. Nothing here decides who may see or do what.
"""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    execute_sync,
    get_variable_values,
)
from graphql.execution.values import VariableValues

from headwater.base.caches import Kept
from headwater.base.call import Call
from headwater.base.errors import Fault
from headwater.base.observe import UnexpectedFailure
from headwater.engine.engine import Engine
from headwater.http.formats import encode_json
from headwater.http.refusals import facts_of, graphql_error
from headwater.ir.body import BodyParser
from headwater.ir.command import Outcome
from headwater.ir.model import Model, Resource
from headwater.surfaces.graphql.documents import Document, Documents, Invalid
from headwater.surfaces.graphql.reading import Answering, read
from headwater.surfaces.graphql.schema import TRANSACTION, Api, build
from headwater.surfaces.graphql.selecting import MAX_PIECES, Reading
from headwater.surfaces.graphql.writing import Mutation, is_told, write

MAX_COST: Final = 50_000
MAX_VALUES: Final = 10_000
"""Values in the variables of an operation: numbers, texts, lists, objects."""
_KEPT: Final = 8_000_000
"""Characters of the prepared operations that are kept, and of what they tell of the schema."""
_TOLD: Final = 300
"""Characters of a message about a document, which may repeat a part of it."""
_PLACES: Final = 5
"""Of an error in a document."""


@dataclass(frozen=True, slots=True)
class Request:
    """An operation as it was sent."""

    query: str
    variables: Mapping[str, Any]
    operation: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A response: its JSON text, and whether the operation was executed at all."""

    text: str
    executed: bool


@dataclass(frozen=True, slots=True)
class _Field:
    """A root field: its name in the response, and what answers it."""

    name: str
    answering: Answering | Mutation | Fault | str


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What an operation asks, for certain variables."""

    kind: OperationType
    fields: Sequence[_Field]
    cost: int
    together: bool = False


class Endpoint:
    """Answers the operations of one model."""

    def __init__(self, model: Model, engine: Engine, *, max_cost: int = MAX_COST) -> None:
        self.model, self.engine, self.max_cost = model, engine, max_cost
        self._costs = {r.name: r.graphql_cost for r in model.roles.values() if r.graphql_cost is not None}
        self._made: asyncio.Future[tuple[Api, Documents]] | None = None
        self._bodies: dict[str, BodyParser] = {}
        self.kept: Kept[tuple[Any, ...], _Prepared] = Kept(_KEPT)

    async def api(self) -> tuple[Api, Documents]:
        """The schema, made when it is first asked for, beside what else is going on: hundreds of resources take a
        while."""
        if self._made is None or self._made.cancelled():
            self._made = asyncio.ensure_future(asyncio.to_thread(self._make))
        return await asyncio.shield(self._made)

    def _make(self) -> tuple[Api, Documents]:
        api = build(self.model)
        return api, Documents(api.schema)

    async def kind(self, request: Request, *, introspection: bool = True) -> OperationType | None:
        """What kind of operation a request asks for; None where that cannot be told."""
        _, documents = await self.api()
        try:
            return (
                documents.get(request.query, introspection=introspection)
                .operation(request.operation)
                .operation
            )
        except (Invalid, Fault):
            return None

    async def answer(self, call: Call, request: Request, *, introspection: bool = True) -> Reply:
        """The response to a request."""
        api, documents = await self.api()
        try:
            document = documents.get(request.query, introspection=introspection)
            prepared = self._prepare(api, document, request)
            most = self.most(call)
            if prepared.cost > most:
                message = (
                    f"This operation costs {prepared.cost}, the rows that it may touch; {most} are allowed."
                )
                hint = "Ask for smaller pages, by `first`, or for less at once."
                raise Fault("QUERY_TOO_COMPLEX", message, hint=hint, facts=_cost(prepared.cost, most))
        except Invalid as invalid:
            return Reply(_refused([_located(error) for error in invalid.errors]), False)
        except Fault as fault:
            return self.refused(call, fault)
        perform = self._mutate if prepared.kind is OperationType.MUTATION else self._query
        return self._reply(prepared, await perform(call, prepared), most)

    def refused(self, call: Call, fault: Fault) -> Reply:
        """The response to a request that is not executed."""
        return Reply(_refused([self.error(call, fault)]), False)

    def most(self, call: Call) -> int:
        """What an operation of this caller may cost: as their roles say, or else anybody's."""
        return max(
            (self._costs[name] for name in self._costs if name in call.actor.roles), default=self.max_cost
        )

    # -- preparing ----------------------------------------------------------------------------------------------

    def _prepare(self, api: Api, document: Document, request: Request) -> _Prepared:
        operation = document.operation(request.operation)
        sent = encode_json(request.variables)
        key = (document.text, request.operation, sent)
        found = self.kept.get(key)
        if found is None:
            if _values(request.variables, MAX_VALUES) > MAX_VALUES:
                raise Fault("QUERY_TOO_COMPLEX", f"Variables have at most {MAX_VALUES} values.")
            found = self._read(api, document, operation, request.variables)
            if found.kind is OperationType.QUERY:
                told = sum(len(field.answering) for field in found.fields if isinstance(field.answering, str))
                self.kept.keep(key, found, 5 * (len(document.text) + len(sent)) + told)
        return found

    def _read(
        self, api: Api, document: Document, operation: OperationDefinitionNode, given: Mapping[str, Any]
    ) -> _Prepared:
        variables = get_variable_values(api.schema, operation.variable_definitions or (), dict(given), 20)
        if isinstance(variables, list):
            raise Invalid(variables)
        if operation.operation is OperationType.SUBSCRIPTION:
            raise Invalid([GraphQLError("Subscriptions are not offered here.")])
        reading = Reading(api, document.fragments, variables, "\\u" in document.text)
        type = "Query" if operation.operation is OperationType.QUERY else "Mutation"
        fields = [
            _Field(name, self._root(reading, document, operation, variables, type, name, nodes))
            for name, nodes in reading.fields([operation.selection_set], type).items()
        ]
        together = any(one.name.value == TRANSACTION.name for one in operation.directives or ())
        return _Prepared(operation.operation, fields, reading.cost, together)

    def _root(
        self,
        reading: Reading,
        document: Document,
        operation: OperationDefinitionNode,
        variables: VariableValues,
        type: str,
        name: str,
        nodes: list[FieldNode],
    ) -> Answering | Mutation | Fault | str:
        asked = nodes[0].name.value
        if asked == "__typename":
            return f'"{type}"'
        if asked in ("__schema", "__type"):
            return _introspected(reading.api, document, operation, variables, name, nodes)
        try:
            roots = reading.api.roots
            if type == "Query":
                return read(reading, roots.queries[asked], nodes)
            return write(reading, roots.mutations[asked], nodes, self._body)
        except Fault as fault:
            if reading.pieces > MAX_PIECES:
                raise
            return fault.with_traceback(None)  # it may be kept, and must not keep whatever has led to it

    def _body(self, resource: Resource) -> BodyParser:
        found = self._bodies.get(resource.name)
        if found is None:
            found = self._bodies[resource.name] = BodyParser(resource)
        return found

    # -- performing ---------------------------------------------------------------------------------------------

    async def _query(self, call: Call, prepared: _Prepared) -> Sequence[str | dict[str, Any]]:
        if len(prepared.fields) == 1:
            return [await self._field(call, prepared.fields[0])]
        return await asyncio.gather(*(self._field(call, field) for field in prepared.fields))

    async def _mutate(self, call: Call, prepared: _Prepared) -> Sequence[str | dict[str, Any]]:
        if prepared.together:
            return await self._together(call, prepared.fields)
        return [await self._field(call, field) for field in prepared.fields]

    async def _field(self, call: Call, field: _Field) -> str | dict[str, Any]:
        """The JSON of a root field, or the error that stands in its place."""
        match field.answering:
            case str(text):
                return text
            case Fault() as fault:
                return self.error(call, fault, field.name)
            case Mutation() as mutation:
                return await self._told(call, field, mutation.run(self.engine, call))
            case answering:
                return await self._told(call, field, answering(self.engine, call))

    async def _told(self, call: Call, field: _Field, answer: Awaitable[str]) -> str | dict[str, Any]:
        """What answers a root field, or the error that stands in its place."""
        try:
            return await answer
        except Fault as fault:
            return self.error(call, fault, field.name)
        except Exception as error:
            observers = self.engine.store.observers
            if UnexpectedFailure in observers.wanted:
                observers.emit(UnexpectedFailure(call.request_id, error))
            return self.error(call, Fault("INTERNAL_ERROR"), field.name)

    async def _together(self, call: Call, fields: Sequence[_Field]) -> list[str | dict[str, Any]]:
        """All mutations in one transaction. Where one is refused, the others say that they are undone."""
        mutations = {
            n: field.answering for n, field in enumerate(fields) if isinstance(field.answering, Mutation)
        }
        commands = {n: one.command for n, one in mutations.items() if not isinstance(one.command, Fault)}
        refused = {n: one.command for n, one in mutations.items() if isinstance(one.command, Fault)}
        done: dict[int, Outcome] = {}
        if not refused and not any(isinstance(field.answering, Fault) for field in fields):
            try:
                outcomes = await self.engine.run_all(call, list(commands.values()))
                done = dict(zip(commands, outcomes, strict=True))
            except Fault as fault:
                number = fault.facts.pop("command", 0)
                if not is_told(fault):
                    return [self.error(call, fault, field.name) for field in fields]
                refused = {list(commands)[number]: fault}
        message = "Another field of this transaction was refused, so this one is undone."
        undone = Fault("RESOURCE_CONFLICT", message)
        answers: list[str | dict[str, Any]] = []
        for n, field in enumerate(fields):
            if n in done:
                answers.append(await self._told(call, field, mutations[n].done(self.engine, call, done[n])))
            elif n in mutations:
                answers.append(mutations[n].refused(refused.get(n, undone)))
            else:
                answers.append(await self._field(call, field))
        return answers

    # -- answering ----------------------------------------------------------------------------------------------

    def _reply(self, prepared: _Prepared, answers: Sequence[str | dict[str, Any]], most: int) -> Reply:
        parts = []
        errors = []
        for field, answer in zip(prepared.fields, answers, strict=True):
            if isinstance(answer, str):
                parts.append(f'"{field.name}":{answer}')
            else:
                parts.append(f'"{field.name}":null')
                errors.append(answer)
        told = f'"errors":{encode_json(errors).decode()},' if errors else ""
        extensions = encode_json(_cost(prepared.cost, most)).decode()
        return Reply(f'{{{told}"data":{{{",".join(parts)}}},"extensions":{extensions}}}', True)

    def error(self, call: Call, fault: Fault, field: str | None = None) -> dict[str, Any]:
        """A refusal as an error of the response."""
        found = graphql_error(fault, facts_of(fault, call.request_id))
        return found if field is None else {"path": [field], **found}


def _cost(cost: int, most: int) -> dict[str, Any]:
    return {"cost": {"requested": cost, "limit": most}}


def _located(error: GraphQLError) -> dict[str, Any]:
    """What is wrong with a document."""
    message = error.message if len(error.message) <= _TOLD else f"{error.message[:_TOLD]}…"
    found: dict[str, Any] = {"message": message}
    if error.locations:
        found["locations"] = [{"line": one.line, "column": one.column} for one in error.locations[:_PLACES]]
    found["extensions"] = {"code": "INVALID_FORMAT"}
    return found


def _values(value: Any, most: int) -> int:
    """How many values a JSON value has within it; the count ends soon beyond `most`."""
    count = 0
    waiting = [value]
    while waiting and count <= most:
        found = waiting.pop()
        if type(found) is dict or type(found) is list:
            count += len(found)
            waiting.extend(found.values() if type(found) is dict else found)
    return count


def _refused(errors: Sequence[dict[str, Any]]) -> str:
    return f'{{"errors":{encode_json(errors).decode()}}}'


def _introspected(
    api: Api,
    document: Document,
    operation: OperationDefinitionNode,
    variables: VariableValues,
    name: str,
    nodes: list[FieldNode],
) -> str:
    """What a document asks of the schema itself, which is the library's to answer."""
    alone = OperationDefinitionNode(
        operation=OperationType.QUERY,
        name=None,
        directives=(),
        variable_definitions=operation.variable_definitions,
        selection_set=SelectionSetNode(selections=tuple(nodes)),
    )
    asked = DocumentNode(definitions=(alone, *document.fragments.values()))
    result = execute_sync(
        api.schema, asked, variable_values={n: s.value for n, s in variables.sources.items()}
    )
    assert isinstance(result, ExecutionResult)
    if result.errors:
        raise Invalid(list(result.errors))
    return encode_json((result.data or {})[name]).decode()

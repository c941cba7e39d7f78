"""Mutations: each root field becomes one command to the engine. What a client did wrong is told in the payload; what
stops the field as a whole (nobody has signed in, the database is away) is an error of the response."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from graphql import FieldNode

from headwater.base.call import Call
from headwater.base.errors import Detail, Fault
from headwater.engine.engine import Engine
from headwater.http.formats import encode_json
from headwater.ir.body import BodyParser, arguments
from headwater.ir.command import Act, Command, Create, Delete, Expected, Outcome, Purge, Restore, Update
from headwater.ir.model import Resource
from headwater.ir.query import Member, Query, Select
from headwater.surfaces.graphql.roots import Root, member_name, members_name
from headwater.surfaces.graphql.selecting import Reading

_ID: Final = Select(members=(Member("id", "id"),))


@dataclass(frozen=True, slots=True)
class Mutation:
    """A root field of `Mutation`: its commands, the first of which that is not refused as `unless` says is done, and
    what its payload shows. `fault`: what is wrong with its input."""

    commands: Sequence[Command]
    fields: Sequence["Shown"]
    selects: Mapping[str, Select]
    target: Resource | None
    several: bool
    fault: Fault | None = None

    async def run(self, engine: Engine, call: Call) -> str:
        """The JSON text of the payload. Raises: Fault, for what stops the field as a whole."""
        if self.fault is not None:
            return await self.payload(engine, call, None, self.fault)
        try:
            outcome = await self._outcome(engine, call)
        except Fault as fault:
            if not is_told(fault):
                raise
            return await self.payload(engine, call, None, fault)
        return await self.payload(engine, call, outcome, None)

    async def _outcome(self, engine: Engine, call: Call) -> Outcome:
        """The first command that is not about what is not there, or is there already."""
        for command in self.commands[:-1]:
            try:
                return await engine.run(call, command)
            except Fault as fault:
                if fault.code not in ("RESOURCE_NOT_FOUND", "RESOURCE_ALREADY_EXISTS"):
                    raise
        return await engine.run(call, self.commands[-1])

    async def payload(self, engine: Engine, call: Call, outcome: Outcome | None, fault: Fault | None) -> str:
        """The payload of what was done, or of what was refused."""
        rows = {} if outcome is None else await self._rows(engine, call, outcome)
        parts = []
        for field in self.fields:
            parts.append(f'"{field.name}":{rows.get(field.name) or field.text(outcome, fault)}')
        return "{" + ",".join(parts) + "}"

    async def _rows(self, engine: Engine, call: Call, outcome: Outcome) -> dict[str, str]:
        """The rows that the payload shows: as the command has answered them, or read again where they are shown in
        several ways, or are those of another resource."""
        if not self.selects:
            return {}
        if len(self.selects) == 1 and outcome.resource in (None, _resource(self.commands)):
            (name,) = self.selects
            if self.several:
                return {} if outcome.rows is None else {name: f"[{','.join(outcome.rows)}]"}
            return {} if outcome.row is None else {name: outcome.row}
        assert self.target is not None
        keys = _keys(outcome)
        found = {}
        for name, select in self.selects.items():
            rows = (
                (await engine.read(call, Query(self.target.name, keys=keys, select=select))).rows
                if keys
                else []
            )
            found[name] = f"[{','.join(rows)}]" if self.several else rows[0] if rows else "null"
        return found


@dataclass(frozen=True, slots=True)
class Shown:
    """A member of a payload that is no row."""

    name: str
    asked: str
    sent: str | None
    type: str
    fields: Mapping[str, str]

    def text(self, outcome: Outcome | None, fault: Fault | None) -> str:
        match self.asked:
            case "errors":
                told = [] if fault is None else [self._error(one) for one in user_errors(fault)]
                return encode_json(told).decode()
            case "position":
                return "null" if outcome is None or outcome.position is None else str(outcome.position)
            case "clientMutationId":
                return encode_json(self.sent).decode()
            case "__typename":
                return f'"{self.type}"'
            case "id":
                return "null" if outcome is None else encode_json(outcome.key).decode()
            case "result":
                return "null" if outcome is None else encode_json(outcome.value).decode()
            case _:
                return "null"

    def _error(self, error: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: "UserError" if asked == "__typename" else error[asked]
            for name, asked in self.fields.items()
        }


def is_told(fault: Fault) -> bool:
    """Whether a refusal belongs into the payload: the client can do something about it by sending something else."""
    return 400 <= fault.status < 500 and fault.status not in (401, 408, 429)


def user_errors(fault: Fault) -> Iterator[dict[str, Any]]:
    """What is wrong with an input, each with its place in it."""
    details = fault.details or (Detail(fault.code, fault.message),)
    for detail in details:
        yield {"field": detail.field or detail.parameter, "message": detail.message, "code": detail.code}


def write(
    reading: Reading, root: Root, nodes: list[FieldNode], bodies: Callable[[Resource], BodyParser]
) -> Mutation:
    """The mutation that a root field of `Mutation` asks for. Raises: Fault, GraphQLError."""
    resource = root.resource
    assert resource is not None
    given = dict(reading.arguments("Mutation", nodes[0])["input"])
    sent = given.pop("clientMutationId", None)
    target: Resource | None = resource
    several = False
    if root.action is not None:
        answers = reading.api.model.answers(resource, root.action)
        target, several = answers if answers is not None and answers[0].exposed else (None, False)
    elif root.verb in ("delete", "purge"):
        target = None
    type = f"{nodes[0].name.value[0].upper()}{nodes[0].name.value[1:]}Payload"
    selects: dict[str, Select] = {}
    fields: list[Shown] = []
    row = None if target is None else members_name(target) if several else member_name(target)
    for name, below in reading.below(nodes, type).items():
        asked = below[0].name.value
        if asked == row:
            assert target is not None
            selects[name] = reading.row(target, below)
        own = (
            {n: own[0].name.value for n, own in reading.below(below, "UserError").items()}
            if asked == "errors"
            else {}
        )
        fields.append(Shown(name, asked, sent, type, own))
    shown = next(iter(selects.values())) if len(selects) == 1 and target is resource else _ID
    fault: Fault | None = None
    commands: Sequence[Command] = ()
    try:
        commands = _commands(root, resource, given, shown, bodies(resource))
    except Fault as error:
        fault = error
    return Mutation(commands, fields, selects, target, several, fault)


def _commands(
    root: Root, resource: Resource, given: dict[str, Any], select: Select, bodies: BodyParser
) -> Sequence[Command]:
    """Raises: Fault, for what is wrong with the input."""
    name = resource.name
    if root.verb == "create":
        return [Create(name, bodies.create(given), select)]
    if root.verb == "upsert":
        wire = resource.fields[resource.key].wire
        changes = {member: value for member, value in given.items() if member != wire}
        values, _ = bodies.update(changes)
        update = Update(name, str(given[wire]), values, select=select)
        return [update, Create(name, bodies.create(given), select), update]
    key = given.pop("id", None)
    version = given.pop("version", None)
    expected = None if version is None else Expected(version)
    match root.verb:
        case "update":
            values, _ = bodies.update(given)
            return [Update(name, key, values, expected, select=select)]
        case "delete":
            return [Delete(name, key, expected)]
        case "restore":
            return [Restore(name, key, expected, select)]
        case "purge":
            return [Purge(name, key, expected)]
        case _:
            assert root.action is not None
            return [Act(name, root.action.name, key, arguments(root.action, given), expected, select)]


def _resource(commands: Sequence[Command]) -> str:
    return commands[0].resource


def _keys(outcome: Outcome) -> tuple[str, ...]:
    """The ids of the rows that a command has answered."""
    if outcome.rows is not None:
        return tuple(msgspec.json.decode(row)["id"] for row in outcome.rows)
    if outcome.row is not None:
        return (msgspec.json.decode(outcome.row)["id"],)
    return ()

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
from headwater.ir.command import (
    Act,
    Command,
    Create,
    Delete,
    Expected,
    Outcome,
    Purge,
    Restore,
    Update,
    Upsert,
)
from headwater.ir.model import Resource
from headwater.ir.query import Member, Query, Select
from headwater.surfaces.graphql.roots import Root, member_name, members_name
from headwater.surfaces.graphql.selecting import Reading

_ID: Final = Select(members=(Member("id", "id"),))


@dataclass(frozen=True, slots=True)
class Mutation:
    """A root field of `Mutation`: its command, or the `fault` in what was given for it, and what its payload shows:
    `selects` of the rows of the resource that it answers, `fields` of all else."""

    command: Command | Fault
    fields: Sequence["Shown"]
    selects: Mapping[str, Select]
    target: Resource | None
    several: bool

    async def run(self, engine: Engine, call: Call) -> str:
        """The JSON text of the payload. Raises: Fault, for what stops the field as a whole."""
        if isinstance(self.command, Fault):
            return self.refused(self.command)
        try:
            outcome = await engine.run(call, self.command)
        except Fault as fault:
            if not is_told(fault):
                raise
            return self.refused(fault)
        return await self.done(engine, call, outcome)

    def refused(self, fault: Fault) -> str:
        """The payload that tells why nothing was done."""
        return self._payload({}, None, fault)

    async def done(self, engine: Engine, call: Call, outcome: Outcome) -> str:
        """The payload of what was done. Raises: Fault with the outcome `done`, where its rows cannot be shown."""
        with engine.behind_write(call):
            return self._payload(await self._rows(engine, call, outcome), outcome, None)

    def _payload(self, rows: Mapping[str, str], outcome: Outcome | None, fault: Fault | None) -> str:
        parts = [
            f'"{field.name}":{rows.get(field.name) or field.text(outcome, fault)}' for field in self.fields
        ]
        return "{" + ",".join(parts) + "}"

    async def _rows(self, engine: Engine, call: Call, outcome: Outcome) -> dict[str, str]:
        """The rows that the payload shows: as the command has answered them, or read again where they are shown in
        several ways, or are those of another resource."""
        command, target = self.command, self.target
        answered = outcome.rows if outcome.row is None else [outcome.row]
        if not self.selects or target is None or isinstance(command, Fault) or answered is None:
            return {}
        if (outcome.resource or command.resource) != target.name:
            return {}  # an action has returned something else than it promises
        as_asked = len(self.selects) == 1 and command.resource == target.name
        keys = () if as_asked else tuple(msgspec.json.decode(row)["id"] for row in answered)
        found = {}
        for name, select in self.selects.items():
            rows: Sequence[str] = answered
            if keys:
                rows = (await engine.read(call, Query(target.name, keys=keys, select=select))).rows
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
    """Whether a refusal belongs into the payload: nothing was done, and the client can do something about it by sending
    something else."""
    if fault.facts.get("outcome") == "done":
        return False
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
    command: Command | Fault
    try:
        command = _command(root, resource, given, shown, bodies(resource))
    except Fault as fault:
        command = fault
    return Mutation(command, fields, selects, target, several)


def _command(
    root: Root, resource: Resource, given: dict[str, Any], select: Select, bodies: BodyParser
) -> Command:
    """Raises: Fault, for what is wrong with the input."""
    name = resource.name
    if root.verb == "create":
        return Create(name, bodies.create(given), select)
    if root.verb == "upsert":
        wire = resource.fields[resource.key].wire
        changes = {member: value for member, value in given.items() if member != wire}
        values, _ = bodies.update(changes)
        return Upsert(name, str(given[wire]), values, bodies.create(given), select)
    key = given.pop("id", None)
    version = given.pop("version", None)
    expected = None if version is None else Expected(version)
    match root.verb:
        case "update":
            values, _ = bodies.update(given)
            return Update(name, key, values, expected, select=select)
        case "delete":
            return Delete(name, key, expected)
        case "restore":
            return Restore(name, key, expected, select)
        case "purge":
            return Purge(name, key, expected)
        case _:
            assert root.action is not None
            return Act(name, root.action.name, key, arguments(root.action, given), expected, select)

"""JSON Patch (RFC 6902): a list of operations on a row as the caller may see it.

    [{"op": "test", "path": "/status", "value": "open"}, {"op": "add", "path": "/tags/-", "value": "late"}]

What is wrong with the operations by themselves is told at once. The rest is known when the row is locked: there they
are performed one after the other, and if one fails, none has happened. A field that is removed returns to its default,
as one that is left out of a replacement does.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from headwater.base.errors import Detail, Fault, Problems, nearest, shortened
from headwater.ir.body import BodyParser, same, settle
from headwater.ir.command import Expected
from headwater.ir.model import Field
from headwater.ir.scalars import json_name

MAX_OPERATIONS: Final = 100
MAX_COPIED: Final = 1 << 20  # bytes of JSON that the copies of one patch may add to a row

_MEMBERS: Final[Mapping[str, tuple[str, ...]]] = {
    "add": ("path", "value"),
    "remove": ("path",),
    "replace": ("path", "value"),
    "move": ("from", "path"),
    "copy": ("from", "path"),
    "test": ("path", "value"),
}
_encode: Final = msgspec.json.Encoder().encode

Pointer = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. `path` and `source` are decoded pointers, whose first part names a field."""

    index: int
    op: str
    path: Pointer
    source: Pointer = ()
    value: Any = None

    @property
    def reads(self) -> tuple[str, ...]:
        """The fields whose values it needs."""
        entered = self.op == "test" or len(self.path) > 1
        return (*self.path[: 1 if entered else 0], *self.source[:1])

    @property
    def writes(self) -> tuple[str, ...]:
        """The fields that it may change."""
        if self.op == "test":
            return ()
        return (self.path[0], self.source[0]) if self.op == "move" else (self.path[0],)


class JsonPatch:
    """A patch that has been read: a `Rewrite` of a row."""

    def __init__(self, bodies: BodyParser, operations: Sequence[Operation]) -> None:
        self.bodies, self.operations = bodies, operations
        named = bodies.resource.by_wire
        reads = dict.fromkeys(name for operation in operations for name in operation.reads)
        self._written = dict.fromkeys(name for operation in operations for name in operation.writes)
        self.shows = tuple(named[name].name for name in reads)
        self.writes = tuple(named[name].name for name in self._written)

    def apply(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The new values of the fields written, from those of the fields shown. Raises: Fault."""
        document: dict[str, Any] = {**dict.fromkeys(self._written), **deepcopy(dict(row))}
        last: dict[str, int] = {}
        copied = 0
        for operation in self.operations:
            try:
                copied += _perform(document, operation, MAX_COPIED - copied)
            except _Cannot as cannot:
                raise _conflict(operation, cannot) from None
            last |= dict.fromkeys(operation.writes, operation.index)
        return self._values(document, last)

    def _values(self, document: Mapping[str, Any], last: Mapping[str, int]) -> dict[str, Any]:
        problems: list[Detail] = Problems()
        kept = {name: document[name] for name in self._written if name in document}
        values = self.bodies.values(kept, problems)
        for name in self._written:
            if name in document:
                continue
            field = self.bodies.resource.by_wire[name]
            if field.required:
                message = f"`{name}` is required, so it cannot be removed; replace it."
                problems.append(Detail("REQUIRED_FIELD", message, name))
            values[field.name] = None if field.default is None else field.default()
        settle([_of_operation(problem, last) for problem in problems])
        return values


def read_patch(bodies: BodyParser, body: Any) -> tuple[JsonPatch, Expected | None]:
    """A patch, and the version that it is meant for, if it tests that. Raises: Fault."""
    if not isinstance(body, list):
        raise Fault("INVALID_FORMAT", f"A JSON Patch must be an array of operations, not {json_name(body)}.")
    if len(body) > MAX_OPERATIONS:
        raise Fault(
            "VALIDATION_ERROR", f"A JSON Patch has at most {MAX_OPERATIONS} operations, not {len(body)}."
        )
    problems: list[Detail] = Problems()
    operations = [_operation(bodies, index, item, problems) for index, item in enumerate(body)]
    settle(problems)
    expected = None
    for operation in operations:
        if operation.op == "test" and operation.path == ("version",) and type(operation.value) is int:
            expected = Expected(operation.value)
    return JsonPatch(bodies, operations), expected


def _operation(bodies: BodyParser, index: int, sent: Any, problems: list[Detail]) -> Operation:
    """One operation; members that it does not define are ignored (RFC 6902, 4)."""

    def problem(member: str, message: str, code: str = "INVALID_FORMAT") -> None:
        at = f"[{index}].{member}" if member else f"[{index}]"
        text = f"Operation {index}: {message}"
        problems.append(Detail(code, text, at, facts={"operation": index}))

    broken = Operation(index, "test", ())
    if not isinstance(sent, dict):
        problem("", f"an operation is an object, not {json_name(sent)}.")
        return broken
    op = sent.get("op")
    if not isinstance(op, str) or op not in _MEMBERS:
        near = nearest(op[:80], _MEMBERS) if isinstance(op, str) else None
        listed = ", ".join(f"`{name}`" for name in _MEMBERS)
        problem("op", f"`op` must be one of {listed}." + (f" Did you mean `{near}`?" if near else ""))
        return broken
    missing = [name for name in _MEMBERS[op] if name not in sent]
    for name in missing:
        problem(name, f"`{op}` needs `{name}`.", "REQUIRED_FIELD")
    pointers: dict[str, Pointer] = {}
    for name in ("path", "from"):
        if name in _MEMBERS[op] and name not in missing:
            try:
                pointers[name] = _pointer(sent[name])
                written = op == "move" if name == "from" else op != "test"
                _check_field(bodies, pointers[name], written)
            except _Refused as refused:
                problem(name, refused.message, refused.code)
    path, source = pointers.get("path", ()), pointers.get("from", ())
    if op == "move" and source and len(path) > len(source) and path[: len(source)] == source:
        problem("path", "nothing can be moved into itself.")
    return Operation(index, op, path, source, sent.get("value"))


class _Refused(Exception):
    """A pointer that no row has, or that may not be written."""

    def __init__(self, message: str, code: str = "INVALID_FORMAT") -> None:
        self.message, self.code = message, code


def _pointer(text: Any) -> Pointer:
    """The parts of a JSON Pointer (RFC 6901). Raises: _Refused."""
    if not isinstance(text, str):
        raise _Refused(f"a pointer is a string, such as `/title`, not {json_name(text)}.")
    if text in ("", "/"):
        raise _Refused("it must name a field, such as `/title`; the whole row is replaced by PUT.")
    if not text.startswith("/"):
        raise _Refused(f"`{shortened(text)}` is no pointer; did you mean `/{shortened(text)}`?")
    parts = text[1:].split("/")
    for part in parts:
        if "~" in part.replace("~0", "").replace("~1", ""):
            raise _Refused(f"in `{shortened(text)}` a `~` is written `~0`, and a `/` within a name `~1`.")
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in parts)


def _check_field(bodies: BodyParser, path: Pointer, written: bool) -> None:
    name = path[0]
    field: Field | None = bodies.resource.by_wire.get(name)
    if field is not None and field.batch is not None:
        raise _Refused(
            f"`{name}` is computed where it is shown, so no patch can speak of it.", "READ_ONLY_FIELD"
        )
    if field is None or field.internal:
        near = nearest(name[:80], bodies.readable)
        mend = f"did you mean `/{near}`?" if near else f"there are {', '.join(bodies.readable)}."
        raise _Refused(f"{bodies.resource.path} has no field `{shortened(name)}`; {mend}", "UNKNOWN_FIELD")
    if written and name not in bodies.writable:
        refused = bodies.no_field(name)
        raise _Refused(f"{refused.message} It can be tested and copied.", refused.code)


class _Cannot(Exception):
    """An operation that the row as it is does not allow."""

    def __init__(self, message: str, member: str = "path", **facts: Any) -> None:
        self.message, self.member, self.facts = message, member, facts


def _perform(document: dict[str, Any], operation: Operation, room: int) -> int:
    """Perform one operation; the bytes that it has copied. Raises: _Cannot."""
    path, copied = operation.path, 0
    match operation.op:
        case "test":
            found = _get(document, path, "path")
            if not same(found, operation.value):
                raise _Cannot(f"`{_spelt(path)}` has another value.", "value", current=found)
        case "add":
            _add(document, path, deepcopy(operation.value))
        case "remove":
            _remove(document, path, "path")
        case "replace":
            _at(document, path, "path", lambda holder, at: holder.__setitem__(at, deepcopy(operation.value)))
        case "move":
            _add(document, path, _remove(document, operation.source, "from"))
        case "copy":
            found = _get(document, operation.source, "from")
            copied = len(_encode(found))
            if copied > room:
                raise _Cannot(f"the copies of a patch have {MAX_COPIED} bytes at most.", "from")
            _add(document, path, deepcopy(found))
    return copied


def _at(document: Any, path: Pointer, member: str, do: Callable[[Any, Any], Any]) -> Any:
    """Do something at a place that exists. Raises: _Cannot."""
    holder = _get(document, path[:-1], member)
    last = path[-1]
    if isinstance(holder, list):
        return do(holder, _index(holder, last, path, member))
    if not isinstance(holder, dict) or last not in holder:
        raise _nothing(path, member)
    return do(holder, last)


def _get(document: Any, path: Pointer, member: str) -> Any:
    for depth, part in enumerate(path, 1):
        if isinstance(document, list):
            document = document[_index(document, part, path[:depth], member)]
        elif isinstance(document, dict) and part in document:
            document = document[part]
        else:
            raise _nothing(path[:depth], member)
    return document


def _remove(document: Any, path: Pointer, member: str) -> Any:
    return _at(document, path, member, lambda holder, at: holder.pop(at))


def _add(document: Any, path: Pointer, value: Any) -> None:
    holder, last = _get(document, path[:-1], "path"), path[-1]
    if isinstance(holder, list):
        at = len(holder) if last == "-" else _index(holder, last, path, "path", end=True)
        holder.insert(at, value)
    elif isinstance(holder, dict):
        holder[last] = value
    else:
        raise _nothing(path, "path")


def _index(holder: list[Any], part: str, path: Pointer, member: str, end: bool = False) -> int:
    """The place in an array; with `end`, the one behind the last as well."""
    plain = part.isascii() and part.isdecimal() and len(part) < 10 and (part == "0" or part[0] != "0")
    if not plain:
        raise _Cannot(
            f"`{_spelt(path[:-1])}` is an array, which has no `{shortened(part)}`; write a number.", member
        )
    if int(part) >= len(holder) + end:
        raise _Cannot(f"`{_spelt(path[:-1])}` has {len(holder)} elements, so there is no `{part}`.", member)
    return int(part)


def _nothing(path: Pointer, member: str) -> _Cannot:
    return _Cannot(f"there is nothing at `{_spelt(path)}`.", member)


def _conflict(operation: Operation, cannot: _Cannot) -> Fault:
    index = operation.index
    message = f"Operation {index} (`{operation.op}`): {cannot.message}"
    facts = {"operation": index, **cannot.facts}
    detail = Detail("RESOURCE_CONFLICT", message, f"[{index}].{cannot.member}", facts=facts)
    return Fault("RESOURCE_CONFLICT", f"{message} Nothing was changed.", [detail])


def _of_operation(problem: Detail, last: Mapping[str, int]) -> Detail:
    """A problem of a resulting value, with the operation that made it."""
    name = (problem.field or "").partition(".")[0].partition("[")[0]
    return replace(problem, facts={**problem.facts, "operation": last[name]}) if name in last else problem


def _spelt(path: Pointer) -> str:
    return shortened("".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path))

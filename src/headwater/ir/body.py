"""From request bodies to the values of a command.

Bodies are read strictly: nothing is coerced, unknown names are refused, and all problems are told together.
What needs the row or other rows (references, states, rules) is the engine's concern.
"""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin

import msgspec

from headwater.base.errors import Detail, Fault, Problems, nearest, shortened
from headwater.ir.command import Expected, Merge
from headwater.ir.limits import limit_checker
from headwater.ir.model import Action, Field, Kind, Resource
from headwater.ir.parts import patch_decoder_of
from headwater.ir.scalars import (
    BadValue,
    boolean_value,
    check_json,
    date_value,
    datetime_value,
    detail_of,
    duration_value,
    float_value,
    integer_value,
    json_name,
    plain_decimal,
    text_value,
)
from headwater.ir.values import wire_decoder


@dataclass(frozen=True, slots=True)
class _Writer:
    """How one field is read from a body."""

    field: Field
    decode: Callable[[Any], Any]
    check: Callable[[Any], list[BadValue]]
    patch: Callable[[Any], Any]


class BodyParser:
    """Reads the bodies of one resource's writes."""

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        self._writers: dict[str, _Writer] = {}
        self._fixed: dict[str, Field] = {}
        for field in resource.fields.values():
            if field.internal and not field.secret:
                continue
            if field.read_only or field.computed is not None:
                self._fixed[field.wire] = field
            else:
                check = limit_checker(field.type, field.limits)
                decode = wire_decoder(field.type)
                self._writers[field.wire] = _Writer(field, decode, check, patch_decoder_of(field))
        self._required = tuple(w.field for w in self._writers.values() if w.field.required)
        # Whose row decides who may write them: what a replacement lacks of them is told when that is known.
        self._guarded = resource.masks.keys() | resource.locks.keys()
        self._versioned = "version" in self._fixed
        self.writable = frozenset(self._writers)
        self.readable = tuple(f.wire for f in resource.fields.values() if not f.internal and f.batch is None)

    def create(self, body: Any) -> dict[str, Any]:
        """The values of a new row. Raises: Fault."""
        problems: list[Detail] = Problems()
        values = self.values(_object(body), problems)
        problems += [_missing(field) for field in self._required if field.wire not in body]
        settle(problems)
        return values

    def update(self, body: Any) -> tuple[dict[str, Any], Expected | None]:
        """The changes that a merge patch (RFC 7396) makes, and the version that they are meant for, if it has one: a
        null clears a field, and the members of a JSON object are merged into the old one.

        Raises: Fault.
        """
        problems: list[Detail] = Problems()
        body = dict(_object(body))
        expected = self._expected(body, problems)
        values = self.values(body, problems, patch=True)
        for name, value in values.items():
            field = self.resource.fields[name]
            if value is not None and field.type.kind is Kind.JSON:
                values[name] = Merge(value, self._whole(field) if field.type.parts else None)
        settle(problems)
        return values, expected

    def assign(self, body: Any) -> "tuple[dict[str, Any], Expected | None, Unchanged | None]":
        """The new values of some fields, and the version that they are meant for, if the body has one. It may be a row
        that was read before, as `replace` takes it. Raises: Fault.
        """
        problems: list[Detail] = Problems()
        body = dict(_object(body))
        expected = self._expected(body, problems)
        unchanged = self._unchanged(body)
        values = self.values(body, problems)
        settle(problems)
        return values, expected, unchanged

    def replace(self, body: Any) -> "tuple[dict[str, Any], Expected | None, Unchanged | None]":
        """The values of the whole row, and the version that they are meant for, if the body has one. Fields that it
        lacks return to their defaults, so those without a default are demanded, except where they can never change.

        A body that was read before may hold what the server sets and computes: that must still be as it is. A field
        that not everybody may read or write may be left out, or null as it is for those who may not read it: the engine
        judges that by the row.

        Raises: Fault.
        """
        problems: list[Detail] = Problems()
        body = dict(_object(body))
        expected = self._expected(body, problems)
        unchanged = self._unchanged(body)
        guarded = {name for name, writer in self._writers.items() if writer.field.name in self._guarded}
        unseen = {name for name in guarded & body.keys() if body[name] is None}
        values = self.values({name: value for name, value in body.items() if name not in unseen}, problems)
        values |= {self._writers[name].field.name: None for name in unseen}
        problems += [
            _missing(f)
            for f in self._required
            if f.wire not in body and not (f.immutable or f.secret or f.name in self._guarded)
        ]
        settle(problems)
        return values, expected, unchanged

    def _unchanged(self, body: dict[str, Any]) -> "Unchanged | None":
        """Takes out of a body what the server sets and computes, which must be as it is."""
        fixed = {n: body.pop(n) for n in tuple(body) if n in self._fixed and self._fixed[n].batch is None}
        return Unchanged(self, fixed) if fixed else None

    def _expected(self, body: dict[str, Any], problems: list[Detail]) -> Expected | None:
        if not self._versioned or "version" not in body:
            return None
        try:
            return Expected(integer_value(body.pop("version")))
        except BadValue as bad:
            problems.append(detail_of("version", bad))
            return None

    def _whole(self, field: Field) -> Callable[[dict[str, Any]], dict[str, Any]]:
        """What becomes of a merged object. Members that were taken away have their defaults again."""
        decode = self._writers[field.wire].decode

        def whole(merged: dict[str, Any]) -> dict[str, Any]:
            try:
                found: dict[str, Any] = decode(merged)
            except BadValue as bad:
                settle([detail_of(field.wire, one) for one in bad.each()])
                raise
            return found

        return whole

    def values(
        self, body: Mapping[str, Any], problems: list[Detail], *, patch: bool = False
    ) -> dict[str, Any]:
        """The values of some members, of objects perhaps only what a `patch` changes. What is wrong with them is added
        to `problems`."""
        values: dict[str, Any] = {}
        for name, value in body.items():
            writer = self._writers.get(name)
            if writer is None:
                problems.append(self.no_field(name))
            elif value is None:
                if writer.field.nullable:
                    values[writer.field.name] = None
                else:
                    problems.append(Detail("INVALID_FORMAT", f"`{name}` must not be null.", name))
            else:
                try:
                    values[writer.field.name] = decoded = (writer.patch if patch else writer.decode)(value)
                except BadValue as bad:
                    problems += [detail_of(name, one) for one in bad.each()]
                else:
                    problems += [detail_of(name, bad) for bad in writer.check(decoded)]
        return values

    def no_field(self, name: str) -> Detail:
        """Why a member cannot be written."""
        fixed = self._fixed.get(name)
        if fixed is None:
            return _unknown(name, self.resource.path, self._writers)
        if fixed.computed is not None or fixed.batch is not None:
            return Detail("READ_ONLY_FIELD", f"`{name}` is computed; leave it out.", name)
        if self.resource.natural and fixed.name == "id":
            key = self.resource.fields[self.resource.key].wire
            return Detail("READ_ONLY_FIELD", f"`id` is set through `{key}`; leave it out.", name)
        return Detail("READ_ONLY_FIELD", f"`{name}` is set by the server; leave it out.", name)


class Unchanged:
    """A `Rewrite` that only sees to it that members which nobody writes are as the row has them."""

    writes: tuple[str, ...] = ()

    def __init__(self, bodies: BodyParser, given: Mapping[str, Any]) -> None:
        self.bodies, self.given = bodies, given
        self.shows = tuple(bodies.resource.by_wire[name].name for name in given)

    def apply(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Nothing to write. Raises: Fault READ_ONLY_FIELD, for each member that differs."""
        settle(
            [self.bodies.no_field(name) for name, value in self.given.items() if not same(row[name], value)]
        )
        return {}


def same(left: Any, right: Any) -> bool:
    """Whether two JSON values are equal (RFC 6902, 4.6): numbers by value, and true is no number."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(value, right[name]) for name, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def arguments(action: Action, body: Any) -> dict[str, Any]:
    """The arguments that a body gives to an action, by the names that its author chose. Raises: Fault."""
    given = {} if body is None else _object(body)
    fields = {field.encode_name: field for field in msgspec.structs.fields(action.parameters)}
    values: dict[str, Any] = {}
    problems: list[Detail] = Problems()
    for name, value in given.items():
        field = fields.get(name)
        if field is None:
            problems.append(_unknown(name, action.path, fields))
            continue
        try:
            check_json(value)
            values[field.name] = _argument(field.type, value)
        except BadValue as bad:
            problems.append(detail_of(name, bad))
        except msgspec.ValidationError as error:
            problems.append(_invalid(name, str(error)))
    for name, field in fields.items():
        if field.required and name not in given:
            problems.append(Detail("REQUIRED_FIELD", f"`{name}` is required.", name))
    settle(problems)
    return values


SCALARS: Final[Mapping[Any, Callable[[Any], Any]]] = {
    str: text_value,
    int: integer_value,
    float: float_value,
    bool: boolean_value,
    Decimal: plain_decimal,
    date: date_value,
    datetime: datetime_value,
    timedelta: duration_value,
}


def _argument(annotation: Any, value: Any) -> Any:
    """An argument in the form that its annotation asks for. Raises: BadValue, msgspec.ValidationError."""
    members = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    if value is None and NoneType in members:
        return None
    if len(kinds := [m for m in members if m is not NoneType]) == 1 and (read := SCALARS.get(kinds[0])):
        return read(value)
    return _exact(value, msgspec.convert(_composed(value), annotation, strict=True))


def _exact(sent: Any, value: Any) -> Any:
    """A converted value, whose parts are as strict as they are in fields. Raises: BadValue."""
    match value:
        case Decimal() | datetime() | date() | timedelta():
            return SCALARS[type(value)](sent)
        case list():
            return [_part(s, v, f"[{place}]") for place, (s, v) in enumerate(zip(sent, value, strict=True))]
        case dict():
            pairs = zip(sent.items(), value.items(), strict=True)
            return {key: _part(s, v, f".{name}") for (name, s), (key, v) in pairs}
        case msgspec.Struct() if isinstance(sent, dict):
            fields = {field.encode_name: field.name for field in msgspec.structs.fields(value)}
            for name in sent:
                if name not in fields and name != value.__struct_config__.tag_field:
                    raise BadValue(
                        "UNKNOWN_FIELD",
                        f"There is no such member; there are {', '.join(fields)}.",
                        path=f".{name}",
                    )
            given = {
                fields[n]: _part(s, getattr(value, fields[n]), f".{n}")
                for n, s in sent.items()
                if n in fields
            }
            return msgspec.structs.replace(value, **given)
        case _:
            return value


def _part(sent: Any, value: Any, place: str) -> Any:
    try:
        return _exact(sent, value)
    except BadValue as bad:
        bad.path = place + bad.path
        raise


def _composed(value: Any) -> Any:
    """A JSON value with its texts in normal form C."""
    match value:
        case str():
            return value if value.isascii() else unicodedata.normalize("NFC", value)
        case list():
            return [_composed(item) for item in value]
        case dict():
            return {name: _composed(member) for name, member in value.items()}
        case _:
            return value


def _object(body: Any) -> Mapping[str, Any]:
    if not isinstance(body, dict):
        raise Fault("INVALID_FORMAT", f"The body must be a JSON object, not {json_name(body)}.")
    return body


def _missing(field: Field) -> Detail:
    return Detail("REQUIRED_FIELD", f"`{field.wire}` is required.", field.wire, hint=field.doc or None)


def _unknown(name: str, where: str, valid: Mapping[str, Any]) -> Detail:
    shown = shortened(name)
    near = nearest(name[:80], valid)
    listed = f"there are {', '.join(valid)}." if valid else "it takes none."
    mend = f"did you mean `{near}`?" if near else listed
    hint = f"Send `{near}`." if near else None
    return Detail("UNKNOWN_FIELD", f"{where} has no field `{shown}` to write; {mend}", shown, hint=hint)


def _invalid(name: str, message: str) -> Detail:
    """A complaint of msgspec, "Expected `int`, got `str` - at `$[0]`", as a problem of an argument."""
    text, _, path = message.partition(" - at `$")
    place = name + path.rstrip("`")
    return Detail("INVALID_FORMAT", f"`{place}`: {text}.", place)


def settle(problems: list[Detail]) -> None:
    """Raises the Fault for the problems of a body, or of what an action makes of it, if there are any."""
    if problems:
        count = len(problems)
        message = problems[0].message if count == 1 else f"The body has {count} problems."
        raise Fault("VALIDATION_ERROR", message, problems)

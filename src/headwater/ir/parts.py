"""JSON objects whose members are declared: from a body, from a merge patch, and from and to the author's instances.

The engine holds such an object as it is stored and answered: every member by its wire name, in its JSON form.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from headwater.base.errors import MOST_DETAILS, nearest, shortened
from headwater.ir.limits import limit_checker
from headwater.ir.model import Field, Parts
from headwater.ir.scalars import BadValue, json_name, malformed, python_name
from headwater.ir.values import from_wire, python_reader, to_wire, wire_decoder

Object = dict[str, Any]


@lru_cache(1024)
def object_decoder(parts: Parts) -> Callable[[Any], Object]:
    """The function that reads a whole object: members that are left out have their defaults, or are missed."""

    def decode(value: Any) -> Object:
        found, problems = _members(parts, value, wire_decoder_of)
        for part in parts.fields:
            if part.wire in found or part.wire in value:
                continue
            if part.required:
                hint = part.doc or None
                problems.append(BadValue("REQUIRED_FIELD", "Is required.", hint, path=f".{part.wire}"))
            else:
                found[part.wire] = to_wire(part.type, part.default()) if part.default else None
        refuse_all(problems)
        return {part.wire: found[part.wire] for part in parts.fields}

    return decode


@lru_cache(1024)
def patch_decoder(parts: Parts) -> Callable[[Any], Object]:
    """The function that reads a merge patch for an object: some members, of which null takes one away."""

    def decode(value: Any) -> Object:
        found, problems = _members(parts, value, patch_decoder_of, nulls=True)
        refuse_all(problems)
        return found

    return decode


@lru_cache(1024)
def instance_reader(parts: Parts) -> Callable[[Any], Object]:
    """The function that takes an instance of the author's class."""

    def read(value: Any) -> Object:
        if not isinstance(value, parts.cls):
            raise malformed(f"Must be a {parts.cls.__name__}, not {python_name(value)}.")
        found: Object = {}
        problems: list[BadValue] = []
        for part in parts.fields:
            given = value.__dict__["_values"][part.name]
            if given is None and not part.nullable:
                problems.append(malformed("Must not be null."))
                problems[-1].path = f".{part.wire}"
            elif given is None:
                found[part.wire] = None
            else:
                member = _checked(part, given, python_reader(part.type), problems)
                found[part.wire] = to_wire(part.type, member)
        refuse_all(problems)
        return found

    return read


def instance(parts: Parts, value: Mapping[str, Any]) -> Any:
    """The author's instance for a stored object. A member that it lacks, since it was added later, has its default."""
    made = object.__new__(parts.cls)
    made.__dict__["_values"] = {part.name: _python(part, value) for part in parts.fields}
    return made


def _python(part: Field, value: Mapping[str, Any]) -> Any:
    if part.wire not in value:
        return part.default() if part.default else None
    if (stored := value[part.wire]) is None:
        return None
    if part.type.parts is not None:
        return instance(part.type.parts, stored)
    found = from_wire(part.type, stored)
    return part.type.enum(found) if part.type.enum is not None and part.type.item is None else found


def wire_decoder_of(part: Field) -> Callable[[Any], Any]:
    return wire_decoder(part.type)


def patch_decoder_of(part: Field) -> Callable[[Any], Any]:
    return wire_decoder(part.type) if part.type.parts is None else patch_decoder(part.type.parts)


def _members(
    parts: Parts, value: Any, decoder: Callable[[Field], Callable[[Any], Any]], *, nulls: bool = False
) -> tuple[Object, list[BadValue]]:
    """The members that an object gives, in their JSON form, and what is wrong with them."""
    if not isinstance(value, dict):
        raise malformed(f"Must be an object, not {json_name(value)}.")
    known = {part.wire: part for part in parts.fields}
    found: Object = {}
    problems: list[BadValue] = []
    for name, given in value.items():
        if len(problems) > MOST_DETAILS:
            break  # no more are told, and each unknown name costs a search for what could be meant
        part = known.get(name)
        if part is None:
            problems.append(_unknown(parts, name))
        elif given is None:
            if part.nullable or nulls:
                found[name] = None
            else:
                problems.append(BadValue("INVALID_FORMAT", "Must not be null.", path=f".{name}"))
        else:
            count = len(problems)
            member = _checked(part, given, decoder(part), problems)
            if len(problems) == count:
                found[name] = member if part.type.parts is not None else to_wire(part.type, member)
    return found, problems


def _checked(part: Field, given: Any, decode: Callable[[Any], Any], problems: list[BadValue]) -> Any:
    try:
        member = decode(given)
        wrong = limit_checker(part.type, part.limits)(member)
    except BadValue as bad:
        member, wrong = None, bad.each()
    for one in wrong:
        one.path = f".{part.wire}{one.path}"
    problems += wrong
    return member


def _unknown(parts: Parts, name: str) -> BadValue:
    known = [part.wire for part in parts.fields]
    shown = shortened(name)
    near = nearest(name[:80], known)
    mend = f"did you mean `{near}`?" if near else f"there are {', '.join(known)}."
    hint = f"Send `{near}`." if near else None
    return BadValue("UNKNOWN_FIELD", f"There is no such member; {mend}", hint, path=f".{shown}")


def refuse_all(problems: list[BadValue]) -> None:
    """Raises: BadValue, for the first problem, with the others."""
    if problems:
        problems[0].others = tuple(problems[1:])
        raise problems[0]

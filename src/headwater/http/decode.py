"""Strict readers of what clients send: JSON bodies and query strings.

A body means one thing or is refused: no repeated names, no text that a database or another client would read
differently.
"""

import json
import re
import unicodedata
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import msgspec

from headwater.base.errors import Detail, Fault, Problems

MAX_DEPTH: Final = 32
FIELDS: Final = 1000
"""Of a form. Splitting a million would hold up everybody."""
_INTEGERS: Final = range(-(2**63), 2**63)


def decode_json(body: bytes) -> Any:
    """The value of a JSON text (RFC 8259), read strictly; its text is normalised to NFC.

    Raises: Fault INVALID_FORMAT for what is not JSON in UTF-8 (NaN, lone surrogates and numbers beyond a
    double included), with the byte position; Fault VALIDATION_ERROR listing every repeated name, NUL
    character, integer beyond 64 bits, and nesting beyond `MAX_DEPTH`.
    """
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _malformed(body, error) from None
    except RecursionError:
        raise _too_deep(()) from None
    reader = _Reader(plain=body.isascii() and b"\\u" not in body)
    value = reader.visit(value, ())
    # In a text without repeated names every quotation mark opens or closes a string that has been visited.
    # With a repeated name, or with an escaped quotation mark, there are more of them.
    if body.count(b'"') != 2 * reader.strings:
        _find_repeated(json.loads(body, object_pairs_hook=_Pairs), (), reader.problems)
    if reader.problems:
        raise Fault("VALIDATION_ERROR", details=reader.problems)
    return value


class _Reader:
    """Visits each value of a document once. `plain`: its text is ASCII without escapes, so needs no check."""

    __slots__ = ("plain", "problems", "strings")

    def __init__(self, plain: bool) -> None:
        self.plain = plain
        self.strings = 0
        self.problems: list[Detail] = Problems()

    def visit(self, value: Any, path: tuple[str | int, ...]) -> Any:
        kind = type(value)
        if kind is str:
            self.strings += 1
            return value if self.plain else self._text(value, path)
        if kind is dict:
            if len(path) >= MAX_DEPTH:
                raise _too_deep(path)
            self.strings += len(value)
            members = {
                name if self.plain else self._text(name, (*path, name)): self.visit(item, (*path, name))
                for name, item in value.items()
            }
            if len(members) != len(value):
                self.problems.append(_repeated(path, "two names are the same once normalised"))
            return members
        if kind is list:
            if len(path) >= MAX_DEPTH:
                raise _too_deep(path)
            return [self.visit(item, (*path, at)) for at, item in enumerate(value)]
        if kind is int and value not in _INTEGERS:
            self.problems.append(
                Detail("VALIDATION_ERROR", "An integer has 64 bits at most.", field_path(path))
            )
        return value

    def _text(self, text: str, path: tuple[str | int, ...]) -> str:
        if "\0" in text:
            self.problems.append(
                Detail("INVALID_FORMAT", "Text may not hold NUL characters.", field_path(path))
            )
        return text if text.isascii() else unicodedata.normalize("NFC", text)


class _Pairs(list[tuple[str, Any]]):
    """The members of one object, repeated names kept."""


def _find_repeated(value: Any, path: tuple[str | int, ...], problems: list[Detail]) -> None:
    if isinstance(value, _Pairs):
        seen: set[str] = set()
        for name, item in value:
            if name in seen:
                problems.append(_repeated((*path, name), "the object has this name already"))
            seen.add(name)
            _find_repeated(item, (*path, name), problems)
    elif isinstance(value, list):
        for at, item in enumerate(value):
            _find_repeated(item, (*path, at), problems)


def field_path(path: Iterable[str | int]) -> str | None:
    """A place in a body as `details[].field` spells it: `driveMapping.tags[2]`. None for the body itself."""
    spelled = ""
    for step in path:
        spelled += f"[{step}]" if isinstance(step, int) else f".{step}" if spelled else step
    return spelled or None


def _repeated(path: Iterable[str | int], why: str) -> Detail:
    return Detail("INVALID_FORMAT", f"A name may occur once in an object: {why}.", field_path(path))


def _too_deep(path: Iterable[str | int]) -> Fault:
    message = f"The body nests more than {MAX_DEPTH} levels."
    return Fault("VALIDATION_ERROR", message, [Detail("VALIDATION_ERROR", message, field_path(path))])


_SURROGATE = re.compile(rb"\\u[dD]([89abAB])[0-9a-fA-F]{2}(\\u[dD][c-fC-F])?|\\u[dD][c-fC-F]")
_AT_BYTE = re.compile(r"^(?:JSON is malformed: )?(.*?)(?: \(byte (\d+)\))?$")


def _malformed(body: bytes, error: Exception) -> Fault:
    if not body.strip():
        return Fault("INVALID_FORMAT", "The body is empty where JSON was expected.")
    reason, position = str(error), None
    if found := _AT_BYTE.match(reason):
        reason, position = found[1], None if found[2] is None else int(found[2])
        if reason == "trailing characters" and position:
            position -= 1  # msgspec counts one too many here
    try:
        body.decode()
    except UnicodeDecodeError as undecodable:
        reason, position = "not UTF-8", undecodable.start
    else:
        if "trailing" not in reason:
            for escape in _SURROGATE.finditer(body):
                if not escape[2]:
                    reason, position = "half of a surrogate pair", escape.start()
                    break
    facts = {} if position is None else {"position": position}
    at = "" if position is None else f" (byte {position})"
    detail = Detail("INVALID_FORMAT", f"{reason[:1].upper()}{reason[1:]}{at}.", facts=facts)
    return Fault("INVALID_FORMAT", f"The body is not JSON in UTF-8: {reason}{at}.", [detail])


def decode_query(query: bytes) -> list[tuple[str, str]]:
    """The parameters of a query string in order, as forms write them (`+` is a space), normalised to NFC.

    Raises: Fault INVALID_PARAMETER listing those that are not UTF-8 or hold NUL.
    """
    pairs: list[tuple[str, str]] = []
    problems: list[Detail] = Problems()
    for part in query.split(b"&"):
        if not part:
            continue
        name, _, value = part.partition(b"=")
        pairs.append((_parameter_text(name, name, problems), _parameter_text(value, name, problems)))
    if problems:
        raise Fault("INVALID_PARAMETER", details=problems)
    return pairs


def decode_form(body: bytes) -> dict[str, str]:
    """The fields of a form (`application/x-www-form-urlencoded`), each of which occurs once.

    Raises: Fault INVALID_FORMAT.
    """
    if body.count(b"&") >= FIELDS:
        raise Fault("INVALID_FORMAT", f"The form has more than {FIELDS} fields.")
    try:
        pairs = decode_query(body)
    except Fault as fault:
        said = fault.details[0]
        raise Fault("INVALID_FORMAT", f"The body is not a form in UTF-8: {said.message}") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Fault("INVALID_FORMAT", "The form repeats a field.")
    return fields


def _parameter_text(raw: bytes, name: bytes, problems: list[Detail]) -> str:
    if b"+" in raw:
        raw = raw.replace(b"+", b" ")
    if b"%" in raw:
        raw = unquote_to_bytes(raw)
    problem = "Text may not hold NUL characters." if b"\0" in raw else None
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text, problem = "", "The value is not UTF-8, percent-encoded."
    if problem:
        problems.append(Detail("INVALID_PARAMETER", problem, parameter=name.decode("ascii", "replace")))
    return text if text.isascii() else unicodedata.normalize("NFC", text)

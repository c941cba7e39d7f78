"""The elementary forms of values: what a text, a number, a moment or an object looks like to clients.

Every refusal is a `BadValue`, which says what was wrong and what to send instead.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import isfinite
from typing import Any, Final

import msgspec

from headwater.base.errors import Detail

INT64: Final = 2**63 - 1
MAX_DEPTH: Final = 32
MAX_DIGITS: Final = 28  # what Python's decimals hold exactly
_encode: Final = msgspec.json.Encoder().encode


@dataclass(eq=False)
class BadValue(ValueError):
    """A value that its field cannot hold. `path` leads from the field to the faulty part of it; `others` are what else
    is wrong with the value."""

    code: str
    message: str
    hint: str | None = None
    path: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    others: "tuple[BadValue, ...]" = ()

    def each(self) -> "list[BadValue]":
        """All that is wrong with the value."""
        return [self, *(bad for other in self.others for bad in other.each())]

    def __str__(self) -> str:
        return self.message


def detail_of(place: str, bad: BadValue, *, parameter: bool = False) -> Detail:
    """What is wrong with a value as a problem of a request: of a place in its body, or of a whole `parameter`, in
    whose name brackets mean something else."""
    if parameter:
        message = _sentence(place, bad.message)
        return Detail("INVALID_PARAMETER", message, parameter=place, hint=bad.hint, facts=bad.facts)
    faulty = place + bad.path
    return Detail(bad.code, _sentence(faulty, bad.message), faulty, hint=bad.hint, facts=bad.facts)


def _sentence(name: str, message: str) -> str:
    """A message about a value, with the name of what holds it: "`limit` must be ..."."""
    if message.startswith(("Must ", "Is ")):
        return f"`{name}` {message[0].lower()}{message[1:]}"
    return f"`{name}`: {message}"


def malformed(message: str, hint: str | None = None) -> BadValue:
    """A value of another form than its kind's."""
    return BadValue("INVALID_FORMAT", message, hint)


def beyond(message: str, **facts: Any) -> BadValue:
    """A value of the right form, and out of its bounds."""
    return BadValue("VALIDATION_ERROR", message, facts=facts)


# -- text --


def text_value(value: Any) -> str:
    """Text in normal form C, without NUL and lone surrogates, which databases and other programs choke on."""
    if not isinstance(value, str):
        raise malformed(f"Must be a string, not {json_name(value)}.")
    if value.isascii():
        if "\0" in value:
            raise malformed("Must not contain the NUL character.")
        return value
    _check_text(value)
    return value if unicodedata.is_normalized("NFC", value) else unicodedata.normalize("NFC", value)


# Accents of Latin, Greek and Cyrillic letters (Combining Diacritical Marks), and signs that choose how another looks.
# Marks of other scripts are letters to their readers, and stay.
_ACCENTS: Final = re.compile("[\u0300-\u036f\ufe00-\ufe0f\u00ad]")
# Letters that have no parts, and are looked for by the keys that all keyboards have.
_LETTERS: Final = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "ı": "i"}
)


def fold_text(text: str) -> str:
    """The form in which text is compared without regard to case, accents and compatibility forms: Unicode NFKD and full
    case folding, without accents, recomposed. So `GARCIA` is `García`, and `strasse` `Straße`."""
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return unicodedata.normalize("NFC", _ACCENTS.sub("", parts).translate(_LETTERS))


def _check_text(value: str) -> None:
    if "\0" in value:
        raise malformed("Must not contain the NUL character.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise malformed("Must not contain lone surrogates.") from None


def json_name(value: Any) -> str:
    """What a JSON author calls a value's type."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"


# -- numbers --

_INTEGER = re.compile(r"-?[0-9]{1,20}")
_FLOAT = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_DECIMAL = re.compile(r"-?[0-9]+(?:\.([0-9]+))?")


def integer_value(value: Any) -> int:
    """An integer within 64 bits."""
    if type(value) is not int:
        whole = isinstance(value, float) and "without a fraction or exponent"
        raise malformed(f"Must be an integer{' ' + whole if whole else ', not ' + json_name(value)}.")
    if not -INT64 - 1 <= value <= INT64:
        raise beyond("Must be within 64 bits.")
    return value


def integer_text(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise malformed("Must be an integer, such as `5`.")
    return integer_value(int(text))


def float_value(value: Any) -> float:
    """A finite number."""
    if type(value) not in (int, float):
        raise malformed(f"Must be a number, not {json_name(value)}.")
    try:
        number = float(value)
    except OverflowError:
        number = float("inf")
    if not isfinite(number):
        raise beyond("Must be a finite number.")
    return number + 0.0  # makes a negative zero positive: the two are equal, but would be shown differently


def float_text(text: str) -> float:
    if not _FLOAT.fullmatch(text):
        raise malformed("Must be a number, such as `2.5`.")
    return float_value(float(text))


def decimal_value(places: int) -> Callable[[Any], Decimal]:
    """The reader of decimals in strings. Stored scaled by `10**places`, they must fit 64 bits."""
    unit = Decimal(1).scaleb(-places)
    scale = 10**places
    example = f"{Decimal('12.5'):.{places}f}" if places else "12"

    def decode(value: Any) -> Decimal:
        if not isinstance(value, str):
            raise malformed(
                f"Must be a decimal in a string, not {json_name(value)}: numbers lose digits on their way.",
                f'Send it in quotes, such as "{example}".',
            )
        found = _DECIMAL.fullmatch(value)
        if found is None:
            raise malformed(f"Must be a decimal, such as `{example}`.")
        fraction = (found[1] or "").rstrip("0")
        if len(fraction) > places:
            raise beyond(
                f"Must have at most {places} decimal places." if places else "Must be a whole number."
            )
        whole = value.partition(".")[0]
        scaled = int(whole) if len(whole) <= 20 else scale * INT64
        scaled = abs(scaled) * scale + int(fraction.ljust(places, "0") or "0")
        if scaled > INT64:
            raise beyond(f"Must be at most {Decimal(INT64).scaleb(-places):f} in size.")
        return Decimal(-scaled if value.startswith("-") else scaled) * unit + 0

    return decode


def plain_decimal(value: Any) -> Decimal:
    """A decimal in a string, of no declared places."""
    if not isinstance(value, str):
        raise malformed(
            f"Must be a decimal in a string, not {json_name(value)}: numbers lose digits on their way.",
            'Send it in quotes, such as "12.5".',
        )
    if len(value) > MAX_DIGITS or not _DECIMAL.fullmatch(value):
        raise malformed("Must be a decimal, such as `12.5`.")
    return Decimal(value) + 0


def exact_decimal(places: int) -> Callable[[Any], Decimal]:
    """The reader of Decimals and integers in programs, with the bounds of `decimal_value`."""
    decode = decimal_value(places)

    def read(value: Any) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, Decimal | int):
            raise malformed(f"Must be a Decimal, not {python_name(value)}.")
        number = Decimal(value)
        if not number.is_finite():
            raise beyond("Must be a finite number.")
        if number.adjusted() > 20:
            raise beyond(f"Must be at most {Decimal(INT64).scaleb(-places):f} in size.")
        return decode(f"{number:f}")

    return read


def python_name(value: Any) -> str:
    """What a value's type is called in Python."""
    return f"`{type(value).__name__}`"


def boolean_value(value: Any) -> bool:
    if not isinstance(value, bool):
        raise malformed(f"Must be true or false, not {json_name(value)}.")
    return value


def boolean_text(text: str) -> bool:
    if text not in ("true", "false"):
        raise malformed("Must be `true` or `false`.")
    return text == "true"


# -- time --

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATETIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]+))?([Zz]|[+-][0-9]{2}:[0-9]{2})?"
)
_DURATION = re.compile(
    r"(-)?P(?:([0-9]+)W|(?:([0-9]+)D)?(?:T(?=[0-9])(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+)(?:\.([0-9]+))?S)?)?)"
)


def date_value(value: Any) -> date:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise malformed("Must be a date, such as `2026-01-31`.")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise malformed(f"`{value}` is not a day of the calendar.") from None


def datetime_value(value: Any) -> datetime:
    """RFC 3339, section 5.6; the offset is demanded."""
    found = _DATETIME.fullmatch(value) if isinstance(value, str) and len(value) <= 60 else None
    if found is None or found[2] >= "24":
        raise malformed("Must be a date and time, such as `2026-01-31T12:00:00Z`.")
    day, time, fraction, offset = found.groups()
    if offset is None:
        raise malformed("Must say its offset from UTC.", f"Send `{value}Z` if it is meant in UTC.")
    digits = (fraction or "").rstrip("0")
    if len(digits) > 6:
        raise malformed("Must not be finer than a microsecond.", "Send at most six digits after the point.")
    try:
        text = f"{day}T{time}.{digits.ljust(6, '0')}{offset.upper()}"
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise malformed(f"`{value}` is not a moment of the calendar.") from None


def datetime_text(text: str) -> datetime:
    """As in JSON; a date alone means its beginning in UTC, and a `+` that became a space is understood."""
    if _DATE.fullmatch(text):
        day = date_value(text)
        return datetime(day.year, day.month, day.day, tzinfo=UTC)
    return datetime_value(text[:-6] + "+" + text[-5:] if text[-6:-5] == " " else text)


def duration_value(value: Any) -> timedelta:
    """ISO 8601 weeks, days and times. Years and months have no fixed length, so they are refused."""
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None or not any(found.groups()[1:6]):
        raise malformed("Must be a duration in days and time, such as `PT1H30M` or `P2DT12H`.")
    sign, weeks, days, hours, minutes, seconds, fraction = found.groups()
    digits = (fraction or "").rstrip("0")
    if len(digits) > 6:
        raise malformed("Must not be finer than a microsecond.", "Send at most six digits after the point.")
    if any(len(part or "") > 20 for part in found.groups()[1:6]):
        raise beyond("Must be within 292,000 years.")
    length = int(weeks or 0) * 604800 + int(days or 0) * 86400
    length += int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    microseconds = length * 1_000_000 + int(digits.ljust(6, "0"))
    if microseconds > INT64:
        raise beyond("Must be within 292,000 years.")
    return timedelta(microseconds=-microseconds if sign else microseconds)


def datetime_wire(value: datetime) -> str:
    """An aware datetime as `2026-01-31T12:00:00.000000Z`."""
    # `isoformat` takes six times as long; this leaves out a fraction of zero.
    text = _encode(value.astimezone(UTC))[1:-1].decode()
    return text if value.microsecond else f"{text[:-1]}.000000Z"


def duration_wire(value: timedelta) -> str:
    """`PT5400S`, `PT0.25S`, `-PT5S`."""
    return microseconds_wire(value // timedelta(microseconds=1))


def microseconds_wire(microseconds: int) -> str:
    """The same of a whole number, which may be larger than any timedelta."""
    seconds, rest = divmod(abs(microseconds), 1_000_000)
    fraction = f".{rest:06d}".rstrip("0") if rest else ""
    return f"{'-' if microseconds < 0 else ''}PT{seconds}{fraction}S"


# -- objects and lists --


def object_value(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise malformed(f"Must be an object, not {json_name(value)}.")
    check_json(value)
    return value


def check_json(value: Any, depth: int = 1) -> None:
    """Refuses what not every reader of JSON reads alike: NUL, lone surrogates, huge numbers, deep nesting.

    Raises: BadValue, with the path to the faulty member.
    """
    if depth > MAX_DEPTH:
        raise beyond(f"Must not nest deeper than {MAX_DEPTH} levels.")
    match value:
        case str():
            _check_text(value)
        case bool() | None:
            return
        case int():
            integer_value(value)
        case float():
            float_value(value)
        case dict():
            for name, member in value.items():
                _check_text(name)
                _check_member(member, depth, f".{name}")
        case list():
            for place, member in enumerate(value):
                _check_member(member, depth, f"[{place}]")


def _check_member(value: Any, depth: int, name: str) -> None:
    try:
        check_json(value, depth + 1)
    except BadValue as bad:
        bad.path = name + bad.path
        raise

"""What a setting is, and readers of single values: from a variable's text or from a value of the TOML file.

A reader raises ValueError with what the value should be.
"""

import base64
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, cast, get_args
from urllib.parse import urlsplit

Mode = Literal["demo", "development", "production"]
Documents = Literal["any", "persisted", "trusted"]
Introspection = Literal["everybody", "signed-in", "nobody"]
PREFIX: Final = "HEADWATER_"

Parse = Callable[[Any], Any]


def text_value(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("is text")
    return value.strip()


def target_value(value: Any) -> str:
    text = text_value(value)
    if not re.fullmatch(r"[\w.]+:\w+", text):
        raise ValueError("is `module:attribute`, such as `shop:app`")
    return text


def path_value(value: Any) -> Path:
    return Path(text_value(value)).expanduser()


def number_value(low: int, high: int | None = None) -> Parse:
    def parse(value: Any) -> int:
        if isinstance(value, str) and re.fullmatch(r"\d{1,15}", value.strip()):
            value = int(value)
        if type(value) is not int or value < low or (high is not None and value > high):
            raise ValueError(f"is a whole number from {low}" + ("" if high is None else f" to {high}"))
        return value

    return parse


def _quantity(units: Mapping[str, int], what: str) -> Callable[[Any], float]:
    def parse(value: Any) -> float:
        if isinstance(value, str):
            found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", value.strip())
            if found and found[2].lower() in units:
                value = float(found[1]) * units[found[2].lower()]
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(what)
        try:
            number = float(value)
        except OverflowError:  # an integer of hundreds of digits
            number = math.inf
        if not 0 < number < math.inf:  # nor is it nan
            raise ValueError(what)
        return number

    return parse


duration_value = _quantity(
    {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400},
    "is a time in seconds, or with a unit, such as `90s`, `15m`, `1h` or `30d`",
)
_SIZE: Final = "is a number of bytes, or with a unit, such as `512KiB` or `1MiB`"
_bytes = _quantity({"": 1, "b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}, _SIZE)


def size_value(value: Any) -> int:
    size = int(_bytes(value))
    if size < 1:
        raise ValueError(_SIZE)
    return size


def switch_value(value: Any) -> bool:
    if isinstance(value, str):
        value = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}.get(
            value.lower()
        )
    if not isinstance(value, bool):
        raise ValueError("is `on` or `off`")
    return value


def choice_value(choices: Any) -> Parse:
    """One of the texts of a Literal."""

    def parse(value: Any) -> str:
        if value not in get_args(choices):
            raise ValueError("is one of " + ", ".join(f"`{one}`" for one in get_args(choices)))
        return cast(str, value)

    return parse


def url_value(*schemes: str) -> Parse:
    def parse(value: Any) -> str:
        url = text_value(value)
        if urlsplit(url).scheme not in schemes:
            raise ValueError(
                "is a URL that begins with " + " or ".join(f"`{scheme}://`" for scheme in schemes)
            )
        return url

    return parse


def public_url_value(value: Any) -> str:
    url = cast(str, url_value("http", "https")(value)).rstrip("/")
    if not urlsplit(url).netloc or urlsplit(url).query:
        raise ValueError("is a URL such as `https://api.example.org`")
    return url


def origins_value(value: Any) -> tuple[str, ...]:
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise ValueError("is a list of origins, with commas between them")
    origins = tuple(item.strip().rstrip("/") for item in items if item.strip())
    for origin in origins:
        parts = urlsplit(origin)
        if origin != "*" and (parts.scheme not in ("http", "https") or not parts.netloc or parts.path):
            raise ValueError(f"lists origins such as `https://app.example.org`, which `{origin}` is not")
    return origins


def keys_value(value: Any) -> tuple[bytes, ...]:
    items = value.split(",") if isinstance(value, str) else value
    try:
        keys = tuple(base64.b64decode(item, validate=True) for item in items)
    except (TypeError, ValueError):
        keys = (b"",)
    if any(len(key) != 32 for key in keys):
        raise ValueError("lists keys of 32 bytes in base64, such as `openssl rand -base64 32` makes")
    return keys


@dataclass(frozen=True, slots=True)
class Setting:
    """What the documentation says of a setting. `secret`: its value is never shown whole."""

    name: str
    doc: str
    parse: Parse
    default: str
    secret: bool = False

    @property
    def variable(self) -> str:
        return PREFIX + self.name.upper()

"""JSON values as YAML 1.2, in blocks. What PyYAML makes of a document of this size in seconds takes milliseconds."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

_PLAIN: Final = re.compile(r"[A-Za-z/][\w/-]*(?:[ .][\w/-]+)*", re.ASCII).fullmatch
# What YAML 1.1 reads as something else than text.
_WORDS: Final = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n"))


def encode_yaml(value: Any) -> bytes:
    """The text of a value that JSON can hold, in UTF-8."""
    return ("\n".join(_lines(value, "")) + "\n").encode()


def _lines(value: Any, indent: str) -> Iterator[str]:
    """The lines of a value that has lines of its own, or the one line of another."""
    if isinstance(value, dict) and value:
        for name, member in value.items():
            yield from _led(f"{indent}{_scalar(str(name))}:", member, f"{indent}  ")
    elif isinstance(value, list | tuple) and value:
        for item in value:
            if isinstance(item, dict | list | tuple) and item:
                first, *rest = _lines(item, f"{indent}  ")
                yield f"{indent}- {first[len(indent) + 2 :]}"
                yield from rest
            else:
                yield from _led(f"{indent}-", item, f"{indent}  ")
    else:
        yield indent + _scalar(value)


def _led(lead: str, value: Any, indent: str) -> Iterator[str]:
    """A value behind the name or the dash that leads to it."""
    if isinstance(value, dict | list | tuple) and value:
        yield lead
        yield from _lines(value, indent)
    elif isinstance(value, str) and _is_block(value):
        yield f"{lead} |-"
        yield from (indent + line if line else "" for line in value.split("\n"))
    else:
        yield f"{lead} {_scalar(value)}"


def _is_block(text: str) -> bool:
    """Whether a text of several lines can be written line by line."""
    lines = text.split("\n")
    return (
        len(lines) > 1
        and bool(lines[-1])
        and not lines[0].startswith((" ", "\t"))
        and bool(lines[0])
        and all(not line or (line.isprintable() and line.strip()) for line in lines)
    )


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN(value) and value.lower() not in _WORDS:
        return value
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else json.dumps(value)

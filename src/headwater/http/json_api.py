"""Documents of JSON:API 1.1: what stands around resource objects, and refusals.

Resource objects are taken as the JSON that they are, as rows are in the envelopes of plain JSON: in bytes, since they
are kept, and what surrounds them is short.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from headwater.base.errors import REGISTRY, Detail, Fault

_encode = msgspec.json.Encoder(enc_hook=str).encode

_HEADERS: Final = frozenset(
    {"Accept", "Authorization", "Content-Type", "If-Match", "If-None-Match", "Prefer"}
)
"""What a detail calls a parameter, and is a header."""

_STATUSES: Final = {"DANGLING_REFERENCE": 404}
"""Where the specification demands another status than the registry has."""


def document(
    data: bytes | Sequence[bytes] | None,
    request_id: str,
    *,
    included: Sequence[bytes] | None = None,
    meta: Mapping[str, Any] | None = None,
    links: Mapping[str, Any] | None = None,
    profile: str | None = None,
) -> bytes:
    """A document of primary data, one object or several (None: of meta alone), and, where it was asked for, of what is
    included."""
    applied = "" if profile is None else f',"profile":["{profile}"]'
    rest = b"," + _encode(meta)[1:-1] if meta else b""
    related = b"" if links is None else b',"links":' + _encode(links)
    # A document is large and is put together at once: each step on the way would copy it.
    parts = [b'{"jsonapi":{"version":"1.1"%b}' % applied.encode()]
    if isinstance(data, bytes):
        parts += [b',"data":', data]
    elif data is not None:
        parts += [b',"data":[', *_apart(data), b"]"]
    if included is not None:
        parts += [b',"included":[', *_apart(included), b"]"]
    parts.append(b',"meta":{"requestId":"%b"%b}%b}' % (request_id.encode(), rest, related))
    return b"".join(parts)


def _apart(objects: Sequence[bytes]) -> list[bytes]:
    parts = [b","] * (2 * len(objects) - 1) if objects else []
    parts[::2] = objects
    return parts


# --- errors ---


def status(fault: Fault) -> int:
    """The status of a refusal."""
    return _STATUSES.get(fault.code, fault.status)


def errors(fault: Fault, facts: Mapping[str, Any], *, sent: bool = True) -> dict[str, Any]:
    """A refusal as a document, one error object for each problem. `facts` is what all forms of a refusal tell. Nothing
    points into a document where none is `sent`."""
    shared = {
        name: value for name, value in facts.items() if name not in ("code", "number", "details", "hint")
    }
    details = fault.details or (Detail(fault.code, fault.message, hint=fault.hint),)
    return {
        "jsonapi": {"version": "1.1"},
        "errors": [_error(fault, detail, sent) for detail in details],
        "meta": shared,
    }


def _error(fault: Fault, detail: Detail, sent: bool) -> dict[str, Any]:
    entry = REGISTRY.get(detail.code, fault.entry)
    meta = {
        "number": entry.number,
        **({"hint": detail.hint} if detail.hint else {}),
        **fault.facts,
        **detail.facts,
    }
    found: dict[str, Any] = {
        "status": str(_STATUSES.get(entry.name, entry.status)),
        "code": detail.code.lower(),
        "title": entry.meaning,
        "detail": detail.message,
    }
    if source := _source(detail, sent):
        found["source"] = source
    if detail.type is not None:
        found["links"] = {"type": detail.type}
    return {**found, "meta": meta}


def _source(detail: Detail, sent: bool) -> dict[str, str] | None:
    if sent and (detail.pointer is not None or detail.field is not None):
        return {"pointer": pointer(detail.field or "") if detail.pointer is None else detail.pointer}
    if detail.parameter is None:
        return None
    return {"header" if detail.parameter in _HEADERS else "parameter": detail.parameter}


_STEP: Final = re.compile(r"\[(\d+)\]|([^.\[]+|\[)")


def steps(field: str) -> Iterator[str]:
    """The members that a detail's `field` leads through: `driveMapping.tags[2]`."""
    return (index or name for index, name in _STEP.findall(field))


def pointer(field: str) -> str:
    """A detail's `field` as a JSON Pointer (RFC 6901)."""
    return pointer_of(steps(field))


def pointer_of(path: Iterable[str]) -> str:
    """The JSON Pointer that leads through these members."""
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in path)

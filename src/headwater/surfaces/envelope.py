"""The envelope of plain JSON as the API's own document describes it: its schema, and an example."""

from typing import Any, Final

REQUEST_ID: Final = "req_0123456789abcdef01234567"
"""What examples show."""


def enveloped(data: dict[str, Any]) -> dict[str, Any]:
    """The schema of an envelope around what has this one."""
    return whole({"data": data, "meta": whole({"requestId": {"type": "string"}})})


def whole(members: dict[str, Any]) -> dict[str, Any]:
    """The schema of an object that has all of these members."""
    return {"type": "object", "properties": members, "required": list(members)}


def example(data: Any) -> dict[str, Any]:
    """An envelope around this."""
    return {"data": data, "meta": {"requestId": REQUEST_ID}}

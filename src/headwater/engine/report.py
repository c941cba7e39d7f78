"""What becomes of a report's answer, and how long the author's functions may take over one."""

import asyncio
from collections.abc import Awaitable
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec

from headwater.base.call import Call
from headwater.base.errors import Fault
from headwater.db.codec import json_encode
from headwater.ir.model import Report
from headwater.ir.scalars import datetime_wire, duration_wire

T = TypeVar("T")


async def in_time(call: Call, work: Awaitable[T]) -> T:
    """The result of an author's function. Raises Fault DEADLINE_EXCEEDED where the call's deadline comes first."""
    try:
        async with asyncio.timeout(call.remaining()) as limit:
            return await work
    except TimeoutError:
        if not limit.expired():
            raise
        raise Fault("DEADLINE_EXCEEDED", headers={"Retry-After": "1"}) from None


def written(report: Report, result: Any) -> str:
    """The JSON text of what a report's function has returned. Raises TypeError where it is not what it declares."""
    try:
        checked = msgspec.convert(result, report.result, from_attributes=True)
    except msgspec.ValidationError as error:
        raise TypeError(
            f"The report {report.name} returned something else than it declares: {error}"
        ) from None
    if not report.holds_moments:
        return json_encode(checked)
    return json_encode(
        _wire(msgspec.to_builtins(checked, builtin_types=(datetime, timedelta), str_keys=True))
    )


def _wire(value: Any) -> Any:
    """A value with moments and durations in the form in which rows have them."""
    match value:
        case dict():
            return {name: _wire(item) for name, item in value.items()}
        case list() | tuple():
            return [_wire(item) for item in value]
        case datetime():
            return datetime_wire(value)
        case timedelta():
            return duration_wire(value)
        case _:
            return value

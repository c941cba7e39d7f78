"""Declare resources once as typed Python classes; get a production API.

A product is written with the names listed here, and needs no others.
"""

from typing import TYPE_CHECKING, Any

from headwater.base.errors import Detail, Fault
from headwater.declare import (
    Batched,
    Computed,
    CurrentActor,
    Embedded,
    Expression,
    Field,
    Interface,
    Many,
    OptRef,
    Reader,
    Ref,
    Resource,
    Role,
    accept,
    action,
    acyclic,
    allow,
    batched,
    case,
    check,
    coalesce,
    computed,
    desc,
    email,
    exactly_one_of,
    field,
    index,
    key,
    lock,
    many,
    mask,
    money,
    now,
    optref,
    ref,
    report,
    secret,
    stamp,
    state,
    through,
    unique,
    url,
)

if TYPE_CHECKING:
    from headwater.app import App, DemoAccount
    from headwater.engine.caller import Caller, caller
    from headwater.engine.tx import Tx
    from headwater.operate.load import VirtualUser

__all__ = [
    "App",
    "Batched",
    "Caller",
    "Computed",
    "CurrentActor",
    "DemoAccount",
    "Detail",
    "Embedded",
    "Expression",
    "Fault",
    "Field",
    "Interface",
    "Many",
    "OptRef",
    "Reader",
    "Ref",
    "Resource",
    "Role",
    "Tx",
    "VirtualUser",
    "accept",
    "action",
    "acyclic",
    "allow",
    "batched",
    "caller",
    "case",
    "check",
    "coalesce",
    "computed",
    "desc",
    "email",
    "exactly_one_of",
    "field",
    "index",
    "key",
    "lock",
    "many",
    "mask",
    "money",
    "now",
    "optref",
    "ref",
    "report",
    "secret",
    "stamp",
    "state",
    "through",
    "unique",
    "url",
]

_LATE = {
    "App": "headwater.app",
    "Caller": "headwater.engine.caller",
    "DemoAccount": "headwater.app",
    "Tx": "headwater.engine.tx",
    "VirtualUser": "headwater.operate.load",
    "caller": "headwater.engine.caller",
}


def __getattr__(name: str) -> Any:
    """What brings the server and the stores with it is imported when it is first used."""
    if name in _LATE:
        from importlib import import_module

        return getattr(import_module(_LATE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

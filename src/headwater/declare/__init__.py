"""The declaration language: what authors write, and `build`, which turns it into the Model."""

from headwater.declare.actions import action
from headwater.declare.embedded import Embedded
from headwater.declare.expressions import CurrentActor, Expression, case, coalesce, desc, now
from headwater.declare.fields import (
    Computed,
    Field,
    Many,
    OptRef,
    Ref,
    computed,
    email,
    field,
    key,
    many,
    money,
    optref,
    ref,
    secret,
    stamp,
    state,
    through,
    url,
)
from headwater.declare.model import build
from headwater.declare.reader import Reader
from headwater.declare.reports import report
from headwater.declare.resource import Resource
from headwater.declare.rules import (
    Role,
    accept,
    acyclic,
    allow,
    check,
    exactly_one_of,
    index,
    lock,
    mask,
    unique,
)

__all__ = [
    "Computed",
    "CurrentActor",
    "Embedded",
    "Expression",
    "Field",
    "Many",
    "OptRef",
    "Reader",
    "Ref",
    "Resource",
    "Role",
    "accept",
    "action",
    "acyclic",
    "allow",
    "build",
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

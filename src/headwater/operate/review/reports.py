"""Reports: what they are called, what they say of themselves, who may ask, and what an answer may come to."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from headwater.declare.reports import mark_of
from headwater.engine.guard import covers
from headwater.ir import expr as e
from headwater.ir.model import REPORTS, Field, Kind, Model, Report
from headwater.operate.review.naming import CRUD, abbreviated
from headwater.operate.review.subject import Found, Subject
from headwater.operate.review.words import form, own_doc

SIZES: Final = ("limit", "count", "size", "top", "number", "days", "weeks", "months")
"""What numbers are named by which an answer grows."""
DAY: Final = 86_400
Say = Callable[[str, str, str], Found]
"""From a rule, a message and a mend to a breach of the report under review."""


def reports(of: Subject) -> Iterator[Found]:
    """Of one resource."""
    resource = of.resource
    for report in resource.reports.values():
        place = mark_of(report.function).place

        def say(rule: str, message: str, mend: str, name: str = report.name, place: Any = place) -> Found:
            return of.found(rule, name, message, mend, place)

        yield from _reviewed(report, say)
        if report.name in resource.fields:
            mend = "name it by what it tells of the field, as in `progress` or `history`"
            yield say("report-name", "it is named like a field", mend)
        if not of.anybody(report.name):
            mend = (
                "say who: `@report(..., when=...)` or `@report(..., to=...)`; or give a role the permission "
            )
            yield say(
                "closed-report", "nobody but an admin may ask for it", mend + resource.permission(report.name)
            )
        grants = [grant for grant in resource.grants if report.name in grant.verbs]
        if report.as_product and any(_everybody(grant.roles) and grant.when == e.TRUE for grant in grants):
            yield say("open-report", *OPEN)


def free_reports(model: Model) -> Iterator[Found]:
    """Of those that belong to no resource."""
    for report in model.reports.values():
        place = mark_of(report.function).place

        def say(rule: str, message: str, mend: str, name: str = report.name, place: Any = place) -> Found:
            return Found(rule, place, f"report {name}", "", message, mend)

        yield from _reviewed(report, say)
        mighty = (r for r in model.roles.values() if not any(covers(p, "*", REPORTS) for p in r.permissions))
        by_role = any(covers(p, report.name, REPORTS) for role in mighty for p in role.permissions)
        if not report.grants and not by_role:
            mend = f"say who: `@report(to=...)`; or give a role the permission {report.permission}"
            yield say("closed-report", "nobody but an admin may ask for it", mend)
        if report.as_product and any(_everybody(grant.roles) for grant in report.grants):
            yield say("open-report", *OPEN)


OPEN: Final = (
    "whoever has signed in may ask for it, and it reads what they may not see",
    'name a role with `to=`, or the rows with `when=`; or let it read by `rights="caller"`',
)


def _everybody(roles: frozenset[str] | None) -> bool:
    return roles is None or bool(roles & {"user", "guest"})


def _reviewed(report: Report, say: Say) -> Iterator[Found]:
    """What is to be said of any report."""
    first = report.name.split("_")[0]
    if first in CRUD:
        mend = "name it by what it tells, as in `workload` or `open_tasks`"
        yield say("report-name", f"{first!r} is what the methods of HTTP do", mend)
    names = {"the report's name": report.name} | {f"its parameter {name}": name for name in report.parameters}
    for what, name in names.items():
        for message, mend in abbreviated(what, name.split("_")):
            yield say("abbreviation", message, mend)
    if not report.doc:
        mend = "write a docstring in the function: what it tells, and how it is worked out"
        yield say("missing-description", "the report has no description", mend)
    elif told := form(report.doc):
        yield say("description-form", *told)
    types = list(_types(msgspec.inspect.type_info(report.result)))
    for parameter in report.parameters.values():
        yield from _parameter(parameter, say)
    yield from _result(types, say)
    enums: list[Any] = [parameter.type.enum for parameter in report.parameters.values()]
    enums += [found.cls for found in types if isinstance(found, msgspec.inspect.EnumType)]
    for enum in dict.fromkeys(enums):
        if enum is not None and not own_doc(enum):
            mend = f"write a docstring in {enum.__name__}: what it tells apart"
            yield say("enum-description", f"the enum {enum.__name__} has no description", mend)
    if report.as_product and report.on != "row" and not report.max_age:
        mend = "write `max_age=timedelta(minutes=1)`, or as long as an answer may be old"
        yield say("report-age", "it reads everything, and each client asks for it anew", mend)
    elif report.max_age > DAY:
        yield say(
            "report-age", "clients keep its answer for more than a day", "let it hold for a day at most"
        )


def _parameter(parameter: Field, say: Say) -> Iterator[Found]:
    name = parameter.name
    if parameter.doc:
        if told := form(parameter.doc):
            message, mend = told
            yield say("description-form", f"of its parameter {name}, {message}", mend)
    elif parameter.type.enum is None:
        mend = 'write `Annotated[..., msgspec.Meta(description="...")]`: what it chooses, and in which unit'
        yield say("parameter-description", f"its parameter {name} has no description", mend)
    limits = parameter.limits
    if (
        parameter.type.kind is Kind.INTEGER
        and name.split("_")[-1] in SIZES
        and limits.le is None
        and limits.lt is None
    ):
        mend = "write `Annotated[int, msgspec.Meta(ge=1, le=1000)]`"
        yield say("unbounded-number", f"its parameter {name} may be any number", mend)


def _result(types: list[Any], say: Say) -> Iterator[Found]:
    """Whether the types of a result say what it holds."""
    if any(isinstance(found, msgspec.inspect.AnyType) for found in types):
        mend = "return a Struct or dataclass, or a list or dict of them with types"
        yield say("untyped-result", "it does not say all of what it returns", mend)
    structs = [found.cls for found in types if isinstance(found, msgspec.inspect.StructType)]
    for cls in dict.fromkeys(structs):
        if not cls.__doc__:
            mend = f"write a docstring in {cls.__name__}: what its members mean, and in which unit"
            yield say("result-description", f"{cls.__name__}, which it returns, has no description", mend)


def _types(info: Any) -> Iterator[Any]:
    """A type and all types within."""
    if isinstance(info, tuple):
        for item in info:
            yield from _types(item)
    elif isinstance(info, msgspec.inspect.Type | msgspec.inspect.Field):
        yield info
        for name in info.__struct_fields__:
            yield from _types(getattr(info, name))

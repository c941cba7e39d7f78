"""Questions that a function of the author's answers: what `@report` remembers, and what `build()` makes of it."""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import FunctionType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, Literal, ParamSpec, Protocol, TypeVar, overload

import msgspec

from headwater.base.errors import DeclarationError
from headwater.declare.annotations import BadAnnotation, type_of
from headwater.declare.constants import Nonsense, coerce
from headwater.declare.fields import Place, caller
from headwater.declare.names import camel, kebab
from headwater.declare.reader import Reader
from headwater.declare.resource import Names, Resource
from headwater.declare.results import holds_moments, result_form
from headwater.ir import model as m
from headwater.ir.limits import limit_checker
from headwater.ir.model import Kind, Limits, Type

if TYPE_CHECKING:
    from headwater.declare.rules import Roles, Rule

P = ParamSpec("P")
F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
R = TypeVar("R", bound=Resource)
Rights = Literal["caller", "product"]
DECIMAL_PLACES = 9
ATTRIBUTE = "__report__"


@dataclass(frozen=True, slots=True)
class Mark:
    """That a function is a report, of what, who may ask for it, and how it reads."""

    place: Place
    function: FunctionType
    owner: type[Resource] | None
    when: Rule | None
    to: Roles
    rights: Rights
    max_age: timedelta

    @property
    def name(self) -> str:
        return self.function.__name__


class OfResource(Protocol[R]):
    """Takes the function of a report about one row of a resource, or about the collection."""

    @overload
    def __call__(
        self, function: Callable[Concatenate[R, Reader, P], Awaitable[T]], /
    ) -> Callable[Concatenate[R, Reader, P], Awaitable[T]]: ...
    @overload
    def __call__(
        self, function: Callable[Concatenate[Reader, P], Awaitable[T]], /
    ) -> Callable[Concatenate[Reader, P], Awaitable[T]]: ...


class Free(Protocol):
    """Takes the function of a report that belongs to no resource."""

    def __call__(
        self, function: Callable[Concatenate[Reader, P], Awaitable[T]], /
    ) -> Callable[Concatenate[Reader, P], Awaitable[T]]: ...


@overload
def report(
    resource: type[R],
    /,
    *,
    when: Rule | None = None,
    to: Roles = None,
    rights: Rights = "caller",
    max_age: timedelta = timedelta(0),
) -> OfResource[R]: ...
@overload
def report(*, to: Roles = None, rights: Rights = "caller", max_age: timedelta = timedelta(0)) -> Free: ...
def report(
    resource: Any = None,
    /,
    *,
    when: Rule | None = None,
    to: Roles = None,
    rights: Rights = "caller",
    max_age: timedelta = timedelta(0),
) -> Any:
    """Let clients ask a question that a function answers: `GET /projects/{id}/analytics?timeRange=last_30_days`.

    With a resource, the function takes one of its rows and a `Reader`, or the `Reader` alone, and then speaks of the
    collection. Without one it takes the `Reader`, and is named in `App(reports=...)`. Its other parameters are those of
    the query string, typed as fields are, with `Annotated[int, msgspec.Meta(ge=1)]` for bounds; what it returns is a
    Struct or dataclass, or a list or dict of them, whose names become camelCase.

    Actors may ask about the rows where `when` holds, if they have one of the roles `to` (None: any signed-in actor).
    Without both, only those may whom a permission, such as `analytics:projects`, or an `allow` lets; a row must be
    visible as well. `rights` are those of the `Reader`: what the caller may see, or all. `max_age`: for how long a
    client may keep the answer without asking whether it still holds.
    """
    place = caller()

    def mark(function: Any) -> Any:
        made = Mark(place, function, resource, when, to, rights, max_age)
        if resource is not None:
            resource.__declaration__.reports.append(made)
        function.__dict__[ATTRIBUTE] = made
        return function

    return mark


def mark_of(function: Callable[..., Any]) -> Mark:
    """What `@report` remembers of a function. Raises: DeclarationError."""
    found: Mark | None = getattr(function, ATTRIBUTE, None)
    if found is None:
        name = getattr(function, "__name__", repr(function))
        raise DeclarationError(f"{name} is not a report.", mend="put `@report()` above it.")
    return found


def read(mark: Mark, known: Mapping[str, Any]) -> m.Report:
    """The report that a function declares. `known` are the resources by name. Raises: Nonsense."""
    function = mark.function
    if not inspect.iscoroutinefunction(function):
        raise Nonsense("a report is not a coroutine", f"write `async def {mark.name}`")
    try:
        hints = _hints(function, known)
    except Exception as error:
        raise Nonsense(
            f"its annotations cannot be resolved: {error}",
            "import what they name where the program runs, not for type checkers only",
        ) from None
    listed = list(inspect.signature(function).parameters.values())
    row = bool(listed) and isinstance(hints.get(listed[0].name), type(Resource))
    if row and hints[listed[0].name] is not mark.owner:
        raise Nonsense(
            f"it takes a {hints[listed[0].name].__name__}",
            f"declare it by `@report({hints[listed[0].name].__name__})`",
        )
    if len(listed) <= row or listed[row].name != "reader":
        wanted = f"{listed[0].name}: {mark.owner.__name__}, " if row and mark.owner else ""
        raise Nonsense("it takes no reader", f"write `async def {mark.name}({wanted}reader: Reader)`")
    if mark.when is not None and not row:
        raise Nonsense("`when` speaks of a row, and the report is about none", "say by `to` who may ask")
    if mark.rights not in ("caller", "product"):
        raise Nonsense(f"`rights={mark.rights!r}` means nothing", 'use "caller" or "product"')
    if "return" not in hints:
        raise Nonsense("it does not say what it returns", "annotate the result")
    parameters = [_parameter(p, hints) for p in listed[row + 1 :]]
    return m.Report(
        name=mark.name,
        path=kebab(mark.name),
        on="row" if row else "collection" if mark.owner else "nothing",
        function=function,
        parameters={found.name: found for found in parameters},
        result=(form := result_form(hints["return"])),
        holds_moments=holds_moments(form),
        as_product=mark.rights == "product",
        max_age=int(mark.max_age.total_seconds()),
        doc=inspect.getdoc(function) or "",
    )


def _hints(function: FunctionType, known: Mapping[str, Any]) -> dict[str, Any]:
    """The annotations of a function; those of resources and of the Reader need not be known where it stands."""
    module = sys.modules.get(function.__module__)
    around = inspect.getclosurevars(function).nonlocals
    names = Names(around, vars(module) if module else {}, known, {"Reader": Reader})
    return typing.get_type_hints(function, names, names, include_extras=True)


def _parameter(parameter: inspect.Parameter, hints: Mapping[str, Any]) -> m.Field:
    """A parameter of the query string, as a field without a column. Raises: Nonsense."""
    name = parameter.name
    if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
        raise Nonsense(f"the parameter {name} has no fixed name", "name each parameter")
    if name not in hints:
        raise Nonsense(f"the parameter {name} has no annotation", "annotate it")
    annotation, metas = hints[name], []
    nullable = False
    while True:
        origin = typing.get_origin(annotation)
        if origin is Annotated:
            annotation, *more = typing.get_args(annotation)
            metas += [meta for meta in more if isinstance(meta, msgspec.Meta)]
        elif origin in (typing.Union, UnionType) and type(None) in typing.get_args(annotation):
            rest = [a for a in typing.get_args(annotation) if a is not type(None)]
            annotation, nullable = typing.Union[tuple(rest)], True  # noqa: UP007 - made of values
        else:
            break
    try:
        type_ = type_of(annotation)
    except BadAnnotation as bad:
        raise Nonsense(f"the parameter {name}: {bad.message}", bad.mend) from None
    if type_.kind is Kind.JSON:
        raise Nonsense(f"the parameter {name} is an object", "a query string holds single values and lists")
    if type_.kind is Kind.DECIMAL:
        type_ = Type(Kind.DECIMAL, DECIMAL_PLACES)

    def told(what: str) -> Any:
        return next((found for meta in metas if (found := getattr(meta, what)) is not None), None)

    bounds = {bound: told(bound) for bound in ("ge", "gt", "le", "lt")}
    limits = Limits(
        min_length=told("min_length"),
        max_length=told("max_length"),
        pattern=told("pattern"),
        **{bound: None if value is None else coerce(value, type_) for bound, value in bounds.items()},
    )
    default = None
    if parameter.default is not parameter.empty and parameter.default is not None:
        value = coerce(parameter.default, type_)
        for broken in limit_checker(type_, limits)(value):
            raise Nonsense(f"the default of {name} breaks its own limits: {broken.message}", "correct it")
        # Reports may change the list that they are given: each call has one of its own.
        default = (lambda: list(value)) if type_.kind is Kind.LIST else (lambda: value)
    if parameter.default is None and not nullable:
        raise Nonsense(f"the default of {name} is None, which its annotation does not say", "add `| None`")
    if nullable and parameter.default is parameter.empty:
        raise Nonsense(f"a query string cannot say that {name} is None", "give it the default None")
    examples = told("examples")
    return m.Field(
        name=name,
        wire=camel(name),
        type=type_,
        column=None,
        doc=told("description") or "",
        nullable=nullable,
        default=default,
        limits=limits,
        example=examples[0] if examples else None,
    )

"""Methods that clients can call: what `@action` remembers, and the form of the arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, overload

import msgspec

from headwater.base.errors import DeclarationError
from headwater.declare.fields import Place, caller
from headwater.declare.names import camel

if TYPE_CHECKING:
    from headwater.declare.resource import Declaration
    from headwater.declare.rules import Roles, Rule

F = TypeVar("F")


@dataclass(frozen=True, slots=True)
class Mark:
    """That a method is an action, and who may call it."""

    place: Place
    function: Callable[..., Any]
    when: Rule | None
    to: Roles
    granted: bool


@overload
def action(method: F, /) -> F: ...
@overload
def action(*, when: Rule | None = None, to: Roles = None) -> Callable[[F], F]: ...
def action(method: Any = None, /, *, when: Rule | None = None, to: Roles = None) -> Any:
    """Make a method callable by clients: a method acts on a row, a classmethod on the collection.

    Actors may call it on the rows where `when` holds, if they have one of the roles `to` (None: any signed-in
    actor). Without both, only those may whom a permission or an `allow` lets. The method takes the `Tx`
    first; its other parameters are the arguments that clients send.
    """
    place = caller()
    if method is not None and not callable(method) and not isinstance(method, classmethod | staticmethod):
        raise DeclarationError(
            f"{method!r} is not a method.",
            where=f"{place.shown}: action",
            mend="write `@action` above the method, whose name is that of the action.",
        )

    def mark(method: Any) -> Any:
        function: Any = method.__func__ if isinstance(method, classmethod | staticmethod) else method
        function.__action__ = Mark(place, function, when, to, when is not None or to is not None)
        return method

    return mark if method is None else mark(method)


class BadAction(Exception):
    """A mistake in an action's signature, with its mend."""

    def __init__(self, message: str, mend: str) -> None:
        super().__init__(message)
        self.message, self.mend = message, mend


def parameters_of(declaration: Declaration, name: str, function: Callable[..., Any]) -> type[Any]:
    """The arguments as a Struct with names in camelCase that refuses unknown ones. Raises: BadAction."""
    if not inspect.iscoroutinefunction(function):
        raise BadAction("an action is not a coroutine", f"write `async def {name}`")
    listed = list(inspect.signature(function).parameters.values())
    if len(listed) < 2 or not _is_tx(listed[1]):
        raise BadAction("an action takes the Tx after self", f"write `async def {name}(self, tx: Tx)`")
    found: list[Any] = []
    for parameter in listed[2:]:
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise BadAction(f"the parameter {parameter.name} has no fixed name", "name each parameter")
        if parameter.annotation is parameter.empty:
            raise BadAction(f"the parameter {parameter.name} has no annotation", "annotate it")
        annotation = _resolved(declaration, parameter.annotation, f"the parameter {parameter.name}")
        if parameter.default is parameter.empty:
            found.append((parameter.name, annotation))
        else:
            found.append((parameter.name, annotation, _default(parameter.default)))
    struct = msgspec.defstruct(
        f"{declaration.cls.__name__}{camel('_' + name)}",
        found,
        rename="camel",
        forbid_unknown_fields=True,
        kw_only=True,
        module=declaration.cls.__module__,
    )
    for parameter in listed[2:]:
        _check_type(parameter.name, struct.__annotations__[parameter.name])
    return struct


def _is_tx(parameter: inspect.Parameter) -> bool:
    """Whether a parameter is the Tx: by its name, or its annotation, which need not be known where the program runs."""
    annotation = getattr(parameter.annotation, "__name__", str(parameter.annotation))
    return parameter.name == "tx" or annotation.rpartition(".")[2] == "Tx"


def result_of(declaration: Declaration, function: Callable[..., Any]) -> Any:
    """What the action returns; None for nothing. Raises: BadAction."""
    annotation = inspect.signature(function).return_annotation
    if annotation in (inspect.Signature.empty, None, "None"):
        return None
    return _resolved(declaration, annotation, "the result")


def _resolved(declaration: Declaration, annotation: Any, what: str) -> Any:
    try:
        return declaration.resolve(annotation)
    except Exception as error:
        raise BadAction(
            f"the annotation {annotation!r} of {what} cannot be resolved: {error}",
            "import what it names where the program runs, not for type checkers only",
        ) from None


def _default(value: Any) -> Any:
    if isinstance(value, list | dict | set):
        return msgspec.field(default_factory=lambda: type(value)(value))
    return msgspec.field(default=value)


def _check_type(name: str, annotation: Any) -> None:
    mend = "use text, numbers, dates, enums, lists, dicts or Structs; a row is named by its id, a str"
    try:
        seen = msgspec.inspect.type_info(annotation)
    except Exception as error:
        raise BadAction(f"the parameter {name} has a type that cannot be sent: {error}", mend) from None
    if _custom(seen):
        raise BadAction(f"the parameter {name} has a type that cannot be sent: {annotation!r}", mend)


def _custom(seen: Any) -> bool:
    match seen:
        case msgspec.inspect.CustomType():
            return True
        case msgspec.inspect.UnionType(types):
            return any(_custom(t) for t in types)
        case msgspec.inspect.ListType() | msgspec.inspect.SetType() | msgspec.inspect.VarTupleType():
            return _custom(seen.item_type)
        case msgspec.inspect.DictType():
            return _custom(seen.value_type)
        case _:
            return False

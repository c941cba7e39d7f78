"""The members of a resource: both sides of `title: Field[str] = field(max_length=200)`.

Each is a descriptor: on the class it is an expression or a path, on an instance a value. What its annotation
means is worked out by `build()`, when all names are known.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as attribute
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, Never, TypeVar, overload

from headwater.declare.expressions import Expression, Misuse, Path, Sure, ToMany
from headwater.ir.expr import Column
from headwater.ir.model import OnDelete

if TYPE_CHECKING:
    from headwater.declare.embedded import Embedded
    from headwater.declare.reader import Reader
    from headwater.declare.resource import Resource

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
V = TypeVar("V")
R = TypeVar("R")  # a Resource; unbound, since Resource is made with these classes


class Missing:
    """The type of `MISSING`, which stands for "not given" where None is a value."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a source file."""

    file: str
    line: int

    @property
    def shown(self) -> str:
        """As it is told: `file:line`, the file as one would type it here."""
        here = self.file.startswith(os.getcwd() + os.sep)
        return f"{os.path.relpath(self.file) if here else self.file}:{self.line}"


def caller(depth: int = 1) -> Place:
    """Where the function that called the caller of this one stands; `depth` more frames up."""
    frame = sys._getframe(depth + 1)
    return Place(frame.f_code.co_filename, frame.f_lineno)


@dataclass(slots=True)
class Options:
    """What an author said about a field; `given` holds only what was given. `form` is what made it."""

    form: str
    place: Place | None
    default: Any = MISSING
    default_factory: Callable[[], Any] | None = None
    given: Mapping[str, Any] = attribute(default_factory=dict)


class Member:
    """What all members share."""

    options: Options
    name: str = ""
    stored = True  # whether an instance is constructed with it

    def __init__(self, options: Options) -> None:
        self.options = options

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def behind(self, reference: Column, owner: type[Resource], target: type[Resource]) -> Any:
        """What the member is, seen through a reference to its resource. `target` has the member."""
        return Expression(Column((*reference.path, self.name), reference.root), owner)

    def accept(self, value: Any) -> Any:
        """The value to keep, when one is assigned."""
        return value

    def __get__(self, instance: Any, owner: Any) -> Any:
        if instance is None:
            return Expression(Column((self.name,), owner.__name__), owner)
        try:
            return instance.__dict__["_values"][self.name]
        except KeyError:
            raise AttributeError(
                f"{type(instance).__name__}.{self.name} is not known here: it is set when the row is stored."
            ) from None

    def __set__(self, instance: Any, value: Any) -> None:
        if not self.stored:
            raise AttributeError(f"{type(instance).__name__}.{self.name} cannot be assigned.")
        if "_fixed" in instance.__dict__:
            raise AttributeError(f"{instance!r} was read by a Reader; what is to change is read by a Tx.")
        instance.__dict__["_values"][self.name] = self.accept(value)


class Field(Member, Generic[T]):
    """A value of the row. `Field[str | None]` may be null."""

    when: Callable[[], Expression[bool]] | None = None  # of a stamp

    if TYPE_CHECKING:

        @overload
        def __get__(self: Field[V | None], instance: None, owner: Any) -> Expression[V]: ...
        @overload
        def __get__(self, instance: None, owner: Any) -> Sure[T]: ...
        @overload
        def __get__(self, instance: Resource | Embedded, owner: Any) -> T: ...
        def __get__(self, instance: Any, owner: Any) -> Any: ...
        def __set__(self, instance: Resource, value: T) -> None: ...


class Identity(Member):
    """The row's id. It can be given when a row is made, and never changes."""

    if TYPE_CHECKING:

        @overload
        def __get__(self, instance: None, owner: Any) -> Sure[str]: ...
        @overload
        def __get__(self, instance: Resource, owner: Any) -> str: ...
        def __get__(self, instance: Any, owner: Any) -> Any: ...
        def __set__(self, instance: Resource, value: str) -> None: ...

    else:

        def __get__(self, instance: Any, owner: Any) -> Any:
            if instance is not None and "id" not in instance.__dict__["_values"]:
                key = owner.__declaration__.key
                if key is not None:
                    return getattr(instance, key)
            return super().__get__(instance, owner)

        def __set__(self, instance: Any, value: Any) -> None:
            raise AttributeError("An id never changes.")


class Computed(Member, Generic[T_co]):
    """A value that the database works out from the row and others. It cannot be assigned."""

    stored = False
    formula: Callable[[], Expression[Any]] | None = None

    if TYPE_CHECKING:

        @overload
        def __get__(self: Computed[V | None], instance: None, owner: Any) -> Expression[V]: ...
        @overload
        def __get__(self, instance: Resource, owner: Any) -> T_co: ...
        def __get__(self, instance: Any, owner: Any) -> Any: ...
        def __set__(self, instance: Resource, value: Never) -> None: ...


class Batched(Member, Generic[T_co]):
    """A value that a function works out, for all rows of an answer at once. Rules, filters and orders cannot speak of
    it, and rows that a `Reader` or a `Tx` gives do not have it."""

    stored = False
    function: Callable[[], Any] | None = None
    needs: Callable[[], Sequence[Any]] | None = None
    owner: Any = None

    def __set_name__(self, owner: type, name: str) -> None:
        super().__set_name__(owner, name)
        self.owner = owner

    def behind(self, reference: Column, owner: type[Resource], target: type[Resource]) -> Any:
        raise _no_value(f"{target.__name__}.{self.name}")

    if TYPE_CHECKING:

        @overload
        def __get__(self, instance: None, owner: Any) -> Batched[T_co]: ...
        @overload
        def __get__(self, instance: Resource, owner: Any) -> object: ...
        def __get__(self, instance: Any, owner: Any) -> Any: ...
        def __set__(self, instance: Resource, value: Never) -> None: ...

    else:

        def __get__(self, instance: Any, owner: Any) -> Any:
            if instance is None:
                return self
            raise AttributeError(
                f"{owner.__name__}.{self.name} is worked out for clients; call its function."
            )

        def __eq__(self, other: object) -> Any:
            raise _no_value(f"{self.owner.__name__}.{self.name}")

        __hash__ = object.__hash__


def _no_value(name: str) -> Misuse:
    return Misuse(
        f"{name} is worked out in Python, after the rows are read", "say it by fields that the database has"
    )


class Reference(Member):
    """What both kinds of reference share: a path on the class, the id of the other row on an instance."""

    def behind(self, reference: Column, owner: type[Resource], target: type[Resource]) -> Any:
        way = Column((*reference.path, self.name), reference.root)
        return Path(way, owner, lambda: target.__declaration__.target(self.name))

    def accept(self, value: Any) -> Any:
        return value.id if getattr(value, "__declaration__", None) is not None else value

    if not TYPE_CHECKING:

        def __get__(self, instance: Any, owner: Any) -> Any:
            if instance is None:
                way = Column((self.name,), owner.__name__)
                return Path(way, owner, lambda: owner.__declaration__.target(self.name))
            return super().__get__(instance, owner)


class Ref(Reference, Generic[R]):
    """A reference to one row of another resource, or of its own."""

    if TYPE_CHECKING:

        @overload
        def __get__(self, instance: None, owner: Any) -> type[R]: ...
        @overload
        def __get__(self, instance: Resource, owner: Any) -> str: ...
        def __get__(self, instance: Any, owner: Any) -> Any: ...
        def __set__(self, instance: Resource, value: R | str) -> None: ...


class OptRef(Reference, Generic[R]):
    """A reference that may be null."""

    if TYPE_CHECKING:

        @overload
        def __get__(self, instance: None, owner: Any) -> type[R]: ...
        @overload
        def __get__(self, instance: Resource, owner: Any) -> str | None: ...
        def __get__(self, instance: Any, owner: Any) -> Any: ...
        def __set__(self, instance: Resource, value: R | str | None) -> None: ...


class Many(Member, Generic[R]):
    """The rows that refer to this one, directly or through a link resource. Instances do not hold them."""

    stored = False
    inverse: Callable[[], Any] | None = None
    far: Callable[[], Any] | None = None

    def behind(self, reference: Column, owner: type[Resource], target: type[Resource]) -> Any:
        return ToMany((*reference.path, self.name), str(reference.root))

    if TYPE_CHECKING:

        @overload
        def __get__(self, instance: None, owner: Any) -> ToMany[R]: ...
        @overload
        def __get__(self, instance: Resource, owner: Any) -> object: ...
        def __get__(self, instance: Any, owner: Any) -> Any: ...
        def __set__(self, instance: Resource, value: Never) -> None: ...

    else:

        def __get__(self, instance: Any, owner: Any) -> Any:
            if instance is None:
                return ToMany((self.name,), owner.__name__)
            raise AttributeError(
                f"A {owner.__name__} does not hold its {self.name}: read them with `tx.select(...)`."
            )


def _options(form: str, default: Any, default_factory: Any, **given: Any) -> Options:
    told = {name: value for name, value in given.items() if value is not None and value is not False}
    return Options(form, caller(2), default, default_factory, told)


def field(
    *,
    default: T | Missing = MISSING,
    default_factory: Callable[[], T] | None = None,
    min_length: int | None = None,
    max_length: int | None = None,
    pattern: str | None = None,
    ge: Any = None,
    gt: Any = None,
    le: Any = None,
    lt: Any = None,
    places: int | None = None,
    unique: bool = False,
    index: bool = False,
    search: bool = False,
    immutable: bool = False,
    internal: bool = False,
    doc: str | None = None,
    example: Any = None,
) -> Field[T]:
    """A value of the row, whose kind follows from the annotation.

    Lengths count code points of a text or elements of a list; `pattern` must match the whole text. `places`
    are a decimal's digits after the point, from 0 to 9. `unique`: no two rows share the value (null is never
    shared). `index`: filters and sorts by it are fast on large tables. `search`: to be found by `q`. `immutable`:
    set at creation only. `internal`: never leaves the engine.
    """
    return Field(
        _options("field", default, default_factory, min_length=min_length, max_length=max_length,
                 pattern=pattern, ge=ge, gt=gt, le=le, lt=lt, places=places, unique=unique, index=index,
                 search=search, immutable=immutable, internal=internal, doc=doc, example=example)
    )  # fmt: skip


def key(
    *,
    pattern: str | None = None,
    min_length: int | None = None,
    max_length: int | None = None,
    doc: str | None = None,
    example: str | None = None,
) -> Field[str]:
    """A natural key: clients choose it, it is the row's id, and it never changes.

    It stands in paths, so without a `pattern` it consists of letters, digits and `._~-`; without a
    `max_length` it has at most 64.
    """
    return Field(
        _options("key", MISSING, None, pattern=pattern, min_length=min_length, max_length=max_length,
                 doc=doc, example=example)
    )  # fmt: skip


def state(
    *,
    default: T | Missing = MISSING,
    moves: Mapping[T, Sequence[T]],
    index: bool = False,
    doc: str | None = None,
    example: Any = None,
) -> Field[T]:
    """An enum with its allowed transitions: from each state to those listed; one without a list is final."""
    return Field(_options("state", default, None, moves=moves, index=index, doc=doc, example=example))


def stamp(
    when: Callable[[], Expression[bool]],
    *,
    first: bool = False,
    default: None = None,
    index: bool = False,
    internal: bool = False,
    doc: str | None = None,
    example: datetime | None = None,
) -> Field[datetime | None]:
    """The moment of the write with which `when`, a predicate over the row's own fields, began to hold.

    It is null while the predicate does not hold; with `first`, it is the first such moment and stays. Clients cannot
    set it; code of the product can, as for work that began before it was recorded here. `default=None` tells type
    checkers that the constructor need not have it.
    """
    member: Field[datetime | None] = Field(
        _options(
            "stamp", default, None, first=first, index=index, internal=internal, doc=doc, example=example
        )
    )
    member.when = when
    return member


def email(
    *,
    default: T | Missing = MISSING,
    unique: bool = False,
    index: bool = False,
    search: bool = False,
    immutable: bool = False,
    internal: bool = False,
    doc: str | None = None,
    example: str | None = None,
) -> Field[T]:
    """An e-mail address."""
    return Field(
        _options("email", default, None, format="email", unique=unique, index=index, search=search, immutable=immutable,
                 internal=internal, doc=doc, example=example)
    )  # fmt: skip


def url(
    *,
    default: T | Missing = MISSING,
    unique: bool = False,
    index: bool = False,
    search: bool = False,
    immutable: bool = False,
    internal: bool = False,
    doc: str | None = None,
    example: str | None = None,
) -> Field[T]:
    """An absolute http or https URL."""
    return Field(
        _options("url", default, None, format="url", unique=unique, index=index, search=search,
                 immutable=immutable, internal=internal, doc=doc, example=example)
    )  # fmt: skip


def money(
    *,
    currency: str,
    default: T | Missing = MISSING,
    ge: Any = None,
    gt: Any = None,
    le: Any = None,
    lt: Any = None,
    unique: bool = False,
    index: bool = False,
    immutable: bool = False,
    internal: bool = False,
    doc: str | None = None,
    example: Any = None,
) -> Field[T]:
    """An amount in one currency (ISO 4217 code), as a Decimal with that currency's minor digits."""
    return Field(
        _options("money", default, None, currency=currency, ge=ge, gt=gt, le=le, lt=lt, unique=unique, index=index,
                 immutable=immutable, internal=internal, doc=doc, example=example)
    )  # fmt: skip


def secret(
    *,
    default: T | Missing = MISSING,
    default_factory: Callable[[], T] | None = None,
    min_length: int | None = None,
    max_length: int | None = None,
    pattern: str | None = None,
    immutable: bool = False,
    doc: str | None = None,
) -> Field[T]:
    """A text that clients write and none reads: a token for another service, a webhook's key.

    It is in no answer, filter, order, search, sum or log entry, and encrypted where it is stored. The product's code
    reads it from a row that it got: `row.token`; compare it by `hmac.compare_digest`.
    """
    return Field(
        _options("secret", default, default_factory, min_length=min_length, max_length=max_length,
                 pattern=pattern, immutable=immutable, internal=True, doc=doc)
    )  # fmt: skip


def ref(
    *,
    on_delete: OnDelete = "restrict",
    unique: bool = False,
    immutable: bool = False,
    internal: bool = False,
    doc: str | None = None,
) -> Ref[Any]:
    """A reference that is always set. `on_delete` says what deleting the target does to this row."""
    return Ref(
        _options("ref", MISSING, None, on_delete=on_delete, unique=unique, immutable=immutable,
                 internal=internal, doc=doc)
    )  # fmt: skip


def optref(
    *,
    default: None = None,
    on_delete: OnDelete = "restrict",
    unique: bool = False,
    immutable: bool = False,
    internal: bool = False,
    doc: str | None = None,
) -> OptRef[Any]:
    """A reference that may be null. With `default=None` written, type checkers let a constructor omit it."""
    return OptRef(
        _options("optref", default, None, on_delete=on_delete, unique=unique, immutable=immutable,
                 internal=internal, doc=doc)
    )  # fmt: skip


def computed(
    formula: Callable[[], Expression[Any]],
    *,
    places: int | None = None,
    doc: str | None = None,
    example: Any = None,
    cost: int | None = None,
    init: Literal[False] = False,
) -> Computed[Any]:
    """A value that the database works out. The formula is a function so that it may name later resources.

    `places` round a decimal; without them it has as many as the formula yields. `cost` is what the field adds to that
    of a GraphQL operation for each row, where it takes as long as some rows do. `init` tells type checkers that the
    constructor does not take it.
    """
    options = _options("computed", MISSING, None, places=places, doc=doc, example=example, cost=cost)
    member: Computed[Any] = Computed(options)
    member.formula = formula
    return member


def batched(
    function: Callable[[], Callable[[Sequence[R], Reader], Awaitable[Sequence[V]]]],
    *,
    needs: Callable[[], Sequence[Expression[Any] | type[Resource]]] = lambda: (),
    places: int | None = None,
    doc: str | None = None,
    example: Any = None,
    cost: int | None = None,
    init: Literal[False] = False,
) -> Batched[V]:
    """A value that an async function works out, for all rows of an answer at once: `batched(lambda: forecasts)`.

    The function takes rows, which have their `id` and the fields that it `needs` (a function, so that they can be
    named), and a `Reader` with the product's rights; it answers as many values, in the same order. Clients see the
    field where `fields` names it. It is called once for each place in an answer where its field is shown, however many
    rows there are, and not at all elsewhere. `places` are a decimal's digits after the point; `cost` is what the field
    adds to that of a GraphQL operation for each row.
    """
    member: Batched[V] = Batched(
        _options("batched", MISSING, None, places=places, doc=doc, example=example, cost=cost)
    )
    member.function, member.needs = function, needs
    return member


def many(
    inverse: Callable[[], type[Any]], *, doc: str | None = None, init: Literal[False] = False
) -> Many[Any]:
    """The rows whose reference `inverse` points to this one: `many(lambda: Membership.project)`."""
    member: Many[Any] = Many(_options("many", MISSING, None, doc=doc))
    member.inverse = inverse
    return member


def through(
    inverse: Callable[[], type[Any]],
    far: Callable[[], type[Any]],
    *,
    doc: str | None = None,
    init: Literal[False] = False,
) -> Many[Any]:
    """The rows that a link resource joins to this one, as far as the caller may read the links.

    `through(lambda: Membership.project, lambda: Membership.person)` in Project gives its persons.
    """
    member: Many[Any] = Many(_options("through", MISSING, None, doc=doc))
    member.inverse, member.far = inverse, far
    return member


def identity(*, default: Any = None) -> Identity:
    """The built-in id."""
    return Identity(Options("identity", None, default))


def builtin(*, init: Literal[False] = False) -> Computed[Any]:
    """A field that the engine sets: version and times."""
    return Computed(Options("builtin", None))

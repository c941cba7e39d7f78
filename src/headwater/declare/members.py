"""From the members of a class to the fields and relations of the Model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from headwater.declare.annotations import BadAnnotation, Spelt, type_of
from headwater.declare.constants import Nonsense, coerce
from headwater.declare.embedded import is_embedded, parts_of
from headwater.declare.expressions import Path
from headwater.declare.fields import (
    MISSING,
    Batched,
    Computed,
    Field,
    Many,
    Member,
    Options,
    OptRef,
    Ref,
    Reference,
)
from headwater.declare.names import camel
from headwater.declare.resource import Declaration
from headwater.ir import model as m
from headwater.ir.expr import Value
from headwater.ir.limits import limit_checker
from headwater.ir.model import Kind, Limits, Type
from headwater.ir.values import python_reader

Complain = Callable[[str, str], None]
NOT_READ: Final = m.Batch(lambda rows, reader: _nothing(), ())

KEY_PATTERN: Final = r"[A-Za-z0-9][A-Za-z0-9._~-]*"
KEY_LENGTH: Final = 64
MAX_PLACES: Final = 9
MINOR_DIGITS: Final[Mapping[str, int]] = {  # ISO 4217, where it is not two
    **dict.fromkeys(
        [
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "UYI",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ],
        0,
    ),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
}
MEASURED: Final = (
    Kind.INTEGER, Kind.FLOAT, Kind.DECIMAL, Kind.MONEY, Kind.DATE, Kind.DATETIME, Kind.DURATION,
)  # fmt: skip
# Which options make sense for which kinds; those that are not named make sense for all.
OPTIONS: Final[Mapping[str, tuple[Kind, ...]]] = {
    "min_length": (Kind.TEXT, Kind.ID, Kind.LIST),
    "max_length": (Kind.TEXT, Kind.ID, Kind.LIST),
    "pattern": (Kind.TEXT, Kind.ID),
    "format": (Kind.TEXT,),
    "search": (Kind.TEXT,),
    "places": (Kind.DECIMAL,),
    "currency": (Kind.MONEY,),
    "moves": (Kind.ENUM,),
    **dict.fromkeys(("ge", "gt", "le", "lt"), MEASURED),
    **dict.fromkeys(("unique", "index"), tuple(k for k in Kind if k not in (Kind.JSON, Kind.LIST))),
}


def field_of(
    declaration: Declaration, name: str, member: Member, doc: str, complain: Complain
) -> m.Field | None:
    """The field that a member declares, without a computed field's expression; None if it has no meaning."""
    try:
        spelt = declaration.spelt(name)
        expect_form(spelt, member, name)
        if isinstance(member, Reference):
            target = declaration.target(name)
            if spelt.nullable:
                raise BadAnnotation(
                    "a Ref is never null", f"write `OptRef[{target.__name__}]` and `optref()`"
                )
            return _reference(name, member, target, doc, complain)
        type = _type(spelt, member.options, declaration.known, complain)
    except BadAnnotation as bad:
        complain(bad.message, bad.mend)
        return None
    options = member.options
    given = dict(options.given)
    cost = given.pop("cost", 0)
    if isinstance(cost, bool) or not isinstance(cost, int) or cost < 0:
        complain(f"`cost={cost!r}` is no number of rows", "write a whole number, such as `cost=5`")
        cost = 0
    if isinstance(member, Computed):
        return m.Field(
            name=name, wire=camel(name), type=type, column=None, doc=doc, nullable=spelt.nullable,
            read_only=True, computed=Value(None), example=given.get("example"), cost=cost,
        )  # fmt: skip
    if isinstance(member, Batched):
        return m.Field(
            name=name, wire=camel(name), type=type, column=None, doc=doc, nullable=spelt.nullable,
            read_only=True, batch=NOT_READ, example=given.get("example"), cost=cost,
        )  # fmt: skip
    for option in tuple(given):
        if option in OPTIONS and type.kind not in OPTIONS[option]:
            complain(f"`{option}` means nothing for {type.kind.value}", f"leave {option} out")
            del given[option]
    key = options.form == "key"
    internal = bool(given.get("internal"))
    searchable = bool(given.get("search"))
    if searchable and internal:
        complain("nobody may find a row by what no surface reads", "leave out `search` or `internal`")
        searchable = False
    folded = type.kind is Kind.TEXT and ("format" not in given or searchable) and not internal
    limits = _limits(type, given, key, complain)
    return m.Field(
        name=name,
        wire=camel(name),
        type=type,
        column="id" if key else name,
        doc=doc,
        nullable=spelt.nullable,
        default=_default(type, limits, options, spelt.nullable, complain),
        limits=limits,
        unique=bool(given.get("unique")),
        indexed=bool(given.get("index")),
        searchable=searchable,
        immutable=key or bool(given.get("immutable")),
        read_only=options.form == "stamp",
        internal=internal,
        folded=f"{name}_folded" if folded else None,
        moves=_moves(type, given["moves"], complain) if "moves" in given else None,
        example=_constant(type, given.get("example"), "example", complain),
    )


def expect_form(spelt: Spelt, member: Member, name: str) -> None:
    """Raises: BadAnnotation if the annotation and what stands behind the `=` do not belong together."""
    if spelt.form is not type(member):
        wanted = {
            Field: "field()",
            Ref: "ref()",
            OptRef: "optref()",
            Computed: "computed(...)",
            Batched: "batched(...)",
            Many: "many(...)",
        }
        raise BadAnnotation(
            f"it is annotated as {spelt.form.__name__}, but made by `{member.options.form}()`",
            f"write `{name}: {spelt.form.__name__}[...] = {wanted.get(spelt.form, 'field()')}`",
        )


def _type(spelt: Spelt, options: Options, known: Mapping[str, Any], complain: Complain) -> Type:
    if is_embedded(spelt.argument):
        if options.form != "field":
            raise BadAnnotation(f"`{options.form}()` holds no object", "write `field()`")
        return Type(Kind.JSON, parts=parts_of(spelt.argument, known, complain, field_of))
    type, given = type_of(spelt.argument), options.given
    match options.form:
        case "key":
            if type.kind is not Kind.TEXT or spelt.nullable:
                raise BadAnnotation("a natural key is a text that is never null", "annotate it `Field[str]`")
            return Type(Kind.ID)
        case "secret":
            if type.kind is not Kind.TEXT:
                raise BadAnnotation("`secret()` holds a text", "annotate it `Field[str]`")
            return Type(Kind.TEXT, secret=True)
        case "email" | "url" if type.kind is not Kind.TEXT:
            raise BadAnnotation(f"`{options.form}()` holds a text", "annotate it `Field[str]`")
        case "stamp" if type.kind is not Kind.DATETIME or not spelt.nullable:
            raise BadAnnotation(
                "`stamp()` holds a moment that has come or not", "annotate it `Field[datetime | None]`"
            )
        case "state" if type.kind is not Kind.ENUM:
            raise BadAnnotation("`state()` holds an enum", "annotate it with a StrEnum")
        case "money":
            currency = str(given["currency"])
            if type.kind is not Kind.DECIMAL:
                raise BadAnnotation("`money()` holds a Decimal", "annotate it `Field[Decimal]`")
            if not re.fullmatch("[A-Z]{3}", currency):
                complain(f"{currency!r} is not a currency", 'use an ISO 4217 code such as "EUR"')
            return Type(Kind.MONEY, places=MINOR_DIGITS.get(currency, 2), currency=currency)
    if type.kind is Kind.DECIMAL:
        places = given.get("places")
        if places is None and options.form != "computed":
            complain("a decimal needs its places", "write `field(places=2)`")
        elif places is not None and not (isinstance(places, int) and 0 <= places <= MAX_PLACES):
            complain(f"`places={places!r}` is out of range", f"use 0 to {MAX_PLACES}")
        else:
            return Type(Kind.DECIMAL, places=places or 0)
    return type


def _limits(type: Type, given: Mapping[str, Any], key: bool, complain: Complain) -> Limits:
    bounds = {b: _constant(type, given.get(b), b, complain) for b in ("ge", "gt", "le", "lt")}
    low = max((v for v in (bounds["ge"], bounds["gt"]) if v is not None), default=None)
    high = min((v for v in (bounds["le"], bounds["lt"]) if v is not None), default=None)
    if low is not None and high is not None and low > high:
        complain(f"no value is at least {low} and at most {high}", "correct the limits")
    given = dict(given)
    for length in ("min_length", "max_length"):
        size = given.get(length)
        if size is not None and (not isinstance(size, int) or isinstance(size, bool) or size < 0):
            complain(f"its {length} {size!r} is not a length", "use a whole number from 0")
            del given[length]
    if not isinstance(given.get("pattern", ""), str):
        complain("its pattern is not a text", 'write the regular expression itself: pattern=r"[A-Z]+"')
        del given["pattern"]
    least, most = given.get("min_length"), given.get("max_length")
    if least is not None and most is not None and least > most:
        complain(f"its min_length {least} is more than its max_length {most}", "correct the limits")
    pattern = given.get("pattern")
    if pattern is not None:
        try:
            re.compile(pattern)
        except re.error as error:
            complain(f"the pattern {pattern!r} does not compile: {error}", "correct the regular expression")
            pattern = None
    if key:
        pattern, most = pattern or KEY_PATTERN, most or KEY_LENGTH
    return Limits(min_length=least, max_length=most, pattern=pattern, format=given.get("format"), **bounds)


def _default(
    type: Type, limits: Limits, options: Options, nullable: bool, complain: Complain
) -> Callable[[], Any] | None:
    if options.default_factory is not None:
        if options.default is not MISSING:
            complain("it has a default and a default_factory", "choose one")
        if not callable(options.default_factory):
            complain("its default_factory is not a function", "use default= for a value")
        if type.parts is not None:
            factory, read = options.default_factory, python_reader(type)
            return lambda: read(factory())
        return options.default_factory
    value = options.default
    if value is MISSING:
        return None
    if value is None:
        if not nullable:
            complain("its default is None, but it is never null", "annotate it `Field[... | None]`")
        return None
    if type.kind in (Kind.JSON, Kind.LIST) and type.parts is None:
        complain("a mutable default would be shared by all rows", "use default_factory=")
        return None
    checked = _constant(type, value, "default", complain)
    if checked is None:
        return None
    for bad in limit_checker(type, limits)(checked):
        complain(
            f"its default {value!r} breaks its own limits: {bad.message}", "correct the default or the limits"
        )
    return lambda: checked


def _constant(type: Type, value: Any, what: str, complain: Complain) -> Any:
    """A given value in the field's form; None, after a complaint, if it has none."""
    if value is None:
        return None
    try:
        return coerce(value, type)
    except Nonsense as bad:
        complain(f"its {what} does not fit: {bad.message}", bad.mend)
        return None


def _moves(type: Type, given: Mapping[Any, Any], complain: Complain) -> Mapping[str, tuple[str, ...]]:
    mend = "write `moves={Status.OPEN: [Status.DONE]}`: from each state to a list of others"
    if not isinstance(given, Mapping):
        complain("its moves are not a dict", mend)
        return {}
    if plain := [state for state, states in given.items() if isinstance(states, str)]:
        complain(f"its moves from {str(plain[0])!r} are not a list", mend)
        return {}
    named = [*given, *(state for states in given.values() for state in states)]
    for state in dict.fromkeys(str(s) for s in named):
        if state not in type.values:
            complain(f"its moves name the unknown state {state!r}", f"choose one of {', '.join(type.values)}")
    moves = {str(state): tuple(str(s) for s in states) for state, states in given.items()}
    return {state: moves.get(state, ()) for state in type.values}


def _reference(name: str, member: Member, target: type[Any], doc: str, complain: Complain) -> m.Field:
    given = member.options.given
    nullable = isinstance(member, OptRef)
    on_delete = given["on_delete"]
    if on_delete not in ("restrict", "cascade", "set_null"):
        complain(f"`on_delete={on_delete!r}` means nothing", 'use "restrict", "cascade" or "set_null"')
    if on_delete == "set_null" and not nullable:
        complain('`on_delete="set_null"` needs a reference that may be null', "use OptRef and optref()")
    if name.endswith("_id"):
        complain(
            "a reference's name ends in _id, which its column and wire name add", f"name it {name[:-3]!r}"
        )
    return m.Field(
        name=name,
        wire=camel(name) + "Id",
        type=Type(Kind.ID),
        column=f"{name}_id",
        doc=doc,
        nullable=nullable,
        unique=bool(given.get("unique")),
        immutable=bool(given.get("immutable")),
        internal=bool(given.get("internal")),
        target=target.__name__,
        on_delete=on_delete,
    )


def built_in(declaration: Declaration) -> Iterator[m.Field]:
    """The fields that every resource has."""
    kinds = {
        "id": (Kind.ID, "The row's id, which never changes."),
        "created_at": (Kind.DATETIME, "When the row was made."),
        "updated_at": (Kind.DATETIME, "When the row was last changed."),
        "version": (Kind.INTEGER, "The number of times that the row was written."),
        "deleted_at": (Kind.DATETIME, "When the row went to the trash; null anywhere else."),
        "trash_id": (Kind.ID, "What the rows share that went to the trash together."),
    }
    for name in declaration.built_in():
        kind, doc = kinds[name]
        yield m.Field(
            name, camel(name), Type(kind), name, doc, read_only=True, immutable=name == "id",
            nullable=name in ("deleted_at", "trash_id"), internal=name == "trash_id",
        )  # fmt: skip


def relation_of(declaration: Declaration, name: str, member: Many[Any], doc: str) -> m.Relation:
    """The to-many relation that a member declares. Raises: Nonsense."""
    here, target = declaration.cls, declaration.target(name)
    assert member.inverse is not None
    source, inverse = _end(member.inverse, here, "inverse")
    if member.far is None:
        if source is not target:
            raise Nonsense(
                f"its inverse {source.__name__}.{inverse} is not a reference of {target.__name__}",
                f"name the reference of {target.__name__} that points to {here.__name__}",
            )
        return m.Relation(name, camel(name), "many", target.__name__, inverse, doc=doc)
    link, far = _end(member.far, target, "far end")
    if link is not source:
        raise Nonsense(
            f"its two references belong to {source.__name__} and {link.__name__}",
            "name two references of one link resource",
        )
    return m.Relation(name, camel(name), "through", target.__name__, inverse, link.__name__, far, doc)


def _end(function: Callable[[], Any], points_to: type, what: str) -> tuple[type[Any], str]:
    """The resource and the name of a reference that must point to a resource."""
    if not callable(function):
        raise Nonsense(f"its {what} is not a function", "write `lambda: Membership.project`")
    found = function()
    if not isinstance(found, Path) or len(found._node.path) != 1:
        raise Nonsense(f"its {what} is not a reference", "write `lambda: Membership.project`")
    owner, name = found._owner, found._node.path[0]
    actual = found._target()
    if actual is not points_to:
        raise Nonsense(
            f"its {what} {owner.__name__}.{name} points to {actual.__name__}, not to {points_to.__name__}",
            f"name a reference to {points_to.__name__}",
        )
    return owner, name


async def _nothing() -> tuple[()]:
    return ()

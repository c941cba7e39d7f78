"""The base class of resources, and what a class remembers of its declaration until `build()` reads it."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from dataclasses import field as attribute
from datetime import datetime
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, dataclass_transform

from headwater.base.errors import nearest
from headwater.declare import fields
from headwater.declare.annotations import BadAnnotation, Spelt, read
from headwater.declare.expressions import Expression, Sure, UnknownMember, predicate
from headwater.declare.fields import MISSING, Computed, Identity, Member, Place
from headwater.ir.expr import Aggregate

if TYPE_CHECKING:
    from headwater.declare.actions import Mark
    from headwater.declare.reports import Mark as Asked
    from headwater.declare.rules import Accept, Statement

    Referable: TypeAlias = "type[Resource] | Resource | Expression[str] | str | None"

BUILT_IN = ("id", "created_at", "updated_at", "version", "deleted_at", "trash_id")


@dataclass(slots=True)
class Declaration:
    """What a resource's class says, as it was written.

    `annotations` are texts or objects, not yet resolved. `scope` holds the local names around a class that
    stands inside a function. `known` are further resources by name, told by `build()`, for annotations that
    name a class imported for type checkers only.
    """

    cls: type[Any]
    place: Place
    annotations: Mapping[str, Any]
    members: dict[str, Member]
    scope: Mapping[str, Any]
    actions: dict[str, Mark] = attribute(default_factory=dict)
    prefix: str | None = None
    plural: str | None = None
    timestamps: bool = False
    exposed: bool = True
    demands_version: bool = False
    trash: bool = False
    plain_list: bool = False
    bases: tuple[type, ...] = ()
    statements: list[Statement] = attribute(default_factory=list)
    accepted: list[Accept] = attribute(default_factory=list)
    reports: list[Asked] = attribute(default_factory=list)
    known: Mapping[str, Any] = attribute(default_factory=dict)

    @property
    def key(self) -> str | None:
        """The natural key's name; None if there is none."""
        return next((name for name, m in self.members.items() if m.options.form == "key"), None)

    def member(self, name: str) -> Member | None:
        """A field or relation by name, built-in ones included."""
        found = self.members.get(name)
        if found is None and name in self.built_in():
            found = Resource.__dict__[name]
        return found

    def built_in(self) -> tuple[str, ...]:
        """The names of the fields that the class has without being asked, in order."""
        times = ("created_at", "updated_at") if self.timestamps else ()
        return ("id", *times, "version", *(("deleted_at", "trash_id") if self.trash else ()))

    def names(self) -> list[str]:
        return [*self.members, *self.built_in()]

    def resolve(self, annotation: Any) -> Any:
        """The object that an annotation means. Raises: whatever evaluating it raises."""
        if not isinstance(annotation, str):
            return annotation
        module = sys.modules.get(self.cls.__module__)
        names = Names(self.scope, vars(module) if module else {}, self.known, {self.cls.__name__: self.cls})
        return eval(annotation, {"__builtins__": __builtins__}, names)  # noqa: S307 - the author's own source

    def spelt(self, name: str) -> Spelt:
        """What a member's annotation says. Raises: BadAnnotation."""
        text = self.annotations.get(name)
        try:
            found = read(self.resolve(text))
            if found is not None and hasattr(found.argument, "__forward_arg__"):
                found = replace(found, argument=self.resolve(found.argument.__forward_arg__))
        except NameError as error:
            raise BadAnnotation(
                f"its annotation `{text}` names {error.name!r}, which is not known here",
                "correct the spelling, import it, or add the resource to the application",
            ) from None
        except BadAnnotation:
            raise
        except Exception as error:
            raise BadAnnotation(
                f"its annotation `{text}` cannot be resolved: {error}", "correct it"
            ) from None
        if found is None:
            raise BadAnnotation(
                f"its annotation `{text}` is not one of a field", "write `Field[...]`, or `ClassVar[...]`"
            )
        return found

    def target(self, name: str) -> type[Resource]:
        """The resource that a reference or to-many relation points to. Raises: BadAnnotation."""
        target = self.spelt(name).argument
        if not (isinstance(target, type) and issubclass(target, Resource)):
            raise BadAnnotation(
                f"`{getattr(target, '__name__', target)}` is not a resource",
                "refer to a class that derives from Resource",
            )
        return target

    def nullable(self, name: str) -> bool:
        """Whether a field may be null, as far as its annotation can be resolved."""
        try:
            return self.spelt(name).nullable
        except BadAnnotation:
            return False


class Names(dict[str, Any]):
    """Several namespaces as one; the first that has a name gives it."""

    def __init__(self, *spaces: Mapping[str, Any]) -> None:
        super().__init__()
        self.spaces = spaces

    def __missing__(self, name: str) -> Any:
        for space in self.spaces:
            if name in space:
                return space[name]
        raise KeyError(name)


def annotations_of(cls: type) -> Mapping[str, Any]:
    """The annotations of the class itself; as text where Python evaluates them late (3.14)."""
    if sys.version_info >= (3, 14):
        import annotationlib

        return annotationlib.get_annotations(cls, format=annotationlib.Format.STRING)
    return inspect.get_annotations(cls)


def members_of(cls: type, namespace: Mapping[str, Any], annotations: Mapping[str, Any]) -> dict[str, Member]:
    """The members of a class in the order of its annotations, those included that are annotated alone."""
    members = {key: value for key, value in namespace.items() if isinstance(value, Member)}
    for member, annotation in annotations.items():
        if member not in namespace and (bare := bare_member(annotation)) is not None:
            setattr(cls, member, bare)
            bare.__set_name__(cls, member)
            members[member] = bare
    return {name: members[name] for name in annotations if name in members} | members


def bare_member(annotation: Any) -> Member | None:
    """The member for an annotation that stands alone, as in `name: Field[str]`; None if it is not one."""
    text = annotation if isinstance(annotation, str) else str(annotation)
    found = re.match(r"(?:\w+\.)*(Field|Ref|OptRef)\[", text)
    made: dict[str, Member] = {"Field": fields.field(), "Ref": fields.ref(), "OptRef": fields.optref()}
    member = made[found.group(1)] if found else None
    if member is not None:
        member.options.place = None
    return member


def marked(namespace: Mapping[str, Any]) -> Iterator[tuple[str, Mark]]:
    """The actions among the methods of a class."""
    for name, value in namespace.items():
        function = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        if isinstance(function, FunctionType) and "__action__" in vars(function):
            yield name, vars(function)["__action__"]


@dataclass_transform(
    kw_only_default=True,
    field_specifiers=(
        fields.field,
        fields.key,
        fields.state,
        fields.stamp,
        fields.email,
        fields.url,
        fields.secret,
        fields.money,
        fields.ref,
        fields.optref,
        fields.computed,
        fields.batched,
        fields.many,
        fields.through,
        fields.identity,
        fields.builtin,
    ),
)
class ResourceMeta(type):
    """Collects what a class declares. Complaints are left to `build()`, which makes all of them at once."""

    __declaration__: Declaration

    def __new__(
        mcs,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        prefix: str | None = None,
        plural: str | None = None,
        timestamps: bool = True,
        exposed: bool = True,
        demands_version: bool = False,
        trash: bool = False,
        plain_list: bool = False,
    ) -> ResourceMeta:
        """Class keywords: `prefix` of the ids (default: the singular name), `plural` name in snake_case,
        `timestamps` (created_at, updated_at), `exposed` (whether surfaces show it), `demands_version`
        (whether changes must name the version that they are based on), `trash` (whether what is deleted is kept, and
        can be restored), `plain_list` (whether GraphQL offers a list without cursors too, by limit and offset)."""
        cls = super().__new__(mcs, name, bases, namespace)
        frame = sys._getframe(1)
        annotations = annotations_of(cls)
        cls.__declaration__ = Declaration(
            cls=cls,
            place=Place(frame.f_code.co_filename, frame.f_lineno),
            annotations=annotations,
            members=members_of(cls, namespace, annotations),
            actions=dict(marked(namespace)),
            prefix=prefix,
            plural=plural,
            timestamps=timestamps,
            exposed=exposed,
            demands_version=demands_version,
            trash=trash,
            plain_list=plain_list,
            bases=bases,
            scope={} if frame.f_locals is frame.f_globals else dict(frame.f_locals),
        )
        return cls

    def count(cls, *, where: Expression[bool] | None = None) -> Sure[int]:
        """The number of its rows for which the predicate holds."""
        holds = None if where is None else predicate(where)
        return Sure(Aggregate("count", where=holds, resource=cls.__name__))

    if TYPE_CHECKING:
        # `Task.project` is typed as `type[Project]`, so what a reference can do must be known of classes.
        # When the program runs, a reference is a `Path`, and classes compare as classes do.
        def __eq__(cls, other: Referable) -> Expression[bool]: ...  # type: ignore[override]
        def __ne__(cls, other: Referable) -> Expression[bool]: ...  # type: ignore[override]
        def __hash__(cls) -> int: ...
        def in_(cls, values: Iterable[Resource | str]) -> Expression[bool]: ...
        def is_null(cls) -> Expression[bool]: ...
        def is_not_null(cls) -> Expression[bool]: ...

    else:

        def __getattr__(cls, name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(name)
            raise UnknownMember(cls.__name__, name, cls.__declaration__.names())


class Resource(metaclass=ResourceMeta):
    """A thing that the application keeps rows of. Derive from it, and annotate its fields.

    An instance is a new row, or the draft of a stored one: `_values` in its `__dict__` holds the present values
    by field name, `_loaded` those that were read (None for a new row).
    """

    __declaration__: ClassVar[Declaration]

    id: Identity = fields.identity(default=None)
    created_at: Computed[datetime] = fields.builtin()
    updated_at: Computed[datetime] = fields.builtin()
    version: Computed[int] = fields.builtin()
    deleted_at: Computed[datetime | None] = fields.builtin()
    trash_id: Computed[str | None] = fields.builtin()

    if not TYPE_CHECKING:

        def __init__(self, **given: Any) -> None:
            cls = type(self)
            members = cls.__declaration__.members
            self.__dict__["_values"] = values = {}
            self.__dict__["_loaded"] = None
            if (row_id := given.pop("id", None)) is not None:
                values["id"] = row_id
            for name, value in given.items():
                member = members.get(name)
                if member is None or not member.stored:
                    near = nearest(name, [n for n, m in members.items() if m.stored])
                    hint = f" Did you mean {near!r}?" if near and near != name else ""
                    raise TypeError(f"{cls.__name__}() takes no {name!r}.{hint}")
                values[name] = member.accept(value)
            fill(cls.__declaration__, values)

        def __setattr__(self, name: str, value: Any) -> None:
            if not name.startswith("_") and self.__declaration__.member(name) is None:
                raise UnknownMember(type(self).__name__, name, self.__declaration__.names())
            super().__setattr__(name, value)

    def __repr__(self) -> str:
        """The class and the id alone: other values may be secret."""
        values: dict[str, Any] = self.__dict__.get("_values", {})
        key = self.__declaration__.key or "id"
        return f"{type(self).__name__}({key}={values.get(key, values.get('id'))!r})"


def fill(declaration: Declaration, values: dict[str, Any]) -> None:
    """Give the members that a constructor was not given their defaults. Raises TypeError for those without one."""
    missing = []
    for name, member in declaration.members.items():
        if member.stored and name not in values:
            options = member.options
            if options.default_factory is not None:
                values[name] = options.default_factory()
            elif options.default is not MISSING:
                values[name] = options.default
            elif declaration.nullable(name):
                values[name] = None
            else:
                missing.append(name)
    if missing:
        raise TypeError(f"{declaration.cls.__name__}() needs {', '.join(map(repr, missing))}.")


def restore(cls: type[Any], values: dict[str, Any]) -> Any:
    """An instance that stands for a stored row with these values, by field name."""
    instance = object.__new__(cls)
    instance.__dict__["_values"] = values
    instance.__dict__["_loaded"] = dict(values)
    return instance

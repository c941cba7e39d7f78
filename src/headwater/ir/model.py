"""The Model: all declarations of one application, as frozen data.

`declare` builds it from classes; everything else reads it. Names come in three spellings: `name` as the author
wrote it (`created_at`), `wire` as clients see it (`createdAt`), `column` as the database has it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal, get_args, get_origin

from headwater.ir.expr import Expr, Predicate

OnDelete = Literal["restrict", "cascade", "set_null"]
REPORTS = "reports"  # what permissions of reports speak of that belong to no resource
VERBS: Final = ("read", "create", "update", "delete")
TRASH: Final = "trash"
"""What follows a resource's path where its trash is, and so is no key of such a resource."""
TRASH_VERBS: Final = ("restore", "purge")
"""What is done to rows in the trash: to bring them back, or to remove them for good."""


class Kind(StrEnum):
    """What a field holds; with its Python form, and its form on the wire."""

    TEXT = "text"  # str; string
    ID = "id"  # str; string
    ENUM = "enum"  # str (StrEnum member towards authors); string
    INTEGER = "integer"  # int within 64 bits; number
    FLOAT = "float"  # float, finite; number
    DECIMAL = "decimal"  # Decimal with declared places; string
    MONEY = "money"  # Decimal in the declared currency; {"amount": "12.50", "currency": "EUR"}
    BOOLEAN = "boolean"  # bool; true or false
    DATE = "date"  # date; "2026-01-31"
    DATETIME = "datetime"  # aware datetime; "2026-01-31T12:00:00.000000Z"
    DURATION = "duration"  # timedelta; "PT5400S"
    JSON = "json"  # dict; object
    LIST = "list"  # list of scalars; array


@dataclass(frozen=True, eq=False, slots=True)
class Parts:
    """The declared members of a JSON object, and the author's class for it. They have no columns of their own."""

    cls: type[Any]
    fields: "tuple[Field, ...]"


@dataclass(frozen=True, slots=True)
class Type:
    """A field's type. `places` belongs to decimals and money, `item` to lists, `values` to enums, `parts` to JSON
    objects with declared members; a `secret` text is encrypted where it is stored."""

    kind: Kind
    places: int = 0
    currency: str | None = None
    values: tuple[str, ...] = ()
    item: Kind | None = None
    enum: type[StrEnum] | None = None
    parts: Parts | None = None
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """What a value must satisfy by itself. Lengths count code points (text) or elements (lists)."""

    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    format: Literal["email", "url"] | None = None
    ge: Any = None
    gt: Any = None
    le: Any = None
    lt: Any = None


@dataclass(frozen=True, slots=True)
class Stamp:
    """When the engine sets a moment: with the write with which `when` begins to hold. `first`: once and for all; else
    it is null again when that no longer holds."""

    when: Predicate
    first: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """How a function of the author's works a field out: it is given rows that have these fields, and answers as many
    values."""

    function: Callable[[Sequence[Any], Any], Awaitable[Sequence[Any]]]
    needs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a row.

    `target` names the resource that a reference points to. `computed` is the SQL expression of a computed field,
    which has no column. `batch` is the function of a field that Python works out, which has none either: it is shown
    where it is named, and nothing is filtered or sorted by it. `internal` fields never leave the engine: no surface
    reads, writes or filters by them, and the log does not hold them. `folded` names the shadow column that holds the
    text as `fold_text` has it. `default` is called without arguments for each new row that does not give the field.
    `cost` is what it adds to that of an operation for each row that shows it.
    """

    name: str
    wire: str
    type: Type
    column: str | None
    doc: str = ""
    nullable: bool = False
    default: Callable[[], Any] | None = None
    limits: Limits = Limits()
    unique: bool = False
    indexed: bool = False
    searchable: bool = False
    immutable: bool = False
    read_only: bool = False
    internal: bool = False
    folded: str | None = None
    target: str | None = None
    on_delete: OnDelete = "restrict"
    computed: Expr | None = None
    batch: Batch | None = None
    stamp: Stamp | None = None
    moves: Mapping[str, tuple[str, ...]] | None = None
    example: Any = None
    cost: int = 0

    @property
    def secret(self) -> bool:
        """Whether it is written by clients and read by none: internal, but for bodies."""
        return self.type.secret

    @property
    def required(self) -> bool:
        """Whether a client must send it when creating."""
        return not (
            self.nullable
            or self.default
            or self.read_only
            or (self.internal and not self.secret)
            or self.computed is not None
        )


@dataclass(frozen=True, slots=True)
class Relation:
    """A way from a row to others.

    - one: this row's reference `field` points to `target`.
    - many: `target`'s reference `field` points to this row.
    - through: rows of `through` point to this row by `field`, and to `target` by `far`.
    """

    name: str
    wire: str
    kind: Literal["one", "many", "through"]
    target: str
    field: str
    through: str | None = None
    far: str | None = None
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Grant:
    """Who may do what: actors with any of `roles` (None: whoever has signed in), on the rows where `when` holds."""

    verbs: frozenset[str]
    when: Predicate
    roles: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """A rule across the fields of a row: `holds` must be true after each write. `fields` are named in the error."""

    name: str
    holds: Predicate
    message: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unique:
    """A combination of fields that no two rows share. Rows with a null among them are not compared."""

    name: str
    fields: tuple[str, ...]


Rows = Literal["all", "living", "trashed"]
"""Which rows of a resource: those in the trash, the others, or both."""


@dataclass(frozen=True, slots=True)
class Index:
    """Fields in order, each with whether it descends, and the rows that it holds."""

    name: str
    keys: tuple[tuple[str, bool], ...]
    rows: Rows = "all"


@dataclass(frozen=True, slots=True)
class Acyclic:
    """References that never lead back: from the row by one field, or from what one field names to what another does."""

    fields: tuple[str, ...]
    message: str


@dataclass(frozen=True, slots=True)
class Action:
    """A method that clients can call, on a row or on the collection."""

    name: str
    path: str
    on: Literal["row", "collection"]
    function: Callable[..., Any]
    parameters: type[Any]
    result: Any
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """A question that a function of the author's answers, about a row, the collection, or nothing of the kind.

    `parameters` are those of the query string: fields without a column. `result` is the type from which what the
    function returns is written; `holds_moments`: there may be moments or durations in it. `as_product`: it reads with
    the rights of the product. `max_age` is in seconds. `grants` belong to a report about nothing; those of others are
    the resource's.
    """

    name: str
    path: str
    on: Literal["row", "collection", "nothing"]
    function: Callable[..., Any]
    parameters: Mapping[str, Field]
    result: Any
    holds_moments: bool = True
    as_product: bool = False
    max_age: int = 0
    doc: str = ""
    grants: tuple[Grant, ...] = ()

    @property
    def permission(self) -> str:
        """The permission's name, where it is about nothing, such as `studio_load:reports`."""
        return f"{self.name}:{REPORTS}"


@dataclass(frozen=True, slots=True)
class Resource:
    """One declared resource.

    `key` is the field whose value is the row's id: `id` (a TypeID with `prefix`), or a natural key. With `trash`,
    deleted rows are kept: they have a `deleted_at`, and a `trash_id` that is shared by those that went together. With
    `plain_list` GraphQL offers its rows as a list without cursors too.
    """

    name: str
    singular: str
    plural: str
    path: str
    table: str
    prefix: str
    key: str
    cls: type[Any]
    doc: str
    fields: Mapping[str, Field]
    relations: Mapping[str, Relation]
    grants: tuple[Grant, ...] = ()
    masks: Mapping[str, Predicate] = field(default_factory=dict)
    locks: Mapping[str, Predicate] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    uniques: tuple[Unique, ...] = ()
    indexes: tuple[Index, ...] = ()
    acyclic: tuple[Acyclic, ...] = ()
    actions: Mapping[str, Action] = field(default_factory=dict)
    reports: Mapping[str, Report] = field(default_factory=dict)
    exposed: bool = True
    demands_version: bool = False
    trash: bool = False
    plain_list: bool = False
    by_wire: Mapping[str, Field] = field(default_factory=dict)

    @property
    def natural(self) -> bool:
        """Whether clients choose the id."""
        return self.key != "id"

    @property
    def verbs(self) -> tuple[str, ...]:
        """What can be done to it, beside its actions."""
        return (*VERBS, *TRASH_VERBS) if self.trash else VERBS

    def permission(self, verb: str) -> str:
        """The permission's name, such as `approve:tasks`."""
        return f"{verb}:{self.path}"


@dataclass(frozen=True, slots=True)
class Interface:
    """A shape that resources share: the names of those, and of the fields that all of them have."""

    name: str
    resources: tuple[str, ...]
    fields: tuple[str, ...]
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Role:
    """A named bundle of `verb:resource` patterns that hold on any row. Includes all that it inherits. `graphql_cost`
    is what one GraphQL operation may cost, where the role says so."""

    name: str
    inherits: frozenset[str]
    permissions: frozenset[str]
    doc: str = ""
    graphql_cost: int | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """Every declaration of an application, cross-checked."""

    resources: Mapping[str, Resource]
    roles: Mapping[str, Role]
    reports: Mapping[str, Report] = field(default_factory=dict)
    interfaces: tuple[Interface, ...] = ()

    def target(self, resource: Resource, path: tuple[str, ...]) -> Resource:
        """The resource at the end of a path of relations."""
        for name in path:
            resource = self.resources[resource.relations[name].target]
        return resource

    def answers(self, resource: Resource, action: Action) -> tuple[Resource, bool] | None:
        """The resource whose rows an action answers by its annotation, and whether those can be several; None: it
        answers no rows."""
        if action.result is None:
            return (resource, False) if action.on == "row" else None
        several = get_origin(action.result) in (list, tuple)
        returned = next(iter(get_args(action.result)), None) if several else action.result
        found = next((other for other in self.resources.values() if other.cls is returned), None)
        return None if found is None else (found, several)

    def referrers(self, name: str) -> tuple[tuple[Resource, Field], ...]:
        """Every reference field that points to a resource."""
        return tuple(
            (other, f) for other in self.resources.values() for f in other.fields.values() if f.target == name
        )

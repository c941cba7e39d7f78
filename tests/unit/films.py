"""A small model of film production, built by hand: what the tests of `ir` parse and evaluate against."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from headwater.ir import expr as e
from headwater.ir.model import Field, Kind, Limits, Model, Relation, Resource, Type

ID, TEXT, INTEGER = Type(Kind.ID), Type(Kind.TEXT), Type(Kind.INTEGER)
STATUS = Type(Kind.ENUM, values=("not_started", "in_progress", "approved"))


def field(name: str, type: Type, wire: str | None = None, **more: Any) -> Field:
    first, *others = name.split("_")
    wire = wire or first + "".join(part.title() for part in others)
    folded = f"{name}_folded" if type.kind is Kind.TEXT else None
    return Field(name, wire, type, more.pop("column", name), folded=more.pop("folded", folded), **more)


def ref(name: str, target: str, **more: Any) -> Field:
    return field(name, ID, f"{name}Id", column=f"{name}_id", target=target, **more)


def computed(name: str, type: Type, how: e.Expr) -> Field:
    return field(name, type, column=None, folded=None, computed=how)


def one(name: str, target: str) -> Relation:
    return Relation(name, name, "one", target, name)


def many(name: str, target: str, by: str, wire: str | None = None) -> Relation:
    return Relation(name, wire or name, "many", target, by)


def resource(name: str, singular: str, *given: Field | Relation, key: str = "id", **more: Any) -> Resource:
    built_in = [
        field("id", ID, read_only=True, column="id"),
        field("created_at", Type(Kind.DATETIME), read_only=True),
        field("updated_at", Type(Kind.DATETIME), read_only=True),
        field("version", INTEGER, read_only=True),
    ]
    fields = {f.name: f for f in [*built_in, *(f for f in given if isinstance(f, Field))]}
    relations = {r.name: r for r in given if isinstance(r, Relation)}
    plural = more.pop("plural", singular + "s")
    return Resource(
        name=name, singular=singular, plural=plural, path=plural.replace("_", "-"), table=plural,
        prefix=singular, key=key, cls=object, doc="", fields=fields, relations=relations,
        by_wire={f.wire: f for f in fields.values()},
        **more,
    )  # fmt: skip


PROJECT = resource(
    "Project", "project",
    field("code", TEXT, column="id", folded=None, immutable=True, limits=Limits(pattern="[A-Z]{3}")),
    field("name", TEXT, limits=Limits(min_length=1, max_length=20)),
    field("limit", INTEGER, nullable=True),
    field("budget", Type(Kind.MONEY, places=2, currency="EUR"), nullable=True),
    field("settings", Type(Kind.JSON), nullable=True),
    many("tasks", "Task", "project"),
    Relation("people", "people", "through", "Person", "project", through="Membership", far="person"),
    key="code",
)  # fmt: skip

PERSON = resource(
    "Person", "person",
    field("name", TEXT),
    field("email", TEXT, folded=None, limits=Limits(format="email"), nullable=True),
    field("secret", TEXT, nullable=True, internal=True),
    many("tasks", "Task", "artist"),
    plural="people",
)  # fmt: skip

MEMBERSHIP = resource(
    "Membership", "membership",
    ref("project", "Project"), ref("person", "Person"),
    one("project", "Project"), one("person", "Person"),
)  # fmt: skip

TASK = resource(
    "Task", "task",
    field("title", TEXT, limits=Limits(max_length=200), searchable=True),
    ref("project", "Project"),
    ref("artist", "Person", nullable=True),
    field("status", STATUS, default=lambda: "not_started"),
    field("priority", INTEGER, default=lambda: 0, limits=Limits(ge=0, le=9)),
    field("bid", Type(Kind.DECIMAL, places=2), default=lambda: Decimal(0), limits=Limits(ge=0)),
    field("weight", Type(Kind.FLOAT), nullable=True),
    field("urgent", Type(Kind.BOOLEAN), default=lambda: False),
    field("start", Type(Kind.DATE), nullable=True),
    field("deadline", Type(Kind.DATE), nullable=True),
    field("seen_at", Type(Kind.DATETIME), nullable=True),
    field("effort", Type(Kind.DURATION), nullable=True),
    field("tags", Type(Kind.LIST, item=Kind.TEXT), default=list, limits=Limits(max_length=3)),
    field("meta", Type(Kind.JSON), nullable=True),
    computed("is_done", Type(Kind.BOOLEAN), e.Compare("eq", e.Column(("status",)), e.Value("approved"))),
    computed("spent", Type(Kind.DECIMAL, places=2),
             e.Aggregate("sum", e.Column(("hours",)), path=("time_logs",))),
    one("project", "Project"), one("artist", "Person"),
    many("time_logs", "TimeLog", "task", "timeLogs"),
)  # fmt: skip

TIME_LOG = resource(
    "TimeLog", "time_log",
    ref("task", "Task"), ref("person", "Person"),
    field("hours", Type(Kind.DECIMAL, places=2)),
    one("task", "Task"), one("person", "Person"),
)  # fmt: skip


def model(*resources: Resource) -> Model:
    return Model({r.name: r for r in resources}, {})


FILMS = model(PROJECT, PERSON, MEMBERSHIP, TASK, TIME_LOG)


def with_field(original: Resource, added: Field) -> Resource:
    """The resource with one more field."""
    fields: Mapping[str, Field] = {**original.fields, added.name: added}
    return replace(original, fields=fields)

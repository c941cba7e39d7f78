"""What declarations come to in the Model, and how instances and expressions behave."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec
import pytest

from headwater import (
    Computed,
    Expression,
    Field,
    Many,
    OptRef,
    Ref,
    Resource,
    Role,
    action,
    allow,
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
    optref,
    ref,
    state,
    through,
    unique,
)
from headwater import declare as d
from headwater.base.errors import DeclarationErrors
from headwater.declare import CurrentActor, build, now
from headwater.declare.expressions import Misuse, UnknownMember
from headwater.declare.resource import restore
from headwater.ir import expr as e
from headwater.ir.model import Index, Kind, Model, Relation, Type, Unique


class Status(StrEnum):
    OPEN = "open"
    DONE = "done"


class Person(Resource, plural="people"):
    name: Field[str]
    email: Field[str | None] = email(default=None)


class Project(Resource):
    """A film."""

    code: Field[str] = key(pattern="[A-Z]+")
    name: Field[str] = field(search=True, doc="What it is called.")
    budget: Field[Decimal] = money(currency="JPY", default=Decimal(0))
    tags: Field[list[str]] = field(default_factory=list)
    """Words to find it by."""
    members: Many[Membership] = many(lambda: Membership.project)
    crew: Many[Person] = through(lambda: Membership.project, lambda: Membership.person)
    tasks: Many[Task] = many(lambda: Task.project)
    spent: Computed[Decimal] = computed(lambda: Project.tasks.sum(Task.spent))


class Membership(Resource):
    project: Ref[Project] = ref(on_delete="cascade")
    person: Ref[Person] = ref()
    role: Field[str]


class Task(Resource, prefix="work"):
    title: Field[str] = field(max_length=200)
    project: Ref[Project] = ref()
    artist: OptRef[Person] = optref(default=None, on_delete="set_null")
    lead: OptRef[Person] = optref(default=None)
    status: Field[Status] = state(default=Status.OPEN, moves={Status.OPEN: [Status.DONE]})
    bid: Field[Decimal] = field(places=2, default=Decimal("1.5"), ge=0)
    start: Field[date | None] = field(default=None)
    deadline: Field[date | None] = field(default=None)
    secret: Field[str] = field(internal=True, default="")
    limit: Field[int] = field(default=1)
    logs: Many[TimeLog] = many(lambda: TimeLog.task)
    spent: Computed[Decimal] = computed(lambda: TimeLog.hours.sum(where=TimeLog.task == Task.id))
    left: Computed[Decimal] = computed(lambda: Task.bid - Task.spent)
    share: Computed[Decimal] = computed(lambda: Task.bid * Decimal("0.5"), places=1)
    first_day: Computed[date | None] = computed(lambda: Task.logs.min(TimeLog.day))
    days: Computed[date] = computed(lambda: coalesce(Task.deadline, date(2026, 1, 1)))
    client: Computed[str] = computed(lambda: Task.project.name)
    home: Computed[str] = computed(lambda: coalesce(Task.project.id, Task.title))

    @action(when=lambda actor: Task.artist == actor.id, to="lead")
    async def hand_in(self, tx: Any, *, review_note: str = "", marks: list[int] = []) -> None:  # noqa: B006
        """Say that it is finished."""

    @classmethod
    @action
    async def tidy(cls, tx: Nowhere, before: date) -> int:  # type: ignore[name-defined]  # noqa: F821
        return 1


class TimeLog(Resource, timestamps=False, exposed=False, demands_version=True):
    task: Ref[Task] = ref()
    hours: Field[Decimal] = field(places=2)
    day: Field[date]


allow(Task, "read", when=lambda actor: Task.project.members.any(Membership.person == actor.id))
allow(Task, "write", to=("lead", "admin"))
mask(Task.bid, unless=lambda actor: actor.has_role("lead"))
lock(Task.bid, unless="lead")
check(Task, lambda: Task.deadline >= Task.start, message="A deadline is not before its start.")
check(Task, lambda: Task.deadline.is_null() | (Task.bid > Decimal(0)), message="No deadline without a bid.")
exactly_one_of(Task.artist, Task.lead)
unique(Task.project, Task.title)
index(Task.project, desc(Task.created_at))

RESOURCES: list[type[Resource]] = [Person, Project, Membership, Task, TimeLog]


@pytest.fixture(scope="module")
def model() -> Model:
    return build(RESOURCES, [Role("lead", permissions=["hand_in:tasks"])])


def column(root: str, *path: str) -> e.Column:
    return e.Column(path, root)


def test_names_follow_from_the_class(model: Model) -> None:
    log = model.resources["TimeLog"]
    assert (log.singular, log.plural, log.path, log.table) == (
        "time_log",
        "time_logs",
        "time-logs",
        "time_logs",
    )
    assert (log.prefix, model.resources["Task"].prefix) == ("time_log", "work")
    assert log.path == "time-logs"
    assert (log.exposed, log.demands_version, "created_at" in log.fields) == (False, True, False)
    assert log.cls is TimeLog


def test_built_in_fields_stand_around_the_authors(model: Model) -> None:
    fields = model.resources["Person"].fields
    assert list(fields) == ["id", "name", "email", "created_at", "updated_at", "version"]
    assert {f.name for f in fields.values() if f.read_only} == {"id", "created_at", "updated_at", "version"}
    assert (fields["created_at"].wire, fields["created_at"].type) == ("createdAt", Type(Kind.DATETIME))


def test_a_reference_is_a_field_and_a_relation(model: Model) -> None:
    task = model.resources["Task"]
    artist = task.fields["artist"]
    assert (artist.wire, artist.column, artist.type) == ("artistId", "artist_id", Type(Kind.ID))
    assert (artist.nullable, artist.target, artist.on_delete) == (True, "Person", "set_null")
    assert task.relations["artist"] == Relation("artist", "artist", "one", "Person", "artist")
    assert task.by_wire["artistId"] is artist
    assert task.relations["artist"].wire == "artist"


def test_to_many_relations_name_their_inverse_and_far_end(model: Model) -> None:
    relations = model.resources["Project"].relations
    assert relations["members"] == Relation("members", "members", "many", "Membership", "project")
    assert relations["crew"] == Relation(
        "crew", "crew", "through", "Person", "project", "Membership", "person"
    )


def test_a_natural_key_is_the_id(model: Model) -> None:
    project = model.resources["Project"]
    code, id = project.fields["code"], project.fields["id"]
    assert (project.key, project.natural, code.column, id.column) == ("code", True, "id", "id")
    assert (code.immutable, code.read_only, code.folded, id.read_only) == (True, False, None, True)
    assert (code.limits.pattern, code.limits.max_length) == ("[A-Z]+", 64)


def test_text_has_a_folded_shadow_where_it_can_be_searched(model: Model) -> None:
    assert model.resources["Project"].fields["name"].folded == "name_folded"
    assert model.resources["Person"].fields["email"].folded is None
    assert model.resources["Task"].fields["secret"].folded is None


def test_money_has_the_places_of_its_currency(model: Model) -> None:
    assert model.resources["Project"].fields["budget"].type == Type(Kind.MONEY, 0, "JPY")


def test_documentation_comes_from_doc_or_the_docstring_below(model: Model) -> None:
    project = model.resources["Project"]
    assert project.doc == "A film."
    assert project.fields["name"].doc == "What it is called."
    assert project.fields["tags"].doc == "Words to find it by."


def test_defaults_have_the_fields_own_form(model: Model) -> None:
    fields = model.resources["Task"].fields
    bid, status = fields["bid"].default, fields["status"].default
    assert bid is not None
    assert status is not None
    assert str(bid()) == "1.50"
    assert type(status()) is str
    assert not fields["bid"].required
    assert fields["title"].required
    assert fields["bid"].limits.ge == Decimal("0.00")


def test_states_without_moves_are_final(model: Model) -> None:
    assert model.resources["Task"].fields["status"].moves == {"open": ("done",), "done": ()}


def test_computed_fields_have_the_type_of_their_formula(model: Model) -> None:
    fields = model.resources["Task"].fields
    assert fields["spent"].type == Type(Kind.DECIMAL, 2)
    assert fields["left"].type == Type(Kind.DECIMAL, 2)
    assert fields["share"].type == Type(Kind.DECIMAL, 1)
    assert model.resources["Project"].fields["spent"].type == Type(Kind.DECIMAL, 2)
    assert fields["first_day"].nullable
    assert not fields["days"].nullable
    assert fields["spent"].computed == e.Aggregate(
        "sum",
        value=column("TimeLog", "hours"),
        where=e.Compare("eq", column("TimeLog", "task"), column("Task", "id")),
        resource="TimeLog",
    )
    assert (fields["spent"].column, fields["spent"].read_only, fields["spent"].required) == (
        None,
        True,
        False,
    )


def test_rules_become_grants_masks_and_locks(model: Model) -> None:
    task = model.resources["Task"]
    read, write, hand_in = task.grants
    member = e.Compare("eq", column("Membership", "person"), e.ActorValue("id"))
    assert read.when == e.Related("any", ("project", "members"), member, "Task")
    assert read.verbs == {"read"}
    assert read.roles is None
    assert write.verbs == {"create", "update", "delete", "hand_in", "tidy"}
    assert write.when == e.TRUE
    assert write.roles == frozenset({"lead", "admin"})
    assert hand_in.verbs == {"hand_in"}
    assert hand_in.roles == frozenset({"lead"})
    assert task.masks == {"bid": e.HasRole("lead")}
    assert task.locks == {"bid": e.HasRole("lead")}


def test_a_check_that_meets_a_null_is_met_unless_it_asks_for_null(model: Model) -> None:
    dates, bid, one = model.resources["Task"].checks
    start, deadline = column("Task", "start"), column("Task", "deadline")
    assert dates.holds == e.Or((e.IsNull(deadline), e.IsNull(start), e.Compare("gte", deadline, start)))
    assert (dates.fields, dates.message) == (
        ("deadline", "start"),
        "A deadline is not before its start.",
    )
    assert bid.holds == e.Or(
        (e.IsNull(deadline), e.Compare("gt", column("Task", "bid"), e.Value(Decimal("0.00"))))
    )
    assert one.fields == ("artist", "lead")
    assert one.message == "Exactly one of artistId and leadId must be set."


def test_uniques_and_indexes_are_named(model: Model) -> None:
    task = model.resources["Task"]
    assert task.uniques == (Unique("uq_tasks_project_id_title", ("project", "title")),)
    assert task.indexes == (
        Index("ix_tasks_project_id_created_at_desc_created_at", (("project", False), ("created_at", True))),
    )


def test_an_action_has_parameters_in_camel_case_and_ignores_the_tx(model: Model) -> None:
    actions = model.resources["Task"].actions
    hand_in, tidy = actions["hand_in"], actions["tidy"]
    assert (hand_in.path, hand_in.on, tidy.on, tidy.result) == ("hand-in", "row", "collection", int)
    assert hand_in.doc == "Say that it is finished."
    given = msgspec.json.decode(b'{"reviewNote": "x"}', type=hand_in.parameters)
    assert msgspec.structs.asdict(given) == {"review_note": "x", "marks": []}
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.json.decode(b'{"note": "x"}', type=hand_in.parameters)
    with pytest.raises(msgspec.ValidationError, match="required field `before`"):
        msgspec.json.decode(b"{}", type=tidy.parameters)


def test_write_with_a_condition_grants_what_is_about_rows() -> None:
    class Parcel(Resource):
        sender: Field[str]

        @action
        async def post(self, tx: d.Tx) -> None: ...

        @action
        @classmethod
        async def sweep(cls, tx: d.Tx) -> None: ...

    allow(Parcel, "write", when=lambda actor: Parcel.sender == actor.id)
    allow(Parcel, "write", to="admin")
    some, all_ = build([Parcel]).resources["Parcel"].grants
    assert some.verbs == {"create", "update", "delete", "post"}
    assert all_.verbs == {*some.verbs, "sweep"}


def test_roles_include_what_they_inherit(model: Model) -> None:
    assert set(model.roles) == {"guest", "user", "editor", "admin", "lead"}
    assert model.roles["lead"].inherits == {"user", "guest"}
    assert model.roles["lead"].permissions == {"hand_in:tasks", "read:public", "read:user", "write:user"}
    assert "admin:*" in model.roles["admin"].permissions
    assert model.roles["guest"].inherits == frozenset()


def test_two_resources_of_one_name_are_refused() -> None:
    def another() -> type[Resource]:
        class Person(Resource):
            name: Field[str]

        return Person

    with pytest.raises(DeclarationErrors, match="There is another Person at") as refused:
        build([Person, another()])
    assert len(refused.value.errors) == 1


def test_one_class_builds_into_several_models() -> None:
    assert build([Person]).resources["Person"].fields == build([Person]).resources["Person"].fields


def test_resources_may_stand_inside_a_function() -> None:
    class Level(StrEnum):
        LOW = "low"

    class Inner(Resource):
        parent: OptRef[Inner] = optref(default=None)
        level: Field[Level] = field(default=Level.LOW)
        children: Many[Inner] = many(lambda: Inner.parent)

    inner = build([Inner]).resources["Inner"]
    assert inner.fields["level"].type.values == ("low",)
    assert inner.relations["children"].target == "Inner"


# -- instances ------------------------------------------------------------------------------------------------


def test_an_instance_holds_values_and_ids() -> None:
    project = Project(code="SWA", name="Swan")
    task = Task(title="Light", project=project)
    assert (project.id, task.project, task.status, task.artist) == ("SWA", "SWA", Status.OPEN, None)
    assert project.tags == []
    assert project.tags is not Project(code="X", name="Y").tags
    task.artist = Person(name="Ada", id="person_1")
    assert task.artist == "person_1"
    assert task.__dict__["_loaded"] is None


def test_an_instance_shows_nothing_but_its_id() -> None:
    assert repr(Task(title="x", project="SWA", secret="s", id="work_1")) == "Task(id='work_1')"
    assert repr(Project(code="SWA", name="Swan")) == "Project(code='SWA')"


def test_a_computed_reference_is_no_reference(model: Model) -> None:
    assert [f.name for _, f in model.referrers("Project")] == ["project", "project"]


def test_the_constructor_refuses_unknown_computed_and_missing_names() -> None:
    make: Callable[..., Task] = Task
    with pytest.raises(TypeError, match=r"Task\(\) takes no 'titel'. Did you mean 'title'\?"):
        make(titel="x", project="SWA")
    with pytest.raises(TypeError, match=r"Task\(\) takes no 'spent'."):
        make(title="x", project="SWA", spent=Decimal(0))
    with pytest.raises(TypeError, match=r"Task\(\) needs 'title', 'project'."):
        make()


def test_what_cannot_be_assigned_says_so() -> None:
    task: Any = restore(Task, {"id": "work_1", "title": "x", "spent": Decimal(2)})
    assert (task.id, task.spent, task.__dict__["_loaded"]["title"]) == ("work_1", Decimal(2), "x")
    task.title = "y"
    assert task.__dict__["_loaded"]["title"] == "x"
    with pytest.raises(AttributeError, match=r"Task\.spent cannot be assigned"):
        task.spent = Decimal(3)
    with pytest.raises(AttributeError, match="never changes"):
        task.id = "work_2"
    with pytest.raises(UnknownMember, match="did you mean 'title'"):
        task.titel = "y"
    with pytest.raises(AttributeError, match="does not hold its logs"):
        _ = task.logs
    with pytest.raises(AttributeError, match="set when the row is stored"):
        _ = Task(title="x", project="SWA").version


def test_classes_are_still_classes() -> None:
    names: dict[type[Resource], str] = {Task: "task", Project: "project"}
    assert names[Task] == "task"
    assert names[Project] == "project"


# -- expressions ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "node"),
    [
        (lambda: Task.title, column("Task", "title")),
        (lambda: Task.project.name, column("Task", "project", "name")),
        (lambda: TimeLog.task.project.name, column("TimeLog", "task", "project", "name")),
        (lambda: Task.project.id, column("Task", "project")),
        (lambda: Task.title != "x", e.Compare("ne", column("Task", "title"), e.Value("x"))),
        (lambda: Task.title == None, e.IsNull(column("Task", "title"))),  # noqa: E711
        (lambda: Task.artist != None, e.Not(e.IsNull(column("Task", "artist")))),  # noqa: E711
        (lambda: Task.artist.is_null(), e.IsNull(column("Task", "artist"))),
        (lambda: Task.status == Status.OPEN, e.Compare("eq", column("Task", "status"), e.Value("open"))),
        (lambda: Task.status.in_([Status.OPEN]), e.OneOf(column("Task", "status"), ("open",))),
        (lambda: Task.project.in_(["SWA"]), e.OneOf(column("Task", "project"), ("SWA",))),
        (
            lambda: Task.project == Project(code="SWA", name="x"),
            e.Compare("eq", column("Task", "project"), e.Value("SWA")),
        ),
        (lambda: Task.title.contains("x"), e.Matches("contains", column("Task", "title"), e.Value("x"))),
        (lambda: Project.tags.has("x"), e.HasElement(column("Project", "tags"), e.Value("x"))),
        (lambda: ~(Task.title == "x"), e.Not(e.Compare("eq", column("Task", "title"), e.Value("x")))),
        (lambda: Decimal(1) - Task.bid, e.Arithmetic("-", e.Value(Decimal(1)), column("Task", "bid"))),
        (lambda: Project.members.none(), e.Related("none", ("members",), e.TRUE, "Project")),
        (
            lambda: TimeLog.task.project.crew.any(Person.name == "x"),
            e.Related(
                "any",
                ("task", "project", "crew"),
                e.Compare("eq", column("Person", "name"), e.Value("x")),
                "TimeLog",
            ),
        ),
        (lambda: Task.logs.count(), e.Aggregate("count", path=("logs",), root="Task")),
        (lambda: Task.count(), e.Aggregate("count", resource="Task")),
        (lambda: now(), e.Now()),
        (lambda: CurrentActor().has_role("lead"), e.HasRole("lead")),
    ],
)
def test_python_makes_nodes(made: Callable[[], Any], node: e.Expr) -> None:
    assert made().node == node


@pytest.mark.parametrize(
    "use",
    [
        lambda: bool(Task.title == "x"),
        lambda: bool(Task.project),
        lambda: bool(Project.members),
        lambda: bool(CurrentActor()),
        lambda: Task.bid in [Decimal(1)],
        lambda: Decimal(1) < Task.bid < Decimal(3),
        lambda: list(Project.tags),
    ],
)
def test_an_expression_has_no_truth_value(use: Callable[[], object]) -> None:
    with pytest.raises(Misuse):
        use()


def test_a_misspelt_name_tells_the_nearest() -> None:
    task: Any = Task
    with pytest.raises(AttributeError, match="did you mean 'title'"):
        _ = task.titel
    with pytest.raises(AttributeError, match="did you mean 'name'"):
        _ = task.project.nmae


def test_expressions_are_typed() -> None:
    title: Expression[str] = Task.title
    made: Expression[datetime] = Task.created_at
    assert (title.owner, made.owner) == (Task, Task)


def test_every_kind_of_field_takes_what_makes_sense_of_it() -> None:
    class Kinds(d.Resource):
        """Of each specifier, with all that it takes in common with others."""

        mail: d.Field[str] = d.email(unique=True, index=True, search=True, immutable=True, doc="M")
        page: d.Field[str] = d.url(unique=True, index=True, search=True, immutable=True, doc="P")
        cost: d.Field[Decimal] = d.money(currency="EUR", unique=True, index=True, immutable=True, doc="C")
        code: d.Field[str | None] = d.secret(default=None, immutable=True, doc="S")

    fields = build([Kinds]).resources["Kinds"].fields
    for name in ("mail", "page", "cost"):
        found = fields[name]
        assert (found.unique, found.indexed, found.immutable) == (True, True, True)
        assert found.searchable == (found.folded is not None) == (name != "cost")
    assert (fields["code"].internal, fields["code"].secret, fields["code"].nullable) == (True, True, True)
    assert [fields[n].doc for n in ("mail", "page", "cost", "code")] == ["M", "P", "C", "S"]

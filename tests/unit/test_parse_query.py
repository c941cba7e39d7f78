"""Query strings: what each parameter means, and how the meaningless ones are refused."""

import gc
import tracemalloc
from datetime import date
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.base.errors import Fault
from headwater.ir import expr as e
from headwater.ir.filters import OPERATORS, split
from headwater.ir.model import Kind, Type
from headwater.ir.parse import Parser
from headwater.ir.query import (
    Cursor,
    GroupSort,
    Include,
    Measure,
    Numbered,
    Query,
    Select,
    Sort,
    Summary,
    Within,
)
from tests.unit.films import FILMS, PROJECT, TASK, field, model, with_field

PARSER = Parser(FILMS)


def pairs(text: str) -> list[tuple[str, str]]:
    return parse_qsl(text, keep_blank_values=True)


def tasks(text: str) -> Query:
    return PARSER.list(TASK, pairs(text))


def where(text: str) -> e.Predicate | None:
    return tasks(text).where


def refused(text: str, one: bool = False) -> list[tuple[str | None, str]]:
    with pytest.raises(Fault) as caught:
        PARSER.select(TASK, pairs(text)) if one else tasks(text)
    assert caught.value.status == 400
    return [(detail.parameter, detail.message) for detail in caught.value.details]


def column(*path: str) -> e.Column:
    return e.Column(path)


def eq(path: tuple[str, ...], value: Any) -> e.Compare:
    return e.Compare("eq", e.Column(path), e.Value(value))


def test_no_parameters() -> None:
    assert tasks("") == Query("Task")


@pytest.mark.parametrize(
    ("text", "predicate"),
    [
        ("status=approved", eq(("status",), "approved")),
        ("status[eq]=approved", eq(("status",), "approved")),
        ("status[ne]=approved", e.Compare("ne", column("status"), e.Value("approved"))),
        ("priority[lt]=5", e.Compare("lt", column("priority"), e.Value(5))),
        ("priority[lte]=5", e.Compare("lte", column("priority"), e.Value(5))),
        ("priority[gt]=5", e.Compare("gt", column("priority"), e.Value(5))),
        ("deadline[gte]=2026-01-01", e.Compare("gte", column("deadline"), e.Value(date(2026, 1, 1)))),
        ("status[in]=approved,in_progress", e.OneOf(column("status"), ("approved", "in_progress"))),
        ("status[nin]=approved", e.Not(e.OneOf(column("status"), ("approved",)))),
        ("title[in]=a%5C,b,c", e.OneOf(column("title"), ("a,b", "c"))),
        ("title[in]=a%5C,b&title[in]=c,d", e.OneOf(column("title"), ("a,b", "c", "d"))),
        ("status[nin]=approved&status[nin]=in_progress",
         e.Not(e.OneOf(column("status"), ("approved", "in_progress")))),
        ("filter[priority][between]=2&filter[priority][between]=4",
         e.And((e.Compare("gte", column("priority"), e.Value(2)), e.Compare("lte", column("priority"), e.Value(4))))),
        ("priority=2&priority=4", e.And((eq(("priority",), 2), eq(("priority",), 4)))),
        ("priority[between]=2,4", e.And((e.Compare("gte", column("priority"), e.Value(2)),
                                         e.Compare("lte", column("priority"), e.Value(4))))),
        ("title[contains]=Swan", e.Matches("contains", column("title"), e.Value("Swan"))),
        ("title[startsWith]=Swan", e.Matches("startsWith", column("title"), e.Value("Swan"))),
        ("title[starts_with]=Swan", e.Matches("startsWith", column("title"), e.Value("Swan"))),
        ("tags[contains]=roto", e.HasElement(column("tags"), e.Value("roto"))),
        ("artist[isNull]=true", e.IsNull(column("artist"))),
        ("artist[is_null]=false", e.Not(e.IsNull(column("artist")))),
        ("meta[isNull]=true", e.IsNull(column("meta"))),
        ("artist=person_1", eq(("artist",), "person_1")),
        ("artistId=person_1", eq(("artist",), "person_1")),
        ("artist_id=person_1", eq(("artist",), "person_1")),
        ("seen_at[isNull]=true", e.IsNull(column("seen_at"))),
        ("isDone=true", eq(("is_done",), True)),
        ("project.name[contains]=swan", e.Matches("contains", column("project", "name"), e.Value("swan"))),
        ("project.limit=5", eq(("project", "limit"), 5)),
        ("filter[status]=approved", eq(("status",), "approved")),
        ("filter[deadline][gte]=2026-01-01",
         e.Compare("gte", column("deadline"), e.Value(date(2026, 1, 1)))),
        ("filter[project.name]=Swan", eq(("project", "name"), "Swan")),
        ("timeLogs.hours[gt]=2", e.Related("any", ("time_logs",),
                                           e.Compare("gt", column("hours"), e.Value(2)))),
        ("project.people.name=Ada", e.Related("any", ("project", "people"), eq(("name",), "Ada"))),
        ("project.people.tasks.artist.name=Ada",
         e.Related("any", ("project", "people"),
                   e.Related("any", ("tasks",), eq(("artist", "name"), "Ada")))),
        ("status=approved&priority=1", e.And((eq(("status",), "approved"), eq(("priority",), 1)))),
        ("status[ne]=approved&status[ne]=in_progress",
         e.And((e.Compare("ne", column("status"), e.Value("approved")),
                e.Compare("ne", column("status"), e.Value("in_progress"))))),
    ],
)  # fmt: skip
def test_filters(text: str, predicate: e.Predicate) -> None:
    assert where(text) == predicate


def test_a_field_named_like_a_parameter_can_be_filtered() -> None:
    query = PARSER.list(PROJECT, pairs("filter[limit]=5&filter[limit][gt]=1&limit=2"))
    assert query.page == Cursor(2)
    assert query.where == e.And((eq(("limit",), 5), e.Compare("gt", column("limit"), e.Value(1))))


def test_money_is_compared_by_amount() -> None:
    from decimal import Decimal

    query = PARSER.list(PROJECT, pairs("budget[gte]=12.5"))
    assert query.where == e.Compare("gte", column("budget"), e.Value(Decimal("12.50")))


@pytest.mark.parametrize(
    ("text", "sort"),
    [
        ("sort=-priority,createdAt", (Sort(column("priority"), True), Sort(column("created_at")))),
        ("sort=created_at", (Sort(column("created_at")),)),
        ("sort=title&order=desc", (Sort(column("title"), True),)),
        ("sort=title&order=asc", (Sort(column("title")),)),
        ("sort=-project.name", (Sort(column("project", "name"), True),)),
        ("sort=artist", (Sort(column("artist")),)),
    ],
)
def test_sort(text: str, sort: tuple[Sort, ...]) -> None:
    assert tasks(text).sort == sort


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ("limit=10", Cursor(10)),
        ("cursor=abc", Cursor(50, "abc")),
        ("limit=100&cursor=abc", Cursor(100, "abc")),
        ("page=3", Numbered(3, 25)),
        ("perPage=100", Numbered(1, 100)),
        ("page=2&per_page=5", Numbered(2, 5)),
    ],
)
def test_paging(text: str, page: Cursor | Numbered) -> None:
    assert tasks(text).page == page


@pytest.mark.parametrize(
    ("text", "select"),
    [
        ("fields=title,id", Select(("id", "title"))),
        ("fields=artist,created_at", Select(("created_at", "artist"))),
        ("include=project", Select(None, (Include("project"),))),
        ("include=", Select()),
        ("include=project,timeLogs.person", Select(None, (
            Include("project"), Include("time_logs", Select(None, (Include("person"),)))))),
        ("fields=id,title,artist.name", Select(("id", "title"), (Include("artist", Select(("name",))),))),
        ("fields=artist.name", Select((), (Include("artist", Select(("name",))),))),
        ("include=artist&fields=title", Select(("title",), (Include("artist"),))),
        ("include=artist&fields=artist.name", Select((), (Include("artist", Select(("name",))),))),
        ("fields=id,timeLogs", Select(("id",), (Include("time_logs"),))),
        ("fields[tasks]=id,title", Select(("id", "title"))),
        ("fields[people]=name&include=artist,timeLogs.person", Select(None, (
            Include("artist", Select(("name",))),
            Include("time_logs", Select(None, (Include("person", Select(("name",))),)))))),
        ("include=timeLogs&fields[timeLogs]=id", Select(None, (Include("time_logs", Select(("id",))),))),
        ("include=timeLogs&fields[time-logs]=id", Select(None, (Include("time_logs", Select(("id",))),))),
    ],
)  # fmt: skip
def test_selection(text: str, select: Select) -> None:
    assert tasks(text).select == select
    assert PARSER.select(TASK, pairs(text)) == select


def test_options_of_included_relations() -> None:
    query = PARSER.list(
        PROJECT,
        pairs(
            "include=tasks.timeLogs&tasks[limit]=10&tasks[sort]=-createdAt&tasks[filter][status]=approved"
            "&tasks[filter][priority][gt]=1&tasks.timeLogs[limit]=5"
        ),
    )
    assert query.select.include == (
        Include(
            "tasks",
            Select(None, (Include("time_logs", limit=5),)),
            e.And((eq(("status",), "approved"), e.Compare("gt", column("priority"), e.Value(1)))),
            (Sort(column("created_at"), True),),
            10,
        ),
    )


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("roto", ("roto",)),
        ("  Roto\tPAINT\n roto ", ("roto", "paint")),
        ('"second unit" b', ("second unit", "b")),
        ('"left open  ', ("left open",)),
        ("“smart quotes” „low“", ("smart quotes", "low")),
        ('5" pipe', ('5"', "pipe")),
        ("Straße ＦＵＬＬ ﬁne", ("strasse", "full", "fine")),
        ("a" * 200, ("a" * 200,)),
    ],
)
def test_a_search_is_words_and_phrases(text: str, terms: tuple[str, ...]) -> None:
    search = PARSER.list(TASK, [("q", text)]).search
    assert search is not None
    assert search.terms == terms
    assert search.indexed == tuple(len(term) > 2 for term in terms)


def test_what_has_no_searchable_field_cannot_be_searched() -> None:
    with pytest.raises(Fault, match="No field of projects is searchable; use filters"):
        PARSER.list(PROJECT, [("q", "swan")])


def test_within() -> None:
    within = Within("Project", "SWA", "tasks")
    assert PARSER.list(TASK, [], within=within).within == within
    assert PARSER.list(TASK, pairs("limit=2"), within=within).within == within


@pytest.mark.parametrize(
    ("text", "parameter", "said"),
    [
        ("stauts=approved", "stauts", "tasks has no `stauts`; did you mean `status`?"),
        ("limt=5", "limt", "tasks has no `limt`; did you mean `limit`?"),
        ("project.nmae=x", "project.nmae", "projects has no `nmae`; did you mean `name`?"),
        ("artist.secret=x", "artist.secret", "people has no `secret`"),
        ("filter[stauts]=approved", "filter[stauts]", "did you mean `status`?"),
        ("filter=status", "filter", "tasks has no `filter`"),
        ("status[like]=a", "status[like]", "There is no operator `like`"),
        ("title[contain]=a", "title[contain]", "There is no operator `contain`; did you mean `contains`?"),
        ("status[gt]=approved", "status[gt]", "`status` cannot be filtered by `gt`; its operators are `eq`"),
        ("status=aproved", "status", "`status` must be one of `not_started`, `in_progress`, `approved`. Did"),
        ("priority=high", "priority", "`priority` must be an integer, such as `5`."),
        ("urgent=1", "urgent", "`urgent` must be `true` or `false`."),
        ("priority[between]=1", "priority[between]", "must be two values, separated by a comma."),
        ("meta=x", "meta", "`meta` is a JSON object; it can be filtered by `isNull` only."),
        ("meta.color=x", "meta.color", "`meta` is a JSON object; one cannot look into it here."),
        ("title.length=x", "title.length", "`title` is not a relation, so nothing can follow it."),
        ("tags=roto", "tags", "`tags` is a list; it can be filtered by `contains`, `isNull` only."),
        ("timeLogs=x", "timeLogs", "`timeLogs` is a relation; name one of its fields, such as"),
        ("deadline[gte][lt]=x", "deadline[gte][lt]", "`[lt]` follows an operator"),
        ("limit[gt]=5", "limit[gt]", "a field of that name is filtered by `filter[limit][gt]`."),
        ("a[b=1", "a[b", "`a[b` is not the name of a parameter."),
        ("limit=0", "limit", "`limit` must be an integer from 1 to 100."),
        ("limit=101", "limit", "`limit` must be an integer from 1 to 100."),
        ("limit=", "limit", "`limit` must be an integer from 1 to 100."),
        ("limit=٣", "limit", "`limit` must be an integer from 1 to 100."),
        ("page=0", "page", "`page` must be an integer from 1 to"),
        ("page=1&limit=5", "limit", "`limit` pages by cursor; it cannot go with `page` and `perPage`."),
        ("page=1&page=2", "page", "`page` is given more than once."),
        ("page=1&perPage=5&per_page=5", "per_page", "`per_page` is given more than once."),
        ("priority[between]=1&priority[between]=2&priority[between]=3", "priority[between]", "must be two values"),
        ("priority[in]=1&priority[in]=x", "priority[in]", "`priority[in]` must be an integer"),
        ("sort=title&sort=-title", "sort", "`-title` is named twice."),
        ("sort=titel", "sort", "did you mean `title`?"),
        ("sort=timeLogs.hours", "sort", "`timeLogs.hours` leads to many rows"),
        ("sort=tags", "sort", "`tags` holds no single value"),
        ("sort=title,-title", "sort", "`-title` is named twice."),
        ("sort=", "sort", "tasks has no ``"),
        ("sort=-title&order=desc", "sort", "`order` goes with one key"),
        ("sort=title,id&order=desc", "sort", "`order` goes with one key"),
        ("order=desc", "order", "`order` needs `sort` to say by what."),
        ("sort=title&order=down", "order", "`order` must be `asc` or `desc`."),
        ("fields=", "fields", "tasks has no ``"),
        ("fields=id,titel", "fields", "did you mean `title`?"),
        ("fields[tasks]=titel", "fields[tasks]", "did you mean `title`?"),
        ("fields[people]=name", "fields[people]", "No people are shown here; `include` a relation to them."),
        ("fields[persons]=name", "fields[persons]", "There is no resource `persons`"),
        ("include=projct", "include", "`projct` is not a relation of tasks; did you mean `project`?"),
        ("include=title", "include", "`title` is not a relation of tasks; there are"),
        ("timeLogs[limit]=5", "timeLogs[limit]", "`timeLogs` is not included; add `include=timeLogs`."),
        ("include=timeLogs&timeLogs[limit]=500", "timeLogs[limit]", "must be an integer from 1 to 100."),
        ("include=timeLogs&timeLogs[lmit]=5", "timeLogs[lmit]", "did you mean `[limit]`?"),
        ("include=timeLogs&timeLogs[filter]=5", "timeLogs[filter]", "there are `[limit]`, `[sort]`"),
        ("include=timeLogs&timeLogs[limit]=5&timeLogs[limit]=6", "timeLogs[limit]", "more than once"),
        ("include=timeLogs&timeLogs[filter][hours]=x", "timeLogs[filter][hours]", "must be a decimal"),
        ("q=", "q", "`q` must name something to look for; leave it out for all rows."),
        ('q="" " “”', "q", "`q` must name something to look for"),
        ("q=a&q=b", "q", "`q` is given more than once."),
        (f"q={'x' * 201}", "q", "`q` must have at most 200 characters, has 201."),
        ("q=a b c d e f g h i j k", "q", "`q` must have at most 10 words, has 11; a phrase"),
        ("q[contains]=a", "q[contains]", "a field of that name is filtered by `filter[q][contains]`."),
    ],
)  # fmt: skip
def test_refusals(text: str, parameter: str, said: str) -> None:
    problems = refused(text)
    assert len(problems) == 1
    assert problems[0][0] == parameter
    assert said in problems[0][1]


def test_all_problems_are_told_at_once() -> None:
    problems = refused("stauts=a&priority=high&limit=0&sort=x,y&fields=z&include=w")
    assert [parameter for parameter, _ in problems] == [
        "stauts", "priority", "limit", "sort", "sort", "fields", "include",
    ]  # fmt: skip


def test_a_single_row_takes_only_what_shapes_it() -> None:
    ((_, said),) = refused("status=approved", one=True)
    assert said == "`status` means nothing for a single row; `fields` and `include` do."
    ((_, said),) = refused("limit=5", one=True)
    assert "single row" in said
    ((_, said),) = refused("feilds=id", one=True)
    assert "did you mean `fields`?" in said


@pytest.mark.parametrize(
    "text",
    [
        "include=" + ".".join(["project.tasks"] * 4),
        "fields=" + ".".join(["project.tasks"] * 4) + ".id",
        ".".join(["project.tasks"] * 4) + ".id=1",
        "include=" + ",".join(f"project.tasks.{a}.{b}" for a in ("timeLogs", "artist", "project")
                              for b in ("person", "tasks", "people", "task"))
        + ",timeLogs.person.tasks.timeLogs.person,artist.tasks.project.people.tasks"
        + ",project.people.tasks.timeLogs.person.tasks,project.people.tasks.artist.tasks.timeLogs"
        + ",project.people.tasks.project.tasks.timeLogs",
    ],
)  # fmt: skip
def test_what_nests_too_deep_or_includes_too_much_is_refused(text: str) -> None:
    with pytest.raises(Fault) as caught:
        tasks(text)
    assert "QUERY_TOO_COMPLEX" in {detail.code for detail in caught.value.details}


def test_what_strangers_get_wrong_is_not_remembered() -> None:
    """Else the memory fills with what they send, and with what is said of it at length."""

    def ask(name: int) -> None:
        wrong = ",".join(f"x{name}{n}" for n in range(100))
        for text in (
            f"fields={wrong}&{name}=1",
            f"sort={wrong[:40]}&include={wrong}",
            f"aggregate={wrong[:100]}",
        ):
            with pytest.raises(Fault):
                PARSER.list(TASK, pairs(text))

    ask(0)
    tracemalloc.start()
    try:
        for name in range(1, 31):
            ask(name)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < 100_000
    finally:
        tracemalloc.stop()


def test_hidden_resources_have_no_name() -> None:
    from dataclasses import replace

    from tests.unit.films import PERSON

    parser = Parser(
        model(replace(PERSON, exposed=False), *[r for r in FILMS.resources.values() if r != PERSON])
    )
    for text in ("artist.name=x", "include=artist", "fields[people]=name"):
        with pytest.raises(Fault):
            parser.list(TASK, pairs(text))
    assert parser.list(TASK, pairs("artist=person_1")).where == eq(("artist",), "person_1")


# -- summaries --


def test_a_summary_is_asked_for_in_any_spelling() -> None:
    asked = tasks("aggregate=count,sum(bid),count_distinct(artist_id),max(project.name)&group_by=project,is_done"
                  "&sort=-sum(bid),projectId&limit=7&status=approved")  # fmt: skip
    total = Measure("sum", column("bid"))
    distinct, greatest = Measure("countDistinct", column("artist")), Measure("max", column("project", "name"))
    assert asked == Query(
        "Task",
        where=eq(("status",), "approved"),
        summary=Summary(
            (Measure("count"), total, distinct, greatest),
            (column("project"), column("is_done")),
            (GroupSort(total, True), GroupSort(column("project"))),
            7,
        ),
    )
    assert tasks("aggregate=count") == Query("Task", summary=Summary((Measure("count"),)))


def test_a_field_that_is_called_as_a_parameter_is_filtered_in_brackets() -> None:
    named = with_field(TASK, field("aggregate", Type(Kind.TEXT)))
    parser = Parser(model(*(named if r is TASK else r for r in FILMS.resources.values())))
    assert parser.list(named, pairs("filter[aggregate]=x")).where == eq(("aggregate",), "x")
    assert parser.list(named, pairs("filter[aggregate]=x&aggregate=min(aggregate)")).summary is not None


def test_each_function_takes_what_fits_it() -> None:
    kinds = {"priority": "csamm", "bid": "csamm", "weight": "csamm", "effort": "csamm", "title": "cmm", "start": "cmm",
             "seenAt": "cmm", "artist": "cmm", "status": "c", "urgent": "c", "tags": "", "meta": ""}  # fmt: skip
    for name, letters in kinds.items():
        for function in ("countDistinct", "sum", "avg", "min", "max"):
            if function[0] in letters:
                assert tasks(f"aggregate={function}({name})").summary is not None
            else:
                ((parameter, message),) = refused(f"aggregate={function}({name})")
                assert (parameter, f"has no {function}; of it there are" in message) == ("aggregate", True)
        assert tasks(f"aggregate=count({name})").summary is not None


def test_rows_and_a_summary_are_not_asked_for_together() -> None:
    for other in ("page=1", "perPage=5", "cursor=x", "fields=title", "include=project", "fields[tasks]=title",
                  "timeLogs[limit]=2"):  # fmt: skip
        ((parameter, _),) = refused(f"aggregate=count&groupBy=status&{other}")
        assert parameter == other.partition("=")[0]
    assert [parameter for parameter, _ in refused("aggregate=count", one=True)] == ["aggregate"]


# -- properties --

NAMES = st.sampled_from(
    ["status", "title", "priority", "deadline", "seenAt", "tags", "meta", "artist", "project", "timeLogs",
     "filter", "fields", "include", "sort", "order", "limit", "cursor", "page", "perPage", "bid", "effort",
     "tasks", "people", "hours", "id", "", "x", "🎬", "aggregate", "groupBy", "count"]
)  # fmt: skip
OPERATOR = st.sampled_from([*{o for ops in OPERATORS.values() for o in ops}, "limit", "sort", "filter", "x"])
PARAMETER = st.builds(
    lambda path, brackets: ".".join(path) + "".join(f"[{b}]" for b in brackets),
    st.lists(NAMES, min_size=1, max_size=4),
    st.lists(NAMES | OPERATOR, max_size=3),
)
TEXT = (
    st.text(st.characters(), max_size=20)
    | st.lists(NAMES, max_size=3).map(",".join)
    | st.sampled_from(
        [
            "sum(bid)",
            "count,avg(priority)",
            "min(tags)",
            "max(",
            "5",
            "-1",
            "true",
            "2026-01-01",
            "approved",
            "1.5",
            "a,b",
            "\\,",
            "PT1H",
            "-title",
        ]
    )
)


@given(st.lists(st.tuples(PARAMETER | st.text(max_size=20), TEXT), max_size=5))
def test_parsing_is_total(parameters: list[tuple[str, str]]) -> None:
    for ask in (PARSER.list, PARSER.select):
        try:
            ask(TASK, parameters)  # type: ignore[operator]
        except Fault as fault:
            refusal = fault
        else:
            continue
        assert refusal.details


KNOWN = {
    *PARSER.namer.names(TASK).fields, *PARSER.namer.names(TASK).relations,
    "limit", "cursor", "page", "perPage", "per_page", "sort", "order", "fields", "include", "q",
    "aggregate", "groupBy", "group_by",
}  # fmt: skip


@given(st.text(max_size=12).filter(lambda name: name not in KNOWN), TEXT)
def test_an_unknown_parameter_is_never_ignored(name: str, text: str) -> None:
    with pytest.raises(Fault):
        PARSER.list(TASK, [("status", "approved"), (name, text)])
    with pytest.raises(Fault):
        PARSER.select(TASK, [(name, text)])


def test_lists_may_come_one_by_one() -> None:
    """Whatever takes a list: what is shown, sorted by, included and summed up."""
    for several, one in (
        ("fields=title&fields=status,id", "fields=title,status,id"),
        ("sort=-priority&sort=title", "sort=-priority,title"),
        ("include=project&include=timeLogs", "include=project,timeLogs"),
        ("fields[tasks]=title&fields[tasks]=status", "fields[tasks]=title,status"),
        ("include=timeLogs&timeLogs[sort]=hours&timeLogs[sort]=id", "include=timeLogs&timeLogs[sort]=hours,id"),
        ("include=timeLogs&timeLogs[filter][hours][in]=1&timeLogs[filter][hours][in]=2",
         "include=timeLogs&timeLogs[filter][hours][in]=1,2"),
        ("aggregate=count&aggregate=sum(bid)&groupBy=status&groupBy=priority",
         "aggregate=count,sum(bid)&groupBy=status,priority"),
    ):  # fmt: skip
        assert tasks(several) == tasks(one)


@given(st.lists(st.text(), min_size=1), st.data())
def test_a_list_may_come_in_any_parts(texts: list[str], data: st.DataObject) -> None:
    written = [text.replace("\\", "\\\\").replace(",", "\\,") for text in texts]
    cuts = sorted(data.draw(st.sets(st.integers(1, len(texts)))) - {len(texts)})
    parts = [written[a:b] for a, b in zip([0, *cuts], [*cuts, len(texts)], strict=True)]

    def asked(values: list[str]) -> Any:
        try:
            return PARSER.list(TASK, [("title[nin]", value) for value in values])
        except Fault as fault:
            return fault.details

    assert asked([",".join(part) for part in parts]) == asked([",".join(written)])


@given(st.lists(st.text(), min_size=1))
def test_lists_of_any_texts_can_be_written(texts: list[str]) -> None:
    written = ",".join(text.replace("\\", "\\\\").replace(",", "\\,") for text in texts)
    assert split(written) == texts

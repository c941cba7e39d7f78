"""Questions as JSON documents: what each member means, and how the meaningless ones are refused (D11, D12)."""

from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.base.errors import Fault
from headwater.ir import expr as e
from headwater.ir.document import MEMBERS, query_of
from headwater.ir.filters import OPERATORS
from headwater.ir.parse import Parser
from headwater.ir.query import MAX_CONDITIONS, Cursor, Include, Numbered, Query, Select, Sort, Within
from headwater.ir.summaries import MAX_SORT_KEYS
from headwater.ir.where import MAX_NESTING
from tests.unit.films import FILMS, TASK

PARSER = Parser(FILMS)


def asked(document: Any) -> Query:
    return query_of(PARSER, TASK, document)


def where(filter: Any) -> e.Predicate | None:
    return asked({"filter": filter}).where


def refused(document: Any) -> list[tuple[str | None, str]]:
    with pytest.raises(Fault) as caught:
        asked(document)
    assert caught.value.status == 400
    return [(detail.field, detail.message) for detail in caught.value.details]


def column(*path: str) -> e.Column:
    return e.Column(path)


def eq(path: tuple[str, ...], value: Any) -> e.Compare:
    return e.Compare("eq", e.Column(path), e.Value(value))


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({}, ""),
        ({"filter": {}, "sort": [], "include": [], "cursor": None, "limit": None}, ""),
        ({"filter": {"status": {"eq": "approved"}}}, "status=approved"),
        ({"filter": {"priority": {"gte": 3, "lt": 7}, "urgent": {"ne": True}}},
         "priority[gte]=3&priority[lt]=7&urgent[ne]=true"),
        ({"filter": {"status": {"in": ["approved", "in_progress"]}}}, "status[in]=approved,in_progress"),
        ({"filter": {"priority": {"nin": [1, 2]}}}, "priority[nin]=1,2"),
        ({"filter": {"deadline": {"between": ["2026-01-01", "2026-02-01"]}}},
         "deadline[between]=2026-01-01,2026-02-01"),
        ({"filter": {"deadline": {"isNull": False}}}, "deadline[isNull]=false"),
        ({"filter": {"seenAt": {"gte": "2026-01-01"}}}, "seenAt[gte]=2026-01-01"),
        ({"filter": {"bid": {"lte": "9.50"}}}, "bid[lte]=9.5"),
        ({"filter": {"tags": {"contains": "late"}}}, "tags[contains]=late"),
        ({"filter": {"title": {"startsWith": "a,b"}}}, "title[startsWith]=a,b"),
        ({"filter": {"projectId": {"eq": "SWA"}}}, "project=SWA"),
        ({"filter": {"project": {"name": {"contains": "swan"}}}}, "project.name[contains]=swan"),
        ({"filter": {"project": {"budget": {"gt": "5"}}}}, "project.budget[gt]=5"),
        ({"filter": {"timeLogs": {"hours": {"gt": "5"}}}}, "timeLogs.hours[gt]=5"),
        ({"filter": {"project": {"people": {"tasks": {"priority": {"eq": 1}}}}}},
         "project.people.tasks.priority=1"),
        ({"filter": {"and": [{"priority": {"gt": 1}}, {"status": {"ne": "approved"}}]}},
         "priority[gt]=1&status[ne]=approved"),
        ({"sort": ["-priority", "project.name"]}, "sort=-priority,project.name"),
        ({"fields": ["title", "artist.name"]}, "fields=title,artist.name"),
        ({"include": ["artist", "project.tasks"]}, "include=artist,project.tasks"),
        ({"include": [{"artist": {"fields": ["name"]}}], "fields": ["title"]},
         "include=artist&fields=title&fields[people]=name"),
        ({"include": [{"timeLogs": {"limit": 5, "sort": ["-hours"], "filter": {"hours": {"gt": "1"}}}}]},
         "include=timeLogs&timeLogs[limit]=5&timeLogs[sort]=-hours&timeLogs[filter][hours][gt]=1"),
        ({"limit": 7, "cursor": "abc"}, "limit=7&cursor=abc"),
        ({"page": 3, "perPage": 10}, "page=3&perPage=10"),
        ({"page": 2}, "page=2"),
        ({"aggregate": ["count"]}, "aggregate=count"),
        ({"aggregate": ["count", "avg(priority)"], "groupBy": ["status", "project.name"], "sort": ["-count", "status"],
          "limit": 500, "filter": {"priority": {"gt": 1}}, "q": "swan"},
         "aggregate=count,avg(priority)&groupBy=status,project.name&sort=-count,status&limit=500&priority[gt]=1&q=swan"),
        ({"aggregate": ["count"], "groupBy": None, "fields": None, "sort": []}, "aggregate=count"),
        ({"q": 'Roto "Second Unit"', "sort": ["-priority"]}, "q=roto+%22second unit%22&sort=-priority"),
    ],
)  # fmt: skip
def test_both_spellings_of_a_question_are_one_query(document: Any, text: str) -> None:
    assert asked(document) == PARSER.list(TASK, parse_qsl(text, keep_blank_values=True))


def test_trees() -> None:
    approved, urgent = eq(("status",), "approved"), eq(("urgent",), True)
    assert where({"or": [{"status": {"eq": "approved"}}, {"urgent": {"eq": True}}]}) == e.Or(
        (approved, urgent)
    )
    assert where({"not": {"status": {"eq": "approved"}, "urgent": {"eq": True}}}) == (
        e.Not(e.And((approved, urgent)))
    )
    assert where(
        {"project": {"or": [{"name": {"eq": "a"}}, {"limit": {"gt": 1}}]}, "urgent": {"eq": True}}
    ) == (
        e.And(
            (
                e.Or((eq(("project", "name"), "a"), e.Compare("gt", column("project", "limit"), e.Value(1)))),
                urgent,
            )
        )
    )


def test_what_is_said_of_many_rows_is_said_of_one_of_them() -> None:
    assert where({"timeLogs": {"hours": {"gt": "1"}, "person": {"name": {"eq": "Ada"}}}}) == e.Related(
        "any",
        ("time_logs",),
        e.And(
            (e.Compare("gt", column("hours"), e.Value(1)), eq(("person", "name"), "Ada")),
        ),
    )


def test_options_nest() -> None:
    query = asked({"include": [{"project": {"fields": ["name"], "include": [{"tasks": {"limit": 2}}]}}]})
    assert query.select == Select(
        None, (Include("project", Select(("name",), (Include("tasks", limit=2),))),)
    )


def test_within_and_paging() -> None:
    within = Within("Project", "SWA", "tasks")
    assert query_of(PARSER, TASK, {"limit": 2}, within=within) == Query("Task", page=Cursor(2), within=within)
    assert asked({"perPage": 9}).page == Numbered(1, 9)
    assert asked({"sort": ["title"]}).sort == (Sort(column("title")),)


@pytest.mark.parametrize(
    ("document", "field", "said"),
    [
        ({"filters": {}}, "filters", "did you mean `filter`"),
        ({"search": "swan"}, "search", "A query has no member `search`; there are `filter`"),
        ({"q": 5}, "q", "`q` must be a string, not a number"),
        ({"q": ""}, "q", "`q` must name something to look for"),
        ({"q": "x" * 201}, "q", "at most 200 characters, has 201"),
        ({"filter": []}, "filter", "must be an object of conditions, not an array"),
        ({"filter": {"titel": {"eq": "a"}}}, "filter.titel", "did you mean `title`"),
        ({"filter": {"orr": []}}, "filter.orr", "did you mean `or`"),
        ({"filter": {"title": "a"}}, "filter.title", '{"title": {"eq": …}}'),
        ({"filter": {"title": {}}}, "filter.title", "not an empty one"),
        ({"filter": {"title": {"eq": None}}}, "filter.title.eq", '{"isNull": true}'),
        ({"filter": {"title": {"contain": "a"}}}, "filter.title.contain", "did you mean `contains`"),
        ({"filter": {"status": {"gt": "approved"}}}, "filter.status.gt", "its operators are `eq`"),
        ({"filter": {"status": {"eq": "aproved"}}}, "filter.status.eq", "Did you mean `approved`"),
        ({"filter": {"priority": {"eq": "1"}}}, "filter.priority.eq", "must be an integer"),
        ({"filter": {"priority": {"in": [1, "2"]}}}, "filter.priority.in[1]", "must be an integer"),
        ({"filter": {"priority": {"in": 1}}}, "filter.priority.in", "must be an array, not a number"),
        ({"filter": {"priority": {"in": [1] * 1001}}}, "filter.priority.in", "at most 1000"),
        ({"filter": {"priority": {"between": [1]}}}, "filter.priority.between", "an array of two values"),
        ({"filter": {"title": {"isNull": "true"}}}, "filter.title.isNull", "must be true or false"),
        ({"filter": {"project.name": {"eq": "a"}}}, "filter.project.name", '{"project": {"name": …}}'),
        ({"filter": {"deadline[gte]": "2026-01-01"}}, "filter.deadline[gte]", '{"deadline": {"gte": …}}'),
        ({"filter": {"project": {"eq": "SWA"}}}, "filter.project", "`eq` goes with `projectId`"),
        ({"filter": {"project": {"nam": {"eq": 1}}}}, "filter.project.nam", "did you mean `name`"),
        ({"filter": {"artist": {"secret": {"eq": "x"}}}}, "filter.artist.secret", "people has no `secret`"),
        ({"filter": {"timeLogs": {}}}, "filter.timeLogs", "is empty"),
        ({"filter": {"or": []}}, "filter.or", "is empty"),
        ({"filter": {"or": {"title": {"eq": "a"}}}}, "filter.or", "must be an array of objects"),
        ({"filter": {"or": [{}]}}, "filter.or[0]", "is empty"),
        ({"filter": {"or": [{"title": {"eq": "a"}}, 5]}}, "filter.or[1]", "not a number"),
        ({"filter": {"not": [{"title": {"eq": "a"}}]}}, "filter.not", "must be an object of conditions"),
        ({"sort": "title"}, "sort", "must be an array of names"),
        ({"sort": ["titel"]}, "sort", "did you mean `title`"),
        ({"sort": ["title,status"]}, "sort[0]", "an element of its own"),
        ({"fields": []}, "fields", "is empty"),
        ({"fields": ["title", "titel"]}, "fields[1]", "did you mean `title`"),
        ({"fields": [1]}, "fields[0]", "must be a string"),
        ({"include": "artist"}, "include", "must be an array"),
        ({"include": 0}, "include", "must be an array"),
        ({"include": ""}, "include", "must be an array"),
        ({"include": False}, "include", "must be an array"),
        ({"include": {}}, "include", "must be an array"),
        ({"include": ["artits"]}, "include[0]", "did you mean `artist`"),
        ({"include": [5]}, "include[0]", "must be a relation"),
        ({"include": [{"artist": {"limit": 5}}]}, "include[0].artist.limit", "there are `fields`, `include`"),
        ({"include": [{"timeLogs": {"limits": 5}}]}, "include[0].timeLogs.limits", "did you mean `limit`"),
        ({"include": [{"timeLogs": {"limit": 101}}]}, "include[0].timeLogs.limit", "from 1 to 100"),
        ({"include": [{"timeLogs": 5}]}, "include[0].timeLogs", "must be an object of options"),
        ({"include": [{"timeLogs": {"filter": {"hour": {"eq": "1"}}}}]},
         "include[0].timeLogs.filter.hour", "did you mean `hours`"),
        ({"include": [{"timeLogs": {"limit": 1}}, {"timeLogs": {"limit": 2}}]},
         "include[1].timeLogs", "more than once"),
        ({"limit": "5"}, "limit", "must be an integer from 1 to 100"),
        ({"limit": True}, "limit", "must be an integer from 1 to 100"),
        ({"limit": 0}, "limit", "must be an integer from 1 to 100"),
        ({"cursor": 5}, "cursor", "must be a string"),
        ({"cursor": ""}, "cursor", "must not be empty"),
        ({"page": 1, "limit": 5}, "limit", "cannot go with `page`"),
        ({"per_page": 5}, "per_page", "did you mean `perPage`"),
        ({"aggregate": "count"}, "aggregate", "must be an array of names"),
        ({"aggregate": []}, "aggregate", "is empty"),
        ({"aggregate": ["count,sum(bid)"]}, "aggregate[0]", "an element of its own"),
        ({"aggregate": ["avrg(bid)"]}, "aggregate", "did you mean `avg(bid)`"),
        ({"aggregate": ["sum(title)"]}, "aggregate", "has no sum"),
        ({"aggregate": ["count", "count"]}, "aggregate", "named twice"),
        ({"aggregate": ["count"], "groupBy": ["statsu"]}, "groupBy", "did you mean `status`"),
        ({"aggregate": ["count"], "groupBy": []}, "groupBy", "is empty"),
        ({"groupBy": ["status"]}, "groupBy", "needs `aggregate`"),
        ({"aggregate": ["count"], "fields": ["title"]}, "fields", "is for rows"),
        ({"aggregate": ["count"], "cursor": "x"}, "cursor", "is for rows"),
        ({"aggregate": ["count"], "include": ["artist"]}, "include", "is for rows"),
        ({"aggregate": ["count"], "perPage": 3}, "perPage", "is for rows"),
        ({"aggregate": ["count"], "limit": 3}, "limit", "leave `limit` out"),
        ({"aggregate": ["count"], "sort": ["count"]}, "sort", "leave `sort` out"),
        ({"aggregate": ["count"], "groupBy": ["status"], "limit": 100000}, "limit", "from 1 to"),
        ({"aggregate": ["count"], "filter": {"titel": {"eq": "a"}}}, "filter.titel", "did you mean `title`"),
    ],
)  # fmt: skip
def test_refusals(document: Any, field: str, said: str) -> None:
    (problem,) = refused(document)
    assert problem[0] == field
    assert said in problem[1]


def test_all_problems_are_told_at_once() -> None:
    document = {
        "filter": {"titel": {"eq": 1}, "or": [{"status": {"eq": "x"}}], "project": {"limit": {"eq": "1"}}},
        "sort": ["nothing"],
        "include": ["nobody"],
        "limit": 1000,
    }
    places = {
        "filter.titel",
        "filter.or[0].status.eq",
        "filter.project.limit.eq",
        "sort",
        "include[0]",
        "limit",
    }
    assert {field for field, _ in refused(document)} == places


def test_what_is_no_object_is_refused() -> None:
    for document in ([], "title", 5, None, True):
        with pytest.raises(Fault, match="must be a JSON object"):
            asked(document)


def nested(levels: int) -> Any:
    tree: Any = {"title": {"eq": "a"}}
    for _ in range(levels - 1):
        tree = {"not": tree}
    return tree


def test_what_nests_too_deep_or_asks_too_much_is_refused() -> None:
    assert where(nested(MAX_NESTING)) is not None
    ((field, message),) = refused({"filter": nested(MAX_NESTING + 1)})
    assert field == "filter" + ".not" * MAX_NESTING
    assert f"at most {MAX_NESTING} levels" in message
    many = [{"title": {"eq": "a"}}] * MAX_CONDITIONS
    assert where({"or": many}) is not None
    ((_, message),) = refused({"filter": {"or": [*many, {"title": {"eq": "a"}}, {"title": {"eq": "a"}}]}})
    assert f"at most {MAX_CONDITIONS} conditions" in message
    chain: Any = {"title": {"eq": "a"}}
    for _ in range(4):
        chain = {"project": {"tasks": chain}}
    ((_, message),) = refused({"filter": chain})
    assert "more than 6 relations" in message
    include: Any = "project"
    for name in ("tasks", "project") * 3:
        include = {name: {"include": [include]}}
    ((_, message),) = refused({"include": [include]})
    assert "At most 6 relations can be nested." in message


def test_the_conditions_of_all_that_is_included_count_together() -> None:
    half = {"or": [{"hours": {"gt": "1"}}] * (MAX_CONDITIONS // 2)}
    asked({"filter": {"or": [{"title": {"eq": "a"}}] * (MAX_CONDITIONS // 2)},
           "include": [{"timeLogs": {"filter": half}}]})  # fmt: skip
    includes = [{"timeLogs": {"filter": half}}, {"project.tasks.timeLogs": {"filter": half}}]
    asked({"include": includes})
    ((_, message),) = refused({"include": includes, "filter": {"title": {"eq": "a"}}})
    assert message == f"A query has at most {MAX_CONDITIONS} conditions."


def test_no_more_keys_are_looked_at_than_a_summary_can_have() -> None:
    """Each unknown one costs a search for what could be meant, so that a body of them would stop the server."""
    summary = {"aggregate": ["count"], "groupBy": ["status"]}
    told = refused({**summary, "sort": [f"nope{n}" for n in range(MAX_SORT_KEYS)]})
    assert len(told) == MAX_SORT_KEYS
    told = refused({**summary, "sort": [f"nope{n}" for n in range(10_000)]})
    assert told == [("sort", f"At most {MAX_SORT_KEYS} keys can be sorted by.")]


NAMES = st.sampled_from(
    [
        "title",
        "status",
        "project",
        "projectId",
        "timeLogs",
        "artist",
        "tags",
        "meta",
        "and",
        "or",
        "not",
        "nope",
    ]
)
SCALARS = (
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["approved", "2026-01-01", "1.5", ""])
)
OPERATOR_NAMES = st.sampled_from(sorted({name for names in OPERATORS.values() for name in names}))
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | OPERATOR_NAMES, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(MEMBERS) | st.just("x"), TREES, max_size=4))
def test_reading_is_total(document: dict[str, Any]) -> None:
    """Any JSON is either a query or refused with a place for each problem."""
    try:
        assert asked(document).resource == "Task"
    except Fault as fault:
        problems = (fault.code, all(detail.field for detail in fault.details))
    else:
        return
    assert problems == ("VALIDATION_ERROR", True)


@given(st.text().filter(lambda name: name not in MEMBERS), SCALARS)
def test_an_unknown_member_is_never_ignored(name: str, value: Any) -> None:
    assert refused({name: value})


@given(TREES.filter(bool))
def test_a_filter_is_never_ignored(tree: Any) -> None:
    try:
        found = where(tree)
    except Fault:
        return
    assert found is not None

"""Operations that are made to cost much: each is refused before any statement, or answered soon; and what is kept of
operations is bounded."""

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from graphql import get_introspection_query

from headwater.base.call import ANONYMOUS, Call
from headwater.base.errors import REGISTRY, Fault
from headwater.db.postgres import PostgresStore
from headwater.db.timed import TimedStore
from headwater.surfaces.graphql.documents import MAX_LENGTH, Documents, Invalid
from headwater.surfaces.graphql.endpoint import MAX_VALUES, Endpoint, Request
from headwater.testing import Client, Reply, client
from headwater_products.demo import app as demo
from tests.driver import Driver, watched_drivers

SECONDS = 5.0
"""Of the processor, for an operation on a busy machine; most take a hundredth of it."""
LONGEST_REFUSAL = 20_000
RESPONSE = "application/graphql-response+json"


@pytest.fixture
async def ada(store_url: str) -> AsyncIterator[tuple[Client, Driver]]:
    with watched_drivers() as driver:
        async with client(demo, database_url=store_url) as visitor:
            caller = await visitor.sign_up("ada", role="admin")
            await caller.post("/api/v1/projects", {"code": "SWA", "name": "Saltwater Avenue"})
            await caller.post("/graphql", {"query": "{ tasks { totalCount } }"})  # the schema is made now
            driver.clear()
            yield caller, driver


def asked(text: str, **variables: Any) -> dict[str, Any]:
    return {"query": text, "variables": variables}


def nodes(fields: str) -> dict[str, Any]:
    """A query of some fields of tasks."""
    return asked(f"{{ tasks {{ nodes {{ {fields} }} }} }}")


def nested(before: str, after: str, levels: int, core: str) -> str:
    return before * levels + core + after * levels


def each(count: int, text: str) -> str:
    """A text so often, `#` being its number."""
    return " ".join(text.replace("#", str(number)) for number in range(count))


def alike(levels: int, width: int) -> str:
    """Fields of the same name beside each other, and again within each of them."""
    text = "id"
    for _ in range(levels):
        text = " ".join([f"project {{ tasks {{ nodes {{ {text} }} }} }}"] * width)
    return text


FEW = "id title status version priority bid start deadline"
TYPED = "fragment F on Task"
WHERE = "query($w: TaskWhere) "
WITHIN = each(90, "a#: tasks(first: 1, where: $w) { nodes { id } }")
MADE_OF = f"{WHERE} {{ projects(first: 1) {{ nodes {{ {WITHIN} }} }} }}"
FOUND = f"{WHERE} {{ tasks(where: $w) {{ totalCount }} }}"
MEASURES = "aggregates { count sum { bid } avg { bid } min { title } max { title } }"
FILTER = {"title": {"eq": "x"}}
ROOTS = f"{WHERE} {{ {each(20, 'a#: tasks(first: 1, where: $w) { totalCount }')} }}"
MUTATION = 'a#: deleteTask(input: {id: "task_#"}) { errors { code } }'

COMPLEX = {
    "long": asked("#" + "x" * MAX_LENGTH + "\n{ __typename }"),
    "levels": nodes(nested("project { tasks { nodes { ", "} } }", 11, "id ")),
    "fields": nodes(each(2_001, "unknown#")),
    "fields by fragments": asked(
        f"{{ {each(20, 'a#: tasks { nodes { ...F ...G } }')} }} {TYPED} {{ {each(90, 'a#: id')} }}"
        f"fragment G on Task {{ {each(90, 'b#: id')} }}"
    ),
    "laughs": asked(
        "{ tasks { nodes { ...F0 } } }"
        + each(12, "fragment F# on Task { a: project { ...G# } b: project { ...G# } }")
        + "".join(f"fragment G{n} on Project {{ tasks {{ nodes {{ ...F{n + 1} }} }} }} " for n in range(12))
        + "fragment F12 on Task { id }"
    ),
    "roots": asked(f"{{ {each(21, 'a#: tasks { totalCount }')} }}"),
    "roots within": asked(f"{{ ... {{ {each(100, 'a#: tasks { totalCount }')} }} }}"),
    "roots by a fragment": asked(f"{{ ...F }} fragment F on Query {{ {each(21, 'a#: tasks { totalCount }')} }}"),
    "mutations": asked(f"mutation {{ {each(21, MUTATION)} }}"),
    "mutations within": asked(f"mutation {{ ... {{ {each(100, MUTATION)} }} }}"),
    "aliases": nodes(each(201, "a#: title")),
    "directives": nodes("id " + "@skip(if: false) " * 101),
    "directives of variables": asked(f"query($a: Int {'@x ' * 2_900}) {{ __typename }}"),
    "directives of fragments": asked(f"{{ tasks {{ nodes {{ ...F }} }} }} {TYPED} {'@x ' * 2_900} {{ id }}"),
    "operations": asked(each(900, "query q# { __typename }")),
    "fragments": asked("{ __typename }" + each(700, "fragment F# on Task { id }")),
    "fragments of one name": asked("{ __typename }" + each(700, "fragment F on Task { id }")),
    "spreads": nodes("...F " * 101) | {"query": f"{{ tasks {{ nodes {{ {'...F ' * 101} }} }} }} {TYPED} {{ id }}"},
    "one name": nodes("id " * 1_500),
    "one name within": nodes("... { project { id name } } " * 600),
    "one name in an unused fragment": asked(f"{{ __typename }} {TYPED} {{ {'project { id } ' * 600} }}"),
    "one name, a tree": nodes(alike(7, 2)),
    "one name, a wide tree": nodes(alike(2, 16)),
    "one name by fragments": asked(
        f"{{ tasks {{ nodes {{ {each(90, '...F#')} }} }} }} {each(90, f'fragment F# on Task {{ {FEW} }}')}"
    ),
    "one name with long arguments": asked(
        "{ projects { nodes { " + ("tasks(where: {id: {in: [" + "1 " * 120 + "]}}) { totalCount } ") * 40 + "} } }"
    ),
    "the schema, wide": asked(
        f"{{ __schema {{ types {{ {each(30, 'a#: fields { name description args { name description } }')} }} }} }}"
    ),
    "the schema, often": asked(f"{{ __schema {{ {each(50, 'a#: types { fields { name args { name } } }')} }} }}"),
    "the schema, by fragments": asked(
        f"{{ __schema {{ {each(50, 'a#: types { ...F }')} }} }}"
        "fragment F on __Type { fields { name args { name } } }"
    ),
    "the schema, round and round": asked("{ __schema { types { fields { type { fields { type { name } } } } } } }"),
    "values": asked(FOUND, w={"or": [FILTER] * MAX_VALUES}),
    "empty values": asked(FOUND, w={"or": [{}] * (MAX_VALUES + 1)}),
    "values of no variable": asked("{ __typename }", w=[0] * (MAX_VALUES + 1)),
    "relations": nodes(
        each(190, "a#: project { id }") + each(10, "b#: timeLogs(first: 1) { nodes { person { id } task { id } } }") * 6
    ),
    "conditions within": asked(MADE_OF, w={"or": [{"title": {"eq": f"x{n}"}} for n in range(190)]}),
    "conditions of all roots": asked(ROOTS, w={"or": [{"title": {"eq": f"x{n}"}} for n in range(190)]}),
    "measures": asked(
        f"{{ projects(first: 1) {{ nodes {{ {each(60, f'a#: tasks(first: 1) {{ {MEASURES} }}')} }} }} }}"
    ),
    "rows": asked("{ projects(first: 100) { nodes { tasks(first: 100) { nodes { timeLogs { nodes { id } } } } } } }"),
}  # fmt: skip

INVALID = {
    "tokens": nodes("id " * 6_000),
    "comments": asked("#\n" * 7_000 + "{ __typename }"),
    "braces": asked("{a" * 2_900 + "}" * 2_900),
    "lists": asked("{ tasks(where: {id: {in: " + "[" * 2_900 + "]" * 2_900 + "}}) { totalCount } }"),
    "objects": asked("{ tasks(where: " + nested("{not:", "}", 1_400, "{}") + ") { totalCount } }"),
    "types": asked("query($a: " + "[" * 2_900 + "Int" + "]" * 2_900 + ") { __typename }"),
    "inline fragments": asked("{" + nested("... {", "}", 1_400, "__typename") + "}"),
    "circles": asked(f"{{ tasks {{ nodes {{ ...F }} }} }} {TYPED} {{ project {{ tasks {{ nodes {{ ...F }} }} }} }}"),
    "circles of two": asked("{ tasks { nodes { ...A } } } fragment A on Task { ...B } fragment B on Task { ...A }"),
    "circles that are unused": asked(f"{{ __typename }} {TYPED} {{ {'project { id } ' * 20} ...F }}"),
    "types that are defined": asked("{ __typename }" + "type A { a: A } " * 800),
    "types that are extended": asked("{ __typename }" + "extend type Task { a: A } " * 700),
    "unknown fields": nodes(each(1_900, "projectNam#")),
    "unknown types": asked(f"query({each(1_400, '$v#: TaskConnectionNode#')}) {{ __typename }}"),
    "unknown members": asked(f"{{ tasks(where: {{ {each(1_900, 'projectIdd#: 1')} }}) {{ totalCount }} }}"),
    "unknown values": asked(
        f"{{ tasks(where: {{status: {{in: [{each(2_800, 'in_progresss#')}]}}}}) {{ totalCount }} }}"
    ),
    "unknown variables": asked(f"{{ nodes(ids: [{each(2_800, '$v#')}]) {{ id }} }}"),
    "unused variables": asked(f"query({each(1_400, '$v#: Int')}) {{ __typename }}"),
    "arguments of one name": asked(f"{{ tasks({'first: 1 ' * 1_900}) {{ totalCount }} }}"),
    "members of one name": asked("{ tasks(where: {" + 'title: {eq: "x"} ' * 800 + "}) { totalCount } }"),
    "operations of one name": asked("query A { __typename } " * 50),
    "long names": asked("{ " + each(20, "a" * 2_400 + "#") + " }"),
    "a long number": asked("{ tasks(first: " + "9" * 45_000 + ") { totalCount } }"),
    "a wrong list": asked("query($i: [ID!]) { tasks(where: {id: {in: $i}}) { totalCount } }", i=[[]] * 9_000),
    "wrong members": asked(FOUND, w={f"u{n}": 1 for n in range(9_000)}),
    "a long text that is no number": asked("query($f: Int) { tasks(first: $f) { totalCount } }", f="9" * 500_000),
}  # fmt: skip


async def soon(caller: Client, sent: Any) -> Reply:
    """The answer to an operation, which does not take long."""
    began = time.process_time()
    reply = await caller.post("/graphql", sent, accept=RESPONSE)
    assert time.process_time() - began < SECONDS
    return reply


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("operations", "code"),
    [(COMPLEX, "QUERY_TOO_COMPLEX"), (INVALID, "INVALID_FORMAT")],
    ids=["complex", "invalid"],
)
async def test_too_much_is_refused_before_any_statement(
    ada: tuple[Client, Driver], operations: dict[str, Any], code: str
) -> None:
    caller, driver = ada
    for name, sent in operations.items():
        reply = await soon(caller, sent)
        told = reply.json()
        assert (reply.status, told.keys()) == (400, {"errors"}), name
        assert {error["extensions"]["code"] for error in told["errors"]} == {code}, name
        assert len(reply.body) < LONGEST_REFUSAL, name
        assert driver.sent == [], name


WRONG = {
    "conditions": asked(FOUND, w={"or": [{"title": {"eq": "x"}}] * 3_000}),
    "deep conditions": asked(
        "{ tasks(where: " + nested("{not:", "}", 90, '{title: {eq: "x"}}') + ") { totalCount } }"
    ),
    "hops": asked(
        FOUND,
        w=json.loads(nested('{"project":{"tasks":{"some":', "}}}", 8, '{"title":{"eq":"x"}}')),
    ),
    "ids": asked("query($i: [ID!]!) { tasksByIds(ids: $i) { id } }", i=["task_1"] * 9_000),
    "nodes": asked("query($i: [ID!]!) { nodes(ids: $i) { id } }", i=["task_1"] * 9_000),
    "elements": asked("query($i: [ID!]) { tasks(where: {id: {in: $i}}) { totalCount } }", i=["x"] * 9_000),
    "orders": asked("query($o: [TaskOrder!]) { tasks(orderBy: $o) { totalCount } }", o=[{"title": "ASC"}] * 4_000),
    "a search": asked("query($s: String) { tasks(search: $s) { totalCount } }", s="ab " * 30_000),
    "a cursor": asked("query($s: String) { tasks(after: $s) { totalCount } }", s="A" * 900_000),
}  # fmt: skip


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_too_much_for_a_field_is_told_of_it(ada: tuple[Client, Driver]) -> None:
    caller, driver = ada
    for name, sent in WRONG.items():
        reply = await soon(caller, sent)
        told = reply.json()
        assert (reply.status, set(told["data"].values())) == (200, {None}), name
        assert {error["extensions"]["code"] for error in told["errors"]} <= REGISTRY.keys(), name
        assert len(reply.body) < LONGEST_REFUSAL, name
        assert driver.sent == [], name


MUCH = {
    "aliases": (nodes(each(200, "a#: title")), 1),
    "relations": (nodes(each(190, "a#: project { id }")), 1),
    "connections": (asked(f"{{ projects {{ nodes {{ {each(190, 'a#: tasks(first: 1) { nodes { id } }')} }} }} }}"), 1),
    "conditions within": (asked(MADE_OF, w={"and": [{"title": {"contains": "x"}}, {"priority": {"gt": 1}}]}), 1),
    "related conditions": (
        asked(
            FOUND,
            w={"or": [{"project": {"tasks": {"some": {"shot": {"code": {"eq": f"x{n}"}}}}}} for n in range(190)]},
        ),
        1,
    ),
    "fragments": (
        asked(
            "{ tasks { nodes { ...F0 } } }"
            + "".join(f"fragment F{n} on Task {{ id ...F{n + 1} }} " for n in range(99))
            + "fragment F99 on Task { id }"
        ),
        1,
    ),
    "one name": (nodes("project { id name } " * 60), 1),
    "roots": (asked(f"{{ {each(20, 'a#: tasks(first: 100) { nodes { id title } totalCount }')} }}"), 20),
    "a text": (asked("query($t: String) { tasks(where: {title: {contains: $t}}) { totalCount } }", t="x" * 500_000), 1),
    "spaces": (asked(" ,\n" * 15_000 + "{ tasks { totalCount } }"), 1),
    "groups": (asked("query($b: [TaskGroupBy!]!) { taskGroups(by: $b) { count } }", b=["status"] * 9_000), 1),
    "empty conditions": (asked(FOUND, w={"or": [{}] * 9_000}), 1),
    "the schema": (asked(get_introspection_query(input_value_deprecation=True)), 0),
    "the schema, once more": (asked("{ a: __typename " + get_introspection_query().partition("{")[2]), 0),
}  # fmt: skip


async def test_what_is_just_allowed_is_answered_soon(ada: tuple[Client, Driver]) -> None:
    caller, driver = ada
    for name, (sent, statements) in MUCH.items():
        driver.clear()
        reply = await soon(caller, sent)
        assert "errors" not in reply.json(), (name, reply.body[:500])
        # Connections that are opened meanwhile are set up by statements of their own.
        assert len([one for one in driver.sent if one.sql.startswith("SELECT")]) == statements, name


ESCAPED = {
    "a filter": '{ tasks(where: {title: {contains: "#"}}) { totalCount } }',
    "an id": '{ task(id: "#") { id } }',
    "ids": '{ tasksByIds(ids: ["#"]) { id } }',
    "nodes": '{ node(id: "#") { id } nodes(ids: ["task_#"]) { id } }',
    "a search": '{ tasks(search: "#") { totalCount } }',
    "a cursor": '{ tasks(after: "#") { totalCount } }',
    "a default": 'query($i: ID! = "#") { task(id: $i) { id } }',
    "an input": 'mutation { createProject(input: {code: "NUL", name: "#"}) { errors { code } } }',
    "an argument": 'mutation { requestRevisionTask(input: {id: "task_1", note: "#"}) { errors { code } } }',
}  # fmt: skip


async def test_text_that_is_written_by_numbers_is_text_as_in_bodies(ada: tuple[Client, Driver]) -> None:
    """Without NUL, and in NFC."""
    caller, driver = ada
    for name, text in ESCAPED.items():
        told = (await caller.post("/graphql", {"query": text.replace("#", "a\\u0000b")})).json()
        assert set(told["data"].values()) == {None}, name
        assert {error["extensions"]["code"] for error in told["errors"]} == {"INVALID_FORMAT"}, name
    assert driver.sent == []
    making = (
        'mutation { createProject(input: {code: "NFC", name: "caf#"}) { project { name } errors { code } } }'
    )
    told = (await caller.post("/graphql", {"query": making.replace("#", "e\\u0301")})).json()
    assert told["data"]["createProject"]["project"] == {"name": "caf\u00e9"}


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_a_batch_is_no_way_around(ada: tuple[Client, Driver]) -> None:
    caller, driver = ada
    together = await caller.post("/graphql", [nodes("... { project { id name } } " * 300)] * 10)
    assert together.json()["error"]["code"] == "QUERY_TOO_COMPLEX"
    small = await soon(caller, [nodes("... { project { id name } } " * 150)] * 10)
    told = [one["errors"][0]["extensions"]["code"] for one in small.json()]
    assert told == ["QUERY_TOO_COMPLEX"] * 10
    assert driver.sent == []


# -- what is kept ---------------------------------------------------------------------------------------------


async def test_documents_that_are_kept_are_bounded(ada: tuple[Client, Driver]) -> None:
    api, _ = await Endpoint(demo.model, ada[0].running.engine).api()
    documents = Documents(api.schema)
    long = nodes(each(190, f"{'a' * 30}#: title"))["query"]
    documents.kept.most = 50_000
    for number in range(12):
        documents.get(f"#{number}\n{long}")
    assert documents.kept.weight <= documents.kept.most
    assert len(documents.kept) == documents.kept.most // (len(long) + 5)
    for text in (
        f"#{'x' * 45_000}",
        *(f"{{ tasks {{ nodes {{ {each(190, 'a#: nonsense')} }} }} }}" for _ in range(9)),
    ):
        with pytest.raises((Fault, Invalid)):
            documents.get(text)
    assert len(documents.kept) == documents.kept.most // (len(long) + 5)


async def test_what_the_schema_tells_is_kept_within_bounds(ada: tuple[Client, Driver]) -> None:
    endpoint = Endpoint(demo.model, ada[0].running.engine)
    call = Call(actor=ANONYMOUS)
    endpoint.kept.most = 300_000
    for number in range(10):
        told = await endpoint.answer(
            call, Request(f"#{number}\n{{ __schema {{ types {{ fields {{ name }} }} }} }}", {})
        )
        assert told.executed
    assert 0 < endpoint.kept.weight <= endpoint.kept.most
    assert 10 > len(endpoint.kept) == endpoint.kept.most // len(told.text)
    before = len(endpoint.kept)
    await endpoint.answer(call, Request("query($n: [Int!]) { __typename }", {"n": [1] * 9_000}))
    assert len(endpoint.kept) <= before + 1


async def test_a_refusal_that_is_kept_does_not_grow(ada: tuple[Client, Driver]) -> None:
    endpoint = Endpoint(demo.model, ada[0].running.engine)
    wrong = Request("{ tasks(first: 1000) { totalCount } }", {})
    for _ in range(3):
        told = await endpoint.answer(Call(actor=ANONYMOUS), wrong)
        assert "must be from 1 to 100" in told.text
    (prepared,) = endpoint.kept.values()
    fault = prepared.fields[0].answering
    assert isinstance(fault, Fault)
    assert fault.__traceback__ is None


async def test_plans_and_prepared_statements_are_bounded(
    ada: tuple[Client, Driver], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that asks for other names each time fills neither the memory nor that of the database."""
    caller, _ = ada
    engine = caller.running.engine
    monkeypatch.setattr("headwater.engine.engine.PLANNED", 50_000)
    monkeypatch.setattr("headwater.db.postgres_pool.PREPARED", 50_000)
    for number in range(12):
        fields = each(20, f"a{number}x#: tasks(first: 1) {{ nodes {{ id }} }}")
        for _ in range(2):
            told = (await caller.post("/graphql", asked(f"{{ projects {{ nodes {{ {fields} }} }} }}"))).json()
            assert len(told["data"]["projects"]["nodes"][0]) == 20
    assert 10_000 < sum(len(plan.sql) for plan in engine._plans.values()) <= 50_000
    assert isinstance(engine.store, TimedStore)  # as the demo has it
    if isinstance(store := engine.store._store, PostgresStore):
        prepared = [sum(map(len, session._statements)) for session in store._pool.free]
        assert 10_000 < max(prepared) <= 50_000

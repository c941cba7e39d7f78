"""GraphQL over HTTP (https://graphql.github.io/graphql-over-http/draft/) from a server over sockets: the audits of
`graphql-http` from npm, and in words what they do not look at."""

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.served import Served, serving
from web.node import workshop

TESTS = Path(__file__).parents[1]
DEMO = "headwater_products.demo:app"
RESPONSE, JSON = "application/graphql-response+json", "application/json"
UNMET: dict[str, str] = {}
"""What the audits say a server may do and this one does not, with the reason of each."""

TASKS = "query Tasks($first: Int) { tasks(first: $first) { nodes { id title } totalCount } }"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    url = f"sqlite:///{tmp_path_factory.mktemp('studio') / 'test.db'}"
    with serving(DEMO, url, {"ada": "admin"}, seeded=3) as served:
        yield served


class Caller:
    """Sends operations to a server as somebody who is signed in."""

    def __init__(self, studio: Served) -> None:
        self.url = f"{studio.url}/graphql"
        self.session = requests.Session()
        self.session.headers.update(studio.accounts["ada"].headers)

    def post(self, sent: Any, **headers: str) -> requests.Response:
        body = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
        told = {"content-type": JSON, **{name.replace("_", "-"): text for name, text in headers.items()}}
        return self.session.post(self.url, data=body, headers=told, timeout=20)

    def get(self, parameters: dict[str, str], **headers: str) -> requests.Response:
        told = {name.replace("_", "-"): text for name, text in headers.items()}
        return self.session.get(self.url, params=parameters, headers=told, timeout=20)


@pytest.fixture(scope="module")
def ada(studio: Served) -> Iterator[Caller]:
    caller = Caller(studio)
    yield caller
    caller.session.close()


def media_type(reply: requests.Response) -> str:
    return reply.headers["content-type"].partition(";")[0]


def codes(reply: Any) -> list[str]:
    body = reply.json() if isinstance(reply, requests.Response) else reply
    return [error["extensions"]["code"] for error in body["errors"]]


# -- the audits -----------------------------------------------------------------------------------------------


def test_the_audits_pass(studio: Served, tmp_path: Path) -> None:
    tools = workshop(TESTS / "npm" / "graphql", tmp_path)
    audits = json.loads(tools.node(TESTS / "clients" / "audits.js", studio.url))
    words = [audit["name"].partition(" ")[0] for audit in audits]
    assert {word: words.count(word) for word in ("MUST", "SHOULD", "MAY")} == {
        "MUST": 13, "SHOULD": 23, "MAY": 25}  # fmt: skip
    failed = {audit["id"]: audit for audit in audits if audit["status"] != "ok"}
    assert failed.keys() == UNMET.keys(), failed


# -- media types and status codes -----------------------------------------------------------------------------

NAMED = [
    (None, JSON),
    ("*/*", JSON),
    ("application/*", JSON),
    (JSON, JSON),
    (RESPONSE, RESPONSE),
    (f"{RESPONSE}, {JSON};q=0.9", RESPONSE),
    (f"{RESPONSE};q=0.5, {JSON}", JSON),
    # Clients that know both name both alike; the form whose status tells more is theirs.
    (f"{RESPONSE}, application/graphql+json, {JSON}, text/event-stream, multipart/mixed", RESPONSE),
    (f"{JSON}, {RESPONSE}", RESPONSE),
]


@pytest.mark.parametrize(("accept", "expected"), NAMED)
def test_the_answer_has_the_media_type_that_is_asked_for(
    ada: Caller, accept: str | None, expected: str
) -> None:
    for reply in (
        ada.post({"query": "{ __typename }"}, accept=accept),  # type: ignore[arg-type]
        ada.get({"query": "{ __typename }"}, accept=accept),  # type: ignore[arg-type]
    ):
        assert (reply.status_code, media_type(reply)) == (200, expected)
        assert reply.json()["data"] == {"__typename": "Query"}
        assert {"Accept", "Authorization"} <= {name.strip() for name in reply.headers["vary"].split(",")}


def test_a_media_type_that_there_is_not(ada: Caller) -> None:
    reply = ada.post({"query": "{ __typename }"}, accept="text/csv")
    assert (reply.status_code, reply.json()["error"]["code"]) == (406, "NOT_ACCEPTABLE")
    assert RESPONSE in reply.json()["error"]["details"][0]["hint"]


NOT_EXECUTED = {
    "syntax": {"query": "{"},
    "unknown field": {"query": "{ nonsense }"},
    "variable": {"query": "query($id: ID!) { task(id: $id) { id } }"},
    "which operation": {"query": "query A { __typename } query B { __typename }"},
    "no such operation": {"query": "query A { __typename }", "operationName": "B"},
    "no operation": {"query": "fragment F on Task { id }"},
    "subscription": {"query": "subscription { tasks { id } }"},
}


@pytest.mark.parametrize("sent", NOT_EXECUTED.values(), ids=NOT_EXECUTED.keys())
def test_what_is_not_executed_has_no_data(ada: Caller, sent: dict[str, Any]) -> None:
    """By its own media type it is a status of 400; in plain JSON it is found out from the body."""
    for accept, status in ((RESPONSE, 400), (JSON, 200)):
        for reply in (ada.post(sent, accept=accept), ada.get(sent, accept=accept)):
            assert (reply.status_code, media_type(reply)) == (status, accept)
            assert reply.json().keys() == {"errors"}
            assert set(codes(reply)) == {"INVALID_FORMAT"}


def test_what_is_executed_has_data_and_where_it_could_not_be_had_why(ada: Caller, studio: Served) -> None:
    for accept in (RESPONSE, JSON):
        mixed = ada.post({"query": "{ a: tasks(first: 1) { totalCount } b: tasks(first: 0) { totalCount } }"},
                         accept=accept)  # fmt: skip
        assert mixed.status_code == 200
        assert mixed.json()["data"]["a"]["totalCount"] > 0
        assert mixed.json()["data"]["b"] is None
        assert [error["path"] for error in mixed.json()["errors"]] == [["b"]]
        body = {"query": TASKS}
        nobody = requests.post(f"{studio.url}/graphql", json=body, headers={"accept": accept}, timeout=20)
        assert (nobody.status_code, nobody.json()["data"]) == (200, {"tasks": None})
        assert codes(nobody) == ["AUTHENTICATION_REQUIRED"]


# -- refusals of requests -------------------------------------------------------------------------------------

WRONG: dict[str, tuple[Any, str]] = {
    "no document": ({}, "Send a document as `query`, or the hash of one that is known."),
    "a document that is no text": ({"query": {"a": 1}}, "`query` must be a string, not an object."),
    "variables": ({"query": "{ __typename }", "variables": []}, "`variables` must be an object, not an array."),
    "operationName": ({"query": "{ __typename }", "operationName": 1},
                      "`operationName` must be a string, not a number."),
    "extensions": ({"query": "{ __typename }", "extensions": "x"},
                   "`extensions` must be an object, not a string."),
    "no object": ("{ __typename }", "An operation must be a JSON object, not a string."),
    "no JSON": (b"{", "The body is not JSON in UTF-8: Input data was truncated."),
    "nothing": (b"", "The body is empty where JSON was expected."),
    "no operations": ([], "A batch has from 1 to 10 operations, not 0."),
    "too many operations": ([{"query": "{ __typename }"}] * 11, "A batch has from 1 to 10 operations, not 11."),
}  # fmt: skip


@pytest.mark.parametrize(("sent", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_request_that_cannot_be_understood(ada: Caller, sent: Any, message: str) -> None:
    """As elsewhere; and as the errors of a response, to whom asks for its media type."""
    reply = ada.post(sent)
    assert (reply.status_code, media_type(reply)) == (400, JSON)
    error = reply.json()["error"]
    assert (error["code"], error["message"]) == ("INVALID_FORMAT", message)
    reply = ada.post(sent, accept=RESPONSE)
    assert (reply.status_code, media_type(reply)) == (400, RESPONSE)
    (error,) = reply.json()["errors"]
    assert (error["extensions"]["code"], error["message"]) == ("INVALID_FORMAT", message)
    assert error["extensions"]["requestId"]


def test_every_wrong_member_is_told(ada: Caller) -> None:
    reply = ada.post({"query": 1, "variables": 2, "operationName": 3, "extensions": 4})
    details = reply.json()["error"]["details"]
    assert [one["field"] for one in details] == ["query", "variables", "operationName", "extensions"]


def test_members_that_are_unknown_or_null_do_not_matter(ada: Caller) -> None:
    sent = {"query": "{ __typename }", "variables": None, "operationName": None, "extensions": None, "id": 7}
    assert ada.post(sent).json()["data"] == {"__typename": "Query"}
    assert ada.post({**sent, "operationName": ""}).json()["data"] == {"__typename": "Query"}


def test_a_body_of_another_media_type(ada: Caller) -> None:
    for type in ("application/graphql", "text/plain", "application/x-www-form-urlencoded",
                 "application/json; charset=latin-1"):  # fmt: skip
        reply = ada.post({"query": "{ __typename }"}, content_type=type)
        assert (reply.status_code, reply.headers["accept-post"]) == (415, JSON)
    assert ada.post({"query": "{ __typename }"}, content_type="Application/JSON; charset=UTF-8").ok


def test_a_body_without_a_media_type(studio: Served) -> None:
    connection = HTTPConnection(urlsplit(studio.url).netloc, timeout=20)
    connection.putrequest("POST", "/graphql")
    body = b'{"query":"{ __typename }"}'
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    reply = connection.getresponse()
    assert (reply.status, reply.getheader("accept-post")) == (415, JSON)
    assert json.load(reply)["error"]["code"] == "UNSUPPORTED_MEDIA_TYPE"
    connection.close()


def test_a_token_that_is_none(studio: Served) -> None:
    for accept, where in ((RESPONSE, "errors"), (JSON, "error")):
        reply = requests.post(f"{studio.url}/graphql", json={"query": TASKS}, timeout=20,
                              headers={"authorization": "Bearer nonsense", "accept": accept})  # fmt: skip
        assert (reply.status_code, media_type(reply)) == (401, accept)
        assert reply.headers["www-authenticate"].startswith("Bearer ")
        assert reply.json().keys() == {where}
        told = reply.json()["error"] if where == "error" else reply.json()["errors"][0]["extensions"]
        assert told["code"] == "INVALID_CREDENTIALS"


# -- queries in the address -----------------------------------------------------------------------------------


def test_a_query_in_the_address(ada: Caller) -> None:
    several = f"query Other {{ __typename }} {TASKS}"
    asked = {"query": several, "operationName": "Tasks", "variables": '{"first": 2}', "extensions": "{}"}
    reply = ada.get({**asked, "utm": "1"})
    assert len(reply.json()["data"]["tasks"]["nodes"]) == 2
    assert reply.json() == ada.post({**asked, "variables": {"first": 2}, "extensions": {}}).json()
    for left_out in (
        {"query": TASKS},
        {"query": TASKS, "variables": ""},
        {"query": TASKS, "variables": "null"},
    ):
        assert ada.get(left_out).json() == ada.post({"query": TASKS}).json()


def test_an_address_that_cannot_be_understood(ada: Caller) -> None:
    unread = "is not JSON that can be read"
    for parameters, parameter, message in (
        ({}, "query", "Send a document as `query`, or the hash of one that is known."),
        ({"query": TASKS, "variables": "{"}, "variables", f"`variables` {unread}: Input data was truncated."),
        ({"query": TASKS, "variables": "[1]"}, "variables", "`variables` must be an object, not an array."),
        ({"query": TASKS, "extensions": "x"}, "extensions", f"`extensions` {unread}: Invalid character (byte 0)."),
    ):  # fmt: skip
        reply = ada.get(parameters)
        error = reply.json()["error"]
        assert (reply.status_code, error["code"], error["message"]) == (400, "INVALID_FORMAT", message)
        assert [one["parameter"] for one in error["details"]] == [parameter]
        assert ada.get(parameters, accept=RESPONSE).json()["errors"][0]["message"] == message


def test_a_mutation_in_the_address_is_refused(ada: Caller) -> None:
    made = 'mutation Make { createProject(input: {code: "GETS", name: "By GET"}) { project { id } } }'
    for parameters in (
        {"query": made},
        {"query": f"query Read {{ __typename }} {made}", "operationName": "Make"},
    ):
        for accept, where in ((RESPONSE, "errors"), (JSON, "error")):
            reply = ada.get(parameters, accept=accept)
            assert (reply.status_code, reply.headers["allow"]) == (405, "POST")
            assert reply.json().keys() == {where}
    read = ada.get({"query": f"query Read {{ __typename }} {made}", "operationName": "Read"})
    assert read.json()["data"] == {"__typename": "Query"}
    assert ada.post({"query": '{ project(id: "GETS") { id } }'}).json()["data"] == {"project": None}


def test_a_query_is_answered_again_only_if_its_answer_has_changed(ada: Caller) -> None:
    ada.post(
        {"query": 'mutation { createProject(input: {code: "TAGS", name: "One"}) { errors { message } } }'}
    )
    asked = {"query": "query($id: ID!) { project(id: $id) { name } }", "variables": '{"id": "TAGS"}'}
    first = ada.get(asked)
    assert first.headers["cache-control"] == "private, no-cache"
    again = ada.get(asked, if_none_match=first.headers["etag"])
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert {"Accept", "Authorization"} <= {name.strip() for name in again.headers["vary"].split(",")}
    head = ada.session.head(ada.url, params=asked, timeout=20)
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", first.headers["etag"])
    ada.post({"query": 'mutation { updateProject(input: {id: "TAGS", name: "Two"}) { errors { message } } }'})
    changed = ada.get(asked, if_none_match=first.headers["etag"])
    assert (changed.status_code, changed.json()["data"]["project"]["name"]) == (200, "Two")
    assert changed.headers["etag"] != first.headers["etag"]


def test_cursors_of_nested_pages_are_the_same_in_each_answer(ada: Caller) -> None:
    asked = {
        "query": """{ projects(first: 2, orderBy: [{code: ASC}]) { nodes {
            tasks(first: 2, where: {isLate: {isNull: false}}) { edges { cursor } pageInfo { startCursor endCursor } }
        } } }"""
    }
    first, second = ada.get(asked), ada.get(asked)
    (page, *_) = [project["tasks"] for project in first.json()["data"]["projects"]["nodes"]]
    cursors = [edge["cursor"] for edge in page["edges"]]
    assert len(set(cursors)) == 2
    assert page["pageInfo"]["endCursor"] == cursors[1]
    assert (second.content, second.headers["etag"]) == (first.content, first.headers["etag"])
    again = ada.get(asked, if_none_match=first.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")


# -- several operations at once -------------------------------------------------------------------------------


def test_a_batch_is_answered_in_its_order(ada: Caller) -> None:
    project = '{ project(id: "BATCH") { name } }'
    make = 'mutation { createProject(input: {code: "BATCH", name: "Made"}) { project { name } } }'
    rename = 'mutation { updateProject(input: {id: "BATCH", name: "Renamed"}) { project { name } } }'
    sent: list[Any] = [{"query": text} for text in (project, make, project, rename, project)]
    reply = ada.post([*sent, *({"query": f"{{ last{at}: __typename }}"} for at in range(5))])
    assert (reply.status_code, len(reply.json())) == (200, 10)
    answers = [next(iter(one["data"].values())) for one in reply.json()]
    assert answers[:5] == [
        None,
        {"project": {"name": "Made"}},
        {"name": "Made"},
        {"project": {"name": "Renamed"}},
        {"name": "Renamed"},
    ]
    assert [list(one["data"]) for one in reply.json()[5:]] == [[f"last{at}"] for at in range(5)]


@pytest.mark.parametrize("accept", [RESPONSE, JSON])
def test_what_is_wrong_in_a_batch_spoils_nothing_else(ada: Caller, accept: str) -> None:
    good = {"query": "{ __typename }"}
    bad: list[Any] = [{"query": "{"}, {"query": "{ nonsense }"}, {"query": 7}, 7, {}, [good],
                      {"query": "{ __typename }", "variables": 1}]  # fmt: skip
    reply = ada.post([good, *bad, good], accept=accept)
    assert (reply.status_code, media_type(reply)) == (200, accept)
    first, *refused, last = reply.json()
    assert first["data"] == last["data"] == {"__typename": "Query"}
    assert [codes(one) for one in refused] == [["INVALID_FORMAT"]] * len(bad)
    assert all("data" not in one for one in refused)


# -- other pages and other methods ----------------------------------------------------------------------------


def test_what_may_be_sent_and_by_whom(ada: Caller) -> None:
    reply = ada.session.options(ada.url, timeout=20)
    assert (reply.status_code, reply.headers["allow"]) == (204, "GET, HEAD, POST, OPTIONS")
    assert reply.headers["accept-post"] == JSON
    for method in ("PUT", "PATCH", "DELETE"):
        reply = ada.session.request(method, ada.url, json={"query": "{ __typename }"}, timeout=20)
        assert (reply.status_code, reply.headers["allow"]) == (405, "GET, HEAD, POST, OPTIONS")


def test_a_page_of_this_machine_may_ask(ada: Caller) -> None:
    asked = {"origin": "http://localhost:5173", "access-control-request-method": "POST",
             "access-control-request-headers": "authorization,content-type"}  # fmt: skip
    reply = ada.session.options(ada.url, headers=asked, timeout=20)
    assert reply.status_code == 204
    assert reply.headers["access-control-allow-origin"] == "http://localhost:5173"
    assert "POST" in reply.headers["access-control-allow-methods"]
    assert {"Authorization", "Content-Type"} <= {
        name.strip() for name in reply.headers["access-control-allow-headers"].split(",")
    }
    for origin, granted in (("http://localhost:5173", True), ("https://elsewhere.example", False)):
        reply = ada.post({"query": "{ __typename }"}, origin=origin)
        assert reply.ok
        assert (reply.headers.get("access-control-allow-origin") == origin) is granted


# -- the schema -----------------------------------------------------------------------------------------------


def test_the_schema_can_be_downloaded(ada: Caller) -> None:
    for path, type, begins in (
        ("schema.graphql", "application/graphql", '"""'),
        ("schema.json", JSON, '{"data":{"__schema":'),
    ):
        reply = ada.session.get(f"{ada.url}/{path}", timeout=20)
        assert (reply.status_code, media_type(reply)) == (200, type)
        assert reply.text.startswith(begins)
        tag = {"if-none-match": reply.headers["etag"]}
        assert ada.session.get(f"{ada.url}/{path}", headers=tag, timeout=20).status_code == 304

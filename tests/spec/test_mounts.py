"""Applications that authors mount: they share authentication, rules, limits, errors and the log, over real sockets."""

import asyncio
import http.client
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from headwater import App, caller
from headwater.base.errors import DeclarationError, DeclarationErrors
from headwater.db.base import open_files
from headwater.testing import client
from tests.served import Served, serving
from tests.spec.mounted import Book, app, plain, reports
from tests.stores import SHARED, drop, new_database

ROLES = {"ada": "user", "ben": "user", "eve": "editor"}
NOBODY: dict[str, str] = {}


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('mounts') / 'test.db'}"
        return
    found = new_database(os.environ[SHARED])
    yield found
    drop(found)


@pytest.fixture(scope="module")
def library(url: str) -> Iterator[Served]:
    settings = {"BODY_LIMIT": "2KiB", "CORS_ORIGINS": "https://shop.example", "REQUEST_TIMEOUT": "2s"}
    with serving("tests.spec.mounted:app", url, ROLES, **settings) as served:
        yield served


def ask(library: Served, method: str, path: str, who: str | None = None, **more: Any) -> requests.Response:
    """One request on a connection of its own."""
    headers = {**(library.accounts[who].headers if who else NOBODY), **more.pop("headers", {})}
    return requests.request(
        method, library.url + path, headers=headers, timeout=20, allow_redirects=False, **more
    )


def add(library: Served, who: str, title: str, **more: Any) -> requests.Response:
    body = {"title": title, "owner": library.accounts[who].id, **more}
    return ask(library, "POST", "/reports/books", who, json=body)


# -- the caller --------------------------------------------------------------------------------------------


def test_a_mounted_application_knows_the_caller(library: Served) -> None:
    mine = ask(library, "GET", "/reports/me", "ada", headers={"X-Request-Id": "req_mine"})
    assert mine.json() == {"id": library.accounts["ada"].id, "signedIn": True, "requestId": "req_mine"}
    assert mine.headers["X-Request-Id"] == "req_mine"
    nobody = ask(library, "GET", "/reports/me")
    assert nobody.json() == {"id": None, "signedIn": False, "requestId": nobody.headers["X-Request-Id"]}


@pytest.mark.parametrize("path", ["/reports/me", "/pages/hello", "/routed/hello", "/plain/x"])
def test_a_bad_token_is_refused_before_the_application(library: Served, path: str) -> None:
    answer = ask(library, "GET", path, headers={"Authorization": "Bearer nonsense"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "INVALID_CREDENTIALS")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_the_rules_of_the_caller_hold_for_what_is_read(library: Served) -> None:
    assert add(library, "ada", "Emma").status_code == 201
    assert add(library, "ben", "Dune").status_code == 201
    titles = {who: [b["title"] for b in ask(library, "GET", "/reports/books", who).json()] for who in ROLES}
    assert "Emma" in titles["ada"]
    assert "Dune" not in titles["ada"]
    assert "Dune" in titles["ben"]
    assert "Emma" not in titles["ben"]
    assert {"Emma", "Dune"} <= set(titles["eve"])
    refused = ask(library, "GET", "/reports/books")
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "AUTHENTICATION_REQUIRED")


def test_a_masked_field_is_none_and_cannot_be_asked_about(library: Served) -> None:
    add(library, "ada", "Masked")
    assert {b["price"] for b in ask(library, "GET", "/reports/books", "ada").json()} == {None}
    assert {b["price"] for b in ask(library, "GET", "/reports/books", "eve").json()} == {7}
    refused = ask(library, "GET", "/reports/dear", "ada")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "INSUFFICIENT_PERMISSIONS")
    assert "Masked" in ask(library, "GET", "/reports/dear", "eve").json()


def test_the_rules_of_the_caller_hold_for_what_is_written(library: Served) -> None:
    id = add(library, "ada", "Mine").json()["id"]
    assert (
        ask(library, "POST", f"/reports/books/{id}/rename", "ada", json={"title": "Still"}).status_code == 200
    )
    assert ask(library, "GET", f"/reports/books/{id}", "ada").json() == {"title": "Still"}
    for method, path in (("GET", ""), ("POST", "/rename"), ("DELETE", "")):
        theirs = ask(library, method, f"/reports/books/{id}{path}", "ben", json={"title": "Theirs"})
        assert (theirs.status_code, theirs.json()["error"]["code"]) == (404, "RESOURCE_NOT_FOUND"), method
    locked = add(library, "ada", "Dear", price=3)
    assert (locked.status_code, locked.json()["error"]["code"]) == (403, "INSUFFICIENT_PERMISSIONS")
    assert add(library, "eve", "Dear", price=3).status_code == 201
    stolen = ask(library, "POST", "/reports/books", "ada",
                 json={"title": "Gift", "owner": library.accounts["ben"].id})  # fmt: skip
    assert stolen.status_code == 403
    nobody = ask(library, "POST", "/reports/books", json={"title": "Gift", "owner": "x"})
    assert (nobody.status_code, nobody.json()["error"]["code"]) == (401, "AUTHENTICATION_REQUIRED")
    too_long = add(library, "ada", "x" * 30)
    assert too_long.json()["error"]["details"][0]["field"] == "title"
    assert ask(library, "DELETE", f"/reports/books/{id}", "ada").status_code == 200
    assert ask(library, "GET", f"/api/v1/books/{id}", "ada").status_code == 404


def test_work_with_the_rights_of_the_product_sees_all(library: Served) -> None:
    add(library, "ben", "Counted")
    assert ask(library, "GET", "/reports/count").json() > len(
        ask(library, "GET", "/reports/books", "ada").json()
    )


def test_a_permission_can_be_demanded(library: Served) -> None:
    statuses = [ask(library, "GET", "/reports/secret", who).status_code for who in (None, "ada", "eve")]
    assert statuses == [401, 403, 200]
    told = ask(library, "GET", "/reports/secret", "ada").json()["error"]["details"]
    assert told[0]["requiredPermission"] == "write:content"


# -- around it -----------------------------------------------------------------------------------------------


def test_answers_carry_the_headers_of_all_answers(library: Served) -> None:
    here = ask(library, "GET", "/reports/me", headers={"Origin": "https://shop.example"})
    assert here.headers["X-Content-Type-Options"] == "nosniff"
    assert here.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    framed = ask(library, "GET", "/pages/hello")
    assert framed.headers["X-Frame-Options"] == "SAMEORIGIN"  # its own word wins
    assert framed.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/reports/json", "/pages/wide", "/plain/x"])
def test_a_page_of_another_origin_may_ask(library: Served, path: str) -> None:
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    answer = ask(library, "OPTIONS", path, headers=asked)
    assert answer.status_code == 204
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]


def test_requests_are_logged_with_their_mount(library: Served) -> None:
    answer = ask(library, "GET", "/reports/me?secret=1", "ada")
    (line,) = library.logged(answer.headers["X-Request-Id"])
    found = json.loads(line)
    assert (found["path"], found["route"], found["status"]) == ("/reports/me", "/reports/*", 200)
    assert found["actor"] == library.accounts["ada"].id


def test_a_bug_answers_500_without_its_innards(library: Served) -> None:
    for accept, media_type in (("*/*", "application/json"), ("application/problem+json",) * 2):
        answer = ask(library, "GET", "/reports/bug", headers={"Accept": accept})
        assert answer.status_code == 500
        assert answer.headers["Content-Type"] == media_type
        assert "innards" not in answer.text
        found = answer.json().get("error", answer.json())
        assert (found["code"], found["requestId"]) == ("INTERNAL_ERROR", answer.headers["X-Request-Id"])
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert any("the innards" in line for line in library.logged(answer.headers["X-Request-Id"]))


def test_what_ends_without_an_answer_is_a_bug(library: Served) -> None:
    assert ask(library, "GET", "/plain/silent").json()["error"]["code"] == "INTERNAL_ERROR"


def test_a_fault_of_the_author_is_rendered(library: Served) -> None:
    answer = ask(library, "GET", "/plain/fault")
    assert (answer.status_code, answer.json()["error"]["message"]) == (409, "Somebody else has the key.")


def test_answers_of_its_own_are_left_alone(library: Served) -> None:
    missing = ask(library, "GET", "/reports/nothing/here")
    assert (missing.status_code, missing.json()) == (404, {"detail": "Not Found"})
    invalid = ask(library, "POST", "/reports/json", data="[", headers={"Content-Type": "application/json"})
    assert invalid.status_code == 422
    own = ask(library, "GET", "/plain/refused")
    assert (own.status_code, own.text) == (500, "an answer of my own")


def test_a_body_is_limited(library: Served) -> None:
    assert ask(library, "POST", "/reports/echo", data=b"x" * 2048).content == b"x" * 2048
    for path, media_type in (("/reports/echo", "text/plain"), ("/reports/json", "application/json")):
        declared = ask(library, "POST", path, data=b"x" * 2049, headers={"Content-Type": media_type})
        assert (declared.status_code, declared.json()["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE"), path
        chunked = ask(
            library, "POST", path, data=iter([b"x" * 1500] * 2), headers={"Content-Type": media_type}
        )
        assert (chunked.status_code, chunked.json()["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE"), path


def test_a_body_that_does_not_arrive_is_given_up(library: Served) -> None:
    with socket.create_connection(("127.0.0.1", urlsplit(library.url).port or 0), timeout=10) as peer:
        peer.sendall(b"POST /reports/json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                     b"Content-Length: 10\r\n\r\n{")  # fmt: skip
        assert peer.recv(1 << 16).startswith(b"HTTP/1.1 408 ")


# -- answers ------------------------------------------------------------------------------------------------


def test_an_answer_streams(library: Served) -> None:
    began = time.monotonic()
    answer = ask(library, "GET", "/reports/ticks", "ada", stream=True)
    arrived = [(bytes(part), time.monotonic() - began) for part in answer.iter_content(None)]
    assert b"".join(part for part, _ in arrived) == b"0\n1\n2\n3\n4\n"
    assert arrived[-1][1] - arrived[0][1] > 0.4, arrived
    assert answer.headers["X-Request-Id"]


def test_a_failure_within_a_stream_breaks_it_off_and_is_logged(library: Served) -> None:
    answer = ask(
        library, "GET", "/reports/broken-stream", stream=True, headers={"X-Request-Id": "req_broken"}
    )
    assert answer.status_code == 200
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        assert answer.content
    assert any("the innards, later" in line for line in library.logged("req_broken"))


def test_a_task_behind_the_answer_does_not_hold_it_up(library: Served) -> None:
    answer = ask(library, "GET", "/reports/later", headers={"X-Request-Id": "req_later"})
    assert (answer.json(), answer.elapsed.total_seconds() < 0.25) == ("at once", True)
    assert any("a failure behind the answer" in line for line in library.logged("a failure behind"))
    assert "done later" in ask(library, "GET", "/reports").json()["events"]


def test_head_is_answered_without_a_body(library: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(library.url).port or 0, timeout=10)
    for _ in range(2):  # a second time on the same connection: nothing was left behind
        connection.request("HEAD", "/pages/hello")
        answer = connection.getresponse()
        assert (answer.status, answer.read(), answer.headers["Content-Length"]) == (200, b"", "11")
    connection.close()


def test_paths_are_told_as_asgi_says(library: Served) -> None:
    assert ask(library, "GET", "/plain/a%2Fb/").text == "GET /plain/a/b/ /plain /plain/a%2Fb/"
    assert ask(library, "QUERY", "/plain").text == "QUERY /plain/ /plain /plain/"
    assert ask(library, "GET", "/reports").json()["root"] == "/reports"
    assert ask(library, "GET", "/reports/").json()["root"] == "/reports"
    assert ask(library, "GET", "/reporting").json()["error"]["code"] == "RESOURCE_NOT_FOUND"
    assert ask(library, "GET", "/routed/hello", "ada").json() == {"signedIn": True}


def test_the_lifespan_runs_and_its_state_is_there(url: str) -> None:
    with serving(
        "tests.spec.mounted:app", f"{url}.life" if url.startswith("sqlite") else url, NOBODY
    ) as library:
        assert ask(library, "GET", "/reports").json()["desk"] == "front"
        assert ask(library, "GET", "/reports").json()["events"] == ["started"]


def test_websockets_are_refused_with_the_reason(library: Served) -> None:
    asked = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
             "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}  # fmt: skip
    answer = ask(library, "GET", "/reports/live", headers=asked)
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        404,
        "Nothing below /reports speaks WebSocket: ask it by HTTP.",
    )


def test_the_document_tells_of_the_api_alone(library: Served) -> None:
    document = ask(library, "GET", "/api/openapi.json").json()
    assert document == json.loads(json.dumps(app.openapi()))
    assert not [path for path in document["paths"] if "reports" in path]
    assert ask(library, "GET", "/reports/openapi.json").json()["info"]["title"] == "Reports"


# -- at the start --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "taken"),
    [("/", "GET /"), ("/api", "GET /api/v1"), ("/api/v1", "GET /api/v1"), ("/api/v1/books", "GET /api/v1/books"),
     ("/api/v1/books/extra", "GET /api/v1/books/{id}"), ("/health", "GET /health/live"), ("/errors/x", "GET /errors/")],
)  # fmt: skip
def test_a_path_of_the_api_is_refused_with_the_mend(path: str, taken: str) -> None:
    with pytest.raises(DeclarationErrors) as refused:
        App(title="Library", resources=[Book], mounts={path: reports}).asgi()
    assert f"where {taken}" in str(refused.value)
    assert "Mend: mount it at a path of its own, such as /reports." in str(refused.value)


@pytest.mark.parametrize("mounts", [["/a", "/a/b"], ["/a", "/a/"]])
def test_a_mount_does_not_lie_within_another(mounts: list[str]) -> None:
    with pytest.raises(DeclarationErrors, match="Mend"):
        App(title="Library", resources=[Book], mounts=dict.fromkeys(mounts, plain)).route_table()


@pytest.mark.parametrize("path", ["reports", "/{id}", "/a//b"])
def test_a_mounts_path_is_plain(path: str) -> None:
    with pytest.raises(DeclarationErrors):
        App(title="Library", resources=[Book], mounts={path: plain}).asgi()


def test_what_is_no_application_is_refused() -> None:
    with pytest.raises(
        DeclarationError, match=r"mounted at /x: 'reports:app' is no ASGI application\. Mend: mount"
    ):
        App(title="Library", resources=[Book], mounts={"/x": "reports:app"}).asgi()


def test_mounts_are_listed_with_the_routes() -> None:
    listed = {route.template: route.doc for route in app.route_table() if route.method == "*"}
    assert listed == {
        "/reports/*": "Mounted: Reports.",
        "/pages/*": "Mounted: Starlette.",
        "/routed/*": "Mounted: routed.",
        "/plain/*": "Mounted: function.",
    }


async def test_a_failing_start_says_which_application(tmp_path: Path) -> None:
    stopped: list[str] = []

    def application(name: str) -> Any:
        async def asked(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            if name == "b":
                await send({"type": "lifespan.startup.failed", "message": "no ink"})
                return
            await send({"type": "lifespan.startup.complete"})
            await receive()
            stopped.append(name)
            await send({"type": "lifespan.shutdown.complete"})

        return asked

    mounts = {f"/{name}": application(name) for name in "abc"}
    opened = open_files.total()
    with pytest.raises(
        DeclarationError, match=r"at /b: the application did not get through .* startup: no ink"
    ):
        async with client(App(title="Library", resources=[Book], mounts=mounts)):
            pass
    assert stopped == ["a"]
    assert open_files.total() == opened  # what a test could not start leaves no database open behind it


@pytest.mark.parametrize("when", ["at once", "later", "at the end"])
async def test_a_lifespan_that_fails_behind_its_start_is_told(
    when: str, caplog: pytest.LogCaptureFixture
) -> None:
    failing = asyncio.Event()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        if when == "later":
            await failing.wait()
        elif when == "at the end":
            await receive()
        raise ConnectionError("the ink has run out")

    app = App(title="Library", resources=[Book], mounts={"/press": application})
    async with client(app) as visitor:
        failing.set()
        assert (await visitor.get("/health/live")).status == 200
    [told] = [record for record in caplog.records if record.name == "headwater"]
    assert told.getMessage() == "The lifespan of what is mounted at /press has failed."
    assert told.exc_info is not None
    assert str(told.exc_info[1]) == "the ink has run out"


def test_a_request_from_elsewhere_has_no_caller() -> None:
    with pytest.raises(LookupError, match="mount the application there"):
        caller({"type": "http"})

"""Middleware of authors: plain ASGI, around everything that is answered, behind the request id and the caller."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import requests

from headwater import App
from headwater.base.errors import DeclarationError
from headwater.testing import client
from tests.served import Served, serving
from tests.spec.mounted import Book, Marks

ROLES = {"ada": "user"}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    url = f"sqlite:///{tmp_path_factory.mktemp('middleware') / 'test.db'}"
    with serving("tests.spec.mounted:surrounded", url, ROLES, CORS_ORIGINS="*") as served:
        yield served


def ask(library: Served, method: str, path: str, who: str | None = None, **more: Any) -> requests.Response:
    headers = {**(library.accounts[who].headers if who else {}), **more.pop("headers", {})}
    return requests.request(method, library.url + path, headers=headers, timeout=20, **more)


@pytest.mark.parametrize(
    ("method", "path", "status", "more"),
    [
        ("GET", "/api/v1/books", 200, {}),
        ("HEAD", "/api/v1/books", 200, {}),
        ("POST", "/api/v1/books", 400, {"json": {}}),
        ("POST", "/api/v1/books", 415, {"data": "x", "headers": {"Content-Type": "text/plain"}}),
        ("GET", "/nowhere", 404, {}),
        ("DELETE", "/api/v1/books", 405, {}),
        ("GET", "/reports/me", 200, {}),
        ("GET", "/reports/bug", 500, {}),
        ("OPTIONS", "/api/v1/books", 204, {}),
    ],
)
def test_every_answer_passes_through(
    library: Served, method: str, path: str, status: int, more: dict[str, Any]
) -> None:
    answer = ask(library, method, path, "ada", **more)
    id = answer.headers["X-Request-Id"]
    # What needs no token, such as a path that is not there, does not look at it.
    who = library.accounts["ada"].id if status not in (404, 405, 204) else None
    assert answer.status_code == status
    assert answer.headers["X-Outer"] == answer.headers["X-Mark"] == f"{status} {who} {id}"
    assert answer.headers["X-Shout"] == "HEY"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    length = answer.headers.get("Content-Length")
    assert method == "HEAD" or length is None or len(answer.content) == int(length)


def test_a_refused_token_passes_through_as_nobodys(library: Served) -> None:
    answer = ask(library, "GET", "/api/v1/books", headers={"Authorization": "Bearer nonsense"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "INVALID_CREDENTIALS")
    assert answer.headers["X-Mark"] == f"401 None {answer.headers['X-Request-Id']}"


def test_it_can_answer_by_itself(library: Served) -> None:
    answer = ask(library, "GET", "/short", "ada")
    assert (answer.status_code, answer.json()) == (418, {"short": True})
    assert "X-Mark" not in answer.headers  # which lies further in
    assert answer.headers["X-Outer"].startswith("418 ")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert library.logged(answer.headers["X-Request-Id"])


def test_what_it_raises_is_answered_like_all_errors(library: Served) -> None:
    closed = ask(library, "GET", "/reports/night")
    assert (closed.status_code, closed.json()["error"]["message"]) == (503, "Closed for the night.")
    assert closed.headers["Retry-After"] == "60"
    bug = ask(library, "GET", "/trapdoor")
    assert (bug.status_code, bug.json()["error"]["code"]) == (500, "INTERNAL_ERROR")
    assert any("the innards of a middleware" in line for line in library.logged(bug.headers["X-Request-Id"]))


def test_it_can_change_what_is_asked(library: Served) -> None:
    mine = {"title": "Emma", "owner": library.accounts["ada"].id}
    made = ask(library, "POST", "/old-api/books", "ada", json=mine)
    assert (made.status_code, made.headers["Location"]) == (201, f"/api/v1/books/{made.json()['data']['id']}")
    place = made.headers["Location"]
    assert ask(library, "POST", "/old-api/books", json=mine).status_code == 401
    bad = ask(library, "POST", "/old-api/books", json=mine, headers={"Authorization": "Bearer nonsense"})
    assert bad.status_code == 401
    over = {"X-HTTP-Method-Override": "PATCH"}
    changed = ask(library, "POST", place, "ada", json={"title": "Persuasion"}, headers=over)
    assert (changed.status_code, changed.json()["data"]["title"]) == (200, "Persuasion")


def test_an_application_behind_it_sees_what_it_adds(library: Served) -> None:
    assert ask(library, "GET", "/reports").json()["door"] == "open"
    ticks = ask(library, "GET", "/reports/ticks", stream=True)
    assert b"".join(ticks.iter_content(None)) == b"0\n1\n2\n3\n4\n"
    assert ticks.headers["X-Outer"].startswith("200 ")


async def test_it_may_read_the_body_and_hand_it_on() -> None:
    seen: list[bytes] = []

    def reading(app: Any) -> Any:
        async def asked(scope: Any, receive: Any, send: Any) -> None:
            message = await receive()
            seen.append(message["body"])

            async def again() -> Any:
                return message

            await app(scope, again, send)

        return asked

    async with client(App(title="Library", resources=[Book], middleware=[reading])) as visitor:
        ada = await visitor.sign_up("ada")
        reply = await ada.post("/api/v1/books", {"title": "Emma", "owner": ada.id})
        assert (reply.status, reply.data["title"]) == (201, "Emma")
        assert b"Emma" in seen[0]


@pytest.mark.parametrize("entry", ["Timing", 7, (Marks, {"name": "x"})])
def test_what_is_no_middleware_is_refused_with_the_mend(entry: Any) -> None:
    with pytest.raises(DeclarationError, match=r"is no middleware\. Mend: give a class or function"):
        App(title="Library", resources=[Book], middleware=[entry]).asgi()


def test_functions_with_arguments_are_middleware() -> None:
    App(
        title="Library", resources=[Book], middleware=[partial(Marks, name="X-Other"), lambda app: app]
    ).asgi()

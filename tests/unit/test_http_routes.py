"""The route table: what a path means, and what is said of the rest."""

import asyncio

import pytest

from headwater.base.errors import DeclarationErrors, Fault
from headwater.http.exchange import Exchange, Response
from headwater.http.routes import NOT_FOUND, Route, Routes


async def handler(exchange: Exchange) -> Response:
    return Response(200, [])


def route(line: str, name: str = "", accepts: tuple[str, ...] = ()) -> Route:
    method, template = line.split()
    return Route(method, template, handler, name or line, accepts=accepts)


TABLE = Routes(
    [
        route("GET /"),
        route("GET /tasks"),
        route("POST /tasks", accepts=("application/json",)),
        route("GET /tasks/{id}"),
        route("PATCH /tasks/{id}", accepts=("application/merge-patch+json", "application/json")),
        route("POST /tasks/search"),
        route("GET /{kind}/{key}/notes"),
        route("GET /tasks/{id}/people/{person}"),
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "name", "parameters"),
    [
        ("GET", "/", "GET /", {}),
        ("GET", "/tasks", "GET /tasks", {}),
        ("GET", "/tasks/", "GET /tasks", {}),
        ("HEAD", "/tasks", "GET /tasks", {}),
        ("GET", "/tasks/7", "GET /tasks/{id}", {"id": "7"}),
        ("GET", "/tasks/7/", "GET /tasks/{id}", {"id": "7"}),
        ("GET", "/tasks/a%2Fb%20c", "GET /tasks/{id}", {"id": "a/b c"}),
        ("GET", "/tasks/e%CC%81", "GET /tasks/{id}", {"id": "\u00e9"}),
        ("GET", "/t%61sks/7", "GET /tasks/{id}", {"id": "7"}),
        ("POST", "/tasks/search", "POST /tasks/search", {}),
        ("GET", "/tasks/search", "GET /tasks/{id}", {"id": "search"}),
        ("GET", "/tasks/7/notes", "GET /{kind}/{key}/notes", {"kind": "tasks", "key": "7"}),
        ("GET", "/shots/7/notes", "GET /{kind}/{key}/notes", {"kind": "shots", "key": "7"}),
        ("GET", "/tasks/7/people/8", "GET /tasks/{id}/people/{person}", {"id": "7", "person": "8"}),
    ],
)
def test_finds(method: str, path: str, name: str, parameters: dict[str, str]) -> None:
    found, given = TABLE.find(method, path)
    assert (found.name, given) == (name, parameters)


@pytest.mark.parametrize(
    "path",
    [
        "//",
        "/tasks//",
        "/task",
        "/tasks/7/other",
        "/tasks//notes",
        "//7/notes",
        "/tasks/%00",
        "/tasks/%FF",
        "x",
    ],
)
def test_everything_else_is_not_found(path: str) -> None:
    assert TABLE.find("GET", path) == (NOT_FOUND, {})


def ask(table: Routes, method: str, path: str) -> Response:
    found, parameters = table.find(method, path)
    scope = {"type": "http", "method": method, "query_string": b"", "headers": []}

    async def receive() -> dict[str, object]:
        raise AssertionError("no body is read here")

    async def run() -> Response:
        return await found.handler(Exchange(scope, receive, path, found, parameters))

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/tasks", "GET, HEAD, POST, OPTIONS"),
        ("PUT", "/tasks/7", "GET, HEAD, PATCH, OPTIONS"),
        ("BREW", "/tasks/search", "GET, HEAD, POST, PATCH, OPTIONS"),
    ],
)
def test_405_tells_the_true_methods(method: str, path: str, allow: str) -> None:
    with pytest.raises(Fault) as caught:
        ask(TABLE, method, path)
    assert caught.value.status == 405
    assert caught.value.headers["Allow"] == allow


def test_options_tells_methods_and_media_types() -> None:
    response = ask(TABLE, "OPTIONS", "/tasks/7")
    assert response.status == 204
    assert dict(response.headers) == {
        b"allow": b"GET, HEAD, PATCH, OPTIONS",
        b"accept-patch": b"application/merge-patch+json, application/json",
    }
    assert ask(TABLE, "OPTIONS", "/tasks").header(b"accept-post") == b"application/json"


def test_the_table_can_be_listed_in_the_given_order() -> None:
    assert [r.name for r in TABLE][:3] == ["GET /", "GET /tasks", "POST /tasks"]


def test_all_mistakes_are_told_at_start() -> None:
    with pytest.raises(DeclarationErrors) as caught:
        Routes(
            [
                route("GET /a/{id}", "first"),
                route("GET /a/{key}", "second"),
                route("GET /b/", "slashed"),
                route("GET /c/x{id}", "half"),
                route("get /d", "small"),
                route("GET /e/{id}/{id}", "twice"),
            ]
        )
    told = str(caught.value)
    assert len(caught.value.errors) == 5
    for part in ("first", "second", "GET /b/", "x{id}", "capitals", "twice"):
        assert part in told

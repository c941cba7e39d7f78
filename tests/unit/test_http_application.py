"""The ASGI application with its middleware, driven as a server drives it."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
import pytest

from headwater.base.call import Actor
from headwater.base.config import Config
from headwater.base.errors import Fault
from headwater.base.observe import Observation, Observers, RequestServed, UnexpectedFailure
from headwater.db.base import Contended, Interrupted, Unavailable
from headwater.http.application import CLIENT_GONE, Application
from headwater.http.envelopes import JSON_TYPE, json_response, one
from headwater.http.exchange import Exchange, Middleware, Response
from headwater.http.formats import read_body
from headwater.http.middleware.standard import standard
from headwater.http.routes import Route
from headwater.http.tags import etag, tagged
from headwater.surfaces.describe.messages import HEADERS

ROW = '{"id":"task_1"}'
Act = Callable[[Exchange], Awaitable[Response]]


class Tokens:
    """Knows one token."""

    async def actor(self, token: str) -> Actor:
        if token == "stale":
            raise Fault("TOKEN_EXPIRED")
        if token != "good":
            raise Fault("INVALID_CREDENTIALS", 'No such "token".')
        return Actor("user_1")


class Answer:
    """What the application sent."""

    def __init__(self, messages: list[dict[str, Any]]) -> None:
        assert [m["type"] for m in messages] == ["http.response.start", "http.response.body"]
        self.status: int = messages[0]["status"]
        self.pairs: list[tuple[bytes, bytes]] = messages[0]["headers"]
        self.headers = {name.decode(): value.decode() for name, value in self.pairs}
        self.body: bytes = messages[1]["body"]

    @property
    def error(self) -> dict[str, Any]:
        error: dict[str, Any] = msgspec.json.decode(self.body)["error"]
        return error


class Client:
    def __init__(
        self, *routes: Route, config: Config | None = None, middleware: Sequence[Middleware] | None = None
    ):
        self.seen: list[Observation] = []
        self.observers = Observers()
        self.observers.add(self.seen.append)
        config = config or Config()
        layers = standard(config, self.observers, Tokens()) if middleware is None else middleware
        self.application = Application(routes, layers, config=config, observers=self.observers)

    def messages(
        self, method: str, path: str, headers: dict[str, str], parts: Sequence[bytes | None], scheme: str
    ) -> list[dict[str, Any]]:
        raw, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": raw,
            "raw_path": raw.encode(),
            "query_string": query.encode(),
            "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
            "http_version": "1.1",
            "scheme": scheme,
            "client": ("192.0.2.1", 5),
        }
        incoming = list(parts)
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if not incoming:
                await asyncio.sleep(60)
            part = incoming.pop(0)
            if part is None:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": part, "more_body": bool(incoming) or len(parts) > 9}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        asyncio.run(self.application(scope, receive, send))
        return sent

    def __call__(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        parts: Sequence[bytes | None] = (b"",),
        scheme: str = "http",
    ) -> Answer:
        return Answer(self.messages(method, path, headers or {}, parts, scheme))

    def served(self) -> RequestServed:
        (last,) = [o for o in self.seen if isinstance(o, RequestServed)]
        return last


def task(handler: Act, method: str = "GET", **facts: Any) -> Route:
    return Route(method, "/tasks/{id}", handler, "task", **facts)


async def read(exchange: Exchange) -> Response:
    body = one(ROW, exchange.request_id)
    return tagged(exchange, etag(ROW.encode(), 3), Response(200, [JSON_TYPE], body))


async def echo(exchange: Exchange) -> Response:
    return json_response({"data": await read_body(exchange)})


async def who(exchange: Exchange) -> Response:
    call = exchange.call
    return json_response([call.actor.id, call.request_id, exchange.traceparent, call.deadline is not None])


class TestContext:
    def test_a_valid_request_id_is_kept(self) -> None:
        answer = Client(task(read))("GET", "/tasks/1", {"X-Request-Id": "abc-DEF_9"})
        assert answer.headers["x-request-id"] == "abc-DEF_9"
        assert b'"requestId":"abc-DEF_9"' in answer.body

    @pytest.mark.parametrize("sent", ["", "a b", "x" * 65, 'a"b', "é"])
    def test_any_other_is_replaced(self, sent: str) -> None:
        answer = Client(task(read))("GET", "/tasks/1", {"X-Request-Id": sent})
        assert re.fullmatch(r"req_[0-9a-f]{24}", answer.headers["x-request-id"])

    def test_ids_differ(self) -> None:
        client = Client(task(read))
        assert len({client("GET", "/tasks/1").headers["x-request-id"] for _ in range(50)}) == 50

    def test_a_trace_is_continued_in_a_new_span(self) -> None:
        trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
        client = Client(task(who))
        continued = msgspec.json.decode(
            client("GET", "/tasks/1", {"traceparent": f"00-{trace}-{span}-01"}).body
        )[2].split("-")
        assert continued[1] == trace
        assert continued[2] != span
        assert continued[3] == "01"
        assert client.served().trace == trace

    @pytest.mark.parametrize(
        "sent",
        [
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "nonsense",
        ],
    )
    def test_an_invalid_trace_is_started_again(self, sent: str) -> None:
        value = msgspec.json.decode(Client(task(who))("GET", "/tasks/1", {"traceparent": sent}).body)[2]
        assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", value)
        assert "af7651916cd43dd8448eb211c80319c" not in value.lower()

    def test_a_future_version_of_a_trace_is_continued(self) -> None:
        sent = "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more"
        value = msgspec.json.decode(Client(task(who))("GET", "/tasks/1", {"traceparent": sent}).body)[2]
        assert value.startswith("00-0af7651916cd43dd8448eb211c80319c-")

    def test_each_request_is_observed_once(self) -> None:
        client = Client(task(read))
        client("GET", "/tasks/1?x=y", {"Authorization": "Bearer good", "X-Request-Id": "r1"})
        seen = client.served()
        assert (seen.request_id, seen.method, seen.path, seen.route) == (
            "r1",
            "GET",
            "/tasks/1",
            "/tasks/{id}",
        )
        assert (seen.status, seen.actor, seen.trace) == (200, "user_1", None)
        assert 0 < seen.seconds < 5


class TestAuthentication:
    def test_nobody_and_somebody(self) -> None:
        client = Client(task(who))
        actor, request_id, _, has_deadline = msgspec.json.decode(client("GET", "/tasks/1").body)
        assert (actor, has_deadline) == (None, True)
        assert request_id.startswith("req_")
        answer = client("GET", "/tasks/1", {"Authorization": "bearer good"})
        assert msgspec.json.decode(answer.body)[0] == "user_1"

    @pytest.mark.parametrize(
        ("sent", "code"),
        [
            ("Bearer stale", "TOKEN_EXPIRED"),
            ("Bearer bad", "INVALID_CREDENTIALS"),
            ("Basic Z29vZA==", "INVALID_CREDENTIALS"),
            ("Bearer", "INVALID_CREDENTIALS"),
            ("Bearer \xff", "INVALID_CREDENTIALS"),
        ],
    )
    def test_a_bad_token_is_401_with_a_challenge(self, sent: str, code: str) -> None:
        answer = Client(task(who))("GET", "/tasks/1", {"Authorization": sent})
        assert (answer.status, answer.error["code"]) == (401, code)
        challenge = answer.headers["www-authenticate"]
        assert re.fullmatch(
            r'Bearer realm="headwater", error="invalid_token", error_description="[^"\\]+"', challenge
        )

    def test_routes_that_do_not_authenticate_ignore_stale_tokens(self) -> None:
        client = Client(task(who, authenticates=False))
        answer = client("GET", "/tasks/1", {"Authorization": "Bearer stale"})
        assert (answer.status, msgspec.json.decode(answer.body)[0]) == (200, None)
        assert client("GET", "/nowhere", {"Authorization": "Bearer stale"}).status == 404


async def fail(exchange: Exchange) -> Response:
    raise ValueError("a secret of the house")


class TestErrors:
    def test_a_bug_is_500_without_internals(self) -> None:
        client = Client(task(fail))
        answer = client("GET", "/tasks/1")
        assert answer.status == 500
        assert answer.error["code"] == "INTERNAL_ERROR"
        assert b"secret" not in answer.body
        (failure,) = [o for o in client.seen if isinstance(o, UnexpectedFailure)]
        assert failure.request_id == answer.headers["x-request-id"] == answer.error["requestId"]
        assert isinstance(failure.error, ValueError)
        assert client.served().status == 500

    def test_a_bug_in_middleware_is_500_too(self) -> None:
        client = Client(task(read), middleware=[lambda handler: fail])
        assert client("GET", "/tasks/1").error["code"] == "INTERNAL_ERROR"

    @pytest.mark.parametrize(
        ("error", "code", "retry_after"),
        [
            (Unavailable("down", retry_after=7), "DATABASE_ERROR", 7),
            (Contended(), "DATABASE_ERROR", 1),
            (Interrupted(), "DEADLINE_EXCEEDED", 1),
        ],
    )
    def test_troubles_of_the_database_say_when_to_come_back(
        self, error: Exception, code: str, retry_after: int
    ) -> None:
        async def raising(exchange: Exchange) -> Response:
            raise error

        client = Client(task(raising))
        answer = client("GET", "/tasks/1")
        assert (answer.status, answer.error["code"]) == (503, code)
        assert answer.error["retryAfter"] == int(answer.headers["retry-after"]) == retry_after
        assert not [o for o in client.seen if isinstance(o, UnexpectedFailure)]

    def test_a_write_of_unknown_outcome_says_so(self) -> None:
        async def raising(exchange: Exchange) -> Response:
            raise Unavailable("broken", unknown=True)

        error = Client(task(raising))("GET", "/tasks/1").error
        assert error["outcome"] == "unknown"
        assert "may have happened" in error["message"]

    def test_refusals_carry_the_headers_of_all_answers(self) -> None:
        answer = Client(task(read), config=Config(cors_origins=("https://a.example",)))(
            "DELETE", "/tasks/1", {"Origin": "https://a.example"}
        )
        assert answer.status == 405
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["access-control-allow-origin"] == "https://a.example"

    def test_refusals_of_the_router_and_of_bugs_are_problems_for_those_who_name_them(self) -> None:
        async def broken(exchange: Exchange) -> Response:
            raise RuntimeError("oops")

        client = Client(task(broken))
        for method, path, status in (("GET", "/no", 404), ("PUT", "/tasks/1", 405), ("GET", "/tasks/1", 500)):
            answer = client(method, path, {"Accept": "application/json, application/problem+json"})
            assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
            problem = msgspec.json.decode(answer.body)
            assert (problem["status"], problem["instance"]) == (status, path)
            assert problem["requestId"] == answer.headers["x-request-id"]
            assert answer.headers["vary"] == "Accept"
            plain = client(method, path, {"Accept": "*/*"})
            assert (plain.status, plain.headers["content-type"]) == (status, "application/json")
            assert plain.headers["vary"] == "Accept"


class TestBodies:
    def post(
        self, parts: Sequence[bytes | None], headers: dict[str, str] | None = None, **config: Any
    ) -> Answer:
        client = Client(task(echo, "POST", accepts=("application/json",)), config=Config(**config))
        return client("POST", "/tasks/1", {"Content-Type": "application/json", **(headers or {})}, parts)

    def test_parts_are_joined(self) -> None:
        assert self.post([b'{"a"', b":", b"1}"]).body == b'{"data":{"a":1}}'

    def test_too_large_is_refused_before_reading_where_it_is_declared(self) -> None:
        answer = self.post([], {"Content-Length": "11"}, body_limit=10)
        assert (answer.status, answer.error["limit"]) == (413, 10)
        assert "connection" not in answer.headers
        assert self.post([], {"Content-Length": "161"}, body_limit=10).headers["connection"] == "close"

    def test_too_large_is_refused_as_soon_as_it_is_seen(self) -> None:
        answer = self.post([b"123456"] * 1000, body_limit=10)
        assert answer.status == 413
        assert answer.headers["connection"] == "close"
        assert self.post([b'"12345678"'], body_limit=10).status == 200

    def test_a_slow_body_is_given_up(self) -> None:
        answer = self.post([b"[1", b",2"] * 5, request_timeout=0.05)
        assert (answer.status, answer.error["code"]) == (408, "REQUEST_TIMEOUT")
        assert answer.headers["connection"] == "close"

    def test_a_client_that_leaves_gets_no_answer(self) -> None:
        client = Client(task(echo, "POST"))
        assert client.messages("POST", "/tasks/1", {}, [b"[1,", None], "http") == []
        assert client.served().status == CLIENT_GONE

    def test_media_types(self) -> None:
        assert self.post([b"1"], {"Content-Type": "application/json; charset=utf-8"}).status == 200
        answer = self.post([b"a=1"], {"Content-Type": "application/x-www-form-urlencoded"})
        assert (answer.status, answer.headers["accept-post"]) == (415, "application/json")
        assert self.post([b"1"], {"Content-Encoding": "gzip"}).status == 415

    def test_an_announced_body_that_nobody_asked_for_ends_the_connection(self) -> None:
        answer = Client(task(read))("POST", "/tasks/1", {"Expect": "100-continue", "Content-Length": "5"})
        assert answer.headers["connection"] == "close"


class TestMethods:
    def test_head_has_the_headers_of_get_and_no_body(self) -> None:
        client = Client(task(read))
        given = {"X-Request-Id": "r"}
        get, head = client("GET", "/tasks/1", given), client("HEAD", "/tasks/1", given)
        assert head.pairs == get.pairs
        assert int(head.headers["content-length"]) == len(get.body) > 0
        assert head.body == b""

    def test_options(self) -> None:
        answer = Client(task(read), task(echo, "PATCH", accepts=("application/json",)))(
            "OPTIONS", "/tasks/1/"
        )
        assert (answer.status, answer.body) == (204, b"")
        assert answer.headers["allow"] == "GET, HEAD, PATCH, OPTIONS"
        assert answer.headers["accept-patch"] == "application/json"
        assert "content-length" not in answer.headers

    def test_304_has_no_body_and_keeps_the_tag(self) -> None:
        client = Client(task(read))
        tag = client("GET", "/tasks/1").headers["etag"]
        answer = client("GET", "/tasks/1", {"If-None-Match": f'"other", W/{tag}'})
        assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", tag)
        assert "content-length" not in answer.headers
        assert "content-type" not in answer.headers

    def test_a_server_that_gives_no_raw_path_will_do(self) -> None:
        async def show(exchange: Exchange) -> Response:
            return json_response(exchange.path_parameters["id"])

        sent: list[dict[str, Any]] = []

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        async def receive() -> dict[str, Any]:
            raise AssertionError("no body is read here")

        scope = {"type": "http", "method": "GET", "path": "/tasks/é 1", "query_string": b"", "headers": []}
        asyncio.run(Client(task(show)).application(scope, receive, send))
        assert sent[1]["body"] == '"é 1"'.encode()


class TestCors:
    preflight = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization"}

    def test_closed_by_default(self) -> None:
        answer = Client(task(read))("GET", "/tasks/1", {"Origin": "https://a.example"})
        assert not [name for name in answer.headers if name.startswith("access-control")]

    def test_configured_origins_read_answers_and_their_headers(self) -> None:
        client = Client(task(read), config=Config(cors_origins=("https://a.example",)))
        answer = client("GET", "/tasks/1", {"Origin": "https://a.example"})
        assert answer.headers["access-control-allow-origin"] == "https://a.example"
        exposed = answer.headers["access-control-expose-headers"].split(", ")
        assert sorted(exposed) == sorted([*HEADERS, "Allow"]), "all that the document tells of"
        assert answer.headers["vary"] == "Origin"
        for other in (
            {},
            {"Origin": "https://a.example.evil"},
            {"Origin": "null"},
            {"Origin": "http://a.example"},
        ):
            answer = client("GET", "/tasks/1", other)
            assert "access-control-allow-origin" not in answer.headers
            assert answer.headers["vary"] == "Origin"

    def test_preflight(self) -> None:
        client = Client(task(read), task(echo, "PATCH"), config=Config(cors_origins=("https://a.example",)))
        answer = client("OPTIONS", "/tasks/1", {"Origin": "https://a.example", **self.preflight})
        assert answer.status == 204
        assert answer.headers["access-control-allow-methods"] == "GET, HEAD, PATCH, OPTIONS"
        allowed = answer.headers["access-control-allow-headers"].split(", ")
        assert {"Authorization", "Prefer", "If-Match"} <= set(allowed)
        assert "Idempotency-Key" not in allowed, "which would promise that a write is done once"
        assert answer.headers["access-control-max-age"] == "86400"
        assert client("OPTIONS", "/nowhere", {"Origin": "https://a.example", **self.preflight}).status == 204
        other = client("OPTIONS", "/tasks/1", {"Origin": "https://b.example", **self.preflight})
        assert "access-control-allow-methods" not in other.headers

    @pytest.mark.parametrize(
        ("origin", "mode", "allowed"),
        [
            ("http://localhost:5173", "demo", True),
            ("https://127.0.0.1", "demo", True),
            ("http://[::1]:1", "demo", True),
            ("http://localhost.evil.example", "demo", False),
            ("http://localhost:5173", "development", False),
            ("http://localhost:5173", "production", False),
        ],
    )
    def test_demo_mode_is_open_to_this_machine(self, origin: str, mode: Any, allowed: bool) -> None:
        answer = Client(task(read), config=Config(mode=mode))("GET", "/tasks/1", {"Origin": origin})
        assert ("access-control-allow-origin" in answer.headers) is allowed


class TestSecurityHeaders:
    def test_they_are_on_every_answer(self) -> None:
        for path in ("/tasks/1", "/nowhere"):
            headers = Client(task(read))("GET", path).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-frame-options"] == "DENY"
            assert headers["content-security-policy"] == "default-src 'self'"
            assert headers["x-xss-protection"] == "0"
            assert {"referrer-policy", "permissions-policy", "cross-origin-opener-policy"} <= headers.keys()
            assert headers["cross-origin-resource-policy"] == "same-origin"
            assert "strict-transport-security" not in headers

    def test_hsts_where_clients_use_tls(self) -> None:
        headers = Client(task(read), config=Config(public_url="https://api.example"))(
            "GET", "/tasks/1"
        ).headers
        assert headers["strict-transport-security"] == "max-age=31536000"

    def test_a_handler_can_set_its_own(self) -> None:
        async def page(exchange: Exchange) -> Response:
            return Response(200, [(b"content-security-policy", b"default-src 'none'")])

        pairs = Client(task(page))("GET", "/tasks/1").pairs
        assert [v for k, v in pairs if k == b"content-security-policy"] == [b"default-src 'none'"]
        assert (b"x-frame-options", b"DENY") in pairs


class TestOtherScopes:
    def test_lifespan(self) -> None:
        steps: list[str] = []

        async def start() -> None:
            steps.append("start")

        async def stop() -> None:
            steps.append("stop")

        incoming = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return incoming.pop(0)

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        asyncio.run(Application([], start=start, stop=stop)({"type": "lifespan"}, receive, send))
        assert steps == ["start", "stop"]
        assert [m["type"] for m in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]

    def test_a_start_that_fails_is_told(self) -> None:
        async def start() -> None:
            raise Unavailable("no database")

        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "lifespan.startup"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        asyncio.run(Application([], start=start)({"type": "lifespan"}, receive, send))
        assert sent == [{"type": "lifespan.startup.failed", "message": "no database"}]

    @pytest.mark.parametrize("extensions", [{}, {"websocket.http.response": {}}])
    def test_sockets_are_refused(self, extensions: dict[str, Any]) -> None:
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "websocket.connect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        asyncio.run(Application([])({"type": "websocket", "extensions": extensions}, receive, send))
        assert sent[0]["type"] == ("websocket.http.response.start" if extensions else "websocket.close")


def test_repeated_headers_are_one_value() -> None:
    async def show(exchange: Exchange) -> Response:
        return json_response(
            [exchange.headers.get(b"if-none-match"), exchange.headers.get(b"cookie"), exchange.client]
        )

    route = task(show)
    scope = {
        "method": "GET",
        "query_string": b"",
        "client": ("192.0.2.7", 1),
        "headers": [
            (b"if-none-match", b'"a"'),
            (b"cookie", b"a=1"),
            (b"if-none-match", b'"b"'),
            (b"cookie", b"b=2"),
        ],
    }
    exchange = Exchange(scope, lambda: asyncio.sleep(0, {}), "/tasks/1", route, {})
    assert exchange.headers.get(b"if-none-match") == b'"a", "b"'
    assert exchange.headers.get(b"cookie") == b"a=1; b=2"
    assert exchange.client == "192.0.2.7"

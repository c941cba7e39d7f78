"""One connection, served within the test's own event loop."""

import asyncio
import gc
import logging
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import uvicorn
from uvicorn.server import ServerState

from headwater.base.observe import Observation, Observers, RequestServed
from headwater.http import protocol
from headwater.http.application import Application
from headwater.http.asgi import Scope, Send, ask
from headwater.http.envelopes import json_response
from headwater.http.exchange import Exchange, Receive, Response
from headwater.http.routes import Route


@asynccontextmanager
async def serving(
    handler: Callable[[Exchange], Awaitable[Response]],
    keep_alive: int = 60,
    observers: Observers | None = None,
) -> AsyncIterator[int]:
    routes = [Route(method, "/", handler, "root") for method in ("GET", "QUERY", "POST")]
    application = Application(routes, observers=observers)
    config = uvicorn.Config(
        application,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_keep_alive=keep_alive,
    )
    config.load()
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: protocol.Connection(config, state, {}), "127.0.0.1", 0
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        for connection in list(state.connections):
            connection.transport.close()
        server.close()
        await server.wait_closed()


async def exchange(port: int, data: bytes, *more: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        for part in more:
            await asyncio.sleep(0.02)
            writer.write(part)
        return await asyncio.wait_for(reader.read(), 5)
    finally:
        writer.close()


GET = b"GET / HTTP/1.1\r\nHost: x\r\n"


async def hello(exchange: Exchange) -> Response:
    return json_response("hello")


async def test_an_answer_is_whole() -> None:
    async with serving(hello) as port:
        answer = await exchange(port, GET + b"Connection: close\r\n\r\n")
        assert answer == (
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
            b'content-length: 7\r\nconnection: close\r\n\r\n"hello"'
        )
        answer = await exchange(port, GET.replace(b"GET", b"HEAD") + b"Connection: close\r\n\r\n")
        assert answer.endswith(b"content-length: 7\r\nconnection: close\r\n\r\n")
        assert (await exchange(port, b"GET / HTTP/1.0\r\n\r\n")).endswith(b'connection: close\r\n\r\n"hello"')


async def test_a_query_arrives_with_its_body() -> None:
    async def echo(exchange: Exchange) -> Response:
        return json_response([exchange.method, await exchange.body()])

    async with serving(echo) as port:
        head = b"QUERY / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n"
        answer = await exchange(port, head, b"{}")
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert answer.endswith(b'["QUERY","e30="]')


async def test_a_large_answer_to_a_slow_reader_is_whole() -> None:
    async def large(exchange: Exchange) -> Response:
        return Response(200, [], b"x" * 5_000_000)

    async with serving(large) as port:
        answer = await exchange(port, GET + b"\r\n" + GET + b"Connection: close\r\n\r\n")
        assert answer.count(b"HTTP/1.1 200 OK") == 2
        assert answer.count(b"x") == 10_000_000


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: b=1", b"a\nset-cookie: b=1", b"a\rb", b"a\0b"])
async def test_a_header_cannot_become_two(value: bytes) -> None:
    async def splitting(exchange: Exchange) -> Response:
        return Response(200, [(b"location", value)])

    async with serving(splitting) as port:
        answer = await exchange(port, GET + b"Connection: close\r\n\r\n")
        assert b"set-cookie" not in answer
        assert not answer.startswith(b"HTTP/1.1 200")


async def test_slow_headers_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_TIMEOUT", 0.2)
    async with serving(hello) as port:
        assert await exchange(port, b"") == b""
        assert await exchange(port, GET) == b""
        answer = await exchange(port, GET + b"\r\n", GET)
        assert answer.count(b"HTTP/1.1 200 OK") == 1
        answer = await exchange(port, GET + b"\r\nGET /")
        assert answer.count(b"HTTP/1.1 200 OK") == 1, "and those that began together with a whole request"
        late = asyncio.create_task(exchange(port, GET, b"Connection: close\r\n", b"\r\n"))
        assert (await late).startswith(b"HTTP/1.1 200 OK")


async def test_a_quiet_connection_is_closed_and_a_busy_one_is_not() -> None:
    async def slow(exchange: Exchange) -> Response:
        await asyncio.sleep(1.3)
        return json_response("slow")

    async with serving(hello, keep_alive=1) as port:
        quiet = asyncio.create_task(exchange(port, GET + b"\r\n"))
        # Each comes 0.4 seconds after the one before, so that all take longer than a quiet connection is kept.
        pauses = [b""] * 19
        busy = await exchange(port, GET + b"\r\n", *[*pauses, GET + b"\r\n"] * 4)
        assert busy.count(b'"hello"') == 5
        assert (await quiet).count(b'"hello"') == 1
    async with serving(slow, keep_alive=1) as port:
        assert (await exchange(port, (GET + b"\r\n") * 2)).count(b'"slow"') == 2, "who waits is not quiet"


async def test_headers_are_bounded() -> None:
    async with serving(hello) as port:
        parts = [b"x-%d: " % n + b"a" * 9000 + b"\r\n" for n in range(9)]
        answer = await exchange(port, GET, *parts)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"The headers may have 65536 bytes at most." in answer


async def test_what_is_not_http_is_a_problem_for_those_who_named_it_before() -> None:
    async with serving(hello) as port:
        head = b"GET / HTTP/1.1\r\nAccept: application/problem+json\r\nHost: a\r\n"
        answer = await exchange(port, head + b"bad header\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"content-type: application/problem+json\r\n" in answer
        assert b'"type":"/errors/INVALID_FORMAT"' in answer
        assert b"content-type: application/json\r\n" in await exchange(port, b"nonsense\r\n\r\n")


async def test_requests_leave_nothing_for_the_garbage_collector() -> None:
    async with serving(hello) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        async def ask(times: int) -> None:
            for _ in range(times):
                writer.write(GET + b"\r\n")
                await reader.readuntil(b'"hello"')

        await ask(5)
        gc.collect()
        gc.disable()
        try:
            await ask(100)
            assert gc.collect() < 100
        finally:
            gc.enable()
        writer.close()


async def echo(exchange: Exchange) -> Response:
    headers = {name.decode(): value.decode("latin-1") for name, value in exchange.headers.items()}
    return json_response([exchange.method, (await exchange.body()).decode(), headers])


POST = b"POST / HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
AMBIGUOUS = (
    POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + HIDDEN,
    POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi!" + HIDDEN,
    POST + b"Content-Length: 2, 2\r\n\r\nhi" + HIDDEN,
    POST + b"Content-Length: +2\r\n\r\nhi" + HIDDEN,
    POST + b"Content-Length: -1\r\n\r\nhi",
    POST + b"Content-Length: 99999999999999999999999\r\n\r\nhi",
    POST + b"Content-Length : 2\r\n\r\nhi",
    POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    POST + b"X-A: a\r\n b\r\nContent-Length: 2\r\n\r\nhi",
    POST + b"X-A: a\rb\r\nContent-Length: 2\r\n\r\nhi",
    POST + b"X-A: a\0b\r\nContent-Length: 2\r\n\r\nhi",
    POST.replace(b"\r\n", b"\n") + b"Content-Length: 2\n\nhi",
    CHUNKED + b"-2\r\nhi\r\n0\r\n\r\n",
    CHUNKED + b"0x2\r\nhi\r\n0\r\n\r\n",
    CHUNKED + b"fffffffffffffffff\r\nhi",
    CHUNKED + b"2\nhi\n0\n\n",
    CHUNKED + b"2\r\nhiXX0\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    b"GET /\r\n\r\n",
    b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
    b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"G" * 9000 + b" / HTTP/1.1\r\nHost: x\r\n\r\n",
)
"""What two readers may take for different requests, and what is none."""


@pytest.mark.parametrize("data", AMBIGUOUS, ids=range(len(AMBIGUOUS)))
async def test_what_could_be_read_in_two_ways_is_refused(data: bytes) -> None:
    async with serving(echo) as port:
        answer = await exchange(port, data)
        assert answer.startswith(b"HTTP/1.1 400 "), answer
        assert answer.count(b'"error":{"code":"INVALID_FORMAT"') == 1
        assert b"\r\nconnection: close\r\n" in answer


async def test_a_trailer_is_no_header() -> None:
    async with serving(echo) as port:
        trailer = b"2\r\nhi\r\n0\r\nAuthorization: Bearer x\r\nHost: y\r\n\r\n"
        head = CHUNKED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        answer = await exchange(port, head + trailer)
        assert b'"hi",{"host":"x","transfer-encoding":"chunked","connection":"close"}]' in answer
        assert (await exchange(port, CHUNKED, b"2\r\nhi\r\n0\r\n", b"x-a: " + b"a" * 99_000)).startswith(
            b"HTTP/1.1 400 "
        )


async def test_what_is_said_of_chunks_is_bounded() -> None:
    async with serving(echo) as port:
        assert (await exchange(port, CHUNKED, b"2;" + b"a" * 99_000)).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"GET /" + b"a" * 99_000 + b" HTTP/1.1\r\n", b"The headers may have 65536 bytes at most."),
        (GET + b"x: 1\r\n" * 500, b"A request has at most 200 headers."),
        (GET + b"".join(b"x%d: 1\r\n" % n for n in range(20_000)), b"A request has at most 200 headers."),
        (GET + b"x: " + b"a" * 300_000 + b"\r\n", b"The headers may have 65536 bytes at most."),
        (GET + b"x: " + b"a" * 82_500 + b"\0\r\n", b"This is not an HTTP/1.1 request."),
    ],
    ids=["line", "headers", "many headers", "large header", "large and broken header"],
)
async def test_a_head_in_one_piece_is_bounded_too(
    line: bytes, told: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(hello) as port:
        answer = await exchange(port, line + b"\r\n")
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert told in answer
        assert caplog.records == []


async def test_what_was_asked_before_nonsense_is_answered_first() -> None:
    async def slow(exchange: Exchange) -> Response:
        await asyncio.sleep(0.1)
        return json_response("hello")

    async with serving(slow) as port:
        answer = await exchange(port, GET + b"\r\n" + GET + b"\r\n" + b"junk\r\n\r\n")
        assert answer.count(b"HTTP/1.1 200 OK") == 2
        assert b"HTTP/1.1 400" not in answer
        broken = await exchange(port, CHUNKED + b"junk\r\n")
        assert broken.startswith(b"HTTP/1.1 400 ")


async def test_requests_sent_ahead_are_taken_up_bit_by_bit() -> None:
    waiting = 0

    async def count(exchange: Exchange) -> Response:
        nonlocal waiting
        [connection] = connections
        waiting = max(waiting, len(connection.pipeline))
        await asyncio.sleep(0)
        return json_response("hello")

    async with serving(count) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while not (
            connections := [c for c in gc.get_objects() if type(c) is protocol.Connection and c.transport]
        ):
            await asyncio.sleep(0.01)
        connections = [c for c in connections if c.parser is not None]
        writer.write((GET + b"\r\n") * 5000 + GET + b"Connection: close\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(), 30)
        writer.close()
        assert answer.count(b"HTTP/1.1 200 OK") == 5001
        assert 100 < waiting < protocol.SLICE // len(GET)


async def test_who_sends_too_far_ahead_is_left() -> None:
    async def never(exchange: Exchange) -> Response:
        await exchange.body()
        await asyncio.sleep(60)
        return json_response("hello")

    async with serving(never) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(40):
            writer.write((POST + b"Content-Length: 0\r\n\r\n") * 5000)
            await asyncio.sleep(0)
        with pytest.raises((TimeoutError, ConnectionError)):
            await asyncio.wait_for(writer.drain(), 0.5)
        writer.close()
    assert reader


async def test_the_rest_of_a_body_that_nobody_wants_is_waited_for_in_bounds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(protocol, "HEAD_TIMEOUT", 0.3)
    async with serving(hello) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(CHUNKED.replace(b"POST", b"QUERY") + b"2\r\nhi\r\n")
        assert b'"hello"' in await reader.readuntil(b'"hello"')

        async def trickle() -> None:
            while True:
                writer.write(b"2\r\nhi\r\n")
                await writer.drain()
                await asyncio.sleep(0.05)

        with pytest.raises(ConnectionError):
            await asyncio.wait_for(trickle(), 5)
        writer.close()
        answer = await exchange(port, CHUNKED.replace(b"POST", b"QUERY") + b"2\r\nhi\r\n")
        assert answer.count(b'"hello"') == 1, "and who sends nothing more is left too"


async def test_who_takes_no_answer_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "WRITE_TIMEOUT", 0.2)

    async def large(exchange: Exchange) -> Response:
        return Response(200, [], b"x" * 20_000_000)

    async with serving(large) as port:
        silent_reader, silent = await asyncio.open_connection("127.0.0.1", port, limit=1000)
        slow_reader, slow = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        for writer in (silent, slow):
            writer.write(GET + b"Connection: close\r\n\r\n")
        await asyncio.sleep(0.1)
        taken = 0
        while part := await slow_reader.read(1 << 20):
            taken += len(part)
            await asyncio.sleep(0.03)
        assert taken > 20_000_000, "who takes it slowly has it whole"
        await asyncio.sleep(0.3)
        left = 0
        while part := await asyncio.wait_for(silent_reader.read(1 << 20), 5):
            left += len(part)
        assert left < 20_000_000
        silent.close()
        slow.close()


def opened() -> protocol.Connection:
    """The one connection that is open."""
    [connection] = [
        c for c in gc.get_objects() if type(c) is protocol.Connection and c.transport and c.parser
    ]
    return connection


async def test_a_head_sent_ahead_is_bounded_while_another_request_is_answered() -> None:
    done = asyncio.Event()

    async def slow(exchange: Exchange) -> Response:
        await done.wait()
        return json_response("hello")

    async with serving(slow) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET + b"\r\nGET /")
        for _ in range(20):
            writer.write(b"a" * protocol.HEAD_LIMIT)
            await writer.drain()
            await asyncio.sleep(0.01)
        assert len(opened().url) <= protocol.HEAD_LIMIT + 2 * protocol.SLICE
        done.set()
        answer = await asyncio.wait_for(reader.read(), 5)
        assert answer.count(b"HTTP/1.1 200 OK") == 1
        assert b"HTTP/1.1 400" not in answer
        writer.close()


@pytest.mark.parametrize(("size", "most"), [(1_000_000, 700_000), (60_000, 60_000)])
async def test_who_stops_taking_the_last_answer_is_left(
    size: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One who has begun to take it, and one who takes none of an answer that is too small to be waited with."""
    monkeypatch.setattr(protocol, "WRITE_TIMEOUT", 0.3)

    async def answer(exchange: Exchange) -> Response:
        transport = opened().transport
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        transport.set_write_buffer_limits(900_000, 800_000)
        return Response(200, [], b"x" * size)

    async def gone(connection: protocol.Connection) -> None:
        while connection.parser is not None:
            await asyncio.sleep(0.01)

    loop = asyncio.get_running_loop()
    async with serving(answer) as port:
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.setblocking(False)
            await loop.sock_connect(client, ("127.0.0.1", port))
            await asyncio.sleep(0.05)
            connection = opened()
            await loop.sock_sendall(client, GET + b"Connection: close\r\n\r\n")
            await asyncio.sleep(0.1)
            left = connection.transport.get_write_buffer_size
            while left() > most:
                await loop.sock_recv(client, 1 << 14)
            assert left() > 0
            assert not connection.flow.write_paused
            await asyncio.wait_for(gone(connection), 5)


async def test_who_asks_to_speak_another_protocol_is_answered_in_this_one() -> None:
    upgrade = GET + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n"
    body = b"GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
    head = upgrade.replace(b"GET", b"POST")[:-2]
    length = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
    last = GET + b"Connection: close\r\n\r\n"
    async with serving(echo) as port:
        proxied = upgrade.replace(b"Connection:", b"Proxy-Connection:")
        assert (await exchange(port, proxied + last)).count(b"HTTP/1.1 200 OK") == 2
        for first in (upgrade, length, chunked):
            for parts in ([first + last], [first, last], [first[:-4], first[-4:] + last]):
                answer = await exchange(port, *parts)
                assert answer.count(b"HTTP/1.1 200 OK") == 2, (parts, answer)
                assert answer.count(b'"upgrade":"h2c"') == 1
                assert answer.count(b'["POST","GET /hidden') == (first is not upgrade)
        assert (await exchange(port, upgrade * 600 + last)).count(b"HTTP/1.1 200 OK") == 601
        closing = upgrade.replace(b"Upgrade, ", b"close, Upgrade, ")
        assert (await exchange(port, closing + last)).count(b"HTTP/1.1 200 OK") == 1


async def test_a_request_has_one_answer_though_its_body_turns_out_to_be_none() -> None:
    async with serving(hello) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(CHUNKED + b"2\r\nhi\r\n")
        await asyncio.wait_for(reader.readuntil(b'"hello"'), 5)
        writer.write(b"junk\r\n")
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


async def test_the_refusal_of_what_is_not_http_is_observed() -> None:
    served: list[Observation] = []
    observers = Observers()
    observers.add(served.append, RequestServed)

    async def never(exchange: Exchange) -> Response:
        await asyncio.sleep(60)
        return json_response("hello")

    async with serving(never, observers=observers) as port:
        for data, method, path in (
            (b"junk\r\n\r\n", "", ""),
            (b"GET /?token=secret HTTP/1.1\r\n\r\n", "", ""),
            (CHUNKED.replace(b"/", b"/?token=secret", 1) + b"junk\r\n", "POST", "/"),
        ):
            answer = await exchange(port, data)
            [told] = served
            served.clear()
            assert isinstance(told, RequestServed)
            assert (told.method, told.path, told.route, told.status) == (method, path, "malformed", 400)
            assert 0 <= told.seconds < 5
            assert f'"requestId":"{told.request_id}"'.encode() in answer


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("parts", [[b"oops"], [b"", b"oops"], [b"oo", b"ps"]], ids=["whole", "late", "parts"])
@pytest.mark.parametrize("mounted", [True, False])
async def test_a_body_where_none_may_be_is_not_taken_for_the_next_answer(
    status: int, parts: list[bytes], mounted: bool
) -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"4"), (b"x-a", b"a")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        for number, part in enumerate(parts, 1):
            await send({"type": "http.response.body", "body": part, "more_body": number < len(parts)})

    async def handler(exchange: Exchange) -> Response:
        if mounted:
            return await ask(application, dict(exchange.scope), exchange)
        return Response(status, [(b"x-a", b"a")], b"".join(parts))

    async with serving(handler) as port:
        answer = await exchange(port, GET + b"\r\n" + GET + b"Connection: close\r\n\r\n")
        assert re.fullmatch(
            b"(HTTP/1.1 %d [\\w ]+\r\nx-a: a\r\n(connection: close\r\n)?\r\n){2}" % status, answer
        ), answer

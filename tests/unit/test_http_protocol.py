"""One connection, served within the test's own event loop."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import uvicorn
from uvicorn.server import ServerState

from headwater.http import protocol
from headwater.http.application import Application
from headwater.http.exchange import Exchange, Response
from headwater.http.routes import Route
from headwater.http.wire import json_response


@asynccontextmanager
async def serving(handler: Callable[[Exchange], Awaitable[Response]]) -> AsyncIterator[int]:
    application = Application([Route(method, "/", handler, "root") for method in ("GET", "QUERY")])
    config = uvicorn.Config(application, ws="none", lifespan="off", log_config=None, access_log=False)
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
        late = asyncio.create_task(exchange(port, GET, b"Connection: close\r\n", b"\r\n"))
        assert (await late).startswith(b"HTTP/1.1 200 OK")


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

"""Serving, as processes and sockets see it."""

import contextlib
import http.client
import json
import os
import re
import select
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from headwater.http.tls import Certificates

APP = """
import asyncio, os
from headwater.base.observe import Observers
from headwater.http.application import Application
from headwater.http.exchange import Response
from headwater.http.middleware.context import context
from headwater.http.middleware.errors import errors
from headwater.http.routes import Route
from headwater.http.envelopes import json_response
from headwater.http.formats import read_body

WORD = "first"

async def pid(exchange):
    return json_response({"pid": os.getpid(), "word": WORD, "secure": exchange.secure})

async def slow(exchange):
    await asyncio.sleep(1)
    return json_response("done")

async def endless(exchange):
    await asyncio.sleep(60)

async def echo(exchange):
    return json_response(len(await exchange.body()))

async def bug(exchange):
    raise ValueError("inside")

class App:
    def asgi(self, config):
        observers = Observers()
        async def start():
            if os.environ.get("FAIL_START"):
                raise OSError("the cellar is flooded")
        async def stop():
            print("stopped", flush=True)
        handlers = [("GET", pid), ("GET", slow), ("GET", endless), ("POST", echo), ("GET", bug)]
        routes = [Route(method, f"/{handler.__name__}", handler, handler.__name__) for method, handler in handlers]
        middleware = [context(config.request_timeout), errors(observers)]
        return Application(routes, middleware, config=config, observers=observers, start=start, stop=stop)

app = App()
"""

RUN = """
import sys
from headwater.base.config import Config
from headwater.http.server import serve

if __name__ == "__main__":
    sys.exit(serve("served:app", Config.load(), reload="--reload" in sys.argv))
"""

PATIENCE = 20.0
READY = re.compile(r"Headwater is ready on (https?)://127\.0\.0\.1:(\d+) \((.*)\)\n")


class Served:
    """A server in a process of its own."""

    def __init__(self, folder: Path, *arguments: str, **settings: str) -> None:
        (folder / "run.py").write_text(RUN)
        if not (folder / "served.py").exists():
            (folder / "served.py").write_text(APP)
        clean = {k: v for k, v in os.environ.items() if not k.startswith("HEADWATER_")}
        environment = {**clean, "HEADWATER_PORT": "0", "PYTHONDONTWRITEBYTECODE": "1", **settings}
        self.process = subprocess.Popen(
            [sys.executable, "run.py", *arguments],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.output = self.errors = ""

    def ready(self) -> "Served":
        until(lambda: READY.search(self.read()[0]), f"a ready line\n{self.output}\n{self.errors}")
        found = READY.search(self.output)
        assert found
        self.scheme, self.port, self.told = found[1], int(found[2]), found[3]
        return self

    def read(self) -> tuple[str, str]:
        """What it has printed so far."""
        for name in ("stdout", "stderr"):
            stream = getattr(self.process, name)
            while select.select([stream], [], [], 0)[0] and (part := os.read(stream.fileno(), 1 << 16)):
                setattr(
                    self,
                    "output" if name == "stdout" else "errors",
                    getattr(self, "output" if name == "stdout" else "errors") + part.decode(),
                )
        return self.output, self.errors

    def get(self, path: str, timeout: float = 10) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        self.read()
        return code


def until(found: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if result := found():
            return result
        time.sleep(0.02)
    raise AssertionError(f"waited in vain for {what}")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    running: list[Served] = []

    def start(*arguments: str, **settings: str) -> Served:
        running.append(Served(tmp_path, *arguments, **settings))
        return running[-1]

    yield start
    for one in running:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(one.process.pid, signal.SIGKILL)
        one.process.wait(PATIENCE)
        for stream in (one.process.stdout, one.process.stderr):
            if stream:
                stream.close()


Start = Callable[..., Served]


def raw(port: int, data: bytes, timeout: float = 10) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout) as connection:
        connection.sendall(data)
        parts = []
        with contextlib.suppress(ConnectionResetError):
            while part := connection.recv(1 << 16):
                parts.append(part)
        return b"".join(parts)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return (
        Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        if os.path.isdir("/proc")
        else True
    )


class TestOneProcess:
    def test_says_one_line_serves_and_ends_in_good_order(self, served: Start) -> None:
        server = served().ready()
        assert server.told == f"1 worker, process {server.process.pid}"
        assert server.get("/pid")["pid"] == server.process.pid
        assert server.end() == 0
        assert server.output.splitlines()[1:] == ["stopped"]
        lines = [json.loads(line) for line in server.errors.splitlines()]
        assert [(line["event"], line["path"], line["status"]) for line in lines] == [("request", "/pid", 200)]

    def test_requests_in_progress_are_finished(self, served: Start) -> None:
        server = served().ready()
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("GET", "/slow")
        time.sleep(0.3)
        server.process.send_signal(signal.SIGINT)
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, b'"done"')
        assert response.getheader("connection") == "close"
        connection.close()
        assert server.process.wait(PATIENCE) == 0

    def test_requests_that_take_too_long_are_not_waited_for(self, served: Start) -> None:
        server = served(HEADWATER_SHUTDOWN_TIMEOUT="1").ready()
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("GET", "/endless")
        time.sleep(0.3)
        started = time.monotonic()
        assert server.end() == 0
        assert time.monotonic() - started < 5
        connection.close()

    def test_a_bug_is_logged_with_its_trace_under_the_request_id(self, served: Start) -> None:
        server = served(HEADWATER_ACCESS_LOG="off").ready()
        request_id = server.get("/bug")["error"]["requestId"]
        server.end()
        (line,) = [json.loads(line) for line in server.errors.splitlines()]
        assert line["requestId"] == request_id
        assert "ValueError: inside" in line["traceback"]

    def test_a_taken_port_is_told(self, served: Start) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            for workers in ("1", "2"):
                server = served(HEADWATER_PORT=str(port), HEADWATER_WORKERS=workers)
                assert server.process.wait(PATIENCE) == 1
                output, errors = server.read()
                assert output == ""
                assert errors.startswith(f"headwater: Port {port} on 127.0.0.1 is taken by another process.")
                assert "Traceback" not in errors

    @pytest.mark.parametrize("workers", ["1", "2"])
    def test_a_start_that_fails_is_told(self, served: Start, workers: str) -> None:
        server = served(FAIL_START="yes", HEADWATER_WORKERS=workers)
        assert server.process.wait(PATIENCE) == 1
        output, errors = server.read()
        assert output == ""
        assert "headwater: the cellar is flooded" in errors
        assert "Traceback" not in errors


class TestConnections:
    def test_what_is_not_http_is_refused_in_the_envelope(self, served: Start) -> None:
        server = served().ready()
        for data in (b"junk\r\n\r\n", b"GET /\xff HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nbad header\r\n\r\n"):
            head, _, body = raw(server.port, data).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 400 ")
            assert json.loads(body)["error"]["code"] == "INVALID_FORMAT"

    def test_endless_headers_are_refused(self, served: Start) -> None:
        server = served().ready()
        answer = raw(server.port, b"GET / HTTP/1.1\r\n" + b"x-a: " + b"a" * 200_000)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")
        assert server.get("/pid")

    def test_a_body_too_large_is_answered_and_the_connection_goes_on(self, served: Start) -> None:
        server = served(HEADWATER_BODY_LIMIT="1000").ready()
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("POST", "/echo", b"x" * 10_000)
        response = connection.getresponse()
        assert response.status == 413
        assert json.loads(response.read())["error"]["limit"] == 1000
        connection.request("POST", "/echo", b"x" * 1000)
        assert connection.getresponse().read() == b"1000"
        connection.close()

    def test_a_chunked_body_too_large_ends_the_connection(self, served: Start) -> None:
        server = served(HEADWATER_BODY_LIMIT="1000").ready()
        chunk = b"800\r\n" + b"x" * 0x800 + b"\r\n"
        answer = raw(
            server.port, b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk
        )
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"connection: close" in answer

    def test_a_slow_body_is_given_up(self, served: Start) -> None:
        server = served(HEADWATER_REQUEST_TIMEOUT="0.3").ready()
        answer = raw(server.port, b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
        assert answer.startswith(b"HTTP/1.1 408 ")

    def test_an_expected_body_is_asked_for_or_refused(self, served: Start) -> None:
        server = served(HEADWATER_BODY_LIMIT="1000").ready()
        head = b"POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
        assert raw(server.port, head % 5000).startswith(b"HTTP/1.1 413 ")
        with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
            connection.sendall(head % 5)
            assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
            connection.sendall(b"12345")
            assert b"\r\n\r\n5" in connection.recv(1000)

    def test_pipelined_requests_are_answered_in_order(self, served: Start) -> None:
        server = served().ready()
        one = b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"
        two = b"GET /pid HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        answer = raw(server.port, one + two)
        assert answer.count(b"HTTP/1.1 200 OK") == 2
        assert answer.index(b'"done"') < answer.index(b'"pid"')


class TestWorkers:
    def pids(self, server: Served, count: int) -> set[int]:
        found: set[int] = set()

        def enough() -> bool:
            with contextlib.suppress(OSError, http.client.HTTPException):
                found.add(server.get("/pid")["pid"])
            return len(found) >= count

        until(enough, f"{count} workers")
        return found

    def test_they_share_the_socket_and_end_together(self, served: Start) -> None:
        server = served(HEADWATER_WORKERS="2").ready()
        assert server.told == f"2 workers, process {server.process.pid}"
        pids = self.pids(server, 2)
        assert server.process.pid not in pids
        assert server.end() == 0
        assert not any(alive(pid) for pid in pids)
        assert sorted(server.output.splitlines()[1:]) == ["stopped", "stopped"]

    def test_one_that_dies_is_replaced(self, served: Start) -> None:
        server = served(HEADWATER_WORKERS="2").ready()
        pids = self.pids(server, 2)
        victim = min(pids)
        os.kill(victim, signal.SIGKILL)
        until(lambda: "takes its place" in server.read()[1], "the replacement")
        until(lambda: self.pids(server, 2) - pids, "the new worker")
        assert server.output.count("ready") == 1
        assert f"worker {victim} has died (exit code -9)" in server.errors
        assert server.end() == 0

    def test_they_end_when_nobody_looks_after_them(self, served: Start) -> None:
        server = served(HEADWATER_WORKERS="2").ready()
        pids = self.pids(server, 2)
        server.end(signal.SIGKILL)
        until(lambda: not any(alive(pid) for pid in pids), "the end of the workers")

    def test_requests_in_progress_are_finished(self, served: Start) -> None:
        server = served(HEADWATER_WORKERS="2").ready()
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("GET", "/slow")
        time.sleep(0.3)
        os.killpg(server.process.pid, signal.SIGINT)  # as a terminal does
        assert connection.getresponse().read() == b'"done"'
        connection.close()
        assert server.process.wait(PATIENCE) == 0


class TestReload:
    def test_a_change_of_a_file_starts_again(self, served: Start, tmp_path: Path) -> None:
        server = served("--reload").ready()
        assert server.get("/pid")["word"] == "first"
        time.sleep(0.5)
        source = tmp_path / "served.py"

        def word() -> Any:
            with contextlib.suppress(OSError, http.client.HTTPException):
                return server.get("/pid", timeout=2)["word"]

        source.write_text(APP.replace('"first"', "broken("))
        until(lambda: "waiting for a change" in server.read()[1], "the mistake")
        source.write_text(APP.replace("first", "second"))
        until(lambda: word() == "second", "the new word")
        assert "served.py has changed" in server.read()[1]
        assert server.output.count("ready") == 1
        assert server.end() == 0


def certificate(folder: Path, name: str, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> None:
    """Write a self-signed certificate and its key, as `certificate.pem` and `key.pem`."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "certificate.pem").write_bytes(made.public_bytes(pem))


class TestTls:
    def shown(self, port: int, name: str | None) -> str:
        """The common name of the certificate that a new connection sees."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with (
            socket.create_connection(("127.0.0.1", port), 10) as plain,
            context.wrap_socket(plain, server_hostname=name) as connection,
        ):
            der = connection.getpeercert(binary_form=True)
            assert der
            value = (
                x509.load_der_x509_certificate(der)
                .subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0]
                .value
            )
            return str(value)

    def test_a_new_certificate_is_used_for_new_connections(self, served: Start, tmp_path: Path) -> None:
        certificate(tmp_path, "old", rsa.generate_private_key(65537, 2048))
        server = served(HEADWATER_TLS_CERTIFICATE="certificate.pem", HEADWATER_TLS_KEY="key.pem").ready()
        assert server.scheme == "https"
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        kept = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=10, context=context)
        kept.request("GET", "/pid")
        assert json.loads(kept.getresponse().read())["secure"] is True
        assert self.shown(server.port, None) == self.shown(server.port, "localhost") == "old"

        (tmp_path / "key.pem").write_text("half of a key")
        time.sleep(1.5)
        assert self.shown(server.port, None) == "old"
        certificate(tmp_path, "new", ec.generate_private_key(ec.SECP256R1()))
        until(lambda: self.shown(server.port, None) == "new", "the new certificate")
        assert self.shown(server.port, "localhost") == "new"
        kept.request("GET", "/pid")
        assert kept.getresponse().status == 200
        kept.close()
        assert server.end() == 0
        assert "cannot be used yet" in server.errors

    def test_a_certificate_that_does_not_fit_its_key_is_told(self, served: Start, tmp_path: Path) -> None:
        certificate(tmp_path, "one", ec.generate_private_key(ec.SECP256R1()))
        kept = (tmp_path / "certificate.pem").read_bytes()
        certificate(tmp_path, "two", ec.generate_private_key(ec.SECP256R1()))
        (tmp_path / "certificate.pem").write_bytes(kept)
        server = served(HEADWATER_TLS_CERTIFICATE="certificate.pem", HEADWATER_TLS_KEY="key.pem")
        assert server.process.wait(PATIENCE) == 1
        assert "Traceback" not in server.read()[1]
        assert "certificate.pem" in server.errors

    def test_each_trouble_with_a_new_certificate_is_told_once(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        certificate(tmp_path, "old", ec.generate_private_key(ec.SECP256R1()))
        pair = Certificates(tmp_path / "certificate.pem", tmp_path / "key.pem")
        kept = (tmp_path / "key.pem").read_bytes()

        def told() -> int:
            caplog.clear()
            for _ in range(3):
                pair.refresh()
            return len(caplog.messages)

        (tmp_path / "key.pem").write_text("half of a key")
        assert (told(), told()) == (1, 0)
        (tmp_path / "key.pem").unlink()
        assert (told(), told()) == (1, 0), "another trouble"
        (tmp_path / "key.pem").write_bytes(kept)
        assert told() == 0
        (tmp_path / "key.pem").unlink()
        assert told() == 1, "the same again, after it was mended"

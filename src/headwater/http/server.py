"""Serving: the listening socket, one worker or several, TLS, and an orderly end."""

import asyncio
import contextlib
import errno
import gc
import importlib
import logging
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any, Final

import uvicorn

from headwater.base.config import Config, ConfigError
from headwater.base.errors import DeclarationError
from headwater.base.logs import Log
from headwater.db.base import StoreError
from headwater.http.application import Application
from headwater.http.protocol import Connection
from headwater.http.tls import Certificates

KEEP_ALIVE: Final = 65
"""Seconds that a quiet connection is kept: longer than the usual proxy keeps its side."""
COLLECT_AFTER: Final = 20_000
"""Objects made, beyond those gone, after which the collector looks at the youngest."""


def serve(target: str, config: Config, *, reload: bool = False) -> int:
    """Serve the application that `target` (`module:attribute`) names until SIGTERM or SIGINT; the exit code.

    The attribute's `asgi(config)` gives the `Application`. One line on standard output says when it is ready. With
    several workers, or with `reload`, processes of their own serve and this one looks after them.
    """
    try:
        listener = bind(config)
    except OSError as error:
        return _refused(_bind_trouble(config, error))
    with listener:
        if config.workers == 1 and not reload:
            return work(target, config, listener, lambda: announce(config, listener))
        from headwater.http.workers import Supervisor

        return Supervisor(target, config, listener, reload=reload).run()


def bind(config: Config) -> socket.socket:
    """The listening socket. Raises OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        config.host, config.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def announce(config: Config, listener: socket.socket) -> None:
    """The one line that says that requests are answered from now on."""
    host, port = listener.getsockname()[:2]
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    workers = f"{config.workers} workers" if config.workers > 1 else "1 worker"
    scheme = "https" if config.tls else "http"
    mode = f"{config.mode}, " if config.mode else ""
    print(f"Headwater is ready on {scheme}://{address} ({mode}{workers}, process {os.getpid()})", flush=True)


def work(
    target: str,
    config: Config,
    listener: socket.socket,
    ready: Callable[[], None],
    parent: int | None = None,
) -> int:
    """Serve in this process; the exit code. `ready` is called when requests are answered. At the end of the file
    `parent`, which is that of the process that looks after this one, serving ends too."""
    try:
        application = _load(target, config)
        certificates = None
        if config.tls_certificate and config.tls_key:
            certificates = Certificates(config.tls_certificate, config.tls_key)
    except Exception as error:
        return _refused(_explained(error))
    log = Log(readable=config.mode != "production" and sys.stderr.isatty(), access=config.access_log)
    logging.getLogger().addHandler(log)
    remove = application.observers.add(log, *log.kinds)
    _open_more_files()
    server = _Server(application, certificates, ready, parent)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(server.serve(sockets=[listener]))
    except Exception as error:
        return _refused(_explained(error))
    finally:
        remove()
        logging.getLogger().removeHandler(log)
        log.close()
    return 0


class _Server(uvicorn.Server):
    """uvicorn's server with a start and an end of our own, which leaves the exit code to its caller."""

    def __init__(
        self,
        application: Application,
        certificates: Certificates | None,
        ready: Callable[[], None],
        parent: int | None,
    ) -> None:
        self._application, self._certificates = application, certificates
        self._ready, self._parent = ready, parent
        self._watch: asyncio.Task[None] | None = None
        config = uvicorn.Config(
            application,
            http=Connection,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=max(1, round(application.config.shutdown_timeout)),
        )
        config.load()
        if certificates is not None:
            config.ssl = certificates.context
        super().__init__(config)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await self._application.start()
        await super().startup(sockets)
        loop = asyncio.get_running_loop()
        if self._certificates is not None:
            self._watch = loop.create_task(self._certificates.watch())
        if self._parent is not None:
            loop.add_reader(self._parent, self._orphaned, loop)
        _spare_the_collector()
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        if self._watch is not None:
            self._watch.cancel()
        await self._application.stop()

    def _orphaned(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.remove_reader(self._parent)  # type: ignore[arg-type]
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End in good order at the first signal, at once at the second SIGINT; then return, unlike uvicorn."""
        before = {
            number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _open_more_files() -> None:
    """As many as the system lets this process have: by default clients that keep silent could take them all."""
    try:
        import resource
    except ImportError:  # not made for Windows
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _spare_the_collector() -> None:
    """What is there by now stays: the collector need not walk over it each time that some requests have made objects,
    nor begin as soon as it does by default. It costs a request 3 to 5 % otherwise."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
    gc.enable()


def _load(target: str, config: Config) -> Application:
    module, _, attribute = target.partition(":")
    if not attribute:
        raise DeclarationError(
            f"{target!r} names no attribute", mend="write module:attribute, as in shop:app."
        )
    if "" not in sys.path and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    app: Any = importlib.import_module(module)
    for name in attribute.split("."):
        app = getattr(app, name)
    application: Application = app.asgi(config)
    return application


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # not made for Windows
        return None
    return uvloop.new_event_loop


def _bind_trouble(config: Config, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {config.port} on {config.host} is taken by another process. "
            "End it, or choose another port with --port or HEADWATER_PORT."
        )
    return f"Cannot listen on {config.host}, port {config.port}: {error.strerror or error}."


def _explained(error: Exception) -> str:
    """What stops a start: troubles that users can mend in a sentence, others with their trace."""
    if isinstance(error, ConfigError | DeclarationError | StoreError | OSError):
        return str(error)
    return "".join(traceback.format_exception(error)).rstrip()


def _refused(why: str) -> int:
    print(f"headwater: {why}", file=sys.stderr, flush=True)
    return 1

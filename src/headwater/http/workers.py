"""Several processes that serve one listening socket, and the one that looks after them."""

import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, Final

from headwater.base.config import Config
from headwater.http.server import announce, work

_context: Final = multiprocessing.get_context("spawn")
_SHORT_LIFE: Final = 5.0
_LONGEST_PAUSE: Final = 30.0
_RELOAD_PATIENCE: Final = 3.0


@dataclass(eq=False)
class _Worker:
    """A process, and the channel through which it says that it is ready and learns that its parent is gone."""

    process: SpawnProcess
    channel: Connection
    born: float = field(default_factory=time.monotonic)
    ready: bool = False


class Supervisor:
    """Keeps the configured number of workers alive until SIGTERM or SIGINT, then ends them together.

    A worker that dies is replaced at once, and after a growing pause if one after another dies young. A first
    start that fails ends everything. With `reload`, a change of a Python file replaces the workers.
    """

    def __init__(self, target: str, config: Config, listener: socket.socket, *, reload: bool = False) -> None:
        self.target, self.config, self.listener, self.reload = target, config, listener, reload
        self._workers: list[_Worker] = []
        self._signals = 0
        self._changed: set[str] = set()
        self._announced = False
        self._failures = 0
        self._due: list[float] = []
        self._wake, self._alarm = socket.socketpair()

    def run(self) -> int:
        """Look after the workers until told to end; the exit code."""
        self._wake.setblocking(False)
        self._alarm.setblocking(False)
        code = 0
        with self._handling_signals(), self._watching_files():
            for _ in range(self.config.workers):
                self._start()
            while not self._signals and code == 0:
                self._pause()
                code = self._look_after()
            self._end(self.config.shutdown_timeout + 2)
        self._wake.close()
        self._alarm.close()
        return code

    def _start(self) -> None:
        here, there = _context.Pipe()
        process = _context.Process(target=_serve, args=(self.target, self.config, self.listener, there))
        process.start()
        there.close()
        self._workers.append(_Worker(process, here))

    def _pause(self) -> None:
        """Wait until a worker speaks or dies, one is due to be started, a signal comes, or a file changes."""
        sources: list[Any] = [self._wake]
        for worker in self._workers:
            sources.append(worker.process.sentinel)
            if not worker.ready:
                sources.append(worker.channel)
        wait(sources, max(0.0, min(self._due) - time.monotonic()) if self._due else None)
        with suppress(BlockingIOError):
            self._wake.recv(4096)

    def _look_after(self) -> int:
        if self._changed:
            self._replace()
        for worker in list(self._workers):
            if not worker.ready and worker.channel.poll():
                try:
                    worker.channel.recv()
                    worker.ready = True
                except EOFError:
                    pass  # it died before; its sentinel says so
            if not worker.process.is_alive():
                self._bury(worker)
                if not self._announced and not self.reload:
                    return 1
                self._succeed(worker)
        now = time.monotonic()
        for _ in [due for due in self._due if due <= now]:
            self._start()
        self._due = [due for due in self._due if due > now]
        complete = len(self._workers) == self.config.workers and all(w.ready for w in self._workers)
        if complete and not self._announced:
            self._announced = True
            announce(self.config, self.listener)
        return 0

    def _bury(self, worker: _Worker) -> None:
        worker.process.join()
        worker.channel.close()
        self._workers.remove(worker)

    def _succeed(self, worker: _Worker) -> None:
        """See to it that another worker takes a dead one's place."""
        if self.reload and not worker.ready:
            _tell("waiting for a change of the files")
            return
        young = time.monotonic() - worker.born < _SHORT_LIFE
        self._failures = self._failures + 1 if young else 0
        pause = min(2.0 ** (self._failures - 2), _LONGEST_PAUSE) if self._failures > 1 else 0.0
        _tell(
            f"worker {worker.process.pid} has died (exit code {worker.process.exitcode}); another "
            + (f"starts in {pause:g} s" if pause else "takes its place")
        )
        self._due.append(time.monotonic() + pause)

    def _replace(self) -> None:
        changed, self._changed = sorted(self._changed), set()
        _tell(f"{os.path.relpath(changed[0])} has changed; starting again")
        self._end(_RELOAD_PATIENCE)
        self._due = []
        for _ in range(self.config.workers):
            self._start()

    def _end(self, patience: float) -> None:
        """Ask all workers to end, and kill those that have not after `patience` seconds, or at a second signal."""
        already = self._signals
        for worker in self._workers:
            worker.process.terminate()
        deadline = time.monotonic() + patience
        while any(worker.process.is_alive() for worker in self._workers):
            if time.monotonic() > deadline or self._signals > max(already, 1):
                for worker in self._workers:
                    worker.process.kill()
            wait([worker.process.sentinel for worker in self._workers if worker.process.is_alive()], 0.2)
        for worker in list(self._workers):
            self._bury(worker)

    @contextmanager
    def _handling_signals(self) -> Iterator[None]:
        def count(number: int, frame: Any) -> None:
            self._signals += 1

        before = {number: signal.signal(number, count) for number in (signal.SIGTERM, signal.SIGINT)}
        descriptor = signal.set_wakeup_fd(self._alarm.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(descriptor)
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def _watching_files(self) -> Iterator[None]:
        if not self.reload:
            yield
            return
        stop = threading.Event()
        thread = threading.Thread(target=self._watch, args=(stop,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(2)

    def _watch(self, stop: threading.Event) -> None:
        import watchfiles

        for changes in watchfiles.watch(
            *_source_folders(self.target), watch_filter=watchfiles.PythonFilter(), stop_event=stop
        ):
            self._changed |= {path for _, path in changes}
            self._alarm.send(b"\0")


def _source_folders(target: str) -> set[str]:
    """Where the application's own files are: the working folder, and the folder of its outermost package."""
    folders = {os.getcwd()}
    module = sys.modules.get(target.partition(":")[0].partition(".")[0])
    if module is not None and module.__file__:
        folders.add(os.path.dirname(os.path.abspath(module.__file__)))
    return folders


def _tell(what: str) -> None:
    print(f"headwater: {what}", file=sys.stderr, flush=True)


def _serve(target: str, config: Config, listener: socket.socket, channel: Connection) -> None:
    """The life of a worker."""
    # Until the server handles them, signals end the process without a trace.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    with listener:
        sys.exit(work(target, config, listener, lambda: channel.send("ready"), channel.fileno()))

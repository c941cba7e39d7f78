"""The command `headwater` without its start, which is mostly imports: forked from a process that has done them.

`command()` is what a test runs in place of `python -m headwater.cli`: a small program that hands its arguments, folder,
environment and standard streams to that process, passes signals on and ends as the command ends. Who wants to see a
start, or to kill a process by its number, runs the command itself.
"""

import atexit
import functools
import json
import os
import signal
import socket
import sys

WARM = (
    "headwater.cli.loading",
    "headwater.cli.reference",
    "headwater_products.demo",
    "sqlalchemy.ext.asyncio",
    "typer._adapters",
    "uvicorn.main",
)
"""What commands import, now or later."""

LENGTH = 4
"""Bytes of a length, of a process's number and of its status."""


@functools.cache
def command() -> list[str]:
    """What a command line begins with. The first call starts the process that others are forked from."""
    import subprocess
    import tempfile

    folder = tempfile.mkdtemp(prefix="headwater-warm-")
    path = os.path.join(folder, "socket")
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.warm", "serve", path],
        cwd=root,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), root]))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.readline()

    def end() -> None:
        process.communicate(timeout=30)  # it ends when nobody can ask any more
        os.unlink(path)
        os.rmdir(folder)

    atexit.register(end)
    # Without site packages and settings of the environment it starts in some milliseconds.
    return [sys.executable, "-I", "-S", os.path.abspath(__file__), "ask", path]


def ask(path: str, arguments: list[str]) -> int:
    """Run the command, as the process of a test; its exit code."""
    with socket.socket(socket.AF_UNIX) as to:
        to.connect(path)
        asked = json.dumps([arguments, os.getcwd(), dict(os.environ)]).encode()
        socket.send_fds(to, [len(asked).to_bytes(LENGTH)], [0, 1, 2])
        to.sendall(asked)
        pid = int.from_bytes(_read(to, LENGTH))
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda sent, _: os.kill(pid, sent))
        code = os.waitstatus_to_exitcode(int.from_bytes(_read(to, LENGTH)))
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


def _read(of: socket.socket, size: int) -> bytes:
    read = b""
    while len(read) < size:
        part = of.recv(size - len(read))
        if not part:
            raise EOFError
        read += part
    return read


def serve(path: str) -> None:
    """Import everything, and fork for each who asks; until the standard input is closed."""
    import gc
    import importlib
    import select

    for name in WARM:
        importlib.import_module(name)
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who were forked
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        print("ready", flush=True)
        while listener in select.select([listener, sys.stdin], [], [])[0]:
            of, _ = listener.accept()
            with of:
                if os.fork() == 0:
                    listener.close()
                    _attend(of)
                    return


def _attend(of: socket.socket) -> None:
    """Run one command in a process of its own, and tell how it ended. It goes with who has asked."""
    import contextlib
    import threading

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    head, streams, _, _ = socket.recv_fds(of, LENGTH, 3)
    arguments, folder, environment = json.loads(_read(of, int.from_bytes(head)))
    pid = os.fork()
    if pid == 0:
        of.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        _become(arguments, folder, environment)
        return
    of.sendall(pid.to_bytes(LENGTH))

    def watch() -> None:
        if not of.recv(1):
            with contextlib.suppress(ProcessLookupError):  # it has ended by itself
                os.kill(pid, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
    of.sendall(os.waitpid(pid, 0)[1].to_bytes(LENGTH))
    os._exit(0)


def _become(arguments: list[str], folder: str, environment: dict[str, str]) -> None:
    import headwater.cli

    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["headwater", *arguments]
    sys.path[0] = folder
    # A module that a test changes within a second would be taken for the one that was compiled before.
    sys.dont_write_bytecode = True
    sys.path += [part for part in environment.get("PYTHONPATH", "").split(os.pathsep) if part not in sys.path]
    headwater.cli.main()


if __name__ == "__main__":
    if sys.argv[1] == "ask":
        sys.exit(ask(sys.argv[2], sys.argv[3:]))
    serve(sys.argv[2])

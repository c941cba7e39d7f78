"""The server's processes, where they are on this machine."""

from contextlib import suppress
from urllib.parse import urlsplit

import psutil

from headwater.operate.load.figures import Used


class Processes:
    """The processes that listen where the server is, and those that they started, if they are on this machine."""

    def __init__(self, base: str) -> None:
        self._processes = _listeners(base)
        self._before = self._clocks()
        self._memory = 0.0

    def look(self) -> None:
        """Note how much memory they have."""
        total = 0
        for process in self._processes:
            with suppress(psutil.Error):
                total += process.memory_info().rss
        self._memory = max(self._memory, total / 2**20)

    def used(self, seconds: float) -> Used | None:
        """What they have used in these seconds."""
        after = self._clocks()
        if not after:
            return None
        cpu = sum(clock - self._before.get(pid, 0.0) for pid, clock in after.items())
        return Used(len(after), 100 * cpu / seconds, self._memory)

    def _clocks(self) -> dict[int, float]:
        found = {}
        for process in self._processes:
            with suppress(psutil.Error):
                times = process.cpu_times()
                found[process.pid] = float(times.user + times.system)
        return found


def _listeners(base: str) -> list[psutil.Process]:
    where = urlsplit(base)
    if where.hostname not in ("127.0.0.1", "::1", "localhost"):
        return []
    port = where.port or (443 if where.scheme == "https" else 80)
    found: dict[int, psutil.Process] = {}
    with suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                process = psutil.Process(connection.pid)
                for one in (process, *process.children(recursive=True)):
                    found[one.pid] = one
    return list(found.values())

"""The ledger's app on an SQLite file that may have only so many pages, until SIGUSR1 says that there is room again."""

import os
import signal

import apsw

from tests.spec.ledger import app as app

LIMITED = "LEDGER_PAGES"
_connections: list[apsw.Connection] = []


def limit(connection: apsw.Connection) -> None:
    """What SQLite does where a page is one too many is what it does where the disk has no more."""
    _connections.append(connection)
    connection.execute(f"PRAGMA max_page_count = {int(os.environ[LIMITED])}").fetchall()


def relieve(*_: object) -> None:
    for connection in _connections:
        connection.execute("PRAGMA max_page_count = 1000000").fetchall()


if LIMITED in os.environ:
    apsw.connection_hooks.append(limit)
    signal.signal(signal.SIGUSR1, relieve)

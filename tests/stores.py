"""Databases for tests."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from headwater.base.observe import Observers
from headwater.db.base import Dialect, Store
from headwater.db.postgres import PostgresDialect, PostgresStore
from headwater.db.sqlite import SQLiteDialect, SQLiteStore

SHARED = "HEADWATER_TEST_SERVER"
"""The variable through which workers learn of the run's server."""


def maintain(url: str, command: str) -> None:
    """Run one command on a PostgreSQL database."""

    async def work() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(command)
        finally:
            await connection.close()

    asyncio.run(work())


def new_database(server: str, options: str = "") -> str:
    """An empty database on a server; its URL."""
    name = f"headwater_test_{secrets.token_hex(6)}"
    maintain(server, f'CREATE DATABASE "{name}" TEMPLATE template0 {options}')
    return f"{server.rpartition('/')[0]}/{name}"


def drop(url: str) -> None:
    """End a database that `new_database` made."""
    server, _, name = url.rpartition("/")
    assert name.startswith("headwater_test_")
    maintain(f"{server}/postgres", f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def dialect(url: str) -> Dialect:
    """How the database that a URL names spells things."""
    return SQLiteDialect() if url.startswith("sqlite:") else PostgresDialect()


def new_store(url: str) -> Store:
    """A store that is not open yet."""
    if url.startswith("sqlite:"):
        return SQLiteStore(url, Observers())
    return PostgresStore(url, Observers(), size=12)


@asynccontextmanager
async def open_store(url: str, *, fresh: bool = False) -> AsyncIterator[Store]:
    """An open store. `fresh`: an empty one, whatever the database holds."""
    if fresh and url.startswith("sqlite:"):
        url = f"{url}.{secrets.token_hex(6)}"
    store = new_store(url)
    await store.open()
    try:
        if fresh and not url.startswith("sqlite:"):
            await store.write(_empty)
        yield store
    finally:
        await store.close()


async def _empty(connection: object) -> None:
    await connection.fetch("DROP SCHEMA public CASCADE")  # type: ignore[attr-defined]
    await connection.fetch("CREATE SCHEMA public")  # type: ignore[attr-defined]

"""Both stores keep what they promise: the shipped suite, and what each must do besides."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import apsw
import asyncpg
import pytest

from headwater.db import sqlite
from headwater.db.base import Store, StoreError, TooLong, Unavailable
from headwater.db.conformance import CHECKS, Check
from headwater.db.postgres_errors import translate
from headwater.db.postgres_pool import Pool
from headwater.db.sqlite import MIB, connect
from tests.stores import new_store, open_store


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_the_store_conforms(check: Check, store_url: str) -> None:
    @asynccontextmanager
    async def make() -> AsyncIterator[Store]:
        async with open_store(store_url) as store:
            yield store

    await check(make)


LONG_READ = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000000) SELECT max(i) FROM n"
)


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_a_file_that_cannot_be_opened_once_more_is_an_outage(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For the second connection of a store, which then leaves none open, and for a read that needs one of its own."""
    opened: list[apsw.Connection] = []

    def once(path: str, cache: int) -> apsw.Connection:
        if opened:
            raise apsw.CantOpenError("CantOpenError: unable to open database file")
        opened.append(connect(path, cache))
        return opened[0]

    async with open_store(store_url) as store:
        opened.append(apsw.Connection(":memory:"))
        monkeypatch.setattr(sqlite, "connect", once)
        with pytest.raises(Unavailable, match="cannot open"):
            await store.read(LONG_READ)
    opened.clear()
    with pytest.raises(Unavailable, match="cannot open"):
        await new_store(store_url).open()
    with pytest.raises(apsw.ConnectionClosedError):
        opened[0].execute("SELECT 1")


@pytest.mark.parametrize("store_url", ["postgres"], indirect=True)
async def test_connections_that_break_together_cost_no_place(store_url: str) -> None:
    """Who waits is given the place of one; another is lost before that can be taken."""
    pool = Pool(store_url, size=2)
    pool.closed = False
    first, second = await pool.take(None), await pool.take(None)
    waiting = asyncio.create_task(pool.take(None))
    await asyncio.sleep(0)
    for lost in (first, second):
        lost.drop()
        pool.give(lost)
    third = await waiting
    fourth = await asyncio.wait_for(pool.take(None), 10)
    for session in (third, fourth):
        pool.give(session)
    await pool.close()


def test_what_a_connection_of_sqlite_keeps_of_a_file_stays_within_its_page_cache(tmp_path: Path) -> None:
    """However much it writes and reads: what it has used longest ago goes."""
    with closing(connect(str(tmp_path / "one.db"), MIB)) as connection:
        connection.execute("CREATE TABLE one (text TEXT)").fetchall()
        kept = []
        for _ in range(3):
            connection.execute(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 4000) "
                "INSERT INTO one SELECT hex(zeroblob(500)) FROM n"
            ).fetchall()
            connection.execute("SELECT sum(length(text)) FROM one").fetchall()
            kept.append(connection.status(apsw.SQLITE_DBSTATUS_CACHE_USED)[0])
    assert 0.9 * MIB < min(kept) <= max(kept) < 1.1 * MIB


@pytest.mark.parametrize("rest", ["WHERE number > ?", "ORDER BY number LIMIT ?"])
def test_sqlite_prepares_a_statement_once_whatever_values_it_is_given(tmp_path: Path, rest: str) -> None:
    """Of a limit, and of what there are statistics about, it would otherwise look at each."""
    prepared: list[int] = []

    def told(*_: object) -> int:
        """SQLite asks while it prepares."""
        prepared.append(value)
        return apsw.SQLITE_OK

    with closing(connect(str(tmp_path / "one.db"), MIB)) as connection:
        connection.execute("CREATE TABLE one (number INTEGER)").fetchall()
        connection.execute("CREATE INDEX of_number ON one (number)").fetchall()
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000) "
            "INSERT INTO one SELECT i FROM n"
        ).fetchall()
        connection.execute("ANALYZE").fetchall()
        connection.set_authorizer(told)
        for value in range(3):
            connection.execute(f"SELECT number FROM one {rest}", (value,)).fetchall()
    assert set(prepared) == {0}


def test_one_code_of_postgresql_means_several_things() -> None:
    def told(message: str) -> type[StoreError]:
        return type(translate(asyncpg.ProgramLimitExceededError(message)))

    assert told("index row size 2712 exceeds btree version 4 maximum 2704") is TooLong
    assert told("index row requires 8312 bytes, maximum size is 8191") is TooLong
    assert told("database is not accepting commands to avoid wraparound data loss") is Unavailable
    assert told("total size of jsonb object elements exceeds the maximum of 268435455 bytes") is StoreError

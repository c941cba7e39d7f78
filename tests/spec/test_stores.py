"""Both stores keep what they promise: the shipped suite, and what each must do besides."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from headwater.db.base import Store
from headwater.db.conformance import CHECKS, Check
from headwater.db.postgres_pool import Pool
from tests.stores import open_store


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_the_store_conforms(check: Check, store_url: str) -> None:
    @asynccontextmanager
    async def make() -> AsyncIterator[Store]:
        async with open_store(store_url) as store:
            yield store

    await check(make)


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

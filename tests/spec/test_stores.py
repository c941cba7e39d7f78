"""Both stores keep what they promise: the shipped suite, and what each must do besides."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from headwater.db.base import Store
from headwater.db.conformance import CHECKS, Check
from tests.stores import open_store


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_the_store_conforms(check: Check, store_url: str) -> None:
    @asynccontextmanager
    async def make() -> AsyncIterator[Store]:
        async with open_store(store_url) as store:
            yield store

    await check(make)

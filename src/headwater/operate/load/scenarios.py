"""What users do where the application declares no scenario."""

from collections.abc import Sequence

import aiohttp

from headwater.operate.load.figures import Tally
from headwater.operate.load.visit import Account, Scenario, VirtualUser


def reading(collections: Sequence[str]) -> Scenario:
    """The scenario of applications that declare none: read a page of a collection, then some of its rows."""

    async def scenario(user: VirtualUser) -> None:
        path = user.random.choice(collections)
        page = await user.get(f"/{path}", {"limit": 50})
        for row in user.random.sample(page.data or [], min(3, len(page.data or []))):
            await user.get(f"/{path}/{{id}}", id=row["id"])

    return scenario


async def readable(base: str, accounts: Sequence[Account], collections: Sequence[str]) -> list[str]:
    """Those of some collections that all these accounts may read. Raises SignInError, aiohttp.ClientError."""
    found = list(collections)
    for account in accounts:
        tallies = dict[str, Tally]()
        user = VirtualUser(0, base, account, 0.0, tallies)
        try:
            for path in list(found):
                if (await user.get(f"/{path}", {"limit": 1})).status != 200:
                    found.remove(path)
        finally:
            await user.close()
    return found


async def reach(base: str) -> None:
    """Ask once whether anybody is there. Raises aiohttp.ClientError, TimeoutError."""
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(base, timeout=timeout) as session, session.get("/health/live") as answer:
        await answer.read()

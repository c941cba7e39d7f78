"""Users come and go as the profile says, until its time is over."""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Final

from headwater.operate.load.figures import ALL, Figures, Report, Tally, Used
from headwater.operate.load.processes import Processes
from headwater.operate.load.profiles import Profile
from headwater.operate.load.visit import Account, Scenario, VirtualUser

LOOK: Final = 0.1
"""Seconds between two looks at how many users there should be."""
PATIENCE: Final = 5.0
"""Seconds for which a user may finish what it does when it is no longer needed."""


class LoadTest:
    """A profile of users who act out a scenario. Users are signed in as the accounts, in turn."""

    def __init__(self, base: str, scenario: Scenario, accounts: Sequence[Account], profile: Profile) -> None:
        self.base, self.scenario, self.accounts, self.profile = base, scenario, accounts, profile
        self.tallies: dict[str, Tally] = {}
        self._ended = asyncio.Event()
        self._failed: BaseException | None = None

    def end(self) -> None:
        """Come to an end now, and report what was measured until then."""
        self._ended.set()

    async def run(self, progress: Callable[[float, int, int], None] | None = None) -> Report:
        """Run it to its end. `progress` is told the seconds that have passed, the users, and the requests so far.

        Raises SignInError, and what the scenario raises.
        """
        server = Processes(self.base)
        users: list[_Running] = []
        leaving: list[_Running] = []
        most, begun, own = 0, time.monotonic(), time.process_time()
        try:
            while not self._ended.is_set() and (passed := time.monotonic() - begun) < self.profile.seconds:
                wanted = self.profile.users(passed)
                while len(users) < wanted:
                    users.append(self._start(len(users)))
                while len(users) > wanted:
                    leaving.append(users.pop())
                    leaving[-1].stop()
                most = max(most, len(users))
                server.look()
                if progress is not None:
                    progress(passed, len(users), sum(tally.sent for tally in self.tallies.values()))
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._ended.wait(), LOOK)
        finally:
            seconds = time.monotonic() - begun
            rates = {name: tally.sent / seconds for name, tally in self.tallies.items()}
            client = time.process_time() - own
            used = server.used(seconds)
            await _leave([*users, *leaving])
        if self._failed is not None:
            raise self._failed
        return self._report(seconds, rates, most, used, 100 * client / seconds)

    def _start(self, number: int) -> "_Running":
        account = self.accounts[number % len(self.accounts)]
        user = VirtualUser(number, self.base, account, self.profile.pause, self.tallies)
        return _Running(user, self.scenario, self._fail)

    def _fail(self, error: BaseException) -> None:
        self._failed = self._failed or error
        self._ended.set()

    def _report(
        self, seconds: float, rates: Mapping[str, float], most: int, used: Used | None, client: float
    ) -> Report:
        whole = Tally()
        for tally in self.tallies.values():
            whole.add(tally)
        parts = [
            Figures.of(name, tally, rates.get(name, 0.0)) for name, tally in sorted(self.tallies.items())
        ]
        every = Figures.of(ALL, whole, sum(rates.values()))
        return Report(self.profile, seconds, most, every, parts, used, client)


class _Running:
    """A user at work."""

    def __init__(self, user: VirtualUser, scenario: Scenario, fail: Callable[[BaseException], None]) -> None:
        self.user, self._scenario, self._fail = user, scenario, fail
        self._stopped = False
        self.task = asyncio.create_task(self._work())

    def stop(self) -> None:
        """Go when the scenario has come to its end."""
        self._stopped = True

    async def _work(self) -> None:
        try:
            while not self._stopped:
                before = self.user.sent
                await self._scenario(self.user)
                if self.user.sent == before:  # it found nothing to do, and would ask itself for ever
                    await asyncio.sleep(LOOK)
        except Exception as error:
            self._fail(error)
        finally:
            await self.user.close()


async def _leave(users: Collection[_Running]) -> None:
    """Let users finish what they do, for a while; their connections are closed then."""
    for user in users:
        user.stop()
    tasks = [user.task for user in users]
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=PATIENCE)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

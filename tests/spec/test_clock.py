"""The machine's clock jumps, back and forth: what depends on it says so clearly, and nothing else notices."""

import datetime as dt
import itertools
import random
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from headwater.base import call
from headwater.identity.tokens import LEEWAY
from headwater.testing import PASSWORD, Client, client
from tests.spec.ledger import app

HOUR = 3600.0
DAY = 24 * HOUR


class Clock(dt.datetime):
    """The clock of the process, ahead or behind by `shift` seconds."""

    shift = 0.0

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:  # type: ignore[override]
        return dt.datetime.now(tz) + dt.timedelta(seconds=cls.shift)


@contextmanager
def shifted() -> Iterator[type[Clock]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(call, "datetime", Clock)
        patch.setattr(Clock, "shift", 0.0)
        yield Clock


async def sign_in(visitor: Client) -> dict[str, str]:
    reply = await visitor.post("/api/v1/auth/login", {"username": "ed", "password": PASSWORD})
    assert reply.status == 200, reply.body
    return dict(reply.json())


async def test_rows_keep_their_order_in_the_log_and_on_pages(database_url: str) -> None:
    """Rows are written and changed while the clock jumps; pages show each once, and the log tells them in the order in
    which they were written."""
    draw = random.Random(5)
    async with client(app, database_url=database_url) as visitor:
        editor = await visitor.sign_up("ed", role="editor")
        start = (await editor.log())[-1].position
        with shifted() as clock:
            written = []
            for turn in range(30):
                clock.shift = draw.choice([0.0, -HOUR, -5.0, -0.001, 10.0, 20.0])
                reply = await editor.post("/api/v1/persons", {"name": f"Person {turn}"})
                assert reply.status == 201, reply.body
                written.append(reply.data["id"])
                clock.shift = draw.choice([0.0, -HOUR, 10.0])
                other = draw.choice(written)
                reply = await editor.patch(f"/api/v1/persons/{other}", {"name": f"Changed in {turn}"})
                assert reply.status == 200, reply.body
            assert len(set(written)) == 30
            for sort in ("createdAt", "-createdAt", "updatedAt", "-updatedAt", "id"):
                found, cursor = [], ""
                while cursor is not None:
                    clock.shift = draw.choice([0.0, -HOUR, 10.0])
                    page = await editor.get(
                        f"/api/v1/persons?sort={sort}&limit=7{cursor and f'&cursor={cursor}'}"
                    )
                    assert page.status == 200, page.body
                    found += [row["id"] for row in page.data]
                    cursor = page.json()["meta"]["pagination"]["nextCursor"]
                assert sorted(found) == sorted(written)
        entries = await editor.log(start)
        assert [e.row_id for e in entries if e.type == "person.created"] == written
        versions: dict[str, int] = {}
        for entry in entries:
            assert entry.version == versions.get(entry.row_id, 0) + 1
            versions[entry.row_id] = entry.version


async def test_who_has_signed_in_stays_so_or_signs_in_again(database_url: str) -> None:
    """A token of the future or of the past is refused with 401, never with a failure; the refresh token, or signing in,
    gives another, which is good at once."""
    async with client(app, database_url=database_url) as visitor:
        await visitor.sign_up("ed", role="editor")
        lifetime = visitor.running.identity.settings.access_lifetime.total_seconds()
        with shifted() as clock:
            for before, after in itertools.permutations((0.0, -DAY, -20.0, 20.0, 2 * HOUR), 2):
                clock.shift = before
                tokens = await sign_in(visitor)
                clock.shift = after
                editor = visitor.signed_in("ed", tokens["accessToken"])
                good = -LEEWAY <= after - before < lifetime + LEEWAY
                assert (await editor.get("/api/v1/persons")).status == (200 if good else 401), (before, after)
                renewed = await visitor.post("/api/v1/auth/refresh", {"refreshToken": tokens["refreshToken"]})
                assert renewed.status == 200, (before, after, renewed.body)
                editor = visitor.signed_in("ed", renewed.json()["accessToken"])
                assert (await editor.get("/api/v1/persons")).status == 200
                again = await sign_in(visitor)
                assert (
                    await visitor.signed_in("ed", again["accessToken"]).get("/api/v1/persons")
                ).status == 200

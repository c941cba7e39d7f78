"""A create and an update in one statement, where the database can do that, promise what a transaction promises."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import asyncpg
import pytest

from headwater import App, Computed, Field, Many, Ref, Resource, allow, check, computed, field, many, ref
from headwater.base.observe import Observation, StatementRun
from headwater.testing import Client, client
from tests.driver import watched_drivers

SEATS = 2
only_postgres = pytest.mark.parametrize("store_url", ["postgres"], indirect=True)


class Boat(Resource):
    """A boat with few seats."""

    name: Field[str] = field(max_length=20)
    knots: Field[int] = field(default=0)
    crew: Computed[int] = computed(lambda: Boat.seats.count(), init=False)

    seats: Many[Seat] = many(lambda: Seat.boat, init=False)


class Seat(Resource):
    """That somebody has a seat in a boat."""

    boat: Ref[Boat] = ref(on_delete="cascade")
    name: Field[str] = field(max_length=20)


allow(Boat, "read", "create", to="user")
allow(Boat, "update", when=lambda actor: Boat.knots < 10)
allow(Seat, "read", to="user")
allow(Seat, "create", "update", when=lambda actor: Seat.boat.seats.count() <= SEATS)

check(Seat, lambda: Seat.boat.knots < 8, message="Nobody boards a boat that is under way.")

app = App(title="Boats", resources=[Boat, Seat])


@pytest.fixture
async def ada(store_url: str) -> AsyncIterator[Client]:
    async with client(app, database_url=store_url) as nobody:
        yield await nobody.sign_up("ada")


async def boat(ada: Client) -> str:
    reply = await ada.post("/api/v1/boats", {"name": "Swan"})
    assert reply.status == 201, reply.body
    return str(reply.data["id"])


async def test_a_rule_that_counts_its_own_table_counts_the_new_row(ada: Client) -> None:
    swan, other = await boat(ada), await boat(ada)
    made = [await ada.post("/api/v1/seats", {"boatId": swan, "name": name}) for name in ("a", "b", "c")]
    assert [reply.status for reply in made] == [201, 201, 403]
    elsewhere = await ada.post("/api/v1/seats", {"boatId": other, "name": "c"})
    moved = await ada.patch(f"/api/v1/seats/{elsewhere.data['id']}", {"boatId": swan})
    assert moved.status == 403
    assert [(await ada.get(f"/api/v1/boats/{id}")).data["crew"] for id in (swan, other)] == [2, 1]


async def test_what_is_answered_counts_the_new_row(ada: Client) -> None:
    made = await ada.post("/api/v1/seats?include=boat", {"boatId": await boat(ada), "name": "a"})
    assert made.data["boat"]["crew"] == 1
    assert (await ada.get(f"/api/v1/seats/{made.data['id']}?include=boat")).data == made.data


async def test_a_check_that_asks_other_rows_is_asked_when_a_field_that_it_reads_changes(ada: Client) -> None:
    swan, fast = await boat(ada), await boat(ada)
    made = await ada.post("/api/v1/seats", {"boatId": swan, "name": "a"})
    seat = f"/api/v1/seats/{made.data['id']}"
    for id in (swan, fast):
        assert (await ada.patch(f"/api/v1/boats/{id}", {"knots": 9})).status == 200
    assert (await ada.post("/api/v1/seats", {"boatId": swan, "name": "b"})).status == 422
    assert (await ada.patch(seat, {"boatId": fast})).status == 422
    assert (await ada.patch(seat, {"name": "b"})).data["name"] == "b"


async def test_what_is_refused_is_not_written_nor_logged(ada: Client) -> None:
    swan = await boat(ada)
    before = await ada.log()
    refused = await ada.patch(f"/api/v1/boats/{swan}", {"knots": 10})
    assert refused.status == 403
    assert (await ada.get(f"/api/v1/boats/{swan}")).data["knots"] == 0
    assert await ada.log() == before


async def test_a_write_takes_few_statements(store_url: str) -> None:
    """On PostgreSQL a create is one and an update two; where a statement writes one table alone, the log takes one
    more, and SQLite's units of work are framed by four: BEGIN, SAVEPOINT, RELEASE, COMMIT."""
    more = 0 if store_url.startswith("postgres") else 1 + 4
    with watched_drivers() as driver:
        async with client(app, database_url=store_url) as nobody:
            ada = await nobody.sign_up("ada")
            swan = await boat(ada)
            await ada.patch(f"/api/v1/boats/{swan}", {"knots": 1})
            driver.clear()
            await boat(ada)
            assert len(driver.sent) == 1 + more
            driver.clear()
            assert (await ada.patch(f"/api/v1/boats/{swan}", {"knots": 2})).status == 200
            assert len(driver.sent) == 2 + more


@only_postgres
@pytest.mark.parametrize("held", [False, True])
async def test_a_row_that_another_changes_meanwhile_keeps_both_changes(
    ada: Client, store_url: str, held: bool
) -> None:
    """Between reading the row and writing it: the other has done, or holds the row until later."""
    swan = await boat(ada)
    done, threads = threading.Event(), []

    async def change() -> None:
        other = await asyncpg.connect(store_url)
        await other.execute("BEGIN")
        await other.execute("UPDATE boats SET name = 'Goose', version = version + 1")
        if held:
            done.set()
            await asyncio.sleep(0.2)
        await other.execute("COMMIT")
        await other.close()
        done.set()

    def watch(observation: Observation) -> None:
        if isinstance(observation, StatementRun) and observation.purpose == "write" and not threads:
            threads.append(threading.Thread(target=asyncio.run, args=[change()]))
            threads[0].start()
            done.wait()

    remove = ada.running.store.observers.add(watch)
    changed = await ada.patch(f"/api/v1/boats/{swan}", {"knots": 5})
    remove()
    threads[0].join()
    assert (changed.status, changed.data["name"], changed.data["knots"]) == (200, "Goose", 5)
    assert changed.data["version"] == 3
    after = (await ada.log())[-1].after
    assert after is not None
    assert (after["name"], after["knots"]) == ("Goose", 5)

"""What follows from a write without being asked for: rows that lose a reference, and rows that an action writes."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator

import pytest

from headwater import (
    App,
    Field,
    Many,
    OptRef,
    Resource,
    Tx,
    action,
    allow,
    field,
    many,
    optref,
    stamp,
)
from headwater.testing import Client, client


class Worker(Resource, trash=True):
    """Somebody."""

    name: Field[str] = field(max_length=50)
    jobs: Many[Job] = many(lambda: Job.worker, init=False)

    @action(to="user")
    async def leave(self, tx: Tx) -> None:
        """Somebody else does what they began, and nobody the rest."""
        first, *rest = await tx.select(Job, Job.worker == self, sort=[Job.title])
        first.title = f"{first.title}, still"
        for job in rest:
            await tx.delete(job)


class Job(Resource, demands_version=True, trash=True):
    """A piece of work, which nobody changes without having seen it."""

    title: Field[str] = field(max_length=50)
    worker: OptRef[Worker] = optref(default=None, on_delete="set_null")
    taken_at: Field[dt.datetime | None] = stamp(lambda: Job.worker.is_not_null())

    @action(to="user")
    async def hurry(self, tx: Tx) -> None:
        """It is urgent."""
        self.title = f"{self.title}!"


for resource in (Worker, Job):
    allow(resource, "read", "write")
APP = App(title="Work", resources=[Worker, Job])


@pytest.fixture
async def anybody(store_url: str) -> AsyncIterator[Client]:
    async with client(APP, database_url=store_url) as visitor:
        yield await visitor.sign_up("ada")


async def made(anybody: Client, *titles: str) -> tuple[str, list[str]]:
    """A worker and their jobs."""
    worker = (await anybody.post("/api/v1/workers", {"name": "Bo"})).data["id"]
    jobs = [
        (await anybody.post("/api/v1/jobs", {"title": title, "workerId": worker})).data["id"]
        for title in titles
    ]
    return worker, jobs


async def test_a_moment_ends_with_the_reference_that_began_it(anybody: Client) -> None:
    worker, (job,) = await made(anybody, "comp")
    taken = (await anybody.get(f"/api/v1/jobs/{job}")).data
    assert taken["takenAt"] is not None
    assert (await anybody.delete(f"/api/v1/workers/{worker}")).status == 204
    left = (await anybody.get(f"/api/v1/jobs/{job}")).data
    assert (left["workerId"], left["takenAt"], left["version"]) == (None, None, taken["version"] + 1)


async def test_what_comes_back_without_its_reference_comes_back_without_the_moment(anybody: Client) -> None:
    worker, (job,) = await made(anybody, "comp")
    assert (await anybody.delete(f"/api/v1/jobs/{job}", if_match='"1"')).status == 204
    assert (await anybody.delete(f"/api/v1/workers/{worker}")).status == 204
    back = await anybody.post(f"/api/v1/jobs/{job}/restore", if_match='"2"')
    assert (back.status, back.data["workerId"], back.data["takenAt"]) == (200, None, None)


async def test_what_an_action_writes_names_no_version(anybody: Client) -> None:
    """It has compared what it read; who asks for it names the version that they have seen."""
    worker, (first, second) = await made(anybody, "a comp", "b comp")
    assert (await anybody.post(f"/api/v1/jobs/{first}/hurry")).status == 428
    hurried = await anybody.post(f"/api/v1/jobs/{first}/hurry", if_match='"1"')
    assert (hurried.status, hurried.data["title"]) == (200, "a comp!")
    assert (await anybody.post(f"/api/v1/workers/{worker}/leave")).status == 200
    assert (await anybody.get(f"/api/v1/jobs/{first}")).data["title"] == "a comp!, still"
    assert (await anybody.get(f"/api/v1/jobs/{second}")).status == 404


async def test_what_is_linked_names_no_version(anybody: Client) -> None:
    """The relation is asked for, and not the rows behind it."""
    worker, (job,) = await made(anybody, "comp")
    other, _ = await made(anybody)
    linked = await anybody.patch(
        f"/api/v1/workers/{other}/relationships/jobs", {"data": [{"type": "jobs", "id": job}]}
    )
    assert linked.status in (200, 204), linked.body
    assert (await anybody.get(f"/api/v1/jobs/{job}")).data["workerId"] == other
    assert (await anybody.patch(f"/api/v1/jobs/{job}", {"workerId": worker})).status == 428

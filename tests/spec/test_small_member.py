"""Rules do not make reads grow with the table: who sees little of a large table waits no longer than who sees all."""

import os

from tests.driver import touched_pages, watched_drivers
from tests.spec import production
from tests.spec.rest_world import open_world

TASKS = 1_000_000 if os.environ.get("HEADWATER_TEST_LONG") else 60_000
PROJECTS, SMALL = 30, 100
SIZES = {f"P{n}": SMALL if n < 3 else (TASKS - 3 * SMALL) // (PROJECTS - 3) for n in range(PROJECTS)}
MEMBERS = {
    "P0": ["client", "artist"],
    "P1": ["artist"],
    "P2": ["artist"],
    **{f"P{n}": ["lead"] for n in range(3, PROJECTS)},
}
KEYS = {"client": 1, "artist": 3, "lead": PROJECTS - 3}
THAN_ADMIN = 3.0
"""How much more the same fifty rows may cost who sees them by a rule than who sees all and asks for that project."""
THAN_ONE_PROJECT = 6.0
"""A list that a filter holds to one project is read from an index, whatever the table's size; of rows without anything
to compute, a member's costs this much more for each project, since those found in each are merged and looked up."""


async def test_a_member_of_a_few_small_projects_waits_little_longer_than_an_admin(store_url: str) -> None:
    """The fifty newest tasks, for a member of one small project, of three, and of all others."""
    with watched_drivers() as driver:
        async with open_world(store_url, production.MODEL) as world:
            await production.fill(world.engine.store, SIZES, MEMBERS)

            async def cost(name: str, query: str) -> dict[str, int]:
                reader = world.acting_as(production.ACTORS[name])
                await reader.get("/api/v1/projects")  # the schema has been analysed, and is read again
                driver.clear()
                reply = await reader.get(f"/api/v1/tasks?limit=50&{query}")
                assert len(reply.data) == 50
                sent = driver.sent[-1]
                if driver.steps:
                    return {"steps": driver.steps[-1]}
                async with touched_pages(store_url) as measured:
                    return await measured.touched(sent)

            for query in ("sort=-createdAt", "sort=createdAt", "", "sort=-id"):
                same = await cost("admin", f"project=P0&{query}")
                for kind, found in (await cost("client", query)).items():
                    print(f"client {query}: {kind} {found}, without rules {same[kind]}")
                    assert found <= THAN_ADMIN * same[kind], (query, kind, found, same)
            one = await cost("admin", "project=P0&sort=-createdAt&fields=id,title")
            for query in ("sort=-createdAt", "sort=createdAt", "", "sort=-id"):
                for name, keys in KEYS.items():
                    for kind, found in (await cost(name, f"{query}&fields=id,title")).items():
                        print(f"{name} {query}: {kind} {found}, one project {one[kind]}")
                        assert found <= THAN_ONE_PROJECT * keys * one[kind], (name, query, kind, found, one)

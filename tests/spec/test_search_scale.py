"""A search for something rare costs what it finds, whatever the size of the table: in SQLite's steps, and in pages that
PostgreSQL touches."""

import json
import os
import random
from datetime import UTC, datetime
from typing import Any

from headwater import Field, Ref, Resource, field, ref
from headwater.base.call import SYSTEM, Call
from headwater.declare import build
from headwater.engine.engine import Engine
from headwater.engine.migrate import create_all
from headwater.ir.expr import Column, Compare, Value
from headwater.ir.query import Cursor, Measure, Numbered, Query, Sort, Summary
from headwater.ir.search import search_of
from tests.bulk import analyse, insert
from tests.driver import Driver, touched_pages, watched_drivers
from tests.stores import open_store

LONG = bool(os.environ.get("HEADWATER_TEST_LONG"))
SMALL, LARGE = (20_000, 400_000) if LONG else (4_000, 24_000)
THAN_SMALL = 3.0
"""How much more a search may cost in a table that is many times as large."""
CALL = Call(actor=SYSTEM, now=datetime(2026, 3, 1, tzinfo=UTC))


class Shelf(Resource):
    """A shelf."""

    name: Field[str] = field()


class Book(Resource):
    """A book on a shelf."""

    title: Field[str] = field(search=True)
    text: Field[str | None] = field(search=True, default=None)
    pages: Field[int] = field(default=0, index=True)
    shelf: Ref[Shelf] = ref()


MODEL = build([Shelf, Book])
BY_PAGES = (Sort(Column(("pages",)), True),)
QUERIES: dict[str, dict[str, Any]] = {
    "by rank": {},
    "in another order": {"sort": BY_PAGES},
    "the newest": {"sort": (Sort(Column(("created_at",)), True),)},
    "a numbered page": {"page": Numbered(1, 20)},
    "on one shelf": {"where": Compare("eq", Column(("shelf",)), Value("shelf_1"))},
    "what comes last in another order": {
        "search": search_of("amber"),
        "sort": (Sort(Column(("pages",))),),
    },
    "counted": {"summary": Summary((Measure("count"),))},
}


def books(count: int) -> list[dict[str, Any]]:
    """Books of common words; thirty about quicksilver, and four hundred about amber, which are the thickest."""
    draw = random.Random(3)
    letters = "abcdefghijklmnoprstu"
    words = ["".join(draw.choices(letters, k=draw.randrange(3, 9))) for _ in range(2000)]
    rare, thick = set(draw.sample(range(count), 30)), set(draw.sample(range(count), 400))
    return [
        {
            "id": f"book_{number:08}",
            "title": " ".join(draw.choices(words, k=4))
            + (" quicksilver" if number in rare else "")
            + (" amber" if number in thick else ""),
            "text": draw.choice([None, " ".join(draw.choices(words, k=6))]),
            "pages": 2000 if number in thick else draw.randrange(1000),
            "shelf": f"shelf_{draw.randrange(5)}",
            "created_at": CALL.now,
            "updated_at": CALL.now,
            "version": 1,
        }
        for number in range(count)
    ]


async def costs(url: str, driver: Driver, count: int) -> dict[str, dict[str, int]]:
    """What each query costs in a table of some size."""
    found = {}
    async with open_store(url, fresh=True) as store:
        engine = Engine(MODEL, store)
        await store.close()
        await create_all(engine.schema, store.url)
        await store.open()
        shelf = {"name": "x", "created_at": CALL.now, "updated_at": CALL.now, "version": 1}
        await insert(store, engine.schema, "Shelf", [shelf | {"id": f"shelf_{n}"} for n in range(5)])
        await insert(store, engine.schema, "Book", books(count))
        await analyse(store)
        for name, options in QUERIES.items():
            query = Query("Book", **{"search": search_of("ksil quick"), "page": Cursor(20), **options})
            for _ in range(2):
                driver.clear()
                answer = await engine.read(CALL, query)
            assert answer.rows
            if "where" not in options and "summary" not in options:
                sought = "amber" if "search" in options else "quicksilver"
                assert len(answer.rows) == 20
                assert all(sought in json.loads(row)["title"] for row in answer.rows)
            if driver.steps:
                found[name] = {"steps": driver.steps[-1]}
            else:
                async with touched_pages(store.url) as measured:
                    asked = next(sent for sent in reversed(driver.sent) if sent.parameters)
                    found[name] = await measured.touched(asked)
    return found


async def test_a_search_for_something_rare_does_not_grow_with_the_table(store_url: str) -> None:
    with watched_drivers() as driver:
        small = await costs(store_url, driver, SMALL)
        large = await costs(store_url, driver, LARGE)
    for name, figures in large.items():
        for kind, cost in figures.items():
            print(f"{name}: {kind} {cost}, in a small table {small[name][kind]}")
    for name, figures in large.items():
        for kind, cost in figures.items():
            assert cost <= THAN_SMALL * small[name][kind], (name, kind)

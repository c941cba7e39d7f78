"""The guide to queries is true: each of its conditions finds the rows that the SQL beside it does, on both stores."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

from headwater.ir.filters import ALL, OPERATORS
from headwater.testing import Client, client
from headwater_products.demo import app

GUIDE = (Path(__file__).parents[2] / "docs" / "querying.md").read_text()
CONDITIONS = re.findall(r"^\| (?:`\w+` \| )?`([^|]+?)` \| `([^|]+?)` \|$", GUIDE, re.M)
NAMES = {"CHOICE": "ENUM", "REFERENCE": "ID", "MOMENT": "DATETIME", "JSON OBJECT": "JSON"}
"""Kinds that the guide calls otherwise."""


async def found(visitor: Client, condition: str) -> list[str]:
    """The ids of the tasks that fulfil a condition of the guide, page after page."""
    ids: list[str] = []
    cursor: str | None = None
    while True:
        if condition.startswith("{"):
            asked: dict[str, Any] = {"filter": json.loads(condition), "fields": ["id"], "limit": 100}
            reply = await visitor.post("/api/v1/tasks/search", asked | ({"cursor": cursor} if cursor else {}))
        else:
            name, _, value = condition.partition("=")
            target = f"/api/v1/tasks?{quote(name, safe='[]')}={quote(value)}&fields=id&limit=100"
            reply = await visitor.get(target + (f"&cursor={quote(cursor)}" if cursor else ""))
        assert reply.status == 200, (condition, reply.body)
        ids += [row["id"] for row in reply.data]
        cursor = reply.json()["meta"]["pagination"]["nextCursor"]
        if cursor is None:
            return ids


async def test_every_condition_of_the_guide_means_its_sql(database_url: str) -> None:
    assert len(CONDITIONS) >= len(ALL) + 5
    async with client(app, database_url=database_url) as visitor:
        await visitor.running.seed(1, 1000)
        admin = await visitor.sign_up("grace", role="admin")
        store = visitor.running.store
        for condition, sql in CONDITIONS:
            rows = await store.read(f"SELECT id FROM tasks WHERE {sql}")
            ids = await found(admin, condition)
            assert sorted(ids) == sorted(row[0] for row in rows), condition
            assert ids, condition


def test_the_guide_has_every_operator_of_every_kind() -> None:
    assert re.findall(r"^\| `(\w+)` \| ", GUIDE, re.M) == [
        "eq", "ne", "in", "nin", "lt", "lte", "gt", "gte", "between", "contains", "startsWith", "isNull"
    ]  # fmt: skip
    told = dict[str, list[str]]()
    for kinds, operators in re.findall(r"^\| ([a-zA-Z, ]+) \| ((?:`\w+` ?)+)\|$", GUIDE, re.M):
        for kind in kinds.upper().split(", "):
            told[NAMES.get(kind, kind)] = sorted(re.findall(r"\w+", operators))
    assert told == {kind.name: sorted(operators) for kind, operators in OPERATORS.items()}

"""Rules hold everywhere: what an actor may not read cannot be felt in any answer.

Two worlds that differ only in rows hidden from the actor give the same bytes to every request. The requests are drawn
(`questions.py`, and `operations.py` for GraphQL), and so are the worlds, their rules and masks (`worlds.py`).
"""

import base64
import json
import os
import random
import re
from collections import Counter
from typing import Any

from headwater.base.call import Actor
from headwater.engine import migrate
from headwater.engine.engine import Engine
from headwater.engine.schema import Schema
from headwater.ir.model import Field, Kind, Resource
from headwater.surfaces import graphql
from headwater.surfaces.graphql import Options
from headwater.surfaces.graphql.schema import build
from tests.spec.operations import PAGE, Operations
from tests.spec.questions import Asker, Request
from tests.spec.rest_world import World
from tests.spec.worlds import MODEL, NOW, PROJECTS, Maker, Rows, Ruled, batches, become
from tests.stores import open_store

LONG = bool(os.environ.get("HEADWATER_TEST_LONG"))
WORLDS = 400 if LONG else 40
QUESTIONS, OPERATIONS, COMMANDS, MUTATIONS, MOVES = 25, 10, 5, 3, 5
PAGES = 3
TIMES = re.compile(rb'"timestamp":"[^"]*"')
IDS = re.compile(r"(task|note)_[0-9a-z]{26}")
CURSOR = re.compile(rb'"(start|end)([0-9]+)":"([^"]+)"')
TOKEN = re.compile(r"[A-Za-z0-9_-]{41}[A-Za-z0-9_-]+")
TAG = re.compile(r"\('etag', '[^']*'\)")


def values(draw: random.Random, rows: Rows, actor: str) -> Any:
    """Values that fields have in some row, hidden or not, and others."""

    def value(resource: Resource, field: Field) -> Any:
        if field.target or field.column == "id":
            return draw.choice([actor, *rows[field.target or resource.name]])
        match field.type.kind:
            case Kind.BOOLEAN:
                return draw.random() < 0.5
            case Kind.INTEGER:
                return draw.randrange(5)
            case Kind.DECIMAL:
                return draw.choice(["2.00", "1.75", "777.00"])
            case Kind.DATE:
                return draw.choice(["2026-01-01", "2026-01-15"])
            case Kind.DATETIME:
                return draw.choice(["2026-03-01T00:02:00Z", "2026-03-01T00:00:00Z"])
            case _:
                return draw.choice([row[field.name] for row in rows[resource.name].values()] or ["lead"])

    return value


async def answer(world: World, request: Request) -> list[Any]:
    """What comes back, bytes and all; from pages that go on, the next ones too."""
    found: list[Any] = []
    target, body = request.target, request.body
    for _ in range(PAGES):
        reply = await world.ask(request.method, target, body, {"x-request-id": "same", **request.headers})
        found.append((reply.status, sorted(reply.headers.items()), TIMES.sub(b"", reply.body)))
        if target == graphql.PATH and body["query"].startswith("mutation"):
            break
        if target == graphql.PATH:
            turned = next_operation(body, reply.body)
            if turned is None:
                break
            body = turned
            continue
        told = json.loads(reply.body) if reply.status == 200 and request.method in ("GET", "QUERY") else {}
        following = (told.get("links") or {}).get("next")
        cursor = told.get("meta", {}).get("pagination", {}).get("nextCursor")
        if following:
            target = following
        elif cursor and body is not None:
            body = {**body, "cursor": cursor}
        else:
            break
    return found


def next_operation(body: Any, told: bytes) -> Any:
    """The same operation about other pages: those behind the first cursor that is told of each connection, or those
    before it."""
    turned: dict[str, Any] = {}
    for side, number, token in CURSOR.findall(told):
        given = (
            {"last": 2, "before": token.decode()}
            if side == b"start"
            else {"first": 2, "after": token.decode()}
        )
        for name in PAGE:
            turned.setdefault(f"{name}{number.decode()}", given.get(name))
    return {**body, "variables": {**body["variables"], **turned}} if turned else None


def mutations(
    draw: random.Random, rows: Rows, ruled: Ruled, actor: str, operations: Operations
) -> list[Request]:
    """The same over GraphQL, with whatever their payloads show of the rows and of others."""
    found = []
    for _ in range(MUTATIONS):
        name, text = draw.choice([("Task", "title"), ("Note", "text")][: 1 + bool(rows["Note"])])
        seen = sorted(ruled.seen(rows, actor, name)) if draw.random() < 0.7 else []
        id = draw.choice(seen or list(rows[name]))
        people, tasks = list(rows["Person"]), list(rows["Task"])
        new = {
            "Task": {"projectId": draw.choice(PROJECTS), "title": "New", "artistId": draw.choice(people)},
            "Note": {"taskId": draw.choice(tasks), "authorId": draw.choice([actor, *people]), "text": "new"},
        }
        field, sent = draw.choice(
            [
                (f"update{name}", {"id": id, text: "changed"}),
                (f"update{name}", {"id": id, text: "changed", "version": draw.choice([1, 2])}),
                (f"restore{name}", {"id": id}),
                (f"create{name}", new[name]),
                ("praiseTask", {"id": draw.choice(tasks)}),
            ]
        )
        resource = ruled.model.resources["Task" if field == "praiseTask" else name]
        found.append(Request("POST", graphql.PATH, operations.mutation(field, sent, resource).sent))
    return found


def commands(draw: random.Random, rows: Rows, ruled: Ruled, actor: str) -> list[Request]:
    """Requests that write fields for which no rule asks, and so hide or show nothing else; most of them to rows that
    the actor sees, since the others are not found."""
    found = []
    for _ in range(COMMANDS):
        name, path, text = draw.choice(
            [("Task", "tasks", "title"), ("Note", "notes", "text")][: 1 + bool(rows["Note"])]
        )
        seen = sorted(ruled.seen(rows, actor, name)) if draw.random() < 0.7 else []
        row = rows[name][draw.choice(seen or list(rows[name]))]
        tests = {
            "Task": [("bid", "bid"), ("artist", "artistId"), ("title", "title")],
            "Note": [("text", "text")],
        }
        tested, wire = draw.choice(tests[name])
        patch = [
            {"op": "test", "path": f"/{wire}", "value": None if row[tested] is None else str(row[tested])},
            {"op": "replace", "path": f"/{text}", "value": "patched"},
        ]
        patched = {"content-type": "application/json-patch+json"}
        people, tasks = list(rows["Person"]), list(rows["Task"])
        new = {"projectId": draw.choice(PROJECTS), "title": "New", "artistId": draw.choice(people)}
        note = {
            "taskId": draw.choice(tasks),
            "authorId": draw.choice([actor, *people]),
            "text": "new",
        }
        at = f"/api/v1/{path}/{row['id']}"
        change = {text: "changed"}
        found.append(
            draw.choice(
                [
                    Request("PATCH", at, change),
                    Request("PATCH", at, change, {"if-match": draw.choice(['"1.0"', '"2.0"'])}),
                    Request("PATCH", at, {**change, "version": draw.choice([1, 2])}),
                    *[Request("PATCH", at, patch, patched)] * 3,
                    Request("DELETE", at),
                    Request("POST", f"{at}/restore"),
                    Request("DELETE", f"/api/v1/trash/{path}/{row['id']}"),
                    Request("POST", f"/api/v1/{path}", new if name == "Task" else note),
                    Request("POST", f"/api/v1/tasks/{draw.choice(tasks)}/praise"),
                ]
            )
        )
    return found


def moves(draw: random.Random, rows: Rows, other: Rows, ruled: Ruled, actor: str) -> list[Request]:
    """Requests that change where rows are and what masks hide, and so may show the actor more afterwards; of those that
    show the row itself, such as change nothing in what is shown of it."""
    found = []
    keys = {name: sorted({*kept, *other[name]}) for name, kept in rows.items()}

    def some(name: str) -> str:
        seen = sorted(ruled.seen(rows, actor, name)) if draw.random() < 0.6 else []
        return draw.choice(seen or keys[name] or keys["Task"])

    for _ in range(MOVES):
        resource = draw.choice([r for r in ruled.model.resources.values() if r.relations])
        relation = draw.choice(list(resource.relations.values()))
        target = ruled.model.resources[relation.target]
        at = f"/api/v1/{resource.path}/{some(resource.name)}"
        ids = [{"type": target.path, "id": some(target.name)} for _ in range(draw.choice([0, 1, 1, 2, 3]))]
        one = ids[0] if ids and draw.random() < 0.8 else None
        task = some("Task")
        bid = (rows["Task"].get(task) or other["Task"][task])["bid"]
        values = [None, "777.00", "0.01", None if bid is None else str(bid)]
        single = relation.kind == "one"
        found.append(
            draw.choice(
                [
                    *[
                        Request(
                            "PATCH" if single else draw.choice(["POST", "PATCH", "DELETE"]),
                            f"{at}/relationships/{relation.wire}",
                            {"data": one if single else ids},
                            {"prefer": "return=minimal"},
                        )
                    ]
                    * 2,
                    Request("PATCH", f"/api/v1/tasks/{task}", {"bid": draw.choice(values)}),
                ]
            )
        )
    return found


def without_new_ids(found: list[Any], known: set[str]) -> str:
    """Answers, in which a new row has no id, and no tag or cursor made of it."""

    def cursor(match: re.Match[str]) -> str:
        if len(match[0]) % 4 == 1:
            return match[0]  # no token is so long
        held = base64.urlsafe_b64decode(match[0] + "=" * (-len(match[0]) % 4)).decode("latin-1")
        return "cursor" if {found[0] for found in IDS.finditer(held)} - known else match[0]

    text = TOKEN.sub(cursor, repr(found))
    for id in {match[0] for match in IDS.finditer(text)} - known:
        text = TAG.sub("", text.replace(id, "new"))
    return text


async def test_hidden_rows_change_no_answer(store_url: str) -> None:
    """1,400 requests that read and 500 that write (ten times as many in the long run)."""
    proper, thrown, statuses = 0, 0, Counter[int]()
    refused, turned, done = 0, 0, 0
    seed = random.randrange(1 << 30) if LONG else 0
    async with open_store(store_url, fresh=True) as store:
        schema = Schema(MODEL, store.dialect)
        await store.close()
        await migrate.create_all(schema, store.url)
        await store.open()
        for number in range(WORLDS):
            draw = random.Random(seed + number)
            maker = Maker(draw)
            rows, ruled = maker.world(), Ruled(draw)
            actor = draw.choice(list(rows["Person"]))
            other, touched = maker.disturbed(rows, ruled, actor)
            seen = ruled.seen(rows, actor, "Task")
            proper += 0 < len(seen) < len(rows["Task"]) and touched > 0
            keys = {name: [*kept, *other[name]] for name, kept in rows.items()}
            asker = Asker(ruled.model, draw, values(draw, {**rows, **other}, actor), keys, ruled.ways())
            known = {id for ids in keys.values() for id in ids}
            requests = [asker.request() for _ in range(QUESTIONS)]
            operations = Operations(build(ruled.model), draw, asker.values, keys)
            requests += [
                Request("POST", graphql.PATH, operations.operation().sent) for _ in range(OPERATIONS)
            ]
            written, moved = commands(draw, rows, ruled, actor), moves(draw, rows, other, ruled, actor)
            moved += mutations(draw, rows, ruled, actor, operations)
            engine = Engine(ruled.model, store, secret=b"k" * 32)
            caller = Actor(actor, frozenset({"guest", "user"}))
            world = World(engine, caller, documented=False, now=NOW, options=Options(max_cost=10**9))
            answers: list[list[Any]] = []
            given: list[Any] = []
            for kept in (rows, other):
                await become(store, schema, kept)
                for name, resource in ruled.model.resources.items():
                    listed = await world.get(f"/api/v1/{resource.path}?page=1&perPage=100")
                    if resource.trash:
                        trash = await world.get(f"/api/v1/trash/{resource.path}?page=1&perPage=100")
                        thrown += len(trash.data)
                    shown = {row["id"] for row in listed.data}
                    assert shown == ruled.seen(kept, actor, name), f"seed {seed + number}: {name}"
                    assert listed.json["meta"]["pagination"]["total"] == len(shown)
                batches.clear()
                reads = [await answer(world, request) for request in requests]
                writes = [without_new_ids(await answer(world, request), known) for request in written]
                given.append(sorted(batches))  # roots of an operation are answered at the same time
                shifts = []
                for request in moved:
                    await become(store, schema, kept)
                    shifts.append(without_new_ids(await answer(world, request), known))
                answers.append([*reads, *writes, *shifts])
            for request, first, second in zip([*requests, *written, *moved], *answers, strict=True):
                assert first == second, f"seed {seed + number}: {request}"
            assert given[0] == given[1], f"seed {seed + number}: a function was given hidden rows"
            statuses.update(reply[0] for read in reads for reply in read)
            done += sum('"errors":[]' in shift for shift in shifts)
            for read in reads[QUESTIONS:]:
                turned += len(read) - 1
                refused += any(b'"errors"' in reply[2] for reply in read)
    assert proper * 3 >= WORLDS, "too few worlds in which some rows are visible and some are not"
    assert thrown > WORLDS, "too little in the trash"
    assert statuses[200] * 2 > statuses.total(), statuses
    assert refused * 20 < WORLDS * OPERATIONS, f"{refused} operations were refused"
    assert done * 10 > WORLDS * MUTATIONS, f"only {done} mutations were done"
    assert turned * 3 > WORLDS * OPERATIONS, f"only {turned} pages were turned"

"""What GraphQL's mutations do and tell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from headwater import Batched, Fault, Field, Reader, Resource, Tx, action, allow, batched, field, key
from headwater.base.call import ANONYMOUS
from headwater.declare import build
from headwater.log.log import Log
from tests.spec.rest_world import EDITOR, WRITER, World, open_world


class Shelf(Resource):
    """Where tapes stand."""

    name: Field[str] = field()


class Tape(Resource):
    """What is known by its code, and stands at a place of its own."""

    code: Field[str] = key(pattern="[A-Z]+")
    place: Field[int] = field(unique=True)
    title: Field[str] = field(default="")
    mood: Batched[str] = batched(lambda: moods, needs=lambda: (Tape.title,))

    @action(to="editor")
    async def stray(self, tx: Tx) -> Shelf:  # type: ignore[empty-body]
        """Promises a shelf."""

    @action(to="editor")
    async def lose(self, tx: Tx) -> Tape:
        """Promises a tape."""
        return await tx.create(Shelf(name="empty"))  # type: ignore[return-value]

    @action(to="editor")
    async def scatter(self, tx: Tx) -> Tape:
        """Promises a tape, and returns none in a list."""
        return []  # type: ignore[return-value]


async def moods(tapes: Sequence[Tape], reader: Reader) -> list[str]:
    for tape in tapes:
        if tape.title == "fault":
            raise Fault("RESOURCE_CONFLICT", "The moon has no mood.")
        if tape.title == "bug":
            raise ValueError("hidden words")
    return [tape.title.upper() for tape in tapes]


for resource in (Tape, Shelf):
    allow(resource, "read", "create", "update", "delete", to="editor")


class Asking:
    """An editor, and others, who ask GraphQL."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def told(self, query: str, **variables: Any) -> Any:
        reply = await self.world.post("/graphql", {"query": query, "variables": variables})
        assert reply.status == 200, reply.body
        return reply.json

    async def do(self, query: str, **variables: Any) -> Any:
        told = await self.told(query, **variables)
        assert "errors" not in told, told
        return told["data"]

    async def film(self, code: str = "AAA", **given: Any) -> None:
        reply = await self.world.post("/api/v1/films", {"code": code, "name": f"Film {code}", **given})
        assert reply.status == 201, reply.body

    async def job(self, title: str, film: str = "AAA") -> str:
        reply = await self.world.post("/api/v1/jobs", {"filmId": film, "title": title})
        assert reply.status == 201, reply.body
        return str(reply.data["id"])

    async def entries(self) -> list[Any]:
        return await Log(self.world.engine.store).reader().read()


@pytest.fixture
async def asking(store_url: str) -> AsyncIterator[Asking]:
    async with open_world(store_url) as world:
        yield Asking(world)


@pytest.fixture
async def tapes(store_url: str) -> AsyncIterator[Asking]:
    async with open_world(store_url, build([Tape, Shelf])) as world:
        yield Asking(world)


CREATE = """mutation Make($input: CreateJobInput!) {
    createJob(input: $input) { job { id title status film { name } } errors { field message code } position
    clientMutationId }
}"""
UPDATE = """mutation Change($input: UpdateJobInput!) {
    updateJob(input: $input) { job { id title version extra } errors { field message code } position }
}"""


async def test_a_row_is_created_and_shown_with_what_is_asked_of_it(asking: Asking) -> None:
    await asking.film()
    made = (await asking.do(CREATE, input={"filmId": "AAA", "title": "Roto", "clientMutationId": "7"}))[
        "createJob"
    ]
    assert made["job"] == {
        "id": made["job"]["id"],
        "title": "Roto",
        "status": "open",
        "film": {"name": "Film AAA"},
    }
    assert (made["errors"], made["clientMutationId"]) == ([], "7")
    assert isinstance(made["position"], int)
    read = await asking.world.get(f"/api/v1/jobs/{made['job']['id']}")
    assert read.data["title"] == "Roto"


async def test_what_is_wrong_with_an_input_is_told_in_the_payload_all_at_once(asking: Asking) -> None:
    await asking.film()
    given = {"filmId": "AAA", "title": "x" * 51, "priority": 12, "hours": "1.234"}
    told = (await asking.do(CREATE, input=given))["createJob"]
    assert told["job"] is None
    assert told["position"] is None
    assert [(one["field"], one["code"]) for one in told["errors"]] == [
        ("title", "VALIDATION_ERROR"), ("priority", "VALIDATION_ERROR"), ("hours", "VALIDATION_ERROR")
    ]  # fmt: skip
    gone = (await asking.do(CREATE, input={"filmId": "ZZZ", "title": "Roto"}))["createJob"]
    assert [(one["field"], one["code"]) for one in gone["errors"]] == [("filmId", "DANGLING_REFERENCE")]
    rule = {"filmId": "AAA", "title": "Roto", "start": "2026-02-02", "deadline": "2026-01-01"}
    (broken,) = (await asking.do(CREATE, input=rule))["createJob"]["errors"]
    assert (broken["code"], broken["message"]) == ("RULE_VIOLATION", "A job does not end before it starts.")


async def test_only_given_fields_change_and_null_clears(asking: Asking) -> None:
    await asking.film()
    id = await asking.job("Roto")
    changed = (await asking.do(UPDATE, input={"id": id, "extra": {"a": 1}}))["updateJob"]["job"]
    assert changed == {"id": id, "title": "Roto", "version": 2, "extra": {"a": 1}}
    changed = (await asking.do(UPDATE, input={"id": id, "extra": None, "version": 2}))["updateJob"]["job"]
    assert changed == {"id": id, "title": "Roto", "version": 3, "extra": None}
    stale = (await asking.do(UPDATE, input={"id": id, "title": "Paint", "version": 2}))["updateJob"]
    assert stale["job"] is None
    assert [one["code"] for one in stale["errors"]] == ["RESOURCE_CONFLICT"]


async def test_a_row_that_its_writer_may_not_read_is_written_and_not_shown(asking: Asking) -> None:
    asking.world.actor = WRITER
    query = 'mutation { createNote(input: {text: "psst"}) { note { id text } errors { code } position } }'
    told = (await asking.do(query))["createNote"]
    assert told["note"] is None
    assert told["errors"] == []
    assert told["position"] is not None


async def test_who_may_not_is_told_so_and_who_has_not_signed_in_is_asked_to(asking: Asking) -> None:
    await asking.film(openToAll=True)
    id = await asking.job("Roto")
    query = "mutation Go($id: ID!) { deleteJob(input: {id: $id}) { id errors { code } } }"
    asking.world.actor = WRITER
    assert (await asking.do(query, id=id))["deleteJob"] == {
        "id": None, "errors": [{"code": "INSUFFICIENT_PERMISSIONS"}]
    }  # fmt: skip
    asking.world.actor = ANONYMOUS
    told = await asking.told(query, id=id)
    assert told["data"] == {"deleteJob": None}
    (error,) = told["errors"]
    assert (error["path"], error["extensions"]["code"]) == (["deleteJob"], "AUTHENTICATION_REQUIRED")
    asking.world.actor = EDITOR
    assert (await asking.do(query, id=id))["deleteJob"] == {"id": id, "errors": []}
    assert (await asking.do("query Q($id: ID!) { job(id: $id) { id } }", id=id)) == {"job": None}


async def test_a_row_is_put_under_its_key_whether_it_is_there_or_not(asking: Asking) -> None:
    query = """mutation Put($input: UpsertFilmInput!) {
        upsertFilm(input: $input) { film { code name limit version } errors { code } }
    }"""
    first = (await asking.do(query, input={"code": "AAA", "name": "Dawn", "limit": 3}))["upsertFilm"]
    assert first == {"film": {"code": "AAA", "name": "Dawn", "limit": 3, "version": 1}, "errors": []}
    second = (await asking.do(query, input={"code": "AAA", "name": "Dusk"}))["upsertFilm"]
    assert second == {"film": {"code": "AAA", "name": "Dusk", "limit": 3, "version": 2}, "errors": []}
    asking.world.actor = WRITER
    hidden = (await asking.do(query, input={"code": "AAA", "name": "Mine"}))["upsertFilm"]
    assert hidden == {"film": None, "errors": [{"code": "INSUFFICIENT_PERMISSIONS"}]}


PUT = """mutation Put($input: UpsertTapeInput!) {
    upsertTape(input: $input) { tape { code title version } errors { field code } position }
}"""


async def test_many_who_put_the_same_row_at_once_all_succeed(tapes: Asking) -> None:
    """One makes it, whoever is first; the others change it."""
    for number, code in enumerate("ABCDE"):
        given = [{"code": code, "place": number, "title": f"by {n}"} for n in range(8)]
        told = [
            one["upsertTape"] for one in await asyncio.gather(*(tapes.do(PUT, input=one) for one in given))
        ]
        assert [one["errors"] for one in told] == [[]] * 8
        assert sorted(one["tape"]["version"] for one in told) == list(range(1, 9))
    assert len(await tapes.entries()) == 5 * 8


async def test_what_another_row_has_is_told_of_a_row_that_is_put(tapes: Asking) -> None:
    await tapes.do(PUT, input={"code": "A", "place": 1})
    taken = (await tapes.do(PUT, input={"code": "B", "place": 1}))["upsertTape"]
    assert taken == {
        "tape": None, "errors": [{"field": "place", "code": "RESOURCE_ALREADY_EXISTS"}], "position": None
    }  # fmt: skip


async def test_rows_are_put_as_part_of_a_transaction(tapes: Asking) -> None:
    await tapes.do(PUT, input={"code": "A", "place": 1, "title": "old"})
    both = """mutation Both($place: BigInt!) @transaction {
        new: upsertTape(input: {code: "B", place: $place, title: "fresh"}) { tape { title version } errors { code } }
        old: upsertTape(input: {code: "A", place: 1, title: "newer"}) { tape { title version } errors { code } }
    }"""
    refused = await tapes.do(both, place=1)
    assert refused == {
        "new": {"tape": None, "errors": [{"code": "RESOURCE_ALREADY_EXISTS"}]},
        "old": {"tape": None, "errors": [{"code": "RESOURCE_CONFLICT"}]},
    }
    done = await tapes.do(both, place=2)
    assert done == {
        "new": {"tape": {"title": "fresh", "version": 1}, "errors": []},
        "old": {"tape": {"title": "newer", "version": 2}, "errors": []},
    }
    assert len(await tapes.entries()) == 3


@pytest.mark.parametrize("title", ["fault", "bug"])
@pytest.mark.parametrize(
    "shown", ["tape { mood }", "a: tape { mood } b: tape { code }"], ids=["once", "twice"]
)
@pytest.mark.parametrize("together", ["", "@transaction"], ids=["alone", "together"])
async def test_a_failure_behind_a_write_says_that_the_write_is_done(
    tapes: Asking, title: str, shown: str, together: str
) -> None:
    query = f"""mutation Put($input: UpsertTapeInput!) {together} {{
        upsertTape(input: $input) {{ {shown} errors {{ code }} }}
    }}"""
    told = await tapes.told(query, input={"code": "A", "place": 1, "title": title})
    assert told["data"] == {"upsertTape": None}
    (error,) = told["errors"]
    assert error["path"] == ["upsertTape"]
    assert error["extensions"]["outcome"] == "done"
    assert error["extensions"]["code"] == {"fault": "RESOURCE_CONFLICT", "bug": "INTERNAL_ERROR"}[title]
    assert len(await tapes.entries()) == 1


async def test_an_action_shows_no_row_where_it_returns_another_than_it_promises(tapes: Asking) -> None:
    await tapes.do(PUT, input={"code": "A", "place": 1})
    told = await tapes.do('mutation { strayTape(input: {id: "A"}) { shelf { id name } errors { code } } }')
    assert told["strayTape"] == {"shelf": None, "errors": []}
    told = await tapes.do('mutation { loseTape(input: {id: "A"}) { tape { __typename } errors { code } } }')
    assert told["loseTape"] == {"tape": None, "errors": []}
    told = await tapes.do('mutation { scatterTape(input: {id: "A"}) { tape { code } errors { code } } }')
    assert told["scatterTape"] == {"tape": None, "errors": []}


async def test_actions_are_mutations(asking: Asking) -> None:
    await asking.film()
    id = await asking.job("Roto")
    finish = """mutation F($id: ID!) {
        finishJob(input: {id: $id, note: "late"}) { job { status extra } errors { code } }
    }"""
    assert (await asking.do(finish, id=id))["finishJob"] == {
        "job": {"status": "done", "extra": {"note": "late"}}, "errors": []
    }  # fmt: skip
    bill = """mutation B($id: ID!) {
        billJob(input: {id: $id, hours: "2.50", titles: ["Comp", "Paint"]}) { jobs { title film { name } } }
    }"""
    assert (await asking.do(bill, id=id))["billJob"]["jobs"] == [
        {"title": "Comp", "film": {"name": "Film AAA"}}, {"title": "Paint", "film": {"name": "Film AAA"}}
    ]  # fmt: skip
    listed = await asking.do("mutation { byTitleJobs(input: {}) { a: jobs { title } b: jobs { id } } }")
    assert [job["title"] for job in listed["byTitleJobs"]["a"]] == ["Roto", "Paint", "Comp"]
    assert len(listed["byTitleJobs"]["b"]) == 3
    counted = await asking.do("mutation { countOpenJobs(input: {atMost: 1}) { result } }")
    assert counted["countOpenJobs"]["result"] == {"open": 1}
    told = await asking.told(
        "mutation C($id: ID!) { confuseJob(input: {id: $id}) { errors { code } } }", id=id
    )
    assert told["data"] == {"confuseJob": None}
    assert told["errors"][0]["extensions"]["code"] == "INTERNAL_ERROR"
    gone = await asking.do(
        "mutation S($id: ID!) { scrapJob(input: {id: $id}) { job { id } errors { code } } }", id=id
    )
    assert gone["scrapJob"] == {"job": None, "errors": []}


async def test_fields_run_in_order_each_a_transaction_of_its_own(asking: Asking) -> None:
    await asking.film()
    told = await asking.do("""mutation {
        a: createJob(input: {filmId: "AAA", title: "One"}) { job { title } position }
        b: createJob(input: {filmId: "AAA", title: "Two", priority: 99}) { job { title } errors { code } }
        c: createJob(input: {filmId: "AAA", title: "Three"}) { job { film { jobs { totalCount } } } position }
    }""")
    assert told["a"]["job"] == {"title": "One"}
    assert told["b"] == {"job": None, "errors": [{"code": "VALIDATION_ERROR"}]}
    assert told["c"]["job"]["film"]["jobs"]["totalCount"] == 2
    assert told["a"]["position"] < told["c"]["position"]


async def test_a_transaction_is_done_whole_or_not_at_all(asking: Asking) -> None:
    await asking.film()
    both = """mutation Both($second: String!) @transaction {
        a: createJob(input: {filmId: "AAA", title: "One"}) { job { title } errors { code } position }
        b: createJob(input: {filmId: "AAA", title: $second}) { job { title } errors { code } position }
    }"""
    before = len(await asking.entries())
    for wrong in ("x" * 51, "x" * 1000):
        told = await asking.do(both, second=wrong)
        assert told["a"] == {"job": None, "errors": [{"code": "RESOURCE_CONFLICT"}], "position": None}
        assert (told["b"]["job"], told["b"]["position"], len(told["b"]["errors"])) == (None, None, 1)
    gone = await asking.do("""mutation @transaction {
        a: createJob(input: {filmId: "AAA", title: "One"}) { errors { code } }
        b: createJob(input: {filmId: "ZZZ", title: "Two"}) { errors { field code } }
    }""")
    assert gone["b"] == {"errors": [{"field": "filmId", "code": "DANGLING_REFERENCE"}]}
    assert len(await asking.entries()) == before
    told = await asking.do(both, second="Two")
    assert (told["a"]["job"], told["b"]["job"]) == ({"title": "One"}, {"title": "Two"})
    assert told["a"]["position"] == told["b"]["position"]
    assert len(await asking.entries()) == before + 2


async def test_what_stops_one_field_of_a_transaction_is_told_of_that_one(asking: Asking) -> None:
    await asking.film()
    told = await asking.do("""mutation @transaction {
        a: createJob(input: {filmId: "AAA", title: "One"}) { errors { code } }
        b: createJob(input: {filmId: "AAA", title: "Two"}) {
            job { film { jobs(after: "nonsense") { nodes { id } } } } errors { code }
        }
    }""")
    assert told == {
        "a": {"errors": [{"code": "RESOURCE_CONFLICT"}]},
        "b": {"job": None, "errors": [{"code": "INVALID_CURSOR"}]},
    }
    told = await asking.told("""mutation @transaction {
        a: createJob(input: {filmId: "AAA", title: "One"}) { errors { code } }
        b: createJob(input: {filmId: "AAA", title: "Two"}) { job { film { jobs(first: 1000) { totalCount } } } }
    }""")
    assert told["data"] == {"a": {"errors": [{"code": "RESOURCE_CONFLICT"}]}, "b": None}
    assert [error["path"] for error in told["errors"]] == [["b"]]
    assert (await asking.world.get("/api/v1/jobs")).json["data"] == []


async def test_an_action_is_no_part_of_a_transaction(asking: Asking) -> None:
    await asking.film()
    id = await asking.job("Roto")
    query = """mutation T($id: ID!) @transaction {
        createJob(input: {filmId: "AAA", title: "One"}) { errors { code } }
        finishJob(input: {id: $id}) { errors { code message } }
    }"""
    told = await asking.do(query, id=id)
    assert told["finishJob"]["errors"] == [
        {
            "code": "NOT_SUPPORTED",
            "message": "An action has a transaction of its own; it cannot be part of another.",
        }
    ]
    assert told["createJob"]["errors"] == [{"code": "RESOURCE_CONFLICT"}]
    assert (await asking.world.get("/api/v1/jobs")).json["data"][0]["status"] == "open"


async def test_a_payload_has_pages_and_their_cursors(asking: Asking) -> None:
    await asking.film()
    for title in ("One", "Two"):
        await asking.job(title)
    query = """mutation M($after: String) {
        createJob(input: {filmId: "AAA", title: "Three"}) {
            job { film { jobs(first: 1, after: $after, orderBy: [{title: ASC}]) {
                nodes { title } pageInfo { endCursor hasNextPage } } } }
        }
    }"""
    jobs = (await asking.do(query))["createJob"]["job"]["film"]["jobs"]
    assert jobs["nodes"] == [{"title": "One"}]
    assert jobs["pageInfo"]["hasNextPage"] is True
    jobs = (await asking.do(query, after=jobs["pageInfo"]["endCursor"]))["createJob"]["job"]["film"]["jobs"]
    assert jobs["nodes"] == [{"title": "Three"}]

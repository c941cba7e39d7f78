"""What may be written is judged by the row as it was and by the row as it becomes, with what the writer may see."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from headwater import (
    App,
    Field,
    Many,
    Reader,
    Ref,
    Resource,
    Role,
    Tx,
    action,
    allow,
    field,
    lock,
    many,
    mask,
    ref,
    report,
    through,
)
from headwater.base.call import Actor, Call
from headwater.base.errors import Fault
from headwater.declare import build
from headwater.ir.command import Act, Create
from headwater.ir.model import Grant
from headwater.ir.query import Ask, Query
from headwater.testing import Client, Reply, client
from headwater_products.demo import app as demo
from tests.spec.rest_world import open_world


class Room(Resource):
    """Where notes hang."""

    name: Field[str] = field(max_length=20)
    keeper: Field[str] = field(max_length=60)
    closed: Field[bool] = field(default=False)


class Note(Resource):
    """A note in a room."""

    room: Ref[Room] = ref(on_delete="cascade")
    author: Field[str] = field(max_length=60)
    text: Field[str] = field(max_length=100, default="")
    stars: Field[int] = field(default=0)

    @action(when=lambda actor: Note.author == actor.id)
    async def praise(self, tx: Tx) -> None:
        """Add a star."""
        self.stars += 1


class Door(Resource):
    """What leads from one room to another."""

    outside: Ref[Room] = ref(on_delete="cascade")
    inside: Ref[Room] = ref(on_delete="cascade")


class Badge(Resource):
    """What one person alone has; a rule asks of it, of where it hangs, and of those around it."""

    number: Field[int] = field(unique=True)
    word: Field[str] = field(max_length=20, default="", search=True)
    room: Ref[Room] = ref(on_delete="cascade")
    owner: Field[str] = field(max_length=60)


class Guest(Resource):
    """Somebody as clubs know them."""

    account: Field[str] = field(max_length=60)


class Club(Resource):
    """What those see who have a seat in it."""

    name: Field[str] = field(max_length=20)
    seats: Many[Seat] = many(lambda: Seat.club, init=False)
    guests: Many[Guest] = through(lambda: Seat.club, lambda: Seat.guest)


class Seat(Resource):
    """That somebody belongs to a club."""

    club: Ref[Club] = ref(on_delete="cascade")
    guest: Ref[Guest] = ref(on_delete="cascade")


class Offer(Resource):
    """Whose author writes the text alone, and does not see what others say of it."""

    author: Field[str] = field(max_length=60)
    text: Field[str] = field(max_length=100)
    price: Field[int] = field(ge=0)
    verdict: Field[str] = field(max_length=20)
    score: Field[int] = field(default=1)


class Team(Resource):
    """Who leads it may do all to it; what is done to all teams at once is about none of them."""

    lead: Field[str] = field(max_length=60)

    @action
    async def rename(self, tx: Tx) -> None:
        """Only to see that it may be called."""

    @action
    @classmethod
    async def disband(cls, tx: Tx) -> None:
        """Take all teams away."""
        for team in await tx.select(Team):
            await tx.delete(team)

    @action(to="user")
    @classmethod
    async def ponder(cls, tx: Tx) -> None:
        """Come to nothing, slowly."""
        await tx.create(Team(lead="nobody"))
        await asyncio.sleep(30)


@report(Team)
async def team_leads(reader: Reader) -> list[str]:
    """Who leads a team."""
    return [team.lead for team in await reader.select(Team)]


allow(Team, "write", when=lambda actor: Team.lead == actor.id)
allow(Team, "read", to="user")
allow(Team, "write", "team_leads", to="warden")
allow(Offer, "read", "update", when=lambda actor: Offer.author == actor.id)
allow(Offer, "read", "create", "update", to="warden")
lock(Offer.price, unless="warden")
lock(Offer.author, unless="warden")
mask(Offer.verdict, unless="warden")
mask(Offer.score, unless="warden")

allow(Guest, "read", "create", to="user")
allow(Club, "create", to="user")
allow(Club, "read", when=lambda actor: Club.seats.any(Seat.guest.account == actor.id))
allow(Seat, "read", "create", when=lambda actor: Seat.guest.account == actor.id)

allow(Badge, "read", when=lambda actor: Badge.owner == actor.id)
allow(Badge, "create", "update", when=lambda actor: (Badge.owner == actor.id) & (Badge.room.closed == False))  # noqa: E712
allow(Badge, "read", "create", "update", to="warden")
allow(Door, "create", to="user")
allow(Room, "read", when=lambda actor: Room.keeper == actor.id)
allow(Room, "read", "create", "update", "delete", to="warden")
allow(Note, "read", to="user")
allow(Note, "create", when=lambda actor: (Note.author == actor.id) & (Note.room.closed == False))  # noqa: E712
allow(Note, "update", "delete", when=lambda actor: Note.author == actor.id)
allow(Note, "write", to="warden")
lock(Note.stars, unless="warden")


@pytest.fixture
async def people(store_url: str) -> AsyncIterator[tuple[Client, Client, Client]]:
    """A warden, and Ada and Bob, each of whom keeps a room."""
    app = App(
        title="Notes",
        resources=[Room, Note, Door, Offer, Badge, Guest, Club, Seat, Team],
        roles=[Role("warden")],
    )
    async with client(app, database_url=store_url) as nobody:
        yield (
            await nobody.sign_up("warden", "warden"),
            await nobody.sign_up("ada"),
            await nobody.sign_up("bob"),
        )


async def room(warden: Client, keeper: Client, **values: object) -> str:
    reply = await warden.post("/api/v1/rooms", {"name": "Hall", "keeper": keeper.id, **values})
    assert reply.status == 201, reply.body
    return str(reply.data["id"])


async def note(author: Client, room: str) -> str:
    reply = await author.post("/api/v1/notes", {"roomId": room, "author": author.id, "text": "hello"})
    assert reply.status == 201, reply.body
    return f"/api/v1/notes/{reply.data['id']}"


async def test_an_update_must_be_allowed_before_and_after(people: tuple[Client, Client, Client]) -> None:
    warden, ada, bob = people
    own = await note(ada, await room(warden, ada))
    given_away = await ada.patch(own, {"author": bob.id})
    taken = await bob.patch(own, {"author": bob.id})
    assert (given_away.status, taken.status) == (403, 403)
    assert (await ada.get(own)).data["author"] == ada.id
    assert (await ada.patch(own, {"text": "mine"})).data["text"] == "mine"


async def test_a_creation_is_judged_by_the_row_that_it_makes(people: tuple[Client, Client, Client]) -> None:
    warden, ada, bob = people
    open_room, closed = await room(warden, ada), await room(warden, ada, closed=True)
    for values in ({"roomId": open_room, "author": bob.id}, {"roomId": closed, "author": ada.id}):
        assert (await ada.post("/api/v1/notes", values)).status == 403
    assert (await ada.get("/api/v1/notes")).data == []


async def test_a_reference_must_lead_to_what_one_sees(people: tuple[Client, Client, Client]) -> None:
    warden, ada, bob = people
    hidden, own = await room(warden, bob), await note(ada, await room(warden, ada))
    unknown = hidden[:-4] + "0000"
    moved = await ada.patch(own, {"roomId": hidden})
    made = await ada.post("/api/v1/notes", {"roomId": hidden, "author": ada.id})
    nowhere = await ada.post("/api/v1/notes", {"roomId": unknown, "author": ada.id})
    for reply in (moved, made, nowhere):
        assert (reply.status, reply.json()["error"]["code"]) == (422, "DANGLING_REFERENCE")
    details = [reply.json()["error"]["details"] for reply in (made, nowhere)]
    assert details[0] == details[1]  # what is hidden answers like what is not there


async def test_one_of_several_references_tells_nothing_of_the_others(
    people: tuple[Client, Client, Client],
) -> None:
    warden, ada, bob = people
    hidden, own = await room(warden, bob), await room(warden, ada)
    unknown = hidden[:-4] + "0000"
    for inside, outside, named in (
        (hidden, unknown, ["outsideId", "insideId"]),
        (unknown, hidden, ["outsideId", "insideId"]),
        (unknown, unknown, ["outsideId", "insideId"]),
        (hidden, hidden, ["outsideId", "insideId"]),
        (own, unknown, ["outsideId"]),
        (own, hidden, ["outsideId"]),
    ):
        body = {"insideId": inside, "outsideId": outside}
        for sent in (body, dict(reversed(body.items()))):
            reply = await ada.post("/api/v1/doors", sent)
            assert reply.status == 422
            assert [detail["field"] for detail in reply.json()["error"]["details"]] == named


async def test_a_locked_field_is_not_written(people: tuple[Client, Client, Client]) -> None:
    warden, ada, _ = people
    hall = await room(warden, ada)
    own = await note(ada, hall)
    refused = await ada.patch(own, {"stars": 5, "text": "best"})
    assert (refused.status, refused.json()["error"]["details"][0]["field"]) == (403, "stars")
    created = await ada.post("/api/v1/notes", {"roomId": hall, "author": ada.id, "stars": 5})
    assert (created.status, created.json()["error"]["details"][0]["field"]) == (403, "stars")
    assert (await ada.get(own)).data == {**(await ada.get(own)).data, "stars": 0, "text": "hello"}
    assert (await warden.patch(own, {"stars": 5})).data["stars"] == 5


async def offer(warden: Client, author: Client) -> str:
    values = {"author": author.id, "text": "Mine", "price": 5, "verdict": "poor", "score": 3}
    reply = await warden.post("/api/v1/offers", values)
    assert reply.status == 201, reply.body
    return f"/api/v1/offers/{reply.data['id']}"


async def test_what_was_read_can_be_put_back_by_who_may_write_but_some_of_it(
    people: tuple[Client, Client, Client],
) -> None:
    warden, ada, _ = people
    own = await offer(warden, ada)
    read = (await ada.get(own)).data
    assert (read["price"], read["verdict"], read["score"]) == (5, None, None)
    assert (await ada.request("PUT", own, read)).data == read
    for body in ({**read, "text": "Better"}, {"text": "Best"}):
        put = await ada.request("PUT", own, {**body, "version": (await ada.get(own)).data["version"]})
        assert (put.status, put.data["text"]) == (200, body["text"]), put.body
        kept = (await warden.get(own)).data
        assert [kept[name] for name in ("price", "verdict", "score", "author")] == [5, "poor", 3, ada.id]


async def test_a_replacement_that_writes_what_it_may_not_is_refused(
    people: tuple[Client, Client, Client],
) -> None:
    warden, ada, _ = people
    own = await offer(warden, ada)
    for name, value in (("price", 6), ("verdict", "poor"), ("verdict", "good"), ("score", 3)):
        refused = await ada.request("PUT", own, {"text": "Best", name: value})
        assert (refused.status, refused.json()["error"]["details"][0]["field"]) == (403, name)
    whole = {"author": ada.id, "text": "Best", "price": 5, "verdict": "poor"}
    for name in ("price", "verdict", "author"):
        for body in ({n: v for n, v in whole.items() if n != name}, {**whole, name: None}):
            refused = await warden.request("PUT", own, body)
            [detail] = refused.json()["error"]["details"]
            assert (refused.status, detail["field"], detail["code"]) == (400, name, "REQUIRED_FIELD")
    assert (await warden.get(own)).data["version"] == 1
    assert (await warden.request("PUT", own, whole)).data["score"] == 1


async def test_what_is_masked_cannot_be_guessed_by_writing_it(people: tuple[Client, Client, Client]) -> None:
    """Not even by whether the write changes anything."""
    warden, ada, _ = people
    own = await offer(warden, ada)
    patched = {"content-type": "application/json-patch+json"}
    answers = []
    for guess in ("poor", "good"):
        patch = [{"op": "replace", "path": "/verdict", "value": guess}]
        replies = [
            await ada.patch(own, {"verdict": guess}),
            await ada.request("PATCH", own, patch, patched),
        ]
        assert [reply.status for reply in replies] == [403, 403]
        answers.append([reply.json()["error"]["details"] for reply in replies])
    assert answers[0] == answers[1]
    assert (await warden.get(own)).data["version"] == 1


async def test_a_conflict_is_told_to_those_alone_who_may_write_the_row(
    people: tuple[Client, Client, Client],
) -> None:
    """Be it with a row that they see or not: the answers are those of rows that conflict with none."""
    warden, ada, bob = people
    room_, closed = await room(warden, ada), await room(warden, ada, closed=True)
    hidden = await room(warden, bob)
    for number, owner in ((1, bob), (2, ada)):
        badge = {"number": number, "roomId": room_, "owner": owner.id}
        assert (await warden.post("/api/v1/badges", badge)).status == 201
    own = await ada.get("/api/v1/badges?number=2")
    place = f"/api/v1/badges/{own.data[0]['id']}"
    for number in (1, 2, 3):  # one that is hidden, one that is not, and none

        async def told(status: int, code: str, number: int = number, **values: object) -> None:
            new = {"number": number, "roomId": room_, "owner": ada.id, **values}
            replies = [
                await ada.post("/api/v1/badges", new),
                await ada.patch(place, {"number": number, **values}),
            ]
            for reply in replies:
                assert (reply.status, reply.json()["error"]["code"]) == (status, code), (number, values)

        await told(403, "INSUFFICIENT_PERMISSIONS", owner=bob.id)
        await told(403, "INSUFFICIENT_PERMISSIONS", roomId=closed)
        await told(422, "DANGLING_REFERENCE", roomId=hidden)
        await told(422, "DANGLING_REFERENCE", roomId=hidden[:-4] + "0000", owner=bob.id)
    taken = await ada.post("/api/v1/badges", {"number": 1, "roomId": room_, "owner": ada.id})
    assert (taken.status, taken.json()["error"]["code"]) == (409, "RESOURCE_ALREADY_EXISTS")
    moved = await ada.patch(place, {"number": 1})
    assert moved.json()["error"]["details"] == taken.json()["error"]["details"]
    assert [row["number"] for row in (await warden.get("/api/v1/badges?sort=number")).data] == [1, 2]


async def test_an_action_asks_its_own_rule(people: tuple[Client, Client, Client]) -> None:
    """The body of an action may do what its caller may not; who may call it is for its rule to say."""
    warden, ada, bob = people
    own = await note(ada, await room(warden, ada))
    assert (await bob.post(f"{own}/praise")).status == 403
    assert (await ada.post(f"{own}/praise")).data["stars"] == 1


async def test_what_may_not_be_read_cannot_be_told_from_what_is_not_there(
    people: tuple[Client, Client, Client],
) -> None:
    warden, ada, bob = people
    hidden = await room(warden, bob)
    unknown = hidden[:-4] + "0000"
    for method in ("GET", "PATCH", "DELETE"):
        json = {"name": "x"} if method == "PATCH" else None
        replies = [await ada.request(method, f"/api/v1/rooms/{id}", json) for id in (hidden, unknown)]
        assert [reply.status for reply in replies] == [404, 404]
        messages = [
            r.json()["error"]["message"].replace(id, "")
            for r, id in zip(replies, (hidden, unknown), strict=True)
        ]
        assert messages[0] == messages[1]
    assert (await ada.patch(f"/api/v1/rooms/{await room(warden, ada)}", {"name": "x"})).status == 403


async def test_a_row_grants_its_writer_nothing(store_url: str) -> None:
    """A membership that would let its writer see the project, and so write it, is refused as one in no project is."""
    async with client(demo, database_url=store_url) as visitor:
        admin, eve = await visitor.sign_up("ada", "admin"), await visitor.sign_up("eve", "user")
        for code in ("SWA", "OWN"):
            made = await admin.post("/api/v1/projects", {"code": code, "name": code})
            assert made.status == 201, made.body

        async def join(code: str, who: Client) -> Reply:
            body = {"projectId": code, "personId": eve.id, "role": "coordinator"}
            return await who.post("/api/v1/memberships", body)

        refused = [await join(code, eve) for code in ("SWA", "NOP")]
        assert [reply.status for reply in refused] == [422, 422]
        assert refused[0].json()["error"]["details"] == refused[1].json()["error"]["details"]
        own = (await join("OWN", admin)).data["id"]
        moved = [
            await eve.patch(f"/api/v1/memberships/{own}", {"projectId": code}) for code in ("SWA", "NOP")
        ]
        assert [reply.status for reply in moved] == [422, 422]
        assert [row["code"] for row in (await eve.get("/api/v1/projects")).data] == ["OWN"]


async def test_what_is_written_together_may_refer_to_itself(people: tuple[Client, Client, Client]) -> None:
    """Who founds a club with a seat in it sees it by that seat; one who takes a seat in a club of others does not."""
    _, ada, bob = people
    document = "application/vnd.api+json"
    own = (await ada.post("/api/v1/guests", {"account": ada.id})).data["id"]
    other = (await ada.post("/api/v1/guests", {"account": bob.id})).data["id"]

    def founded(guest: str) -> dict[str, object]:
        guests = {"data": [{"type": "guests", "id": guest}]}
        return {
            "data": {"type": "clubs", "attributes": {"name": "Chess"}, "relationships": {"guests": guests}}
        }

    made = await ada.post("/api/v1/clubs", founded(own), content_type=document)
    assert made.status == 201, made.body
    club = made.json()["data"]["id"]
    assert [row["id"] for row in (await ada.get("/api/v1/clubs")).data] == [club]
    assert (await ada.post("/api/v1/clubs", founded(other), content_type=document)).status == 404
    assert [row["id"] for row in (await ada.get("/api/v1/clubs")).data] == [club]
    assert (await bob.get("/api/v1/clubs")).data == []
    assert (await bob.post("/api/v1/seats", {"clubId": club, "guestId": other})).status == 422


async def test_a_condition_on_rows_opens_nothing_that_is_about_no_row(
    people: tuple[Client, Client, Client],
) -> None:
    """Whoever may write the rows that they lead calls the actions of these, and none of the collection."""
    warden, ada, bob = people
    made = await ada.post("/api/v1/teams", {"lead": ada.id})
    own = f"/api/v1/teams/{made.data['id']}"
    assert (await ada.post(f"{own}/rename")).status == 200
    for who in (ada, bob):
        for refused in (await who.post("/api/v1/teams/disband"), await who.get("/api/v1/teams/team-leads")):
            assert (refused.status, refused.json()["error"]["code"]) == (403, "INSUFFICIENT_PERMISSIONS")
    assert (await warden.get("/api/v1/teams/team-leads")).data == [ada.id]
    assert (await ada.get(own)).status == 200
    assert (await warden.post("/api/v1/teams/disband")).status == 204
    assert (await ada.get(own)).status == 404


async def test_a_grant_that_depends_on_rows_is_none_to_a_collection(store_url: str) -> None:
    """Even where a model has such a grant, which no declaration makes."""
    model = build([Team], [Role("warden")])
    of_lead = model.resources["Team"].grants[0].when
    opened = Grant(frozenset({"disband", "team_leads"}), of_lead)
    team = replace(model.resources["Team"], grants=(opened,))
    model = replace(model, resources={"Team": team})
    async with open_world(store_url, model) as world:
        await world.engine.run(Call.system(), Create("Team", {"lead": "ada"}))
        call = Call(actor=Actor("ada", roles=frozenset({"user"})))
        with pytest.raises(Fault, match="may not disband"):
            await world.engine.run(call, Act("Team", "disband"))
        with pytest.raises(Fault, match="may not ask for team leads"):
            await world.engine.ask(call, Ask("team_leads", "Team"))
        assert len((await world.engine.read(Call.system(), Query("Team"))).rows) == 1


async def test_an_action_that_takes_too_long_is_given_up(store_url: str) -> None:
    async with open_world(store_url, build([Team], [Role("warden")])) as world:
        call = Call(actor=Actor("ada", roles=frozenset({"user"})), deadline=time.monotonic() + 0.05)
        with pytest.raises(Fault) as refused:
            await world.engine.run(call, Act("Team", "ponder"))
        assert refused.value.code == "DEADLINE_EXCEEDED"
        assert (await world.engine.read(Call.system(), Query("Team"))).rows == []

"""Rules that lead through a link between two resources, in one row, in lists and in what is masked."""

from __future__ import annotations

from headwater import (
    App,
    Computed,
    Field,
    Many,
    Ref,
    Resource,
    Role,
    Tx,
    action,
    allow,
    computed,
    field,
    many,
    mask,
    ref,
    through,
)
from headwater.testing import client


class Person(Resource):
    """Somebody."""

    name: Field[str] = field(max_length=40)
    login: Field[str] = field(max_length=40)


class Team(Resource):
    """Some people."""

    name: Field[str] = field(max_length=40)
    seats: Many[Seat] = many(lambda: Seat.team)
    tips: Many[Tip] = many(lambda: Tip.team)
    people: Many[Person] = through(lambda: Seat.team, lambda: Seat.person)
    size: Computed[int] = computed(lambda: Team.people.count())


class Seat(Resource):
    """That somebody is in a team."""

    team: Ref[Team] = ref(on_delete="cascade")
    person: Ref[Person] = ref(on_delete="cascade")


class Job(Resource):
    """What a team has to do."""

    team: Ref[Team] = ref(on_delete="cascade")
    title: Field[str] = field(max_length=40)
    pay: Field[int] = field(default=0)


class Tip(Resource):
    """What somebody told; only wardens learn who, and for whom."""

    by: Ref[Person] = ref(on_delete="cascade")
    team: Ref[Team] = ref(on_delete="cascade")

    @action(to="warden")
    async def pass_on(self, tx: Tx) -> None:
        """Only to be refused."""


class Letter(Resource):
    """What somebody may read once it is open."""

    to: Ref[Person] = ref(on_delete="cascade")
    title: Field[str] = field(max_length=40)
    sealed: Field[bool] = field(default=False)


for resource in (Person, Team, Seat, Job, Letter):
    allow(resource, "read", "create", to="warden")
allow(Seat, "delete", to="warden")
allow(Tip, "read", "create", to="user")
mask(Tip.by, unless="warden")
mask(Tip.team, unless="warden")
allow(Letter, "read", when=lambda actor: (Letter.to == actor.id) & (Letter.sealed == False))  # noqa: E712
allow(Job, "read", when=lambda actor: Job.team.people.any(Person.id == actor.id))
mask(Job.pay, unless=lambda actor: Job.team.people.any((Person.id == actor.id) & (Person.name == "Ada")))


async def test_a_filter_sees_no_hidden_row_where_a_rule_does(store_url: str) -> None:
    """A rule by the path sees all people; a filter by the same path only those that its caller sees."""
    app = App(title="Teams", resources=[Person, Team, Seat, Job, Tip], roles=[Role("warden")], profile=Person)
    async with client(app, database_url=store_url) as nobody:
        warden, ada = await nobody.sign_up("warden", "warden"), await nobody.sign_up("Ada")
        bob = await nobody.sign_up("Bob")
        team = (await warden.post("/api/v1/teams", {"name": "Red"})).data["id"]
        for person in (ada, bob):
            await warden.post("/api/v1/seats", {"teamId": team, "personId": person.id})
        await warden.post("/api/v1/jobs", {"teamId": team, "title": "Dig"})
        for query in (
            "",
            "team.people.name=Bob",
            "team.people.name=Ada",
            "aggregate=count&team.people.name=Bob",
        ):
            found = [(await who.get(f"/api/v1/jobs?{query}")).data for who in (warden, ada)]
            counts = [row["count"] if isinstance(row, dict) else len(row) for row in found]
            assert counts == ([1, 1] if not query else [1, 0]), query


async def test_what_a_rule_asks_besides_whose_a_row_is_holds_in_lists(store_url: str) -> None:
    """Such a list is found by the keys that lead to the caller's rows."""
    app = App(title="Post", resources=[Person, Letter], roles=[Role("warden")], profile=Person)
    async with client(app, database_url=store_url) as nobody:
        warden, ada = await nobody.sign_up("warden", "warden"), await nobody.sign_up("Ada")
        for title, sealed in (("Open", False), ("Sealed", True)):
            letter = {"toId": ada.id, "title": title, "sealed": sealed}
            assert (await warden.post("/api/v1/letters", letter)).status == 201
        for query in ("", "sort=-createdAt", "page=1&perPage=10", "sealed[in]=true,false"):
            found = [(await who.get(f"/api/v1/letters?{query}")).data for who in (warden, ada)]
            assert [sorted(row["title"] for row in rows) for rows in found] == [
                ["Open", "Sealed"],
                ["Open"],
            ], query


async def test_a_rule_may_lead_through_a_link(store_url: str) -> None:
    app = App(title="Teams", resources=[Person, Team, Seat, Job, Tip], roles=[Role("warden")], profile=Person)
    async with client(app, database_url=store_url) as nobody:
        warden, ada = await nobody.sign_up("warden", "warden"), await nobody.sign_up("Ada")

        async def create(path: str, **values: object) -> str:
            reply = await warden.post(f"/api/v1/{path}", values)
            assert reply.status == 201, reply.body
            return str(reply.data["id"])

        jobs = {}
        for name in ("Red", "Blue", "Green"):
            team = await create("teams", name=name)
            jobs[name] = [await create("jobs", teamId=team, title=f"{name} {n}", pay=n) for n in range(3)]
            if name != "Green":
                await create("seats", teamId=team, personId=ada.id)
        listed = (await ada.get("/api/v1/jobs?sort=-title&fields=title,pay")).data
        assert [row["title"] for row in listed] == ["Red 2", "Red 1", "Red 0", "Blue 2", "Blue 1", "Blue 0"]
        assert [row["pay"] for row in listed] == [2, 1, 0, 2, 1, 0]
        first = await ada.get("/api/v1/jobs?sort=title&fields=title&limit=4")
        rest = await ada.get(first.json()["links"]["next"])
        assert [row["title"] for row in (*first.data, *rest.data)] == sorted(row["title"] for row in listed)
        assert (await ada.get(f"/api/v1/jobs/{jobs['Red'][1]}")).data["pay"] == 1
        assert (await ada.get(f"/api/v1/jobs/{jobs['Green'][1]}")).status == 404


async def test_who_does_not_see_a_link_does_not_see_where_it_leads(store_url: str) -> None:
    """A clerk sees all teams and all people, and not who is in which."""
    roles = [Role("warden"), Role("clerk", permissions=["read:teams", "read:persons"])]
    app = App(title="Teams", resources=[Person, Team, Seat, Job, Tip], roles=roles, profile=Person)
    async with client(app, database_url=store_url) as nobody:
        warden, clerk = await nobody.sign_up("warden", "warden"), await nobody.sign_up("Cleo", "clerk")
        bob = await nobody.sign_up("Bob")
        team = (await warden.post("/api/v1/teams", {"name": "Red"})).data["id"]
        await warden.post("/api/v1/seats", {"teamId": team, "personId": bob.id})
        for who, seen in ((warden, 1), (clerk, 0)):
            assert len((await who.get("/api/v1/teams?people.name=Bob")).data) == seen
            assert len((await who.get(f"/api/v1/teams/{team}/people")).data) == seen
            assert len((await who.get(f"/api/v1/teams/{team}?include=people")).data["people"]) == seen
            document = {"filter": {"people": {"name": {"eq": "Bob"}}}}
            assert len((await who.request("QUERY", "/api/v1/teams", document)).data) == seen
        assert len((await clerk.get("/api/v1/teams")).data) == 1


async def test_whom_two_links_lead_to_is_one_and_leaves_by_both(store_url: str) -> None:
    app = App(title="Teams", resources=[Person, Team, Seat, Job, Tip], roles=[Role("warden")], profile=Person)
    async with client(app, database_url=store_url) as nobody:
        warden, ada = await nobody.sign_up("warden", "warden"), await nobody.sign_up("Ada")
        team = f"/api/v1/teams/{(await warden.post('/api/v1/teams', {'name': 'Red'})).data['id']}"
        for _ in range(2):
            seat = {"teamId": team.rpartition("/")[2], "personId": ada.id}
            assert (await warden.post("/api/v1/seats", seat)).status == 201

        async def people() -> tuple[int, int, int]:
            shown = (await warden.get(f"{team}?include=people")).data
            return len(shown["people"]), shown["size"], len((await warden.get(f"{team}/people")).data)

        assert await people() == (1, 1, 1)
        document = {"data": [{"type": "persons", "id": ada.id}]}
        gone = await warden.request("DELETE", f"{team}/relationships/people", document)
        assert gone.status == 204, gone.body
        assert await people() == (0, 0, 0)
        assert (await warden.get("/api/v1/seats")).data == []


async def test_what_is_masked_for_all_is_not_included(store_url: str) -> None:
    roles = [Role("warden"), Role("clerk", permissions=["read:teams"])]
    app = App(title="Teams", resources=[Person, Team, Seat, Job, Tip], roles=roles, profile=Person)
    async with client(app, database_url=store_url) as nobody:
        clerk = await nobody.sign_up("Cleo", "clerk")
        for path, wire, masked in (("tips", "by", "byId"), ("teams", "tips", "teamId")):
            refused = await clerk.get(f"/api/v1/{path}?include={wire}")
            assert refused.status == 403
            (detail,) = refused.json()["error"]["details"]
            assert detail["parameter"] == "include"
            assert detail["message"] == f"You may not include {wire}, since you may not read {masked}."
        asked = await nobody.post("/api/v1/tips/tip_00000000000000000000000001/pass-on")
        assert (asked.status, asked.json()["error"]["message"]) == (401, "Sign in to pass on tips.")

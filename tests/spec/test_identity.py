"""Signing in (I1, I2, I3) and roles (I30), as far as they are there: accounts, tokens, rotation, the routes."""

import asyncio
import base64
import hmac
import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from headwater import declare as d
from headwater.base.call import Actor, Call
from headwater.base.errors import MOST_DETAILS, Fault
from headwater.base.observe import Observation, SecurityEvent
from headwater.db.postgres_dialect import PostgresDialect
from headwater.db.sqlite_dialect import SQLiteDialect
from headwater.engine.engine import Engine
from headwater.engine.migrate import create_all
from headwater.engine.schema import Schema
from headwater.engine.tx import Tx
from headwater.http.decode import decode_form
from headwater.http.exchange import Exchange, Response
from headwater.http.routes import Routes
from headwater.identity import RESOURCES, Identity, Settings, routes
from headwater.identity import identity as identity_module
from headwater.identity.passwords import Passwords
from headwater.identity.resources import Account, Session, SigningKey
from tests.stores import open_store

PASSWORD = "correct horse battery staple"
NOBODY = "nobody has this password"


class Person(d.Resource, plural="people"):
    name: d.Field[str] = d.field(max_length=200)
    login: d.Field[str] = d.field(unique=True)


MODEL = d.build(
    [Person, *RESOURCES],
    [
        d.Role("artist", inherits="user", permissions=["read:people"]),
        d.Role("lead", inherits="artist", permissions=["write:people"]),
    ],
)


@dataclass
class Clock:
    at: datetime = field(default_factory=lambda: datetime(2026, 5, 1, 12, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.at

    def ahead(self, **by: float) -> None:
        self.at += timedelta(**by)


@dataclass
class World:
    """One database, and as many processes on it as a test asks for."""

    engine: Engine
    clock: Clock
    seen: list[Observation]

    def process(self, settings: Settings | None = None) -> Identity:
        # The cost of Argon2id is not what these tests are about, so it is small.
        return Identity(self.engine, settings, clock=self.clock, passwords=Passwords(memory_kib=64, passes=1))

    async def rows(self, cls: type[Any]) -> list[Any]:
        return await self.engine.transact(Call.system(), lambda tx: tx.select(cls))


@pytest.fixture
async def world(store_url: str) -> AsyncIterator[World]:
    dialect = SQLiteDialect() if store_url.startswith("sqlite:") else PostgresDialect()
    # Before the store opens: two SQLite libraries in one process do not see each other's locks.
    await create_all(Schema(MODEL, dialect), store_url)
    async with open_store(store_url) as store:
        seen: list[Observation] = []
        store.observers.add(seen.append)
        yield World(Engine(MODEL, store, secret=b"s" * 32), Clock(), seen)


@pytest.fixture
async def identity(world: World) -> Identity:
    made = world.process()
    await made.start()
    await made.create_account("Ada", PASSWORD, ["lead"], name="Ada Lovelace", profile=Person)
    return made


async def refused(code: str, work: Any) -> Fault:
    with pytest.raises(Fault) as caught:
        await work
    assert caught.value.code == code
    return caught.value


# -- accounts and passwords ---------------------------------------------------------------------------------


async def test_account_and_profile_share_id_name_and_login(world: World, identity: Identity) -> None:
    (account,), (person,) = await world.rows(Account), await world.rows(Person)
    assert account.id == person.id
    assert (person.name, person.login) == ("Ada Lovelace", "ada")
    assert account.password_hash.startswith("$argon2id$")


async def test_a_taken_login_name_leaves_no_profile_behind(world: World, identity: Identity) -> None:
    await refused("RESOURCE_ALREADY_EXISTS", identity.create_account("ADA", PASSWORD, profile=Person))
    await refused(
        "RESOURCE_ALREADY_EXISTS", identity.create_account("ａｄａ", PASSWORD)
    )  # compatibility forms
    assert len(await world.rows(Person)) == 1


@pytest.mark.parametrize(
    ("login", "password", "roles"),
    [
        ("bob", "fourteen chars", []),
        ("", PASSWORD, []),
        ("two words", PASSWORD, []),
        ("bob", PASSWORD, ["king"]),
    ],
)
async def test_what_an_account_must_have(
    identity: Identity, login: str, password: str, roles: list[str]
) -> None:
    await refused("VALIDATION_ERROR", identity.create_account(login, password, roles))


async def test_the_default_cost_is_the_recommended_minimum() -> None:
    hashed = await Passwords().hash(PASSWORD)
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_an_account_that_is_not_there_costs_a_verification_too(identity: Identity) -> None:
    verified: list[str | None] = []
    inner = identity._passwords.verify

    async def verify(hashed: str | None, password: str) -> bool:
        verified.append(hashed)
        return await inner(hashed, password)

    identity._passwords.verify = verify  # type: ignore[method-assign]
    wrong = await refused("INVALID_CREDENTIALS", identity.login("ada", NOBODY))
    absent = await refused("INVALID_CREDENTIALS", identity.login("eve", NOBODY))
    assert wrong.message == absent.message
    assert len(verified) == 2
    assert verified[1] is None


async def test_a_login_name_that_is_too_long_is_not_even_folded(
    identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folding makes some characters 18 times as long, so a body of them would stop the server."""
    folded: list[int] = []
    inner = identity_module.folded
    monkeypatch.setattr(identity_module, "folded", lambda text: folded.append(len(text)) or inner(text))
    verified: list[str | None] = []
    verify = identity._passwords.verify

    async def verifying(hashed: str | None, password: str) -> bool:
        verified.append(hashed)
        return await verify(hashed, password)

    identity._passwords.verify = verifying  # type: ignore[method-assign]
    long = "\ufdfa" * 300_000
    told = await refused("INVALID_CREDENTIALS", identity.login(long, NOBODY))
    assert told.message == (await refused("INVALID_CREDENTIALS", identity.login("eve", NOBODY))).message
    assert verified == [None, None]  # it takes as long as for any other
    for login in (long, "a" * 255, "\ufdfa" * 100):
        told = await refused("VALIDATION_ERROR", identity.create_account(login, PASSWORD))
        assert told.message == "A login name has at most 254 characters."
    assert max(folded) < 1000
    await identity.create_account("a" * 254, PASSWORD, name="A")
    await identity.login("ａ" * 254, PASSWORD)


async def test_a_hash_of_old_parameters_is_renewed_at_sign_in(world: World, identity: Identity) -> None:
    stronger = Identity(world.engine, clock=world.clock, passwords=Passwords(memory_kib=128, passes=1))
    await stronger.login("ada", PASSWORD)
    (account,) = await world.rows(Account)
    assert "m=128," in account.password_hash
    await stronger.login("ada", PASSWORD)


async def test_secrets_are_not_in_the_log(world: World, identity: Identity) -> None:
    await identity.refresh((await identity.login("ada", PASSWORD)).refresh_token)
    entries = await world.engine.log.reader().read(1000)
    assert {e.resource for e in entries} == {"Account", "Session", "SigningKey", "Person"}
    for secret in ("argon2", "PRIVATE KEY", '"seed"', "Hash", "_hash"):
        assert secret not in json.dumps([[e.before, e.after] for e in entries])


# -- access tokens ------------------------------------------------------------------------------------------


async def test_a_token_stands_for_its_account_with_inherited_roles(identity: Identity) -> None:
    grant = await identity.login("aDa", PASSWORD)
    actor = await identity.actor(grant.access_token)
    assert actor.roles == {"guest", "user", "artist", "lead"}
    assert {"read:people", "write:people", "read:public"} <= actor.permissions
    assert actor.name == "Ada Lovelace"
    assert grant.expires_in == 3600


async def test_tokens_verify_with_the_published_keys_alone(identity: Identity) -> None:
    token = (await identity.login("ada", PASSWORD)).access_token
    published = await identity.published_keys()
    assert {"kty", "n", "e", "kid", "alg", "use"} <= published[0].keys()
    assert not {"d", "p", "q", "dp", "dq", "qi"} & published[0].keys()
    decoded = jwt.decode(token, KeySet.import_key_set({"keys": published}), ["RS256"])
    assert decoded.header == {"alg": "RS256", "kid": published[0]["kid"], "typ": "at+jwt"}
    assert decoded.claims["exp"] - decoded.claims["iat"] == 3600


async def test_a_token_expires_after_an_hour_and_a_leeway(world: World, identity: Identity) -> None:
    token = (await identity.login("ada", PASSWORD)).access_token
    world.clock.ahead(minutes=60, seconds=29)
    await identity.actor(token)
    world.clock.ahead(seconds=2)
    await refused("TOKEN_EXPIRED", identity.actor(token))  # remembered here
    await refused("TOKEN_EXPIRED", world.process().actor(token))  # and not there


def _encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


async def test_forged_tokens_are_refused(world: World, identity: Identity) -> None:
    token = (await identity.login("ada", PASSWORD)).access_token
    header, claims, signature = token.split(".")
    plain = json.loads(base64.urlsafe_b64decode(claims + "=="))
    public = (await identity.published_keys())[0]
    (kept,) = await world.rows(SigningKey)
    own = RSAKey.import_key(kept.private_pem, {"kid": kept.kid})
    other = RSAKey.generate_key(2048)

    def signed(key: RSAKey = own, typ: str = "at+jwt", kid: Any = kept.kid, **changed: Any) -> str:
        return jwt.encode({"alg": "RS256", "kid": kid, "typ": typ}, {**plain, **changed}, key, ["RS256"])

    await identity.actor(signed())
    pem = RSAKey.import_key(public).as_pem(private=False)
    confused = f"{_encoded({'alg': 'HS256', 'kid': kept.kid, 'typ': 'at+jwt'})}.{claims}"
    mac = base64.urlsafe_b64encode(hmac.digest(pem, confused.encode(), "sha256")).rstrip(b"=").decode()
    forged = [
        "", ".", "..", "a.b.c", "é.é.é", token + "x", token[:-8], "x" * 10_000,
        f"{_encoded({'alg': 'none', 'typ': 'at+jwt'})}.{claims}.",
        f"{_encoded({'alg': 'none', 'kid': kept.kid})}.{claims}.{signature}",
        f"{header}.{_encoded({**plain, 'sub': 'user_x'})}.{signature}",
        f"{confused}.{mac}",
        signed(other), signed(other, kid="unknown"), signed(typ="JWT"),
        signed(iss="elsewhere"), signed(aud="elsewhere"), signed(aud=["headwater"]), signed(sub=1),
        signed(sid="session_none"), signed(exp="soon"), signed(exp=None), signed(iat=plain["iat"] + 60),
        signed(sub="user_x"),
    ]  # fmt: skip
    for each in forged:
        await refused("INVALID_CREDENTIALS", identity.actor(each))


async def test_a_deactivated_account_stops_within_thirty_seconds(world: World, identity: Identity) -> None:
    token = (await identity.login("ada", PASSWORD)).access_token
    await identity.actor(token)

    async def deactivate(tx: Tx) -> None:
        (account,) = await tx.select(Account)
        account.active = False

    await world.engine.transact(Call.system(), deactivate)
    world.clock.ahead(seconds=31)
    await refused("INVALID_CREDENTIALS", identity.actor(token))
    await refused("INVALID_CREDENTIALS", identity.login("ada", PASSWORD))


async def test_signing_out_holds_here_at_once_and_elsewhere_soon(world: World, identity: Identity) -> None:
    elsewhere = world.process()
    grant = await identity.login("ada", PASSWORD)
    stays = await identity.login("ada", PASSWORD)
    actor = await identity.actor(grant.access_token)
    await elsewhere.actor(grant.access_token)
    await identity.logout(actor.session)
    await refused("INVALID_CREDENTIALS", identity.actor(grant.access_token))
    await refused("INVALID_CREDENTIALS", identity.refresh(grant.refresh_token))
    world.clock.ahead(seconds=31)
    await refused("INVALID_CREDENTIALS", elsewhere.actor(grant.access_token))
    await identity.actor(stays.access_token)


async def test_remembered_tokens_are_bounded_and_cost_no_statement(
    world: World, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headwater.identity.identity.REMEMBERED", 3)
    tokens = [await identity.issue_access_token("ada") for _ in range(5)]
    for token in tokens:
        await identity.actor(token)
    assert len(identity._seen) == 3
    world.seen.clear()
    await identity.actor(tokens[-1])
    assert world.seen == []


# -- keys ---------------------------------------------------------------------------------------------------


async def test_processes_that_start_together_share_one_key(world: World) -> None:
    several = [world.process() for _ in range(3)]
    await asyncio.gather(*(each.start() for each in several))
    assert len(await world.rows(SigningKey)) == 1
    await several[0].create_account("ada", PASSWORD)
    token = (await several[1].login("ada", PASSWORD)).access_token
    assert (await several[2].actor(token)).signed_in


@pytest.mark.parametrize("first", "-_a0")
async def test_any_thumbprint_is_a_key_id(world: World, monkeypatch: pytest.MonkeyPatch, first: str) -> None:
    monkeypatch.setattr(RSAKey, "thumbprint", lambda self: first + "a" * 42)
    identity = world.process()
    await identity.start()
    assert [key["kid"][0] for key in await identity.published_keys()] == [first]


async def test_a_key_is_published_before_it_signs_and_trusted_after(world: World, identity: Identity) -> None:
    def kid(token: str) -> Any:
        return json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))["kid"]

    first = await identity.issue_access_token("ada")
    world.clock.ahead(days=29, hours=1)
    before = await identity.issue_access_token("ada")
    assert kid(before) == kid(first)
    published = [key["kid"] for key in await identity.published_keys()]
    assert len(published) == 2
    world.clock.ahead(days=1, minutes=-5)
    late = await identity.issue_access_token("ada")
    assert kid(late) == kid(first)
    world.clock.ahead(minutes=10)
    after = await identity.issue_access_token("ada")
    assert kid(after) == published[1] != kid(first)
    assert (await identity.actor(late)).signed_in
    world.clock.ahead(days=5)
    assert [key["kid"] for key in await identity.published_keys()] == published[1:]


@pytest.mark.parametrize("days", [30.5, 31.97, 31.99, 32.2, 400])
async def test_keys_are_there_after_any_pause(world: World, identity: Identity, days: float) -> None:
    world.clock.ahead(days=days)
    token = await identity.issue_access_token("ada")
    world.clock.ahead(minutes=59)
    await world.process().start()
    assert (await identity.actor(token)).signed_in


@pytest.mark.parametrize("days", [33, 400])
async def test_a_server_starts_however_long_none_has_run(
    world: World, identity: Identity, days: float
) -> None:
    old = await identity.published_keys()
    world.clock.ahead(days=days)
    first, second = world.process(), world.process()
    await first.start()
    await second.start()
    assert (await second.actor(await first.issue_access_token("ada"))).signed_in
    published = await first.published_keys()
    assert len(published) == 1
    assert published != old
    assert await second.published_keys() == published


# -- refreshing ---------------------------------------------------------------------------------------------


async def test_refresh_tokens_rotate(world: World, identity: Identity) -> None:
    grant = await identity.login("ada", PASSWORD)
    for _ in range(3):
        world.clock.ahead(days=20)  # longer in all than one token lives: nobody is signed out by refreshing
        following = await identity.refresh(grant.refresh_token)
        assert following.refresh_token != grant.refresh_token
        assert (await identity.actor(following.access_token)).name == "Ada Lovelace"
        grant = following
    world.clock.ahead(days=31)
    await refused("TOKEN_EXPIRED", identity.refresh(grant.refresh_token))


async def test_a_used_refresh_token_ends_its_session(world: World, identity: Identity) -> None:
    other = await identity.login("ada", PASSWORD)
    first = await identity.login("ada", PASSWORD)
    second = await identity.refresh(first.refresh_token)
    await identity.actor(second.access_token)
    world.clock.ahead(seconds=11)
    await refused("TOKEN_REUSED", identity.refresh(first.refresh_token, "req_thief"))
    await refused("INVALID_CREDENTIALS", identity.refresh(second.refresh_token))
    await refused("INVALID_CREDENTIALS", identity.actor(second.access_token))
    events = [seen for seen in world.seen if isinstance(seen, SecurityEvent)]
    assert [(event.kind, event.request_id) for event in events] == [("refresh_token_reused", "req_thief")]
    await identity.refresh(other.refresh_token)


async def test_an_older_ancestor_has_no_grace(identity: Identity) -> None:
    first = await identity.login("ada", PASSWORD)
    second = await identity.refresh(first.refresh_token)
    third = await identity.refresh(second.refresh_token)
    await refused("TOKEN_REUSED", identity.refresh(first.refresh_token))
    await refused("INVALID_CREDENTIALS", identity.refresh(third.refresh_token))


async def test_tabs_that_refresh_in_the_same_instant_get_the_same_token(
    world: World, identity: Identity
) -> None:
    first = await identity.login("ada", PASSWORD)
    elsewhere = world.process()
    grants = await asyncio.gather(*(p.refresh(first.refresh_token) for p in (identity, elsewhere) * 3))
    assert len({grant.refresh_token for grant in grants}) == 1
    world.clock.ahead(hours=1)
    assert (await identity.refresh(grants[0].refresh_token)).refresh_token != grants[0].refresh_token


async def exchanged(process: Identity, token: str) -> dict[str, Any] | str:
    """What `POST /auth/refresh` answers: the new tokens, or the code of the refusal."""
    try:
        reply = await call(process, "POST", "/api/v1/auth/refresh", {"refreshToken": token})
    except Fault as fault:
        return fault.code
    found: dict[str, Any] = json.loads(reply.body)
    return found


def reuses(world: World) -> list[SecurityEvent]:
    return [seen for seen in world.seen if isinstance(seen, SecurityEvent)]


@pytest.mark.parametrize("seed", range(3))
async def test_nobody_is_logged_out_by_tabs_that_refresh_at_once(
    world: World, identity: Identity, seed: int
) -> None:
    """Some tabs share what they know, as those of a browser do, and reach two processes. Each hour they all refresh at
    once, and one that was slow comes some seconds later with what the others have used meanwhile."""
    draw, processes = random.Random(seed), (identity, world.process())
    known = str((await identity.login("ada", PASSWORD)).refresh_token)
    for _ in range(8):
        world.clock.ahead(hours=1)
        before = known
        tabs = [draw.choice(processes) for _ in range(draw.randrange(2, 7))]
        answers = await asyncio.gather(*(exchanged(process, before) for process in tabs))
        world.clock.ahead(seconds=draw.choice([0, 1, 9]))
        answers.append(await exchanged(draw.choice(processes), before))
        tokens = {answer["refreshToken"] for answer in answers if isinstance(answer, dict)}
        assert all(isinstance(answer, dict) for answer in answers), answers
        assert len(tokens) == 1
        (known,) = tokens
        assert known != before
        for answer in answers:
            assert isinstance(answer, dict)
            assert (await draw.choice(processes).actor(answer["accessToken"])).name == "Ada Lovelace"
    assert reuses(world) == []
    assert len(await world.rows(Session)) == 1


@pytest.mark.parametrize("seed", range(3))
async def test_a_stolen_token_that_was_used_ends_its_family_whoever_is_first(
    world: World, identity: Identity, seed: int
) -> None:
    """A thief presents some earlier token, many times and at the same moment as its owner refreshes: from then on no
    token of the family is worth anything, it is told once, and no other session notices."""
    draw, processes = random.Random(seed), (identity, world.process())
    other = str((await identity.login("ada", PASSWORD)).refresh_token)
    family, access = [str((await identity.login("ada", PASSWORD)).refresh_token)], list[str]()
    for _ in range(draw.randrange(2, 5)):
        world.clock.ahead(hours=1)
        answer = await exchanged(draw.choice(processes), family[-1])
        assert isinstance(answer, dict)
        family.append(answer["refreshToken"])
        access.append(answer["accessToken"])
    world.clock.ahead(seconds=11)
    stolen = draw.choice(family[:-1])
    tries = [stolen, stolen, stolen, family[-1]]
    draw.shuffle(tries)
    answers = await asyncio.gather(*(exchanged(draw.choice(processes), token) for token in tries))
    assert "TOKEN_REUSED" in answers
    owner = answers[tries.index(family[-1])]
    if isinstance(owner, dict):  # it came first, which helps nobody for long
        family.append(owner["refreshToken"])
    for token in family:
        assert await exchanged(draw.choice(processes), token) == "INVALID_CREDENTIALS"
    world.clock.ahead(seconds=31)
    await refused("INVALID_CREDENTIALS", draw.choice(processes).actor(access[-1]))
    assert [event.kind for event in reuses(world)] == ["refresh_token_reused"]
    assert isinstance(await exchanged(draw.choice(processes), other), dict)


async def test_made_up_refresh_tokens_harm_nobody(identity: Identity) -> None:
    grant = await identity.login("ada", PASSWORD)
    session, family, turn = grant.refresh_token.split(".")
    for made_up in (
        f"{session}.x.{turn}", f"{session}.x.y", f"session_none.{family}.{turn}", session, "", "..", "é.é.é", "x" * 9000
    ):  # fmt: skip
        await refused("INVALID_CREDENTIALS", identity.refresh(made_up))
        await identity.logout(token=made_up)
    await identity.refresh(grant.refresh_token)


async def test_sessions_that_have_expired_are_swept_at_sign_in(world: World, identity: Identity) -> None:
    await identity.login("ada", PASSWORD)
    world.clock.ahead(days=31)
    await identity.login("ada", PASSWORD)
    assert len(await world.rows(Session)) == 1


async def test_demo_accounts_are_known(identity: Identity) -> None:
    await identity.create_account("artist", "demo-artist-headwater", ["artist"], demo=True)
    assert await identity.demo_accounts() == ["artist"]
    await identity.login("artist", "demo-artist-headwater")


# -- the routes ---------------------------------------------------------------------------------------------


async def call(
    identity: Identity,
    method: str,
    path: str,
    body: Any = None,
    *,
    token: str | None = None,
    form: bool = False,
    actor: Actor | None = None,
    coding: bytes | None = None,
) -> Response:
    route, parameters = Routes(routes(identity)).find(method, path)
    sent = b"" if body is None else (urlencode(body) if form else json.dumps(body)).encode()
    kind = b"application/x-www-form-urlencoded" if form else b"application/json"
    headers = [(b"content-type", kind)] if body is not None else []
    if token is not None:
        headers.append((b"authorization", b"Bearer " + token.encode()))
    if coding is not None:
        headers.append((b"content-encoding", coding))
    scope = {"method": method, "query_string": b"", "headers": headers, "http_version": "1.1"}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": sent}

    exchange = Exchange(scope, receive, path, route, parameters)
    exchange.request_id = "req_test"
    if actor is not None:
        exchange.call = Call(actor=actor)
    return await route.handler(exchange)


@pytest.mark.parametrize("form", [False, True])
async def test_the_login_route(identity: Identity, form: bool) -> None:
    body = {"username": "ada", "password": PASSWORD} | (
        {"grant_type": "password", "scope": ""} if form else {}
    )
    answer = await call(identity, "POST", "/api/v1/auth/login", body, form=form)
    told = json.loads(answer.body)
    assert told.keys() == {"accessToken", "tokenType", "expiresIn", "refreshToken"}
    assert (told["tokenType"], told["expiresIn"]) == ("bearer", 3600)
    assert answer.header(b"cache-control") == b"no-store"
    renewed = await call(identity, "POST", "/api/v1/auth/refresh", {"refreshToken": told["refreshToken"]})
    assert json.loads(renewed.body).keys() == told.keys()


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"username", "password"}),
        ({"username": 1, "password": PASSWORD}, {"username"}),
        ({"username": "ada", "password": PASSWORD, "role": "admin"}, {"role"}),
        ([], set()),
    ],
)
async def test_every_fault_of_a_login_is_named(identity: Identity, body: Any, fields: set[str]) -> None:
    fault = await refused("VALIDATION_ERROR", call(identity, "POST", "/api/v1/auth/login", body))
    assert {detail.field for detail in fault.details} == fields


async def test_what_a_login_has_too_much_is_told_in_its_order_and_not_at_length(identity: Identity) -> None:
    sent = {"username": "ada", "password": PASSWORD}
    unknown = [f"{letter}{'x' * 500}" for letter in "qwertyuiop"]
    fault = await refused(
        "VALIDATION_ERROR",
        call(identity, "POST", "/api/v1/auth/login", {**sent, **dict.fromkeys(unknown, "")}),
    )
    assert [str(detail.field)[:2] for detail in fault.details] == [name[:2] for name in unknown]
    assert all(len(str(detail.field)) == 80 and len(detail.message) < 120 for detail in fault.details)
    many = {**sent, **{f"x{n}": "" for n in range(900)}}
    for form in (False, True):
        fault = await refused(
            "VALIDATION_ERROR", call(identity, "POST", "/api/v1/auth/login", many, form=form)
        )
        assert fault.message == f"The body has more than {MOST_DETAILS} problems; here are the first."


@pytest.mark.parametrize(("path", "form"), [("login", False), ("login", True), ("refresh", False)])
async def test_bodies_of_sign_in_are_read_as_all_are(identity: Identity, path: str, form: bool) -> None:
    sent = {"username": "ada", "password": PASSWORD} if path == "login" else {"refreshToken": "x"}
    asked = call(identity, "POST", f"/api/v1/auth/{path}", sent, form=form, coding=b"gzip")
    fault = await refused("UNSUPPORTED_MEDIA_TYPE", asked)
    assert fault.message == "Send the body without Content-Encoding."


@pytest.mark.parametrize("body", [b"username=ada&username=eve", b"username=%00", b"username=%ff"])
def test_a_form_that_is_none_or_is_read_in_two_ways_is_refused(body: bytes) -> None:
    with pytest.raises(Fault) as caught:
        decode_form(body)
    assert caught.value.code == "INVALID_FORMAT"


def test_a_form_with_very_many_fields_is_not_even_read() -> None:
    assert len(decode_form(b"&".join(b"x%d=" % n for n in range(1000)))) == 1000
    with pytest.raises(Fault, match="more than 1000 fields"):
        decode_form(b"&".join(b"x%d=" % n for n in range(1001)))


async def test_signing_out_by_either_token(identity: Identity) -> None:
    grant = await identity.login("ada", PASSWORD)
    answer = await call(identity, "POST", "/api/v1/auth/logout", token=grant.access_token)
    assert answer.status == 204
    await refused("INVALID_CREDENTIALS", identity.actor(grant.access_token))
    grant = await identity.login("ada", PASSWORD)
    await call(identity, "POST", "/api/v1/auth/logout", {"refreshToken": grant.refresh_token}, token="stale")
    await refused("INVALID_CREDENTIALS", identity.actor(grant.access_token))
    await refused("AUTHENTICATION_REQUIRED", call(identity, "POST", "/api/v1/auth/logout"))


async def test_who_one_is(identity: Identity) -> None:
    actor = await identity.actor(await identity.issue_access_token("ada"))
    told = json.loads((await call(identity, "GET", "/api/v1/users/me", actor=actor)).body)["data"]
    assert told == {
        "id": actor.id,
        "login": "ada",
        "name": "Ada Lovelace",
        "roles": ["artist", "guest", "lead", "user"],
        "permissions": sorted(actor.permissions),
    }
    await refused("AUTHENTICATION_REQUIRED", call(identity, "GET", "/api/v1/users/me"))


async def test_the_keys_route(identity: Identity) -> None:
    answer = await call(identity, "GET", "/.well-known/jwks.json")
    assert [key["kty"] for key in json.loads(answer.body)["keys"]] == ["RSA"]

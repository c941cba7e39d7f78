"""Who somebody is: signing in and out, and what a token stands for."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal

from headwater.base.call import Actor, Call, Clock, system_clock
from headwater.base.errors import Detail, Fault
from headwater.base.observe import SecurityEvent
from headwater.declare.resource import Resource
from headwater.engine.engine import Engine
from headwater.engine.tx import Tx
from headwater.identity.keys import Keys
from headwater.identity.passwords import Passwords, check_password
from headwater.identity.resources import MAX_LOGIN, Account, Session
from headwater.identity.tokens import (
    AccessTokens,
    RefreshToken,
    digest,
    expired_token,
    invalid_token,
    matches,
    new_secret,
)
from headwater.ir.expr import Column, Compare, Predicate, Value
from headwater.ir.query import Cursor, Query

RECHECK: Final = 30.0
REMEMBERED: Final = 10_000
GRACE: Final = timedelta(seconds=10)
OLD_SESSIONS: Final = 20
MAX_TYPED: Final = 4 * MAX_LOGIN
"""Characters of a login name before it is folded, which can make it shorter, and 18 times as long."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How long things last, and who issues tokens for whom. A signing key signs for `key_rotation`."""

    access_lifetime: timedelta = timedelta(hours=1)
    refresh_lifetime: timedelta = timedelta(days=30)
    key_rotation: timedelta = timedelta(days=30)
    key_ahead: timedelta = timedelta(days=1)
    issuer: str = "headwater"
    audience: str = "headwater"


@dataclass(frozen=True, slots=True)
class Grant:
    """What somebody who signs in gets. `expires_in` is the access token's lifetime in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int


@dataclass(slots=True)
class _Seen:
    """A verified token: whom it stands for, and until when that needs no look. Seconds since 1970."""

    actor: Actor
    expires: float
    checked_until: float


class Identity:
    """The accounts and sessions of one application.

    A token that has been verified is remembered with its actor; session and account are looked at again after
    `RECHECK` seconds, so what ends one elsewhere holds here by then, and what ends one here holds at once.
    """

    def __init__(
        self,
        engine: Engine,
        settings: Settings | None = None,
        *,
        clock: Clock = system_clock,
        passwords: Passwords | None = None,
    ) -> None:
        self._engine, self._clock = engine, clock
        self.settings = settings or Settings()
        self._passwords = passwords or Passwords()
        self._keys = Keys(
            engine,
            clock,
            token_lifetime=self.settings.access_lifetime,
            rotation=self.settings.key_rotation,
            ahead=self.settings.key_ahead,
        )
        self._tokens = AccessTokens(
            self._keys,
            issuer=self.settings.issuer,
            audience=self.settings.audience,
            lifetime=self.settings.access_lifetime,
        )
        self._seen: dict[str, _Seen] = {}
        self._forgotten = 0

    async def start(self) -> None:
        """Make sure that there is a key to sign with, before the first request comes."""
        await self._keys.signing()

    # -- who a token stands for -----------------------------------------------------------------------------

    async def actor(self, token: str) -> Actor:
        """Whom an access token stands for. Raises Fault INVALID_CREDENTIALS or TOKEN_EXPIRED."""
        now = self._clock().timestamp()
        seen = self._seen.get(token)
        if seen is not None and now < seen.checked_until:
            return seen.actor
        if seen is None:
            claims = await self._tokens.verify(token, now)
            session, account, expires = claims.session, claims.account, claims.expires
        else:
            session, account, expires = str(seen.actor.session), str(seen.actor.id), seen.expires
            if expires <= now:
                self._seen.pop(token, None)
                raise expired_token()
        forgotten = self._forgotten
        found = await self._session(session)
        if found is None or found[0]["account"] != account or found[0]["ended_at"] or not found[1]["active"]:
            self._seen.pop(token, None)
            raise invalid_token()
        actor = self.actor_of(found[1], session)
        if forgotten == self._forgotten:  # nothing has ended while this looked
            if token not in self._seen and len(self._seen) >= REMEMBERED:
                self._seen.pop(next(iter(self._seen)))
            self._seen[token] = _Seen(actor, expires, min(now + RECHECK, expires))
        return actor

    def actor_of(self, account: dict[str, Any], session: str | None = None) -> Actor:
        """The actor of an account's row, with all roles that it has directly or by inheritance."""
        known = self._engine.model.roles
        roles = {"guest", "user"}
        for name in account["roles"]:
            if name in known:
                roles |= {name, *known[name].inherits}
        permissions = [known[name].permissions for name in roles if name in known]
        return Actor(
            id=account["id"],
            roles=frozenset(roles),
            permissions=frozenset().union(*permissions),
            session=session,
            name=account["name"],
        )

    async def published_keys(self) -> list[dict[str, Any]]:
        """The public keys that access tokens are signed with, as JSON Web Keys."""
        return await self._keys.published()

    def forget(self, session: str) -> None:
        """Look again, at the next request, at the tokens of a session."""
        self._forgotten += 1
        stale = [token for token, seen in self._seen.items() if seen.actor.session == session]
        for token in stale:
            del self._seen[token]

    # -- signing in and out ---------------------------------------------------------------------------------

    async def login(self, login: str, password: str, request_id: str = "req_internal") -> Grant:
        """Begin a session. Raises Fault INVALID_CREDENTIALS, whatever it is that does not fit."""
        account = await self.account(login)
        hashed = account["password_hash"] if account is not None else None
        fits = await self._passwords.verify(hashed, password)
        if account is None or hashed is None or not fits or not account["active"]:
            raise _refused()
        renewed = await self._passwords.hash(password) if self._passwords.outdated(hashed) else None
        call = self._call(self.actor_of(account), request_id)

        async def work(tx: Tx) -> RefreshToken:
            present = await tx.get(Account, account["id"])
            if not present.active or present.password_hash != hashed:
                raise _refused()
            if renewed is not None:
                present.password_hash = renewed
            over = (Session.account == present.id) & (Session.expires_at < tx.now)
            for old in await tx.select(Session, over, limit=OLD_SESSIONS):
                await tx.delete(old)
            return await self._begin(tx, present.id, self.settings.refresh_lifetime)

        return await self._grant(account["id"], await self._engine.transact(call, work))

    async def refresh(self, token: str, request_id: str = "req_internal") -> Grant:
        """Exchange a refresh token for new tokens.

        Raises Fault INVALID_CREDENTIALS, TOKEN_EXPIRED; TOKEN_REUSED for a token that was used before, whose
        whole session thereby ends. The immediate predecessor is answered like the present one for `GRACE`.
        """
        presented, account = await self._presented(token)
        call = self._call(self.actor_of(account, presented.session), request_id)

        async def work(tx: Tx) -> RefreshToken | Literal["ended", "expired", "reused"]:
            session = await tx.find(Session, Session.id == presented.session)
            holder = await tx.find(Account, Account.id == account["id"])
            if session is None or holder is None or not holder.active or session.ended_at is not None:
                return "ended"
            if matches(presented.turn, session.refresh_hash):
                if session.expires_at <= tx.now:
                    return "expired"
                following = presented.successor(session.seed)
                session.previous_hash, session.refresh_hash = session.refresh_hash, digest(following.turn)
                session.rotated_at = tx.now
                session.expires_at = tx.now + self.settings.refresh_lifetime
                return following
            if (
                matches(presented.turn, session.previous_hash)
                and tx.now - _known(session.rotated_at) <= GRACE
            ):
                return presented.successor(session.seed)
            session.ended_at = tx.now
            return "reused"

        match await self._engine.transact(call, work):
            case "ended":
                raise _refused("The refresh token is not valid.")
            case "expired":
                raise Fault("TOKEN_EXPIRED", hint="Sign in again with `POST /api/v1/auth/login`.")
            case "reused":
                self.forget(presented.session)
                note = "A refresh token was presented a second time; its session has ended."
                self._engine.store.observers.emit(
                    SecurityEvent("refresh_token_reused", account["id"], request_id, note)
                )
                raise Fault("TOKEN_REUSED")
            case RefreshToken() as following:
                return await self._grant(account["id"], following)

    async def logout(
        self, session: str | None = None, *, token: str | None = None, request_id: str = "req_internal"
    ) -> None:
        """End a session, named by its id or by any of its refresh tokens. What means nothing ends nothing."""
        if token is not None:
            try:
                session = (await self._presented(token))[0].session
            except Fault as fault:
                if fault.code != "INVALID_CREDENTIALS":
                    raise
        found = await self._session(session) if session is not None else None
        if session is None or found is None:
            return

        async def work(tx: Tx) -> None:
            ending = await tx.find(Session, Session.id == session)
            if ending is not None and ending.ended_at is None:
                ending.ended_at = tx.now

        await self._engine.transact(self._call(self.actor_of(found[1], session), request_id), work)
        self.forget(session)

    # -- accounts -------------------------------------------------------------------------------------------

    async def account(self, login: str) -> dict[str, Any] | None:
        """The row of the account with this login name, in its Python form; None if there is none."""
        return None if len(login) > MAX_TYPED else await self._one("Account", "login", folded(login))

    async def account_by_id(self, id: str) -> dict[str, Any] | None:
        """The row of an account, in its Python form; None if there is none."""
        return await self._one("Account", "id", id)

    async def demo_accounts(self) -> list[str]:
        """The login names of accounts whose passwords are public."""
        rows = await self._rows("Account", Compare("eq", Column(("demo",)), Value(True)), 100)
        return [row["login"] for row in rows]

    async def create_account(
        self,
        login: str,
        password: str,
        roles: Iterable[str] = (),
        *,
        id: str | None = None,
        name: str | None = None,
        profile: type[Resource] | None = None,
        demo: bool = False,
        actor: Actor | None = None,
    ) -> str:
        """Create an account, and the row of a product's `profile` that has the same id, name and login.

        Answers the id. Raises Fault VALIDATION_ERROR; RESOURCE_ALREADY_EXISTS for a login name in use.
        """
        given = list(dict.fromkeys(roles))
        self._check_account(login, given)
        check_password(password)
        model = self._engine.model
        declared = model.resources[(profile or Account).__name__]
        account_id = id or self._engine.new_id(declared, {})
        shown = name or login.strip()
        hashed = await self._passwords.hash(password)

        async def work(tx: Tx) -> str:
            if profile is not None:
                make: Any = profile
                offered = {"id": account_id, "name": shown, "login": folded(login)}
                await tx.create(make(**{k: v for k, v in offered.items() if k in declared.fields}))
            account = Account(
                id=account_id, login=folded(login), name=shown, password_hash=hashed, roles=given, demo=demo
            )
            await tx.create(account)
            return account_id

        call = Call.system() if actor is None else self._call(actor, "req_internal")
        return await self._engine.transact(call, work)

    def _check_account(self, login: str, roles: list[str]) -> None:
        details = []
        if len(login) > MAX_TYPED or len(folded(login)) > MAX_LOGIN:
            message = f"A login name has at most {MAX_LOGIN} characters."
            details.append(Detail("VALIDATION_ERROR", message, field="login"))
        elif not folded(login) or any(c.isspace() or not c.isprintable() for c in folded(login)):
            message = "A login name is not empty, and has neither spaces nor control characters."
            details.append(Detail("VALIDATION_ERROR", message, field="login"))
        for role in roles:
            if role not in self._engine.model.roles:
                there = ", ".join(sorted(self._engine.model.roles))
                message = f"There is no role {role!r}; there are {there}."
                details.append(Detail("VALIDATION_ERROR", message, field="roles"))
        if details:
            raise Fault("VALIDATION_ERROR", details[0].message, details)

    async def issue_access_token(self, login: str) -> str:
        """An access token for an account, without its password. Its session lasts no longer than it.

        Raises Fault RESOURCE_NOT_FOUND.
        """
        account = await self.account(login)
        if account is None or not account["active"]:
            raise Fault("RESOURCE_NOT_FOUND", f"There is no active account {login!r}.")

        async def work(tx: Tx) -> RefreshToken:
            return await self._begin(tx, account["id"], self.settings.access_lifetime)

        begun = await self._engine.transact(self._call(self.actor_of(account), "req_internal"), work)
        return (await self._grant(account["id"], begun)).access_token

    # -- the rows behind ------------------------------------------------------------------------------------

    async def _begin(self, tx: Tx, account: str, lifetime: timedelta) -> RefreshToken:
        family, turn = new_secret(), new_secret()
        session = await tx.create(
            Session(
                account=account,
                family_hash=digest(family),
                seed=new_secret(),
                refresh_hash=digest(turn),
                expires_at=tx.now + lifetime,
            )
        )
        return RefreshToken(session.id, family, turn)

    async def _grant(self, account: str, refresh: RefreshToken) -> Grant:
        access = await self._tokens.sign(account, refresh.session, self._clock())
        return Grant(access, str(refresh), int(self.settings.access_lifetime.total_seconds()))

    async def _presented(self, token: str) -> tuple[RefreshToken, dict[str, Any]]:
        """A refresh token that was issued here, now or once, and the account that it belongs to."""
        presented = RefreshToken.parse(token)
        found = await self._session(presented.session) if presented is not None else None
        if presented is None or found is None or not matches(presented.family, found[0]["family_hash"]):
            raise _refused("The refresh token is not valid.")
        return presented, found[1]

    async def _session(self, id: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """A session's row and its account's."""
        session = await self._one("Session", "id", id)
        account = None if session is None else await self.account_by_id(session["account"])
        return None if session is None or account is None else (session, account)

    async def _one(self, resource: str, field: str, value: str) -> dict[str, Any] | None:
        rows = await self._rows(resource, Compare("eq", Column((field,)), Value(value)), 1)
        return rows[0] if rows else None

    async def _rows(self, resource: str, where: Predicate, limit: int) -> list[dict[str, Any]]:
        call = self._call(Call.system().actor, "req_internal")
        return await self._engine.rows(call, Query(resource, where=where, page=Cursor(limit)))

    def _call(self, actor: Actor, request_id: str) -> Call:
        return Call(actor=actor, request_id=request_id, now=self._clock())


def folded(login: str) -> str:
    """The form in which login names are kept and compared: without regard to case or compatibility forms."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", login.strip()).casefold())


def _known(value: Any) -> Any:
    assert value is not None
    return value


def _refused(message: str = "The user name or password is not valid.") -> Fault:
    return Fault("INVALID_CREDENTIALS", message)

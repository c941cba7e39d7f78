"""The key pairs that sign access tokens: kept in the database, so that all processes share them, and rotated.

A key is published before it signs, and trusted until the last token that it signed has expired:

    published      signs                          trusted only
    |--- ahead ---|--------- rotation ----------|--- 2 ahead + token lifetime ---|
"""

import asyncio
import time
from datetime import datetime, timedelta
from typing import Any, Final

from joserfc.jwk import RSAKey

from headwater.base.call import Call, Clock
from headwater.base.errors import Fault
from headwater.engine.engine import Engine
from headwater.engine.tx import Tx
from headwater.identity.resources import SigningKey
from headwater.ir.expr import Column
from headwater.ir.query import Cursor, Query, Sort

ALGORITHM: Final = "RS256"
BITS: Final = 2048
RELOAD_AFTER: Final = 60.0
SKEW: Final = timedelta(minutes=1)


class Keys:
    """The live keys. What they sign lives for `token_lifetime`; a key is published `ahead` of signing."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        *,
        token_lifetime: timedelta,
        rotation: timedelta,
        ahead: timedelta,
    ) -> None:
        self._engine, self._clock = engine, clock
        self._token_lifetime, self._rotation, self._ahead = token_lifetime, rotation, ahead
        self._rows: list[dict[str, Any]] = []
        self._parsed: dict[str, RSAKey] = {}
        self._loaded = float("-inf")
        self._lock = asyncio.Lock()

    async def signing(self) -> RSAKey:
        """The key that signs now; makes the first one, and the next one when it is due."""
        await self._fresh()
        row = self._signing_row(self._clock()) or self._rows[-1]
        return self._parsed[row["kid"]]

    async def published(self) -> list[dict[str, Any]]:
        """The public keys, as JSON Web Keys (RFC 7517), the next one included."""
        await self._fresh()
        return [row["public_jwk"] for row in self._live(self._clock())]

    def known(self, kid: str) -> RSAKey | None:
        """A trusted key among those that this process knows."""
        now = self._clock()
        return next((self._parsed[r["kid"]] for r in self._live(now) if r["kid"] == kid), None)

    async def look_again(self) -> None:
        """Read the keys anew, at most once a second: another process may have made one."""
        async with self._lock:
            if time.monotonic() - self._loaded > 1:
                await self._load()

    async def _fresh(self) -> None:
        if time.monotonic() - self._loaded < RELOAD_AFTER and not self._due(self._clock()):
            return
        async with self._lock:
            if time.monotonic() - self._loaded > 1:
                await self._load()
            due = self._due(self._clock())
            if due is not None:
                await self._make(*due)

    async def _load(self) -> None:
        newest_first = (Sort(Column(("turn",)), descending=True),)
        query = Query("SigningKey", sort=newest_first, page=Cursor(100))
        rows = await self._engine.rows(Call.system(), query)
        now = self._clock()
        # The newest is kept even when it has retired: it tells the turn of the one that must be made.
        kept = [row for index, row in enumerate(rows) if index == 0 or row["retires_at"] > now]
        self._parsed = {
            row["kid"]: self._parsed.get(row["kid"])
            or RSAKey.import_key(row["private_pem"], {"kid": row["kid"], "alg": ALGORITHM, "use": "sig"})
            for row in kept
        }
        self._rows = kept[::-1]
        self._loaded = time.monotonic()

    def _live(self, now: datetime) -> list[dict[str, Any]]:
        return [row for row in self._rows if row["retires_at"] > now]

    def _signing_row(self, now: datetime) -> dict[str, Any] | None:
        """The newest active key that stays trusted for as long as what it signs now is valid."""
        usable = [
            row
            for row in self._live(now)
            if row["active_from"] <= now and row["retires_at"] >= now + self._token_lifetime
        ]
        return usable[-1] if usable else None

    def _due(self, now: datetime) -> tuple[int, datetime] | None:
        """The turn of the key that must be made now and when it begins to sign; None if none must."""
        turn = self._rows[-1]["turn"] + 1 if self._rows else None
        signing = self._signing_row(now)
        if signing is None or turn is None:
            # It may have begun for a process whose clock is a little behind, too.
            return turn or 0, now - SKEW
        last = self._rows[-1]
        if now < last["active_from"] + self._rotation - self._ahead:
            return None
        # After a long pause the next key is late: it is still published first, if the present one can wait.
        starts = max(last["active_from"] + self._rotation, now + self._ahead)
        return turn, max(now, min(starts, last["retires_at"] - self._token_lifetime))

    async def _make(self, turn: int, active_from: datetime) -> None:
        made = await asyncio.to_thread(RSAKey.generate_key, BITS)
        kid = made.thumbprint()
        public = made.as_dict(private=False)
        pem = made.as_pem(private=True).decode()

        async def work(tx: Tx) -> None:
            if await tx.find(SigningKey, SigningKey.turn >= turn) is not None:
                return  # another process was faster
            retires = active_from + self._rotation + 2 * self._ahead + self._token_lifetime
            await tx.create(
                SigningKey(
                    kid=kid,
                    turn=turn,
                    algorithm=ALGORITHM,
                    private_pem=pem,
                    public_jwk={**public, "kid": kid, "alg": ALGORITHM, "use": "sig"},
                    active_from=active_from,
                    retires_at=retires,
                )
            )

        try:
            await self._engine.transact(Call.system(), work)
        except Fault as fault:
            if fault.code != "RESOURCE_ALREADY_EXISTS":
                raise
        await self._load()

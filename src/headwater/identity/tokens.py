"""The form of tokens.

Access tokens are JWTs (RFC 7519) of the profile of RFC 9068. Refresh tokens are opaque to clients: a session's id,
a part that the whole family shares, and a part that changes at each use. The middle part tells a token that was
once valid from one that somebody made up, so that only the former can end a session.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import GuestProtocol, RSAKey

from headwater.base.errors import Fault
from headwater.identity.keys import ALGORITHM, Keys

LEEWAY: Final = 30.0
MAX_TOKEN: Final = 4096
TYPE: Final = "at+jwt"


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified access token says. `expires` is in seconds since 1970, leeway included."""

    account: str
    session: str
    expires: float


class AccessTokens:
    """Signs and verifies access tokens for one issuer and audience."""

    def __init__(self, keys: Keys, *, issuer: str, audience: str, lifetime: timedelta) -> None:
        self._keys, self._issuer, self._audience = keys, issuer, audience
        self.lifetime = lifetime

    async def sign(self, account: str, session: str, now: datetime) -> str:
        """A new access token, valid for `lifetime` from `now`."""
        key = await self._keys.signing()
        issued = int(now.timestamp())
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": account,
            "sid": session,
            "iat": issued,
            "exp": issued + int(self.lifetime.total_seconds()),
            "jti": secrets.token_urlsafe(12),
        }
        return jwt.encode({"alg": ALGORITHM, "kid": key.kid, "typ": TYPE}, claims, key, [ALGORITHM])

    async def verify(self, token: str, now: float) -> Claims:
        """What the token says. Raises Fault INVALID_CREDENTIALS; TOKEN_EXPIRED for one that was valid."""
        if len(token) > MAX_TOKEN:
            raise invalid_token()
        try:
            decoded = self._decode(token)
        except _UnknownKey:
            await self._keys.look_again()
            try:
                decoded = self._decode(token)
            except _UnknownKey:
                raise invalid_token() from None
        claims: dict[str, Any] = decoded.claims
        expires, issued = claims.get("exp"), claims.get("iat")
        if (
            decoded.header.get("typ") != TYPE
            or claims.get("iss") != self._issuer
            or claims.get("aud") != self._audience
            or not isinstance(claims.get("sub"), str)
            or not isinstance(claims.get("sid"), str)
            or not isinstance(expires, int)
            or not isinstance(issued, int)
            or issued > now + LEEWAY
        ):
            raise invalid_token()
        if expires + LEEWAY <= now:
            raise expired_token()
        return Claims(claims["sub"], claims["sid"], expires + LEEWAY)

    def _decode(self, token: str) -> jwt.Token:
        try:
            return jwt.decode(token, self._key, [ALGORITHM])
        except (JoseError, ValueError, TypeError, RecursionError):
            # joserfc lets some malformed texts through to base64 and JSON, whose errors are ValueErrors.
            raise invalid_token() from None

    def _key(self, token: GuestProtocol) -> RSAKey:
        kid = token.headers().get("kid")
        if not isinstance(kid, str):
            raise invalid_token()
        key = self._keys.known(kid)
        if key is None:
            raise _UnknownKey
        return key


class _UnknownKey(Exception):
    """The token names a key that this process does not know."""


def invalid_token() -> Fault:
    """The refusal of an access token that means nothing here."""
    return Fault("INVALID_CREDENTIALS", "The token is not valid.")


def expired_token() -> Fault:
    """The refusal of an access token that was valid."""
    return Fault("TOKEN_EXPIRED")


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token's parts, all texts without dots."""

    session: str
    family: str
    turn: str

    @classmethod
    def parse(cls, text: str) -> "RefreshToken | None":
        """The parts of a token; None if it cannot be one."""
        parts = text.split(".")
        if len(text) > MAX_TOKEN or len(parts) != 3 or not all(parts) or not text.isascii():
            return None
        return cls(*parts)

    def __str__(self) -> str:
        return f"{self.session}.{self.family}.{self.turn}"

    def successor(self, seed: str) -> "RefreshToken":
        """The token that replaces this one: always the same, and not to be guessed without the seed."""
        following = hmac.digest(seed.encode(), self.turn.encode(), "sha256")
        return RefreshToken(
            self.session, self.family, base64.urlsafe_b64encode(following).rstrip(b"=").decode()
        )


def new_secret() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """What is kept of a secret of 256 random bits. It needs no salt and no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def matches(secret: str, kept: str | None) -> bool:
    """Whether the digest is that of the secret, told in constant time."""
    return kept is not None and hmac.compare_digest(digest(secret), kept)

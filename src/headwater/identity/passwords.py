"""Passwords: Argon2id (RFC 9106), never more than two at a time."""

import asyncio
import secrets
import unicodedata
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

from headwater.base.errors import Detail, Fault

MIN_LENGTH: Final = 15
MAX_LENGTH: Final = 256

# OWASP's minimum for Argon2id: 19 MiB, two passes, one lane.
MEMORY_KIB: Final = 19 * 1024
PASSES: Final = 2


class Passwords:
    """Hashes and verifies. Each takes tens of milliseconds of a core and 19 MiB, so two run at once at most."""

    def __init__(self, *, memory_kib: int = MEMORY_KIB, passes: int = PASSES) -> None:
        self._hasher = PasswordHasher(passes, memory_kib, 1, type=Type.ID)
        # Nobody's: it is verified where there is no account, so that the answer takes as long.
        self._nobody = self._hasher.hash(secrets.token_urlsafe(32))
        self._gate = asyncio.Semaphore(2)

    async def hash(self, password: str) -> str:
        """The hash of a password, in PHC string format."""
        async with self._gate:
            return await asyncio.to_thread(self._hasher.hash, _prepared(password))

    async def verify(self, hashed: str | None, password: str) -> bool:
        """Whether it is the password; takes the same time where there is none to compare it with (None)."""
        if len(password) > 4 * MAX_LENGTH:
            hashed, password = None, ""
        async with self._gate:
            matches = await asyncio.to_thread(self._matches, hashed or self._nobody, _prepared(password))
        return matches and hashed is not None

    def outdated(self, hashed: str) -> bool:
        """Whether it was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(hashed)

    def _matches(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False


def check_password(password: str) -> None:
    """Raises Fault VALIDATION_ERROR for a password that is too short or too long to be set."""
    length = len(_prepared(password))
    if not MIN_LENGTH <= length <= MAX_LENGTH:
        message = f"A password has {MIN_LENGTH} to {MAX_LENGTH} characters."
        raise Fault("VALIDATION_ERROR", message, [Detail("VALIDATION_ERROR", message, field="password")])


def _prepared(password: str) -> str:
    """The one form of a text that can be typed in several (RFC 8265, 4.2)."""
    return unicodedata.normalize("NFC", password)

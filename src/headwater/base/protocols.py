"""What lower rooms need of upper ones: protocols that the upper rooms fill."""

from typing import Protocol

from headwater.base.call import Actor


class Authenticator(Protocol):
    """Knows whose a token is."""

    async def actor(self, token: str) -> Actor:
        """The account that a bearer token was issued to.

        Raises: Fault INVALID_CREDENTIALS or TOKEN_EXPIRED.
        """

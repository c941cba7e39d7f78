"""How secrets are kept: encrypted by AES-256-GCM (NIST SP 800-38D) under a key that is not in the database.

They are encrypted and not hashed, since a product has to hand them on: a token for another service, the key of a
webhook. A stored text is `v1.KEY.DATA`; `KEY` tells under which key, so that keys can be changed one after the other:
the first one encrypts, and all of them decrypt. A text is bound to its table and column, and means nothing elsewhere.
"""

import base64
import os
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE: Final = 12
KEY: Final = 32


class Vault:
    """Encrypts and decrypts with the keys that it is given; without one it refuses to."""

    def __init__(self) -> None:
        self._keys: dict[str, AESGCM] = {}

    def use(self, keys: Sequence[bytes]) -> None:
        """Take keys of 32 bytes, of which the first one encrypts."""
        self._keys = {sha256(key).hexdigest()[:8]: AESGCM(key) for key in keys}

    def encoder(self, place: str) -> Callable[[str], str]:
        """The function that encrypts what a column holds, which `place` names."""

        def encrypt(text: str) -> str:
            name, key = next(iter(self._keys.items()), (None, None))
            if key is None:
                raise RuntimeError(
                    f"There is no key for the secrets in {place}: set HEADWATER_ENCRYPTION_KEYS."
                )
            nonce = os.urandom(NONCE)
            sealed = nonce + key.encrypt(nonce, text.encode(), place.encode())
            return f"v1.{name}.{base64.b64encode(sealed).decode()}"

        return encrypt

    def decoder(self, place: str) -> Callable[[str], str]:
        """The inverse of `encoder`. Raises RuntimeError where the key is missing, or the text was altered."""

        def decrypt(kept: str) -> str:
            _, name, data = kept.split(".")
            key = self._keys.get(name)
            if key is None:
                raise RuntimeError(
                    f"The key {name} of a secret in {place} is not among HEADWATER_ENCRYPTION_KEYS."
                )
            sealed = base64.b64decode(data)
            try:
                return key.decrypt(sealed[:NONCE], sealed[NONCE:], place.encode()).decode()
            except InvalidTag:
                raise RuntimeError(f"A secret in {place} was altered.") from None

        return decrypt

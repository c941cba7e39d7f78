"""TLS whose certificate is read again when its files change."""

import asyncio
import logging
import os
import ssl
from pathlib import Path
from typing import Final

from headwater.base.config import ConfigError

_PERIOD: Final = 1.0


class Certificates:
    """A certificate chain and its key. `context` is for the server: each new connection gets the newest pair."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Raises: ConfigError where the files hold no matching pair."""
        self.certificate, self.key = certificate, key
        self._trouble = ""
        try:
            self._seen = self._state()
            self._newest = self.context = self._load()
        except OSError as error:
            reason = getattr(error, "reason", None) or error.strerror or error
            raise ConfigError(
                (
                    f"`tls_certificate` {certificate} and `tls_key` {key} are no certificate with its key: {reason}.",
                )
            ) from None
        self.context.sni_callback = self._choose

    async def watch(self) -> None:
        """Read the files again whenever they change, until cancelled. A pair that does not match is not taken."""
        while True:
            await asyncio.sleep(_PERIOD)
            self.refresh()

    def refresh(self) -> None:
        """Take what the files hold, if it has changed. What keeps it from being used is told once."""
        trouble = ""
        try:
            state = self._state()
            if state != self._seen:
                self._newest = self._load()
                self._seen = state
        except OSError as error:  # ssl.SSLError is one: perhaps only one of the two files is new yet
            trouble = str(error)
            if trouble != self._trouble:
                logging.getLogger("headwater").warning(
                    "the new TLS certificate cannot be used yet: %s", trouble
                )
        self._trouble = trouble

    def _state(self) -> list[tuple[int, int, int]]:
        return [(s.st_mtime_ns, s.st_ino, s.st_size) for s in map(os.stat, (self.certificate, self.key))]

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.certificate, self.key)
        context.set_alpn_protocols(["http/1.1"])
        return context

    def _choose(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        # OpenSSL asks this at every handshake, whether the client names a server or not.
        if self._newest is not context:
            connection.context = self._newest

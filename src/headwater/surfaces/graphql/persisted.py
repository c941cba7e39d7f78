"""Documents that are known by the SHA-256 of their text: trusted ones, from a manifest that was made beforehand, and
those that clients have sent once with their hash (automatic persisted queries, as Apollo's clients speak it).

A manifest is a JSON file in the form of Apollo's persisted query manifests:

    {"format": "apollo-persisted-query-manifest", "version": 1,
     "operations": [{"id": "<sha256>", "name": "Shots", "type": "query", "body": "query Shots {…}"}]}
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec

from headwater.base.errors import DeclarationError, Detail, Fault
from headwater.base.settings import Documents as Mode

FORMAT: Final = "apollo-persisted-query-manifest"
_KEPT: Final = 1_000
_LONGEST: Final = 20_000


class Operation(msgspec.Struct, frozen=True):
    """One operation of a manifest: its hash, its name, what kind it is, and its document."""

    id: str
    name: str
    type: str
    body: str


class Manifest(msgspec.Struct, frozen=True):
    """A file of trusted documents."""

    format: str
    version: int
    operations: Sequence[Operation]


def hashed(text: str) -> str:
    """What a document is known by."""
    return sha256(text.encode()).hexdigest()


def read_manifest(path: Path) -> Mapping[str, str]:
    """The documents of a manifest by their hashes. Raises DeclarationError where it is none."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except OSError as error:
        raise DeclarationError(f"The manifest {path} cannot be read: {error.strerror}.",
                               mend="make it with `headwater graphql persist`.") from error  # fmt: skip
    except msgspec.MsgspecError as error:
        raise DeclarationError(f"{path} is no manifest of GraphQL documents: {error}.",
                               mend="make it with `headwater graphql persist`.") from error  # fmt: skip
    if found.format != FORMAT or found.version != 1:
        raise DeclarationError(f"{path} is a manifest of {found.format!r}, version {found.version}.",
                               mend="make it with `headwater graphql persist`.")  # fmt: skip
    for one in found.operations:
        if one.id != hashed(one.body):
            raise DeclarationError(f"The document {one.name!r} of {path} is not the one that its hash is of.",
                                   mend="make the manifest anew with `headwater graphql persist`.")  # fmt: skip
    return {one.id: one.body for one in found.operations}


def written_manifest(operations: Iterable[Operation]) -> str:
    """The text of a manifest, in the order of names."""
    ordered = sorted(operations, key=lambda one: (one.name, one.id))
    encoded = msgspec.json.encode(Manifest(FORMAT, 1, ordered))
    return msgspec.json.format(encoded, indent=2).decode() + "\n"


class Persisted:
    """The documents that are known by their hashes."""

    def __init__(self, mode: Mode, manifests: Iterable[Path]) -> None:
        self.mode = mode
        self._trusted: dict[str, str] = {}
        for path in manifests:
            self._trusted.update(read_manifest(path))
        self._sent: OrderedDict[str, str] = OrderedDict()

    def document(self, sent: Mapping[str, Any], *, address: bool = False) -> str:
        """The text of the document that a request sends or names.

        Raises: Fault INVALID_FORMAT, PERSISTED_QUERY_NOT_FOUND, PERSISTED_QUERY_REQUIRED.
        """
        text: str | None = sent.get("query")
        hash = _hash(sent)
        if text is None and hash is None:
            message = "Send a document as `query`, or the hash of one that is known."
            field, parameter = (None, "query") if address else ("query", None)
            raise Fault("INVALID_FORMAT", message, [Detail("INVALID_FORMAT", message, field, parameter)])
        if hash is None:
            assert text is not None
            if self.mode == "trusted" and hashed(text) not in self._trusted:
                raise Fault("PERSISTED_QUERY_REQUIRED")
            return text
        if text is not None and hashed(text) != hash:
            message = "The hash is not that of the document."
            raise Fault(
                "INVALID_FORMAT", message, [Detail("INVALID_FORMAT", message, "extensions.persistedQuery")]
            )
        known = self._trusted.get(hash)
        if known is None and self.mode == "persisted":
            known = self._sent.get(hash)
        if known is not None:
            return known
        if text is None:
            # By these words Apollo's clients know whether to send the document with its hash, or without from now on.
            kept = self.mode != "any"
            raise Fault(
                "PERSISTED_QUERY_NOT_FOUND", f"PersistedQuery{'NotFound' if kept else 'NotSupported'}"
            )
        if self.mode == "trusted":
            raise Fault("PERSISTED_QUERY_REQUIRED")
        if self.mode == "persisted" and len(text) <= _LONGEST:
            self._sent[hash] = text
            if len(self._sent) > _KEPT:
                self._sent.popitem(last=False)
        return text


def _hash(sent: Mapping[str, Any]) -> str | None:
    """The hash by which a request names its document: `documentId`, or as Apollo's clients have it."""
    named = sent.get("documentId")
    if named is None:
        persisted = (sent.get("extensions") or {}).get("persistedQuery")
        named = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    if named is None:
        return None
    if not isinstance(named, str):
        message = "The hash of a document must be a string."
        raise Fault("INVALID_FORMAT", message, [Detail("INVALID_FORMAT", message, "documentId")])
    return named.removeprefix("sha256:").lower()

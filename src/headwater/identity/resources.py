"""What identity keeps, declared as any product declares its resources. No surface shows them."""

from datetime import datetime
from typing import Any, Final

from headwater.declare.fields import Field, Ref, field, key, ref
from headwater.declare.resource import Resource

MAX_LOGIN: Final = 254


class Account(Resource, prefix="user", exposed=False):
    """Somebody who can sign in. A product's profile of the same person has the same id."""

    login: Field[str] = field(
        unique=True, min_length=1, max_length=MAX_LOGIN, doc="In the form that `folded` gives."
    )
    name: Field[str] = field(max_length=200)
    password_hash: Field[str] = field(internal=True, doc="Argon2id, in PHC string format.")
    roles: Field[list[str]] = field(default_factory=list)
    active: Field[bool] = field(default=True)
    demo: Field[bool] = field(default=False, doc="Its password is public: it must not exist in production.")


class Session(Resource, prefix="session", exposed=False):
    """One sign-in, and the family of refresh tokens that descends from it.

    Of the tokens only SHA-256 digests are kept. A refresh token's successor is derived from it with `seed`, so
    two clients that refresh with the same token in the same instant get the same successor.
    """

    account: Ref[Account] = ref(on_delete="cascade", immutable=True)
    family_hash: Field[str] = field(
        internal=True, doc="Of the part that all refresh tokens of the family share."
    )
    seed: Field[str] = field(internal=True)
    refresh_hash: Field[str] = field(internal=True, doc="Of the one refresh token that may be used.")
    previous_hash: Field[str | None] = field(default=None, internal=True, doc="Of its immediate predecessor.")
    rotated_at: Field[datetime | None] = field(default=None)
    ended_at: Field[datetime | None] = field(default=None)
    expires_at: Field[datetime] = field()


class SigningKey(Resource, exposed=False):
    """A key pair that signs access tokens from `active_from` on, and is trusted until `retires_at`."""

    kid: Field[str] = key(pattern="[A-Za-z0-9_-]{43}", doc="The public key's thumbprint (RFC 7638).")
    turn: Field[int] = field(
        unique=True, doc="Counts the keys, so that two processes never make the same one."
    )
    algorithm: Field[str] = field(max_length=10)
    private_pem: Field[str] = field(internal=True)
    public_jwk: Field[dict[str, Any]] = field()
    active_from: Field[datetime] = field()
    retires_at: Field[datetime] = field()


RESOURCES: tuple[type[Resource], ...] = (Account, Session, SigningKey)

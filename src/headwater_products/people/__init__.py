"""The people that every product knows: who works, reviews or looks on. Their accounts are kept elsewhere."""

from __future__ import annotations

from headwater import Field, Resource, allow, field


class Person(Resource, prefix="user", plural="people"):
    """Somebody who takes part in productions."""

    name: Field[str] = field(min_length=1, max_length=200, search=True, example="Ada Okafor")
    login: Field[str] = field(
        pattern=r"[a-z][a-z0-9._-]{0,63}",
        unique=True,
        doc="The name that they sign in with.",
        example="ada.okafor",
    )


allow(Person, "read")

__all__ = ["Person"]

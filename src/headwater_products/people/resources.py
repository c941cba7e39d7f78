"""The people that every product knows, what they tell about themselves, and what they have done.

Their accounts are kept elsewhere. A person sees and changes their own profile, administrators all. Which of the private
fields everybody may see is the person's decision: it is the list `public`.
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum

from headwater import (
    Computed,
    CurrentActor,
    Embedded,
    Expression,
    Field,
    Many,
    Ref,
    Resource,
    Tx,
    accept,
    allow,
    check,
    computed,
    desc,
    email,
    field,
    index,
    key,
    lock,
    many,
    mask,
    ref,
    stamp,
    unique,
    url,
)

LANGUAGE = r"[a-z]{2,3}(?:-[A-Z][a-z]{3})?(?:-(?:[A-Z]{2}|[0-9]{3}))?"
TIME_ZONE = r"UTC|[A-Z][A-Za-z]+(?:/[A-Za-z0-9_+-]+){1,2}"


class Private(StrEnum):
    """What a person may show to everybody, and does not unless they say so."""

    EMAIL = "email"
    PHONE = "phone"
    LOCATION = "location"
    BIRTHDAY = "birthday"
    ACHIEVEMENTS = "achievements"
    PROGRESS = "progress"


class Theme(StrEnum):
    """Which colours a person wants pages to have."""

    LIGHT = "light"
    DARK = "dark"
    SYSTEM = "system"


class Channel(StrEnum):
    """A way to be told."""

    IN_APP = "in_app"
    EMAIL = "email"
    PUSH = "push"
    SMS = "sms"


class Digest(StrEnum):
    """How often what has happened is told together."""

    OFF = "off"
    DAILY = "daily"
    WEEKLY = "weekly"


class Preferences(Embedded):
    """How a person wants the products to be."""

    theme: Field[Theme] = field(default=Theme.SYSTEM)
    language: Field[str] = field(
        default="en", pattern=LANGUAGE, doc="A language tag (BCP 47).", example="pt-BR"
    )
    notifications: Field[list[Channel]] = field(
        default_factory=lambda: [Channel.IN_APP, Channel.EMAIL], max_length=4, doc="The ways to be told."
    )
    digest: Field[Digest] = field(default=Digest.DAILY)
    quiet: Field[bool] = field(default=False, doc="Whether only what is urgent is told.")


class Person(Resource, prefix="user", plural="people"):
    """Somebody who takes part in productions."""

    name: Field[str] = field(min_length=1, max_length=200, search=True, example="Ada Okafor")
    login: Field[str] = field(
        pattern=r"[a-z][a-z0-9._-]{0,63}",
        unique=True,
        doc="The name that they sign in with.",
        example="ada.okafor",
    )
    title: Field[str | None] = field(
        default=None,
        max_length=100,
        search=True,
        doc="What they are in the studio.",
        example="Lead Compositor",
    )
    bio: Field[str | None] = field(
        default=None, max_length=5_000, search=True, doc="About themselves, in their own words."
    )
    skills: Field[list[str]] = field(
        default_factory=list,
        max_length=50,
        doc="What they can do, in their words.",
        example=["houdini", "usd"],
    )
    time_zone: Field[str] = field(
        default="UTC",
        pattern=TIME_ZONE,
        max_length=64,
        doc="A name of the IANA database.",
        example="Asia/Tokyo",
    )
    email: Field[str | None] = email(default=None, doc="Where letters reach them.")
    phone: Field[str | None] = field(
        default=None, pattern=r"\+[1-9][0-9]{6,14}", doc="A number as E.164 has it.", example="+4915112345678"
    )
    location: Field[str | None] = field(
        default=None, max_length=100, example="Wellington", doc="Where they are, as they would say it."
    )
    birthday: Field[dt.date | None] = field(default=None, doc="The day on which they were born.")
    website: Field[str | None] = url(default=None, doc="Their own pages.")
    public: Field[list[Private]] = field(
        default_factory=list, max_length=10, doc="Which of the private fields everybody may see."
    )
    preferences: Field[Preferences] = field(
        default_factory=Preferences, doc="How they want the products to be."
    )

    blocks: Many[Block] = many(lambda: Block.person, init=False)
    awards: Many[Award] = many(lambda: Award.person, init=False)
    progress: Many[Progress] = many(lambda: Progress.person, init=False)
    activities: Many[Activity] = many(lambda: Activity.person, init=False)


class Block(Resource):
    """That a person wants to have nothing to do with another, who then sees of them what they must alone."""

    person: Ref[Person] = ref(on_delete="cascade", immutable=True)
    blocked: Ref[Person] = ref(on_delete="cascade", immutable=True)
    reason: Field[str | None] = field(default=None, max_length=500, doc="Why, for themselves alone.")


class Achievement(Resource):
    """Something that can be achieved in a product."""

    code: Field[str] = key(
        pattern=r"[a-z][a-z0-9-]{1,62}", example="first-final", doc="Short name, used in paths."
    )
    product: Field[str] = field(
        pattern=r"[a-z][a-z0-9-]{0,31}",
        example="production",
        doc="The short name of the product that it belongs to.",
    )
    name: Field[str] = field(min_length=1, max_length=100, search=True, example="First final")
    description: Field[str] = field(default="", max_length=1_000, search=True)
    points: Field[int] = field(default=10, ge=0, le=10_000, doc="What it counts.")
    award_count: Computed[int] = computed(
        lambda: Achievement.awards.count(), doc="How often it has been achieved.", init=False
    )

    awards: Many[Award] = many(lambda: Award.achievement, init=False)


class Award(Resource):
    """That somebody has achieved something."""

    person: Ref[Person] = ref(on_delete="cascade", immutable=True)
    achievement: Ref[Achievement] = ref(on_delete="cascade", immutable=True)
    reason: Field[str | None] = field(default=None, max_length=500, doc="What it was given for.")


class Progress(Resource, plural="progress"):
    """How far somebody is with something in a product. Products keep it."""

    person: Ref[Person] = ref(on_delete="cascade", immutable=True)
    product: Field[str] = field(
        pattern=r"[a-z][a-z0-9-]{0,31}",
        immutable=True,
        example="production",
        doc="The short name of the product.",
    )
    topic: Field[str] = field(
        min_length=1,
        max_length=200,
        immutable=True,
        example="Saltwater Avenue",
        doc="With what: a project, a course, a series.",
    )
    done: Field[int] = field(default=0, ge=0, doc="How many steps are behind them.")
    total: Field[int] = field(ge=1, example=12, doc="How many steps there are.")
    finished_at: Field[dt.datetime | None] = stamp(
        lambda: Progress.done == Progress.total, default=None, doc="When the last step was done."
    )


class Activity(Resource, plural="activities"):
    """Something that somebody did, or that was done with their work: a line of their feed. Products keep it."""

    person: Ref[Person] = ref(on_delete="cascade", immutable=True)
    product: Field[str] = field(
        pattern=r"[a-z][a-z0-9-]{0,31}",
        immutable=True,
        example="production",
        doc="The short name of the product that tells it.",
    )
    verb: Field[str] = field(
        pattern=r"[a-z][a-z_]{0,31}",
        immutable=True,
        example="approved",
        doc="What was done, as a word of the product.",
    )
    subject: Field[str] = field(
        max_length=300, immutable=True, doc="What it was about.", example="Lighting SWA_010_0040"
    )
    path: Field[str | None] = field(default=None, max_length=300, doc="Where it is in this API.")


RESOURCES: list[type[Resource]] = [Person, Block, Achievement, Award, Progress, Activity]


async def record(tx: Tx, person: str, product: str, verb: str, subject: str, path: str | None = None) -> None:
    """Add a line to a person's feed, in the transaction of what it tells of. `product` and `verb` are short names."""
    line = Activity(person=person, product=product, verb=verb, subject=subject[:300], path=path)
    await tx.create(line)


# -- what must hold, and what is looked up often --------------------------------------------------------

check(Block, lambda: Block.person != Block.blocked, message="Nobody can block themselves.")
check(Progress, lambda: Progress.done <= Progress.total, message="No more can be done than there is.")

unique(Block.person, Block.blocked)
unique(Award.person, Award.achievement)
unique(Progress.person, Progress.product, Progress.topic)

index(Person.name)
index(Person.title)
index(Block.blocked)
index(Award.achievement)
index(Activity.person, desc(Activity.created_at))

accept(Person, "unindexed-sort", "birthday", because="It is private: nobody sorts others by it.")
accept(Person, "list-name", "public", because="It is read as a predicate: what is public.")
accept(Progress, "unindexed-sort", "finished_at", because="One person has few of them.")

# -- who may do what ------------------------------------------------------------------------------------


def shows(person: type[Person], what: Private, actor: CurrentActor) -> Expression[bool]:
    """Whether the actor may see something private of a person: their own, or what the person shows to everybody
    that they have not blocked."""
    blocked = person.blocks.any(Block.blocked == actor.id)
    return (person.id == actor.id) | (person.public.has(what) & ~blocked)


allow(Person, "read")
allow(Person, "update", when=lambda actor: Person.id == actor.id)
lock(Person.login, unless="admin")

mask(Person.email, unless=lambda actor: shows(Person, Private.EMAIL, actor))
mask(Person.phone, unless=lambda actor: shows(Person, Private.PHONE, actor))
mask(Person.location, unless=lambda actor: shows(Person, Private.LOCATION, actor))
mask(Person.birthday, unless=lambda actor: shows(Person, Private.BIRTHDAY, actor))
mask(Person.public, unless=lambda actor: Person.id == actor.id)
mask(Person.preferences, unless=lambda actor: Person.id == actor.id)

allow(Block, "read", "create", "update", "delete", when=lambda actor: Block.person == actor.id)

allow(Achievement, "read")
allow(Achievement, "create", "update", "delete", to="editor")
allow(Award, "read", when=lambda actor: shows(Award.person, Private.ACHIEVEMENTS, actor))
allow(Award, "read", "create", "update", "delete", to="editor")

allow(Progress, "read", when=lambda actor: shows(Progress.person, Private.PROGRESS, actor))
# What was done may belong to what others may not know of, so a feed is for its person alone.
allow(Activity, "read", when=lambda actor: Activity.person == actor.id)

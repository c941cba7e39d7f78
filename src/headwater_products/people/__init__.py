"""The people that every product knows: who works, reviews or looks on, what they show of themselves, and their feed."""

from headwater_products.people.resources import (
    RESOURCES,
    Achievement,
    Activity,
    Award,
    Block,
    Channel,
    Digest,
    Person,
    Preferences,
    Private,
    Progress,
    Theme,
    record,
)

__all__ = [
    "RESOURCES",
    "Achievement",
    "Activity",
    "Award",
    "Block",
    "Channel",
    "Digest",
    "Person",
    "Preferences",
    "Private",
    "Progress",
    "Theme",
    "record",
]

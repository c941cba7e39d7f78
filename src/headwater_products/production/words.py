"""The fixed words of film production: states, roles, departments, kinds."""

from __future__ import annotations

from enum import StrEnum


class ProjectStatus(StrEnum):
    """How far a project has come."""

    PLANNING = "planning"
    ACTIVE = "active"
    ON_HOLD = "on_hold"
    DELIVERED = "delivered"
    ARCHIVED = "archived"


class ProjectRole(StrEnum):
    """What somebody is in one project."""

    COORDINATOR = "coordinator"
    SUPERVISOR = "supervisor"
    ARTIST = "artist"
    CLIENT_REVIEWER = "client_reviewer"


class ColourSpace(StrEnum):
    """The space that pictures of a project are worked in."""

    ACESCG = "acescg"
    ACES2065_1 = "aces2065_1"
    LINEAR_REC709 = "linear_rec709"
    REC709 = "rec709"
    SRGB = "srgb"
    P3_D65 = "p3_d65"
    REC2020 = "rec2020"


class ShotStatus(StrEnum):
    """How far a shot or an asset has come."""

    WAITING = "waiting"
    IN_PROGRESS = "in_progress"
    REVIEW = "review"
    FINAL = "final"
    OMITTED = "omitted"


class AssetType(StrEnum):
    """What kind of thing an asset is."""

    CHARACTER = "character"
    CREATURE = "creature"
    PROP = "prop"
    ENVIRONMENT = "environment"
    VEHICLE = "vehicle"
    FX = "fx"
    MATTE_PAINTING = "matte_painting"


class Department(StrEnum):
    """Who does a kind of work, in the order of the pipeline."""

    MATCHMOVE = "matchmove"
    ROTO = "roto"
    MODELING = "modeling"
    TEXTURING = "texturing"
    RIGGING = "rigging"
    LAYOUT = "layout"
    ANIMATION = "animation"
    FX = "fx"
    LIGHTING = "lighting"
    COMPOSITING = "compositing"


class TaskStatus(StrEnum):
    """How far a task has come."""

    NOT_STARTED = "not_started"
    IN_PROGRESS = "in_progress"
    SUBMITTED = "submitted"
    REVISION = "revision"
    APPROVED = "approved"
    COMPLETED = "completed"
    ON_HOLD = "on_hold"


TASK_MOVES = {
    TaskStatus.NOT_STARTED: [TaskStatus.IN_PROGRESS, TaskStatus.ON_HOLD],
    TaskStatus.IN_PROGRESS: [TaskStatus.SUBMITTED, TaskStatus.ON_HOLD],
    TaskStatus.SUBMITTED: [TaskStatus.REVISION, TaskStatus.APPROVED, TaskStatus.ON_HOLD],
    TaskStatus.REVISION: [TaskStatus.IN_PROGRESS, TaskStatus.SUBMITTED, TaskStatus.ON_HOLD],
    TaskStatus.APPROVED: [TaskStatus.COMPLETED, TaskStatus.REVISION],
    TaskStatus.ON_HOLD: [TaskStatus.NOT_STARTED, TaskStatus.IN_PROGRESS],
}
"""From which state a task can come to which."""

DONE = [TaskStatus.APPROVED, TaskStatus.COMPLETED]
"""The states of a task on which nothing is left to do."""

BEGUN = [TaskStatus.IN_PROGRESS, TaskStatus.SUBMITTED, TaskStatus.REVISION, *DONE]
"""The states of a task that somebody works on or has worked on."""

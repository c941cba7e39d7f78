"""Film production: projects and their crews, sequences, shots and assets, tasks, and the hours spent on them."""

from headwater_products.people.seed import DEMO_ACCOUNTS
from headwater_products.production import constraints as constraints
from headwater_products.production import planning as planning
from headwater_products.production import rules as rules
from headwater_products.production import schedule as schedule
from headwater_products.production.analytics import Analytics, TimeRange
from headwater_products.production.resources import (
    RESOURCES,
    Asset,
    AssetUse,
    Dependency,
    DriveMapping,
    Membership,
    Project,
    Resolution,
    Sequence,
    Shot,
    Task,
    TaskType,
    TimeLog,
)
from headwater_products.production.scenario import scenario
from headwater_products.production.seed import seed
from headwater_products.production.words import (
    AssetType,
    ColourSpace,
    Department,
    ProjectRole,
    ProjectStatus,
    ShotStatus,
    TaskStatus,
)

__all__ = [
    "DEMO_ACCOUNTS",
    "RESOURCES",
    "Analytics",
    "Asset",
    "AssetType",
    "AssetUse",
    "ColourSpace",
    "Department",
    "Dependency",
    "DriveMapping",
    "Membership",
    "Project",
    "ProjectRole",
    "ProjectStatus",
    "Resolution",
    "Sequence",
    "Shot",
    "ShotStatus",
    "Task",
    "TaskStatus",
    "TaskType",
    "TimeLog",
    "TimeRange",
    "scenario",
    "seed",
]

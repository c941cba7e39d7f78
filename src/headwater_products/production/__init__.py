"""Film production: projects, memberships, sequences, shots, tasks and time logs."""

from headwater_products.production.resources import (
    RESOURCES,
    Department,
    Membership,
    Project,
    ProjectRole,
    ProjectStatus,
    Sequence,
    Shot,
    ShotStatus,
    Task,
    TaskStatus,
    TimeLog,
)
from headwater_products.production.seed import DEMO_ACCOUNTS, seed

__all__ = [
    "DEMO_ACCOUNTS",
    "RESOURCES",
    "Department",
    "Membership",
    "Project",
    "ProjectRole",
    "ProjectStatus",
    "Sequence",
    "Shot",
    "ShotStatus",
    "Task",
    "TaskStatus",
    "TimeLog",
    "seed",
]

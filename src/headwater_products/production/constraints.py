"""What must hold in a production, and what of it is looked up often."""

from __future__ import annotations

from headwater import accept, acyclic, check, desc, index, unique
from headwater_products.production.resources import (
    Asset,
    AssetUse,
    Dependency,
    Membership,
    Project,
    Sequence,
    Shot,
    Task,
    TimeLog,
)

check(
    Project,
    lambda: Project.deadline >= Project.start,
    message="A project's deadline is not before its start.",
)
check(
    Shot,
    lambda: Shot.frame_out >= Shot.frame_in,
    message="A shot's last frame is not before its first.",
)

check(
    Shot,
    lambda: Shot.sequence.project == Shot.project,
    message="A shot's sequence belongs to the same project.",
)
check(
    AssetUse,
    lambda: AssetUse.asset.project == AssetUse.shot.project,
    message="An asset is seen in shots of its own project.",
)
check(
    Task,
    lambda: Task.shot.is_null() | Task.asset.is_null(),
    message="A task is on a shot or on an asset, not on both.",
)
check(Task, lambda: Task.shot.project == Task.project, message="A task's shot belongs to the same project.")
check(Task, lambda: Task.asset.project == Task.project, message="A task's asset belongs to the same project.")
check(
    Task,
    lambda: Task.type.department == Task.department,
    message="A task belongs to the department of its type.",
)
check(
    Dependency,
    lambda: Dependency.needs.project == Dependency.task.project,
    message="A task depends on tasks of its own project.",
)
acyclic(Dependency.task, Dependency.needs, message="Tasks cannot wait for each other in a circle.")

unique(Membership.project, Membership.person)
unique(Sequence.project, Sequence.code)
unique(Shot.project, Shot.code)
unique(Asset.project, Asset.code)
unique(AssetUse.shot, AssetUse.asset)
unique(Dependency.task, Dependency.needs)

accept(
    Project,
    "unindexed-sort",
    "status",
    "start",
    "deadline",
    because="A studio has hundreds of projects, no more.",
)
accept(
    Task, "unindexed-sort", "start", "started_at", "approved_at", "completed_at",
    because="They are looked at within a project, whose tasks are found by an index.",
)  # fmt: skip
accept(Task, "reserved-name", "type", because="The whole trade calls it the type of a task.")
accept(Asset, "reserved-name", "type", because="The whole trade calls it the type of an asset.")

index(Project.name)
index(desc(Project.created_at))
index(Membership.person, Membership.project)
index(Shot.sequence, Shot.cut_order)
index(Shot.project, Shot.status, Shot.code)
index(Asset.project, Asset.type, Asset.code)
index(AssetUse.asset)
index(Task.project, Task.status, desc(Task.created_at))
index(Task.project, desc(Task.created_at))
index(desc(Task.created_at))
index(Task.artist, Task.status, desc(Task.created_at))
index(Task.project, Task.deadline)
index(Task.shot)
index(Task.asset)
index(Dependency.needs)
index(TimeLog.task, TimeLog.date)
index(TimeLog.person, TimeLog.date)

"""Who may do what in a production. What nothing here allows is refused, but to administrators.

Coordinators and supervisors run a project; artists work in it; client reviewers see its shots and tasks, and none of
what is internal: hours, notes of reviews, who else takes part, where files lie.
"""

from __future__ import annotations

from headwater import allow, lock, mask
from headwater_products.production.resources import (
    ARTISTS_MAY_SET,
    Asset,
    AssetUse,
    Dependency,
    Membership,
    Project,
    Sequence,
    Shot,
    Task,
    TaskType,
    TimeLog,
    belongs,
    manages,
    takes_part,
    works_on,
)

allow(Project, "read", when=lambda actor: belongs(Project, actor))
allow(Project, "update", when=lambda actor: manages(Project, actor))

allow(Membership, "read", when=lambda actor: takes_part(Membership.project, actor))
allow(Membership, "read", when=lambda actor: Membership.person == actor.id)
allow(Membership, "create", "update", "delete", when=lambda actor: manages(Membership.project, actor))

allow(Sequence, "read", when=lambda actor: belongs(Sequence.project, actor))
allow(Sequence, "create", "update", "delete", when=lambda actor: manages(Sequence.project, actor))

allow(Shot, "read", when=lambda actor: belongs(Shot.project, actor))
allow(Shot, "create", "update", "delete", when=lambda actor: manages(Shot.project, actor))

allow(Asset, "read", when=lambda actor: belongs(Asset.project, actor))
allow(Asset, "create", "update", "delete", when=lambda actor: manages(Asset.project, actor))

allow(AssetUse, "read", when=lambda actor: belongs(AssetUse.shot.project, actor))
allow(AssetUse, "create", "update", "delete", when=lambda actor: manages(AssetUse.shot.project, actor))

allow(TaskType, "read")
allow(TaskType, "create", "update", "delete", to="editor")

allow(Task, "read", when=lambda actor: belongs(Task.project, actor))
allow(Task, "create", "update", "delete", when=lambda actor: manages(Task.project, actor))
# An artist moves the task on, but not past the review: a rule holds before and after the change.
allow(
    Task,
    "update",
    when=lambda actor: works_on(actor) & takes_part(Task.project, actor) & Task.status.in_(ARTISTS_MAY_SET),
)

allow(Dependency, "read", when=lambda actor: takes_part(Dependency.task.project, actor))
allow(Dependency, "create", "update", "delete", when=lambda actor: manages(Dependency.task.project, actor))

allow(TimeLog, "read", when=lambda actor: takes_part(TimeLog.task.project, actor))
allow(TimeLog, "create", "update", "delete", when=lambda actor: manages(TimeLog.task.project, actor))
allow(
    TimeLog,
    "create",
    "update",
    "delete",
    when=lambda actor: (TimeLog.person == actor.id) & takes_part(TimeLog.task.project, actor),
)

# What a task may cost is for those who run the project; what it has cost, for those who work in it.
mask(Task.bid, unless=lambda actor: manages(Task.project, actor))
mask(Task.estimate, unless=lambda actor: takes_part(Task.project, actor))
mask(Task.spent, unless=lambda actor: takes_part(Task.project, actor))
mask(Task.review_note, unless=lambda actor: takes_part(Task.project, actor))
mask(Project.drive_mapping, unless=lambda actor: takes_part(Project, actor))
mask(
    Membership.weekly_hours,
    unless=lambda actor: manages(Membership.project, actor) | (Membership.person == actor.id),
)

# Of a task, artists change the status and what they think that it takes.
for field in (
    Task.bid,
    Task.shot,
    Task.asset,
    Task.type,
    Task.title,
    Task.description,
    Task.department,
    Task.artist,
    Task.reviewer,
    Task.priority,
    Task.start,
    Task.deadline,
    Task.review_note,
):
    lock(field, unless=lambda actor: manages(Task.project, actor))

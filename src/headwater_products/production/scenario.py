"""What people of a studio do with the API all day: the scenario of `headwater bench`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headwater import VirtualUser

STATUSES = ["not_started", "in_progress", "submitted", "approved", "completed"]
MANAGE = ("admin", "supervisor")
WORK = (*MANAGE, "artist")


async def scenario(user: VirtualUser) -> None:
    """Look at a project's board and at some of its tasks, look for a shot; who works there plans and logs time."""
    if "projects" not in user.kept:
        found = await user.get("/projects", {"limit": 100})
        user.kept["projects"] = [project["id"] for project in found.data or []]
    if not user.kept["projects"]:
        return
    project = user.random.choice(user.kept["projects"])
    await user.get("/projects/{id}/tasks", {"groupBy": "status", "aggregate": "count,sum(bid)"}, id=project)
    question = {
        "project": project,
        "status": user.random.choice(STATUSES),
        "include": "artist,shot",
        "sort": "-createdAt",
        "limit": 50,
    }
    tasks = (await user.get("/tasks", question)).data or []
    for task in user.random.sample(tasks, min(3, len(tasks))):
        await user.get("/tasks/{id}", {"include": "timeLogs"}, id=task["id"])
    shot = f"{user.random.randrange(1, 10):02}0_{user.random.randrange(1, 10):02}0"
    await user.get("/tasks?q={text}&limit=20", text=f"{project}_{shot}")
    if not tasks:
        return
    task = user.random.choice(tasks)
    if user.login in MANAGE:
        await user.patch("/tasks/{id}", {"priority": user.random.randrange(10)}, id=task["id"])
    if user.login in WORK:
        await user.post("/tasks/{id}/log-time", {"hours": "0.25"}, id=task["id"])

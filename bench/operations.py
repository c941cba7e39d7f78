"""The workloads over GraphQL: for each server its documents, its variables, and what its answers hold in plain JSON."""

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

PERSON = (
    "id name login title bio skills timeZone email phone location birthday website public "
    "preferences { theme language notifications digest quiet } createdAt updatedAt version"
)
TASK = (
    "id projectId shotId assetId typeId title description department artistId reviewerId status priority bid estimate "
    "start deadline reviewNote startedAt approvedAt completedAt spent isLate createdAt updatedAt version"
)
PROJECT = (
    "id code name status start deadline frameRate resolution { width height pixelAspect } colourSpace "
    "driveMapping { workingFiles renderOutputs } client description taskCount createdAt updatedAt version"
)
NEST = (
    "query Nest($projects: Int!, $tasks: Int!, $order: [TaskOrder!]) { projects(first: $projects) { "
    f"nodes {{ {PROJECT} tasks(first: $tasks, orderBy: $order) {{ nodes {{ {TASK} artist {{ {PERSON} }} }} }} }} }} }}"
)
OPEN = (
    "query Open($where: ProjectWhere, $tasks: TaskWhere, $order: [TaskOrder!], $logs: TimeLogWhere, "
    "$newest: [TimeLogOrder!]) { projects(first: 20, where: $where) { nodes { id name status deadline "
    "tasks(first: 10, where: $tasks, orderBy: $order) { totalCount nodes { "
    "id title department status priority bid deadline spent isLate artist { id name title } "
    "timeLogs(first: 3, where: $logs, orderBy: $newest) { nodes { id date hours note } } } } } } }"
)
"""What is under way in some projects, the most urgent first, by whom, and how they last worked on it."""
STATUSES = (["in_progress", "revision", "submitted"], ["approved", "revision", "in_progress"])
URGENT, HOURS = 5, Decimal("1.00")
"""The least priority of a task, and the fewest hours of a log."""
DUE = dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(days=365)
"""The last deadline of a task; of each request another, a second later."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What one server is asked, the same in `nest` and something else in the n-th `open`, and how its answers become
    what others' are."""

    nest: bytes
    open: Callable[[int], bytes]
    plain: Callable[[Any], Any]


def plain(answer: dict[str, Any]) -> Any:
    """What an answer holds, as REST would say it: connections are lists, unless their rows are counted."""
    if "errors" in answer:
        raise RuntimeError(f"GraphQL: {str(answer['errors'])[:400]}")
    (found,) = answer["data"].values()
    return _listed(found)


def _listed(value: Any) -> Any:
    match value:
        case {"nodes": rows, **rest} if not rest:
            return _listed(rows)
        case dict():
            return {name: _listed(item) for name, item in value.items()}
        case list():
            return [_listed(item) for item in value]
        case _:
            return value


def _body(query: str, **variables: Any) -> bytes:
    return json.dumps({"query": query, "variables": variables}).encode()


def asked() -> Asked:
    """Of Headwater, and of Strawberry, whose author chose the same names."""
    return Asked(
        _body(NEST, projects=20, tasks=10, order=[{"createdAt": "DESC"}]),
        lambda n: _body(
            OPEN,
            where={"status": {"eq": "active"}},
            tasks={"status": {"in": _statuses(n)}, "priority": {"gte": URGENT}, "deadline": {"lte": _due(n)}},
            order=[{"priority": "DESC"}, {"createdAt": "DESC"}, {"id": "DESC"}],
            logs={"hours": {"gte": str(HOURS)}},
            newest=[{"date": "DESC"}, {"id": "DESC"}],
        ),
        plain,
    )


def _statuses(n: int) -> list[str]:
    return STATUSES[n % len(STATUSES)]


def _due(n: int) -> str:
    return (DUE + dt.timedelta(seconds=n)).isoformat()


# -- PostGraphile ---------------------------------------------------------------------------------------

RENAMED = {
    # It has an id of its own for every row.
    " id ": " id: rowId ",
    " code ": " code: rowId ",
    " projects(": " projects: allProjects(",
    " tasks(": " tasks: tasksByProjectId(",
    " artist {": " artist: personByArtistId {",
    " timeLogs(": " timeLogs: timeLogsByTaskId(",
    " where: $": " filter: $",
    "ProjectWhere": "ProjectFilter",
    "TaskWhere": "TaskFilter",
    "TimeLogWhere": "TimeLogFilter",
    "TaskOrder!": "TaskOrderBy!",
    "TimeLogOrder!": "TimeLogOrderBy!",
    # What is stored as a document comes whole.
    " preferences { theme language notifications digest quiet }": " preferences",
    " resolution { width height pixelAspect }": " resolution",
    " driveMapping { workingFiles renderOutputs }": " driveMapping",
}
PLACES = {"bid": 2, "estimate": 2, "spent": 2, "hours": 2, "frameRate": 3}
NUMBERS = ("priority", "version", "taskCount")


def asked_of_postgraphile() -> Asked:
    """It takes its names from the tables and their keys."""

    nest, opened = NEST, OPEN
    for name, its in RENAMED.items():
        nest, opened = nest.replace(name, its), opened.replace(name, its)
    return Asked(
        _body(nest, projects=20, tasks=10, order=["CREATED_AT_DESC", "ROW_ID_DESC"]),
        lambda n: _body(
            opened,
            where={"status": {"equalTo": "active"}},
            tasks={
                "status": {"in": _statuses(n)},
                "priority": {"greaterThanOrEqualTo": str(URGENT)},
                "deadline": {"lessThanOrEqualTo": _due(n)},
            },
            order=["PRIORITY_DESC", "CREATED_AT_DESC", "ROW_ID_DESC"],
            # So that it can use the index of the rows that are not in the trash.
            logs={
                "hours": {"greaterThanOrEqualTo": str(HOURS.scaleb(2).quantize(Decimal(1)))},
                "deletedAt": {"isNull": True},
            },
            newest=["DATE_DESC", "ROW_ID_DESC"],
        ),
        lambda answer: _scaled(plain(answer)),
    )


def _scaled(value: Any) -> Any:
    """Its decimals are whole numbers of their smallest parts, as they are stored, and its 64-bit numbers are texts."""
    match value:
        case list():
            return [_scaled(item) for item in value]
        case dict():
            return {name: _number(name, item) for name, item in value.items()}
        case _:
            return value


def _number(name: str, value: Any) -> Any:
    if isinstance(value, str) and name in PLACES:
        return str(Decimal(value).scaleb(-PLACES[name]))
    if isinstance(value, str) and name in NUMBERS:
        return int(value)
    return _scaled(value)

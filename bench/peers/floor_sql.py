"""The floor's statements, written by hand for both databases. Each answers with finished JSON."""

import os

URL = os.environ["BENCH_DATABASE_URL"]
POSTGRES = URL.startswith("postgres")


class Document(str):
    """An expression for finished JSON, in SQLite."""


if POSTGRES:
    NOW = "now()"
    TASK_CURSOR, PROJECT_CURSOR = 'x."createdAt", x.id', "x.id"

    def decimal(value: str, places: int) -> str:
        return f"({value} * 0.{'1'.rjust(places, '0')})::text"

    def moment(value: str) -> str:
        return f"""to_char({value} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""

    def boolean(value: str) -> str:
        return value

    def stored(value: str) -> str:
        return value

    def records(pairs: dict[str, str], rest: str, *more: str) -> str:
        columns = ", ".join(f'{value} AS "{name}"' for name, value in pairs.items())
        return f"SELECT {', '.join(('row_to_json(x) AS json', *more))} FROM (SELECT {columns} {rest}) x"

    def nested(record: str) -> str:
        return f"({record})"

    def document(pairs: dict[str, str]) -> str:
        return "json_build_object(" + ", ".join(f"'{name}', {value}" for name, value in pairs.items()) + ")"

    def array(rows: str) -> str:
        return f"(SELECT coalesce(json_agg(y.json), '[]') FROM ({rows}) y)"

else:
    NOW = "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')"
    TASK_CURSOR, PROJECT_CURSOR = "t.created_at, t.id", "p.id"

    def decimal(value: str, places: int) -> str:
        one = 10**places
        return f"(({value}) / {one}) || '.' || substr(({value}) % {one} + {one}, 2)"

    def moment(value: str) -> str:
        return value

    def boolean(value: str) -> str:
        return f"json(iif({value}, 'true', 'false'))"

    def stored(value: str) -> str:
        return f"json({value})"

    def record(pairs: dict[str, str]) -> str:
        """Documents within are appended as text: to parse and write them again would cost half as much again."""
        inner = {name: value for name, value in pairs.items() if isinstance(value, Document)}
        if not inner:
            return "json_object(" + ", ".join(f"'{name}', {value}" for name, value in pairs.items()) + ")"
        ((name, document),) = inner.items()
        assert [*pairs][-1] == name
        return f"rtrim({record(pairs | {name: 'NULL'})}, 'nul}}') || {document} || '}}'"

    def records(pairs: dict[str, str], rest: str, *more: str) -> str:
        return f"SELECT {', '.join((f'{record(pairs)} AS json', *more))} {rest}"

    def nested(record: str) -> str:
        return Document(f"coalesce(({record}), 'null')")

    document = record

    def array(rows: str) -> str:
        return Document(f"(SELECT '[' || coalesce(group_concat(y.json), '') || ']' FROM ({rows}) y)")


def stamps(alias: str) -> dict[str, str]:
    return {
        "createdAt": moment(f"{alias}.created_at"),
        "updatedAt": moment(f"{alias}.updated_at"),
        "version": f"{alias}.version",
    }


def spent(alias: str) -> str:
    total = decimal("coalesce(sum(l.hours), 0)", 2)
    return f"(SELECT {total} FROM time_logs l WHERE l.task_id = {alias}.id)"


def task(t: str) -> dict[str, str]:
    late = (
        f"{t}.deadline IS NOT NULL AND {t}.deadline < {NOW} AND {t}.status NOT IN ('approved', 'completed')"
    )
    return {
        "id": f"{t}.id",
        "projectId": f"{t}.project_id",
        "shotId": f"{t}.shot_id",
        "assetId": f"{t}.asset_id",
        "typeId": f"{t}.type_id",
        "title": f"{t}.title",
        "description": f"{t}.description",
        "department": f"{t}.department",
        "artistId": f"{t}.artist_id",
        "reviewerId": f"{t}.reviewer_id",
        "status": f"{t}.status",
        "priority": f"{t}.priority",
        "bid": decimal(f"{t}.bid", 2),
        "estimate": decimal(f"{t}.estimate", 2),
        "start": f"{t}.start",
        "deadline": moment(f"{t}.deadline"),
        "reviewNote": f"{t}.review_note",
        "startedAt": moment(f"{t}.started_at"),
        "approvedAt": moment(f"{t}.approved_at"),
        "completedAt": moment(f"{t}.completed_at"),
        "spent": spent(t),
        "isLate": boolean(late),
        **stamps(t),
    }


TASK = task("t")
NEWEST = "ORDER BY t.created_at DESC, t.id DESC"
ARTIST = records(
    {
        "id": "a.id",
        "name": "a.name",
        "login": "a.login",
        "title": "a.title",
        "bio": "a.bio",
        "skills": stored("a.skills"),
        "timeZone": "a.time_zone",
        "email": "a.email",
        "phone": "a.phone",
        "location": "a.location",
        "birthday": "a.birthday",
        "website": "a.website",
        "public": stored("a.public"),
        "preferences": stored("a.preferences"),
        **stamps("a"),
    },
    "FROM people a WHERE a.id = t.artist_id",
)
PROJECT = {
    "id": "p.id",
    "code": "p.id",
    "name": "p.name",
    "status": "p.status",
    "start": "p.start",
    "deadline": "p.deadline",
    "frameRate": decimal("p.frame_rate", 3),
    "resolution": stored("p.resolution"),
    "colourSpace": "p.colour_space",
    "driveMapping": stored("p.drive_mapping"),
    "client": "p.client",
    "description": "p.description",
    "taskCount": "(SELECT count(*) FROM tasks c WHERE c.project_id = p.id)",
    **stamps("p"),
    "tasks": array(
        records(
            TASK | {"artist": nested(ARTIST)},
            f"FROM tasks t WHERE t.project_id = p.id {NEWEST} LIMIT 10",
        )
    ),
}
# The mean of whole numbers that are not negative, rounded half up.
MEAN = "round(avg(t.bid))::BIGINT" if POSTGRES else "((2 * sum(t.bid) + count(*)) / (2 * count(*)))"
GROUP = {
    "group": document({"status": "t.status", "department": "t.department"}),
    "count": "count(*)",
    "sum": document({"bid": decimal("sum(t.bid)", 2)}),
    "avg": document({"bid": decimal(MEAN, 2)}),
    "min": document({"deadline": moment("min(t.deadline)")}),
    "max": document({"deadline": moment("max(t.deadline)")}),
}
ROLE = "t.role" if POSTGRES else "m.role"
MANAGES = f"{ROLE} IN ('supervisor', 'coordinator')"
WORKS = f"{ROLE} IN ('supervisor', 'coordinator', 'artist')"
MASKED = TASK | {
    "bid": f"CASE WHEN {MANAGES} THEN {TASK['bid']} END",
    "estimate": f"CASE WHEN {WORKS} THEN {TASK['estimate']} END",
    "spent": f"CASE WHEN {WORKS} THEN {TASK['spent']} END",
    "reviewNote": f"CASE WHEN {WORKS} THEN t.review_note END",
}
OF_STATUS = "FROM tasks t WHERE t.project_id = $1 AND t.status = $2"
NEWEST_OF_PROJECT = f"FROM tasks t WHERE t.project_id = m.project_id {NEWEST} LIMIT 51"
# The newest of each of the member's projects, by the index; of these the newest.
OF_MEMBER = (
    f"FROM (SELECT n.*, m.role FROM memberships m CROSS JOIN LATERAL (SELECT * {NEWEST_OF_PROJECT}) n "
    "WHERE m.person_id = $1 ORDER BY n.created_at DESC, n.id DESC LIMIT 51) t"
    if POSTGRES
    else "FROM memberships m JOIN json_each((SELECT json_group_array(n.id) FROM "
    f"(SELECT t.id {NEWEST_OF_PROJECT}) n)) j JOIN tasks t ON t.id = j.value WHERE m.person_id = $1"
)
INSERT = (
    "INSERT INTO tasks (id, project_id, title, title_folded, department, status, priority, bid, created_at, "
    "updated_at, version) VALUES ($1, $2, $3, $4, $5, 'not_started', 5, 0, $6, $6, 1) RETURNING"
)
SET = "UPDATE tasks SET priority = $2, updated_at = $3, version = version + 1 WHERE id = $1 RETURNING"


def statement(sql: str) -> str:
    """With the database's way to write a parameter by number."""
    return sql if POSTGRES else sql.replace("$", "?")


def written(sql: str, old: str = "") -> str:
    """A statement that writes one row and answers with it; on PostgreSQL with the old value too, if any."""
    if POSTGRES and old:
        select = "SELECT id, priority FROM tasks WHERE id = $1 FOR NO KEY UPDATE"
        changed = sql.replace("WHERE id = $1", "FROM o WHERE tasks.id = o.id")
        return f"WITH o AS ({select}), t AS ({changed} tasks.*) {records(TASK, 'FROM t', old)}"
    if POSTGRES:
        return f"WITH t AS ({sql} *) {records(TASK, 'FROM t')}"
    return f"{sql} {record(task('tasks'))}"


ONE = statement(records(TASK, "FROM tasks t WHERE t.id = $1"))
FIRST = statement(records(TASK, f"{OF_STATUS} {NEWEST} LIMIT 51", TASK_CURSOR))
NEXT = statement(
    records(TASK, f"{OF_STATUS} AND (t.created_at, t.id) < ($3, $4) {NEWEST} LIMIT 51", TASK_CURSOR)
)
MINE = statement(records(MASKED, f"{OF_MEMBER} {NEWEST} LIMIT 51", TASK_CURSOR))
PROJECTS = records(
    PROJECT,
    "FROM projects p ORDER BY p.id LIMIT 20",
    PROJECT_CURSOR,
    "(SELECT count(*) FROM (SELECT 1 FROM projects LIMIT 21) n)",
)
GROUPS = statement(
    records(
        GROUP,
        "FROM tasks t WHERE t.project_id = $1 GROUP BY t.status, t.department "
        "ORDER BY t.status, t.department LIMIT 101",
    )
)
TEXTS = ("title_folded", "description_folded")
FINDS = {
    4: "{0} = $2",
    3: "{0} ^@ $2" if POSTGRES else "substr({0}, 1, length($2)) = $2",
    2: "{0} ~ $3" if POSTGRES else "{0} GLOB $3",
    1: "strpos({0}, $2) > 0" if POSTGRES else "instr({0}, $2) > 0",
}
RANKED = " ".join(
    f"WHEN {finds.format(text)} THEN length({text}) - {degree * 16 - place << 40}"
    for degree, finds in FINDS.items()
    for place, text in enumerate(TEXTS)
)
BY_INDEX = (
    " OR ".join(f"{text} LIKE $1" for text in TEXTS)
    if POSTGRES
    else "rowid IN (SELECT rowid FROM hw_search_tasks WHERE hw_search_tasks MATCH $1) AND "
    f"({' OR '.join(FINDS[1].format(text) for text in TEXTS)})"
)
SEARCH = statement(
    records(
        TASK,
        f"FROM (SELECT id AS key, CASE {RANKED} END AS rank FROM tasks WHERE {BY_INDEX} ORDER BY 2, 1 LIMIT 21) f "
        "JOIN tasks t ON t.id = f.key ORDER BY f.rank, f.key",
    )
)
CREATE = statement(written(INSERT))
UPDATE = statement(written(SET, "(SELECT priority FROM o)"))
OLD = statement("SELECT priority FROM tasks WHERE id = $1")
LOG = statement(
    "INSERT INTO hw_log (at, type, resource, row_id, version, actor, request_id, before, after) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING position"
)

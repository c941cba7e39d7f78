"""Schema changes (D72): generated from the declarations, reversible, one file for both databases, no false drift."""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa

from headwater.base.observe import Observers
from headwater.db.postgres import PostgresStore
from headwater.db.postgres_dialect import PostgresDialect
from headwater.db.sqlite import SQLiteStore
from headwater.db.sqlite_dialect import SQLiteDialect
from headwater.declare.names import constraint_name
from headwater.engine import migrate
from headwater.engine.migrate import MigrationError
from headwater.engine.schema import Schema
from headwater.ir.model import Field, Index, Kind, Model, Resource, Type, Unique
from tests.stores import SHARED, dialect, drop, new_database


def field(name: str, kind: Kind = Kind.TEXT, **options: Any) -> Field:
    kind_of = options.pop("type", Type(kind))
    options.setdefault("folded", f"{name}_folded" if kind is Kind.TEXT else None)
    return Field(name, name, kind_of, name, **options)


def resource(name: str, *fields: Field, **options: Any) -> Resource:
    base = (
        field("id", Kind.ID),
        field("created_at", Kind.DATETIME),
        field("version", Kind.INTEGER),
    )
    low = name.lower()
    return Resource(
        name, low, low + "s", low + "s", low + "s", low, "id", object, "",
        {f.name: f for f in (*base, *fields)}, {}, **options,
    )  # fmt: skip


def model(*resources: Resource) -> Model:
    return Model({r.name: r for r in resources}, {})


NOON = "'2026-01-31T12:00:00.000000Z'"
PROJECT = resource("Project", field("name", unique=True))
TASK = resource(
    "Task",
    field("title"),
    field("project_id", Kind.ID, target="Project"),
    field("parent_id", Kind.ID, target="Task", nullable=True),
    field("due", Kind.DATETIME, nullable=True),
    field("day", Kind.DATE, nullable=True, indexed=True),
    field("done", Kind.BOOLEAN),
    field("state", type=Type(Kind.ENUM, values=("open", "shut")), folded=None),
    field("bid", type=Type(Kind.MONEY, 2, "EUR"), folded=None, nullable=True),
    field("weight", Kind.FLOAT, nullable=True),
    field("spent", Kind.DURATION, nullable=True),
    field("extra", Kind.JSON, nullable=True),
    field("tags", type=Type(Kind.LIST, item=Kind.TEXT), folded=None),
    indexes=(Index("ix_tasks_due", (("due", True), ("title", False))),),
    uniques=(Unique("uq_tasks_title_project", ("title", "project_id")),),
)
FIRST = model(PROJECT, TASK)


def changed() -> Model:
    fields = dict(TASK.fields)
    del fields["weight"], fields["day"]
    for added in (
        field("priority", Kind.INTEGER, default=lambda: 3, indexed=True),
        field("urgent", Kind.BOOLEAN),
        field("note"),
        field("seen_at", Kind.DATETIME),
        field("owner_id", Kind.ID, target="Project", nullable=True),
    ):
        fields[added.name] = added
    fields["bid"] = replace(fields["bid"], nullable=True, indexed=True)
    fields["extra"] = replace(fields["extra"], type=Type(Kind.TEXT))
    task = replace(TASK, fields=fields)
    return model(PROJECT, task, resource("Note", field("text")))


@dataclass
class Database:
    url: str
    dialect: Any

    def schema(self, of: Model) -> Schema:
        return Schema(of, self.dialect)

    async def run(self, sql: str) -> list[Any]:
        if self.url.startswith("sqlite"):
            with sa.create_engine(self.url).begin() as connection:
                result = connection.exec_driver_sql(sql)
                return list(result) if result.returns_rows else []
        connection = await asyncpg.connect(self.url)
        try:
            return [tuple(row) for row in await connection.fetch(sql)]
        finally:
            await connection.close()


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """An empty database on PostgreSQL."""
    url = new_database(os.environ[SHARED])
    yield url
    drop(url)


@pytest.fixture
def database(store_url: str) -> Database:
    """An empty database of either kind."""
    return Database(store_url, dialect(store_url))


async def test_a_first_revision_makes_the_declared_schema(database: Database, tmp_path: Path) -> None:
    schema, folder = database.schema(FIRST), tmp_path / "migrations"
    path = await migrate.make(schema, database.url, folder, "First")
    assert path is not None
    assert path.name == "0001_first.py"
    assert await migrate.check(schema, database.url, folder) == ["Revision 0001_first is not applied."]
    assert await migrate.upgrade(schema, database.url, folder) == ["0001_first"]
    assert await migrate.upgrade(schema, database.url, folder) == []
    assert await migrate.check(schema, database.url, folder) == []
    assert await migrate.make(schema, database.url, folder, "Nothing") is None


async def test_a_database_that_was_found_as_declared_is_compared_again_when_anything_is_new(
    database: Database, tmp_path: Path
) -> None:
    old, new, folder = database.schema(FIRST), database.schema(changed()), tmp_path / "migrations"
    await migrate.make(old, database.url, folder, "First")
    await migrate.upgrade(old, database.url, folder)

    async def quick(schema: Schema) -> list[str]:
        return await migrate.check(schema, database.url, folder, again=False)

    assert await quick(old) == []
    await database.run("ALTER TABLE tasks DROP COLUMN weight")  # by hand
    assert await quick(old) == []
    assert "The column tasks.priority is missing." in await quick(new)
    by_hand = ["The column tasks.weight is missing."]
    assert await migrate.check(old, database.url, folder) == by_hand
    await database.run("ALTER TABLE tasks ADD COLUMN weight FLOAT")
    assert await quick(old) == []
    await migrate.make(new, database.url, folder, "More")
    await migrate.upgrade(new, database.url, folder)
    assert "The column tasks.priority is not declared." in await quick(old)
    assert await quick(new) == []
    await migrate.downgrade(database.url, folder, "0001")
    for path in sorted((folder / "versions").glob("000[23]*")):
        path.unlink()
    assert "The column tasks.priority is missing." in await quick(new)


@pytest.mark.parametrize(
    "other",
    [
        {"fields": {**TASK.fields, "note": field("note")}},
        {
            "fields": {
                **TASK.fields,
                "day": replace(TASK.fields["day"], nullable=not TASK.fields["day"].nullable),
            }
        },
        {"fields": {**TASK.fields, "day": replace(TASK.fields["day"], type=Type(Kind.TEXT))}},
        {"fields": {**TASK.fields, "state": replace(TASK.fields["state"], indexed=True)}},
        {"fields": {**TASK.fields, "title": replace(TASK.fields["title"], folded=None)}},
        {"fields": {**TASK.fields, "title": replace(TASK.fields["title"], searchable=True)}},
        {"fields": {**TASK.fields, "project_id": replace(TASK.fields["project_id"], target=None)}},
        {"indexes": ()},
        {"uniques": (Unique("uq_tasks_title_project", ("title", "done")),)},
        {"table": "jobs"},
    ],
)
def test_declarations_whose_tables_differ_are_compared_again(
    database: Database, other: dict[str, Any]
) -> None:
    first, second = database.schema(FIRST), database.schema(model(PROJECT, replace(TASK, **other)))
    assert first.fingerprint != second.fingerprint
    assert first.fingerprint == database.schema(model(PROJECT, TASK)).fingerprint


async def test_the_file_is_the_same_from_either_database(tmp_path: Path, postgres_url: str) -> None:
    texts = []
    for number, url in enumerate((f"sqlite:///{tmp_path}/data/app.db", postgres_url)):
        folder = tmp_path / str(number)
        path = await migrate.make(Schema(FIRST, dialect(url)), url, folder, "First")
        assert path is not None
        texts.append(path.read_text())
    assert texts[0] == texts[1]


async def test_changes_keep_rows_and_can_be_undone(database: Database, tmp_path: Path) -> None:
    old, new, folder = database.schema(FIRST), database.schema(changed()), tmp_path / "migrations"
    await migrate.make(old, database.url, folder, "First")
    await migrate.upgrade(old, database.url, folder)
    now = "'2026-01-31T12:00:00.000000Z'"
    await database.run(
        f"INSERT INTO projects (id, created_at, version, name, name_folded) VALUES ('p', {now}, 1, 'P', 'p')"
    )
    await database.run(
        "INSERT INTO tasks (id, created_at, version, title, title_folded, project_id, done, state, tags)"
        f" VALUES ('t', {now}, 1, 'T', 't', 'p', true, 'open', '[]')"
    )
    drift = await migrate.check(new, database.url, folder)
    assert "The column tasks.priority is missing." in drift
    assert "The table notes is missing." in drift
    path = await migrate.make(new, database.url, folder, "More")
    assert path is not None
    assert path.name == "0003_more_indexes.py"
    assert await migrate.upgrade(new, database.url, folder) == ["0002_more", "0003_more_indexes"]
    assert await migrate.check(new, database.url, folder) == []
    rows = await database.run("SELECT id, priority, urgent, note, done FROM tasks")
    assert [tuple(row) for row in rows] == [("t", 3, False, "", True)]
    await migrate.downgrade(database.url, folder, "0001")
    assert await migrate.check(old, database.url, folder) == [
        "Revision 0002_more is not applied.",
        "Revision 0003_more_indexes is not applied.",
    ]
    await migrate.upgrade(new, database.url, folder)
    assert await migrate.check(new, database.url, folder) == []
    await migrate.downgrade(database.url, folder, "base")
    for path in sorted((folder / "versions").glob("000[23]*")):
        path.unlink()
    await migrate.upgrade(old, database.url, folder)
    assert await migrate.check(old, database.url, folder) == []


async def test_a_trash_is_added_to_what_is_there(database: Database, tmp_path: Path) -> None:
    """By columns that may be null and indexes that are there before those that they replace are gone."""
    thrown = (
        field("deleted_at", Kind.DATETIME, nullable=True, read_only=True),
        field("trash_id", Kind.ID, nullable=True, internal=True),
    )
    task = replace(TASK, trash=True, fields={**TASK.fields, **{f.name: f for f in thrown}})
    old, new, folder = database.schema(FIRST), database.schema(model(PROJECT, task)), tmp_path / "migrations"
    await migrate.make(old, database.url, folder, "First")
    await migrate.upgrade(old, database.url, folder)
    values = f"{NOON}, 1, 'T', 't', 'p', true, 'open', '[]'"
    columns = "created_at, version, title, title_folded, project_id, done, state, tags"
    await database.run(
        f"INSERT INTO projects (id, created_at, version, name, name_folded) VALUES ('p', {NOON}, 1, 'P', 'p')"
    )
    await database.run(f"INSERT INTO tasks (id, {columns}) VALUES ('one', {values})")
    await migrate.make(new, database.url, folder, "Trash")
    files = [path.read_text() for path in sorted((folder / "versions").glob("000[23]*"))]
    assert "nullable=False" not in files[0]
    assert "drop" not in files[0].partition("def downgrade")[0]
    made, dropped = (
        "op.create_index('uq_tasks_title_project_living'",
        "op.drop_index('uq_tasks_title_project',",
    )
    assert files[1].index(made) < files[1].index(dropped)
    await migrate.upgrade(new, database.url, folder)
    assert await migrate.check(new, database.url, folder) == []
    assert await database.run("SELECT id, deleted_at FROM tasks") == [("one", None)]
    for id, refused in (("two", True), ("three", False)):
        insert = f"INSERT INTO tasks (id, {columns}) VALUES ('{id}', {values})"
        if refused:
            with pytest.raises(Exception, match=r"(?i)unique"):
                await database.run(insert)
            await database.run(f"UPDATE tasks SET deleted_at = {NOON}")
        else:
            await database.run(insert)
    await database.run("DELETE FROM tasks WHERE deleted_at IS NOT NULL")
    await migrate.downgrade(database.url, folder, "0001")
    for path in sorted((folder / "versions").glob("000[23]*")):
        path.unlink()
    await migrate.upgrade(old, database.url, folder)  # gives SQLite's indexes their directions again
    assert await migrate.check(old, database.url, folder) == []


async def test_names_that_are_too_long_for_the_database_stay_apart(
    database: Database, tmp_path: Path
) -> None:
    """PostgreSQL cuts names at 63 letters, where those of indexes over long names would be the same."""
    long = "of_the_department_that_has_to_keep_it_in_order_"
    fields = [field(f"{long}{name}", unique=True) for name in ("name", "number", "note")]
    refers = [field(f"{long}{name}_id", Kind.ID, target="Project") for name in ("first", "last")]
    uniques = [
        Unique(
            constraint_name("uq", "equipments", f"{long}name", f"{long}{last}"),
            (f"{long}name", f"{long}{last}"),
        )
        for last in ("number", "note")
    ]
    assert constraint_name("uq", "tasks", "title") == "uq_tasks_title"
    for trash in (False, True):
        trashed = [
            field("deleted_at", Kind.DATETIME, nullable=True),
            field("trash_id", Kind.ID, nullable=True),
        ]
        made = resource(
            "Equipment", *fields, *refers, *(trashed if trash else ()), uniques=tuple(uniques), trash=trash
        )
        schema = database.schema(model(PROJECT, made))
        table = schema.metadata.tables["equipments"]
        names = [str(index.name) for index in table.indexes] + [
            str(key.name) for key in table.foreign_key_constraints
        ]
        assert len(set(names)) == len(names) >= 9
        assert all(len(name) <= 63 for name in names)
    await migrate.create_all(schema, database.url)


async def test_tables_that_refer_to_each_other(database: Database, tmp_path: Path) -> None:
    egg = resource("Egg", field("hen_id", Kind.ID, target="Hen", nullable=True))
    hen = resource("Hen", field("egg_id", Kind.ID, target="Egg"), field("mother_id", Kind.ID, target="Hen"))
    nest = resource("Nest", field("hen_id", Kind.ID, target="Hen"))
    both, none, folder = (
        database.schema(model(egg, hen, nest)),
        database.schema(model()),
        tmp_path / "migrations",
    )
    await migrate.make(both, database.url, folder, "First")
    await migrate.upgrade(both, database.url, folder)
    assert await migrate.check(both, database.url, folder) == []
    await migrate.make(none, database.url, folder, "Gone")
    await migrate.upgrade(none, database.url, folder)
    assert await migrate.check(none, database.url, folder) == []
    await migrate.downgrade(database.url, folder, "0001")
    next((folder / "versions").glob("0002*")).unlink()
    assert await migrate.check(both, database.url, folder) == []
    await migrate.downgrade(database.url, folder, "base")


async def test_a_new_shadow_folds_the_texts_that_exist(database: Database, tmp_path: Path) -> None:
    plain = database.schema(
        model(resource("Tag", field("word", folded=None), field("hint", folded=None, nullable=True)))
    )
    shadowed = database.schema(model(resource("Tag", field("word"), field("hint", nullable=True))))
    folder = tmp_path / "migrations"
    await migrate.make(plain, database.url, folder, "First")
    await migrate.upgrade(plain, database.url, folder)
    values = ", ".join(f"('t{number:04}', {NOON}, 1, 'Straße {number}')" for number in range(1003))
    await database.run(f"INSERT INTO tags (id, created_at, version, word) VALUES {values}")
    await migrate.make(shadowed, database.url, folder, "Fold")
    await migrate.upgrade(shadowed, database.url, folder)
    rows = await database.run("SELECT word_folded, hint_folded FROM tags ORDER BY id")
    assert [tuple(row) for row in rows] == [(f"strasse {number}", None) for number in range(1003)]


async def test_a_new_field_that_must_be_unique_is_refused_before_anything_changes(
    database: Database, tmp_path: Path
) -> None:
    before = database.schema(model(resource("Tag", field("word"))))
    after = database.schema(model(resource("Tag", field("word"), field("code", unique=True))))
    folder = tmp_path / "migrations"
    await migrate.make(before, database.url, folder, "First")
    await migrate.upgrade(before, database.url, folder)
    for word in "ab":
        await database.run(
            f"INSERT INTO tags (id, created_at, version, word, word_folded) VALUES ('{word}', {NOON}, 1, '{word}', '')"
        )
    await migrate.make(after, database.url, folder, "Code")
    text = next((folder / "versions").glob("0002*")).read_text()
    assert "tags.code is required and unique: this fails where rows exist." in text
    with pytest.raises(sa.exc.DBAPIError):
        await migrate.upgrade(after, database.url, folder)
    assert [tuple(row) for row in await database.run("SELECT version_num FROM alembic_version")] == [
        ("0001",)
    ]
    await database.run("DELETE FROM tags WHERE id <> ''")
    await migrate.upgrade(after, database.url, folder)
    assert await migrate.check(after, database.url, folder) == []


async def test_an_index_that_was_changed_by_hand_is_drift(database: Database, tmp_path: Path) -> None:
    schema, folder = database.schema(FIRST), tmp_path / "migrations"
    await migrate.make(schema, database.url, folder, "First")
    await migrate.upgrade(schema, database.url, folder)
    await database.run("DROP INDEX ix_tasks_due")
    await database.run("CREATE INDEX ix_tasks_due ON tasks (due, title, id)")
    assert [line for line in await migrate.check(schema, database.url, folder) if "ix_tasks_due" in line]
    await migrate.make(schema, database.url, folder, "Order")
    await migrate.upgrade(schema, database.url, folder)
    assert await migrate.check(schema, database.url, folder) == []


async def test_processes_that_start_at_once_migrate_once(database: Database, tmp_path: Path) -> None:
    schema, folder = database.schema(FIRST), tmp_path / "migrations"
    await migrate.make(schema, database.url, folder, "First")
    done = await asyncio.gather(*(migrate.upgrade(schema, database.url, folder) for _ in range(3)))
    assert sorted(done) == [[], [], ["0001_first"]]


async def test_a_failing_revision_changes_nothing(database: Database, tmp_path: Path) -> None:
    schema, folder = database.schema(FIRST), tmp_path / "migrations"
    path = await migrate.make(schema, database.url, folder, "First")
    assert path is not None
    path.write_text(
        path.read_text().replace("def downgrade", "    op.execute('SELECT broken')\n\n\ndef downgrade")
    )
    with pytest.raises(sa.exc.DBAPIError):
        await migrate.upgrade(schema, database.url, folder)
    sql = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    if database.url.startswith("sqlite"):
        sql = "SELECT name FROM sqlite_master"
    assert [row for row in await database.run(sql) if "alembic_version" not in row] == []


async def test_a_file_that_is_open_in_this_process_is_left_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/open.db"
    schema = Schema(FIRST, SQLiteDialect())
    store = SQLiteStore(url, Observers())
    await store.open()
    with pytest.raises(MigrationError, match="is open in this process"):
        await migrate.create_all(schema, url)
    await store.close()
    await migrate.create_all(schema, url)


async def test_two_last_revisions_are_refused(database: Database, tmp_path: Path) -> None:
    schema, folder = database.schema(FIRST), tmp_path / "migrations"
    path = await migrate.make(schema, database.url, folder, "First")
    assert path is not None
    path.with_name("0001b_other.py").write_text(path.read_text().replace("'0001'", "'0001b'"))
    with pytest.raises(MigrationError, match="both come last"):
        await migrate.upgrade(schema, database.url, folder)


async def test_tables_without_revisions(database: Database, tmp_path: Path) -> None:
    schema = database.schema(FIRST)
    await migrate.create_all(schema, database.url)
    assert await migrate.check(schema, database.url, tmp_path / "none") == []


async def test_the_secret_is_made_once(database: Database) -> None:
    await migrate.create_all(database.schema(FIRST), database.url)
    kind = SQLiteStore if database.url.startswith("sqlite") else PostgresStore
    store = kind(database.url, Observers())
    await store.open()
    try:
        first, second = await asyncio.gather(migrate.secret(store), migrate.secret(store))
        assert len(first) == 32
        assert first == second == await migrate.secret(store)
    finally:
        await store.close()


async def test_an_index_build_that_failed_is_drift_and_is_built_again(
    tmp_path: Path, postgres_url: str
) -> None:
    database, folder = Database(postgres_url, PostgresDialect()), tmp_path / "migrations"
    schema = database.schema(FIRST)
    await migrate.make(schema, postgres_url, folder, "First")
    await migrate.upgrade(schema, postgres_url, folder)
    # Only a superuser can mark an index as invalid: this is what a failed concurrent build leaves.
    await database.run("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_tasks_due'::regclass")
    assert [line for line in await migrate.check(schema, postgres_url, folder) if "ix_tasks_due" in line]
    path = await migrate.make(schema, postgres_url, folder, "Again")
    assert path is not None
    assert "autocommit_block" in path.read_text()
    await migrate.upgrade(schema, postgres_url, folder)
    assert await migrate.check(schema, postgres_url, folder) == []

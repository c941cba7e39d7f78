"""Search indexes come and go with the declarations, and stay right through what migrations do to their tables."""

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from headwater.base.call import SYSTEM, Call
from headwater.base.observe import Observers
from headwater.db.search import SearchUnavailable
from headwater.db.sqlite import SQLiteStore
from headwater.engine import migrate
from headwater.engine.engine import Engine
from headwater.engine.schema import Schema
from headwater.ir import expr as e
from headwater.ir.model import Grant, Kind, Model
from headwater.ir.query import Query
from headwater.ir.search import search_of
from tests.spec.test_migrate import NOON, Database, field, model, resource
from tests.stores import SHARED, dialect, drop, new_database, open_store

READ = Grant(frozenset({"read"}), e.TRUE)
BEFORE = model(resource("Tag", field("word", searchable=True), field("hint", nullable=True), field("note")))


@pytest.fixture
def database(store_url: str) -> Database:
    """An empty database of either kind."""
    return Database(store_url, dialect(store_url))


@pytest.fixture
def limited_url() -> Iterator[tuple[str, str]]:
    """An empty PostgreSQL database, as its owner reaches it, and as an account that may only have tables there."""
    url = new_database(os.environ[SHARED])
    name = url.rpartition("/")[2]

    async def run(command: str) -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(command)
        await connection.close()

    asyncio.run(run(f"CREATE ROLE {name} LOGIN; GRANT ALL ON SCHEMA public TO {name}"))
    parts = urlsplit(url)
    yield url, urlunsplit(parts._replace(netloc=f"{name}@{parts.netloc.rpartition('@')[2]}"))
    asyncio.run(run(f"DROP OWNED BY {name} CASCADE; DROP ROLE {name}"))
    drop(url)


async def migrated(database: Database, of: Model, folder: Path, message: str) -> str:
    """The text of the revisions that take the database to a model, which are applied."""
    schema = database.schema(of)
    before = set((folder / "versions").glob("*")) if folder.exists() else set()
    await migrate.make(schema, database.url, folder, message)
    made = sorted(set((folder / "versions").glob("*.py")) - before)
    await migrate.upgrade(schema, database.url, folder)
    assert await migrate.check(schema, database.url, folder) == []
    return "".join(path.read_text() for path in made)


async def add(database: Database, *words: str) -> None:
    for word in words:
        values = f"'t_{word}', {NOON}, 1, '{word}', '{word}', 'hint {word}', 'hint {word}', 'note', 'note'"
        columns = "id, created_at, version, word, word_folded, hint, hint_folded, note, note_folded"
        await database.run(f"INSERT INTO tags ({columns}) VALUES ({values})")


async def found(database: Database, of: Model, text: str) -> list[str]:
    async with open_store(database.url) as store:
        answer = await Engine(of, store).read(Call(actor=SYSTEM), Query("Tag", search=search_of(text)))
        return [json.loads(row)["word"] for row in answer.rows]


def searchable(*names: str, **options: Any) -> Model:
    fields = [
        field(name, searchable=name in names, nullable=name == "hint") for name in ("word", "hint", "note")
    ]
    return model(resource("Tag", *fields, *(field(n, **o) for n, o in options.items())))


async def test_a_searchable_field_has_an_index_from_the_first_revision_on(
    database: Database, tmp_path: Path
) -> None:
    text = await migrated(database, BEFORE, tmp_path, "First")
    assert "    hw.create_search(op.get_bind(), 'tags', ['word_folded'])\n" in text
    await add(database, "smith", "blacksmith", "jones")
    assert await found(database, BEFORE, "mit") == ["smith", "blacksmith"]
    assert await migrate.make(database.schema(BEFORE), database.url, tmp_path, "Nothing") is None
    await migrate.downgrade(database.url, tmp_path, "base")
    await migrate.upgrade(database.schema(BEFORE), database.url, tmp_path)
    assert await migrate.check(database.schema(BEFORE), database.url, tmp_path) == []


async def test_another_choice_of_fields_finds_what_is_there_already(
    database: Database, tmp_path: Path
) -> None:
    none, both, other = searchable(), searchable("word", "hint"), searchable("hint")
    await migrated(database, none, tmp_path, "First")
    await add(database, "smith", "jones")
    assert await migrate.check(database.schema(both), database.url, tmp_path) == [
        "The search index of tags over word_folded, hint_folded is missing or not whole."
    ]
    text = await migrated(database, both, tmp_path, "Search")
    assert "autocommit_block" in text
    assert "hw.create_search(op.get_bind(), 'tags', ['word_folded', 'hint_folded'], online=True)" in text
    assert await found(database, both, "hint jon") == ["jones"]
    await migrated(database, other, tmp_path, "Other")
    assert await found(database, other, "smith") == ["smith"]
    text = await migrated(database, none, tmp_path, "None")
    assert "hw.drop_search(op.get_bind(), 'tags', online=True)" in text
    await migrate.downgrade(database.url, tmp_path, "0002")
    assert await found(database, both, "hint jon") == ["jones"]


async def test_a_table_that_is_altered_keeps_its_index(database: Database, tmp_path: Path) -> None:
    """SQLite's is copied for it: triggers go with the old one, and rows are numbered anew."""
    await migrated(database, BEFORE, tmp_path, "First")
    await add(database, "smith", "jones", "baker", "brewer")
    await database.run("DELETE FROM tags WHERE word IN ('smith', 'baker')")
    altered = model(
        resource(
            "Tag",
            field("word", searchable=True),
            field("hint", default=lambda: ""),
            field("note", nullable=True),
            field("owner", Kind.ID, target="Tag", nullable=True),
        )
    )
    await migrated(database, altered, tmp_path, "Alter")
    assert await found(database, altered, "jones") == ["jones"]
    assert await found(database, altered, "smith") == []
    await database.run("UPDATE tags SET word = 'smithers', word_folded = 'smithers' WHERE word = 'jones'")
    assert await found(database, altered, "mit") == ["smithers"]
    assert await found(database, altered, "jones") == []
    await migrate.downgrade(database.url, tmp_path, "0001")
    assert await found(database, BEFORE, "mit") == ["smithers"]


async def test_a_searchable_field_can_go_with_its_column(database: Database, tmp_path: Path) -> None:
    await migrated(database, searchable("word", "hint"), tmp_path, "First")
    await add(database, "smith")
    less = model(resource("Tag", field("word", searchable=True), field("note")))
    await migrated(database, less, tmp_path, "Less")
    assert await found(database, less, "smi") == ["smith"]
    await migrated(database, model(), tmp_path, "Gone")
    await migrate.downgrade(database.url, tmp_path, "0001")
    await migrate.upgrade(database.schema(model()), database.url, tmp_path)


async def test_an_index_that_is_damaged_is_drift_and_is_made_again(
    database: Database, tmp_path: Path
) -> None:
    await migrated(database, BEFORE, tmp_path, "First")
    await add(database, "smith")
    if database.url.startswith("sqlite"):
        await database.run("DROP TRIGGER hw_search_tags_update")
    else:
        await database.run(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'hw_search_tags'::regclass"
        )
    await database.run("UPDATE tags SET word = 'jones', word_folded = 'jones'")
    drift = await migrate.check(database.schema(BEFORE), database.url, tmp_path)
    assert "The search index of tags over word_folded is missing or not whole." in drift
    await migrated(database, BEFORE, tmp_path, "Again")
    assert await found(database, BEFORE, "jon") == ["jones"]
    assert await found(database, BEFORE, "smi") == []


async def test_a_database_that_is_compacted_keeps_its_index(tmp_path: Path) -> None:
    url, copy = f"sqlite:///{tmp_path}/app.db", f"sqlite:///{tmp_path}/copy.db"
    database = Database(url, dialect(url))
    await migrated(database, BEFORE, tmp_path / "revisions", "First")
    await add(database, *(f"word{number}" for number in range(50)), "smith")
    await database.run("DELETE FROM tags WHERE word LIKE 'word%' AND word <> 'word7'")
    store = SQLiteStore(url, Observers())
    await store.open()
    await store.read(f"VACUUM INTO '{tmp_path}/copy.db'")
    await store.close()
    for compacted in (database, Database(copy, database.dialect)):
        assert await found(compacted, BEFORE, "smith") == ["smith"]
        assert await found(compacted, BEFORE, "word7") == ["word7"]


async def test_an_account_that_may_not_have_the_extension_is_told_what_to_do(
    tmp_path: Path, limited_url: tuple[str, str]
) -> None:
    url, limited = limited_url
    connection = await asyncpg.connect(url)
    try:
        schema = Schema(BEFORE, dialect(url))
        await migrate.make(schema, limited, tmp_path, "First")
        with pytest.raises(SearchUnavailable, match="Have an administrator run `CREATE EXTENSION pg_trgm`"):
            await migrate.upgrade(schema, limited, tmp_path)
        await connection.execute("CREATE EXTENSION pg_trgm")
        await migrate.upgrade(schema, limited, tmp_path)
        assert await migrate.check(schema, limited, tmp_path) == []
    finally:
        await connection.close()


async def test_a_table_and_its_fields_may_be_named_by_words_of_sql(
    database: Database, tmp_path: Path
) -> None:
    """Their index is made, found, kept, changed and dropped as any."""
    words = model(resource("Reference", field("word", searchable=True), field("order", nullable=True)))
    text = await migrated(database, words, tmp_path, "first")
    assert "create_search" in text
    for number, word in enumerate(("alpha", "beta")):
        values = f"'r_{number}', {NOON}, 1, '{word}', '{word}'"
        await database.run(
            f'INSERT INTO "references" (id, created_at, version, word, word_folded) VALUES ({values})'
        )
    both = model(
        resource("Reference", field("word", searchable=True), field("order", nullable=True, searchable=True))
    )
    await migrated(database, both, tmp_path, "second")
    async with open_store(database.url) as store:
        query = Query("Reference", search=search_of("lph"))
        answer = await Engine(both, store).read(Call(actor=SYSTEM), query)
        assert [json.loads(row)["word"] for row in answer.rows] == ["alpha"]
    none = model(resource("Reference", field("word"), field("order", nullable=True)))
    assert "drop_search" in await migrated(database, none, tmp_path, "third")

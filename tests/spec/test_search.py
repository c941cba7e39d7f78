"""Searches (D15): `q` finds parts of words in the searchable fields, on both databases the same, the best first."""

import json
import os
import random
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from headwater import Field, Ref, Resource, Tx, allow, field, mask, ref
from headwater.base.call import SYSTEM, Actor, Call
from headwater.base.errors import Fault
from headwater.db.base import Connection, Store
from headwater.declare import build
from headwater.engine.engine import Engine
from headwater.engine.migrate import create_all
from headwater.ir.command import Create, Delete, Update
from headwater.ir.expr import Column, Compare, Matches, Value
from headwater.ir.query import Answer, Cursor, Measure, Numbered, Query, Sort, Summary
from headwater.ir.scalars import fold_text
from headwater.ir.search import search_of
from tests.driver import Driver, watched_drivers
from tests.spec.search_corpus import QUERIES, TEXTS
from tests.stores import SHARED, drop, maintain, new_database, open_store

CALL = Call(actor=SYSTEM, now=datetime(2026, 3, 1, tzinfo=UTC))


class Page(Resource):
    """A page of something."""

    title: Field[str] = field(search=True)
    body: Field[str | None] = field(search=True, default=None)
    number: Field[int] = field(default=0, index=True)
    aside: Field[str] = field(default="not to be searched")


MODEL = build([Page])


@pytest.fixture
def driver() -> Iterator[Driver]:
    """What reaches the drivers of stores that are opened after it."""
    with watched_drivers() as watched:
        yield watched


@pytest.fixture
async def engine(store_url: str) -> AsyncIterator[Engine]:
    async with open_store(store_url) as store:
        engine = Engine(MODEL, store, secret=b"k" * 32)
        await store.close()
        await create_all(engine.schema, store.url)
        await store.open()
        yield engine


@pytest.fixture(params=["C", "C.UTF-8"])
def indexed_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A PostgreSQL database that uses indexes however small a table is, with the letters of ASCII or of all scripts."""
    url = new_database(os.environ[SHARED], f"LOCALE '{request.param}'")
    for setting in ("enable_seqscan", "enable_indexscan"):
        maintain(url, f'ALTER DATABASE "{url.rpartition("/")[2]}" SET {setting} = off')
    yield url
    drop(url)


async def add(engine: Engine, title: str, body: str | None = None, number: int = 0) -> str:
    values = {"title": title, "body": body, "number": number}
    return str((await engine.run(CALL, Create("Page", values))).key)


async def found(engine: Engine, text: str, **options: Any) -> list[str]:
    """The titles of the rows that a text finds, in order."""
    answer = await engine.read(CALL, Query("Page", search=search_of(text), **options))
    return [json.loads(row)["title"] for row in answer.rows]


# -- the naive model --------------------------------------------------------------------------------------------

BETWEEN = {*map(chr, range(1, 0x30)), *":;<=>?@[\\]^_`{|}~", *map(chr, range(0x7F, 0xC0))}
BETWEEN |= {chr(code) for code in (*range(0x2000, 0x2070), *range(0x3000, 0x3040))}


def terms(text: str) -> list[str]:
    """Words, and what is in double quotes."""
    found, text = [], fold_text(text)
    for quote in "“”„":
        text = text.replace(quote, '"')
    while text := text.lstrip():
        if text[0] == '"':
            term, _, text = text[1:].partition('"')
        else:
            term = text.split()[0]
            text = text[len(term) :]
        if term.strip() and term.strip() not in found:
            found.append(term.strip())
    return found


def score(term: str, texts: Sequence[str]) -> tuple[int, int]:
    """How well a term is found: points, and the length of where, which counts against it."""
    best = (0, 0)
    for place, text in enumerate(texts):
        if text == term:
            degree = 4
        elif text.startswith(term):
            degree = 3
        elif any(text[at - 1] in BETWEEN and text.startswith(term, at) for at in range(1, len(text))):
            degree = 2
        elif term in text:
            degree = 1
        else:
            continue
        best = max(best, (degree * 16 - place, -len(text)))
    return best


def naive(rows: Mapping[str, tuple[str | None, ...]], query: str) -> list[str]:
    """The ids of the rows that are found, in order."""
    wanted = terms(query)
    ranked = []
    for id, texts in rows.items():
        folded = [fold_text(text) if text is not None else "" for text in texts]
        scores = [score(term, folded) for term in wanted]
        if all(points for points, _ in scores):
            if len(wanted) > 1:
                scores.append(score(" ".join(wanted), folded))
            ranked.append((-sum(p for p, _ in scores), -sum(length for _, length in scores), id))
    return [id for _, _, id in sorted(ranked)]


# -- what is found ----------------------------------------------------------------------------------------------


async def test_queries_in_many_scripts_find_the_same_on_both_databases(engine: Engine) -> None:
    """As the naive model has it, which knows no database; so both find the same."""
    await find_as_the_model(engine)


async def test_an_index_finds_the_same_whichever_letters_it_knows(indexed_url: str) -> None:
    async with open_store(indexed_url) as store:
        engine = Engine(MODEL, store, secret=b"k" * 32)
        await create_all(engine.schema, store.url)
        await find_as_the_model(engine)
        plan = await store.read("EXPLAIN SELECT FROM pages WHERE title_folded LIKE '%smith%'")
        assert any("hw_search_pages" in row[0] for row in plan)


async def find_as_the_model(engine: Engine) -> None:
    assert len(set(QUERIES)) == len(QUERIES) >= 200
    rows = {await add(engine, title, body): (title, body) for title, body in TEXTS}
    finding = 0
    for query in QUERIES:
        page = await engine.read(CALL, Query("Page", search=search_of(query), page=Cursor(100)))
        ids = [json.loads(row)["id"] for row in page.rows]
        assert ids == naive(rows, query), f"{query!r}: {[rows[id] for id in ids]}"
        finding += bool(ids)
    assert finding >= 200


async def test_ranks_put_the_best_first(engine: Engine) -> None:
    for title, body in [
        ("Joan of Arc", "by John Smith"), ("Blacksmiths", None), ("Of smiths", None), ("Smithson", None),
        ("Smith", None), ("Smithsonian", None), ("Else", "smith"),
    ]:  # fmt: skip
        await add(engine, title, body)
    assert await found(engine, "smith") == [
        "Smith", "Else", "Smithson", "Smithsonian", "Of smiths", "Joan of Arc", "Blacksmiths"
    ]  # fmt: skip
    assert await found(engine, "mit") == [
        "Smith", "Smithson", "Of smiths", "Blacksmiths", "Smithsonian", "Else", "Joan of Arc"
    ]  # fmt: skip
    assert await found(engine, "john smith") == ["Joan of Arc"]


@pytest.mark.parametrize(
    ("text", "alike", "others"),
    [
        ("García", ["garcia", "GARCÍA", "Garci\u0301a", "ＧＡＲＣＩＡ"], ["gercia"]),
        ("Straße", ["STRASSE", "straẞe", "strasse"], ["strase"]),
        ("Iğdır", ["IĞDIR", "igdir", "İĞDİR", "ığdır"], ["ogdir"]),
        ("Łódź", ["lodz", "ŁÓDŹ"], ["kodz"]),
        ("Ærø", ["aero", "ÆRØ"], ["oro"]),
        ("Ёлка", ["елка", "ЁЛКА"], ["алка"]),
        ("Οδυσσεύς", ["οδυσσευσ", "ΟΔΥΣΣΕΎΣ", "Ὀδυσσεύς"], ["οδισσευς"]),
        ("ガンダム", ["ｶﾞﾝﾀﾞﾑ"], ["カンタム"]),
        ("हिन्दी", ["हिन्दी"], ["हन्द"]),
        ("שָׁלוֹם", ["שָׁלוֹם"], ["שלום"]),
        ("❤️", ["❤"], ["💛"]),
    ],
)
async def test_case_and_accents_do_not_count(
    engine: Engine, text: str, alike: list[str], others: list[str]
) -> None:
    """Those of alphabets that have them; marks of other scripts are letters."""
    await add(engine, text)
    for query in (text, *alike):
        assert await found(engine, query) == [text], query
        for op in ("contains", "startsWith"):
            where = Matches(op, Column(("title",)), Value(query))  # type: ignore[arg-type]
            assert len((await engine.read(CALL, Query("Page", where=where))).rows) == 1
    for query in others:
        assert await found(engine, query) == [], query


# -- with all else that can be asked ----------------------------------------------------------------------------


async def pages(engine: Engine, text: str, sort: tuple[Sort, ...] = (), *, limit: int = 3) -> list[list[str]]:
    """All pages, by cursors to the end; and the same backwards."""

    async def ask(token: str | None) -> Answer:
        query = Query("Page", search=search_of(text), sort=sort, page=Cursor(limit, token))
        return await engine.read(CALL, query)

    answer = await ask(None)
    assert answer.prev is None
    forwards = [answer.rows]
    while answer.next is not None:
        answer = await ask(answer.next)
        forwards.append(answer.rows)
    backwards = [answer.rows]
    while answer.prev is not None:
        answer = await ask(answer.prev)
        backwards.insert(0, answer.rows)
    assert backwards == forwards
    return [[json.loads(row)["title"] for row in rows] for rows in forwards]


async def test_cursors_go_through_what_is_found_by_rank(engine: Engine) -> None:
    for number in range(7):
        await add(engine, f"{'x' * number} smith", "smith" if number % 2 else None, number)
    await add(engine, "no such thing")
    titles = [title for page in await pages(engine, "smith") for title in page]
    assert titles == await found(engine, "smith")
    assert len(set(titles)) == 7
    by_number = (Sort(Column(("number",)), True),)
    newest = [title for page in await pages(engine, "smith", by_number) for title in page]
    assert newest == [f"{'x' * number} smith" for number in range(6, -1, -1)]
    by_body = (Sort(Column(("body",))), Sort(Column(("number",)), True))
    assert len([title for page in await pages(engine, "smith", by_body) for title in page]) == 7


async def test_a_cursor_belongs_to_its_search(engine: Engine) -> None:
    for _ in range(3):
        await add(engine, "smith and jones")
    first = await engine.read(CALL, Query("Page", search=search_of("smith"), page=Cursor(1)))
    for other in (search_of("jones"), search_of("smit"), search_of("smith jones"), None):
        with pytest.raises(Fault) as caught:
            await engine.read(CALL, Query("Page", search=other, page=Cursor(1, first.next)))
        assert caught.value.code == "INVALID_CURSOR"


async def test_rows_that_come_and_go_leave_a_cursor_in_its_place(engine: Engine) -> None:
    ids = [await add(engine, f"{'x' * number} smith") for number in range(6)]
    first = await engine.read(CALL, Query("Page", search=search_of("smith"), page=Cursor(2)))
    await engine.run(CALL, Delete("Page", ids[1]))
    await engine.run(CALL, Delete("Page", ids[3]))
    await add(engine, "smith")
    second = await engine.read(CALL, Query("Page", search=search_of("smith"), page=Cursor(9, first.next)))
    assert [json.loads(row)["id"] for row in second.rows] == [ids[2], ids[4], ids[5]]


async def test_numbered_pages_count_what_is_found(engine: Engine) -> None:
    for number in range(5):
        await add(engine, f"smith {number}", number=number % 2)
    await add(engine, "jones", number=1)
    odd = Compare("eq", Column(("number",)), Value(1))
    query = Query("Page", search=search_of("smi"), where=odd, page=Numbered(2, 1))
    answer = await engine.read(CALL, query)
    assert answer.total == 2
    assert [json.loads(row)["title"] for row in answer.rows] == ["smith 3"]
    beyond = await engine.read(CALL, msgspec.structs.replace(query, page=Numbered(9, 1)))
    assert (beyond.rows, beyond.total) == ([], 2)


async def test_a_summary_is_of_what_is_found(engine: Engine) -> None:
    for number in range(5):
        await add(engine, "smith" if number else "jones", number=number)
    summary = Summary((Measure("count"), Measure("sum", Column(("number",)))))
    answer = await engine.read(CALL, Query("Page", search=search_of("mit"), summary=summary))
    assert [json.loads(row) for row in answer.rows] == [{"count": 4, "sum": {"number": 10}}]


async def test_each_search_is_one_statement(driver: Driver, engine: Engine) -> None:
    await add(engine, "smith")
    for text in ("smith", "s", '"smi" mit s'):
        for page in (Cursor(), Numbered()):
            for sort in ((), (Sort(Column(("number",))),)):
                driver.clear()
                await engine.read(CALL, Query("Page", search=search_of(text), page=page, sort=sort))
                assert len(driver.sent) == 1
    driver.clear()
    summary = Summary((Measure("count"),))
    await engine.read(CALL, Query("Page", search=search_of("smith s"), summary=summary))
    assert len(driver.sent) == 1


# -- writes -----------------------------------------------------------------------------------------------------


async def test_what_is_written_is_found_at_once_and_what_is_gone_never(engine: Engine) -> None:
    id = await add(engine, "smith", "a baker")
    await engine.run(CALL, Update("Page", id, {"number": 3}))
    assert await found(engine, "smith baker") == ["smith"]
    await engine.run(CALL, Update("Page", id, {"title": "Jones"}))
    assert (await found(engine, "smith"), await found(engine, "jones baker")) == ([], ["Jones"])
    await engine.run(CALL, Update("Page", id, {"body": None}))
    assert (await found(engine, "baker"), await found(engine, "jon")) == ([], ["Jones"])
    await engine.run(CALL, Delete("Page", id))
    assert await found(engine, "jon") == []


async def test_a_write_that_fails_leaves_nothing_to_be_found(engine: Engine) -> None:
    id = await add(engine, "smith")

    async def fail(tx: Tx) -> None:
        await tx.create(Page(title="jones"))
        (await tx.get(Page, id)).title = "baker"
        await tx.create(Page(title="smith", number=2**63 - 1, body="x" * 100))
        raise ValueError

    async def fail_late(connection: Connection) -> None:
        await connection.fetch("DELETE FROM pages")
        raise ValueError

    for work in (lambda: engine.transact(CALL, fail), lambda: engine.store.write(fail_late)):
        with pytest.raises(ValueError):  # noqa: PT011
            await work()
        assert (await found(engine, "smith"), await found(engine, "jones")) == (["smith"], [])
        assert await found(engine, "baker") == []


async def test_any_writes_leave_the_index_right(engine: Engine) -> None:
    draw = random.Random(5)
    rows: dict[str, tuple[str, str | None]] = {}
    words = ["smith", "Smithson", "jones", "東京都", "Straße", "ab", "a", '"', "x y z"]

    def text() -> str:
        return " ".join(draw.choices(words, k=draw.randrange(1, 4)))

    for _ in range(150):
        title, body = text(), draw.choice([None, text()])
        match draw.choice(["create", "create", "update", "delete"]):
            case "create":
                rows[await add(engine, title, body)] = (title, body)
            case "update" if rows:
                id = draw.choice(list(rows))
                await engine.run(CALL, Update("Page", id, {"title": title, "body": body}))
                rows[id] = (title, body)
            case "delete" if rows:
                id = draw.choice(list(rows))
                await engine.run(CALL, Delete("Page", id))
                del rows[id]
        query = draw.choice(["smith", "mit", "sons ab", "京都", "STRASSE", "a", "x y", '"y z"'])
        answer = await engine.read(CALL, Query("Page", search=search_of(query), page=Cursor(100)))
        assert [json.loads(row)["id"] for row in answer.rows] == naive(rows, query)
    await sound(engine.store)


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_a_file_that_is_packed_anew_keeps_its_index(engine: Engine, tmp_path: Path) -> None:
    """SQLite does not promise that rows keep their numbers, by which the index names them; while the table has another
    index, they do."""
    ids = [await add(engine, f"smith {number}", "a baker") for number in range(50)]
    for id in ids[::3]:
        await engine.run(CALL, Delete("Page", id))
    await engine.store.close()
    copy = tmp_path / "copy.db"
    path = engine.store.url.removeprefix("sqlite:///")
    for statement in ("VACUUM", f"VACUUM INTO '{copy}'"):
        connection = apsw.Connection(path)
        connection.execute(statement)
        connection.close()
    await engine.store.open()
    assert len(await found(engine, "smith")) == 33
    await sound(engine.store)
    async with open_store(f"sqlite:///{copy}") as store:
        await sound(store)


async def sound(store: Store) -> None:
    """Raises unless SQLite finds its index to be what the rows say."""
    if store.url.startswith("sqlite"):

        async def check(connection: Connection) -> None:
            await connection.fetch(
                "INSERT INTO hw_search_pages (hw_search_pages, rank) VALUES ('integrity-check', 1)"
            )

        await store.write(check)


# -- rules ------------------------------------------------------------------------------------------------------


class Person(Resource):
    """Somebody."""

    name: Field[str] = field(search=True)


class Note(Resource):
    """A note, which its owner reads whole, and others as far as it is open."""

    title: Field[str] = field(search=True)
    secret: Field[str | None] = field(search=True, default=None)
    code: Field[str | None] = field(search=True, default=None)
    open: Field[bool] = field(default=False)
    owner: Ref[Person] = ref()


allow(Note, "read", when=lambda actor: (Note.open == True) | (Note.owner == actor.id))  # noqa: E712
allow(Person, "read")
mask(Note.secret, unless=lambda actor: Note.owner == actor.id)
mask(Note.code, unless="editor")
RULED = build([Person, Note])


async def test_hidden_rows_and_masked_fields_are_not_found_counted_or_ranked(store_url: str) -> None:
    draw = random.Random(7)
    words = ["smith", "smithson", "blacksmith", "jones", "ab", "the smith", "smith the"]
    async with open_store(store_url) as store:
        engine = Engine(RULED, store, secret=b"k" * 32)
        await store.close()
        await create_all(engine.schema, store.url)
        await store.open()
        people = [str((await engine.run(CALL, Create("Person", {"name": f"P{n}"}))).key) for n in range(2)]
        rows: dict[str, dict[str, Any]] = {}
        for _ in range(60):
            values = {
                "title": " ".join(draw.choices(words, k=draw.randrange(1, 3))),
                "secret": draw.choice([None, *words]),
                "code": draw.choice([None, *words]),
                "open": draw.random() < 0.4,
                "owner": draw.choice(people),
            }
            rows[str((await engine.run(CALL, Create("Note", values))).key)] = values
        for roles in (frozenset({"user"}), frozenset({"user", "editor"})):
            call = Call(actor=Actor(people[0], roles), now=CALL.now)
            seen = {
                id: tuple(
                    text if shown else None
                    for text, shown in (
                        (row["title"], True),
                        (row["secret"], row["owner"] == people[0]),
                        (row["code"], "editor" in roles),
                    )
                )
                for id, row in rows.items()
                if row["open"] or row["owner"] == people[0]
            }
            assert 0 < len(seen) < len(rows)
            for text in ("smith", "mit", "smith jones", "ab", '"smith the"', "black", "s", "xyz"):
                wanted = naive(seen, text)
                search = search_of(text)
                answer = await engine.read(call, Query("Note", search=search, page=Numbered(1, 100)))
                assert [json.loads(row)["id"] for row in answer.rows] == wanted
                assert answer.total == len(wanted)
                counted = await engine.read(
                    call, Query("Note", search=search, summary=Summary((Measure("count"),)))
                )
                assert json.loads(counted.rows[0]) == {"count": len(wanted)}
                by_owner = (Sort(Column(("owner",))),)
                sorted_ = await engine.read(
                    call, Query("Note", search=search, sort=by_owner, page=Cursor(100))
                )
                assert {json.loads(row)["id"] for row in sorted_.rows} == set(wanted)
            limited = msgspec.structs.replace(call, scopes=frozenset())
            nobody = await engine.read(limited, Query("Note", search=search_of("smith")))
            assert nobody.rows == []

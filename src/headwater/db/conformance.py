"""What any store must do: one suite, shipped, that runs against each.

A check is a function that takes a factory of open stores on one empty database, and raises AssertionError where the
store falls short. `CHECKS` lists them.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import sqlalchemy as sa

from headwater.base.observe import WriteStage
from headwater.db.base import (
    Connection,
    Element,
    Interrupted,
    ReferenceViolation,
    Row,
    Store,
    StoreError,
    UniqueViolation,
)
from headwater.ir.model import Kind, Type

Factory = Callable[[], AbstractAsyncContextManager[Store]]
Check = Callable[[Factory], Awaitable[None]]

AWKWARD = (
    "", " ", "%", "_", "\\", "'", '"', "''", "a%b", "a_b", "a\\b", "{0}", ":x", "$1", "?", "\t\n\r\x01\x7f",
    "é", "e\u0301", "ß", "ﬀ", "İ", "日本", "\ufffd", "\uffff", "🎬", "👩‍🚀", "\U0010ffff", "\u2028", "</script>",
)  # fmt: skip
"""Texts in which a store could lose a character, or take one for an operator."""

SLOW = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000000) SELECT count(*) FROM n"
"""Takes several seconds on either database."""

_instants = [
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(2026, 1, 31, 12, tzinfo=UTC),
    datetime(2026, 1, 31, 12, 0, 0, 1, tzinfo=UTC),
    datetime(2026, 1, 31, 12, 0, 0, 120000, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
]

VALUES: Sequence[tuple[Type, Sequence[Any], Sequence[Any]]] = (
    (Type(Kind.TEXT), sorted(AWKWARD), sorted(AWKWARD)),
    (Type(Kind.ID), ["a_1", "a_2", "b"], ["a_1", "a_2", "b"]),
    (Type(Kind.INTEGER), [-(2**63), -1, 0, 2**53 + 1, 2**63 - 1], [-(2**63), -1, 0, 2**53 + 1, 2**63 - 1]),
    (
        Type(Kind.FLOAT),
        [-1.7976931348623157e308, -0.1, 0.0, 5e-324, 0.1, 0.30000000000000004, 5.0, 1e22],
        [-1.7976931348623157e308, -0.1, 0.0, 5e-324, 0.1, 0.30000000000000004, 5.0, 1e22],
    ),
    (
        Type(Kind.DECIMAL, places=2),
        [Decimal(v) for v in ("-92233720368547758.07", "-1.50", "-0.05", "0.00", "0.05", "12.50", "100.00")],
        ["-92233720368547758.07", "-1.50", "-0.05", "0.00", "0.05", "12.50", "100.00"],
    ),
    (Type(Kind.DECIMAL, places=0), [Decimal(-7), Decimal(0), Decimal(42)], ["-7", "0", "42"]),
    (Type(Kind.DECIMAL, places=6), [Decimal("-0.000001"), Decimal("2.500000")], ["-0.000001", "2.500000"]),
    (
        Type(Kind.MONEY, places=2, currency="EUR"),
        [Decimal("-0.01"), Decimal("12.50")],
        [{"amount": "-0.01", "currency": "EUR"}, {"amount": "12.50", "currency": "EUR"}],
    ),
    (Type(Kind.BOOLEAN), [False, True], [False, True]),
    (
        Type(Kind.DATE),
        [date(1, 1, 1), date(1999, 12, 31), date(2026, 1, 31), date(9999, 12, 31)],
        ["0001-01-01", "1999-12-31", "2026-01-31", "9999-12-31"],
    ),
    (
        Type(Kind.DATETIME),
        _instants,
        [value.strftime("%Y").rjust(4, "0") + value.strftime("-%m-%dT%H:%M:%S.%fZ") for value in _instants],
    ),
    (
        Type(Kind.DURATION),
        [timedelta(microseconds=v) for v in (-5_000_000, -1, 0, 120_000, 1_500_000, 5_400_000_000)],
        ["-PT5S", "-PT0.000001S", "PT0S", "PT0.12S", "PT1.5S", "PT5400S"],
    ),
)
"""For each type: values in their order, and their wire forms."""

DOCUMENTS: Sequence[tuple[Type, Sequence[Any], Sequence[Any]]] = (
    (
        Type(Kind.JSON),
        [{}, {"a": [1, 2.5, None, True, {"ü": "\\\"'%"}]}, {"🎬": "\t\n"}],
        [{}, {"a": [1, 2.5, None, True, {"ü": "\\\"'%"}]}, {"🎬": "\t\n"}],
    ),
    (Type(Kind.LIST, item=Kind.TEXT), [[], ["b", "a"], list(AWKWARD)], [[], ["b", "a"], list(AWKWARD)]),
    (Type(Kind.LIST, item=Kind.INTEGER), [[3, -1, 2**53 + 1]], [[3, -1, 2**53 + 1]]),
    (Type(Kind.LIST, item=Kind.BOOLEAN), [[True, False]], [[True, False]]),
    (Type(Kind.LIST, item=Kind.DECIMAL, places=2), [[Decimal("1.50")]], [["1.50"]]),
    (Type(Kind.LIST, item=Kind.DATE), [[date(2026, 1, 31)]], [["2026-01-31"]]),
    (Type(Kind.LIST, item=Kind.DATETIME), [[_instants[2]]], [["2026-01-31T12:00:00.000000Z"]]),
    (Type(Kind.LIST, item=Kind.DURATION), [[timedelta(hours=1.5)]], [["PT5400S"]]),
)
"""The same for types that have no order."""

ID = Type(Kind.ID)
NUMBER = Type(Kind.INTEGER)


class Things:
    """A table with a `value` column of one type, and what is asked of it."""

    def __init__(self, store: Store, type: Type) -> None:
        self.store, self.type, self.dialect = store, type, store.dialect
        column = store.dialect.column_type
        self.table = sa.Table(
            "things",
            sa.MetaData(),
            sa.Column("id", column(NUMBER), primary_key=True, autoincrement=False),
            sa.Column("value", column(type)),
        )
        self.value: Element = self.table.c.value

    async def create(self, values: Sequence[Any]) -> None:
        """Make the table anew, with rows numbered from 0."""
        encode = self.dialect.encoder(self.type) or _same
        row = sa.insert(self.table).values(
            id=self.parameter("id", NUMBER), value=self.parameter("value", self.type)
        )
        sql, names = self.compile(row)
        table = str(sa.schema.CreateTable(self.table).compile(dialect=self.dialect.sqlalchemy))

        async def work(connection: Connection) -> None:
            await connection.fetch("DROP TABLE IF EXISTS things")
            await connection.fetch(table)
            for number, value in enumerate(values):
                given = {"id": number, "value": None if value is None else encode(value)}
                await connection.fetch(sql, [given[name] for name in names])

        await self.store.write(work)

    async def select(self, *columns: Element, where: Element | None = None, **given: Any) -> list[Row]:
        """Rows in the order of their numbers. `given`: encoded parameters by name."""
        statement = sa.select(*columns).select_from(self.table).order_by(self.table.c.id)
        sql, names = self.compile(statement if where is None else statement.where(where))
        return await self.store.read(sql, [given[name] for name in names])

    async def matching(self, where: Element, **given: Any) -> list[int]:
        return [row[0] for row in await self.select(self.table.c.id, where=where, **given)]

    def parameter(self, name: str, type: Type) -> sa.BindParameter[Any]:
        return sa.bindparam(name, type_=self.dialect.column_type(type))

    def compile(self, statement: sa.Executable) -> tuple[str, list[str]]:
        compiled: Any = statement.compile(dialect=self.dialect.sqlalchemy)  # type: ignore[attr-defined]
        return str(compiled), list(compiled.positiontup or ())


async def values_keep_their_form(make: Factory) -> None:
    """A value comes back as it went in, and its wire form is the one agreed upon; null stays null."""
    async with make() as store:
        for type, values, wires in (*VALUES, *DOCUMENTS):
            things = Things(store, type)
            await things.create([*values, None])
            decode = store.dialect.decoder(type) or _same
            raw = [row[0] for row in await things.select(things.value)]
            assert raw[-1] is None, type
            read = [decode(value) for value in raw[:-1]]
            assert read == list(values), (type, read)
            assert [str(value) for value in read] == [str(value) for value in values], (type, read)
            pair = ("v", store.dialect.wire(type, things.value))
            found = await things.select(store.dialect.json_object([pair]), store.dialect.document([pair]))
            shown = [msgspec.json.decode(row[0])["v"] for row in found]
            assert shown == [*wires, None], (type, shown)
            kept = [msgspec.json.decode(row[1])["v"] for row in found]
            if type.kind is Kind.FLOAT:  # a document may write the zeros of a large number out
                kept = [value if value is None else float(value) for value in kept]
            assert kept == [*wires, None], (type, kept)


async def values_keep_their_order(make: Factory) -> None:
    """Text sorts by code point, times by instant, numbers by size, whatever their form in the database."""
    async with make() as store:
        for type, values, _ in VALUES:
            things = Things(store, type)
            await things.create(values[::-1])
            sql, _ = things.compile(sa.select(things.value).order_by(things.value))
            decode = store.dialect.decoder(type) or _same
            assert [decode(row[0]) for row in await store.read(sql)] == list(values), type
            where = things.value <= things.parameter("most", type)
            encode = store.dialect.encoder(type) or _same
            for place, most in enumerate(values):
                found = await things.matching(where, most=encode(most))
                assert len(found) == place + 1, (type, most)


async def sums_are_exact(make: Factory) -> None:
    async with make() as store:
        money = Type(Kind.DECIMAL, places=2)
        things = Things(store, money)
        await things.create([Decimal("0.10")] * 3 + [None])
        total = store.dialect.json_object([("v", store.dialect.wire(money, sa.func.sum(things.value)))])
        sql, _ = things.compile(sa.select(total))
        assert msgspec.json.decode((await store.read(sql))[0][0]) == {"v": "0.30"}
        for values, exact, mean in (
            ((), 0, None),
            ((1, 2), 3, 2),
            ((-1, -2, None), -3, -2),
            ((2**63 - 1, -1), 2**63 - 2, 2**62 - 1),
            ((2**63 - 1, 2**63 - 1), 2**64 - 2, 2**63 - 1),
        ):
            things = Things(store, NUMBER)
            await things.create(list(values))
            dialect = store.dialect
            measures = (dialect.sum(things.value), dialect.wide_sum(things.value), dialect.mean(things.value))
            sql, _ = things.compile(sa.select(*measures))
            narrow, wide, middle = (await store.read(sql))[0]
            assert narrow == (exact if exact < 2**63 else None), (values, narrow)
            assert dialect.decode_sum(wide) == exact, (values, wide)
            assert middle == mean, (values, middle)


async def calculations_are_exact_or_null(make: Factory) -> None:
    """What 64 bits cannot hold is null, and so is what is calculated with it."""
    values = (0, 1, -3, 2**32, 2**63 - 1, -(2**63), None)
    async with make() as store:
        things = Things(store, NUMBER)
        await things.create(values)
        calculate, value = store.dialect.calculate, things.value
        one: Element = sa.literal_column("1")
        found = await things.select(
            calculate("*", value, value),
            calculate("+", value, one),
            calculate("-", value, one),
            calculate("-", calculate("+", value, one), one),
        )
        for number, row in zip(values, found, strict=True):
            if number is None:
                assert list(row) == [None] * 4
                continue
            exact = (number * number, number + 1, number - 1)
            fitting = [n if -(2**63) <= n < 2**63 else None for n in exact]
            assert list(row) == [*fitting, None if fitting[1] is None else number], (number, list(row))


async def texts_are_searched_by_code_point(make: Factory) -> None:
    """`contains` and `starts_with` know no pattern characters, no case and no equivalence of accents."""
    async with make() as store:
        text = Type(Kind.TEXT)
        things = Things(store, text)
        texts = [*AWKWARD, "Ab", "ab", "x%", "x\U0010ffff"]
        await things.create([*texts, None])
        part = things.parameter("part", text)
        contains = store.dialect.contains(things.value, part)
        starts = store.dialect.starts_with(things.value, part)
        for wanted in (*texts, "b", "x"):
            expected = [i for i, value in enumerate(texts) if wanted in value]
            assert await things.matching(contains, part=wanted) == expected, wanted
            expected = [i for i, value in enumerate(texts) if value.startswith(wanted)]
            assert await things.matching(starts, part=wanted) == expected, wanted
        assert await things.matching(sa.not_(starts), part="") == []


async def membership_takes_any_number_of_values(make: Factory) -> None:
    async with make() as store:
        for type, values, _ in VALUES:
            things = Things(store, type)
            await things.create([*values, None])
            encode = store.dialect.encode_list(type)
            where = store.dialect.member(things.value, sa.bindparam("values"), type)
            assert await things.matching(where, values=encode([])) == []
            assert await things.matching(where, values=encode(list(values))) == list(range(len(values))), type
            for place, value in enumerate(values):
                assert await things.matching(where, values=encode([value])) == [place], (type, value)
            unless = sa.not_(store.dialect.is_true(where))
            assert await things.matching(unless, values=encode(list(values))) == [len(values)], type


async def lists_are_searched_by_element(make: Factory) -> None:
    async with make() as store:
        for type, lists, _ in DOCUMENTS:
            if type.kind is not Kind.LIST:
                continue
            things = Things(store, type)
            await things.create([*lists, None])
            encode = store.dialect.encode_element(type)
            where = store.dialect.has_element(things.value, sa.bindparam("element"))
            for element in {repr(e): e for values in lists for e in values}.values():
                expected = [i for i, values in enumerate(lists) if element in values]
                assert await things.matching(where, element=encode(element)) == expected, (type, element)


async def objects_nest(make: Factory) -> None:
    """An object may hold objects and lists of them, in a given order; a list of nothing is `[]`."""
    async with make() as store:
        dialect = store.dialect
        things = Things(store, Type(Kind.TEXT))
        await things.create(["b", "a", 'c"'])
        inner = things.table.alias("inner_things")
        one = dialect.json_object([("it's", inner.c.value)])
        nested = sa.select(one.label("object"), inner.c.value).where(inner.c.id < things.table.c.id)
        rows = nested.correlate(things.table).subquery("rows")
        several = dialect.json_list(rows, "object", [rows.c.value.desc()])
        first = sa.select(dialect.json_object([("value", inner.c.value)])).where(
            inner.c.id == sa.literal_column("0")
        )
        related = first.correlate(things.table).scalar_subquery()
        found = await things.select(
            dialect.json_object([("own", things.value)], [("list", several), ("one", related)])
        )
        one_row = {"value": "b"}
        assert [msgspec.json.decode(row[0]) for row in found] == [
            {"own": "b", "list": [], "one": one_row},
            {"own": "a", "list": [{"it's": "b"}], "one": one_row},
            {"own": 'c"', "list": [{"it's": "b"}, {"it's": "a"}], "one": one_row},
        ]
        none = sa.select(dialect.json_object([])).where(sa.false()).scalar_subquery()
        found = await things.select(dialect.json_object([], [("one", none), ("list", several)]))
        assert [msgspec.json.decode(row[0]) for row in found] == [
            {"one": None, "list": []},
            {"one": None, "list": [{"it's": "b"}]},
            {"one": None, "list": [{"it's": "b"}, {"it's": "a"}]},
        ]


async def violations_are_named(make: Factory) -> None:
    """A unique conflict names its index, a primary key is `pk_<table>`; a dangling reference is told as such."""
    async with make() as store:
        await _family(store)
        for statement, name in (
            ("INSERT INTO children VALUES ('a', NULL, 9, 9)", "pk_children"),
            ("INSERT INTO children VALUES ('b', NULL, 1, 9)", "uq_children_x"),
            ("INSERT INTO children VALUES ('b', 'p', 9, 2)", "uq_children_y_parent"),
        ):
            error = await _refused(store, statement)
            assert isinstance(error, UniqueViolation), error
            assert error.name == name, error.name
        for statement in ("INSERT INTO children VALUES ('b', 'nobody', 9, 9)", "DELETE FROM parents"):
            assert isinstance(await _refused(store, statement), ReferenceViolation)


async def failing_works_fail_alone(make: Factory) -> None:
    """Of works that run together, those that succeed are kept, and nothing of those that fail."""
    async with make() as store:
        things = Things(store, NUMBER)
        await things.create([])

        def work(number: int) -> Callable[[Connection], Awaitable[int]]:
            async def run(connection: Connection) -> int:
                await connection.fetch(f"INSERT INTO things VALUES ({number}, 0)")
                if number % 3 == 0:
                    raise LookupError(number)
                if number % 3 == 1:
                    await connection.fetch(f"INSERT INTO things VALUES ({number}, 0)")
                return number

            return run

        results = await asyncio.gather(*(store.write(work(n)) for n in range(30)), return_exceptions=True)
        for number, result in enumerate(results):
            wanted = (LookupError, UniqueViolation, int)[number % 3]
            assert isinstance(result, wanted), (number, result)
        assert await things.matching(sa.true()) == list(range(2, 30, 3))


async def a_swallowed_failure_still_fails(make: Factory) -> None:
    """After a statement has failed its transaction cannot succeed, even where the work carries on."""
    async with make() as store:
        things = Things(store, NUMBER)
        await things.create([1])

        async def work(connection: Connection) -> None:
            await connection.fetch("INSERT INTO things VALUES (7, 7)")
            try:
                await connection.fetch("INSERT INTO things VALUES (0, 0)")
            except UniqueViolation:
                pass

        assert isinstance(await _caught(store.write(work)), UniqueViolation)
        assert await things.matching(sa.true()) == [0]


async def works_await_nothing_else(make: Factory) -> None:
    """A work that waits for anything but its connection is refused, since it holds locks while it waits."""
    async with make() as store:
        things = Things(store, NUMBER)
        await things.create([])

        async def work(connection: Connection) -> None:
            await connection.fetch("INSERT INTO things VALUES (7, 7)")
            await asyncio.sleep(0.001)

        error = await _caught(store.write(work))
        assert isinstance(error, RuntimeError), error
        assert "awaited something other than its connection" in str(error), error
        kept: list[Connection] = []

        async def keep(connection: Connection) -> None:
            kept.append(connection)

        await store.write(keep)
        assert isinstance(await _caught(kept[0].fetch("SELECT 1")), RuntimeError)
        assert await things.matching(sa.true()) == []


async def success_means_committed(make: Factory) -> None:
    """Who is told of success finds the write on any other connection; stages come in their order."""
    async with make() as store:
        things = Things(store, NUMBER)
        await things.create([])
        stages: list[str] = []

        def watch(observation: object) -> None:
            if isinstance(observation, WriteStage):
                stages.append(observation.stage)

        async def add(number: int) -> None:
            async def work(connection: Connection) -> None:
                await connection.fetch(f"INSERT INTO things VALUES ({number}, 0)")

            await store.write(work)
            assert number in await things.matching(sa.true())
            assert stages.count("committed") >= 1

        remove = store.observers.add(watch)
        try:
            await asyncio.gather(*(add(number) for number in range(20)))
        finally:
            remove()
        assert (stages[0], stages.count("begun"), stages.count("committed")) == ("begun", 20, 20), stages


async def concurrent_changes_add_up(make: Factory) -> None:
    async with make() as store:
        things = Things(store, NUMBER)
        await things.create([0])

        async def work(connection: Connection) -> int:
            await connection.fetch("UPDATE things SET value = value + 1 WHERE id = 0")
            return int((await connection.fetch("SELECT value FROM things"))[0][0])

        results = await asyncio.gather(*(store.write(work) for _ in range(40)))
        assert sorted(results) == list(range(1, 41)), results


async def a_write_at_once_is_whole_or_absent(stores: Factory) -> None:
    """A statement that writes by itself answers with its rows, and stays; refused, it leaves nothing."""
    async with stores() as store:
        await _family(store)
        rows = await store.write_at_once("INSERT INTO children VALUES ('d', 'p', 4, 4) RETURNING id")
        assert [tuple(row) for row in rows] == [("d",)]
        for values, refusal in (
            ("('e', 'p', 5, 5), ('f', 'p', 1, 6)", UniqueViolation),
            ("('e', 'p', 5, 5), ('f', 'nobody', 6, 6)", ReferenceViolation),
        ):
            error = await _caught(store.write_at_once(f"INSERT INTO children VALUES {values}"))
            assert isinstance(error, refusal), error
        late = await _caught(store.write_at_once("DELETE FROM children", deadline=time.monotonic() - 1))
        assert isinstance(late, Interrupted), late
    async with stores() as store:
        assert [row[0] for row in await store.read("SELECT id FROM children ORDER BY id")] == ["a", "c", "d"]


async def deadlines_stop_statements(make: Factory) -> None:
    """A read or write is stopped soon after its deadline, and the store is none the worse."""
    async with make() as store:
        things = Things(store, NUMBER)
        await things.create([0])

        async def slow(connection: Connection) -> None:
            await connection.fetch("UPDATE things SET value = 7")
            await connection.fetch(SLOW)

        async def quick(connection: Connection) -> None:
            await connection.fetch("UPDATE things SET value = value + 1")

        start = time.monotonic()
        deadline = start + 0.2
        results = await asyncio.gather(
            store.read(SLOW, deadline=deadline),
            store.write(slow, deadline=deadline),
            *(store.write(quick) for _ in range(5)),
            return_exceptions=True,
        )
        assert time.monotonic() - start < 2
        assert isinstance(results[0], Interrupted), results[0]
        assert isinstance(results[1], Interrupted), results[1]
        assert results[2:] == [None] * 5, results
        assert await store.read("SELECT value FROM things") == [(5,)]
        assert isinstance(await _caught(store.read("SELECT 1", deadline=start)), Interrupted)
        assert isinstance(await _caught(store.write(quick, deadline=start)), Interrupted)


async def cancelled_callers_leave_no_trace(make: Factory) -> None:
    """A cancelled read stops; a cancelled write is done wholly or not at all; the store serves on."""
    async with make() as store:
        things = Things(store, NUMBER)
        await things.create([])

        async def pair(connection: Connection) -> None:
            for _ in range(2):
                await connection.fetch("INSERT INTO things SELECT count(*), 0 FROM things")

        for delay in (0, 0.0005, 0.002, 0.01):
            tasks = [asyncio.ensure_future(store.write(pair)) for _ in range(5)]
            tasks.append(asyncio.ensure_future(store.read(SLOW)))  # type: ignore[arg-type]
            await asyncio.sleep(delay)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        start = time.monotonic()
        assert len(await things.matching(sa.true())) % 2 == 0
        await store.write(pair)
        assert len(await things.matching(sa.true())) % 2 == 0
        assert time.monotonic() - start < 2


async def long_reads_hold_nobody_up(make: Factory) -> None:
    async with make() as store:
        long = asyncio.ensure_future(store.read(SLOW, deadline=time.monotonic() + 1))
        await asyncio.sleep(0)
        waits = []
        while not long.done():
            start = time.monotonic()
            await store.read("SELECT 1")
            waits.append(time.monotonic() - start)
            await asyncio.sleep(0.001)
        assert isinstance(long.exception(), Interrupted)
        assert len(waits) > 50, len(waits)


async def stores_open_again(make: Factory) -> None:
    """A store that was closed, with deadlines running, serves and stops statements when it is opened again."""
    async with make() as store:
        for _ in range(2):
            soon = time.monotonic() + 60
            assert (await store.read("SELECT 1", deadline=soon))[0][0] == 1
            await store.close()
            await store.open()
        deadline = time.monotonic() + 0.1
        assert isinstance(await _caught(store.read(SLOW, deadline=deadline)), Interrupted)


CHECKS: tuple[Check, ...] = (
    values_keep_their_form,
    values_keep_their_order,
    sums_are_exact,
    calculations_are_exact_or_null,
    texts_are_searched_by_code_point,
    membership_takes_any_number_of_values,
    lists_are_searched_by_element,
    objects_nest,
    violations_are_named,
    failing_works_fail_alone,
    a_swallowed_failure_still_fails,
    works_await_nothing_else,
    success_means_committed,
    concurrent_changes_add_up,
    a_write_at_once_is_whole_or_absent,
    deadlines_stop_statements,
    cancelled_callers_leave_no_trace,
    long_reads_hold_nobody_up,
    stores_open_again,
)


def _same(value: Any) -> Any:
    return value


async def _caught(awaitable: Awaitable[Any]) -> BaseException | None:
    try:
        await awaitable
    except Exception as error:
        return error
    return None


async def _refused(store: Store, statement: str) -> BaseException | None:
    async def work(connection: Connection) -> None:
        await connection.fetch(statement)

    error = await _caught(store.write(work))
    assert isinstance(error, StoreError), error
    return error


async def _family(store: Store) -> None:
    """Two tables with a reference and unique indexes, and a row in each."""
    text, number = (store.dialect.column_type(type) for type in (ID, NUMBER))
    metadata = sa.MetaData()
    parents = sa.Table("parents", metadata, sa.Column("id", text, primary_key=True))
    children = sa.Table(
        "children",
        metadata,
        sa.Column("id", text, primary_key=True),
        sa.Column("parent_id", text, sa.ForeignKey("parents.id", name="fk_children_parent_id")),
        sa.Column("x", number),
        sa.Column("y", number),
    )
    indexes = (
        sa.Index("uq_children_x", children.c.x, unique=True),
        sa.Index("uq_children_y_parent", children.c.y, children.c.parent_id, unique=True),
        sa.Index("ix_children_y", children.c.y),
    )
    commands: list[Any] = [sa.schema.CreateTable(table) for table in (parents, children)]
    commands += [sa.schema.CreateIndex(index) for index in indexes]

    async def work(connection: Connection) -> None:
        for command in commands:
            await connection.fetch(str(command.compile(dialect=store.dialect.sqlalchemy)))
        await connection.fetch("INSERT INTO parents VALUES ('p')")
        await connection.fetch("INSERT INTO children VALUES ('a', 'p', 1, 1), ('c', 'p', 3, 2)")

    await store.write(work)

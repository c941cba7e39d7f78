"""The same values, orders, sums and comparisons on both databases, to the byte (hard cases of D33 and D70).

The two worlds are told the same and asked the same. What differs by design, the times of creation, is not asked for.
"""

import json
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from headwater import (
    Computed,
    Field,
    Many,
    OptRef,
    Ref,
    Resource,
    Tx,
    allow,
    case,
    coalesce,
    computed,
    field,
    key,
    many,
    money,
    optref,
    ref,
)
from headwater.base.call import Call
from headwater.declare import build
from headwater.ir.filters import OPERATORS, UNSORTED
from headwater.ir.model import Kind
from tests.spec.rest_world import World, open_world
from tests.stores import SHARED, drop, new_database

WEEK = timedelta(days=8)


class Mood(StrEnum):
    GOOD = "good"
    BAD = "bad"
    ODD = 'it\'s "odd"'


class Group(Resource):
    """What sums go over."""

    code: Field[str] = key(pattern=r"[A-Z][0-9]*")
    samples: Many["Sample"] = many(lambda: Sample.group)
    number: Computed[int] = computed(lambda: Group.samples.count())
    counts: Computed[int] = computed(lambda: Group.samples.sum(Sample.small))
    ratios: Computed[float] = computed(lambda: Group.samples.sum(Sample.ratio, where=Sample.ratio < 1000))
    all_ratios: Computed[float | None] = computed(lambda: Group.samples.sum(Sample.ratio))
    mean_ratio: Computed[float | None] = computed(lambda: Group.samples.avg(Sample.ratio))
    lengths: Computed[Decimal] = computed(
        lambda: Group.samples.sum(Sample.length, where=(Sample.length < 1000) & (Sample.length > -1000)),
        places=9,
    )
    mean_length: Computed[Decimal | None] = computed(
        lambda: Group.samples.avg(Sample.length, where=(Sample.length < 1000) & (Sample.length > -1000)),
        places=9,
    )
    mean_small: Computed[float | None] = computed(lambda: Group.samples.avg(Sample.small))
    mean_price: Computed[Decimal | None] = computed(lambda: Group.samples.avg(Sample.price))
    took_all: Computed[timedelta] = computed(
        lambda: Group.samples.sum(Sample.took, where=(Sample.took < WEEK) & (Sample.took > -WEEK))
    )
    least_count: Computed[int | None] = computed(lambda: Group.samples.min(Sample.count))
    greatest_ratio: Computed[float | None] = computed(lambda: Group.samples.max(Sample.ratio))
    first_day: Computed[date | None] = computed(lambda: Group.samples.min(Sample.day))
    last_at: Computed[datetime | None] = computed(lambda: Group.samples.max(Sample.at))
    last_name: Computed[str | None] = computed(lambda: Group.samples.max(Sample.name))


class Sample(Resource):
    """A field of each kind."""

    code: Field[str] = key(pattern=r"S[0-9]{3}")
    group: Ref[Group] = ref()
    twin: OptRef["Sample"] = optref(default=None)
    name: Field[str | None] = field(default=None)
    title: Field[str] = field(default="")
    count: Field[int | None] = field(default=None)
    small: Field[int] = field(default=0)
    ratio: Field[float | None] = field(default=None)
    length: Field[Decimal | None] = field(default=None, places=9)
    whole: Field[Decimal | None] = field(default=None, places=0)
    price: Field[Decimal | None] = money(currency="EUR", default=None)
    yen: Field[Decimal | None] = money(currency="JPY", default=None)
    yen_rate: Field[Decimal] = field(default=Decimal("1.25"), places=2)
    good: Field[bool | None] = field(default=None)
    mood: Field[Mood | None] = field(default=None)
    day: Field[date | None] = field(default=None)
    at: Field[datetime | None] = field(default=None)
    took: Field[timedelta | None] = field(default=None)
    extra: Field[dict[str, Any] | None] = field(default=None)
    tags: Field[list[str]] = field(default_factory=list)
    numbers: Field[list[float]] = field(default_factory=list)
    cost: Computed[Decimal | None] = computed(lambda: Sample.price * Sample.small)
    share: Computed[Decimal | None] = computed(lambda: Sample.price + Sample.price)
    half: Computed[float | None] = computed(lambda: Sample.ratio + 0.5)
    twice: Computed[Decimal | None] = computed(lambda: Sample.price * Decimal("1.005"))
    square: Computed[int | None] = computed(lambda: Sample.count * Sample.count)
    next: Computed[int | None] = computed(lambda: Sample.count + 1)
    there_and_back: Computed[int | None] = computed(lambda: Sample.count + 1 - 1)
    longer: Computed[Decimal | None] = computed(lambda: Sample.whole + Sample.length, places=9)
    nearly: Computed[Decimal | None] = computed(lambda: Sample.length * Decimal("0.5"), places=9)
    took_twice: Computed[timedelta | None] = computed(lambda: Sample.took + Sample.took)
    both: Computed[float | None] = computed(lambda: Sample.small + Sample.ratio)
    any_number: Computed[float | None] = computed(lambda: coalesce(Sample.small, Sample.ratio))
    either: Computed[float | None] = computed(lambda: case(Sample.good == True, Sample.count, Sample.ratio))  # noqa: E712
    either_length: Computed[Decimal | None] = computed(
        lambda: case(Sample.good == True, Sample.yen_rate, Sample.length),  # noqa: E712
        places=9,
    )


for resource in (Group, Sample):
    allow(resource, "read", "create", "update", "delete", to="editor")
MODEL = build([Group, Sample])

TEXTS = [
    None, "", " ", "a", "A", "b", "ä", "Ä", "a\u0308", "ß", "SS", "ẞ", "ss", "İ", "I", "ı", "i", "Σ", "ς", "σ", "ﬁ",
    "FI", "~", "\x7f",
    "\x01", "\x1f", "\uffee", "\uffff", "\U0001f600", "\ud7ff", "\ue000", "100%", "a_b", "a\\b", "\"'`",
    "line\nbreak\ttab\r", "\u2028\u2029", "null", "{}", "0", "1e5", "Straße", "</script>", "a/b", "ⓐ", "Ａ", "\u0130x",
    "ǆ", "ŉ", "\u200b", "\u202eabc", "a,b", "\b\f",
]  # fmt: skip
VALUES: dict[str, list[Any]] = {
    "name": TEXTS,
    "title": [text for text in TEXTS if text is not None][::-1],
    "count": [None, 0, 1, -1, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63)],
    "small": [0, 1, 2, 3, 7, -5],
    "ratio": [None, 0.0, -0.0, 0.1, -0.1, 1 / 3, 1.0, 100.0, 1e15, 1e16, 123456789012345680.0, 1e21, 1e22, 1e-4, 1e-5,
              1e-7, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -1e300, 2**53, 0.30000000000000004],
    "length": [None, "0", "-0.0", "0.000000001", "-0.000000001", "9223372036.854775807", "-9223372036.854775807", "1.5",
               "999.999999999", "-1", "10"],
    "whole": [None, "0", "-1", "9223372036854775807", "10"],
    "price": [None, "0", "-0.01", "0.05", "12.5", "90071992547409.93", "-12.34", "1.01", "0.99"],
    "yen": [None, "0", "-7", "1000000"],
    "good": [None, True, False],
    "mood": [None, *Mood],
    "day": [None, "0001-01-01", "9999-12-31", "1970-01-01", "1582-10-10", "2024-02-29"],
    "at": [None, "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z",
           "2026-01-31T12:00:00.1Z", "2026-01-31T12:00:00.000001Z", "2026-01-31T13:00:00+01:00",
           "1883-11-18T12:00:00Z"],
    "took": [None, "PT0S", "PT0.000001S", "-PT0.000001S", "PT1.5S", "-PT1.5S", "P1DT1S", "PT0.1S",
             "PT9223372036854.775807S",
             "-PT9223372036854.775807S", "P1W"],
    "extra": [None, {}, {"b": 1, "a": 2, "aa": None}, {"x": [1.0, 100, 1e5, 0.1, -0.0, 1e22, 2**53 + 1]},
              {"": {"ä": "\u2028"}},
              {"deep": {"z": [{"y": {}}, []], "a": True}}, {"text": "\x7f\x01\"\\/"},
              {"n": [1e-7, 5e-324, 123456789012345680.0]},
              {"big": [2**63 - 1, -(2**63)]}],
    "tags": [[], [""], ["a", "A", "a"], ["ä", "\"", "\\", "\x7f", "😀"], ["null", "1"]],
    "numbers": [[], [0.0, -0.0, 1.0, 100], [1e22, 1e-7, 0.1, 1e16]],
}  # fmt: skip


def shown(name: str, loose: bool) -> list[str]:
    """The fields whose JSON is spelt in the same way on both, or those where a number can be `1` or `1.0`, and spaces
    and the order of members are the database's."""
    kinds = (Kind.FLOAT, Kind.LIST, Kind.JSON)
    fields = [f for f in MODEL.resources[name].fields.values() if f.name not in ("created_at", "updated_at")]
    return [f.wire for f in fields if f.name == "code" or (f.type.kind in kinds) == loose]


EXACT, LOOSE = (",".join(shown("Sample", loose)) for loose in (False, True))
GROUPS, LOOSE_GROUPS = (",".join(shown("Group", loose)) for loose in (False, True))
ROWS = 60


class Told(msgspec.Struct):
    """An answer's body, its data as the bytes that were sent."""

    data: msgspec.Raw = msgspec.Raw(b"")
    error: Any = None


class Both:
    """The same application on both databases."""

    def __init__(self, worlds: list[World]) -> None:
        self.worlds = worlds
        self.different: list[str] = []

    async def ask(self, method: str, target: str, body: Any = None, loose: bool = False) -> bytes:
        """The one answer of both; a difference is noted down. `loose`: in the spelling of JSON, none is seen."""
        answers = []
        for world in self.worlds:
            reply = await world.ask(method, target, body)
            told = msgspec.json.decode(reply.body, type=Told)
            error = told.error and {
                k: v for k, v in told.error.items() if k not in ("requestId", "timestamp")
            }
            data: Any = bytes(told.data)
            answers.append((reply.status, json.loads(data or b"null") if loose else data, error))
            answer = data
            if reply.status >= 400:
                self.different.append(f"{method} {target}: {reply.body.decode()}")
        if answers[0] != answers[1]:
            self.different.append(f"{method} {target}\n  {answers[0]}\n  {answers[1]}")
        return answer

    async def get(self, target: str, loose: bool = False) -> Any:
        return json.loads(await self.ask("GET", target, loose=loose) or b"[]")

    async def walk(self, target: str) -> None:
        """All pages of a list, each world by its own cursors."""
        walks = []
        for world in self.worlds:
            pages: list[Any] = []
            following: str | None = target
            while following is not None:
                reply = await world.get(following)
                pages.append(reply.json.get("data", reply.body))
                following = reply.json.get("links", {}).get("next")
            walks.append(pages)
        if walks[0] != walks[1]:
            self.different.append(f"{target}\n  {walks[0]}\n  {walks[1]}")

    def agree(self) -> None:
        assert not self.different, "\n".join(self.different[:5])


@pytest.fixture
def urls(tmp_path: Path) -> Iterator[list[str]]:
    """An empty database of each kind."""
    url = new_database(os.environ[SHARED])
    yield [f"sqlite:///{tmp_path / 'test.db'}", url]
    drop(url)


@pytest.fixture
async def both(urls: list[str]) -> AsyncIterator[Both]:
    async with AsyncExitStack() as stack:
        both = Both([await stack.enter_async_context(open_world(url, MODEL)) for url in urls])
        for code in ("A", "B", "C"):
            await both.ask("POST", f"/api/v1/groups?fields={GROUPS}", {"code": code})
        for number in range(ROWS):
            values = sample(number)
            body = {"code": f"S{number:03}", "groupId": "AB"[number % 2], **values}
            if number % 3:
                body["twinId"] = f"S{number // 2:03}"
            await both.ask("POST", f"/api/v1/samples?fields={EXACT}", body)
        both.agree()
        yield both


def sample(number: int) -> dict[str, Any]:
    values = {name: given[number % len(given)] for name, given in VALUES.items()}
    for name, currency in (("price", "EUR"), ("yen", "JPY")):
        if values[name] is not None:
            values[name] = {"amount": values[name], "currency": currency}
    return values


async def test_the_log_keeps_alike_what_was_written(both: Both) -> None:
    """The database makes the image of a row that is created or changed, and Python that of one that is deleted."""
    for number in range(ROWS):
        await both.ask("PATCH", f"/api/v1/samples/S{number:03}?fields={EXACT}", sample(number + 1))
    both.agree()
    for number in reversed(range(ROWS)):
        for world in both.worlds:
            assert (await world.ask("DELETE", f"/api/v1/samples/S{number:03}", None)).status == 204
    told = []
    for world in both.worlds:
        entries = await world.engine.log.reader().read(1000)
        told.append(
            [
                (entry.type, entry.row_id, entry.version, _lasting(entry.before), _lasting(entry.after))
                for entry in entries
            ]
        )
        last = {entry.row_id: entry.after for entry in entries if entry.after is not None}
        gone = {entry.row_id: entry.before for entry in entries if entry.after is None}
        assert len(gone) == ROWS
        for row, image in gone.items():
            assert _lasting(image, True) == _lasting(last[row], True)
    assert len(told[0]) == 3 + 3 * ROWS
    assert told[0] == told[1]
    updates = [entry for entry in told[0] if entry[0] == "sample.updated"]
    assert all(set(before) < set(after) and "group" in after for *_, before, after in updates if before)


def _lasting(image: dict[str, Any] | None, moments: bool = False) -> dict[str, Any] | None:
    """An image, perhaps without its moments, its long numbers as floats: PostgreSQL writes their zeros out."""
    if image is None:
        return None
    kept = {
        name: value for name, value in image.items() if moments or name not in ("created_at", "updated_at")
    }
    found: dict[str, Any] = json.loads(
        json.dumps(kept), parse_int=lambda text: int(text) if len(text) < 20 else float(text)
    )
    return found


async def test_what_was_written_is_read_alike(both: Both) -> None:
    both.agree()
    for fields, groups, loose in ((EXACT, GROUPS, False), (LOOSE, LOOSE_GROUPS, True)):
        rows = await both.get(f"/api/v1/samples?limit=100&fields={fields}", loose)
        assert len(rows) == ROWS
        for number in range(ROWS):
            assert await both.get(f"/api/v1/samples/S{number:03}?fields={fields}", loose) == rows[number]
        options = f"include=samples.twin&fields[samples]={fields}&samples[limit]=100"
        nested = await both.get(
            f"/api/v1/groups?fields={groups}&{options}", True
        )  # spaces part what is in a list
        assert [len(group["samples"]) for group in nested] == [ROWS // 2, ROWS // 2, 0]
        changed = {"ratio": -0.0, "took": "-PT0.25S", "name": "ẞ"}
        await both.ask("PATCH", f"/api/v1/samples/S001?fields={fields}", changed, loose)
    both.agree()


def questions(name: str) -> Iterator[str]:
    """Filters by a field, with each of its operators and values."""
    found = MODEL.resources["Sample"].fields[name]
    given = (
        VALUES[name] if found.type.kind != Kind.LIST else [item for items in VALUES[name] for item in items]
    )
    texts = [
        str(value).lower() if isinstance(value, bool) else str(value) for value in given if value is not None
    ]
    if Kind.FLOAT in (found.type.kind, found.type.item):
        texts = [repr(float(text)) for text in texts]
    for op in OPERATORS[found.type.kind]:
        if op == "isNull":
            yield from (f"{name}[isNull]=true", f"{name}[isNull]=false")
        elif op in ("in", "nin", "between"):
            escaped = [text.replace("\\", "\\\\").replace(",", "\\,") for text in texts]
            pairs = zip(escaped, [*escaped[3:], *escaped[:3]], strict=True)
            yield from (f"{name}[{op}]={quote(a, safe='')},{quote(b, safe='')}" for a, b in pairs)
        else:
            yield from (f"{name}[{op}]={quote(text, safe='')}" for text in texts)


async def test_each_field_is_filtered_and_sorted_alike(both: Both) -> None:
    for name in VALUES:
        found = MODEL.resources["Sample"].fields[name]
        loose = found.wire in LOOSE.split(",")
        shown = f"/api/v1/samples?fields=code,{found.wire}"
        answers = [len(await both.get(f"{shown}&limit=100&{query}", loose)) for query in questions(name)]
        assert any(0 < count < ROWS for count in answers), name
        for query in [query for query in questions(name) if "[in]=" in query or "[between]=" in query][::3]:
            operator, _, pair = query.partition("=")
            one, other = re.split(r"(?<!%5C),", pair)
            repeated = await both.get(f"{shown}&limit=100&{operator}={one}&{operator}={other}", loose)
            assert repeated == await both.get(f"{shown}&limit=100&{query}", loose), query
        if found.type.kind not in UNSORTED:
            for sort in (name, f"-{name}", f"twin.{name},-small"):
                await both.walk(f"{shown}&limit=25&sort={sort}")
    both.agree()


def rounded(value: Decimal, places: int) -> str:
    """A half is rounded away from zero."""
    return str(value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP))


async def test_what_is_computed_is_alike(both: Both) -> None:
    for fields, loose in ((GROUPS, False), (LOOSE_GROUPS, True)):
        groups = await both.get(f"/api/v1/groups?fields=number,{fields}", loose)
        assert [group["number"] for group in groups] == [ROWS // 2, ROWS // 2, 0]
        for name in fields.split(","):
            await both.get(f"/api/v1/groups?fields={fields}&sort={name}", loose)
            await both.get(f"/api/v1/groups?fields={fields}&sort=-{name}", loose)
    rows = await both.get("/api/v1/samples?limit=100&fields=groupId,price,length,twice")
    for row in rows:
        if row["price"] is not None:
            assert row["twice"]["amount"] == rounded(Decimal(row["price"]["amount"]) * Decimal("1.005"), 2)
    for code in ("A", "B"):
        prices = [Decimal(r["price"]["amount"]) for r in rows if r["groupId"] == code and r["price"]]
        mean = (await both.get(f"/api/v1/groups/{code}?fields=meanPrice"))["meanPrice"]["amount"]
        assert mean == rounded(sum(prices) / Decimal(len(prices)), 2)
    for wire in ("cost", "share", "half", "twice"):
        for query in (
            f"sort={wire}",
            f"sort=-{wire}",
            f"{wire}[gt]=0.5",
            f"{wire}[lte]=0",
            f"{wire}[isNull]=true",
        ):
            await both.get(f"/api/v1/samples?limit=100&fields=code,{wire}&{query}", wire == "half")
    both.agree()


def fitting(number: int) -> int | None:
    """A number that 64 bits hold."""
    return number if -(2**63) <= number < 2**63 else None


async def test_what_64_bits_cannot_hold_is_null_and_spoils_no_list(both: Both) -> None:
    names = ("square", "next", "thereAndBack", "longer", "nearly", "tookTwice")
    rows = await both.get(f"/api/v1/samples?limit=100&fields=count,whole,length,{','.join(names)}")
    assert len(rows) == ROWS
    for row in rows:
        if row["count"] is None:
            assert row["square"] is row["next"] is row["thereAndBack"] is None
            continue
        count = int(row["count"])
        assert row["square"] == fitting(count * count)
        assert row["next"] == fitting(count + 1)
        assert row["thereAndBack"] == (None if count == 2**63 - 1 else count)
    assert {row["longer"] is None for row in rows if row["whole"] and row["length"]} == {True, False}
    for name in names:
        for query in (f"sort={name}", f"sort=-{name}", f"{name}[isNull]=true"):
            await both.get(f"/api/v1/samples?limit=100&fields=code,{name}&{query}")
    both.agree()


async def test_whole_numbers_and_others_together_are_others(both: Both) -> None:
    rows = await both.get(
        "/api/v1/samples?limit=100&fields=small,ratio,good,both,either,eitherLength,length", True
    )
    for row in rows:
        assert row["both"] == (None if row["ratio"] is None else row["small"] + row["ratio"])
        assert row["eitherLength"] == ("1.250000000" if row["good"] else row["length"])
    for query in ("both[gt]=0.5", "sort=both", "either[lt]=0.5", "sort=-either", "anyNumber[gte]=1.5"):
        await both.get(f"/api/v1/samples?limit=100&fields=code,both,either,anyNumber&{query}", True)
    both.agree()
    ratio = Sample.ratio
    for world in both.worlds:

        async def work(tx: Tx) -> Any:
            few = (ratio > 0.01) & (ratio < 1000) & (Sample.small + ratio > 0.5)
            mixed = case(Sample.small > 2, Sample.small, ratio)
            return await tx.aggregate((Sample.small + ratio).sum(), mixed.sum(), mixed.max(), where=few)

        found = await world.engine.transact(Call.system(), work)
        assert all(isinstance(value, float) for value in found)
        few = [r for r in rows if r["ratio"] and 0.01 < r["ratio"] < 1000 and r["small"] + r["ratio"] > 0.5]
        chosen = [r["small"] if r["small"] > 2 else r["ratio"] for r in few]
        assert found == pytest.approx((sum(r["small"] + r["ratio"] for r in few), sum(chosen), max(chosen)))


MOST, LEAST = 1.7976931348623157e308, 5e-324
FLOATS: list[tuple[list[float], float | None, float | None]] = [
    ([], 0.0, None),
    ([LEAST], LEAST, LEAST),
    ([LEAST, 0.0], LEAST, 0.0),
    ([LEAST, LEAST, LEAST], 3 * LEAST, LEAST),
    ([MOST], MOST, MOST),
    ([MOST, MOST], None, MOST),
    ([MOST, -MOST], 0.0, 0.0),
    ([MOST, MOST, -MOST], MOST, MOST / 3),
    ([-MOST, -MOST, LEAST], None, -MOST * (2 / 3)),
    ([MOST, -MOST, LEAST], LEAST, 0.0),
    ([1e200, -1e200, 1.5], 1.5, 0.5),
    ([1e292, 1e285, -1.0], 1e292 + 1e285, (1e292 + 1e285) / 3),
    ([0.5, 0.25], 0.75, 0.375),
]


async def test_floats_add_up_however_small_and_large_they_are(urls: list[str]) -> None:
    """In a summary, in one by groups, and in a computed field; what is larger than any float is null."""
    for url in urls:
        async with open_world(url, MODEL) as world:
            for number, (values, _, _) in enumerate(FLOATS):
                await world.post("/api/v1/groups", {"code": f"G{number}"})
                for place, ratio in enumerate(values):
                    body = {"code": f"S{number:02}{place}", "groupId": f"G{number}", "ratio": ratio}
                    assert (await world.post("/api/v1/samples?fields=code", body)).status == 201
            rows = await world.get("/api/v1/groups?fields=code,allRatios,meanRatio&limit=100")
            assert rows.status == 200, rows.body
            found = {row["code"]: (row["allRatios"], row["meanRatio"]) for row in rows.data}
            asked = "aggregate=sum(ratio),avg(ratio)"
            for number, (values, total, mean) in enumerate(FLOATS):
                one = await world.get(f"/api/v1/groups/G{number}/samples?{asked}")
                assert one.status == 200, one.body
                sums, means = one.data["sum"]["ratio"], one.data["avg"]["ratio"]
                for sum_, mean_ in ((sums, means), found[f"G{number}"]):
                    assert sum_ == (total if total is None else pytest.approx(total, rel=1e-15, abs=0)), (
                        values
                    )
                    assert mean_ == (mean if mean is None else pytest.approx(mean, rel=1e-15, abs=0)), values
            grouped = await world.get(
                f"/api/v1/samples?{asked}&groupBy=group.code&sort=-sum(ratio)&limit=100"
            )
            assert grouped.status == 200, grouped.body

"""The forms of values: what each kind accepts, and what it refuses with which words."""

import unicodedata
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.ir.limits import check_limits
from headwater.ir.model import Field, Kind, Limits, Type
from headwater.ir.scalars import INT64, BadValue, datetime_wire, detail_of
from headwater.ir.values import from_wire, query_decoder, to_wire

CENTS = Type(Kind.DECIMAL, places=2)
MONEY = Type(Kind.MONEY, places=2, currency="EUR")
ENUM = Type(Kind.ENUM, values=("open", "closed"))
LIST = Type(Kind.LIST, item=Kind.INTEGER)

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
SCALED = st.integers(-INT64, INT64)
VALUES: dict[Type, st.SearchStrategy[Any]] = {
    Type(Kind.TEXT): TEXTS,
    Type(Kind.ID): TEXTS,
    ENUM: st.sampled_from(ENUM.values),
    Type(Kind.INTEGER): st.integers(-INT64 - 1, INT64),
    Type(Kind.FLOAT): st.floats(allow_nan=False, allow_infinity=False),
    Type(Kind.DECIMAL, places=0): SCALED.map(Decimal),
    CENTS: SCALED.map(lambda n: Decimal(n).scaleb(-2)),
    Type(Kind.DECIMAL, places=6): SCALED.map(lambda n: Decimal(n).scaleb(-6)),
    MONEY: SCALED.map(lambda n: Decimal(n).scaleb(-2)),
    Type(Kind.BOOLEAN): st.booleans(),
    Type(Kind.DATE): st.dates(),
    Type(Kind.DATETIME): st.datetimes(timezones=st.just(UTC)),
    Type(Kind.DURATION): st.integers(-INT64, INT64).map(lambda n: timedelta(microseconds=n)),
    Type(Kind.JSON): st.dictionaries(TEXTS, st.none() | st.booleans() | TEXTS | st.lists(TEXTS)),
    LIST: st.lists(st.integers(-INT64 - 1, INT64)),
    Type(Kind.LIST, item=Kind.DATETIME): st.lists(st.datetimes(timezones=st.just(UTC))),
    Type(Kind.LIST, item=Kind.DECIMAL, places=2): st.lists(SCALED.map(lambda n: Decimal(n).scaleb(-2))),
}


@given(st.sampled_from(list(VALUES)).flatmap(lambda t: st.tuples(st.just(t), VALUES[t])))
def test_every_value_survives_the_wire(case: tuple[Type, Any]) -> None:
    type, value = case
    if type.kind in (Kind.TEXT, Kind.ID):
        value = unicodedata.normalize("NFC", value)
    assert from_wire(type, to_wire(type, value)) == value


@given(st.sampled_from([t for t in VALUES if t.kind not in (Kind.JSON, Kind.LIST)]).flatmap(
    lambda t: st.tuples(st.just(t), VALUES[t])))  # fmt: skip
def test_every_scalar_can_be_said_in_a_query_string(case: tuple[Type, Any]) -> None:
    type, value = case
    wire = to_wire(type, value)
    text = wire["amount"] if type.kind is Kind.MONEY else str(wire)
    text = text.lower() if type.kind is Kind.BOOLEAN else text
    if type.kind not in (Kind.TEXT, Kind.ID):
        assert query_decoder(type)(text) == value


def refusal(read: Callable[[], Any]) -> str:
    """What the refusal says; a full stop where there is none."""
    try:
        read()
    except BadValue as bad:
        return bad.message
    return "."


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(list(VALUES)), JSON)
def test_whatever_is_sent_is_understood_or_refused_in_words(type: Type, value: Any) -> None:
    assert refusal(lambda: from_wire(type, value)).endswith((".", "?"))


@given(st.sampled_from([t for t in VALUES if t.kind is not Kind.JSON]), st.text(st.characters()))
def test_whatever_is_asked_is_understood_or_refused_in_words(type: Type, text: str) -> None:
    assert refusal(lambda: query_decoder(type)(text)).endswith((".", "?"))


@pytest.mark.parametrize(
    ("type", "value", "said"),
    [
        (Type(Kind.INTEGER), "5", "Must be an integer, not a string."),
        (Type(Kind.INTEGER), True, "Must be an integer, not a boolean."),
        (Type(Kind.INTEGER), 5.0, "Must be an integer without a fraction or exponent."),
        (Type(Kind.INTEGER), 2**63, "Must be within 64 bits."),
        (Type(Kind.FLOAT), True, "Must be a number, not a boolean."),
        (Type(Kind.FLOAT), float("nan"), "Must be a finite number."),
        (Type(Kind.FLOAT), 10**400, "Must be a finite number."),
        (Type(Kind.BOOLEAN), 1, "Must be true or false, not a number."),
        (Type(Kind.TEXT), 5, "Must be a string, not a number."),
        (Type(Kind.TEXT), "a\0b", "Must not contain the NUL character."),
        (Type(Kind.TEXT), "ä\ud800", "Must not contain lone surrogates."),
        (CENTS, 12.5, "Must be a decimal in a string, not a number: numbers lose digits on their way."),
        (CENTS, "12.505", "Must have at most 2 decimal places."),
        (CENTS, "1e3", "Must be a decimal, such as `12.50`."),
        (CENTS, "92233720368547758.08", "Must be at most 92233720368547758.07 in size."),
        (CENTS, "9" * 5000, "Must be at most 92233720368547758.07 in size."),
        (MONEY, "12.50", "Must be an object of exactly `amount` and `currency`."),
        (MONEY, {"amount": "1", "currency": "USD"}, "The currency here is `EUR`."),
        (MONEY, {"amount": 1, "currency": "EUR"}, "Must be a decimal in a string, not a number: numbers"),
        (ENUM, "opne", "Must be one of `open`, `closed`. Did you mean `open`?"),
        (Type(Kind.DATE), "2026-02-30", "`2026-02-30` is not a day of the calendar."),
        (Type(Kind.DATE), "20260131", "Must be a date, such as `2026-01-31`."),
        (Type(Kind.DATETIME), "2026-01-31T12:00:00", "Must say its offset from UTC."),
        (Type(Kind.DATETIME), "2026-01-31", "Must be a date and time, such as `2026-01-31T12:00:00Z`."),
        (Type(Kind.DATETIME), "2026-01-31T24:00:00Z", "Must be a date and time, such as"),
        (Type(Kind.DATETIME), "2026-01-31T12:00:00.1234567Z", "Must not be finer than a microsecond."),
        (Type(Kind.DATETIME), "0001-01-01T00:00:00+02:00", "is not a moment of the calendar."),
        (Type(Kind.DURATION), "P1M", "Must be a duration in days and time, such as"),
        (Type(Kind.DURATION), "PT", "Must be a duration in days and time, such as"),
        (Type(Kind.DURATION), "P99999999999D", "Must be within 292,000 years."),
        (Type(Kind.JSON), [], "Must be an object, not an array."),
        (Type(Kind.JSON), {"a": {"b": "\0"}}, "Must not contain the NUL character."),
        (LIST, [1, "2"], "Must be an integer, not a string."),
        (LIST, [1, None], "Must be an integer, not null."),
        (LIST, [1] * 1001, "Must have at most 1000 elements, not 1001."),
    ],
)  # fmt: skip
def test_nothing_is_coerced(type: Type, value: Any, said: str) -> None:
    with pytest.raises(BadValue) as caught:
        from_wire(type, value)
    assert said in caught.value.message


def test_the_faulty_part_is_named() -> None:
    for type, value, path in [
        (LIST, [1, "2"], "[1]"),
        (Type(Kind.JSON), {"a": [{"b": "\0"}]}, ".a[0].b"),
        (MONEY, {"amount": 1, "currency": "EUR"}, ".amount"),
    ]:
        with pytest.raises(BadValue) as caught:
            from_wire(type, value)
        assert caught.value.path == path


@given(st.datetimes(timezones=st.timezones() | st.just(UTC)))
def test_moments_are_written_in_full(moment: datetime) -> None:
    with suppress(OverflowError):  # what has no moment in UTC
        in_utc = moment.astimezone(UTC)
        assert datetime_wire(moment) == in_utc.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def test_nesting_is_bounded() -> None:
    value: dict[str, Any] = {}
    for _ in range(5000):
        value = {"a": value}
    with pytest.raises(BadValue, match="32 levels"):
        from_wire(Type(Kind.JSON), value)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31t12:00:00.5z", datetime(2026, 1, 31, 12, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-01-31T12:00:00.123456000+02:00",
         datetime(2026, 1, 31, 12, 0, 0, 123_456, tzinfo=timezone(timedelta(hours=2)))),
    ],
)  # fmt: skip
def test_moments_are_read_with_any_offset_and_kept_in_utc(text: str, moment: datetime) -> None:
    read = from_wire(Type(Kind.DATETIME), text)
    assert read == moment
    assert read.tzinfo is UTC


def test_query_strings_may_say_a_day_for_a_moment_and_lose_a_plus() -> None:
    at = Type(Kind.DATETIME)
    assert query_decoder(at)("2026-01-31") == datetime(2026, 1, 31, tzinfo=UTC)
    assert query_decoder(at)("2026-01-31T02:00:00 02:00") == datetime(2026, 1, 31, tzinfo=UTC)


def test_wire_forms() -> None:
    noon = datetime(2026, 1, 31, 12, tzinfo=timezone(timedelta(hours=1)))
    assert to_wire(Type(Kind.DATETIME), noon) == "2026-01-31T11:00:00.000000Z"
    assert to_wire(Type(Kind.DATE), date(26, 1, 31)) == "0026-01-31"
    assert to_wire(Type(Kind.DURATION), timedelta(hours=1, minutes=30)) == "PT5400S"
    assert to_wire(Type(Kind.DURATION), timedelta(seconds=-5)) == "-PT5S"
    assert to_wire(Type(Kind.DURATION), timedelta(milliseconds=-1250)) == "-PT1.25S"
    assert to_wire(CENTS, Decimal(5)) == "5.00"
    assert to_wire(MONEY, Decimal("12.5")) == {"amount": "12.50", "currency": "EUR"}
    assert to_wire(CENTS, from_wire(CENTS, "-0.00")) == "0.00"
    assert str(from_wire(Type(Kind.FLOAT), -0.0)) == "0.0"


def test_text_is_composed() -> None:
    assert from_wire(Type(Kind.TEXT), "e\u0301") == "\u00e9"


@pytest.mark.parametrize(
    ("type", "limits", "good", "bad", "said"),
    [
        (Type(Kind.TEXT), Limits(max_length=2), "é🎬", "abc", "Must have at most 2 characters, has 3."),
        (Type(Kind.TEXT), Limits(min_length=1), "a", "", "Must have at least 1 character, has 0."),
        (Type(Kind.TEXT), Limits(pattern="[A-Z]{3}"), "SWA", "SWAN", "Must match the pattern `[A-Z]{3}`."),
        (Type(Kind.TEXT), Limits(pattern="a$"), "a", "a\n", "Must match the pattern `a$`."),
        (Type(Kind.TEXT), Limits(format="email"), "ada@example.com", "ada@", "Must be an e-mail address"),
        (Type(Kind.TEXT), Limits(format="url"), "https://a.example/b?c", "javascript:x", "Must be an abs"),
        (Type(Kind.TEXT), Limits(format="url"), "http://a:80", "http://[", "Must be an absolute"),
        (CENTS, Limits(ge=0), Decimal(0), Decimal("-0.01"), "Must be at least 0.00."),
        (Type(Kind.INTEGER), Limits(gt=0), 1, 0, "Must be more than 0."),
        (Type(Kind.INTEGER), Limits(le=9), 9, 10, "Must be at most 9."),
        (MONEY, Limits(lt=Decimal(5)), Decimal(4), Decimal(5), "Must be less than 5.00 EUR."),
        (Type(Kind.DATE), Limits(ge=date(2020, 1, 1)), date(2020, 1, 1), date(2019, 12, 31),
         "Must be at least 2020-01-01."),
        (LIST, Limits(max_length=1), [1], [1, 2], "Must have at most 1 element, has 2."),
    ],
)  # fmt: skip
def test_limits(type: Type, limits: Limits, good: Any, bad: Any, said: str) -> None:
    field = Field("x", "x", type, "x", limits=limits)
    assert check_limits(field, good) == []
    (problem,) = check_limits(field, bad)
    assert said in problem.message


def test_a_failed_pattern_is_shown_and_all_limits_are_told() -> None:
    field = Field("x", "x", Type(Kind.TEXT), "x", limits=Limits(min_length=3, pattern="[a-z]+"))
    problems = check_limits(field, "A")
    assert len(problems) == 2
    assert problems[1].facts == {"pattern": "[a-z]+"}


def test_a_text_that_is_too_long_is_not_held_against_a_pattern() -> None:
    """A pattern that is quick for what it was meant for can take years for what is longer."""
    field = Field("x", "x", Type(Kind.TEXT), "x", limits=Limits(max_length=20, pattern="(a|aa)+b"))
    assert len(check_limits(field, "a" * 20)) == 1
    (problem,) = check_limits(field, "a" * 25)
    assert problem.message == "Must have at most 20 characters, has 25."


def test_a_url_that_is_too_long_is_not_even_split() -> None:
    """What is split is remembered: a few thousand of them would fill the memory."""
    field = Field("x", "x", Type(Kind.TEXT), "x", limits=Limits(format="url"))
    before = urlsplit.cache_info().currsize  # type: ignore[attr-defined]
    for n in range(3):
        assert len(check_limits(field, f"https://a.example/{n}" + "x" * 100_000)) == 1
    assert urlsplit.cache_info().currsize == before  # type: ignore[attr-defined]


def test_what_is_wrong_with_a_value_is_told_alike_in_bodies_and_parameters() -> None:
    bad = BadValue("VALIDATION_ERROR", "Must be less.", "Send less.", "[2]", {"most": 5})
    told = detail_of("size", bad)
    assert (told.code, told.message, told.field) == ("VALIDATION_ERROR", "`size[2]` must be less.", "size[2]")
    asked = detail_of("size[in]", bad, parameter=True)
    assert (asked.code, asked.message) == ("INVALID_PARAMETER", "`size[in]` must be less.")
    assert (asked.field, asked.parameter) == (None, "size[in]")
    for detail in (told, asked):
        assert (detail.hint, detail.facts) == ("Send less.", {"most": 5})

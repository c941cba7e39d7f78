"""Bodies: strict, and every problem told at once."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.base.errors import Fault
from headwater.ir.body import BodyParser, arguments
from headwater.ir.command import Expected, Merge
from headwater.ir.model import Action
from tests.unit.films import PERSON, PROJECT, TASK

TASKS, PROJECTS, PEOPLE = BodyParser(TASK), BodyParser(PROJECT), BodyParser(PERSON)


def problems(fault: Fault) -> dict[str | None, str]:
    assert fault.code == "VALIDATION_ERROR"
    return {detail.field: detail.code for detail in fault.details}


def test_create() -> None:
    body = {
        "title": "Roto", "projectId": "SWA", "bid": "12.5", "seenAt": "2026-01-31T13:00:00+01:00",
        "artistId": None, "tags": ["a"], "meta": {"a": None},
    }  # fmt: skip
    assert TASKS.create(body) == {
        "title": "Roto", "project": "SWA", "bid": Decimal("12.50"), "artist": None, "tags": ["a"],
        "seen_at": datetime(2026, 1, 31, 12, tzinfo=UTC), "meta": {"a": None},
    }  # fmt: skip


def test_all_problems_of_a_body_are_told_at_once() -> None:
    with pytest.raises(Fault) as caught:
        TASKS.create(
            {
                "titel": "Roto", "priority": 12, "bid": 5, "urgent": None, "tags": ["a", 5], "isDone": True,
                "version": 1, "createdAt": "2026-01-01T00:00:00Z", "project": "SWA", "meta": {"a": "\0"},
            }
        )  # fmt: skip
    assert problems(caught.value) == {
        "titel": "UNKNOWN_FIELD",
        "priority": "VALIDATION_ERROR",
        "bid": "INVALID_FORMAT",
        "urgent": "INVALID_FORMAT",
        "tags[1]": "INVALID_FORMAT",
        "isDone": "READ_ONLY_FIELD",
        "version": "READ_ONLY_FIELD",
        "createdAt": "READ_ONLY_FIELD",
        "project": "UNKNOWN_FIELD",
        "meta.a": "INVALID_FORMAT",
        "title": "REQUIRED_FIELD",
        "projectId": "REQUIRED_FIELD",
    }
    said = {detail.field: detail.message for detail in caught.value.details}
    assert said["titel"] == "tasks has no field `titel` to write; did you mean `title`?"
    assert "did you mean `projectId`?" in said["project"]
    assert said["priority"] == "`priority` must be at most 9."


def test_internal_fields_do_not_exist() -> None:
    with pytest.raises(Fault) as caught:
        PEOPLE.create({"name": "Ada", "secret": "x"})
    (detail,) = caught.value.details
    assert detail.code == "UNKNOWN_FIELD"
    assert "name" in detail.message
    assert "secret" not in detail.message.replace("`secret`", "")


def test_a_natural_key_is_given_and_the_id_follows() -> None:
    assert PROJECTS.create({"code": "SWA", "name": "Swan"}) == {"code": "SWA", "name": "Swan"}
    with pytest.raises(Fault) as caught:
        PROJECTS.create({"id": "SWA", "code": "SWAN", "name": "Swan"})
    assert problems(caught.value) == {"id": "READ_ONLY_FIELD", "code": "VALIDATION_ERROR"}
    assert caught.value.details[1].facts == {"pattern": "[A-Z]{3}"}


def test_a_merge_patch_changes_what_it_names() -> None:
    assert TASKS.update({"title": "Paint", "artistId": None, "version": 3}) == (
        {"title": "Paint", "artist": None},
        Expected(3),
    )
    assert TASKS.update({}) == ({}, None)
    values, _ = TASKS.update({"meta": {"a": {"b": None}}})
    assert values == {"meta": Merge({"a": {"b": None}})}
    assert TASKS.update({"meta": None}) == ({"meta": None}, None)


def test_a_replacement_is_the_whole_row() -> None:
    with pytest.raises(Fault) as caught:
        TASKS.replace({"title": "Paint", "version": "3"})
    assert problems(caught.value) == {"projectId": "REQUIRED_FIELD", "version": "INVALID_FORMAT"}
    values, expected, _ = TASKS.replace({"title": "a", "projectId": "SWA", "meta": {"a": 1}})
    assert values == {"title": "a", "project": "SWA", "meta": {"a": 1}}
    assert expected is None
    assert PROJECTS.replace({"name": "Swan"}) == ({"name": "Swan"}, None, None)


@pytest.mark.parametrize(
    ("body", "said"),
    [(None, "null"), ([], "an array"), ("a", "a string"), (5, "a number"), (True, "a boolean")],
)
def test_a_body_is_an_object(body: Any, said: str) -> None:
    for read in (TASKS.create, TASKS.update):
        with pytest.raises(Fault) as caught:
            read(body)
        assert caught.value.code == "INVALID_FORMAT"
        assert caught.value.message == f"The body must be a JSON object, not {said}."


@pytest.mark.parametrize(
    ("old", "patch", "new"),
    [  # the test cases of RFC 7396, appendix A, whose documents are objects
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        (None, {"a": {"b": None}}, {"a": {}}),
    ],
)
def test_merge_patches(old: Any, patch: Any, new: Any) -> None:
    before = msgspec.to_builtins(old)
    assert Merge(patch).apply(old) == new
    assert old == before


class Arguments(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    note: str
    new_status: str = "approved"
    hours: int = 0
    lines: list[int] = []


ACTION = Action("approve", "approve", "row", print, Arguments, None)


def test_arguments_of_an_action() -> None:
    assert arguments(ACTION, {"note": "e\u0301", "newStatus": "done", "lines": [1]}) == {
        "note": "\u00e9", "new_status": "done", "lines": [1],
    }  # fmt: skip
    with pytest.raises(Fault) as caught:
        arguments(ACTION, {"hours": "5", "lines": [1, "2"], "newStats": "x"})
    assert problems(caught.value) == {
        "hours": "INVALID_FORMAT", "lines[1]": "INVALID_FORMAT", "newStats": "UNKNOWN_FIELD",
        "note": "REQUIRED_FIELD",
    }  # fmt: skip
    assert caught.value.details[0].message == "`hours` must be an integer, not a string."
    with pytest.raises(Fault) as caught:
        arguments(ACTION, None)
    assert problems(caught.value) == {"note": "REQUIRED_FIELD"}
    with pytest.raises(Fault) as caught:
        arguments(ACTION, [])
    assert caught.value.code == "INVALID_FORMAT"
    nothing = replace(ACTION, parameters=msgspec.defstruct("Nothing", []))
    assert arguments(nothing, None) == {}
    with pytest.raises(Fault, match="it takes none"):
        arguments(nothing, {"a": 1})


class Window(msgspec.Struct):
    opens: datetime
    price: Decimal = Decimal(0)


class Everything(msgspec.Struct, rename="camel"):
    real: float | None = None
    amount: Decimal | None = None
    moment: datetime | None = None
    day: date | None = None
    span: timedelta | None = None
    window: Window | None = None
    amounts: list[Decimal] = []
    by_name: dict[str, Decimal] = {}
    mixed: int | str = 0


EVERYTHING = Action("every", "every", "row", print, Everything, None)


def test_arguments_are_read_as_strictly_as_fields() -> None:
    given = arguments(
        EVERYTHING,
        {
            "real": 1, "amount": "1.50", "moment": "2026-01-01T02:00:00+02:00", "day": "2026-01-31", "span": "PT1M",
            "window": {"opens": "2026-01-01T02:00:00+02:00"}, "amounts": ["1", "2.5"], "byName": {"a": "3"},
            "mixed": "x",
        },
    )  # fmt: skip
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    assert given == {
        "real": 1.0, "amount": Decimal("1.50"), "moment": moment, "day": date(2026, 1, 31),
        "span": timedelta(minutes=1), "window": Window(moment), "amounts": [Decimal(1), Decimal("2.5")],
        "by_name": {"a": Decimal(3)}, "mixed": "x",
    }  # fmt: skip
    assert given["window"].opens.tzinfo is UTC
    assert arguments(EVERYTHING, {"amount": None}) == {"amount": None}


@pytest.mark.parametrize(
    ("name", "value", "place", "code"),
    [
        ("amount", 1.5, "amount", "INVALID_FORMAT"),
        ("amount", "NaN", "amount", "INVALID_FORMAT"),
        ("amount", "1e400", "amount", "INVALID_FORMAT"),
        ("amount", "9" * 100, "amount", "INVALID_FORMAT"),
        ("moment", "2026-01-01T00:00:00", "moment", "INVALID_FORMAT"),
        ("moment", 5, "moment", "INVALID_FORMAT"),
        ("day", "2026-1-1", "day", "INVALID_FORMAT"),
        ("span", "P1Y", "span", "INVALID_FORMAT"),
        ("real", True, "real", "INVALID_FORMAT"),
        ("amounts", ["1", 2], "amounts[1]", "INVALID_FORMAT"),
        ("amounts", ["1", "Infinity"], "amounts[1]", "INVALID_FORMAT"),
        ("byName", {"a": "1", "b": 2.5}, "byName.b", "INVALID_FORMAT"),
        ("window", {"opens": "2026-01-01T00:00:00"}, "window.opens", "INVALID_FORMAT"),
        ("window", {"opens": "2026-01-01T00:00:00Z", "shuts": 1}, "window.shuts", "UNKNOWN_FIELD"),
        ("mixed", 1.5, "mixed", "INVALID_FORMAT"),
    ],
)
def test_arguments_that_are_not_strict_are_refused(name: str, value: Any, place: str, code: str) -> None:
    with pytest.raises(Fault) as caught:
        arguments(EVERYTHING, {name: value})
    assert problems(caught.value) == {place: code}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
WIRES = st.sampled_from([field.wire for field in TASK.fields.values()])


@given(JSON | st.dictionaries(WIRES | st.text(max_size=5), JSON, max_size=4))
def test_reading_bodies_is_total(body: Any) -> None:
    for read in (
        TASKS.create,
        TASKS.update,
        TASKS.replace,
        lambda b: arguments(ACTION, b),
    ):
        try:
            read(body)
        except Fault as fault:
            refused = fault
        else:
            continue
        assert refused.status == 400

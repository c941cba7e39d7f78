"""JSON Patch on a row's JSON form (RFC 6902)."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.base.errors import Fault
from headwater.ir.body import BodyParser, same
from headwater.ir.patch import read_patch
from tests.unit.films import TASK

TASKS = BodyParser(TASK)


def patched(meta: Any, *operations: dict[str, Any]) -> Any:
    """The JSON object `meta` after operations on what is below it."""
    below = [{**o, **{name: "/meta" + o[name] for name in ("path", "from") if name in o}} for o in operations]
    rewrite, _ = read_patch(TASKS, below)
    return rewrite.apply({"meta": meta}).get("meta", meta)


def refused(meta: Any, *operations: dict[str, Any]) -> Fault:
    with pytest.raises(Fault) as caught:
        patched(meta, *operations)
    return caught.value


@pytest.mark.parametrize(
    ("before", "operation", "after"),
    [
        ({"foo": "bar"}, {"op": "add", "path": "/baz", "value": "qux"}, {"baz": "qux", "foo": "bar"}),
        ({"foo": ["bar", "baz"]}, {"op": "add", "path": "/foo/1", "value": "qux"}, {"foo": ["bar", "qux", "baz"]}),
        ({"baz": "qux", "foo": "bar"}, {"op": "remove", "path": "/baz"}, {"foo": "bar"}),
        ({"foo": ["bar", "qux", "baz"]}, {"op": "remove", "path": "/foo/1"}, {"foo": ["bar", "baz"]}),
        ({"baz": "qux"}, {"op": "replace", "path": "/baz", "value": "boo"}, {"baz": "boo"}),
        ({"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}},
         {"op": "move", "from": "/foo/waldo", "path": "/qux/thud"},
         {"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}}),
        ({"foo": ["all", "grass", "cows", "eat"]}, {"op": "move", "from": "/foo/1", "path": "/foo/3"},
         {"foo": ["all", "cows", "eat", "grass"]}),
        ({"baz": "qux", "foo": ["a", 2, "c"]}, {"op": "test", "path": "/foo/1", "value": 2},
         {"baz": "qux", "foo": ["a", 2, "c"]}),
        ({"foo": "bar"}, {"op": "add", "path": "/child", "value": {"grandchild": {}}},
         {"foo": "bar", "child": {"grandchild": {}}}),
        ({"foo": "bar"}, {"op": "add", "path": "/baz", "value": "qux", "xyz": 123}, {"foo": "bar", "baz": "qux"}),
        ({"/": 9, "~1": 10}, {"op": "test", "path": "/~01", "value": 10}, {"/": 9, "~1": 10}),
        ({"foo": ["bar"]}, {"op": "add", "path": "/foo/-", "value": ["abc", "def"]}, {"foo": ["bar", ["abc", "def"]]}),
        ({"a": 1}, {"op": "add", "path": "/a", "value": None}, {"a": None}),
        ({"a": None}, {"op": "replace", "path": "/a", "value": 0}, {"a": 0}),
        ({"a": {"b": 1}}, {"op": "copy", "from": "/a", "path": "/a/b"}, {"a": {"b": {"b": 1}}}),
        ({"a": [1]}, {"op": "add", "path": "/a/1", "value": 2}, {"a": [1, 2]}),
        ({"": 1}, {"op": "test", "path": "/", "value": 1}, {"": 1}),
    ],
)  # fmt: skip
def test_the_examples_of_the_rfc(before: Any, operation: dict[str, Any], after: Any) -> None:
    kept = copy.deepcopy(before)
    assert patched(before, operation) == after
    assert before == kept


@pytest.mark.parametrize(
    ("before", "operation", "said"),
    [
        ({"baz": "qux"}, {"op": "test", "path": "/baz", "value": "bar"}, "another value"),
        ({"foo": "bar"}, {"op": "add", "path": "/baz/bat", "value": "qux"}, "nothing at `/meta/baz`"),
        ({"~1": 10}, {"op": "test", "path": "/~01", "value": "10"}, "another value"),
        ({"a": 1}, {"op": "test", "path": "/a", "value": True}, "another value"),
        ({"a": [0]}, {"op": "test", "path": "/a", "value": [False]}, "another value"),
        ({"a": 1}, {"op": "remove", "path": "/b"}, "nothing at `/meta/b`"),
        ({"a": 1}, {"op": "replace", "path": "/b", "value": 1}, "nothing at `/meta/b`"),
        ({"a": 1}, {"op": "copy", "from": "/b", "path": "/c"}, "nothing at `/meta/b`"),
        ({"a": 1}, {"op": "add", "path": "/a/b", "value": 1}, "nothing at `/meta/a/b`"),
        ({"a": [1]}, {"op": "add", "path": "/a/2", "value": 1}, "has 1 elements, so there is no `2`"),
        ({"a": [1]}, {"op": "remove", "path": "/a/1"}, "has 1 elements, so there is no `1`"),
        ({"a": [1, 2]}, {"op": "remove", "path": "/a/01"}, "write a number"),
        ({"a": [1]}, {"op": "remove", "path": "/a/-"}, "write a number"),
        ({"a": [1]}, {"op": "add", "path": "/a/x", "value": 1}, "write a number"),
        (None, {"op": "add", "path": "/a", "value": 1}, "nothing at `/meta/a`"),
    ],
)  # fmt: skip
def test_what_the_row_does_not_allow(before: Any, operation: dict[str, Any], said: str) -> None:
    fault = refused(before, {"op": "add", "path": "/first", "value": 1} if before else operation, operation)
    assert (fault.code, fault.status) == ("RESOURCE_CONFLICT", 409)
    assert said in fault.message
    assert fault.details[0].facts["operation"] in (0, 1)


def test_a_patch_asks_for_what_it_needs_and_no_more() -> None:
    rewrite, expected = read_patch(
        TASKS,
        [
            {"op": "test", "path": "/isDone", "value": False},
            {"op": "replace", "path": "/title", "value": "x"},
            {"op": "add", "path": "/tags/-", "value": "x"},
            {"op": "copy", "from": "/priority", "path": "/weight"},
            {"op": "move", "from": "/deadline", "path": "/start"},
        ],
    )
    assert set(rewrite.shows) == {"is_done", "tags", "priority", "deadline"}
    assert set(rewrite.writes) == {"title", "tags", "weight", "deadline", "start"}
    assert expected is None


def test_what_is_no_array_is_refused() -> None:
    for body in ({"op": "add"}, None, "add", 1):
        with pytest.raises(Fault, match="must be an array of operations"):
            read_patch(TASKS, body)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab/~é", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("ab/~01", max_size=2), inner, max_size=4)
    ),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text("ab/~01", max_size=2), VALUES, max_size=4)


def difference(before: Any, after: Any, path: str = "") -> list[dict[str, Any]]:
    """Operations that lead from one value to another, member by member."""
    if same(before, after):
        return [{"op": "test", "path": path, "value": after}]
    if isinstance(before, dict) and isinstance(after, dict):
        found: list[dict[str, Any]] = []
        for name in before.keys() | after.keys():
            at = f"{path}/{name.replace('~', '~0').replace('/', '~1')}"
            if name not in after:
                found.append({"op": "remove", "path": at})
            elif name not in before:
                found.append({"op": "add", "path": at, "value": after[name]})
            else:
                found += difference(before[name], after[name], at)
        return found
    if isinstance(before, list) and isinstance(after, list):
        gone = [{"op": "remove", "path": f"{path}/0"} for _ in before]
        return gone + [{"op": "add", "path": f"{path}/-", "value": item} for item in after]
    return [{"op": "replace", "path": path, "value": after}]


@given(OBJECTS, OBJECTS)
def test_the_difference_of_two_values_leads_from_one_to_the_other(before: Any, after: Any) -> None:
    kept = copy.deepcopy(before)
    assert same(patched(before, *difference(before, after)), after)
    assert same(before, kept)


@given(OBJECTS, VALUES)
def test_what_is_moved_there_and_back_is_as_it_was(before: dict[str, Any], value: Any) -> None:
    held = {**before, "from": value}
    there = {"op": "move", "from": "/from", "path": "/to"}
    assert same(patched(held, there, {"op": "move", "from": "/to", "path": "/from"}), held)


@given(VALUES, VALUES)
def test_a_test_holds_for_equal_values_alone(left: Any, right: Any) -> None:
    operation = {"op": "test", "path": "/a", "value": right}
    if same(left, right):
        assert patched({"a": left}, operation) == {"a": left}
    else:
        assert refused({"a": left}, operation).status == 409

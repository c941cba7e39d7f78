"""Expressions over a row: two-valued logic, what is local, what is read."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.base.call import ANONYMOUS, Actor
from headwater.ir import expr as e
from headwater.ir.evaluate import compile_python, is_local, reads
from headwater.ir.words import words
from tests.unit.films import FILMS, TASK

ADA = Actor("person_ada", roles=frozenset({"guest", "user"}))
NOW = datetime(2026, 1, 31, tzinfo=UTC)
ROW: Mapping[str, Any] = {
    "id": "task_1", "title": "Straße", "project": "SWA", "artist": "person_ada", "status": "approved",
    "priority": 5, "bid": Decimal("12.50"), "weight": None, "urgent": True, "start": date(2026, 1, 1),
    "deadline": None, "seen_at": NOW, "tags": ["roto"], "meta": None, "effort": None,
}  # fmt: skip


def col(*path: str, root: str | None = None) -> e.Column:
    return e.Column(path, root)


def cmp(op: Any, left: e.Scalar, right: Any) -> e.Compare:
    return e.Compare(op, left, right if hasattr(right, "__dataclass_fields__") else e.Value(right))


def value(expr: e.Expr, actor: Actor = ADA) -> Any:
    return compile_python(expr, TASK)(ROW, actor, NOW)


ANY_TASK = e.Related("any", ("project", "members"), e.TRUE)


@pytest.mark.parametrize(
    ("expr", "result"),
    [
        (cmp("eq", col("status"), "approved"), True),
        (cmp("ne", col("status"), "approved"), False),
        (cmp("eq", col("artist"), e.ActorValue()), True),
        (cmp("lt", col("priority"), 6), True),
        (cmp("gte", col("bid"), Decimal("12.50")), True),
        (cmp("gte", col("deadline"), col("start")), False),
        (e.Not(cmp("gte", col("deadline"), col("start"))), True),
        (cmp("eq", col("deadline"), None), False),
        (cmp("ne", col("deadline"), None), True),
        (cmp("ne", col("deadline"), date(2026, 1, 1)), True),
        (cmp("lte", col("seen_at"), e.Now()), True),
        (e.OneOf(col("status"), ("approved", "x")), True),
        (e.OneOf(col("weight"), (1.0,)), False),
        (e.IsNull(col("weight")), True),
        (e.Matches("contains", col("title"), e.Value("STRASSE")), True),
        (e.Matches("startsWith", col("title"), e.Value("stras")), True),
        (e.Matches("contains", col("project"), e.Value("swa")), False),
        (e.HasElement(col("tags"), e.Value("roto")), True),
        (e.HasElement(col("tags"), e.Value("paint")), False),
        (col("urgent"), True),
        (e.And((col("urgent"), e.Not(e.IsNull(col("artist"))))), True),
        (e.Or((e.FALSE, e.HasRole("admin"))), False),
        (e.HasRole("user"), True),
        (e.Arithmetic("+", col("priority"), e.Value(2)), 7),
        (e.Arithmetic("*", col("weight"), e.Value(2)), None),
        (e.Coalesce((col("weight"), col("priority"))), 5),
        (e.Coalesce((col("weight"),)), None),
        (e.Case(col("urgent"), e.Value(1), e.Value(2)), 1),
        (col("is_done"), True),
        (e.Not(e.Case(e.TRUE, e.Value(None), e.Value(True))), True),
    ],
)  # fmt: skip
def test_values(expr: e.Expr, result: Any) -> None:
    assert value(expr) == result


def test_nobody_is_equal_to_nobody() -> None:
    """A rule that compares with the actor stays closed for the anonymous, whatever the row holds."""
    rule = compile_python(cmp("eq", col("artist"), e.ActorValue()), TASK)
    assert not rule({**ROW, "artist": None}, ANONYMOUS, NOW)


def test_what_is_local() -> None:
    assert is_local(cmp("eq", col("artist"), e.ActorValue()), TASK)
    assert is_local(col("is_done"), TASK)
    assert is_local(col("status", root="Task"), TASK)
    for beyond in (col("project", "name"), col("spent"), ANY_TASK, col("name", root="Project"),
                   e.Not(e.And((e.TRUE, ANY_TASK)))):  # fmt: skip
        assert not is_local(beyond, TASK)
        with pytest.raises(ValueError, match="beyond one row"):
            compile_python(beyond, TASK)


def test_reads() -> None:
    rule = e.Related("any", ("project", "people"), cmp("eq", col("name"), col("title", root="Task")))
    assert reads(rule, TASK, FILMS) == {
        ("Task", "project"), ("Project", "code"), ("Membership", "project"), ("Membership", "person"),
        ("Person", "id"), ("Person", "name"), ("Task", "title"),
    }  # fmt: skip
    assert reads(col("spent"), TASK, FILMS) == {("TimeLog", "task"), ("TimeLog", "id"), ("TimeLog", "hours")}
    assert reads(col("project", "name"), TASK, FILMS) == {
        ("Task", "project"), ("Project", "code"), ("Project", "name"),
    }  # fmt: skip


LEAVES = st.sampled_from(
    [
        cmp("eq", col("artist"), e.ActorValue()), cmp("lt", col("weight"), 1.0), col("urgent"), e.TRUE,
        e.FALSE, e.IsNull(col("deadline")), e.HasRole("admin"), cmp("ne", col("deadline"), None),
        e.OneOf(col("weight"), (1.0,)), e.Matches("contains", col("title"), e.Value("x")),
    ]
)  # fmt: skip
PREDICATES = st.recursive(
    LEAVES,
    lambda inner: (
        st.builds(e.Not, inner)
        | st.builds(lambda a, b: cmp("eq", a, b), inner, inner)
        | st.builds(lambda a: cmp("eq", e.Case(a, e.Value(1), e.Value(2)), 1), inner)
        | st.lists(inner, min_size=1, max_size=3).map(lambda items: e.And(tuple(items)))
        | st.lists(inner, min_size=1, max_size=3).map(lambda items: e.Or(tuple(items)))
    ),
    max_leaves=8,
)


@given(PREDICATES, st.booleans(), st.sampled_from([None, 0.5, 1.0]))
def test_logic_is_two_valued(predicate: e.Predicate, urgent: bool, weight: float | None) -> None:
    row = {**ROW, "urgent": urgent, "weight": weight}
    holds = compile_python(predicate, TASK)(row, ADA, NOW)
    assert holds in (True, False)
    assert compile_python(e.Not(predicate), TASK)(row, ADA, NOW) is (not holds)
    assert compile_python(e.negate(predicate), TASK)(row, ADA, NOW) is (not holds)
    assert compile_python(e.fold_roles(predicate, ADA.roles), TASK)(row, ADA, NOW) == holds


@given(PREDICATES)
def test_everything_can_be_said(predicate: e.Predicate) -> None:
    assert words(predicate)


@pytest.mark.parametrize(
    ("expr", "stated"),
    [
        (cmp("gte", col("deadline"), col("start")), "deadline is at least start"),
        (cmp("ne", col("status"), "approved"), "status is not approved"),
        (cmp("eq", col("artist"), e.ActorValue()), "artist is you"),
        (e.Not(e.IsNull(col("seen_at"))), "seenAt is given"),
        (e.IsNull(col("seen_at")), "seenAt is empty"),
        (e.Not(e.OneOf(col("status"), ("a", "b"))), "status is not one of a, b"),
        (e.Matches("startsWith", col("title"), e.Value("x")), "title starts with x"),
        (e.Not(e.HasElement(col("tags"), e.Value("x"))), "tags does not contain x"),
        (e.And((col("urgent"), e.Or((e.HasRole("a"), e.HasRole("b"))))),
         "urgent and (you have the role a or you have the role b)"),
        (e.Not(e.And((e.HasRole("a"), col("urgent")))), "you do not have the role a or urgent is not true"),
        (e.Related("any", ("project", "people"), cmp("eq", col("id"), e.ActorValue())),
         "there is one of project.people where id is you"),
        (e.Not(ANY_TASK), "there is none of project.members"),
        (cmp("lt", e.Aggregate("sum", col("hours"), path=("time_logs",)), Decimal("1.50")),
         "the sum of hours over timeLogs is less than 1.50"),
        (cmp("gt", e.Aggregate("count", where=col("urgent"), resource="Task"), 0),
         "the number of Task where urgent is more than 0"),
    ],
)  # fmt: skip
def test_words(expr: e.Predicate, stated: str) -> None:
    assert words(expr) == stated

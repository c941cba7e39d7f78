"""The critical path: against the longest way through the graph, found naively."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater_products.production.critical_path import (
    Circular,
    Place,
    Step,
    in_order,
    path,
    places,
)
from headwater_products.production.working_time import calendar_day, workday, working_days


@st.composite
def plans(draw: st.DrawFn) -> dict[str, Step]:
    """Steps that need some of those before them, in a shuffled order."""
    names = [f"s{n}" for n in range(draw(st.integers(0, 9)))]
    steps = {}
    for n, name in enumerate(names):
        needs = draw(st.lists(st.sampled_from(names[:n]), unique=True, max_size=4)) if n else []
        lags = [(other, draw(st.integers(0, 3))) for other in needs]
        unknown = [("elsewhere", 2)] if draw(st.booleans()) else []
        steps[name] = Step(draw(st.integers(1, 6)), (*lags, *unknown), draw(st.integers(0, 8)))
    return {name: steps[name] for name in draw(st.permutations(names))}


def slack(place: Place) -> int:
    """The days by which a step can slip."""
    return place.latest_end - place.end


@given(plans())
def test_each_step_ends_after_the_longest_way_to_it(steps: dict[str, Step]) -> None:
    @lru_cache(None)
    def end(name: str) -> int:
        step = steps[name]
        return step.days + max([step.after, *(end(n) + lag for n, lag in step.needs if n in steps)])

    found = places(steps)
    assert {name: place.end for name, place in found.items()} == {name: end(name) for name in steps}
    assert all(place.end - place.start == steps[name].days for name, place in found.items())


@given(plans(), st.integers(1, 5))
def test_a_step_may_slip_by_its_slack_and_no_day_more(steps: dict[str, Step], more: int) -> None:
    found = places(steps)
    last = max((place.end for place in found.values()), default=0)
    for name, place in found.items():
        assert slack(place) >= 0
        assert place.critical == (slack(place) == 0)
        for slip in (slack(place), slack(place) + more):
            step = steps[name]
            moved = steps | {name: Step(step.days, step.needs, place.start + slip)}
            assert (max(p.end for p in places(moved).values()) > last) == (slip > slack(place))


@given(plans())
def test_the_path_is_a_chain_without_gaps_to_the_last_end(steps: dict[str, Step]) -> None:
    found = places(steps)
    chain = path(steps, found)
    assert bool(chain) == bool(steps)
    assert all(found[name].critical for name in chain)
    for before, after in pairwise(chain):
        lag = dict(steps[after].needs)[before]
        assert found[before].end + lag == found[after].start
    if chain:
        assert found[chain[-1]].end == max(place.end for place in found.values())
        assert found[chain[0]].start == steps[chain[0]].after, "the first is held up by nothing that is open"


def test_what_has_ended_lies_where_it_was() -> None:
    steps = {
        "done": Step(3, (), 2, ended=True),
        "early": Step(2, (("done", 1),), 0),
        "over": Step(1, (("early", 0),), 4, ended=True),
        "long": Step(9, (), 0),
    }
    found = places(steps)
    assert (found["done"].start, found["done"].end, slack(found["done"])) == (2, 5, 0)
    assert (found["early"].start, slack(found["early"])) == (6, 1)
    assert (found["over"].start, found["over"].end) == (4, 5)
    assert [name for name, place in found.items() if place.critical] == ["long"]


@given(plans())
def test_an_order_puts_each_step_behind_what_it_needs(steps: dict[str, Step]) -> None:
    order = in_order(steps)
    assert sorted(order) == sorted(steps)
    for name in order:
        assert all(order.index(n) < order.index(name) for n, _ in steps[name].needs if n in steps)


def test_a_circle_is_told() -> None:
    with pytest.raises(Circular, match="a, b"):
        places({"a": Step(1, (("b", 0),)), "b": Step(1, (("a", 0),)), "c": Step(1)})


@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(-3, 30))
def test_working_days_are_counted_without_weekends(day: date, more: int) -> None:
    number = workday(day)
    back = calendar_day(number)
    assert back.weekday() < 5
    assert back == day if day.weekday() < 5 else timedelta(0) < back - day < timedelta(days=3)
    assert workday(day + timedelta(weeks=1)) == number + 5
    between = [day + timedelta(days=n) for n in range(more + 1)]
    assert working_days(day, day + timedelta(days=more)) == sum(d.weekday() < 5 for d in between)


def test_working_days_are_counted_to_both_ends_of_the_calendar() -> None:
    assert (workday(date.min), calendar_day(0)) == (0, date.min)
    last = workday(date.max)
    assert calendar_day(last) == calendar_day(last + 1) == calendar_day(10 * last) == date.max
    assert working_days(date.min, date.max) == last + 1

"""When each piece of work can begin and must end, and which of it cannot slip: the critical path method.

Kelley and Walker, "Critical-Path Planning and Scheduling" (1959). Days are working days, numbered from zero; an end is
the first day that is free again, so that a piece of three days from day 2 ends on day 5.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class Step(Struct, frozen=True):
    """A piece of work of some `days`, at least one. It begins neither before the day `after` nor before the steps that
    it `needs` have ended and their lag has passed. A step that has `ended` lies where it was and can no longer slip."""

    days: int
    needs: tuple[tuple[str, int], ...] = ()
    after: int = 0
    ended: bool = False


class Place(Struct, frozen=True):
    """Where a step lies: as early as it can, and as late as it may without delaying the last end."""

    start: int
    end: int
    latest_end: int
    critical: bool


class Circular(ValueError):
    """Steps that need each other in a circle."""


def places(steps: Mapping[str, Step]) -> dict[str, Place]:
    """The place of each step. What is needed and not among the steps is taken as done. Raises: Circular."""
    order = in_order(steps)
    starts: dict[str, int] = {}
    ends: dict[str, int] = {}
    for name in order:
        step = steps[name]
        start = step.after
        if not step.ended:
            for needed, lag in step.needs:
                if needed in ends and ends[needed] + lag > start:
                    start = ends[needed] + lag
        starts[name] = start
        ends[name] = start + step.days
    last = max(ends.values(), default=0)
    latest = dict.fromkeys(order, last)
    found = {}
    for name in reversed(order):
        step, start, end = steps[name], starts[name], ends[name]
        if step.ended:
            found[name] = Place(start, end, end, False)
            continue
        late = latest[name]
        found[name] = Place(start, end, late, late == end)
        for needed, lag in step.needs:
            if needed in latest and late - step.days - lag < latest[needed]:
                latest[needed] = late - step.days - lag
    return found


def in_order(steps: Mapping[str, Step]) -> list[str]:
    """The names, each after those that it needs. Raises: Circular."""
    left = dict.fromkeys(steps, 0)
    needed_by: dict[str, list[str]] = {}
    for name, step in steps.items():
        for needed, _ in step.needs:
            if needed in left:
                left[name] += 1
                needed_by.setdefault(needed, []).append(name)
    ready = [name for name, count in left.items() if count == 0]
    for name in ready:
        for other in needed_by.get(name, ()):
            left[other] -= 1
            if left[other] == 0:
                ready.append(other)
    if len(ready) < len(steps):
        raise Circular(f"{', '.join(sorted(set(steps) - set(ready))[:5])} need each other in a circle")
    return ready


def path(steps: Mapping[str, Step], found: Mapping[str, Place]) -> list[str]:
    """One chain of critical steps that leads to the last end, from the first to the last; empty if nothing is left."""
    open_ends = [name for name, place in found.items() if place.critical]
    if not open_ends:
        return []
    chain = [max(open_ends, key=lambda name: found[name].end)]
    while True:
        step, place = steps[chain[-1]], found[chain[-1]]
        before = [
            n
            for n, lag in step.needs
            if n in found and found[n].critical and found[n].end + lag == place.start
        ]
        if not before:
            return chain[::-1]
        chain.append(before[0])

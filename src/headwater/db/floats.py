"""Sums and means of floats, spelt alike for both databases."""

from headwater.db import types
from headwater.db.base import Element
from headwater.db.elements import Template


def float_sum(item: Element) -> Element:
    """The sum of a column of floats over some rows, zero of none; null where no float is as large."""
    return Template(_SUM, item, type=types.Float())


def float_mean(item: Element) -> Element:
    """The mean of a column of floats over some rows, null of none; of such as add up to no float too."""
    return Template(_MEAN, item, type=types.Float())


# PostgreSQL refuses to add, multiply or divide floats where the result is too large for one, or too small. So the large
# ones are added apart, and by a power of two smaller, by which no digit is lost.
_DOWN, _UP = "/ 4294967296.0 / 4294967296.0", "* 4294967296.0 * 4294967296.0"
_USUAL = "coalesce(sum(CASE WHEN abs({0}) < 1e288 THEN {0} END), 0.0)"
_LARGE = f"coalesce(sum(CASE WHEN abs({{0}}) >= 1e288 THEN {{0}} {_DOWN} END), 0.0)"
_ALL = f"({_LARGE} + CASE WHEN abs({_USUAL}) < 1 THEN 0 ELSE {_USUAL} {_DOWN} END)"
_MOST, _LEAST = repr(2.0**960), "4.9406564584124654e-324"
_SUM = f"(CASE WHEN {_LARGE} = 0 THEN {_USUAL} WHEN abs({_ALL}) < {_MOST} THEN {_ALL} {_UP} END)"
_NUMBER = "CAST(count({0}) AS FLOAT)"
_MEAN = (
    f"(CASE WHEN {_NUMBER} = 0 THEN NULL"
    f" WHEN {_LARGE} <> 0 THEN CASE WHEN abs({_ALL} / {_NUMBER}) < {_MOST} THEN {_ALL} / {_NUMBER} {_UP} END"
    f" WHEN 2 * abs({_USUAL}) <= {_NUMBER} * {_LEAST} THEN 0.0 ELSE {_USUAL} / {_NUMBER} END)"
)

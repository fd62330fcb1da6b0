"""Evenly spaced numbers, exact at every scale: as a person would count them, 0.1, 0.2, 0.3."""

from __future__ import annotations

from decimal import Decimal
from math import floor, isclose

_NOTHING = 1e-9  # of a step: how far rounding can take a number from its place


def last_place(low: float, high: float, step: float) -> int:
    """The number of steps from low to high."""
    return floor((_exact(high) - _exact(low)) / _exact(step) + Decimal(_NOTHING))


def at_place(low: float, high: float, step: float, place: int) -> float:
    """``low + place * step``; and high, where rounding alone keeps it apart from that."""
    value = float(_exact(low) + place * _exact(step))
    return high if isclose(value, high, rel_tol=0, abs_tol=_NOTHING * step) else value


def is_at(there: float, value: float, step: float) -> bool:
    """Whether a number is the one at its place, up to the rounding of those who computed it."""
    return isclose(there, value, rel_tol=1e-15, abs_tol=1e-6 * step)


def _exact(number: float) -> Decimal:
    return Decimal(repr(number))

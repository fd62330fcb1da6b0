"""Numbers in a range, on a linear or a log scale."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from tune_jobs.search_algos.domains.steps import at_place, is_at, last_place
from tune_jobs.search_algos.domains.values import SpaceError, plain, plain_domain


class Real(Protocol):
    """What a domain of real numbers has in common."""

    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def step(self) -> float | None: ...
    def value_at(self, place: int) -> float: ...
    def index(self, value: float) -> int: ...


def is_real_value(domain: Real, value: object) -> bool:
    """Whether a number lies in the range and, if there are steps, on one of them."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    if not domain.low <= value <= domain.high:
        return False
    return domain.step is None or is_at(domain.value_at(domain.index(value)), value, domain.step)


@dataclass(frozen=True)
class Float:
    """A real number in [low, high], uniform on a linear or (``log=True``) logarithmic scale.

    ``step`` keeps to the grid low, low + step, ...

    Raises SpaceError for an empty or inverted range, a log range from zero or below, or a
    step that is not positive.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None
    when: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        plain_domain(self)
        _check_range(self)

    @cached_property
    def size(self) -> int | None:
        """How many values there are; None for a continuum."""
        return None if self.step is None else last_place(self.low, self.high, self.step) + 1

    def value_at(self, place: int) -> float:
        """The value at a place of the grid, from 0; only with a step."""
        return at_place(float(self.low), float(self.high), self._step, place)

    def index(self, value: float) -> int:
        """The place of a value of the grid; only with a step."""
        return round((value - self.low) / self._step)

    def from_unit(self, unit: float) -> float:
        if self.size is not None:
            return self.value_at(_place(self, self.size, unit))
        if self.log:
            value = math.exp(_between(*self._log_ends, unit))
        else:
            value = _between(self.low, self.high, unit)
        return min(max(value, float(self.low)), float(self.high))

    def to_unit(self, value: float) -> float:
        if self.log:
            return _share(*self._log_ends, math.log(value))
        if self.size is not None:
            return (self.index(value) + 0.5) / self.size
        return _share(self.low, self.high, value)

    def contains(self, value: object) -> bool:
        return is_real_value(self, plain(value))

    def extremes(self) -> tuple[float, float]:
        return self.from_unit(0.0), self.from_unit(1.0)

    @property
    def _step(self) -> float:
        if self.step is None:
            raise ValueError(f"{_signature(self)} has no step, so no places")
        return self.step

    @cached_property
    def _log_ends(self) -> tuple[float, float]:
        if self.size is None:
            return math.log(self.low), math.log(self.high)
        return _log_ends(self.low, self.value_at(self.size - 1), self._step)


@dataclass(frozen=True)
class Int:
    """A whole number in [low, high], both ends included, on a linear or logarithmic scale.

    ``step`` keeps to low, low + step, ...

    Raises SpaceError for an empty or inverted range, ends that are not whole numbers, a log
    range from zero or below, or a step that is not positive.
    """

    low: int
    high: int
    log: bool = False
    step: int = 1
    when: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        plain_domain(self)
        for end in (self.low, self.high, self.step):
            if isinstance(end, bool) or not isinstance(end, int):
                raise SpaceError(f"{_signature(self)}: {end!r} is not a whole number; use Float")
        _check_range(self)

    @property
    def size(self) -> int:
        """How many values there are."""
        return (self.high - self.low) // self.step + 1

    def value_at(self, place: int) -> int:
        """The value at a place of the range, from 0."""
        return self.low + self.step * place

    def index(self, value: float) -> int:
        """The place of a value of the range, from 0."""
        return round((value - self.low) / self.step)

    def from_unit(self, unit: float) -> int:
        return self.value_at(_place(self, self.size, unit))

    def to_unit(self, value: float) -> float:
        if self.log:
            return _share(*self._log_ends, math.log(value))
        return (self.index(value) + 0.5) / self.size

    def contains(self, value: object) -> bool:
        value = plain(value)
        if isinstance(value, bool) or not isinstance(value, int):
            return False
        return self.low <= value <= self.high and (value - self.low) % self.step == 0

    def extremes(self) -> tuple[int, int]:
        return self.from_unit(0.0), self.from_unit(1.0)

    @cached_property
    def _log_ends(self) -> tuple[float, float]:
        return _log_ends(self.low, self.value_at(self.size - 1), self.step)


def _check_range(domain: Float | Int) -> None:
    low, high = domain.low, domain.high
    given = _signature(domain)
    for end in (low, high):
        if isinstance(end, bool) or not isinstance(end, (int, float)) or not _is_finite(end):
            raise SpaceError(f"{given}: {end!r} is not a finite number")
    if not _is_finite(high - low):
        raise SpaceError(f"{given}: the range is wider than numbers go; give a smaller one")
    if low == high:
        raise SpaceError(f"{given}: the range is empty; give the value itself instead of a range")
    if low > high:
        raise SpaceError(f"{given}: the range is inverted; low must be below high")
    if domain.log and low <= 0:
        raise SpaceError(f"{given}: a range on a log scale must start above 0, not at {low:g}")
    if domain.step is None:
        return
    if isinstance(domain.step, bool) or not isinstance(domain.step, (int, float)):
        raise SpaceError(f"{given}: step is {domain.step!r}; it must be a number")
    if not 0 < domain.step < math.inf:
        raise SpaceError(f"{given}: step is {domain.step}; it must be above zero")
    if domain.log and low <= domain.step / 2:
        raise SpaceError(
            f"{given}: step is {domain.step}; a log range with steps starts above half a step"
        )


def _is_finite(number: float) -> bool:
    """Whether a number is one that a float can hold."""
    try:
        return math.isfinite(number)
    except OverflowError:
        return False


def _signature(domain: Float | Int) -> str:
    log = ", log=True" if domain.log else ""
    return f"{type(domain).__name__}({domain.low}, {domain.high}{log})"


def _log_ends(low: float, last: float, step: float) -> tuple[float, float]:
    # Half a step beyond each end, so that the end values get a whole bin like the others.
    return math.log(low - step / 2), math.log(last + step / 2)


def _place(domain: Float | Int, size: int, unit: float) -> int:
    if domain.log:
        place = domain.index(math.exp(_between(*domain._log_ends, unit)))
        return min(max(place, 0), size - 1)
    return min(int(unit * size), size - 1)


def _between(low: float, high: float, unit: float) -> float:
    return low + unit * (high - low)


def _share(low: float, high: float, value: float) -> float:
    return (value - low) / (high - low)

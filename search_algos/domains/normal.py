"""A number from a normal distribution."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Any, ClassVar

from tune_jobs.search_algos.domains.numbers import is_real_value
from tune_jobs.search_algos.domains.steps import at_place, last_place
from tune_jobs.search_algos.domains.values import SpaceError, plain, plain_domain

_FARTHEST = 5  # standard deviations: one draw in two million would be farther away
_STANDARD = NormalDist()
_TAIL = _STANDARD.cdf(-_FARTHEST)


@dataclass(frozen=True)
class Normal:
    """A real number, normally distributed; no further than 5 standard deviations from the mean.

    ``step`` keeps to its multiples.

    Raises SpaceError for a standard deviation or a step that is not positive, and if no multiple
    of the step is near enough.
    """

    mean: float
    sd: float
    step: float | None = None
    when: Mapping[str, Any] | None = None

    log: ClassVar[bool] = False

    def __post_init__(self) -> None:
        plain_domain(self)
        given = f"Normal({self.mean!r}, {self.sd!r})"
        for number in (self.mean, self.sd, 1 if self.step is None else self.step):
            if isinstance(number, bool) or not isinstance(number, (int, float)):
                raise SpaceError(f"{given}: {number!r} is not a number")
            if not math.isfinite(number):
                raise SpaceError(f"{given}: {number!r} is not a finite number")
        if self.sd <= 0:
            raise SpaceError(f"{given}: the standard deviation is {self.sd}; it must be above zero")
        if self.step is not None and self.step <= 0:
            raise SpaceError(f"{given}: step is {self.step}; it must be above zero")
        if self.size == 0:
            raise SpaceError(f"{given}: no multiple of step, {self.step}, is near the mean")

    @property
    def low(self) -> float:
        """The smallest number."""
        return self._ends[0]

    @property
    def high(self) -> float:
        """The largest number."""
        return self._ends[1]

    @cached_property
    def size(self) -> int | None:
        """How many values there are; None for a continuum."""
        return None if self.step is None else max(0, last_place(*self._ends, self.step) + 1)

    def value_at(self, place: int) -> float:
        """The value at a place among the multiples of the step, from 0."""
        return at_place(*self._ends, self._step, place)

    def index(self, value: float) -> int:
        """The place of a value among the multiples of the step."""
        return round((value - self.low) / self._step)

    def from_unit(self, unit: float) -> float:
        z = _STANDARD.inv_cdf(_TAIL + unit * (1 - 2 * _TAIL))
        value = min(max(self.mean + self.sd * z, self.low), self.high)
        return value if self.step is None else self.value_at(self.index(value))

    def to_unit(self, value: float) -> float:
        share = _STANDARD.cdf((value - self.mean) / self.sd)
        return min(max((share - _TAIL) / (1 - 2 * _TAIL), 0.0), 1.0)

    def contains(self, value: object) -> bool:
        return is_real_value(self, plain(value))

    def extremes(self) -> tuple[float, float]:
        return self._ends

    @cached_property
    def _ends(self) -> tuple[float, float]:
        low, high = self.mean - _FARTHEST * self.sd, self.mean + _FARTHEST * self.sd
        if self.step is None:
            return low, high
        first, last = math.ceil(low / self.step), math.floor(high / self.step)
        far = math.inf
        return at_place(0.0, far, self.step, first), at_place(0.0, far, self.step, last)

    @property
    def _step(self) -> float:
        if self.step is None:
            raise ValueError(f"{self} has no step, so no places")
        return self.step

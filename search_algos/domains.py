"""What a hyperparameter can be: `Float`, `Int` or `Choice`, on a linear or a log scale.

Every domain maps the unit interval onto its values (`from_unit`) and back (`to_unit`), so a
searcher that only knows the unit cube can search any space. A domain with a condition,
`when={"optimizer": "sgd"}`, is part of a config only if its parent has that value.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any


class SpaceError(ValueError):
    """A space cannot be searched; the message says what was given, what is allowed, what to do."""


@dataclass(frozen=True)
class Float:
    """A real number in [low, high], uniform on a linear or (``log=True``) logarithmic scale.

    ``step`` keeps to the grid low, low + step, ... and excludes ``log``.

    Raises SpaceError for an empty or inverted range, a log range from zero or below, or a
    step that is not positive.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None
    when: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        _check_range(self)

    @property
    def size(self) -> int | None:
        """How many values there are; None for a continuum."""
        return None if self.step is None else self._grid_size(self.step)

    def value_at(self, place: int) -> float:
        """The value at a place of the grid, from 0; only with a step."""
        if self.step is None:
            raise ValueError(f"{_signature(self)} has no step, so no places")
        return min(round(self.low + place * self.step, 12), float(self.high))

    def index(self, value: float) -> int:
        """The place of a value of the grid; only with a step."""
        if self.step is None:
            raise ValueError(f"{_signature(self)} has no step, so no places")
        return round((value - self.low) / self.step)

    def from_unit(self, unit: float) -> float:
        if self.step is not None:
            return self.value_at(_bin(unit, self._grid_size(self.step)))
        if self.log:
            value = math.exp(_between(math.log(self.low), math.log(self.high), unit))
        else:
            value = _between(self.low, self.high, unit)
        return min(max(value, float(self.low)), float(self.high))

    def to_unit(self, value: float) -> float:
        if self.step is not None:
            return (self.index(value) + 0.5) / self._grid_size(self.step)
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            return (math.log(value) - low) / (high - low)
        return (value - self.low) / (self.high - self.low)

    def contains(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        if not self.low <= value <= self.high:
            return False
        return self.step is None or math.isclose(
            self.from_unit(self.to_unit(value)), value, rel_tol=1e-9, abs_tol=1e-9 * self.step
        )

    def extremes(self) -> tuple[float, float]:
        return self.from_unit(0.0), self.from_unit(1.0)

    def _grid_size(self, step: float) -> int:
        return math.floor((self.high - self.low) / step + 1e-9) + 1


@dataclass(frozen=True)
class Int:
    """A whole number in [low, high], both ends included, on a linear or logarithmic scale.

    ``step`` keeps to low, low + step, ... and excludes ``log``.

    Raises SpaceError for an empty or inverted range, ends that are not whole numbers, a log
    range from zero or below, or a step that is not positive.
    """

    low: int
    high: int
    log: bool = False
    step: int = 1
    when: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
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
        if self.log:
            value = round(math.exp(_between(*self._log_ends(), unit)))
            return min(max(value, self.low), self.high)
        return self.value_at(_bin(unit, self.size))

    def to_unit(self, value: float) -> float:
        if self.log:
            low, high = self._log_ends()
            return (math.log(value) - low) / (high - low)
        return (self.index(value) + 0.5) / self.size

    def contains(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int):
            return False
        return self.low <= value <= self.high and (value - self.low) % self.step == 0

    def extremes(self) -> tuple[int, int]:
        return self.from_unit(0.0), self.from_unit(1.0)

    def _log_ends(self) -> tuple[float, float]:
        # Half a unit beyond each end, so that the end values get a whole bin like the others.
        return math.log(self.low - 0.5), math.log(self.high + 0.5)


@dataclass(frozen=True)
class Choice:
    """One of the given values, without an order. Values are JSON: text, numbers, true/false, null.

    Raises SpaceError for no values, a repeated value, or a value that JSON cannot hold.
    """

    values: Sequence[Any]
    when: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.values, str) or not isinstance(self.values, Sequence):
            raise SpaceError(f"Choice({self.values!r}): give a list of values")
        if not self.values:
            raise SpaceError("Choice([]): there is nothing to choose from; give at least one value")
        for value in self.values:
            if not is_json(value):
                raise SpaceError(
                    f"Choice: {value!r} is not a JSON value; name it with a string and look the "
                    "name up in the model"
                )
        for place, value in enumerate(self.values):
            if self.index(value) != place:
                raise SpaceError(f"Choice: {value!r} is given more than once")

    @property
    def size(self) -> int:
        """How many values there are."""
        return len(self.values)

    def value_at(self, place: int) -> Any:
        """The value at a place of the list, from 0."""
        return self.values[place]

    def index(self, value: object) -> int:
        """The place of a value in the list."""
        return self._places[json_key(value)]

    def from_unit(self, unit: float) -> Any:
        return self.value_at(_bin(unit, self.size))

    def to_unit(self, value: Any) -> float:
        return (self.index(value) + 0.5) / self.size

    def contains(self, value: object) -> bool:
        return is_json(value) and json_key(value) in self._places

    def extremes(self) -> Sequence[Any]:
        return self.values

    @cached_property
    def _places(self) -> dict[str, int]:
        return {json_key(value): place for place, value in enumerate(self.values)}


Domain = Float | Int | Choice


def place_count(domain: Domain) -> int | None:
    """How many values there are, evenly apart; None for a continuum and for a log scale."""
    return None if not isinstance(domain, Choice) and domain.log else domain.size


def _check_range(domain: Float | Int) -> None:
    low, high = domain.low, domain.high
    given = _signature(domain)
    for end in (low, high):
        if isinstance(end, bool) or not isinstance(end, (int, float)) or not math.isfinite(end):
            raise SpaceError(f"{given}: {end!r} is not a finite number")
    if low == high:
        raise SpaceError(f"{given}: the range is empty; give the value itself instead of a range")
    if low > high:
        raise SpaceError(f"{given}: the range is inverted; low must be below high")
    if domain.log and low <= 0:
        raise SpaceError(f"{given}: a log range starts above zero, this one at {low}")
    if domain.step is not None and domain.step <= 0:
        raise SpaceError(f"{given}: step is {domain.step}; it must be above zero")
    if domain.log and domain.step not in (None, 1):
        raise SpaceError(f"{given}: a log range has no step; leave one of the two out")


def _signature(domain: Float | Int) -> str:
    log = ", log=True" if domain.log else ""
    return f"{type(domain).__name__}({domain.low}, {domain.high}{log})"


def _between(low: float, high: float, unit: float) -> float:
    return low + unit * (high - low)


def _bin(unit: float, bins: int) -> int:
    return min(int(unit * bins), bins - 1)


def json_key(value: object) -> str:
    """Equal for equal JSON values; unlike with `==`, 1, 1.0 and true are different."""
    return json.dumps(value, sort_keys=True)


def is_json(value: object) -> bool:
    """Whether a value is unchanged after it was written as JSON and read."""
    try:
        return bool(json.loads(json.dumps(value, allow_nan=False)) == value)
    except (TypeError, ValueError):
        return False

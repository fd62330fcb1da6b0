"""The search space: `Float`, `Int` and `Choice`, on linear or log scales, with conditions.

Every domain maps the unit interval onto its values (`from_unit`) and back (`to_unit`), so a
searcher that only knows the unit cube can search any space. A parameter with a condition,
`when={"optimizer": "sgd"}`, is part of a config only where its parent has that value.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

Config = dict[str, Any]
"""One assignment of the active parameters of a space: name -> value."""


class SpaceError(ValueError):
    """A space that cannot be searched: says what was given, what is allowed, and what to do."""


class Uniform(Protocol):
    """What `Space.sample` needs of a random generator; `numpy.random.Generator` has it."""

    def random(self) -> float: ...


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

    def from_unit(self, unit: float) -> float:
        if self.step is not None:
            index = _bin(unit, self._grid_size(self.step))
            return min(round(self.low + index * self.step, 12), float(self.high))
        if self.log:
            value = math.exp(_between(math.log(self.low), math.log(self.high), unit))
        else:
            value = _between(self.low, self.high, unit)
        return min(max(value, float(self.low)), float(self.high))

    def to_unit(self, value: float) -> float:
        if self.step is not None:
            return (round((value - self.low) / self.step) + 0.5) / self._grid_size(self.step)
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

    def from_unit(self, unit: float) -> int:
        if self.log:
            value = round(math.exp(_between(*self._log_ends(), unit)))
            return min(max(value, self.low), self.high)
        return self.low + self.step * _bin(unit, self._grid_size())

    def to_unit(self, value: int) -> float:
        if self.log:
            low, high = self._log_ends()
            return (math.log(value) - low) / (high - low)
        return ((value - self.low) // self.step + 0.5) / self._grid_size()

    def contains(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int):
            return False
        return self.low <= value <= self.high and (value - self.low) % self.step == 0

    def extremes(self) -> tuple[int, int]:
        return self.from_unit(0.0), self.from_unit(1.0)

    def _grid_size(self) -> int:
        return (self.high - self.low) // self.step + 1

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
            if not _is_json(value):
                raise SpaceError(
                    f"Choice: {value!r} is not a JSON value; name it with a string and look the "
                    "name up in the model"
                )
        keys = [_key(value) for value in self.values]
        for value, key in zip(self.values, keys, strict=True):
            if keys.count(key) > 1:
                raise SpaceError(f"Choice: {value!r} is given more than once")

    def from_unit(self, unit: float) -> Any:
        return self.values[_bin(unit, len(self.values))]

    def to_unit(self, value: Any) -> float:
        return (self.index(value) + 0.5) / len(self.values)

    def index(self, value: object) -> int:
        return [_key(v) for v in self.values].index(_key(value))

    def contains(self, value: object) -> bool:
        return _is_json(value) and _key(value) in [_key(v) for v in self.values]

    def extremes(self) -> Sequence[Any]:
        return self.values


Domain = Float | Int | Choice


class Space(Mapping[str, Domain]):
    """Named domains, searched together.

    Raises SpaceError for a value that is not a domain, and for a condition on a parameter
    that does not exist, is not a `Choice`, cannot take the named value, or depends on itself.
    """

    def __init__(self, domains: Mapping[str, Domain]) -> None:
        self._domains = dict(domains)
        for name, domain in self._domains.items():
            if not isinstance(domain, (Float, Int, Choice)):
                raise SpaceError(f"{name!r} is {domain!r}; a domain is Float, Int or Choice")
            self._check_condition(name, domain)
        self._parents_first = self._sorted_by_condition()

    def __getitem__(self, name: str) -> Domain:
        return self._domains[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._domains)

    def __len__(self) -> int:
        return len(self._domains)

    @property
    def has_conditions(self) -> bool:
        return any(domain.when for domain in self._domains.values())

    def sample(self, rng: Uniform) -> Config:
        """A random config; draws exactly one number per parameter, active or not."""
        return self.decode([rng.random() for _ in self._domains])

    def contains(self, config: Mapping[str, Any]) -> bool:
        """Whether config holds exactly the active parameters, each with a value of its domain."""
        active = [name for name in self._domains if self._is_active(name, config)]
        return set(config) == set(active) and all(self[n].contains(config[n]) for n in active)

    def encode(self, config: Mapping[str, Any]) -> list[float]:
        """The point of the unit cube, one coordinate per parameter; inactive ones are 0.5."""
        return [
            domain.to_unit(config[name]) if name in config else 0.5
            for name, domain in self._domains.items()
        ]

    def decode(self, point: Sequence[float]) -> Config:
        """The config at a point of the unit cube, one coordinate in [0, 1] per parameter."""
        unit = dict(zip(self._domains, point, strict=True))
        config: Config = {}
        for name in self._parents_first:
            if self._is_active(name, config):
                config[name] = self[name].from_unit(unit[name])
        return {name: config[name] for name in self._domains if name in config}

    def _is_active(self, name: str, config: Mapping[str, Any]) -> bool:
        return all(
            parent in config and _among(config[parent], wanted)
            for parent, wanted in (self[name].when or {}).items()
        )

    def _check_condition(self, name: str, domain: Domain) -> None:
        for parent, wanted in (domain.when or {}).items():
            if parent not in self._domains:
                raise SpaceError(f"{name!r} depends on {parent!r}, which is not in the space")
            choice = self._domains[parent]
            if not isinstance(choice, Choice):
                raise SpaceError(
                    f"{name!r} depends on {parent!r}, which is {type(choice).__name__}; a "
                    "condition needs a Choice"
                )
            for value in allowed_values(wanted):
                if not choice.contains(value):
                    raise SpaceError(
                        f"{name!r} depends on {parent!r} being {value!r}; {parent!r} can be "
                        + ", ".join(map(repr, choice.values))
                    )

    def _sorted_by_condition(self) -> list[str]:
        done: list[str] = []
        waiting = list(self._domains)
        while waiting:
            ready = [n for n in waiting if set(self[n].when or ()) <= set(done)]
            if not ready:
                raise SpaceError(f"conditions go in a circle: {', '.join(waiting)}")
            done += ready
            waiting = [n for n in waiting if n not in ready]
        return done


def split(values: Mapping[str, Any]) -> tuple[Space, Config]:
    """Domains and plain values, apart. A plain value settles the conditions that name it: a
    parameter whose condition it meets is searched without it, any other is left out."""
    constants = {name: v for name, v in values.items() if not isinstance(v, Domain)}
    domains = {name: v for name, v in values.items() if isinstance(v, Domain)}
    left_out: set[str] = set()
    for _ in domains:  # as deep as conditions can be nested
        left_out |= {
            name
            for name, domain in domains.items()
            for parent, wanted in (domain.when or {}).items()
            if parent in left_out or (parent in constants and not _among(constants[parent], wanted))
        }
    return Space(
        {
            name: replace(domain, when={p: w for p, w in domain.when.items() if p not in constants})
            if domain.when
            else domain
            for name, domain in domains.items()
            if name not in left_out
        }
    ), constants


def allowed_values(wanted: Any) -> Sequence[Any]:
    """The parent values of a condition: `"sgd"` is one, `("sgd", "adam")` is two."""
    return wanted if isinstance(wanted, (list, tuple)) else (wanted,)


def _among(value: object, wanted: Any) -> bool:
    return _key(value) in [_key(allowed) for allowed in allowed_values(wanted)]


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


def _key(value: object) -> str:
    """Equality of JSON values that tells 1 from True and 1.0."""
    return json.dumps(value, sort_keys=True)


def _is_json(value: object) -> bool:
    try:
        return bool(json.loads(json.dumps(value, allow_nan=False)) == value)
    except (TypeError, ValueError):
        return False

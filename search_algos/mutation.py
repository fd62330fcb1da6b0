"""Small changes of a config, for searchers and schedulers that try what lies near a good one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tune_jobs.search_algos.domains import Choice, Domain, Float, Int
from tune_jobs.search_algos.space import Config, Space

if TYPE_CHECKING:
    import numpy as np


def mutant(
    space: Space, config: Config, rng: np.random.Generator, *, chance: float, step: float
) -> Config:
    """The config with each parameter changed with this chance, and at least one.

    A number moves by a normal draw with the standard deviation ``step``, in parts of its range;
    a Choice takes any other value; a parameter that becomes active is drawn.
    """
    names = list(config)
    chosen = {name for name in names if rng.random() < chance}
    chosen = chosen or {names[rng.integers(len(names))]}

    def value(name: str, domain: Domain) -> Any:
        if name not in config:
            return domain.from_unit(rng.random())
        if name not in chosen:
            return config[name]
        if isinstance(domain, Choice):
            return another(domain, config[name], rng)
        unit = domain.to_unit(config[name])
        return moved(domain, config[name], _mirrored(unit + rng.normal(0, step)) - unit)

    return space.build(value)


def another(choice: Choice, value: Any, rng: np.random.Generator) -> Any:
    """Any other value of a Choice; its own where there is no other."""
    if choice.size == 1:
        return value
    place = int(rng.integers(choice.size - 1))
    return choice.value_at(place + (place >= choice.index(value)))


def moved(domain: Float | Int, value: float, by: float) -> float:
    """The number that lies ``by`` of the range further on its scale, at most at the end.

    Where the domain has places it is at least the next one in that direction, if there is one.
    """
    there = domain.from_unit(min(max(domain.to_unit(value) + by, 0.0), 1.0))
    if domain.size is None or domain.index(there) != domain.index(value):
        return there
    place = domain.index(value) + (by > 0) - (by < 0)
    return domain.value_at(min(max(place, 0), domain.size - 1))


def _mirrored(unit: float) -> float:
    """Back into the unit interval, as far from the end as it was beyond."""
    inside = abs(unit) if unit < 1 else 2 - unit
    return min(max(inside, 0.0), 1.0)

"""Small changes of a config, to try similar ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tune_jobs.search_algos.domains import Choice, Domain, Number
from tune_jobs.search_algos.space import Config, Space

if TYPE_CHECKING:
    import numpy as np


def mutant(
    space: Space, config: Config, rng: np.random.Generator, *, chance: float, step: float
) -> Config:
    """A config in which each parameter differs with this chance, and at least one differs.

    A number moves by a normal draw with the standard deviation ``step``, as a share of its range.
    A Choice takes any other value. A parameter that becomes active is drawn at random.
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
    """Any other value of a Choice; the same if there is no other."""
    if choice.size == 1:
        return value
    place = int(rng.integers(choice.size - 1))
    return choice.value_at(place + (place >= choice.index(value)))


def moved(domain: Number, value: float, by: float) -> float:
    """The number that is ``by`` of the range further on its scale, or the end of the range.

    If the domain has steps, the number moves by at least one, unless it is at the end.
    """
    there = domain.from_unit(min(max(domain.to_unit(value) + by, 0.0), 1.0))
    if domain.size is None or domain.index(there) != domain.index(value):
        return there
    place = domain.index(value) + (by > 0) - (by < 0)
    return domain.value_at(min(max(place, 0), domain.size - 1))


def _mirrored(unit: float) -> float:
    """A number beyond an end of the unit interval comes back by as much."""
    inside = abs(unit) if unit < 1 else 2 - unit
    return min(max(inside, 0.0), 1.0)

"""Which configs were tried, and what to try instead of a repeated one."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from math import floor
from typing import TYPE_CHECKING

from tune_jobs.search_algos.mutation import mutant
from tune_jobs.search_algos.space import Config, Space

if TYPE_CHECKING:
    import numpy as np

_SAME = 2e-5  # of a range: Floats that are no further apart are the same
_MUTANTS = 100
_FIRST_STEP, _GROWTH = 0.01, 1.06  # of a range: from next door to anywhere


class ConfigSet:
    """A set in which configs are the same if their Floats are no more than 2e-5 of their ranges
    apart, and everything else is equal.

    A lookup costs the same however many there are: the set holds the cells in which a config of
    d Floats lies in d + 1 grids, each shifted by a part of a cell. Two values that are that close
    are in different cells in at most one of the grids, so two configs that are that close share
    all cells of at least one. (Configs up to d + 1 times as far apart may share them, too.)
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self._cells: set[Hashable] = set()

    def add(self, config: Config) -> None:
        self._cells.update(self._cells_of(config))

    def __contains__(self, config: Config) -> bool:
        return not self._cells.isdisjoint(self._cells_of(config))

    def _cells_of(self, config: Config) -> Iterator[Hashable]:
        if not self._space.contains(config):
            return
        places: list[int | None] = []
        units: list[float] = []
        for name, domain in self._space.items():
            if name in config and domain.size is None:
                units.append(domain.to_unit(config[name]))
            else:
                places.append(domain.index(config[name]) if name in config else None)
        grids = len(units) + 1
        for grid in range(grids):
            cells = (floor(unit / (_SAME * grids) + grid / grids) for unit in units)
            yield (grid, *places, *cells)


def untried_near(
    space: Space, config: Config, was_tried: Callable[[Config], bool], rng: np.random.Generator
) -> Config | None:
    """The nearest untried config that random draws find and the constraints allow; None if all
    were tried."""
    for attempt in range(_MUTANTS):
        step = _FIRST_STEP * _GROWTH**attempt
        chance = max(step, 1 / len(config))
        other = mutant(space, config, rng, chance=chance, step=step)
        if space.allows(other) and not was_tried(other):
            return other
    if space.constraints:  # they, and not what was tried, may be what the draws ran into
        for _ in range(_MUTANTS):
            if not was_tried(other := space.sample(rng)):
                return other
    # Hardly any are left, so this list is not much longer than the list of those tried.
    return next((other for other in space.configs() if not was_tried(other)), None)

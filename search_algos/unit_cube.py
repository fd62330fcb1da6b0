"""Features of points of the unit cube, for a model of distances."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tune_jobs.search_algos.conditions import meets
from tune_jobs.search_algos.domains import Choice, Domain, place_count
from tune_jobs.search_algos.space import Space

Points = NDArray[np.floating[Any]]

_FEW = 64  # values: more are as good as a continuum


class Features:
    """Points (n, parameters) of a space's unit cube to features (n, `count`).

    A number with few values is at the value it stands for; a Choice of k values is k numbers,
    one of them 1/√2 and the others 0, so that any two values are 1 apart; an inactive parameter
    is nowhere (0.5, or all 0), whatever its coordinate.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self._column = {name: column for column, name in enumerate(space)}

    @property
    def count(self) -> int:
        return sum(d.size if isinstance(d, Choice) else 1 for d in self._space.values())

    def __call__(self, points: Points) -> Points:
        active = self._active(points)
        blocks = []
        for name, domain in self._space.items():
            seen = _seen(domain, points[:, self._column[name]])
            nowhere = 0.0 if isinstance(domain, Choice) else 0.5
            blocks.append(np.where(active[name][:, None], seen, nowhere))
        return np.hstack(blocks)

    def _active(self, points: Points) -> dict[str, NDArray[np.bool_]]:
        active: dict[str, NDArray[np.bool_]] = {}
        for name in self._space.parents_first:
            mask = np.ones(len(points), dtype=bool)
            for parent, wanted in (self._space[name].when or {}).items():
                column = points[:, self._column[parent]]
                mask &= active[parent] & _is_among(self._space[parent], wanted, column)
            active[name] = mask
        return active


def _seen(domain: Domain, units: Points) -> Points:
    if isinstance(domain, Choice):
        corners = np.zeros((len(units), domain.size))
        corners[np.arange(len(units)), _places(domain, units)] = np.sqrt(0.5)
        return corners
    if domain.size is None or (domain.size > _FEW and place_count(domain) is not None):
        return units[:, None]
    # Of many values on a log scale, the first ones are far apart all the same.
    few = [domain.value_at(place) for place in range(min(domain.size, _FEW))]
    stands_for = np.array([domain.to_unit(value) for value in few])
    edges = (stands_for[1:] + stands_for[:-1]) / 2
    if place_count(domain) is None:
        halves = [(one + next_one) / 2 for one, next_one in itertools.pairwise(few)]
        edges = np.array([domain.to_unit(half) for half in halves])
    beyond = (units > stands_for[-1]) & (len(few) < domain.size)
    return np.where(beyond, units, stands_for[np.searchsorted(edges, units)])[:, None]


def _is_among(parent: Domain, wanted: Any, units: Points) -> NDArray[np.bool_]:
    if isinstance(parent, Choice):
        met = [place for place, value in enumerate(parent.values) if meets(value, wanted)]
        return np.isin(_places(parent, units), met)
    return np.array([meets(parent.from_unit(unit), wanted) for unit in units.tolist()], dtype=bool)


def _places(choice: Choice, units: Points) -> NDArray[np.int64]:
    return np.minimum((units * choice.size).astype(np.int64), choice.size - 1)

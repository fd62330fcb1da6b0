"""The order of losses: by size for one metric, by non-dominated rank for several.

With several metrics a loss is a tuple, and one is better than another for certain only if it
dominates it: no metric is worse, and one is better. Those that none dominates are the first
front; without them, those that none dominates are the second; and so on (Deb et al., NSGA-II,
2002). Within a front, the best by the first metric comes first, and then always the one farthest
from all before it, as in MO-ASHA (Schmucker et al., 2021), so that a cut through a front leaves it
wide. How far apart two are is measured in places and not in values: the units of the metrics, or
an increasing transform of one, change nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sortedcontainers import SortedList

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Loss = float | tuple[float, ...]
"""Of a report: a number, or one number for each metric if there are several. Lower is better."""

PICKS = 100
"""In a front, so many are chosen one after the other."""


def parts(loss: Loss) -> tuple[float, ...]:
    """Its numbers, one for each metric."""
    return loss if isinstance(loss, tuple) else (loss,)


def is_finite(loss: Loss) -> bool:
    return all(map(math.isfinite, parts(loss)))


def no_worse(one: Loss, other: Loss) -> bool:
    """Whether no metric of ``one`` is worse than that of ``other``."""
    return all(mine <= theirs for mine, theirs in zip(parts(one), parts(other), strict=True))


def best_first(losses: Mapping[int, Loss]) -> list[int]:
    """The numbers of trials in the order of their losses, all finite; among equals the lowest
    number first."""
    numbers = sorted(losses)
    if not any(isinstance(loss, tuple) for loss in losses.values()):
        return sorted(numbers, key=lambda number: losses[number])
    return [numbers[place] for place in _by_fronts([parts(losses[n]) for n in numbers])]


class Ranking:
    """Trials with their losses, the best first. They become more, and some of them wait."""

    def __init__(self) -> None:
        self._sorted: SortedList[tuple[float, int]] = SortedList()
        self._waiting: SortedList[tuple[float, int]] = SortedList()
        self._worth: dict[int, float] = {}  # the loss; with several metrics the place
        self._losses: dict[int, Loss] = {}  # with several metrics

    def __len__(self) -> int:
        return len(self._sorted)

    def add(self, trial_id: int, loss: Loss) -> int:
        """Returns how many are better."""
        if isinstance(loss, tuple):
            self._losses[trial_id] = loss
            self._sort_anew()
        else:
            self._worth[trial_id] = loss
            self._sorted.add((loss, trial_id))
        better: int = self._sorted.bisect_left((self._worth[trial_id], -1))
        return better

    def best(self, count: int | None = None) -> list[int]:
        """The best ones, or all."""
        return [trial_id for _, trial_id in self._sorted[:count]]

    def hold(self, trial_id: int) -> None:
        self._waiting.add((self._worth[trial_id], trial_id))

    def release(self, trial_id: int) -> None:
        if trial_id in self._worth:
            self._waiting.discard((self._worth[trial_id], trial_id))

    def first_waiting(self, count: int) -> int | None:
        """The best one that waits, if it is among so many best ones of all."""
        if not self._waiting:
            return None
        first: tuple[float, int] = self._waiting[0]
        return first[1] if self._sorted.bisect_left(first) < count else None

    def _sort_anew(self) -> None:
        """One that was added may change the fronts in which the others are."""
        self._worth = {n: float(place) for place, n in enumerate(best_first(self._losses))}
        self._sorted = SortedList((worth, n) for n, worth in self._worth.items())
        self._waiting = SortedList((self._worth[n], n) for _, n in self._waiting)


def _by_fronts(losses: list[tuple[float, ...]]) -> list[int]:
    """The places of the losses in this list, the best first."""
    import numpy as np  # here, because a declaration of a job needs neither
    from moocore import pareto_rank

    points = np.array(losses)
    columns = [np.unique(column, return_inverse=True)[1] for column in points.T]
    places = np.stack(columns, axis=1).astype(np.int64)
    ranks = pareto_rank(points)
    order: list[int] = []
    for rank in range(int(ranks.max()) + 1):
        (members,) = np.nonzero(ranks == rank)
        order += members[_spread(places[members])].tolist()
    return order


def _spread(places: NDArray[np.int64]) -> list[int]:
    """The best by the first column, and then always the farthest from those before it. After
    `PICKS` of them, the rest comes by its distance from those, since every pick looks at all."""
    import numpy as np

    nearest: Any = np.full(len(places), np.iinfo(np.int64).max)
    chosen = int(np.lexsort(places.T[::-1])[0])
    order = []
    for _ in places[:PICKS]:
        order.append(chosen)
        nearest = np.minimum(nearest, ((places - places[chosen]) ** 2).sum(axis=1))
        nearest[chosen] = -1
        chosen = int(nearest.argmax())
    rest = np.argsort(-nearest, kind="stable")[: len(places) - len(order)]
    return [*order, *rest.tolist()]

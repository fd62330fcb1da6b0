"""The median stopping rule (Golovin et al., "Google Vizier", KDD 2017).

Deliberate differences from Ray Tune's: a trial never yields its slot while there is too little
to compare with; a trial that reached its last epoch counts that epoch once.
"""

from __future__ import annotations

from collections import defaultdict
from math import nan

from sortedcontainers import SortedList

from tune_jobs.search_algos.base import Scheduler
from tune_jobs.search_algos.decisions import Continue, Decision, Stop
from tune_jobs.search_algos.space import Space


class MedianStopping(Scheduler):
    """Stops a trial whose best loss so far is worse than the median of the others' running
    means up to the same epoch.

    Args:
        grace_period: no trial stops before this epoch, and means start there.
        min_samples_required: other trials that must have come as far, at least 1.

    Raises ValueError for a grace_period outside 1..max_t or min_samples_required below 1.
    """

    rank_based = False
    can_grow = True

    def __init__(
        self,
        max_t: int,
        space: Space,
        seed: int,
        *,
        grace_period: int = 1,
        min_samples_required: int = 3,
    ) -> None:
        super().__init__(max_t, space, seed)
        if not isinstance(grace_period, int) or not 1 <= grace_period <= max_t:
            raise ValueError(f"grace_period is {grace_period}; it must be an epoch, 1 to {max_t}")
        if min_samples_required < 1:
            raise ValueError(
                f"min_samples_required is {min_samples_required}; it must be at least 1"
            )
        self._grace_period = grace_period
        self._min_samples_required = min_samples_required
        self._best: dict[int, float] = {}
        self._sums: defaultdict[int, float] = defaultdict(float)
        self._means_at: defaultdict[int, SortedList[float]] = defaultdict(SortedList)

    def decide(self, trial_id: int, epoch: int, loss: float) -> Decision:
        best = self._best[trial_id] = min(loss, self._best.get(trial_id, loss))
        if epoch < self._grace_period:
            return Continue()
        self._sums[trial_id] += loss
        means = self._means_at[epoch]
        others, bar = len(means), _median(means)
        means.add(self._sums[trial_id] / (epoch - self._grace_period + 1))
        enough = others >= self._min_samples_required
        if not enough or best <= bar or epoch >= self.max_t:
            return Continue()
        return Stop(f"its best is worse than the median of {others} others at epoch {epoch}")


def _median(ordered: SortedList[float]) -> float:
    """`statistics.median`, without sorting again; NaN of nothing."""
    if not ordered:
        return nan
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return float(high if len(ordered) % 2 else (low + high) / 2)

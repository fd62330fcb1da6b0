"""The median stopping rule (Golovin et al., "Google Vizier", KDD 2017).

Deliberate differences from Ray Tune's: a trial never yields its slot while there is too little
to compare with; a trial that reached its last epoch counts that epoch once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from math import nan

from sortedcontainers import SortedDict, SortedList

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
        self._means: defaultdict[int, _Means] = defaultdict(_Means)
        # Of all trials that came as far, for every epoch at which some trial was compared.
        self._means_at: SortedDict[int, SortedList[float]] = SortedDict()

    def decide(self, trial_id: int, epoch: int, loss: float) -> Decision:
        best = self._best[trial_id] = min(loss, self._best.get(trial_id, loss))
        if epoch < self._grace_period:
            return Continue()
        means = self._others_at(epoch)
        others, bar = len(means), _median(means)
        self._add(self._means[trial_id], epoch, loss)
        enough = others >= self._min_samples_required
        if not enough or best <= bar or epoch >= self.max_t:
            return Continue()
        return Stop(f"its best is worse than the median of {others} others at epoch {epoch}")

    def _others_at(self, epoch: int) -> SortedList[float]:
        """The means of all trials that came as far before this report."""
        if epoch not in self._means_at:
            found = (means.at(epoch) for means in self._means.values())
            self._means_at[epoch] = SortedList(mean for mean in found if mean is not None)
        return self._means_at[epoch]

    def _add(self, means: _Means, epoch: int, loss: float) -> None:
        before = means.newest
        means.add(epoch, loss)
        for passed in self._means_at.irange(before, epoch, inclusive=(False, True)):
            if (mean := means.at(passed)) is not None:
                self._means_at[passed].add(mean)


class _Means:
    """The running means of a trial's losses."""

    def __init__(self) -> None:
        self._sum = 0.0
        self._epochs: list[int] = []
        self._means: list[float] = []

    @property
    def newest(self) -> int:
        """The epoch of its last report, 0 before the first one."""
        return self._epochs[-1] if self._epochs else 0

    def add(self, epoch: int, loss: float) -> None:
        self._sum += loss
        self._epochs.append(epoch)
        self._means.append(self._sum / len(self._epochs))

    def at(self, epoch: int) -> float | None:
        """The mean up to this epoch, of a trial that came as far."""
        count = bisect_right(self._epochs, epoch)
        return self._means[count - 1] if count and epoch <= self.newest else None


def _median(ordered: SortedList[float]) -> float:
    """`statistics.median`, without sorting again; NaN of nothing."""
    if not ordered:
        return nan
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return float((low + high) / 2)

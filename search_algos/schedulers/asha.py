"""ASHA, the Asynchronous Successive Halving Algorithm (Li et al., MLSys 2020), stopping variant.

A trial that arrives at a rung is compared with all that were there before it and goes on if
it is among the best 1/η of them, itself included and rounded up. It never waits for others.

Deliberate differences from Ray Tune's ASHA: the cut is a rank, not an interpolated
percentile, so an increasing transform of the metric changes nothing; rungs are computed with
whole numbers; a loss that is not finite stops the trial and does not enter a rung.
"""

from __future__ import annotations

from bisect import bisect_left, insort

from search_algos.base import Scheduler
from search_algos.decisions import Continue, Decision, Stop
from search_algos.rungs import milestones
from search_algos.space import Space


class ASHA(Scheduler):
    """Stops a trial at a rung unless it is among the best 1/reduction_factor seen there.

    Args:
        grace_period: first rung in epochs; no trial is stopped before it.
        reduction_factor: η, at least 2. Rungs are at grace_period · η^k, below max_t.

    Raises ValueError for a reduction_factor below 2 or a grace_period outside 1..max_t.
    """

    def __init__(
        self,
        max_t: int,
        space: Space,
        seed: int,
        *,
        grace_period: int = 1,
        reduction_factor: int = 3,
    ) -> None:
        super().__init__(max_t, space, seed)
        self.reduction_factor = reduction_factor
        self._losses: dict[int, list[float]] = {
            epoch: [] for epoch in milestones(grace_period, max_t, reduction_factor)
        }

    def decide(self, trial_id: int, epoch: int, loss: float) -> Decision:
        rung = self._losses.get(epoch)
        if rung is None:
            return Continue()
        better = bisect_left(rung, loss)
        insort(rung, loss)
        kept = -(-len(rung) // self.reduction_factor)
        if better < kept:
            return Continue()
        return Stop(f"rank {better + 1} of {len(rung)} at epoch {epoch}, top {kept} continue")

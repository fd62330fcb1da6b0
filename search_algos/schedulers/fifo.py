"""First in, first out: every trial runs to its end."""

from __future__ import annotations

from tune_jobs.search_algos.base import Scheduler
from tune_jobs.search_algos.decisions import Continue, Decision
from tune_jobs.search_algos.order import Loss


class FIFO(Scheduler):
    """Never stops a trial early."""

    can_grow = True
    several_metrics = True

    def decide(self, trial_id: int, epoch: int, loss: Loss) -> Decision:
        return Continue()

"""Which complete trials continue when a run gets more epochs."""

from __future__ import annotations

from tune_jobs.experiment.extent import Extent
from tune_jobs.experiment.facts import RunResumed
from tune_jobs.search_algos.decisions import Continue, Decision, Pause


class LongerRun:
    """Remembers what a run of ``extent`` decides on trials that were complete when it was shorter,
    so that they can continue."""

    def __init__(self, extent: Extent) -> None:
        self._extent = extent
        self._decisions: dict[int, Decision] = {}

    def decided(self, trial_id: int, epoch: int, complete_at: int, decision: Decision) -> None:
        """A decision on a report from the time when trials ended at epoch ``complete_at``."""
        goes_on = isinstance(decision, Continue | Pause)
        if complete_at <= epoch < self._extent.reports and goes_on:
            self._decisions[trial_id] = decision

    def holds(self, trial_id: int) -> bool:
        """Whether a trial that has ended may still continue."""
        return trial_id in self._decisions

    def resuming(self, complete_at: int) -> RunResumed:
        """The fact that another driver continues a run whose trials ended at ``complete_at``."""
        held = self._decisions if self._extent.reports > complete_at else {}
        return RunResumed(
            num_samples=self._extent.trials,
            max_epochs=self._extent.reports,
            continued=[t for t, decision in held.items() if isinstance(decision, Continue)],
            paused=[t for t, decision in held.items() if isinstance(decision, Pause)],
        )

    def resumed(self, fact: RunResumed) -> None:
        for trial_id in (*fact.continued, *fact.paused):
            self._decisions.pop(trial_id, None)

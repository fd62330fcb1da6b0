"""Which complete trials go on when a run is given more epochs than it began with."""

from __future__ import annotations

from tune_jobs.experiment.facts import Reopened
from tune_jobs.search_algos.decisions import Continue, Decision, Pause


class LongerRun:
    """What a run of ``max_epochs`` decides on trials that were complete when it was shorter, so
    that it can go on with them."""

    def __init__(self, max_epochs: int) -> None:
        self._max_epochs = max_epochs
        self._decisions: dict[int, Decision] = {}

    def replayed(self, trial_id: int, epoch: int, complete_at: int, decision: Decision) -> None:
        """Its decision on a report of an earlier driver, whose trials ended at epoch
        ``complete_at``."""
        goes_on = isinstance(decision, Continue | Pause)
        if complete_at <= epoch < self._max_epochs and goes_on:
            self._decisions[trial_id] = decision

    def holds(self, trial_id: int) -> bool:
        """Whether a trial that has ended may still go on."""
        return trial_id in self._decisions

    def reopening(self, num_samples: int, complete_at: int) -> Reopened:
        """The fact that another driver goes on with a run whose trials ended at ``complete_at``."""
        held = self._decisions if self._max_epochs > complete_at else {}
        return Reopened(
            num_samples=num_samples,
            max_epochs=self._max_epochs,
            continued=[t for t, decision in held.items() if isinstance(decision, Continue)],
            paused=[t for t, decision in held.items() if isinstance(decision, Pause)],
        )

    def reopened(self, fact: Reopened) -> None:
        for trial_id in (*fact.continued, *fact.paused):
            self._decisions.pop(trial_id, None)

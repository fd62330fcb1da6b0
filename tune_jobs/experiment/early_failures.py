"""Notices that no trial of a run will ever work."""

from __future__ import annotations

from tune_jobs.errors import kind_of
from tune_jobs.experiment.facts import Failed
from tune_jobs.experiment.state import RunState

FIRST_SECONDS = 60.0
ENOUGH_TRIALS, ENOUGH_FAILURES = 2, 3


class EarlyFailures:
    """The failures of a run that has not seen an epoch yet."""

    def __init__(self) -> None:
        self._failures: list[Failed] = []

    def failed(self, failure: Failed) -> None:
        self._failures.append(failure)

    def are_all_alike(self, state: RunState) -> bool:
        """Whether all trials failed, more than one of them and in the same way, within the first
        minute after the first failure, and none ever finished an epoch."""
        failed = {failure.trial_id for failure in self._failures}
        return (
            state.epochs_total == 0
            and failed == state.trials.keys()
            and len(failed) >= ENOUGH_TRIALS
            and len(self._failures) >= ENOUGH_FAILURES
            and len({kind_of(failure.error) for failure in self._failures}) == 1
            and self._failures[-1].time - self._failures[0].time <= FIRST_SECONDS
        )

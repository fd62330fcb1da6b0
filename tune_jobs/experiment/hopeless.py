"""Notices that a run cannot succeed any more."""

from __future__ import annotations

from tune_jobs.errors import kind_of
from tune_jobs.experiment.facts import Failed
from tune_jobs.experiment.state import RunState

FIRST_SECONDS = 60.0
ENOUGH_TRIALS, ENOUGH_FAILURES = 3, 3


class Hopeless:
    """The failures of a run, and why they end it.

    Args:
        fail_fast: the first failure ends the run.

    Attributes:
        reason: why the run cannot continue; empty if it can.
    """

    def __init__(self, fail_fast: bool) -> None:
        self.reason = ""
        self._fail_fast = fail_fast
        self._failures: list[Failed] = []

    def failed(self, failure: Failed, state: RunState) -> None:
        if state.is_judged or failure.refused:
            self._failures.clear()  # some trial works
        else:
            self._failures.append(failure)
        if self._fail_fast:
            self.reason = f"trial {failure.trial_id} failed, and the first failure ends this run"
        elif self._failures and self._are_all_alike(state):
            self.reason = "every trial fails in the same way"

    def resumed(self) -> None:
        """Another driver tries."""
        self.reason = ""
        self._failures.clear()

    def _are_all_alike(self, state: RunState) -> bool:
        """Whether no trial ever reported the metric and, within a minute of the first failure,
        all trials failed, several of them and in the same way."""
        failed = {failure.trial_id for failure in self._failures}
        return (
            failed == state.trials.keys()
            and len(failed) >= max(2, min(ENOUGH_TRIALS, state.extent.trials))
            and len(self._failures) >= ENOUGH_FAILURES
            and len({kind_of(failure.error) for failure in self._failures}) == 1
            and self._failures[-1].time - self._failures[0].time <= FIRST_SECONDS
        )

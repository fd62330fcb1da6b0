"""Notices that no trial of a run will ever work."""

from __future__ import annotations

from tune_jobs.facts import Failed
from tune_jobs.tracebacks import kind_of

FIRST_SECONDS = 60.0
ENOUGH_TRIALS, ENOUGH_FAILURES = 2, 3


class EarlyFailures:
    """The failures of a run that has not seen an epoch yet."""

    def __init__(self) -> None:
        self._failures: list[Failed] = []
        self._some_work = False

    def an_epoch_was_reported(self) -> None:
        self._some_work = True

    def failed(self, failure: Failed) -> None:
        if not self._some_work:
            self._failures.append(failure)

    @property
    def are_all_alike(self) -> bool:
        """Whether several trials failed, all in the same way, within the first minute after the
        first of them, and none ever worked."""
        return (
            not self._some_work
            and len(self._failures) >= ENOUGH_FAILURES
            and len({failure.trial_id for failure in self._failures}) >= ENOUGH_TRIALS
            and len({kind_of(failure.error) for failure in self._failures}) == 1
            and self._failures[-1].time - self._failures[0].time <= FIRST_SECONDS
        )

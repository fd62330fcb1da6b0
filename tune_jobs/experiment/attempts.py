"""How an attempt to train a trial ends, and whether another one follows."""

from __future__ import annotations

from tune_jobs.errors import own_line
from tune_jobs.experiment.facts import Completed, Failed, Moved
from tune_jobs.experiment.trial import Trial


class Attempts:
    """Args:
    max_failures: restarts of a trial.
    fail_fast: no trial is restarted.
    """

    def __init__(self, max_failures: int, fail_fast: bool) -> None:
        self._max_failures = 0 if fail_fast else max_failures

    def failed(self, trial: Trial, error: str) -> Failed:
        """It died. If its code raises the same error again at the same epoch, another attempt is
        useless."""
        repeated = trial.failed_at == trial.epoch and trial.note == error and own_line(error)
        return self._ended(trial, error, retry=not repeated)

    def refused(self, trial: Trial, error: str) -> Failed:
        """The model does not accept the config, so another attempt is useless."""
        return Failed(trial_id=trial.trial_id, error=error, retry=False, refused=True)

    def moved(self, trial: Trial, reason: str, told: bool) -> Moved | Failed:
        """Its worker is gone. Unless the worker was ``told`` to go, this is a failure if no epoch
        was recorded since the last time: otherwise a trial that kills its node would kill all of
        them."""
        if trial.moved_at == trial.epoch and not told:
            return self._ended(trial, reason, retry=True)
        return Moved(trial_id=trial.trial_id, reason=reason)

    def completed(self, trial: Trial, reason: str, metrics: str) -> Completed | Failed:
        """The training came to its own end. Without the metric that is a failure."""
        if trial.is_judged:
            return Completed(trial_id=trial.trial_id, reason=reason)
        error = f"{reason}, and never reported metric {metrics!r}"
        return self._ended(trial, error, retry=False)

    def _ended(self, trial: Trial, error: str, retry: bool) -> Failed:
        again = retry and trial.failures < self._max_failures
        return Failed(trial_id=trial.trial_id, error=error, retry=again)

"""What a trial or the whole run has to reach to be over: the job's ``stop``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tune_jobs.errors import nearest
from tune_jobs.experiment.blame import blaming
from tune_jobs.experiment.facts import Reported
from tune_jobs.experiment.objective import Objective
from tune_jobs.search_algos.decisions import Stop

Say = Callable[[str], None]

REPORTS = "training_iteration"
"""Ray Tune's name for the number of reports of a trial."""


class Goals:
    """Args:
    stop: metric -> value: a trial is complete when it reached one of them. Or a function
        ``stop(trial_id, metrics)``, true for a trial that is complete; as an object it may also
        have ``stop_all()``, true if the run is over, as Ray Tune's Stopper has.

    A function gets every report, also those of an earlier driver, so that it has the same state
    again. What it decided then is in the journal.
    """

    def __init__(self, stop: Any, objective: Objective) -> None:
        self._stop = stop
        self._objective = objective
        self._reports: Counter[int] = Counter()  # of each trial

    def on_report(self, report: Reported) -> Stop | None:
        """Stops a trial that reached one."""
        if self._stop is None:
            return None
        self._reports[report.trial_id] += 1
        known = {REPORTS: self._reports[report.trial_id], **report.metrics}
        if isinstance(self._stop, Mapping):
            reached = [self._reached(name, value, known) for name, value in self._stop.items()]
            reason = next(filter(None, reached), "")
        else:
            with blaming("stop"):
                reason = "the job's stop says so" if self._stop(report.trial_id, known) else ""
        return Stop(reason, complete=True) if reason else None

    def after(self, report: Reported, warn: Say) -> None:
        """The report was recorded. Warns once of goals that may be misspelt."""
        if self._reports == {report.trial_id: 1}:
            for text in self._missing_from(report.metrics):
                warn(text)

    def end_run(self, drain: Say) -> None:
        """If it is over: no other trial starts, and the running ones stop at their reports."""
        stop_all = getattr(self._stop, "stop_all", None)
        with blaming("stop"):
            is_over = bool(stop_all and stop_all())
        if is_over:
            drain("the job's stop ends the run")

    def _missing_from(self, metrics: Mapping[str, float]) -> Iterator[str]:
        for name in self._stop if isinstance(self._stop, Mapping) else ():
            if name != REPORTS and name not in metrics:
                yield f"stop has {name!r}, which was not reported; {nearest(name, metrics)}"

    def _reached(self, name: str, goal: float, metrics: Mapping[str, float]) -> str:
        """In words, if it is reached. The job's own metrics have their modes, the others have to
        grow, as in Ray Tune."""
        value = metrics.get(name)
        falls = self._objective.mode_of(name) == "min"
        if value is None or not (value <= goal if falls else value >= goal):
            return ""
        return f"{name} is {value:.6g}, at {'most' if falls else 'least'} {goal:.6g}"

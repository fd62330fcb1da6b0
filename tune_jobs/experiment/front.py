"""The best trials of a run: those that no other one beats."""

from __future__ import annotations

from dataclasses import dataclass, field

from tune_jobs.experiment.objective import Objective
from tune_jobs.search_algos.order import Loss

Report = tuple[int, Loss]
"""An epoch, and the loss there."""


@dataclass
class Front:
    """With one metric it is the best trial; with several the Pareto front: the trials to which
    none is equal or better in everything. Among equals it is the first.

    Attributes:
        trial_ids: the best by the first metric first.
    """

    objective: Objective
    trial_ids: list[int] = field(default_factory=list)
    _counted: dict[int, Report] = field(default_factory=dict)

    def count(self, trial_id: int, report: Report | None) -> None:
        """Another report of a trial counts now, or none does any more."""
        before = self._counted.pop(trial_id, None)
        if report:
            self._counted[trial_id] = report
        if trial_id in self.trial_ids and not (before and report and self._beats(report, before)):
            self._search()  # what this trial has beaten may be among the best again
        elif report:
            self._add(trial_id)

    def _add(self, trial_id: int) -> None:
        """It may be among the best, and others may be so no longer."""
        covers, mine = self.objective.covers, self._counted[trial_id]
        others = [n for n in self.trial_ids if n != trial_id]
        if any(covers(self._counted[n], mine) for n in others):
            return
        left = [n for n in others if not covers(mine, self._counted[n])]
        self.trial_ids = sorted([*left, trial_id], key=self._place)

    def _search(self) -> None:
        self.trial_ids = []
        for trial_id in sorted(self._counted, key=self._place):
            self._add(trial_id)

    def _place(self, trial_id: int) -> tuple[tuple[int, Loss], int]:
        return self.objective.rank(*self._counted[trial_id]), trial_id

    def _beats(self, one: Report, other: Report) -> bool:
        covers = self.objective.covers
        return covers(one, other) and not covers(other, one)

"""The state of a run after its facts: trials and the best of them. A pure fold, used by all
views."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from tune_jobs.experiment.census import Census
from tune_jobs.experiment.cost import Cost, Resources
from tune_jobs.experiment.extent import Extent
from tune_jobs.experiment.facts import (
    Closed,
    Completed,
    Draining,
    Fact,
    Failed,
    Interrupted,
    Known,
    Moved,
    Opened,
    Reported,
    RunResumed,
    Stopped,
    Suggested,
    Tested,
    TrialResumed,
    Warned,
)
from tune_jobs.experiment.front import Front
from tune_jobs.experiment.objective import Objective
from tune_jobs.experiment.trial import CheckpointRef, Status, Trial
from tune_jobs.search_algos.decisions import Continue, Exploit, Pause, Stop
from tune_jobs.search_algos.order import Loss, is_finite


class Incumbent(NamedTuple):
    """The report that counts of a trial that no other one beats so far; among equals it is the
    first."""

    trial_id: int
    epoch: int
    loss: Loss
    config: dict[str, Any]
    derived: dict[str, Any]

    @property
    def checkpoint(self) -> CheckpointRef:
        return CheckpointRef(self.trial_id, self.epoch)


class RunState:
    """The trials of a run, by number, after the facts so far. Views may read it in threads of
    their own.

    Attributes:
        front: the best trials: one for one metric, the Pareto front for several, in which the best
            by the first metric comes first.
    """

    def __init__(self, objective: Objective, extent: Extent) -> None:
        self.objective = objective
        self.extent = extent
        self.trials: dict[int, Trial] = {}
        self.census = Census()
        self.counts = self.census.counts
        self.epochs_total = 0
        self.cost = Cost()
        self.failures = 0
        self.resources: Resources | None = None  # of the newest driver; None if it is not known
        self.is_judged = False  # whether any trial ever reported the metric
        self.front: list[Incumbent] = []
        self._front = Front(objective)
        self.draining = ""  # why no new trial starts
        self.warnings: list[str] = []
        self.tested: Tested | None = None
        self.closed: Closed | None = None
        self.driver = "this process"  # empty: none; no fact tells of one that was killed
        self.started = math.nan  # seconds since 1970
        self.idle = 0.0  # seconds between one driver's last fact and the next one's begin
        self.first_report = math.nan
        self.last_fact = math.nan

    @classmethod
    def of(cls, facts: Iterable[Fact], objective: Objective, extent: Extent) -> RunState:
        """``extent`` is that of the run at its start."""
        return cls(objective, extent).extend(facts)

    def extend(self, facts: Iterable[Fact]) -> RunState:
        """The state after what happened next: this one."""
        for fact in facts:
            self.apply(fact)
        return self

    @property
    def incumbent(self) -> Incumbent | None:
        """The best trial, which is tested and exported; with several metrics, by the first one."""
        return next(iter(self.front), None)

    @property
    def all_ended(self) -> bool:
        return self.counts[Status.RUNNING] + self.counts[Status.PAUSED] == 0

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left to do; a test that failed can be tried again."""
        ended = self.closed is not None and self.closed.status == "finished"
        return ended and not (self.tested and self.tested.error)

    @property
    def seconds(self) -> float:
        """How long the commands of the run worked on it."""
        return self.last_fact - self.started - self.idle

    @property
    def ended(self) -> int:
        return sum(count for status, count in list(self.counts.items()) if status.is_final)

    @property
    def spread(self) -> float | None:
        """The standard deviation of the incumbent's metric over the folds, if there are folds."""
        best = self.incumbent
        if best is None or not self.objective.over_folds:
            return None
        trial = self.trials[best.trial_id]
        if trial.epoch != best.epoch:
            return None
        return trial.metrics.get(f"{self.objective.metric}_std")

    def with_status(self, status: Status) -> list[Trial]:
        """By number."""
        return self.census.with_status(status)

    def apply(self, fact: Fact) -> None:
        before, self.last_fact = self.last_fact, fact.time
        match fact:
            case Opened():
                self.started = fact.time if fact.began is None else fact.began
                self.resources = fact.resources
            case RunResumed():
                began = fact.time if fact.began is None else fact.began
                self.idle += max(0.0, began - before)
                self._resume(fact)
            case Known() | Interrupted():
                pass  # for the searcher; for views
            case Suggested():
                config, derived = dict(fact.config), fact.derived
                trial = Trial(
                    *(fact.trial_id, config, fact.config, derived), best_loss=self.objective.worst
                )
                self.trials[fact.trial_id] = trial
                self.census.add(trial)
            case Reported():
                self._apply_report(self.trials[fact.trial_id], fact)
            case TrialResumed():
                self._set_status(self.trials[fact.trial_id], Status.RUNNING)
                if fact.exploit:
                    self._clone(self.trials[fact.trial_id], fact.exploit, fact.derived)
            case Completed():
                self._set_status(self.trials[fact.trial_id], Status.COMPLETED, fact.reason)
            case Stopped():
                self._set_status(self.trials[fact.trial_id], Status.STOPPED, fact.reason)
            case Failed():
                trial = self.trials[fact.trial_id]
                trial.failures, trial.failed_at = trial.failures + 1, trial.epoch
                self.failures += 1
                self._set_status(trial, Status.RUNNING if fact.retry else Status.FAILED, fact.error)
            case Moved():
                trial = self.trials[fact.trial_id]
                trial.moves.append(fact.reason)
                trial.moved_at = trial.epoch
            case Warned():
                self.warnings.append(fact.text)
            case Draining():
                self.draining = fact.reason
            case Tested():
                self.tested = fact
            case Closed():
                self.closed = fact

    def _resume(self, fact: RunResumed) -> None:
        self.extent = Extent(fact.num_samples, fact.max_epochs)
        self.resources = fact.resources
        self.draining, self.closed = "", None
        if self.tested and self.tested.error:
            self.tested = None  # to be tried again
        for trial_id in fact.continued:
            self._set_status(self.trials[trial_id], Status.RUNNING)
        for trial_id in fact.paused:
            self._set_status(self.trials[trial_id], Status.PAUSED)

    def _apply_report(self, trial: Trial, fact: Reported) -> None:
        if not self.epochs_total:
            self.first_report = fact.time
        self.epochs_total += fact.epoch - trial.epoch
        trial.epoch = fact.epoch
        trial.metrics = dict(fact.metrics)
        for cost in (trial.cost, self.cost):
            cost.add(fact.seconds, fact.usage, self.resources)
        trial.node = fact.node
        self.census.reached[fact.epoch] += 1
        loss = self.objective.loss(fact.metrics)
        if loss is not None:
            self._judge(trial, loss)
        match fact.decision:
            case Continue():
                pass
            case Pause():
                self._set_status(trial, Status.PAUSED)
            case Stop(reason, complete):
                complete = complete or fact.epoch >= self.extent.reports
                self._set_status(trial, Status.COMPLETED if complete else Status.STOPPED, reason)
            case Exploit() as exploit:
                self._clone(trial, exploit, {})

    def _clone(self, trial: Trial, exploit: Exploit, derived: dict[str, Any]) -> None:
        trial.config, trial.derived = dict(exploit.config), derived
        trial.lineage += 1
        trial.clone_of = CheckpointRef(exploit.source, self.trials[exploit.source].epoch)
        trial.cloned_at = trial.epoch

    def _judge(self, trial: Trial, loss: Loss) -> None:
        trial.is_judged = self.is_judged = True
        epoch, loss = (trial.epoch, loss) if is_finite(loss) else (0, self.objective.worst)
        if self.objective.replaces((epoch, loss), (trial.best_epoch, trial.best_loss)):
            trial.best_epoch, trial.best_loss = epoch, loss
            trial.best_config, trial.best_derived = trial.config, trial.derived
            self._compare(trial)

    def _compare(self, trial: Trial) -> None:
        """Another report of a trial counts now."""
        before, epoch = self.incumbent, trial.best_epoch
        self._front.count(trial.trial_id, (epoch, trial.best_loss) if epoch else None)
        best = [self.trials[trial_id] for trial_id in self._front.trial_ids]
        self.front = [
            Incumbent(t.trial_id, t.best_epoch, t.best_loss, t.best_config, t.best_derived)
            for t in best
        ]
        if self.incumbent != before:
            self.tested = None  # that was another

    def _set_status(self, trial: Trial, status: Status, note: str = "") -> None:
        self.census.remove(trial)
        trial.status, trial.note = status, note
        self.census.add(trial)

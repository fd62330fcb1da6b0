"""What decides in a run: its searcher, its scheduler, its patience and its goals. They get the
same facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from tune_jobs.errors import counted
from tune_jobs.experiment.blame import blaming, checked
from tune_jobs.experiment.early_stopping import EarlyStopping
from tune_jobs.experiment.extent import Extent
from tune_jobs.experiment.facts import (
    Completed,
    Fact,
    Failed,
    Opened,
    Reported,
    RunResumed,
    Stopped,
    Suggested,
    TrialResumed,
)
from tune_jobs.experiment.goals import Goals, Say
from tune_jobs.experiment.longer_run import LongerRun
from tune_jobs.experiment.shares import Epochs
from tune_jobs.experiment.state import RunState
from tune_jobs.experiment.suggest import Answer, Suggest
from tune_jobs.experiment.trial import Status
from tune_jobs.search_algos.base import Scheduler
from tune_jobs.search_algos.decisions import Continue, Decision, Exploit, Resume, Stop
from tune_jobs.search_algos.history import History
from tune_jobs.search_algos.space import Config

Derive = Callable[[Config], dict[str, Any]]


class Method:
    """Gets every fact of a run, also those of an earlier driver, so it has the same state again.

    Args:
        suggest: asks the searcher, at once or in the background.
        history: an empty one, of the space that is searched.
        extent: of the run as it is now.
        derive: computes the values that a config gives, for the journal.
        seen: the time of a training, as the searcher sees it.
    """

    def __init__(
        self,
        suggest: Suggest,
        history: History,
        scheduler: Scheduler,
        early_stopping: EarlyStopping,
        goals: Goals,
        extent: Extent,
        seen: Epochs,
        derive: Derive,
    ) -> None:
        self.scheduler = scheduler
        self._suggest = suggest
        self._early_stopping = early_stopping
        self.goals = goals
        self._longer_run = LongerRun(extent)
        self._history = history
        self._seen = seen
        self._derive = derive
        self._released: set[int] = set()

    def decide(self, report: Reported, state: RunState, drain: Say | None = None) -> Decision:
        """What a trial does after a report. Without the metric, neither the scheduler nor the
        patience sees the report.

        Args:
            drain: called if the report ends the run, so that this trial stops too; for a recorded
                report, the facts say it.
        """
        trial_id, epoch = report.trial_id, report.epoch
        loss = state.objective.loss(report.metrics)
        decision: Decision = Continue()
        over = None
        goal = self.goals.on_report(report)
        if drain:
            self.goals.end_run(drain)
        if loss is not None:
            lineage = state.trials[trial_id].lineage
            over = self._early_stopping.on_report(trial_id, lineage, epoch, loss)
            if trial_id not in self._released:
                with blaming(self.scheduler):
                    decision = checked(
                        self.scheduler, self.scheduler.on_report(trial_id, epoch, loss)
                    )
        self._longer_run.decided(trial_id, epoch, state.extent.reports, goal or over or decision)
        if goal:
            return goal
        if isinstance(decision, Stop):
            return decision
        if epoch >= state.extent.reports:
            return Stop(f"trained {counted(epoch, state.objective.unit)}")
        if over:
            return over
        return Stop(state.draining) if state.draining else decision

    def suggest(self, index: int, alone: bool) -> Config | Literal[Answer.NOT_YET] | None:
        return self._suggest(index, self._history, alone)

    def start_of(self, trial_id: int, config: Config) -> Suggested:
        return Suggested(trial_id=trial_id, config=config, derived=self._derive(config))

    def restart_of(self, resume: Resume) -> TrialResumed:
        """A paused trial gets a slot again."""
        exploit = resume.exploit
        derived = self._derive(exploit.config) if exploit else {}
        return TrialResumed(trial_id=resume.trial_id, exploit=exploit, derived=derived)

    def next_to_resume(self, state: RunState, exhausted: bool) -> Resume | None:
        for trial_id in sorted(self._released):
            if state.trials[trial_id].status is Status.PAUSED:
                return Resume(trial_id)
        with blaming(self.scheduler):
            return self.scheduler.next_to_resume(exhausted)

    def eliminated(self, exhausted: bool) -> Mapping[int, str]:
        with blaming(self.scheduler):
            return self.scheduler.eliminated(exhausted)

    def release(self, trial_id: int) -> None:
        """Takes a trial away from the scheduler: it trains until it is complete."""
        if trial_id not in self._released:
            self._released.add(trial_id)
            self.scheduler.on_end(trial_id)

    def resuming(self, complete_at: int) -> RunResumed:
        """The fact that another driver continues a run whose trials ended at ``complete_at``."""
        return self._longer_run.resuming(complete_at)

    def apply(self, fact: Fact, state: RunState) -> None:
        """The fact took effect in the state."""
        with blaming(self.scheduler):
            self._apply(fact, state)

    def _apply(self, fact: Fact, state: RunState) -> None:
        match fact:
            case Opened():
                for known in fact.known:
                    self._history.known(known.config, self._seen.known(known.losses))
            case RunResumed():
                self._longer_run.resumed(fact)
            case Suggested():
                self._history.suggested(fact.trial_id, fact.config)
                self.scheduler.on_start(fact.trial_id, fact.config)
            case TrialResumed():
                if fact.trial_id not in self._released:
                    self.scheduler.on_resume(fact.trial_id)
                if fact.exploit:
                    self._history.ended(fact.trial_id)  # as after an exploit below
            case Reported():
                loss = state.objective.loss(fact.metrics)
                if loss is not None:
                    for epoch in self._seen.report(fact.trial_id, fact.epoch):
                        self._history.reported(fact.trial_id, epoch, loss)
                if isinstance(fact.decision, Exploit):
                    self._history.ended(fact.trial_id)  # its config is no longer the suggested one
                self._forget_if_ended(fact.trial_id, state)
            case Stopped() | Failed() | Completed():
                self._forget_if_ended(fact.trial_id, state)

    def _forget_if_ended(self, trial_id: int, state: RunState) -> None:
        ended = state.trials[trial_id].status.is_final
        if ended and not self._longer_run.holds(trial_id):
            self._history.ended(trial_id)
            if trial_id not in self._released:
                self.scheduler.on_end(trial_id)

"""The state machine of a run: facts change the state of its method and its trials.

An executor calls `next` when it has a free slot, and reports the result. Every fact is recorded
before it takes effect. An experiment that gets the facts of an earlier one continues where that
one was.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from tune_jobs.experiment.assignments import Assignment, FinalTest, Train
from tune_jobs.experiment.attempts import Attempts
from tune_jobs.experiment.cost import Resources
from tune_jobs.experiment.extent import Extent
from tune_jobs.experiment.facts import (
    VERSION,
    Draining,
    Fact,
    Failed,
    Known,
    Moved,
    Opened,
    Reported,
    RunResumed,
    Stopped,
    Tested,
    Warned,
    writable,
)
from tune_jobs.experiment.final_test import Testing
from tune_jobs.experiment.hopeless import Hopeless
from tune_jobs.experiment.method import Method
from tune_jobs.experiment.objective import Objective
from tune_jobs.experiment.replay import NOT_RESUMED, Replay
from tune_jobs.experiment.state import RunState
from tune_jobs.experiment.suggest import NOT_YET
from tune_jobs.experiment.trial import Status
from tune_jobs.search_algos.decisions import Continue, Decision, Stop

Record = Callable[[Fact], Fact]
Observe = Callable[[Fact, RunState], None]


class Experiment:
    """One run of a job, without the machinery that trains.

    Args:
        method: makes the decisions; it has not seen any fact yet.
        extent: the length that the run is to have.
        facts: what happened before; method and extent may be those of a longer run.
        began_with: the extent at the start, if there are facts.
        max_failures: restarts of a trial, and of the final test.
        fail_fast: the first failure ends the run.

    Attributes:
        changed: where the scheduler decides differently than in the facts; empty if it does not.
    """

    def __init__(
        self,
        method: Method,
        objective: Objective,
        extent: Extent,
        *,
        facts: Sequence[Fact] = (),
        began_with: Extent | None = None,
        max_failures: int = 3,
        fail_fast: bool = False,
    ) -> None:
        self._method = method
        self._extent = extent
        self._attempts = Attempts(max_failures, fail_fast)
        self._write: Record = lambda fact: fact
        self._observe: Observe = lambda fact, state: None
        self._hopeless = Hopeless(fail_fast)
        self._testing = Testing(max_failures)
        self._exhausted = False
        self._in_flight: deque[int] = deque()
        self.state = RunState(objective, began_with or extent)
        replay = Replay(method, facts)
        for fact in facts:
            replay.before(fact, self.state)
            self._apply(fact)
        self.changed = replay.difference

    def start(
        self,
        record: Record,
        observe: Observe,
        known: Iterable[Known] = (),
        began: float | None = None,
        resources: Resources | None = None,
    ) -> None:
        """A driver starts the run, or continues it.

        Args:
            record: writes a fact down, before it takes effect; returns it with its time.
            observe: gets every new fact after it took effect.
            known: results of an earlier run, for a run that starts.
            began: when the command started, in seconds since 1970; by default now.
            resources: of the cluster and of each trial.
        """
        self._write, self._observe = record, observe
        start: Opened | RunResumed = Opened(version=VERSION, known=list(known))
        if not math.isnan(self.state.started):
            resuming = self._method.resuming(self.state.extent.reports)
            start = replace(resuming, changes_accepted=bool(self.changed))
        self.record(replace(start, began=began, resources=resources))
        self._method.goals.end_run(self.drain)
        self._in_flight = deque(t.trial_id for t in self.state.with_status(Status.RUNNING))

    @property
    def hopeless(self) -> str:
        """Why the run cannot continue; empty if it can."""
        return self._hopeless.reason

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do: every trial ended and the incumbent was tested."""
        return Testing.is_done(self.state) and self.state.all_ended and not self._may_suggest

    def next(self) -> Assignment | None:
        """Work for a free slot; None means: wait for a report and ask again."""
        if self.hopeless:
            return None
        if self._in_flight:
            return self.train(self._in_flight.popleft())
        if not self.state.draining:
            self._end_eliminated()
            trial_id = self._next_trial()
            if trial_id is not None:
                return self.train(trial_id)
        if self.state.counts[Status.RUNNING] or self._may_suggest:
            return None
        for trial in self.state.with_status(Status.PAUSED):
            reason = self.state.draining or NOT_RESUMED
            self.record(Stopped(trial_id=trial.trial_id, reason=reason))
        return self._testing.next(self.state)

    def train(self, trial_id: int) -> Train:
        """The assignment to start or restart a running trial."""
        return Train.of(self.state.trials[trial_id])

    def report(self, report: Reported) -> Decision:
        """A trial finished an epoch, from 1; returns what it does next. The decision in ``report``
        is ignored.

        An epoch without the metric is not judged; a trial that never reports it fails at its end.
        An epoch that was recorded before is ignored: the trial lost a checkpoint.
        """
        trial, objective = self.state.trials[report.trial_id], self.state.objective
        if report.epoch <= trial.epoch:
            return Continue()
        decision = self._method.decide(report, self.state, self.drain)
        unjudged = objective.loss(report.metrics) is None and not trial.is_judged
        if isinstance(decision, Stop) and unjudged:
            error = objective.missing_from(report.metrics)
            self.record(Failed(trial_id=trial.trial_id, error=error, retry=False))
            return Stop(error)
        self.record(replace(report, decision=decision))
        self._method.goals.after(report, self.warn)
        return decision

    def complete(self, trial_id: int, reason: str) -> None:
        """A trial's training came to its own end."""
        trial, metrics = self.state.trials[trial_id], self.state.objective.words
        self.record(self._attempts.completed(trial, reason, metrics))

    def refuse(self, trial_id: int, error: str) -> None:
        """The model does not accept a trial's config."""
        self.record(self._attempts.refused(self.state.trials[trial_id], error))

    def fail(self, trial_id: int, error: str) -> bool:
        """An attempt of a trial died; returns True if it should be restarted by `train`."""
        return self._died(self._attempts.failed(self.state.trials[trial_id], error))

    def move(self, trial_id: int, reason: str, told: bool = False) -> bool:
        """A trial's worker is gone, maybe since it was ``told`` to go; returns as `fail` does."""
        return self._died(self._attempts.moved(self.state.trials[trial_id], reason, told))

    def warn(self, text: str) -> None:
        self.record(Warned(text=text))

    def drain(self, reason: str) -> None:
        """No new trials start; the running ones end at their next report."""
        if not self.state.draining:
            self.record(Draining(reason=reason))

    def tested(self, test: FinalTest, metrics: Mapping[str, float]) -> None:
        self.record(Tested(**test.checkpoint._asdict(), metrics=dict(metrics)))

    def test_failed(self, test: FinalTest, error: str) -> bool:
        """The test died; returns True if it should be tried again."""
        if self._testing.failed():
            return True
        self.record(Tested(**test.checkpoint._asdict(), metrics={}, error=error))
        return False

    def _died(self, fact: Failed | Moved) -> bool:
        self.record(fact)
        return isinstance(fact, Moved) or (fact.retry and not self.hopeless)

    @property
    def _may_suggest(self) -> bool:
        started = len(self.state.trials)
        return not (self.state.draining or self._exhausted or started >= self._extent.trials)

    def _next_trial(self) -> int | None:
        """Resumes or starts a trial: a promotion first, then a new one."""
        resume = self._method.next_to_resume(self.state, exhausted=not self._may_suggest)
        if resume is None and self._may_suggest:
            index = len(self.state.trials)
            config = self._method.suggest(index, alone=self.state.counts[Status.RUNNING] == 0)
            if config is NOT_YET:
                return None
            if config is not None:
                self.record(self._method.start_of(index, config))
                return index
            self._exhausted = True
            self._end_eliminated()
            resume = self._method.next_to_resume(self.state, exhausted=True)
        if resume is None:
            return None
        self.record(self._method.restart_of(resume))
        return resume.trial_id

    def _end_eliminated(self) -> None:
        for trial_id, reason in self._method.eliminated(not self._may_suggest).items():
            self.record(Stopped(trial_id=trial_id, reason=reason))

    def record(self, fact: Fact) -> None:
        fact = self._write(writable(fact))
        self._apply(fact)
        self._observe(fact, self.state)

    def _apply(self, fact: Fact) -> None:
        self.state.apply(fact)
        self._method.apply(fact, self.state)
        match fact:
            case RunResumed():
                self._hopeless.resumed()
            case Failed():
                self._hopeless.failed(fact, self.state)

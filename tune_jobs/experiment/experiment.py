"""The state machine of a run: searcher + scheduler + trials, moved by facts.

An executor asks `next` whenever it has a free slot and says what came of it. Every fact is
recorded before it takes effect, and an experiment given the facts of an earlier one goes on
where that one was.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from tune_jobs.experiment.assignments import Assignment, FinalTest, Train
from tune_jobs.experiment.early_failures import EarlyFailures
from tune_jobs.experiment.early_stopping import EarlyStopping
from tune_jobs.experiment.extent import Extent
from tune_jobs.experiment.facts import (
    VERSION,
    Closed,
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
from tune_jobs.experiment.longer_run import LongerRun
from tune_jobs.experiment.objective import Objective
from tune_jobs.experiment.state import RunState, Status
from tune_jobs.experiment.suggest import NOT_YET, Suggest
from tune_jobs.search_algos.base import Scheduler
from tune_jobs.search_algos.decisions import Continue, Decision, Exploit, Stop
from tune_jobs.search_algos.history import History


class Experiment:
    """One run of a job, without the machinery that trains.

    Args:
        suggest: the searcher's `suggest`, or the same in the background.
        record: writes a fact down and returns it with its time; called before it takes effect.
        observe: is shown every new fact after it took effect, for views.
        early_stopping: ends trials beside the scheduler.
        facts: what happened before, to go on from; the scheduler and the numbers may be those
            of a larger run.
        began_with: the extent at the beginning, where facts are given.
        warm_start: what is known before the start, from an earlier run.
    """

    def __init__(
        self,
        suggest: Suggest,
        scheduler: Scheduler,
        objective: Objective,
        *,
        extent: Extent,
        early_stopping: EarlyStopping | None = None,
        max_failures: int = 3,
        fail_fast: bool = False,
        record: Callable[[Fact], Fact] = lambda fact: fact,
        observe: Callable[[Fact, RunState], None] = lambda fact, state: None,
        facts: Iterable[Fact] = (),
        began_with: Extent | None = None,
        warm_start: Iterable[Known] = (),
    ) -> None:
        self._suggest = suggest
        self._scheduler = scheduler
        self._extent = extent
        self._longer_run = LongerRun(extent)
        self._early_stopping = early_stopping or EarlyStopping(None, 0.0)
        self._max_failures = max_failures
        self._fail_fast = fail_fast
        self._write = record
        self._observe = observe
        self._history = History()
        self._early_failures = EarlyFailures()
        self._exhausted = False
        self._testing = False
        self._test_failures = 0
        self.hopeless = ""  # why the run cannot go on
        self.state = RunState(objective, began_with or extent)
        for fact in facts:
            self._replay(fact)
        if math.isnan(self.state.started):
            self._record(Opened(version=VERSION, known=list(warm_start)))
        self._in_flight = self._at_work()

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do: every trial ended and the incumbent was tested."""
        return self._is_tested and self.state.all_ended and not self._may_suggest

    def resume(self) -> None:
        """Another driver goes on with the run, to its present extent."""
        self._record(self._longer_run.resuming(self.state.extent.reports))
        self._in_flight = self._at_work()

    def next(self) -> Assignment | None:
        """Work for a free slot, or None: wait for a report and ask again."""
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
            self._record(
                Stopped(trial_id=trial.trial_id, reason=self.state.draining or "not resumed")
            )
        return self._test()

    def train(self, trial_id: int) -> Train:
        """Where a running trial stands, to start or restart it from there."""
        trial = self.state.trials[trial_id]
        return Train(
            trial_id, trial.config, trial.epoch, trial.lineage, trial.clone_of, trial.cloned_at
        )

    def report(
        self,
        trial_id: int,
        epoch: int,
        metrics: Mapping[str, float],
        *,
        seconds: float = 0.0,
        node: str = "",
        checkpoint_bytes: int = 0,
    ) -> Decision:
        """A trial finished an epoch, from 1; what becomes of it.

        Raises UserError where the metrics lack the objective's. An epoch that was recorded
        before is passed over: its trial lost a checkpoint and catches up.
        """
        loss = self.state.objective.loss(metrics)
        if epoch <= self.state.trials[trial_id].epoch:
            return Continue()
        decision, over = self._decide(trial_id, epoch, loss)
        if not isinstance(decision, Stop):
            if epoch >= self.state.extent.reports:
                decision = Stop(f"trained {epoch} epochs")
            elif over:
                decision = over
            elif self.state.draining:
                decision = Stop(self.state.draining)
        self._record(
            Reported(
                trial_id=trial_id,
                epoch=epoch,
                metrics=dict(metrics),
                seconds=seconds,
                node=node,
                checkpoint_bytes=checkpoint_bytes,
                decision=decision,
            )
        )
        return decision

    def fail(self, trial_id: int, error: str) -> bool:
        """A trial's attempt died; True if it should be started again, as `train` says."""
        retry = not self._fail_fast and self.state.trials[trial_id].failures < self._max_failures
        self._record(Failed(trial_id=trial_id, error=error, retry=retry))
        return retry and not self.hopeless

    def move(self, trial_id: int, reason: str, told: bool = False) -> bool:
        """A trial's worker went; True if it should be started again.

        ``told`` says that the worker was told to go. Where it just went, that counts as a
        failure if no epoch was recorded since the last time: else a trial that brings down its
        nodes would bring down all of them.
        """
        trial = self.state.trials[trial_id]
        if trial.moved_at == trial.epoch and not told:
            return self.fail(trial_id, reason)
        self._record(Moved(trial_id=trial_id, reason=reason))
        return True

    def interrupt(self, signal: str) -> None:
        self._record(Interrupted(signal=signal))

    def warn(self, text: str) -> None:
        self._record(Warned(text=text))

    def drain(self, reason: str) -> None:
        """No new trials; the running ones end at their next report."""
        if not self.state.draining:
            self._record(Draining(reason=reason))

    def tested(self, test: FinalTest, metrics: Mapping[str, float]) -> None:
        self._record(Tested(**test.checkpoint._asdict(), metrics=dict(metrics)))

    def test_failed(self, test: FinalTest, error: str) -> bool:
        """The test died; True if it should be tried again."""
        self._test_failures += 1
        if self._test_failures <= self._max_failures:
            return True
        self._record(Tested(**test.checkpoint._asdict(), metrics={}, error=error))
        return False

    def close(self, status: Literal["finished", "interrupted", "failed"], reason: str = "") -> None:
        self._record(Closed(status=status, reason=reason))

    @property
    def _is_tested(self) -> bool:
        """Whether the incumbent was, if there is one."""
        return self.state.incumbent is None or self.state.tested is not None

    @property
    def _may_suggest(self) -> bool:
        started = len(self.state.trials)
        return not (self.state.draining or self._exhausted or started >= self._extent.trials)

    def _at_work(self) -> deque[int]:
        return deque(trial.trial_id for trial in self.state.with_status(Status.RUNNING))

    def _next_trial(self) -> int | None:
        """Resumes or starts a trial: a promotion first, then a new one."""
        resume = self._scheduler.next_to_resume(exhausted=not self._may_suggest)
        if resume is None and self._may_suggest:
            index = len(self.state.trials)
            alone = self.state.counts[Status.RUNNING] == 0
            config = self._suggest(index, self._history, alone)
            if config is NOT_YET:
                return None
            if config is not None:
                self._record(Suggested(trial_id=index, config=config))
                return index
            self._exhausted = True
            self._end_eliminated()
            resume = self._scheduler.next_to_resume(exhausted=True)
        if resume is None:
            return None
        self._record(TrialResumed(trial_id=resume.trial_id, exploit=resume.exploit))
        return resume.trial_id

    def _end_eliminated(self) -> None:
        for trial_id, reason in self._scheduler.eliminated(not self._may_suggest).items():
            self._record(Stopped(trial_id=trial_id, reason=reason))

    def _test(self) -> FinalTest | None:
        incumbent = self.state.incumbent
        if self._testing or incumbent is None or self._is_tested:
            return None
        self._testing = True
        return FinalTest(incumbent.config, incumbent.checkpoint)

    def _record(self, fact: Fact) -> None:
        fact = self._write(fact)
        self._apply(fact)
        self._observe(fact, self.state)

    def _decide(self, trial_id: int, epoch: int, loss: float) -> tuple[Decision, Stop | None]:
        """What the scheduler makes of a report, and whether the trial's patience is at an end."""
        lineage = self.state.trials[trial_id].lineage
        over = self._early_stopping.on_report(trial_id, lineage, epoch, loss)
        return self._scheduler.on_report(trial_id, epoch, loss), over

    def _replay(self, fact: Fact) -> None:
        if isinstance(fact, Reported):
            loss = self.state.objective.loss(fact.metrics)
            decision, over = self._decide(fact.trial_id, fact.epoch, loss)
            complete_at = self.state.extent.reports
            self._longer_run.replayed(fact.trial_id, fact.epoch, complete_at, over or decision)
        self._apply(fact)

    def _apply(self, fact: Fact) -> None:
        self.state.apply(fact)
        match fact:
            case RunResumed():
                self.hopeless, self._early_failures = "", EarlyFailures()
                self._longer_run.resumed(fact)
            case Suggested():
                self._history.suggested(fact.trial_id, fact.config)
                self._scheduler.on_start(fact.trial_id, fact.config)
            case Opened():
                for number, known in enumerate(fact.known, start=1):
                    self._learn(-number, known)  # beside the trials of this run
            case TrialResumed():
                self._scheduler.on_resume(fact.trial_id)
                if fact.exploit:
                    self._history.ended(fact.trial_id)  # as after an exploit below
            case Reported():
                self._history.reported(
                    fact.trial_id, fact.epoch, self.state.objective.loss(fact.metrics)
                )
                if isinstance(fact.decision, Exploit):
                    self._history.ended(fact.trial_id)  # its config is no longer the suggested one
                self._forget_if_ended(fact.trial_id)
            case Stopped():
                self._forget_if_ended(fact.trial_id)
            case Failed():
                self._forget_if_ended(fact.trial_id)
                self._judge_failure(fact)

    def _judge_failure(self, fact: Failed) -> None:
        self._early_failures.failed(fact)
        if self._fail_fast:
            self.hopeless = f"trial {fact.trial_id} failed, and the first failure ends this run"
        elif self._early_failures.are_all_alike(self.state):
            self.hopeless = "every trial fails in the same way"

    def _learn(self, number: int, known: Known) -> None:
        self._history.suggested(number, known.config)
        for epoch, loss in known.losses.items():
            self._history.reported(number, epoch, loss)
        self._history.ended(number)

    def _forget_if_ended(self, trial_id: int) -> None:
        ended = self.state.trials[trial_id].status.is_final
        if ended and not self._longer_run.holds(trial_id):
            self._history.ended(trial_id)
            self._scheduler.on_end(trial_id)

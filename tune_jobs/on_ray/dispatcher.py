"""Who is at work on Ray, and what each of them does next."""

from __future__ import annotations

import time
from collections.abc import Callable

from ray.tune.experiment import Trial as RayTrial

from search_algos.decisions import Decision, Exploit, Pause, Stop
from tune_jobs.errors import UserError
from tune_jobs.experiment import Assignment, Experiment, FinalTest
from tune_jobs.on_ray.trainable import ASSIGNMENT, Report

_TEST = -1  # stands for the final test among the numbers of trials


class Dispatcher:
    """Brings the experiment's assignments to Ray trials and their reports back.

    A Ray trial carries an assignment in its config. To pause, promote, clone or restart is one
    thing here: a Ray trial is given its next assignment and starts again on whichever actor is
    free. No checkpoint of Ray's is involved.

    Args:
        slots: how many may be at work now; asked every time, since clusters grow.
        time_budget: in seconds from now, or None.
    """

    def __init__(
        self, experiment: Experiment, slots: Callable[[], int], time_budget: float | None
    ) -> None:
        self.experiment = experiment
        self.fatal: UserError | None = None  # why no trial can ever work
        self._busy: set[int] = set()
        self._paused: dict[int, RayTrial] = {}
        self._to_start: list[RayTrial] = []
        self._slots = slots
        self._time_budget = time_budget
        self._started = time.monotonic()

    def __getstate__(self) -> None:
        """Ray pickles what it is given, for a restore of its own that nobody asks it for."""

    def next_assignment(self) -> Assignment | None:
        """Work for a new Ray trial, where a slot is free; a paused one is set to start instead."""
        self._watch_the_clock()
        while len(self._busy) < self._slots():
            work = self.experiment.next()
            if work is None:
                return None
            self._busy.add(_number(work))
            ray_trial = self._paused.pop(_number(work), None)
            if ray_trial is None:
                return work
            self._start_again(ray_trial, work)
        return None

    def report(self, ray_trial: RayTrial, report: Report) -> Decision:
        """What becomes of a Ray trial that reported."""
        work = _assignment_of(ray_trial)
        decision = self._decide(work, report)
        if isinstance(decision, (Stop, Pause)):
            self._busy.discard(_number(work))
        if isinstance(decision, Pause):
            self._paused[_number(work)] = ray_trial
        if isinstance(decision, Exploit):
            self._start_again(ray_trial, self.experiment.train(_number(work)))
        return decision

    def fail(self, ray_trial: RayTrial, error: str, fatal: bool) -> bool:
        """Whether a Ray trial that died should start again, with its new assignment."""
        if fatal:
            self.fatal = UserError(error)
        work = _assignment_of(ray_trial)
        if isinstance(work, FinalTest):
            again = self.experiment.test_failed(work, error)
        else:
            again = self.experiment.fail(work.trial_id, error, hopeless=fatal)
            ray_trial.set_config({ASSIGNMENT: self.experiment.train(work.trial_id)})
        if not again:
            self._busy.discard(_number(work))
        return again

    def first_to_start(self) -> RayTrial | None:
        """The same one until Ray has taken it."""
        self._to_start = [trial for trial in self._to_start if trial.status == RayTrial.PAUSED]
        return self._to_start[0] if self._to_start else None

    def take_paused_for_good(self) -> list[RayTrial]:
        """The Ray trials of paused trials that will never go on."""
        trials = self.experiment.state.trials
        ended = [number for number in self._paused if trials[number].status.is_final]
        return [self._paused.pop(number) for number in ended]

    def _decide(self, work: Assignment, report: Report) -> Decision:
        if isinstance(work, FinalTest):
            self.experiment.tested(work, report.metrics)
            return Stop("tested")
        self._watch_the_clock()
        try:
            return self.experiment.report(
                work.trial_id,
                report.epoch,
                report.metrics,
                seconds=report.seconds,
                node=report.node,
            )
        except UserError as error:
            self.fatal = error
            return Stop(str(error))

    def _start_again(self, ray_trial: RayTrial, work: Assignment) -> None:
        """The Ray trial, paused by now or at once, goes on with new work."""
        ray_trial.set_config({ASSIGNMENT: work})
        self._to_start.append(ray_trial)

    def _watch_the_clock(self) -> None:
        spent = time.monotonic() - self._started
        if self._time_budget is not None and spent > self._time_budget:
            self.experiment.drain(f"the time budget of {self._time_budget:g} s is used up")


def _assignment_of(ray_trial: RayTrial) -> Assignment:
    work: Assignment = ray_trial.config[ASSIGNMENT]
    return work


def _number(work: Assignment) -> int:
    return _TEST if isinstance(work, FinalTest) else work.trial_id

"""Experiment <-> Ray Tune. Ray asks for trials and brings results; the experiment decides.

A Ray trial carries one of ours as an assignment in its config. Pausing, promoting, cloning
and restarting are one thing: the Ray trial gets its new assignment as its config and starts
again, on whichever actor is free. No checkpoint of Ray's is involved.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from typing import Any

from ray.exceptions import RayActorError, RayTaskError
from ray.tune import Stopper
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial as RayTrial
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher

from search_algos.decisions import Continue, Exploit, Pause, Stop
from tune_jobs.errors import UserError
from tune_jobs.experiment import Assignment, Experiment, FinalTest
from tune_jobs.on_ray.trainable import ASSIGNMENT, REPORT, Report, TrialError

_TEST = -1  # stands for the final test among the numbers of trials


class Desk:
    """Who is at work: what the searcher and the scheduler that Ray sees share.

    Args:
        slots: how many may be at work now; asked every time, since clusters grow.
        time_budget: in seconds from now.
    """

    def __init__(
        self, experiment: Experiment, slots: Callable[[], int], time_budget: float | None
    ) -> None:
        self.experiment = experiment
        self.hopeless: UserError | None = None  # why no trial can ever work
        self.busy: set[int] = set()
        self.paused: dict[int, RayTrial] = {}
        self.to_start: list[RayTrial] = []
        self.to_stop: list[RayTrial] = []
        self._slots = slots
        self._time_budget = time_budget
        self._started = time.monotonic()

    def __getstate__(self) -> None:
        """Ray pickles what it is given, for a restore of its own that nobody asks it for."""

    def next_assignment(self) -> Assignment | None:
        """Work for a new Ray trial, if a slot is free; a paused one is set to start instead."""
        self.watch_the_clock()
        while len(self.busy) < self._slots():
            work = self.experiment.next()
            if work is None:
                return None
            number = _number(work)
            self.busy.add(number)
            if number not in self.paused:
                return work
            self.start_again(self.paused.pop(number), work)
        return None

    def start_again(self, ray_trial: RayTrial, work: Assignment) -> None:
        ray_trial.set_config({ASSIGNMENT: work})
        self.to_start.append(ray_trial)

    def watch_the_clock(self) -> None:
        spent = time.monotonic() - self._started
        if self._time_budget is not None and spent > self._time_budget:
            self.experiment.drain(f"the time budget of {self._time_budget:g} s is used up")


class ExperimentSearcher(Searcher):
    """Gives Ray a trial when a slot is free, and not before: what is sampled far ahead is
    sampled without knowing how the running trials end."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk

    def suggest(self, trial_id: str) -> Any:
        work = self._desk.next_assignment()
        if work is not None:
            return {ASSIGNMENT: work}
        return Searcher.FINISHED if self._desk.experiment.finished else None

    def on_trial_complete(self, *args: Any, **kwargs: Any) -> None:
        pass  # the experiment knows already

    def save(self, checkpoint_path: str) -> None:
        pass  # the journal has everything

    def restore(self, checkpoint_path: str) -> None:
        pass


class ExperimentScheduler(TrialScheduler):
    """Brings every result to the experiment and does to the Ray trial what was decided."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk

    def on_trial_result(
        self, tune_controller: TuneController, trial: RayTrial, result: dict[str, Any]
    ) -> str:
        work: Assignment = trial.config[ASSIGNMENT]
        report: Report = result[REPORT]
        if isinstance(work, FinalTest):
            self._desk.experiment.tested(work, report.metrics)
            return self._ended(work)
        self._desk.watch_the_clock()
        try:
            decision = self._desk.experiment.report(
                work.trial_id,
                report.epoch,
                report.metrics,
                seconds=report.seconds,
                node=report.node,
            )
        except UserError as error:
            self._desk.hopeless = error
            return self._ended(work)
        match decision:
            case Continue():
                return self.CONTINUE
            case Stop():
                return self._ended(work)
            case Pause():
                self._desk.busy.discard(work.trial_id)
                self._desk.paused[work.trial_id] = trial
            case Exploit():
                self._desk.start_again(trial, self._desk.experiment.train(work.trial_id))
        tune_controller.pause_trial(trial, should_checkpoint=False)
        return self.NOOP

    def on_trial_error(self, tune_controller: TuneController, trial: RayTrial) -> None:
        """Ray will put the trial back in its queue; where we give up it is taken out again."""
        work: Assignment = trial.config[ASSIGNMENT]
        error, hopeless = _error_of(trial)
        if hopeless:
            self._desk.hopeless = UserError(error)
        if isinstance(work, FinalTest):
            again = self._desk.experiment.test_failed(work, error)
        else:
            again = self._desk.experiment.fail(work.trial_id, error)
            work = self._desk.experiment.train(work.trial_id)
        if again:
            trial.set_config({ASSIGNMENT: work})
        else:
            self._ended(work)
            self._desk.to_stop.append(trial)

    def choose_trial_to_run(self, tune_controller: TuneController) -> RayTrial | None:
        if self._desk.experiment.state.all_ended:
            self._desk.to_stop += self._desk.paused.values()
            self._desk.paused.clear()
        while self._desk.to_stop:
            tune_controller.stop_trial(self._desk.to_stop.pop())
        self._desk.to_start = [t for t in self._desk.to_start if t.status == RayTrial.PAUSED]
        return self._desk.to_start[0] if self._desk.to_start else None

    def on_trial_add(self, tune_controller: TuneController, trial: RayTrial) -> None:
        pass

    def on_trial_complete(
        self, tune_controller: TuneController, trial: RayTrial, result: dict[str, Any]
    ) -> None:
        pass

    def on_trial_remove(self, tune_controller: TuneController, trial: RayTrial) -> None:
        pass

    def debug_string(self) -> str:
        return type(self).__name__

    def _ended(self, work: Assignment) -> str:
        self._desk.busy.discard(_number(work))
        return self.STOP


class HopelessStopper(Stopper):
    """Ends the run once it is known that no trial can ever work."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        return self._desk.hopeless is not None


def _number(work: Assignment) -> int:
    return _TEST if isinstance(work, FinalTest) else work.trial_id


def _error_of(ray_trial: RayTrial) -> tuple[str, bool]:
    """What went wrong in a person's words, and whether it would in every trial."""
    path = ray_trial.pickled_error_file
    if path is None:
        return "the trial could not be started", False
    with open(path, "rb") as file:
        error = pickle.load(file)  # written by Ray in this very process
    if isinstance(error, RayTaskError) and isinstance(error.cause, TrialError):
        return error.cause.text, error.cause.hopeless
    if isinstance(error, RayActorError):
        return f"the worker process died. {_first_line(error)}", False
    return str(error), False


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]

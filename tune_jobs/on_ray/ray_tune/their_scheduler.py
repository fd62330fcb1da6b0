"""A scheduler of Ray Tune in a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from ray.air.constants import TRAINING_ITERATION
from ray.tune import schedulers
from ray.tune.experiment import Trial as RayTrial

from tune_jobs.errors import UserError
from tune_jobs.names import name_of
from tune_jobs.on_ray.internals import time_attr_of
from tune_jobs.on_ray.ray_tune.our_scheduler import RayScheduler
from tune_jobs.on_ray.ray_tune.theirs import LOSS, copied, told
from tune_jobs.search_algos.base import Scheduler
from tune_jobs.search_algos.decisions import Continue, Decision, Pause, Resume, Stop
from tune_jobs.search_algos.space import Config, Space

_REFUSED: Mapping[type, str] = {
    schedulers.HyperBandScheduler: "scheduler='hyperband'",
    schedulers.PopulationBasedTraining: "scheduler='pbt'",
    schedulers.PopulationBasedTrainingReplay: "scheduler='pbt'",
    RayScheduler: "the scheduler in it, by its name,",
    schedulers.ResourceChangingScheduler: "cpus_per_trial and gpus_per_trial",
}
"""Schedulers that move Ray's trials themselves, and what a job has instead."""


class TheirScheduler(Scheduler):
    """A `ray.tune.schedulers.TrialScheduler` that gets stand-ins for Ray's trials.

    As in Ray, trials that it pauses continue when no new trials come.

    Raises UserError for options, for anything that is not a scheduler, for one that needs Ray's
    own trials, and for one that uses another metric or another time than the job.
    """

    pauses_trials = True
    deterministic = False

    def __init__(
        self,
        max_t: int,
        scheduler: Any,
        options: Mapping[str, Any],
        time_attr: str | None = None,
    ) -> None:
        super().__init__(max_t, Space({}), seed=0)
        name = f"scheduler {name_of(scheduler)!r}"
        for refused, instead in _REFUSED.items():
            if isinstance(scheduler, refused):
                raise UserError(f"{name} needs Ray's own trials; a job has {instead} for it")
        self._foreign = copied(name, scheduler, schedulers.TrialScheduler, options)
        self._time_attr = time_attr or TRAINING_ITERATION
        theirs = time_attr_of(self._foreign)
        if theirs not in (None, self._time_attr):
            raise UserError(
                f"{name} has time_attr={theirs!r}, the job has time_attr={self._time_attr!r}; give "
                "both the same"
            )
        if not self._foreign.set_search_properties(LOSS, "min"):
            raise UserError(f"{name} has its own metric or mode; the job must give them")
        self._trials: dict[int, _Trial] = {}  # that have not ended
        self._controller = _Controller(name, self._trials)

    def on_start(self, trial_id: int, config: Config) -> None:
        trial = self._trials[trial_id] = _Trial(str(trial_id), config)
        self._foreign.on_trial_add(self._controller, trial)

    def decide(self, trial_id: int, epoch: int, loss: float) -> Decision:
        trial = self._trials[trial_id]
        result = {**told(epoch, loss), self._time_attr: epoch}
        answer = self._foreign.on_trial_result(self._controller, trial, result)
        trial.last_result = result
        if answer == schedulers.TrialScheduler.STOP:
            return Stop(f"{type(self._foreign).__name__} stops it at epoch {epoch}")
        if answer == schedulers.TrialScheduler.PAUSE:
            trial.status = RayTrial.PAUSED
            return Pause()
        return Continue()

    def on_resume(self, trial_id: int) -> None:
        self._trials[trial_id].status = RayTrial.RUNNING

    def on_end(self, trial_id: int) -> None:
        trial = self._trials.pop(trial_id)
        paused, trial.status = trial.status == RayTrial.PAUSED, RayTrial.TERMINATED
        if paused:
            self._foreign.on_trial_remove(self._controller, trial)
        elif trial.last_result:
            self._foreign.on_trial_complete(self._controller, trial, trial.last_result)
        else:
            self._foreign.on_trial_error(self._controller, trial)

    def next_to_resume(self, exhausted: bool) -> Resume | None:
        if not exhausted or all(t.status != RayTrial.PAUSED for t in self._trials.values()):
            return None
        chosen = self._foreign.choose_trial_to_run(self._controller)
        return Resume(int(chosen.trial_id)) if chosen else None


class _Trial:
    """What a scheduler may read of one of Ray's trials."""

    is_saving = False

    def __init__(self, trial_id: str, config: Config) -> None:
        self.trial_id = trial_id
        self.config = dict(config)
        self.status: str = RayTrial.RUNNING
        self.last_result: dict[str, Any] = {}

    def is_finished(self) -> bool:
        return self.status == RayTrial.TERMINATED

    def __repr__(self) -> str:
        return f"trial {self.trial_id}"


class _Controller:
    """What a scheduler may read of Ray's controller. Raises UserError for anything else."""

    search_alg = None

    def __init__(self, owner: str, trials: Mapping[int, _Trial]) -> None:
        self._owner = owner
        self._trials = trials

    def get_trials(self) -> list[_Trial]:
        return list(self._trials.values())

    def get_live_trials(self) -> set[_Trial]:
        return set(self._trials.values())

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)  # Python itself asks, as copy and pickle do
        raise UserError(
            f"{self._owner} needs {name!r} of Ray's controller, which a job does not have; use "
            "one of the schedulers that `tune-jobs list` shows"
        )

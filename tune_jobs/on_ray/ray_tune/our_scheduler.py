"""Our schedulers in a Ray Tune script."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ray.air.constants import TRAINING_ITERATION
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial as RayTrial
from ray.tune.result import DEFAULT_METRIC
from ray.tune.schedulers import TrialScheduler

from tune_jobs.errors import UserError
from tune_jobs.names import checked_options, find_class, name_of, option_names
from tune_jobs.on_ray.internals import pause
from tune_jobs.on_ray.ray_tune.checkpoints import checkpoint_of, copy_state
from tune_jobs.on_ray.ray_tune.domains import our_terms
from tune_jobs.on_ray.ray_tune.our_searcher import check_mode, objective_of
from tune_jobs.search_algos.base import Scheduler
from tune_jobs.search_algos.decisions import Exploit, Pause, Resume, Stop
from tune_jobs.search_algos.nested import groups, nest, spread
from tune_jobs.search_algos.schedulers import SCHEDULERS
from tune_jobs.search_algos.space import Config, Space, split


class RayScheduler(TrialScheduler):
    """One of our schedulers, for the ``scheduler`` of a `ray.tune.TuneConfig`.

    A paused trial continues from its own newest checkpoint, and a clone from that of its source,
    so with such a scheduler the trainable must report checkpoints. Ray's limit of concurrent
    trials also counts paused ones: a scheduler that compares many trials, such as hyperband or
    pbt, never sees more than that at the same time.

    Args:
        scheduler: a name (``"asha"``), ``"module:Class"``, or a class derived from
            `tune_jobs.search_algos.base.Scheduler`.
        max_t: epochs after which a trial is complete, and stops.
        seed: of the scheduler's random choices.
        metric, mode: as in a `ray.tune.TuneConfig`, which may give them instead. ASHA also has an
            option ``mode``: values other than ``"min"`` and ``"max"`` are for it.
        time_attr: the key of a result that counts the epochs from 1.
        space: the Tuner's ``param_space``, for a scheduler that makes configs, such as pbt.
        options: of the scheduler.

    Raises UserError for an unknown scheduler or option and for a space that is missing,
    SpaceError for a space that cannot be searched.
    """

    supports_buffered_results = False  # a decision comes before the next epoch

    def __init__(
        self,
        scheduler: str | type[Scheduler],
        *,
        max_t: int = 27,
        seed: int = 0,
        metric: str | None = None,
        mode: str | None = None,
        time_attr: str = TRAINING_ITERATION,
        space: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        self._name = f"scheduler {name_of(scheduler)!r}"
        cls = find_class(scheduler, Scheduler, SCHEDULERS)
        if mode not in ("min", "max", None) and "mode" in option_names(cls):
            mode, options["mode"] = None, mode
        check_mode(mode)
        options = checked_options(self._name, cls, options)
        if cls.clones_trials and space is None:
            raise UserError(
                f"{self._name} makes new configs; give it the Tuner's param_space as space={{...}}"
            )
        self._metric = metric
        self._mode = mode
        self._time_attr = time_attr
        ours = our_terms(space or {})
        self._space: Space = split(ours)[0]
        self._groups = groups(ours)
        self._scheduler = cls(max_t, self._space, seed, **options)
        self._trials: list[RayTrial] = []  # by our number
        self._numbers: dict[str, int] = {}  # by Ray's id
        self._epochs: dict[int, int] = {}
        self._living: set[int] = set()
        self._failed: list[RayTrial] = []
        self._to_resume: list[RayTrial] = []

    def set_search_properties(self, metric: str | None, mode: str | None, **spec: Any) -> bool:
        """Takes the values of the Tuner; returns False if they were given here too."""
        if (self._metric and metric) or (self._mode and mode):
            return False
        self._mode = mode or self._mode
        self._metric = metric or self._metric or (DEFAULT_METRIC if self._mode else None)
        return True

    def on_trial_add(self, tune_controller: TuneController, trial: RayTrial) -> None:
        objective_of(self._name, self._metric, self._mode)
        if trial.trial_id in self._numbers or trial.is_finished():
            return  # it starts again after a failure, or ended in a run that was restored
        number = self._numbers[trial.trial_id] = len(self._trials)
        self._trials.append(trial)
        self._living.add(number)
        self._scheduler.on_start(number, self._searched(trial.config))

    def on_trial_result(
        self, tune_controller: TuneController, trial: RayTrial, result: dict[str, Any]
    ) -> str:
        objective = objective_of(self._name, self._metric, self._mode)
        loss = objective.loss(result)
        if loss is None:
            return self.CONTINUE  # where Ray's own check is switched off, some results lack it
        number = self._numbers[trial.trial_id]
        epoch = self._epoch_of(result)
        if epoch <= self._epochs.get(number, 0):
            return self.CONTINUE  # it was told before: the trial catches up
        self._epochs[number] = epoch
        decision = self._scheduler.on_report(number, epoch, loss)
        if isinstance(decision, Stop) or epoch >= self._scheduler.max_t:
            return self.STOP
        if isinstance(decision, Exploit):
            pause(tune_controller, trial)
            self._clone(trial, decision)
            self._to_resume.append(trial)
            return self.NOOP
        return self.PAUSE if isinstance(decision, Pause) else self.CONTINUE

    def choose_trial_to_run(self, tune_controller: TuneController) -> RayTrial | None:
        """A trial that continues comes first, the same until Ray has taken it; then a new one."""
        self._end_failed()
        self._to_resume = [
            trial
            for trial in self._to_resume
            if trial.status in (RayTrial.PAUSED, RayTrial.PENDING)
        ]
        if not self._to_resume:
            self._resume_or_end(tune_controller)
        waiting = (t for t in tune_controller.get_trials() if t.status == RayTrial.PENDING)
        return self._to_resume[0] if self._to_resume else next(waiting, None)

    def on_trial_error(self, tune_controller: TuneController, trial: RayTrial) -> None:
        """Ray may restart it; the next choice shows whether it did."""
        self._failed.append(trial)

    def on_trial_complete(
        self, tune_controller: TuneController, trial: RayTrial, result: dict[str, Any]
    ) -> None:
        self._end(trial)

    def on_trial_remove(self, tune_controller: TuneController, trial: RayTrial) -> None:
        self._end(trial)

    def debug_string(self) -> str:
        return f"Using {self._name} of tune-jobs."

    def _resume_or_end(self, tune_controller: TuneController) -> None:
        statuses = {trial.status for trial in tune_controller.get_trials()}
        idle = not statuses & {RayTrial.PENDING, RayTrial.RUNNING}
        # A limit of concurrent trials counts paused ones: with all of them paused, no new trial
        # comes although the search is not over.
        exhausted = idle or (
            tune_controller.search_alg.is_finished() and RayTrial.PENDING not in statuses
        )
        for number in self._scheduler.eliminated(exhausted):
            if self._trials[number].status == RayTrial.PAUSED:
                tune_controller.stop_trial(self._trials[number])
        resume = self._scheduler.next_to_resume(exhausted)
        if resume is not None:
            self._resume(resume)
        elif idle:
            self._end_paused(tune_controller)

    def _resume(self, resume: Resume) -> None:
        """Prepares a paused trial, unless Ray is still saving it or its source."""
        trial = self._trials[resume.trial_id]
        source = self._trials[resume.exploit.source] if resume.exploit else trial
        if trial.status != RayTrial.PAUSED or source.is_saving:
            return
        self._scheduler.on_resume(resume.trial_id)
        if resume.exploit:
            self._clone(trial, resume.exploit)
        else:
            checkpoint_of(trial)
        self._to_resume.append(trial)

    def _clone(self, trial: RayTrial, exploit: Exploit) -> None:
        whole = self._flat(trial.config)
        constants = {n: value for n, value in whole.items() if n not in self._space}
        copy_state(self._trials[exploit.source], trial)
        trial.set_config(nest({**constants, **exploit.config}, self._groups))

    def _end_paused(self, tune_controller: TuneController) -> None:
        """Ends paused trials that nobody will resume."""
        for trial in list(tune_controller.get_trials()):
            if trial.status == RayTrial.PAUSED:
                tune_controller.stop_trial(trial)

    def _end_failed(self) -> None:
        for trial in self._failed:
            if trial.status == RayTrial.ERROR:
                self._end(trial)
        self._failed.clear()

    def _end(self, trial: RayTrial) -> None:
        number = self._numbers.get(trial.trial_id)
        if number in self._living:
            self._living.remove(number)
            self._scheduler.on_end(number)

    def _searched(self, config: Config) -> Config:
        """The part of a trial's config that is in the space; all of it if no space was given."""
        return {n: v for n, v in self._flat(config).items() if n in self._space or not self._space}

    def _flat(self, config: Config) -> Config:
        """The config with the names of the space."""
        return spread(config, self._groups)

    def _epoch_of(self, result: Mapping[str, Any]) -> int:
        epoch = result.get(self._time_attr)
        if not isinstance(epoch, int):
            raise UserError(
                f"{self._name} counts epochs by {self._time_attr!r}, which is {epoch!r} in a "
                f"result; name a whole number that grows by one, such as {TRAINING_ITERATION!r}"
            )
        return epoch

"""How the model of a trial is built and trained: in a worker, in a check, and for a prediction."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tune_jobs.job import epoch_checks
from tune_jobs.job.derived import whole
from tune_jobs.models import randomness
from tune_jobs.models.base import Model, TrainingError
from tune_jobs.models.nested import config_of
from tune_jobs.models.training.cross_validation import CrossValidation
from tune_jobs.models.trial import Trial
from tune_jobs.search_algos.derived import Derived

if TYPE_CHECKING:
    from tune_jobs.job.tune_job import TuneJob


@dataclass(frozen=True)
class Builder:
    """Builds the models of a job and trains their epochs, with the random numbers of the job's
    seed, so the same config gives the same model everywhere.

    Attributes:
        model: their class.
        constants: the values that are the same in every config.
        derived: the values that are computed from the others.
        groups: the dicts in a config.
        seed: of the job; a Config with a seed of its own has its own random numbers.
        folds: of a cross-validation, or None.
        max_epochs: of a training, so of each fold.
        time_attr: of the job.
    """

    model: type[Model]
    constants: Mapping[str, Any]
    derived: Mapping[str, Derived]
    groups: frozenset[str]
    seed: int
    folds: int | None
    max_epochs: int
    time_attr: str | None

    @classmethod
    def of(cls, job: TuneJob) -> Builder:
        """Raises UserError if the model cannot be imported."""
        return cls(
            job.model_class(),
            job.constants(),
            job.derived,
            job.groups,
            job.seed,
            job.folds,
            job.max_epochs,
            job.time_attr,
        )

    def config(self, values: Mapping[str, Any]) -> Any:
        """The model's Config with the values of a trial. Raises what the Config raises."""
        complete = whole({**self.constants, **values}, self.derived, self.groups)
        return config_of(self.model.Config, complete)

    def build(self, config: Any, trial: Trial | None = None) -> Model:
        """A new model with this Config, for a trial. Sets the global random numbers."""
        self.model.prepare_data(config)
        self._seed(config, 0)
        trial = trial or Trial()
        with trial.current():
            model = self._new(config)
        model.trial = trial
        return model

    def train_epoch(self, model: Model, epoch: int) -> dict[str, float]:
        """Trains and evaluates the next epoch of a model, counted from 1; returns its metrics.
        Sets the global random numbers. Raises as `epoch_checks.epoch` does."""
        if not model.keeps_random_numbers:
            self._seed(model.config, epoch)
        model.trial.epoch = epoch
        with model.trial.current():
            return epoch_checks.epoch(model)

    def reached(self, before: int, metrics: Mapping[str, float]) -> int:
        """The epoch that a trial has reached with these metrics: the one after ``before``, or the
        steps that they count. Raises TrainingError if they count none."""
        if self.time_attr is None:
            return before + 1
        return epoch_checks.steps(self.time_attr, metrics)

    def _new(self, config: Any) -> Model:
        if self.folds:
            return CrossValidation(self.model, config, self.folds, self.max_epochs)
        model = self.model(config)
        if not hasattr(model, "config"):
            name = type(model).__name__
            raise TrainingError(f"{name}.__init__ has to call super().__init__(config)")
        return model

    def _seed(self, config: Any, epoch: int) -> None:
        own = getattr(config, "seed", None)
        randomness.seed(own if isinstance(own, int) else self.seed, epoch)


def limit_threads(cpus: float) -> None:
    """Limits torch to the CPUs of a trial; by default it uses all cores, and many threads slow
    down a small network."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(max(1, int(cpus)))


@contextmanager
def threads_as_in_a_trial(cpus: float) -> Iterator[None]:
    """Inside, this process trains with as many threads as a worker."""
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else 0
    limit_threads(cpus)
    try:
        yield
    finally:
        if torch:
            torch.set_num_threads(before)

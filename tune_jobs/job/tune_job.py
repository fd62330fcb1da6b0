"""A tuning job: what to train, where to search, how to choose, when to stop. Declared, not run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeVar

from pydantic import ByteSize, ConfigDict, Field, PositiveFloat, PositiveInt, field_validator
from pydantic.dataclasses import dataclass

from tune_jobs.errors import UserError
from tune_jobs.experiment.early_stopping import EarlyStopping
from tune_jobs.experiment.experiment import Experiment
from tune_jobs.experiment.extent import Extent
from tune_jobs.experiment.facts import Fact, Known
from tune_jobs.experiment.objective import Objective
from tune_jobs.experiment.state import RunState
from tune_jobs.experiment.suggest import AtOnce, InBackground
from tune_jobs.job.checks import fold_problems, patience_problems, searcher_problems, unwritable
from tune_jobs.job.model_checks import check_model, cloning_problems, config_problems
from tune_jobs.models import MODELS
from tune_jobs.models.base import Model
from tune_jobs.names import (
    checked_options,
    field_names,
    find_class,
    is_from_ray_tune,
    name_of,
    option_names,
)
from tune_jobs.search_algos.base import Scheduler, Searcher
from tune_jobs.search_algos.domains import SpaceError
from tune_jobs.search_algos.schedulers import SCHEDULERS
from tune_jobs.search_algos.searchers import SEARCHERS
from tune_jobs.search_algos.space import Space, split
from tune_jobs.search_algos.starting_points import StartingPoints

T = TypeVar("T")

_FILLED_IN = ("seed", "max_epochs", "trial_timeout")
"""What a model's Config gets from the job where it has such fields; see `Model`."""


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class TuneJob:
    """One tuning job. Words mean what they mean in Ray Tune.

    Args:
        name: of the job and, with the time, of its runs: letters, digits, ``_ . -``.
        model: a registered name, ``"module:Class"``, or a class derived from
            `tune_jobs.Model`. A name is imported only when the job runs: `list` and `show` do not
            wait for it.
        searcher, scheduler: likewise, each with its options; or an object of Ray Tune's
            (``OptunaSearch()``, ``MedianStoppingRule(...)``), with which a run cannot be
            repeated or resumed exactly.
        space: hyperparameter -> Float, Int, Choice, one of Ray Tune's domains
            (``tune.loguniform(...)``), or a plain value for every trial.
        metric, mode: what the model reports, and whether ``"min"`` or ``"max"`` is best.
        num_samples: trials.
        max_epochs: epochs of a complete trial.
        folds: of a cross-validation. Then every epoch of a trial is a fold, in which the model is
            trained for max_epochs, and the metric is the mean over the folds so far.
        patience, min_delta: a trial ends after so many epochs in a row of which none was better
            by more than that.
        seed: of the searcher, the scheduler, and every model whose Config has a ``seed``.
        max_concurrent: trials at a time; by default as many as the resources hold.
        cpus_per_trial, gpus_per_trial: may be fractions; by default one CPU, and one GPU
            where the cluster has any.
        time_budget: seconds, after which no new trial starts and running ones end.
        max_failures: how often a trial that died goes on from its newest checkpoint.
        fail_fast: the first failure ends the run.
        trial_timeout: seconds without a report after which a trial counts as hanging: its
            worker is ended, which is a failure.
        keep_checkpoints: how many of a trial are kept; with two, a damaged one is no loss.
        checkpoint_quota: bytes (``"2GiB"``) for all checkpoints of the run; beyond them the worst
            ended trials' go first, and what is needed to go on never.
        storage_patience: seconds for which a storage that fails (a full disk, a bucket out of
            reach) is tried again before the run ends, to be resumed.
        points_to_evaluate: configs to try first; what one leaves out is drawn at random.
        warm_start: a run, by name or path, whose trials the searcher learns from first.

    Raises pydantic's ValidationError for fields of a wrong type or range.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]+$")
    model: Any
    space: dict[str, Any]
    metric: str
    mode: Literal["min", "max"]
    searcher: Any = "bayesopt"
    searcher_options: dict[str, Any] = Field(default_factory=dict)
    scheduler: Any = "asha"
    scheduler_options: dict[str, Any] = Field(default_factory=dict)
    num_samples: PositiveInt = 20
    max_epochs: PositiveInt = 27
    folds: int | None = Field(default=None, ge=2)
    patience: PositiveInt | None = None
    min_delta: float = Field(default=0.0, ge=0)
    seed: int = Field(default=0, ge=0)
    max_concurrent: PositiveInt | None = None
    cpus_per_trial: PositiveFloat = 1.0
    gpus_per_trial: float | None = Field(default=None, ge=0)
    time_budget: PositiveFloat | None = None
    max_failures: int = Field(default=3, ge=0)
    fail_fast: bool = False
    trial_timeout: PositiveFloat | None = None
    keep_checkpoints: PositiveInt = 2
    checkpoint_quota: ByteSize | None = None
    storage_patience: float = Field(default=300.0, ge=0)
    points_to_evaluate: list[dict[str, Any]] = Field(default_factory=list)
    warm_start: str | None = None

    @field_validator("space", mode="before")
    @classmethod
    def _convert_ray_domains(cls, space: Any) -> Any:
        if not isinstance(space, dict):
            return space
        return {name: _without_ray(name, value) for name, value in space.items()}

    @property
    def method(self) -> str:
        """Searcher × scheduler, for people."""
        return f"{name_of(self.searcher)} × {name_of(self.scheduler)}"

    @property
    def extent(self) -> Extent:
        return Extent(self.num_samples, self.folds or self.max_epochs)

    @property
    def training(self) -> str:
        """That of a complete trial, for people."""
        epochs = f"{self.max_epochs} epoch{'s' if self.max_epochs > 1 else ''}"
        return f"{self.folds} folds of {epochs}" if self.folds else epochs

    @property
    def objective(self) -> Objective:
        return Objective(self.metric, self.mode, over_folds=self.folds is not None)

    @property
    def domains(self) -> Space:
        """What is searched. Raises SpaceError for conditions that make no sense."""
        return split(self.space)[0]

    def checked_domains(self) -> Space:
        """What is searched. Raises UserError for conditions that make no sense."""
        try:
            return self.domains
        except SpaceError as error:
            raise UserError(f"job {self.name!r}: {error}") from error

    def constants(self) -> dict[str, Any]:
        """What the config of every trial has besides its suggestion. Imports the model."""
        fields = field_names(self.model_class().Config)
        mine = [name for name in _FILLED_IN if name in fields and name not in self.space]
        return {**{name: getattr(self, name) for name in mine}, **split(self.space)[1]}

    def model_class(self) -> type[Model]:
        return check_model(find_class(self.model, Model, MODELS))

    def build_searcher(self) -> Searcher:
        searcher = self._searcher_alone()
        points = self.points_to_evaluate
        return StartingPoints(points, searcher) if points else searcher

    def _searcher_alone(self) -> Searcher:
        if is_from_ray_tune(self.searcher):
            from tune_jobs.on_ray.ray_tune.their_searcher import ForeignSearcher

            return ForeignSearcher(self.domains, self.searcher, self.searcher_options)
        cls = find_class(self.searcher, Searcher, SEARCHERS)
        name = f"searcher {name_of(self.searcher)!r}"
        options = checked_options(name, cls, self.searcher_options)
        return cls(self.domains, self.seed, **options)

    def build_scheduler(self) -> Scheduler:
        if is_from_ray_tune(self.scheduler):
            from tune_jobs.on_ray.ray_tune.their_scheduler import ForeignScheduler

            return ForeignScheduler(self.extent.reports, self.scheduler, self.scheduler_options)
        cls = find_class(self.scheduler, Scheduler, SCHEDULERS)
        name = f"scheduler {name_of(self.scheduler)!r}"
        options = checked_options(name, cls, self.scheduler_options)
        if "perturb" in option_names(cls) and self.model is not None:
            # Unless told otherwise, clones differ in what the model can change in training.
            fixed = self.model_class().structural
            options.setdefault("perturb", [name for name in self.domains if name not in fixed])
        return cls(self.extent.reports, self.domains, self.seed, **options)

    def build_experiment(
        self,
        record: Callable[[Fact], Fact],
        observe: Callable[[Fact, RunState], None],
        facts: Iterable[Fact] = (),
        began_with: Extent | None = None,
        warm_start: Iterable[Known] = (),
        in_background: bool = False,
    ) -> Experiment:
        """The job as a state machine; see `Experiment` for the arguments.

        ``in_background`` lets a searcher that takes long think while trials report.
        """
        searcher = self.build_searcher()
        return Experiment(
            InBackground(searcher) if in_background and searcher.takes_long else AtOnce(searcher),
            self.build_scheduler(),
            self.objective,
            extent=self.extent,
            early_stopping=EarlyStopping(self.patience, self.min_delta),
            max_failures=self.max_failures,
            fail_fast=self.fail_fast,
            record=record,
            observe=observe,
            facts=facts,
            began_with=began_with,
            warm_start=warm_start,
        )

    def validate(self, with_model: bool = True) -> None:
        """Checks all that can be known before anything starts. Imports the model, unless it
        is left out, as for a simulation.

        Raises UserError with every problem found.
        """
        problems: list[str] = []

        def attempt(build: Callable[[], T]) -> T | None:
            try:
                return build()
            except (UserError, ValueError, TypeError) as error:
                problems.append(str(error))
                return None

        space = attempt(lambda: self.domains)
        model = attempt(self.model_class) if with_model else None
        if space is not None:
            if not space:
                problems.append("the space has nothing to search; give a Float, Int or Choice")
            searcher = attempt(self.build_searcher)
            scheduler = attempt(self.build_scheduler)
            if searcher:
                problems += searcher_problems(self, searcher, space)
            problems += patience_problems(self) + unwritable(self.space)
            if model:
                problems += config_problems(model, self.space, space, self.constants())
            if model and scheduler and scheduler.clones_trials and not self.folds:
                name = f"scheduler {name_of(self.scheduler)!r}"
                problems += cloning_problems(name, model, scheduler.changes)
            if self.folds:
                problems += fold_problems(self, model, scheduler)
        if problems:
            raise UserError(
                *(f"job {self.name!r}: {problem}" for problem in dict.fromkeys(problems))
            )


def _without_ray(name: str, value: Any) -> Any:
    """Ray Tune's domains become ours; only somebody who imported Ray can have one."""
    if isinstance(value, dict):
        hint = "Choice([...])" if "grid_search" in value else "a name for each of its entries"
        raise SpaceError(f"{name!r} is a dict; a space is flat, give {hint}")
    if type(value).__module__.startswith("ray."):
        from tune_jobs.on_ray.ray_tune.domains import convert

        return convert(name, value)
    return value

"""The part of a job that decides: the space, the searcher, the scheduler, the objective."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from pydantic import ConfigDict, Field, PositiveInt, field_validator
from pydantic.dataclasses import dataclass

from tune_jobs.errors import UserError, counted
from tune_jobs.experiment.early_stopping import EarlyStopping
from tune_jobs.experiment.experiment import Experiment
from tune_jobs.experiment.extent import Extent
from tune_jobs.experiment.facts import Fact
from tune_jobs.experiment.goals import REPORTS, Goals
from tune_jobs.experiment.method import Method
from tune_jobs.experiment.objective import Counts, Objective
from tune_jobs.experiment.shares import Epochs, Shares
from tune_jobs.experiment.suggest import AtOnce, InBackground
from tune_jobs.job import components
from tune_jobs.job.checks import (
    Metrics,
    Modes,
    metric_problems,
    patience_problems,
    searcher_problems,
    stop_problems,
    unwritable,
)
from tune_jobs.job.derived import recorded
from tune_jobs.names import name_of
from tune_jobs.search_algos.base import Scheduler, Searcher, generator
from tune_jobs.search_algos.derived import Derived
from tune_jobs.search_algos.domains import SpaceError
from tune_jobs.search_algos.domains.values import plain
from tune_jobs.search_algos.history import History
from tune_jobs.search_algos.nested import flat, groups
from tune_jobs.search_algos.space import Space, split

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Search:
    """A job without its model and its resources: everything that a simulation needs.

    Args:
        name: of the job, and with the time of its runs: letters, digits, ``_ . -``.
        space: hyperparameter -> Float, Int, Choice, one of Ray Tune's domains
            (``tune.loguniform(...)``), a plain value for every trial, Derived (computed from the
            others), or a dict of all these.
        metric, mode: a metric that the model reports, and whether ``"min"`` or ``"max"`` is best;
            or a list of metrics with a list of their modes. With several, there is no best trial
            but a Pareto front; where one is needed, it is the best by the first metric.
        best: which report of a trial counts when the best trial is chosen: its best one by the
            first metric (``"any"``), its ``"last"`` one, or its last one among the trials with the
            most epochs (``"complete"``). By default "complete" with folds, else "any".
        searcher, scheduler: a registered name, ``"module:Class"``, or a class, each with its
            options; or an object of Ray Tune (``OptunaSearch()``, ``MedianStoppingRule(...)``),
            with which a run cannot be repeated or resumed exactly.
        num_samples: the number of trials.
        max_epochs: the epochs of a complete trial.
        time_attr: a metric that counts the training of a trial in steps, such as
            ``"timesteps_total"``, in whole numbers that grow. An epoch is then a step: max_epochs,
            patience and the periods of the scheduler are numbers of steps. By default every report
            is an epoch.
        folds: the folds of a cross-validation. An epoch of a trial is then a fold, for which the
            model is trained for max_epochs, and the metric is the mean over the folds so far.
        patience, min_delta: a trial stops after ``patience`` epochs in a row without an
            improvement of more than ``min_delta`` in any metric.
        stop: when a trial is complete before max_epochs. ``{"accuracy": 0.98}``: when it reached
            one of these values, at least, or at most for the job's own metrics with mode "min". Or
            a function ``stop(trial_id, metrics)`` that is true then; an object of Ray Tune's class
            Stopper can also end the run.
        seed: of the searcher, the scheduler, and every model whose Config has a ``seed``.
        max_failures: how often a trial that died is restarted from its newest checkpoint.
        fail_fast: the first failure ends the run.
        points_to_evaluate: configs to try first; hyperparameters that one leaves out are drawn at
            random.
        constraints: what every config must keep to, such as ``"low < high"`` or
            ``"layers * width <= 4096"``: comparisons, arithmetic, ``and``, ``or``, ``not``, with
            names of the space, numbers and texts.

    Raises pydantic's ValidationError for fields of a wrong type or range.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]+$")
    space: dict[str, Any]
    metric: Metrics
    mode: Modes
    best: Counts | None = None
    searcher: Any = "bayesopt"
    searcher_options: dict[str, Any] = Field(default_factory=dict)
    scheduler: Any = "asha"
    scheduler_options: dict[str, Any] = Field(default_factory=dict)
    num_samples: PositiveInt = 20
    max_epochs: PositiveInt = 27
    time_attr: str | None = None
    folds: int | None = Field(default=None, ge=2)
    patience: PositiveInt | None = None
    min_delta: float = Field(default=0.0, ge=0)
    stop: Any = None
    seed: int = Field(default=0, ge=0)
    max_failures: int = Field(default=3, ge=0)
    fail_fast: bool = False
    points_to_evaluate: list[dict[str, Any]] = Field(default_factory=list)
    constraints: list[str] = Field(default_factory=list)

    @field_validator("space", mode="before")
    @classmethod
    def _in_our_terms(cls, space: Any) -> Any:
        if not isinstance(space, dict):
            return space
        return {name: _without_ray(name, plain(value)) for name, value in space.items()}

    @field_validator("time_attr")
    @classmethod
    def _unless_reports(cls, name: str | None) -> str | None:
        return None if name == REPORTS else name

    @field_validator(
        *("points_to_evaluate", "stop", "searcher_options", "scheduler_options"), mode="before"
    )
    @classmethod
    def _plain(cls, given: Any) -> Any:
        return plain(given)

    @property
    def method(self) -> str:
        """Searcher × scheduler, for people."""
        return f"{name_of(self.searcher)} × {name_of(self.scheduler)}"

    @property
    def extent(self) -> Extent:
        return Extent(self.num_samples, self.folds or self.max_epochs)

    @property
    def training(self) -> str:
        """The training of a complete trial, for people."""
        epochs = counted(self.max_epochs, "step" if self.time_attr else "epoch")
        return f"{counted(self.folds, 'fold')} of {epochs}" if self.folds else epochs

    @property
    def objective(self) -> Objective:
        return Objective.of(self.metric, self.mode, self.folds, self.best, self.time_attr)

    @property
    def domains(self) -> Space:
        """The part of the space that is searched. Raises SpaceError for impossible conditions and
        constraints."""
        return split(self.space, self.constraints)[0]

    @property
    def flat(self) -> dict[str, Any]:
        """The space without dicts: ``trainer.lr`` is the ``lr`` in its dict ``trainer``."""
        return flat(self.space)

    @property
    def derived(self) -> dict[str, Derived]:
        """The part of the space that is computed from the others."""
        return {name: value for name, value in self.flat.items() if isinstance(value, Derived)}

    @property
    def groups(self) -> frozenset[str]:
        """The names of the dicts in the space that have something to search."""
        return groups(self.space)

    def constants(self) -> dict[str, Any]:
        """The values that are the same in the config of every trial."""
        return split(self.space)[1]

    @property
    def fixed(self) -> frozenset[str]:
        """Hyperparameters that cannot change during the training, so a clone keeps them too."""
        return frozenset()

    def build_searcher(self) -> Searcher:
        """Raises UserError for one that is not there, or does not take its options."""
        return components.searcher_of(self)

    def build_scheduler(self) -> Scheduler:
        """Raises UserError for one that is not there, or does not take its options."""
        return components.scheduler_of(self)

    def build_experiment(
        self,
        facts: Sequence[Fact] = (),
        began_with: Extent | None = None,
        in_background: bool = False,
    ) -> Experiment:
        """The job as a state machine, after these facts; `Experiment.start` hands it to a driver.

        With ``in_background``, a slow searcher works in a thread while trials report.
        """
        searcher = self.build_searcher()
        known = self.constants() if self.derived else {}
        method = Method(
            InBackground(searcher) if in_background and searcher.takes_long else AtOnce(searcher),
            History(self.domains),
            self.build_scheduler(),
            EarlyStopping(self.patience, self.min_delta),
            Goals(self.stop, self.objective),
            self.extent,
            Shares(self.extent.reports) if self.time_attr else Epochs(),
            lambda config: recorded({**known, **config}, self.derived, self.groups),
        )
        return Experiment(
            method,
            self.objective,
            self.extent,
            facts=facts,
            began_with=began_with,
            max_failures=self.max_failures,
            fail_fast=self.fail_fast,
        )

    def validate(self) -> None:
        """Checks everything that can be known before the start. Raises UserError with all
        problems."""
        if problems := list(dict.fromkeys(self.problems())):
            raise UserError(*(f"job {self.name!r}: {problem}" for problem in problems))

    def problems(self) -> list[str]:
        """Messages about what cannot work."""
        problems: list[str] = []
        space = attempt(lambda: self.domains, problems)
        if space is None:
            return problems
        if not space:
            problems.append("the space has nothing to search; give a Float, Int or Choice")
        if space.constraints:
            empty = attempt(lambda: space.sample(generator("constraints", 0)), problems) is None
            if empty:
                return problems
        searcher = attempt(self.build_searcher, problems)
        scheduler = attempt(self.build_scheduler, problems)
        problems += metric_problems(self, searcher, scheduler)
        if searcher:
            problems += searcher_problems(self, searcher, space)
        return problems + patience_problems(self) + stop_problems(self) + unwritable(self.flat)


def attempt(build: Callable[[], T], problems: list[str]) -> T | None:
    """What ``build`` returns; or None, with one more problem."""
    try:
        return build()
    except (UserError, ValueError, TypeError) as error:
        problems.append(str(error))
        return None


def _without_ray(name: str, value: Any) -> Any:
    """Turns Ray Tune's domains into ours; if there is one, Ray is imported already."""
    if isinstance(value, dict):
        if "grid_search" in value:
            raise SpaceError(f"{name!r} is tune.grid_search(...); give Choice([...]) instead")
        return {key: _without_ray(f"{name}.{key}", part) for key, part in value.items()}
    if type(value).__module__.startswith("ray."):
        from tune_jobs.on_ray.ray_tune.domains import convert

        return convert(name, value)
    return value

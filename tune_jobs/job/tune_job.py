"""A tuning job: what to train, where to search, how to choose, when to stop. Declared, not run."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from pydantic import ByteSize, ConfigDict, Field, PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass

from tune_jobs.job.checks import callback_problems, fold_problems
from tune_jobs.job.model_checks import check_model, cloning_problems, config_problems
from tune_jobs.job.search import Search, attempt
from tune_jobs.models import MODELS
from tune_jobs.models.base import FilledIn, Model
from tune_jobs.names import find_class, name_of
from tune_jobs.search_algos.space import split


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class TuneJob(Search):
    """One tuning job: a `Search` with its model and what a run of it may use. Words mean what
    they mean in Ray Tune.

    Args:
        model: a registered name, ``"module:Class"``, or a class derived from `tune_jobs.Model`.
            A name is imported only when the job runs: `list` and `show` do not wait for it.
        max_concurrent: trials at a time; by default as many as the resources hold.
        cpus_per_trial, gpus_per_trial: may be fractions; by default one CPU, and one GPU
            where the cluster has any.
        time_budget: seconds, after which no new trial starts and running ones end.
        trial_timeout: seconds without a report after which a trial counts as hanging: its
            worker is ended, which is a failure.
        keep_checkpoints: how many of a trial are kept; with two, a damaged one is no loss.
        checkpoint_quota: bytes (``"2GiB"``) for all checkpoints of the run; beyond them the worst
            ended trials' go first, and what the run needs to go on always stays.
        storage_patience: seconds for which a storage that fails (a full disk, a bucket out of
            reach) is tried again before the run ends, to be resumed.
        warm_start: a run, by name or path, whose trials the searcher learns from first.
        callbacks: objects of classes derived from `tune_jobs.Callback`, which are told whatever
            happens in the run.

    Raises pydantic's ValidationError for fields of a wrong type or range.
    """

    model: Any
    max_concurrent: PositiveInt | None = None
    cpus_per_trial: PositiveFloat = 1.0
    gpus_per_trial: float | None = Field(default=None, ge=0)
    time_budget: PositiveFloat | None = None
    trial_timeout: PositiveFloat | None = None
    keep_checkpoints: PositiveInt = 2
    checkpoint_quota: ByteSize | None = None
    storage_patience: float = Field(default=300.0, ge=0)
    warm_start: str | None = None
    callbacks: list[Any] = Field(default_factory=list)

    @property
    def search(self) -> Search:
        """The job without its model, which is not imported for it."""
        return Search(**{field.name: getattr(self, field.name) for field in fields(Search)})

    @property
    def fixed(self) -> frozenset[str]:
        return self.model_class().structural

    def constants(self) -> dict[str, Any]:
        """What the config of every trial has besides its suggestion. Imports the model."""
        given = FilledIn(self.seed, self.max_epochs, self.trial_timeout)
        mine = given.for_config(self.model_class().Config, besides=self.space)
        return {**mine, **split(self.space)[1]}

    def model_class(self) -> type[Model]:
        """Raises UserError for what is not a whole model, or cannot be imported."""
        return check_model(find_class(self.model, Model, MODELS))

    def problems(self) -> list[str]:
        problems: list[str] = []
        model = attempt(self.model_class, problems)
        if model is None:  # then there is no telling what a clone could change
            return self.search.problems() + problems
        problems += super().problems() + callback_problems(self)
        known: list[str] = []  # to be found in the problems already
        space = attempt(lambda: self.domains, known)
        scheduler = attempt(self.build_scheduler, known)
        if space is not None:
            problems += config_problems(model, self.space, space, self.constants())
        if scheduler and scheduler.clones_trials and not self.folds:
            name = f"scheduler {name_of(self.scheduler)!r}"
            problems += cloning_problems(name, model, scheduler.changes)
        if self.folds:
            problems += fold_problems(self, model, scheduler)
        return problems

"""A tuning job: what to train, where to search, how to choose, when to stop."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from pydantic import ByteSize, ConfigDict, Field, PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass

from tune_jobs.errors import UserError
from tune_jobs.job.checks import (
    callback_problems,
    fold_problems,
    resource_problems,
    runtime_env_problems,
)
from tune_jobs.job.model_checks import (
    check_call,
    check_model,
    cloning_problems,
    config_problems,
    structural_in,
)
from tune_jobs.job.search import Search, attempt
from tune_jobs.models import MODELS
from tune_jobs.models.base import FilledIn, Model
from tune_jobs.names import find, find_class, is_function, name_of


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class TuneJob(Search):
    """One tuning job: a `Search` with a model and resources. Words mean the same as in Ray Tune.

    Args:
        model: a registered name, ``"module:Class"``, a class derived from `tune_jobs.Model`, or a
            training function ``train(config)`` that calls `tune_jobs.report`. A name is imported
            only when the job runs, so `list` and `show` are fast.
        test: for a training function: ``test(config, state)`` gets the state of the best epoch and
            returns metrics.
        max_concurrent: trials at a time; by default as many as fit.
        cpus_per_trial, gpus_per_trial: may be fractions; by default one CPU, and one GPU
            if the cluster has any and there are no ``bundles_per_trial``.
        accelerator_type: of the trials' GPUs, by Ray's name, such as ``"A100"``.
        resources_per_trial: others by Ray's names, such as ``{"camera": 1}``.
        bundles_per_trial: for processes that a trial starts with Ray, on any nodes, such as
            ``[{"CPU": 1, "GPU": 1}] * 2``; in addition to its own process.
        runtime_env: what workers need besides, such as ``{"pip": ["xgboost"]}``, in Ray's words.
        time_budget: seconds after which no new trial starts and running ones end.
        trial_timeout: seconds without a report after which a trial counts as hanging: its
            worker is killed, which is a failure.
        keep_checkpoints: checkpoints to keep per trial; with two, a damaged one does no harm.
        keep_best: of so many trials, the best ones, the best epoch's checkpoint is kept, such as 5
            for an ensemble.
        checkpoint_quota: bytes (``"2GiB"``) for all checkpoints of the run. Above it, those of
            the worst ended trials are removed first; those that the run still needs stay.
        storage_patience: seconds to retry a storage that fails (a full disk, a bucket that cannot
            be reached) before the run ends; it can be resumed then.
        warm_start: a run, by name or path, from whose trials the searcher learns first.
        callbacks: objects of classes derived from `tune_jobs.Callback`; they get every fact of
            the run.

    Raises pydantic's ValidationError for fields of a wrong type or range.
    """

    model: Any
    test: Any = None
    max_concurrent: PositiveInt | None = None
    cpus_per_trial: PositiveFloat = 1.0
    gpus_per_trial: float | None = Field(default=None, ge=0)
    accelerator_type: str | None = None
    resources_per_trial: dict[str, PositiveFloat] = Field(default_factory=dict)
    bundles_per_trial: list[dict[str, PositiveFloat]] = Field(default_factory=list)
    runtime_env: dict[str, Any] = Field(default_factory=dict)
    time_budget: PositiveFloat | None = None
    trial_timeout: PositiveFloat | None = None
    keep_checkpoints: PositiveInt = 2
    keep_best: PositiveInt = 1
    checkpoint_quota: ByteSize | None = None
    storage_patience: float = Field(default=300.0, ge=0)
    warm_start: str | None = None
    callbacks: list[Any] = Field(default_factory=list)

    @property
    def search(self) -> Search:
        """The job without its model; the model is not imported."""
        return Search(**{field.name: getattr(self, field.name) for field in fields(Search)})

    @property
    def fixed(self) -> frozenset[str]:
        return structural_in(self.domains, self.model_class())

    def constants(self) -> dict[str, Any]:
        """Also those that the model's Config takes from the job. Imports the model."""
        given = FilledIn(self.seed, self.max_epochs, self.trial_timeout)
        mine = given.for_config(self.model_class().Config, besides=self.space)
        return {**mine, **super().constants()}

    def model_class(self) -> type[Model]:
        """Raises UserError if it is not a complete model, or cannot be imported."""
        found = find("model", self.model, MODELS)
        test = find("test", self.test, {})
        if is_function(found):
            from tune_jobs.models.functions.function import model_of  # needs numpy

            check_call("model", found, "config")
            check_call("test", test, "config, state")
            return model_of(found, test, frozenset(self.space), self.objective.metric)
        if test:
            raise UserError("test is for a training function; a model class has its own test()")
        return check_model(find_class(found, Model, MODELS))

    def problems(self) -> list[str]:
        problems: list[str] = []
        model = attempt(self.model_class, problems)
        if model is None:  # without it, nobody knows what a clone can change
            return self.search.problems() + problems
        problems += super().problems() + callback_problems(self)
        problems += resource_problems(self) + runtime_env_problems(self)
        known: list[str] = []  # to be found in the problems already
        space = attempt(lambda: self.domains, known)
        scheduler = attempt(self.build_scheduler, known)
        if space is not None:
            problems += config_problems(model, self, space)
        if scheduler and scheduler.clones_trials and not self.folds:
            name = f"scheduler {name_of(self.scheduler)!r}"
            problems += cloning_problems(name, model, scheduler.changes)
        if self.folds:
            problems += fold_problems(self, model, scheduler)
        return problems

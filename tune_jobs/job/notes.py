"""Notes on a job: what its author may not expect, although it is no mistake."""

from __future__ import annotations

import dataclasses
import math

from tune_jobs.errors import counted
from tune_jobs.job.model_checks import refused_combinations
from tune_jobs.job.search import Search
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.models.base import Model


def notes(job: TuneJob) -> list[str]:
    """The notes on a valid job."""
    model = job.model_class()
    return [
        *_small_space(job),
        *_seed(job, model),
        *_epochs_in_space(job, model),
        *_refused(job, model),
    ]


def _small_space(job: Search) -> list[str]:
    sizes = [domain.size for domain in job.domains.values()]
    # With conditions there are even fewer.
    most = math.prod(size for size in sizes if size is not None)
    if None in sizes or most >= job.num_samples:
        return []
    return [
        f"the space has no more than {counted(most, 'config')}, but num_samples is "
        f"{job.num_samples}: some configs are tried again, or the run ends when all were tried"
    ]


def _refused(job: TuneJob, model: type[Model]) -> list[str]:
    refused = refused_combinations(model, job)
    return [f"{text}; a trial with such a combination fails" for text in refused[:1]]


def _seed(job: TuneJob, model: type[Model]) -> list[str]:
    own = {field.name: field.default for field in dataclasses.fields(model.Config)}.get("seed", 0)
    if "seed" in job.space or own in (0, None, job.seed) or own is dataclasses.MISSING:
        return []
    return [
        f"{model.__name__}.Config has seed {own}, but the job's seed {job.seed} replaces it; "
        f"give the job seed={own} to keep it"
    ]


def _epochs_in_space(job: TuneJob, model: type[Model]) -> list[str]:
    if "max_epochs" not in job.space:
        return []
    return [
        f"the space has 'max_epochs', which is a hyperparameter for {model.__name__}; a complete "
        f"trial still trains {counted(job.max_epochs, 'epoch')}, as the job says"
    ]

"""What a job does that its author may not expect; no mistake, but worth a word."""

from __future__ import annotations

import dataclasses
import math

from tune_jobs.job.search import Search
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.models.base import Model


def notes(job: TuneJob) -> list[str]:
    """Of a valid job, in words."""
    model = job.model_class()
    return [*_small_space(job), *_seed(job, model), *_epochs_in_space(job, model)]


def _small_space(job: Search) -> list[str]:
    sizes = [domain.size for domain in job.domains.values()]
    # With conditions there are fewer still.
    most = math.prod(size for size in sizes if size is not None)
    if None in sizes or most >= job.num_samples:
        return []
    return [
        f"the space has no more than {most} configs and num_samples is {job.num_samples}: some "
        "configs are tried again, or the run ends when all were tried"
    ]


def _seed(job: TuneJob, model: type[Model]) -> list[str]:
    own = {field.name: field.default for field in dataclasses.fields(model.Config)}.get("seed", 0)
    if "seed" in job.space or own in (0, None, job.seed) or own is dataclasses.MISSING:
        return []
    return [
        f"{model.__name__}.Config has seed {own}, and the job's seed {job.seed} takes its place; "
        f"give the job seed={own} to keep it"
    ]


def _epochs_in_space(job: TuneJob, model: type[Model]) -> list[str]:
    if "max_epochs" not in job.space:
        return []
    return [
        f"the space has 'max_epochs', which {model.__name__} sees as a hyperparameter; a complete "
        f"trial trains the job's {job.max_epochs} epochs all the same"
    ]

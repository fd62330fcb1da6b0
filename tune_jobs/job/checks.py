"""Parts of a job that cannot work together, as messages for its author."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, ValidationInfo

from tune_jobs.errors import UserError, counted, shown
from tune_jobs.experiment.objective import Mode
from tune_jobs.job.model_checks import check_call
from tune_jobs.models.base import Model
from tune_jobs.names import field_names, name_of
from tune_jobs.search_algos.base import Scheduler, Searcher
from tune_jobs.search_algos.derived import Derived
from tune_jobs.search_algos.domains import Domain, is_json
from tune_jobs.search_algos.schedulers import SCHEDULERS
from tune_jobs.search_algos.searchers import SEARCHERS
from tune_jobs.search_algos.space import Space

if TYPE_CHECKING:
    from tune_jobs.job.search import Search
    from tune_jobs.job.tune_job import TuneJob


def searcher_problems(job: Search, searcher: Searcher, space: Space) -> list[str]:
    name = f"searcher {name_of(job.searcher)!r}"
    problems = []
    if space.has_conditions and not searcher.supports_conditions:
        problems.append(f"{name} cannot search a space with conditions")
    if searcher.size is not None and searcher.size > job.num_samples:
        problems.append(
            f"{name} has {counted(searcher.size, 'config')}, num_samples is {job.num_samples}: "
            f"give num_samples={searcher.size} for all of them, or a smaller space"
        )
    return problems


def checked_metric(given: Any) -> Any:
    """A metric, or a list of them if there are several. Raises ValueError for anything else."""
    metrics = list(given) if isinstance(given, (list, tuple)) else [given]
    is_text = bool(metrics) and all(isinstance(metric, str) and metric for metric in metrics)
    if not is_text or len(set(metrics)) < len(metrics):
        raise ValueError("it must be text, or a list of different texts")
    return metrics if len(metrics) > 1 else metrics[0]


def checked_mode(given: Any, others: ValidationInfo) -> Any:
    """A mode, or a list of them for the metrics. Raises ValueError for anything else."""
    metric = others.data.get("metric")
    modes = list(given) if isinstance(given, (list, tuple)) else [given]
    if not modes or not all(mode in ("min", "max") for mode in modes):
        raise ValueError("it must be 'min' or 'max'")
    if metric and len(modes) != (1 if isinstance(metric, str) else len(metric)):
        raise ValueError(f"metric is {shown(metric)}: give 'min' or 'max' for each, in this order")
    return modes if len(modes) > 1 else modes[0]


Metrics = Annotated[str | list[str], BeforeValidator(checked_metric)]
Modes = Annotated[Mode | list[Mode], BeforeValidator(checked_mode)]


def metric_problems(
    job: Search, searcher: Searcher | None, scheduler: Scheduler | None
) -> list[str]:
    """Parts of the method that compare trials by one metric only, in a job with several."""
    parts = (
        ("searcher", searcher, job.searcher, job.searcher_options, SEARCHERS),
        ("scheduler", scheduler, job.scheduler, job.scheduler_options, SCHEDULERS),
    )
    return [
        f"{kind} {name_of(given)!r}{f' with {shown(options)}' if options else ''} goes by one "
        f"metric, and the job has {shown(job.metric)}; these go by several: {_able(registry)}"
        for kind, built, given, options, registry in parts
        if built and not built.several_metrics and job.objective.is_several
    ]


def _able(registry: Mapping[str, str]) -> str:
    """The names of those that work with several metrics."""
    return ", ".join(name for name in registry if resolve_name(registry[name]).several_metrics)


def fold_problems(job: Search, model: type[Model], scheduler: Scheduler | None) -> list[str]:
    """Problems of a cross-validation."""
    problems = []
    if "fold" not in field_names(model.Config):
        problems.append(
            f"folds is {job.folds}, and {model.__name__}.Config has no field 'fold' to pass to "
            "models.data.load"
        )
    if scheduler and scheduler.clones_trials:
        problems.append(
            f"scheduler {name_of(job.scheduler)!r} clones trials in the middle of training, which "
            "is not possible with folds: give another scheduler"
        )
    if job.patience:
        problems.append(
            "patience stops a training that no longer improves; with folds every epoch is a "
            "training of its own: give either patience or folds"
        )
    if job.time_attr:
        problems.append(
            f"time_attr is {job.time_attr!r}; with folds a trial reports after each fold, and "
            "nothing counts its steps: give either time_attr or folds"
        )
    return problems


def patience_problems(job: Search) -> list[str]:
    if job.min_delta and not job.patience:
        return [f"min_delta is {job.min_delta:g}, which has no effect without patience"]
    return []


def stop_problems(job: Search) -> list[str]:
    stop = job.stop
    if stop is None or (not isinstance(stop, (type, Mapping)) and callable(stop)):
        try:
            check_call("stop", stop, "trial_id, metrics")
        except UserError as error:
            return list(error.problems)
        return []
    if isinstance(stop, Mapping) and stop:
        return [
            f"stop is {shown(stop)}: {name!r} has {shown(goal)}; give a metric's name and a number"
            for name, goal in stop.items()
            if not isinstance(name, str) or isinstance(goal, bool) or not isinstance(goal, Real)
        ]
    return [
        f"stop is {shown(stop)}; give {{{job.objective.metric!r}: 0.9}}, with one or more metrics, "
        "or a function stop(trial_id, metrics)"
    ]


def callback_problems(job: TuneJob) -> list[str]:
    problems = []
    for number, callback in enumerate(job.callbacks):
        if isinstance(callback, type):
            name = callback.__name__
            problems.append(f"callbacks[{number}] is the class {name}; give an object: {name}()")
        elif not callable(getattr(callback, "on_fact", None)):
            problems.append(
                f"callbacks[{number}] is of class {type(callback).__name__}; give an object of a "
                "class derived from tune_jobs.Callback"
            )
    return problems


def resource_problems(job: TuneJob) -> list[str]:
    problems = []
    if own := job.resources_per_trial.keys() & {"CPU", "GPU"}:
        problems.append(
            f"resources_per_trial has {', '.join(sorted(own))}; give cpus_per_trial and "
            "gpus_per_trial"
        )
    by_default = job.gpus_per_trial is None and not job.bundles_per_trial
    in_bundles = any("GPU" in bundle for bundle in job.bundles_per_trial)
    if job.accelerator_type and not (job.gpus_per_trial or by_default or in_bundles):
        problems.append(
            f"accelerator_type is {job.accelerator_type!r}, but no process of a trial has a GPU; "
            "give gpus_per_trial or bundles_per_trial"
        )
    if not all(job.bundles_per_trial):
        problems.append('bundles_per_trial has an empty one; give resources, such as {"CPU": 1}')
    return problems


def runtime_env_problems(job: TuneJob) -> list[str]:
    if "env_vars" in job.runtime_env:
        return [
            f"runtime_env has env_vars ({', '.join(job.runtime_env['env_vars'])}), which would be "
            "written to job.json for everybody to read; set them where Ray starts, or with "
            "`ray job submit --runtime-env-json`"
        ]
    return [
        f"runtime_env has {part!r} as {value!r}; give text, lists and dicts, in Ray's words"
        for part, value in job.runtime_env.items()
        if not is_json(value)
    ]


def unwritable(space: Mapping[str, Any]) -> list[str]:
    """Plain values that job.json cannot hold, so the run could not be resumed."""
    return [
        f"the space has {name!r} as {value!r}; a plain value is a number, text, true, false, "
        "None, or a tuple, list or dict of them"
        for name, value in space.items()
        if not isinstance(value, (Domain, Derived)) and not is_json(value)
    ]

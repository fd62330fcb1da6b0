"""A run as an Optuna study, for its plots, its importances and its dashboard."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from tune_jobs.experiment.objective import Objective
from tune_jobs.experiment.trial import Status, Trial
from tune_jobs.search_algos.domains import Choice, Domain, Int
from tune_jobs.views import texts
from tune_jobs.views.pages.record import Point, Record

_STATES = {
    Status.RUNNING: TrialState.RUNNING,
    Status.PAUSED: TrialState.RUNNING,
    Status.COMPLETED: TrialState.COMPLETE,
    Status.STOPPED: TrialState.PRUNED,
    Status.FAILED: TrialState.FAIL,
}
_PLAIN = (bool, int, float, str, type(None))  # what Optuna takes as a choice


def study(
    record: Record, objectives: Sequence[Objective] | None = None, at_epoch: int | None = None
) -> optuna.Study:
    """The study of a run, in memory, for reading only.

    Args:
        objectives: each of one metric; by default those of the run.
        at_epoch: only the trials that came so far, with their values there, so that all of them
            had the same training.
    """
    objectives = objectives or record.state.objective.each
    found = optuna.create_study(
        directions=[direction(objective) for objective in objectives],
        study_name=record.name,
        sampler=optuna.samplers.RandomSampler(seed=0),
    )
    storage = found._storage
    for trial in trials(record, objectives, at_epoch):
        storage.create_new_trial(found._study_id, template_trial=trial)
    return found


def trials(
    record: Record, objectives: Sequence[Objective], at_epoch: int | None = None
) -> list[FrozenTrial]:
    """The trials of a run in Optuna's form, by number."""
    known = distributions(record)
    if at_epoch is None:
        return [_frozen(record, trial, objectives, known) for trial in _sorted(record)]
    compared: list[FrozenTrial] = []
    for trial_id, points in sorted(record.curves.items()):
        past = [point for point in points if point.epoch <= at_epoch]
        point = past[-1] if past and points[-1].epoch >= at_epoch else None
        values = _values(point.metrics, objectives) if point else None
        if point and values:
            frozen = _made(len(compared), point.config, known, TrialState.COMPLETE, values)
            frozen.user_attrs["trial"] = trial_id
            compared.append(frozen)
    return compared


def compared_epoch(record: Record) -> int | None:
    """The last epoch at which enough trials can be compared: four times as many as there are
    hyperparameters, and twenty. If there is none, the epoch most trials reached; None without
    reports."""
    reached = sorted((points[-1].epoch for points in record.curves.values()), reverse=True)
    enough = max(20, 4 * len(record.parameters))
    return reached[min(enough, len(reached)) - 1] if reached else None


def distributions(record: Record) -> dict[str, BaseDistribution]:
    """Of every hyperparameter, wide enough for all values that were tried."""
    tried: dict[str, list[Any]] = {name: [] for name in record.parameters}
    for trial in record.state.trials.values():
        for config in (trial.config, trial.suggested, trial.best_config):
            for name, value in config.items():
                tried[name].append(value)
    for points in record.curves.values() if any(t.lineage for t in _sorted(record)) else ():
        for point in points:
            for name, value in point.config.items():
                tried[name].append(value)
    space = record.space
    return {name: _distribution(space.get(name), values) for name, values in tried.items()}


def _distribution(domain: Domain | None, tried: Iterable[Any]) -> BaseDistribution:
    tried = list(tried)
    is_numeric = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in tried)
    if isinstance(domain, Choice) or (domain is None and not (tried and is_numeric)):
        choices = [*(domain.values if isinstance(domain, Choice) else ()), *tried]
        return CategoricalDistribution(list(dict.fromkeys(map(_choice, choices))) or [""])
    ends = [*tried, *((domain.low, domain.high) if domain else ())]
    low, high, log = min(ends), max(ends), bool(domain and domain.log)
    if isinstance(domain, Int) or (domain is None and all(isinstance(v, int) for v in tried)):
        return IntDistribution(low, high, log=log)
    return FloatDistribution(low, high, log=log)


def _choice(value: Any) -> Any:
    return value if isinstance(value, _PLAIN) else texts.number(value)


def _frozen(
    record: Record,
    trial: Trial,
    objectives: Sequence[Objective],
    known: Mapping[str, BaseDistribution],
) -> FrozenTrial:
    points = record.curves.get(trial.trial_id, [])
    best = next((point for point in points if point.epoch == trial.best_epoch), None)
    values = _values(best.metrics, objectives) if best else None
    state = _STATES[trial.status]
    if state is TrialState.RUNNING and texts.run_status(record.state) != "running":
        state = TrialState.WAITING
    if len(objectives) > 1 and state is TrialState.PRUNED:
        state = TrialState.COMPLETE  # Optuna leaves a pruned trial out of every front
    if state is TrialState.COMPLETE and not values:
        state = TrialState.FAIL  # it never reported a finite value
    config = trial.best_config if best else trial.config
    kept = values if state in (TrialState.COMPLETE, TrialState.PRUNED) else None
    frozen = _made(trial.trial_id, config, known, state, kept)
    frozen.intermediate_values.update(_intermediate(points, objectives[0]))
    frozen.user_attrs.update(_attributes(trial, record))
    _set_times(frozen, record, trial, points)
    return frozen


def _made(
    number: int,
    config: Mapping[str, Any],
    known: Mapping[str, BaseDistribution],
    state: TrialState,
    values: list[float] | None,
) -> FrozenTrial:
    now = datetime.fromtimestamp(0)
    shown = {
        name: _choice(value) if isinstance(known[name], CategoricalDistribution) else value
        for name, value in config.items()
    }
    return FrozenTrial(
        number=number,
        trial_id=number,
        state=state,
        value=None,
        values=values,
        datetime_start=now,
        datetime_complete=now if state.is_finished() else None,
        params=shown,
        distributions={name: known[name] for name in config},
        user_attrs={},
        system_attrs={},
        intermediate_values={},
    )


def _intermediate(points: Iterable[Point], objective: Objective) -> dict[int, float]:
    found = {point.epoch: point.metrics.get(objective.metric, math.nan) for point in points}
    return {epoch: value for epoch, value in found.items() if not math.isnan(value)}


def _attributes(trial: Trial, record: Record) -> dict[str, Any]:
    said = texts.outcome(trial, record.state)
    return {
        "status": texts.trial_status(trial.status, record.state),
        "reason": said,
        "epochs": trial.epoch,
        "seconds": round(trial.seconds, 3),
        "node": trial.node,
        "failures": trial.failures,
    }


def _set_times(frozen: FrozenTrial, record: Record, trial: Trial, points: list[Point]) -> None:
    """When it started and ended. Optuna's pages draw a time line of them."""
    if not points or math.isnan(record.state.started):
        return
    start = datetime.fromtimestamp(record.state.started)
    last = points[-1].seconds
    frozen.datetime_start = start + timedelta(seconds=max(0.0, last - trial.seconds))
    if frozen.datetime_complete:
        frozen.datetime_complete = start + timedelta(seconds=last)


def _values(metrics: Mapping[str, float], objectives: Sequence[Objective]) -> list[float] | None:
    """Of each objective; None unless all are finite."""
    values = [metrics.get(objective.metric, math.nan) for objective in objectives]
    return values if all(map(math.isfinite, values)) else None


def direction(objective: Objective) -> StudyDirection:
    return StudyDirection.MINIMIZE if objective.mode == "min" else StudyDirection.MAXIMIZE


def _sorted(record: Record) -> list[Trial]:
    return [trial for _, trial in sorted(record.state.trials.items())]


def quiet() -> None:
    """Optuna's notes on experimental plots and on new studies are nothing to a reader."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)

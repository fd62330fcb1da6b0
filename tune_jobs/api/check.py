"""A job tried out in this process: everything that a run does up to the end of its first epoch,
without Ray."""

from __future__ import annotations

import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tune_jobs.api.start import prepared
from tune_jobs.errors import UserError, user_traceback
from tune_jobs.experiment.assignments import Train
from tune_jobs.experiment.experiment import Experiment
from tune_jobs.experiment.facts import Known, Reported
from tune_jobs.job import epoch_checks
from tune_jobs.job.building import Builder, threads_as_in_a_trial
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.models.base import Done, Model, TrainingError
from tune_jobs.models.data import MissingDataError
from tune_jobs.runs.folder import find_storage, new_run
from tune_jobs.views import texts
from tune_jobs.views.progress import waiting
from tune_jobs.views.screen import Screen


def check(job: TuneJob, *, name: str | None = None, storage: str | None = None) -> None:
    """Trains the config of the run's first trial for one epoch, saves and loads its state, and says
    what it does. Nothing is written; the test data are not used.

    Args:
        name, storage: of the run, as for `run`.

    Raises UserError for everything that would end a run, with the author's own lines.
    """
    place, screen = find_storage(storage), Screen()
    with waiting(screen, "importing the model"):
        known = prepared(job, new_run(job, place, name), place, screen.say)
    experiment, train = _first_trial(job, known)
    # A cross-validation trains its first fold for one epoch.
    builder = replace(Builder.of(job), max_epochs=1)
    derived = experiment.state.trials[train.trial_id].derived
    config = {**builder.constants, **train.config, **derived}
    screen.say(f"config of the first trial: {texts.values(config)}")
    _host_ray_functions()
    try:
        with threads_as_in_a_trial(job.cpus_per_trial):
            metrics = _tried(builder, builder.config(config), job, screen)
        reached = builder.reached(0, metrics)
    except (MissingDataError, TrainingError) as error:
        raise UserError(str(error)) from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # such as that of sys.exit
        raise UserError(user_traceback(error)) from error
    _judge(experiment, train, reached, metrics, screen)
    screen.say("the job works")


def _first_trial(job: TuneJob, known: list[Known]) -> tuple[Experiment, Train]:
    """The experiment of a run that nobody records, and its first assignment."""
    experiment = job.build_experiment()
    experiment.start(lambda fact: fact, lambda fact, state: None, known)
    train = experiment.next()
    if not isinstance(train, Train):
        raise UserError(f"job {job.name!r}: its searcher suggests nothing")
    return experiment, train


def _host_ray_functions() -> None:
    if "ray" in sys.modules:  # the model may be a function of Ray Tune
        from tune_jobs.on_ray.ray_tune.their_functions import hosted

        hosted("00000", None)


def _tried(builder: Builder, config: Any, job: TuneJob, screen: Screen) -> dict[str, float]:
    """Builds, trains, evaluates, saves and loads; returns the metrics."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        with waiting(screen, "building the model"):
            model = builder.build(config)
        with closing(model):
            metrics = _trained(builder, model, screen)
            epoch_checks.save(model, folder)
        size = sum(file.stat().st_size for file in folder.rglob("*"))
        said = f"loading its state of {size:,} bytes into a second model"
        with waiting(screen, said), closing(builder.build(config)) as another:
            epoch_checks.load(another, folder)
            if job.build_scheduler().clones_trials:
                another.reconfigure(another.config)
    return metrics


def _trained(builder: Builder, model: Model, screen: Screen) -> dict[str, float]:
    """The metrics of one epoch, however long it takes."""
    what = f"one epoch of the first of {builder.folds} folds" if builder.folds else "one epoch"
    start = time.perf_counter()
    with waiting(screen, f"training {what}"):
        try:
            metrics = builder.train_epoch(model, 1)
        except Done as end:
            raise TrainingError(f"the training ends before its first epoch: {end}") from None
    seconds = time.perf_counter() - start
    screen.say(f"metrics after {seconds:.1f} s: {texts.values(metrics)}")
    return metrics


def _judge(
    experiment: Experiment, train: Train, reached: int, metrics: dict[str, float], screen: Screen
) -> None:
    """Shows the metrics to what decides in the run."""
    objective = experiment.state.objective
    if objective.loss(metrics) is None:
        missing = objective.missing_from(metrics)
        if epoch_checks.is_misspelt(objective.metrics, metrics):
            raise UserError(missing)
        screen.say(f"note: {missing}; a trial that never reports it fails")
    experiment.report(Reported(trial_id=train.trial_id, epoch=reached, metrics=metrics))
    for warning in experiment.state.warnings:
        screen.say(f"note: {warning}")

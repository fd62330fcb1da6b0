"""A job on Ray: connect, check, tune with `ray.tune.Tuner`, wrap up."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import ray
import ray.cloudpickle
from ray import tune

from tune_jobs.checkpoints import CheckpointStore, Retention
from tune_jobs.facts import Fact, Known
from tune_jobs.job import TuneJob
from tune_jobs.job_files import MODULE_PREFIX
from tune_jobs.journal import Journal
from tune_jobs.on_ray.adapter import ExperimentScheduler, ExperimentSearcher, FatalStopper
from tune_jobs.on_ray.cluster import TrialResources, connected
from tune_jobs.on_ray.dispatcher import Dispatcher
from tune_jobs.on_ray.trainable import EpochTrainable, Setting
from tune_jobs.report import write_reports
from tune_jobs.run_folder import RunFolder
from tune_jobs.run_state import RunState
from tune_jobs.tensorboard import TensorBoard
from tune_jobs.views import View

# Ray Tune reads these when it starts. Its snapshots, loggers and tables repeat what the
# journal and the views do, at a cost that grows with the run.
_TUNE_SETTINGS = {
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",  # of trials that were at work when the run ended
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "1e9",
    "TUNE_MAX_PENDING_TRIALS_PG": "100000",  # trials are only made for free slots: start them all
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # a model's relative paths mean what they mean elsewhere
}


def run(job: TuneJob, folder: RunFolder, progress: View, known: Iterable[Known] = ()) -> RunState:
    """Runs a valid job to its end in a folder that does not exist yet; returns what came of it.

    ``known`` is what the searcher learns from first.

    Raises UserError, with nothing written, where the cluster cannot hold a trial or the folder
    cannot be made; and, with the run closed as failed, where no trial can ever work: the model
    does not report the metric, or its data are missing.
    """
    with connected():
        resources = TrialResources.of(job)
        folder.create(job, ray.cluster_resources())
        journal = Journal(folder.journal)
        store = CheckpointStore(folder.checkpoints)
        views: list[View] = [progress, TensorBoard(folder.tensorboard), Retention(store)]
        experiment = job.build_experiment(
            journal.append, _shown_to(views), warm_start=known, in_background=True
        )
        dispatcher = Dispatcher(experiment, _slots(job, resources), job.time_budget)
        try:
            _tune(dispatcher, resources, _setting(job, store))
            experiment.close(*_outcome(dispatcher))
        finally:
            for view in views:
                view.close()
            journal.close()
            write_reports(folder, experiment.state)
    if dispatcher.fatal:
        raise dispatcher.fatal
    return experiment.state


@contextmanager
def _quiet_ray_tune() -> Iterator[None]:
    """Our settings of Ray Tune, and silence, since the views say what matters."""
    logger = logging.getLogger("ray.tune")
    before = {name: os.environ.get(name) for name in _TUNE_SETTINGS}, logger.level
    os.environ.update(_TUNE_SETTINGS)
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for name, value in before[0].items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        logger.setLevel(before[1])


def _tune(dispatcher: Dispatcher, resources: TrialResources, setting: Setting) -> None:
    trainable = tune.with_resources(
        tune.with_parameters(EpochTrainable, setting=setting),
        {"cpu": resources.cpus, "gpu": resources.gpus},
    )
    with _quiet_ray_tune(), tempfile.TemporaryDirectory(prefix="tune-jobs-") as scratch:
        tune.Tuner(
            trainable,
            tune_config=tune.TuneConfig(
                search_alg=ExperimentSearcher(dispatcher),
                scheduler=ExperimentScheduler(dispatcher),
                num_samples=-1,  # until the searcher says it is finished
                reuse_actors=True,
                trial_dirname_creator=lambda trial: trial.trial_id,
            ),
            run_config=tune.RunConfig(
                name="run",
                storage_path=scratch,  # for what Ray insists on writing; nothing reads it
                verbose=0,
                stop=FatalStopper(dispatcher),
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                failure_config=tune.FailureConfig(max_failures=-1),  # the experiment counts them
            ),
        ).fit()


def _slots(job: TuneJob, resources: TrialResources) -> Callable[[], int]:
    def slots() -> int:
        fit = resources.slots()
        return fit if job.max_concurrent is None else min(fit, job.max_concurrent)

    return slots


def _setting(job: TuneJob, store: CheckpointStore) -> Setting:
    model = job.model_class()
    if model.__module__.startswith(MODULE_PREFIX):
        ray.cloudpickle.register_pickle_by_value(sys.modules[model.__module__])
    return Setting(
        model=ray.cloudpickle.dumps(model),
        import_path=tuple(path or os.getcwd() for path in sys.path),
        constants=job.constants(),
        checkpoints=store.root,
        cpus=job.cpus_per_trial,
    )


def _shown_to(views: Sequence[View]) -> Callable[[Fact, RunState], None]:
    def show(fact: Fact, state: RunState) -> None:
        for view in views:
            view(fact, state)

    return show


def _outcome(dispatcher: Dispatcher) -> tuple[Literal["finished", "interrupted", "failed"], str]:
    if dispatcher.fatal:
        return "failed", str(dispatcher.fatal)
    return ("finished", "") if dispatcher.experiment.finished else ("interrupted", "")

"""The driver of a run: connects its parts, tunes with `ray.tune.Tuner`, closes the run."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from ray import tune

from tune_jobs.errors import counted
from tune_jobs.experiment.facts import Closed
from tune_jobs.experiment.state import RunState
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.on_ray.adapter import ExperimentScheduler, ExperimentSearcher, NoReports, RunStopper
from tune_jobs.on_ray.dispatcher import Dispatcher
from tune_jobs.on_ray.growth import Room
from tune_jobs.on_ray.internals import deaths_survived, no_progress, quiet
from tune_jobs.on_ray.resources import TrialResources
from tune_jobs.on_ray.scratch import scratch
from tune_jobs.on_ray.trainable import EpochTrainable, Setting
from tune_jobs.on_ray.watchdog import Hangs, hang_reports
from tune_jobs.runs.books import open_books
from tune_jobs.runs.checkpoints import CheckpointStore
from tune_jobs.runs.folder import RunFolder
from tune_jobs.runs.interrupt import Interrupt
from tune_jobs.runs.retention import Retention
from tune_jobs.runs.stretch import Stretch
from tune_jobs.storage import StorageError
from tune_jobs.views.error_files import ErrorFiles
from tune_jobs.views.result import ReportPage, Results
from tune_jobs.views.tensorboard import TensorBoard
from tune_jobs.views.view import View, Views


def drive(stretch: Stretch, builder: bytes, room: Room, progress: View, crowd: int) -> RunState:
    """Drives a run that has its job.json; see `runner.run`. ``crowd`` is the number of other runs
    that use the same processors."""
    job, folder, experiment = stretch.job, stretch.folder, stretch.experiment
    past = stretch.past
    store = CheckpointStore(folder.checkpoints, job.storage_patience)
    interrupt, opened = Interrupt(), open_books(folder, stretch.lease, past, job.storage_patience)
    with opened as books, interrupt.listening():
        views = Views()
        board = TensorBoard(folder.tensorboard, job.domains)
        views.add(board, ErrorFiles(folder.errors), Results(folder, stretch.declared))
        views.add(ReportPage(folder))
        views.start(job.callbacks, job, folder.path)
        retention = Retention(
            store,
            job.keep_checkpoints,
            job.checkpoint_quota,
            books.settle,
            experiment.warn,
            keep_best=job.keep_best,
        )
        views.add(retention, progress)  # which is seen until the others are done
        if past:
            with views.guarding(board):
                board.take_over(past.facts, experiment.state)
            retention.take_over(experiment.state)
        experiment.start(
            books.journal.append,
            views.on_fact,
            stretch.known,
            stretch.began,
            room.resources.found,
        )
        views.warn_by(experiment.warn)
        if crowd:
            experiment.warn(
                f"{counted(crowd, 'other run')} on this machine can use the same processors; "
                "--max-concurrent limits the trials of each"
            )
        if past and past.torn:
            experiment.warn(
                f"the last line of the journal was incomplete and is left out ({past.torn} bytes)"
            )
        hangs = Hangs(job.trial_timeout, hang_reports(folder.errors))
        dispatcher = Dispatcher(experiment, room, job.time_budget, hangs, books, interrupt)
        views.add(dispatcher)
        try:
            with interrupt.listening(dispatcher.is_at_work):
                _tune(dispatcher, room.resources, _setting(job, builder, store, folder))
        except KeyboardInterrupt:
            books.journal.patience = 0.0
        finally:
            _wrap_up(dispatcher, views)
            room.withdraw()
    if dispatcher.fatal:
        raise dispatcher.fatal
    return experiment.state


def _wrap_up(dispatcher: Dispatcher, views: Views) -> None:
    """Closes the run and its views; what cannot be written now is written after a resume."""
    with suppress(StorageError, OSError):
        if not isinstance(dispatcher.fatal, StorageError):
            dispatcher.experiment.record(_end_of(dispatcher))
    views.close()


def _tune(dispatcher: Dispatcher, resources: TrialResources, setting: Setting) -> None:
    trainable = tune.with_resources(
        tune.with_parameters(EpochTrainable, setting=setting),
        tune.PlacementGroupFactory([dict(bundle) for bundle in resources.bundles]),
    )
    with quiet(), deaths_survived(), scratch() as folder:
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
                progress_reporter=NoReports(),
                storage_path=str(folder),  # Ray insists on writing; nobody reads it
                verbose=0,
                callbacks=[no_progress()],
                stop=RunStopper(dispatcher),
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                failure_config=tune.FailureConfig(max_failures=-1),  # the experiment counts them
            ),
        ).fit()


def _setting(job: TuneJob, builder: bytes, store: CheckpointStore, folder: RunFolder) -> Setting:
    return Setting(
        builder=builder,
        import_path=tuple(path or os.getcwd() for path in sys.path),
        objective=job.objective,
        clones=job.build_scheduler().clones_trials,
        holds_two=not job.bundles_per_trial,  # a second model would wait for the first one's
        checkpoints=store,
        cpus=job.cpus_per_trial,
        trial_timeout=job.trial_timeout,
        logs=folder.logs,
        run=folder.place,
        hang_reports=hang_reports(folder.errors),
    )


def _end_of(dispatcher: Dispatcher) -> Closed:
    interrupt = dispatcher.interrupt
    if dispatcher.fatal:
        return Closed(status="failed", reason=str(dispatcher.fatal))
    if dispatcher.experiment.finished:
        return Closed(status="finished")
    return Closed(status="interrupted", reason=interrupt.name, signal=interrupt.number)

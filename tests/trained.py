"""Runs with real models and checkpoints, trained in this process without Ray."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from pathlib import Path

from tune_jobs.api.run import Run
from tune_jobs.experiment.assignments import FinalTest, Train
from tune_jobs.experiment.facts import Closed, Reported
from tune_jobs.job import epoch_checks
from tune_jobs.job.building import Builder
from tune_jobs.job.origin import Origin
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.models.base import Model
from tune_jobs.runs.checkpoints import CheckpointStore, Saved
from tune_jobs.runs.folder import RunFolder
from tune_jobs.runs.journal import Journal
from tune_jobs.search_algos.decisions import Continue
from tune_jobs.search_algos.domains import Float
from tune_jobs.views.result import write_results


def trained_run(path: Path, job: TuneJob) -> Run:
    """Trains one trial after another; keeps all checkpoints. Its scheduler pauses no trial."""
    folder = RunFolder(path)
    folder.create(job, {}, Origin())
    journal, store = Journal(folder.journal), CheckpointStore(folder.checkpoints)
    experiment = job.build_experiment()
    experiment.start(journal.append, lambda fact, state: None)
    while work := experiment.next():
        with closing(_built(job, work)) as model:
            if isinstance(work, FinalTest):
                with store.opened(work.checkpoint) as saved:
                    model.load(saved)
                experiment.tested(work, epoch_checks.numbers("test()", model.test()))
                continue
            for epoch in range(1, job.max_epochs + 1):
                metrics = epoch_checks.epoch(model)
                saved = Saved(work.trial_id, epoch, work.config, 0, metrics, 1.0)
                size = store.save(saved, partial(epoch_checks.save, model)).bytes
                report = Reported(
                    trial_id=work.trial_id, epoch=epoch, metrics=metrics, checkpoint_bytes=size
                )
                if not isinstance(experiment.report(report), Continue):
                    break
    experiment.record(Closed(status="finished"))
    journal.close()
    write_results(folder, folder.read_declaration(), experiment.state)
    return Run.open(path)


def trained_trees(path: Path, trials: int, epochs: int) -> Run:
    """A run of decision trees on the digits, which have predictions."""
    job = TuneJob(
        name="trees",
        model="tree",
        space={"dataset": "digits", "max_features": Float(0.1, 0.5)},
        metric="val_loss",
        mode="min",
        searcher="random",
        scheduler="fifo",
        num_samples=trials,
        max_epochs=epochs,
    )
    return trained_run(path, job)


def _built(job: TuneJob, work: Train | FinalTest) -> Model:
    builder = Builder.of(job)
    return builder.build(builder.config(work.config))

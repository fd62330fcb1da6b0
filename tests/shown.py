"""A simulated run with all its views."""

from __future__ import annotations

import os
from typing import Any

from rich.console import Console

from tune_jobs.experiment.facts import Closed
from tune_jobs.experiment.state import RunState
from tune_jobs.job.origin import Origin
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.runs.folder import RunFolder
from tune_jobs.simulation.simulate import VirtualClock, simulate
from tune_jobs.views.error_files import ErrorFiles
from tune_jobs.views.progress import LineProgress, LiveProgress
from tune_jobs.views.result import Results
from tune_jobs.views.tensorboard import TensorBoard
from tune_jobs.views.view import View, Views


def all_views(folder: RunFolder, job: TuneJob, console: Console, line: Console) -> list[View]:
    return [
        LiveProgress(job, console, began=0.0),
        LineProgress(line),
        TensorBoard(folder.tensorboard, job.domains),
        ErrorFiles(folder.errors),
        Results(folder, folder.read_declaration()),
    ]


def run_with_views(
    folder: RunFolder, job: TuneJob, curve: Any, console: Console, views: Views
) -> RunState:
    with open(os.devnull, "w") as nowhere:
        folder.create(job, {}, Origin())
        views.add(*all_views(folder, job, console, Console(file=nowhere)))
        experiment = job.build_experiment()
        experiment.start(lambda fact: fact, views.on_fact)
        views.warn_by(experiment.warn)
        simulate(experiment, curve, 4, VirtualClock(1.0))
        experiment.record(Closed(status="finished"))
        views.close()
        return experiment.state

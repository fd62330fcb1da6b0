"""A job run on real Ray, with what it wrote."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from rich.console import Console

from tune_jobs.api.run import run
from tune_jobs.experiment.facts import Fact
from tune_jobs.experiment.state import RunState
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.runs.folder import RunFolder
from tune_jobs.runs.journal import read
from tune_jobs.views.progress import LineProgress


class Finished:
    """A run that is over, with what it wrote."""

    def __init__(self, folder: RunFolder, state: RunState, said: str) -> None:
        self.folder = folder
        self.state = state
        self.said = said
        self.facts: list[Fact] = list(read(folder.journal))
        self.trials = list(state.trials.values())

    @property
    def summary(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder.path / "summary.json").read_text())
        return found

    @property
    def rows(self) -> list[dict[str, str]]:
        return list(csv.DictReader((self.folder.path / "trials.csv").open()))


def run_job(path: Path, job: TuneJob) -> Finished:
    """In the folder ``path``."""
    screen = io.StringIO()
    view = LineProgress(Console(file=screen, width=200))
    done = run(job, name=path.name, storage=str(path.parent), progress=view)
    return Finished(done.folder, done.state, screen.getvalue())

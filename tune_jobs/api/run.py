"""A run from Python: start it, look at it, load its best model, resume it."""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tune_jobs.api.best import Best
from tune_jobs.api.remove import Pruned, delete, prune
from tune_jobs.api.start import beginning, going_on
from tune_jobs.errors import UserError
from tune_jobs.experiment.facts import Fact, Reported
from tune_jobs.experiment.state import RunState
from tune_jobs.job.code import as_started, is_importing
from tune_jobs.job.declaration import Declaration, rebuilt
from tune_jobs.job.origin import Origin, origin_of
from tune_jobs.job.overrides import job_of, override
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.runs.folder import RunFolder, Storage, find_run, find_storage, new_run
from tune_jobs.runs.interrupt import before_exit
from tune_jobs.runs.journal import read
from tune_jobs.runs.lock import holder_of
from tune_jobs.runs.stretch import Stretch
from tune_jobs.views import texts
from tune_jobs.views.painted import Painted
from tune_jobs.views.progress import progress_view, waiting
from tune_jobs.views.result import trial_row
from tune_jobs.views.screen import RunScreen
from tune_jobs.views.view import View

if TYPE_CHECKING:
    from pandas import DataFrame

    from tune_jobs.api.ensemble import Ensemble
    from tune_jobs.api.plots import Plots
    from tune_jobs.api.retrain import Retrained


def run(
    job: TuneJob | Any,
    *,
    name: str | None = None,
    storage: str | None = None,
    progress: View | None = None,
    origin: Origin | None = None,
    began: float | None = None,
    **fields: Any,
) -> Run:
    """Runs a job until it ends, and returns the run. After Ctrl-C it saves the running epochs and
    returns the run as it is then; `Run.resume` continues it.

    Args:
        job: a job; or its model, such as a training function, and the job's other fields as
            keywords: ``run(train, space={...}, metric="accuracy", mode="max")``.
        name: of the run; by default the job's name and the time.
        storage: a folder or ``s3://bucket/folder``; by default $TUNE_JOBS_STORAGE or ./results.
        progress: a view of the run; by default a live view in a terminal, a bar in a notebook,
            lines elsewhere.
        origin: where the job is declared, so that a resume finds its code; by default the file of
            its classes, or the script that runs.
        began: the start of its time, in seconds since 1970; by default now.
        fields: of the job, with other values for this run, such as ``num_samples=5``.

    Raises UserError for a job that cannot work, before anything starts; and if the run cannot
    continue, with the command that resumes it.
    """
    if is_importing():
        raise UserError(
            'the file starts a run when it is imported; put that under `if __name__ == "__main__":`'
        )
    began = time.time() if began is None else began
    declared = job if isinstance(job, TuneJob) else job_of(job, fields)
    job = override(job, fields) if job is declared else declared
    place = find_storage(storage)
    folder = new_run(job, place, name)
    console = RunScreen()
    with ExitStack() as stack:
        with waiting(console, "importing the model"):
            origin = origin or origin_of(job, declared)
            stretch = stack.enter_context(beginning(job, folder, place, origin, console.say))
        _drive(stretch, progress or progress_view(job, console, began), began)
    return Run(folder, place, job)


class Run:
    """One execution of a job. It can be opened while another process drives it.

    It is read once; `refresh` reads it again.

    Attributes:
        folder: its files.
        declared: the part of its job that a view needs.
    """

    def __init__(self, folder: RunFolder, storage: Storage, job: TuneJob | None = None) -> None:
        self.folder = folder
        self._storage = storage
        self._code = job
        self._content = folder.read_job_json()
        self.declared = Declaration.of(self._content)

    @classmethod
    def open(cls, run: str | Path, storage: str | None = None) -> Run:
        """A run by its name, its path or its URL. Imports neither Ray nor torch.

        Raises UserError if it does not exist.
        """
        place = find_storage(storage)
        return cls(find_run(place, str(run)), place)

    def __repr__(self) -> str:
        return f"<Run {self.name}: {self.status}, {texts.counts(self.state)}, {self._best_words}>"

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def where(self) -> str:
        """Its path or URL."""
        return self.folder.where

    @property
    def status(self) -> str:
        """``finished``, ``interrupted`` or ``failed``; ``running`` while a process drives it;
        ``died`` if its driver was killed."""
        if holder_of(self.folder):
            return "running"
        if self.state.driver:  # it has ended since the run was read
            self.refresh()
        return texts.run_status(self.state)

    @property
    def state(self) -> RunState:
        """Its trials and its incumbent. Raises UserError for a damaged journal."""
        return self._read[1]

    @property
    def facts(self) -> list[Fact]:
        """What happened, in order."""
        return self._read[0]

    @property
    def best(self) -> Best | None:
        """The best epoch, with several metrics by the first one; None until a trial has reported
        them."""
        return next(iter(self.front), None)

    @property
    def front(self) -> list[Best]:
        """The Pareto front of a job with several metrics: the trials to which none is equal or
        better in everything, the best by the first metric first. With one metric, only `best`."""
        return [Best.of(self, found) for found in self.state.front]

    @cached_property
    def job(self) -> TuneJob:
        """The job with its code, as it is after all resumes. Raises UserError if the code is
        missing."""
        with as_started(self._content):
            return rebuilt(self._content, self._read[0], self._code)

    def trials(self) -> DataFrame:
        """One row per trial: status, epochs, metrics, ``config/<hyperparameter>``, seconds,
        reason, as in trials.csv."""
        from pandas import DataFrame

        rows = [trial_row(trial, self.state) for trial in self.state.trials.values()]
        return DataFrame(rows)

    def epochs(self) -> DataFrame:
        """One row per report: trial_id, epoch, time (since 1970), seconds, node, decision, and
        every metric; one with the name of these columns is ``metric/<name>``."""
        from pandas import DataFrame

        return DataFrame(_row(fact) for fact in self._read[0] if isinstance(fact, Reported))

    @property
    def plot(self) -> Plots:
        """Its figures, such as ``run.plot.learning_curves()``."""
        from tune_jobs.api.plots import Plots

        return Plots.of(self.name, self._content, self.facts, self.state.driver)

    def resume(
        self,
        *,
        samples: str | int | None = None,
        max_epochs: int | None = None,
        progress: View | None = None,
        **options: Any,
    ) -> Run:
        """Continues the run where it stopped, or makes it longer; returns it as it is then.

        Args:
            samples: trials in all, or ``"+20"`` for 20 more.
            max_epochs: of a complete trial; trials that were complete are trained longer.
            progress: as for `run`.
            options: ``job_file``, ``truncate_at`` and ``accept_changes``, as for `tune-jobs
                resume`; any other is a field of the job, such as ``max_concurrent=2``.

        Raises UserError as `run` does, and if the run is in use or damaged.
        """
        console, began = RunScreen(), time.time()
        grown = {"samples": samples, "max_epochs": max_epochs, "job": self._code, **options}
        with ExitStack() as stack:
            with waiting(console, "importing the model"):
                opened = going_on(self.folder, self._content, self._storage, console.say, **grown)
                stretch = stack.enter_context(opened)
            if stretch:
                _drive(stretch, progress or progress_view(stretch.job, console, began), began)
        return self.refresh()

    def ensemble(self, size: int = 5) -> Ensemble:
        """Chooses up to ``size`` of the kept checkpoints that predict best together, by the
        validation data, and measures them on the test data beside the best one alone."""
        from tune_jobs.api.ensemble import ensemble

        return ensemble(self, size)

    def retrain(self, seeds: int = 5, *, export: str | Path | None = None) -> Retrained:
        """Trains the best config from scratch on training and validation data, with several seeds;
        measures each on the test data. The first one can be exported."""
        from tune_jobs.api.retrain import retrain

        return retrain(self, seeds, Path(export) if export else None, RunScreen().say)

    def export(self, folder: str | Path, *, onnx: bool = False) -> None:
        """Writes the best model into a new folder: weights, config, metrics, a model card, and
        predict.py, which loads it. With ``onnx``, also as an ONNX file.

        Raises UserError as `Best.load` does, and for a folder with files in it.
        """
        from tune_jobs.api.export import export

        export(self, Path(folder), onnx=onnx)

    def prune(self) -> Pruned:
        """Removes all checkpoints but those of the front; returns how many, and their bytes."""
        return prune(self.folder)

    def delete(self) -> None:
        """Removes the run with all its files."""
        delete(self.folder)

    def refresh(self) -> Run:
        """The same run, read again."""
        self.folder.fetch()
        for name in ("_read", "job"):
            self.__dict__.pop(name, None)
        return self

    @cached_property
    def _read(self) -> tuple[list[Fact], RunState]:
        driver = holder_of(self.folder)  # first: it may end meanwhile
        facts = list(read(self.folder.journal))
        state = self.declared.state(facts)
        state.driver = driver
        return facts, state

    @property
    def _best_words(self) -> str:
        return texts.best(self.state)


def _row(report: Reported) -> dict[str, Any]:
    columns = ("trial_id", "epoch", "time", "seconds", "node")
    own = {name: getattr(report, name) for name in columns} | {"decision": report.decision.kind}
    metrics = {f"metric/{m}" if m in own else m: value for m, value in report.metrics.items()}
    return {**own, **metrics}


def _drive(stretch: Stretch, progress: View, began: float) -> None:
    doing = progress.doing if isinstance(progress, Painted) else lambda what: None
    with before_exit(progress.close):
        try:
            doing("importing Ray")
            from tune_jobs.on_ray import runner  # takes seconds

            runner.run(replace(stretch, began=began), progress, doing)
        finally:
            with suppress(Exception):  # of a view never ends a run
                progress.close()

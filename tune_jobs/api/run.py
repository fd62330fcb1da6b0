"""A run from Python: start it, look at it, take its winner, go on with it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tune_jobs.api.start import beginning, going_on
from tune_jobs.errors import UserError
from tune_jobs.experiment.facts import Fact, Reported
from tune_jobs.experiment.state import CheckpointRef, RunState
from tune_jobs.job.code import as_started, declared_in, is_importing
from tune_jobs.job.declaration import Declaration, rebuilt
from tune_jobs.job.overrides import override
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.models.base import Model
from tune_jobs.runs.checkpoints import CheckpointStore, DamagedCheckpointError
from tune_jobs.runs.folder import RunFolder, Storage, find_run, find_storage, new_run
from tune_jobs.runs.journal import read
from tune_jobs.runs.lock import holder_of
from tune_jobs.views import texts
from tune_jobs.views.progress import progress_view
from tune_jobs.views.report import trial_row
from tune_jobs.views.screen import RunScreen
from tune_jobs.views.view import View

if TYPE_CHECKING:
    from pandas import DataFrame


def run(
    job: TuneJob,
    *,
    name: str | None = None,
    storage: str | None = None,
    progress: View | None = None,
    file: Path | None = None,
    **fields: Any,
) -> Run:
    """Runs a job until it ends, and returns what came of it. Ctrl-C ends it in good order: the
    run is returned as it stands, and `Run.resume` goes on with it.

    Args:
        name: of the run; by default the job's name and the time.
        storage: a folder or ``s3://bucket/folder``; by default $TUNE_JOBS_STORAGE or ./results.
        progress: what is shown meanwhile; by default a live view in a terminal, a bar in a
            notebook, lines elsewhere.
        file: where the job is declared, so that a resume finds its code; by default the file of
            its classes, or the script that calls.
        fields: of the job that are different in this run, such as ``num_samples=5``.

    Raises UserError for a job that cannot work, with nothing started; and where the run cannot
    go on, with the way to resume it.
    """
    if is_importing():
        raise UserError(
            'the file starts a run when it is imported; put that under `if __name__ == "__main__":`'
        )
    job = override(job, fields)
    place = find_storage(storage)
    folder = new_run(job, place, name)
    console = RunScreen()
    with beginning(job, folder, place, file or declared_in(job), console.say) as stretch:
        _drive(stretch, progress or progress_view(job, console))
    return Run(folder, place, job)


@dataclass(frozen=True)
class Best:
    """The best epoch of all trials of a run.

    Attributes:
        value: of the job's metric.
        config: whole, with what is the same in every trial.
        test: metrics on the test data; None where they were not measured.
    """

    trial_id: int
    epoch: int
    value: float
    config: dict[str, Any]
    test: dict[str, float] | None
    _run: Run = field(repr=False, compare=False)

    def load(self) -> Model:
        """The model with the weights of that epoch. Runs no code from the checkpoint.

        Raises UserError where the checkpoint is gone or damaged, for a cross-validation, which
        keeps no model, and where the code of the model is not there.
        """
        job = self._run.job
        if job.folds:
            raise UserError(
                f"run {self._run.name!r} is a cross-validation, whose checkpoints hold scores and "
                "no model; train one with this config"
            )
        cls = job.model_class()
        model = cls(cls.Config(**self.config))
        store = CheckpointStore(self._run.folder.checkpoints)
        try:
            with store.opened(CheckpointRef(self.trial_id, self.epoch)) as folder:
                model.load(folder)
        except DamagedCheckpointError as error:
            raise UserError(str(error)) from None
        return model


class Run:
    """One execution of a job, also while another process drives it.

    What is read of it is as it was at that moment; `refresh` reads it again.

    Attributes:
        folder: where it stands.
        declared: what of its job a view needs.
    """

    def __init__(self, folder: RunFolder, storage: Storage, job: TuneJob | None = None) -> None:
        self.folder = folder
        self._storage = storage
        self._code = job
        self._content = folder.read_job_json()
        self.declared = Declaration.of(self._content)

    @classmethod
    def open(cls, run: str | Path, storage: str | None = None) -> Run:
        """A run by its name, its path or its URL. Waits for neither Ray nor torch.

        Raises UserError for one that is not there.
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
        """``finished``, ``interrupted`` or ``failed``; ``running`` while somebody drives it, and
        ``died`` where its driver did not come to an end."""
        if holder_of(self.folder):
            return "running"
        return self.state.closed.status if self.state.closed else "died"

    @property
    def state(self) -> RunState:
        """Its trials and its incumbent. Raises UserError for a damaged journal."""
        return self._read[1]

    @property
    def best(self) -> Best | None:
        """The best epoch; None before any trial reported the metric."""
        found, state = self.state.incumbent, self.state
        if found is None:
            return None
        tested = state.tested if state.tested and not state.tested.error else None
        return Best(
            found.trial_id,
            found.epoch,
            state.objective.value(found.loss),
            {**self.declared.constants, **found.config},
            dict(tested.metrics) if tested else None,
            self,
        )

    @cached_property
    def job(self) -> TuneJob:
        """The job as it has grown, with its code. Raises UserError where that is not there."""
        with as_started(self._content):
            return rebuilt(self._content, self._read[0], self._code)

    def trials(self) -> DataFrame:
        """A row a trial: status, epochs, metrics, ``config/<hyperparameter>``, seconds, reason;
        what trials.csv holds."""
        from pandas import DataFrame

        rows = [trial_row(trial, self.state) for trial in self.state.trials.values()]
        return DataFrame(rows)

    def epochs(self) -> DataFrame:
        """A row a report: trial_id, epoch, time (since 1970), seconds, node, decision, and every
        metric."""
        from pandas import DataFrame

        return DataFrame(
            {
                "trial_id": fact.trial_id,
                "epoch": fact.epoch,
                "time": fact.time,
                "seconds": fact.seconds,
                "node": fact.node,
                "decision": fact.decision.kind,
                **fact.metrics,
            }
            for fact in self._read[0]
            if isinstance(fact, Reported)
        )

    def resume(
        self,
        *,
        samples: str | int | None = None,
        max_epochs: int | None = None,
        progress: View | None = None,
        **options: Any,
    ) -> Run:
        """Goes on with the run where it stopped, or makes it longer; returns it as it is then.

        Args:
            samples: trials in all, or ``"+20"`` for 20 more.
            max_epochs: of a complete trial; those that were complete go on.
            progress: as for `run`.
            options: ``job_file``, ``truncate_at`` and ``accept_changes``, as of `tune-jobs
                resume`; any other is a field of the job, such as ``max_concurrent=2``.

        Raises UserError as `run` does, and where the run is in use or damaged.
        """
        console = RunScreen()
        grown = {"samples": samples, "max_epochs": max_epochs, "job": self._code, **options}
        with going_on(self.folder, self._content, self._storage, console.say, **grown) as stretch:
            if stretch:
                _drive(stretch, progress or progress_view(stretch.job, console))
        return self.refresh()

    def refresh(self) -> Run:
        """The same run, read again."""
        self.folder.fetch()
        for name in ("_read", "job"):
            self.__dict__.pop(name, None)
        return self

    @cached_property
    def _read(self) -> tuple[list[Fact], RunState]:
        facts = list(read(self.folder.journal))
        return facts, self.declared.state(facts)

    @property
    def _best_words(self) -> str:
        return texts.best(self.state)


def _drive(stretch: Any, progress: View) -> None:
    from tune_jobs.on_ray import runner  # Ray takes seconds to import

    with closing(progress):
        runner.run(stretch, progress)

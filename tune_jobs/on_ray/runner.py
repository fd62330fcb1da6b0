"""A job on Ray: connect, then drive it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import ray

from tune_jobs.errors import UserError
from tune_jobs.experiment.facts import Known
from tune_jobs.experiment.state import RunState
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.on_ray.cluster import TrialResources, connected
from tune_jobs.runs.books import locked
from tune_jobs.runs.folder import RunFolder
from tune_jobs.runs.interrupt import Interrupt
from tune_jobs.runs.journal import Past
from tune_jobs.storage.lease import Lease
from tune_jobs.views.view import View


def run(
    job: TuneJob,
    folder: RunFolder,
    progress: View,
    known: Iterable[Known] = (),
    file: Path | None = None,
) -> RunState:
    """Runs a valid job to its end in a folder that does not exist yet; returns what came of it.

    ``known`` is what the searcher learns from first; ``file`` is where the job is declared.

    Raises UserError, with nothing written, where the cluster cannot hold a trial or the folder
    cannot be made; and, with the run closed as failed, where it cannot go on: the model does not
    report the metric, its data are missing, every trial fails, the storage gives out.
    """
    interrupt = Interrupt()
    with _connected(interrupt):
        from tune_jobs.on_ray.driver import drive

        resources = TrialResources.of(job)
        with locked(folder) as lease:
            folder.create(job, ray.cluster_resources(), file)
            with _way_on_told(folder):
                return drive(job, folder, resources, lease, interrupt, progress, known=known)


def resume(
    job: TuneJob,
    folder: RunFolder,
    lease: Lease | None,
    past: Past | None,
    progress: View,
    known: Iterable[Known] = (),
) -> RunState:
    """Goes on with a locked run where its journal ends, or begins it where it has none, under the
    valid job as it is now; returns what came of it. Raises UserError as `run` does."""
    interrupt = Interrupt()
    with _connected(interrupt):
        from tune_jobs.on_ray.driver import drive

        resources = TrialResources.of(job)
        with _way_on_told(folder):
            return drive(job, folder, resources, lease, interrupt, progress, known=known, past=past)


@contextmanager
def _connected(interrupt: Interrupt) -> Iterator[None]:
    """A connection to Ray, which takes seconds to start; so does the import of Ray Tune, which is
    done meanwhile. Both import few of the same modules then, and those import no others, so that
    neither thread meets one half made."""
    with interrupt.listening(), ThreadPoolExecutor(1) as background:
        imported = background.submit(import_module, "tune_jobs.on_ray.driver")
        with connected(), interrupt.listening():  # again, since Ray takes SIGTERM for itself
            imported.result()
            yield


@contextmanager
def _way_on_told(folder: RunFolder) -> Iterator[None]:
    """What ended the run before its time is told with the way to go on."""
    try:
        yield
    except UserError as error:
        way_on = f"`{folder.resume_command}` goes on with the run"
        raise UserError(*error.problems, f"when that is mended, {way_on}") from error

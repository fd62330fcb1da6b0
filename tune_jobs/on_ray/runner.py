"""A stretch of a run on Ray: connect, then drive it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module

import ray

from tune_jobs.errors import UserError
from tune_jobs.experiment.state import RunState
from tune_jobs.job.building import Builder
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.on_ray.cluster import Doing, connected
from tune_jobs.on_ray.growth import Room
from tune_jobs.on_ray.packed import packed
from tune_jobs.on_ray.resources import TrialResources, node_types
from tune_jobs.on_ray.scratch import others_with_a_cluster, scratch
from tune_jobs.runs.folder import RunFolder
from tune_jobs.runs.interrupt import before_exit
from tune_jobs.runs.stretch import Stretch
from tune_jobs.views.view import View


def run(stretch: Stretch, progress: View, doing: Doing) -> RunState:
    """Drives a locked run until it ends; returns its state. ``doing`` is told what takes long
    before the first fact.

    Raises UserError, before anything of a new run is written, if the model cannot be sent to
    workers, the cluster cannot hold a trial, or the folder cannot be made. Raises it also, with
    the run closed as failed, if the run cannot continue: data are missing, every trial fails, the
    storage fails.
    """
    packed(Builder.of(stretch.job))  # a mistake in the model shows before Ray starts
    with _connected(stretch.job, doing) as crowd:
        from tune_jobs.on_ray.driver import drive

        types = node_types()
        resources = TrialResources.of(stretch.job, types=types)
        room = Room(resources, stretch.job.max_concurrent, types)
        if stretch.is_new:
            stretch.folder.create(stretch.job, ray.cluster_resources(), stretch.origin)
        with _way_on_told(stretch.folder):
            # Again: parameters of Ray's `tune.with_parameters` are now in its object store.
            builder = packed(Builder.of(stretch.job))
            return drive(stretch, builder, room, progress, crowd)


@contextmanager
def _connected(job: TuneJob, doing: Doing) -> Iterator[int]:
    """A connection to Ray. While Ray starts, Ray Tune is imported; both take seconds. The two
    import only a few of the same modules, and those import no others, so neither thread sees a
    half-imported module.

    Gives the number of other runs that use the same processors."""
    with scratch() as folder, ThreadPoolExecutor(1) as background:
        imported = background.submit(import_module, "tune_jobs.on_ray.driver")
        with connected(folder, job, doing) as is_own:
            imported.result()
            yield others_with_a_cluster(folder) if is_own else 0


@contextmanager
def _way_on_told(folder: RunFolder) -> Iterator[None]:
    """Inside, an error that ends the run is raised with the command that continues it."""
    told = f"\ninterrupted; `{folder.resume_command}` continues the run\n"
    try:
        with before_exit(lambda: sys.stderr.write(told)):
            yield
    except UserError as error:
        way_on = f"`{folder.resume_command}` continues the run"
        raise UserError(*error.problems, f"when that is fixed, {way_on}") from error

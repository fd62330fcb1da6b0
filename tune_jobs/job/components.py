"""The searcher and the scheduler of a job: ours, a user's own, or Ray Tune's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tune_jobs.names import checked_options, find_class, is_from_ray_tune, name_of
from tune_jobs.search_algos.base import Scheduler, Searcher
from tune_jobs.search_algos.schedulers import SCHEDULERS
from tune_jobs.search_algos.searchers import SEARCHERS
from tune_jobs.search_algos.starting_points import StartingPoints

if TYPE_CHECKING:
    from tune_jobs.job.search import Search


def searcher_of(job: Search) -> Searcher:
    """See `Search.build_searcher`."""
    searcher = _searcher_alone(job)
    points = job.points_to_evaluate
    return StartingPoints(points, searcher) if points else searcher


def scheduler_of(job: Search) -> Scheduler:
    """See `Search.build_scheduler`."""
    max_t = job.extent.reports
    if is_from_ray_tune(job.scheduler):
        from tune_jobs.on_ray.ray_tune.their_scheduler import TheirScheduler

        return TheirScheduler(max_t, job.scheduler, job.scheduler_options, job.time_attr)
    cls = find_class(job.scheduler, Scheduler, SCHEDULERS)
    name = f"scheduler {name_of(job.scheduler)!r}"
    options = checked_options(name, cls, job.scheduler_options)
    scheduler = cls(max_t, job.domains, job.seed, **options)
    if scheduler.clones_trials:
        scheduler.fixed = job.fixed
    return scheduler


def _searcher_alone(job: Search) -> Searcher:
    if is_from_ray_tune(job.searcher):
        # Ray takes seconds to import; with an object of Ray Tune it is imported already.
        from tune_jobs.on_ray.ray_tune.their_searcher import TheirSearcher

        return TheirSearcher(job.domains, job.searcher, job.searcher_options)
    cls = find_class(job.searcher, Searcher, SEARCHERS)
    name = f"searcher {name_of(job.searcher)!r}"
    options = checked_options(name, cls, job.searcher_options)
    return cls(job.domains, job.seed, **options)

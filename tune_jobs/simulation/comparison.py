"""Methods compared in simulation: the same job, curves and workers with other searchers and
schedulers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import product

from tune_jobs.experiment.facts import Fact
from tune_jobs.experiment.shares import SHARES
from tune_jobs.job.overrides import override
from tune_jobs.job.search import Search
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.simulation.curves import Curves
from tune_jobs.simulation.simulate import VirtualClock, simulate


@dataclass(frozen=True)
class Outcome:
    """The result of a method in a simulated run."""

    method: str
    best: float | None  # value of the metric
    regret: float | None  # how much better the optimum is, 0 at best
    trials: int
    epochs: int
    seconds: float  # virtual
    utilisation: float  # share of the workers' time spent training


def compare(
    job: TuneJob,
    curves: Curves,
    workers: int,
    searchers: Iterable[str],
    schedulers: Iterable[str],
    settings: Iterable[str] = (),
) -> Iterator[Outcome]:
    """Every searcher with every scheduler, each with the job's options where it is the job's.

    All of them have the epochs of the job's ``num_samples`` complete trials: a scheduler that cuts
    trials short starts more of them.

    ``settings`` are those of `override`, for every pair. Raises UserError for a pair that
    cannot work.
    """
    jobs = [
        override(job.search, {"searcher": searcher, "scheduler": scheduler}, settings)
        for searcher, scheduler in product(searchers, schedulers)
    ]
    for one in jobs:
        one.validate()
    return (_outcome(one, curves, workers) for one in jobs)


def _outcome(search: Search, curves: Curves, workers: int) -> Outcome:
    clock = VirtualClock()

    def record(fact: Fact) -> Fact:
        return replace(fact, time=clock.now)

    epochs = search.num_samples * search.extent.reports
    if not search.build_scheduler().clones_trials:  # else the trials are a population
        search = replace(search, num_samples=epochs)
    experiment = search.build_experiment()
    experiment.start(record, lambda fact, state: None)
    stride = max(1, search.extent.reports // SHARES) if search.time_attr else 1
    seconds = simulate(experiment, curves, workers, clock, epochs, stride)
    state = experiment.state
    busy = sum(trial.seconds for trial in state.trials.values())
    best = state.incumbent and search.objective.value(state.incumbent.loss)
    return Outcome(
        method=search.method,
        best=best,
        regret=None if best is None else abs(curves.optimum - best),
        trials=len(state.trials),
        epochs=state.epochs_total,
        seconds=seconds,
        utilisation=busy / (seconds * workers) if seconds else 0.0,
    )

"""What the driver's decisions cost in large runs: up to 100,000 trials on 1,000 workers.

    python benchmarks/scaling.py [--short]

The simulator trains on a virtual clock; everything else is real: every fact is written to a
journal on the disk. Each run is a process of its own. All times are of the processor. The
first table, for each scheduler: trials, reports, microseconds per report of the scheduler alone and
of the whole loop (scheduler, searcher `random`, state, journal; without the made-up curve),
megabytes of the driver and of the journal, and what a resume takes to read the journal and decide
everything again: seconds, and megabytes.

The second table: milliseconds of one suggestion of each searcher, beside what ASHA's run of so
many trials has observed. A searcher that takes longer than `PATIENCE` is not asked at larger sizes.

`python benchmarks/scaling_on_ray.py` measures real workers.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from pkgutil import resolve_name
from statistics import median
from typing import Any, NamedTuple

from idle import SPACE, idle_job, simulated

from tune_jobs.experiment.facts import Fact, Reported, Suggested
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.runs.journal import read, read_past
from tune_jobs.search_algos.history import History
from tune_jobs.search_algos.schedulers import SCHEDULERS
from tune_jobs.search_algos.searchers import SEARCHERS
from tune_jobs.search_algos.space import Space
from tune_jobs.simulation.simulate import Epoch

WORKERS = 1_000
SIZES = (100, 1_000, 10_000, 100_000)
SHORT = (100, 1_000, 5_000)
SEARCHED = (100, 300, 1_000, 3_000, 10_000, 100_000)
PATIENCE = 10.0  # seconds
REPEATS = 3
CASES: dict[str, dict[str, Any]] = {
    "asha": {},
    "hyperband": {"max_epochs": 9},
    "successive_halving": {},
    "pbt": {"max_epochs": 6},
    "asha, promoting": {"scheduler_options": {"mode": "promote"}},
    "median": {"max_epochs": 6},
}
CALLS = ("on_start", "on_report", "on_resume", "on_end", "next_to_resume", "eliminated")
SEARCH_SPACE = Space(SPACE)


class Row(NamedTuple):
    reports: int
    scheduler: float  # seconds
    loop: float
    driver: float  # MB
    journal: float
    resume: float  # seconds
    reading: float  # MB


class Stopwatch:
    """The seconds spent in what it watches."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def watched(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **options: Any) -> Any:
            begun = time.process_time()
            try:
                return function(*args, **options)
            finally:
                self.seconds += time.process_time() - begun

        return timed

    def watched_scheduler(self, name: str) -> type:
        """Its class, with every call timed from outside."""
        cls = resolve_name(SCHEDULERS[name])
        return type(cls.__name__, (cls,), {c: self.watched(getattr(cls, c)) for c in CALLS})


def job(case: str, trials: int, scheduler: type | str | None = None) -> TuneJob:
    return idle_job(trials, scheduler=scheduler or case.partition(",")[0], **CASES[case])


def curve(config: Mapping[str, Any], epoch: int) -> Epoch:
    """Configs differ in where they end, how fast they fall, and how long their epochs take."""
    rate, dropout = config["learning_rate"], config["dropout"]
    loss = dropout + config["layers"] / 60 + (1 + 1000 * rate % 1) / epoch
    return Epoch({"loss": loss, "accuracy": 1 - loss / 3}, 30 + config["width"] / 10)


def resident() -> float:
    """MB of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6


def decided(case: str, trials: int, path: Path) -> Row:
    """One simulated run, and a resume of it."""
    training, deciding = Stopwatch(), Stopwatch()
    watched = job(case, trials, deciding.watched_scheduler(case.partition(",")[0]))
    watched.build_scheduler()  # PBT's imports the model
    before, begun = resident(), time.process_time()
    experiment = simulated(watched, path, training.watched(curve), WORKERS)
    loop = time.process_time() - begun - training.seconds
    driver, reports = resident() - before, experiment.state.epochs_total
    before, begun = resident(), time.process_time()
    past = read_past(path)
    again = job(case, trials).build_experiment(past.facts if past else ())
    resume = time.process_time() - begun
    if again.changed or not again.finished:
        sys.exit(f"{case}: the resumed run differs: {again.changed}")
    size = path.stat().st_size / 1e6
    return Row(reports, deciding.seconds, loop, driver, size, resume, resident() - before)


def history_of(facts: Iterator[Fact]) -> History:
    """What a searcher knows after these facts, with the trials at work that the last ones have."""
    history = History(SEARCH_SPACE)
    for fact in facts:
        match fact:
            case Suggested():
                history.suggested(fact.trial_id, fact.config)
            case Reported():
                history.reported(fact.trial_id, fact.epoch, fact.metrics["loss"])
                if fact.decision.kind == "stop":
                    history.ended(fact.trial_id)
    return history


def suggesting(name: str, history: History) -> float:
    """Seconds of a suggestion: the median of a few, or the first, if it takes long."""
    searcher = resolve_name(SEARCHERS[name])(SEARCH_SPACE, 0)
    times: list[float] = []
    while len(times) < REPEATS and sum(times) < PATIENCE / 2:
        begun = time.process_time()
        searcher.suggest_new(len(history) + len(times), history)
        times.append(time.process_time() - begun)
    return median(times)


def in_a_process(function: Callable[..., Any], *args: Any) -> Any:
    """Calls it in a fresh one."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, args)


def show_schedulers(sizes: tuple[int, ...], scratch: Path) -> None:
    print(
        f"{'':20}{'trials':>8}{'reports':>9}{'scheduler':>11}{'loop':>8}{'driver':>9}"
        f"{'journal':>9}{'resume':>9}{'':9}"
    )
    for trials in sizes:
        for case in CASES:
            path = scratch / f"{case} {trials}"
            row: Row = in_a_process(decided, case, trials, path)
            micro = 1e6 / row.reports
            print(
                f"{case:20}{trials:8}{row.reports:9}{row.scheduler * micro:8.1f} µs"
                f"{row.loop * micro:5.0f} µs{row.driver:6.0f} MB{row.journal:6.1f} MB"
                f"{row.resume:7.1f} s{row.reading:6.0f} MB",
                flush=True,
            )


def show_searchers(sizes: tuple[int, ...], scratch: Path) -> None:
    print(f"\n{'trials':>8}", *(f"{name:>12}" for name in SEARCHERS), "  (milliseconds)")
    slow: set[str] = set()
    for trials in sizes:
        path = scratch / f"asha {trials}"
        if not path.exists():
            in_a_process(decided, "asha", trials, path)
        history, row = history_of(read(path)), f"{trials:8}"
        for name in SEARCHERS:
            seconds = 0.0 if name in slow else suggesting(name, history)
            row += f"{1000 * seconds:13.1f}" if seconds else f"{'-':>13}"
            slow |= {name} if seconds > PATIENCE else set()
        print(row, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--short", action="store_true", help="a minute instead of some")
    short = parser.parse_args().short
    with tempfile.TemporaryDirectory() as scratch:
        show_schedulers(SHORT if short else SIZES, Path(scratch))
        show_searchers(SEARCHED[:4] if short else SEARCHED, Path(scratch))


if __name__ == "__main__":
    main()

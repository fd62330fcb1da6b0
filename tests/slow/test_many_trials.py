"""3,000 trials of every scheduler, with all views on."""

from __future__ import annotations

import gc
import os
import threading
from pathlib import Path
from types import FunctionType, ModuleType

import pytest
from rich.console import Console
from runs import falling, tiny_job
from shown import run_with_views

from tune_jobs.experiment.facts import Fact, Reported
from tune_jobs.experiment.state import RunState
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.runs.folder import RunFolder
from tune_jobs.search_algos.schedulers import SCHEDULERS
from tune_jobs.views.tensorboard import OPEN_AT_MOST
from tune_jobs.views.view import View, Views


def objects_of(view: View) -> int:
    """How many objects a view holds on to, beside the state of the run and the job."""
    not_its_own = (RunState, TuneJob, type, ModuleType, FunctionType, threading.Thread)
    seen: set[int] = set()
    to_visit: list[object] = [view]
    while to_visit:
        found = to_visit.pop()
        if id(found) not in seen and not isinstance(found, not_its_own):
            seen.add(id(found))
            to_visit += gc.get_referents(found)
    return len(seen)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_views_do_not_grow_with_the_number_of_trials(scheduler: str, tmp_path: Path) -> None:
    job = tiny_job(scheduler=scheduler, num_samples=3000, max_epochs=9)
    seen: list[tuple[int, ...]] = []

    class Watching:
        def on_fact(self, fact: Fact, state: RunState) -> None:
            if isinstance(fact, Reported) and state.epochs_total % 1000 == 0:
                files = len(os.listdir("/proc/self/fd"))
                sizes = map(objects_of, views._views[1:])
                seen.append((threading.active_count(), files, *sizes))

        def close(self) -> None:
            pass

    views = Views()
    views.add(Watching())
    with open(os.devnull, "w") as nowhere:
        console = Console(file=nowhere, force_terminal=True, width=100)
        state = run_with_views(RunFolder(tmp_path / "run"), job, falling, console, views)
    assert len(state.trials) == 3000
    assert not state.warnings
    threads, files, *sizes = zip(*seen, strict=True)
    assert max(threads) == threads[0]  # those of an earlier test may end meanwhile
    assert max(files) - min(files) <= OPEN_AT_MOST
    for size in sizes:
        assert size[-1] < size[0] + 1000, sizes

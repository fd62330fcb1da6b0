"""`tune-jobs` in processes of its own, on the Ray of the session, and what their runs recorded."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tune_jobs.experiment.facts import Fact, Reported, Suggested
from tune_jobs.experiment.state import RunState
from tune_jobs.runs.folder import RunFolder
from tune_jobs.runs.journal import read
from tune_jobs.views.result import OF_ONE_EXECUTION

DEADLINE = 60.0  # seconds, for what takes a few
PATIENT = 5 * DEADLINE  # for what imports much
JOB_FILE = """
from tune_jobs import Float, TuneJob
job = TuneJob(
    name="mine",
    model="tiny_model:Tiny",
    space={{"x": Float(0, 1), "log": {log!r}, "seconds": {seconds}}},
    metric="loss",
    mode="min",
    **{fields},
)
"""

Driver = subprocess.Popen[str]
Start = Callable[..., Driver]
Epochs = list[tuple[str, int]]


@contextmanager
def drivers(**environment: str) -> Iterator[Start]:
    """Gives what starts `tune-jobs` with arguments, or ``python`` with other ones; ends in the end
    what is left of them."""
    import ray

    address = ray.get_runtime_context().gcs_address
    settings = {"RAY_ADDRESS": address, "PYTHONPATH": str(Path(__file__).parent), "COLUMNS": "200"}
    started: list[Driver] = []

    def start(*arguments: object, python: tuple[str, ...] = ("-m", "tune_jobs")) -> Driver:
        started.append(
            subprocess.Popen(
                [sys.executable, *python, *map(str, arguments)],
                env={**os.environ, **settings, **environment},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    try:
        yield start
    finally:
        for driver in started:
            driver.kill()
            driver.communicate()


def wait_for(condition: Callable[[], bool], driver: Driver, seconds: float = DEADLINE) -> None:
    """Returns when it holds; fails where the driver ends before."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert driver.poll() is None, driver.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def kill_after(reports: int, folder: RunFolder, driver: Driver) -> None:
    """Kills a driver that has recorded so many epochs."""
    wait_for(lambda: len(facts(folder, Reported)) >= reports, driver, PATIENT)
    driver.kill()
    driver.wait(DEADLINE)


def declare(path: Path, *, seconds: float = 0.05, **fields: Any) -> Path:
    """Writes a job file; its trials write their epochs into the file ``log`` beside it."""
    log = str(path.with_name("log"))
    path.write_text(JOB_FILE.format(log=log, seconds=seconds, fields=fields))
    return path


def facts(folder: RunFolder, kind: type[Fact] | None = None) -> list[Any]:
    """Those recorded so far."""
    if not folder.journal.exists():
        return []
    return [fact for fact in read(folder.journal) if kind is None or isinstance(fact, kind)]


def state_of(folder: RunFolder) -> RunState:
    return folder.read_declaration().state(facts(folder))


def epochs_recorded(folder: RunFolder) -> Epochs:
    """``x`` of the trial, which tells it from the others, and the epoch."""
    x = {fact.trial_id: repr(fact.config["x"]) for fact in facts(folder, Suggested)}
    return [(x[fact.trial_id], fact.epoch) for fact in facts(folder, Reported)]


def epochs_trained(log: Path) -> Epochs:
    lines = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
    return [(x, int(epoch)) for x, epoch, _ in lines]


def table(folder: RunFolder) -> list[dict[str, str]]:
    """trials.csv, without what is of this execution alone."""
    rows = csv.DictReader((folder.path / "trials.csv").open())
    return [{**row, **dict.fromkeys(OF_ONE_EXECUTION, "")} for row in rows]

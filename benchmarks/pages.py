"""How long the pages of a large run take: 10,000 trials with 9 reports each.

    python benchmarks/pages.py

The run is made by the simulator, with six hyperparameters. Every command is a process of its own.
The dashboard's first page is the list of trials with all their reports, from the command to the
answer.
"""

from __future__ import annotations

import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from idle import idle_job, simulated

from tune_jobs.job.origin import Origin
from tune_jobs.runs.folder import RunFolder
from tune_jobs.simulation.simulate import Epoch

TRIALS = (1_000, 10_000)
EPOCHS, WORKERS = 9, 8
TUNE_JOBS = [sys.executable, "-m", "tune_jobs"]
TO_TRIALS = "import sys; from tune_jobs import Run; print(len(Run.open(sys.argv[1]).trials()))"


def falling(config: Mapping[str, Any], epoch: int) -> Epoch:
    distance = abs(math.log10(config["learning_rate"]) + 2.5) + abs(config["dropout"] - 0.2)
    return Epoch({"loss": distance + 1 / epoch + 1 / config["width"]}, 1.0)


def finished_run(folder: RunFolder, trials: int) -> RunFolder:
    declared = idle_job(trials, scheduler="fifo", max_epochs=EPOCHS)
    folder.create(declared, {"CPU": WORKERS}, Origin(Path(__file__)))
    simulated(declared, folder.journal, falling, WORKERS)
    return folder


def seconds_of(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def first_page(folder: RunFolder) -> float:
    """Seconds to the trials of a run in the dashboard."""
    start = time.perf_counter()
    command = [*TUNE_JOBS, "dashboard", str(folder.path), "--port", "0"]
    serving = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        address = (serving.stdout or sys.stdin).readline().strip().removesuffix("dashboard/")
        urlopen(f"{address}dashboard/").read()
        urlopen(f"{address}api/studies").read()
        urlopen(f"{address}api/studies/0").read()
        return time.perf_counter() - start
    finally:
        serving.terminate()
        serving.wait()


def main() -> None:
    print("trials   report   its size   status   trials()   dashboard")
    for trials in TRIALS:
        with tempfile.TemporaryDirectory() as place:
            folder = finished_run(RunFolder(Path(place) / "idle"), trials)
            path = str(folder.path)
            report = seconds_of([*TUNE_JOBS, "report", path])
            size = (folder.path / "report.html").stat().st_size / 1e6
            status = seconds_of([*TUNE_JOBS, "status", path])
            table = seconds_of([sys.executable, "-c", TO_TRIALS, path])
            print(
                f"{trials:6}  {report:5.1f} s   {size:5.1f} MB  {status:5.1f} s   {table:6.1f} s   "
                f"{first_page(folder):7.1f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()

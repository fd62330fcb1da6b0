"""How long a resumed run takes to its first new epoch, by how many trials it has behind it.

    python benchmarks/resume.py

Runs of ended trials are made by the simulator, with a journal and checkpoints as a real one has
them (the newest two of every trial), and then resumed for one trial more by the command, in a
fresh process. Beside them a new run of the same job, which has nothing to read: what a resumed
one takes longer is our own time. All in seconds.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from idle import idle_job, simulated

from tune_jobs.experiment.facts import Reported
from tune_jobs.experiment.trial import CheckpointRef
from tune_jobs.job.origin import Origin
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.runs.checkpoints import folder_of
from tune_jobs.runs.folder import RunFolder
from tune_jobs.runs.journal import read, read_past
from tune_jobs.search_algos.domains import Float
from tune_jobs.simulation.simulate import Epoch

ENDED = (100, 1_000, 10_000)
WORKERS = 8  # of the run that ended; an epoch took each of them a second
ROUNDS = 3
TUNE_JOBS = [sys.executable, "-m", "tune_jobs"]


def job(trials: int) -> TuneJob:
    return idle_job(trials, space={"x": Float(0, 1)}, scheduler="asha")


def falling(config: Mapping[str, Any], epoch: int) -> Epoch:
    return Epoch({"loss": config["x"] + 1 / epoch}, 1.0)


def finished_run(folder: RunFolder, trials: int) -> RunFolder:
    declared = job(trials)
    folder.create(declared, {"CPU": 2}, Origin(Path(__file__)))
    experiment = simulated(declared, folder.journal, falling, WORKERS)
    for trial in experiment.state.trials.values():
        for epoch in range(max(1, trial.epoch - 1), trial.epoch + 1):
            place = folder.path / "checkpoints" / folder_of(CheckpointRef(trial.trial_id, epoch))
            place.mkdir(parents=True)
            for name in ("epoch.json", "state.json"):
                (place / name).write_text("{}")
    return folder


def to_the_first_epoch(command: list[str], folder: RunFolder) -> float:
    """Seconds from the command to the report of the first epoch that it trains."""
    start = time.time()
    whole = [*TUNE_JOBS, *command, "--address", "local"]
    subprocess.run(whole, check=True, stdout=subprocess.DEVNULL)
    new = (fact for fact in read(folder.journal) if fact.time >= start)
    return next(fact.time for fact in new if isinstance(fact, Reported)) - start


def resumed(storage: Path, trials: int) -> tuple[int, float]:
    """The facts behind a run, and the seconds to its first new epoch: a median."""
    folder = finished_run(RunFolder(storage / str(trials)), trials)
    facts = len(read_past(folder.journal).facts)
    command = ["resume", str(folder.path), "--samples", "+1"]
    return facts, median(to_the_first_epoch(command, folder) for _ in range(ROUNDS))


def new(storage: Path) -> float:
    (storage / "new.py").write_text(
        f"import sys\nsys.path.append({str(Path(__file__).parent)!r})\n"
        "from resume import job as declared\njob = declared(1)\n"
    )
    times = []
    for number in range(ROUNDS):
        name = f"new-{number}"
        command = ["run", str(storage / "new.py"), "--storage", str(storage), "--name", name]
        times.append(to_the_first_epoch(command, RunFolder(storage / name)))
    return median(times)


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        storage = Path(temporary)
        baseline = new(storage)
        print(f"{'ended trials':>14}{'facts':>10}{'to the first epoch':>22}{'our own time':>16}")
        print(f"{'(a new run)':>14}{0:10}{baseline:20.1f} s")
        for trials in ENDED:
            facts, seconds = resumed(storage, trials)
            print(f"{trials:14,}{facts:10,}{seconds:20.1f} s{seconds - baseline:14.1f} s")


if __name__ == "__main__":
    main()

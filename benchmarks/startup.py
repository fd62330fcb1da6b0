"""How long a person waits: for the light commands, and for the first epoch of a run.

    python benchmarks/startup.py

The first epoch of the ready job `digits_cnn`, from the command on, beside the same model in
a plain Ray Tune script with Ray's defaults; both as fresh processes, in turn.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from tune_jobs.experiment.facts import Reported
from tune_jobs.runs.journal import read

ROUNDS = 3
TUNE_JOBS = [sys.executable, "-m", "tune_jobs"]
PLAIN_SCRIPT = """
import os, sys, time
from ray import tune
from tune_jobs.models.digits_cnn import DigitsCNN

def train(config):
    model = DigitsCNN(DigitsCNN.Config(**config))
    for _ in range(2):
        tune.report({**model.train_epoch(), **model.evaluate()})

class First(tune.Callback):
    def on_trial_result(self, *args, **kwargs):
        print("FIRST", time.time(), flush=True)
        os._exit(0)

tune.Tuner(
    train,
    param_space={"learning_rate": tune.loguniform(3e-4, 1e-1)},
    tune_config=tune.TuneConfig(metric="val_loss", mode="min", num_samples=2),
    run_config=tune.RunConfig(storage_path=sys.argv[1], callbacks=[First()]),
).fit()
"""


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def first_epoch_of_ours(storage: str) -> float:
    start = time.time()
    command = [*TUNE_JOBS, "run", "digits_cnn", "--samples", "2", "--max-epochs", "3"]
    subprocess.run(
        [*command, "--storage", storage, "--name", f"run-{start}"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    facts = read(Path(storage, f"run-{start}", "journal.jsonl"))
    return next(fact.time for fact in facts if isinstance(fact, Reported)) - start


def first_epoch_of_plain_ray_tune(storage: str) -> float:
    start = time.time()
    done = subprocess.run(
        [sys.executable, "-c", PLAIN_SCRIPT, storage], capture_output=True, text=True, check=True
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("FIRST"))
    return float(line.split()[1]) - start


def main() -> None:
    with tempfile.TemporaryDirectory() as storage:
        os.environ["TUNE_JOBS_STORAGE"] = storage
        os.environ["RAY_ADDRESS"] = "local"  # a Ray for each, whatever runs on this machine
        for words in (["list"], ["show", "digits_cnn"], ["status"]):
            times = [seconds([*TUNE_JOBS, *words]) for _ in range(ROUNDS)]
            print(f"tune-jobs {' '.join(words):28}{median(times):8.2f} s")
        pairs = [
            (first_epoch_of_plain_ray_tune(storage), first_epoch_of_ours(storage))
            for _ in range(ROUNDS)
        ]
    theirs, ours = (median(column) for column in zip(*pairs, strict=True))
    print(f"{'first epoch, plain Ray Tune':38}{theirs:8.1f} s")
    print(f"{'first epoch, tune-jobs':38}{ours:8.1f} s   {ours / theirs:.2f} of plain Ray Tune")


if __name__ == "__main__":
    main()

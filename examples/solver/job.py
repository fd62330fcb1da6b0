"""An external solver over instances. An instance is a fold: the metric is the mean over the
instances so far, a scheduler stops bad configs after a few, and the best has solved all.

    tune-jobs run examples/solver/job.py
"""

import subprocess
import sys
from pathlib import Path

from tune_jobs import Float, TuneJob, main

SOLVER = str(Path(__file__).with_name("anneal.py"))


def solve(config):
    values = (config.fold.number, config.temperature, config.cooling)
    command = [sys.executable, SOLVER, *map(str, values)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


job = TuneJob(
    name="solver",
    model=solve,
    space={
        "temperature": Float(1e-3, 10, log=True),
        "cooling": Float(0.99, 0.9999),
    },
    metric="length",
    mode="min",
    num_samples=20,
    folds=9,
    max_epochs=1,
)

if __name__ == "__main__":
    main(job)

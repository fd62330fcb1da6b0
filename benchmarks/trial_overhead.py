"""What a trial costs besides its training: ours against Ray Tune, in one run.

    python benchmarks/trial_overhead.py [--trials 200]

Trials do nothing for ten epochs and write a checkpoint after each. Printed are milliseconds
per trial, early and late in the run: a cost that grows shows in the ratio of the two. Ray
Tune runs once with its defaults (few trials: every one starts a process) and once with its
best settings for this case, `reuse_actors=True` and `CheckpointConfig(num_to_keep=1)`.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray import tune
from rich.console import Console

from tune_jobs import run
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.models.base import Metrics, Model
from tune_jobs.search_algos.domains import Float
from tune_jobs.views.progress import LineProgress

EPOCHS = 10
WINDOW = 20  # trials at the start and at the end of a run over which the cost is averaged


class Idle(Model):
    """Trains nothing."""

    @dataclass(frozen=True)
    class Config:
        x: float = 0.0

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.epoch = 0

    def train_epoch(self) -> Metrics:
        self.epoch += 1
        return {}

    def evaluate(self) -> Metrics:
        return {"loss": self.config.x}

    def test(self) -> Metrics:
        return {}

    def state_dict(self) -> dict[str, Any]:
        return {"epoch": self.epoch}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.epoch = state["epoch"]

    def save(self, folder: Path) -> None:
        (folder / "state.json").write_text(json.dumps(self.state_dict()))

    def load(self, folder: Path) -> None:
        self.load_state_dict(json.loads((folder / "state.json").read_text()))


def ours(trials: int, folder: Path) -> list[float]:
    """Seconds since the start at which each trial ended."""
    job = TuneJob(
        name="idle",
        model=Idle,
        space={"x": Float(0, 1)},
        metric="loss",
        mode="min",
        searcher="random",
        scheduler="fifo",
        num_samples=trials,
        max_epochs=EPOCHS,
    )
    start = time.time()
    done = run(job, name="ours", storage=str(folder), progress=LineProgress(Console(quiet=True)))
    epochs = done.epochs()
    return list(epochs[epochs.epoch == EPOCHS].time - start)


def ray_tune(trials: int, folder: Path, **options: Any) -> list[float]:
    """The same with Ray Tune's own searcher, scheduler, checkpoints and loggers."""
    ends: list[float] = []

    class Clock(tune.Callback):
        def on_trial_complete(self, *args: Any, **kwargs: Any) -> None:
            ends.append(time.time() - start)

    start = time.time()
    checkpoints = options.pop("checkpoint_config", None)
    tune.Tuner(
        ray_tune_function,
        param_space={"x": tune.uniform(0, 1)},
        tune_config=tune.TuneConfig(metric="loss", mode="min", num_samples=trials, **options),
        run_config=tune.RunConfig(
            storage_path=str(folder / "ray"),
            verbose=0,
            callbacks=[Clock()],
            checkpoint_config=checkpoints,
        ),
    ).fit()
    return ends


def ray_tune_function(config: dict[str, Any]) -> None:
    for epoch in range(1, EPOCHS + 1):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "state.json").write_text(json.dumps({"epoch": epoch}))
            checkpoint = tune.Checkpoint.from_directory(folder)
            tune.report({"loss": config["x"]}, checkpoint=checkpoint)


def per_trial(ends: list[float], of: slice) -> float:
    """Milliseconds a trial, over a window of the order in which trials ended."""
    window = sorted(ends)[of]
    return 1000 * (window[-1] - window[0]) / (len(window) - 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200)
    trials = parser.parse_args().trials
    logging.disable(logging.WARNING)
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
    ray.init("local", include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        keep_one = tune.CheckpointConfig(num_to_keep=1)
        defaults = ray_tune(16, folder)
        results = {
            "Ray Tune, actors reused": ray_tune(
                trials, folder, reuse_actors=True, checkpoint_config=keep_one
            ),
            "tune-jobs": ours(trials, folder),
        }
    print(
        f"{'ms per trial of ten epochs':34}{'first ' + str(WINDOW):>10}{'last ' + str(WINDOW):>10}"
    )
    print(f"{'Ray Tune, defaults (16 trials)':34}{1000 * max(defaults) / 16:10.0f}")
    for name, ends in results.items():
        first, last = per_trial(ends, slice(WINDOW)), per_trial(ends, slice(-WINDOW, None))
        print(f"{name:34}{first:10.0f}{last:10.0f}   x {last / first:.1f} over {trials} trials")


if __name__ == "__main__":
    main()

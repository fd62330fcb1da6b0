"""Training functions that were written for Ray Tune, under its Tuner and under ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
import tune_functions
from ray import tune
from rich.console import Console

import tune_jobs
from tune_jobs import Choice
from tune_jobs.views.progress import LineProgress

RATES = [0.01, 0.1, 0.3]


def losses_of_ray(function: Any, folder: Path) -> list[list[float]]:
    # Ray's workers do not search the tests' folder.
    ray.cloudpickle.register_pickle_by_value(tune_functions)
    results = tune.Tuner(
        function,
        param_space={"rate": tune.grid_search(RATES)},
        run_config=tune.RunConfig(storage_path=str(folder), verbose=0),
    ).fit()
    return [list(result.metrics_dataframe["loss"]) for result in results]


@pytest.mark.parametrize(
    "function",
    [
        tune_functions.network,
        tune_functions.classifier,
        tune_functions.generator,
        tune.with_parameters(tune_functions.with_data, data=np.arange(5)),
    ],
    ids=["network", "classifier", "generator", "with_data"],
)
def test_it_gives_the_same_metrics(function: Any, tmp_path: Path, ray_session: None) -> None:
    run = tune_jobs.run(
        function,
        space={"rate": Choice(RATES)},
        metric="loss",
        mode="min",
        searcher="grid",
        scheduler="fifo",
        num_samples=len(RATES),
        name="ours",
        storage=str(tmp_path),
        progress=LineProgress(Console(quiet=True)),
    )
    ours = {
        run.trials()["config/rate"][trial]: list(rows["loss"])
        for trial, rows in run.epochs().groupby("trial_id")
    }
    assert [ours[rate] for rate in RATES] == losses_of_ray(function, tmp_path / "ray")
    assert run.best is not None
    assert run.best.test is None

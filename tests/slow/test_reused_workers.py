"""A worker trains one trial after another; none of them notices what the one before has done."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from finished import run_job
from runs import tiny_job

from tune_jobs.experiment.trial import Status
from tune_jobs.search_algos.domains import Choice

pytestmark = pytest.mark.usefixtures("ray_session")


def train(config: Any) -> float:
    assert os.getcwd() == config.folder
    print("it can print")  # noqa: T201
    match config.leaves:
        case "folder":
            os.chdir("/")
        case "gone":
            with tempfile.TemporaryDirectory() as folder:
                os.chdir(folder)
        case "no stream":
            sys.stdout = None  # type: ignore[assignment]
        case "closed stream":
            sys.stdout.close()
    return 0.5


def test_a_trial_starts_where_all_others_did(tmp_path: Path) -> None:
    leaves = ["folder", "gone", "closed stream", "no stream", "nothing"]
    job = tiny_job(
        model=train,
        space={"leaves": Choice(leaves), "folder": os.getcwd()},
        searcher="grid",
        scheduler="fifo",
        num_samples=len(leaves),
        max_concurrent=1,
        max_failures=0,
    )
    run = run_job(tmp_path / "run", job)
    assert {trial.status for trial in run.trials} == {Status.COMPLETED}, run.said

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
from tiny_model import Tiny

from tune_jobs.experiment.trial import Status
from tune_jobs.search_algos.domains import Choice

pytestmark = pytest.mark.usefixtures("ray_session")


class Deadly(Tiny):
    def close(self) -> None:
        if self.epoch == 3:  # not where its first state is tried out
            os._exit(1)


class Unclosable(Tiny):
    def close(self) -> None:
        raise FileNotFoundError("the scratch file is gone")


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


def test_a_worker_that_dies_between_two_trials_is_one_failure(tmp_path: Path) -> None:
    space = {"x": Choice([0.1, 0.2, 0.3])}
    job = tiny_job(
        model=Deadly,
        space=space,
        searcher="grid",
        scheduler="fifo",
        num_samples=3,
        max_epochs=3,
        max_concurrent=1,
    )
    run = run_job(tmp_path / "run", job)
    assert all(trial.status.is_final for trial in run.trials)
    assert [trial.failures for trial in run.trials] == [0, 1, 1], run.said
    assert run.state.tested
    assert not run.state.tested.error


def test_a_model_that_cannot_be_closed_is_no_trouble_of_the_storage(tmp_path: Path) -> None:
    job = tiny_job(model=Unclosable, num_samples=2, max_failures=0)
    run = run_job(tmp_path / "run", job)
    assert {trial.status for trial in run.trials} == {Status.FAILED}
    assert all("the scratch file is gone" in trial.note for trial in run.trials)

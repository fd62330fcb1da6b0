"""A run with two metrics whose driver was killed has the front of one that was left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from drivers import DEADLINE, Start, declare, epochs_recorded, facts, table, wait_for

from tune_jobs.api.run import Run
from tune_jobs.experiment.facts import Reported
from tune_jobs.runs.folder import RunFolder


@pytest.mark.usefixtures("ray_session")
def test_a_killed_run_ends_in_the_same_front(
    start: Start, tune_jobs: Any, file: Path, tmp_path: Path
) -> None:
    methods = {"searcher": "evolution", "searcher_options": {"population_size": 5}}
    declare(file, **methods, num_samples=12, max_epochs=9, max_concurrent=1, seconds=0.02)
    metrics = ("--metric", "loss,before", "--mode", "min,max")
    folder = RunFolder(tmp_path / "storage" / "run")
    command: tuple[Any, ...] = ("run", file, "--name", folder.name, *metrics)
    for count in (4, 16):
        driver = start(*command)
        wait_for(lambda count=count: len(facts(folder, Reported)) >= count, driver, 5 * DEADLINE)
        driver.kill()
        driver.wait(DEADLINE)
        command = ("resume", folder.name)
    assert tune_jobs(*command)[0] == 0
    assert tune_jobs("run", file, "--name", "whole", *metrics)[0] == 0

    run, whole = Run.open(folder.path), Run.open(folder.path.with_name("whole"))
    assert table(run.folder) == table(whole.folder)
    assert epochs_recorded(run.folder) == epochs_recorded(whole.folder)
    found = [(best.trial_id, best.epoch, best.config, best.values) for best in run.front]
    assert found == [(best.trial_id, best.epoch, best.config, best.values) for best in whole.front]
    assert len(found) > 1
    for best in run.front:
        assert best.load().evaluate()["loss"] == best.values["loss"], "its checkpoint was kept"

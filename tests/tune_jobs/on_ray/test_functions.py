"""Training functions on real Ray."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from drivers import DEADLINE, Start, facts, state_of, table, wait_for

from tune_jobs.experiment.facts import Reported
from tune_jobs.runs.folder import RunFolder

pytestmark = pytest.mark.usefixtures("ray_session")

FUNCTION = """
import random
from tune_jobs import Float, TuneJob, report, restored, trial

def train(config):
    weight, start = random.random(), 0
    if state := restored():
        weight, start = state["weight"], state["epoch"]
    for epoch in range(start, config.max_epochs):
        weight += config.x * random.random()
        with open({log!r}, "a") as log:
            log.write("epoch\\n")
        (trial().folder / f"{{trial().number}} {{trial().epoch}}").touch()
        report({{"loss": weight}}, state={{"weight": weight, "epoch": epoch + 1}})

def test(config, state):
    (trial().folder / "tested").touch()
    return {{"test_loss": state["weight"]}}

job = TuneJob(
    name="mine", model=train, test=test, space={{"x": Float(0, 1)}}, metric="loss", mode="min",
    searcher="hyperopt", scheduler="pbt", num_samples=8, max_epochs=9, max_concurrent=1,
)
"""


def test_a_run_whose_driver_was_killed_ends_in_the_same_table(
    start: Start, tune_jobs: Any, file: Path, log: Path
) -> None:
    storage = file.parent / "storage"
    file.write_text(FUNCTION.format(log=str(log)))
    assert tune_jobs("run", file, "--name", "whole")[0] == 0
    whole, killed = RunFolder(storage / "whole"), RunFolder(storage / "killed")
    epochs = len(log.read_text().splitlines())

    log.unlink()
    driver = start("run", file, "--name", "killed")
    wait_for(lambda: len(facts(killed, Reported)) >= 5, driver)
    driver.kill()
    driver.wait(DEADLINE)
    assert tune_jobs("resume", "killed")[0] == 0
    assert table(killed) == table(whole)
    assert epochs <= len(log.read_text().splitlines()) <= epochs + 1
    tested = state_of(killed).tested
    assert tested
    for trial in state_of(killed).trials.values():
        files = {f"{trial.trial_id} {epoch}" for epoch in range(1, trial.epoch + 1)}
        files |= {"tested"} if trial.trial_id == tested.trial_id else set()
        folder = killed.path / "artifacts" / f"{trial.trial_id:05d}"
        assert {file.name for file in folder.iterdir()} == files
    assert tested.metrics == getattr(state_of(whole).tested, "metrics", None)

"""Drivers that are killed or told to end, and the runs that go on after them."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
from drivers import (
    DEADLINE,
    Epochs,
    Start,
    declare,
    epochs_recorded,
    epochs_trained,
    facts,
    state_of,
    table,
    wait_for,
)
from runs import falling, run_in_folder, tiny_job

from tune_jobs.experiment.facts import Interrupted, Reported, Suggested
from tune_jobs.experiment.trial import Status
from tune_jobs.runs.folder import RunFolder

pytestmark = pytest.mark.usefixtures("ray_session")

FOUR = {"searcher": "random", "num_samples": 4, "max_epochs": 6}
LONG = {**FOUR, "scheduler": "fifo", "seconds": 2 * DEADLINE}  # no epoch ends in this test


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "storage" / "run")  # the storage that conftest names


def test_a_run_whose_driver_was_killed_twice_is_as_if_it_never_was(
    start: Start, tune_jobs: Any, file: Path, log: Path, folder: RunFolder
) -> None:
    methods = {"searcher": "hyperopt", "scheduler": "hyperband"}
    declare(file, **methods, num_samples=10, max_epochs=9, max_concurrent=1, seconds=0.02)
    command: tuple[Any, ...] = ("run", file, "--name", folder.name)
    kills: list[tuple[Epochs, int]] = []  # what was recorded, how much was trained
    for count in (3, 15):
        driver = start(*command)
        wait_for(lambda count=count: len(facts(folder, Reported)) >= count, driver)
        driver.kill()
        driver.wait(DEADLINE)
        kills.append((epochs_recorded(folder), len(epochs_trained(log))))
        command = ("resume", folder.name)
    assert tune_jobs(*command)[0] == 0

    recorded, trained = epochs_recorded(folder), epochs_trained(log)
    assert sorted(set(trained)) == sorted(recorded), "each is recorded once"
    assert len(trained) - len(recorded) <= len(kills), "one was at work when a driver was killed"
    for recorded_then, trained_then in kills:
        assert recorded[: len(recorded_then)] == recorded_then
        assert not set(recorded_then) & set(trained[trained_then:])
    assert tune_jobs("run", file, "--name", "whole")[0] == 0
    assert table(folder) == table(RunFolder(folder.path.with_name("whole")))
    assert len(table(folder)) == 10


def test_sigterm_ends_a_driver_in_good_order(
    start: Start, tune_jobs: Any, file: Path, log: Path, folder: RunFolder
) -> None:
    driver = start("run", declare(file, **FOUR, scheduler="fifo", seconds=0.15), "--name", "run")
    wait_for(lambda: len(facts(folder, Reported)) >= 3, driver)
    driver.terminate()
    out, err = driver.communicate(timeout=DEADLINE)
    assert driver.returncode == 128 + signal.SIGTERM, err
    assert f"tune-jobs resume {folder.path}" in out
    closed = facts(folder)[-1]
    assert (closed.fact, closed.status, closed.reason) == ("closed", "interrupted", "SIGTERM")
    assert len(state_of(folder).with_status(Status.RUNNING)) == 2
    assert sorted(epochs_trained(log)) == sorted(epochs_recorded(folder)), "none was cut short"

    assert tune_jobs("resume", folder.name)[0] == 0
    assert state_of(folder).counts[Status.COMPLETED] == 4
    assert sorted(epochs_trained(log)) == sorted(epochs_recorded(folder))
    assert len(epochs_trained(log)) == 4 * 6


def test_a_second_signal_ends_a_driver_at_once(start: Start, file: Path, folder: RunFolder) -> None:
    number = signal.SIGINT
    driver = start("run", declare(file, **FOUR, scheduler="fifo", seconds=1.5), "--name", "run")
    wait_for(lambda: len(facts(folder, Reported)) == 2, driver)
    driver.send_signal(number)
    wait_for(lambda: len(facts(folder, Interrupted)) == 1, driver)
    driver.send_signal(number)
    out, err = driver.communicate(timeout=DEADLINE)
    assert driver.returncode == 128 + number, err
    assert "Traceback" not in err
    assert f"tune-jobs resume {folder.path}" in out
    closed = facts(folder)[-1]
    assert (closed.fact, closed.status, closed.reason) == ("closed", "interrupted", number.name)
    assert len(state_of(folder).with_status(Status.RUNNING)) == 2
    assert len(facts(folder, Reported)) == 2, "it did not wait for the epochs at work"


def test_a_run_has_one_driver_at_a_time(
    start: Start, tune_jobs: Any, file: Path, folder: RunFolder
) -> None:
    driver = start("run", declare(file, **LONG), "--name", folder.name)
    wait_for(lambda: len(facts(folder, Suggested)) == 2, driver)
    before = folder.journal.read_bytes()
    code, _, err = tune_jobs("resume", folder.name)
    assert code == 2
    assert f"in use by process {driver.pid}" in err
    assert f"running, process {driver.pid}" in tune_jobs("status", folder.name)[1]
    assert folder.journal.read_bytes() == before


def test_a_name_that_is_taken_is_to_be_resumed(
    tune_jobs: Any, file: Path, folder: RunFolder
) -> None:
    run_in_folder(folder.path, tiny_job(), falling)
    code, _, err = tune_jobs("run", declare(file, **FOUR), "--name", folder.name)
    assert code == 2
    assert f"continue it with `tune-jobs resume {folder.path}`" in err


def test_a_finished_run_has_nothing_to_resume(tune_jobs: Any, folder: RunFolder) -> None:
    run_in_folder(folder.path, tiny_job(), falling)
    before = folder.journal.read_bytes()
    code, out, _ = tune_jobs("resume", folder.name)
    assert code == 0
    assert f"{folder.name} is finished; make it longer with --samples" in out
    assert folder.journal.read_bytes() == before


def test_a_finished_run_can_be_made_longer(
    tune_jobs: Any, file: Path, log: Path, folder: RunFolder
) -> None:
    declare(file, **FOUR, scheduler="fifo", max_concurrent=1, seconds=0.0)
    assert tune_jobs("run", file, "--name", folder.name)[0] == 0
    code, out, _ = tune_jobs("resume", folder.name, "--samples", "+2", "--max-epochs", "9")
    assert code == 0
    assert "6 trials" in out
    assert sorted(epochs_trained(log)) == sorted(epochs_recorded(folder)), "each one once"
    assert max(epoch for _, epoch in epochs_recorded(folder)) == 9
    command = ("run", file, "--name", "at-once", "--samples", "6", "--max-epochs", "9")
    assert tune_jobs(*command)[0] == 0
    assert table(folder) == table(RunFolder(folder.path.with_name("at-once")))

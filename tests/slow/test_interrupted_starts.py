"""Ctrl-C at random moments of a start, on a Ray of the run's own: as a terminal sends it, to the
whole process group."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from drivers import declare, epochs_recorded, epochs_trained, facts, wait_for

from tune_jobs.experiment.facts import Reported, Suggested
from tune_jobs.runs.folder import RunFolder

TESTS = Path(__file__).parents[1]
AT_MOST = 10.0
"""Seconds until the end: 5 on a machine that has time for it, 10 beside others at work."""
FOUR = {"searcher": "random", "scheduler": "fifo", "num_samples": 4, "max_epochs": 6}

Driver = subprocess.Popen[str]


@pytest.fixture
def temporary() -> Iterator[Path]:
    """Ray's; whatever is started in it has this in its environment."""
    with tempfile.TemporaryDirectory(prefix="tj") as folder:
        yield Path(folder)
        assert processes_in(Path(folder)) == []


def start(temporary: Path, *arguments: object) -> Driver:
    return subprocess.Popen(
        [sys.executable, "-m", "tune_jobs", *map(str, arguments)],
        env={**os.environ, "RAY_TMPDIR": str(temporary), "PYTHONPATH": str(TESTS)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_until_in_control(driver: Driver) -> None:
    """Before, Python itself starts, and answers with a traceback."""
    status = Path(f"/proc/{driver.pid}/status")

    def catches_sigterm() -> bool:
        lines = dict(line.split(":\t", 1) for line in status.read_text().splitlines())
        return bool(int(lines["SigCgt"], 16) >> (signal.SIGTERM - 1) & 1)

    wait_for(catches_sigterm, driver)


def processes_in(temporary: Path) -> list[str]:
    """The command lines of what has this temporary folder, but for zombies, which have none."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"RAY_TMPDIR={temporary}".encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return [line for line in found if line]


def test_ray_that_does_not_start_is_an_error_in_words(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from runs import tiny_job
from tune_jobs.errors import UserError
from tune_jobs.on_ray.cluster import connected
try:
    with connected(Path(sys.argv[1]), tiny_job(), print):
        pass
except UserError as error:
    print(error)
"""
    no_folder = tmp_path / "file"
    no_folder.touch()
    done = subprocess.run(
        [sys.executable, "-c", code, str(no_folder)],
        env={**os.environ, "PYTHONPATH": str(TESTS), "RAY_ADDRESS": "local"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert "Ray cannot be started on this machine: " in done.stdout, done.stderr
    assert str(no_folder) in done.stdout


def check_ended_by(
    driver: Driver, number: signal.Signals, temporary: Path, maybe_over: RunFolder | None = None
) -> None:
    """Sends the signal, and sees the end. A run that is complete before may end as such."""
    told = time.monotonic()
    os.killpg(driver.pid, number)
    try:
        _, err = driver.communicate(timeout=AT_MOST)
    finally:
        driver.kill()
        print(f"ended after {time.monotonic() - told:.1f} s, with {driver.returncode}")  # noqa: T201
    if driver.returncode or not maybe_over:
        assert driver.returncode == 128 + number, err
    else:
        assert facts(maybe_over)[-1].status == "finished"
    assert "Traceback" not in err
    assert "Exception" not in err
    assert processes_in(temporary) == []
    assert list(temporary.glob("tune-jobs-*/*")) == []


def seconds_of_a_start(temporary: Path, run: RunFolder, *command: object) -> float:
    """Until the first trial is about to start on a worker; the run is left as that is."""
    began = time.monotonic()
    driver = start(temporary, *command)
    wait_for(lambda: bool(facts(run, Suggested)), driver, seconds=300)
    took = time.monotonic() - began
    check_ended_by(driver, signal.SIGINT, temporary)
    return took


@pytest.mark.timeout(3600)
def test_it_is_over_at_once_and_nothing_is_left(
    temporary: Path, tmp_path: Path, tune_jobs: Any, ray_session: None
) -> None:
    """Twenty moments of `run`, and three of `resume`."""
    moments = random.Random(7)
    storage = tmp_path / "storage"
    file = declare(tmp_path / "mine.py", **FOUR)
    first = RunFolder(storage / "first")
    whole = 1.3 * seconds_of_a_start(temporary, first, "run", file, "--name", "first")
    commands: list[tuple[object, ...]] = [("run", file, "--name", f"n{i}") for i in range(20)]
    for command in commands + [("resume", "first")] * 3:
        driver = start(temporary, *command)
        wait_until_in_control(driver)
        moment = moments.uniform(0, whole)
        try:
            driver.wait(moment)
        except subprocess.TimeoutExpired:
            print(*command, f"at {moment:.1f} s")  # noqa: T201
            run = RunFolder(storage / str(command[-1]))
            check_ended_by(driver, signal.SIGINT, temporary, maybe_over=run)
    runs = sorted(path.name for path in storage.iterdir())
    assert "first" in runs
    for name in runs:
        code, _, err = tune_jobs("resume", name)
        assert code == 0, err
        assert (
            len({(f.trial_id, f.epoch) for f in facts(RunFolder(storage / name), Reported)}) == 24
        )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_do_the_same(temporary: Path, tmp_path: Path, number: signal.Signals) -> None:
    run = RunFolder(tmp_path / "storage" / "run")
    driver = start(temporary, "run", declare(tmp_path / "mine.py", **FOUR), "--name", "run")
    wait_for(lambda: bool(facts(run, Suggested)), driver, seconds=300)
    check_ended_by(driver, number, temporary)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_what_a_terminal_sends_leaves_ray_alone(
    temporary: Path, tmp_path: Path, number: signal.Signals
) -> None:
    """Ctrl-C, or that it was closed, while trials are at work: their epochs are finished."""
    run = RunFolder(tmp_path / "storage" / "run")
    file = declare(tmp_path / "mine.py", **{**FOUR, "seconds": 0.5})
    driver = start(temporary, "run", file, "--name", "run")
    wait_for(lambda: bool(facts(run, Reported)), driver, seconds=300)
    check_ended_by(driver, number, temporary)
    assert facts(run)[-1].status == "interrupted"
    assert sorted(epochs_trained(tmp_path / "log")) == sorted(epochs_recorded(run))


def test_what_a_killed_driver_left_is_gone_after_the_next(temporary: Path, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "storage" / "run")
    file = declare(tmp_path / "mine.py", **{**FOUR, "seconds": 0.5})
    driver = start(temporary, "run", file, "--name", "run")
    wait_for(lambda: bool(facts(run, Reported)), driver, seconds=300)
    driver.kill()
    driver.wait()
    assert list(temporary.glob("tune-jobs-*/*/session_*"))
    driver = start(temporary, "resume", "run")
    out, err = driver.communicate(timeout=300)
    assert driver.returncode == 0, err
    assert "4/4" in out
    assert list(temporary.glob("tune-jobs-*/*")) == []
    assert processes_in(temporary) == []

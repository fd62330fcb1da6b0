"""Runs in a bucket, on real Ray: a head that is lost with its disk, a storage that goes away."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from drivers import (
    DEADLINE,
    Driver,
    Start,
    declare,
    epochs_recorded,
    epochs_trained,
    facts,
    state_of,
    table,
    wait_for,
)
from mirrored import read_journal
from rich.console import Console
from runs import tiny_job
from s3_server import S3Server, s3_server
from tiny_model import Tiny

import tune_jobs
from tune_jobs import Run
from tune_jobs.experiment.facts import Fact, Reported, Suggested, Warned
from tune_jobs.experiment.trial import Status
from tune_jobs.runs.folder import RunFolder, find_storage
from tune_jobs.views.progress import LineProgress

pytestmark = pytest.mark.usefixtures("ray_session")

FOUR = {"searcher": "random", "scheduler": "fifo", "num_samples": 4, "max_epochs": 6}
LEASE = "results/run/lease/"

MoveTo = Callable[[str], RunFolder]


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture
def bucket(server: S3Server) -> str:
    return server.new_bucket()


@pytest.fixture
def move_to(
    server: S3Server, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> MoveTo:
    """Makes this the machine of that name, with no run on its disk; gives its folder of the run.

    All keep their runs in the bucket. The workers were started before its server, so they find
    it by its URL.
    """
    address = server.url.removeprefix("http://")
    url = f"{bucket}/results?endpoint_override={address}&scheme=http"
    monkeypatch.setenv("TUNE_JOBS_STORAGE", url)

    def move_to(machine: str) -> RunFolder:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / machine))
        return find_storage(None).run("run")

    return move_to


def outcome(driver: Driver) -> tuple[int, str, str]:
    """Its exit code, output and errors, when it ends."""
    out, err = driver.communicate(timeout=DEADLINE)
    return driver.returncode, out, err


def lines_in_the_bucket(folder: RunFolder) -> int:
    assert folder.bucket is not None
    return read_journal(folder.bucket).count(b"\n")


def test_a_head_that_is_lost_with_its_disk_loses_nothing(
    start: Start,
    tune_jobs: Any,
    server: S3Server,
    bucket: str,
    move_to: MoveTo,
    file: Path,
    log: Path,
) -> None:
    declare(file, **FOUR, max_concurrent=1, seconds=0.1)
    folder = move_to("first")
    driver = start("run", file, "--name", "run")
    wait_for(lambda: len(facts(folder, Reported)) >= 8, driver)
    wait_for(lambda: lines_in_the_bucket(folder) >= 6, driver)
    driver.kill()
    driver.wait(DEADLINE)
    shutil.rmtree(folder.path)

    folder = move_to("second")
    code, _, err = tune_jobs("resume", "run")
    assert code == 2
    assert f"in use by process {driver.pid}" in err
    assert "wait 30 s" in err
    server.age(bucket, LEASE, 31)
    code, out, err = tune_jobs("resume", folder.place.url)
    assert code == 0, err
    recorded, trained = epochs_recorded(folder), epochs_trained(log)
    assert sorted(set(trained)) == sorted(recorded), "each is recorded once"
    assert len(trained) - len(recorded) <= 1, "one was at work when the driver was killed"
    assert folder.place.read("trials.csv") == (folder.path / "trials.csv").read_bytes()
    assert folder.place.url in out

    whole = RunFolder(file.with_name("whole"))
    assert tune_jobs("run", file, "--name", "whole", "--storage", file.parent)[0] == 0
    assert table(folder) == table(whole)


@pytest.mark.parametrize(("fact", "count"), [(Suggested, 1), (Reported, 3)])
def test_a_run_goes_on_when_its_storage_is_back(
    start: Start,
    server: S3Server,
    move_to: MoveTo,
    file: Path,
    log: Path,
    fact: type[Fact],
    count: int,
) -> None:
    """It goes away when workers are about to look for checkpoints, and when they write some."""
    folder = move_to("first")
    driver = start("run", declare(file, **FOUR, seconds=0.1, max_failures=0), "--name", "run")
    wait_for(lambda: len(facts(folder, fact)) >= count, driver)
    server.stop()
    try:
        wait_for(lambda: len(facts(folder, Warned)) == 1, driver)
        assert "tried again for 300 s" in state_of(folder).warnings[0]
        assert len(epochs_trained(log)) < 4 * 6, "workers wait for it"
    finally:
        server.start()
    code, _, err = outcome(driver)
    assert code == 0, err
    assert sorted(epochs_trained(log)) == sorted(epochs_recorded(folder)), "each one once"
    assert state_of(folder).counts[Status.COMPLETED] == 4
    assert folder.place.read("trials.csv") == (folder.path / "trials.csv").read_bytes()


def test_a_storage_that_stays_away_ends_a_run_that_can_be_resumed(
    start: Start,
    tune_jobs: Any,
    server: S3Server,
    bucket: str,
    move_to: MoveTo,
    file: Path,
    log: Path,
) -> None:
    folder = move_to("first")
    declare(file, **FOUR, seconds=0.1, storage_patience=1.0)
    driver = start("run", file, "--name", "run")
    wait_for(lambda: len(facts(folder, Reported)) >= 3, driver)
    server.stop()
    try:
        code, _, err = outcome(driver)
    finally:
        server.start()
    assert code == 2
    assert "Traceback" not in err
    assert "tune-jobs resume" in err.splitlines()[-1]
    assert folder.place.url in err.splitlines()[-1]
    at_work = 2
    recorded = epochs_recorded(folder)

    server.age(bucket, LEASE, 31)
    code, _, err = tune_jobs("resume", "run")
    assert code == 0, err
    assert epochs_recorded(folder)[: len(recorded)] == recorded
    assert sorted(set(epochs_trained(log))) == sorted(epochs_recorded(folder))
    assert len(epochs_trained(log)) - 4 * 6 <= at_work
    assert state_of(folder).counts[Status.COMPLETED] == 4


def test_a_run_in_a_bucket_is_opened_from_python_on_any_machine(
    move_to: MoveTo, tmp_path: Path, server: S3Server
) -> None:
    move_to("first")
    job = tiny_job(num_samples=2, max_epochs=3, model=Tiny, scheduler="fifo")
    tune_jobs.run(job, name="run", progress=LineProgress(Console(quiet=True)))
    folder = move_to("second")
    run = Run.open(folder.where)
    best = run.best
    assert best is not None
    model = best.load()
    assert isinstance(model, Tiny)
    assert (model.epoch, model.evaluate()["loss"]) == (best.epoch, best.value)
    assert best.test is not None
    assert len(run.trials()) == 2
    assert len(run.epochs()) == 6

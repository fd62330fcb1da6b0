from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from drivers import Start, drivers
from hypothesis import settings
from s3_server import CREDENTIALS

PATIENT = 600  # seconds: a busy machine may need one for what a quiet one does in a tenth

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


@pytest.hookimpl(tryfirst=True)  # before -m chooses by the marks
def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    for item in items:
        if "ray_session" in item.fixturenames or "on_ray" in item.path.parts:
            item.add_marker(pytest.mark.ray)
            item.add_marker(pytest.mark.timeout(PATIENT))
        if "slow" in item.path.parts:
            item.add_marker(pytest.mark.timeout(PATIENT))


@pytest.fixture(autouse=True)
def _storage_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNE_JOBS_STORAGE", str(tmp_path / "storage"))


@pytest.fixture(autouse=True)
def _import_path_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job file that a test imports puts its folder on the path."""
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.fixture(scope="session", autouse=True)
def _data_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Prepared data go to a folder of the session unless the caller names one."""
    os.environ.setdefault("TUNE_JOBS_DATA", str(tmp_path_factory.mktemp("data")))


@pytest.fixture
def tune_jobs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command in this process; returns its exit code, output and errors."""

    def run(*arguments: object) -> tuple[int, str, str]:
        from tune_jobs.cli import commands as cli

        monkeypatch.setattr("sys.argv", ["tune-jobs", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "200")
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        said = capsys.readouterr()
        return int(exit_.value.code or 0), said.out, said.err

    return run


@pytest.fixture
def start(ray_session: None) -> Iterator[Start]:
    """Starts drivers in processes of their own."""
    with drivers() as start:
        yield start


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a job is declared."""
    return tmp_path / "mine.py"


@pytest.fixture
def log(file: Path) -> Path:
    """Where its trials write their epochs."""
    return file.with_name("log")


@pytest.fixture(scope="session")
def ray_session() -> Iterator[None]:
    """The one Ray cluster of all tests: starting one takes seconds."""
    import ray

    from tune_jobs.on_ray.internals import start_cluster
    from tune_jobs.on_ray.scratch import MARK, scratch

    with scratch() as folder:
        with pytest.MonkeyPatch.context() as environment:
            for name, value in CREDENTIALS.items():  # for checkpoints in a bucket
                environment.setenv(name, value)
            start_cluster(folder, {MARK: str(folder)}, num_cpus=2, num_gpus=0)
        yield
        ray.shutdown()

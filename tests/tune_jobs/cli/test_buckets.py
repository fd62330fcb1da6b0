"""What can be done with a run in a bucket, from a machine that has never seen it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from s3_server import S3Server, s3_server
from trained import trained_trees

from tune_jobs.runs.folder import find_storage
from tune_jobs.storage import Place, open_place
from tune_jobs.storage.mirror import Mirror
from tune_jobs.views.pages.dashboard import LiveRuns


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture(scope="module")
def storage(server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """With a run, ``trees``, that a driver made and left."""
    made = trained_trees(tmp_path_factory.mktemp("made") / "trees", trials=2, epochs=2)
    bucket = server.new_bucket()
    place = open_place(bucket).child("trees")
    Mirror(made.folder.path, place, 10.0).close()
    copy_checkpoints(made.folder.place, place)
    return bucket


def copy_checkpoints(source: Place, target: Place) -> None:
    for name in source.files("checkpoints"):
        target.write(name, source.read(name))


@pytest.fixture(autouse=True)
def _another_machine(storage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TUNE_JOBS_STORAGE", storage)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["status"], "trees"),
        (["status", "trees"], "trees: finished"),
        (["status", "trees", "--watch"], "trials 2/2"),
        (["report", "trees"], "report.html"),
        (["compare", "trees", "trees"], "comparison.html"),
        (["ensemble", "trees", "--size", "2"], "ensemble  val_loss"),
        (["retrain", "trees", "--seeds", "1"], "1 seed, 2 epochs: test_loss"),
    ],
)
def test_a_command_finds_what_it_needs(
    command: list[str], said: str, tune_jobs: Any, storage: str
) -> None:
    code, out, err = tune_jobs(*command)
    assert code == 0, err
    assert said in out
    written = {"report": "report.html", "ensemble": "ensemble.json", "retrain": "retrained.json"}
    if name := written.get(command[0]):
        assert open_place(storage).child("trees").read(name), "it is kept with the run"


def test_the_dashboard_shows_it() -> None:
    shown = LiveRuns(find_storage(None).runs)
    (study,) = shown.get_all_studies()
    assert len(shown.get_all_trials(study._study_id)) == 2

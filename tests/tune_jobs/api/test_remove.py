"""A run is deleted, or its checkpoints, wherever it is kept."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from runs import falling, run_in_folder, tiny_job
from s3_server import S3Server, s3_server

from tune_jobs import Run, UserError
from tune_jobs.experiment.trial import CheckpointRef
from tune_jobs.runs.checkpoints import CheckpointStore, Saved
from tune_jobs.runs.lock import locked
from tune_jobs.storage import open_place
from tune_jobs.storage.mirror import Mirror


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture(params=["folder", "bucket"])
def run(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """With three checkpoints, one of them of the best epoch."""
    if request.param == "folder":
        storage = str(tmp_path / "storage")
        run_in_folder(tmp_path / "storage" / "first", tiny_job(), falling)
    else:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        storage = request.getfixturevalue("server").new_bucket()
        made = run_in_folder(tmp_path / "made" / "first", tiny_job(), falling)
        Mirror(made.path, open_place(storage).child("first"), 10.0).close()
    run = Run.open("first", storage)
    best = run.state.incumbent
    assert best is not None
    other = (best.trial_id + 1) % len(run.state.trials)
    for ref in (best.checkpoint, CheckpointRef(other, 1), CheckpointRef(other, 2)):
        save(run, ref)
    return run


def save(run: Run, ref: CheckpointRef) -> None:
    def write(folder: Path) -> None:
        (folder / "weights").write_bytes(bytes(1000))

    CheckpointStore(run.folder.checkpoints).save(Saved(*ref, {}, 0, {}, 1.0), write)


def kept(run: Run) -> list[tuple[int, int]]:
    sizes = CheckpointStore(run.folder.checkpoints).sizes()
    return [(trial, epoch) for trial, epochs in sizes.items() for epoch in epochs]


def test_pruning_leaves_the_best_checkpoint(run: Run) -> None:
    best = run.best
    assert best is not None
    removed, size = run.prune()
    assert removed == 2
    assert 2000 < size < 4000
    assert kept(run) == [(best.trial_id, best.epoch)]
    assert run.prune() == (0, 0)
    assert run.refresh().best == best, "the journal is as it was"


def test_a_deleted_run_is_gone_with_all_its_files(run: Run) -> None:
    storage = run._storage
    run.delete()
    assert storage.runs() == []
    assert list(run.folder.place.files()) == []
    assert not run.folder.path.exists()
    with pytest.raises(UserError, match="'first' is not in"):
        Run.open("first", storage.place.url)


def test_a_run_in_use_is_left_alone(run: Run) -> None:
    before = run.folder.place.files()
    with locked(run.folder):
        for change in (run.prune, run.delete):
            with pytest.raises(UserError, match="in use by process"):
                change()
    assert before.items() <= run.folder.place.files().items()


def test_the_command_line_asks_first(tune_jobs: Any, tmp_path: Path, monkeypatch: Any) -> None:
    folder = run_in_folder(tmp_path / "storage" / "first", tiny_job(), falling)
    monkeypatch.setattr("sys.stdin", StringIO())
    assert tune_jobs("delete", "first")[0] == 130, "nobody answers, as with Ctrl-C"
    monkeypatch.setattr("sys.stdin", StringIO("n\n"))
    code, _, err = tune_jobs("delete", "first")
    assert code == 1
    assert err.endswith("nothing was removed\n")
    assert folder.exists
    code, out, _ = tune_jobs("prune", "first")
    assert (code, out) == (0, "removed 0 checkpoints, 0B\n"), "it is finished, so nobody is asked"
    folder.journal.write_bytes(folder.journal.read_bytes()[:1000])  # its driver died
    assert tune_jobs("prune", "first")[0] != 0
    assert tune_jobs("prune", "first", "--yes")[0] == 0
    folder.journal.write_text("no journal at all\n")
    code, out, _ = tune_jobs("delete", "first", "--yes")
    assert code == 0, "a damaged run can be deleted"
    assert not folder.path.exists()


def test_nothing_is_deleted_if_one_of_the_runs_does_not_exist(
    tune_jobs: Any, tmp_path: Path
) -> None:
    folder = run_in_folder(tmp_path / "storage" / "first", tiny_job(), falling)
    code, _, err = tune_jobs("delete", "first", "secnod", "--yes")
    assert code == 2
    assert "'secnod'" in err
    assert folder.exists

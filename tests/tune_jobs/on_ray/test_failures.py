"""Trials in trouble on real Ray: what becomes of them, and that the others are unharmed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from finished import Finished, run_job
from rich.console import Console
from runs import tiny_job

from search_algos.domains import Choice, Float
from tune_jobs.errors import UserError
from tune_jobs.facts import Failed, Moved, Reported
from tune_jobs.journal import read
from tune_jobs.resume import resume
from tune_jobs.run_folder import RunFolder
from tune_jobs.run_state import Status

pytestmark = pytest.mark.usefixtures("ray_session")

SEED = 1  # of which two of four trials are in trouble


def run_with(path: Path, trouble: str, **fields: Any) -> tuple[Finished, Counter[tuple[str, str]]]:
    """Four trials of nine epochs; and how often each epoch was trained."""
    log = path / "log"
    space = {"x": Float(0, 1), "log": str(log), "trouble": Choice(["", trouble])}
    job = tiny_job(
        **{"scheduler": "fifo", "space": space, "num_samples": 4, "seed": SEED, **fields}
    )
    done = run_job(path / "run", job)
    lines = [line.split() for line in log.read_text().splitlines()]
    return done, Counter((x, epoch) for x, epoch, _ in lines)


def in_trouble(done: Finished) -> list[Any]:
    """The trials in trouble, which are some and not all; the others are complete."""
    found = [trial for trial in done.trials if trial.config["trouble"]]
    assert 0 < len(found) < 4
    assert {t.status for t in done.trials if t not in found} == {Status.COMPLETED}
    assert done.summary["status"] == "finished"
    assert done.state.tested is not None
    return found


def test_a_trial_that_hangs_is_ended_and_says_where_it_was(tmp_path: Path) -> None:
    done, _ = run_with(tmp_path, "hang", trial_timeout=1.5, max_failures=0)
    for trial in in_trouble(done):
        assert (trial.status, trial.epoch) == (Status.FAILED, 2)
        assert "in train_epoch" in trial.note, "the stack of the worker"
        assert trial.note.endswith("no report for 1.5 s (trial_timeout)")
    assert "no report for 1.5 s" in done.said


def test_a_trial_that_fills_the_memory_to_its_limit_fails_alone(tmp_path: Path) -> None:
    done, _ = run_with(tmp_path, "memory", max_failures=0)
    for trial in in_trouble(done):
        assert (trial.status, trial.epoch) == (Status.FAILED, 2)
        assert trial.note.endswith("MemoryError")


def test_a_trial_that_kills_its_process_is_tried_again_and_then_fails_alone(
    tmp_path: Path,
) -> None:
    done, trained = run_with(tmp_path, "kill", max_failures=1)
    for trial in in_trouble(done):
        assert (trial.status, trial.epoch, trial.failures) == (Status.FAILED, 2, 2)
        assert "the worker process died" in trial.note
    assert set(trained.values()) == {1}, "the two epochs before were not trained again"


def test_a_trial_that_returns_nan_is_stopped_and_never_the_best(tmp_path: Path) -> None:
    done, _ = run_with(tmp_path, "nan")
    for trial in in_trouble(done):
        assert (trial.status, trial.epoch, trial.note) == (Status.STOPPED, 3, "the loss is nan")
    assert done.summary["best"]["config"]["trouble"] == ""


def test_what_went_wrong_stands_in_a_file_of_the_run(tmp_path: Path) -> None:
    done, _ = run_with(tmp_path, "raise", max_failures=1)
    for trial in in_trouble(done):
        text = (done.folder.errors / f"{trial.trial_id:05d}.txt").read_text()
        assert text.count("\nArithmeticError: ") == 2
        assert "failure 2, after epoch 2" in text
        assert "in train_epoch" in text


def test_a_worker_that_is_told_to_end_costs_no_failure_and_no_epoch(tmp_path: Path) -> None:
    """SIGTERM in the middle of an epoch, as from a batch system: it is finished and saved, and
    the trial goes on in another process."""
    done, trained = run_with(tmp_path, "sigterm", max_failures=0)
    moved = [fact for fact in done.facts if isinstance(fact, Moved)]
    assert {fact.trial_id for fact in moved} == {t.trial_id for t in in_trouble(done)}
    assert all("SIGTERM" in fact.reason for fact in moved)
    assert {trial.status for trial in done.trials} == {Status.COMPLETED}
    assert {trial.failures for trial in done.trials} == {0}
    assert set(trained.values()) == {1}
    assert "goes on elsewhere: its worker was told to end" in done.said


def test_where_every_trial_fails_alike_the_run_ends_with_that_error(tmp_path: Path) -> None:
    space = {"x": Float(0, 1)}
    job = tiny_job(model="troubled_models:Broken", space=space, num_samples=50)
    with pytest.raises(UserError) as error:
        run_job(tmp_path / "run", job)
    assert "every trial fails in the same way" in str(error.value)
    assert "ZeroDivisionError" in str(error.value)
    facts = list(read(tmp_path / "run" / "journal.jsonl"))
    assert len([fact for fact in facts if isinstance(fact, Failed)]) <= 4


def test_the_first_failure_ends_a_run_that_fails_fast(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"(?s)first failure ends this run.*ArithmeticError"):
        run_with(tmp_path, "raise", fail_fast=True)
    facts = list(read(tmp_path / "run" / "journal.jsonl"))
    assert len([fact for fact in facts if isinstance(fact, Failed)]) == 1
    assert any(isinstance(fact, Reported) for fact in facts)


def test_a_storage_that_stays_away_ends_the_run_and_is_no_failure_of_a_trial(
    tmp_path: Path,
) -> None:
    """And when it is back, the run goes on as if nothing had happened."""
    log, once = tmp_path / "log", tmp_path / "away"
    space = {"x": Float(0, 1), "log": str(log), "once": str(once)}
    job = tiny_job(
        model="troubled_models:LosesItsStorage",
        scheduler="fifo",
        space=space,
        num_samples=3,
        max_concurrent=1,
        storage_patience=0.3,
    )
    with pytest.raises(UserError, match=r"the storage failed, \d+ tries.*checkpoints"):
        run_job(tmp_path / "run", job)
    folder = RunFolder(tmp_path / "run")
    state = folder.read_declaration().state(read(folder.journal))
    assert state.closed is not None
    assert state.closed.status == "failed"
    assert [(t.status, t.epoch, t.failures) for t in state.trials.values()] == [
        (Status.RUNNING, 2, 0)
    ]
    (folder.path / "checkpoints").unlink()
    (folder.path / "away").rename(folder.path / "checkpoints")
    _, state = resume(folder, Console(quiet=True))
    assert {(t.status, t.epoch, t.failures) for t in state.trials.values()} == {
        (Status.COMPLETED, 9, 0)
    }
    assert len(state.trials) == 3
    trained = Counter(line.rpartition(" ")[0] for line in log.read_text().splitlines())
    assert sum(trained.values()) - len(trained) == 1, "epoch 3 of trial 0 could not be saved"

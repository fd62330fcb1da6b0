"""Trials in trouble on real Ray: what becomes of them, and that the others are unharmed."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from finished import Finished, run_job
from rich.console import Console
from runs import tiny_job

from tune_jobs.api.run import Run
from tune_jobs.cli.screens import print_run
from tune_jobs.errors import UserError
from tune_jobs.experiment.facts import Failed, Moved, Reported
from tune_jobs.experiment.state import RunState
from tune_jobs.experiment.trial import Status, Trial
from tune_jobs.runs.folder import RunFolder
from tune_jobs.runs.journal import read
from tune_jobs.search_algos.domains import Choice, Float

pytestmark = pytest.mark.usefixtures("ray_session")

TROUBLES = ["", "kill", "raise", "hang", "memory", "nan", "sigterm", "exit", "interrupt", ""]


@pytest.fixture(scope="module")
def troubled(ray_session: None, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run with a trial in each trouble, in epoch 3 of 9, between two healthy ones. What dies
    may be tried once more."""
    path = tmp_path_factory.mktemp("troubled")
    space = {"x": Float(0, 1), "log": str(path / "log"), "trouble": Choice(sorted(set(TROUBLES)))}
    points = [{"x": n / 10, "trouble": trouble} for n, trouble in enumerate(TROUBLES)]
    job = tiny_job(
        scheduler="fifo",
        space=space,
        points_to_evaluate=points,
        num_samples=len(points),
        max_failures=1,
        trial_timeout=2.0,
    )
    return run_job(path / "run", job)


def trial_in(trouble: str, run: Finished) -> Trial:
    return run.trials[TROUBLES.index(trouble)]


def test_the_healthy_trials_are_unharmed(troubled: Finished) -> None:
    for trial in (troubled.trials[0], troubled.trials[-1]):
        assert (trial.status, trial.epoch, trial.failures) == (Status.COMPLETED, 9, 0)
    assert troubled.summary["status"] == "finished"
    assert troubled.summary["trials"]["failed"] == 6
    assert troubled.state.tested is not None
    assert troubled.summary["best"]["config"]["trouble"] in ("", "sigterm")


def test_no_epoch_that_was_finished_is_trained_again(troubled: Finished) -> None:
    log = troubled.folder.path.with_name("log").read_text().splitlines()
    trained = Counter(line.rpartition(" ")[0] for line in log)
    assert {count for line, count in trained.items()} == {1}


def test_a_trial_that_raises_fails_with_its_own_traceback(troubled: Finished) -> None:
    trial = trial_in("raise", troubled)
    assert (trial.status, trial.epoch, trial.failures) == (Status.FAILED, 2, 2)
    assert trial.note.endswith(f"ArithmeticError: x = {trial.config['x']} is too much for epoch 3")
    assert "tiny_model.py" in trial.note
    assert "on_ray" not in trial.note
    assert "ray/" not in trial.note


@pytest.mark.parametrize(
    ("trouble", "said"),
    [("exit", "SystemExit: the data end here"), ("interrupt", "KeyboardInterrupt")],
)
def test_a_trial_that_wants_to_end_its_process_fails_like_any_other(
    troubled: Finished, trouble: str, said: str
) -> None:
    trial = trial_in(trouble, troubled)
    assert (trial.status, trial.epoch, trial.failures) == (Status.FAILED, 2, 2)
    assert trial.note.endswith(said)
    assert "in _make_trouble" in trial.note


def test_what_went_wrong_stands_in_a_file_of_the_run(troubled: Finished) -> None:
    trial = trial_in("raise", troubled)
    text = (troubled.folder.errors / f"{trial.trial_id:05d}.txt").read_text()
    assert text.count("\nArithmeticError: ") == 2
    assert "failure 2, after epoch 2" in text
    assert "in train_epoch" in text


def test_status_shows_every_kind_of_error_with_its_trials(troubled: Finished) -> None:
    screen = io.StringIO()
    print_run(Console(file=screen, width=200), troubled.folder)
    number = trial_in("raise", troubled).trial_id
    assert f"failed: trial {number}\n" in screen.getvalue()
    assert "too much for epoch 3" in screen.getvalue()


def test_a_trial_that_kills_its_process_is_tried_again_and_then_fails(troubled: Finished) -> None:
    trial = trial_in("kill", troubled)
    assert (trial.status, trial.epoch, trial.failures) == (Status.FAILED, 2, 2)
    assert "the worker process died" in trial.note
    assert "restarts from its checkpoint: the worker process died" in troubled.said


def test_a_trial_that_hangs_is_ended_and_says_where_it_was(troubled: Finished) -> None:
    trial = trial_in("hang", troubled)
    assert (trial.status, trial.epoch, trial.failures) == (Status.FAILED, 2, 2)
    assert "in _make_trouble" in trial.note, "the stack of the worker"
    assert trial.note.endswith("no report for 2 s (trial_timeout)")
    assert "no report for 2 s" in troubled.said


def test_a_trial_that_fills_the_memory_to_its_limit_fails(troubled: Finished) -> None:
    trial = trial_in("memory", troubled)
    assert (trial.status, trial.epoch, trial.failures) == (Status.FAILED, 2, 2)
    assert trial.note.endswith("MemoryError")


def test_a_trial_that_returns_nan_is_stopped(troubled: Finished) -> None:
    trial = trial_in("nan", troubled)
    assert (trial.status, trial.epoch, trial.note) == (Status.STOPPED, 3, "the metric is NaN")


def test_a_worker_that_is_told_to_end_costs_no_failure_and_no_epoch(troubled: Finished) -> None:
    """SIGTERM in the middle of an epoch, as from a batch system: it is finished and saved, and
    the trial goes on in another process."""
    trial = trial_in("sigterm", troubled)
    assert (trial.status, trial.epoch, trial.failures) == (Status.COMPLETED, 9, 0)
    moved = [fact for fact in troubled.facts if isinstance(fact, Moved)]
    assert {fact.trial_id for fact in moved} == {trial.trial_id}
    assert all("SIGTERM" in fact.reason for fact in moved)
    assert "continues elsewhere: its worker was asked to end" in troubled.said


def test_where_every_trial_fails_alike_the_run_ends_with_that_error(tmp_path: Path) -> None:
    space = {"x": Float(0, 1)}
    job = tiny_job(model="troubled_models:Broken", space=space, num_samples=50)
    with pytest.raises(UserError) as error:
        run_job(tmp_path / "run", job)
    assert "every trial fails in the same way" in str(error.value)
    assert "ZeroDivisionError" in str(error.value)
    facts = list(read(tmp_path / "run" / "journal.jsonl"))
    assert len([fact for fact in facts if isinstance(fact, Failed)]) <= 12


def test_a_state_that_cannot_be_loaded_is_told_in_the_first_epoch(tmp_path: Path) -> None:
    mended = tmp_path / "mended"
    space = {"x": Float(0, 1), "log": str(tmp_path / "log"), "once": str(mended)}
    job = tiny_job(model="troubled_models:CannotLoad", scheduler="fifo", space=space, num_samples=4)
    with pytest.raises(UserError) as error:
        run_job(tmp_path / "run", job)
    assert "every trial fails in the same way" in str(error.value)
    assert "cannot load the state" in str(error.value)
    assert "TypeError: numpy's array" in str(error.value)
    assert {line.split()[1] for line in (tmp_path / "log").read_text().splitlines()} == {"1"}
    assert list((tmp_path / "run").glob("checkpoints/*/epoch-*")) == [], "none that is of no use"

    mended.touch()
    run = Run.open(str(tmp_path / "run")).resume()
    assert run.state.is_finished
    assert run.state.counts[Status.COMPLETED] >= 2


def test_the_first_failure_ends_a_run_that_fails_fast(tmp_path: Path) -> None:
    space = {"x": Float(0, 1), "trouble": "raise"}
    job = tiny_job(scheduler="fifo", space=space, fail_fast=True)
    with pytest.raises(UserError, match=r"(?s)first failure ends this run.*ArithmeticError"):
        run_job(tmp_path / "run", job)
    facts = list(read(tmp_path / "run" / "journal.jsonl"))
    assert len([fact for fact in facts if isinstance(fact, Failed)]) == 1
    assert any(isinstance(fact, Reported) for fact in facts)


def test_what_trials_print_is_kept_also_of_one_that_is_killed(
    tmp_path: Path, tune_jobs: Any
) -> None:
    space = {"x": Float(0, 1), "once": str(tmp_path / "once")}
    job = tiny_job(
        model="troubled_models:Talks", scheduler="fifo", space=space, num_samples=1, max_epochs=3
    )
    run_job(tmp_path / "storage" / "run", job)
    code, out, _ = tune_jobs("logs", "run", "--trial", "0", "--follow")
    assert code == 0
    lines = out.splitlines()
    for epoch in (0, 1, 2):
        assert {f"print {epoch}", f"log {epoch}"} <= set(lines)
        assert f"UserWarning: warning {epoch}" in out
    assert "its last words[epoch 3]" in lines
    assert [line for line in lines if line.startswith("[")] == [f"[epoch {n}]" for n in (1, 2, 3)]
    assert tune_jobs("logs", "run", "--trial", "test")[1] == "[final test]\nprint of the test\n"


def run_whose_storage_goes(path: Path) -> RunFolder:
    """A run that ended in the third epoch of its first trial; its storage is back by now."""
    space = {"x": Float(0, 1), "log": str(path / "log"), "once": str(path / "gone")}
    job = tiny_job(
        model="troubled_models:LosesItsStorage",
        scheduler="fifo",
        space=space,
        num_samples=3,
        max_concurrent=1,
        storage_patience=0.3,
    )
    with pytest.raises(UserError, match=r"the storage failed, \d+ tries.*checkpoints"):
        run_job(path / "run", job)
    folder = RunFolder(path / "run")
    state = folder.read_declaration().state(read(folder.journal))
    assert state.closed is not None
    assert state.closed.status == "failed"
    trials = [(t.status, t.epoch, t.failures) for t in state.trials.values()]
    assert trials == [(Status.RUNNING, 2, 0)], "no failure of the trial's"
    (folder.path / "checkpoints").unlink()
    (folder.path / "away").rename(folder.path / "checkpoints")
    return folder


def epochs_trained_again(path: Path) -> int:
    trained = Counter(line.rpartition(" ")[0] for line in (path / "log").read_text().splitlines())
    assert len(trained) == 3 * 9
    return sum(trained.values()) - len(trained)


def check_complete(state: RunState) -> None:
    assert len(state.trials) == 3
    for trial in state.trials.values():
        assert (trial.status, trial.epoch, trial.failures) == (Status.COMPLETED, 9, 0)


def test_a_storage_that_stays_away_ends_the_run_which_goes_on_when_it_is_back(
    tmp_path: Path,
) -> None:
    folder = run_whose_storage_goes(tmp_path)
    state = Run.open(str(folder.path)).resume().state
    check_complete(state)
    assert state.warnings == []
    assert epochs_trained_again(tmp_path) == 1, "epoch 3 of trial 0, which could not be saved"


def test_a_damaged_checkpoint_costs_the_epochs_since_the_one_before(tmp_path: Path) -> None:
    folder = run_whose_storage_goes(tmp_path)
    newest = folder.path / "checkpoints" / "00000" / "epoch-00002" / "state.json"
    newest.write_text(newest.read_text().replace("2", "7"))
    state = Run.open(str(folder.path)).resume().state
    check_complete(state)
    assert "trial 0, epoch 2 is damaged: state.json has changed" in state.warnings[0]
    assert "continues from epoch 1 instead of 2" in state.warnings[1]
    assert epochs_trained_again(tmp_path) == 2
    assert state.cost.trained_again == 1, "epoch 2; the third had never been recorded"

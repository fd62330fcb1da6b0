from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import begun, tiny_job
from strategies import curves

from search_algos.decisions import Exploit
from tune_jobs.checkpoints import CheckpointStore, Retention, needed_epochs
from tune_jobs.experiment import Train
from tune_jobs.facts import Fact
from tune_jobs.run_state import CheckpointRef, RunState
from tune_jobs.simulate import Curve, simulate


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(tmp_path / "checkpoints")


def save(store: CheckpointStore, trial_id: int, epoch: int, text: str = "weights") -> None:
    def write(folder: Path) -> None:
        (folder / "parts").mkdir()
        (folder / "parts" / "state").write_text(text)

    store.save(trial_id, epoch, write, {"loss": 1 / epoch, "acc": float("nan")}, 2.5)


def kept(store: CheckpointStore, trial_id: int) -> list[int]:
    return sorted(store._epochs(trial_id))


def test_the_newest_checkpoint_comes_back_with_what_it_measured(store: CheckpointStore) -> None:
    assert store.newest(3) is None
    for epoch in (1, 2, 10):
        save(store, 3, epoch, text=f"after {epoch}")
    newest = store.newest(3)
    assert newest is not None
    assert (newest.epoch, newest.metrics["loss"], newest.seconds) == (10, 0.1, 2.5)
    assert (newest.folder / "parts" / "state").read_text() == "after 10"


def test_an_epoch_saved_again_replaces_the_first(store: CheckpointStore) -> None:
    save(store, 0, 1, "first")
    save(store, 0, 1, "second")
    newest = store.newest(0)
    assert newest is not None
    assert (newest.folder / "parts" / "state").read_text() == "second"


def test_a_checkpoint_whose_writing_failed_is_not_there(store: CheckpointStore) -> None:
    save(store, 0, 1)

    def write(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        store.save(0, 2, write, {}, 0.0)
    newest = store.newest(0)
    assert newest is not None
    assert newest.epoch == 1


def test_a_process_killed_while_writing_leaves_the_one_before(store: CheckpointStore) -> None:
    script = f"""
import os, pathlib, signal
from tune_jobs.checkpoints import CheckpointStore
store = CheckpointStore(pathlib.Path({str(store.root)!r}))
store.save(0, 1, lambda folder: (folder / "state").write_text("one"), {{"loss": 1.0}}, 0.0)
def die(folder):
    (folder / "state").write_text("tw")
    os.kill(os.getpid(), signal.SIGKILL)
store.save(0, 2, die, {{"loss": 0.5}}, 0.0)
"""
    died = subprocess.run([sys.executable, "-c", script], check=False)
    assert died.returncode == -signal.SIGKILL
    newest = store.newest(0)
    assert newest is not None
    assert newest.epoch == 1
    save(store, 0, 2)
    assert sorted(os.listdir(store.root / "00000")) == ["epoch-00001", "epoch-00002"]


def test_keep_only_never_removes_what_is_newer_than_what_is_kept(store: CheckpointStore) -> None:
    """A worker may already have written the next epoch when the driver hears of this one."""
    for epoch in (1, 2, 3, 4):
        save(store, 0, epoch)
    store.keep_only(0, {1, 3})
    assert kept(store, 0) == [1, 3, 4]


@settings(max_examples=20)
@given(curve=curves(), workers=st.integers(1, 4))
def test_of_every_trial_the_newest_is_kept_and_the_incumbents_best(
    curve: Curve, workers: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = CheckpointStore(tmp_path_factory.mktemp("checkpoints"))
    retention = Retention(store)

    def observe(fact: Fact, state: RunState) -> None:
        if fact.fact == "reported":
            path = store.folder(CheckpointRef(fact.trial_id, fact.epoch))
            path.mkdir(parents=True, exist_ok=True)
        retention(fact, state)
        if state.incumbent:
            assert store.folder(state.incumbent.checkpoint).is_dir()

    job = tiny_job()
    experiment = job.build_experiment(lambda fact: fact, observe)
    simulate(experiment, curve, workers)
    for trial in experiment.state.trials.values():
        wanted = {trial.epoch} if trial.epoch else set()
        best = experiment.state.incumbent
        if best and best.trial_id == trial.trial_id:
            wanted.add(best.epoch)
        assert set(kept(store, trial.trial_id)) == wanted


def test_what_a_clone_waits_for_is_kept_until_it_has_started(store: CheckpointStore) -> None:
    run = begun(tiny_job(scheduler="odd_schedulers:Copier", num_samples=2))
    experiment, retention = run.experiment, Retention(store)

    def report(trial_id: int, epoch: int, loss: float) -> object:
        save(store, trial_id, epoch)
        decision = experiment.report(trial_id, epoch, {"loss": loss})
        retention(run.facts[-1], experiment.state)
        return decision

    assert isinstance(experiment.next(), Train)
    assert isinstance(experiment.next(), Train)
    report(0, 1, 9.0)
    report(1, 1, 8.0)
    assert isinstance(report(1, 2, 0.1), Exploit)  # of trial 0, epoch 1
    report(0, 2, 9.0)
    report(0, 3, 9.0)
    assert kept(store, 0) == [1, 3]
    report(1, 3, 0.05)
    assert kept(store, 0) == [3]
    assert kept(store, 1) == [3]
    assert needed_epochs(0, experiment.state) == {3}


def test_what_a_clone_waited_for_goes_when_it_fails_for_good(store: CheckpointStore) -> None:
    job = tiny_job(scheduler="odd_schedulers:Copier", num_samples=2, max_failures=0)
    run = begun(job)
    experiment, retention = run.experiment, Retention(store)
    experiment.next()
    experiment.next()
    for trial_id, epoch, loss in [(0, 1, 9.0), (1, 1, 8.0), (1, 2, 0.1), (0, 2, 9.0)]:
        save(store, trial_id, epoch)
        experiment.report(trial_id, epoch, {"loss": loss})
        retention(run.facts[-1], experiment.state)
    assert kept(store, 0) == [1, 2]
    experiment.fail(1, "it died")
    retention(run.facts[-1], experiment.state)
    assert kept(store, 0) == [2]

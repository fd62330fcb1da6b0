"""Which checkpoints are kept: never too few, and no more than asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import begun, metrics_of, reported, tiny_job
from strategies import curves

from tune_jobs.experiment.assignments import Train
from tune_jobs.experiment.experiment import Experiment
from tune_jobs.experiment.facts import Fact, Reported
from tune_jobs.experiment.state import RunState
from tune_jobs.experiment.trial import CheckpointRef, Status
from tune_jobs.names import find_class
from tune_jobs.runs.checkpoints import CheckpointStore, Saved
from tune_jobs.runs.retention import Retention
from tune_jobs.search_algos.base import Scheduler
from tune_jobs.search_algos.decisions import Exploit
from tune_jobs.search_algos.schedulers import SCHEDULERS
from tune_jobs.simulation.simulate import Curve, Epoch, simulate
from tune_jobs.storage import Folder

BYTES = 10


class Kept:
    """A run whose every report has a checkpoint of ten bytes."""

    def __init__(
        self, root: Path, keep: int = 2, quota: int | None = None, best: int = 1, **job: Any
    ) -> None:
        self.store = CheckpointStore(Folder(root))
        self.warnings: list[str] = []
        self.facts: list[Fact] = []
        self.settled = 0
        self.retention = self.another(keep, quota, best)
        if counts := job.pop("counts", None):
            job["best"] = counts
        self.experiment: Experiment = tiny_job(**job).build_experiment()
        self.experiment.start(lambda fact: self.facts.append(fact) or fact, self.observe)

    def another(self, keep: int = 2, quota: int | None = None, best: int = 1) -> Retention:
        return Retention(self.store, keep, quota, self.settle, self.warnings.append, best)

    def settle(self) -> None:
        self.settled += 1

    def save(self, trial_id: int, epoch: int) -> None:
        self.store.save(
            Saved(trial_id, epoch, {}, 0, {}, 0.0),
            lambda folder: folder.joinpath("state").write_bytes(bytes(BYTES)),
        )

    def observe(self, fact: Fact, state: RunState) -> None:
        self.retention.on_fact(fact, state)

    def report(self, trial_id: int, epoch: int, loss: float) -> object:
        self.save(trial_id, epoch)
        return self.experiment.report(
            reported(trial_id, epoch, {"loss": loss}, checkpoint_bytes=BYTES)
        )

    def held(self) -> dict[int, list[int]]:
        """After the removals so far are done."""
        self.retention.close()
        return {n: sorted(epochs) for n, epochs in sorted(self.store.sizes().items())}


def test_of_a_trial_the_newest_are_kept_and_the_incumbents_best(tmp_path: Path) -> None:
    run = Kept(tmp_path, scheduler="fifo")
    run.experiment.next()
    for epoch, loss in enumerate([5.0, 1.0, 3.0, 4.0, 5.0, 6.0], start=1):
        run.report(0, epoch, loss)
    assert run.held() == {0: [2, 5, 6]}


@pytest.mark.parametrize("quota", [None, 4 * BYTES])
def test_the_best_epochs_of_the_best_trials_can_be_kept(tmp_path: Path, quota: int | None) -> None:
    run = Kept(tmp_path, keep=1, best=2, quota=quota, scheduler="fifo", max_epochs=4)
    for trial_id, best in enumerate([1.0, 3.0, 2.0, 0.5]):
        run.experiment.next()
        for epoch, loss in enumerate([best + 1, best, best + 2, best + 3], start=1):
            run.report(trial_id, epoch, loss)
    held = run.held()
    assert {0: [2], 3: [2]}.items() <= {n: e[:1] for n, e in held.items()}.items()
    assert all(epochs == [4] for trial_id, epochs in held.items() if trial_id in (1, 2))
    assert run.warnings == []
    assert quota is None or sum(map(len, held.values())) * BYTES <= quota


def test_where_last_reports_count_the_checkpoint_of_each_is_kept(tmp_path: Path) -> None:
    run = Kept(tmp_path, keep=1, scheduler="fifo", counts="last")
    for trial_id, losses in enumerate([[3.0, 2.0], [4.0, 1.0, 9.0]]):
        run.experiment.next()
        for epoch, loss in enumerate(losses, start=1):
            run.report(trial_id, epoch, loss)
    for trial_id in (0, 1):  # epochs without the metric
        for epoch in (4, 5):
            run.save(trial_id, epoch)
            run.experiment.report(reported(trial_id, epoch, {}, checkpoint_bytes=BYTES))
    assert run.experiment.state.incumbent.checkpoint == (0, 2)  # type: ignore[union-attr]
    assert run.held() == {0: [2, 5], 1: [3, 5]}


def test_nothing_is_removed_before_the_facts_are_safe(tmp_path: Path) -> None:
    run = Kept(tmp_path, keep=1, scheduler="fifo")
    seen: list[int] = []
    run.settle = lambda: seen.append(len(run.store.epochs(0)))  # type: ignore[method-assign]
    run.retention = run.another(keep=1)
    run.experiment.next()
    for epoch in (1, 2):
        run.report(0, epoch, 1 / epoch)
    assert run.held() == {0: [2]}
    assert seen == [2], "asked once, with both still there"


def test_where_the_facts_cannot_be_made_safe_all_is_kept(tmp_path: Path) -> None:
    run = Kept(tmp_path, scheduler="fifo")

    def settle() -> None:
        raise OSError("the bucket is out of reach")

    run.settle = settle  # type: ignore[method-assign]
    run.retention = run.another(keep=1)
    run.experiment.next()
    for epoch in (1, 2, 3):
        run.report(0, epoch, 1 / epoch)
    assert run.held() == {0: [1, 2, 3]}


def test_what_a_worker_has_written_ahead_is_kept(tmp_path: Path) -> None:
    run = Kept(tmp_path, keep=1, scheduler="fifo")
    run.experiment.next()
    for epoch in (3, 4):
        run.save(0, epoch)
    for epoch in (1, 2):
        run.report(0, epoch, 1 / epoch)
    assert run.held() == {0: [2, 3, 4]}


def test_a_clones_source_is_kept_until_the_clone_stands_on_its_own(tmp_path: Path) -> None:
    run = Kept(tmp_path, keep=1, scheduler="odd_schedulers:Copier", num_samples=2)
    run.experiment.next()
    run.experiment.next()
    run.report(0, 1, 9.0)
    run.report(1, 1, 8.0)
    assert isinstance(run.report(1, 2, 0.1), Exploit)  # of trial 0, epoch 1
    for epoch in (2, 3):
        run.report(0, epoch, 9.0)
    assert run.held() == {0: [1, 3], 1: [2]}
    run.retention = run.another(keep=1)
    run.retention.take_over(run.experiment.state)
    run.report(1, 3, 0.05)
    assert run.held() == {0: [3], 1: [3]}


def test_a_new_driver_removes_what_the_dead_one_had_not(tmp_path: Path) -> None:
    run = Kept(tmp_path, keep=9, scheduler="fifo")
    run.experiment.next()
    for epoch in range(1, 6):
        run.report(0, epoch, 1 / epoch)
    assert run.held() == {0: [1, 2, 3, 4, 5]}
    run.retention = run.another(keep=2)
    run.retention.take_over(run.experiment.state)
    assert run.held() == {0: [4, 5]}


@settings(max_examples=30)
@given(
    curve=curves(),
    workers=st.integers(1, 4),
    keep=st.integers(1, 3),
    quota=st.none() | st.integers(0, 300),
    scheduler=st.sampled_from(["asha", "hyperband", "pbt", "odd_schedulers:Copier"]),
    several=st.booleans(),
)
def test_what_is_needed_is_there_at_every_moment(
    curve: Curve,
    workers: int,
    keep: int,
    quota: int | None,
    scheduler: str,
    several: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    if scheduler == "odd_schedulers:Copier":
        quota = None  # it clones trials that have ended, whose checkpoints a quota may take
    fields = metrics_of(several, find_class(scheduler, Scheduler, SCHEDULERS))
    if fields:
        quota = None  # it takes those of trials that are beaten, and one may be the best again
    run = Kept(tmp_path_factory.mktemp("checkpoints"), keep, quota, scheduler=scheduler)

    def train(config: Mapping[str, Any], epoch: int) -> Epoch:
        return curve(config, epoch)

    held = run.retention._held

    def observe(fact: Fact, state: RunState) -> None:
        run.retention.on_fact(fact, state)
        needed = [best.checkpoint for best in state.front]
        for trial in state.trials.values():
            if trial.status.is_final:
                continue
            if trial.epoch:
                needed.append(CheckpointRef(trial.trial_id, trial.epoch))
            if trial.clone_of and trial.clone_of.epoch and trial.epoch - trial.cloned_at < keep:
                needed.append(trial.clone_of)
        for ref in needed:
            assert ref.epoch in held.get(ref.trial_id, {}), f"{ref} is needed"
        total = sum(sum(sizes.values()) for sizes in held.values())
        assert run.retention._total == total
        if quota is not None and total > quota and fact.fact == "reported":
            assert run.warnings
            assert total <= BYTES * len(set(needed))

    run.observe = observe  # type: ignore[method-assign]
    job = tiny_job(scheduler=scheduler, **fields)
    run.experiment = job.build_experiment()
    run.experiment.start(lambda fact: fact, observe)
    report = run.experiment.report

    def report_with_bytes(fact: Reported) -> Any:
        return report(replace(fact, checkpoint_bytes=BYTES))

    run.experiment.report = report_with_bytes  # type: ignore[method-assign]
    simulate(run.experiment, train, workers)
    run.retention.close()


def test_under_a_quota_the_worst_ended_trials_go_first(tmp_path: Path) -> None:
    run = Kept(tmp_path, keep=1, quota=3 * BYTES, scheduler="fifo", max_epochs=2, num_samples=4)
    for loss in (0.5, 0.1, 0.3, 0.4):
        work = run.experiment.next()
        assert isinstance(work, Train)
        run.report(work.trial_id, 1, loss + 1)
        run.report(work.trial_id, 2, loss)
    assert {t.status for t in run.experiment.state.trials.values()} == {Status.COMPLETED}
    assert run.held() == {1: [2], 2: [2], 3: [2]}
    assert run.warnings == []


def test_a_quota_that_is_too_small_is_told_once_and_nothing_needed_goes(tmp_path: Path) -> None:
    run = Kept(tmp_path, keep=2, quota=BYTES, scheduler="fifo", num_samples=3)
    for _ in range(3):
        run.experiment.next()
    for epoch in (1, 2):
        for trial_id in range(3):
            run.report(trial_id, epoch, 1 / epoch + trial_id)
    assert run.held() == {0: [2], 1: [2], 2: [2]}
    assert len(run.warnings) == 1
    assert "the quota is 10B" in run.warnings[0]


def test_checkpoints_of_trials_in_lost_facts_are_no_obstacle(tmp_path: Path) -> None:
    run = Kept(tmp_path, keep=1, quota=2 * BYTES, scheduler="fifo")
    run.save(7, 1)
    run.retention.take_over(run.experiment.state)
    run.experiment.next()
    for epoch in (1, 2, 3):
        run.report(0, epoch, 1 / epoch)
    assert run.held() == {0: [3], 7: [1]}


def test_simulated_reports_have_no_checkpoints(tmp_path: Path) -> None:
    run = begun(tiny_job())
    assert run.experiment.next() is not None
    run.experiment.report(reported(0, 1, {"loss": 1.0}))
    assert run.reports[0].checkpoint_bytes == 0

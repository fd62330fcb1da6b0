"""A trial ends when it has not improved for long enough, beside any scheduler."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from runs import simulated

from tune_jobs.experiment.early_stopping import EarlyStopping
from tune_jobs.experiment.trial import Status
from tune_jobs.search_algos.schedulers import SCHEDULERS
from tune_jobs.simulation.simulate import Curve, Epoch


def flat_after(turn: int) -> Curve:
    """Losses that fall until an epoch and then by a thousandth each."""

    def curve(config, epoch):
        return Epoch({"loss": max(turn - epoch, 0) + config["x"] - 0.001 * epoch}, 1.0)

    return curve


@pytest.mark.parametrize(("min_delta", "ends"), [(0.0, 9), (0.01, 6)])
def test_a_trial_ends_after_its_patience(min_delta: float, ends: int) -> None:
    run = simulated(
        curve=flat_after(4), scheduler="fifo", patience=2, min_delta=min_delta, num_samples=2
    )
    assert [trial.epoch for trial in run.trials] == [ends, ends]
    if min_delta:
        assert {trial.note for trial in run.trials} == {"no better since epoch 4"}


def test_more_is_better_where_the_metric_says_so() -> None:
    run = simulated(
        curve=lambda config, epoch: Epoch({"loss": min(epoch, 5)}, 1.0),
        scheduler="fifo",
        mode="max",
        patience=3,
        num_samples=1,
    )
    assert [trial.epoch for trial in run.trials] == [8]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.integers(1, 5))
def test_it_ends_when_the_last_epochs_have_nothing_better_than_those_before(
    losses: list[float], patience: int
) -> None:
    stopping = EarlyStopping(patience, min_delta=0.0)
    for n, loss in enumerate(losses, start=1):
        stop = stopping.on_report(0, 0, n, loss)
        before, last = losses[: max(n - patience, 0)], losses[max(n - patience, 0) : n]
        assert (stop is not None) == bool(before and min(last) >= min(before))


@pytest.mark.parametrize("scheduler", sorted(SCHEDULERS))
@pytest.mark.parametrize("workers", [1, 3])
def test_every_trial_ends_with_any_scheduler(scheduler: str, workers: int) -> None:
    run = simulated(
        curve=flat_after(2),
        scheduler=scheduler,
        patience=2,
        min_delta=0.01,
        num_samples=8,
        workers=workers,
    )
    assert all(trial.status.is_final for trial in run.trials)
    assert all(trial.epoch <= 4 for trial in run.trials if not trial.lineage)
    assert any("no better" in trial.note for trial in run.trials)


def test_a_run_that_goes_on_remembers_what_it_has_seen() -> None:
    whole = simulated(curve=flat_after(4), scheduler="asha", patience=2, min_delta=0.01)
    for cut in range(1, len(whole.facts), 7):
        resumed = simulated(
            curve=flat_after(4),
            scheduler="asha",
            patience=2,
            min_delta=0.01,
            facts=whole.facts[:cut],
        )
        assert [t.epoch for t in resumed.trials] == [t.epoch for t in whole.trials]


def test_means_over_more_folds_are_better_whatever_they_are() -> None:
    """One easy fold makes no best config."""

    def curve(config, epoch):
        return Epoch({"loss": config["x"] + (0 if epoch == 1 else 10)}, 1.0)

    run = simulated(curve=curve, scheduler="asha", folds=3, num_samples=9)
    state = run.experiment.state
    assert state.incumbent is not None
    assert state.incumbent.epoch == state.extent.reports == 3
    assert state.trials[state.incumbent.trial_id].best_epoch == 3
    assert state.counts[Status.STOPPED] > 0

"""The contract of every scheduler in the registry, seen in whole simulated runs."""

from __future__ import annotations

import math
from collections.abc import Callable
from pkgutil import resolve_name
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_schedulers import PlainASHA, PlainHalving, PlainHyperband, PlainMedian
from runs import SPACE, Recorded, falling, metrics_of, simulated
from strategies import curves

from tune_jobs.experiment.facts import Failed, Reported, Stopped, TrialResumed
from tune_jobs.experiment.trial import Status
from tune_jobs.names import find_class, option_names
from tune_jobs.search_algos.base import Scheduler
from tune_jobs.search_algos.decisions import Continue, Exploit, Pause, Stop
from tune_jobs.search_algos.schedulers import SCHEDULERS
from tune_jobs.simulation.simulate import Curve, Epoch

Options = dict[str, Any]
VARIANTS: list[tuple[str, Options]] = [
    *((name, {}) for name in sorted(SCHEDULERS)),
    ("asha", {"mode": "promote"}),
    ("asha", {"brackets": 2}),
    ("hyperband", {"grace_period": 3}),
    ("pbt", {"perturbation_interval": 1, "quantile_fraction": 0.5}),
]
schedulers = pytest.mark.parametrize(
    ("scheduler", "options"), VARIANTS, ids=lambda part: str(part) if part else ""
)
workers = st.integers(1, 5)


@schedulers
@settings(max_examples=40)
@given(curve=curves(), workers=workers, several=st.booleans())
def test_every_trial_ends_once_and_every_run_ends(
    scheduler: str, options: Options, curve: Curve, workers: int, several: bool
) -> None:
    fields = {"scheduler": scheduler, **metrics_of(several, class_of(scheduler))}
    run = simulated(options=options, curve=curve, workers=workers, **fields)
    assert run.experiment.finished
    ends = [fact.trial_id for fact in run.facts if is_end(fact)]
    assert sorted(ends) == list(range(len(run.trials)))
    assert all(trial.status.is_final for trial in run.trials)


@schedulers
@settings(max_examples=40)
@given(curve=curves(), workers=workers)
def test_a_loss_that_is_not_finite_stops_its_trial_at_once_and_never_wins(
    scheduler: str, options: Options, curve: Curve, workers: int
) -> None:
    run = simulated(scheduler=scheduler, options=options, curve=curve, workers=workers)
    for fact in run.reports:
        if math.isnan(fact.metrics["loss"]):
            assert isinstance(fact.decision, Stop)
            assert "NaN" in fact.decision.reason
    best = run.experiment.state.incumbent
    finite = [f.metrics["loss"] for f in run.reports if math.isfinite(f.metrics["loss"])]
    assert (best.loss if best else None) == min(finite, default=None)


@schedulers
@settings(max_examples=30)
@given(curve=curves(), workers=workers, several=st.booleans())
def test_a_maximised_metric_is_a_minimised_negative_one(
    scheduler: str, options: Options, curve: Curve, workers: int, several: bool
) -> None:
    fields = {"options": options, "workers": workers, **metrics_of(several, class_of(scheduler))}
    down = simulated(scheduler=scheduler, curve=curve, **fields)
    fields["mode"] = ["max", "max"] if "metric" in fields else "max"
    up = simulated(scheduler=scheduler, curve=mapped(curve, lambda x: -x), **fields)
    assert decisions(up) == decisions(down)


@schedulers
@settings(max_examples=30)
@given(curve=curves(), workers=workers, several=st.booleans())
def test_an_increasing_transform_of_the_metric_changes_no_decision(
    scheduler: str, options: Options, curve: Curve, workers: int, several: bool
) -> None:
    if not class_of(scheduler).rank_based:
        pytest.skip("this one compares values")
    fields = {"options": options, "workers": workers, **metrics_of(several, class_of(scheduler))}
    plain = simulated(scheduler=scheduler, curve=curve, **fields)
    bent = simulated(scheduler=scheduler, curve=mapped(curve, math.exp), **fields)
    assert decisions(bent) == decisions(plain)


@pytest.mark.parametrize(
    "scheduler",
    [n for n, target in SCHEDULERS.items() if "grace_period" in option_names(resolve_name(target))],
)
@pytest.mark.parametrize("grace_period", [1, 2, 4])
@given(curve=curves(nan=False), workers=workers)
@settings(max_examples=20)
def test_nothing_stops_before_the_grace_period(
    scheduler: str, grace_period: int, curve: Curve, workers: int
) -> None:
    options = {"grace_period": grace_period}
    run = simulated(scheduler=scheduler, options=options, curve=curve, workers=workers)
    early = [fact for fact in run.reports if fact.epoch < grace_period]
    assert all(fact.decision == Continue() for fact in early)


@schedulers
@settings(max_examples=30)
@given(curve=curves(nan=False, deaths=False), workers=workers)
def test_what_a_scheduler_says_of_itself_is_true(
    scheduler: str, options: Options, curve: Curve, workers: int
) -> None:
    cls = class_of(scheduler)
    run = simulated(scheduler=scheduler, options=options, curve=curve, workers=workers)
    resumed = [fact for fact in run.facts if isinstance(fact, TrialResumed)]
    if not cls.pauses_trials:
        assert not resumed
        assert not any(isinstance(fact.decision, Pause) for fact in run.reports)
    if not cls.clones_trials:
        assert not any(fact.exploit for fact in resumed)
        assert not any(isinstance(fact.decision, Exploit) for fact in run.reports)


@schedulers
def test_a_scheduler_told_the_same_facts_again_decides_the_same(
    scheduler: str, options: Options
) -> None:
    reports = [(trial, epoch, (trial * 7 % 5) / epoch) for epoch in (1, 2, 3) for trial in range(9)]

    def tell() -> list[Any]:
        fresh = class_of(scheduler)(9, SPACE, 3, **options)
        for trial in range(9):
            fresh.on_start(trial, {"x": trial / 9})
        return [fresh.on_report(*report) for report in reports]

    assert tell() == tell()


def class_of(scheduler: str) -> type[Scheduler]:
    return find_class(scheduler, Scheduler, SCHEDULERS)


def is_end(fact: Any) -> bool:
    match fact:
        case Reported(decision=Stop()) | Stopped() | Failed(retry=False):
            return True
    return False


def decisions(run: Recorded) -> list[tuple[int, int, str]]:
    return [(fact.trial_id, fact.epoch, fact.decision.kind) for fact in run.reports]


def mapped(curve: Curve, transform: Callable[[float], float]) -> Curve:
    def bent(config: Any, epoch: int) -> Epoch:
        metrics, seconds = curve(config, epoch)
        return Epoch({name: transform(value) for name, value in metrics.items()}, seconds)

    return bent


def test_fifo_completes_every_trial() -> None:
    run = simulated(scheduler="fifo", curve=lambda config, epoch: Epoch({"loss": config["x"]}, 1))
    assert {trial.status for trial in run.trials} == {Status.COMPLETED}
    assert run.experiment.state.epochs_total == 9 * len(run.trials)


@pytest.mark.parametrize("name", ["asha", "hyperband", "successive_halving", "pbt"])
def test_a_trial_is_compared_at_its_next_loss_where_the_rungs_epoch_had_none(name: str) -> None:
    """Validation every third epoch, and rungs, brackets or barriers at others."""

    def every_third(config: Any, epoch: int) -> Epoch:
        found = falling(config, epoch)
        return found if epoch % 3 == 0 else Epoch({"other": 1.0}, found.seconds)

    options = {"pbt": {"perturbation_interval": 4}, "asha": {"grace_period": 2}}.get(name, {})
    run = simulated(
        scheduler=name, options=options, curve=every_third, num_samples=18, max_epochs=16
    )
    assert all(trial.status.is_final for trial in run.trials)
    if name == "pbt":
        assert any(trial.lineage for trial in run.trials)
    else:
        assert sum(trial.epoch < 16 for trial in run.trials) >= 6


@pytest.mark.parametrize(
    ("name", "plain", "options"),
    [
        ("asha", PlainASHA, {}),
        ("asha", PlainASHA, {"mode": "promote"}),
        ("asha", PlainASHA, {"mode": "promote", "reduction_factor": 2}),
        ("median", PlainMedian, {}),
        ("hyperband", PlainHyperband, {}),
        ("hyperband", PlainHyperband, {"reduction_factor": 2}),
        ("successive_halving", PlainHalving, {"reduction_factor": 2}),
    ],
)
@settings(max_examples=30)
@given(curve=curves(), workers=st.integers(1, 12), samples=st.integers(1, 40))
def test_it_decides_as_if_it_looked_at_everything_again(
    name: str, plain: type[Scheduler], options: Options, curve: Curve, workers: int, samples: int
) -> None:
    limits = {"options": options, "workers": workers, "num_samples": samples, "max_epochs": 9}
    quick = simulated(scheduler=name, curve=curve, **limits)
    slow = simulated(scheduler=plain, curve=curve, **limits)
    assert quick.facts == slow.facts
    again = simulated(
        scheduler=name, curve=curve, facts=quick.facts[: len(quick.facts) // 2], **limits
    )
    assert not again.experiment.changed

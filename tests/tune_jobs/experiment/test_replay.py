"""A run whose scheduler was changed since: it is noticed, and what was decided stays."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import Recorded, begun, falling, metrics_of, simulated, tiny_job
from strategies import curves

from tune_jobs.experiment.facts import Reported, RunResumed, Stopped, TrialResumed
from tune_jobs.experiment.trial import Status
from tune_jobs.names import find_class
from tune_jobs.search_algos.base import Scheduler
from tune_jobs.search_algos.schedulers import SCHEDULERS
from tune_jobs.simulation.simulate import Curve, simulate

CHANGES = {
    "asha": ({"reduction_factor": 2}, {"reduction_factor": 4}),
    "hyperband": ({"reduction_factor": 2}, {"reduction_factor": 3}),
    "pbt": ({"perturbation_interval": 2}, {"perturbation_interval": 3}),
}
changed = pytest.mark.parametrize("scheduler", sorted(CHANGES))


def half_of(scheduler: str, curve: Curve = falling, workers: int = 2) -> Recorded:
    """A run whose driver died in the middle, under the first options."""
    options, _ = CHANGES[scheduler]
    run = simulated(
        scheduler=scheduler, options=options, curve=curve, workers=workers, num_samples=12
    )
    run.facts = run.facts[: len(run.facts) * 2 // 3]
    return run


def changed_job(scheduler: str, **fields: object) -> object:
    _, options = CHANGES[scheduler]
    return tiny_job(scheduler=scheduler, scheduler_options=options, num_samples=12, **fields)


@changed
def test_a_changed_scheduler_is_noticed_with_the_place(scheduler: str) -> None:
    half = half_of(scheduler)
    experiment = changed_job(scheduler).build_experiment(half.facts)
    assert "line " in experiment.changed
    assert "trial " in experiment.changed
    line = int(experiment.changed.split()[1])
    assert isinstance(half.facts[line - 1], (Reported, Stopped, TrialResumed))


@pytest.mark.parametrize("scheduler", sorted(SCHEDULERS))
@settings(max_examples=20)
@given(curve=curves(), workers=st.integers(1, 4), cut=st.integers(0, 10_000), several=st.booleans())
def test_one_that_was_not_changed_never_differs(
    scheduler: str, curve: Curve, workers: int, cut: int, several: bool
) -> None:
    fields = {"scheduler": scheduler, "num_samples": 8}
    fields |= metrics_of(several, find_class(scheduler, Scheduler, SCHEDULERS))
    whole = simulated(curve=curve, workers=workers, **fields)
    facts = whole.facts[: 1 + cut % len(whole.facts)]
    assert not tiny_job(**fields).build_experiment(facts).changed


@changed
@settings(max_examples=20)
@given(curve=curves(), workers=st.integers(1, 4))
def test_accepted_it_ends_with_every_trial_and_what_was_decided_stays(
    scheduler: str, curve: Curve, workers: int
) -> None:
    half = half_of(scheduler, curve, workers)
    decided = half.decisions
    run = begun(changed_job(scheduler), half.facts)
    simulate(run.experiment, curve, workers, run.clock)
    assert {at: run.decisions[at] for at in decided} == decided
    assert all(trial.status.is_final for trial in run.trials)
    assert not any(trial.note == "not resumed" for trial in run.trials)
    epochs = [(fact.trial_id, fact.epoch) for fact in run.reports]
    assert len(epochs) == len(set(epochs))
    if run.experiment.hopeless:
        return
    assert len(run.trials) == 12
    assert run.experiment.finished


@changed
def test_what_was_accepted_once_is_not_asked_again(scheduler: str) -> None:
    half = half_of(scheduler)
    run = begun(changed_job(scheduler), half.facts)
    for _ in range(3):
        run.experiment.next()
    (resumed,) = [fact for fact in run.facts if isinstance(fact, RunResumed)]
    assert resumed.changes_accepted
    assert not changed_job(scheduler).build_experiment(run.facts).changed
    again = begun(changed_job(scheduler), run.facts)
    simulate(again.experiment, falling, 2, again.clock)
    assert again.experiment.finished
    assert {trial.status for trial in again.trials} <= {Status.COMPLETED, Status.STOPPED}

"""What is known of trials at a glance is what a count of all trials gives."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import falling, simulated, tiny_job
from strategies import curves

from tune_jobs.experiment.facts import Fact, RunResumed
from tune_jobs.experiment.state import RunState
from tune_jobs.experiment.trial import Status
from tune_jobs.simulation.simulate import Curve

ASHA, PAUSING, CLONING = "asha", "hyperband", "pbt"


def counted_anew(state: RunState) -> tuple[object, ...]:
    trials = list(state.trials.values())
    counts = Counter(trial.status for trial in trials)
    standing = {
        status: Counter(trial.epoch for trial in trials if trial.status is status)
        for status in (Status.STOPPED, Status.PAUSED)
    }
    rungs = {
        epoch: (standing[Status.STOPPED][epoch], standing[Status.PAUSED][epoch])
        for epochs in standing.values()
        for epoch in epochs
    }
    return counts, rungs, {s: [t for t in trials if t.status is s] for s in Status}


def known(state: RunState) -> tuple[object, ...]:
    rungs = state.census.rungs(Status.STOPPED, Status.PAUSED)
    for rung in rungs:
        assert rung.went_on >= 0
        assert rung.reached == sum(t.epoch >= rung.epoch for t in state.trials.values())
    return (
        +state.counts,
        {rung.epoch: (rung.stopped, rung.waiting) for rung in rungs},
        {status: state.with_status(status) for status in Status},
    )


@pytest.mark.parametrize("scheduler", [ASHA, PAUSING, CLONING])
@settings(max_examples=15)
@given(curve=curves(), workers=st.integers(1, 4))
def test_after_every_fact_it_is_what_a_count_gives(
    scheduler: str, curve: Curve, workers: int
) -> None:
    run = simulated(curve=curve, scheduler=scheduler, workers=workers)
    job = tiny_job()
    state = RunState(job.objective, job.extent)
    ended: list[int] = []
    for fact in run.facts:
        before = {t.trial_id for t in state.trials.values() if t.status.is_final}
        state.apply(fact)
        assert known(state) == counted_anew(state)
        ended += [
            t.trial_id
            for t in state.trials.values()
            if t.status.is_final and t.trial_id not in before
        ]
        assert [t.trial_id for t in state.census.last_ended] == ended[::-1]


def test_a_trial_that_goes_on_in_a_longer_run_has_not_ended() -> None:
    run = simulated(curve=falling, scheduler="fifo")
    state = run.experiment.state
    facts: list[Fact] = [RunResumed(num_samples=10, max_epochs=20, continued=[3], paused=[4])]
    state.extend(facts)
    assert len(state.census.last_ended) == 8
    assert not {3, 4} & {trial.trial_id for trial in state.census.last_ended}
    assert known(state) == counted_anew(state)

"""Which report of a trial counts when the best one is chosen."""

from __future__ import annotations

import math
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from runs import falling, reported, simulated, tiny_job

from tune_jobs.experiment.facts import Fact, Reported, Suggested
from tune_jobs.experiment.objective import Counts
from tune_jobs.experiment.state import RunState
from tune_jobs.job.declaration import Declaration, as_json
from tune_jobs.search_algos.decisions import Exploit
from tune_jobs.views import texts

HARD_LATER = {0: [6.0, 6.5], 1: [6.1, 6.2], 2: [5.0]}
"""The means over the instances so far of three trials."""


def state_after(
    losses: dict[int, list[float]], mode: Literal["min", "max"] = "min", **fields: Any
) -> RunState:
    job = tiny_job(num_samples=len(losses), mode=mode, **fields)
    facts: list[Fact] = [Suggested(trial_id=n, config={"x": n / 10}) for n in losses]
    sign = 1 if mode == "min" else -1
    for epoch in range(max(map(len, losses.values()))):
        for n, values in losses.items():
            if epoch < len(values):
                facts.append(reported(n, epoch + 1, {"loss": sign * values[epoch]}))
    return RunState.of(facts, job.objective, job.extent)


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize(
    ("best", "trial", "epoch"), [(None, 2, 1), ("any", 2, 1), ("last", 2, 1), ("complete", 1, 2)]
)
def test_a_running_mean_over_few_loses_where_complete_trials_count(
    mode: Literal["min", "max"], best: Counts | None, trial: int, epoch: int
) -> None:
    state = state_after(HARD_LATER, mode, best=best)
    assert state.incumbent is not None
    assert (state.incumbent.trial_id, state.incumbent.epoch) == (trial, epoch)


def test_with_folds_complete_trials_count() -> None:
    state = state_after(HARD_LATER, folds=2)
    assert "(trial 1, 2 folds)" in texts.best(state)
    assert "(trial 2, fold 1)" in texts.best(state_after(HARD_LATER, folds=2, best="any"))
    assert "(trial 1, 2 epochs)" in texts.best(state_after(HARD_LATER, best="complete"))


def test_a_lucky_epoch_does_not_count_where_the_last_one_does() -> None:
    lucky = {0: [9.0, 1.0, 8.0], 1: [9.0, 7.0, 6.0]}
    state = state_after(lucky, best="last")
    assert state.incumbent is not None
    assert (state.incumbent.trial_id, state.incumbent.loss) == (1, 6.0)
    assert state.trials[0].best_loss == 8.0
    state = state_after({0: [9.0, 1.0, math.nan], 1: [9.0]}, best="last")
    assert state.incumbent is not None
    assert state.incumbent.trial_id == 1, "a diverged trial does not count"


def test_the_config_is_the_one_of_the_report_that_counts() -> None:
    job = tiny_job(best="last")
    clone = Exploit(1, {"x": 0.9})
    facts = [
        *(Suggested(trial_id=n, config={"x": n / 10}) for n in (0, 1)),
        Reported(trial_id=0, epoch=1, metrics={"loss": 2.0}, decision=clone),
        Reported(trial_id=1, epoch=1, metrics={"loss": 1.0}),
        Reported(trial_id=1, epoch=2, metrics={"loss": 3.0}),
    ]
    incumbent = RunState.of(facts, job.objective, job.extent).incumbent
    assert incumbent is not None
    assert (incumbent.trial_id, incumbent.config) == (0, {"x": 0.0})


losses = st.dictionaries(
    st.integers(0, 4), st.lists(st.floats(allow_nan=True), min_size=1, max_size=4), min_size=1
)


@given(losses, st.sampled_from(["any", "last", "complete"]))
def test_the_incumbent_is_the_best_of_what_counts(
    found: dict[int, list[float]], best: Counts
) -> None:
    def counted(values: list[float]) -> tuple[int, float] | None:
        finite = [(n, v) for n, v in enumerate(values, start=1) if math.isfinite(v)]
        if best == "last":
            return (0, values[-1]) if math.isfinite(values[-1]) else None
        if not finite:
            return None
        return (
            (-finite[-1][0], finite[-1][1])
            if best == "complete"
            else (
                0,
                min(v for _, v in finite),
            )
        )

    wanted = min(filter(None, map(counted, found.values())), default=None)
    incumbent = state_after(found, best=best).incumbent
    assert (incumbent is None) == (wanted is None)
    if incumbent and wanted:
        assert incumbent.loss == wanted[1]
        assert counted(found[incumbent.trial_id]) == wanted


@pytest.mark.parametrize("best", ["any", "last", "complete"])
@pytest.mark.parametrize("scheduler", ["asha", "pbt"])
def test_views_and_a_resume_choose_the_same(best: Counts, scheduler: str) -> None:
    run = simulated(curve=falling, scheduler=scheduler, best=best)
    declared = Declaration.of(as_json(tiny_job(scheduler=scheduler, best=best), None))
    assert declared.state(run.facts).incumbent == run.experiment.state.incumbent
    assert declared.state(run.facts).objective.best == best


def test_show_says_what_counts(tune_jobs: Any) -> None:
    _, out, _ = tune_jobs("show", "digits_cnn")
    assert ["best", "any"] in [line.split() for line in out.splitlines()]

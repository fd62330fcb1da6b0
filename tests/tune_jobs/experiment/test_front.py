"""Which trials are the best with several metrics."""

from __future__ import annotations

import math
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from runs import begun, reported, tiny_job

from tune_jobs.experiment.state import RunState
from tune_jobs.experiment.trial import Trial
from tune_jobs.search_algos.order import Loss

_number = st.sampled_from([0.0, 1.0, 2.0, 3.0, math.nan])
_reports = st.lists(st.tuples(st.integers(0, 4), _number, _number), min_size=1, max_size=30)
counts = pytest.mark.parametrize("best", ["any", "last", "complete"])


def after(
    reports: list[tuple[int, float, float]], best: Literal["any", "last", "complete"]
) -> RunState:
    fields = {"metric": ["loss", "score"], "mode": ["min", "max"], "best": best}
    run = begun(tiny_job(scheduler="fifo", num_samples=5, max_epochs=99, **fields))
    for _ in range(5):
        run.experiment.next()
    for trial_id, loss, score in reports:
        trial = run.experiment.state.trials[trial_id]
        if not trial.status.is_final:
            run.experiment.report(
                reported(trial_id, trial.epoch + 1, {"loss": loss, "score": score})
            )
    return run.experiment.state


def beats(one: Trial, other: Trial, best: str) -> bool:
    if best == "complete" and one.best_epoch != other.best_epoch:
        return one.best_epoch > other.best_epoch
    pairs = list(zip(parts(one.best_loss), parts(other.best_loss), strict=True))
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


def parts(loss: Loss) -> tuple[float, ...]:
    assert isinstance(loss, tuple)
    return loss


@counts
@given(reports=_reports)
def test_the_front_is_what_no_other_trial_beats(
    best: Literal["any", "last", "complete"], reports: list[tuple[int, float, float]]
) -> None:
    state = after(reports, best)
    judged = [trial for trial in state.trials.values() if trial.best_epoch]
    unbeaten = [t for t in judged if not any(beats(other, t, best) for other in judged)]
    found = [state.trials[one.trial_id] for one in state.front]
    assert {t.best_loss for t in found} == {t.best_loss for t in unbeaten}
    assert len(found) == len({t.best_loss for t in unbeaten}), "of equals, one"
    for trial, one in zip(found, state.front, strict=True):
        counted = (trial.best_epoch, trial.best_loss, trial.best_config)
        assert counted == (one.epoch, one.loss, one.config)


@counts
@given(reports=_reports)
def test_the_incumbent_is_the_best_of_the_front_by_the_first_metric(
    best: Literal["any", "last", "complete"], reports: list[tuple[int, float, float]]
) -> None:
    state = after(reports, best)
    assert state.incumbent == (state.front[0] if state.front else None)
    assert [one.loss for one in state.front] == sorted(one.loss for one in state.front)


def test_a_trial_is_back_when_the_one_that_beat_it_counts_with_another_report() -> None:
    state = after([(0, 2.0, 2.0), (1, 3.0, 1.0)], "any")
    assert [one.trial_id for one in state.front] == [0]
    state = after([(0, 2.0, 2.0), (1, 3.0, 1.0), (0, 1.0, 0.0)], "any")
    assert [one.trial_id for one in state.front] == [0, 1]


def test_a_report_that_lacks_one_of_the_metrics_counts_for_nothing() -> None:
    run = begun(tiny_job(metric=["loss", "score"], mode=["min", "max"], max_epochs=1))
    run.experiment.next()
    run.experiment.report(reported(0, 1, {"loss": 1.0}))
    assert "metric 'score' was not reported" in run.trials[0].note
    assert run.experiment.state.front == []

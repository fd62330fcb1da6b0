from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from runs import falling, simulated

from tune_jobs.experiment.trial import Status
from tune_jobs.search_algos.decisions import Continue, Pause, Resume, Stop
from tune_jobs.search_algos.domains import Float
from tune_jobs.search_algos.schedulers.asha import ASHA
from tune_jobs.search_algos.space import Space

SPACE = Space({"x": Float(0, 1)})


def asha(max_t: int = 27, **options: Any) -> ASHA:
    """With a hundred trials at work."""
    scheduler = ASHA(max_t, SPACE, 0, **options)
    for trial_id in range(100):
        scheduler.on_start(trial_id, {"x": 0.5})
    return scheduler


def test_the_best_third_of_those_who_came_so_far_goes_on() -> None:
    scheduler = asha(reduction_factor=3)
    losses = [5, 4, 6, 3, 3.5, 9, 1]
    # The best ⌈n/3⌉ of n: 5 alone; 4 is first of 2; 6 third of 3; 3 first; 3.5 second of 5; ...
    goes_on = [True, True, False, True, True, False, True]
    found = [scheduler.on_report(n, 1, loss) == Continue() for n, loss in enumerate(losses)]
    assert found == goes_on


def test_the_reason_names_rank_and_rung() -> None:
    scheduler = asha(grace_period=3)
    scheduler.on_report(0, 3, 1.0)
    decision = scheduler.on_report(1, 3, 2.0)
    assert decision == Stop("rank 2 of 2 at epoch 3, not in the top 1")


@given(st.lists(st.integers(0, 20), min_size=1, max_size=60), st.integers(2, 5))
def test_a_rung_lets_through_whoever_is_among_the_best_so_far(losses: list[int], eta: int) -> None:
    scheduler = asha(100, reduction_factor=eta)
    for n, loss in enumerate(losses):
        better = sum(other < loss for other in losses[:n])
        kept = -(-(n + 1) // eta)
        assert (scheduler.on_report(n, 1, loss) == Continue()) == (better < kept)


def test_a_diverged_trial_takes_no_place_in_a_rung() -> None:
    scheduler = asha(reduction_factor=3)
    for n in range(6):
        assert isinstance(scheduler.on_report(n, 1, float("nan")), Stop)
    scheduler.on_report(6, 1, 1.0)
    assert isinstance(scheduler.on_report(7, 1, 2.0), Stop)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"reduction_factor": 1}, "reduction_factor is 1"),
        ({"grace_period": 0}, "grace_period is 0"),
        ({"grace_period": 28}, "grace_period is 28, max_t is 27"),
        ({"mode": "stay"}, "mode is 'stay'"),
        ({"brackets": 4}, r"brackets is 4; with rungs at \[1, 3, 9\] it must be 1 to 3"),
    ],
)
def test_options_out_of_range_are_named(options: dict[str, Any], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        asha(**options)


def test_promotion_waits_until_later_arrivals_have_lifted_a_trial() -> None:
    scheduler = asha(mode="promote")
    assert scheduler.on_report(0, 1, 1.0) == Pause(), "first of one is not among the best third"
    assert scheduler.on_report(1, 1, 2.0) == Pause()
    assert scheduler.next_to_resume(exhausted=False) is None
    assert scheduler.on_report(2, 1, 3.0) == Pause()
    assert scheduler.next_to_resume(exhausted=False) == Resume(0)
    scheduler.on_resume(0)
    assert scheduler.next_to_resume(exhausted=False) is None
    assert scheduler.on_report(3, 1, 0.5) == Continue(), "it is the best, and of four one goes on"
    assert scheduler.on_report(4, 1, 0.6) == Pause(), "of five still one"
    assert scheduler.on_report(5, 1, 0.7) == Pause()
    assert scheduler.next_to_resume(exhausted=False) == Resume(4), "of six two"


def test_a_trial_that_arrives_among_the_best_goes_on_without_a_pause() -> None:
    scheduler = asha(mode="promote")
    for trial_id in range(8):
        scheduler.on_report(trial_id, 1, 1.0 + trial_id)
    assert scheduler.on_report(8, 1, 0.0) == Continue()


def test_higher_rungs_are_promoted_first_and_a_dead_trial_never() -> None:
    scheduler = asha(mode="promote")
    for trial_id in range(3):
        scheduler.on_report(trial_id, 3, 1.0 + trial_id)
    for trial_id in range(3, 6):
        scheduler.on_report(trial_id, 1, 1.0 + trial_id)
    assert scheduler.next_to_resume(exhausted=False) == Resume(0)
    scheduler.on_end(0)
    assert scheduler.next_to_resume(exhausted=False) == Resume(3)


def test_a_handful_of_trials_still_brings_one_to_its_end() -> None:
    run = simulated(scheduler="asha", options={"mode": "promote"}, curve=falling, num_samples=2)
    assert [trial.status for trial in run.trials].count(Status.COMPLETED) == 1


def test_a_bracket_begins_one_rung_later_and_compares_only_its_own() -> None:
    stops_at: dict[int, set[int]] = {1: set(), 3: set(), 9: set()}
    for epoch, stopped in stops_at.items():
        scheduler = asha(brackets=3)
        for trial_id in range(100):  # each worse than the one before it
            if isinstance(scheduler.on_report(trial_id, epoch, float(trial_id)), Stop):
                stopped.add(trial_id)
    assert stops_at[1] < stops_at[3] < stops_at[9], "the first bracket meets every rung"
    assert len(stops_at[9]) < 100

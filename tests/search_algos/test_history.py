from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from tune_jobs.search_algos.history import History


def history_of(*trials: list[float], ended: bool = True) -> History:
    """One trial per list of losses, numbered from 0, with config {"x": number}."""
    history = History()
    for number, losses in enumerate(trials):
        history.suggested(number, {"x": number})
        for epoch, loss in enumerate(losses, start=1):
            history.reported(number, epoch, loss)
        if ended:
            history.ended(number)
    return history


def test_learns_at_the_highest_epoch_with_enough_trials_and_mixes_none() -> None:
    history = history_of([9, 8, 7], [6, 5, 4], [3, 2], [1])
    assert history.learning_set(enough=2).epoch == 3
    assert history.learning_set(enough=3).observed == [({"x": 0}, 8), ({"x": 1}, 5), ({"x": 2}, 2)]
    assert history.learning_set(enough=4).epoch == 1


def test_with_too_few_everywhere_it_is_the_fullest_epoch() -> None:
    assert history_of([9, 8], [7]).learning_set(enough=5).epoch == 1
    empty = History().learning_set(enough=1)
    assert (empty.observed, empty.pending) == ([], [])


def test_pending_are_the_configs_still_at_work_below_that_epoch() -> None:
    history = history_of([9, 8], [7, 6], [5], ended=False)
    history.suggested(3, {"x": 3})
    history.suggested(4, {"x": 4})
    history.ended(4)
    assert history.learning_set(enough=2).pending == [{"x": 2}, {"x": 3}]


def test_a_diverged_trial_counts_as_the_worst_at_any_epoch() -> None:
    history = history_of([9, 8], [7, 6], [math.nan])
    assert history.learning_set(enough=2).observed[2] == ({"x": 2}, 8)
    assert history_of([math.inf]).learning_set(enough=1).observed == [({"x": 0}, 0)]


def test_what_an_ended_trial_still_reports_is_not_learned() -> None:
    history = history_of([9])
    history.reported(0, 2, 1.0)
    assert history.learning_set(enough=1).observed == [({"x": 0}, 9)]


@given(st.lists(st.lists(st.floats(0, 1), max_size=6), max_size=8), st.integers(1, 5))
def test_every_observation_was_made_at_the_one_epoch(
    trials: list[list[float]], enough: int
) -> None:
    learning_set = history_of(*trials).learning_set(enough)
    reached = [(n, losses) for n, losses in enumerate(trials) if len(losses) >= learning_set.epoch]
    if learning_set.epoch:
        expected = [({"x": n}, losses[learning_set.epoch - 1]) for n, losses in reached]
        assert learning_set.observed == expected

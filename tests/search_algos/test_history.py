from __future__ import annotations

import copy
import math
from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune_jobs.search_algos.domains import Int
from tune_jobs.search_algos.history import History
from tune_jobs.search_algos.learning_set import MOST
from tune_jobs.search_algos.space import Space

SPACE = Space({"x": Int(0, 99)})
losses = st.floats(-10, 10).map(lambda loss: round(loss, 3))
curves = st.lists(st.lists(losses, max_size=6), max_size=8)


def history_of(*trials: list[float], ended: bool = True) -> History:
    """One trial per list of losses, numbered from 0, with config {"x": number}."""
    history = History(SPACE)
    for number, curve in enumerate(trials):
        history.suggested(number, {"x": number})
        for epoch, loss in enumerate(curve, start=1):
            history.reported(number, epoch, loss)
        if ended:
            history.ended(number)
    return history


def learned(history: History, enough: int) -> dict[int, float]:
    """The loss of each observed config, by its x."""
    return {config["x"]: loss for config, loss in history.learning_set(enough).observed}


def test_the_losses_are_of_the_highest_epoch_with_enough_trials() -> None:
    history = history_of([9, 8, 7], [6, 5, 4], [3, 2], [1])
    assert history.learning_set(enough=2).epoch == 3
    assert history.learning_set(enough=3).epoch == 2
    assert learned(history, enough=4) == {0: 9, 1: 6, 2: 3, 3: 1}
    assert [history.reached(epoch) for epoch in (1, 2, 3, 4)] == [4, 3, 2, 0]


def test_with_too_few_everywhere_it_is_the_fullest_epoch() -> None:
    assert history_of([9, 8], [7]).learning_set(enough=5).epoch == 1
    empty = History(SPACE).learning_set(enough=1)
    assert (empty.observed, empty.pending) == ([], [])


def test_a_trial_that_was_cut_short_counts_with_what_those_that_went_on_gained() -> None:
    history = history_of([9, 8, 5], [6, 5, 4], [7, 6, 1], [8, 9], [9.5], [5])
    gains = {1: median([4, 2, 6]), 2: median([3, 1, 5])}
    assert learned(history, enough=3) == {
        **{0: 5, 1: 4, 2: 1},
        **{3: 9 - gains[2], 4: 9.5 - gains[1], 5: 5 - gains[1]},
    }


def test_a_trial_on_its_way_or_waiting_counts_as_one_that_was_cut_there() -> None:
    trials = [9.0, 8.0], [7.0, 6.0], [5.0]
    assert learned(history_of(*trials, ended=False), 2) == learned(history_of(*trials), 2)


def test_pending_are_the_configs_at_work_of_which_nothing_is_known() -> None:
    history = history_of([9, 8], [7, 6], [5], ended=False)
    history.suggested(3, {"x": 3})
    assert history.learning_set(enough=2).pending == [{"x": 3}]


def test_what_diverged_or_failed_at_once_counts_as_the_worst() -> None:
    history = history_of([9, 8], [7, 6], [5, math.nan], [], [20])
    assert learned(history, enough=2) == {0: 8, 1: 6, 2: 19, 3: 19, 4: 19}
    assert learned(history_of([math.inf]), enough=1) == {0: 0}


def test_what_is_known_from_elsewhere_is_a_trial_without_a_number() -> None:
    history = History(SPACE)
    history.known({"x": 7}, {3: 0.5, 6: 0.25})
    history.known({"x": 8}, {3: 0.75})
    history.suggested(0, {"x": 9})
    assert [tried.trial_id for tried in history] == [None, None, 0]
    assert learned(history, enough=1) == {7: 0.25, 8: 0.5}
    assert {"x": 7} in history
    assert {"x": 1} not in history


def test_an_epoch_without_a_loss_is_bridged() -> None:
    history = history_of([9, 8, 7], [6, 5, 4])
    history.known({"x": 2}, {1: 3.0, 4: 0.5})
    history.known({"x": 3}, {4: 1.5})
    assert learned(history, enough=2) == {0: 7, 1: 4, 2: 0.5, 3: 1.5}, "at 4"
    assert learned(history, enough=3) == {0: 9, 1: 6, 2: 3, 3: 1.5 + (3.0 - 0.5)}, "at 1"


def test_what_an_ended_trial_still_reports_is_not_learned() -> None:
    history = history_of([9])
    history.reported(0, 2, 1.0)
    assert learned(history, enough=1) == {0: 9}


def test_a_snapshot_stays_as_it_is() -> None:
    history = history_of([9, 8], [7], ended=False)
    snapshot = history.snapshot()
    before = snapshot.learning_set(1)
    history.reported(1, 2, 6)
    history.suggested(2, {"x": 50})
    assert snapshot.learning_set(1) == before
    assert {"x": 50} not in snapshot


@given(
    st.lists(
        st.tuples(st.sampled_from(["suggested", "reported", "ended", "look"]), st.integers(0, 5)),
        max_size=40,
    )
)
def test_every_snapshot_is_the_history_of_its_moment(events: list[tuple[str, int]]) -> None:
    """Also one that is brought up to date."""
    history, trials = History(SPACE), 0
    history.known({"x": 99}, {1: 4.0})
    snapshot = history.snapshot()
    before = list(snapshot)
    for number, (event, trial_id) in enumerate(events):
        if event == "suggested":
            history.suggested(trials, {"x": trials})
            trials += 1
        elif event == "look":
            snapshot = history.snapshot()
            assert list(snapshot) == list(history)
            assert snapshot.learning_set(2) == history.learning_set(2)
            assert snapshot.reached(1) == history.reached(1)
            before = copy.deepcopy(list(snapshot))
        elif trial_id < trials and event == "reported":
            history.reported(trial_id, 1 + number % 3, float(number))
        elif trial_id < trials:
            history.ended(trial_id)
        assert list(snapshot) == before
    assert all(({"x": n} in history.snapshot()) == (n < trials) for n in range(50))


@given(curves, st.integers(1, 5))
def test_every_config_is_known_once_and_what_was_measured_is_as_it_was(
    trials: list[list[float]], enough: int
) -> None:
    history = history_of(*trials, ended=False)
    epoch, observed, pending = history.learning_set(enough)
    assert [config["x"] for config, _ in observed] == [n for n, c in enumerate(trials) if c]
    assert [config["x"] for config in pending] == [n for n, c in enumerate(trials) if not c]
    for config, loss in observed:
        curve = trials[config["x"]]
        if len(curve) >= epoch:
            assert loss == curve[epoch - 1]


@given(curves, st.integers(1, 5), losses)
def test_cut_at_the_same_epoch_trials_keep_their_order_and_a_shift_of_all_shifts_all(
    trials: list[list[float]], enough: int, shift: float
) -> None:
    expected = learned(history_of(*trials), enough)
    epoch = history_of(*trials).learning_set(enough).epoch
    cut = [n for n, curve in enumerate(trials) if 0 < len(curve) < epoch]
    for one, other in ((a, b) for a in cut for b in cut if len(trials[a]) == len(trials[b])):
        if trials[one][-1] < trials[other][-1]:
            assert expected[one] < expected[other]
    shifted = learned(history_of(*([loss + shift for loss in c] for c in trials)), enough)
    finite = [n for n, curve in enumerate(trials) if curve]
    assert [shifted[n] for n in finite] == pytest.approx([expected[n] + shift for n in finite])


@given(st.lists(st.lists(st.floats(allow_nan=False), max_size=4), max_size=6), st.integers(1, 3))
def test_huge_losses_stay_finite(trials: list[list[float]], enough: int) -> None:
    history = history_of(*trials, ended=False)
    assert all(math.isfinite(loss) for _, loss in history.learning_set(enough).observed)


def test_a_model_gets_the_best_observations_and_some_of_the_others_in_their_order() -> None:
    losses = [float(n * 7919 % 3001) for n in range(3001)]
    known = history_of(*([loss] for loss in losses)).learning_set(enough=1)
    thinned = known.thinned(np.random.default_rng(0))
    places = [known.observed.index(found) for found in thinned.observed]
    kept = sorted(loss for _, loss in thinned.observed)
    assert places == sorted(set(places))
    assert len(places) == MOST
    assert kept[: MOST // 4] == sorted(losses)[: MOST // 4]
    assert 1700 < median(kept[MOST // 4 :]) < 2000, "of all parts of the others"
    assert known.thinned(np.random.default_rng(0)) == thinned
    assert known.thinned(np.random.default_rng(1)) != thinned


def test_a_model_gets_all_observations_of_a_thousand_trials() -> None:
    known = history_of(*([float(n)] for n in range(MOST))).learning_set(enough=1)
    rng = np.random.default_rng(0)
    assert known.thinned(rng) == known
    assert rng.random() == np.random.default_rng(0).random(), "and what follows is as before"

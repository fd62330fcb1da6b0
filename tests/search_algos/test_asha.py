from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_algos.decisions import Continue, Stop
from search_algos.domains import Float
from search_algos.schedulers.asha import ASHA
from search_algos.space import Space

SPACE = Space({"x": Float(0, 1)})


def asha(**options: int) -> ASHA:
    return ASHA(27, SPACE, 0, **options)


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
    assert decision == Stop("rank 2 of 2 at epoch 3, top 1 continue")


@given(st.lists(st.integers(0, 20), min_size=1, max_size=60), st.integers(2, 5))
def test_a_rung_lets_through_whoever_is_among_the_best_so_far(losses: list[int], eta: int) -> None:
    scheduler = ASHA(100, SPACE, 0, reduction_factor=eta)
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
    ],
)
def test_options_out_of_range_are_named(options: dict[str, int], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        asha(**options)

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune_jobs.search_algos.rungs import milestones


def test_rungs_where_a_floating_point_logarithm_loses_one() -> None:
    # floor(log(243, 3)) is 4 and floor(log(1000, 10)) is 2 in floating point.
    assert milestones(1, 243, 3) == [1, 3, 9, 27, 81]
    assert milestones(1, 1000, 10) == [1, 10, 100]


@given(st.integers(1, 50), st.integers(1, 5000), st.integers(2, 7))
def test_rungs_are_the_powers_between_grace_period_and_max_t(
    grace_period: int, max_t: int, factor: int
) -> None:
    if grace_period > max_t:
        with pytest.raises(ValueError, match=f"{grace_period}.*{max_t}"):
            milestones(grace_period, max_t, factor)
        return
    expected = [grace_period * factor**k for k in range(14)]
    assert milestones(grace_period, max_t, factor) == [e for e in expected if e < max_t]


@pytest.mark.parametrize("factor", [1, 0, -3, 2.5])
def test_a_reduction_factor_that_reduces_nothing_is_named(factor: int) -> None:
    with pytest.raises(ValueError, match=f"reduction_factor is {factor}"):
        milestones(1, 9, factor)


@pytest.mark.parametrize("grace_period", [0, -1, 1.5])
def test_a_grace_period_that_is_no_epoch_is_named(grace_period: int) -> None:
    with pytest.raises(ValueError, match=f"grace_period is {grace_period}"):
        milestones(grace_period, 9, 3)

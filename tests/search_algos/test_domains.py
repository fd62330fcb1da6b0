"""Steps at every scale, normal distributions, numbers of numpy, tuples."""

from __future__ import annotations

import math
from collections import deque
from enum import Enum, IntEnum
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import grids, normals

from tune_jobs.search_algos.domains import Choice, Float, Int, Normal, SpaceError


@pytest.mark.parametrize(
    ("domain", "shown"),
    [
        (Float(0.1, 0.5, step=0.1), "0.1 0.2 0.3 0.4 0.5"),
        (Float(0, 0.3, step=0.1), "0.0 0.1 0.2 0.3"),
        (Float(-0.2, 0.1, step=0.1), "-0.2 -0.1 0.0 0.1"),
        (Float(1e-13, 5e-13, step=1e-13), "1e-13 2e-13 3e-13 4e-13 5e-13"),
        (Float(2e20, 6e20, step=2e20), "2e+20 4e+20 6e+20"),
        (Float(1000000.1, 1000000.4, step=0.1), "1000000.1 1000000.2 1000000.3 1000000.4"),
        (Float(0, 1, step=1 / 3), "0.0 0.3333333333333333 0.6666666666666666 1.0"),
        (Float(0, 1, step=0.4), "0.0 0.4 0.8"),
        (Float(0.1, 0.4, log=True, step=0.1), "0.1 0.2 0.3 0.4"),
        (Normal(0.15, 0.02, step=0.1), "0.1 0.2"),
    ],
    ids=str,
)
def test_the_values_of_a_grid_are_those_that_a_person_would_write(domain: Any, shown: str) -> None:
    values = [domain.value_at(place) for place in range(domain.size)]
    assert " ".join(map(repr, values)) == shown
    assert {domain.from_unit(n / 1000) for n in range(1001)} == set(values)


@given(grids() | normals().filter(lambda normal: normal.step is not None), st.floats(0, 1))
def test_a_grid_of_any_scale_leads_from_places_to_values_and_back(grid: Any, unit: float) -> None:
    value = grid.from_unit(unit)
    assert grid.contains(value)
    assert grid.value_at(grid.index(value)) == value
    assert grid.from_unit(grid.to_unit(value)) == value
    for place in range(min(grid.size, 100)):
        assert grid.contains(grid.value_at(place))
        assert grid.index(grid.value_at(place)) == place
        assert not grid.contains(grid.value_at(place) + grid.step / 3)


def test_numbers_between_those_of_a_fine_grid_far_from_zero_are_not_on_it() -> None:
    domain = Float(1_000_000, 1_000_001, step=0.0001)
    assert domain.contains(1_000_000.0003)
    assert not domain.contains(1_000_000.00035)


def test_a_log_scale_with_steps_prefers_small_values_as_one_without() -> None:
    """Ray's qlograndint and qloguniform."""
    rng = np.random.default_rng(0)
    for domain in (Int(8, 512, log=True, step=8), Float(8, 512, log=True, step=8)):
        draws = [domain.from_unit(rng.random()) for _ in range(4000)]
        share = math.log(68 / 4) / math.log(516 / 4)
        assert np.mean([draw <= 64 for draw in draws]) == pytest.approx(share, abs=0.03)


def test_a_normal_domain_is_normal() -> None:
    domain = Normal(10, 2)
    draws = [domain.from_unit(unit) for unit in np.random.default_rng(0).random(4000)]
    assert np.mean(draws) == pytest.approx(10, abs=0.1)
    assert np.std(draws) == pytest.approx(2, abs=0.1)
    assert domain.extremes() == (0, 20)
    assert domain.from_unit(0.5) == pytest.approx(10)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Normal(0, 0), ["deviation is 0", "above zero"]),
        (lambda: Normal(0, -1), ["deviation is -1"]),
        (lambda: Normal(math.nan, 1), ["nan", "finite"]),
        (lambda: Normal("0", 1), ["'0'", "number"]),
        (lambda: Normal(5, 0.01, step=10), ["no multiple", "10"]),
        (lambda: Normal(0, 1, step=0), ["step is 0"]),
    ],
)
def test_a_normal_domain_that_cannot_be_says_why(make: Any, words: list[str]) -> None:
    with pytest.raises(SpaceError) as error:
        make()
    assert all(word in str(error.value) for word in words), error.value


def test_numbers_of_numpy_are_numbers() -> None:
    assert Int(np.int64(1), np.int32(9), step=np.int8(2)) == Int(1, 9, step=2)  # type: ignore[arg-type]
    domain = Float(np.float32(0.5), np.float64(2), when={"n": np.int64(3)})  # type: ignore[arg-type]
    assert domain == Float(0.5, 2.0, when={"n": 3})
    assert type(domain.low) is float
    assert Choice(list(np.arange(3))) == Choice([0, 1, 2])
    assert Choice(np.array([16, 32])).values == [16, 32]  # type: ignore[arg-type]
    assert Choice(range(1, 4)).values == Choice(deque([1, 2, 3])).values == [1, 2, 3]
    assert Choice([np.bool_(True), (np.float64(0.9), 1)]).values == [True, (0.9, 1)]
    assert Int(1, 5).contains(np.int64(5))
    assert Float(0, 1).contains(np.float32(0.5))
    assert Choice([1, 2]).index(np.int64(2)) == 1


class Text(str, Enum):
    A = "a"


class Number(IntEnum):
    ONE = 1


class Point(NamedTuple):
    x: int = 1


@pytest.mark.parametrize("values", ["abc", b"abc", {"a", "b"}, {"a": 1}, 3, None, Text])
def test_a_choice_needs_a_list(values: Any) -> None:
    with pytest.raises(SpaceError, match="give a list of values"):
        Choice(values)


@pytest.mark.parametrize("value", [Text.A, Number.ONE, Point(), [Text.A], {"at": Point()}])
def test_what_would_be_plain_after_a_resume_is_no_choice(value: Any) -> None:
    with pytest.raises(SpaceError, match=r"is not text, a number, .*look the name up"):
        Choice([value])


def test_a_choice_has_tuples_lists_dicts_and_none() -> None:
    values = [(3, 3), [5, 6], {"kind": "relu", "at": (1, 2)}, None]
    choice = Choice(values)
    assert [choice.value_at(choice.index(value)) for value in values] == values
    assert choice.contains([3, 3]), "as a JSON file or the command line would have it"
    assert choice.value_at(choice.index([3, 3])) == (3, 3)

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import spaces

from tune_jobs.search_algos.domains import Choice, Float, Int
from tune_jobs.search_algos.mutation import another, moved, mutant
from tune_jobs.search_algos.space import Space


@settings(max_examples=100)
@given(space=spaces(), seed=st.integers(0, 99), chance=st.floats(0, 1), step=st.floats(0, 3))
def test_a_mutant_is_in_the_space(space: Space, seed: int, chance: float, step: float) -> None:
    rng = np.random.default_rng(seed)
    assert space.contains(mutant(space, space.sample(rng), rng, chance=chance, step=step))


def test_at_least_one_parameter_changes_and_with_no_more_chance_only_one() -> None:
    space = Space({"a": Int(1, 1000), "b": Choice(["x", "y"]), "c": Float(0, 1, step=0.25)})
    config = {"a": 500, "b": "x", "c": 0.5}
    for seed in range(30):
        other = mutant(space, config, np.random.default_rng(seed), chance=0.0, step=0.01)
        assert sum(other[name] != config[name] for name in config) == 1


def test_another_value_of_a_choice_is_any_of_the_others() -> None:
    choice = Choice(["a", "b", "c"])
    rng = np.random.default_rng(0)
    assert {another(choice, "b", rng) for _ in range(50)} == {"a", "c"}
    assert another(Choice(["a"]), "a", rng) == "a"


def test_a_number_moves_on_its_scale_and_no_further_than_the_end() -> None:
    rate = Float(1e-4, 1, log=True)
    assert moved(rate, 1e-2, 0.25) == 0.1 or abs(moved(rate, 1e-2, 0.25) - 0.1) < 1e-12
    assert moved(rate, 1e-2, 5) == 1
    assert moved(Int(1, 10), 4, 0.01) == 5
    assert moved(Int(1, 10), 4, -0.01) == 3
    assert moved(Int(1, 10), 10, 0.01) == 10
    assert moved(Int(1, 10), 4, 0.0) == 4

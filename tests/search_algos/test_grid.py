from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import tiny_job
from strategies import spaces

from tune_jobs.errors import UserError
from tune_jobs.search_algos.domains import Choice, Float, Int, json_key
from tune_jobs.search_algos.history import History
from tune_jobs.search_algos.searchers.grid import GridSearch
from tune_jobs.search_algos.space import Config, Space


def walked(grid: GridSearch, at_most: int = 10_000) -> list[Config]:
    configs: list[Config] = []
    nothing = History(grid.space)
    while len(configs) < at_most:
        config = grid.suggest(len(configs), nothing)
        if config is None:
            break
        configs.append(config)
    return configs


def test_every_combination_comes_once_in_order() -> None:
    space = Space({"a": Choice(["x", "y"]), "b": Int(1, 3), "c": Float(0, 1, step=0.5)})
    configs = walked(GridSearch(space, 0))
    assert len(configs) == 2 * 3 * 3
    assert configs[:4] == [
        {"a": "x", "b": 1, "c": 0.0},
        {"a": "x", "b": 1, "c": 0.5},
        {"a": "x", "b": 1, "c": 1.0},
        {"a": "x", "b": 2, "c": 0.0},
    ]
    assert configs[-1] == {"a": "y", "b": 3, "c": 1.0}


def test_a_range_is_cut_evenly_on_its_scale_with_both_ends() -> None:
    space = Space({"rate": Float(1e-4, 1, log=True)})
    rates = [config["rate"] for config in walked(GridSearch(space, 0, points=5))]
    assert rates == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1])


def test_inactive_parameters_make_no_combinations() -> None:
    space = Space(
        {
            "kind": Choice(["plain", "deep"]),
            "depth": Int(1, 4, when={"kind": "deep"}),
            "gate": Choice([True, False], when={"kind": "deep"}),
            "slope": Float(0, 1, when={"gate": True}),
        }
    )
    grid = GridSearch(space, 0, points=2)
    configs = walked(grid)
    assert len(configs) == grid.size == 1 + 4 * (1 + 2)
    assert len({json_key(config) for config in configs}) == len(configs)
    assert all(space.contains(config) for config in configs)


@settings(max_examples=50)
@given(space=spaces(), points=st.integers(2, 4))
def test_the_size_is_known_beforehand_and_nothing_comes_twice(space: Space, points: int) -> None:
    grid = GridSearch(space, 0, points=points)
    if grid.size > 3000:
        assert grid.suggest(grid.size - 1, History(space)) is not None
        assert grid.suggest(grid.size, History(space)) is None
        return
    configs = walked(grid)
    assert len(configs) == grid.size
    assert all(space.contains(config) for config in configs)
    assert len({json_key(config) for config in configs}) == grid.size


def test_a_huge_grid_is_counted_at_once() -> None:
    space = Space({f"x{n}": Int(1, 1000) for n in range(12)})
    assert GridSearch(space, 0).size == 1000**12


def test_a_grid_larger_than_the_samples_is_refused_with_its_size() -> None:
    job = tiny_job(searcher="grid", space={"x": Float(0, 1), "rate": Float(1, 2)}, num_samples=10)
    with pytest.raises(UserError, match=r"25 configs, num_samples is 10: give num_samples=25"):
        job.validate()
    tiny_job(searcher="grid", space={"x": Float(0, 1)}, num_samples=5).validate()

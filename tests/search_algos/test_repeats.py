"""No searcher suggests what was tried or is at work, while there is anything else."""

from __future__ import annotations

import itertools
import math
from pkgutil import resolve_name
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import simulated
from strategies import spaces

from tune_jobs.experiment.objective import Objective
from tune_jobs.search_algos.base import Searcher
from tune_jobs.search_algos.domains import Choice, Domain, Float, Int, json_key
from tune_jobs.search_algos.history import History
from tune_jobs.search_algos.repeats import ConfigSet, untried_near
from tune_jobs.search_algos.schedulers import SCHEDULERS
from tune_jobs.search_algos.searchers import SEARCHERS
from tune_jobs.search_algos.space import Config, Space
from tune_jobs.simulation.curves import ClosedForm

CONTINUOUS: dict[str, Domain] = {"rate": Float(1e-4, 1e-1, log=True), "momentum": Float(0.1, 0.95)}
FINITE: list[dict[str, Domain]] = [
    {"n": Int(1, 30)},
    {"n": Int(1, 30, log=True)},
    {"a": Choice(["x", "y", "z"]), "b": Int(1, 3), "c": Float(0, 1, step=0.5)},
    {
        "kind": Choice(["plain", "deep"]),
        "depth": Int(1, 9, when={"kind": "deep"}),
        "gate": Choice([True, False, None], when={"kind": "deep"}),
    },
]


def suggested(
    searcher: str, scheduler: str, space: dict[str, Domain], samples: int
) -> list[Config]:
    """The first config of every trial of a simulated run on two workers."""
    options = {"points": 7} if searcher == "grid" else {}
    run = simulated(
        curve=ClosedForm(Space(space), Objective.of("loss", "min"), 9, seed=0),
        searcher=searcher,
        searcher_options=options,
        scheduler=scheduler,
        space=space,
        num_samples=samples,
        workers=2,
    )
    return [fact.config for fact in run.facts if fact.fact == "suggested"]


@pytest.mark.parametrize("scheduler", sorted(SCHEDULERS))
@pytest.mark.parametrize("searcher", sorted(SEARCHERS))
def test_no_two_suggestions_are_alike_on_a_continuous_space(searcher: str, scheduler: str) -> None:
    configs = suggested(searcher, scheduler, CONTINUOUS, samples=25)
    assert len(configs) == 25
    assert_apart(configs)


def assert_apart(configs: list[Config]) -> None:
    points = np.array([Space(CONTINUOUS).encode(config) for config in configs])
    apart = np.abs(points[:, None] - points[None]).max(axis=2)
    np.fill_diagonal(apart, 1.0)
    assert apart.min() > 1e-5


@pytest.mark.parametrize("seed", [0, 1])
def test_the_recommended_pair_does_not_forget_what_was_cut_short(seed: int) -> None:
    """It suggested 13 to 27 of 40 once more, when trials that ASHA stopped were not observed."""
    run = simulated(
        curve=ClosedForm(Space(CONTINUOUS), Objective.of("loss", "min"), 27, seed),
        searcher="bayesopt",
        scheduler="asha",
        space=CONTINUOUS,
        num_samples=40,
        max_epochs=27,
        seed=seed,
        workers=2,
    )
    assert_apart([trial.config for trial in run.trials])


@pytest.mark.parametrize("space", FINITE, ids=lambda space: "-".join(space))
@pytest.mark.parametrize("searcher", sorted(SEARCHERS))
def test_a_finite_space_is_tried_out_before_anything_comes_twice(
    searcher: str, space: dict[str, Domain]
) -> None:
    everything = [json_key(config) for config in Space(space).configs()]
    found = suggested(searcher, "asha", space, samples=len(everything) + 5)
    keys = [json_key(config) for config in found]
    assert sorted(keys[: len(everything)]) == sorted(everything)
    assert len(keys) == len(everything) + (0 if searcher == "grid" else 5)


def test_starting_points_and_an_earlier_run_count_as_tried() -> None:
    space = Space({"n": Int(1, 4)})
    for name in sorted(SEARCHERS):
        history = History(space)
        history.known({"n": 1}, {1: 0.5})
        history.suggested(0, {"n": 3})
        searcher: Searcher = resolve_name(SEARCHERS[name])(space, 0)
        found = []
        for index in (1, 2):
            config = searcher.suggest_new(index, history)
            assert config is not None
            history.suggested(index, config)
            found.append(config["n"])
        assert sorted(found) == [2, 4], name


def test_a_searcher_of_ones_own_that_insists_is_led_to_what_lies_near() -> None:
    run = simulated(
        curve=ClosedForm(Space({"x": Float(0, 1)}), Objective.of("loss", "min"), 9, seed=0),
        searcher="odd_searchers:Best",
        scheduler="fifo",
        num_samples=12,
    )
    xs = sorted(trial.config["x"] for trial in run.trials)
    assert min(b - a for a, b in itertools.pairwise(xs)) > 1e-5
    assert min(run.experiment.state.trials[n].config["x"] for n in range(3)) > 0.4, "near"


@settings(max_examples=50)
@given(space=spaces(), seed=st.integers(0, 99))
def test_a_substitute_is_in_the_space_and_new(space: Space, seed: int) -> None:
    rng = np.random.default_rng(seed)
    tried = ConfigSet(space)
    for _ in range(20):
        config = space.sample(rng)
        tried.add(config)
        other = untried_near(space, config, tried.__contains__, rng)
        if other is None:
            keys = [json_key(config) for config in space.configs()]
            assert all(config in tried for config in space.configs())
            assert len(set(keys)) == len(keys)
        else:
            assert space.contains(other)
            assert other not in tried


@settings(max_examples=200)
@given(
    point=st.lists(st.floats(0, 1), min_size=1, max_size=6),
    shift=st.floats(-1, 1),
    data=st.data(),
)
def test_floats_are_the_same_when_they_are_near_and_others_when_they_are_not(
    point: list[float], shift: float, data: st.DataObject
) -> None:
    space = Space({f"x{n}": Float(0, 1) for n in range(len(point))})
    tried = ConfigSet(space)
    tried.add(space.decode(point))
    near = [min(max(u + 1e-5 * data.draw(st.floats(-1, 1)), 0.0), 1.0) for u in point]
    assert space.decode(near) in tried
    far = list(point)
    place = data.draw(st.integers(0, len(point) - 1))
    far[place] += 1e-3 if far[place] < 0.5 else -1e-3
    assert space.decode(far) not in tried


def test_a_value_that_json_keeps_apart_is_another_one() -> None:
    space = Space({"v": Choice([1, 1.0, True, "1", None, [1], [1, 2]])})
    tried = ConfigSet(space)
    for place, config in enumerate(space.configs()):
        assert config not in tried, place
        tried.add(config)


def test_what_is_not_in_the_space_was_never_tried() -> None:
    tried = ConfigSet(Space({"x": Float(0, 1)}))
    odd: list[dict[str, Any]] = [{"x": 7.5}, {"x": "a"}, {"y": 0.5}, {}, {"x": math.nan}]
    for config in odd:
        tried.add(config)
        assert config not in tried


def test_a_searcher_that_may_repeat_does() -> None:
    class Twice(resolve_name(SEARCHERS["random"])):  # type: ignore[misc]
        may_repeat = True

        def suggest(self, index: int, history: History) -> Config:
            return {"x": 0.5}

    space = Space({"x": Float(0, 1)})
    history = History(space)
    history.suggested(0, {"x": 0.5})
    assert Twice(space, 0).suggest_new(1, history) == {"x": 0.5}

"""The contract of every searcher in the registry."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pkgutil import resolve_name
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moocore import hypervolume
from strategies import spaces

from tune_jobs.search_algos.base import Searcher, generator
from tune_jobs.search_algos.domains import Choice, Float, Int
from tune_jobs.search_algos.history import History
from tune_jobs.search_algos.order import Loss
from tune_jobs.search_algos.searchers import SEARCHERS
from tune_jobs.search_algos.space import Config, Space

SPACE = Space(
    {
        "rate": Float(1e-5, 1e-1, log=True),
        "size": Choice(["small", "large"]),
        "depth": Int(1, 9, when={"size": "large"}),
        "units": Int(1, 1000, log=True),
    }
)


@pytest.fixture(params=sorted(SEARCHERS))
def searcher_class(request: pytest.FixtureRequest) -> type[Searcher]:
    cls: type[Searcher] = resolve_name(SEARCHERS[request.param])
    return cls


def loss_of(config: Config) -> float:
    return abs(math.log10(config["rate"]) + 3) + (config["size"] == "small") / 2


BOWL = Space({f"x{n}": Float(0, 1) for n in range(4)})


def depth(config: Config) -> float:
    return sum((x - 0.3) ** 2 for x in config.values())


def losses_of(config: Config) -> tuple[float, float]:
    """The smaller the units, the further is the rate from its best."""
    return loss_of(config), math.log10(config["units"]) + config.get("depth", 0)


def search(
    searcher: Searcher,
    count: int,
    pending: int = 0,
    loss_of: Callable[[Config], Loss] = loss_of,
) -> list[Config]:
    """The configs of a run whose last ``pending`` trials are still at work."""
    history = History(searcher.space)
    configs = []
    for index in range(count):
        config = searcher.suggest_new(index, history)
        assert config is not None
        configs.append(config)
        history.suggested(index, config)
        if index < count - pending:
            history.reported(index, 1, loss_of(config))
            history.ended(index)
    return configs


def test_suggestions_are_in_the_space(searcher_class: type[Searcher]) -> None:
    configs = search(searcher_class(SPACE, seed=1), 40, pending=5)
    assert all(SPACE.contains(config) for config in configs)


@pytest.mark.parametrize("acquisition", ["poi", "ucb"])
def test_an_acquisition_function_is_an_option(acquisition: str) -> None:
    bayesopt: Any = resolve_name(SEARCHERS["bayesopt"])
    usual, other = (
        search(bayesopt(BOWL, 0, acquisition=a), 14, loss_of=depth) for a in ("ei", acquisition)
    )
    assert all(BOWL.contains(config) for config in other)
    assert other != usual


@settings(max_examples=12)
@given(space=spaces(), losses=st.lists(st.sampled_from([0.0, 1.0, math.nan, math.inf]), max_size=6))
@pytest.mark.parametrize("name", sorted(SEARCHERS))
def test_any_space_and_any_loss_will_do(name: str, space: Space, losses: list[float]) -> None:
    searcher: Searcher = resolve_name(SEARCHERS[name])(space, seed=0)
    history = History(space)
    for index in range(15):
        config = searcher.suggest_new(index, history)
        if config is None:
            assert index == searcher.size
            break
        assert space.contains(config)
        history.suggested(index, config)
        if losses:
            history.reported(index, 1, losses[index % len(losses)])


def test_a_seed_and_a_history_determine_the_suggestion(searcher_class: type[Searcher]) -> None:
    first = search(searcher_class(SPACE, seed=7), 30)
    assert search(searcher_class(SPACE, seed=7), 30) == first
    if searcher_class.__name__ != "GridSearch":  # which has no chance in it
        assert search(searcher_class(SPACE, seed=8), 30) != first


@pytest.mark.parametrize("measure", [loss_of, losses_of])
def test_a_suggestion_does_not_depend_on_earlier_questions(
    searcher_class: type[Searcher], measure: Callable[[Config], Loss]
) -> None:
    if measure is losses_of and not searcher_class.several_metrics:
        pytest.skip("this one goes by one metric")
    configs = search(searcher_class(SPACE, seed=7), 30, loss_of=measure)
    history = History(SPACE)
    for index, config in enumerate(configs[:-1]):
        history.suggested(index, config)
        history.reported(index, 1, measure(config))
        history.ended(index)
    assert searcher_class(SPACE, seed=7).suggest_new(29, history) == configs[-1]


def test_another_process_suggests_the_same(searcher_class: type[Searcher]) -> None:
    script = (
        "import json, test_searchers as t; from pkgutil import resolve_name; "
        f"cls = resolve_name('{searcher_class.__module__}:{searcher_class.__name__}'); "
        "print(json.dumps(t.search(cls(t.SPACE, seed=7), 25)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": ":".join([*sys.path, __file__.rpartition("/")[0]])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(found.stdout) == search(searcher_class(SPACE, seed=7), 25)


LEARNERS: list[tuple[str, dict[str, Any]]] = [
    ("bayesopt", {}),
    ("evolution", {"population_size": 8, "tournament_size": 4}),
    ("hyperopt", {"n_startup_jobs": 10}),
    ("optuna", {}),
    ("optuna", {"sampler": "cmaes"}),
]


@pytest.mark.parametrize(("name", "options"), LEARNERS, ids=lambda part: str(part) if part else "")
def test_a_searcher_that_learns_beats_chance_on_a_smooth_loss(
    name: str, options: dict[str, Any]
) -> None:
    """Median best of 40 over 3 seeds: a claim about the adapter, that the library learns."""

    def median_best(cls: type[Searcher], **options: Any) -> float:
        searchers = [cls(BOWL, seed, **options) for seed in range(3)]
        bests = [min(map(depth, search(searcher, 40, loss_of=depth))) for searcher in searchers]
        return sorted(bests)[1]

    chance = median_best(resolve_name(SEARCHERS["random"]))
    assert median_best(resolve_name(SEARCHERS[name]), **options) < 0.7 * chance


SEVERAL: list[tuple[str, dict[str, Any]]] = [
    ("evolution", {"population_size": 10}),
    ("optuna", {}),
]


@pytest.mark.parametrize(("name", "options"), SEVERAL, ids=lambda part: str(part) if part else "")
def test_a_searcher_that_learns_beats_chance_with_two_metrics(
    name: str, options: dict[str, Any]
) -> None:
    """Median hypervolume of 50 over 3 seeds, on ZDT1, whose front is f2 = 1 - sqrt(f1)."""

    def zdt1(config: Config) -> tuple[float, float]:
        first, *others = config.values()
        away = 1 + 9 * sum(others) / len(others)
        return first, away * (1 - math.sqrt(first / away))

    def median_volume(name: str, **options: Any) -> float:
        found = []
        for seed in range(3):
            searcher = resolve_name(SEARCHERS[name])(BOWL, seed, **options)
            losses = [zdt1(config) for config in search(searcher, 50, loss_of=zdt1)]
            found.append(hypervolume(np.array(losses), ref=[2.0, 8.0]))
        return sorted(found)[1]

    chance = median_volume("random")
    assert median_volume(name, **options) > chance + 0.5


def test_nsga2_takes_the_best_of_all_generations_for_parents() -> None:
    """Those of the first one, though the second is worse."""
    history, rng = History(BOWL), np.random.default_rng(0)
    for index in range(100):
        x0, *others = rng.random(4).tolist()
        small = [x / 10 for x in others] if index < 50 else [0.5 + x / 2 for x in others]
        config = dict(zip(BOWL, [x0, *small], strict=True))
        history.suggested(index, config)
        history.reported(index, 1, (x0, sum(small) - x0))
        history.ended(index)
    searcher = resolve_name(SEARCHERS["optuna"])(BOWL, 0, sampler="nsga2")
    children = [list(searcher.suggest(index, history).values()) for index in range(100, 120)]
    inherited = [x < 0.1 for _, *others in children for x in others]
    assert sum(inherited) > 0.6 * len(inherited)  # a quarter is drawn anew


@pytest.mark.parametrize("name", ["bayesopt", "hyperopt", "optuna"])
def test_parallel_suggestions_spread(name: str) -> None:
    """Suggestions from one history differ more when the pending ones are told."""
    space = Space({"x": Float(0, 1)})
    history = History(space)
    for index in range(30):
        config = {"x": (index + 0.5) / 30}
        history.suggested(index, config)
        history.reported(index, 1, (config["x"] - 0.4) ** 2)
        history.ended(index)
    searcher: Searcher = resolve_name(SEARCHERS[name])(space, seed=0)

    def suggestion(index: int) -> Config:
        config = searcher.suggest(index, history)
        assert config is not None
        return config

    alone = [suggestion(30 + k)["x"] for k in range(20)]
    together = []
    for k in range(20):
        config = suggestion(30 + k)
        together.append(config["x"])
        history.suggested(30 + k, config)
    assert spread(together) > spread(alone)


def spread(values: list[float]) -> float:
    mean = sum(values) / len(values)
    return sum(abs(value - mean) for value in values)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("hyperopt", {"n_startup_jobs": 0}),
        ("hyperopt", {"n_EI_candidates": 0}),
        ("hyperopt", {"gamma": 0}),
        ("bayesopt", {"acquisition": "lcb"}),
        ("bayesopt", {"xi": -0.1}),
        ("bayesopt", {"kappa": -1}),
        ("bayesopt", {"n_startup": 0}),
        ("optuna", {"sampler": "nsga"}),
        ("evolution", {"population_size": 1}),
        ("evolution", {"tournament_size": 0}),
        ("evolution", {"crossover_probability": 1.5}),
        ("evolution", {"mutation_probability": -1}),
        ("grid", {"points": 1}),
    ],
)
def test_an_option_out_of_range_is_named_with_its_value(name: str, options: dict[str, Any]) -> None:
    ((option, value),) = options.items()
    with pytest.raises(ValueError, match=f"{option} is {value!r}"):
        resolve_name(SEARCHERS[name])(SPACE, 0, **options)


@pytest.mark.parametrize("losses", [[0.1, 0.2, 0.3, 1e200], [-1e308, 1e308, 1.0, 2.0]])
@pytest.mark.parametrize("name", sorted(SEARCHERS))
def test_one_huge_loss_does_no_harm(name: str, losses: list[float]) -> None:
    space = Space({"x": Float(0, 1)})
    history = History(space)
    for index, loss in enumerate(losses):
        history.suggested(index, {"x": index / 5})
        history.reported(index, 1, loss)
        history.ended(index)
    config = resolve_name(SEARCHERS[name])(space, 0).suggest(4, history)
    assert config is not None
    assert space.contains(config)


def test_streams_of_random_numbers_are_not_shared() -> None:
    """`numpy.random.SeedSequence` takes [7], [7, 0] and [7, 0, 0] for the same."""
    keys = [("suggestion", 7), ("suggestion", 7, 0), ("decision", 7), ("decision", 7, 0)]
    first = [generator(purpose, *key).random() for purpose, *key in keys]
    assert len(set(first)) == len(keys)

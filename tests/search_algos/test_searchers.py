"""The contract of every searcher in the registry."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pkgutil import resolve_name

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import spaces

from search_algos.base import Searcher
from search_algos.domains import Choice, Float, Int
from search_algos.history import History
from search_algos.searchers import SEARCHERS
from search_algos.space import Config, Space

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


def search(searcher: Searcher, count: int, pending: int = 0) -> list[Config]:
    """The configs of a run whose last ``pending`` trials are still at work."""
    history = History()
    configs = []
    for index in range(count):
        config = searcher.suggest(index, history)
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


@settings(max_examples=20)
@given(space=spaces(), losses=st.lists(st.sampled_from([0.0, 1.0, math.nan, math.inf]), max_size=6))
@pytest.mark.parametrize("name", sorted(SEARCHERS))
def test_any_space_and_any_loss_will_do(name: str, space: Space, losses: list[float]) -> None:
    searcher: Searcher = resolve_name(SEARCHERS[name])(space, seed=0)
    history = History()
    for index in range(25):
        config = searcher.suggest(index, history)
        assert config is not None
        assert space.contains(config)
        history.suggested(index, config)
        if losses:
            history.reported(index, 1, losses[index % len(losses)])


def test_a_seed_and_a_history_determine_the_suggestion(searcher_class: type[Searcher]) -> None:
    first = search(searcher_class(SPACE, seed=7), 30)
    assert search(searcher_class(SPACE, seed=7), 30) == first
    assert search(searcher_class(SPACE, seed=8), 30) != first


def test_a_suggestion_does_not_depend_on_earlier_questions(searcher_class: type[Searcher]) -> None:
    configs = search(searcher_class(SPACE, seed=7), 30)
    history = History()
    for index, config in enumerate(configs[:-1]):
        history.suggested(index, config)
        history.reported(index, 1, loss_of(config))
        history.ended(index)
    assert searcher_class(SPACE, seed=7).suggest(29, history) == configs[-1]


def test_another_process_suggests_the_same(searcher_class: type[Searcher]) -> None:
    script = (
        "import json, test_searchers as t; from pkgutil import resolve_name; "
        f"cls = resolve_name('{searcher_class.__module__}:{searcher_class.__name__}'); "
        "print(json.dumps(t.search(cls(t.SPACE, seed=7), 25)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": ":".join([*sys.path, __file__.rpartition("/")[0]])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(found.stdout) == search(searcher_class(SPACE, seed=7), 25)


def test_tpe_beats_random_search_on_a_smooth_loss() -> None:
    """Median best of 60 over 10 seeds: a claim about the adapter, that the library learns."""
    medians = {}
    for name in ("hyperopt", "random"):
        cls = resolve_name(SEARCHERS[name])
        bests = [min(map(loss_of, search(cls(SPACE, seed=seed), 60))) for seed in range(10)]
        medians[name] = sorted(bests)[5]
    assert medians["hyperopt"] < 0.7 * medians["random"]


def test_tpe_spreads_parallel_suggestions() -> None:
    """Ten suggestions from one history differ less when the pending ones are not told."""
    space = Space({"x": Float(0, 1)})
    cls = resolve_name(SEARCHERS["hyperopt"])
    history = History()
    for index in range(30):
        config = {"x": (index + 0.5) / 30}
        history.suggested(index, config)
        history.reported(index, 1, (config["x"] - 0.4) ** 2)
        history.ended(index)
    searcher = cls(space, seed=0)
    alone = [searcher.suggest(30 + k, history)["x"] for k in range(20)]
    together = []
    for k in range(20):
        config = searcher.suggest(30 + k, history)
        together.append(config["x"])
        history.suggested(30 + k, config)
    assert spread(together) > spread(alone)


def spread(values: list[float]) -> float:
    mean = sum(values) / len(values)
    return sum(abs(value - mean) for value in values)


@pytest.mark.parametrize("option", ["n_startup_jobs", "n_EI_candidates", "gamma"])
def test_hyperopt_names_an_option_out_of_range(option: str) -> None:
    with pytest.raises(ValueError, match=f"{option} is 0"):
        resolve_name(SEARCHERS["hyperopt"])(SPACE, 0, **{option: 0})

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import domains, spaces

from tune_jobs.search_algos.domains import (
    Choice,
    Domain,
    Float,
    Int,
    Normal,
    SpaceError,
    json_key,
)
from tune_jobs.search_algos.space import Space, split

seeds = st.integers(0, 2**32 - 1)
units = st.floats(0, 1)


@given(spaces(), seeds)
def test_a_sample_is_in_its_space(space: Space, seed: int) -> None:
    assert space.contains(space.sample(np.random.default_rng(seed)))


@given(spaces(), st.data())
def test_every_point_of_the_cube_decodes_into_the_space(space: Space, data: st.DataObject) -> None:
    point = data.draw(st.lists(units, min_size=len(space), max_size=len(space)))
    assert space.contains(space.decode(point))


@given(spaces(), seeds)
def test_decode_undoes_encode(space: Space, seed: int) -> None:
    config = space.sample(np.random.default_rng(seed))
    point = space.encode(config)
    assert all(0 <= unit <= 1 for unit in point)
    again = space.decode(point)
    assert again.keys() == config.keys()
    for name, value in config.items():
        if isinstance(space[name], Float | Normal):
            width = space[name].high - space[name].low
            assert again[name] == pytest.approx(value, rel=1e-9, abs=1e-9 * width)
        else:
            assert again[name] == value


@given(domains)
def test_extremes_are_values_of_the_domain(domain: Domain) -> None:
    assert all(domain.contains(value) for value in domain.extremes())


@given(spaces(), seeds)
def test_a_config_with_one_key_more_or_less_is_not_in_the_space(space: Space, seed: int) -> None:
    config = space.sample(np.random.default_rng(seed))
    assert not space.contains({**config, "stranger": 1})
    for name in config:
        assert not space.contains({n: v for n, v in config.items() if n != name})


def test_samples_fill_linear_and_log_ranges_evenly() -> None:
    space = Space({"lin": Float(0, 10), "log": Float(1e-4, 1, log=True), "n": Int(1, 3, log=True)})
    rng = np.random.default_rng(0)
    configs = [space.sample(rng) for _ in range(4000)]
    assert np.mean([c["lin"] < 5 for c in configs]) == pytest.approx(0.5, abs=0.03)
    assert np.mean([c["log"] < 1e-2 for c in configs]) == pytest.approx(0.5, abs=0.03)
    # Log-uniform over 0.5..3.5: each whole number gets the width of its unit interval.
    share = math.log(1.5 / 0.5) / math.log(3.5 / 0.5)
    assert np.mean([c["n"] == 1 for c in configs]) == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Float(1, 1), ["Float(1, 1)", "empty"]),
        (lambda: Int(1, 10**400), ["not a finite number"]),
        (lambda: Float(-1.7e308, 1.7e308), ["wider than numbers go"]),
        (lambda: Float(3, 1), ["Float(3, 1)", "inverted"]),
        (lambda: Int(5, 2), ["Int(5, 2)", "inverted"]),
        (lambda: Float(0, 1, log=True), ["Float(0, 1, log=True)", "above 0"]),
        (lambda: Int(0, 8, log=True), ["Int(0, 8, log=True)", "above 0"]),
        (lambda: Float(0, math.inf), ["inf", "finite"]),
        (lambda: Float(0, 1, step=0), ["step is 0"]),
        (lambda: Float(0.1, 2, log=True, step=0.5), ["step is 0.5", "half a step"]),
        (lambda: Int(0.5, 2), ["0.5", "use Float"]),  # type: ignore[arg-type]
        (lambda: Choice([]), ["at least one"]),
        (lambda: Choice("adam"), ["'adam'", "list"]),
        (lambda: Choice(["a", "b", "a"]), ["'a'", "more than once"]),
        (lambda: Choice([math.sin]), ["sin", "look the name up"]),
        (lambda: Space({"a": 3}), ["'a'", "3"]),  # type: ignore[dict-item]
        (lambda: Space({"a": Float(0, 1, when={"b": 1})}), ["'a'", "'b'", "not in the space"]),
        (
            lambda: Space({"t.b": Int(1, 2), "t.a": Float(0, 1, when={"b": 1})}),
            ["'b'", "not in the space", "it has t.b"],
        ),
        (
            lambda: Space({"b": Float(0, 3), "a": Float(0, 1, when={"b": 1})}),
            ["'b'", "at_least"],
        ),
        (
            lambda: Space({"b": Choice(["x", "y"]), "a": Float(0, 1, when={"b": "z"})}),
            ["'z'", "'x', 'y'"],
        ),
        (
            lambda: Space({"a": Choice([1], when={"b": 1}), "b": Choice([1], when={"a": 1})}),
            ["circle", "a, b"],
        ),
    ],
)
def test_a_space_that_cannot_be_searched_says_why(make: Any, words: list[str]) -> None:
    with pytest.raises(SpaceError) as error:
        make()
    for word in words:
        assert word in str(error.value)


def test_one_and_true_are_different_choices() -> None:
    choice = Choice([1, True, 1.0])
    assert [choice.index(value) for value in (1, True, 1.0)] == [0, 1, 2]


def test_a_condition_can_be_nested_and_name_several_values() -> None:
    space = Space(
        {
            "net": Choice(["linear", "mlp", "cnn"]),
            "layers": Choice([1, 2], when={"net": ("mlp", "cnn")}),
            "second": Float(0, 1, when={"layers": 2}),
        }
    )
    assert space.decode([0.0, 0.9, 0.5]) == {"net": "linear"}
    assert space.decode([0.5, 0.1, 0.5]) == {"net": "mlp", "layers": 1}
    assert space.decode([0.9, 0.9, 0.5]) == {"net": "cnn", "layers": 2, "second": 0.5}


def test_a_plain_value_settles_the_conditions_on_it() -> None:
    values = {
        "optimizer": "sgd",
        "momentum": Choice([0.5, 0.9], when={"optimizer": "sgd"}),
        "nesterov": Choice([True], when={"momentum": 0.9}),
        "beta": Float(0, 1, when={"optimizer": "adam"}),
        "beta_too": Choice([1], when={"beta": 1}),
    }
    space, constants = split(values)
    assert constants == {"optimizer": "sgd"}
    assert list(space) == ["momentum", "nesterov"]
    assert space.decode([0.9, 0.5]) == {"momentum": 0.9, "nesterov": True}


def test_a_choice_looks_a_value_up_without_going_through_all() -> None:
    class Counted(list[int]):
        walks = 0

        def __iter__(self) -> Iterator[int]:
            self.walks += 1
            return super().__iter__()

    values = Counted(range(5000))
    choice = Choice(values)
    assert choice.index(4000) == 4000
    before = values.walks
    for value in range(4000, 4100):
        assert choice.contains(value)
        assert choice.from_unit(choice.to_unit(value)) == value
    assert not choice.contains(5000)
    assert values.walks == before


@settings(max_examples=50)
@given(space=spaces())
def test_every_config_is_listed_once(space: Space) -> None:
    configs = list(itertools.islice(space.configs(), 500))
    assert all(space.contains(config) for config in configs)
    assert len({json_key(config) for config in configs}) == len(configs)

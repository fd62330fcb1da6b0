from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import spaces

from tune_jobs.search_algos.domains import Choice, Float, Int
from tune_jobs.search_algos.space import Space
from tune_jobs.search_algos.unit_cube import Features


@settings(max_examples=60)
@given(space=spaces(), seed=st.integers(0, 999))
def test_a_point_looks_like_the_config_it_stands_for(space: Space, seed: int) -> None:
    """What is decoded and encoded again looks the same, up to ranges with very many values."""
    features = Features(space)
    point = np.random.default_rng(seed).random((1, len(space)))
    config = space.decode(point[0].tolist())
    again = np.array([space.encode(config)])
    assert features(point).shape == (1, features.count)
    unlike = np.abs(features(point) - features(again)).max()
    assert unlike < 1 / 64, "the finest step that is still seen as one"


def test_choices_are_equally_far_apart() -> None:
    features = Features(Space({"kind": Choice(["a", "b", "c"])}))
    seen = features(np.array([[0.1], [0.5], [0.9]]))
    distances = [np.linalg.norm(seen[i] - seen[j]) for i, j in [(0, 1), (0, 2), (1, 2)]]
    assert distances == pytest.approx([1.0, 1.0, 1.0])


def test_inactive_parameters_make_no_difference() -> None:
    space = Space(
        {
            "kind": Choice(["plain", "deep"]),
            "depth": Int(1, 9, when={"kind": "deep"}),
            "rate": Float(0, 1),
        }
    )
    features = Features(space)
    plain = features(np.array([[0.1, 0.2, 0.5], [0.1, 0.9, 0.5]]))
    deep = features(np.array([[0.9, 0.2, 0.5], [0.9, 0.9, 0.5]]))
    assert (plain[0] == plain[1]).all()
    assert not (deep[0] == deep[1]).all()


def test_what_depends_on_an_inactive_parameter_is_inactive() -> None:
    space = Space(
        {
            "a": Choice([0, 1]),
            "b": Choice([0, 1], when={"a": 1}),
            "c": Float(0, 1, when={"b": 1}),
        }
    )
    off, on = Features(space)(np.array([[0.1, 0.9, 0.7], [0.9, 0.9, 0.7]]))
    assert off[-1] == 0.5
    assert on[-1] == 0.7


def test_the_first_values_of_a_long_log_scale_are_seen_as_what_they_are() -> None:
    domain = Int(1, 10_000, log=True)
    features = Features(Space({"n": domain}))
    unit = domain.to_unit(1) + 0.04  # still 1, though far from it on the scale
    assert domain.from_unit(unit) == 1
    assert features(np.array([[unit], [0.777]])).tolist() == [[domain.to_unit(1)], [0.777]]

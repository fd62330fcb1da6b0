from __future__ import annotations

import dataclasses
import json
from functools import partial
from typing import Any

import numpy as np
import pytest

from tune_jobs.search_algos.conditions import at_least, at_most, from_json
from tune_jobs.search_algos.domains import Choice, Domain, Float, Int, Normal, SpaceError
from tune_jobs.search_algos.space import Space
from tune_jobs.search_algos.unit_cube import Features


@pytest.mark.parametrize(
    ("parent", "wanted", "on", "off"),
    [
        (Int(1, 4), at_least(2), [2, 4], [1]),
        (Int(1, 4), at_most(2), [1, 2], [3, 4]),
        (Int(1, 4), 3, [3], [2, 4]),
        (Int(1, 4), (1, 4), [1, 4], [2, 3]),
        (Int(1, 100, log=True), at_least(np.int64(50)), [50, 100], [49]),
        (Float(0, 1), at_least(0.5), [0.5, 0.9], [0.49]),
        (Float(0, 1, step=0.1), 0.3, [0.3], [0.2]),
        (Normal(0, 1), at_most(0), [-1, 0], [0.1]),
        (Choice([16, 32, 64]), at_least(32), [32, 64], [16]),
    ],
    ids=str,
)
def test_a_parameter_exists_where_the_other_meets_the_condition(
    parent: Domain, wanted: Any, on: list[Any], off: list[Any]
) -> None:
    space = Space({"child": Float(0, 1, when={"parent": wanted}), "parent": parent})
    for value in on:
        assert space.contains({"parent": value, "child": 0.5})
        assert not space.contains({"parent": value})
    for value in off:
        assert space.contains({"parent": value})
        assert not space.contains({"parent": value, "child": 0.5})
    points = [[0.7, parent.to_unit(value)] for value in (*on, *off)]
    seen = Features(space)(np.array(points))[:, 0]
    assert seen.tolist() == [0.7] * len(on) + [0.5] * len(off)


@pytest.mark.parametrize(
    ("parent", "wanted", "words"),
    [
        (Int(1, 4), at_least(5), ["at least 5", "never"]),
        (Int(1, 4), at_most(0), ["at most 0", "never"]),
        (Int(1, 4), 7, ["7", "Int"]),
        (Choice(["a", "b"]), at_least(1), ["at least 1", "'a', 'b'"]),
        (Float(0, 1), 0.5, ["0.5", "at_least"]),
        (Normal(0, 1), 0.5, ["0.5", "at_least"]),
    ],
)
def test_a_condition_that_nothing_meets_is_refused(
    parent: Domain, wanted: Any, words: list[str]
) -> None:
    with pytest.raises(SpaceError) as error:
        Space({"parent": parent, "child": Float(0, 1, when={"parent": wanted})})
    assert all(word in str(error.value) for word in ["'child'", "'parent'", *words]), error.value


@pytest.mark.parametrize("when", ["kind", ["kind"], ("kind", "a"), {"kind"}, True, len])
@pytest.mark.parametrize(
    "make", [partial(Float, 0, 1), partial(Normal, 0, 1), partial(Choice, ["a"])]
)
def test_a_condition_that_is_no_dict_is_refused(make: Any, when: Any) -> None:
    with pytest.raises(SpaceError, match=r"when is .*; give a dict"):
        make(when=when)


def test_a_bound_is_a_number() -> None:
    with pytest.raises(SpaceError, match="'two'"):
        at_least("two")  # type: ignore[arg-type]


def test_a_condition_comes_back_from_json() -> None:
    for wanted in (at_least(2), at_most(0.5), "sgd", ["a", "b"]):
        domain = Float(0, 1, when={"n": wanted})
        written = json.loads(json.dumps(dataclasses.asdict(domain)))
        assert from_json(written["when"]["n"]) == wanted

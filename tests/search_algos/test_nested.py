from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import declared

from tune_jobs.search_algos.domains import Choice, Domain, Float, Int, SpaceError
from tune_jobs.search_algos.nested import flat, groups, nest, spread
from tune_jobs.search_algos.space import split

LR, LAYERS = Float(0, 1), Int(1, 4)


def test_a_dict_with_something_to_search_is_spread_and_another_is_a_value() -> None:
    space = {
        "trainer": {"lr": LR, "name": "x", "options": {"a": 1}, "deep": {"er": Choice([1, 2])}},
        "layers": LAYERS,
        "extra": {"fixed": {"b": 2}},
        "with.dot": 3,
    }
    assert flat(space) == {
        "trainer.lr": LR,
        "trainer.name": "x",
        "trainer.options": {"a": 1},
        "trainer.deep.er": Choice([1, 2]),
        "layers": LAYERS,
        "extra": {"fixed": {"b": 2}},
        "with.dot": 3,
    }
    assert groups(space) == {"trainer", "trainer.deep"}
    assert nest(flat(space), groups(space)) == space
    assert flat(flat(space)) == flat(space)


@given(declared())
def test_what_was_spread_is_nested_again(found: tuple[dict[str, Any], list[str]]) -> None:
    space = found[0]
    assert nest(flat(space), groups(space)) == space
    assert not any(isinstance(v, dict) and _has_domain(v) for v in flat(space).values())
    config = {name: 0 if isinstance(v, Domain) else v for name, v in flat(space).items()}
    assert spread(nest(config, groups(space)), groups(space)) == config


def _has_domain(value: dict[str, Any]) -> bool:
    return any(isinstance(part, Domain) for part in value.values())


@pytest.mark.parametrize(
    ("space", "word"),
    [
        ({"a": {"b": LR}, "a.b": LR}, "'a.b'"),
        ({"a": {"b.c": LR, "b": {"d": LR}}}, "'a.b.c'"),
        ({"a": {1: LR}}, "1"),
    ],
)
def test_a_name_that_can_be_read_in_two_ways_is_refused(space: Any, word: str) -> None:
    with pytest.raises(SpaceError, match=word):
        flat(space)


def test_conditions_and_constraints_use_the_whole_name() -> None:
    space, constants = split(
        {
            "trainer": {"kind": Choice(["a", "b"]), "lr": LR},
            "beta": Float(0, 1, when={"trainer.kind": "b"}),
            "limits": {"lr": 0.5},
        },
        ["trainer.lr < limits.lr"],
    )
    assert list(space) == ["trainer.kind", "trainer.lr", "beta"]
    assert constants == {"limits": {"lr": 0.5}}
    assert space.contains({"trainer.kind": "a", "trainer.lr": 0.25})
    assert not space.contains({"trainer.kind": "a", "trainer.lr": 0.75})
    assert space.contains({"trainer.kind": "b", "trainer.lr": 0.25, "beta": 0.5})


@given(st.sampled_from(["a", "b"]))
def test_a_plain_value_in_a_dict_settles_a_condition(kind: str) -> None:
    space, _ = split({"trainer": {"kind": kind}, "beta": Float(0, 1, when={"trainer.kind": "b"})})
    assert list(space) == (["beta"] if kind == "b" else [])

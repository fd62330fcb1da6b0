from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import falling, simulated, tiny_job
from strategies import spaces

from tune_jobs.errors import UserError
from tune_jobs.search_algos.domains import Choice, Float, SpaceError, json_key
from tune_jobs.search_algos.history import History
from tune_jobs.search_algos.searchers.grid import GridSearch
from tune_jobs.search_algos.searchers.random import RandomSearch
from tune_jobs.search_algos.space import Space
from tune_jobs.search_algos.starting_points import StartingPoints

SPACE = Space(
    {
        "rate": Float(0, 1),
        "kind": Choice(["a", "b"]),
        "gain": Float(0, 1, when={"kind": "b"}),
    }
)


def test_points_come_first_and_then_the_searcher_from_its_beginning() -> None:
    run = simulated(
        curve=falling,
        points_to_evaluate=[{"x": 0.25}, {"x": 0.75}],
        searcher="grid",
        scheduler="fifo",
        searcher_options={"points": 3},
        num_samples=5,
    )
    assert [trial.config["x"] for trial in run.trials] == [0.25, 0.75, 0.0, 0.5, 1.0]


@settings(max_examples=50)
@given(space=spaces(), seed=st.integers(0, 99), data=st.data())
def test_what_a_point_leaves_out_is_drawn(space: Space, seed: int, data: st.DataObject) -> None:
    whole = space.sample(RandomSearch(space, seed).rng(0))
    keep = data.draw(st.sets(st.sampled_from(sorted(whole))))
    point: dict[str, object] = {}
    for name in space.parents_first:
        if name in keep & whole.keys() and point.keys() >= set(space[name].when or ()):
            point[name] = whole[name]
    config = StartingPoints([point], RandomSearch(space, seed)).suggest(0, History(space))
    assert config is not None
    assert space.contains(config)
    assert {name: config[name] for name in point} == point


@pytest.mark.parametrize(
    ("point", "words"),
    [
        ({"rte": 0.5}, "'rte' is not in the space; it has rate, kind, gain"),
        ({"rate": 2.0}, "'rate' is 2.0"),
        ({"kind": "c"}, "'kind' is 'c'"),
        ({"gain": 0.5}, "'gain' is given, which needs 'kind' to be 'b'"),
        ({"kind": "a", "gain": 0.5}, "'gain' is given, which needs 'kind' to be 'b'"),
    ],
)
def test_a_point_outside_of_the_space_is_named(point: dict[str, object], words: str) -> None:
    with pytest.raises(SpaceError) as error:
        StartingPoints([point], RandomSearch(SPACE, 0))
    assert words in str(error.value)
    fields = {"rate": Float(0, 1), "kind": SPACE["kind"], "gain": SPACE["gain"]}
    with pytest.raises(UserError) as whole:
        tiny_job(space=fields, points_to_evaluate=[point]).search.validate()
    assert words in str(whole.value)


def test_points_count_towards_the_size_of_a_grid() -> None:
    grid = GridSearch(Space({"x": Float(0, 1)}), 0, points=3)
    assert StartingPoints([{"x": 0.3}], grid).size == 4


def test_what_is_drawn_for_a_point_is_not_what_the_searcher_draws() -> None:
    searcher = StartingPoints([{}, {}], RandomSearch(SPACE, 0))
    configs = [searcher.suggest(index, History(SPACE)) for index in range(4)]
    assert len({json_key(config) for config in configs}) == 4


def test_a_searcher_keeps_its_character_behind_points() -> None:
    class Plain(RandomSearch):
        supports_conditions = False
        takes_long = True

    wrapped = StartingPoints([{}], Plain(SPACE, 0))
    assert not wrapped.supports_conditions
    assert wrapped.takes_long
    assert not wrapped.learns

"""Values from the command line mean what they say, and are values of the domain they replace."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from runs import tiny_job

from tune_jobs import Choice, Float, Int
from tune_jobs.errors import UserError, nearest
from tune_jobs.job.overrides import override
from tune_jobs.search_algos.schedulers import SCHEDULERS
from tune_jobs.search_algos.searchers import SEARCHERS

SPACE = {
    "lr": Float(1e-4, 1e-1, log=True),
    "layers": Int(1, 8),
    "sizes": Choice([[8, 8], [16]]),
    "mode": Choice(["1", "2", "auto"]),
    "flag": Choice([True, False]),
}


def fixed(setting: str, **space: Any) -> Any:
    name = setting.partition("=")[0]
    return override(tiny_job(space={**SPACE, **space}), {}, [setting]).space[name]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("augment=False", False),
        ("augment=false", False),
        ("patience=None", None),
        ("patience=null", None),
        ("rate=.5", 0.5),
        ("rate=1e-3", 1e-3),
        ("rate=-2", -2),
        ("name=adamw", "adamw"),
        ("name='None'", "None"),
        ("name=a=b", "a=b"),
        ("layers=3", 3),
        ("lr=0.01", 0.01),
        ("sizes=[8, 8]", [8, 8]),
        ("sizes=(8, 8)", [8, 8]),
        ("mode=1", "1"),
        ("mode=auto", "auto"),
        ("flag=True", True),
    ],
)
def test_a_value_is_what_python_or_json_would_read(setting: str, value: Any) -> None:
    found = fixed(setting)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("lr=5", ["'lr'", "0.0001 to 0.1"]),
        ("lr=fast", ["'lr'", "a number"]),
        ("layers=2.5", ["'layers'", "a whole number from 1 to 8"]),
        ("layers=True", ["'layers'"]),
        ("mode=3", ["'mode'", "'auto'"]),
        ("flag=1", ["'flag'", "True"]),
    ],
)
def test_a_value_that_the_domain_does_not_have_is_refused(setting: str, words: list[str]) -> None:
    with pytest.raises(UserError) as error:
        fixed(setting)
    assert all(word in str(error.value) for word in [setting, *words])


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3),
        max_leaves=5,
    ).filter(lambda value: value not in (float("inf"), float("-inf")))
)
def test_what_python_writes_is_read_again(value: Any) -> None:
    assert fixed(f"other={value!r}") == value


@pytest.mark.parametrize(
    ("given", "names", "meant"),
    [
        ("lr", ["learning_rate", "lambda", "layers"], "learning_rate"),
        ("wd", ["width", "weight_decay", "window"], "weight_decay"),
        ("bs", ["batch_size", "bias"], "batch_size"),
        ("grace", ["grace_period", "space", "brackets"], "grace_period"),
        ("eta", ["reduction_factor", "beta"], "reduction_factor"),
        ("tpe", SEARCHERS, "hyperopt"),
        ("bo", SEARCHERS, "bayesopt"),
        ("genetic", SEARCHERS, "evolution"),
        ("sha", SCHEDULERS, "successive_halving"),
        ("bohb", SCHEDULERS, "hyperband"),
        ("pb2", SCHEDULERS, "pbt"),
        ("trials", ["num_samples", "name"], "num_samples"),
        ("dropout_rate", ["dropout", "width"], "dropout"),
        ("ashaa", SCHEDULERS, "asha"),
        ("lerning_rate", ["learning_rate"], "learning_rate"),
    ],
)
def test_a_near_miss_is_one_by_meaning(given: str, names: Any, meant: str) -> None:
    assert nearest(given, names) == f"did you mean {meant!r}?"


def test_what_is_near_nothing_gets_the_list() -> None:
    assert nearest("zzz", ["b", "a"]) == "there are: a, b"


def test_a_setting_reaches_into_a_dict_of_the_space() -> None:
    space = {"trainer": {"lr": Float(0, 1), "kernel": Choice([(1, 1), (3, 3)])}, "n": 1}
    job = override(tiny_job(space=space), {}, ["trainer.lr=0.5", "trainer.new=x"])
    assert job.space == {**space, "trainer": {**space["trainer"], "lr": 0.5, "new": "x"}}
    job = override(job, {}, ["trainer.kernel=[3, 3]"])
    assert job.space["trainer"]["kernel"] == (3, 3)
    with pytest.raises(UserError, match=r"'trainr.lr'.*trainer.lr"):
        override(tiny_job(space=space), {}, ["trainr.lr=0.5"])


def test_a_training_function_gets_nothing_that_is_not_in_the_space() -> None:
    def train(config: Any) -> float:
        return float(config.lr)

    job = tiny_job(model=train, space=SPACE)
    assert override(job, {}, ["lr=0.01"]).space["lr"] == 0.01
    with pytest.raises(UserError, match="did you mean 'layers'"):
        override(job, {}, ["layer=2"])

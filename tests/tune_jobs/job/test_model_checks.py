"""Functions and Configs of a job's author with which no run could work."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from runs import tiny_job
from tiny_model import Tiny

from tune_jobs import Float
from tune_jobs.errors import UserError


async def one(*values: Any) -> float:
    return 0.5


async def several(*values: Any) -> AsyncIterator[float]:
    yield 0.5


class Callable:
    async def __call__(self, *values: Any) -> float:
        return 0.5


class Asserts(Tiny):
    @dataclass(frozen=True)
    class Config(Tiny.Config):
        def __post_init__(self) -> None:
            raise AssertionError


class Looks(Tiny):
    @dataclass(frozen=True)
    class Config(Tiny.Config):
        def __post_init__(self) -> None:
            raise KeyError("no such data")


class SetsItself(Tiny):
    @dataclass(frozen=True)
    class Config:
        x: float = 0.0
        seed: int = field(init=False, default=3)


def test_a_field_that_a_config_sets_itself_is_left_alone() -> None:
    job = tiny_job(model=SetsItself)
    job.validate()
    assert job.constants() == {}


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (Asserts, r"AssertionError \(test_model_checks.py, line \d+: raise AssertionError"),
        (Looks, r"KeyError: 'no such data' \(test_model_checks.py, line \d+: raise KeyError"),
    ],
)
def test_a_config_may_refuse_with_any_error(model: type[Tiny], said: str) -> None:
    with pytest.raises(UserError, match=rf"Config refuses .*'x': 0.5.*: {said}"):
        tiny_job(model=model, space={"x": Float(0.4, 0.6)}).validate()


@pytest.mark.parametrize("function", [one, several, partial(one, 1), Callable()])
@pytest.mark.parametrize("name", ["model", "test", "stop"])
def test_one_that_is_async_is_refused(name: str, function: Any) -> None:
    fields = {"model": lambda config: 0.5, name: function}
    with pytest.raises(UserError, match=rf"{name} is (one|several|Callable), which is async"):
        tiny_job(**fields).validate()

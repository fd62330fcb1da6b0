"""Functions of a job's author that no run could call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
from runs import tiny_job

from tune_jobs.errors import UserError


async def one(*values: Any) -> float:
    return 0.5


async def several(*values: Any) -> AsyncIterator[float]:
    yield 0.5


class Callable:
    async def __call__(self, *values: Any) -> float:
        return 0.5


@pytest.mark.parametrize("function", [one, several, partial(one, 1), Callable()])
@pytest.mark.parametrize("field", ["model", "test", "stop"])
def test_one_that_is_async_is_refused(field: str, function: Any) -> None:
    fields = {"model": lambda config: 0.5, field: function}
    with pytest.raises(UserError, match=rf"{field} is (one|several|Callable), which is async"):
        tiny_job(**fields).validate()

"""The author's own line in an error."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from runs import begun, reported, tiny_job
from tiny_model import Tiny

from tune_jobs.errors import own_line, user_traceback
from tune_jobs.experiment.facts import Failed
from tune_jobs.models.training.cross_validation import CrossValidation
from tune_jobs.views import texts


class Broken(Tiny):
    @dataclass(frozen=True)
    class Config(Tiny.Config):
        fold: object = None

    def train_epoch(self):  # type: ignore[no-untyped-def]
        return 1 / 0


def of_error(action: Callable[[], object]) -> str:
    with pytest.raises(Exception) as error:  # noqa: PT011
        action()
    return user_traceback(error.value)


@pytest.mark.parametrize(
    ("action", "code"),
    [
        (lambda: [][3], "[][3]"),
        (lambda: json.loads("no"), 'json.loads("no")'),
        (lambda: torch.nn.Linear(2, 2)(torch.ones(3)), "torch.nn.Linear(2, 2)(torch.ones(3))"),
    ],
)
def test_it_is_the_innermost_one_outside_of_libraries(
    action: Callable[[], object], code: str
) -> None:
    line = own_line(of_error(action))
    assert line.startswith("test_errors.py, line ")
    assert code in line


def test_without_a_traceback_there_is_none() -> None:
    assert own_line("the worker process died") == ""


def test_a_cross_validation_is_not_part_of_it() -> None:
    said = of_error(CrossValidation(Broken, Broken.Config(), 2, 1).train_epoch)
    assert "cross_validation" not in said
    assert "return 1 / 0" in own_line(said)


def test_the_first_failure_shows_it_and_where_the_trial_starts_again() -> None:
    run = begun(tiny_job(scheduler="fifo"))
    run.experiment.next()
    failure = Failed(trial_id=0, error=of_error(Broken(Tiny.Config()).train_epoch), retry=True)
    said = texts.describe(failure, run.experiment.state)
    assert said.startswith(
        "trial 0 restarts from the beginning: ZeroDivisionError: division by zero"
    )
    assert "return 1 / 0)" in said
    run.experiment.report(reported(0, 1, {"loss": 1.0}))
    assert "restarts from its checkpoint" in texts.describe(failure, run.experiment.state)

"""Somebody's own searcher or scheduler: what it does wrong is one message with its own line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from runs import falling, simulated

from tune_jobs import Choice, Float, Int, Scheduler, Searcher, UserError
from tune_jobs.search_algos.decisions import Continue, Exploit

SPACE = {"x": Float(0, 1), "n": Int(1, 4), "y": Float(0, 1, when={"kind": "a"})}
SPACE["kind"] = Choice(["a", "b"])


class Answers(Searcher):
    answer: Any = None

    def suggest(self, index, history):  # type: ignore[no-untyped-def]
        return self.answer(index) if callable(self.answer) else self.answer


def answering(answer: Any) -> type[Searcher]:
    return type(
        "Mine", (Answers,), {"answer": staticmethod(answer) if callable(answer) else answer}
    )


def raising(index: int) -> Any:
    return {"x": 1 / (2 - index), "n": 1, "kind": "b"}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"x": 7.5, "n": 3, "kind": "b"}, ["'x' is 7.5", "Float(low=0, high=1"]),
        ({"x": 0.5, "kind": "b"}, ["lacks 'n'"]),
        ({"x": 0.5, "n": 3, "z": 1, "kind": "b"}, ["'z' is not in the space"]),
        ({"x": 0.5, "n": 3, "kind": "b", "y": 0.5}, ["'y'", "inactive"]),
        ({"x": 0.5, "n": 3, "kind": "a"}, ["lacks 'y'"]),
        ({"x": 0.5, "n": 2.5, "kind": "b"}, ["'n' is 2.5"]),
        ({"x": "0.5", "n": 2, "kind": "b"}, ["'x' is '0.5'"]),
        ({"x": np.nan, "n": 2, "kind": "b"}, ["'x' is nan"]),
        ([0.5, 3], ["[0.5, 3]", "must be a dict"]),
        (raising, ["ZeroDivisionError", '"x": 1 / (2 - index)']),
    ],
)
def test_what_a_searcher_answers_wrong_is_one_message(answer: Any, words: list[str]) -> None:
    with pytest.raises(UserError) as error:
        simulated(
            searcher=answering(answer), scheduler="fifo", space=SPACE, curve=falling, num_samples=4
        )
    said = str(error.value)
    assert all(word in said for word in ["searcher Mine", *words])
    assert len(said.splitlines()) <= 8


@pytest.mark.parametrize("number", [np.float64(0.5), np.float32(0.5), np.int64(1), np.array(0.5)])
def test_numbers_of_numpy_are_numbers(number: Any) -> None:
    def answer(index: int) -> Any:
        return {"x": number, "n": np.int64(1 + index), "kind": np.str_("b")}

    run = simulated(
        searcher=answering(answer), scheduler="fifo", space=SPACE, curve=falling, num_samples=3
    )
    assert [trial.config["n"] for trial in run.trials] == [1, 2, 3]
    for trial in run.trials:
        assert {type(value) for value in trial.config.values()} <= {int, float, str}


class Own(Scheduler):
    wrong: Any = None

    def decide(self, trial_id, epoch, loss):  # type: ignore[no-untyped-def]
        return self.wrong(trial_id, epoch) if epoch == 2 else Continue()


def a_key_error(trial_id: int, epoch: int) -> Any:
    return {}["no such key"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (a_key_error, ["KeyError", "no such key", 'return {}["no such key"]']),
        (lambda trial_id, epoch: None, ["answered None", "Continue()"]),
        (lambda trial_id, epoch: "stop", ["answered 'stop'", "Stop(reason)"]),
        (lambda trial_id, epoch: Exploit, ["answered <class"]),
    ],
)
def test_what_a_scheduler_does_wrong_is_one_message(wrong: Any, words: list[str]) -> None:
    cls = type("Theirs", (Own,), {"wrong": staticmethod(wrong)})
    with pytest.raises(UserError) as error:
        simulated(scheduler=cls, searcher="random", curve=falling)
    said = str(error.value)
    assert all(word in said for word in ["scheduler Theirs", *words])
    assert len(said.splitlines()) <= 8

"""What a job does that its author may not expect gets a word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from runs import tiny_job
from tiny_model import Tiny

from tune_jobs import Choice, Float, Int
from tune_jobs.job.notes import notes


class Seeded(Tiny):
    @dataclass(frozen=True)
    class Config(Tiny.Config):
        seed: int = 42
        max_epochs: int = 9


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"model": Seeded}, ["seed 42", "seed 0"]),
        ({"model": Seeded, "space": {"x": Float(0, 1), "max_epochs": Int(1, 9)}}, ["'max_epochs'"]),
        ({"space": {"rate": Choice([1.0, 2.0]), "seed": Int(1, 3)}}, ["6 configs", "10"]),
        ({"space": {"x": Float(0, 1, step=0.25)}}, ["5 configs"]),
    ],
)
def test_a_silent_choice_gets_a_word(fields: dict[str, Any], words: list[str]) -> None:
    said = "\n".join(notes(tiny_job(**fields)))
    assert all(word in said for word in words)


@pytest.mark.parametrize(
    "fields", [{}, {"model": Seeded, "seed": 42}, {"space": {"x": Float(0, 1, step=0.01)}}]
)
def test_what_is_as_expected_gets_none(fields: dict[str, Any]) -> None:
    assert notes(tiny_job(**fields)) == []

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import ValidationError
from pydantic.dataclasses import dataclass as strict

from tune_jobs.models.nested import config_of


@dataclass(frozen=True)
class Inner:
    rate: float = 0.1
    width: int = 8


@dataclass(frozen=True)
class Middle:
    inner: Inner
    name: str = "m"


@dataclass(frozen=True)
class Outer:
    middle: Middle | None = None
    wide: Inner = field(default_factory=lambda: Inner(width=64))
    options: dict[str, Any] = field(default_factory=dict)
    anything: Any = None


@strict(frozen=True)
class Part:
    rate: float = 0.1


@strict(frozen=True)
class Whole:
    part: Part = Part()


def test_a_dict_becomes_the_dataclass_of_its_field() -> None:
    found = config_of(
        Outer,
        {
            "middle": {"inner": {"rate": 0.5}},
            "wide": {"rate": 0.7},
            "options": {"a": 1},
            "anything": {"b": 2},
        },
    )
    assert found == Outer(Middle(Inner(0.5)), Inner(0.7, 64), {"a": 1}, {"b": 2})


def test_a_name_that_the_inner_dataclass_lacks_is_named() -> None:
    with pytest.raises(TypeError, match="rat"):
        config_of(Outer, {"wide": {"rat": 1}})


def test_pydantic_checks_the_inner_dataclass_too() -> None:
    assert config_of(Whole, {"part": {"rate": 0.5}}).part.rate == 0.5
    with pytest.raises(ValidationError):
        config_of(Whole, {"part": {"rate": "fast"}})

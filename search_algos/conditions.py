"""Conditions on the value of another parameter: ``when={"optimizer": "sgd"}``.

A condition is one value, a list of values, or a bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tune_jobs.search_algos.domains import Choice, Domain, SpaceError, json_key
from tune_jobs.search_algos.domains.values import plain_fields


@dataclass(frozen=True)
class AtLeast:
    """The other parameter is this number or a larger one."""

    at_least: float

    def __post_init__(self) -> None:
        _check_number(self, self.at_least)

    def __str__(self) -> str:
        return f"at least {self.at_least:g}"


@dataclass(frozen=True)
class AtMost:
    """The other parameter is this number or a smaller one."""

    at_most: float

    def __post_init__(self) -> None:
        _check_number(self, self.at_most)

    def __str__(self) -> str:
        return f"at most {self.at_most:g}"


def at_least(number: float) -> AtLeast:
    """For ``when={"layers": at_least(2)}``: the parameter exists if there are 2 layers or more."""
    return AtLeast(number)


def at_most(number: float) -> AtMost:
    """For ``when={"layers": at_most(2)}``: the parameter exists if there are 2 layers or fewer."""
    return AtMost(number)


def meets(value: Any, wanted: Any) -> bool:
    """Whether the value of the other parameter is as the condition wants it."""
    match wanted:
        case AtLeast():
            return _is_number(value) and bool(value >= wanted.at_least)
        case AtMost():
            return _is_number(value) and bool(value <= wanted.at_most)
    return json_key(value) in map(json_key, _values(wanted))


def in_words(wanted: Any) -> str:
    """The condition after the word "is"."""
    if isinstance(wanted, AtLeast | AtMost):
        return str(wanted)
    return " or ".join(map(repr, _values(wanted)))


def from_json(wanted: Any) -> Any:
    """A condition that `dataclasses.asdict` has turned into plain values."""
    match wanted:
        case {"at_least": number, **rest} if not rest:
            return AtLeast(number)
        case {"at_most": number, **rest} if not rest:
            return AtMost(number)
    return wanted


def check_condition(name: str, parent_name: str, parent: Domain, wanted: Any) -> None:
    """Raises SpaceError for a condition that the other parameter can never meet."""
    depends = f"{name!r} depends on {parent_name!r}"
    if isinstance(wanted, AtLeast | AtMost):
        values = parent.extremes()
        if not all(map(_is_number, values)):
            raise SpaceError(f"{depends} being {wanted}; {parent_name!r} can be {parent}")
        if not any(meets(value, wanted) for value in values):
            raise SpaceError(f"{depends} being {wanted}, which it never is: it can be {parent}")
        return
    if parent.size is None:
        raise SpaceError(
            f"{depends} being {in_words(wanted)}; it can be any number from {parent.low:g} to "
            f"{parent.high:g}: give at_least(...) or at_most(...)"
        )
    for value in _values(wanted):
        if not parent.contains(value):
            can_be = ", ".join(map(repr, parent.values)) if isinstance(parent, Choice) else parent
            raise SpaceError(f"{depends} being {value!r}; {parent_name!r} can be {can_be}")


def _values(wanted: Any) -> Sequence[Any]:
    """`"sgd"` is one value, `("sgd", "adam")` is two."""
    return wanted if isinstance(wanted, (list, tuple)) else (wanted,)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _check_number(bound: AtLeast | AtMost, number: object) -> None:
    plain_fields(bound)
    if not _is_number(number) and not hasattr(number, "item"):
        raise SpaceError(f"a condition has the bound {number!r}; it must be a number")

"""One of some values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tune_jobs.search_algos.domains.values import (
    SpaceError,
    is_json,
    json_key,
    plain,
    plain_domain,
)


@dataclass(frozen=True)
class Choice:
    """One of the given values, without an order: text, numbers, true, false, None, and tuples,
    lists and dicts of them.

    Raises SpaceError for no values, a repeated value, or a value of another kind.
    """

    values: Sequence[Any]
    when: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if hasattr(self.values, "tolist"):  # an array
            object.__setattr__(self, "values", self.values.tolist())
        if isinstance(self.values, str | bytes) or not isinstance(self.values, Sequence):
            raise SpaceError(f"Choice({self.values!r}): give a list of values")
        if not isinstance(self.values, list | tuple):  # such as a range
            object.__setattr__(self, "values", list(self.values))
        if not self.values:
            raise SpaceError("Choice([]): there is nothing to choose from; give at least one value")
        plain_domain(self)
        for value in self.values:
            if not is_json(value):
                raise SpaceError(
                    f"Choice: {value!r} is not text, a number, true, false, None, or a tuple, list "
                    "or dict of them; name it with a string and look the name up in the model"
                )
        for place, value in enumerate(self.values):
            if self.index(value) != place:
                raise SpaceError(f"Choice: {value!r} is given more than once")

    @property
    def size(self) -> int:
        """How many values there are."""
        return len(self.values)

    def value_at(self, place: int) -> Any:
        """The value at a place of the list, from 0."""
        return self.values[place]

    def index(self, value: object) -> int:
        """The place of a value in the list."""
        return self._places[json_key(plain(value))]

    def from_unit(self, unit: float) -> Any:
        return self.value_at(min(int(unit * self.size), self.size - 1))

    def to_unit(self, value: Any) -> float:
        return (self.index(value) + 0.5) / self.size

    def contains(self, value: object) -> bool:
        value = plain(value)
        return is_json(value) and json_key(value) in self._places

    def extremes(self) -> Sequence[Any]:
        return self.values

    @cached_property
    def _places(self) -> dict[str, int]:
        return {json_key(value): place for place, value in enumerate(self.values)}

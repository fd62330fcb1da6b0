"""Grid search: every combination of values, once."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any, NamedTuple

from tune_jobs.search_algos.base import Searcher
from tune_jobs.search_algos.domains import Domain, SpaceError, json_key
from tune_jobs.search_algos.history import History
from tune_jobs.search_algos.space import Config, Space

_MOST = 200_000  # combinations with constraints


class _Block(NamedTuple):
    """All combinations of ``names`` under one assignment of the parameters others depend on."""

    fixed: Config
    names: list[str]
    size: int


class GridSearch(Searcher):
    """Tries every combination, in the order of the space; the last parameter changes fastest.

    Parameters that others depend on change slowest. A `Choice`, an `Int` and a `Float` with a
    step contribute all their values, an inactive parameter none, so a combination never comes
    twice. Combinations that break a constraint do not count.

    Args:
        points: values of a `Float` without a step, evenly on its scale with both ends.

    Raises ValueError for fewer than 2 points, SpaceError for constraints on a huge grid.
    """

    learns = False
    several_metrics = True

    def __init__(self, space: Space, seed: int, *, points: int = 5) -> None:
        super().__init__(space, seed)
        if points < 2:
            raise ValueError(
                f"points is {points}; it must be at least 2, one for each end of a range"
            )
        self._points = points
        self._blocks = list(self._all_blocks())
        self._ends = list(itertools.accumulate(block.size for block in self._blocks))
        self._allowed = self._all_allowed() if space.constraints else None

    @property
    def size(self) -> int:
        return self._ends[-1] if self._allowed is None else len(self._allowed)

    def suggest(self, index: int, history: History) -> Config | None:
        if index >= self.size:
            return None
        return self._at(index if self._allowed is None else self._allowed[index])

    def _all_allowed(self) -> list[int]:
        """The places of the combinations that the constraints allow."""
        if self._ends[-1] > _MOST:
            raise SpaceError(
                f"the grid has {self._ends[-1]:,} combinations, too many to look for those that "
                f"the constraints allow; {_MOST:,} are possible: give steps, fewer points, or "
                "another searcher"
            )
        return [place for place in range(self._ends[-1]) if self.space.allows(self._at(place))]

    def in_place_of(self, config: Config, index: int, history: History) -> Config | None:
        """The next combination that was not tried: all before it were."""
        later = (self.suggest(place, history) for place in range(index + 1, self.size))
        return next((other for other in later if other and other not in history), None)

    def _at(self, place: int) -> Config:
        """The combination at a place among all, whatever the constraints are."""
        number = bisect_right(self._ends, place)
        block = self._blocks[number]
        return self._combination(block, place - (self._ends[number] - block.size))

    def _all_blocks(self) -> Iterator[_Block]:
        parents = {parent for domain in self.space.values() for parent in domain.when or ()}
        seen: set[str] = set()
        values = [[(name, v) for v in self._values(self.space[name])] for name in sorted(parents)]
        for assignment in itertools.product(*values):
            config = self._active(dict(assignment))
            fixed = {name: value for name, value in config.items() if name in parents}
            if json_key(fixed) in seen:  # they differ in a parent that is inactive itself
                continue
            seen.add(json_key(fixed))
            names = [name for name in config if name not in parents]
            yield _Block(fixed, names, math.prod(self._count(self.space[n]) for n in names))

    def _active(self, assignment: Config) -> Config:
        """What is active under an assignment; only the assigned parameters have their value."""
        return self.space.build(lambda name, domain: assignment.get(name))

    def _combination(self, block: _Block, index: int) -> Config:
        config = dict(block.fixed)
        for name in reversed(block.names):
            index, place = divmod(index, self._count(self.space[name]))
            config[name] = self._value(self.space[name], place)
        return {name: config[name] for name in self.space if name in config}

    def _values(self, domain: Domain) -> list[Any]:
        return [self._value(domain, place) for place in range(self._count(domain))]

    def _count(self, domain: Domain) -> int:
        return self._points if domain.size is None else domain.size

    def _value(self, domain: Domain, place: int) -> Any:
        if domain.size is None:
            return domain.from_unit(place / (self._points - 1))
        return domain.value_at(place)

"""Configs to try before a searcher is asked: what an expert would try first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tune_jobs.search_algos.base import Searcher, generator
from tune_jobs.search_algos.history import History
from tune_jobs.search_algos.space import Config


class StartingPoints(Searcher):
    """Suggests ``points`` first, in their order, and then what ``searcher`` suggests.

    Raises SpaceError for a point that is not in the space. A point may leave parameters out;
    they are drawn at random.
    """

    def __init__(self, points: Sequence[Mapping[str, Any]], searcher: Searcher) -> None:
        super().__init__(searcher.space, searcher.seed)
        self._searcher = searcher
        self._points = [
            self.space.complete(point, generator("starting point", self.seed, index))
            for index, point in enumerate(points)
        ]
        # It is as that one is.
        self.supports_conditions = searcher.supports_conditions  # type: ignore[misc]
        self.takes_long = searcher.takes_long  # type: ignore[misc]
        self.learns = searcher.learns  # type: ignore[misc]
        self.several_metrics = searcher.several_metrics  # type: ignore[misc]
        self.may_repeat = True  # type: ignore[misc]  # a point was asked for, whatever is known

    @property
    def size(self) -> int | None:
        rest = self._searcher.size
        return None if rest is None else len(self._points) + rest

    def prepare(self) -> None:
        self._searcher.prepare()

    def suggest(self, index: int, history: History) -> Config | None:
        if index < len(self._points):
            return dict(self._points[index])
        return self._searcher.suggest_new(index - len(self._points), history)

"""A searcher that runs out of configs."""

from __future__ import annotations

from search_algos.base import Searcher
from search_algos.history import History
from search_algos.space import Config


class Three(Searcher):
    def suggest(self, index: int, history: History) -> Config | None:
        return {"x": (index + 1) / 10} if index < 3 else None

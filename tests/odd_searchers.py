"""Searchers with a single idea."""

from __future__ import annotations

from tune_jobs.search_algos.base import Searcher
from tune_jobs.search_algos.history import History
from tune_jobs.search_algos.space import Config


class Three(Searcher):
    def suggest(self, index: int, history: History) -> Config | None:
        return {"x": (index + 1) / 10} if index < 3 else None


class Best(Searcher):
    """The best config it has heard of, or the middle."""

    def suggest(self, index: int, history: History) -> Config | None:
        observed = history.learning_set(1).observed
        return min(observed, key=lambda tried: tried[1])[0] if observed else {"x": 0.5}

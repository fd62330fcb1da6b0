"""Random search (Bergstra & Bengio, JMLR 2012): every config is drawn independently."""

from __future__ import annotations

from tune_jobs.search_algos.base import Searcher
from tune_jobs.search_algos.history import History
from tune_jobs.search_algos.space import Config


class RandomSearch(Searcher):
    """Draws every config uniformly from the space (on a log scale if the domain has one)."""

    learns = False
    several_metrics = True

    def suggest(self, index: int, history: History) -> Config:
        return self.space.sample(self.rng(index))

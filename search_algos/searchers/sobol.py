"""A scrambled Sobol' sequence (Owen, 1998), by SciPy: fills the space more evenly than chance."""

from __future__ import annotations

from tune_jobs.search_algos.base import Searcher
from tune_jobs.search_algos.history import History
from tune_jobs.search_algos.space import Config


class SobolSearch(Searcher):
    """Takes the points of the sequence in turn, whatever the results are."""

    learns = False
    several_metrics = True

    def suggest(self, index: int, history: History) -> Config:
        from scipy.stats import qmc  # here, since it takes a second to import

        sequence = qmc.Sobol(len(self.space), seed=self.seed)
        if index > 0:  # SciPy cannot skip nothing
            sequence.fast_forward(index)
        config = self.space.decode(sequence.random(1)[0].tolist())
        # The nearest allowed config would lie at the edge of what is allowed, as others do.
        return config if self.space.allows(config) else self.space.sample(self.rng(index))

"""TPE, the Tree-structured Parzen Estimator (Bergstra et al., NeurIPS 2011), by hyperopt.

It models every parameter by itself, from the trials in which the parameter was active, which is
what conditions ask for.
"""

from __future__ import annotations

from functools import cached_property
from math import sqrt
from typing import TYPE_CHECKING

from tune_jobs.search_algos.base import DRAWS, Searcher
from tune_jobs.search_algos.history import History
from tune_jobs.search_algos.space import Config, Space

if TYPE_CHECKING:
    from tune_jobs.search_algos.searchers.tpe import TPE


class HyperOptSearch(Searcher):
    """Suggests configs where good ones have been dense and bad ones sparse.

    A config at work without a loss counts as if it had the worst one so far, so that parallel
    suggestions spread (a constant liar).

    Args:
        n_startup_jobs: random configs before the model is used, at least 1.
        n_EI_candidates: draws per parameter, of which the best expected improvement wins.
        gamma: how many observations are good: the best gamma·√n, where n trials have reached
            the epoch at which losses are compared, or n_startup_jobs if fewer have. Trials that
            were cut short tell what is bad. Counted in n, they would make what is good wider,
            and the search blunt.
    """

    takes_long = True

    def __init__(
        self,
        space: Space,
        seed: int,
        *,
        n_startup_jobs: int = 20,
        n_EI_candidates: int = 24,  # noqa: N803  # hyperopt's own name
        gamma: float = 0.25,
    ) -> None:
        super().__init__(space, seed)
        if n_startup_jobs < 1:
            raise ValueError(f"n_startup_jobs is {n_startup_jobs}; it must be at least 1")
        if n_EI_candidates < 1:
            raise ValueError(f"n_EI_candidates is {n_EI_candidates}; it must be at least 1")
        if not 0 < gamma < 1:
            raise ValueError(f"gamma is {gamma}; it must lie between 0 and 1")
        self._startup = n_startup_jobs
        self._candidates = n_EI_candidates
        self._gamma = gamma

    def suggest(self, index: int, history: History) -> Config:
        rng = self.rng(index)
        # One more than the parameters: fewer points tell no directions apart (as in BOHB).
        known = history.learning_set(enough=len(self.space) + 1)
        epoch, observed, pending = known.thinned(rng)
        lie = max((loss for _, loss in observed), default=0.0)
        results = observed + [(config, lie) for config in pending]
        if len(results) < self._startup:
            return self.space.sample(rng)
        compared = max(self._startup, history.reached(epoch))
        # The library multiplies it by the root of the number of trials that it gets.
        gamma = self._gamma * sqrt(compared / len(results))
        trials = self._tpe.trials(results)

        def draw() -> Config:
            return self._tpe.suggest(trials, gamma, int(rng.integers(2**31)))

        return self.space.constraints.first_allowed(draw, DRAWS) or draw()

    def prepare(self) -> None:
        _ = self._tpe

    @cached_property
    def _tpe(self) -> TPE:
        from tune_jobs.search_algos.searchers.tpe import TPE  # seconds, and at first not needed

        return TPE(self.space, self._candidates)

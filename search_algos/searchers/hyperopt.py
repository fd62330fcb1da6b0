"""TPE, the Tree-structured Parzen Estimator (Bergstra et al., NeurIPS 2011), by hyperopt.

The library is shown one number on the unit interval per Float or Int, which is where their
log scales and steps live, and the index of a Choice. It models every parameter by itself,
from the trials in which the parameter was active, which is what conditions ask for.
"""

from __future__ import annotations

from typing import Any

from hyperopt import JOB_STATE_DONE, STATUS_OK, Trials, hp, tpe
from hyperopt.base import Domain as Problem

from tune_jobs.search_algos.base import Searcher
from tune_jobs.search_algos.domains import Choice
from tune_jobs.search_algos.history import History
from tune_jobs.search_algos.space import Config, Space


class HyperOptSearch(Searcher):
    """Suggests configs where good ones have been dense and bad ones sparse.

    A config still at work counts as if it had the worst loss so far, so that parallel
    suggestions spread (a constant liar).

    Args:
        n_startup_jobs: random configs before the model is used, at least 1.
        n_EI_candidates: draws per parameter, of which the best expected improvement wins.
        gamma: which part of the observations is good: the best gamma·√n of n.
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
        self._options = {
            "n_startup_jobs": n_startup_jobs,
            "n_EI_candidates": n_EI_candidates,
            "gamma": gamma,
        }
        labels = {
            name: hp.choice(name, range(len(domain.values)))
            if isinstance(domain, Choice)
            else hp.uniform(name, 0, 1)
            for name, domain in space.items()
        }
        self._problem = Problem(lambda _: None, labels)

    def suggest(self, index: int, history: History) -> Config:
        # One more than the parameters: fewer points tell no directions apart (as in BOHB).
        _, observed, pending = history.learning_set(enough=len(self.space) + 1)
        lie = max((loss for _, loss in observed), default=0.0)
        results = observed + [(config, lie) for config in pending]
        trials = Trials()
        trials.insert_trial_docs(
            [self._document(number, *result) for number, result in enumerate(results)]
        )
        trials.refresh()
        seed = int(self.rng(index).integers(2**31))
        (suggestion,) = tpe.suggest(
            [len(results)], self._problem, trials, seed, verbose=False, **self._options
        )
        return self._config(suggestion["misc"]["vals"])

    def _document(self, number: int, config: Config, loss: float) -> dict[str, Any]:
        values = {name: self._values(name, config) for name in self.space}
        return {
            "tid": number,
            "state": JOB_STATE_DONE,
            "result": {"status": STATUS_OK, "loss": loss},
            "misc": {
                "tid": number,
                "cmd": None,
                "vals": values,
                "idxs": {name: [number] * len(found) for name, found in values.items()},
            },
            "spec": None,
            "exp_key": None,
            "owner": None,
            "version": 0,
            "book_time": None,
            "refresh_time": None,
        }

    def _values(self, name: str, config: Config) -> list[float]:
        """What the library is shown of a parameter: one number, or none where it is inactive."""
        if name not in config:
            return []
        domain = self.space[name]
        value = config[name]
        return [domain.index(value) if isinstance(domain, Choice) else domain.to_unit(value)]

    def _config(self, values: dict[str, Any]) -> Config:
        point = []
        for name, domain in self.space.items():
            (value,) = values[name]
            if isinstance(domain, Choice):
                value = (int(value) + 0.5) / len(domain.values)
            point.append(float(value))
        return self.space.decode(point)

"""TPE, the Tree-structured Parzen Estimator (Bergstra et al., NeurIPS 2011), by hyperopt.

The library is shown the unit interval where a domain is a continuum or has a log scale, and the
place of a value otherwise. It models every parameter by itself, from the trials in which
the parameter was active, which is what conditions ask for.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

from hyperopt import JOB_STATE_DONE, STATUS_OK, Trials, hp, tpe
from hyperopt.base import Domain as Problem

from tune_jobs.search_algos.base import DRAWS, Searcher
from tune_jobs.search_algos.domains import Choice, Domain, place_count
from tune_jobs.search_algos.history import History
from tune_jobs.search_algos.space import Config, Space


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
        self._options = {"n_startup_jobs": n_startup_jobs, "n_EI_candidates": n_EI_candidates}
        self._gamma = gamma
        labels = {name: _shown(name, domain) for name, domain in space.items()}
        self._problem = Problem(lambda _: None, labels)

    def suggest(self, index: int, history: History) -> Config:
        rng = self.rng(index)
        # One more than the parameters: fewer points tell no directions apart (as in BOHB).
        known = history.learning_set(enough=len(self.space) + 1)
        epoch, observed, pending = known.thinned(rng)
        lie = max((loss for _, loss in observed), default=0.0)
        results = observed + [(config, lie) for config in pending]
        trials = Trials()
        trials.insert_trial_docs(
            [self._document(number, *result) for number, result in enumerate(results)]
        )
        trials.refresh()
        compared = max(self._options["n_startup_jobs"], history.reached(epoch))
        # The library multiplies it by the root of the number of trials that it gets.
        gamma = self._gamma * sqrt(compared / max(1, len(results)))
        options = {**self._options, "gamma": gamma, "verbose": False}

        def draw() -> Config:
            seed = int(rng.integers(2**31))
            (found,) = tpe.suggest([len(results)], self._problem, trials, seed, **options)
            return self._config(found["misc"]["vals"])

        return self.space.constraints.first_allowed(draw, DRAWS) or draw()

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
        domain, value = self.space[name], config[name]
        return [domain.to_unit(value) if place_count(domain) is None else domain.index(value)]

    def _config(self, values: dict[str, Any]) -> Config:
        def value(name: str, domain: Domain) -> Any:
            (shown,) = values[name]
            places = place_count(domain)
            if places is None:
                return domain.from_unit(float(shown))
            return domain.value_at(min(max(int(shown), 0), places - 1))

        return self.space.build(value)


def _shown(name: str, domain: Domain) -> Any:
    """A parameter as hyperopt has it."""
    if isinstance(domain, Choice):
        return hp.choice(name, range(domain.size))
    places = place_count(domain)
    return hp.uniform(name, 0, 1) if places is None else hp.quniform(name, -0.5, places - 0.5, 1)

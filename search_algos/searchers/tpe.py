"""The TPE of the library hyperopt, apart from its searcher: to import it takes seconds.

The library is shown the unit interval where a domain is a continuum or has a log scale, and the
place of a value otherwise.
"""

from __future__ import annotations

from typing import Any

from hyperopt import JOB_STATE_DONE, STATUS_OK, Trials, hp, tpe
from hyperopt.base import Domain as Problem

from tune_jobs.search_algos.domains import Choice, Domain, place_count
from tune_jobs.search_algos.space import Config, Space


class TPE:
    """Args:
    candidates: draws per parameter, of which the best expected improvement wins.
    """

    def __init__(self, space: Space, candidates: int) -> None:
        self.space = space
        self._options = {"n_EI_candidates": candidates, "n_startup_jobs": 0, "verbose": False}
        labels = {name: _shown(name, domain) for name, domain in space.items()}
        self._problem = Problem(lambda _: None, labels)

    def trials(self, results: list[tuple[Config, float]]) -> Trials:
        """Configs and their losses in the library's form."""
        trials = Trials()
        trials.insert_trial_docs(
            [self._document(number, *result) for number, result in enumerate(results)]
        )
        trials.refresh()
        return trials

    def suggest(self, trials: Trials, gamma: float, seed: int) -> Config:
        """The best gamma·√n of n trials are good."""
        new = [len(trials)]
        (found,) = tpe.suggest(new, self._problem, trials, seed, gamma=gamma, **self._options)
        return self._config(found["misc"]["vals"])

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

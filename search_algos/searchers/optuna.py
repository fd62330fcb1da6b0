"""Optuna's samplers: TPE, a Gaussian process, CMA-ES.

Every suggestion asks a new study that is told the history, so nothing hidden is carried along.
Optuna is shown one number on the unit interval per Float or Int, which is where their log
scales and steps live, and the place of a Choice in its list.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, TPESampler
from optuna.trial import TrialState, create_trial

from tune_jobs.search_algos.base import Searcher
from tune_jobs.search_algos.domains import Choice, Domain
from tune_jobs.search_algos.history import History
from tune_jobs.search_algos.space import Config, Space

_SAMPLERS: dict[str, Callable[[int], BaseSampler]] = {
    "tpe": lambda seed: TPESampler(seed=seed, constant_liar=True),
    "gp": lambda seed: GPSampler(seed=seed),
    "cmaes": lambda seed: CmaEsSampler(seed=seed, warn_independent_sampling=False),
}

optuna.logging.set_verbosity(optuna.logging.ERROR)


class OptunaSearch(Searcher):
    """Suggests what an Optuna sampler does after the same observations.

    Args:
        sampler: ``"tpe"`` (the Tree-structured Parzen Estimator), ``"gp"`` (a Gaussian process
            with log expected improvement, seconds per suggestion) or ``"cmaes"`` (Hansen &
            Ostermeier, 2001; sees a Choice as a number, and is for spaces without many).
    """

    takes_long = True

    def __init__(self, space: Space, seed: int, *, sampler: str = "tpe") -> None:
        super().__init__(space, seed)
        if sampler not in _SAMPLERS:
            raise ValueError(f"sampler is {sampler!r}; it must be one of {', '.join(_SAMPLERS)}")
        self._sampler = sampler

    def suggest(self, index: int, history: History) -> Config:
        seed = int(self.rng(index).integers(2**31))
        # One more than the parameters: fewer points tell no directions apart (as in BOHB).
        _, observed, pending = history.learning_set(enough=len(self.space) + 1)
        study = optuna.create_study(sampler=_SAMPLERS[self._sampler](seed))
        if self._sampler == "cmaes":
            return self._evolved(study, observed)
        for config, loss in observed:
            study.add_trial(create_trial(value=loss, **self._known(config)))
        for config in pending:
            study.add_trial(create_trial(state=TrialState.RUNNING, **self._known(config)))
        trial = study.ask()
        return self.space.build(lambda name, domain: _suggested(trial, name, domain))

    def _known(self, config: Config) -> dict[str, Any]:
        """A config as Optuna has it: inactive parameters are left out."""
        params: dict[str, Any] = {}
        distributions: dict[str, BaseDistribution] = {}
        for name, value in config.items():
            domain = self.space[name]
            if isinstance(domain, Choice):
                params[name] = domain.index(value)
                distributions[name] = CategoricalDistribution(range(domain.size))
            else:
                params[name] = domain.to_unit(value)
                distributions[name] = FloatDistribution(0, 1)
        return {"params": params, "distributions": distributions}

    def _evolved(self, study: optuna.Study, observed: list[tuple[Config, float]]) -> Config:
        """CMA-ES moves on with every generation it is told: what was observed is put in place
        of its own proposals, one after the other, on the unit cube."""
        cube: dict[str, BaseDistribution] = dict.fromkeys(self.space, FloatDistribution(0, 1))
        for config, loss in observed:
            proposal = study.ask(cube)
            place_in_line = study.get_trials(deepcopy=False)[-1].system_attrs
            study.tell(proposal, state=TrialState.FAIL)
            study.add_trial(
                create_trial(
                    params=dict(zip(self.space, self.space.encode(config), strict=True)),
                    distributions=cube,
                    system_attrs=place_in_line,
                    value=loss,
                )
            )
        trial = study.ask(cube)
        return self.space.decode([trial.params[name] for name in self.space])


def _suggested(trial: optuna.Trial, name: str, domain: Domain) -> Any:
    if isinstance(domain, Choice):
        return domain.value_at(trial.suggest_categorical(name, range(domain.size)))
    return domain.from_unit(trial.suggest_float(name, 0, 1))

"""Optuna's samplers: TPE, a Gaussian process, CMA-ES, NSGA-II.

Every suggestion comes from a new study that gets the history, so there is no hidden state.
Optuna sees every parameter as its own users would declare it: a log scale as a log scale, a value
of a Choice or of a grid as its position.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, NSGAIISampler, TPESampler
from optuna.trial import TrialState, create_trial

from tune_jobs.search_algos.base import DRAWS, Searcher
from tune_jobs.search_algos.domains import Choice, Domain, Int, Normal, place_count
from tune_jobs.search_algos.history import History
from tune_jobs.search_algos.order import Loss, best_first, parts
from tune_jobs.search_algos.space import Config, Space

_SAMPLERS: dict[str, Callable[[int], BaseSampler]] = {
    "tpe": lambda seed: TPESampler(seed=seed, n_startup_trials=_STARTUP),
    "gp": lambda seed: GPSampler(seed=seed),
    "cmaes": lambda seed: CmaEsSampler(seed=seed, warn_independent_sampling=False),
    "nsga2": lambda seed: NSGAIISampler(seed=seed, population_size=_GENERATION),
}
_STARTUP = 10  # random configs, Optuna's default
_GENERATION = 50  # configs, Optuna's default

optuna.logging.set_verbosity(optuna.logging.ERROR)


class OptunaSearch(Searcher):
    """Suggests what an Optuna sampler suggests after the same observations.

    Args:
        sampler: ``"tpe"`` (the Tree-structured Parzen Estimator), ``"gp"`` (a Gaussian process
            with log expected improvement, seconds per suggestion), ``"cmaes"`` (Hansen &
            Ostermeier, 2001; sees a Choice as a number, and is for spaces without many; for one
            metric) or ``"nsga2"`` (Deb et al., 2002; for several metrics and many trials).
    """

    takes_long = True
    several_metrics = True

    def __init__(self, space: Space, seed: int, *, sampler: str = "tpe") -> None:
        super().__init__(space, seed)
        if sampler not in _SAMPLERS:
            raise ValueError(f"sampler is {sampler!r}; it must be one of {', '.join(_SAMPLERS)}")
        self._sampler = sampler
        self.several_metrics = sampler != "cmaes"  # type: ignore[misc]

    def suggest(self, index: int, history: History) -> Config:
        rng = self.rng(index)
        seed = int(rng.integers(2**31))
        # One more than the parameters: fewer points tell no directions apart (as in BOHB).
        known = history.learning_set(enough=len(self.space) + 1)
        epoch, observed, pending = known.thinned(rng)
        metrics = len(parts(observed[0][1])) if observed else 1
        study = optuna.create_study(
            directions=["minimize"] * metrics, sampler=_SAMPLERS[self._sampler](seed)
        )
        if self._sampler == "cmaes":
            return self._evolved(study, known.observed)
        count = len(observed)
        if self._sampler == "tpe":
            count = max(_STARTUP, history.reached(epoch))
        complete = _best(observed, count)
        for place, (config, loss) in enumerate(observed):
            result = _result(place, loss) if place in complete else {"state": TrialState.RUNNING}
            study.add_trial(create_trial(**result, **self._known(config)))
        for config in pending:
            study.add_trial(create_trial(state=TrialState.RUNNING, **self._known(config)))

        def draw() -> Config:
            trial = study.ask()
            return self.space.build(lambda name, domain: _suggested(trial, name, domain))

        return self.space.constraints.first_allowed(draw, DRAWS) or draw()

    def _known(self, config: Config) -> dict[str, Any]:
        """A config in Optuna's form: inactive parameters are left out."""
        return {
            "params": {n: _shown(self.space[n], value) for n, value in config.items()},
            "distributions": {n: _distribution(self.space[n]) for n in config},
        }

    def _evolved(self, study: optuna.Study, observed: list[tuple[Config, float]]) -> Config:
        """CMA-ES advances with every generation that it gets: the observed configs replace its own
        proposals, one after the other, on the unit cube."""
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

        def draw() -> Config:
            trial = study.ask(cube)
            return self.space.decode([trial.params[name] for name in self.space])

        return self.space.constraints.first_allowed(draw, DRAWS) or draw()


def _result(place: int, loss: Loss) -> dict[str, Any]:
    """Of a complete trial. Observations in order are the generations of NSGA-II."""
    generation = {NSGAIISampler._get_generation_key(): place // _GENERATION}
    return {"values": parts(loss), "system_attrs": generation}


def _best(observed: list[tuple[Config, Loss]], count: int) -> set[int]:
    """The places of so many of the best observations.

    TPE takes a tenth of the complete trials for good ones; the others, and those at work, it
    takes for bad ones. Trials that were cut short tell what is bad. Counted among the complete,
    they would make what is good wider, and the search blunt: so no more are shown as complete
    than have come as far as those that are compared.
    """
    return set(best_first({place: loss for place, (_, loss) in enumerate(observed)})[:count])


def _distribution(domain: Domain) -> BaseDistribution:
    if isinstance(domain, Choice):
        return CategoricalDistribution(range(domain.size))
    places = place_count(domain)
    if places is not None:
        return IntDistribution(0, places - 1)
    if _is_cube(domain):
        return FloatDistribution(0, 1)
    if isinstance(domain, Int):
        return IntDistribution(domain.low, domain.high, log=True)
    return FloatDistribution(domain.low, domain.high, log=domain.log)


def _is_cube(domain: Domain) -> bool:
    """Whether Optuna has nothing like it, and sees the unit interval."""
    return isinstance(domain, Normal) or (
        not isinstance(domain, Choice) and domain.log and domain.step not in (None, 1)
    )


def _shown(domain: Domain, value: Any) -> Any:
    if _is_cube(domain):
        return domain.to_unit(value)
    return value if place_count(domain) is None else domain.index(value)


def _suggested(trial: optuna.Trial, name: str, domain: Domain) -> Any:
    match _distribution(domain):
        case CategoricalDistribution(choices=choices):
            shown: Any = trial.suggest_categorical(name, choices)
        case IntDistribution(low=low, high=high, log=log):
            shown = trial.suggest_int(name, low, high, log=log)
        case FloatDistribution(low=low, high=high, log=log):
            shown = trial.suggest_float(name, low, high, log=log)
    if _is_cube(domain):
        return domain.from_unit(shown)
    return shown if place_count(domain) is None else domain.value_at(shown)

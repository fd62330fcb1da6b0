"""A searcher of Ray Tune in a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ray.tune.search import ConcurrencyLimiter, Repeater
from ray.tune.search import Searcher as RayTuneSearcher

from tune_jobs.errors import UserError
from tune_jobs.names import name_of
from tune_jobs.on_ray.ray_tune.domains import to_ray
from tune_jobs.on_ray.ray_tune.theirs import LOSS, copied, told
from tune_jobs.search_algos.base import DRAWS, Searcher
from tune_jobs.search_algos.domains import Choice, Domain, Float
from tune_jobs.search_algos.history import History, Tried
from tune_jobs.search_algos.space import Config, Space


class TheirSearcher(Searcher):
    """A `ray.tune.search.Searcher` that gets the news of the history before each suggestion.

    It learns from trials that it did not suggest (starting points, a warm start) when they end, if
    it can.

    Raises UserError for options, for anything that is not a searcher, and for one that already
    has a space.
    """

    supports_conditions = False
    may_repeat = True  # it must know which config a trial has

    def __init__(self, space: Space, searcher: Any, options: Mapping[str, Any]) -> None:
        super().__init__(space, seed=0)  # its seed is its own affair
        self._name = f"searcher {name_of(searcher)!r}"
        self._foreign = copied(self._name, searcher, RayTuneSearcher, options)
        if isinstance(self._foreign, (ConcurrencyLimiter, Repeater)):
            raise UserError(
                f"{self._name} is a wrapper; give its searcher, and max_concurrent to the job"
            )
        domains = {name: to_ray(name, domain) for name, domain in space.items()}
        if not self._foreign.set_search_properties(LOSS, "min", domains):
            raise UserError(
                f"{self._name} has its own space; make it without one, the job provides it"
            )
        self._told: dict[int, int] = {}  # epochs of its own trials that go on
        self._names: dict[int, str] = {}  # of its own trials, as it has them
        self._closed: set[int] = set()  # places in the history of what has ended

    def suggest(self, index: int, history: History) -> Config | None:
        for place, tried in enumerate(history):
            if place not in self._closed:
                self._tell(tried)
            if tried.ended:
                self._closed.add(place)
        # Not the index: where there are starting points, that begins after them.
        number = sum(tried.trial_id is not None for tried in history)
        for name in [str(number), *(f"{number}-{again}" for again in range(1, DRAWS))]:
            config = self._answer(name)
            if config is None:
                return None
            if self.space.allows(config):
                self._told[number], self._names[number] = 0, name
                return config
            self._penalise(name, history)
        raise UserError(
            f"{self._name} gave {DRAWS} configs that break the constraints, for trial {number}; "
            "use one of the searchers that `tune-jobs list` shows: they keep to constraints"
        )

    def _penalise(self, name: str, history: History) -> None:
        """It learns that a config outside the constraints is as bad as the worst so far."""
        worst = max((loss for tried in history for loss in tried.losses.values()), default=None)
        if worst is None:
            self._foreign.on_trial_complete(name, error=True)
        else:
            self._foreign.on_trial_complete(name, told(1, worst, done=True))

    def _answer(self, name: str) -> Config | None:
        found: Any = self._foreign.suggest(name)
        if found == RayTuneSearcher.FINISHED:
            return None
        if found is None:
            raise UserError(
                f"{self._name} has no config for trial {name} yet, but a job needs one as soon "
                "as a slot is free: use a searcher that always answers"
            )
        return {name: _nearest(domain, found[name]) for name, domain in self.space.items()}

    def _tell(self, tried: Tried) -> None:
        if tried.trial_id not in self._told:
            if tried.ended and tried.losses:
                self._tell_of_another(tried)
            return
        trial_id = self._names[tried.trial_id]
        for epoch in sorted(tried.losses):
            if epoch > self._told[tried.trial_id]:
                self._told[tried.trial_id] = epoch
                self._foreign.on_trial_result(trial_id, told(epoch, tried.losses[epoch]))
        if tried.ended and tried.losses and not tried.diverged:
            last = max(tried.losses)
            self._foreign.on_trial_complete(trial_id, told(last, tried.losses[last], done=True))
        elif tried.ended:
            self._foreign.on_trial_complete(trial_id, error=True)

    def _tell_of_another(self, tried: Tried) -> None:
        last = max(tried.losses)
        try:
            self._foreign.add_evaluated_point(dict(tried.config), tried.losses[last])
        except NotImplementedError:
            if tried.trial_id is None:
                raise UserError(
                    f"{self._name} cannot learn from an earlier run; leave warm_start out"
                ) from None


def _nearest(domain: Domain, value: Any) -> Any:
    """A value of the domain as plain Python: libraries return numpy numbers, and may round beyond
    the end of a range."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(domain, Float) and domain.step is None:
        return min(max(float(value), float(domain.low)), float(domain.high))
    if not isinstance(domain, Choice):
        low, high = domain.extremes()
        value = min(max(value, low), high)
    return domain.from_unit(domain.to_unit(value))

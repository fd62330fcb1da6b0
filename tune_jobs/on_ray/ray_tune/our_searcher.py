"""Our searchers in a Ray Tune script."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray.cloudpickle
from ray.air.constants import TRAINING_ITERATION
from ray.tune.result import DEFAULT_METRIC
from ray.tune.search import Searcher as RayTuneSearcher

from tune_jobs.errors import UserError
from tune_jobs.experiment.objective import Objective
from tune_jobs.names import checked_options, find_class, name_of
from tune_jobs.on_ray.ray_tune.domains import our_terms
from tune_jobs.search_algos.base import Searcher
from tune_jobs.search_algos.history import History
from tune_jobs.search_algos.nested import groups, nest, path_of
from tune_jobs.search_algos.searchers import SEARCHERS
from tune_jobs.search_algos.space import Config, Space, split


@dataclass
class _Asked:
    """The outcome of one suggestion."""

    number: int
    config: Config
    epoch: int = 0  # told so far


class RaySearcher(RayTuneSearcher):
    """One of our searchers, for the ``search_alg`` of a `ray.tune.TuneConfig`.

    Space, metric and mode come from the Tuner, as with Ray's own searchers, or are given here; the
    Tuner does not change what is given here.

    Args:
        searcher: a name (``"bayesopt"``), ``"module:Class"``, or a class derived from
            `tune_jobs.search_algos.base.Searcher`.
        seed: the same seed and the same reports give the same suggestions.
        space: like a Tuner's ``param_space``; only here may our domains have conditions.
        metric, mode: what the trainable reports, and whether ``"min"`` or ``"max"`` is best.
        options: of the searcher.

    Raises UserError for an unknown searcher or option, SpaceError for a space that cannot be
    searched.
    """

    def __init__(
        self,
        searcher: str | type[Searcher],
        *,
        seed: int = 0,
        space: Mapping[str, Any] | None = None,
        metric: str | None = None,
        mode: str | None = None,
        **options: Any,
    ) -> None:
        check_mode(mode)
        super().__init__(metric=metric, mode=mode)
        self._name = name_of(searcher)
        self._class = find_class(searcher, Searcher, SEARCHERS)
        options = checked_options(f"searcher {self._name!r}", self._class, options)
        self._seed = seed
        self._options = options
        self._asked: dict[str, _Asked] = {}  # by Ray's id of the trial
        self._searcher: Searcher | None = None
        if space is not None:
            self._search(space)

    def set_search_properties(
        self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any
    ) -> bool:
        """Takes the values of the Tuner; returns False if there is a space already."""
        if self._searcher is not None:
            return False
        self._metric = metric or self._metric
        self._mode = mode or self._mode
        if self._search(config).has_conditions:
            # Ray lays a suggestion over the param_space: what is left out would stay a domain.
            raise UserError(
                "the param_space has conditions, which Ray Tune does not support; give it as "
                f"RaySearcher({self._name!r}, space={{...}}) instead"
            )
        return True

    def suggest(self, trial_id: str) -> Any:
        """A config, or FINISHED if our searcher has no more."""
        searcher = self._searcher
        if searcher is None:
            raise UserError(
                f"searcher {self._name!r} has no space to search; give tune.Tuner a param_space "
                "with at least one domain, such as tune.uniform(0, 1)"
            )
        objective_of(f"searcher {self._name!r}", self._metric, self._mode)
        number = len(self._asked)
        config = searcher.suggest_new(number, self._history)
        if config is None:
            return self.FINISHED
        self._history.suggested(number, config)
        self._asked[trial_id] = _Asked(number, config)
        return nest({**self._constants, **config}, self._groups)

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        asked = self._asked.get(trial_id)
        objective = objective_of(f"searcher {self._name!r}", self._metric, self._mode)
        loss = objective.loss(result)
        if asked is None or loss is None:
            return
        if self._has_another_config(asked, result):
            self._history.ended(asked.number)
        elif result[TRAINING_ITERATION] > asked.epoch:  # and not once more, after a failure
            asked.epoch = result[TRAINING_ITERATION]
            self._history.reported(asked.number, asked.epoch, loss)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        if trial_id not in self._asked:
            return
        if result and not error:
            self.on_trial_result(trial_id, result)
        self._history.ended(self._asked[trial_id].number)

    def save(self, checkpoint_path: str) -> None:
        Path(checkpoint_path).write_bytes(ray.cloudpickle.dumps(self.__dict__))

    def restore(self, checkpoint_path: str) -> None:
        self.__dict__.update(ray.cloudpickle.loads(Path(checkpoint_path).read_bytes()))

    def _has_another_config(self, asked: _Asked, result: Mapping[str, Any]) -> bool:
        """Whether a scheduler changed the trial's config: its results then say nothing about the
        suggestion."""
        keys = {name: "/".join(("config", *path_of(name, self._groups))) for name in asked.config}
        return any(result.get(keys[name], value) != value for name, value in asked.config.items())

    def _search(self, param_space: Mapping[str, Any]) -> Space:
        ours = our_terms(param_space)
        self._groups = groups(ours)
        space, self._constants = split(ours)
        if space.has_conditions and not self._class.supports_conditions:
            raise UserError(f"searcher {self._name!r} cannot search a space with conditions")
        if space:
            self._searcher = self._class(space, self._seed, **self._options)
            self._history = History(space)
        return space


def check_mode(mode: str | None) -> None:
    """Raises UserError if it is neither a mode nor left to the Tuner."""
    if mode not in (None, "min", "max"):
        raise UserError(f"mode is {mode!r}; it must be 'min' or 'max'")


def objective_of(owner: str, metric: str | None, mode: str | None) -> Objective:
    """What to optimise. Without a metric it is the single value that a trainable returns.

    Raises UserError if there is no mode.
    """
    if mode is None:
        raise UserError(
            f"{owner} does not know what to optimise; give metric and mode to tune.TuneConfig"
        )
    return Objective.of(metric or DEFAULT_METRIC, "min" if mode == "min" else "max")

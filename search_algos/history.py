"""The configs tried so far and their losses: all that a searcher may learn from."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from tune_jobs.search_algos.learning_set import LearningSet, learning_set
from tune_jobs.search_algos.repeats import ConfigSet
from tune_jobs.search_algos.space import Config, Space


@dataclass
class Tried:
    """One config and its results."""

    trial_id: int | None  # None: known from elsewhere, such as an earlier run
    config: Config
    losses: dict[int, float] = field(default_factory=dict)  # by epoch, those that are finite
    ended: bool = False
    diverged: bool = False


class History:
    """The configs of a space that were tried, in order, with the losses they reached at each epoch.

    Iterating gives everything that is known, and `learning_set` gives one loss for each config.
    ``config in history`` is true if a config was tried, is running, or is known from elsewhere.
    """

    def __init__(self, space: Space) -> None:
        self._tried: list[Tried] = []
        self._of_trial: dict[int, Tried] = {}
        self._configs = ConfigSet(space)
        self._count_at: Counter[int] = Counter()

    def __len__(self) -> int:
        return len(self._tried)

    def __iter__(self) -> Iterator[Tried]:
        return iter(self._tried)

    def __contains__(self, config: Config) -> bool:
        return config in self._configs

    def known(self, config: Config, losses: Mapping[int, float]) -> None:
        """Adds losses by epoch from elsewhere, such as an earlier run."""
        tried = self._add(Tried(None, config))
        for epoch, loss in losses.items():
            self._learn(tried, epoch, loss)
        tried.ended = True

    def suggested(self, trial_id: int, config: Config) -> None:
        self._of_trial[trial_id] = self._add(Tried(trial_id, config))

    def reported(self, trial_id: int, epoch: int, loss: float) -> None:
        if not self._of_trial[trial_id].ended:
            self._learn(self._of_trial[trial_id], epoch, loss)

    def ended(self, trial_id: int) -> None:
        """Later reports of this trial do not count for this config."""
        self._of_trial[trial_id].ended = True

    def snapshot(self) -> History:
        """A copy that does not change when this one grows."""
        copy = History.__new__(History)
        copy._tried = [replace(tried, losses=tried.losses.copy()) for tried in self._tried]
        copy._of_trial = {t.trial_id: t for t in copy._tried if t.trial_id is not None}
        copy._configs = self._configs.copy()
        copy._count_at = self._count_at.copy()
        return copy

    def learning_set(self, enough: int) -> LearningSet:
        """One loss for each config, at the highest epoch that ``enough`` trials have reached.

        If no epoch has that many, it is the one that most have reached. Trials that have not
        reached it count with an estimate; see `learning_set.learning_set`.
        """
        return learning_set(self._tried, self._common_epoch(enough))

    def reached(self, epoch: int) -> int:
        """How many trials have a loss at this epoch."""
        return self._count_at[epoch]

    def _add(self, tried: Tried) -> Tried:
        self._tried.append(tried)
        self._configs.add(tried.config)
        return tried

    def _learn(self, tried: Tried, epoch: int, loss: float) -> None:
        if not math.isfinite(loss):
            tried.diverged = True
            return
        self._count_at[epoch] += epoch not in tried.losses
        tried.losses[epoch] = loss

    def _common_epoch(self, enough: int) -> int:
        filled = [epoch for epoch, count in self._count_at.items() if count >= enough]
        best_filled = max(self._count_at.items(), key=lambda item: item[::-1], default=(0, 0))
        return max(filled, default=best_filled[0])

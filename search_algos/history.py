"""What has been tried so far and what came of it: all that a searcher may learn from."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from tune_jobs.search_algos.space import Config


class LearningSet(NamedTuple):
    """Comparable observations: every loss was measured at the same epoch."""

    epoch: int
    observed: list[tuple[Config, float]]
    pending: list[Config]


class Tried(NamedTuple):
    """What became of one config."""

    trial_id: int
    config: Config
    losses: Mapping[int, float]  # by epoch, those that are finite
    ended: bool
    diverged: bool


@dataclass
class _Tried:
    config: Config
    losses: dict[int, float] = field(default_factory=dict)
    ended: bool = False
    diverged: bool = False


class History:
    """Suggested configs in order of suggestion, with the losses they reached at each epoch."""

    def __init__(self) -> None:
        self._tried: dict[int, _Tried] = {}
        self._count_at: Counter[int] = Counter()

    def __len__(self) -> int:
        return len(self._tried)

    def suggested(self, trial_id: int, config: Config) -> None:
        self._tried[trial_id] = _Tried(config)

    def reported(self, trial_id: int, epoch: int, loss: float) -> None:
        tried = self._tried[trial_id]
        if tried.ended:
            return
        if math.isfinite(loss):
            tried.losses[epoch] = loss
            self._count_at[epoch] += 1
        else:
            tried.diverged = True

    def ended(self, trial_id: int) -> None:
        """Nothing more will be learned of this config, whatever the trial still does."""
        self._tried[trial_id].ended = True

    def __iter__(self) -> Iterator[Tried]:
        """Everything that is known, for a searcher that keeps books of its own."""
        for trial_id, tried in self._tried.items():
            yield Tried(trial_id, tried.config, tried.losses, tried.ended, tried.diverged)

    def snapshot(self) -> History:
        """A copy that stays as it is while this one grows."""
        copy = History()
        copy._count_at = self._count_at.copy()
        copy._tried = {n: replace(t, losses=t.losses.copy()) for n, t in self._tried.items()}
        return copy

    def learning_set(self, enough: int) -> LearningSet:
        """The observations at the highest epoch that at least ``enough`` trials have reached.

        Trials are cut short at different epochs, and a loss after 1 epoch says nothing beside
        one after 27: so one epoch is chosen and no other is mixed in (as BOHB does, Falkner
        et al. 2018). With fewer than ``enough`` everywhere it is the best filled epoch. A
        trial that diverged counts at every epoch, with the worst loss seen there. Pending are
        the configs that have not come this far and may: at work, or paused.
        """
        filled = [epoch for epoch, count in self._count_at.items() if count >= enough]
        best_filled = max(self._count_at.items(), key=lambda item: (item[1], item[0]), default=None)
        epoch = max(filled) if filled else best_filled[0] if best_filled else 0
        worst = max((t.losses[epoch] for t in self._tried.values() if epoch in t.losses), default=0)
        observed: list[tuple[Config, float]] = []
        pending: list[Config] = []
        for tried in self._tried.values():
            if tried.diverged:
                observed.append((tried.config, worst))
            elif epoch in tried.losses:
                observed.append((tried.config, tried.losses[epoch]))
            elif not tried.ended:
                pending.append(tried.config)
        return LearningSet(epoch, observed, pending)

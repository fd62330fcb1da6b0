"""The configs tried so far and their losses: all that a searcher may learn from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from tune_jobs.search_algos.learning_set import LearningSet, learning_set
from tune_jobs.search_algos.order import Loss, is_finite
from tune_jobs.search_algos.repeats import ConfigSet
from tune_jobs.search_algos.space import Config, Space


@dataclass
class Tried:
    """One config and its results."""

    trial_id: int | None  # None: known from elsewhere, such as an earlier run
    config: Config
    losses: dict[int, Loss] = field(default_factory=dict)  # by epoch, those that are finite
    ended: bool = False
    diverged: bool = False


class History:
    """The configs of a space that were tried, in order, with the losses they reached at each epoch.

    Iterating gives everything that is known, and `learning_set` gives one loss for each config.
    ``config in history`` is true if a config was tried, is running, or is known from elsewhere.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self._tried: list[Tried] = []
        self._place_of: dict[int, int] = {}  # trial -> in that list
        self._configs = ConfigSet(space)
        self._count_at: Counter[int] = Counter()
        self._copy: History | None = None
        self._changed: set[int] = set()  # places, since the copy was as this one

    def __len__(self) -> int:
        return len(self._tried)

    def __iter__(self) -> Iterator[Tried]:
        return iter(self._tried)

    def __contains__(self, config: Config) -> bool:
        return config in self._configs

    def known(self, config: Config, losses: Mapping[int, Loss]) -> None:
        """Adds losses by epoch from elsewhere, such as an earlier run."""
        tried = Tried(None, config)
        self._add(tried)
        for epoch, loss in losses.items():
            self._learn(tried, epoch, loss)
        tried.ended = True

    def suggested(self, trial_id: int, config: Config) -> None:
        self._place_of[trial_id] = len(self)
        self._add(Tried(trial_id, config))

    def reported(self, trial_id: int, epoch: int, loss: Loss) -> None:
        tried = self._to_change(trial_id)
        if not tried.ended:
            self._learn(tried, epoch, loss)

    def ended(self, trial_id: int) -> None:
        """Later reports of this trial do not count for this config."""
        self._to_change(trial_id).ended = True

    def snapshot(self) -> History:
        """A copy to read, that does not change when this one grows. It is brought up to date by
        the next snapshot, so that each costs only what has changed since the last one."""
        copy = self._copy = self._copy or History(self._space)
        for place in sorted(self._changed):
            tried = self._tried[place]
            tried = replace(tried, losses=tried.losses.copy())
            if place == len(copy):
                copy._add(tried)
            else:
                copy._tried[place] = tried
        copy._count_at = self._count_at.copy()
        copy._changed.clear()
        self._changed.clear()
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

    def _add(self, tried: Tried) -> None:
        self._changed.add(len(self))
        self._tried.append(tried)
        self._configs.add(tried.config)

    def _to_change(self, trial_id: int) -> Tried:
        place = self._place_of[trial_id]
        self._changed.add(place)
        return self._tried[place]

    def _learn(self, tried: Tried, epoch: int, loss: Loss) -> None:
        if not is_finite(loss):
            tried.diverged = True
            return
        self._count_at[epoch] += epoch not in tried.losses
        tried.losses[epoch] = loss

    def _common_epoch(self, enough: int) -> int:
        filled = [epoch for epoch, count in self._count_at.items() if count >= enough]
        best_filled = max(self._count_at.items(), key=lambda item: item[::-1], default=(0, 0))
        return max(filled, default=best_filled[0])

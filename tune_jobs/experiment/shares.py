"""What a searcher sees of the time of a training."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

from tune_jobs.search_algos.order import Loss

SHARES = 100


class Epochs:
    """As it is reported."""

    def report(self, trial_id: int, epoch: int) -> range:
        """The epochs of the history that a loss is for."""
        return range(epoch, epoch + 1)

    def known(self, losses: Mapping[int, Loss]) -> dict[int, Loss]:
        """Losses of an earlier run by the epochs of the history."""
        return dict(losses)


class Shares(Epochs):
    """In hundredths of a complete training. A trial may report after any number of steps, so two
    trials hardly ever do after the same number, and a searcher could not compare them."""

    def __init__(self, complete: int) -> None:
        self._complete = complete
        self._reached: dict[int, int] = {}

    def report(self, trial_id: int, epoch: int) -> range:
        """The newest share, and those since the last report."""
        before, now = self._reached.get(trial_id, 0), self._share(epoch)
        self._reached[trial_id] = now
        return range(min(before + 1, now), now + 1)

    def known(self, losses: Mapping[int, Loss]) -> dict[int, Loss]:
        found: dict[int, Loss] = {}
        for epoch, loss in sorted(losses.items()):
            now = self._share(epoch)
            found |= dict.fromkeys(range(min(len(found) + 1, now), now + 1), loss)
        return found

    def _share(self, epoch: int) -> int:
        return ceil(epoch * min(SHARES, self._complete) / self._complete)

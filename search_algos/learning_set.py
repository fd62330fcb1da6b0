"""One loss for each config, although trials stop at different epochs."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from math import isfinite
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from tune_jobs.search_algos.space import Config

if TYPE_CHECKING:
    import numpy as np

    from tune_jobs.search_algos.history import Tried

MOST = 1000
"""Observations that a model is fitted to: what it costs grows with them, up to their cube."""


class LearningSet(NamedTuple):
    """Every config once: with its measured or estimated loss at ``epoch``, or as pending."""

    epoch: int
    observed: list[tuple[Config, float]]
    pending: list[Config]  # at work, and without a loss so far

    def thinned(self, rng: np.random.Generator) -> LearningSet:
        """Not more than `MOST` observations: of more, the best quarter of so many, and a random
        sample of the others, in their order."""
        count = len(self.observed)
        if count <= MOST:
            return self
        ranking = sorted(range(count), key=lambda place: self.observed[place][1])
        best, others = ranking[: MOST // 4], ranking[MOST // 4 :]
        chosen = {*best, *rng.choice(others, MOST - len(best), replace=False).tolist()}
        return self._replace(observed=[self.observed[place] for place in sorted(chosen)])


def learning_set(history: Iterable[Tried], epoch: int) -> LearningSet:
    """All that is known, in terms of losses at ``epoch``.

    A trial that has not reached it (it was cut short, is paused, or is on its way) counts with its
    newest loss plus the median further gain of the trials that have. So trials that were cut at
    the same epoch keep their order, and none is forgotten. A trial that diverged, or failed before
    its first loss, counts with the worst loss of all.
    """
    history = list(history)
    curves = [tried.losses for tried in history if epoch in tried.losses]

    @cache
    def gain_since(earlier: int) -> float:
        return median([c[epoch] - c[earlier] for c in curves if earlier in c] or [0.0])

    def loss_of(tried: Tried) -> float:
        if epoch in tried.losses:
            return tried.losses[epoch]
        newest = max(tried.losses)
        if newest > epoch:
            newest = max((e for e in tried.losses if e < epoch), default=min(tried.losses))
        loss = tried.losses[newest]
        expected = loss + gain_since(newest)
        return expected if isfinite(expected) else loss

    losses = [loss_of(t) if t.losses and not t.diverged else None for t in history]
    worst = max((loss for loss in losses if loss is not None), default=0.0)
    observed, pending = [], []
    for tried, loss in zip(history, losses, strict=True):
        if loss is None and not (tried.ended or tried.diverged):
            pending.append(tried.config)
        else:
            observed.append((tried.config, worst if loss is None else loss))
    return LearningSet(epoch, observed, pending)

"""One loss for each config, although trials stop at different epochs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from math import isfinite
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from tune_jobs.search_algos.order import best_first
from tune_jobs.search_algos.space import Config

if TYPE_CHECKING:
    import numpy as np

    from tune_jobs.search_algos.history import Tried

MOST = 1000
"""Observations that a model is fitted to: what it costs grows with them, up to their cube."""


class LearningSet(NamedTuple):
    """Every config once: with its measured or estimated loss at ``epoch``, or as pending."""

    epoch: int
    observed: list[tuple[Config, Any]]  # a number; with several metrics a tuple
    pending: list[Config]  # at work, and without a loss so far

    def thinned(self, rng: np.random.Generator) -> LearningSet:
        """Not more than `MOST` observations: of more, the best quarter of so many, and a random
        sample of the others, in their order."""
        count = len(self.observed)
        if count <= MOST:
            return self
        ranking = best_first({place: loss for place, (_, loss) in enumerate(self.observed)})
        best, others = ranking[: MOST // 4], ranking[MOST // 4 :]
        chosen = {*best, *rng.choice(others, MOST - len(best), replace=False).tolist()}
        return self._replace(observed=[self.observed[place] for place in sorted(chosen)])


def learning_set(history: Iterable[Tried], epoch: int) -> LearningSet:
    """All that is known, in terms of losses at ``epoch``.

    A trial that has not reached it (it was cut short, is paused, or is on its way) counts with its
    newest loss plus the median further gain of the trials that have. So trials that were cut at
    the same epoch keep their order, and none is forgotten. A trial that diverged, or failed before
    its first loss, counts with the worst loss of all. With several metrics this is true of each.
    """
    history = list(history)
    found = [_estimated(history, curves, epoch) for curves in _curves(history)]
    observed: list[tuple[Config, Any]] = []
    pending = []
    for tried, *losses in zip(history, *found, strict=True):
        if tried.losses or tried.ended or tried.diverged:
            observed.append((tried.config, tuple(losses) if len(losses) > 1 else losses[0]))
        else:
            pending.append(tried.config)
    return LearningSet(epoch, observed, pending)


Curve = Mapping[int, float]


def _curves(history: Sequence[Tried]) -> list[list[Curve]]:
    """The losses of each trial by epoch, for each metric."""
    some: Any = next((loss for tried in history for loss in tried.losses.values()), 0.0)
    losses: list[Any] = [tried.losses for tried in history]
    if not isinstance(some, tuple):
        return [losses]
    return [
        [{epoch: loss[metric] for epoch, loss in curve.items()} for curve in losses]
        for metric in range(len(some))
    ]


def _estimated(history: Sequence[Tried], curves: Sequence[Curve], epoch: int) -> list[float]:
    """A loss for each trial, as far as it is known; the worst one for the others."""
    reached = [curve for curve in curves if epoch in curve]

    @cache
    def gain_since(earlier: int) -> float:
        return median([c[epoch] - c[earlier] for c in reached if earlier in c] or [0.0])

    def estimate(curve: Curve) -> float:
        if epoch in curve:
            return curve[epoch]
        newest = max(curve)
        if newest > epoch:
            newest = max((e for e in curve if e < epoch), default=min(curve))
        loss = curve[newest]
        expected = loss + gain_since(newest)
        return expected if isfinite(expected) else loss

    pairs = zip(history, curves, strict=True)
    losses = [estimate(c) if c and not tried.diverged else None for tried, c in pairs]
    worst = max((loss for loss in losses if loss is not None), default=0.0)
    return [worst if loss is None else loss for loss in losses]

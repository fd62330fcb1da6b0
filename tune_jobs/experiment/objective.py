"""What a run optimises: one metric or several, each with its direction, converted to a loss once.

With several metrics a loss is a tuple, in their order. This is the one place that knows how many
there are. Where one trial has to be named the best, it is the best by the first metric; among
equals, by the next one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from tune_jobs.errors import nearest
from tune_jobs.search_algos.order import Loss, no_worse, parts

Counts = Literal["any", "last", "complete"]
"""Which report of a trial counts when trials are compared: its best one; its last one; or its last
one, among trials with equally many: those with the most come first."""

Mode = Literal["min", "max"]


@dataclass(frozen=True)
class Objective:
    """Attributes:
    metrics, modes: of the job, each metric with its mode.
    over_folds: whether the metrics are means over the epochs so far, which are folds.
    best: which report counts.
    in_steps: whether trials count their training themselves (`TuneJob.time_attr`).
    """

    metrics: tuple[str, ...]
    modes: tuple[Mode, ...]
    over_folds: bool = False
    best: Counts = "any"
    in_steps: bool = False

    @classmethod
    def of(
        cls,
        metric: str | list[str],
        mode: Mode | list[Mode],
        folds: int | None = None,
        best: Counts | None = None,
        time_attr: str | None = None,
    ) -> Objective:
        """By default the best epoch of a trial counts. Folds are not equally hard, so there the
        mean over the most folds counts."""
        over_folds = folds is not None
        counts: Counts = best or ("complete" if over_folds else "any")
        metrics = (metric,) if isinstance(metric, str) else tuple(metric)
        modes = (mode,) if isinstance(mode, str) else tuple(mode)
        return cls(metrics, modes, over_folds, counts, time_attr is not None)

    @property
    def metric(self) -> str:
        """The first one."""
        return self.metrics[0]

    @property
    def mode(self) -> Mode:
        """Of the first metric."""
        return self.modes[0]

    @property
    def each(self) -> list[Objective]:
        """The metrics, each by itself."""
        return [
            replace(self, metrics=(metric,), modes=(mode,))
            for metric, mode in zip(self.metrics, self.modes, strict=True)
        ]

    @property
    def is_several(self) -> bool:
        return len(self.metrics) > 1

    @property
    def words(self) -> str:
        """Its metrics, for people."""
        return ", ".join(self.metrics)

    @property
    def worst(self) -> Loss:
        """The loss of a trial that has none."""
        return (math.inf,) * len(self.metrics) if self.is_several else math.inf

    def loss(self, metrics: Mapping[str, float]) -> Loss | None:
        """The metrics as numbers, lower is better; None if one was not reported."""
        losses = []
        for metric, mode in zip(self.metrics, self.modes, strict=True):
            value = metrics.get(metric)
            if value is None:
                return None
            losses.append(value if mode == "min" else -value)
        return tuple(losses) if self.is_several else losses[0]

    def missing_from(self, metrics: Mapping[str, float]) -> str:
        """A message that a metric is not among the reported ones."""
        missing = next(metric for metric in self.metrics if metric not in metrics)
        reported = ", ".join(sorted(metrics)) or "nothing"
        hint = nearest(missing, metrics) if metrics else "return it from evaluate()"
        return f"metric {missing!r} was not reported; the model reported {reported}: {hint}"

    @property
    def unit(self) -> str:
        """What the training of a trial is counted in."""
        if self.over_folds:
            return "fold"
        return "step" if self.in_steps else "epoch"

    def rank(self, epoch: int, loss: Loss) -> tuple[int, Loss]:
        """For sorting, lower is better: by loss; where complete trials count, first by more
        epochs."""
        return (-epoch if self.best == "complete" else 0), loss

    def replaces(self, new: tuple[int, Loss], old: tuple[int, Loss]) -> bool:
        """Whether a report, its epoch and loss, counts for its trial instead of an earlier one."""
        return self.best == "last" or self.rank(*new) < self.rank(*old)

    def covers(self, one: tuple[int, Loss], other: tuple[int, Loss]) -> bool:
        """Whether a report, its epoch and loss, is as good as another one in everything."""
        (ahead, mine), (behind, theirs) = self.rank(*one), self.rank(*other)
        return ahead < behind or (ahead == behind and no_worse(mine, theirs))

    @property
    def may_return(self) -> bool:
        """Whether a trial that is beaten now may be among the best again, without a report of its
        own: because the one that beat it counts with another report."""
        return self.best == "last" or self.is_several

    def value(self, loss: Loss) -> float:
        """The first metric of this loss."""
        return next(iter(self.values(loss).values()))

    def values(self, loss: Loss) -> dict[str, float]:
        """The metrics that gave this loss."""
        return {
            metric: part if mode == "min" else -part
            for metric, mode, part in zip(self.metrics, self.modes, parts(loss), strict=True)
        }

    def mode_of(self, metric: str) -> Mode | None:
        """None for a metric that is not optimised."""
        return dict(zip(self.metrics, self.modes, strict=True)).get(metric)

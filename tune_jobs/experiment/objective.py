"""What a run optimises: a metric and its direction, converted to a loss once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tune_jobs.errors import nearest

Counts = Literal["any", "last", "complete"]
"""Which report of a trial counts when trials are compared: its best one; its last one; or its last
one, among trials with equally many: those with the most come first."""


@dataclass(frozen=True)
class Objective:
    """Attributes:
    metric, mode: of the job.
    over_folds: whether the metric is a mean over the epochs so far, which are folds.
    best: which report counts.
    in_steps: whether trials count their training themselves (`TuneJob.time_attr`).
    """

    metric: str
    mode: Literal["min", "max"]
    over_folds: bool = False
    best: Counts = "any"
    in_steps: bool = False

    @classmethod
    def of(
        cls,
        metric: str,
        mode: str,
        folds: int | None,
        best: Counts | None,
        time_attr: str | None = None,
    ) -> Objective:
        """By default the best epoch of a trial counts. Folds are not equally hard, so there the
        mean over the most folds counts."""
        over_folds = folds is not None
        counts: Counts = best or ("complete" if over_folds else "any")
        in_steps = time_attr is not None
        return cls(metric, "min" if mode == "min" else "max", over_folds, counts, in_steps)

    def loss(self, metrics: Mapping[str, float]) -> float | None:
        """The metric as a number, lower is better; None if it was not reported."""
        value = metrics.get(self.metric)
        return value if value is None or self.mode == "min" else -value

    def missing_from(self, metrics: Mapping[str, float]) -> str:
        """A message that the metric is not among the reported ones."""
        reported = ", ".join(sorted(metrics)) or "nothing"
        hint = nearest(self.metric, metrics) if metrics else "return it from evaluate()"
        return f"metric {self.metric!r} was not reported; the model reported {reported}: {hint}"

    @property
    def unit(self) -> str:
        """What the training of a trial is counted in."""
        if self.over_folds:
            return "fold"
        return "step" if self.in_steps else "epoch"

    def rank(self, epoch: int, loss: float) -> tuple[int, float]:
        """For sorting, lower is better: by loss; where complete trials count, first by more
        epochs."""
        return (-epoch if self.best == "complete" else 0), loss

    def replaces(self, new: tuple[int, float], old: tuple[int, float]) -> bool:
        """Whether a report, its epoch and loss, counts for its trial instead of an earlier one."""
        return self.best == "last" or self.rank(*new) < self.rank(*old)

    def value(self, loss: float) -> float:
        """The metric that gave this loss."""
        return loss if self.mode == "min" else -loss

"""What a run optimises: a metric and its direction, converted to a loss once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tune_jobs.errors import nearest


@dataclass(frozen=True)
class Objective:
    """Attributes:
    metric, mode: of the job.
    over_folds: whether the metric is a mean over the epochs so far, which are folds.
    """

    metric: str
    mode: Literal["min", "max"]
    over_folds: bool = False

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
        """What a trial reports after each of."""
        return "fold" if self.over_folds else "epoch"

    def rank(self, epoch: int, loss: float) -> tuple[int, float]:
        """For sorting, lower is better: by loss; in a cross-validation first by more folds, because
        folds are not equally hard."""
        return (-epoch if self.over_folds else 0), loss

    def value(self, loss: float) -> float:
        """The metric that gave this loss."""
        return loss if self.mode == "min" else -loss

"""The figures of a run in a notebook."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from plotly.graph_objects import Figure

from tune_jobs.errors import UserError, nearest
from tune_jobs.experiment.facts import Fact
from tune_jobs.experiment.objective import Objective
from tune_jobs.views.pages import figures
from tune_jobs.views.pages.record import Record

if TYPE_CHECKING:
    from tune_jobs.views.pages.hyperparameters import Compared


class Plots:
    """Each method gives a figure of plotly, which a notebook shows and which you can change.

    Those of hyperparameters compare trials after the same number of epochs, and raise UserError
    for fewer than four trials. Those of one metric show, of several, the first one unless another
    one is named.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        self._known: dict[str, Compared] = {}

    @classmethod
    def of(cls, name: str, content: dict[str, Any], facts: Iterable[Fact], driver: str) -> Plots:
        record = Record.of(name, content, facts)
        record.state.driver = driver
        return cls(record)

    def incumbent(self, over: str = "epochs") -> Figure:
        """The best value so far, over the ``"epochs"`` of all trials or over ``"time"``."""
        draw = figures.incumbent_over_time if over == "time" else figures.incumbent_over_epochs
        return draw(self._record)

    def front(self) -> Figure:
        """The trials by two or three metrics; the Pareto front stands out."""
        from tune_jobs.views.pages.front import pareto_front  # takes a second to import

        return pareto_front(self._record)

    def hypervolume(self) -> Figure:
        """How much the Pareto front dominated after each trial."""
        from tune_jobs.views.pages.front import hypervolume

        return hypervolume(self._record)

    def learning_curves(self, metric: str | None = None) -> Figure:
        """The metric of the trials over their epochs, and where each ended."""
        return figures.learning_curves(self._record, self._objective(metric))

    def epochs_saved(self) -> Figure:
        """The epochs that were trained, beside those of all trials trained in full."""
        return figures.epochs_saved(self._record)

    def importance(self, metric: str | None = None) -> Figure:
        """How much of the variation of the metric each hyperparameter explains, by fANOVA."""
        return self._compared(metric).importance()

    def parallel_coordinates(self, metric: str | None = None) -> Figure:
        """Every trial as a line through its hyperparameters."""
        return self._compared(metric).parallel_coordinates()

    def slice(self, metric: str | None = None) -> Figure:
        """The metric by the values of each hyperparameter."""
        return self._compared(metric).slice()

    def contour(
        self, first: str | None = None, second: str | None = None, metric: str | None = None
    ) -> Figure:
        """The metric over two hyperparameters, by default the two most important numbers."""
        return self._compared(metric).contour([first, second] if first and second else None)

    def _compared(self, metric: str | None) -> Compared:
        from tune_jobs.views.pages.hyperparameters import Compared  # takes seconds to import

        objective = self._objective(metric)
        if objective.metric not in self._known:
            self._known[objective.metric] = Compared(self._record, objective)
        return self._known[objective.metric]

    def _objective(self, metric: str | None) -> Objective:
        """Of one metric, by default the first one. Raises UserError for one of another name."""
        objectives = {one.metric: one for one in self._record.state.objective.each}
        if metric is None:
            return next(iter(objectives.values()))
        if metric not in objectives:
            raise UserError(f"metric is {metric!r}; {nearest(metric, objectives)}")
        return objectives[metric]

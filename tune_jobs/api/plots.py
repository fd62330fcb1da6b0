"""The figures of a run in a notebook."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from plotly.graph_objects import Figure

from tune_jobs.experiment.facts import Fact
from tune_jobs.views.pages import figures
from tune_jobs.views.pages.record import Record

if TYPE_CHECKING:
    from tune_jobs.views.pages.hyperparameters import Compared


class Plots:
    """Each method gives a figure of plotly, which a notebook shows and which you can change.

    Those of hyperparameters compare trials after the same number of epochs, and raise UserError
    for fewer than four trials.
    """

    def __init__(self, record: Record) -> None:
        self._record = record

    @classmethod
    def of(cls, name: str, content: dict[str, Any], facts: Iterable[Fact]) -> Plots:
        return cls(Record.of(name, content, facts))

    def incumbent(self, over: str = "epochs") -> Figure:
        """The best value so far, over the ``"epochs"`` of all trials or over ``"time"``."""
        draw = figures.incumbent_over_time if over == "time" else figures.incumbent_over_epochs
        return draw(self._record)

    def learning_curves(self) -> Figure:
        """The metric of the trials over their epochs, and where each ended."""
        return figures.learning_curves(self._record)

    def epochs_saved(self) -> Figure:
        """The epochs that were trained, beside those of all trials trained in full."""
        return figures.epochs_saved(self._record)

    def importance(self) -> Figure:
        """How much of the variation of the metric each hyperparameter explains, by fANOVA."""
        return self._compared.importance()

    def parallel_coordinates(self) -> Figure:
        """Every trial as a line through its hyperparameters."""
        return self._compared.parallel_coordinates()

    def slice(self) -> Figure:
        """The metric by the values of each hyperparameter."""
        return self._compared.slice()

    def contour(self, first: str | None = None, second: str | None = None) -> Figure:
        """The metric over two hyperparameters, by default the two most important numbers."""
        return self._compared.contour([first, second] if first and second else None)

    @cached_property
    def _compared(self) -> Compared:
        from tune_jobs.views.pages.hyperparameters import Compared  # takes seconds to import

        return Compared(self._record)

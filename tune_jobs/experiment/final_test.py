"""The measurement of the incumbent on the test data."""

from __future__ import annotations

from tune_jobs.experiment.assignments import FinalTest
from tune_jobs.experiment.state import RunState


class Testing:
    """Whether the test is due, running, or failed for good.

    Args:
        max_failures: how often it is tried again.
    """

    def __init__(self, max_failures: int) -> None:
        self._max_failures = max_failures
        self._failures = 0
        self._at_work = False

    @staticmethod
    def is_done(state: RunState) -> bool:
        """Whether the incumbent was tested; True also if there is none."""
        return state.incumbent is None or state.tested is not None

    def next(self, state: RunState) -> FinalTest | None:
        incumbent = state.incumbent
        if self._at_work or incumbent is None or self.is_done(state):
            return None
        self._at_work = True
        return FinalTest(incumbent.config, incumbent.checkpoint)

    def failed(self) -> bool:
        """An attempt died; returns True if it should be tried again."""
        self._failures += 1
        return self._failures <= self._max_failures

"""Stops trials that no longer improve, whatever the scheduler decides."""

from __future__ import annotations

from tune_jobs.search_algos.decisions import Stop
from tune_jobs.search_algos.order import Loss, parts


class EarlyStopping:
    """Stops a trial after ``patience`` epochs in a row without an improvement of more than
    ``min_delta``, in the metric's unit (Prechelt, Early Stopping - But When?, 1998); with several
    metrics, of any of them.

    It gets every report, also those of an earlier driver, so it has the same state again.
    """

    def __init__(self, patience: int | None, min_delta: float) -> None:
        self._patience = patience
        self._min_delta = min_delta
        self._best: dict[tuple[int, int], tuple[tuple[float, ...], int]] = {}

    def on_report(self, trial_id: int, lineage: int, epoch: int, loss: Loss) -> Stop | None:
        """A trial that became a clone (another ``lineage``) starts again."""
        if self._patience is None:
            return None
        key = trial_id, lineage
        so_far, best_epoch = self._best.get(key, (parts(loss), epoch))
        pairs = zip(parts(loss), so_far, strict=True)
        best = tuple(now if now < was - self._min_delta else was for now, was in pairs)
        if best != so_far:
            best_epoch = epoch
        self._best[key] = best, best_epoch
        if epoch - best_epoch < self._patience:
            return None
        return Stop(f"no better since epoch {best_epoch}")

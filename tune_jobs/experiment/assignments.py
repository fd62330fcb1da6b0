"""What an executor does in a free slot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tune_jobs.experiment.trial import CheckpointRef, Trial


@dataclass(frozen=True)
class Train:
    """Start or continue a trial.

    A trial that became a clone started again: ``lineage`` counts these starts. The last one was
    from the checkpoint ``clone_of``, when ``cloned_at`` epochs were recorded. The trial cannot use
    its own checkpoints of an earlier lineage.
    """

    trial_id: int
    config: Mapping[str, Any]
    epoch: int  # recorded so far
    lineage: int = 0
    clone_of: CheckpointRef | None = None
    cloned_at: int = 0

    @classmethod
    def of(cls, trial: Trial) -> Train:
        return cls(
            trial.trial_id,
            trial.config,
            trial.epoch,
            trial.lineage,
            trial.clone_of,
            trial.cloned_at,
        )


@dataclass(frozen=True)
class FinalTest:
    """Measure the incumbent's checkpoint on the test data."""

    config: Mapping[str, Any]
    checkpoint: CheckpointRef


Assignment = Train | FinalTest

"""What an experiment has an executor do in a free slot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tune_jobs.experiment.state import CheckpointRef, Trial


@dataclass(frozen=True)
class Train:
    """Go on with a trial from where it stands.

    A trial that was made a clone began anew: it is at its ``lineage``-th beginning, which was
    the checkpoint ``clone_of``, when ``cloned_at`` epochs were recorded. Its own checkpoints
    of an earlier lineage are of no use to it.
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

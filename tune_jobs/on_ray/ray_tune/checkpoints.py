"""Where a Ray trial goes on from."""

from __future__ import annotations

import copy
from typing import Any

from ray.train._internal.session import _TrainingResult
from ray.tune.experiment import Trial as RayTrial

from tune_jobs.errors import UserError


def copy_state(source: RayTrial, trial: RayTrial) -> None:
    """A trial that does not run will start from the source's newest checkpoint, in the place of
    its own; done as Ray's PopulationBasedTraining does it.

    Raises UserError where the source has none.
    """
    saved = checkpoint_of(source)
    manager: Any = trial.run_metadata.checkpoint_manager
    manager._latest_checkpoint_result = _TrainingResult(
        checkpoint=copy.copy(saved.checkpoint), metrics=saved.metrics
    )


def checkpoint_of(trial: RayTrial) -> _TrainingResult:
    """The newest checkpoint. Raises UserError where there is none."""
    saved = trial.latest_checkpoint_result
    if saved is None:
        raise UserError(
            f"trial {trial.trial_id} has no checkpoint to go on from, and the scheduler pauses or "
            "clones trials; give tune.report(..., checkpoint=...) one after every epoch"
        )
    return saved

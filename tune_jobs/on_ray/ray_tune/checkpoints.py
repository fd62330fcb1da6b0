"""The checkpoints from which Ray trials continue."""

from __future__ import annotations

from typing import Any

from ray.tune.experiment import Trial as RayTrial

from tune_jobs.errors import UserError
from tune_jobs.on_ray.internals import start_from


def copy_state(source: RayTrial, trial: RayTrial) -> None:
    """Makes a waiting trial start from the source's newest checkpoint instead of its own. Raises
    UserError if the source has none."""
    start_from(trial, checkpoint_of(source))


def checkpoint_of(trial: RayTrial) -> Any:
    """The newest checkpoint. Raises UserError if there is none."""
    saved = trial.latest_checkpoint_result
    if saved is None:
        raise UserError(
            f"trial {trial.trial_id} has no checkpoint to continue from, but the scheduler pauses "
            "or clones trials; give tune.report(..., checkpoint=...) one after every epoch"
        )
    return saved

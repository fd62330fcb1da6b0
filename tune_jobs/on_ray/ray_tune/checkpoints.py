"""Where a Ray trial goes on from."""

from __future__ import annotations

from typing import Any

from ray.tune.experiment import Trial as RayTrial

from tune_jobs.errors import UserError
from tune_jobs.on_ray.internals import start_from


def copy_state(source: RayTrial, trial: RayTrial) -> None:
    """A trial that does not run will start from the source's newest checkpoint, in the place of
    its own. Raises UserError where the source has none."""
    start_from(trial, checkpoint_of(source))


def checkpoint_of(trial: RayTrial) -> Any:
    """The newest checkpoint. Raises UserError where there is none."""
    saved = trial.latest_checkpoint_result
    if saved is None:
        raise UserError(
            f"trial {trial.trial_id} has no checkpoint to go on from, and the scheduler pauses or "
            "clones trials; give tune.report(..., checkpoint=...) one after every epoch"
        )
    return saved

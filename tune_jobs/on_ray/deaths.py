"""Why a Ray trial died, in a person's words."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import Literal

from ray.exceptions import RayActorError, RayTaskError
from ray.tune.experiment import Trial as RayTrial

from tune_jobs.on_ray.trainable import LeavingError, TrialError


@dataclass(frozen=True)
class Death:
    """The end of an attempt.

    Kinds:
        error: the trial's own failure.
        hopeless: a failure that every trial would have.
        told to go: the worker had notice, and its trial stands at the end of an epoch.
        node lost: the worker's machine is gone.
    """

    text: str
    kind: Literal["error", "hopeless", "told to go", "node lost"] = "error"
    silent: bool = False  # the worker died without a word


def death_of(ray_trial: RayTrial) -> Death:
    path = ray_trial.pickled_error_file
    if path is None:
        return Death("the trial could not be started")
    with open(path, "rb") as file:
        error = pickle.load(file)  # written by Ray in this very process
    if isinstance(error, RayTaskError):
        match error.cause:
            case TrialError() as cause:
                return Death(cause.text, "hopeless" if cause.fatal else "error")
            case LeavingError():
                return Death(str(error.cause), "told to go")
    text = str(error).strip()
    if isinstance(error, RayActorError) and "creation task" not in text:
        return Death(f"{text}\nthe worker process died", silent=True)
    return Death(text)

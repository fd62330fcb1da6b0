"""Why a Ray trial died, for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ray.exceptions import RayActorError, RayTaskError
from ray.tune.experiment import Trial as RayTrial

from tune_jobs.on_ray.ends import end_of
from tune_jobs.on_ray.internals import error_of
from tune_jobs.on_ray.trainable import LeavingError, TrialError

_UNSTARTED = (
    "its worker had no process yet; if this happens to every worker, the driver and its cluster "
    "may have different RAY_AUTH_MODE"
)


@dataclass(frozen=True)
class Death:
    """The end of an attempt.

    Kinds:
        error: the trial's own failure.
        refused: the model does not accept the trial's config.
        hopeless: a failure that every trial would have.
        silent: the worker died without an error; the trial may have hung, or killed it.
        told to go: the worker had notice, and its trial is at the end of an epoch.
        node lost: the worker's machine is gone, or it never had a process.
    """

    text: str
    kind: Literal["error", "refused", "hopeless", "silent", "told to go", "node lost"] = "error"


def death_of(ray_trial: RayTrial) -> Death:
    error = error_of(ray_trial)
    match error:
        case None:
            return Death("the trial could not be started")
        case RayTaskError(cause=TrialError() as cause):
            return Death(cause.text, cause.kind)
        case RayTaskError(cause=LeavingError() as cause):
            return Death(str(cause), "told to go")
        case RayActorError():
            return _death_of_actor(error)
    return Death(str(error).strip())


def _death_of_actor(error: RayActorError) -> Death:
    text = str(error).strip()
    match end_of(error):
        case "start" | "memory":
            return Death(text)
        case "node":
            return Death(f"{text}\nits node is gone", "node lost")
        case "unstarted":
            return Death(f"{text}\n{_UNSTARTED}", "node lost")
        case "process":
            return Death(f"{text}\nthe worker process died", "silent")

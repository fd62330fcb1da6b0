"""Why a Ray trial died, in a person's words."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from ray.air.execution._internal.actor_manager import RayActorManager
from ray.exceptions import (
    ActorUnavailableError,
    OutOfMemoryError,
    RayActorError,
    RayTaskError,
)
from ray.tune.experiment import Trial as RayTrial

from tune_jobs.on_ray.trainable import LeavingError, TrialError


@dataclass(frozen=True)
class Death:
    """The end of an attempt.

    Kinds:
        error: the trial's own failure.
        hopeless: a failure that every trial would have.
        silent: the worker died without a word; the trial may have hung, or killed it.
        told to go: the worker had notice, and its trial stands at the end of an epoch.
        node lost: the worker's machine is gone.
    """

    text: str
    kind: Literal["error", "hopeless", "silent", "told to go", "node lost"] = "error"


def death_of(ray_trial: RayTrial) -> Death:
    path = ray_trial.pickled_error_file
    if path is None:
        return Death("the trial could not be started")
    with open(path, "rb") as file:
        error = pickle.load(file)  # written by Ray in this very process
    match error:
        case RayTaskError(cause=TrialError() as cause):
            return Death(cause.text, "hopeless" if cause.fatal else "error")
        case RayTaskError(cause=LeavingError() as cause):
            return Death(str(cause), "told to go")
        case RayActorError():
            return _death_of_actor(error)
    return Death(str(error).strip())


@contextmanager
def memory_kills_survived() -> Iterator[None]:
    """Inside, a worker that Ray's memory monitor killed is a trial that failed.

    As it is, Ray Tune (2.60) knows no OutOfMemoryError, and ends the whole run with it.
    """
    original = RayActorManager._actor_task_failed

    def failed(self: Any, tracked_actor_task: Any, exception: Exception) -> None:
        if isinstance(exception, OutOfMemoryError):
            told = "\n".join(str(exception).strip().splitlines()[:2])
            exception = RayActorError(error_msg=f"{_OUT_OF_MEMORY}: {told}")
        original(self, tracked_actor_task, exception)

    RayActorManager._actor_task_failed = failed  # type: ignore[method-assign]
    try:
        yield
    finally:
        RayActorManager._actor_task_failed = original  # type: ignore[method-assign]


_OUT_OF_MEMORY = "the worker was killed since its machine ran out of memory"


def _death_of_actor(error: RayActorError) -> Death:
    text = str(error).strip()
    if _OUT_OF_MEMORY in text or "creation task" in text:
        return Death(text)
    if error.preempted or isinstance(error, ActorUnavailableError) or "its node has died" in text:
        return Death(f"{text}\nits node is gone", "node lost")
    return Death(f"{text}\nthe worker process died", "silent")

"""What ended an actor."""

from __future__ import annotations

from typing import Literal

from ray.exceptions import ActorUnavailableError, RayActorError

from tune_jobs.on_ray.internals import OUT_OF_MEMORY


def end_of(error: RayActorError) -> Literal["start", "memory", "unstarted", "node", "process"]:
    """What ended an actor: an error at its start, the memory monitor, anything before it had a
    process, the loss of its node, or, if nothing is known, its own process."""
    text = str(error)
    if OUT_OF_MEMORY in text:
        return "memory"
    if error.actor_init_failed:
        return "start"
    if "it was cancelled before it started running" in text and "\tpid: " not in text:
        return "unstarted"  # Ray says so of a process that died in its first call, too
    if error.preempted or isinstance(error, ActorUnavailableError) or "its node has died" in text:
        return "node"
    return "process"

"""What a run uses of its machines, and what that adds up to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What a trial used of its worker, from one new epoch to the next.

    Attributes:
        cpu_seconds: of the worker's process and of those it started, on all their cores.
        memory_bytes: the most that it held since the trial came to this worker.
        trained_again: epochs that were recorded before, and whose checkpoints were lost.
    """

    cpu_seconds: float = 0.0
    memory_bytes: int = 0
    trained_again: int = 0


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What a cluster has when a driver starts, and what each trial gets of it."""

    cpus: float
    gpus: float
    trial_cpus: float
    trial_gpus: float


@dataclass
class Cost:
    """The sum over the epochs of a trial or of a run.

    Attributes:
        gpu_seconds: of training and evaluation, times the GPUs of the trial.
    """

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    gpu_seconds: float = 0.0
    memory_bytes: int = 0  # the most of any epoch
    trained_again: int = 0

    def add(self, seconds: float, usage: Usage | None, resources: Resources | None) -> None:
        """An epoch; a journal of before has neither usage nor resources."""
        self.seconds += seconds
        self.gpu_seconds += seconds * (resources.trial_gpus if resources else 0.0)
        if usage:
            self.cpu_seconds += usage.cpu_seconds
            self.memory_bytes = max(self.memory_bytes, usage.memory_bytes)
            self.trained_again += usage.trained_again

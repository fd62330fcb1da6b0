"""A trial after the facts so far, as the state of its run has it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from tune_jobs.experiment.cost import Cost
from tune_jobs.search_algos.order import Loss


class Status(str, Enum):
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"  # trained all its epochs, or ended by itself
    STOPPED = "stopped"  # ended early by a decision
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        return self in (Status.COMPLETED, Status.STOPPED, Status.FAILED)

    @property
    def rests(self) -> bool:
        """Whether a trial stays at its epoch."""
        return self is not Status.RUNNING


class CheckpointRef(NamedTuple):
    trial_id: int
    epoch: int


@dataclass
class Trial:
    trial_id: int
    config: dict[str, Any]
    suggested: dict[str, Any]  # the config at its start
    derived: dict[str, Any]  # the values that the config gives
    status: Status = Status.RUNNING
    epoch: int = 0  # epochs recorded
    metrics: dict[str, float] = field(default_factory=dict)  # of the last epoch
    is_judged: bool = False  # whether it ever reported the metric
    best_loss: Loss = math.inf  # of the report that counts
    best_epoch: int = 0  # of that report, or 0
    best_config: dict[str, Any] = field(default_factory=dict)  # at that report
    best_derived: dict[str, Any] = field(default_factory=dict)  # of that config
    cost: Cost = field(default_factory=Cost)
    node: str = ""
    failures: int = 0
    failed_at: int = -1  # epochs recorded at the last failure
    moves: list[str] = field(default_factory=list)  # why it moved, each time
    moved_at: int = -1  # epochs recorded at the last move
    lineage: int = 0  # how often it became a clone
    clone_of: CheckpointRef | None = None  # where its lineage began
    cloned_at: int = 0  # epochs recorded then
    note: str = ""  # why it ended, or its last error

    @property
    def seconds(self) -> float:
        """Of training and evaluation."""
        return self.cost.seconds

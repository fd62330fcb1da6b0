"""What a scheduler can decide about a trial: data, consumed with ``match``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tune_jobs.search_algos.space import Config


@dataclass(frozen=True)
class Continue:
    """Train the next epoch."""

    kind: Literal["continue"] = "continue"


@dataclass(frozen=True)
class Stop:
    """End the trial here. ``complete`` means that it reached its goal, and was not cut short."""

    reason: str
    complete: bool = False
    kind: Literal["stop"] = "stop"


@dataclass(frozen=True)
class Pause:
    """Give up the slot until a `Resume`."""

    kind: Literal["pause"] = "pause"


@dataclass(frozen=True)
class Exploit:
    """Continue from the newest checkpoint of another trial, with a new config."""

    source: int
    config: Config
    kind: Literal["exploit"] = "exploit"


Decision = Continue | Stop | Pause | Exploit


@dataclass(frozen=True)
class Resume:
    """A paused trial continues: as it was, or from the newest checkpoint of another."""

    trial_id: int
    exploit: Exploit | None = None

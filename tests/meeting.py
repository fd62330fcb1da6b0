"""Trials that are at work at the same time, or the first of them waits in vain."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from runs import tiny_job

from tune_jobs.job.tune_job import TuneJob
from tune_jobs.models.base import Metrics, Model
from tune_jobs.search_algos.domains import Float

PATIENCE = 400  # seconds


class Meets(Model):
    """Trains until ``many`` trials have come to the meeting, and counts how many are there then.
    The name of its file there has its GPUs."""

    @dataclass(frozen=True)
    class Config:
        x: float = 0.0
        meeting: str = ""  # a folder
        many: int = 1

    def train_epoch(self) -> Metrics:
        gpus = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        mark = Path(self.config.meeting, f"{uuid4().hex}-{gpus}.here")
        mark.touch()
        deadline = time.monotonic() + PATIENCE
        while len(list(mark.parent.iterdir())) < self.config.many:
            if time.monotonic() > deadline:
                raise TimeoutError("the others did not come")
            time.sleep(0.05)
        here = len(list(mark.parent.glob("*.here")))
        mark.rename(mark.with_suffix(".left"))
        return {"here": here}

    def evaluate(self) -> Metrics:
        return {"loss": self.config.x}

    def save(self, folder: Path) -> None:
        (folder / "nothing").touch()

    def load(self, folder: Path) -> None:
        pass


def meeting_job(meeting: Path, many: int, **fields: Any) -> TuneJob:
    """Its trials need each other for a single epoch."""
    meeting.mkdir()
    space = {"x": Float(0, 1), "meeting": str(meeting), "many": many}
    code = {"model": "meeting:Meets", "scheduler": "fifo"}
    return tiny_job(space=space, max_epochs=1, max_failures=0, **code, **fields)

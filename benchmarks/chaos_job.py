"""The job that `benchmarks/chaos.py` runs: it trains next to nothing, and every epoch leaves its
trace in a log and in the state, so that one too many or one too few shows."""

from __future__ import annotations

import json
import os
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tune_jobs import Float, TuneJob
from tune_jobs.models.base import Metrics, Model


class Logged(Model):
    """Its skill grows by chance, more or less. Every epoch trained is a line of ``log``:
    ``trial epoch``."""

    @dataclass(frozen=True)
    class Config:
        x: float
        rate: float
        log: str = os.devnull
        seconds: float = 0.1  # of an epoch
        seed: int = 0

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.epoch = 0
        self.skill = 0.0
        self.random = random.Random(config.seed)

    def train_epoch(self) -> Metrics:
        time.sleep(self.config.seconds)
        self.epoch += 1
        self.skill += self.config.rate * self.random.random() * (1 - self.skill)
        return {"skill": self.skill}

    def evaluate(self) -> Metrics:
        return {"loss": (self.config.x - 0.3) ** 2 + 1 - self.skill}

    def test(self) -> Metrics:
        return {"test_loss": self.evaluate()["loss"]}

    def state_dict(self) -> dict[str, Any]:
        return {"epoch": self.epoch, "skill": self.skill, "random": self.random.getstate()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.epoch, self.skill = state["epoch"], state["skill"]
        version, numbers, gauss = state["random"]
        self.random.setstate((version, tuple(numbers), gauss))

    def reconfigure(self, config: Config) -> None:
        self.config = config

    def save(self, folder: Path) -> None:
        with open(self.config.log, "a") as log:
            log.write(f"{int(folder.parent.name)} {self.epoch}\n")  # each trial has its folder
        (folder / "state.json").write_text(json.dumps(self.state_dict()))

    def load(self, folder: Path) -> None:
        self.load_state_dict(json.loads((folder / "state.json").read_text()))


job = TuneJob(
    name="chaos",
    model=Logged,
    space={"x": Float(0, 1), "rate": Float(0.1, 1, log=True)},
    metric="loss",
    mode="min",
    max_epochs=9,
)

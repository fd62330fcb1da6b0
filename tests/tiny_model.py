"""A model that trains in microseconds without torch, and can be told to misbehave."""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tune_jobs.models.base import Metrics, Model

TROUBLES = ("kill", "raise", "hang", "memory", "greed", "sigterm", "exit", "interrupt")


class Tiny(Model):
    """Its loss falls with every epoch; ``x`` = 0.3 is best. Every epoch trained is a line of
    ``log``: ``x epoch process``."""

    @dataclass(frozen=True)
    class Config:
        x: float = 0.5
        rate: float = 1.0  # of learning
        log: str = ""
        trouble: str = ""  # at epoch 3: one of TROUBLES, nan; silent; test
        once: str = ""  # a file that is made with the first trouble, which is then the last
        seconds: float = 0.0  # of an epoch
        seed: int = 0

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.epoch = 0
        self.progress = 0.0

    def train_epoch(self) -> Metrics:
        time.sleep(self.config.seconds)
        if self.epoch + 1 == 3 and self.config.trouble in TROUBLES:
            self._make_trouble()
        before = self._loss()
        self.epoch += 1
        self.progress += self.config.rate
        if self.config.log:
            with open(self.config.log, "a") as log:
                log.write(f"{self.config.x!r} {self.epoch} {os.getpid()}\n")
        return {"progress": self.progress, "before": before}

    def evaluate(self) -> Metrics:
        if self.config.trouble == "silent":
            return {"val_los": 1.0}
        if self.config.trouble == "nan" and self.epoch == 3:
            return {"loss": math.nan}
        return {"loss": self._loss()}

    def test(self) -> Metrics:
        if self.config.trouble == "test":
            raise ValueError("the test cannot be done")
        return {"test_loss": self.evaluate()["loss"] + 0.001}

    def state_dict(self) -> dict[str, Any]:
        return {"epoch": self.epoch, "progress": self.progress}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.epoch, self.progress = state["epoch"], state["progress"]

    def reconfigure(self, config: Config) -> None:
        self.config = config

    def save(self, folder: Path) -> None:
        (folder / "state.json").write_text(json.dumps(self.state_dict()))

    def load(self, folder: Path) -> None:
        self.load_state_dict(json.loads((folder / "state.json").read_text()))

    def _loss(self) -> float:
        return (self.config.x - 0.3) ** 2 + 1 / (1 + self.progress)

    def _make_trouble(self) -> None:
        if self.config.once:
            try:
                Path(self.config.once).touch(exist_ok=False)
            except FileExistsError:
                return
        match self.config.trouble:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "sigterm":
                os.kill(os.getpid(), signal.SIGTERM)
                return
            case "exit":
                raise SystemExit("the data end here")
            case "interrupt":
                raise KeyboardInterrupt
            case "hang":
                time.sleep(1000)
            case "memory":
                resource.setrlimit(resource.RLIMIT_AS, (2**36, resource.RLIM_INFINITY))
                bytearray(2**37)
            case "greed":
                hoard = [bytearray(b"x" * 2**26) for _ in range(2**6)]  # 4 GiB
                time.sleep(1000 * bool(hoard))
        raise ArithmeticError(f"x = {self.config.x} is too much for epoch {self.epoch + 1}")

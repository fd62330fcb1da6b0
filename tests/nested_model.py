"""A model whose Config has a dataclass, a dict and a tuple in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tune_jobs.models.base import Metrics, Model


@dataclass(frozen=True)
class Trainer:
    lr: float = 0.1
    name: str = "sgd"
    width: int = 8


class Nested(Model):
    """Its loss is its learning rate."""

    @dataclass(frozen=True)
    class Config:
        trainer: Trainer = Trainer(width=64)  # it is frozen
        options: dict[str, Any] = field(default_factory=dict)
        kernel: Any = (1, 1)
        layers: int = 1

        def __post_init__(self) -> None:
            found = (type(self.trainer), type(self.options), type(self.kernel))
            if found != (Trainer, dict, tuple):
                raise TypeError(f"the Config has {found}")
            if self.trainer.width != 64:
                raise ValueError(f"the default has width 64, this one {self.trainer.width}")

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.epoch = 0

    def train_epoch(self) -> Metrics:
        self.epoch += 1
        return {}

    def evaluate(self) -> Metrics:
        return {"loss": self.config.trainer.lr + self.config.options["depth"] / self.epoch}

    def test(self) -> Metrics:
        return self.evaluate()

    def state_dict(self) -> dict[str, Any]:
        return {"epoch": self.epoch}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.epoch = state["epoch"]

    def reconfigure(self, config: Any) -> None:
        self.config = config

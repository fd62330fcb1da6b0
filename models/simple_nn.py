"""The first network of every course: 784-128-10 on MNIST, one hidden layer."""

from __future__ import annotations

from pydantic import PositiveInt
from pydantic.dataclasses import dataclass
from torch import nn

from models.base import STRICT
from models.classifier import Classifier
from models.recipes import Optimization


class SimpleNN(Classifier):
    @dataclass(frozen=True, config=STRICT)
    class Config(Optimization):
        batch_size: PositiveInt = 64  # images per step
        hidden: PositiveInt = 128  # units
        seed: int = 0

    structural = Classifier.structural | {"hidden"}
    dataset = "mnist"
    mean, std = 33.3, 78.6

    def build_network(self) -> nn.Module:
        return nn.Sequential(  # (n, 1, 28, 28)
            nn.Flatten(),  # (n, 784)
            nn.Linear(784, self.config.hidden),
            nn.ReLU(),
            nn.Linear(self.config.hidden, 10),
        )

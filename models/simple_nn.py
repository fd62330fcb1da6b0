"""The first network of every course: 784-128-10 on MNIST, one hidden layer."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import PositiveInt
from pydantic.dataclasses import dataclass
from torch import nn

from tune_jobs.models.base import STRICT
from tune_jobs.models.training.images import ImageClassifier, ImageRecipe


class SimpleNN(ImageClassifier):
    @dataclass(frozen=True, config=STRICT)
    class Config(ImageRecipe):
        dataset: Literal["mnist", "fashion_mnist"] = "mnist"
        hidden: PositiveInt = 128  # units

    structural = ImageClassifier.structural | {"hidden"}

    def build_network(self) -> nn.Module:
        return nn.Sequential(  # (n, 1, 28, 28)
            nn.Flatten(),  # (n, 784)
            nn.Linear(math.prod(self.shape), self.config.hidden),
            nn.ReLU(),
            nn.Linear(self.config.hidden, self.task.outputs),
        )

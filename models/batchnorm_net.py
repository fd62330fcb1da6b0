"""A fully connected network with batch normalisation (Ioffe & Szegedy 2015) after both of its
hidden layers.

- the momentum of the running means and the batch size are hyperparameters: the noise in a batch's
  mean regularises
"""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import Field, PositiveInt
from pydantic.dataclasses import dataclass
from torch import nn

from tune_jobs.models.base import STRICT
from tune_jobs.models.training.images import ImageClassifier, ImageRecipe


class BatchNormNet(ImageClassifier):
    @dataclass(frozen=True, config=STRICT)
    class Config(ImageRecipe):
        dataset: Literal["mnist", "fashion_mnist"] = "mnist"
        hidden: PositiveInt = 128  # units of each hidden layer
        norm_momentum: float = Field(default=0.1, gt=0, le=1)  # weight of the newest batch

    structural = ImageClassifier.structural | {"hidden"}

    def build_network(self) -> nn.Module:
        hidden, momentum = self.config.hidden, self.config.norm_momentum
        return nn.Sequential(  # (n, 1, 28, 28)
            nn.Flatten(),  # (n, 784)
            nn.Linear(math.prod(self.shape), hidden, bias=False),
            nn.BatchNorm1d(hidden, momentum=momentum),
            nn.ReLU(),
            nn.Linear(hidden, hidden, bias=False),
            nn.BatchNorm1d(hidden, momentum=momentum),
            nn.ReLU(),
            nn.Linear(hidden, self.task.outputs),
        )

    def reconfigure(self, config: Any) -> None:
        super().reconfigure(config)
        for module in self.network.modules():
            if isinstance(module, nn.BatchNorm1d):
                module.momentum = config.norm_momentum

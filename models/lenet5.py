"""LeNet-5 (LeCun et al. 1998) in a modern form: ReLU, max pooling, a plain last layer."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import nn

from tune_jobs.models.base import STRICT
from tune_jobs.models.training.images import ImageClassifier, ImageRecipe


class LeNet5(ImageClassifier):
    @dataclass(frozen=True, config=STRICT)
    class Config(ImageRecipe):
        dataset: Literal["mnist", "fashion_mnist"] = "mnist"
        dropout: float = Field(default=0.0, ge=0, lt=1)  # share of units, before the last layer

    def build_network(self) -> nn.Module:
        return nn.Sequential(  # (n, 1, 28, 28)
            nn.Conv2d(self.shape[0], 6, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),  # (n, 6, 14, 14)
            nn.Conv2d(6, 16, 5),
            nn.ReLU(),
            nn.MaxPool2d(2),  # (n, 16, 5, 5)
            nn.Flatten(),
            nn.Linear(400, 120),
            nn.ReLU(),
            nn.Linear(120, 84),
            nn.ReLU(),
            nn.Dropout(self.config.dropout),
            nn.Linear(84, self.task.outputs),
        )

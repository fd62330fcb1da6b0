"""The textbook CNN for MNIST: about 99 % after ten epochs.

- convolution 5x5 with 32 channels, pooling, 5x5 with 64, pooling, 1024 units, dropout
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveInt
from pydantic.dataclasses import dataclass
from torch import nn

from tune_jobs.models.base import STRICT
from tune_jobs.models.training.images import ImageClassifier, ImageRecipe


class MnistCNN(ImageClassifier):
    @dataclass(frozen=True, config=STRICT)
    class Config(ImageRecipe):
        dataset: Literal["mnist", "fashion_mnist"] = "mnist"
        channels: PositiveInt = 32  # of the first convolution; the second has twice as many
        hidden: PositiveInt = 1024  # units of the fully connected layer
        dropout: float = Field(default=0.5, ge=0, lt=1)  # share of them dropped

    structural = ImageClassifier.structural | {"channels", "hidden"}

    def build_network(self) -> nn.Module:
        channels, hidden = self.config.channels, self.config.hidden
        return nn.Sequential(  # (n, 1, 28, 28)
            nn.Conv2d(self.shape[0], channels, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),  # (n, channels, 14, 14)
            nn.Conv2d(channels, 2 * channels, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),  # (n, 2 channels, 7, 7)
            nn.Flatten(),
            nn.Linear(2 * channels * 49, hidden),
            nn.ReLU(),
            nn.Dropout(self.config.dropout),
            nn.Linear(hidden, self.task.outputs),
        )

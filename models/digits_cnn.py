"""A small CNN for the 8x8 digits that come with scikit-learn.

- three 3x3 convolutions with batch normalisation, two poolings, dropout before one linear layer
- every training image is rotated, moved and scaled a little, each differently
- width, dropout, augmentation and the whole optimizer are hyperparameters
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, NonNegativeFloat, PositiveInt
from pydantic.dataclasses import dataclass
from torch import nn

from tune_jobs.models.base import STRICT
from tune_jobs.models.training.images import ImageClassifier, ImageRecipe


class DigitsCNN(ImageClassifier):
    @dataclass(frozen=True, config=STRICT)
    class Config(ImageRecipe):
        dataset: Literal["digits"] = "digits"
        batch_size: PositiveInt = 32
        width: PositiveInt = 16  # channels of two convolutions; the third has twice as many
        dropout: float = Field(default=0.3, ge=0, lt=1)  # share of features dropped
        rotation: NonNegativeFloat = 10.0
        shift: NonNegativeFloat = 1.0
        zoom: float = Field(default=0.1, ge=0, lt=1)

    structural = ImageClassifier.structural | {"width"}

    def build_network(self) -> nn.Module:
        width = self.config.width
        return nn.Sequential(  # (n, 1, 8, 8)
            *_convolution(self.shape[0], width),
            *_convolution(width, width),  # (n, width, 8, 8)
            nn.MaxPool2d(2),
            *_convolution(width, 2 * width),  # (n, 2 width, 4, 4)
            nn.MaxPool2d(2),
            nn.Flatten(),  # (n, 8 width)
            nn.Dropout(self.config.dropout),
            nn.Linear(8 * width, self.task.outputs),
        )


def _convolution(channels_in: int, channels_out: int) -> list[nn.Module]:
    return [
        nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(),
    ]

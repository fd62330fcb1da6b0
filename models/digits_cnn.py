"""A small CNN for scikit-learn's 8x8 digits, which come inside the package.

- three 3x3 convolutions with batch normalisation, two poolings, dropout before one linear layer
- every training image is turned, moved and scaled a little, each in its own way
- width, dropout, augmentation and the whole optimizer are hyperparameters
"""

from __future__ import annotations

import math

import torch
from pydantic import Field, NonNegativeFloat, PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn import functional as F

from models.base import STRICT
from models.classifier import Classifier
from models.recipes import Optimization


class DigitsCNN(Classifier):
    @dataclass(frozen=True, config=STRICT)
    class Config(Optimization):
        batch_size: PositiveInt = 32  # images per step
        width: PositiveInt = 16  # channels of the first two convolutions; the third has twice
        dropout: float = Field(default=0.3, ge=0, lt=1)  # share of features dropped
        rotation: NonNegativeFloat = 10.0  # at most, in degrees, either way
        shift: NonNegativeFloat = 1.0  # at most, in pixels, either way
        zoom: float = Field(default=0.1, ge=0, lt=1)  # at most, as a share, in or out
        seed: int = 0

    structural = Classifier.structural | {"width"}
    dataset = "digits"
    mean, std = 4.9, 6.0

    def build_network(self) -> nn.Module:
        width = self.config.width
        return nn.Sequential(  # (n, 1, 8, 8)
            *_convolution(1, width),
            *_convolution(width, width),  # (n, width, 8, 8)
            nn.MaxPool2d(2),
            *_convolution(width, 2 * width),  # (n, 2 width, 4, 4)
            nn.MaxPool2d(2),
            nn.Flatten(),  # (n, 8 width)
            nn.Dropout(self.config.dropout),
            nn.Linear(8 * width, 10),
        )

    def augment(self, images: Tensor) -> Tensor:
        n, _, _, size = images.shape
        turn, zoom, right, down = (torch.rand(4, n) * 2 - 1).to(images.device)
        angle = turn * math.radians(self.config.rotation)
        scale = 1 + zoom * self.config.zoom
        step = 2 * self.config.shift / size  # affine_grid's image spans -1 to 1
        cos, sin = scale * angle.cos(), scale * angle.sin()
        maps = torch.stack(
            [torch.stack([cos, -sin, right * step]), torch.stack([sin, cos, down * step])]
        )  # (2, 3, n)
        grid = F.affine_grid(maps.permute(2, 0, 1), list(images.shape), align_corners=False)
        background = -self.mean / self.std
        return F.grid_sample(images - background, grid, align_corners=False) + background


def _convolution(channels_in: int, channels_out: int) -> list[nn.Module]:
    return [
        nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(),
    ]

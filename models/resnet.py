"""ResNet-18, -34 and -50 (He et al. 2016) for small images, of any width.

- the blocks are torchvision's; the stem, made for 224 pixels, is replaced by one 3x3 convolution
  that keeps the resolution, as in section 4.2 of the paper
- ``width`` scales every stage: 64 as in the paper, 8 to 16 for a CPU
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck

from tune_jobs.models.base import STRICT
from tune_jobs.models.training.images import ImageClassifier, ImageRecipe

STAGES: dict[int, tuple[Any, list[int]]] = {
    18: (BasicBlock, [2, 2, 2, 2]),
    34: (BasicBlock, [3, 4, 6, 3]),
    50: (Bottleneck, [3, 4, 6, 3]),
}
"""Depth -> kind of block, and the number of blocks in each stage."""


class ResNet(ImageClassifier):
    @dataclass(frozen=True, config=STRICT)
    class Config(ImageRecipe):
        dataset: Literal["cifar10", "mnist", "fashion_mnist"] = "cifar10"
        depth: Literal[18, 34, 50] = 18  # layers
        width: PositiveInt = 64  # channels of the first stage; each further stage has twice as many
        batch_size: PositiveInt = 128
        optimizer: Literal["adam", "adamw", "rmsprop", "sgd"] = "sgd"
        learning_rate: PositiveFloat = 0.1
        weight_decay: NonNegativeFloat = 5e-4
        crop_padding: NonNegativeInt = 4
        flip: float = Field(default=0.5, ge=0, le=1)

    structural = ImageClassifier.structural | {"depth", "width"}

    def build_network(self) -> nn.Module:
        width = self.config.width
        kind, blocks = STAGES[self.config.depth]
        network = nn.Sequential(  # (n, 3, 32, 32)
            nn.Conv2d(self.shape[0], width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )
        channels_in = width
        for stage, count in enumerate(blocks):  # to (n, 8 width expansion, 4, 4)
            channels = width * 2**stage
            for number in range(count):
                stride = 2 if stage > 0 and number == 0 else 1
                network.append(_block(kind, channels_in, channels, stride))
                channels_in = channels * kind.expansion
        network.append(nn.AdaptiveAvgPool2d(1))
        network.append(nn.Flatten())  # (n, 8 width expansion)
        network.append(nn.Linear(channels_in, self.task.outputs))
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        return network


def _block(kind: Any, channels_in: int, channels: int, stride: int) -> nn.Module:
    shortcut = None
    channels_out = channels * kind.expansion
    if stride > 1 or channels_in != channels_out:
        shortcut = nn.Sequential(
            nn.Conv2d(channels_in, channels_out, 1, stride, bias=False),
            nn.BatchNorm2d(channels_out),
        )
    block: nn.Module = kind(channels_in, channels, stride, shortcut)
    return block

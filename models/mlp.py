"""A fully connected network whose depth, width, activation, normalisation and dropout are
hyperparameters. For digits and tables, for classes and numbers.
"""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, PositiveInt
from pydantic.dataclasses import dataclass
from torch import nn

from tune_jobs.models.base import STRICT
from tune_jobs.models.training.recipes import Recipe
from tune_jobs.models.training.supervised import Supervised

ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh}
NORMS = {"none": nn.Identity, "batch": nn.BatchNorm1d, "layer": nn.LayerNorm}


class MLP(Supervised):
    @dataclass(frozen=True, config=STRICT)
    class Config(Recipe):
        dataset: Literal["digits", "california", "diabetes"] = "digits"
        depth: PositiveInt = 2  # hidden layers
        width: PositiveInt = 64  # units of each
        activation: Literal["relu", "gelu", "silu", "tanh"] = "relu"
        norm: Literal["none", "batch", "layer"] = "none"  # before the activation
        dropout: float = Field(default=0.0, ge=0, lt=1)  # share of units, after each layer

    structural = Supervised.structural | {"depth", "width", "activation", "norm"}

    def build_network(self) -> nn.Module:
        config = self.config
        layers: list[nn.Module] = [nn.Flatten()]
        size = math.prod(self.shape)
        for _ in range(config.depth):
            layers += [
                nn.Linear(size, config.width),
                NORMS[config.norm](config.width),
                ACTIVATIONS[config.activation](),
                nn.Dropout(config.dropout),
            ]
            size = config.width
        return nn.Sequential(*layers, nn.Linear(size, self.task.outputs))  # (n, outputs)

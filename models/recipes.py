"""What the torch models share of a training recipe: the optimizer and its hyperparameters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat
from pydantic.dataclasses import dataclass

from models.base import STRICT


@dataclass(frozen=True, config=STRICT)
class Optimization:
    """Hyperparameters of an optimizer; pydantic rejects values that make no sense."""

    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    learning_rate: PositiveFloat = 1e-3  # per step
    momentum: float = Field(default=0.9, ge=0, lt=1)  # sgd only
    weight_decay: NonNegativeFloat = 0.0  # decoupled in adamw, an L2 gradient in the others


def make_optimizer(
    parameters: Iterable[torch.nn.Parameter], config: Optimization
) -> torch.optim.Optimizer:
    rate, decay = config.learning_rate, config.weight_decay
    match config.optimizer:
        case "adam":
            return torch.optim.Adam(parameters, rate, weight_decay=decay)
        case "adamw":
            return torch.optim.AdamW(parameters, rate, weight_decay=decay)
        case "sgd":
            return torch.optim.SGD(parameters, rate, config.momentum, weight_decay=decay)
